//! What is served of a store that is kept on disk.

use std::time::Duration;

use livestore::ws::{Live, json};
use livestore::{Durability, LiveStore, LiveValue, Uuid};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::world::sub;

#[derive(Clone, Default, Serialize, Deserialize, LiveValue)]
struct Account {
    #[live(increment)]
    cents: u64,
}

/// A store of which nothing is written before somebody asks for it.
async fn lazy(folder: &std::path::Path) -> (LiveStore<Account>, Uuid) {
    let accounts = LiveStore::<Account>::new()
        .with_durability(Durability::Interval(Duration::MAX))
        .open(folder)
        .await
        .unwrap();
    let key = accounts.init(Account::default());
    (accounts, key)
}

/// The reply said that the money was there, and it was not when the server had been killed.
#[tokio::test]
async fn a_command_is_answered_when_it_is_on_disk_where_that_is_wanted() {
    let folder = tempfile::tempdir().unwrap();
    let (accounts, key) = lazy(folder.path()).await;
    let serve = |waits| {
        Live::<String>::new().serve("account", accounts.clone(), |s| {
            let s = s
                .view(|_, _| Some(()), |(), account| json(&account.cents))
                .accept(|_, _, cents| Ok(AccountMutation::IncrementCents(cents)));
            if waits { s.answer_when_on_disk() } else { s }
        })
    };
    let waiting = || {
        let disk = accounts.stats().disk.unwrap();
        disk.committed - disk.durable
    };
    let deposit = json!({"t": "cmd", "k": key, "c": 5});
    let mut ann = serve(false).local("ann".to_owned());
    assert_eq!(ann.request(deposit.clone()).await.unwrap()["ver"], 2);
    assert!(waiting() > 0);

    let mut ann = serve(true).local("ann".to_owned());
    sub(&mut ann, &key).await;
    assert_eq!(ann.request(deposit.clone()).await.unwrap()["ver"], 3);
    assert_eq!(waiting(), 0);
    // What is refused need not be written.
    let conflict = json!({"t": "cmd", "k": key, "c": 5, "if": 2});
    assert_eq!(ann.request(conflict).await.unwrap()["code"], "conflict");
    // The disk fails, and nobody is told that it has not.
    std::fs::remove_dir_all(folder.path()).unwrap();
    assert_eq!(ann.request(deposit).await.unwrap()["code"], "internal");
    assert_eq!(accounts.fetch(&key).unwrap().cents, 15);
}

#[test]
#[should_panic(expected = "build it with `open`")]
fn no_command_waits_for_a_disk_that_is_not_there() {
    let live = Live::<String>::new().serve("account", LiveStore::<Account>::default(), |s| {
        s.view(|_, _| Some(()), |(), account| json(&account.cents))
            .answer_when_on_disk()
    });
    drop(live);
}
