//! [`Json`]: a document that was encoded once.

use std::sync::Arc;

use serde::Serialize;

/// A JSON document, as a view or an answer gives it. From [`json()`].
///
/// A clone costs a reference count. `Debug` shows the document, or why there is none.
#[derive(Clone, Debug)]
pub struct Json(Result<Arc<str>, Arc<str>>);

impl Json {
    /// The document, unless it could not be encoded.
    pub(crate) fn text(&self) -> Option<&Arc<str>> {
        self.0.as_ref().ok()
    }

    pub(crate) fn of(encoded: Result<Arc<str>, Arc<str>>) -> Json {
        Json(encoded)
    }
}

/// Encodes a value for clients.
///
/// What cannot be encoded goes to nobody: a subscription whose view fails is answered with the code `internal`. That is so of
/// a [`Hidden`](crate::Hidden) value as well, which must not leave the server by accident. Why it could not be encoded, a map whose
/// keys are no texts for example, is nobody's business either, but for `Debug` of what this returns.
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
    let encoded = serde_json::to_string(value);
    Json(
        encoded
            .map(Arc::from)
            .map_err(|error| Arc::from(error.to_string())),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The client was told `internal`, and nobody why.
    #[test]
    fn why_there_is_no_document_can_be_seen() {
        let grid = json(&std::collections::HashMap::from([((1, 2), 3)]));
        assert_eq!(grid.text(), None);
        assert!(format!("{grid:?}").contains("key must be a string"), "{grid:?}");
    }
}
