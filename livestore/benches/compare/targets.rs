//! The targets of the design, and whether they are met.

use std::fmt::Write as _;

use livestore_benches::rows::{BROADCAST, Cell, LIVESTORE, OLD, RAW, Row, Who, digits, spread};

/// What a number must be.
enum Bound {
    AtMost(f64),
    AtLeast(f64),
}

/// A number that one row holds, or that compares two contenders of one row.
enum Number {
    /// The value itself.
    Of(&'static str),
    /// How many times as much livestore needs as another.
    Times(&'static str, Who),
    /// How many times as much another needs as livestore.
    Faster(&'static str, Who),
}

const TARGETS: &[(&str, Number, Bound)] = {
    use Bound::{AtLeast, AtMost};
    use Number::{Faster, Of, Times};
    &[
        (
            "heap bytes per idle entry of 1 M, map included",
            Of("heap-idle"),
            AtMost(136.0),
        ),
        ("heap blocks per idle entry", Of("blocks-idle"), AtMost(2.0)),
        ("`init`: faster than 0.1.0 by", Faster("init", OLD), AtLeast(6.0)),
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
            "allocations of an unwatched `mutate`",
            Of("allocs-mutate"),
            AtMost(0.0),
        ),
        (
            "fan-out to 1000 in bursts: times a bare tokio broadcast",
            Times("fan-out-burst", BROADCAST),
            AtMost(1.1),
        ),
        (
            "fan-out to 1000 tasks: times a bare tokio broadcast",
            Times("fan-out-tasks", BROADCAST),
            AtMost(1.1),
        ),
    ]
};

/// Shows every target with what was measured. A target whose row was not measured is shown as such.
pub(crate) fn table(rows: &[Row]) -> String {
    let mut text =
        String::from("| target | asked | measured | livestore | against | |\n|---|--:|--:|--:|--:|---|\n");
    for (what, number, bound) in TARGETS {
        let asked = match bound {
            Bound::AtMost(most) => format!("≤ {}", digits(*most)),
            Bound::AtLeast(least) => format!("≥ {}", digits(*least)),
        };
        let Some(found) = number.find(rows) else {
            let _ = writeln!(text, "| {what} | {asked} | – | – | – | not measured |");
            continue;
        };
        let met = match bound {
            Bound::AtMost(most) => found.number <= *most,
            Bound::AtLeast(least) => found.number >= *least,
        };
        let _ = writeln!(
            text,
            "| {what} | {asked} | **{}** | {} | {} | {} |",
            digits(found.number),
            found.livestore,
            found.other,
            if met { "met" } else { "NOT MET" }
        );
    }
    text
}

struct Found {
    number: f64,
    livestore: String,
    other: String,
}

impl Number {
    fn find(&self, rows: &[Row]) -> Option<Found> {
        let (id, other) = match self {
            Number::Of(id) => (id, None),
            Number::Times(id, other) | Number::Faster(id, other) => (id, Some(*other)),
        };
        let row = rows.iter().find(|row| row.id == *id)?;
        let shown = |cell: &Cell| spread(cell, row.unit);
        let livestore = row.cell(LIVESTORE)?;
        let number = match (self, other) {
            (Number::Times(..), Some(other)) => row.ratio(LIVESTORE, other)?,
            (Number::Faster(..), Some(other)) => row.ratio(other, LIVESTORE)?,
            _ => livestore.median(),
        };
        Some(Found {
            number,
            livestore: shown(livestore),
            other: other
                .and_then(|other| row.cell(other))
                .map_or_else(|| "–".to_owned(), shown),
        })
    }
}
