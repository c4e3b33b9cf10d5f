//! Measures livestore beside what one would use instead, in one run.
//!
//! See the README of this package.

#![allow(clippy::unwrap_used, reason = "a benchmark that goes wrong stops")]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program's output")]

mod args;
mod audience;
mod block;
mod expiry;
mod fan_out;
mod fetch;
mod guard;
mod init;
mod latency;
mod memory;
mod mutate;
mod remove;
mod servers;
mod targets;
mod tasks;
mod watch;
mod writers;

use std::process::ExitCode;

use livestore_benches::rows::{Row, spread, table};
use livestore_benches::sample::{Bench, Plan};
use livestore_benches::{clock, machine};

use crate::args::{Args, Command};
use crate::servers::Servers;

fn main() -> ExitCode {
    let args = match Args::parse(std::env::args().skip(1)) {
        Ok(args) => args,
        Err(error) => {
            eprintln!("{error}\n\n{}", args::USAGE);
            return ExitCode::from(2);
        }
    };
    let plan = match args.command {
        Command::Quick | Command::Check => Plan::QUICK,
        Command::Full => Plan::FULL,
        Command::Smoke => Plan::SMOKE,
    };
    if let Some(load) = machine::load()
        && load > 0.5
    {
        eprintln!(
            "The load of this machine is {load}: others compute here, and the numbers will be worth little."
        );
    }
    let mut bench = Bench::new(plan, args.only, tell);
    let servers = Servers::start();
    let begun = clock::now();
    init::run(&mut bench, &servers);
    fetch::run(&mut bench, &servers);
    mutate::run(&mut bench, &servers);
    guard::run(&mut bench, &servers);
    writers::run(&mut bench);
    block::run(&mut bench);
    remove::run(&mut bench, &servers);
    watch::run(&mut bench, &servers);
    fan_out::run(&mut bench, &servers);
    latency::run(&mut bench, &servers);
    expiry::run(&mut bench);
    memory::run(&mut bench);
    eprintln!("That took {} s.", begun.elapsed().as_secs());

    println!("On {}.\n{}\n", machine::describe(), servers.describe());
    println!("{}", table(&bench.rows));
    println!("{}", targets::table(&bench.rows));
    ExitCode::SUCCESS
}

/// Shows on the way what has been measured.
fn tell(row: &Row) {
    eprintln!("{} [{}]", row.what, row.id);
    for cell in &row.cells {
        eprintln!("    {:34} {}", cell.who, spread(cell, row.unit));
    }
}
