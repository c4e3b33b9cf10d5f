//! Clients that ask for what they should not, and hooks that panic.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use livestore::ws::{Deny, Live, Local, json};
use livestore::{Entry, Hidden, LiveStore, LiveValue, StoreOptions, Uuid};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Value, json};
use tokio::time::advance;

use crate::world::{World, key, settle, sub};

#[derive(Clone, Debug, Default, Serialize, LiveValue)]
#[live(message(name = CountMessage, variants(At(u32))))]
struct Count {
    #[live(increment)]
    number: u32,
    #[live(insert, remove)]
    names: BTreeMap<String, u32>,
    token: Hidden<String>,
}

fn counts() -> LiveStore<Count> {
    LiveStore::default()
}

fn count() -> Count {
    Count {
        token: "sentinel".to_owned().into(),
        ..Count::default()
    }
}

async fn ask(who: &mut Local<String>, request: Value) -> Value {
    who.request(request).await.unwrap()
}

fn visit(live: &Live<String>, user: &str) -> Local<String> {
    live.local(user.to_owned())
}

#[tokio::test(start_paused = true)]
async fn no_more_keys_are_followed_than_may_be() {
    let world = World::new();
    let keys: Vec<_> = (0..129).map(|number| world.room(number, &["ann"])).collect();
    let mut ann = world.visit("ann");
    for key in &keys[..128] {
        assert!(sub(&mut ann, key).await["err"].is_null());
    }
    assert_eq!(sub(&mut ann, &keys[128]).await["err"], "too_many_subs");
    // What is followed already may be begun anew.
    assert_eq!(sub(&mut ann, &keys[5]).await, json!({"k": keys[5]}));
    ask(&mut ann, json!({"t": "unsub", "keys": [{"k": keys[5]}]})).await;
    assert!(sub(&mut ann, &keys[128]).await["err"].is_null());
    assert_eq!(sub(&mut ann, &keys[5]).await["err"], "too_many_subs");
    assert_eq!(world.rooms.stats().watchers, 128);
}

/// One frame has room for more than a thousand.
#[tokio::test(start_paused = true)]
async fn many_keys_in_one_frame_are_as_many_requests() {
    let world = World::new();
    let key = world.room(1, &["ann"]);
    let mut ann = world.visit("ann");
    let keys = |count: u128| -> Vec<_> { (0..count).map(|at| json!({"k": Uuid::from_u128(at)})).collect() };
    // 200 at once, and of 16 keys each counts as one.
    for kind in ["sub", "unsub"] {
        for _ in 0..10 {
            assert_eq!(
                ask(&mut ann, json!({"t": kind, "keys": keys(160)})).await["t"],
                "ok"
            );
        }
    }
    let refused = ask(&mut ann, json!({"t": "sub", "keys": keys(1)})).await;
    assert_eq!(refused["code"], "rate_limited");
    // However many there are, it can be asked for at some time. Then it is paid for.
    advance(Duration::from_millis(20)).await;
    assert_eq!(
        ask(&mut ann, json!({"t": "unsub", "keys": keys(1400)})).await["t"],
        "ok"
    );
    let refused = ask(&mut ann, json!({"t": "get", "k": key})).await;
    assert_eq!(
        (&refused["code"], &refused["after"]),
        (&json!("rate_limited"), &json!(1760))
    );
}

/// The role was asked for, and the view made, once for each time that the key stood there.
#[tokio::test(start_paused = true)]
async fn a_key_that_is_repeated_is_subscribed_to_once() {
    let counts = counts();
    let key = counts.init(count());
    let asked = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counter = Arc::clone(&asked);
    let live = Live::<String>::new().serve("count", counts.clone(), |s| {
        s.whole(move |_, _| {
            counter.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            true
        })
    });
    let mut ann = visit(&live, "ann");
    let wanted = vec![json!({"k": key}); 100];
    let reply = ask(&mut ann, json!({"t": "sub", "keys": wanted})).await;
    assert_eq!(reply["subs"], json!(wanted));
    assert!(asked.load(std::sync::atomic::Ordering::Relaxed) < 5, "{asked:?}");
}

