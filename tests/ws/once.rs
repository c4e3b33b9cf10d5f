//! What many follow is made once, and not kept longer than somebody follows.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use livestore::ws::{Live, Local, json};
use livestore::{LiveStore, LiveValue, Shared, Uuid};
use serde_json::json;

use crate::world::{settle, sub};

#[derive(Clone, Debug, LiveValue)]
#[live(message(name = ScoreMessage, variants(Cheer(u32))))]
struct Score {
    #[live(increment)]
    points: u32,
    #[live(set)]
    secret: u32,
}

/// How often the hooks were called.
#[derive(Clone, Default)]
struct Calls {
    roles: Arc<AtomicUsize>,
    views: Arc<AtomicUsize>,
    messages: Arc<AtomicUsize>,
}

impl Calls {
    fn take_views(&self) -> usize {
        self.views.swap(0, Ordering::Relaxed)
    }

    fn take_messages(&self) -> usize {
        self.messages.swap(0, Ordering::Relaxed)
    }
}

struct World {
    scores: LiveStore<Score>,
    live: Live<String>,
    calls: Calls,
    key: Uuid,
}

impl World {
    /// The role of a user is his first letter.
    fn new(at_most: u32) -> World {
        let scores = LiveStore::<Score>::default();
        let key = scores.init(Score { points: 0, secret: 0 });
        let calls = Calls::default();
        let roles = Arc::clone(&calls.roles);
        let (views, messages) = (Arc::clone(&calls.views), Arc::clone(&calls.messages));
        let live = Live::<String>::new().limits(|limits| limits.ping_after = Duration::from_secs(10_000));
        let live = live.serve("score", scores.clone(), move |s| {
            s.view(
                move |cx, _| {
                    roles.fetch_add(1, Ordering::Relaxed);
                    cx.user().chars().next()
                },
                move |_, score| {
                    views.fetch_add(1, Ordering::Relaxed);
                    json(&score.points)
                },
            )
            .messages(move |_, ScoreMessage::Cheer(times)| {
                messages.fetch_add(1, Ordering::Relaxed);
                Some(json(times))
            })
            .at_most(at_most)
        });
        World {
            scores,
            live,
            calls,
            key,
        }
    }

    /// Fifty connections, in three roles.
    async fn crowd(&self) -> Vec<Local<String>> {
        let mut crowd = Vec::new();
        for number in 0..50 {
            let name = (["a", "b", "c"])[number % 3];
            let mut local = self.live.local(name.to_owned());
            sub(&mut local, &self.key).await;
            crowd.push(local);
        }
        settle_all(&mut crowd).await;
        crowd
    }

    async fn add(&self) {
        let added = self.scores.mutate(&self.key, ScoreMutation::IncrementPoints(1));
        added.await.unwrap();
    }
}

async fn settle_all(crowd: &mut [Local<String>]) -> Vec<usize> {
    let mut told = Vec::new();
    for local in crowd {
        told.push(settle(local).await.len());
    }
    told
}

#[tokio::test(start_paused = true)]
async fn a_change_is_viewed_once_for_each_role() {
    let world = World::new(1000);
    let mut crowd = world.crowd().await;
    assert_eq!(world.calls.take_views(), 3);
    for _ in 0..10 {
        world.calls.roles.store(0, Ordering::Relaxed);
        world.add().await;
        assert_eq!(settle_all(&mut crowd).await, [1; 50]);
        assert_eq!(world.calls.take_views(), 3);
        // Whether somebody may see it is asked for each.
        assert_eq!(world.calls.roles.load(Ordering::Relaxed), 50);
    }
    // What comes together is told together.
    for _ in 0..10 {
        world.add().await;
    }
    settle_all(&mut crowd).await;
    assert!(world.calls.take_views() <= 2 * 3);
    for local in &crowd {
        assert_eq!(local.value(None, &world.key), Some(&json!(20)));
    }
    // Who comes in addition finds what there is.
    let mut late = world.live.local("a".to_owned());
    sub(&mut late, &world.key).await;
    assert_eq!(settle(&mut late).await[0]["v"], 20);
    assert_eq!(world.calls.take_views(), 0);
}

#[tokio::test(start_paused = true)]
async fn what_changes_nothing_in_a_view_is_viewed_once_and_told_to_nobody() {
    let world = World::new(1000);
    let mut crowd = world.crowd().await;
    world.calls.take_views();
    for number in 1..=3 {
        let secret = world.scores.mutate(&world.key, ScoreMutation::SetSecret(number));
        secret.await.unwrap();
        assert_eq!(settle_all(&mut crowd).await, [0; 50]);
        assert_eq!(world.calls.take_views(), 3);
    }
}

#[tokio::test(start_paused = true)]
async fn where_nobody_follows_nothing_is_viewed() {
    let world = World::new(60);
    let mut idle = world.live.local("a".to_owned());
    world.add().await;
    world
        .scores
        .broadcast(&world.key, ScoreMessage::Cheer(1))
        .unwrap();
    settle(&mut idle).await;
    assert_eq!((world.calls.take_views(), world.calls.take_messages()), (0, 0));
    assert_eq!(world.scores.stats().watchers, 0);
}

