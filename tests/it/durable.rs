//! Stores that are kept on disk.

mod back;
mod damage;
mod expiry;
mod files;
mod owed;
mod refuse;
mod shapes;
mod told;
mod writer;

use std::path::Path;
use std::time::Duration;

use livestore::{Durability, LiveStore, LiveStoreBuilder, LiveValue};
use livestore_tests::Hook;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Writes when it is asked to.
const ON_REQUEST: Durability = Durability::Interval(Duration::MAX);

/// A value with one number.
#[derive(Clone, Debug, PartialEq, LiveValue, Serialize, Deserialize)]
struct Score {
    #[live(set, increment)]
    points: i64,
}

fn score(points: i64) -> Score {
    Score { points }
}

fn scores() -> LiveStoreBuilder<Score> {
    LiveStore::new().with_durability(ON_REQUEST)
}

async fn open(folder: &Path) -> LiveStore<Score> {
    scores().open(folder).await.unwrap()
}

/// A value that runs something when it is serialised, between its two numbers.
#[derive(Clone, Debug, LiveValue)]
struct Hooked {
    #[live(set)]
    pair: (i64, i64),
    #[live(skip)]
    hook: Option<Hook>,
}

fn hooked(n: i64, hook: impl Fn() + Send + Sync + 'static) -> Hooked {
    Hooked {
        pair: (n, n),
        hook: Some(Hook::new(hook)),
    }
}

impl Serialize for Hooked {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let first = self.pair.0;
        if let Some(hook) = &self.hook {
            hook.run();
        }
        (first, self.pair.1).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Hooked {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let pair = Deserialize::deserialize(deserializer)?;
        Ok(Hooked { pair, hook: None })
    }
}

async fn open_hooked(folder: &Path) -> LiveStore<Hooked> {
    LiveStore::new()
        .with_durability(ON_REQUEST)
        .open(folder)
        .await
        .unwrap()
}
