//! [`Json`]: a document that was encoded once.

use std::sync::Arc;

use serde::Serialize;

/// A JSON document, as a view or an answer gives it. From [`json()`].
///
/// A clone costs a reference count.
#[derive(Clone, Debug)]
pub struct Json(Option<Arc<str>>);

impl Json {
    /// The document, unless it could not be encoded.
    pub(crate) fn text(&self) -> Option<&Arc<str>> {
        self.0.as_ref()
    }

    pub(crate) fn of(encoded: Option<Arc<str>>) -> Json {
        Json(encoded)
    }
}

/// Encodes a value for clients.
///
/// What cannot be encoded goes to nobody: a subscription whose view fails is answered with the code `internal`. That is so of
/// a [`Hidden`](crate::Hidden) value as well, which must not leave the server by accident.
///
/// # Examples
///
/// ```
/// use serde::Serialize;
///
/// #[derive(Serialize)]
/// struct RoomView<'a> { lines: &'a [String] }
///
/// let view = livestore::ws::json(&RoomView { lines: &[] });
/// # drop(view);
/// ```
pub fn json<T: Serialize + ?Sized>(value: &T) -> Json {
    Json(serde_json::to_string(value).ok().map(Arc::from))
}
