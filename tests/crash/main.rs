//! Durable stores in processes of their own, which are killed, or run where the disk refuses.
//!
//! Such a process is this same program, told by its environment what to be; it says on its output what it has done.

#![allow(clippy::unwrap_used, reason = "in a test an unwrap is an assertion")]

mod refuse;
mod system;
mod world;

use std::collections::HashSet;
use std::env;
use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use livestore_tests::Dice;
use tempfile::tempdir;

use crate::world::Known;

/// What the process is to be.
const ROLE: &str = "LIVESTORE_CRASH_ROLE";
const FOLDER: &str = "LIVESTORE_CRASH_FOLDER";
const SEED: &str = "LIVESTORE_CRASH_SEED";
const KNOWN: &str = "LIVESTORE_CRASH_KNOWN";

/// How long a process may say nothing before it is taken to hang.
const SILENCE: Duration = Duration::from_secs(60);

/// A process of this program.
struct Process {
    child: Child,
    lines: mpsc::Receiver<String>,
}

impl Process {
    /// Starts this program as what `role` says, by a command that takes the program and its arguments.
    fn start(mut command: Command, role: &str, folder: &Path) -> Process {
        command
            .args([
                "be_what_the_environment_says",
                "--exact",
                "--ignored",
                "--nocapture",
                "--test-threads=1",
            ])
            .env(ROLE, role)
            .env(FOLDER, folder)
            .stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let (said, lines) = mpsc::channel();
        thread::spawn(move || {
            for line in output.split(b'\n') {
                // A line that the kill cut off is not said.
                let line = String::from_utf8(line.unwrap()).unwrap();
                if let Some(words) = line.strip_prefix("> ").and_then(|line| line.strip_suffix('.')) {
                    said.send(words.to_owned()).ok();
                }
            }
        });
        Process { child, lines }
    }

    fn this_program() -> Command {
        Command::new(env::current_exe().unwrap())
    }

    /// What it says next. `None` when it has ended.
    fn hear(&self) -> Option<String> {
        match self.lines.recv_timeout(SILENCE) {
            Ok(words) => Some(words),
            Err(mpsc::RecvTimeoutError::Disconnected) => None,
            Err(mpsc::RecvTimeoutError::Timeout) => panic!("the process hangs"),
        }
    }

    fn expect(&self, words: &str) {
        assert_eq!(self.hear().as_deref(), Some(words));
    }

    /// Kills it, unless it has ended by itself, which it must not. Returns all that it still has said.
    fn kill(mut self) -> Vec<String> {
        assert!(self.child.try_wait().unwrap().is_none(), "it has ended by itself");
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.lines.iter().collect()
    }

    fn succeed(mut self) {
        assert!(self.hear().is_none());
        assert!(self.child.wait().unwrap().success());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Whatever is still running when a test fails.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Says something to whoever started this process.
fn say(words: &str) {
    let mut output = io::stdout().lock();
    writeln!(output, "> {words}.").unwrap();
    output.flush().unwrap();
}

#[test]
#[ignore = "is run by the other tests, in a process of its own"]
fn be_what_the_environment_says() {
    let Ok(role) = env::var(ROLE) else { return };
    // The test harness has begun a line.
    writeln!(io::stdout()).unwrap();
    let folder = env::var_os(FOLDER).unwrap();
    let folder = Path::new(&folder);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        match role.as_str() {
            "live" => live(folder).await,
            "full" => refuse::full(folder).await,
            "stranger" => refuse::stranger(folder).await,
            "forked" => system::forked(folder).await,
            "full-disk" => system::full_disk(folder).await,
            "read-only" => system::read_only(folder).await,
            "few-files" => system::few_files(folder).await,
            role => panic!("no such role: {role}"),
        }
    });
}

async fn live(folder: &Path) {
    let seed: u64 = env::var(SEED).unwrap().parse().unwrap();
    let known = Known::from_line(&env::var(KNOWN).unwrap());
    let store = world::open(folder, &mut Dice::new(seed)).await.unwrap();
    let begin = world::check(&store, known);
    if seed.is_multiple_of(3) {
        world::settle(&store, folder).await;
    }
    say(&format!("open {}", store.epoch()));
    world::live(store, begin, seed, |known| say(&known.to_line())).await;
}

/// Each process takes up what the last one left, and checks it first; so does this one, now and then.
#[test]
fn whatever_moment_it_is_killed_at_a_prefix_is_there_with_all_that_was_flushed() {
    let rounds: u64 = env::var("CRASH_ROUNDS").map_or(25, |rounds| rounds.parse().unwrap());
    let seed: u64 = env::var("CRASH_SEED").map_or(1, |seed| seed.parse().unwrap());
    let folder = tempdir().unwrap();
    let mut dice = Dice::new(seed);
    let mut known = Known::default();
    let (mut killed_early, mut auctions) = (0, 0);
    let mut epochs = HashSet::new();
    for round in 0..rounds {
        let mut command = Process::this_program();
        command
            .env(SEED, (seed + 100 * round).to_string())
            .env(KNOWN, known.to_line());
        let process = Process::start(command, "live", folder.path());
        let opens = dice.below(5) == 0;
        let mut hear = |words: &str, known: Known| match words.strip_prefix("open ") {
            Some(epoch) => {
                assert!(
                    epochs.insert(epoch.to_owned()),
                    "round {round}: an epoch comes twice"
                );
                known
            }
            None => known.max(Known::from_line(words)),
        };
        if !opens {
            hear(&process.hear().unwrap(), known);
        }
        let before = known;
        // A random time from here, and in that time whatever it says.
        let mut left = Duration::from_micros(dice.below(120_000) as u64);
        loop {
            #[allow(
                clippy::disallowed_methods,
                reason = "the moment of a kill is one of real time"
            )]
            let begun = std::time::Instant::now();
            match process.lines.recv_timeout(left) {
                Ok(words) => known = hear(&words, known),
                Err(mpsc::RecvTimeoutError::Timeout) => break,
                Err(mpsc::RecvTimeoutError::Disconnected) => panic!("round {round}: it has ended by itself"),
            }
            left = left.saturating_sub(begun.elapsed());
        }
        for words in process.kill() {
            known = hear(&words, known);
        }
        killed_early += u64::from(opens && known == before);
        if dice.below(2) == 0 {
            let runtime = tokio::runtime::Runtime::new().unwrap();
            known = runtime.block_on(async {
                let store = world::open(folder.path(), &mut dice).await.unwrap();
                let known = world::check(&store, known);
                auctions = world::settle(&store, folder.path()).await;
                assert!(
                    epochs.insert(store.epoch().to_string()),
                    "round {round}: an epoch comes twice"
                );
                store.close().await.unwrap();
                known
            });
        }
    }
    assert!(
        known.step > 0 && known.transfers > 0 && known.toggled > 0 && known.postponed > 0 && auctions > 0,
        "{known:?} {auctions}"
    );
    let mut errors = io::stderr();
    writeln!(
        errors,
        "{rounds} kills, {killed_early} before anything was flushed; {known:?}, {auctions} auctions"
    )
    .unwrap();
}
