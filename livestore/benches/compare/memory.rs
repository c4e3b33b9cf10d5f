//! Memory: asks the program `memory`, whose allocator counts, so that counting does not disturb the times here.

use std::env;
use std::process::Command;

use livestore_benches::rows::Row;
use livestore_benches::sample::Bench;

/// The rows that the other program has.
const IDS: [&str; 3] = ["heap-idle", "blocks-idle", "allocs-"];

pub(crate) fn run(bench: &mut Bench) {
    if !bench.wants(&IDS) {
        return;
    }
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["run", "--release", "--quiet", "--package", "livestore-benches"])
        .args(["--features", "compare", "--bin", "memory", "--", "--lines"])
        .args(["--entries", &bench.plan.many.to_string()])
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
        Ok(output) => String::from_utf8_lossy(&output.stderr).into_owned(),
        Err(error) => error.to_string(),
    };
    eprintln!("\nTHE ROWS ABOUT MEMORY ARE MISSING, because the program `memory` did not run:\n{problem}");
}
