//! Measures what it costs to serve a store over WebSockets, beside servers written by hand and beside Socket.IO.
//!
//! Each server is a process of its own, which this program starts as itself, on a core of its own; the clients of all are the same, on
//! another core. See the README of this package.

#![allow(clippy::unwrap_used, reason = "a benchmark that goes wrong stops")]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program's output")]

mod args;
mod core;
mod crowd;
mod deaf;
mod dialect;
mod frame;
mod histogram;
mod idle;
mod ladder;
mod node;
mod paced;
mod process;
mod report;
mod room;
mod run;
mod saturation;
mod serve;
mod server;
mod shape;
mod targets;
mod times;

use std::env;
use std::process::ExitCode;
use std::time::Duration;

use livestore_benches::args::Args;
use livestore_benches::results::write;
use livestore_benches::sample::Plan;
use livestore_benches::{clock, machine};

use crate::args::Command;
use crate::run::Run;

/// How many files are wanted: four servers with ten thousand clients each, and some more.
const FILES: u64 = 70_000;

/// `many` is how many sockets follow a key where many do.
const QUICK: Plan = Plan {
    rounds: 5,
    turn: Duration::from_millis(600),
    many: 1000,
};

const SMOKE: Plan = Plan {
    rounds: 1,
    turn: Duration::from_millis(20),
    many: 50,
};

fn main() -> ExitCode {
    let words: Vec<String> = env::args().skip(1).collect();
    if words.first().is_some_and(|word| word == "serve") {
        serve::serve(&words[1..]);
        return ExitCode::SUCCESS;
    }
    let args = match Args::parse(words.into_iter(), Command::named) {
        Ok(args) => args,
        Err(error) => {
            eprintln!("{error}\n\n{}", args::USAGE);
            return ExitCode::from(2);
        }
    };
    if let Some(load) = machine::load()
        && load > 0.5
    {
        eprintln!(
            "The load of this machine is {load}: others compute here, and the numbers will be worth little.\n"
        );
    }
    let everything = args.only.is_none() && args.command != Command::Idle;
    let plan = match args.command {
        Command::Smoke => SMOKE,
        Command::Quick | Command::Idle => QUICK,
    };
    let begun = clock::now();
    let mut run = Run::new(plan, args.only);
    if args.command != Command::Idle {
        run.with_node(saturation::run);
        paced::run(&mut run);
        ladder::run(&mut run);
        deaf::run(&mut run);
    }
    run.with_node(idle::run);
    eprintln!("\nThat took {} s.\n", begun.elapsed().as_secs());
    let report = report::report(&run);
    println!("{report}");
    if args.write {
        write("sockets.md", &report);
        for (name, picture) in report::pictures(&run) {
            write(name, &picture);
        }
    }
    let missing = targets::unmeasured(&run.bench.rows);
    if args.command == Command::Smoke && everything && !missing.is_empty() {
        eprintln!("NOT MEASURED: {}", missing.join("; "));
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}
