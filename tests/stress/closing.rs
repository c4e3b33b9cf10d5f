//! Tasks that go on until the store is closed under them.

use std::sync::Arc;

use livestore::{MutateError, TransactError};

use crate::value::Change;
use crate::world::{Dice, KEYS, World};

/// Uses the store in every way that may have to wait, until it is closed. Every wait ends by that.
pub(crate) async fn use_it(world: Arc<World>, mut dice: Dice) {
    while !world.store.is_closed() {
        let at = dice.below(KEYS);
        let (store, key) = (&world.store, &world.keys[at]);
        match dice.below(8) {
            0 => {
                if let Some(mut guard) = store.acquire(key).await {
                    tokio::task::yield_now().await;
                    let before = guard.version();
                    let entry = guard.mutate(Change::Held).unwrap();
                    assert_eq!((entry.version(), guard.version()), (before + 1, before + 1));
                }
            }
            1 => {
                let result = store.mutate(key, Change::Slowly).await;
                assert!(!matches!(result, Err(MutateError::Rejected(()))));
            }
            2 => drop(store.create(key, world.value(at, 0))),
            3 if dice.below(4) == 0 => drop(store.remove(key).await),
            4 => {
                let Some(mut watch) = store.watch(key) else {
                    continue;
                };
                // Somebody changes it, it ends, or the store does.
                while let Some(update) = watch.next().await {
                    if update.is_end() || dice.below(4) == 0 {
                        break;
                    }
                }
            }
            5 => {
                let mut all = store.watch_all();
                for _ in 0..dice.below(50) {
                    if all.next().await.is_none() {
                        assert!(store.is_closed());
                        break;
                    }
                }
            }
            6 => {
                let other = world.keys[(at + 1) % KEYS];
                let both = [*key, other];
                let done = store.transact(&both, |tx| {
                    if tx.remove(key).is_some() {
                        return tx.create(key, world.value(at, 0)).map_err(drop);
                    }
                    Ok(())
                });
                assert!(matches!(done.await, Ok(()) | Err(TransactError::Closed)));
            }
            _ => drop(store.mutate_on_drop(key, Change::AtOnce)),
        }
        tokio::task::yield_now().await;
    }
}
