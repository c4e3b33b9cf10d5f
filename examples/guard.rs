//! Why a guard: what was read is still true when it is written. `cargo run --example guard`

#![allow(clippy::print_stdout, reason = "the program shows what happens")]

use std::error::Error;
use std::time::Duration;

use livestore::{AcquireError, LiveStore, LiveValue, TryAcquireError, Uuid};
use tokio::task::yield_now;

#[derive(Clone, LiveValue)]
struct Account {
    cents: u64,
}

/// Reads, decides, writes. Between the two `await`s another task may do the same with the same number.
async fn withdraw_without_guard(accounts: &LiveStore<Account>, key: &Uuid, cents: u64) -> bool {
    let Some(account) = accounts.fetch(key) else {
        return false;
    };
    yield_now().await; // asks somebody for permission, say
    if account.cents < cents {
        return false;
    }
    let left = account.cents - cents;
    accounts
        .mutate(key, AccountMutation::SetCents(left))
        .await
        .is_ok()
}

/// Holds the account from the reading to the writing. Whoever comes second waits, and reads what the first has left.
async fn withdraw(accounts: &LiveStore<Account>, key: &Uuid, cents: u64) -> bool {
    let Some(mut account) = accounts.acquire(key).await else {
        return false;
    };
    yield_now().await; // a guard may be held while we wait
    if account.cents < cents {
        return false;
    }
    let left = account.cents - cents;
    account.mutate(AccountMutation::SetCents(left)).is_ok()
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let accounts = LiveStore::default();

    let key = accounts.init(Account { cents: 100 });
    let (first, second) = tokio::join!(
        withdraw_without_guard(&accounts, &key, 80),
        withdraw_without_guard(&accounts, &key, 80),
    );
    println!("without guard: {first} and {second}, 160 cents paid out of 100");

    let key = accounts.init(Account { cents: 100 });
    let (first, second) = tokio::join!(withdraw(&accounts, &key, 80), withdraw(&accounts, &key, 80));
    let left = accounts.fetch(&key).ok_or("the account is there")?.cents;
    println!("with guard:    {first} and {second}, {left} cents left");

    // Those who would rather do something else than wait:
    let held = accounts.acquire(&key).await.ok_or("the account is there")?;
    match accounts.try_acquire(&key) {
        Err(TryAcquireError::Held) => println!("try_acquire: somebody has it"),
        other => println!("try_acquire: {other:?}"),
    }
    match accounts.acquire_timeout(&key, Duration::from_millis(50)).await {
        Err(AcquireError::TimedOut) => println!("acquire_timeout: somebody had it for 50 ms"),
        other => println!("acquire_timeout: {other:?}"),
    }
    // Reading never waits.
    println!(
        "fetch: {} cents",
        accounts.fetch(&key).ok_or("the account is there")?.cents
    );

    held.release();
    println!("try_acquire: free again, {}", accounts.try_acquire(&key).is_ok());
    Ok(())
}
