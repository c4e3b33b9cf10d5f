//! [`MutateOnDrop`]: a mutation that is committed however its owner ends.

use std::fmt;
use std::future::poll_fn;
use std::pin::pin;

use uuid::Uuid;

use crate::ground::errand;
use crate::ground::trace;
use crate::ground::unwind::{InHand, drop_before};
use crate::store::handle::EntryHandle;
use crate::store::place::Place;
use crate::store::store::LiveStore;
use crate::value::entry::Entry;
use crate::value::error::MutateError;
use crate::value::value::LiveValue;

impl<V: LiveValue> LiveStore<V> {
    /// Prepares a mutation that is committed when what is returned is dropped.
    ///
    /// For what must happen however a task ends: the person whose connection it serves leaves the room. See
    /// [`MutateOnDrop`].
    pub fn mutate_on_drop(&self, key: &Uuid, mutn: V::Mutation) -> MutateOnDrop<V> {
        MutateOnDrop {
            mutn: Some(mutn),
            of: Of::Key(self.clone(), *key),
        }
    }
}

impl<V: LiveValue> EntryHandle<V> {
    /// Prepares a mutation of this life of the entry that is committed when what is returned is dropped, as
    /// [`LiveStore::mutate_on_drop`] does. Once the entry has ended it comes to nothing, also when the key was created again.
    pub fn mutate_on_drop(&self, mutn: V::Mutation) -> MutateOnDrop<V> {
        MutateOnDrop {
            mutn: Some(mutn),
            of: Of::Life(self.clone()),
        }
    }
}

/// A mutation that is committed when this is dropped, exactly once: by a `return`, a `?`, a panic, an abort, by the end of
/// the runtime, with a runtime or without. From [`LiveStore::mutate_on_drop`].
///
/// It is [`mutate`](LiveStore::mutate) of the entry that the key has *then*, with no result; or, from
/// [`EntryHandle::mutate_on_drop`], of the entry that it was prepared for and no later one. If the entry is free, the
/// mutation is committed before the drop returns. If it is held, the drop does not wait: the mutation takes its place in
/// the queue, first come, first served, and is committed when it is its turn. So it may be dropped while its own task holds
/// the entry. It does not wait for the disk in a store that is kept there.
///
/// Nobody is there to be told if it comes to nothing: when the value refuses it, when `mutate` panics, when the key has no
/// entry, or the store was [closed](LiveStore::close) before: end the tasks first where it must be committed, in a store that
/// is kept on disk for example, and remember that a process that is killed commits nothing either. With the feature `tracing`, a subscriber is. Whoever wants to know calls
/// [`commit`](Self::commit).
///
/// A mutation that waits for its turn is run by whoever releases the entry, with nothing locked, before their call
/// returns: it should be as short as any mutation.
///
/// Keeps the store open, as a guard does, until it was committed.
///
/// # Examples
///
/// ```
/// use livestore::{LiveStore, LiveValue};
///
/// #[derive(Clone, LiveValue)]
/// struct Room {
///     #[live(increment, decrement)]
///     people: u32,
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let rooms = LiveStore::default();
/// let key = rooms.init(Room { people: 0 });
///
/// let (store, (in_it, enters)) = (rooms.clone(), tokio::sync::oneshot::channel());
/// let visit = tokio::spawn(async move {
///     store.mutate(&key, RoomMutation::IncrementPeople(1)).await.unwrap();
///     let _leave = store.mutate_on_drop(&key, RoomMutation::DecrementPeople(1));
///     in_it.send(()).unwrap();
///     std::future::pending::<()>().await;
/// });
/// enters.await.unwrap();
/// assert_eq!(rooms.fetch(&key).unwrap().people, 1);
///
/// visit.abort();
/// assert!(visit.await.is_err());
/// assert_eq!(rooms.fetch(&key).unwrap().people, 0);
/// # }
/// ```
#[must_use = "the mutation is committed when this is dropped: bind it to a name, as in `let _leave = ..`; `let _ = ..` commits at once"]
pub struct MutateOnDrop<V: LiveValue> {
    /// `None` when it was given back, or has been committed or refused.
    mutn: Option<V::Mutation>,
    of: Of<V>,
}

/// What is to be mutated.
enum Of<V: LiveValue> {
    /// The entry that the key has then.
    Key(LiveStore<V>, Uuid),
    Life(EntryHandle<V>),
}

impl<V: LiveValue> MutateOnDrop<V> {
    /// Returns the key of the entry that is to be mutated.
    pub fn key(&self) -> &Uuid {
        match &self.of {
            Of::Key(_, key) => key,
            Of::Life(handle) => handle.key(),
        }
    }

    /// Gives the mutation back; nothing is committed.
    pub fn disarm(mut self) -> V::Mutation {
        match self.mutn.take() {
            Some(mutn) => mutn,
            None => unreachable!("it is taken only by what takes all"),
        }
    }

    /// Commits now, as [`LiveStore::mutate`] does, and returns what came of it. Nothing is committed again afterwards, also
    /// if it was refused.
    ///
    /// # Errors
    ///
    /// As [`LiveStore::mutate`].
    ///
    /// # Cancel safety
    ///
    /// Dropped while it waits, it commits as if this had not been called: it takes a new place in the queue. If polling it
    /// panics, nothing is committed afterwards: it may have been already.
    pub async fn commit(mut self) -> Result<Entry<V>, MutateError<V::MutError>> {
        let of = self.of.clone();
        let Some(mutn) = self.mutn.clone() else {
            unreachable!("it is taken only by what takes all")
        };
        let mut mutate = pin!(of.mutate(mutn));
        poll_fn(|cx| {
            // Not armed meanwhile: if it panics, it does not panic twice.
            let mutn = InHand::new(self.mutn.take());
            let result = mutate.as_mut().poll(cx);
            if result.is_pending() {
                self.mutn = mutn.into_inner();
                return result;
            }
            drop_before(mutn, result)
        })
        .await
    }
}

impl<V: LiveValue> Drop for MutateOnDrop<V> {
    fn drop(&mut self) {
        let Some(mutn) = self.mutn.take() else { return };
        let (of, key) = (self.of.clone(), *self.key());
        errand::run(key, async move {
            match of.place().mutate_in_turn::<u64>(mutn).await {
                Ok(_) => {}
                Err(MutateError::Missing) => trace::came_to_nothing(&key, "there is no entry"),
                Err(MutateError::Rejected(_)) => trace::came_to_nothing(&key, "the value refused it"),
            }
        });
    }
}

impl<V: LiveValue> Of<V> {
    fn place(&self) -> Place<'_, V> {
        match self {
            Of::Key(store, key) => store.at(key),
            Of::Life(handle) => handle.place(),
        }
    }

    async fn mutate(self, mutn: V::Mutation) -> Result<Entry<V>, MutateError<V::MutError>> {
        match self {
            Of::Key(store, key) => store.mutate(&key, mutn).await,
            Of::Life(handle) => handle.mutate(mutn).await,
        }
    }
}

impl<V: LiveValue> Clone for Of<V> {
    fn clone(&self) -> Self {
        match self {
            Of::Key(store, key) => Of::Key(store.clone(), *key),
            Of::Life(handle) => Of::Life(handle.clone()),
        }
    }
}

impl<V: LiveValue> fmt::Debug for MutateOnDrop<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MutateOnDrop")
            .field("key", self.key())
            .finish_non_exhaustive()
    }
}
