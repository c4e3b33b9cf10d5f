//! Memory: asks the program `memory`, whose allocator counts, so that counting does not disturb the times here.

use std::env;
use std::process::{Command, Stdio};

use livestore_benches::rows::Row;
use livestore_benches::sample::Bench;

/// The rows that the other program has.
const IDS: [&str; 14] = [
    "heap-idle",
    "heap-idle-worst",
    "heap-idle-best",
    "blocks-idle",
    "heap-watched",
    "heap-watcher",
    "heap-set-first",
    "heap-set",
    "heap-waiter",
    "allocs-fetch",
    "allocs-mutate",
    "allocs-guard",
    "allocs-watch",
    "allocs-mutate-watched",
];

pub(crate) fn run(bench: &mut Bench) {
    if bench.wants(&IDS) {
        let many = bench.plan.many;
        ask(bench, &["--entries", &many.to_string()]);
    }
}

/// What an entry takes among this many, few contenders.
pub(crate) fn curve(bench: &mut Bench, id: &str, size: usize) {
    if bench.wants(&[id]) {
        ask(bench, &["--entries", &size.to_string(), "--curve", id]);
    }
}

fn ask(bench: &mut Bench, words: &[&str]) {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["run", "--release", "--quiet", "--package", "livestore-benches"])
        .args(["--features", "compare", "--bin", "memory", "--", "--lines"])
        .args(words)
        .stderr(Stdio::inherit())
        .output();
    let problem = match output {
        Ok(output) if output.status.success() => {
            for row in Row::parse(&String::from_utf8_lossy(&output.stdout)) {
                if bench.wants(&[&row.id]) {
                    bench.add(row);
                }
            }
            return;
        }
        Ok(output) => output.status.to_string(),
        Err(error) => error.to_string(),
    };
    eprintln!("\n****  THE ROWS ABOUT MEMORY ARE LEFT OUT: `memory` did not run: {problem}  ****\n");
}
