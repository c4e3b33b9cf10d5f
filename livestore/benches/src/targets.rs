//! Targets, and whether they are met.

use std::fmt::Write as _;

use crate::rows::{Cell, LIVESTORE, LIVESTORE_DURABLE, Row, Who, digits, ratio, spread};

use Bound::{AtLeast, AtMost};
use Number::{Between, By, Faster, Of, Times, Within};

/// What is wanted: in words, what is compared with the bound, and the bound.
pub type Target = (&'static str, Number, Bound);

/// What a number must be.
#[derive(Clone, Copy, Debug)]
pub enum Bound {
    /// No more than this.
    AtMost(f64),
    /// No less than this.
    AtLeast(f64),
}

/// What is compared with the bound.
#[derive(Clone, Copy, Debug)]
pub enum Number {
    /// What livestore needs in a row.
    Of(&'static str),
    /// What it needs there in one of its ways.
    By(&'static str, Who),
    /// How many times as much livestore needs in a row as another.
    Times(&'static str, Who),
    /// How many times as much another needs in a row as livestore.
    Faster(&'static str, Who),
    /// How many times as much one contender needs in a row as another.
    Within(&'static str, Who, Who),
    /// How many times as much one contender needs in one row as in another.
    Between(&'static str, &'static str, Who),
}

/// The rows that the targets are about, as `--only` takes them.
pub fn ids(targets: &[Target]) -> String {
    let ids: Vec<_> = targets
        .iter()
        .flat_map(|(_, number, _)| match number {
            Of(id) | By(id, _) | Times(id, _) | Faster(id, _) | Within(id, ..) => vec![*id],
            Between(one, other, _) => vec![*one, *other],
        })
        .collect();
    ids.join(",")
}

/// The targets whose rows are missing, but for those that are about one who is not there.
pub fn unmeasured(targets: &[Target], rows: &[Row], absent: &[Who]) -> Vec<&'static str> {
    targets
        .iter()
        .filter(|(_, number, _)| {
            let excused = matches!(number, Times(_, other) | Faster(_, other) if absent.contains(other));
            !excused && number.find(rows).is_none()
        })
        .map(|(what, ..)| *what)
        .collect()
}

/// Shows every target with what was measured. A target whose row was not measured is shown as such.
pub fn table(targets: &[Target], rows: &[Row]) -> String {
    let mut text =
        String::from("| target | asked | measured | | livestore | against |\n|---|--:|--:|---|--:|--:|\n");
    for (what, number, bound) in targets {
        let asked = match bound {
            AtMost(most) => format!("≤ {}", digits(*most)),
            AtLeast(least) => format!("≥ {}", digits(*least)),
        };
        let Some(found) = number.find(rows) else {
            let _ = writeln!(text, "| {what} | {asked} | – | not measured | – | – |");
            continue;
        };
        let met = match bound {
            AtMost(most) => found.number <= *most,
            AtLeast(least) => found.number >= *least,
        };
        let _ = writeln!(
            text,
            "| {what} | {asked} | **{}** | {} | {} | {} |",
            digits(found.number),
            if met { "met" } else { "**not met**" },
            found.livestore,
            found.other.as_deref().unwrap_or("–"),
        );
    }
    text
}

/// What is measured: where something is kept on disk, that.
fn ours(row: &Row) -> Option<&Cell> {
    row.cell(LIVESTORE_DURABLE).or_else(|| row.cell(LIVESTORE))
}

struct Found {
    number: f64,
    livestore: String,
    other: Option<String>,
}

impl Number {
    fn find(&self, rows: &[Row]) -> Option<Found> {
        let row = |id: &str| rows.iter().find(|row| row.id == id);
        let alone = |row: &Row, cell: &Cell| Found {
            number: cell.median(),
            livestore: spread(cell, row.unit),
            other: None,
        };
        let compared = |row: &Row, number: f64, one: &Cell, other: &Cell| Found {
            number,
            livestore: spread(one, row.unit),
            other: Some(spread(other, row.unit)),
        };
        match *self {
            Of(id) => {
                let row = row(id)?;
                Some(alone(row, ours(row)?))
            }
            By(id, who) => {
                let row = row(id)?;
                Some(alone(row, row.cell(who)?))
            }
            Within(id, one, other) => {
                let row = row(id)?;
                let (one, other) = (row.cell(one)?, row.cell(other)?);
                Some(compared(row, ratio(one, other), one, other))
            }
            Times(id, other) => {
                let row = row(id)?;
                let (one, other) = (ours(row)?, row.cell(other)?);
                Some(compared(row, ratio(one, other), one, other))
            }
            Faster(id, other) => {
                let row = row(id)?;
                let (one, other) = (ours(row)?, row.cell(other)?);
                Some(compared(row, ratio(other, one), one, other))
            }
            Between(one, other, who) => {
                let row_of_one = row(one)?;
                let (one, other) = (row_of_one.cell(who)?, row(other)?.cell(who)?);
                Some(compared(row_of_one, ratio(one, other), one, other))
            }
        }
    }
}
