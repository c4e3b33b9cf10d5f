//! Who is there: one card for each user, from his first subscription until he has had none for the grace.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use livestore::ws::{Live, Local, json};
use livestore::{Hidden, LiveStore, Uuid};
use serde::Serialize;
use serde_json::{Value, json};
use tokio::time::{advance, sleep, timeout};

use crate::world::{Room, RoomMutation, key, role, room};

const GRACE: Duration = Duration::from_secs(10);

/// What others see of somebody.
#[derive(Serialize)]
struct Card {
    name: String,
    token: Hidden<String>,
}

struct House {
    rooms: LiveStore<Room>,
    live: Live<String>,
    is_panicking: Arc<AtomicBool>,
}

impl House {
    /// Past the first grace of the server.
    async fn new() -> House {
        let house = House::begin();
        advance(GRACE).await;
        house
    }

    fn begin() -> House {
        let rooms = LiveStore::<Room>::default();
        let is_panicking = Arc::new(AtomicBool::new(false));
        let panics = Arc::clone(&is_panicking);
        let live = Live::<String>::new()
            .user_id(|user| user.split('/').next().unwrap_or_default().to_owned())
            .limits(|limits| limits.ping_after = Duration::from_secs(1_000_000))
            .serve("room", rooms.clone(), |s| {
                s.view(
                    |cx, room| role(cx.user().split('/').next()?, room),
                    |_, room| json(&room.lines),
                )
                .presence(move |cx| {
                    assert!(!panics.load(Ordering::Relaxed), "a card that panics");
                    (cx.user() != "ghost").then(|| Card {
                        name: cx.user().clone(),
                        token: "sentinel".to_owned().into(),
                    })
                })
            });
        House {
            rooms,
            live,
            is_panicking,
        }
    }

    fn room(&self, number: u128, members: &[&str]) -> Uuid {
        self.rooms.create(&key(number), room(members)).unwrap();
        key(number)
    }

    fn visit(&self, user: &str) -> Local<String> {
        self.live.local(user.to_owned())
    }

    /// Somebody in a room.
    async fn enter(&self, user: &str, key: &Uuid) -> Local<String> {
        let mut local = self.visit(user);
        assert_eq!(local.subscribe(None, key).await.unwrap(), json!({"k": key}));
        local
    }

    /// Somebody who looks at who is in it, and is not in it himself.
    async fn watch(&self, user: &str, key: &Uuid) -> Local<String> {
        let mut local = self.visit(user);
        look(&mut local, key).await;
        local
    }
}

async fn look(who: &mut Local<String>, key: &Uuid) {
    let status = who.subscribe(Some("room@here"), key).await.unwrap();
    assert_eq!(status, json!({"k": key}));
    who.pending().await;
}

/// Who is there, as somebody has been told.
fn names(who: &Local<String>, key: &Uuid) -> Vec<String> {
    let Some(here) = who.value(Some("room@here"), key) else {
        return vec!["nothing".to_owned()];
    };
    let people = here["people"].as_object().unwrap();
    let mut names: Vec<_> = people
        .values()
        .map(|card| card["name"].as_str().unwrap().to_owned())
        .collect();
    names.sort();
    names
}

/// Lets time pass in which everybody is told what there is to tell. Returns the frames.
async fn pass(who: &mut Local<String>, time: Duration) -> Vec<Value> {
    let mut told = Vec::new();
    let until = tokio::time::Instant::now() + time;
    while let Ok(Some(frame)) = tokio::time::timeout_at(until, who.next()).await {
        told.push(frame);
    }
    told
}

