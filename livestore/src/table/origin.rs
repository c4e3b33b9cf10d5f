//! [`Origin`]: what a file says about the values of a store, and where they came from.
//!
//! Without the feature `serde` it is an empty type.

#[cfg(feature = "durable")]
use std::path::PathBuf;

#[cfg(feature = "serde")]
use crate::value::report::LoadReport;
#[cfg(feature = "durable")]
use crate::value::report::OpenReport;
#[cfg(feature = "serde")]
use crate::value::schema::Schema;
use crate::value::value::LiveValue;

#[cfg(feature = "serde")]
pub(crate) struct Origin {
    /// What a file says about the values.
    pub(crate) schema: Schema,
    /// What the entries were loaded from.
    pub(crate) load_report: Option<LoadReport>,
    /// The folder that the store was opened on, and what was found there.
    #[cfg(feature = "durable")]
    pub(crate) opened: Option<(PathBuf, OpenReport)>,
}

#[cfg(not(feature = "serde"))]
pub(crate) struct Origin;

#[cfg(feature = "serde")]
impl Origin {
    pub(crate) fn of<V: LiveValue>() -> Origin {
        Origin {
            schema: Schema::of::<V>(),
            load_report: None,
            #[cfg(feature = "durable")]
            opened: None,
        }
    }
}

#[cfg(not(feature = "serde"))]
impl Origin {
    #[expect(clippy::extra_unused_type_parameters, reason = "as with the feature")]
    pub(crate) fn of<V: LiveValue>() -> Origin {
        Origin
    }
}
