//! From an entry to what is stored of it, and back.

use std::sync::Arc;

use uuid::Uuid;

use crate::ground::times::Times;
use crate::slot::record::Record;
use crate::slot::shared::Shared;
use crate::slot::slot::{Extra, Own, Slot, State, VERSION};
use crate::value::value::LiveValue;

impl<V: LiveValue> Slot<V> {
    /// Makes a slot of a stored entry, as if it had lived on. The caller queues an item for its deadline.
    pub(crate) fn restore(key: Uuid, record: Record<V>) -> Arc<Slot<V>> {
        let slot = Slot::new(key, record.value);
        let mut state = slot.lock();
        state.word += record.version * VERSION;
        state.times = Times::born(record.created);
        state.times.change(record.changed);
        if let Some(used) = record.used {
            state.times.make_use(used);
        }
        state.extra = record.own.map(|at| {
            let own = Own {
                at,
                armed: at,
                arming: 0,
            };
            Box::new(Extra {
                own: Some(own),
                ..Extra::default()
            })
        });
        drop(state);
        slot
    }
}

impl<V: LiveValue> State<V> {
    /// What is stored of the entry as it is now.
    pub(crate) fn record(&self, shared: &Shared<V>) -> Record<V> {
        let used = match shared.idle_limit() {
            None => None,
            // It is in use now.
            Some(_) if self.is_idle_exempt(shared) => Some(shared.clock.now()),
            Some(_) => Some(self.times.used()),
        };
        Record {
            value: Arc::clone(&self.value),
            version: self.version(),
            created: self.times.created(),
            changed: self.times.changed(),
            used,
            own: self.own().map(|own| own.at),
        }
    }
}
