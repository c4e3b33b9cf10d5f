//! [`Deny`]: the answer of a hook that refuses.

use serde::Serialize;

use crate::ws::json::{Json, json};

/// What went wrong with a request, as its client is told it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Code {
    BadRequest,
    NotFound,
    Forbidden,
    Rejected,
    Conflict,
    TooManySubs,
    RateLimited,
    Unavailable,
    Internal,
}

/// Why a hook refuses what a client asks for. The client is told so.
///
/// # Examples
///
/// ```
/// use livestore::ws::Deny;
///
/// fn checked(text: &str) -> Result<&str, Deny> {
///     match text.trim() {
///         "" => Err(Deny::rejected("there is nothing in it")),
///         text => Ok(text),
///     }
/// }
/// assert!(checked("  ").is_err());
/// ```
#[derive(Clone, Debug)]
pub struct Deny {
    pub(crate) code: Code,
    pub(crate) reason: Option<Json>,
    /// After how many milliseconds it may be tried again.
    pub(crate) after: Option<u64>,
}

impl Deny {
    pub(crate) fn new(code: Code) -> Deny {
        Deny {
            code,
            reason: None,
            after: None,
        }
    }

    pub(crate) fn bad_request(reason: &str) -> Deny {
        Deny {
            reason: Some(json(reason)),
            ..Deny::new(Code::BadRequest)
        }
    }

    pub(crate) fn rate_limited(after: u64) -> Deny {
        Deny {
            after: Some(after),
            ..Deny::new(Code::RateLimited)
        }
    }

    /// Refuses with a reason of your own, which goes to the client as its JSON: a text, or an enum that a page can match on.
    /// The code is `rejected`.
    pub fn rejected<T: Serialize + ?Sized>(reason: &T) -> Deny {
        Deny {
            reason: Some(json(reason)),
            ..Deny::new(Code::Rejected)
        }
    }

    /// Says that this user must not do that. The code is `forbidden`. Not for what must not be known to exist: whatever the
    /// role function hides is answered as missing, without a hook being asked.
    pub fn forbidden() -> Deny {
        Deny::new(Code::Forbidden)
    }

    /// Says that there is no such thing. The code is `not_found`.
    pub fn not_found() -> Deny {
        Deny::new(Code::NotFound)
    }

    /// Says that it cannot be done now, and may be tried again after so many milliseconds, a day at most. The code is
    /// `unavailable`.
    pub fn unavailable(after_ms: u64) -> Deny {
        Deny {
            // A browser takes more than 24 days for none.
            after: Some(after_ms.min(86_400_000)),
            ..Deny::new(Code::Unavailable)
        }
    }
}
