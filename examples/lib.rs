//! Programs that show livestore at work: `cargo run --example NAME`.
