//! From an entry to what is stored of it, and back.

#[cfg(feature = "durable")]
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
#[cfg(feature = "serde")]
use std::sync::Arc;

use uuid::Uuid;

#[cfg(feature = "serde")]
use crate::ground::times::Times;
use crate::slot::after::After;
#[cfg(feature = "serde")]
use crate::slot::record::{Owing, Record};
#[cfg(feature = "durable")]
use crate::slot::records::ForDisk;
use crate::slot::shared::Shared;
#[cfg(feature = "durable")]
use crate::slot::sink::whole::Commit;
use crate::slot::slot::State;
#[cfg(feature = "serde")]
use crate::slot::slot::{Extra, Own, Slot, VERSION};
#[cfg(feature = "serde")]
use crate::value::entry::Entry;
use crate::value::value::LiveValue;

#[cfg(feature = "serde")]
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

#[cfg(feature = "serde")]
impl<V: LiveValue> Owing<V> {
    /// The entry as it was at its end.
    pub(crate) fn entry(&self, shared: &Shared<V>) -> Entry<V> {
        let Record { value, own, .. } = &self.record;
        let record = Record {
            value: triomphe::Arc::clone(value),
            own: *own,
            ..self.record
        };
        Slot::restore(self.key, record).lock().entry(shared)
    }
}

#[cfg(feature = "serde")]
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
            value: triomphe::Arc::clone(&self.value),
            version: self.version(),
            created: self.times.created(),
            changed: self.times.changed(),
            used,
            own: self.own().map(|own| own.at),
        }
    }
}

#[cfg(feature = "durable")]
impl<V: LiveValue> State<V> {
    /// Leaves the entry as it is now for the disk, in a store that is kept there.
    #[inline]
    pub(crate) fn leave_for_disk(&self, shared: &Shared<V>, key: &Uuid, after: &mut After<V>) {
        after.leave_all(self.enter(shared, key));
    }

    /// The same for a value that nobody else has. A pending record would share it, so this displaces none.
    #[inline]
    pub(in crate::slot) fn leave_own_for_disk(&self, shared: &Shared<V>, key: &Uuid) {
        drop(self.enter(shared, key));
    }

    /// Leaves for the disk that the entry has expired, and what the callback is owed with it.
    pub(in crate::slot) fn leave_expired_for_disk(
        &self,
        shared: &Shared<V>,
        key: &Uuid,
        after: &mut After<V>,
    ) {
        match shared.sink() {
            Some(sink) if sink.owed().has_callback() && !self.is_stored() => {
                let record = Record {
                    own: Some(self.deadline(shared)),
                    ..self.record(shared)
                };
                after.leave_all(sink.enter_owed(Owing { key: *key, record }));
            }
            _ => self.leave_for_disk(shared, key, after),
        }
    }

    /// Applies a plain mutation where the value is shared with nobody but the record that waits for the disk: to the value
    /// itself, and then that record is of it as it is now. `None` if there is more to it.
    #[inline(never)]
    pub(in crate::slot) fn mutate_pending(
        &mut self,
        shared: &Shared<V>,
        key: &Uuid,
        mutn: &V::Mutation,
    ) -> Option<Result<(), V::MutError>> {
        let taken_out = shared.sink()?.take_out(key, &self.value)?;
        let value = triomphe::Arc::get_mut(&mut self.value);
        // Whatever happens the record is put back, or what it has would not be written.
        let applied = catch_unwind(AssertUnwindSafe(|| value.map(|value| value.apply(mutn))));
        let commit = match applied {
            Ok(Some(Ok(()))) => Commit::Next,
            _ => Commit::Same,
        };
        if commit == Commit::Next {
            self.step(shared);
        }
        taken_out.put_back(self.record(shared), commit);
        applied.unwrap_or_else(|panic| resume_unwind(panic))
    }

    /// Enters the entry as it is now in the sink. Returns what that displaces.
    #[inline]
    fn enter(&self, shared: &Shared<V>, key: &Uuid) -> Option<ForDisk<V>> {
        let sink = shared.sink()?;
        // A guard that goes on in a store that is being closed removes nothing.
        let record = match self.is_stored() {
            true => ForDisk::Record(self.record(shared)),
            false => ForDisk::End,
        };
        sink.enter(key, record)
    }
}

#[cfg(not(feature = "durable"))]
impl<V: LiveValue> State<V> {
    #[inline]
    pub(crate) fn leave_for_disk(&self, _: &Shared<V>, _: &Uuid, _: &mut After<V>) {}

    pub(in crate::slot) fn leave_expired_for_disk(&self, _: &Shared<V>, _: &Uuid, _: &mut After<V>) {}

    #[inline]
    pub(in crate::slot) fn leave_own_for_disk(&self, _: &Shared<V>, _: &Uuid) {}

    #[inline]
    pub(in crate::slot) fn mutate_pending(
        &mut self,
        _: &Shared<V>,
        _: &Uuid,
        _: &V::Mutation,
    ) -> Option<Result<(), V::MutError>> {
        None
    }
}
