//! What nobody may see is in no frame, and what one may not see any more, or not yet, is in none of his.

use crate::drive::Drive;

#[tokio::test(start_paused = true)]
async fn no_secret_is_in_any_byte_that_is_sent() {
    let mut words = 0;
    for seed in 0..300 {
        let mut drive = Drive::new(5000 + seed);
        for _ in 0..200 {
            drive.step().await;
        }
        drive.compare().await;
        drive.search();
        words += drive.counts.words;
    }
    // Those who may see something do.
    assert!(words > 1000, "{words}");
}
