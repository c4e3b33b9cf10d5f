//! Entries that go by themselves. `cargo run --example expiry`

#![allow(clippy::print_stdout, reason = "the program shows what happens")]

use std::error::Error;
use std::time::Duration;

use livestore::{ExpireMode, LiveStore, LiveValue, StoreOptions, Update, Uuid};
use tokio::time::sleep;

#[derive(Clone, LiveValue)]
struct Session {
    user: &'static str,
    clicks: u32,
}

/// A store whose entries expire by `mode`; these are short times, so that you need not wait for the end.
fn store(name: &'static str, mode: ExpireMode) -> LiveStore<Session> {
    LiveStore::<Session>::new()
        .with_options(StoreOptions {
            expire_mode: mode,
            // An entry goes at the first check after its time.
            expire_check_freq: Some(Duration::from_millis(20)),
            ..Default::default()
        })
        // Gets each expired entry once, in batches.
        .on_expire(move |expired| async move {
            for (_key, session) in expired {
                println!(
                    "[{name}] {} has gone after {} clicks",
                    session.user, session.clicks
                );
            }
        })
        .done()
}

fn open(sessions: &LiveStore<Session>, user: &'static str) -> Uuid {
    sessions.init(Session { user, clicks: 0 })
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    // Timeout: so long after the last change. Reading does not count.
    let sessions = store("timeout", ExpireMode::Timeout(Duration::from_millis(250)));
    let (ada, bob) = (open(&sessions, "Ada"), open(&sessions, "Bob"));
    for click in 1..=4 {
        sleep(Duration::from_millis(100)).await;
        // Ada clicks, Bob only looks.
        sessions.mutate(&ada, SessionMutation::SetClicks(click)).await?;
        let bob_is_here = sessions.fetch(&bob).is_some();
        println!("[timeout] {} ms: Bob is here: {bob_is_here}", click * 100);
    }

    // Idle: so long after the last use. Reading counts, and while somebody watches, the entry stays.
    let sessions = store("idle", ExpireMode::Idle(Duration::from_millis(200)));
    let (ada, bob) = (open(&sessions, "Ada"), open(&sessions, "Bob"));
    let watch = sessions.watch(&ada);
    sleep(Duration::from_millis(400)).await;
    println!("[idle] Ada is watched and here: {}", sessions.contains_key(&ada));
    println!("[idle] Bob is here: {}", sessions.contains_key(&bob));
    drop(watch);

    // Whoever watches learns why it ended.
    let sessions = store("watched", ExpireMode::Timeout(Duration::from_millis(200)));
    let eve = open(&sessions, "Eve");
    let mut watch = sessions.watch(&eve).ok_or("Eve is here")?;
    while let Some(update) = watch.next().await {
        match update {
            Update::Expire { val, .. } => println!("[watched] the watcher of {} is told so", val.user),
            other => println!("[watched] {other:?}"),
        }
    }
    Ok(())
}
