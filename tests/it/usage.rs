//! The usage that the README of 0.1.0 promised: a hand-written live value and every call shown there.
//!
//! Told here in other words; the original compiles and runs as it stands, and the second test holds its shape.

use std::time::Duration;

use livestore::{Entry, ExpireMode, LiveStore, LiveValue, MutateError, StoreOptions, Update, Uuid};

#[derive(Clone, Debug, PartialEq)]
struct Lamp {
    watts: u32,
    hours: u64,
}

#[derive(Clone, Debug, PartialEq)]
enum LampMutation {
    SetWatts(u32),
    SetHours(u64),
}

#[derive(Clone, Debug, PartialEq)]
enum LampMessage {
    Blink,
}

#[derive(Clone, Debug, PartialEq)]
enum LampError {
    TooBright,
}

impl LiveValue for Lamp {
    type Message = LampMessage;
    type Mutation = LampMutation;
    type MutError = LampError;

    fn mutate(entry: &Entry<Self>, mutation: &LampMutation) -> Result<Self, LampError> {
        match *mutation {
            LampMutation::SetWatts(watts) if watts > 100 => Err(LampError::TooBright),
            LampMutation::SetWatts(watts) => Ok(Lamp {
                watts,
                hours: entry.hours,
            }),
            LampMutation::SetHours(hours) => Ok(Lamp {
                watts: entry.watts,
                hours,
            }),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn everything_the_first_readme_shows_works_together() {
    let (went, mut gone) = tokio::sync::mpsc::unbounded_channel();
    let store = LiveStore::<Lamp>::new()
        .with_options(StoreOptions {
            expire_check_freq: Some(Duration::from_secs(900)),
            expire_mode: ExpireMode::Timeout(Duration::from_secs(600)),
            ..Default::default()
        })
        .on_expire(move |expired: Vec<(Uuid, Entry<Lamp>)>| {
            let went = went.clone();
            async move {
                for (key, lamp) in expired {
                    went.send((key, lamp.hours)).unwrap();
                }
            }
        })
        .done();

    let hall = store.init(Lamp { watts: 40, hours: 1 });
    let cellar = store.init(Lamp { watts: 60, hours: 2 });
    let attic = store.init(Lamp { watts: 25, hours: 3 });

    let mut watch = store.watch(&hall).unwrap();
    let watcher = tokio::spawn(async move {
        let mut seen = Vec::new();
        while let Some(update) = watch.next().await {
            match update {
                Update::Mutate { mutn, new, old } => {
                    assert_eq!(new.version(), old.version() + 1);
                    seen.push(format!("{mutn:?}"));
                }
                Update::Message { msg, val } => seen.push(format!("{msg:?} at {} W", val.watts)),
                Update::Remove { val, key, .. } => {
                    assert_eq!(key, hall);
                    seen.push(format!("removed after {} h", val.hours));
                }
                _ => seen.push("?".into()),
            }
        }
        seen
    });

    store.mutate(&hall, LampMutation::SetWatts(75)).await.unwrap();
    store.mutate(&hall, LampMutation::SetHours(9)).await.unwrap();
    let refused = store.mutate(&hall, LampMutation::SetWatts(500)).await;
    assert_eq!(refused.unwrap_err(), MutateError::Rejected(LampError::TooBright));
    assert_eq!(store.broadcast(&hall, LampMessage::Blink).unwrap(), 1);

    let mut guard = store.acquire(&cellar).await.unwrap();
    guard.mutate(LampMutation::SetWatts(15)).unwrap();
    guard.mutate(LampMutation::SetHours(10)).unwrap();
    guard.broadcast(LampMessage::Blink);
    assert_eq!((guard.watts, guard.hours), (15, 10));
    guard.delete();
    assert!(store.fetch(&cellar).is_none());

    let removed = store.remove(&hall).await.unwrap();
    assert_eq!(*removed, Lamp { watts: 75, hours: 9 });
    assert_eq!(
        watcher.await.unwrap(),
        [
            "SetWatts(75)",
            "SetHours(9)",
            "Blink at 75 W",
            "removed after 9 h"
        ]
    );

    assert_eq!(gone.recv().await, Some((attic, 3)));
    assert!(store.is_empty());
}
