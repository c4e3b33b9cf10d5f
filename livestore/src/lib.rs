#![cfg_attr(docsrs, feature(doc_cfg))]
// One of its programs serves stores, so it is tested only where that is possible.
#![cfg_attr(any(not(doctest), feature = "ws"), doc = include_str!("../README.md"))]
#![allow(
    clippy::module_inception,
    reason = "a layer is named for the noun that it is about, which has a file of its own in it"
)]
#![cfg_attr(
    all(target_family = "wasm", target_os = "unknown"),
    allow(
        dead_code,
        unused_imports,
        reason = "there is no clock, so no store, and nobody who asks for the time"
    )
)]

// The derive names this crate as its users do; so do this crate's own tests.
extern crate self as livestore;

// The layers, lowest first. A file imports only from its own folder, in no circle, and from folders before it;
// `tests/layers.rs` holds that.

/// What knows nothing of stores.
mod ground {
    pub(crate) mod clock;
    pub(crate) mod errand;
    #[cfg(feature = "ws")]
    pub(crate) mod plain_types;
    #[cfg(feature = "serde")]
    pub(crate) mod process;
    pub(crate) mod random;
    pub(crate) mod stats;
    pub(crate) mod stripes;
    pub(crate) mod sync;
    pub(crate) mod times;
    pub(crate) mod trace;
    pub(crate) mod unwind;
    pub(crate) mod waker;
}

/// The words that users speak.
mod value {
    pub mod __private;
    pub(crate) mod delta;
    #[cfg(feature = "durable")]
    pub(crate) mod durability;
    pub(crate) mod entry;
    pub(crate) mod error;
    pub(crate) mod hidden;
    pub(crate) mod invalid;
    pub(crate) mod list_update;
    pub mod ops;
    pub(crate) mod options;
    #[cfg(feature = "serde")]
    pub(crate) mod report;
    #[cfg(feature = "serde")]
    pub(crate) mod schema;
    pub(crate) mod shared;
    pub(crate) mod update;
    pub(crate) mod value;
}

/// One entry: the only code that changes a value.
mod slot {
    pub(crate) mod after;
    mod audience;
    pub(crate) mod commit;
    pub(crate) mod deltas;
    pub(crate) mod due;
    pub(crate) mod feed;
    mod figures;
    pub(crate) mod hand;
    pub(crate) mod history;
    pub(crate) mod hold;
    pub(crate) mod kept;
    pub(crate) mod outcome;
    pub(crate) mod outlet;
    pub(crate) mod overdue;
    #[cfg(feature = "durable")]
    pub(crate) mod owed;
    pub(crate) mod reader;
    pub(crate) mod ready;
    #[cfg(feature = "serde")]
    pub(crate) mod record;
    #[cfg(feature = "durable")]
    pub(crate) mod records;
    pub(crate) mod ring;
    pub(crate) mod shared;
    #[cfg(feature = "durable")]
    pub(crate) mod sink;
    pub(crate) mod slot;
    mod stored;
    pub(crate) mod turns;
    pub(crate) mod waiters;
}

/// All entries.
mod table {
    pub(crate) mod checks;
    pub(crate) mod deadlines;
    pub(crate) mod expiry;
    pub(crate) mod making;
    pub(crate) mod origin;
    pub(crate) mod table;
}

/// Every way to be told.
mod watch {
    pub(crate) mod delta_watch;
    #[cfg(feature = "durable")]
    pub(crate) mod durable_watch;
    pub(crate) mod query;
    pub(crate) mod watch;
    pub(crate) mod watch_all;
    pub(crate) mod watch_set;
}

/// Everything that leaves memory.
mod disk {
    #[cfg(feature = "durable")]
    pub(crate) mod durable;
    #[cfg(feature = "serde")]
    pub(crate) mod frames;
    #[cfg(feature = "serde")]
    pub(crate) mod snapshot;
}

/// The handle, and what is called on it.
mod store {
    pub(crate) mod builder;
    mod close;
    mod create;
    #[cfg(feature = "durable")]
    mod durable;
    mod expire;
    pub(crate) mod guard;
    pub(crate) mod guards;
    pub(crate) mod handle;
    #[cfg(feature = "serde")]
    pub(crate) mod load;
    mod lock;
    mod many;
    mod mutate;
    pub(crate) mod on_drop;
    mod place;
    pub(crate) mod plans;
    mod query;
    mod read;
    mod remove;
    mod replace;
    #[cfg(feature = "serde")]
    pub(crate) mod save;
    pub(crate) mod storages;
    pub(crate) mod store;
    pub(crate) mod transact;
}

