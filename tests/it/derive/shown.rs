//! Mutations and messages can be shown without anybody asking for it, and the store's updates with them.

use std::collections::BTreeMap;
use std::fmt;

use livestore::{Delta, LiveStore, LiveValue};

#[derive(Clone, Default, LiveValue)]
struct Inner {
    #[live(toggle)]
    on: bool,
}

/// Nobody can see into it.
#[derive(Clone, Default)]
struct Opaque;

#[derive(Clone, Default, LiveValue)]
#[live(message(variants(Ping { at: u8 }, Bye)), mutation(variants(Kick { who: u32, r#type: Opaque }, Restart)))]
struct Room {
    name: String,
    #[live(insert, each)]
    inner: BTreeMap<u8, Inner>,
    secret: Opaque,
    #[live(message)]
    volume: u8,
}

impl Room {
    fn kick(&mut self, _: &u32, _: &Opaque) {}

    fn restart(&mut self) {}
}

#[test]
fn a_mutation_shows_its_payloads_and_what_cannot_be_shown_as_a_place() {
    for (mutation, text) in [
        (RoomMutation::SetName("a".into()), r#"SetName("a")"#),
        (
            RoomMutation::UpdateInner(1, InnerMutation::ToggleOn),
            "UpdateInner(1, ToggleOn)",
        ),
        (RoomMutation::SetSecret(Opaque), "SetSecret(_)"),
        (
            RoomMutation::Kick {
                who: 3,
                r#type: Opaque,
            },
            "Kick { who: 3, type: _ }",
        ),
        (RoomMutation::Restart, "Restart"),
    ] {
        assert_eq!(format!("{mutation:?}"), text);
    }
    let _ = RoomMutation::InsertInner(1, Inner::default());
    assert_eq!(format!("{:?}", RoomMessage::Ping { at: 3 }), "Ping { at: 3 }");
    assert_eq!(
        format!("{:?} {:?}", RoomMessage::Volume(1), RoomMessage::Bye),
        "Volume(1) Bye"
    );
}

/// Not shown as the derive would show it.
#[derive(Clone, LiveValue)]
#[live(mutation(derive(Debug)))]
struct Asked {
    name: String,
}

#[derive(Clone, LiveValue)]
struct Generic<T> {
    value: Vec<T>,
    #[live(toggle)]
    on: bool,
}

#[test]
fn whoever_asks_for_debug_gets_the_usual_one() {
    fn shown<T: fmt::Debug>(shown: &T) -> String {
        format!("{shown:?}")
    }
    let mut asked = Asked { name: "b".into() };
    let mutation = AskedMutation::SetName("a".into());
    let Ok(()) = asked.apply(&mutation);
    assert_eq!(
        (shown(&mutation), asked.name),
        (r#"SetName("a")"#.into(), "a".into())
    );
    assert_eq!(shown(&GenericMutation::SetValue(vec![1])), "SetValue([1])");
    // Of this there is none, and nobody minds.
    let _ = GenericMutation::SetValue(vec![Opaque]);
}

/// `{update:?}` said the kind and the version, so a log of updates said nothing.
#[tokio::test]
async fn an_update_shows_its_mutation_and_its_message() {
    let store = LiveStore::default();
    let (key, mut watch) = store.init_and_watch(Room::default());
    let mut deltas = store.watch_deltas(&key).unwrap();
    store
        .mutate(&key, RoomMutation::SetName("a".into()))
        .await
        .unwrap();
    store.broadcast(&key, RoomMessage::Volume(3)).unwrap();
    let update = watch.next().await.unwrap();
    assert_eq!(
        format!("{update:?}"),
        r#"Mutate { mutn: SetName("a"), version: 2, .. }"#
    );
    let update = watch.next().await.unwrap();
    assert_eq!(
        format!("{update:?}"),
        "Message { msg: Volume(3), version: 2, .. }"
    );
    let delta: Delta<Room> = deltas.next().await.unwrap();
    assert_eq!(
        format!("{delta:?}"),
        r#"Mutate { mutn: SetName("a"), version: 2, .. }"#
    );

    let store = LiveStore::default();
    let (key, mut watch) = store.init_and_watch(Generic {
        value: vec![Opaque],
        on: false,
    });
    store.mutate(&key, GenericMutation::ToggleOn).await.unwrap();
    let update = watch.next().await.unwrap();
    assert_eq!(format!("{update:?}"), "Mutate { mutn: ToggleOn, version: 2, .. }");
}
