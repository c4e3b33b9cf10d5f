//! A board of cards: what is on it, what people do to it, and how they take it back.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::Arc;

use livestore::{Entry, Hidden, LiveValue, Uuid};
use serde::{Deserialize, Serialize};

/// How many cards a board has at most, how many characters stand on one, and how many acts one can take back.
pub(crate) const MAX_CARDS: usize = 300;
pub(crate) const MAX_TEXT: usize = 500;
pub(crate) const MAX_UNDO: usize = 50;
/// How many people can take something back. Beyond that, who has done nothing for the longest time cannot any more.
pub(crate) const MAX_ACTORS: usize = 50;
/// How many bytes there are at most in all texts of a board. Not every character is one byte. Notes do not count: whoever fills a board
/// would learn how long those of others are.
const MAX_BYTES: usize = 160 * 1024;
/// Cards lie between 0 and this, both ways.
pub(crate) const SIZE: i32 = 4000;

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Board {
    pub(crate) title: String,
    /// Shared with what can be taken back, and with the board as it was before: each step makes a new one.
    pub(crate) cards: BTreeMap<Uuid, Arc<Card>>,
    /// Who has made it: the only one who sees and writes `remark`.
    pub(crate) admin: Uuid,
    pub(crate) remark: Hidden<String>,
    /// What each has done and taken back. For as long as the server runs: it would be many times what is on the board.
    #[serde(skip)]
    acts: BTreeMap<Uuid, Arc<Acts>>,
    /// How many steps there were.
    #[serde(skip)]
    steps: u64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Card {
    pub(crate) author: Uuid,
    pub(crate) at: Place,
    pub(crate) text: String,
    pub(crate) color: Color,
    /// For its author alone.
    pub(crate) note: String,
}

/// Of two cards the one with the larger `z` lies on top.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Place {
    pub(crate) x: i32,
    pub(crate) y: i32,
    pub(crate) z: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Color {
    Yellow,
    Pink,
    Green,
    Blue,
}

#[derive(Clone, Debug, Default)]
struct Acts {
    /// The number of the last step.
    last: u64,
    done: VecDeque<Act>,
    undone: Vec<Act>,
}

/// One step that can be taken back: what one card was, and became. Moves of one drag are one step.
#[derive(Clone, Debug)]
struct Act {
    card: Uuid,
    was: Option<Arc<Card>>,
    is: Option<Arc<Card>>,
    drag: Option<u32>,
}

/// What a page asks for.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Ask {
    Add {
        card: Uuid,
        x: i32,
        y: i32,
        color: Color,
    },
    /// To a place, on top of all others. `drag` tells one drag from the next.
    Move {
        card: Uuid,
        x: i32,
        y: i32,
        drag: u32,
    },
    Write {
        card: Uuid,
        text: String,
    },
    Paint {
        card: Uuid,
        color: Color,
    },
    Note {
        card: Uuid,
        text: String,
    },
    Remove {
        card: Uuid,
    },
    Remark(String),
    Undo,
    Redo,
}

/// What somebody asks for.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub(crate) who: Uuid,
    pub(crate) ask: Ask,
}

/// Where somebody points, and which card he has chosen.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Pointer {
    pub(crate) who: Uuid,
    /// In which of his windows.
    pub(crate) tab: u32,
    pub(crate) x: i32,
    pub(crate) y: i32,
    pub(crate) card: Option<Uuid>,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum No {
    /// Somebody else has removed the card.
    Gone,
    NotYours,
    Full,
    TooLong,
    NothingToUndo,
}

impl fmt::Display for No {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            No::Gone => "the card is gone",
            No::NotYours => "that is for somebody else to do",
            No::Full => "the board is full",
            No::TooLong => "the text is too long",
            No::NothingToUndo => "there is nothing to take back",
        })
    }
}

impl std::error::Error for No {}

impl LiveValue for Board {
    type Message = Pointer;
    type Mutation = Step;
    type MutError = No;

    fn mutate(entry: &Entry<Board>, step: &Step) -> Result<Board, No> {
        let mut board = (**entry.value()).clone();
        board.take(step.who, &step.ask)?;
        Ok(board)
    }
}

impl Board {
    pub(crate) fn new(title: String, admin: Uuid) -> Board {
        Board {
            title,
            cards: BTreeMap::new(),
            admin,
            remark: String::new().into(),
            acts: BTreeMap::new(),
            steps: 0,
        }
    }

