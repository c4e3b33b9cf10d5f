//! The whole idea in one file: derive, mutate, watch, guard, remove. `cargo run --example quickstart`

#![allow(clippy::print_stdout, reason = "the program shows what happens")]

use std::error::Error;

use livestore::{LiveStore, LiveValue, MutateError, Update};

/// The derive makes `AuctionMutation::{SetTitle, SetBid}` from the fields, and checks bids.
#[derive(Clone, Debug, LiveValue)]
struct Auction {
    title: String,
    #[live(validate = payable)]
    bid: u32,
}

fn payable(bid: &u32) -> Result<(), &'static str> {
    if *bid <= 10_000 {
        Ok(())
    } else {
        Err("nobody here can pay that")
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let auctions = LiveStore::default();
    let key = auctions.init(Auction {
        title: "Teapot".into(),
        bid: 0,
    });

    // Watching begins with the entry as it is; every later update follows, in order.
    let (now, mut watch) = auctions.fetch_and_watch(&key).ok_or("it was just created")?;
    println!("[watcher] {} stands at {}", now.title, now.bid);
    drop(now);
    let watcher = tokio::spawn(async move {
        while let Some(update) = watch.next().await {
            match update {
                Update::Mutate { new, old, .. } => println!("[watcher] {} -> {}", old.bid, new.bid),
                Update::Remove { val, .. } => println!("[watcher] {} is sold for {}", val.title, val.bid),
                // Whoever falls behind is told so, and goes on from the present.
                Update::Resync { now, missed } => println!("[watcher] {missed} later: {}", now.bid),
                _ => {}
            }
        }
    });

    // A change is a mutation, which the value accepts or refuses.
    let entry = auctions.mutate(&key, AuctionMutation::SetBid(40)).await?;
    println!("[main] version {} has bid {}", entry.version(), entry.bid);
    match auctions.mutate(&key, AuctionMutation::SetBid(1_000_000)).await {
        Err(MutateError::Rejected(reason)) => println!("[main] refused: {reason}"),
        other => println!("[main] not refused: {other:?}"),
    }

    // While a guard is held, nobody else changes the entry; so what was read is still true when it is written.
    let mut auction = auctions.acquire(&key).await.ok_or("nobody removed it")?;
    let more = auction.bid + 5;
    auction.mutate(AuctionMutation::SetBid(more))?;
    auction.release();

    auctions.remove(&key).await;
    watcher.await?;
    println!("[main] {} auctions left", auctions.len());
    Ok(())
}
