//! [`Row`]: one kind of work, measured for several contenders; and its text.

use std::fmt::Write as _;

/// Who did the work, as the tables name it.
pub type Who = &'static str;

/// The present version.
pub const LIVESTORE: Who = "livestore";
/// The present version, watched by one who wants no values.
pub const LIVESTORE_DELTAS: Who = "livestore, deltas";
/// The present version, whose updates are taken as they are shared.
pub const LIVESTORE_SHARED: Who = "livestore, `next_shared`";
/// The present version, whose entries one set follows.
pub const LIVESTORE_SET: Who = "livestore, `WatchSet`";
/// The same, with updates taken as they are shared.
pub const LIVESTORE_SET_SHARED: Who = "livestore, `WatchSet::next_shared`";
/// The present version, of which everything is watched.
pub const LIVESTORE_ALL: Who = "livestore, `WatchAll`";
/// The present version, kept on disk.
pub const LIVESTORE_DURABLE: Who = "livestore, durable";
/// The published ancestor.
pub const OLD: Who = "livestore 0.1.0";
/// The raw parts.
pub const RAW: Who = "DashMap + Arc";
/// The raw parts, returning what livestore returns.
pub const RAW_TELLING: Who = "DashMap + Arc, returning value and time";
/// What people write by hand.
pub const HAND: Who = "DashMap + RwLock + broadcast";
/// A map of tokio's watch channels.
pub const WATCH: Who = "DashMap + watch";
/// tokio's broadcast channel alone.
pub const BROADCAST: Who = "bare tokio broadcast";
/// tokio's broadcast channel alone, with what is sent behind a pointer.
pub const BROADCAST_ARC: Who = "bare tokio broadcast of an Arc";
/// tokio's mutex alone.
pub const MUTEX: Who = "bare tokio Mutex";
/// A concurrent cache.
pub const MOKA: Who = "moka";
/// A lock-free map.
pub const PAPAYA: Who = "papaya + Arc";
/// A concurrent map.
pub const SCC: Who = "scc + Arc";
/// Observables.
pub const EYEBALL: Who = "DashMap + eyeball";
/// A timer of tokio's and nothing else.
pub const TIMER: Who = "bare tokio timer";
/// What no store can do without, to have something on disk.
pub const BARE_SYNC: Who = "bare write + fdatasync";
/// A store of keys and values in a file, with copies of its pages.
pub const REDB: Who = "redb";
/// A database in a file, with a log before it.
pub const SQLITE: Who = "SQLite, WAL";
/// A server beside the process, one command after another.
pub const REDIS: Who = "Redis";
/// The same, appending to a file that is synced every second.
pub const REDIS_AOF: Who = "Redis, AOF every second";
/// The same, a hundred commands at a time.
pub const REDIS_AOF_PIPELINE: Who = "Redis, AOF every second, pipelined";
/// The server, which syncs its file before it answers.
pub const REDIS_ALWAYS: Who = "Redis, AOF always";
/// Without the file, a hundred commands at a time.
pub const REDIS_PIPELINE: Who = "Redis, pipelined";
/// What people write first: each socket's task encodes each update for itself.
pub const NAIVE: Who = "axum + broadcast, naive";
/// What people write who measure: encoded once, several frames a write.
pub const CAREFUL: Who = "axum + broadcast, careful";
/// Socket.IO in Rust.
pub const SOCKETIOXIDE: Who = "socketioxide";
/// The usual WebSockets of Node.
pub const NODE_WS: Who = "Node, ws";
/// Socket.IO itself.
pub const SOCKET_IO: Who = "Node, socket.io";

/// Everybody, in the order of the columns.
pub const EVERYBODY: [Who; 33] = [
    LIVESTORE,
    LIVESTORE_DELTAS,
    LIVESTORE_SHARED,
    LIVESTORE_SET,
    LIVESTORE_SET_SHARED,
    LIVESTORE_ALL,
    LIVESTORE_DURABLE,
    OLD,
    RAW,
    RAW_TELLING,
    HAND,
    WATCH,
    EYEBALL,
    MOKA,
    PAPAYA,
    SCC,
    BROADCAST,
    BROADCAST_ARC,
    MUTEX,
    TIMER,
    BARE_SYNC,
    REDB,
    SQLITE,
    REDIS,
    REDIS_PIPELINE,
    REDIS_AOF,
    REDIS_AOF_PIPELINE,
    REDIS_ALWAYS,
    NAIVE,
    CAREFUL,
    SOCKETIOXIDE,
    NODE_WS,
    SOCKET_IO,
];

/// What a number counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Nanoseconds.
    Time,
    /// Bytes.
    Bytes,
    /// Allocations.
    Allocations,
    /// How many in a second. More is better.
    Rate,
}

