//! Serving a store: what clients are told, what they may ask, and who may.

#![allow(clippy::unwrap_used, reason = "in a test an unwrap is an assertion")]

mod disk;
mod divergence;
mod drive;
mod fuzz;
mod gate;
mod hostile;
mod inspect;
mod leak;
mod line;
mod lists;
mod once;
mod presence;
mod protocol;
mod socket;
mod transcript;
mod world;
