//! A deploy: the old program saves what it has, the new one loads it. `cargo run --example save`

#![allow(clippy::print_stdout, reason = "the program shows what happens")]

use std::error::Error;
use std::path::Path;
use std::time::Duration;

use livestore::{ExpireMode, LiveStore, LiveStoreBuilder, LiveValue, StoreOptions};
use serde::{Deserialize, Serialize};
use tokio::time::sleep;

/// The seat that somebody has chosen, in the program as it was.
#[derive(Clone, LiveValue, Serialize, Deserialize)]
struct OldReservation {
    name: String,
    seat: u32,
}

/// And as it is now. Serde's attributes say how to read what the old program wrote.
#[derive(Clone, Debug, LiveValue, Serialize, Deserialize)]
struct Reservation {
    #[serde(alias = "name")]
    guest: String,
    #[live(range = 1..=200)]
    seat: u32,
    #[serde(default)]
    paid: bool,
}

/// Nothing expires by itself here; a reservation that is not paid has a deadline of its own.
fn builder<V: LiveValue>(version: u32) -> LiveStoreBuilder<V> {
    LiveStore::new()
        .with_options(StoreOptions {
            expire_check_freq: Some(Duration::from_millis(20)),
            expire_mode: ExpireMode::Timeout(Duration::MAX),
            ..Default::default()
        })
        // A file says this of its values: another name, or a newer version, is not loaded.
        .schema("reservation", version)
}

async fn old_program(path: &Path) -> Result<(), Box<dyn Error>> {
    let seats = builder::<OldReservation>(1).load(path).or_empty().await?;
    if seats.load_report().is_none() {
        println!("no file: a fresh start");
    }
    for (name, seat, left) in [("Ada", 12, 5000), ("Grace", 13, 200)] {
        let key = seats.init(OldReservation {
            name: name.to_owned(),
            seat,
        });
        seats.expire_after(&key, Duration::from_millis(left))?;
    }
    // Nobody has to stop for this; here it is the last that the program does.
    let report = seats.save(path).await?;
    println!(
        "saved {} reservations, {} bytes, in {:?}",
        report.entries, report.bytes, report.duration
    );
    Ok(())
}

async fn new_program(path: &Path) -> Result<(), Box<dyn Error>> {
    let seats = builder::<Reservation>(2)
        .on_expire(|expired| async move {
            for (_key, reservation) in expired {
                println!(
                    "{} came too late for seat {}",
                    reservation.guest, reservation.seat
                );
            }
        })
        .load(path)
        .on_refused(|_key, reservation, reason| println!("left out: {reservation:?}, {reason}"))
        .await?;
    if let Some(report) = seats.load_report() {
        println!(
            "loaded {} reservations, {} of them due meanwhile, in {:?}",
            report.entries, report.expired, report.duration
        );
    }
    for (key, reservation) in seats.entries() {
        let paid = seats.mutate(&key, ReservationMutation::SetPaid(true)).await?;
        seats.persist(&key);
        println!("{} has paid, version {}", reservation.guest, paid.version());
    }
    seats.save(path).await?;

    // The way back is refused, not misread.
    if let Err(error) = builder::<OldReservation>(1).load(path).await {
        println!("{error}");
    }
    // Lets the callback have its say.
    sleep(Duration::from_millis(50)).await;
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::temp_dir().join(format!("livestore-{}.save", std::process::id()));
    old_program(&path).await?;
    println!("-- a deploy, which takes 300 ms");
    sleep(Duration::from_millis(300)).await;
    new_program(&path).await?;
    std::fs::remove_file(path)?;
    Ok(())
}