impl Unit {
    /// The word for it in files.
    pub fn word(self) -> &'static str {
        match self {
            Unit::Time => "ns",
            Unit::Bytes => "B",
            Unit::Allocations => "allocations",
            Unit::Rate => "/s",
        }
    }

    /// The unit of a word.
    pub fn from_word(word: &str) -> Option<Unit> {
        [Unit::Time, Unit::Bytes, Unit::Allocations, Unit::Rate]
            .into_iter()
            .find(|unit| unit.word() == word)
    }
}

/// What one contender needed, round by round.
#[derive(Clone, Debug)]
pub struct Cell {
    /// The contender.
    pub who: Who,
    /// One number per round, in the row's unit, per operation.
    pub rounds: Vec<f64>,
}

impl Cell {
    /// The value below which the given part of the rounds lies; 0.5 for the median.
    pub fn quantile(&self, part: f64) -> f64 {
        quantile(&self.rounds, part)
    }

    /// The median of the rounds.
    pub fn median(&self) -> f64 {
        self.quantile(0.5)
    }
}

/// The value below which the given part of the numbers lies, between two of them by proportion.
pub fn quantile(numbers: &[f64], part: f64) -> f64 {
    let mut sorted = numbers.to_vec();
    sorted.sort_by(f64::total_cmp);
    let Some(last) = sorted.len().checked_sub(1) else {
        return f64::NAN;
    };
    let place = part * last as f64;
    let below = sorted[place.floor() as usize];
    let above = sorted[place.ceil() as usize];
    below + (above - below) * place.fract()
}

/// One kind of work and what each contender needed for it.
#[derive(Clone, Debug)]
pub struct Row {
    /// A short name, by which `--only` and the targets find it.
    pub id: String,
    /// What was done, for readers.
    pub what: String,
    /// What the numbers count.
    pub unit: Unit,
    /// One per contender.
    pub cells: Vec<Cell>,
}

impl Row {
    /// What a contender needed.
    pub fn cell(&self, who: Who) -> Option<&Cell> {
        self.cells.iter().find(|cell| cell.who == who)
    }

    /// How many times as much `one` needed as `other`: the median over the rounds, each of which measured both within
    /// the same moments.
    pub fn ratio(&self, one: Who, other: Who) -> Option<f64> {
        let (one, other) = (self.cell(one)?, self.cell(other)?);
        Some(ratio(one, other))
    }

    /// The row as lines that [`Row::parse`] reads.
    pub fn to_lines(&self) -> String {
        let mut lines = String::new();
        for cell in &self.cells {
            let rounds: Vec<_> = cell.rounds.iter().map(f64::to_string).collect();
            let rounds = rounds.join(" ");
            let _ = writeln!(
                lines,
                "{}\t{}\t{}\t{}\t{rounds}",
                self.id,
                self.what,
                self.unit.word(),
                cell.who
            );
        }
        lines
    }

    /// Reads what [`Row::to_lines`] wrote, for any number of rows. Lines of another form are left out.
    pub fn parse(text: &str) -> Vec<Row> {
        let mut rows: Vec<Row> = Vec::new();
        for line in text.lines() {
            let parts: Vec<_> = line.split('\t').collect();
            let [id, what, unit, who, rounds] = parts[..] else {
                continue;
            };
            let Some(unit) = Unit::from_word(unit) else {
                continue;
            };
            let Some(who) = EVERYBODY.into_iter().find(|known| *known == who) else {
                continue;
            };
            let cell = Cell {
                who,
                rounds: rounds.split(' ').filter_map(|round| round.parse().ok()).collect(),
            };
            match rows.iter_mut().find(|row| row.id == id) {
                Some(row) => row.cells.push(cell),
                None => rows.push(Row {
                    id: id.to_owned(),
                    what: what.to_owned(),
                    unit,
                    cells: vec![cell],
                }),
            }
        }
        rows
    }
}

/// How many times as much `one` needed as `other`, as the median over rounds if they went through the same rounds.
pub fn ratio(one: &Cell, other: &Cell) -> f64 {
    if one.rounds.len() != other.rounds.len() {
        return one.median() / other.median();
    }
    let ratios: Vec<_> = one.rounds.iter().zip(&other.rounds).map(|(a, b)| a / b).collect();
    quantile(&ratios, 0.5)
}

/// Those of whom each does one thing that a store is made of. A row has one of them, and they share a column.
const BARE: [Who; 4] = [RAW, BROADCAST, MUTEX, TIMER];

/// One column of a table.
struct Column {
    name: &'static str,
    who: Vec<Who>,
}

impl Column {
    fn of(who: Who) -> Option<Column> {
        match BARE.iter().position(|bare| *bare == who) {
            None => Some(Column {
                name: who,
                who: vec![who],
            }),
            Some(0) => Some(Column {
                name: "the bare part",
                who: BARE.to_vec(),
            }),
            Some(_) => None,
        }
    }

