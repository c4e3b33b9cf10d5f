//! Lists of live queries: told like entries, made while somebody looks, and seen by whom the role function lets see them.

use std::cmp::Reverse;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use livestore::ws::{Live, Local, json};
use livestore::{LiveStore, LiveValue, Uuid};
use serde::Serialize;
use serde_json::{Value, json};
use tokio::time::{advance, timeout};

use crate::world::key;

const LIST: Uuid = Uuid::nil();

#[derive(Clone, LiveValue, Serialize)]
struct Player {
    name: String,
    score: u32,
    team: Uuid,
}

fn player(name: &str, score: u32, team: u128) -> Player {
    Player {
        name: name.to_owned(),
        score,
        team: key(team),
    }
}

struct Game {
    players: LiveStore<Player>,
    live: Live<&'static str>,
    /// How many players were ranked.
    ranked: Arc<AtomicUsize>,
    panics: Arc<AtomicBool>,
}

impl Game {
    fn begin() -> Game {
        let players = LiveStore::<Player>::default();
        let (ranked, panics) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
        let (counts, may_panic) = (Arc::clone(&ranked), Arc::clone(&panics));
        let best = players
            .live(move |_, player| {
                counts.fetch_add(1, Ordering::Relaxed);
                assert!(!may_panic.load(Ordering::Relaxed), "a rank that panics");
                (player.score > 0).then_some(Reverse(player.score))
            })
            .limit(3);
        let teams = players
            .live(|_, player| Some(player.name.clone()))
            .keyed(|player| player.team);
        let live = Live::new()
            .user_id(|user: &&str| (*user).to_owned())
            .limits(|limits| limits.ping_after = Duration::from_secs(1_000_000))
            .serve_list("best", &best, |s| {
                s.view(
                    |cx, _| (*cx.user() != "banned").then(|| *cx.user() == "admin"),
                    |is_admin, list| {
                        let row = |player: &Player| match is_admin {
                            true => json!([player.name, player.score]),
                            false => json!(player.name),
                        };
                        json(&list.iter().map(|(_, player)| row(player)).collect::<Vec<_>>())
                    },
                )
            })
            .serve_lists("team", &teams, |s| {
                s.whole(|cx, _| *cx.user() != "banned" && cx.key() != key(9))
                    .presence(|cx| *cx.user())
            });
        Game {
            players,
            live,
            ranked,
            panics,
        }
    }

    fn add(&self, number: u128, name: &str, score: u32, team: u128) {
        self.players
            .create(&key(number), player(name, score, team))
            .unwrap();
    }

    async fn score(&self, number: u128, score: u32) {
        let change = PlayerMutation::SetScore(score);
        self.players.mutate(&key(number), change).await.unwrap();
    }

    async fn look(&self, user: &'static str, store: &str, key: &Uuid) -> Local<&'static str> {
        let mut local = self.live.local(user);
        let status = local.subscribe(Some(store), key).await.unwrap();
        assert_eq!(status, json!({"k": key}));
        settle(&mut local).await;
        local
    }
}

/// Lets everybody do what there is to do, in which a few periods pass.
async fn settle(local: &mut Local<&'static str>) -> Vec<Value> {
    let mut told = Vec::new();
    let until = tokio::time::Instant::now() + Duration::from_millis(200);
    while let Ok(Some(frame)) = tokio::time::timeout_at(until, local.next()).await {
        told.push(frame);
    }
    told
}

fn best(local: &Local<&'static str>) -> Value {
    local.value(Some("best"), &LIST).cloned().unwrap_or_default()
}

#[tokio::test(start_paused = true)]
async fn a_list_is_told_as_it_is_made_and_as_it_changes() {
    let game = Game::begin();
    for (number, name, score) in [
        (1, "ann", 5),
        (2, "ben", 7),
        (3, "cleo", 0),
        (4, "dan", 6),
        (5, "eve", 1),
    ] {
        game.add(number, name, score, 1);
    }
    let mut guest = game.look("guest", "best", &LIST).await;
    let mut admin = game.look("admin", "best", &LIST).await;
    assert_eq!(best(&guest), json!(["ben", "dan", "ann"]));
    assert_eq!(best(&admin), json!([["ben", 7], ["dan", 6], ["ann", 5]]));
    game.score(3, 9).await;
    settle(&mut guest).await;
    settle(&mut admin).await;
    assert_eq!(best(&guest), json!(["cleo", "ben", "dan"]));
    assert_eq!(best(&admin), json!([["cleo", 9], ["ben", 7], ["dan", 6]]));
    // What changes nothing in a role's view is not told to it.
    game.score(3, 8).await;
    assert_eq!(settle(&mut guest).await, Vec::<Value>::new());
    settle(&mut admin).await;
    assert_eq!(best(&admin), json!([["cleo", 8], ["ben", 7], ["dan", 6]]));
    game.players.remove(&key(2)).await;
    settle(&mut guest).await;
    assert_eq!(best(&guest), json!(["cleo", "dan", "ann"]));
    let got = guest
        .request(json!({"t": "get", "s": "best", "k": LIST}))
        .await
        .unwrap();
    assert_eq!(got["v"], json!(["cleo", "dan", "ann"]));
}

/// An empty list is one, and comes as such; one that is not made yet is not told as if it were empty.
#[tokio::test(start_paused = true)]
async fn nobody_is_told_of_a_list_before_it_is_made() {
    let game = Game::begin();
    (0..5000).for_each(|number| game.add(number, "ann", 1, 1));
    let mut guest = game.live.local("guest");
    let got = guest
        .request(json!({"t": "get", "s": "best", "k": LIST}))
        .await
        .unwrap();
    assert_eq!(got["code"], "unavailable");
    guest.subscribe(Some("best"), &LIST).await.unwrap();
    let first = timeout(Duration::from_secs(1), guest.next())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (&first["t"], &first["v"]),
        (&json!("snap"), &json!(["ann", "ann", "ann"]))
    );

