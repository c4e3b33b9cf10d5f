//! [`List`]: a list of entries, as it is served.

use std::fmt;
use std::ops::Deref;

use serde::Serialize;
use serde::ser::{SerializeSeq, Serializer};
use uuid::Uuid;

use crate::value::entry::Entry;
use crate::value::invalid::Never;
use crate::value::value::LiveValue;

/// The list of a [live query](crate::Query) as it is served by [`Live::serve_list`](crate::ws::Live::serve_list): what the role
/// function and the view of its [`Route`](crate::ws::Route) see in the place of a value.
///
/// It dereferences to the keys and their entries, in order. Serialized, as [`whole`](crate::ws::Route::whole) does, it is
/// `[{"key":…,"value":…},…]`.
pub struct List<V> {
    /// `None` until the query has made it.
    rows: Option<Rows<V>>,
}

/// Keys and their entries, in order.
pub(crate) type Rows<V> = Vec<(Uuid, Entry<V>)>;

impl<V> List<V> {
    pub(crate) fn new(rows: Rows<V>) -> List<V> {
        List { rows: Some(rows) }
    }

    /// One that is not made yet: nobody is told of it.
    pub(crate) fn awaited() -> List<V> {
        List { rows: None }
    }

    pub(crate) fn is_made(&self) -> bool {
        self.rows.is_some()
    }
}

impl<V> Deref for List<V> {
    type Target = [(Uuid, Entry<V>)];

    fn deref(&self) -> &Self::Target {
        self.rows.as_deref().unwrap_or_default()
    }
}

impl<V> Clone for List<V> {
    fn clone(&self) -> Self {
        List {
            rows: self.rows.clone(),
        }
    }
}

impl<V> fmt::Debug for List<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("List ")?;
        f.debug_list().entries(self.iter().map(|(key, _)| key)).finish()
    }
}

impl<V: Serialize> Serialize for List<V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Row<'a, V> {
            key: &'a Uuid,
            value: &'a V,
        }
        let mut rows = serializer.serialize_seq(Some(self.len()))?;
        for (key, entry) in self.iter() {
            rows.serialize_element(&Row { key, value: &**entry })?;
        }
        rows.end()
    }
}

/// It is replaced as a whole.
impl<V: Send + Sync + 'static> LiveValue for List<V> {
    type Message = Never;
    type Mutation = Never;
    type MutError = Never;

    fn mutate(_: &Entry<Self>, mutation: &Never) -> Result<Self, Never> {
        match *mutation {}
    }
}
