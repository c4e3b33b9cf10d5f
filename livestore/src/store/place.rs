//! [`Place`]: where a call finds its entry: under a key, or in the one life that a handle keeps.
//!
//! What is called on a store and on a handle differs in this alone. Everything behind it is written once, in the files of
//! its subjects.

use std::sync::Arc;

use uuid::Uuid;

use crate::slot::shared::Shared;
use crate::slot::slot::{Slot, State};
use crate::table::table::{Look, Table};
use crate::value::value::LiveValue;

pub(in crate::store) struct Place<'a, V: LiveValue> {
    table: &'a Arc<Table<V>>,
    key: &'a Uuid,
    /// The only life that counts. `None` where it is the one that the key has at the time.
    life: Option<&'a Arc<Slot<V>>>,
}

impl<V: LiveValue> Clone for Place<'_, V> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<V: LiveValue> Copy for Place<'_, V> {}

impl<'a, V: LiveValue> Place<'a, V> {
    #[inline]
    pub(in crate::store) fn of_key(table: &'a Arc<Table<V>>, key: &'a Uuid) -> Place<'a, V> {
        let life = None;
        Place { table, key, life }
    }

    #[inline]
    pub(in crate::store) fn of_life(table: &'a Arc<Table<V>>, life: &'a Arc<Slot<V>>) -> Place<'a, V> {
        Place {
            table,
            key: life.key(),
            life: Some(life),
        }
    }

    #[inline]
    pub(in crate::store) fn key(self) -> &'a Uuid {
        self.key
    }

    #[inline]
    pub(in crate::store) fn table(self) -> &'a Arc<Table<V>> {
        self.table
    }

    #[inline]
    pub(in crate::store) fn shared(self) -> &'a Arc<Shared<V>> {
        self.table.shared()
    }

    /// Runs `look` on the living slot's state for somebody who uses the entry, as [`Table::look`] does; `None` if there is
    /// none.
    ///
    /// Always in its place, as [`State::entry`] is: what it returns is moved once less.
    #[inline(always)]
    pub(in crate::store) fn look<R>(self, look: impl FnOnce(&Arc<Slot<V>>, &mut State<V>) -> R) -> Option<R> {
        self.look_as(look)
    }

    /// The same of what is no closure.
    #[inline(always)]
    pub(in crate::store) fn look_as<L: Look<V>>(self, look: L) -> Option<L::Seen> {
        self.table.look_life(self.key, self.life, look)
    }

    /// Runs `look` on the living slot's state, which is no use of the entry, as [`Table::peek`] does; `None` if there is none.
    #[inline(always)]
    pub(in crate::store) fn peek<R>(self, look: impl FnOnce(&Arc<Slot<V>>, &mut State<V>) -> R) -> Option<R> {
        self.table.peek_life(self.key, self.life, look)
    }
}