    fn take(&mut self, who: Uuid, ask: &Ask) -> Result<(), No> {
        match ask {
            Ask::Add { card, x, y, color } => {
                if self.cards.contains_key(card) {
                    return Err(No::Full);
                }
                let new = Card {
                    author: who,
                    at: self.top(*x, *y),
                    text: String::new(),
                    color: *color,
                    note: String::new(),
                };
                self.change(who, *card, None, Some(new))
            }
            Ask::Move { card, x, y, drag } => {
                let at = self.top(*x, *y);
                self.edit(who, *card, Some(*drag), |card| card.at = at)
            }
            Ask::Write { card, text } => {
                checked(text)?;
                self.edit(who, *card, None, |card| card.text.clone_from(text))
            }
            Ask::Paint { card, color } => self.edit(who, *card, None, |card| card.color = *color),
            Ask::Note { card, text } => {
                checked(text)?;
                // Whoever is not told of a note is not told why it cannot be written.
                if self.cards.get(card).ok_or(No::Gone)?.author != who {
                    return Err(No::NotYours);
                }
                self.edit(who, *card, None, |card| card.note.clone_from(text))
            }
            Ask::Remove { card } => {
                self.cards.get(card).ok_or(No::Gone)?;
                self.change(who, *card, None, None)
            }
            Ask::Remark(text) => {
                checked(text)?;
                if who != self.admin {
                    return Err(No::NotYours);
                }
                self.remark = text.clone().into();
                Ok(())
            }
            Ask::Undo => self.undo(who),
            Ask::Redo => self.redo(who),
        }
    }

    /// A place on top of all others.
    fn top(&self, x: i32, y: i32) -> Place {
        let z = self.cards.values().map(|card| card.at.z).max().unwrap_or(0);
        Place {
            x: x.clamp(0, SIZE),
            y: y.clamp(0, SIZE),
            z: z.saturating_add(1),
        }
    }

    fn edit(
        &mut self,
        who: Uuid,
        card: Uuid,
        drag: Option<u32>,
        edit: impl FnOnce(&mut Card),
    ) -> Result<(), No> {
        let mut edited = Card::clone(self.cards.get(&card).ok_or(No::Gone)?);
        edit(&mut edited);
        self.change(who, card, drag, Some(edited))
    }

    /// Makes a card something else, and notes how to take that back.
    fn change(&mut self, who: Uuid, card: Uuid, drag: Option<u32>, is: Option<Card>) -> Result<(), No> {
        let was = self.cards.get(&card).cloned();
        let is = is.map(Arc::new);
        self.put(card, is.clone())?;
        let acts = self.acts_of(who);
        acts.undone.clear();
        if let Some(last) = acts.done.back_mut()
            && drag.is_some()
            && (last.card, last.drag) == (card, drag)
        {
            last.is = is;
            return Ok(());
        }
        acts.done.push_back(Act { card, was, is, drag });
        if acts.done.len() > MAX_UNDO {
            acts.done.pop_front();
        }
        Ok(())
    }

    /// Puts a card there or takes it away, if there is room for it.
    fn put(&mut self, id: Uuid, card: Option<Arc<Card>>) -> Result<(), No> {
        let was = match &card {
            None => self.cards.remove(&id),
            Some(card) => self.cards.insert(id, Arc::clone(card)),
        };
        let grows = card.map_or(0, |card| card.text.len()) > was.map_or(0, |was| was.text.len());
        let bytes = || self.cards.values().map(|card| card.text.len()).sum::<usize>();
        // What a step has refused is what was there before it.
        if self.cards.len() > MAX_CARDS || (grows && bytes() > MAX_BYTES) {
            return Err(No::Full);
        }
        Ok(())
    }

    /// What somebody has done, who does something now.
    fn acts_of(&mut self, who: Uuid) -> &mut Acts {
        self.steps += 1;
        if !self.acts.contains_key(&who) && self.acts.len() >= MAX_ACTORS {
            let longest = self.acts.iter().min_by_key(|(_, acts)| acts.last);
            if let Some(longest) = longest.map(|(who, _)| *who) {
                self.acts.remove(&longest);
            }
        }
        let acts = Arc::make_mut(self.acts.entry(who).or_default());
        acts.last = self.steps;
        acts
    }

    fn undo(&mut self, who: Uuid) -> Result<(), No> {
        // What somebody else has changed since is his: such acts are passed over.
        while let Some(mut act) = self.acts_of(who).done.pop_back() {
            let now = self.cards.get(&act.card);
            if let Some(back) = act.undone(now) {
                if back.is_none() {
                    act.is = now.cloned();
                }
                self.put(act.card, back)?;
                self.acts_of(who).undone.push(act);
                return Ok(());
            }
        }
        Err(No::NothingToUndo)
    }

