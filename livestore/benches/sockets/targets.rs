//! The targets, and whether they are met.

use livestore_benches::rows::{CAREFUL, LIVESTORE, Row, SOCKETIOXIDE};
use livestore_benches::targets::{
    self,
    Bound::{AtLeast, AtMost},
    Number::{Between, Faster, Of, Times},
    Target,
};

const TARGETS: [Target; 18] = [
    (
        "64 B: deliveries, times the careful one",
        Times("serve-64", CAREFUL),
        AtLeast(1.0),
    ),
    (
        "200 B: deliveries, times the careful one",
        Times("serve-200", CAREFUL),
        AtLeast(1.0),
    ),
    (
        "2 KB: deliveries, times the careful one",
        Times("serve-2k", CAREFUL),
        AtLeast(1.0),
    ),
    (
        "3 roles: deliveries, times the careful one",
        Times("serve-roles", CAREFUL),
        AtLeast(1.0),
    ),
    (
        "1000 keys: deliveries, times the careful one",
        Times("serve-keys", CAREFUL),
        AtLeast(1.0),
    ),
    (
        "128 keys of one socket: deliveries, times the careful one",
        Times("serve-one", CAREFUL),
        AtLeast(1.0),
    ),
    (
        "64 B: deliveries, times socketioxide",
        Times("serve-64", SOCKETIOXIDE),
        AtLeast(1.4),
    ),
    (
        "200 B: deliveries, times socketioxide",
        Times("serve-200", SOCKETIOXIDE),
        AtLeast(1.4),
    ),
    (
        "2 KB: deliveries, times socketioxide",
        Times("serve-2k", SOCKETIOXIDE),
        AtLeast(1.4),
    ),
    (
        "1000 keys: deliveries, times socketioxide",
        Times("serve-keys", SOCKETIOXIDE),
        AtLeast(1.4),
    ),
    (
        "a field of 20 KB: deliveries, times the careful one",
        Times("serve-room", CAREFUL),
        AtLeast(5.0),
    ),
    (
        "a field of 20 KB: deliveries, times socketioxide",
        Times("serve-room", SOCKETIOXIDE),
        AtLeast(5.0),
    ),
    (
        "a field of 20 KB: bytes, the careful one's times ours",
        Faster("bytes-room", CAREFUL),
        AtLeast(20.0),
    ),
    (
        "a field of 20 KB: bytes, socketioxide's times ours",
        Faster("bytes-room", SOCKETIOXIDE),
        AtLeast(20.0),
    ),
    (
        "100 sockets, 4000 updates/s: core per update, times the careful one",
        Times("paced-often-update", CAREFUL),
        AtMost(1.0),
    ),
    ("memory per idle connection: B", Of("idle"), AtMost(12_288.0)),
    (
        "1 % never read: p99 of the others, times without them",
        Between("deaf-some", "deaf-none", LIVESTORE),
        AtMost(1.1),
    ),
    (
        "1 % never read: memory that the server takes meanwhile: B",
        Of("deaf-some-memory"),
        AtMost(1_048_576.0),
    ),
];

/// The targets whose rows are missing.
pub(crate) fn unmeasured(rows: &[Row]) -> Vec<&'static str> {
    targets::unmeasured(&TARGETS, rows, &[])
}

/// Shows every target with what was measured.
pub(crate) fn table(rows: &[Row]) -> String {
    targets::table(&TARGETS, rows)
}
