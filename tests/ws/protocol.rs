//! What goes over the wire, frame by frame.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use livestore::ws::Deny;
use serde_json::json;

use crate::world::{RoomMutation, World, room, settle, sub};

#[tokio::test(start_paused = true)]
async fn whoever_subscribes_gets_a_snapshot_then_what_changes() {
    let world = World::new();
    let key = world.room(1, &["ann", "ben"]);
    let mut ben = world.visit("ben");
    assert_eq!(sub(&mut ben, &key).await, json!({"k": key}));
    let told = settle(&mut ben).await;
    // He is here himself.
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!((&told[0]["t"], &told[0]["ver"]), (&json!("snap"), &json!(2)));
    assert_eq!(told[0]["v"], json!({"lines": [], "here": 1}));
    world.say(&key, "hello").await;
    let told = settle(&mut ben).await;
    assert_eq!(told.len(), 1);
    assert_eq!((&told[0]["from"], &told[0]["ver"]), (&json!(2), &json!(3)));
    assert_eq!(told[0]["p"], json!([[["lines"], ["hello"]]]));
    assert_eq!(
        ben.value(None, &key),
        Some(&json!({"lines": ["hello"], "here": 1}))
    );
}

#[tokio::test(start_paused = true)]
async fn a_commit_that_changes_nothing_in_a_view_is_not_told() {
    let world = World::new();
    let key = world.room(1, &["ann", "ben"]);
    let (mut ann, mut ben) = (world.visit("ann"), world.visit("ben"));
    sub(&mut ann, &key).await;
    sub(&mut ben, &key).await;
    settle(&mut ann).await;
    settle(&mut ben).await;
    world
        .rooms
        .mutate(&key, RoomMutation::SetSecret("open".into()))
        .await
        .unwrap();
    assert_eq!(settle(&mut ann).await.len(), 1);
    assert!(settle(&mut ben).await.is_empty());
    // What comes then follows what was told before.
    let version = world.say(&key, "hello").await;
    for who in [&mut ann, &mut ben] {
        let told = settle(who).await;
        assert_eq!(told[0]["ver"], version);
        assert_eq!(who.value(None, &key).unwrap()["lines"], json!(["hello"]));
    }
    assert_eq!(ann.value(None, &key).unwrap()["secret"], "open");
}

#[tokio::test(start_paused = true)]
async fn a_command_is_carried_out_and_answered_after_what_it_led_to() {
    let world = World::new();
    let key = world.room(1, &["ann"]);
    let mut ann = world.visit("ann");
    sub(&mut ann, &key).await;
    settle(&mut ann).await;
    ann.send(json!({"t": "cmd", "id": 9, "k": key, "c": {"say": "hi"}}));
    let told = settle(&mut ann).await;
    assert_eq!(told.len(), 2);
    assert_eq!(told[0]["p"], json!([[["lines"], ["ann: hi"]]]));
    assert_eq!(told[1], json!({"t": "ok", "id": 9, "ver": 3}));

    let reply = ann
        .request(json!({"t": "cmd", "k": key, "c": {"say": "late"}, "if": 2}))
        .await
        .unwrap();
    assert_eq!((&reply["code"], &reply["ver"]), (&json!("conflict"), &json!(3)));
    let reply = ann
        .request(json!({"t": "cmd", "k": key, "c": {"say": "now"}, "if": 3}))
        .await
        .unwrap();
    assert_eq!(reply["ver"], 4);
    // A version of another epoch is none of this one.
    let stale = json!({"t": "cmd", "k": key, "c": {"say": "?"}, "if": 4, "epoch": "0"});
    assert_eq!(ann.request(stale).await.unwrap()["code"], "conflict");
    for (command, code) in [(json!({"dance": 1}), "bad_request"), (json!("panic"), "internal")] {
        let reply = ann
            .request(json!({"t": "cmd", "k": key, "c": command}))
            .await
            .unwrap();
        assert_eq!(reply["code"], code, "{command}");
    }
    // It is not left held.
    assert!(world.rooms.try_acquire(&key).is_ok());
    let mut long = world.room(2, &["ann"]);
    for _ in 0..200 {
        world.say(&long, "line").await;
    }
    let reply = ann
        .request(json!({"t": "cmd", "k": long, "c": {"say": "more"}}))
        .await
        .unwrap();
    assert_eq!(reply["code"], "rejected");
    assert!(reply["err"].as_str().unwrap().contains("lines"), "{reply}");
    long = crate::world::key(3);
    let reply = ann
        .request(json!({"t": "cmd", "k": long, "c": {"say": "more"}}))
        .await
        .unwrap();
    assert_eq!(reply["code"], "not_found");
}

