//! livestore 0.1.0, the published ancestor.

use std::sync::Arc;

use livestore::{LiveValue, Uuid};
use livestore_0_1::Entry;
use uuid::Builder;

use crate::values::{Block, BlockMutation, Small, SmallMutation};

pub use livestore_0_1::{ExpireMode, LiveStore, StoreOptions, Update, Watch};

impl livestore_0_1::LiveValue for Small {
    type Message = ();
    type Mutation = SmallMutation;
    type MutError = ();

    fn mutate(entry: &Entry<Self>, mutation: &SmallMutation) -> Result<Self, ()> {
        Ok(match *mutation {
            SmallMutation::SetId(id) => Small {
                id,
                count: entry.count,
            },
            SmallMutation::SetCount(count) => Small { id: entry.id, count },
        })
    }
}

impl livestore_0_1::LiveValue for Block {
    type Message = ();
    type Mutation = BlockMutation;
    type MutError = ();

    fn mutate(entry: &Entry<Self>, mutation: &BlockMutation) -> Result<Self, ()> {
        let mut next = entry.value.as_ref().clone();
        // What the derive made for the present version.
        LiveValue::apply(&mut next, mutation).map_err(|_| ())?;
        Ok(next)
    }
}

/// A store with the channel capacity that the present version has by default.
pub fn store<V: livestore_0_1::LiveValue>() -> Arc<LiveStore<V>> {
    LiveStore::<V>::new()
        .with_options(StoreOptions {
            channel_cap: 64,
            ..Default::default()
        })
        .done()
}

/// A store with its own default capacity, which is 4. The larger one would count against it where nobody watches,
/// because it allocates the channel of every entry up front.
pub fn store_as_published<V: livestore_0_1::LiveValue>() -> Arc<LiveStore<V>> {
    LiveStore::default()
}

/// A new key, drawn as its `init` draws one in a program that is built with it alone: each is asked of the system. In this
/// program, Cargo gives it the faster generator that the present version asks for.
pub fn key() -> Uuid {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).unwrap();
    Builder::from_random_bytes(bytes).into_uuid()
}

/// A store with an entry for each of the keys.
pub fn filled(keys: &[Uuid]) -> Arc<LiveStore<Small>> {
    let store = store_as_published();
    for (key, count) in keys.iter().zip(0..) {
        store.create(key, Small::new(count));
    }
    store
}
