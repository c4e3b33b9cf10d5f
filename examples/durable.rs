//! A board that survives being killed. `cargo run --example durable`
//!
//! The program starts itself again as a worker, which counts votes and says which are on disk, and kills it in the middle of
//! that. Then it opens the folder and looks.

#![allow(clippy::print_stdout, reason = "the program shows what happens")]

use std::env;
use std::error::Error;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use livestore::{LiveStore, LiveValue, Uuid};
use serde::{Deserialize, Serialize};

/// How many votes each side of a poll has.
#[derive(Clone, Debug, LiveValue, Serialize, Deserialize)]
struct Votes {
    #[live(increment)]
    count: u64,
}

fn side(name: &str) -> Uuid {
    Uuid::new_v5(&Uuid::NAMESPACE_OID, name.as_bytes())
}

async fn open(folder: &Path) -> Result<LiveStore<Votes>, Box<dyn Error>> {
    let votes = LiveStore::new()
        // Nobody would look at the result of a poll whose disk has failed.
        .on_durability_error(|error| println!("THE DISK HAS FAILED: {error}"))
        .open(folder)
        .await?;
    for name in ["cats", "dogs"] {
        votes.fetch_or_create(&side(name), || Votes { count: 0 });
    }
    Ok(votes)
}

/// Counts for ever.
async fn worker(folder: &Path) -> Result<(), Box<dyn Error>> {
    let votes = open(folder).await?;
    let total = |votes: &LiveStore<Votes>| -> u64 { votes.entries().map(|(_, votes)| votes.count).sum() };
    loop {
        for _ in 0..100 {
            // One who changes their mind: both sides or neither.
            let (cats, dogs) = (side("cats"), side("dogs"));
            votes
                .transact(&[cats, dogs], |tx| {
                    tx.mutate(&cats, VotesMutation::IncrementCount(1))?;
                    tx.mutate(&dogs, VotesMutation::IncrementCount(1))
                })
                .await?;
        }
        let counted = total(&votes);
        // Whoever is told a number finds it again, whatever happens.
        votes.flush().await?;
        println!("{counted}");
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    if let Some(folder) = env::args_os().nth(1) {
        return worker(Path::new(&folder)).await;
    }
    let folder = env::temp_dir().join(format!("livestore-durable-{}", std::process::id()));
    for kills in 1..=3 {
        let mut worker = Command::new(env::current_exe()?)
            .arg(&folder)
            .stdout(Stdio::piped())
            .spawn()?;
        let said = BufReader::new(worker.stdout.take().ok_or("the worker says nothing")?);
        let mut promised = 0;
        for line in said.lines().take(10 * kills) {
            promised = line?.parse()?;
        }
        // No signal that it could handle, no time to write anything.
        worker.kill()?;
        worker.wait()?;

        let votes = open(&folder).await?;
        let [cats, dogs] = ["cats", "dogs"].map(|name| votes.fetch(&side(name)).map_or(0, |side| side.count));
        let report = votes.open_report().ok_or("it was opened")?;
        println!(
            "killed when it had promised {promised} votes; found {cats} for cats and {dogs} for dogs, in {:?}",
            report.duration
        );
        assert!(cats + dogs >= promised, "a promise was broken");
        assert_eq!(cats, dogs, "half a transaction");
        votes.close().await?;
    }
    std::fs::remove_dir_all(&folder)?;
    Ok(())
}
