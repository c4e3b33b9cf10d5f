//! Who sees what: the role function, asked before everything.

use serde_json::json;

use crate::world::{RoomMutation, World, key, room, settle, sub};

#[tokio::test(start_paused = true)]
async fn what_one_may_not_see_answers_as_what_is_not_there() {
    let world = World::new();
    let (hidden, missing) = (world.room(1, &["ann"]), key(2));
    for who in ["ben", "panic"] {
        let mut ben = world.visit(who);
        let mut answers = Vec::new();
        for key in [hidden, missing] {
            let mut told = Vec::new();
            for request in [
                json!({"t": "get", "id": 1, "k": key}),
                json!({"t": "cmd", "id": 1, "k": key, "c": {"say": "hi"}}),
                json!({"t": "cmd", "id": 1, "k": key, "c": {"say": "hi"}, "if": 1}),
                json!({"t": "cmd", "id": 1, "k": key, "c": "nonsense"}),
                json!({"t": "pub", "id": 1, "k": key, "msg": "hi"}),
                json!({"t": "pub", "id": 1, "k": key, "msg": {}}),
            ] {
                ben.send(request);
                told.extend(settle(&mut ben).await);
            }
            let status = sub(&mut ben, &key).await;
            assert_eq!(status["err"], "not_found");
            answers.push(told);
        }
        assert_eq!(answers[0], answers[1]);
        assert!(
            answers[0]
                .iter()
                .all(|told| *told == json!({"t": "err", "id": 1, "code": "not_found"}))
        );
        assert_eq!(answers[0].len(), 6);
    }
    assert_eq!(world.rooms.stats().watchers, 0);
    assert_eq!(world.rooms.fetch(&hidden).unwrap().version(), 1);
}

#[tokio::test(start_paused = true)]
async fn whoever_loses_his_role_is_told_nothing_more() {
    let world = World::new();
    let key = world.room(1, &["ann", "ben"]);
    let mut ben = world.visit("ben");
    sub(&mut ben, &key).await;
    settle(&mut ben).await;
    world
        .rooms
        .mutate(&key, RoomMutation::RemoveMembers("ben".into()))
        .await
        .unwrap();
    world.say(&key, "about ben").await;
    let told = settle(&mut ben).await;
    assert_eq!(told.len(), 1);
    assert_eq!(
        (&told[0]["t"], &told[0]["why"]),
        (&json!("end"), &json!("revoked"))
    );
    assert_eq!(world.rooms.stats().watchers, 0);
}

#[tokio::test(start_paused = true)]
async fn another_role_is_another_view_from_the_beginning() {
    let world = World::new();
    let key = world.room(1, &["ann", "ben"]);
    let (mut ann, mut ben) = (world.visit("ann"), world.visit("ben"));
    sub(&mut ann, &key).await;
    sub(&mut ben, &key).await;
    let first = settle(&mut ben).await[0].clone();
    settle(&mut ann).await;
    // Ben moves up.
    world
        .rooms
        .mutate(&key, RoomMutation::RemoveMembers("ann".into()))
        .await
        .unwrap();
    let told = settle(&mut ben).await;
    assert_eq!(told[0]["t"], "snap");
    assert_ne!(told[0]["r"], first["r"]);
    assert_eq!(told[0]["v"]["secret"], "sesame");
    world
        .rooms
        .mutate(&key, RoomMutation::SetSecret("open".into()))
        .await
        .unwrap();
    settle(&mut ben).await;
    assert_eq!(ben.value(None, &key).unwrap()["secret"], "open");
}

#[tokio::test(start_paused = true)]
async fn a_right_is_taken_away_from_outside() {
    let world = World::new();
    let (one, two) = (world.room(1, &["ann", "ben"]), world.room(2, &["ben"]));
    let mut ben = world.visit("ben");
    sub(&mut ben, &one).await;
    sub(&mut ben, &two).await;
    settle(&mut ben).await;
    let (revoked, told) = tokio::join!(world.live.revoke("room", &one, &"ben"), ben.next());
    let () = revoked;
    assert_eq!(told.unwrap(), json!({"t": "end", "k": one, "why": "revoked"}));
    assert_eq!(world.rooms.fetch(&one).unwrap().here, 0);
    assert_eq!(world.live.kick(&"ben"), 1);
    settle(&mut ben).await;
    assert_eq!(ben.close_code(), Some(4403));
    // Nobody is left who could be asked.
    world.live.revoke("room", &two, &"ben").await;
    world.live.revoke("nothing", &two, &"ben").await;
}