    let empty = Game::begin();
    let guest = empty.look("guest", "best", &LIST).await;
    assert_eq!(best(&guest), json!([]));
}

#[tokio::test(start_paused = true)]
async fn a_group_has_a_list_of_its_own() {
    let game = Game::begin();
    game.add(1, "ann", 1, 1);
    game.add(2, "ben", 1, 2);
    let mut one = game.look("guest", "team", &key(1)).await;
    let mut none = game.look("guest", "team", &key(3)).await;
    let names = |local: &Local<_>, team| {
        let list = local.value(Some("team"), &key(team)).unwrap();
        let rows = list.as_array().unwrap();
        rows.iter()
            .map(|row| row["value"]["name"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(names(&one, 1), ["ann"]);
    assert_eq!(one.value(Some("team"), &key(1)).unwrap()[0]["key"], json!(key(1)));
    assert_eq!(names(&none, 3), Vec::<String>::new());
    let change = PlayerMutation::SetTeam(key(1));
    game.players.mutate(&key(2), change).await.unwrap();
    game.add(3, "cleo", 1, 3);
    settle(&mut one).await;
    settle(&mut none).await;
    assert_eq!(names(&one, 1), ["ann", "ben"]);
    assert_eq!(names(&none, 3), ["cleo"]);
}

#[tokio::test(start_paused = true)]
async fn who_may_not_see_a_list_has_nothing_made() {
    let game = Game::begin();
    game.add(1, "ann", 1, 1);
    let mut banned = game.live.local("banned");
    for (store, key) in [
        ("best", LIST),
        ("team", key(1)),
        ("team", key(9)),
        ("best", key(1)),
    ] {
        let status = banned.subscribe(Some(store), &key).await.unwrap();
        assert_eq!(status["err"], "not_found", "{store} {key}");
        let got = banned
            .request(json!({"t": "get", "s": store, "k": key}))
            .await
            .unwrap();
        assert_eq!(got["code"], "not_found");
    }
    settle(&mut banned).await;
    assert_eq!(game.ranked.load(Ordering::Relaxed), 0);
    let mut guest = game.live.local("guest");
    // Of one list there is one key.
    assert_eq!(
        guest.subscribe(Some("best"), &key(1)).await.unwrap()["err"],
        "not_found"
    );
    assert_eq!(
        guest.subscribe(Some("team"), &key(9)).await.unwrap()["err"],
        "not_found"
    );
    settle(&mut guest).await;
    assert_eq!(game.ranked.load(Ordering::Relaxed), 0);
}

#[tokio::test(start_paused = true)]
async fn a_list_stays_for_a_while_and_then_costs_nothing() {
    let game = Game::begin();
    game.add(1, "ann", 1, 1);
    let guest = game.look("guest", "best", &LIST).await;
    drop(guest);
    advance(Duration::from_secs(9)).await;
    let seen = game.ranked.load(Ordering::Relaxed);
    // It goes on where it was: nothing is ranked anew.
    let guest = game.look("guest", "best", &LIST).await;
    assert_eq!(
        (best(&guest), game.ranked.load(Ordering::Relaxed)),
        (json!(["ann"]), seen)
    );
    drop(guest);
    for _ in 0..12 {
        advance(Duration::from_secs(1)).await;
    }
    game.score(1, 5).await;
    settle(&mut game.live.local("guest")).await;
    assert_eq!(game.ranked.load(Ordering::Relaxed), seen);
    let guest = game.look("guest", "best", &LIST).await;
    assert_eq!(best(&guest), json!(["ann"]));
    assert!(game.ranked.load(Ordering::Relaxed) > seen);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_comes_back_is_told_what_it_missed() {
    let game = Game::begin();
    game.add(1, "ann", 1, 1);
    let mut guest = game.live.local("guest");
    guest.subscribe(Some("best"), &LIST).await.unwrap();
    let first = timeout(Duration::from_secs(1), guest.next())
        .await
        .unwrap()
        .unwrap();
    let epoch = guest.hello().await.unwrap()["epoch"].clone();
    drop(guest);
    let mut guest = game.live.local("guest");
    let again = json!({"t": "sub", "s": "best", "epoch": epoch, "keys": [{"k": LIST, "ver": first["ver"], "r": first["r"]}]});
    let reply = guest.request(again).await.unwrap();
    assert_eq!(reply["subs"][0]["same"], true, "{reply}");
}

/// What has panicked is begun anew, and meanwhile the list is shown as it was.
#[tokio::test(start_paused = true)]
async fn a_list_whose_query_panicked_comes_back() {
    let game = Game::begin();
    game.add(1, "ann", 1, 1);
    let mut guest = game.look("guest", "best", &LIST).await;
    game.panics.store(true, Ordering::Relaxed);
    game.add(2, "ben", 2, 1);
    assert_eq!(settle(&mut guest).await, Vec::<Value>::new());
    game.panics.store(false, Ordering::Relaxed);
    for _ in 0..10 {
        settle(&mut guest).await;
    }
    assert_eq!(best(&guest), json!(["ben", "ann"]));
}

#[tokio::test(start_paused = true)]
async fn a_list_ends_with_its_store() {
    let game = Game::begin();
    game.add(1, "ann", 1, 1);
    let mut guest = game.look("guest", "best", &LIST).await;
    game.players.close().await.unwrap();
    let told = settle(&mut guest).await;
    assert_eq!(
        (&told[0]["t"], &told[0]["why"]),
        (&json!("end"), &json!("closed")),
        "{told:?}"
    );
    let status = guest.subscribe(Some("best"), &LIST).await.unwrap();
    assert_eq!(status["err"], "unavailable");
}

/// Being there and looking are two things, though one subscription does both.
#[tokio::test(start_paused = true)]
async fn who_is_at_a_list_is_counted_and_keeps_it_there() {
    let game = Game::begin();
    game.add(1, "ann", 1, 1);
    let mut guest = game.look("guest", "team", &key(1)).await;
    let mut other = game.look("other", "team@here", &key(1)).await;
    let here = |other: &Local<_>| other.value(Some("team@here"), &key(1)).unwrap()["count"].clone();
    assert_eq!(here(&other), 1);
    assert_eq!(
        guest.subscribe(Some("team"), &key(1)).await.unwrap()["err"],
        Value::Null
    );
    game.live.recheck(&"guest");
    for _ in 0..30 {
        advance(Duration::from_secs(1)).await;
        let told = settle(&mut guest).await;
        assert!(told.iter().all(|frame| frame["t"] != "end"), "{told:?}");
    }
    game.add(2, "ben", 1, 1);
    settle(&mut guest).await;
    settle(&mut other).await;
    assert_eq!(
        guest
            .value(Some("team"), &key(1))
            .unwrap()
            .as_array()
            .unwrap()
            .len(),
        2
    );
    assert_eq!(here(&other), 1);
}

/// The versions of a list begin anew with the server.
#[tokio::test(start_paused = true)]
async fn a_client_that_comes_back_to_another_server_is_shown_the_list_of_that() {
    let game = Game::begin();
    game.add(1, "ann", 1, 0);
    let mut before = game.look("admin", "best", &LIST).await;
    for points in 2..8 {
        game.score(1, points).await;
        settle(&mut before).await;
    }
    let anew = Game::begin();
    anew.add(1, "cid", 3, 0);
    let mut local = anew.live.local("admin");
    local.resume(before);
    local.subscribe(Some("best"), &LIST).await.unwrap();
    settle(&mut local).await;
    assert_eq!(best(&local), json!([["cid", 3]]));
}
