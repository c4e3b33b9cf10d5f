//! Measures livestore beside what one would use instead, in one run.
//!
//! See the README of this package.

#![allow(clippy::unwrap_used, reason = "a benchmark that goes wrong stops")]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program's output")]

mod args;
mod audience;
mod block;
mod curves;
mod expiry;
mod fan_out;
mod fetch;
mod guard;
mod init;
mod latency;
mod memory;
mod mutate;
mod query;
mod remove;
mod servers;
mod set;
mod targets;
mod watch;
mod writers;

use std::env;
use std::process::ExitCode;

use livestore_benches::args::Args;
use livestore_benches::results::write;
use livestore_benches::rows::{REDIS, table, tell};
use livestore_benches::sample::{Bench, Plan};
use livestore_benches::{clock, machine};

use crate::args::Command;
use crate::servers::Servers;

fn main() -> ExitCode {
    let args = match Args::parse(env::args().skip(1), Command::named) {
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
    let begun = clock::now();
    let (name, report) = match args.command {
        Command::Quick => ("quick.md", quick(Plan::QUICK, args.only)),
        Command::Check => ("check.md", check(args.only)),
        Command::Full => ("full.md", curves::full(Plan::FULL, args.only, args.write)),
        Command::Smoke => return smoke(args.only),
    };
    eprintln!("\nThat took {} s.\n", begun.elapsed().as_secs());
    println!("{report}");
    if args.write {
        write(name, &report);
    }
    ExitCode::SUCCESS
}

/// The table and the targets.
fn quick(plan: Plan, only: Option<String>) -> String {
    let servers = Servers::start();
    let mut bench = Bench::new(plan, only, tell);
    measure(&mut bench, &servers);
    report(&bench, &servers)
}

fn report(bench: &Bench, servers: &Servers) -> String {
    format!(
        "{}\n{}\n{}",
        preface(bench.plan, &servers.describe()),
        table(&bench.rows),
        targets::table(&bench.rows)
    )
}

/// The targets alone.
fn check(only: Option<String>) -> String {
    let servers = Servers::start();
    let mut bench = Bench::new(Plan::QUICK, Some(only.unwrap_or_else(targets::ids)), tell);
    measure(&mut bench, &servers);
    format!(
        "{}\n{}",
        preface(bench.plan, &servers.describe()),
        targets::table(&bench.rows)
    )
}

/// Everything once. Fails if something that a target needs was not measured, for then something does not work any more;
/// by no number.
fn smoke(only: Option<String>) -> ExitCode {
    let servers = Servers::start();
    let everything = only.is_none();
    let mut bench = Bench::new(Plan::SMOKE, only.clone(), tell);
    measure(&mut bench, &servers);
    println!("{}", report(&bench, &servers));
    println!("{}", curves::full(Plan::SMOKE, only, false));
    let absent = servers.memory.is_none().then_some(REDIS);
    let missing = targets::unmeasured(&bench.rows, absent);
    if everything && !missing.is_empty() {
        eprintln!("NOT MEASURED: {}", missing.join("; "));
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

/// One file per kind of work; each measures its rows if they are wanted.
fn measure(bench: &mut Bench, servers: &Servers) {
    init::run(bench, servers);
    fetch::run(bench, servers);
    mutate::run(bench, servers);
    guard::run(bench, servers);
    writers::run(bench);
    block::run(bench);
    remove::run(bench, servers);
    watch::run(bench, servers);
    fan_out::run(bench, servers);
    set::run(bench);
    query::run(bench);
    latency::run(bench, servers);
    expiry::run(bench);
    memory::run(bench);
}

/// What the numbers are and on what they were taken.
fn preface(plan: Plan, servers: &str) -> String {
    if plan.many == Plan::SMOKE.many {
        return "A smoke run: the numbers mean nothing.\n".to_owned();
    }
    format!(
        "On {}.{}{servers}\n\nMedians of {} rounds, or of {} where a round takes long, with the quartiles; \
         everybody has a turn of at least {} ms in each round.\n",
        machine::describe(),
        if servers.is_empty() { "" } else { " " },
        plan.rounds,
        plan.slow().rounds,
        plan.turn.as_millis(),
    )
}