/// It said that there is a version of which the client had not been told yet.
#[tokio::test(start_paused = true)]
async fn a_conflict_is_told_after_what_has_led_to_it() {
    let options = livestore::StoreOptions::default();
    // Frames of a key lie a second apart.
    let world = World::with(options, 1);
    let key = world.room(1, &["ann", "ben"]);
    let mut ben = world.visit("ben");
    sub(&mut ben, &key).await;
    settle(&mut ben).await;
    world.say(&key, "one").await;
    let version = world.say(&key, "two").await;
    ben.send(json!({"t": "cmd", "id": 1, "k": key, "c": {"say": "late"}, "if": version - 1}));
    let mut told = settle(&mut ben).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    told.extend(settle(&mut ben).await);
    let last = told.pop().unwrap();
    assert_eq!(
        last,
        json!({"t": "err", "id": 1, "code": "conflict", "ver": version})
    );
    assert_eq!(told.last().unwrap()["ver"], version);
}

#[tokio::test(start_paused = true)]
async fn commands_for_one_key_are_carried_out_in_order_and_delay_no_other_key() {
    let world = World::new();
    let (held, free) = (world.room(1, &["ann"]), world.room(2, &["ann"]));
    let guard = world.rooms.acquire(&held).await.unwrap();
    let mut ann = world.visit("ann");
    for number in 0..10 {
        ann.send(json!({"t": "cmd", "id": number, "k": held, "c": {"say": number.to_string()}}));
    }
    let reply = ann
        .request(json!({"t": "cmd", "k": free, "c": {"say": "hi"}}))
        .await
        .unwrap();
    assert_eq!(reply["ver"], 2);
    assert!(settle(&mut ann).await.is_empty());
    drop(guard);
    let told = settle(&mut ann).await;
    let ids: Vec<_> = told.iter().map(|told| told["id"].as_u64().unwrap()).collect();
    assert_eq!(ids, (0..10).collect::<Vec<_>>());
    let lines = world.rooms.fetch(&held).unwrap().lines.clone();
    assert_eq!(
        lines,
        (0..10).map(|number| format!("ann: {number}")).collect::<Vec<_>>()
    );
    // More than may wait are refused.
    let guard = world.rooms.acquire(&held).await.unwrap();
    for number in 0..40 {
        ann.send(json!({"t": "cmd", "id": number, "k": held, "c": {"say": "x"}}));
    }
    let told = settle(&mut ann).await;
    assert_eq!(told.len(), 8);
    assert!(
        told.iter()
            .all(|told| told["code"] == "rate_limited" && told["retry"] == true)
    );
    // What waits when the connection ends is not carried out.
    drop(ann);
    drop(guard);
    assert_eq!(world.rooms.fetch(&held).unwrap().lines.len(), 10);
}

#[tokio::test(start_paused = true)]
async fn calls_messages_reads_and_events_are_answered() {
    let world = World::new();
    let key = world.room(1, &["ann", "ben"]);
    let (mut ann, mut ben) = (world.visit("ann"), world.visit("ben"));
    let reply = ann
        .request(json!({"t": "call", "f": "count", "c": 41}))
        .await
        .unwrap();
    assert_eq!(reply["v"], 42);
    assert_eq!(
        ann.request(json!({"t": "call", "f": "none"})).await.unwrap()["code"],
        "not_found"
    );
    let mut nobody = world.visit("nobody");
    let reply = nobody
        .request(json!({"t": "call", "f": "count", "c": 1}))
        .await
        .unwrap();
    assert_eq!(
        (&reply["code"], &reply["err"]),
        (&json!("rejected"), &json!("not you"))
    );

    sub(&mut ben, &key).await;
    settle(&mut ben).await;
    let reply = ann
        .request(json!({"t": "pub", "k": key, "msg": "hello"}))
        .await
        .unwrap();
    assert_eq!(reply["t"], "ok");
    let told = settle(&mut ben).await;
    assert_eq!(
        told,
        [json!({"t": "msg", "k": key, "ver": 2, "msg": "ann: hello"})]
    );
    let reply = ann.request(json!({"t": "get", "k": key})).await.unwrap();
    assert_eq!(reply["v"], json!({"lines": [], "here": 1, "secret": "sesame"}));

    assert_eq!(world.live.send_to(&"ben", &json!({"hint": 1})), 1);
    assert_eq!(settle(&mut ben).await, [json!({"t": "event", "e": {"hint": 1}})]);
    assert_eq!(world.live.send_to(&"cid", &1), 0);
}

