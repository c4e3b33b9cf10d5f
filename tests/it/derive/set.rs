//! Fields without annotation, `skip`, `explicit`, messages.

use livestore::{Entry, LiveValue, Never};

use super::apply;

#[derive(Clone, Debug, PartialEq, LiveValue)]
#[live(mutation(derive(Debug, PartialEq)))]
struct Foo {
    bar: u32,
    baz: u64,
}

#[test]
fn every_field_can_be_set_where_nothing_is_said() {
    let mut foo = Foo { bar: 1, baz: 2 };
    let Ok(()) = apply(&mut foo, FooMutation::SetBar(3));
    let Ok(()) = apply(&mut foo, FooMutation::SetBaz(4));
    assert_eq!(foo, Foo { bar: 3, baz: 4 });
}

#[test]
fn mutate_returns_a_copy_and_leaves_the_entry() {
    let entry = Entry::new(Foo { bar: 1, baz: 2 });
    let Ok(next) = Foo::mutate(&entry, &FooMutation::SetBar(3));
    assert_eq!((next.bar, entry.bar), (3, 1));
}

#[test]
fn without_rules_nothing_fails_and_without_variants_there_are_no_messages() {
    fn types<V: LiveValue<Message = (), MutError = Never>>() {}
    types::<Foo>();
    assert!(Foo { bar: 0, baz: 0 }.check(None).is_ok());
}

#[derive(Clone, Debug, PartialEq, LiveValue)]
#[live(explicit, mutation(derive(Debug, PartialEq)))]
struct Account {
    #[live(set)]
    name: String,
    #[live(skip)]
    id: u32,
    balance: i64,
}

#[test]
fn explicit_gives_operations_only_where_listed() {
    let mut account = Account {
        name: "a".into(),
        id: 7,
        balance: 9,
    };
    let mutation = AccountMutation::SetName("b".into());
    // Irrefutable only if there is no other variant.
    let AccountMutation::SetName(_) = &mutation;
    let Ok(()) = apply(&mut account, mutation);
    assert_eq!(
        account,
        Account {
            name: "b".into(),
            id: 7,
            balance: 9
        }
    );
}

#[derive(Clone, Debug, PartialEq, LiveValue)]
#[live(message(derive(Debug, PartialEq), variants(
    /// Counts down.
    Countdown(u8),
    Typing { who: u32 },
    Ping,
)))]
struct Player {
    #[live(set, message = PreviewVolume)]
    volume: u8,
    #[live(message)]
    cursor: (u32, u32),
}

#[test]
fn messages_come_from_fields_and_from_variants() {
    let all = [
        PlayerMessage::PreviewVolume(3),
        PlayerMessage::Cursor((1, 2)),
        PlayerMessage::Countdown(3),
        PlayerMessage::Typing { who: 1 },
        PlayerMessage::Ping,
    ];
    assert_eq!(all.clone(), all);

    let mut player = Player {
        volume: 1,
        cursor: (0, 0),
    };
    // A field that lists only `message` has no mutation.
    let PlayerMutation::SetVolume(_) = PlayerMutation::SetVolume(2);
    let Ok(()) = apply(&mut player, PlayerMutation::SetVolume(2));
    assert_eq!(player.volume, 2);
}

#[derive(Clone, Debug, PartialEq)]
enum Note {
    Hello,
}

#[derive(Clone, LiveValue)]
#[live(message = Note)]
struct Existing {
    _text: String,
}

#[test]
fn messages_can_be_an_enum_of_ones_own() {
    let note: <Existing as LiveValue>::Message = Note::Hello;
    assert_eq!(note, Note::Hello);
}

#[derive(Clone, LiveValue)]
struct Unit;

#[derive(Clone, LiveValue)]
struct Empty {}

#[test]
fn a_value_without_fields_has_a_mutation_without_values() {
    assert_eq!(size_of::<UnitMutation>(), 0);
    assert_eq!(size_of::<EmptyMutation>(), 0);
    assert!(Unit.check(None).is_ok() && Empty {}.check(None).is_ok());
}
