//! What nobody may see is in no frame, and what one may not see any more, or not yet, is in none of his.

use std::sync::{Arc, Mutex};

use livestore::StoreOptions;

use crate::drive::Drive;
use crate::world::{RoomMutation, World, settle};

#[tokio::test(start_paused = true)]
async fn no_secret_is_in_any_byte_that_is_sent() {
    let (mut words, mut cards) = (0, 0);
    for seed in 0..200 {
        let mut drive = Drive::new(5000 + seed);
        for _ in 0..200 {
            drive.step().await;
        }
        drive.compare().await;
        drive.search();
        words += drive.counts.words;
        cards += drive.counts.cards;
    }
    // Those who may see something do.
    assert!(words > 1000 && cards > 1000, "{words} {cards}");
}

/// Ann sees the secret, then others do, then she does again.
#[tokio::test(start_paused = true)]
async fn what_lay_between_two_times_of_a_role_is_not_told() {
    for is_there in [true, false] {
        let world = World::with(
            StoreOptions {
                channel_cap: 1,
                ..Default::default()
            },
            1000,
        );
        let key = world.room(1, &["ann", "ben"]);
        let (mut ann, mut all) = (world.visit("ann"), world.visit("all"));
        let texts = Arc::new(Mutex::new(String::new()));
        ann.subscribe(None, &key).await;
        all.subscribe(None, &key).await;
        settle(&mut ann).await;
        settle(&mut all).await;
        if !is_there {
            // She comes back later, with what she has.
            let mut back = world.visit("ann");
            back.resume(ann);
            ann = back;
        }
        let to = Arc::clone(&texts);
        ann.inspect(move |text| to.lock().unwrap().push_str(text));
        for change in [
            RoomMutation::RemoveMembers("ann".into()),
            RoomMutation::SetSecret("between".into()),
            RoomMutation::SetSecret("good again".into()),
            RoomMutation::InsertMembers("ann".into()),
        ] {
            world.rooms.mutate(&key, change).await.unwrap();
            // Somebody in that role is told each of them.
            settle(&mut all).await;
        }
        assert_eq!(all.value(None, &key).unwrap()["secret"], "good again");
        if !is_there {
            ann.subscribe(None, &key).await;
        }
        settle(&mut ann).await;
        assert_eq!(ann.value(None, &key).unwrap()["secret"], "good again");
        let texts = texts.lock().unwrap();
        assert!(!texts.contains("between"), "{texts}");
    }
}