#[cfg(feature = "ws")]
#[doc = include_str!("ws/protocol.md")]
pub mod ws {
    pub(crate) mod asset;
    pub(crate) mod budget;
    pub(crate) mod client;
    pub(crate) mod config;
    pub(crate) mod cx;
    pub(crate) mod deny;
    pub(crate) mod follow;
    pub(crate) mod frame;
    pub(crate) mod here;
    pub(crate) mod hub;
    pub(crate) mod inspect;
    pub(crate) mod json;
    pub(crate) mod latest;
    pub(crate) mod limits;
    pub(crate) mod list;
    pub(crate) mod lists;
    pub(crate) mod live;
    pub(crate) mod local;
    pub(crate) mod patch;
    pub(crate) mod presence;
    pub(crate) mod request;
    pub(crate) mod route;
    pub(crate) mod served;
    pub(crate) mod session;
    pub(crate) mod socket;
    pub(crate) mod store;
    pub(crate) mod sub;
    pub(crate) mod tally;
    pub(crate) mod views;
    pub(crate) mod whole;

    pub use crate::ws::client::client_js;
    pub use crate::ws::cx::Cx;
    pub use crate::ws::deny::Deny;
    pub use crate::ws::inspect::Inspector;
    pub use crate::ws::json::{Json, json};
    pub use crate::ws::limits::Limits;
    pub use crate::ws::list::List;
    pub use crate::ws::live::Live;
    pub use crate::ws::local::Local;
    pub use crate::ws::route::{Route, Unseen};
    pub use crate::ws::socket::LiveUpgrade;
}

#[cfg(all(test, livestore_check))]
mod check;

#[doc = include_str!("design.md")]
pub mod design {}

#[cfg(feature = "durable")]
pub use crate::disk::durable::error::OpenError;
#[cfg(feature = "serde")]
pub use crate::disk::snapshot::error::{LoadError, SaveError};
#[cfg(feature = "durable")]
pub use crate::ground::stats::{DiskState, DiskStats};
pub use crate::ground::stats::{EntryStats, Stats};
pub use crate::store::builder::LiveStoreBuilder;
pub use crate::store::guard::EntryGuard;
pub use crate::store::guards::Guards;
pub use crate::store::handle::EntryHandle;
#[cfg(feature = "serde")]
pub use crate::store::load::Load;
pub use crate::store::on_drop::MutateOnDrop;
#[cfg(feature = "serde")]
pub use crate::store::save::Save;
pub use crate::store::storages::{Storages, StoragesBuilder};
pub use crate::store::store::{LiveStore, WeakLiveStore};
pub use crate::store::transact::Tx;
#[doc(hidden)]
pub use crate::value::__private;
pub use crate::value::delta::Delta;
#[cfg(feature = "durable")]
pub use crate::value::durability::{Durability, DurabilityError, FlushError, UnwrittenError};
pub use crate::value::entry::Entry;
pub use crate::value::error::{
    AcquireError, CloseError, DeadlineError, Missing, MissingKey, MutateError, MutateIfError, Occupied,
    OptionsError, QueryError, Rejected, RollbackError, TransactError, TryAcquireError, TryAssignError,
    TryCreateError,
};
pub use crate::value::hidden::Hidden;
pub use crate::value::invalid::{FieldError, Invalid, Never};
pub use crate::value::list_update::{ListChange, ListUpdate};
pub use crate::value::ops;
#[cfg(feature = "serde")]
pub use crate::value::options::Downtime;
pub use crate::value::options::{ExpireMode, StoreOptions};
#[cfg(feature = "durable")]
pub use crate::value::report::OpenReport;
#[cfg(feature = "serde")]
pub use crate::value::report::{LoadReport, OnUnreadable, Progress, SaveReport, UnreadableEntry};
pub use crate::value::shared::Shared;
pub use crate::value::update::{Control, Update};
pub use crate::value::value::LiveValue;
pub use crate::watch::delta_watch::DeltaWatch;
#[cfg(feature = "durable")]
pub use crate::watch::durable_watch::DurableWatch;
pub use crate::watch::query::live_query::LiveQuery;
pub use crate::watch::query::{Groups, Query};
pub use crate::watch::watch::Watch;
pub use crate::watch::watch_all::WatchAll;
pub use crate::watch::watch_set::WatchSet;
#[cfg(feature = "derive")]
#[doc = include_str!("derive.md")]
pub use livestore_derive::LiveValue;
pub use uuid::Uuid;
