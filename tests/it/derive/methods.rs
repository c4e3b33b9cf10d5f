//! `mutation(variants(..))`, the type's `validate`, enums as values.

use livestore::{Entry, Invalid, LiveValue};

use super::apply;

#[derive(Clone, Debug, PartialEq, LiveValue)]
#[live(
    error(derive(PartialEq)),
    mutation(variants(
        /// Removes a player.
        Kick { who: u32, reason: String },
        Restart,
        Undo(u32) = history::undo,
        Type(u8),
        Both(u8, u8) = Self::both,
        #[cfg(any())]
        Never(Missing),
    )),
    validate = Self::valid,
)]
struct Room {
    players: Vec<u32>,
    log: Vec<String>,
}

impl Room {
    /// Changes the log before it fails, which nobody must see.
    fn kick(&mut self, who: &u32, reason: &str) -> Result<(), String> {
        self.log.push(reason.to_owned());
        let place = self.players.iter().position(|player| player == who);
        self.players
            .remove(place.ok_or_else(|| format!("no player {who}"))?);
        Ok(())
    }

    fn restart(&mut self) {
        self.log.clear();
    }

    fn r#type(&mut self, _: &u8) -> Result<(), &'static str> {
        self.log.clear();
        Err("no types")
    }

    fn both(&mut self, one: &u8, two: &u8) {
        self.log.push(format!("{one} {two}"));
    }

    fn valid(&self, was: &Self) -> Result<(), &'static str> {
        if self.players.len() + 1 < was.players.len() {
            Err("one at a time")
        } else {
            Ok(())
        }
    }
}

mod history {
    pub(super) fn undo(room: &mut super::Room, n: &u32) {
        for _ in 0..*n {
            room.log.pop();
        }
    }
}

fn room() -> Room {
    Room {
        players: vec![1, 2, 3],
        log: vec!["a".into(), "b".into()],
    }
}

fn rejected(text: &'static str) -> Result<(), RoomError> {
    Err(RoomError::Rejected(Invalid::from(text)))
}

#[test]
fn a_method_gets_references_to_the_payload() {
    let mut room = room();
    apply(
        &mut room,
        RoomMutation::Kick {
            who: 2,
            reason: "bye".into(),
        },
    )
    .unwrap();
    apply(&mut room, RoomMutation::Both(1, 2)).unwrap();
    assert_eq!(
        (room.players, room.log),
        (
            vec![1, 3],
            vec!["a".into(), "b".into(), "bye".into(), "1 2".into()]
        )
    );
}

#[test]
fn a_method_that_fails_has_changed_nothing() {
    let mut room = room();
    let error = apply(
        &mut room,
        RoomMutation::Kick {
            who: 9,
            reason: "bye".into(),
        },
    )
    .unwrap_err();
    assert_eq!(error.to_string(), "no player 9");
    assert_eq!(apply(&mut room, RoomMutation::Type(1)), rejected("no types"));
}

#[test]
fn another_function_can_be_named() {
    let mut room = room();
    apply(&mut room, RoomMutation::Undo(1)).unwrap();
    assert_eq!(room.log, ["a"]);
    apply(&mut room, RoomMutation::Restart).unwrap();
    assert!(room.log.is_empty());
}

#[test]
fn the_types_validate_sees_the_value_before_and_after() {
    let mut room = room();
    assert_eq!(
        apply(&mut room, RoomMutation::SetPlayers(vec![1])),
        rejected("one at a time")
    );
    apply(&mut room, RoomMutation::SetPlayers(vec![1, 2])).unwrap();
    apply(&mut room, RoomMutation::SetPlayers(vec![1])).unwrap();

    let was = Room {
        players: vec![1, 2, 3],
        log: Vec::new(),
    };
    assert_eq!(room.check(Some(&was)), rejected("one at a time"));
    assert_eq!(room.check(None), Ok(()));
}

/// Counts how often it is cloned.
#[derive(Debug, Default)]
struct Copies(u32);

impl Clone for Copies {
    fn clone(&self) -> Self {
        Copies(self.0 + 1)
    }
}

#[derive(Clone, Debug, LiveValue)]
#[live(mutation(variants(Sure, Unsure)))]
struct Counted {
    copies: Copies,
    #[live(toggle)]
    on: bool,
}

impl Counted {
    fn sure(&mut self) {}

    fn unsure(&mut self) -> Result<(), String> {
        Ok(())
    }
}

#[test]
fn only_methods_that_can_fail_work_on_a_copy_and_only_on_one() {
    let mut counted = Counted {
        copies: Copies::default(),
        on: false,
    };
    counted.apply(&CountedMutation::ToggleOn).unwrap();
    counted.apply(&CountedMutation::Sure).unwrap();
    assert_eq!(counted.copies.0, 0);
    counted.apply(&CountedMutation::Unsure).unwrap();
    assert_eq!(counted.copies.0, 1);
    let copy = Counted::mutate(&Entry::new(counted), &CountedMutation::Unsure).unwrap();
    assert_eq!(copy.copies.0, 2);
}

#[derive(Clone, Debug, PartialEq, LiveValue)]
#[live(
    error(derive(PartialEq)),
    mutation(derive(PartialEq), variants(Start, Finish { winner: u32 })),
    validate = Phase::step,
)]
enum Phase {
    Lobby,
    Playing { since: u64 },
    Over(u32),
}

impl Phase {
    fn start(&mut self) {
        *self = Phase::Playing { since: 1 };
    }

    fn finish(&mut self, winner: &u32) {
        *self = Phase::Over(*winner);
    }

    fn step(&self, was: &Self) -> Result<(), &'static str> {
        match (was, self) {
            (Phase::Lobby, Phase::Playing { .. }) | (Phase::Playing { .. }, Phase::Over(_)) => Ok(()),
            _ => Err("not from here"),
        }
    }
}

#[test]
fn an_enum_is_a_state_machine() {
    let mut phase = Phase::Lobby;
    let no = Err(PhaseError::Rejected(Invalid::from("not from here")));
    assert_eq!(apply(&mut phase, PhaseMutation::Finish { winner: 3 }), no);
    apply(&mut phase, PhaseMutation::Start).unwrap();
    assert_eq!(apply(&mut phase, PhaseMutation::Start), no);
    apply(&mut phase, PhaseMutation::Finish { winner: 3 }).unwrap();
    assert_eq!(phase, Phase::Over(3));
}

#[derive(Clone, Debug, PartialEq, LiveValue)]
#[live(mutation(variants(Adopt(Vec<Self>, Option<Box<Self>>))))]
struct Tree {
    children: Vec<Self>,
}

impl Tree {
    fn adopt(&mut self, many: &[Tree], one: &Option<Box<Self>>) {
        self.children.extend_from_slice(many);
        self.children.extend(one.as_deref().cloned());
    }
}

#[test]
fn self_in_a_payload_is_the_value() {
    let leaf = Tree { children: Vec::new() };
    let mut tree = leaf.clone();
    tree.apply(&TreeMutation::Adopt(
        vec![leaf.clone()],
        Some(Box::new(leaf.clone())),
    ))
    .unwrap();
    assert_eq!(tree.children.len(), 2);
    tree.apply(&TreeMutation::SetChildren(vec![leaf])).unwrap();
    assert_eq!(tree.children.len(), 1);
}