/// `room@here` is what the library calls who is in `room`. Such a store of one's own was dropped without a word.
#[test]
#[should_panic(expected = "ends in `@here`")]
fn no_store_is_served_under_a_name_that_says_who_is_there() {
    let _ = Live::<String>::new().serve("room@here", counts(), |s| s.whole(|_, _| true));
}

#[tokio::test(start_paused = true)]
async fn what_a_route_does_not_give_is_refused() {
    let counts = counts();
    let key = counts.init(count());
    let live = Live::<String>::new().serve("count", counts.clone(), |s| s.whole(|_, _| true));
    let mut ann = visit(&live, "ann");
    sub(&mut ann, &key).await;
    settle(&mut ann).await;
    // Nor does anybody come to hold the entry, or wait for it, in order to be refused.
    let _guard = counts.acquire(&key).await.unwrap();
    for (request, code) in [
        (
            json!({"t": "cmd", "k": key, "c": {"IncrementNumber": 1}}),
            "forbidden",
        ),
        (json!({"t": "cmd", "k": key, "c": null}), "forbidden"),
        (json!({"t": "pub", "k": key, "msg": {"At": 1}}), "forbidden"),
        (json!({"t": "call", "f": "count"}), "not_found"),
        // Nothing is created.
        (json!({"t": "cmd", "k": Uuid::nil(), "c": null}), "not_found"),
        (json!({"t": "get", "k": Uuid::nil()}), "not_found"),
        (json!({"t": "get", "k": key, "s": "count@here"}), "bad_request"),
    ] {
        assert_eq!(ask(&mut ann, request.clone()).await["code"], code, "{request}");
    }
    assert_eq!(sub(&mut ann, &Uuid::nil()).await["err"], "not_found");
    // Nor are messages told, or anything done because somebody is there.
    counts.broadcast(&key, CountMessage::At(1)).unwrap();
    assert_eq!(settle(&mut ann).await, [] as [Value; 0]);
    assert_eq!((counts.fetch(&key).unwrap().version(), counts.len()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn the_limits_are_those_that_are_documented() {
    let text = include_str!("../../livestore/src/ws/protocol.md");
    let mut limits = None;
    let _ = Live::<String>::new().limits(|of| limits = Some(of.clone()));
    let of = limits.unwrap();
    let kib = of.frame_bytes / 1024;
    let (ping, pong) = (of.ping_after.as_secs(), of.pong_within.as_secs());
    assert!(of.connections == 10_000 && of.stuck_for == Duration::from_secs(10));
    for row in [
        format!("| {kib} KiB, 64 levels |"),
        format!("| {} a second in the long run, {} at once;", of.rate, of.burst),
        format!("{} and {};", of.rate_per_user, of.burst_per_user),
        format!("| subscriptions of a connection | {} |", of.subscriptions),
        format!("| 10,000, and {} of one user |", of.connections_per_user),
        format!("| asked after {ping} s, cut off {pong} s later |"),
        format!(
            "at most {} commands and calls are unanswered at a time",
            of.waiting
        ),
    ] {
        assert!(text.contains(&row), "{row}");
    }
}

/// The documentation names tests for what it says of security.
#[test]
fn the_tests_that_are_named_in_the_documentation_are_there() {
    let text = include_str!("../../livestore/src/ws/protocol.md");
    let (_, rows) = text.split_once("Cheat Sheet").unwrap();
    let tests: String = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/ws"))
        .unwrap()
        .map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap())
        .collect();
    let names: Vec<_> = rows
        .split('`')
        .filter(|name| {
            name.matches('_').count() > 3 && name.starts_with(char::is_lowercase) && !name.contains(' ')
        })
        .collect();
    for name in &names {
        assert!(tests.contains(&format!("fn {name}(")), "{name}");
    }
    assert!(names.len() > 20, "{names:?}");
}

#[tokio::test(start_paused = true)]
async fn signs_of_life_are_counted_as_well() {
    let world = World::new();
    let mut ann = world.visit("ann");
    for _ in 0..3000 {
        ann.send(json!({"t": "pong"}));
    }
    settle(&mut ann).await;
    assert_eq!(ann.close_code(), Some(4429));
}

#[tokio::test(start_paused = true)]
async fn what_does_not_fit_is_refused_and_the_connection_goes_on() {
    let world = World::new();
    let key = world.room(1, &["ann"]);
    let mut ann = world.visit("ann");
    let deep = format!("{}{}", "[".repeat(64), "]".repeat(64));
    let (nameless, seven) = (
        json!({"t": "err", "code": "bad_request"}),
        json!({"t": "err", "id": 7, "code": "bad_request"}),
    );
    for (frame, answer) in [
        (
            format!(r#"{{"t":"cmd","id":7,"k":"{key}","c":{deep}}}"#),
            &nameless,
        ),
        (
            format!(r#"{{"t":"sub","id":7,"keys":[{{"k":"{key}","ver":-1,"r":"0"}}]}}"#),
            &seven,
        ),
        (
            format!(r#"{{"t":"sub","id":7,"id":8,"keys":[{{"k":"{key}"}}]}}"#),
            &nameless,
        ),
        (r#"{"t":"sub","id":7,"keys":{"__proto__":[]}}"#.to_owned(), &seven),
        (
            format!(r#"{{"t":"cmd","id":9007199254740992,"k":"{key}","c":{{"say":"x"}}}}"#),
            &nameless,
        ),
        (r#"{"t":"\ud800"}"#.to_owned(), &nameless),
    ] {
        ann.send(&frame);
        let told = settle(&mut ann).await;
        assert_eq!(told, std::slice::from_ref(answer), "{frame:.80}");
    }
    for c in [
        json!({"__proto__": {"say": "x"}}),
        json!({"say": "x", "__proto__": 1}),
        json!({"say": {"toString": 1}}),
        json!(null),
        json!([]),
    ] {
        let reply = ask(&mut ann, json!({"t": "cmd", "k": key, "c": c})).await;
        assert_eq!(reply["code"], "bad_request");
    }
    for request in [
        json!({"t": "cmd", "k": key}),
        json!({"t": "pub", "k": key}),
        json!({"t": "call"}),
        json!({"t": "get", "k": key, "s": "nothing"}),
        json!({"t": "constructor"}),
    ] {
        assert_eq!(ask(&mut ann, request).await["code"], "bad_request");
    }
    // Nothing that is of no kind's is looked at.
    let odd = json!({"t": "get", "k": key, "__proto__": {"t": "cmd"}, "constructor": 1});
    assert_eq!(ask(&mut ann, odd).await["t"], "ok");
    for key in ["__proto__", "constructor", "", "0"] {
        assert_eq!(
            ask(&mut ann, json!({"t": "get", "k": key})).await["code"],
            "bad_request"
        );
        assert_eq!(
            ask(&mut ann, json!({"t": "call", "f": key})).await["code"],
            "not_found"
        );
    }
    assert_eq!(world.rooms.fetch(&key).unwrap().version(), 1);
}

#[tokio::test(start_paused = true)]
async fn names_of_a_prototype_are_names() {
    let counts = counts();
    let key = counts.init(count());
    let live = Live::<String>::new().serve("count", counts.clone(), |s| s.whole(|_, _| true));
    let mut ann = visit(&live, "ann");
    sub(&mut ann, &key).await;
    settle(&mut ann).await;
    for name in ["__proto__", "constructor", "toString", "\"\\\u{7}\u{2028}", ""] {
        let insert = CountMutation::InsertNames(name.to_owned(), 1);
        counts.mutate(&key, insert).await.unwrap();
        settle(&mut ann).await;
        assert_eq!(ann.value(None, &key).unwrap()["names"][name], 1);
    }
    let remove = CountMutation::RemoveNames("__proto__".to_owned());
    counts.mutate(&key, remove).await.unwrap();
    settle(&mut ann).await;
    assert_eq!(
        ann.value(None, &key).unwrap()["names"].as_object().unwrap().len(),
        4
    );
}

#[tokio::test(start_paused = true)]
async fn where_there_are_several_stores_each_is_named() {
    let (one, two) = (counts(), counts());
    let key = one.init(count());
    two.create(&key, Count { number: 2, ..count() }).unwrap();
    let live = Live::<String>::new()
        .serve("one", one.clone(), |s| s.whole(|_, _| true))
        .serve("two", two, |s| s.whole(|_, _| true));
    let mut ann = visit(&live, "ann");
    for request in [
        json!({"t": "sub", "keys": [{"k": key}]}),
        json!({"t": "get", "k": key}),
        json!({"t": "get", "k": key, "s": "three"}),
        json!({"t": "unsub", "keys": []}),
        json!({"t": "cmd", "k": key, "c": 1}),
        json!({"t": "pub", "k": key, "msg": 1}),
    ] {
        assert_eq!(ask(&mut ann, request).await["code"], "bad_request");
    }
    for (store, number) in [("one", 0), ("two", 2)] {
        assert_eq!(ann.subscribe(Some(store), &key).await.unwrap(), json!({"k": key}));
        assert_eq!(settle(&mut ann).await[0]["s"], store);
        assert_eq!(ann.value(Some(store), &key).unwrap()["number"], number);
    }
    one.mutate(&key, CountMutation::IncrementNumber(7)).await.unwrap();
    settle(&mut ann).await;
    assert_eq!(ann.value(Some("one"), &key).unwrap()["number"], 7);
    assert_eq!(ann.value(Some("two"), &key).unwrap()["number"], 2);
}

#[tokio::test(start_paused = true)]
async fn a_view_with_a_secret_in_it_is_told_to_nobody() {
    let counts = counts();
    let key = counts.init(count());
    let live = Live::<String>::new().serve("count", counts.clone(), |s| {
        // The first time it is well.
        s.view(
            |_, _| Some(()),
            |(), count| match count.number {
                0 => json(&0),
                _ => json(&**count.value()),
            },
        )
    });
    let mut ann = visit(&live, "ann");
    let texts = Arc::new(Mutex::new(String::new()));
    let to = Arc::clone(&texts);
    ann.inspect(move |text| to.lock().unwrap().push_str(text));
    sub(&mut ann, &key).await;
    settle(&mut ann).await;
    counts
        .mutate(&key, CountMutation::IncrementNumber(1))
        .await
        .unwrap();
    assert_eq!(
        settle(&mut ann).await,
        [json!({"t": "end", "k": key, "why": "internal"})]
    );
    assert_eq!(
        ask(&mut ann, json!({"t": "get", "k": key})).await["code"],
        "internal"
    );
    sub(&mut ann, &key).await;
    assert_eq!(settle(&mut ann).await[0]["why"], "internal");
    assert!(!texts.lock().unwrap().contains("sentinel"));
    assert_eq!(live.send_to(&"", &count()), 0);
    assert_eq!(counts.stats().watchers, 0);
}

#[tokio::test(start_paused = true)]
async fn many_roles_at_one_key_are_told_less_often() {
    let counts = counts();
    let key = counts.init(count());
    let live = Live::<String>::new().serve("count", counts.clone(), |s| {
        s.view(|cx, _| Some(cx.user().clone()), |_, count| json(&count.number))
            .at_most(10)
    });
    for (roles, least, most) in [(16, 9, 11), (40, 3, 5)] {
        let mut all: Vec<_> = (0..roles)
            .map(|number| visit(&live, &number.to_string()))
            .collect();
        for one in &mut all {
            sub(one, &key).await;
            one.pending().await;
        }
        let mut told = 0;
        for _ in 0..100 {
            counts
                .mutate(&key, CountMutation::IncrementNumber(1))
                .await
                .unwrap();
            for one in &mut all {
                told += one.pending().await.len();
            }
            advance(Duration::from_millis(10)).await;
        }
        assert!(
            (least * roles..=most * roles).contains(&told),
            "{told} to {roles}"
        );
        for one in &mut all {
            settle(one).await;
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

/// Panics when it is hashed, written or read, if its server says so.
struct Odd(Panics, &'static str);

type Panics = Arc<Mutex<&'static str>>;

fn may_panic(panics: &Panics, hook: &str) {
    let is_this = *panics.lock().unwrap() == hook;
    assert!(!is_this, "the hook {hook} panics");
}

impl std::hash::Hash for Odd {
    fn hash<H: std::hash::Hasher>(&self, _: &mut H) {
        may_panic(&self.0, "hash");
    }
}

impl Serialize for Odd {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        may_panic(&self.0, self.1);
        serializer.serialize_str("odd")
    }
}

/// Panics when it is read from `"panic"`.
struct Given;

impl<'de> Deserialize<'de> for Given {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        assert_ne!(text, "panic", "what is given panics");
        Ok(Given)
    }
}

/// A value whose every rule may panic.
#[derive(Clone)]
struct Rules(Panics);

#[derive(Clone)]
struct Rule(&'static str);

#[derive(Clone, Debug)]
struct Broken;

impl std::fmt::Display for Broken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("broken")
    }
}

impl std::error::Error for Broken {}

impl LiveValue for Rules {
    type Message = ();
    type Mutation = Rule;
    type MutError = Broken;

    fn mutate(entry: &Entry<Self>, mutation: &Rule) -> Result<Self, Broken> {
        may_panic(&entry.0, mutation.0);
        match mutation.0 {
            "refused" => Err(Broken),
            _ => Ok(Rules::clone(entry)),
        }
    }

    fn check(&self, _: Option<&Self>) -> Result<(), Broken> {
        may_panic(&self.0, "check");
        Ok(())
    }
}

fn odd_server(panics: &Panics) -> (LiveStore<Rules>, Live<String>) {
    let rules = LiveStore::<Rules>::default();
    let p = |hook: &'static str| {
        let panics = Arc::clone(panics);
        move || {
            may_panic(&panics, hook);
            Odd(Arc::clone(&panics), "serialize")
        }
    };
    let (role, view, accept, accept_message) = (p("role"), p("view"), p("accept"), p("accept_message"));
    let (messages, errors, here, create, call) =
        (p("messages"), p("errors"), p("here"), p("create"), p("call"));
    let made = Arc::clone(panics);
    let live = Live::<String>::new()
        .limits(|limits| (limits.burst, limits.burst_per_user) = (10_000, 10_000))
        .serve("rules", rules.clone(), |s| {
            s.view(move |_, _| Some(role()), move |_, _| json(&view()))
                .accept(move |_, _, given: Option<Given>| {
                    accept();
                    Ok(Rule(if given.is_some() { "refused" } else { "mutate" }))
                })
                .accept_message(move |_, _, _: Given| {
                    accept_message();
                    Ok(())
                })
                .messages(move |_, ()| Some(json(&messages())))
                .errors(move |_, _| json(&errors()))
                .while_here(move |_| {
                    here();
                    (Rule("join"), Rule("leave"))
                })
                .or_create(move |_| {
                    create();
                    Some(Rules(Arc::clone(&made)))
                })
        })
        .call("call", move |_, _: Given| {
            let odd = call();
            async move {
                may_panic(&odd.0, "future");
                Ok::<_, Deny>(odd)
            }
        });
    (rules, live)
}

#[tokio::test(start_paused = true)]
async fn a_hook_that_panics_costs_what_it_was_asked_for_and_nothing_else() {
    let panics: Panics = Arc::default();
    let (rules, live) = odd_server(&panics);
    let (one, two) = (key(1), key(2));
    let mut ben = visit(&live, "ben");
    sub(&mut ben, &one).await;
    for (number, hook) in [
        "role",
        "hash",
        "view",
        "serialize",
        "accept",
        "accept_message",
        "messages",
        "errors",
        "here",
        "create",
        "check",
        "join",
        "leave",
        "mutate",
        "call",
        "future",
    ]
    .into_iter()
    .enumerate()
    {
        settle(&mut ben).await;
        let mut ann = visit(&live, "ann");
        sub(&mut ann, &one).await;
        settle(&mut ann).await;
        *panics.lock().unwrap() = hook;
        let three = key(100 + u128::try_from(number).unwrap());
        for request in [
            json!({"t": "sub", "keys": [{"k": two}, {"k": three}]}),
            json!({"t": "get", "k": one}),
            json!({"t": "cmd", "k": one, "c": null}),
            json!({"t": "cmd", "k": one, "c": "x"}),
            json!({"t": "cmd", "k": one, "c": "panic"}),
            json!({"t": "pub", "k": one, "msg": "x"}),
            json!({"t": "pub", "k": one, "msg": "panic"}),
            json!({"t": "call", "f": "call", "c": "x"}),
            json!({"t": "call", "f": "call", "c": "panic"}),
            json!({"t": "unsub", "keys": [{"k": two}, {"k": three}, {"k": one}]}),
        ] {
            let reply = ask(&mut ann, request.clone()).await;
            let text = reply.to_string();
            assert!(!text.contains("panics"), "{hook}: {text}");
            if request["c"] == "panic" || request["msg"] == "panic" {
                assert!(
                    ["internal", "not_found"].contains(&reply["code"].as_str().unwrap()),
                    "{reply}"
                );
            }
        }
        live.recheck(&"");
        settle(&mut ann).await;
        *panics.lock().unwrap() = "";
        // Nothing is left held, and it goes on.
        assert!(rules.try_acquire(&one).is_ok(), "{hook}");
        assert!(sub(&mut ann, &one).await["err"].is_null(), "{hook}");
        let reply = ask(&mut ann, json!({"t": "cmd", "k": one, "c": null})).await;
        assert_eq!(reply["t"], "ok", "{hook}");
        let reply = ask(&mut ann, json!({"t": "get", "k": one})).await;
        assert_eq!(reply["v"], "odd", "{hook}");
        assert_eq!((ann.close_code(), ben.close_code()), (None, None));
    }
    drop(ben);
    assert_eq!((live.connections(), rules.stats().watchers), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_reply_comes_though_the_subscription_ends_before() {
    // It waits for what it led to, which is told once in a second; but for the first, which is in a hurry.
    let world = World::with(StoreOptions::default(), 1);
    let key = world.room(1, &["ann"]);
    let mut ann = world.visit("ann");
    for end in [
        json!({"t": "unsub", "keys": [{"k": key}]}),
        json!({"t": "sub", "keys": [{"k": key}]}),
    ] {
        sub(&mut ann, &key).await;
        ann.send(json!({"t": "cmd", "id": 0, "k": key, "c": {"say": "I say"}}));
        settle(&mut ann).await;
        ann.send(json!({"t": "cmd", "id": 1, "k": key, "c": {"say": "hi"}}));
        assert_eq!(settle(&mut ann).await, [] as [Value; 0]);
        ann.send(end);
        let mut told = settle(&mut ann).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        told.extend(settle(&mut ann).await);
        assert!(told.iter().any(|told| told["id"] == 1), "{told:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_user_has_no_more_by_having_many_connections() {
    let world = World::new();
    let key = world.room(1, &["ann", "ben"]);
    let asks = async |connections: &mut Vec<Local<String>>| {
        let (mut answered, mut limited) = (0, 0);
        for who in connections {
            for _ in 0..200 {
                let reply = ask(who, json!({"t": "get", "k": key})).await;
                answered += usize::from(reply["t"] == "ok");
                if reply["code"] == "rate_limited" {
                    assert!((1..=1000).contains(&reply["after"].as_u64().unwrap()));
                    limited += 1;
                }
            }
        }
        (answered, limited)
    };
    let mut of_ann: Vec<_> = (0..10).map(|_| world.visit("ann")).collect();
    assert_eq!(asks(&mut of_ann).await, (800, 1200));
    // Others have what is theirs.
    assert_eq!(asks(&mut vec![world.visit("ben")]).await, (200, 0));
    // To begin anew does not help.
    of_ann.clear();
    assert_eq!(asks(&mut vec![world.visit("ann")]).await, (0, 200));
    advance(Duration::from_secs(1)).await;
    assert_eq!(
        asks(&mut vec![world.visit("ann"), world.visit("ann")]).await,
        (200, 200)
    );
}

#[tokio::test(start_paused = true)]
async fn a_call_is_answered_so_often_and_no_more() {
    for (is_known, expected) in [(true, 3), (false, 6)] {
        let mut live = Live::<String>::new();
        if is_known {
            live = live.user_id(|user| user.clone());
        }
        let live = live
            .call("mail", |_, (): ()| async { Ok::<_, Deny>(()) })
            .call("other", |_, (): ()| async { Ok::<_, Deny>(()) })
            .call_at_most("mail", 3, Duration::from_secs(60));
        let mut connections = [visit(&live, "ann"), visit(&live, "ann")];
        let mut answered = 0;
        for ann in &mut connections {
            for _ in 0..5 {
                let reply = ask(ann, json!({"t": "call", "f": "mail"})).await;
                answered += usize::from(reply["t"] == "ok");
                if reply["code"] == "rate_limited" {
                    assert_eq!((&reply["after"], &reply["retry"]), (&json!(20_000), &json!(true)));
                }
                assert_eq!(ask(ann, json!({"t": "call", "f": "other"})).await["t"], "ok");
            }
        }
        assert_eq!(answered, expected);
        advance(Duration::from_secs(20)).await;
        for reply in ["ok", "err"] {
            assert_eq!(
                ask(&mut connections[0], json!({"t": "call", "f": "mail"})).await["t"],
                reply
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn of_one_senders_messages_the_latest_of_each_period_is_sent() {
    let counts = counts();
    let (one, two) = (counts.init(count()), counts.init(count()));
    let hidden: Arc<Mutex<Option<Uuid>>> = Arc::default();
    let now_hidden = Arc::clone(&hidden);
    let live = Live::<String>::new().serve("count", counts.clone(), |s| {
        s.view(
            move |cx, _| (*cx.user() == "ben" || *now_hidden.lock().unwrap() != Some(cx.key())).then_some(()),
            |(), _| json(&()),
        )
        .accept_message(|_, _, at: u32| Ok(CountMessage::At(at)))
        .messages(|(), CountMessage::At(at)| Some(json(at)))
        .latest_per_sender()
        .at_most(10)
    });
    let (mut ann, mut cid, mut ben) = (visit(&live, "ann"), visit(&live, "cid"), visit(&live, "ben"));
    sub(&mut ben, &one).await;
    sub(&mut ben, &two).await;
    settle(&mut ben).await;
    let mut heard = Vec::new();
    for number in 0..100_u32 {
        for key in [one, two] {
            ann.send(json!({"t": "pub", "k": key, "msg": number}));
        }
        if number == 50 {
            cid.send(json!({"t": "pub", "k": one, "msg": 1000}));
        }
        for sender in [&mut ann, &mut cid] {
            sender.pending().await;
        }
        heard.extend(
            ben.pending()
                .await
                .into_iter()
                .filter(|told| told["k"] == json!(one)),
        );
        advance(Duration::from_millis(10)).await;
    }
    let heard: Vec<_> = heard.iter().map(|told| told["msg"].as_u64().unwrap()).collect();
    assert!(heard.contains(&1000));
    let of_ann: Vec<_> = heard.into_iter().filter(|at| *at < 1000).collect();
    assert!((9..=11).contains(&of_ann.len()), "{of_ann:?}");
    assert!(of_ann.is_sorted() && of_ann[0] == 0);
    // The last is sent though none follows it.
    advance(Duration::from_millis(100)).await;
    ann.pending().await;
    ben.pending().await;
    ann.send(json!({"t": "pub", "k": one, "msg": 7}));
    ann.send(json!({"t": "pub", "k": one, "msg": 8}));
    settle(&mut ann).await;
    settle(&mut ann).await;
    let told: Vec<_> = ben
        .pending()
        .await
        .iter()
        .map(|told| told["msg"].clone())
        .collect();
    assert!(told.ends_with(&[json!(8)]), "{told:?}");
    // Not if its sender must not say it any more.
    settle(&mut ann).await;
    settle(&mut ann).await;
    ann.send(json!({"t": "pub", "k": one, "msg": 9}));
    ann.send(json!({"t": "pub", "k": one, "msg": 10}));
    *hidden.lock().unwrap() = Some(one);
    settle(&mut ann).await;
    settle(&mut ann).await;
    settle(&mut ann).await;
    let told: Vec<_> = ben
        .pending()
        .await
        .iter()
        .map(|told| told["msg"].clone())
        .collect();
    assert_eq!(told, [json!(9)]);
}

/// Whoever waits for the reply would wait for ever.
#[tokio::test]
async fn a_frame_that_is_none_is_answered_under_its_id() {
    let world = World::new();
    let mut ann = world.visit("ann");
    for frame in [
        r#"{"t":"sub","id":6,"keys":["x"]}"#,
        r#"{"id":6,"keys":[{}]}"#,
        r#"{"t":"sub","id":6,"keys":[{"k":"x","ver":1e300}]}"#,
        r#"{"t":"cmd","id":6,"if":-1}"#,
        r#"{"t":"get","t":"get","id":6}"#,
    ] {
        ann.send(frame);
        let told = ann.next().await.unwrap();
        assert_eq!(
            told,
            json!({"t": "err", "id": 6, "code": "bad_request"}),
            "{frame}"
        );
    }
    ann.send(r#"{"t":"sub","id":"6"}"#);
    assert_eq!(
        ann.next().await.unwrap(),
        json!({"t": "err", "code": "bad_request"})
    );
}

#[tokio::test(start_paused = true)]
async fn where_nothing_tells_users_apart_a_connection_has_its_own_limits_alone() {
    let counts = counts();
    let key = counts.init(count());
    let live = Live::<String>::new()
        .limits(|limits| (limits.rate, limits.burst) = (100_000, 100_000))
        .serve("count", counts, |s| {
            s.view(|_, _| Some(()), |(), count| json(&count.number))
        });
    let mut ann = visit(&live, "ann");
    for _ in 0..2000 {
        let reply = ask(&mut ann, json!({"t": "get", "k": key})).await;
        assert_eq!(reply["t"], "ok", "{reply}");
    }
}

#[tokio::test]
async fn a_number_comes_in_as_it_was_sent() {
    let live = Live::<String>::new().call("echo", |_, number: f64| async move { Ok(number) });
    let mut ann = visit(&live, "ann");
    for number in [955.987_585_767_814_1, 0.1 + 0.2, f64::MIN_POSITIVE, 1e22, -0.0] {
        let reply = ask(&mut ann, json!({"t": "call", "f": "echo", "c": number})).await;
        assert_eq!(reply["v"].as_f64().unwrap().to_bits(), number.to_bits());
    }
}