    fn redo(&mut self, who: Uuid) -> Result<(), No> {
        while let Some(mut act) = self.acts_of(who).undone.pop() {
            let now = self.cards.get(&act.card);
            if let Some(again) = act.redone(now) {
                if again.is_none() {
                    act.was = now.cloned();
                }
                self.put(act.card, again)?;
                self.acts_of(who).done.push_back(act);
                return Ok(());
            }
        }
        Err(No::NothingToUndo)
    }
}

impl Act {
    /// What the card becomes if this is taken back, and if that is done again. `None` if it cannot be.
    fn undone(&self, now: Option<&Arc<Card>>) -> Option<Option<Arc<Card>>> {
        merged(now, self.is.as_ref(), self.was.as_ref())
    }

    fn redone(&self, now: Option<&Arc<Card>>) -> Option<Option<Arc<Card>>> {
        merged(now, self.was.as_ref(), self.is.as_ref())
    }
}

impl Card {
    /// Whether everybody sees the same.
    fn looks_like(&self, other: &Card) -> bool {
        let seen = |card: &Card| (card.author, card.at, card.color);
        seen(self) == seen(other) && self.text == other.text
    }
}

/// What `now` becomes if what led from `to` to `from` is taken back: only what that has changed, and only where it is still so.
/// `None` if nothing of it is.
///
/// Pages choose the ids of cards, so it may be a card of somebody else by now: then nothing is. Nor does it depend on a note
/// whether a card comes or goes, as that would say something of it.
fn merged(
    now: Option<&Arc<Card>>,
    from: Option<&Arc<Card>>,
    to: Option<&Arc<Card>>,
) -> Option<Option<Arc<Card>>> {
    let (Some(now), Some(from), Some(to)) = (now, from, to) else {
        let is_still = match (now, from) {
            (Some(now), Some(from)) => now.looks_like(from),
            (now, from) => now.is_none() && from.is_none(),
        };
        return is_still.then(|| to.cloned());
    };
    if now.author != from.author {
        return None;
    }
    let mut card = Card::clone(now);
    if from.at != to.at && now.at == from.at {
        card.at = to.at;
    }
    if from.text != to.text && now.text == from.text {
        card.text.clone_from(&to.text);
    }
    if from.color != to.color && now.color == from.color {
        card.color = to.color;
    }
    if from.note != to.note && now.note == from.note {
        card.note.clone_from(&to.note);
    }
    (card != **now).then(|| Some(Arc::new(card)))
}

fn checked(text: &str) -> Result<(), No> {
    if text.chars().count() > MAX_TEXT {
        return Err(No::TooLong);
    }
    Ok(())
}

/// In which role somebody sees a board. Those without notes on it share one, so that it is encoded once for all of them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Role {
    is_admin: bool,
    /// Whose notes are seen.
    notes_of: Option<Uuid>,
    can_undo: bool,
    can_redo: bool,
}

impl Role {
    pub(crate) fn of(who: Uuid, board: &Board) -> Role {
        let has_notes = |card: &Arc<Card>| card.author == who && !card.note.is_empty();
        let acts = board.acts.get(&who);
        let now = |act: &Act| board.cards.get(&act.card);
        // The last one will do, if others leave his cards alone.
        let can_undo = |acts: &Arc<Acts>| acts.done.iter().rev().any(|act| act.undone(now(act)).is_some());
        let can_redo = |acts: &Arc<Acts>| acts.undone.iter().rev().any(|act| act.redone(now(act)).is_some());
        Role {
            is_admin: board.admin == who,
            notes_of: board.cards.values().any(has_notes).then_some(who),
            can_undo: acts.is_some_and(can_undo),
            can_redo: acts.is_some_and(can_redo),
        }
    }
}

/// What a role sees of a board.
#[derive(Serialize)]
pub(crate) struct BoardView<'a> {
    title: &'a str,
    cards: BTreeMap<&'a Uuid, CardView<'a>>,
    can_undo: bool,
    can_redo: bool,
    /// `null` for whom it is not.
    remark: Option<&'a str>,
}

#[derive(Serialize)]
struct CardView<'a> {
    author: Uuid,
    at: Place,
    text: &'a str,
    color: Color,
    #[serde(skip_serializing_if = "str::is_empty")]
    note: &'a str,
}

impl<'a> BoardView<'a> {
    pub(crate) fn of(role: &Role, board: &'a Board) -> BoardView<'a> {
        let seen = |card: &'a Arc<Card>| CardView {
            author: card.author,
            at: card.at,
            text: &card.text,
            color: card.color,
            note: if role.notes_of == Some(card.author) {
                &card.note
            } else {
                ""
            },
        };
        BoardView {
            title: &board.title,
            cards: board.cards.iter().map(|(id, card)| (id, seen(card))).collect(),
            can_undo: role.can_undo,
            can_redo: role.can_redo,
            remark: role.is_admin.then_some(&**board.remark),
        }
    }
}
