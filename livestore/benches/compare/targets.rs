//! The targets of the design, and whether they are met.

use livestore_benches::rows::{
    BROADCAST, BROADCAST_ARC, LIVESTORE, LIVESTORE_DELTAS, LIVESTORE_SET, LIVESTORE_SET_SHARED,
    LIVESTORE_SHARED, MUTEX, OLD, RAW, REDIS, Row, TIMER, Who,
};
use livestore_benches::targets::{
    self,
    Bound::{AtLeast, AtMost},
    Number::{Between, By, Faster, Of, Times, Within},
    Target,
};

const TARGETS: [Target; 23] = [
    (
        "heap bytes per idle entry at the worst size of the map, map included",
        Of("heap-idle-worst"),
        AtMost(124.0),
    ),
    ("heap blocks per idle entry", Of("blocks-idle"), AtMost(2.0)),
    ("`init`: times the raw parts", Times("init", RAW), AtMost(1.5)),
    (
        "`fetch`, hot: times the raw parts",
        Times("fetch-hot", RAW),
        AtMost(1.4),
    ),
    (
        "`fetch` by a handle of the entry: times the raw parts",
        Times("fetch-handle", RAW),
        AtMost(0.8),
    ),
    (
        "`mutate`, hot, unwatched: times the raw parts",
        Times("mutate-hot", RAW),
        AtMost(1.75),
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
        "allocations of an unwatched `mutate`",
        Of("allocs-mutate"),
        AtMost(0.0),
    ),
    (
        "`mutate`, and one watcher takes the update: times 0.1.0",
        Times("mutate-watched-1", OLD),
        AtMost(0.9),
    ),
    (
        "one key, two writers: times 0.1.0",
        Times("writers-2", OLD),
        AtMost(0.44),
    ),
    (
        "one key, eight writers: times 0.1.0",
        Times("writers-8", OLD),
        AtMost(0.32),
    ),
    (
        "one key, eight writers, code of the user's: times a bare tokio Mutex",
        Times("writers-user-8", MUTEX),
        AtMost(1.2),
    ),
    (
        "`mutate` of a 100 KB value: times that of a 100 B value",
        Between("block-100KB", "block-100B", LIVESTORE),
        AtMost(1.1),
    ),
    (
        "the same, delta-watched",
        Between("block-100KB", "block-100B", LIVESTORE_DELTAS),
        AtMost(1.1),
    ),
    (
        "fan-out to 1000, in bursts: times a bare tokio broadcast",
        Times("fan-out-burst", BROADCAST),
        AtMost(1.0),
    ),
    (
        "the same by `next_shared`: times a bare tokio broadcast of pointers",
        Within("fan-out-burst", LIVESTORE_SHARED, BROADCAST_ARC),
        AtMost(0.5),
    ),
    (
        "fan-out to 1000 sleeping tasks: times a bare tokio broadcast",
        Times("fan-out-tasks", BROADCAST),
        AtMost(1.1),
    ),
    (
        "a `WatchSet` of 128 entries: times a task with a watch for each",
        Within("watch-set", LIVESTORE_SET, LIVESTORE),
        AtMost(0.5),
    ),
    (
        "the same by `next_shared`",
        Within("watch-set", LIVESTORE_SET_SHARED, LIVESTORE),
        AtMost(0.5),
    ),
    (
        "heap bytes per entry that one more set follows",
        By("heap-set", LIVESTORE_SET),
        AtMost(160.0),
    ),
    (
        "expiry check of 1 M entries, none due: times a timer alone",
        Times("expiry-none", TIMER),
        AtMost(1.25),
    ),
    (
        "`mutate`: times as fast as HSET and PUBLISH in Redis, serial",
        Faster("mutate-hot", REDIS),
        AtLeast(1000.0),
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
        let rows = [row("fetch-hot", &[(LIVESTORE, 28.0), (RAW, 20.0)])];
        assert!(line(&rows, "`fetch`, hot").contains("| **1.40** | met |"));
        let rows = [row("fetch-hot", &[(LIVESTORE, 29.0), (RAW, 20.0)])];
        assert!(line(&rows, "`fetch`, hot").contains("| **1.45** | **not met** |"));
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
        let rows = [row("mutate-hot", &[(LIVESTORE, 100.0), (REDIS, 200_000.0)])];
        assert!(line(&rows, "in Redis").contains("| **2000** | met |"));
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

    #[test]
    fn a_target_may_be_about_another_way_of_livestore() {
        let rows = [row("watch-set", &[(LIVESTORE, 100.0), (LIVESTORE_SET, 60.0)])];
        assert!(line(&rows, "a `WatchSet` of 128").contains("| **0.60** | **not met** |"));
        let rows = [row("heap-set", &[(LIVESTORE_SET, 118.0)])];
        assert!(line(&rows, "one more set").contains("| **118** | met |"));
    }
}