    fn cell<'a>(&self, row: &'a Row) -> Option<&'a Cell> {
        self.who.iter().find_map(|who| row.cell(who))
    }
}

/// Writes rows as one Markdown table: medians, and the quartiles where there are several rounds.
pub fn table(rows: &[Row]) -> String {
    let columns: Vec<Column> = EVERYBODY
        .into_iter()
        .filter_map(Column::of)
        .filter(|column| rows.iter().any(|row| column.cell(row).is_some()))
        .collect();
    let mut text = String::from("| |");
    for column in &columns {
        let _ = write!(text, " {} |", column.name);
    }
    text.push_str("\n|---|");
    text.push_str(&"--:|".repeat(columns.len()));
    for row in rows {
        let _ = write!(text, "\n| {} |", row.what);
        for column in &columns {
            match column.cell(row) {
                Some(cell) => {
                    let _ = write!(text, " {} |", spread(cell, row.unit));
                }
                None => text.push_str(" – |"),
            }
        }
    }
    text.push('\n');
    text
}

/// A median with its quartiles.
pub fn spread(cell: &Cell, unit: Unit) -> String {
    let median = cell.median();
    let (scale, name) = match unit {
        Unit::Time if median >= 1e9 => (1e9, " s"),
        Unit::Time if median >= 1e6 => (1e6, " ms"),
        Unit::Time if median >= 1e3 => (1e3, " µs"),
        Unit::Time => (1.0, " ns"),
        Unit::Bytes => (1.0, " B"),
        Unit::Allocations => (1.0, ""),
        Unit::Rate if median >= 1e6 => (1e6, " M/s"),
        Unit::Rate if median >= 1e3 => (1e3, " k/s"),
        Unit::Rate => (1.0, "/s"),
    };
    let middle = digits(median / scale);
    if cell.rounds.len() < 3 {
        return format!("{middle}{name}");
    }
    let low = digits(cell.quantile(0.25) / scale);
    let high = digits(cell.quantile(0.75) / scale);
    format!("{middle}{name} ({low}–{high})")
}

/// Shows on the way what has been measured.
#[allow(clippy::print_stderr, reason = "the programs say what they do")]
pub fn tell(row: &Row) {
    eprintln!("{} [{}]", row.what, row.id);
    for cell in &row.cells {
        eprintln!("    {:40} {}", cell.who, spread(cell, row.unit));
    }
}

/// A number with as many digits as a measurement has.
pub fn digits(number: f64) -> String {
    if number.abs() >= 99.95 || number.fract() == 0.0 {
        format!("{number:.0}")
    } else if number.abs() >= 9.995 {
        format!("{number:.1}")
    } else {
        format!("{number:.2}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row() -> Row {
        Row {
            id: "fetch".into(),
            what: "`fetch`, hot".into(),
            unit: Unit::Time,
            cells: vec![
                Cell {
                    who: LIVESTORE,
                    rounds: vec![30.0, 20.0, 40.0, 22.0],
                },
                Cell {
                    who: REDIS,
                    rounds: vec![30_000.0, 40_000.0, 20_000.0, 22_000.0],
                },
            ],
        }
    }

    #[test]
    fn quantiles_lie_between_the_numbers() {
        assert_eq!(quantile(&[3.0, 1.0, 2.0], 0.5), 2.0);
        assert_eq!(quantile(&[4.0, 1.0, 2.0, 3.0], 0.5), 2.5);
        assert_eq!(quantile(&[1.0, 2.0, 3.0, 4.0, 5.0], 0.25), 2.0);
        assert!(quantile(&[], 0.5).is_nan());
    }

    #[test]
    fn a_ratio_compares_round_with_round() {
        assert_eq!(row().ratio(REDIS, LIVESTORE), Some(1000.0));
        assert_eq!(row().ratio(REDIS, MOKA), None);
        let drifting = Cell {
            who: LIVESTORE,
            rounds: vec![1.0, 10.0, 100.0],
        };
        let twice = Cell {
            who: OLD,
            rounds: vec![30.0, 20.0, 200.0],
        };
        // The medians alone would say 3.
        assert_eq!(ratio(&twice, &drifting), 2.0);
    }

    #[test]
    fn rows_are_read_as_they_were_written() {
        let read = Row::parse(&format!("noise\n{}", row().to_lines()));
        assert_eq!(read.len(), 1);
        assert_eq!(read[0].to_lines(), row().to_lines());
    }

    #[test]
    fn a_table_has_the_columns_that_are_needed_and_readable_units() {
        assert_eq!(
            table(&[row()]),
            "| | livestore | Redis |\n|---|--:|--:|\n\
             | `fetch`, hot | 26 ns (21.5–32.5) | 26 µs (21.5–32.5) |\n"
        );
    }
}