#[tokio::test(start_paused = true)]
async fn a_message_is_encoded_once_for_each_role() {
    let world = World::new(60);
    let mut crowd = world.crowd().await;
    world
        .scores
        .broadcast(&world.key, ScoreMessage::Cheer(1))
        .unwrap();
    assert_eq!(settle_all(&mut crowd).await, [1; 50]);
    assert_eq!(world.calls.take_messages(), 3);
    // One connection after the other takes many at once.
    for number in 0..40 {
        let cheer = ScoreMessage::Cheer(number);
        world.scores.broadcast(&world.key, cheer).unwrap();
    }
    assert_eq!(settle_all(&mut crowd).await, [40; 50]);
    assert_eq!(world.calls.take_messages(), 3 * 40);
}

#[tokio::test(start_paused = true)]
async fn a_key_is_told_no_more_often_than_it_is_to_be() {
    let world = World::new(10);
    let mut local = world.live.local("a".to_owned());
    sub(&mut local, &world.key).await;
    settle(&mut local).await;
    let mut told = 0;
    for _ in 0..100 {
        world.add().await;
        told += local.pending().await.len();
        tokio::time::advance(Duration::from_millis(10)).await;
    }
    assert!((9..=11).contains(&told), "{told}");
    tokio::time::advance(Duration::from_millis(100)).await;
    settle(&mut local).await;
    assert_eq!(local.value(None, &world.key), Some(&json!(100)));
    assert!(world.calls.take_views() <= 12);
}

#[tokio::test(start_paused = true)]
async fn when_all_have_left_nothing_is_kept() {
    let world = World::new(1000);
    let mut crowd = world.crowd().await;
    world.add().await;
    world
        .scores
        .broadcast(&world.key, ScoreMessage::Cheer(1))
        .unwrap();
    settle_all(&mut crowd).await;
    let value = world.scores.fetch(&world.key).unwrap().value().clone();
    // Half of them end, the others unsubscribe.
    crowd.truncate(25);
    assert_eq!(world.scores.stats().watchers, 25);
    for local in &mut crowd {
        local.send(json!({"t": "unsub", "keys": [{"k": world.key}]}));
        settle(local).await;
    }
    assert_eq!(world.scores.stats().watchers, 0);
    world.calls.take_views();
    // The message that was kept had the entry with it.
    world.add().await;
    assert_eq!(Shared::count(&value), 1);
    // Whoever comes now is shown what is made for him.
    sub(&mut crowd[0], &world.key).await;
    settle(&mut crowd[0]).await;
    assert_eq!(world.calls.take_views(), 1);
    drop(crowd);
    assert_eq!((world.live.connections(), world.scores.stats().watchers), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn however_many_come_a_role_is_viewed_twice_in_a_period_at_most() {
    let world = World::new(1);
    let mut first = world.live.local("a".to_owned());
    sub(&mut first, &world.key).await;
    settle(&mut first).await;
    world.calls.take_views();
    let mut crowd = Vec::new();
    for _ in 0..100 {
        // Each finds another entry.
        world.add().await;
        let mut local = world.live.local("a".to_owned());
        sub(&mut local, &world.key).await;
        local.pending().await;
        crowd.push(local);
        tokio::time::advance(Duration::from_millis(1)).await;
    }
    assert_eq!(world.calls.take_views(), 1);
    // The first of them need not wait, the others no longer than others do.
    assert_eq!(crowd[0].value(None, &world.key), Some(&json!(1)));
    assert_eq!(crowd[1].value(None, &world.key), None);
    tokio::time::advance(Duration::from_secs(1)).await;
    settle_all(&mut crowd).await;
    settle(&mut first).await;
    for local in crowd.iter().chain([&first]) {
        assert_eq!(local.value(None, &world.key), Some(&json!(100)));
    }
    assert_eq!(world.calls.take_views(), 1);
}

#[tokio::test(start_paused = true)]
async fn who_reads_once_what_others_follow_is_shown_what_was_made_for_them() {
    let world = World::new(1000);
    let mut ann = world.live.local("ann".to_owned());
    sub(&mut ann, &world.key).await;
    settle(&mut ann).await;
    assert_eq!(world.calls.take_views(), 1);
    let get = json!({"t": "get", "k": world.key});
    for name in ["al", "ann"] {
        let reply = world
            .live
            .local(name.to_owned())
            .request(get.clone())
            .await
            .unwrap();
        assert_eq!((&reply["v"], &reply["ver"]), (&json!(0), &json!(1)));
    }
    assert_eq!(world.calls.take_views(), 0);
    // In another role, and at a version that nobody was told yet, it is made.
    world
        .live
        .local("ben".to_owned())
        .request(get.clone())
        .await
        .unwrap();
    world.add().await;
    let reply = world.live.local("al".to_owned()).request(get).await.unwrap();
    assert_eq!(reply["v"], 1);
    assert_eq!(world.calls.take_views(), 2);
}
