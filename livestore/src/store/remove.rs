//! Calls that remove an entry.

use uuid::Uuid;

use crate::store::place::Place;
use crate::store::store::LiveStore;
use crate::value::entry::Entry;
use crate::value::value::LiveValue;

impl<V: LiveValue> LiveStore<V> {
    /// Removes the entry and returns it in its final state. Waits for a guard. `None` if the key has none.
    ///
    /// Watchers receive [`Update::Remove`](crate::Update::Remove). The removal is the entry's last commit, so the
    /// version returned is one more than that of the last change.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: the entry is removed only when this returns.
    /// Keep polling it, or drop it: see [whose turn it is](LiveStore#whose-turn-it-is).
    pub async fn remove(&self, key: &Uuid) -> Option<Entry<V>> {
        self.at(key).remove(None).await
    }

    /// Removes the entry as [`remove`](Self::remove) does; watchers receive the message with it.
    ///
    /// # Cancel safety
    ///
    /// As [`remove`](Self::remove).
    /// Keep polling it, or drop it: see [whose turn it is](LiveStore#whose-turn-it-is).
    pub async fn remove_with_msg(&self, key: &Uuid, msg: V::Message) -> Option<Entry<V>> {
        self.at(key).remove(Some(msg)).await
    }
}

/// The same wherever the entry is found.
impl<V: LiveValue> Place<'_, V> {
    pub(in crate::store) async fn remove(self, msg: Option<V::Message>) -> Option<Entry<V>> {
        let hold = self.hold().await?;
        self.table().end_once(hold, msg)
    }
}
