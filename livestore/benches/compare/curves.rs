//! The curves: how the cost grows with entries, with tasks, with watchers. Few contenders, many sizes.

use std::fmt::Write as _;

use livestore_benches::plot::{Curve, Plot};
use livestore_benches::results::write;
use livestore_benches::rows::{Row, table, tell};
use livestore_benches::sample::{Bench, Plan};

use crate::servers::Servers;
use crate::{fan_out, fetch, memory, mutate, preface, writers};

/// One curve per contender of a row that is measured at several sizes.
struct Family {
    /// The name of the picture's file.
    file: &'static str,
    title: &'static str,
    across: &'static str,
    up: &'static str,
    /// The row's id at each size.
    rows: Vec<(usize, String)>,
}

/// Measures all of them. Writes the pictures if that is wanted, and returns the tables.
pub(crate) fn full(plan: Plan, only: Option<String>, pictures: bool) -> String {
    let small = plan.many < 100_000;
    let entries: &[usize] = if small {
        &[500, 1000]
    } else {
        &[10_000, 100_000, 1_000_000, 10_000_000]
    };
    let tasks: &[usize] = if small { &[1, 2] } else { &[1, 2, 4, 8, 16] };
    let watchers: &[usize] = if small {
        &[1, 10]
    } else {
        &[1, 10, 100, 1000, 10_000]
    };

    let servers = Servers::none();
    let mut bench = Bench::new(plan, only, tell);
    let mut families = Vec::new();
    for (file, title, measure) in [
        (
            "fetch",
            "fetch of random keys",
            fetch::curve as fn(&mut Bench, &str, usize),
        ),
        ("mutate", "mutate of random keys, unwatched", mutate::curve),
    ] {
        let rows = sized(file, entries);
        for (size, id) in &rows {
            measure(&mut bench, id, *size);
        }
        families.push(Family {
            file,
            title,
            across: "entries",
            up: "nanoseconds per call",
            rows,
        });
    }
    let rows = sized("heap", entries);
    for (size, id) in &rows {
        memory::curve(&mut bench, id, *size);
    }
    families.push(Family {
        file: "heap",
        title: "heap per idle entry, map included",
        across: "entries",
        up: "bytes",
        rows,
    });
    let rows = sized("writers", tasks);
    for (size, id) in &rows {
        let what = format!("`mutate` of one key, tasks: {size}");
        writers::curve(&mut bench, id, &what, *size as u64);
    }
    families.push(Family {
        file: "writers",
        title: "mutate of one key by several tasks on 2 threads",
        across: "tasks",
        up: "nanoseconds per mutation",
        rows,
    });
    for (file, title, measure) in [
        (
            "burst",
            "fan-out in bursts of 32",
            fan_out::burst_curve as fn(&mut Bench, &str, usize),
        ),
        ("asleep", "fan-out to sleeping tasks", fan_out::tasks_curve),
    ] {
        let rows = sized(file, watchers);
        for (size, id) in &rows {
            measure(&mut bench, id, *size);
        }
        families.push(Family {
            file,
            title,
            across: "watchers of one entry",
            up: "nanoseconds per delivery",
            rows,
        });
    }
    report(plan, &bench, &servers, &families, pictures)
}

/// The ids of the rows of one curve.
fn sized(name: &str, sizes: &[usize]) -> Vec<(usize, String)> {
    sizes
        .iter()
        .map(|size| (*size, format!("curve-{name}-{size}")))
        .collect()
}

fn report(plan: Plan, bench: &Bench, servers: &Servers, families: &[Family], pictures: bool) -> String {
    let mut text = preface(plan, &servers.describe());
    for family in families {
        let rows: Vec<(usize, &Row)> = family
            .rows
            .iter()
            .filter_map(|(size, id)| Some((*size, bench.find(id)?)))
            .collect();
        if rows.is_empty() {
            continue;
        }
        let found: Vec<Row> = rows.iter().map(|(_, row)| (*row).clone()).collect();
        let _ = write!(
            text,
            "\n## {}\n\n![{0}]({}.svg)\n\n{}",
            family.title,
            family.file,
            table(&found)
        );
        if pictures {
            write(&format!("{}.svg", family.file), &family.plot(&rows).to_svg());
        }
    }
    text
}

impl Family {
    fn plot(&self, rows: &[(usize, &Row)]) -> Plot {
        let mut curves: Vec<Curve> = Vec::new();
        for (size, row) in rows {
            for cell in &row.cells {
                let point = (*size as f64, cell.median());
                match curves.iter_mut().find(|curve| curve.name == cell.who) {
                    Some(curve) => curve.points.push(point),
                    None => curves.push(Curve {
                        name: cell.who.to_owned(),
                        points: vec![point],
                    }),
                }
            }
        }
        Plot {
            title: self.title.to_owned(),
            across: self.across.to_owned(),
            up: self.up.to_owned(),
            curves,
        }
    }
}
