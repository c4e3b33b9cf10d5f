//! [`Storages`]: stores of several types behind one handle.

use std::any::{Any, TypeId, type_name};
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use crate::store::store::LiveStore;
use crate::value::value::LiveValue;

/// One store per value type, behind one handle that is cheap to clone.
///
/// # Examples
///
/// ```
/// use livestore::{LiveStore, LiveValue, Storages};
///
/// #[derive(Clone, LiveValue)]
/// struct Room { name: String }
///
/// #[derive(Clone, LiveValue)]
/// struct Player { points: u32 }
///
/// let stores = Storages::new()
///     .add_store(LiveStore::<Room>::default())
///     .add_store(LiveStore::<Player>::default())
///     .done();
///
/// let key = stores.as_store::<Player>().init(Player { points: 3 });
/// assert!(stores.as_store::<Player>().contains_key(&key));
/// assert!(stores.as_store::<Room>().is_empty());
/// ```
#[derive(Clone)]
pub struct Storages {
    stores: Arc<Stores>,
}

type Stores = HashMap<TypeId, Box<dyn Any + Send + Sync>>;

impl Storages {
    /// Begins to collect stores.
    #[allow(clippy::new_ret_no_self, reason = "the name is part of the 0.1.0 interface")]
    pub fn new() -> StoragesBuilder {
        StoragesBuilder {
            stores: HashMap::new(),
        }
    }

    /// Returns the store of `V`.
    ///
    /// # Panics
    ///
    /// If there is none; the message names the type. [`get_store`](Self::get_store) does not panic.
    #[track_caller]
    pub fn as_store<V: LiveValue>(&self) -> LiveStore<V> {
        self.get_store().unwrap_or_else(|| {
            panic!(
                "there is no store of `{0}` in this `Storages`; add it where they are built: \
                 `Storages::new().add_store(LiveStore::<{0}>::default())`",
                type_name::<V>()
            )
        })
    }

    /// Returns the store of `V`, or `None` if there is none.
    pub fn get_store<V: LiveValue>(&self) -> Option<LiveStore<V>> {
        self.stores
            .get(&TypeId::of::<V>())?
            .downcast_ref::<LiveStore<V>>()
            .cloned()
    }
}

impl fmt::Debug for Storages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Storages")
            .field("stores", &self.stores.len())
            .finish()
    }
}

/// Collects the stores of a [`Storages`]. From [`Storages::new`].
#[must_use = "nothing is built before `done`"]
pub struct StoragesBuilder {
    stores: Stores,
}

impl StoragesBuilder {
    /// Adds the store of a type. A store of the same type that was added before is replaced.
    pub fn add_store<V: LiveValue>(mut self, store: LiveStore<V>) -> Self {
        self.stores.insert(TypeId::of::<V>(), Box::new(store));
        self
    }

    /// Builds the handle.
    pub fn done(self) -> Storages {
        Storages {
            stores: Arc::new(self.stores),
        }
    }
}

impl fmt::Debug for StoragesBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoragesBuilder")
            .field("stores", &self.stores.len())
            .finish()
    }
}
