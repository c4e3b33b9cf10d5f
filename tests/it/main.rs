//! Behaviour through the public interface, one module per concept.

#![allow(clippy::unwrap_used, reason = "in a test an unwrap is an assertion")]

mod audiences;
mod cases;
mod checked;
mod close;
mod corners;
mod create;
mod deadlines;
mod deltas;
mod derive;
mod durable;
mod every_call;
mod expiry;
mod handle;
mod handles;
mod history;
mod linearizable;
mod lock;
mod many;
mod missing;
mod model;
mod on_drop;
mod once;
mod options;
mod panics;
mod plain;
mod query;
mod runtimes;
mod save;
mod stats;
mod tracing;
mod types;
mod usage;
mod user_code;
mod watch;
mod watch_all;
mod watch_set;
mod write;
