//! What is said of a run, and its pictures.

use std::fmt::Write as _;

use livestore_benches::plot::{Curve, Plot};
use livestore_benches::rows::{
    CAREFUL, Cell, LIVESTORE, NAIVE, NODE_WS, Row, SOCKET_IO, SOCKETIOXIDE, Unit, digits, table,
};

use crate::run::Run;
use crate::{SMOKE, ladder, targets};

pub(crate) fn report(run: &Run) -> String {
    let plan = run.plan();
    let mut text = if plan.many == SMOKE.many {
        "A smoke run: the numbers mean nothing.\n".to_owned()
    } else {
        format!(
            "On {}. Each server has one core, and the clients of all another.\n\nMedians of {} rounds, of 3 for memory, with the \
             quartiles; everybody has a turn of at least {} ms in each round.\n",
            run.machine,
            plan.rounds,
            plan.turn.as_millis(),
        )
    };
    let rows = |wanted: &dyn Fn(&Row) -> bool| -> Vec<Row> {
        run.bench.rows.iter().filter(|row| wanted(row)).cloned().collect()
    };
    let rates = rows(&|row| row.unit == Unit::Rate);
    for (title, rows) in [
        ("Deliveries in a second of the server's core", &rates),
        (
            "Bytes per delivery, with the frame's header",
            &rows(&|row| row.id.starts_with("bytes")),
        ),
        (
            "From when an update was due until a client read it; and the core that it took",
            &rows(&|row| row.unit == Unit::Time),
        ),
        (
            "Memory",
            &rows(&|row| row.id == "idle" || row.id.ends_with("-memory")),
        ),
    ] {
        if !rows.is_empty() {
            let _ = write!(text, "\n## {title}\n\n{}", table(rows));
        }
    }
    let _ = write!(
        text,
        "\n## livestore's deliveries, times those of others\n\n{}\n## How busy the cores were\n\n{}\n## Targets\n\n{}",
        ratios(&rates),
        cores(run),
        targets::table(&run.bench.rows)
    );
    if !run.notes.is_empty() {
        let _ = write!(text, "\n- {}\n", run.notes.join("\n- "));
    }
    text
}

/// How many times as much livestore delivers, with the quartiles of what it was in each round.
fn ratios(rows: &[Row]) -> String {
    let others = [CAREFUL, SOCKETIOXIDE, NAIVE, NODE_WS, SOCKET_IO];
    let mut text = format!(
        "| | {} |\n|---|{}\n",
        others.join(" | "),
        "--:|".repeat(others.len())
    );
    for row in rows {
        let _ = write!(text, "| {} |", row.what);
        for other in others {
            let (Some(one), Some(other)) = (row.cell(LIVESTORE), row.cell(other)) else {
                text.push_str(" – |");
                continue;
            };
            let rounds: Vec<f64> = one.rounds.iter().zip(&other.rounds).map(|(a, b)| a / b).collect();
            let ratio = Cell {
                who: LIVESTORE,
                rounds,
            };
            let [low, middle, high] = [0.25, 0.5, 0.75].map(|part| digits(ratio.quantile(part)));
            let _ = write!(text, " {middle} ({low}–{high}) |");
        }
        text.push('\n');
    }
    text
}

/// The server's core, the clients', and how many updates were folded, for each contender.
fn cores(run: &Run) -> String {
    let mut text = "| id | | server's core | clients' core | folded |\n|---|---|--:|--:|--:|\n".to_owned();
    for busy in &run.busy {
        let percent = |part: f64| format!("{:.0} %", part * 100.0);
        let _ = writeln!(
            text,
            "| `{}` | {} | {} | {} | {} |",
            busy.id,
            busy.who,
            percent(busy.server),
            percent(busy.clients),
            percent(busy.folded)
        );
    }
    text
}

/// The pictures, by the names of their files.
pub(crate) fn pictures(run: &Run) -> Vec<(&'static str, String)> {
    let sizes = [("64", 64), ("200", 200), ("2k", 2000)];
    let sizes = sizes.map(|(name, size)| (f64::from(size), format!("serve-{name}")));
    let loads = ladder::LOADS.map(|load| (f64::from(load), format!("load-{load}-p99")));
    let pictures = [
        (
            "sockets.svg",
            "deliveries to 1000 sockets of one key",
            "bytes of the value",
            "deliveries in a second of the server's core",
            sizes.to_vec(),
        ),
        (
            "sockets-late.svg",
            "p99 of deliveries to 1000 sockets of one key",
            "load, in hundredths of what the careful server can take",
            "nanoseconds",
            loads.to_vec(),
        ),
    ];
    pictures
        .into_iter()
        .filter_map(|(file, title, across, up, points)| {
            let mut curves: Vec<Curve> = Vec::new();
            for (place, id) in points {
                for cell in &run.bench.find(&id)?.cells {
                    let point = (place, cell.median());
                    match curves.iter_mut().find(|curve| curve.name == cell.who) {
                        Some(curve) => curve.points.push(point),
                        None => curves.push(Curve {
                            name: cell.who.to_owned(),
                            points: vec![point],
                        }),
                    }
                }
            }
            let plot = Plot {
                title: title.to_owned(),
                across: across.to_owned(),
                up: up.to_owned(),
                curves,
            };
            Some((file, plot.to_svg()))
        })
        .collect()
}
