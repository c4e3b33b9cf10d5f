//! The targets of the design, and whether they are met.

use livestore_benches::rows::{BROADCAST, LIVESTORE, LIVESTORE_DELTAS, MUTEX, OLD, RAW, REDIS, Row, Who};
use livestore_benches::targets::{
    self,
    Bound::{AtLeast, AtMost},
    Number::{Between, Faster, Of, Times},
    Target,
};

const TARGETS: [Target; 19] = [
    (
        "heap bytes per idle entry of 1 M, map included",
        Of("heap-idle"),
        AtMost(136.0),
    ),
    ("heap blocks per idle entry", Of("blocks-idle"), AtMost(2.0)),
    (
        "`init`: times as fast as 0.1.0",
        Faster("init", OLD),
        AtLeast(6.0),
    ),
    (
        "`fetch`, hot: times the raw parts",
        Times("fetch-hot", RAW),
        AtMost(1.6),
    ),
    (
        "`mutate`, hot, unwatched: times the raw parts",
        Times("mutate-hot", RAW),
        AtMost(1.25),
    ),
    (
        "the same, returning the version alone",
        Times("mutate-version", RAW),
        AtMost(1.25),
    ),
    (
        "the same by a handle of the entry",
        Times("mutate-handle", RAW),
        AtMost(0.45),
    ),
    (
        "`fetch` by a handle of the entry: times the raw parts",
        Times("fetch-handle", RAW),
        AtMost(0.8),
    ),
    (
        "one key, eight writers, code of the user's: times a bare tokio Mutex",
        Times("writers-user-8", MUTEX),
        AtMost(1.2),
    ),
    (
        "allocations of an unwatched `mutate`",
        Of("allocs-mutate"),
        AtMost(0.0),
    ),
    (
        "`mutate` of a 100 KB value: times that of a 100 B value",
        Between("block-100KB", "block-100B", LIVESTORE),
        AtMost(1.5),
    ),
    (
        "the same, delta-watched",
        Between("block-100KB", "block-100B", LIVESTORE_DELTAS),
        AtMost(1.5),
    ),
    (
        "one key, two writers: times 0.1.0",
        Times("writers-2", OLD),
        AtMost(0.5),
    ),
    (
        "one key, eight writers: times 0.1.0",
        Times("writers-8", OLD),
        AtMost(0.5),
    ),
    (
        "fan-out to 1000, in bursts: times a bare tokio broadcast",
        Times("fan-out-burst", BROADCAST),
        AtMost(1.1),
    ),
    (
        "fan-out to 1000 sleeping tasks: times a bare tokio broadcast",
        Times("fan-out-tasks", BROADCAST),
        AtMost(1.1),
    ),
    (
        "expiry check of 1 M entries, none due, timer included: ns",
        Of("expiry-none"),
        AtMost(10_000.0),
    ),
    (
        "`mutate`: times as fast as HSET and PUBLISH in Redis, serial",
        Faster("mutate-hot", REDIS),
        AtLeast(1000.0),
    ),
    (
        "heap bytes per idle entry at the worst size of the map (beside the targets)",
        Of("heap-idle-worst"),
        AtMost(136.0),
    ),
];

/// The rows that the targets are about, as `--only` takes them.
pub(crate) fn ids() -> String {
    targets::ids(&TARGETS)
}

/// The targets whose rows are missing, but for those that are about one who is not there.
pub(crate) fn unmeasured(rows: &[Row], absent: Option<Who>) -> Vec<&'static str> {
    targets::unmeasured(&TARGETS, rows, absent.as_slice())
}

/// Shows every target with what was measured.
pub(crate) fn table(rows: &[Row]) -> String {
    targets::table(&TARGETS, rows)
}

#[cfg(test)]
mod tests {
    use livestore_benches::rows::{Cell, Unit};

    use super::*;

    fn row(id: &str, cells: &[(Who, f64)]) -> Row {
        Row {
            id: id.to_owned(),
            what: String::new(),
            unit: Unit::Time,
            cells: cells
                .iter()
                .map(|(who, number)| Cell {
                    who,
                    rounds: vec![*number],
                })
                .collect(),
        }
    }

    fn line(rows: &[Row], target: &str) -> String {
        let table = table(rows);
        let line = table.lines().find(|line| line.contains(target));
        line.unwrap().to_owned()
    }

    #[test]
    fn a_target_is_met_missed_or_not_measured() {
        let rows = [row("fetch-hot", &[(LIVESTORE, 32.0), (RAW, 20.0)])];
        assert!(line(&rows, "`fetch`, hot").contains("| **1.60** | met |"));
        let rows = [row("fetch-hot", &[(LIVESTORE, 33.0), (RAW, 20.0)])];
        assert!(line(&rows, "`fetch`, hot").contains("| **1.65** | **not met** |"));
        assert!(line(&[], "`fetch`, hot").contains("not measured"));
    }

    #[test]
    fn what_was_not_measured_is_named() {
        assert_eq!(unmeasured(&[], None).len(), TARGETS.len());
        assert_eq!(unmeasured(&[], Some(REDIS)).len(), TARGETS.len() - 1);
        let rows = [row("fetch-hot", &[(LIVESTORE, 33.0), (RAW, 20.0)])];
        assert_eq!(unmeasured(&rows, None).len(), TARGETS.len() - 1);
    }

    #[test]
    fn faster_is_the_other_way_round() {
        let rows = [row("init", &[(LIVESTORE, 100.0), (OLD, 700.0)])];
        assert!(line(&rows, "`init`").contains("| **7** | met |"));
    }

    #[test]
    fn a_target_may_compare_two_rows() {
        let rows = [
            row("block-100B", &[(LIVESTORE, 10.0), (LIVESTORE_DELTAS, 10.0)]),
            row("block-100KB", &[(LIVESTORE, 20.0), (LIVESTORE_DELTAS, 10.0)]),
        ];
        assert!(line(&rows, "100 KB").contains("| **2** | **not met** |"));
        assert!(line(&rows, "delta-watched").contains("| **1** | met |"));
    }
}