#[tokio::test(start_paused = true)]
async fn a_user_is_there_from_his_first_subscription_until_the_grace_after_his_last() {
    let house = House::new().await;
    let key = house.room(1, &["ann", "ben"]);
    let mut all = house.watch("all", &key).await;
    assert_eq!(
        all.value(Some("room@here"), &key),
        Some(&json!({"count": 0, "people": {}}))
    );
    let mut one = house.enter("ann", &key).await;
    let told = pass(&mut all, Duration::from_secs(1)).await;
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0]["s"], "room@here");
    assert_eq!(names(&all, &key), ["ann"]);
    // Another tab, and once more in the first.
    let two = house.enter("ann", &key).await;
    one.subscribe(None, &key).await;
    assert!(pass(&mut all, GRACE * 2).await.is_empty());
    drop(two);
    assert!(pass(&mut all, GRACE * 2).await.is_empty());
    one.request(json!({"t": "unsub", "keys": [{"k": key}]}))
        .await
        .unwrap();
    assert!(pass(&mut all, GRACE - Duration::from_millis(1)).await.is_empty());
    assert_eq!(pass(&mut all, Duration::from_millis(300)).await.len(), 1);
    assert_eq!(names(&all, &key), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn whoever_comes_back_within_the_grace_has_not_been_away() {
    let house = House::new().await;
    let key = house.room(1, &["ann", "ben"]);
    let mut all = house.watch("all", &key).await;
    for _ in 0..5 {
        let ann = house.enter("ann", &key).await;
        pass(&mut all, Duration::from_secs(1)).await;
        drop(ann);
        assert!(pass(&mut all, GRACE - Duration::from_secs(1)).await.is_empty());
    }
    // Later, under another name.
    let _ann = house.enter("ann/2", &key).await;
    assert_eq!(pass(&mut all, GRACE * 3).await.len(), 1);
    assert_eq!(names(&all, &key), ["ann/2"]);
    let here = all.value(Some("room@here"), &key).unwrap();
    assert_eq!(here["count"], 1);
}

/// Somebody who had gone for a coffee stayed "at work" until he loaded the page again.
#[tokio::test(start_paused = true)]
async fn a_card_is_made_anew_when_it_is_asked_for() {
    let rooms = LiveStore::<Room>::default();
    let key = rooms.init(room(&["ann", "ben"]));
    let is_away = Arc::new(AtomicBool::new(false));
    let looks = Arc::clone(&is_away);
    let live = Live::<String>::new()
        .user_id(|user| user.clone())
        .limits(|limits| limits.ping_after = Duration::from_secs(1_000_000))
        .serve("room", rooms, |s| {
            s.view(|cx, room| role(cx.user(), room), |_, room| json(&room.lines))
                .presence(move |cx| match looks.load(Ordering::Relaxed) {
                    true => json!({"name": format!("{} (away)", cx.user())}),
                    false => json!({"name": cx.user()}),
                })
        });
    let (mut ann, mut ben) = (live.local("ann".to_owned()), live.local("ben".to_owned()));
    ann.subscribe(None, &key).await;
    look(&mut ben, &key).await;
    pass(&mut ben, GRACE * 2).await;
    assert_eq!(names(&ben, &key), ["ann"]);
    is_away.store(true, Ordering::Relaxed);
    live.recheck(&"ann");
    pass(&mut ann, Duration::from_millis(1)).await;
    let told = pass(&mut ben, Duration::from_secs(1)).await;
    assert_eq!(
        (told.len(), names(&ben, &key)),
        (1, vec!["ann (away)".to_owned()])
    );
    is_away.store(false, Ordering::Relaxed);
    ann.subscribe(None, &key).await;
    pass(&mut ben, Duration::from_secs(1)).await;
    assert_eq!(names(&ben, &key), ["ann"]);
    // He has been there all the time.
    assert!(pass(&mut ben, GRACE * 2).await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn whoever_has_no_id_is_for_himself() {
    let rooms = LiveStore::<Room>::default();
    let key = rooms.init(room(&["ann"]));
    let live = Live::<String>::new()
        .user_id(|user| if user == "ann" { "ann" } else { "" })
        .serve("room", rooms, |s| {
            s.view(|_, _| Some(()), |_, room| json(&room.lines))
                .presence(|cx| json!({"name": cx.user()}))
        });
    let mut visitors = Vec::new();
    for _ in 0..30 {
        let mut visitor = live.local("visitor".to_owned());
        assert_eq!(visitor.subscribe(None, &key).await.unwrap(), json!({"k": key}));
        visitors.push(visitor);
    }
    let mut ann = live.local("ann".to_owned());
    look(&mut ann, &key).await;
    pass(&mut ann, Duration::from_secs(1)).await;
    assert_eq!(names(&ann, &key).len(), 30);
    // What is for nobody in particular is for all of them.
    assert_eq!((live.send_to(&"ann", "hi"), live.send_to(&"", "hi")), (1, 30));
}

#[tokio::test(start_paused = true)]
async fn however_somebody_ends_he_is_gone() {
    let house = House::new().await;
    let key = house.room(1, &["ann", "ben"]);
    let mut all = house.watch("all", &key).await;
    for how in ["drop", "abort", "panic", "kick", "revoke", "gate"] {
        let mut ann = house.enter("ann", &key).await;
        pass(&mut all, Duration::from_secs(1)).await;
        assert_eq!(names(&all, &key), ["ann"], "{how}");
        let live = house.live.clone();
        match how {
            "abort" | "panic" => {
                let task = tokio::spawn(async move {
                    ann.pending().await;
                    assert_ne!(how, "panic");
                    std::future::pending::<()>().await;
                    drop(ann);
                });
                tokio::task::yield_now().await;
                task.abort();
                assert!(task.await.is_err());
            }
            "kick" => {
                assert_eq!(live.kick(&"ann"), 1);
                pass(&mut ann, Duration::from_secs(1)).await;
                assert_eq!(ann.close_code(), Some(4403));
            }
            "revoke" => {
                tokio::join!(live.revoke("room", &key, &"ann"), ann.pending());
            }
            "drop" => drop(ann),
            _ => {
                house
                    .rooms
                    .mutate(&key, RoomMutation::RemoveMembers("ann".into()))
                    .await
                    .unwrap();
                pass(&mut ann, Duration::from_millis(1)).await;
            }
        }
        pass(&mut all, GRACE + Duration::from_secs(1)).await;
        assert_eq!(names(&all, &key), Vec::<String>::new(), "{how}");
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_may_not_see_the_room_may_not_see_who_is_there() {
    let house = House::new().await;
    let (hidden, missing) = (house.room(1, &["ann", "ben"]), key(2));
    let _ann = house.enter("ann", &hidden).await;
    let mut cid = house.visit("cid");
    for key in [hidden, missing] {
        for request in [
            json!({"t": "get", "s": "room@here", "k": key}),
            json!({"t": "cmd", "s": "room@here", "k": key, "c": 1}),
            json!({"t": "pub", "s": "room@here", "k": key, "msg": 1}),
        ] {
            assert_eq!(cid.request(request).await.unwrap()["code"], "not_found");
        }
        let status = cid.subscribe(Some("room@here"), &key).await.unwrap();
        assert_eq!(status["err"], "not_found");
    }
    // Whoever may see it may not change it.
    let mut ben = house.visit("ben");
    for request in [
        json!({"t": "cmd", "s": "room@here", "k": hidden, "c": 1}),
        json!({"t": "pub", "s": "room@here", "k": hidden, "msg": 1}),
    ] {
        assert_eq!(ben.request(request).await.unwrap()["code"], "forbidden");
    }
    // Nor does looking make him one of them.
    let empty = house.room(3, &["ben"]);
    for _ in 0..2 {
        let reply = ben
            .request(json!({"t": "get", "s": "room@here", "k": empty}))
            .await
            .unwrap();
        assert_eq!(reply["v"], json!({"count": 0, "people": {}}));
        drop(house.watch("ben", &empty).await);
    }

    drop(ben);

    // He loses the right, and is told of nobody who comes from then on.
    for how in ["change", "recheck", "revoke"] {
        let mut ben = house.watch("ben", &hidden).await;
        let leave = RoomMutation::RemoveMembers("ben".into());
        house.rooms.mutate(&hidden, leave).await.unwrap();
        match how {
            "change" => drop(house.enter("all", &hidden).await),
            "recheck" => house.live.recheck(&"ben"),
            _ => {
                tokio::join!(house.live.revoke("room", &hidden, &"ben"), ben.pending());
                assert_eq!(ben.value(Some("room@here"), &hidden), None);
            }
        }
        if how != "revoke" {
            let told = pass(&mut ben, Duration::from_secs(1)).await;
            assert_eq!(told.len(), 1, "{how}");
            assert_eq!(
                (&told[0]["t"], &told[0]["why"]),
                (&json!("end"), &json!("revoked"))
            );
        }
        let back = RoomMutation::InsertMembers("ben".into());
        house.rooms.mutate(&hidden, back).await.unwrap();
        sleep(GRACE * 2).await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_many_do_at_once_is_told_four_times_a_second() {
    let house = House::new().await;
    let key = house.room(1, &["ann", "ben"]);
    let mut all = house.watch("all", &key).await;
    let mut told = 0;
    for number in 0..400 {
        // The card is another one each time.
        drop(house.enter(&format!("ann/{number}"), &key).await);
        told += pass(&mut all, Duration::from_millis(10)).await.len();
    }
    assert!((15..=17).contains(&told), "{told} in 4 s");
    pass(&mut all, Duration::from_secs(1)).await;
    assert_eq!(names(&all, &key), ["ann/399"]);
}

#[tokio::test(start_paused = true)]
async fn two_hundred_are_shown_and_the_others_are_counted() {
    let rooms = LiveStore::<Room>::default();
    let key = rooms.init(Room::default());
    let live = Live::<u32>::new()
        .user_id(|user| *user)
        .serve("room", rooms, |s| {
            s.view(|_, _| Some(()), |_, _| json(&()))
                .presence(|cx| (*cx.user() < 1000).then_some(*cx.user()))
                .presence_grace(Duration::from_secs(1))
        });
    advance(GRACE).await;
    let mut watcher = live.local(1000);
    watcher.subscribe(Some("room@here"), &key).await;
    let mut there = Vec::new();
    for number in 0..230 {
        let mut local = live.local(number);
        local.subscribe(None, &key).await;
        there.push(local);
    }
    // Whoever has no card is not counted.
    watcher.subscribe(None, &key).await;
    let shown = async |watcher: &mut Local<u32>| {
        while timeout(Duration::from_secs(2), watcher.next()).await.is_ok() {}
        let here = watcher.value(Some("room@here"), &key).unwrap();
        let people = here["people"].as_object().unwrap().values();
        let people: BTreeSet<_> = people.map(|card| card.as_u64().unwrap()).collect();
        (here["count"].as_u64().unwrap(), people)
    };
    assert_eq!(shown(&mut watcher).await, (230, (0..200).collect()));
    there.drain(..20);
    assert_eq!(shown(&mut watcher).await, (210, (20..220).collect()));
    there.clear();
    assert_eq!(shown(&mut watcher).await, (0, BTreeSet::new()));
}

#[tokio::test(start_paused = true)]
async fn in_the_first_grace_nobody_is_said_to_be_gone() {
    let house = House::begin();
    let key = house.room(1, &["ann", "ben"]);
    let mut all = house.watch("all", &key).await;
    let partial = |all: &Local<String>| all.value(Some("room@here"), &key).unwrap()["partial"] == true;
    assert!(partial(&all));
    let ann = house.enter("ann", &key).await;
    drop(ann);
    pass(&mut all, Duration::from_secs(9)).await;
    assert!(partial(&all));
    assert_eq!(names(&all, &key), ["ann"]);
    let _ben = house.enter("ben", &key).await;
    let told = pass(&mut all, Duration::from_secs(3)).await;
    assert!(!told.is_empty() && !partial(&all));
    assert_eq!(names(&all, &key), ["ben"]);
    // Later nothing is partial, also where nobody was.
    let other = house.room(2, &["ann"]);
    look(&mut all, &other).await;
    assert_eq!(
        all.value(Some("room@here"), &other),
        Some(&json!({"count": 0, "people": {}}))
    );
}

#[tokio::test(start_paused = true)]
async fn a_card_that_panics_or_is_none_is_not_shown_and_takes_nothing_from_anybody() {
    let house = House::new().await;
    let key = house.room(1, &["ann", "ghost"]);
    let mut all = house.watch("all", &key).await;
    house.is_panicking.store(true, Ordering::Relaxed);
    let mut ann = house.enter("ann", &key).await;
    assert_eq!(ann.next().await.unwrap()["t"], "snap");
    house.is_panicking.store(false, Ordering::Relaxed);
    let mut ghost = house.enter("ghost", &key).await;
    assert_eq!(ghost.next().await.unwrap()["t"], "snap");
    assert!(pass(&mut all, GRACE).await.is_empty());
    drop((ann, ghost));
    assert!(pass(&mut all, GRACE * 2).await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn where_users_are_not_told_apart_connections_are() {
    let rooms = LiveStore::<Room>::default();
    let key = rooms.init(Room::default());
    let live = Live::<&str>::new().serve("room", rooms, |s| {
        s.view(|_, _| Some(()), |_, _| json(&()))
            .presence(|cx| *cx.user())
    });
    advance(GRACE).await;
    let (mut one, mut two) = (live.local("ann"), live.local("ann"));
    one.subscribe(None, &key).await;
    two.subscribe(None, &key).await;
    let reply = one
        .request(json!({"t": "get", "s": "room@here", "k": key}))
        .await
        .unwrap();
    // The second came less than a quarter of a second after the first.
    assert_eq!(reply["v"]["count"], 1);
    sleep(Duration::from_millis(300)).await;
    let reply = one
        .request(json!({"t": "get", "s": "room@here", "k": key}))
        .await
        .unwrap();
    assert_eq!(reply["v"]["count"], 2);
}

#[tokio::test(start_paused = true)]
async fn nobody_is_told_what_is_hidden_of_a_card() {
    let house = House::new().await;
    let key = house.room(1, &["ann", "ben"]);
    let mut all = house.visit("all");
    let (sent, told) = std::sync::mpsc::channel();
    all.inspect(move |frame| sent.send(frame.to_owned()).unwrap());
    look(&mut all, &key).await;
    let _ann = house.enter("ann", &key).await;
    pass(&mut all, Duration::from_secs(1)).await;
    let told: Vec<String> = told.try_iter().collect();
    assert!(told.iter().any(|frame| frame.contains("ann")), "{told:?}");
    assert!(told.iter().all(|frame| !frame.contains("sentinel")), "{told:?}");
}

#[tokio::test(start_paused = true)]
async fn what_somebody_is_called_at_one_key_says_nothing_of_who_he_is_at_another() {
    let house = House::new().await;
    let (one, two) = (house.room(1, &["ann"]), house.room(2, &["ann"]));
    let mut called = BTreeSet::new();
    let mut all = house.visit("all");
    for key in [one, two] {
        look(&mut all, &key).await;
        let _ann = house.enter("ann", &key).await;
        pass(&mut all, Duration::from_secs(1)).await;
        let here = all.value(Some("room@here"), &key).unwrap();
        called.extend(here["people"].as_object().unwrap().keys().cloned());
    }
    assert_eq!(called.len(), 2, "{called:?}");
}

/// The server's own end: its stores are closed, and its connections are still there.
#[tokio::test(start_paused = true)]
async fn while_the_server_ends_nobody_is_said_to_have_lost_his_right() {
    let house = House::new().await;
    let key = house.room(1, &["ann", "ben"]);
    let mut all = house.watch("all", &key).await;
    let mut ben = house.enter("ben", &key).await;
    let _ann = house.enter("ann", &key).await;
    pass(&mut all, Duration::from_secs(1)).await;
    house.rooms.close().await.unwrap();
    for end in [
        pass(&mut ben, Duration::from_millis(1)).await.pop().unwrap(),
        pass(&mut all, GRACE * 2).await.pop().unwrap(),
    ] {
        assert_eq!((&end["t"], &end["why"]), (&json!("end"), &json!("closed")));
    }
    for store in ["room", "room@here"] {
        let status = ben.subscribe(Some(store), &key).await.unwrap();
        assert_eq!(status, json!({"k": key, "err": "unavailable"}), "{store}");
        for request in [
            json!({"t": "get", "s": store, "k": key}),
            json!({"t": "cmd", "s": store, "k": key, "c": 1}),
            json!({"t": "pub", "s": store, "k": key, "msg": 1}),
        ] {
            let reply = ben.request(request).await.unwrap();
            assert_eq!(
                (&reply["code"], &reply["retry"]),
                (&json!("unavailable"), &json!(true))
            );
        }
    }
}
