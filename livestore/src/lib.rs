#![doc = include_str!("../README.md")]

// The derive names this crate as its users do; so do this crate's own tests.
extern crate self as livestore;

// Words.
#[cfg(all(test, livestore_check))]
mod check;
mod clock;
mod delta;
#[cfg(feature = "durable")]
mod durability;
mod entry;
mod error;
mod feed;
mod invalid;
mod options;
#[cfg(feature = "serde")]
mod record;
#[cfg(feature = "serde")]
mod report;
#[cfg(feature = "serde")]
mod schema;
mod shared;
#[cfg(feature = "durable")]
mod sink;
mod stats;
mod sync;
mod times;
mod trace;
mod unwind;
mod update;
mod value;

// One entry.
mod after;
mod delta_watch;
mod history;
mod hold;
mod reader;
mod ring;
mod slot;
mod waiters;
mod watch;

// All entries.
mod deadlines;
mod expiry;
mod guard;
mod table;
mod transact;
mod watch_all;

// Storage.
#[cfg(feature = "durable")]
mod durable;
#[cfg(feature = "serde")]
mod snapshot;

// The store.
mod storages;
mod store;

// Beside the layers.
pub mod ops;

#[doc = include_str!("design.md")]
pub mod design {}

#[doc(hidden)]
pub mod __private;

pub use crate::delta::Delta;
pub use crate::delta_watch::DeltaWatch;
#[cfg(feature = "durable")]
pub use crate::durability::{Durability, DurabilityError, FlushError};
#[cfg(feature = "durable")]
pub use crate::durable::error::OpenError;
pub use crate::entry::Entry;
pub use crate::error::{
    AcquireError, DeadlineError, Missing, MissingKey, MutateError, MutateIfError, Occupied, OptionsError,
    RollbackError, TransactError, TryAcquireError,
};
pub use crate::guard::EntryGuard;
pub use crate::invalid::{FieldError, Invalid, Never};
#[cfg(feature = "serde")]
pub use crate::options::Downtime;
pub use crate::options::{ExpireMode, StoreOptions};
#[cfg(feature = "durable")]
pub use crate::report::OpenReport;
#[cfg(feature = "serde")]
pub use crate::report::{LoadReport, Progress, SaveReport};
#[cfg(feature = "serde")]
pub use crate::snapshot::error::{LoadError, SaveError};
pub use crate::stats::Stats;
#[cfg(feature = "durable")]
pub use crate::stats::{DiskState, DiskStats};
pub use crate::storages::{Storages, StoragesBuilder};
pub use crate::store::{LiveStore, LiveStoreBuilder, WeakLiveStore};
#[cfg(feature = "serde")]
pub use crate::store::{Load, Save};
pub use crate::transact::{Guards, Tx};
pub use crate::update::{Control, Update};
pub use crate::value::LiveValue;
pub use crate::watch::Watch;
pub use crate::watch_all::WatchAll;
#[cfg(feature = "derive")]
#[doc = include_str!("derive.md")]
pub use livestore_derive::LiveValue;
pub use uuid::Uuid;
