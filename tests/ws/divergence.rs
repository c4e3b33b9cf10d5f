//! Whatever happens on the way, in the end a client has what there is.

use livestore_tests::Dice;

use crate::drive::Drive;

/// Each is a world of its own.
const ROUNDS: u64 = 200;

#[tokio::test(start_paused = true)]
async fn in_the_end_every_client_has_what_a_fresh_read_gives() {
    let mut counts = [0; 7];
    for seed in 0..ROUNDS {
        let mut drive = Drive::new(seed);
        for _ in 0..4 {
            for _ in 0..60 {
                drive.step().await;
            }
            drive.compare().await;
        }
        let of = &drive.counts;
        for (sum, count) in counts.iter_mut().zip([
            of.same,
            of.patches,
            of.snaps,
            of.lags,
            of.ends,
            of.messages,
            of.looks,
        ]) {
            *sum += count;
        }
        assert_eq!(drive.leave(), 0);
    }
    // Everything happened.
    assert!(counts.iter().all(|count| *count > 100), "{counts:?}");
}

#[tokio::test(start_paused = true)]
async fn a_message_is_told_or_counted_as_lost() {
    for seed in 0..ROUNDS {
        let mut drive = Drive::new(1000 + seed);
        for _ in 0..100 {
            drive.step().await;
        }
        drive.compare().await;
        drive.count_messages();
    }
}

/// Whoever is further may be on another thread.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn on_several_threads_it_is_the_same() {
    let (mut patches, mut ends) = (0, 0);
    for seed in 0..8 {
        let mut drive = Drive::with(Dice::new(9000 + seed), 1000);
        drive.race(400).await;
        drive.compare().await;
        drive.search();
        patches += drive.counts.patches;
        ends += drive.counts.ends;
    }
    assert!(patches > 200 && ends > 20, "{patches} {ends}");
}