#[tokio::test(start_paused = true)]
async fn the_end_of_an_entry_is_told_with_its_cause() {
    let world = World::new();
    let (one, two) = (world.room(1, &["ann"]), world.room(2, &["ann"]));
    let mut ann = world.visit("ann");
    sub(&mut ann, &one).await;
    sub(&mut ann, &two).await;
    settle(&mut ann).await;
    let bye = crate::world::RoomMessage::Wave("bye".into());
    world.rooms.remove_with_msg(&one, bye).await.unwrap();
    let told = settle(&mut ann).await;
    assert_eq!(
        told,
        [json!({"t": "end", "k": one, "ver": 3, "why": "removed", "msg": "bye"})]
    );
    assert_eq!(ann.value(None, &one), None);
    // Another life of the key is another subscription.
    world.rooms.create(&one, room(&["ann"])).unwrap();
    assert!(settle(&mut ann).await.is_empty());
    assert_eq!(sub(&mut ann, &one).await, json!({"k": one}));
    assert_eq!(settle(&mut ann).await[0]["t"], "snap");
}

#[tokio::test(start_paused = true)]
async fn whoever_comes_back_gets_what_he_missed_and_no_more() {
    for history in [0, 100] {
        let world = World::with_history(history);
        let key = world.room(1, &["ann", "ben"]);
        let mut ben = world.visit("ben");
        let hello = ben.request(json!({"t": "unsub", "keys": []})).await;
        assert!(hello.is_some());
        sub(&mut ben, &key).await;
        world
            .say(&key, &"a long line that a patch need not repeat ".repeat(5))
            .await;
        let told = settle(&mut ben).await;
        let (ver, r) = (told.last().unwrap()["ver"].clone(), told[0]["r"].clone());
        let epoch = world.epoch().await;
        drop(ben);
        let back = |ver: &serde_json::Value| json!({"t": "sub", "epoch": epoch, "keys": [{"k": key, "ver": ver, "r": r}]});

        // Somebody is there all the time, so the views are there as well.
        let mut stays = world.visit("ben");
        sub(&mut stays, &key).await;
        settle(&mut stays).await;
        let now = world.say(&key, "one").await;
        settle(&mut stays).await;
        let mut again = world.visit("ben");
        let reply = again.request(back(&ver)).await.unwrap();
        assert_eq!(reply["subs"][0], json!({"k": key}));
        let told = settle(&mut again).await;
        match history {
            0 => assert_eq!(told[0]["t"], "snap"),
            _ => assert_eq!((&told[0]["t"], &told[0]["from"]), (&json!("upd"), &ver)),
        }
        // What he has is what there is.
        settle(&mut stays).await;
        let has = settle(&mut stays)
            .await
            .last()
            .map_or(now + 1, |told| told["ver"].as_u64().unwrap());
        let reply = world.visit("ben").request(back(&json!(has))).await.unwrap();
        assert_eq!(reply["subs"][0]["same"], true, "{reply}");
        // Another epoch, another role, a version from the future: the whole.
        for wrong in [
            json!({"t": "sub", "epoch": "0", "keys": [{"k": key, "ver": ver, "r": r}]}),
            json!({"t": "sub", "epoch": epoch, "keys": [{"k": key, "ver": ver, "r": "0"}]}),
            json!({"t": "sub", "epoch": epoch, "keys": [{"k": key, "ver": 1_000_000, "r": r}]}),
            json!({"t": "sub", "epoch": epoch, "keys": [{"k": key, "ver": ver}]}),
        ] {
            let mut again = world.visit("ben");
            again.request(wrong).await.unwrap();
            assert_eq!(settle(&mut again).await[0]["t"], "snap");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_is_there_is_counted_once_and_leaves_however_he_ends() {
    let world = World::new();
    let key = world.room(1, &["ann", "ben"]);
    let mut ann = world.visit("ann");
    sub(&mut ann, &key).await;
    sub(&mut ann, &key).await;
    settle(&mut ann).await;
    assert_eq!(world.rooms.fetch(&key).unwrap().here, 1);
    let mut ben = world.visit("ben");
    sub(&mut ben, &key).await;
    settle(&mut ben).await;
    assert_eq!(world.rooms.fetch(&key).unwrap().here, 2);
    ann.request(json!({"t": "unsub", "keys": [{"k": key}]}))
        .await
        .unwrap();
    assert_eq!(world.rooms.fetch(&key).unwrap().here, 1);
    drop(ben);
    assert_eq!(world.rooms.fetch(&key).unwrap().here, 0);
    assert_eq!(world.live.connections(), 1);
    drop(ann);
    assert_eq!((world.live.connections(), world.rooms.stats().watchers), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn whoever_comes_while_the_entry_is_held_comes_once() {
    let world = World::new();
    let key = world.room(1, &["ann"]);
    let guard = world.rooms.acquire(&key).await.unwrap();
    let mut ann = world.visit("ann");
    for _ in 0..3 {
        sub(&mut ann, &key).await;
        sub(&mut ann, &key).await;
        ann.send(json!({"t": "unsub", "keys": [{"k": key}]}));
        settle(&mut ann).await;
    }
    sub(&mut ann, &key).await;
    settle(&mut ann).await;
    drop(guard);
    settle(&mut ann).await;
    let room = world.rooms.fetch(&key).unwrap();
    assert_eq!((room.here, room.version()), (1, 2));
    drop(ann);
    let room = world.rooms.fetch(&key).unwrap();
    assert_eq!((room.here, room.version()), (0, 3));
}

/// The first time he was about to come to a room that was removed meanwhile. Nobody tried again.
#[tokio::test(start_paused = true)]
async fn whoever_comes_to_the_room_that_took_the_place_of_another_is_in_it() {
    let world = World::new();
    let key = world.room(1, &["ann"]);
    let here = || world.rooms.fetch(&key).unwrap().here;
    let mut ann = world.visit("ann");
    // He waits.
    let guard = world.rooms.acquire(&key).await.unwrap();
    sub(&mut ann, &key).await;
    guard.delete();
    world.rooms.create(&key, room(&["ann"])).unwrap();
    ann.send(json!({"t": "sub", "keys": [{"k": key}]}));
    settle(&mut ann).await;
    assert_eq!(here(), 1);
    ann.request(json!({"t": "unsub", "keys": [{"k": key}]})).await;
    assert_eq!(here(), 0);
    // He is in it, and has not been told yet that it has ended.
    sub(&mut ann, &key).await;
    settle(&mut ann).await;
    assert_eq!(here(), 1);
    world.rooms.remove(&key).await.unwrap();
    world.rooms.create(&key, room(&["ann"])).unwrap();
    ann.send(json!({"t": "sub", "keys": [{"k": key}]}));
    settle(&mut ann).await;
    assert_eq!(here(), 1);
    drop(ann);
    assert_eq!(here(), 0);
}

#[tokio::test(start_paused = true)]
async fn silence_is_asked_about_and_then_ends_the_connection() {
    let world = World::new();
    let mut ann = world.visit("ann");
    assert_eq!(ann.next().await.unwrap(), json!({"t": "ping"}));
    ann.send(json!({"t": "pong"}));
    assert_eq!(ann.next().await.unwrap(), json!({"t": "ping"}));
    assert_eq!(ann.next().await, None);
    assert_eq!(ann.close_code(), Some(4508));
}

#[tokio::test(start_paused = true)]
async fn on_the_way_down_all_are_told_and_nobody_is_let_in() {
    let world = World::new();
    let mut ann = world.visit("ann");
    let shutdown = tokio::spawn({
        let live = world.live.clone();
        async move { live.shutdown_on(std::future::ready(())).await }
    });
    let bye = ann.next().await.unwrap();
    assert_eq!((&bye["t"], &bye["why"]), (&json!("bye"), &json!("restart")));
    assert!(bye["after"].as_u64().unwrap() >= 500);
    assert_eq!(ann.next().await, None);
    assert_eq!(ann.close_code(), Some(1012));
    shutdown.await.unwrap();
    let mut late = world.visit("ben");
    assert_eq!(late.next().await, None);
    assert_eq!(late.close_code(), Some(1012));
}

/// Each restart cut a payment in two: what it had done stood, and what was to follow did not.
#[tokio::test(start_paused = true)]
async fn what_is_under_way_comes_to_its_end_before_the_server_does() {
    let world = World::new();
    let key = world.room(1, &["ann"]);
    let steps = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&steps);
    let live = world.live.clone().call("pay", move |_, (): ()| {
        let steps = Arc::clone(&counted);
        async move {
            steps.fetch_add(1, Ordering::Relaxed);
            tokio::time::sleep(Duration::from_secs(3)).await;
            steps.fetch_add(1, Ordering::Relaxed);
            Ok::<_, Deny>("paid")
        }
    });
    let mut ann = live.local("ann".to_owned());
    sub(&mut ann, &key).await;
    settle(&mut ann).await;
    let guard = world.rooms.acquire(&key).await.unwrap();
    ann.send(json!({"t": "call", "id": 1, "f": "pay"}));
    ann.send(json!({"t": "cmd", "id": 2, "k": key, "c": {"say": "good-bye"}}));
    assert!(settle(&mut ann).await.is_empty());

    let shutdown = tokio::spawn({
        let live = live.clone();
        async move { live.shutdown_on(std::future::ready(())).await }
    });
    let told = settle(&mut ann).await;
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0]["t"], "bye");
    // Nothing is begun any more.
    let late = ann.request(json!({"t": "call", "f": "pay"})).await.unwrap();
    assert_eq!(
        (&late["code"], &late["after"]),
        (&json!("unavailable"), &told[0]["after"])
    );
    guard.release();
    let mut last = Vec::new();
    while let Some(frame) = ann.next().await {
        last.push(frame);
    }
    assert_eq!(last.len(), 3, "{last:?}");
    assert_eq!(last[0]["p"], json!([[["lines"], ["ann: good-bye"]]]));
    assert_eq!((&last[1]["t"], &last[1]["id"]), (&json!("ok"), &json!(2)));
    assert_eq!(last[2], json!({"t": "ok", "id": 1, "v": "paid"}));
    assert_eq!(ann.close_code(), Some(1012));
    assert_eq!(steps.load(Ordering::Relaxed), 2);
    shutdown.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_end_of_the_server_waits_ten_seconds_for_what_does_not_end() {
    let world = World::new();
    let live = world
        .live
        .clone()
        .call("hang", |_, (): ()| std::future::pending::<Result<(), Deny>>());
    let (mut ann, mut ben) = (live.local("ann".to_owned()), live.local("ben".to_owned()));
    ann.send(json!({"t": "call", "id": 1, "f": "hang"}));
    settle(&mut ann).await;
    let begun = tokio::time::Instant::now();
    let shutdown = live.shutdown_on(std::future::ready(()));
    let drain = async |who: &mut livestore::ws::Local<String>| {
        while who.next().await.is_some() {}
        begun.elapsed()
    };
    let (idle, busy, ()) = tokio::join!(drain(&mut ben), drain(&mut ann), shutdown);
    assert_eq!(idle, Duration::ZERO);
    assert_eq!(busy, Duration::from_secs(10));
}

/// Whoever had a key told once a second had his own commands answered once a second.
#[tokio::test(start_paused = true)]
async fn a_reply_does_not_wait_for_the_period_of_its_key() {
    // Frames of a key lie a second apart.
    let world = World::with(livestore::StoreOptions::default(), 1);
    let key = world.room(1, &["ann", "ben"]);
    let (mut ann, mut ben) = (world.visit("ann"), world.visit("ben"));
    sub(&mut ann, &key).await;
    sub(&mut ben, &key).await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    settle(&mut ann).await;
    settle(&mut ben).await;
    world.say(&key, "somebody else").await;
    settle(&mut ann).await;
    settle(&mut ben).await;
    let asked = tokio::time::Instant::now();
    let say = json!({"t": "cmd", "k": key, "c": {"say": "me"}});
    let reply = ann.request(say.clone()).await.unwrap();
    assert_eq!((&reply["t"], asked.elapsed()), (&json!("ok"), Duration::ZERO));
    let lines = |who: &livestore::ws::Local<String>| {
        who.value(None, &key).unwrap()["lines"].as_array().unwrap().len()
    };
    assert_eq!(lines(&ann), 2);
    // Nobody else is told any earlier, nor is the next of one's own: a view is made twice in a period at most.
    assert!(settle(&mut ben).await.is_empty());
    ann.request(say).await.unwrap();
    assert!(asked.elapsed() > Duration::from_millis(500));
    tokio::time::sleep(Duration::from_secs(2)).await;
    settle(&mut ben).await;
    assert_eq!((lines(&ann), lines(&ben)), (3, 3));
}

#[tokio::test(start_paused = true)]
async fn what_is_no_key_is_told_from_one_that_has_no_entry() {
    let world = World::new();
    let key = world.room(1, &["ann"]);
    let mut ann = world.visit("ann");
    for none in [key.to_string().replace('-', ""), "A0".repeat(18), String::new()] {
        for request in [
            json!({"t": "get", "k": none}),
            json!({"t": "cmd", "k": none, "c": {"say": "hi"}}),
            json!({"t": "pub", "k": none, "msg": "hi"}),
        ] {
            let reply = ann.request(request).await.unwrap();
            assert_eq!(reply["code"], "bad_request", "{reply}");
            assert_eq!(reply["err"], "a key is a UUID, hyphenated and in lower case");
        }
        let status = ann
            .request(json!({"t": "sub", "keys": [{"k": none}, {"k": key}]}))
            .await
            .unwrap();
        assert_eq!(
            status["subs"],
            json!([{"k": none, "err": "bad_request"}, {"k": key}])
        );
    }
    let reply = ann
        .request(json!({"t": "get", "s": "rooms", "k": key}))
        .await
        .unwrap();
    assert_eq!(
        (&reply["code"], &reply["err"]),
        (
            &json!("bad_request"),
            &json!("no store is served under this name")
        )
    );
}

#[tokio::test(start_paused = true)]
async fn the_end_of_the_store_is_told_as_no_end_of_its_entries() {
    let world = World::new();
    let (one, two) = (world.room(1, &["ann"]), world.room(2, &["ann"]));
    let mut ann = world.visit("ann");
    sub(&mut ann, &one).await;
    sub(&mut ann, &two).await;
    settle(&mut ann).await;
    world.rooms.close().await.unwrap();
    let mut told = settle(&mut ann).await;
    told.sort_by_key(|told| told["k"].to_string());
    let end = |key| json!({"t": "end", "k": key, "why": "closed"});
    assert_eq!(told, [end(one), end(two)]);
    assert_eq!(sub(&mut ann, &one).await["err"], "unavailable");
    assert_eq!(ann.close_code(), None);
}

/// What led on from the version that he says he has would not lead on from what comes to him meanwhile.
#[tokio::test(start_paused = true)]
async fn whoever_subscribes_again_to_what_he_follows_is_told_what_leads_on_from_all_that_he_was_sent() {
    for (is_sent, has_more) in [(false, false), (false, true), (true, false), (true, true)] {
        let world = World::with_history(10);
        let key = world.room(1, &["ann"]);
        // So many that a patch adds to them.
        for _ in 0..9 {
            world.say(&key, "zero").await;
        }
        let mut ann = world.visit("ann");
        let epoch = world.epoch().await;
        sub(&mut ann, &key).await;
        let snap = ann.next().await.unwrap();
        world.say(&key, "one").await;
        // As if it came only after she has asked.
        if is_sent {
            settle(&mut ann).await;
        }
        if has_more {
            world.say(&key, "two").await;
        }
        let has = json!({"k": key, "ver": snap["ver"], "r": snap["r"]});
        ann.send(json!({"t": "sub", "id": 7, "epoch": epoch, "keys": [has]}));
        for _ in 0..2 {
            settle(&mut ann).await;
            let lines = &world.rooms.fetch(&key).unwrap().lines;
            assert_eq!(ann.value(None, &key).unwrap()["lines"], json!(lines));
            world.say(&key, "three").await;
        }
    }
}
