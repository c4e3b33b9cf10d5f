//! Whatever a client sends, it is answered or ignored, and ends the connection only as documented.

use livestore::Uuid;
use livestore::ws::Local;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::{Map, Value, json};

use crate::world::{World, key, settle};

/// The codes with which a connection may end because of what its client sent.
const CODES: [u16; 3] = [1009, 4400, 4429];

fn runner(cases: u32) -> TestRunner {
    let config = Config {
        cases,
        failure_persistence: None,
        ..Config::default()
    };
    // The same frames each time.
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]);
    TestRunner::new_with_rng(config, rng)
}

fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
        keys().prop_map(Value::from),
        prop::sample::select(vec!["__proto__", "sub", "ok", "say", "0", "9999999999999999"])
            .prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((fields(), inner), 0..4)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

fn keys() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => (1..4_u128).prop_map(|number| key(number).to_string()),
        1 => any::<u128>().prop_map(|number| Uuid::from_u128(number).to_string()),
        1 => Just(key(1).simple().to_string()),
    ]
}

fn kinds() -> impl Strategy<Value = String> {
    let known = vec![
        "sub", "unsub", "get", "cmd", "pub", "call", "pong", "hello", "ping",
    ];
    prop_oneof![8 => prop::sample::select(known).prop_map(str::to_owned), 1 => ".{0,6}"]
}

fn fields() -> impl Strategy<Value = String> {
    let known = vec![
        "t",
        "id",
        "s",
        "k",
        "epoch",
        "keys",
        "c",
        "msg",
        "if",
        "f",
        "ver",
        "r",
        "say",
        "hide",
        "__proto__",
    ];
    prop_oneof![8 => prop::sample::select(known).prop_map(str::to_owned), 1 => ".{0,6}"]
}

/// A frame with a kind and some of the fields that there are, whatever is in them.
fn frames() -> impl Strategy<Value = String> {
    let with = prop::collection::vec((fields(), json_value()), 0..6);
    (kinds(), prop::option::of(0..20_u64), with).prop_map(|(kind, id, with)| {
        let mut frame: Map<String, Value> = with.into_iter().collect();
        frame.insert("t".to_owned(), kind.into());
        if let Some(id) = id {
            frame.insert("id".to_owned(), id.into());
        }
        Value::Object(frame).to_string()
    })
}

/// A frame as it should be.
fn valid() -> impl Strategy<Value = String> {
    (0..7_u8, keys(), 0..20_u64, ".{0,20}").prop_map(|(kind, key, id, text)| {
        let frame = match kind {
            0 => json!({"t": "sub", "id": id, "epoch": text, "keys": [{"k": key, "ver": id, "r": "a"}, {"k": key}]}),
            1 => json!({"t": "unsub", "id": id, "keys": [{"k": key}]}),
            2 => json!({"t": "get", "id": id, "k": key}),
            3 => json!({"t": "cmd", "id": id, "k": key, "c": {"say": text}, "if": id, "epoch": "0"}),
            4 => json!({"t": "cmd", "id": id, "k": key, "c": {"hide": text}}),
            5 => json!({"t": "pub", "id": id, "k": key, "msg": text}),
            _ => json!({"t": "call", "id": id, "f": "count", "c": id}),
        };
        frame.to_string()
    })
}

/// A frame that was right before some characters of it were others.
fn mutated() -> impl Strategy<Value = String> {
    let changes = prop::collection::vec((any::<prop::sample::Index>(), any::<char>(), 0..4_u8), 1..4);
    (valid(), changes).prop_map(|(frame, changes)| {
        let mut chars: Vec<char> = frame.chars().collect();
        for (at, by, how) in changes {
            if chars.is_empty() {
                break;
            }
            let at = at.index(chars.len());
            match how {
                0 => chars[at] = by,
                1 => drop(chars.remove(at)),
                2 => chars.insert(at, by),
                _ => chars.truncate(at),
            }
        }
        chars.into_iter().collect()
    })
}

fn anything() -> impl Strategy<Value = String> {
    prop_oneof![
        1 => ".{0,200}",
        1 => json_value().prop_map(|value| value.to_string()),
        4 => frames(),
        3 => mutated(),
        1 => valid(),
        1 => (1..200_usize, any::<bool>()).prop_map(|(depth, is_closed)| {
            let close = if is_closed { "]".repeat(depth) } else { String::new() };
            format!(r#"{{"t":"call","id":1,"f":"count","c":{}{close}}}"#, "[".repeat(depth))
        }),
    ]
}

/// Sends frames, and sees what comes of each.
async fn send_all(who: &mut Local<String>, frames: &[String]) -> Result<(), TestCaseError> {
    for frame in frames {
        who.send(frame);
        let told = settle(who).await;
        if let Some(code) = who.close_code() {
            prop_assert!(CODES.contains(&code), "{code} after {frame}");
            return Ok(());
        }
        let asked: Option<Value> = serde_json::from_str(frame).ok();
        let id = asked.as_ref().and_then(|asked| asked["id"].as_u64());
        let replies: Vec<_> = told
            .iter()
            .filter(|told| told["t"] == "ok" || told["t"] == "err")
            .collect();
        prop_assert!(replies.len() <= 1, "{frame}: {told:?}");
        let kind = asked.as_ref().and_then(|asked| asked["t"].as_str());
        match (id, replies.first()) {
            // A frame that cannot be read may be without its id, and one that is twice in it is none.
            (Some(id), Some(reply)) => prop_assert!(
                reply["id"] == id || reply["code"] == "bad_request",
                "{frame}: {reply}"
            ),
            (Some(_), None) => prop_assert_eq!(kind, Some("pong"), "{}", frame),
            (None, _) => {}
        }
        for told in &told {
            prop_assert_ne!(&told["code"], "internal", "{}", frame);
            prop_assert!(!told.to_string().contains("sesame") || told["t"] != "err");
        }
    }
    // It goes on as if nothing had been.
    tokio::time::advance(std::time::Duration::from_secs(1)).await;
    let reply = who.request(json!({"t": "get", "k": key(1)})).await;
    prop_assert!(reply.is_some_and(|reply| reply["t"] == "ok"));
    Ok(())
}

#[test]
fn whatever_is_sent_is_answered_or_ignored() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    let strategy = prop::collection::vec(anything(), 1..12);
    let outcome = runner(400).run(&strategy, |frames| {
        runtime.block_on(async {
            let world = World::new();
            world.room(1, &["ann", "ben"]);
            world.room(2, &["ben", "ann"]);
            world.room(3, &["ben"]);
            let (mut ann, mut ben) = (world.visit("ann"), world.visit("ben"));
            crate::world::sub(&mut ben, &key(1)).await;
            send_all(&mut ann, &frames).await?;
            // Nobody else notices, but what is for him.
            settle(&mut ben).await;
            prop_assert_eq!(ben.close_code(), None);
            let there = ben.request(json!({"t": "get", "k": key(1)})).await.unwrap();
            prop_assert_eq!(ben.value(None, &key(1)), there.get("v"));
            // What he may not see is as it was.
            prop_assert_eq!(world.rooms.fetch(&key(3)).unwrap().version(), 1);
            drop((ann, ben));
            prop_assert_eq!((world.live.connections(), world.rooms.stats().watchers), (0, 0));
            Ok(())
        })
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
}
