//! [`Owed`]: entries that have expired and that the callback was not given yet, in a store that is kept on disk.
//!
//! Each is on disk under an id of its own, from the batch on that has the end of its entry; its key may have another entry
//! meanwhile. When it was delivered, it goes from there. So if the process does not live to deliver it, whoever opens the
//! folder next does.
//!
//! Lock order: a leaf, taken under the sink's lock or alone. Nothing of the user's runs under it.

use std::collections::HashMap;
use std::sync::Arc;

use foldhash::fast::RandomState;
use uuid::Uuid;

use crate::ground::sync::Mutex;
use crate::slot::record::Owing;

pub(crate) struct Owed<V> {
    /// Whether there is a callback. Without one nothing new is owed, and what was stays so.
    has_callback: bool,
    entries: Mutex<Entries<V>>,
}

/// By the key and the last version of the entry; with the id.
type Entries<V> = HashMap<(Uuid, u64), (Uuid, Arc<Owing<V>>), RandomState>;

impl<V> Owed<V> {
    pub(crate) fn new(has_callback: bool) -> Owed<V> {
        Owed {
            has_callback,
            entries: Mutex::new(HashMap::default()),
        }
    }

    pub(crate) fn has_callback(&self) -> bool {
        self.has_callback
    }

    pub(crate) fn add(&self, id: Uuid, owing: &Arc<Owing<V>>) {
        let ended = (owing.key, owing.record.version);
        self.entries.lock().insert(ended, (id, Arc::clone(owing)));
    }

    /// Takes one out, to be dropped with nothing locked.
    pub(crate) fn take(&self, key: Uuid, version: u64) -> Option<(Uuid, Arc<Owing<V>>)> {
        self.entries.lock().remove(&(key, version))
    }

    /// All of them, with their ids.
    pub(crate) fn all(&self) -> Vec<(Uuid, Arc<Owing<V>>)> {
        self.entries.lock().values().cloned().collect()
    }
}