#[tokio::test(start_paused = true)]
async fn no_more_is_asked_of_the_server_than_is_allowed() {
    let world = World::new();
    let mut ann = world.visit("ann");
    let keys: Vec<_> = (0..140).map(|number| world.room(number, &["ann"])).collect();
    let wanted: Vec<_> = keys.iter().map(|key| json!({"k": key})).collect();
    let reply = ann.request(json!({"t": "sub", "keys": wanted})).await.unwrap();
    let refused = reply["subs"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|status| status["err"] == "too_many_subs");
    assert_eq!(refused.count(), 12);
    settle(&mut ann).await;

    let mut ben = world.visit("ben");
    for _ in 0..250 {
        ben.send(json!({"t": "get", "id": 1, "k": keys[0]}));
    }
    let told = settle(&mut ben).await;
    let limited: Vec<_> = told
        .iter()
        .filter(|told| told["code"] == "rate_limited")
        .collect();
    assert_eq!(limited.len(), 50);
    assert!(limited.iter().all(|told| told["after"].as_u64().unwrap() <= 20));
    for _ in 0..3000 {
        ben.send("{}");
    }
    settle(&mut ben).await;
    assert_eq!(ben.close_code(), Some(4429));

    let mut many: Vec<_> = (0..20).map(|_| world.visit("cid")).collect();
    let mut late = world.visit("cid");
    assert!(late.next().await.is_none());
    assert_eq!(late.close_code(), Some(4530));
    many.pop();
    assert!(world.visit("cid").close_code().is_none());
}

#[tokio::test(start_paused = true)]
async fn nonsense_is_answered_and_costs_nothing() {
    let world = World::new();
    let mut ann = world.visit("ann");
    for nonsense in [
        "",
        "null",
        "{}",
        "[1]",
        r#"{"t":"dance"}"#,
        r#"{"t":"sub","t":"sub"}"#,
        "\u{0}",
    ] {
        ann.send(nonsense);
        let told = settle(&mut ann).await;
        assert!(
            told.is_empty() || told == [json!({"t": "err", "code": "bad_request"})],
            "{nonsense:?}: {told:?}"
        );
    }
    ann.send(json!({"t": "dance", "id": 3}));
    assert_eq!(
        settle(&mut ann).await,
        [json!({"t": "err", "id": 3, "code": "bad_request"})]
    );
    let status = ann
        .request(json!({"t": "sub", "keys": [{"k": "__proto__"}, {"k": ""}]}))
        .await
        .unwrap();
    assert_eq!(status["subs"][0], json!({"k": "__proto__", "err": "bad_request"}));
    assert!(ann.close_code().is_none());
    ann.send(format!(r#"{{"t":"call","f":"{}"}}"#, "x".repeat(70_000)));
    settle(&mut ann).await;
    assert_eq!(ann.close_code(), Some(1009));
}

/// He was in the room that there was before. It was the new one that he left.
#[tokio::test(start_paused = true)]
async fn whoever_was_in_a_room_does_not_leave_the_one_that_took_its_place() {
    let world = World::new();
    let key = world.room(1, &["ann", "ben"]);
    let here = || world.rooms.fetch(&key).unwrap().here;
    let (mut ann, mut ben) = (world.visit("ann"), world.visit("ben"));
    sub(&mut ann, &key).await;
    settle(&mut ann).await;
    assert_eq!(here(), 1);
    world.rooms.remove(&key).await.unwrap();
    world.rooms.create(&key, room(&["ann", "ben"])).unwrap();
    sub(&mut ben, &key).await;
    settle(&mut ben).await;
    assert_eq!(here(), 1);
    settle(&mut ann).await;
    drop(ann);
    assert_eq!(here(), 1, "ben is there");
    drop(ben);
    assert_eq!(here(), 0);
}
