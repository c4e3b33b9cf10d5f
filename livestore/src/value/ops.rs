//! What the derive's operations do to a field: one trait per operation, which a type of one's own can implement.
//!
//! | on the field | needs | implemented here for |
//! |---|---|---|
//! | `increment`, `decrement` | [`Increment`] | integers, floats, [`Duration`](std::time::Duration), `NonZero`, `Wrapping`, `Saturating` |
//! | `toggle` | [`Toggle`] | `bool` |
//! | `push`, `keep = n` | [`Push`] | `Vec`, `VecDeque`, `LinkedList`, `SmallVec` |
//! | `insert` | [`Insert`] | `HashMap`, `BTreeMap`, `HashSet`, `BTreeSet`, `IndexMap`, `IndexSet` |
//! | `remove` | [`Remove`] | the same |
//! | `each`, `set_at` | [`Keyed`] | `HashMap`, `BTreeMap`, `IndexMap`; arrays by themselves |
//! | `each(by = ..)`, then `remove` | [`List`] of [`Identified`] | `Vec`, `VecDeque`, `SmallVec` |
//! | `add` | [`Add`] | `HashMap`, `BTreeMap`, `IndexMap` of numbers |
//! | `clear` | [`Clear`] | all collections, `String`, `Option` |
//! | `len = ..` | [`Len`] | all collections, slices, `String`, `str`, `Option`, `Box`, `Cow` |
//!
//! With the feature `indexmap`, `IndexMap` and `IndexSet` are a map and a set, whose order stays when something is removed;
//! with the feature `smallvec`, `SmallVec` is a list. Any other type of another crate goes into a
//! [type of one's own](#types-of-other-crates).
//!
//! [`Hidden<C>`](crate::Hidden) can do whatever `C` can, but for `each` and `set_at`. What an operation takes is then hidden, too.
//!
//! `Arc<C>` can do whatever `C` can, by copy-on-write: while a reader holds the field's `Arc`, a change is made on a
//! copy of the collection, otherwise in place. A value with its large collections in `Arc`s is therefore cheap to
//! clone, which the store does whenever somebody looks at the value that a mutation changes.
//!
//! # Examples
//!
//! A collection of one's own as the field of a live value:
//!
//! ```
//! use livestore::{LiveValue, ops};
//!
//! /// Keeps the three best scores, best first.
//! #[derive(Clone, Default)]
//! struct Podium(Vec<u32>);
//!
//! impl ops::Push for Podium {
//!     type Item = u32;
//!
//!     fn push(&mut self, item: u32) {
//!         self.0.push(item);
//!         self.0.sort_unstable_by(|a, b| b.cmp(a));
//!         self.0.truncate(3);
//!     }
//!
//!     fn keep_last(&mut self, n: usize) {
//!         self.0.truncate(n);
//!     }
//! }
//!
//! #[derive(Clone, LiveValue)]
//! struct Game {
//!     #[live(push = Finish)]
//!     podium: Podium,
//! }
//!
//! let mut game = Game { podium: Podium::default() };
//! for score in [3, 9, 5, 7] {
//!     let Ok(()) = game.apply(&GameMutation::Finish(score));
//! }
//! assert_eq!(game.podium.0, [9, 7, 5]);
//! ```
//!
//! # Types of other crates
//!
//! They go into a type of one's own, which takes the trait of each operation that is wanted, passes on what the rest of the
//! program does with them by `Deref`, and decides what the other type leaves open: here, what becomes of an item for which
//! there is no room.
//!
//! ```
//! use livestore::{LiveValue, ops};
//!
//! # mod other { #[derive(Clone, Debug)] pub struct ArrayVec<T, const N: usize>(Vec<T>); impl<T, const N: usize> ArrayVec<T, N> {
//! # pub fn new() -> Self { Self(Vec::new()) } pub fn push(&mut self, item: T) { assert!(self.0.len() < N); self.0.push(item) }
//! # pub fn len(&self) -> usize { self.0.len() } pub fn is_full(&self) -> bool { self.0.len() == N }
//! # pub fn drain(&mut self, range: std::ops::RangeTo<usize>) { self.0.drain(range); } } }
//! # use other::ArrayVec;
//! /// The last eight moves, without an allocation.
//! #[derive(Clone)]
//! struct Moves(ArrayVec<char, 8>);
//!
//! impl ops::Push for Moves {
//!     type Item = char;
//!
//!     fn push(&mut self, item: char) {
//!         if self.0.is_full() {
//!             self.0.drain(..1);
//!         }
//!         self.0.push(item);
//!     }
//!
//!     fn keep_last(&mut self, n: usize) {
//!         let surplus = self.0.len().saturating_sub(n);
//!         self.0.drain(..surplus);
//!     }
//! }
//!
//! impl std::ops::Deref for Moves {
//!     type Target = ArrayVec<char, 8>;
//!
//!     fn deref(&self) -> &ArrayVec<char, 8> {
//!         &self.0
//!     }
//! }
//!
//! #[derive(Clone, LiveValue)]
//! struct Game {
//!     #[live(push = Play)]
//!     moves: Moves,
//! }
//!
//! let mut game = Game { moves: Moves(ArrayVec::new()) };
//! for at in "abcdefghi".chars() {
//!     let Ok(()) = game.apply(&GameMutation::Play(at));
//! }
//! assert_eq!(game.moves.len(), 8);
//! ```
//!
//! A number of another crate likewise: a `Decimal` becomes a `struct Price(Decimal)` that implements [`Increment`] by its
//! `checked_add` and `checked_sub`. A time (of `chrono`, of `time`) is set, and needs nothing.

#[cfg(feature = "indexmap")]
mod indexmap;
#[cfg(feature = "smallvec")]
mod smallvec;
mod standard;

/// Adds to and subtracts from a value without wrapping: `increment` and `decrement`.
///
/// # Examples
///
/// ```
/// use livestore::{Invalid, LiveValue, ops::Increment};
///
/// #[derive(Clone, Copy, Debug, PartialEq)]
/// struct Coins(u32);
///
/// impl Increment for Coins {
///     fn checked_increment(&self, by: &Self) -> Option<Self> {
///         self.0.checked_add(by.0).map(Coins)
///     }
///
///     fn checked_decrement(&self, by: &Self) -> Option<Self> {
///         self.0.checked_sub(by.0).map(Coins)
///     }
/// }
///
/// #[derive(Clone, LiveValue)]
/// struct Purse {
///     #[live(increment = Earn, decrement = Pay)]
///     coins: Coins,
/// }
///
/// let mut purse = Purse { coins: Coins(5) };
/// purse.apply(&PurseMutation::Pay(Coins(2))).unwrap();
/// assert_eq!(purse.coins, Coins(3));
///
/// let too_much = purse.apply(&PurseMutation::Pay(Coins(4)));
/// assert!(matches!(too_much, Err(PurseError::Coins(Invalid::Overflow))));
/// ```
#[diagnostic::on_unimplemented(
    message = "`increment` and `decrement` need a number, but this field is `{Self}`",
    label = "not a number",
    note = "implement `livestore::ops::Increment` for `{Self}`, or write a mutation of your own: \
            `#[live(mutation(variants(..)))]` on the type; a number of another crate goes into a type of yours: see \
            `livestore::ops`"
)]
pub trait Increment: Sized {
    /// Returns the sum, or `None` if it cannot be represented: too large, or not finite.
    fn checked_increment(&self, by: &Self) -> Option<Self>;

    /// Returns the difference, or `None` if it cannot be represented: too small, or not finite.
    fn checked_decrement(&self, by: &Self) -> Option<Self>;
}

/// Turns a value into its opposite: `toggle`.
///
/// # Examples
///
/// ```
/// use livestore::{LiveValue, ops::Toggle};
///
/// #[derive(Clone, Debug, PartialEq)]
/// enum Side { White, Black }
///
/// impl Toggle for Side {
///     fn toggle(&mut self) {
///         *self = match self {
///             Side::White => Side::Black,
///             Side::Black => Side::White,
///         };
///     }
/// }
///
/// #[derive(Clone, LiveValue)]
/// struct Chess {
///     #[live(toggle = Pass)]
///     turn: Side,
/// }
///
/// let mut chess = Chess { turn: Side::White };
/// let Ok(()) = chess.apply(&ChessMutation::Pass);
/// assert_eq!(chess.turn, Side::Black);
/// ```
#[diagnostic::on_unimplemented(
    message = "`toggle` needs a `bool`, but this field is `{Self}`",
    label = "cannot be toggled",
    note = "implement `livestore::ops::Toggle` for `{Self}`, or write a mutation of your own: \
            `#[live(mutation(variants(..)))]` on the type"
)]
pub trait Toggle {
    /// Turns the value into its opposite.
    fn toggle(&mut self);
}

/// Appends to a list: `push`, and `keep = n` beside it.
///
/// See the [module](self) for an implementation of one's own.
#[diagnostic::on_unimplemented(
    message = "`push` needs a list, but this field is `{Self}`",
    label = "cannot be pushed to",
    note = "it is for `Vec`, `VecDeque`, `LinkedList`, with the feature `smallvec` for `SmallVec`, and for types that implement \
            `livestore::ops::Push`; a list of another crate goes into a type of yours: see `livestore::ops`"
)]
pub trait Push {
    /// What the list holds; the payload of the mutation.
    type Item;

    /// Appends one item.
    fn push(&mut self, item: Self::Item);

    /// Drops items from the front until at most `n` are left: `keep = n`, after each `push`.
    fn keep_last(&mut self, n: usize);

    /// Returns by how many items `push` of `item` lengthens the list. The rule `len` asks before anything is changed.
    fn growth(&self, item: &Self::Item) -> usize {
        let _ = item;
        1
    }
}

/// Puts an item into a map or a set: `insert`.
///
/// # Examples
///
/// ```
/// use livestore::{LiveValue, ops};
///
/// /// A set of the numbers from 0 to 63.
/// #[derive(Clone, Copy, Default)]
/// struct Bits(u64);
///
/// impl ops::Insert for Bits {
///     type Item = u32;
///
///     fn insert(&mut self, item: u32) {
///         self.0 |= 1 << (item % 64);
///     }
///
///     fn replaces(&self, item: &u32) -> bool {
///         ops::Remove::contains(self, item)
///     }
/// }
///
/// impl ops::Remove for Bits {
///     type Key = u32;
///
///     fn contains(&self, key: &u32) -> bool {
///         self.0 & (1 << (key % 64)) != 0
///     }
///
///     fn remove(&mut self, key: &u32) {
///         self.0 &= !(1 << (key % 64));
///     }
/// }
///
/// #[derive(Clone, LiveValue)]
/// struct Card {
///     #[live(insert = Punch, remove)]
///     holes: Bits,
/// }
///
/// let mut card = Card { holes: Bits::default() };
/// let Ok(()) = card.apply(&CardMutation::Punch(3));
/// let Ok(()) = card.apply(&CardMutation::Punch(0));
/// let Ok(()) = card.apply(&CardMutation::RemoveHoles(3));
/// assert_eq!(card.holes.0, 1);
/// ```
#[diagnostic::on_unimplemented(
    message = "`insert` needs a map or a set, but this field is `{Self}`",
    label = "cannot be inserted into",
    note = "it is for `HashMap`, `BTreeMap`, `HashSet`, `BTreeSet`, with the feature `indexmap` for `IndexMap` and \
            `IndexSet`, and for types that implement `livestore::ops::Insert`; a collection of another crate goes into a \
            type of yours: see `livestore::ops`"
)]
pub trait Insert {
    /// What is put in; the payload of the mutation. For a map, the key and the value.
    type Item;

    /// Puts `item` in, replacing what is at its place.
    fn insert(&mut self, item: Self::Item);

    /// Tells whether `item` would replace something, so that the length would stay. The rule `len` asks before
    /// anything is changed.
    fn replaces(&self, item: &Self::Item) -> bool;
}

/// Takes what is at a key out of a map or a set: `remove`.
///
/// See [`Insert`] for an implementation of one's own.
#[diagnostic::on_unimplemented(
    message = "`remove` needs a map or a set, but this field is `{Self}`",
    label = "cannot be removed from",
    note = "it is for `HashMap`, `BTreeMap`, `HashSet`, `BTreeSet`, with the feature `indexmap` for `IndexMap` and \
            `IndexSet`, and for types that implement `livestore::ops::Remove`; a collection of another crate goes into a \
            type of yours: see `livestore::ops`"
)]
pub trait Remove {
    /// What is looked for; the payload of the mutation.
    type Key;

    /// Tells whether there is something at `key`.
    fn contains(&self, key: &Self::Key) -> bool;

    /// Takes out what is at `key`. Derived code calls it only if there is something.
    fn remove(&mut self, key: &Self::Key);
}

/// Reaches the values of a map by their keys: `each` and `set_at`.
///
/// # Examples
///
/// ```
/// use livestore::{LiveValue, ops::Keyed};
///
/// #[derive(Clone, LiveValue)]
/// struct Lamp {
///     #[live(toggle)]
///     lit: bool,
/// }
///
/// /// Two lamps, by side.
/// #[derive(Clone)]
/// struct Pair([(char, Lamp); 2]);
///
/// impl Keyed for Pair {
///     type Key = char;
///     type Value = Lamp;
///
///     fn get(&self, key: &char) -> Option<&Lamp> {
///         self.iter().find_map(|(side, lamp)| (side == key).then_some(lamp))
///     }
///
///     fn get_mut(&mut self, key: &char) -> Option<&mut Lamp> {
///         self.0.iter_mut().find_map(|(side, lamp)| (side == key).then_some(lamp))
///     }
///
///     fn iter(&self) -> impl Iterator<Item = (&char, &Lamp)> {
///         self.0.iter().map(|(side, lamp)| (side, lamp))
///     }
/// }
///
/// #[derive(Clone, LiveValue)]
/// struct Desk {
///     #[live(each)]
///     lamps: Pair,
/// }
///
/// let mut desk = Desk { lamps: Pair([('l', Lamp { lit: false }), ('r', Lamp { lit: false })]) };
/// desk.apply(&DeskMutation::UpdateLamps('r', LampMutation::ToggleLit)).unwrap();
/// assert!(desk.lamps.get(&'r').unwrap().lit);
/// assert!(desk.apply(&DeskMutation::UpdateLamps('x', LampMutation::ToggleLit)).is_err());
/// ```
#[diagnostic::on_unimplemented(
    message = "`each` and `set_at` need values by key, but this field is `{Self}`",
    label = "has no values by key",
    note = "they are for `HashMap`, `BTreeMap`, with the feature `indexmap` for `IndexMap`, for arrays as they are written, and \
            for types that implement `livestore::ops::Keyed`; with `each` the values are live values; a map of another \
            crate goes into a type of yours: see `livestore::ops`"
)]
pub trait Keyed {
    /// What a value is found by; the first payload of the mutation.
    type Key;

    /// What is found: with `each` a live value, whose mutation is the second payload; with `set_at` that payload itself.
    type Value;

    /// Returns the value at `key`.
    fn get(&self, key: &Self::Key) -> Option<&Self::Value>;

    /// Returns the value at `key` to change it.
    fn get_mut(&mut self, key: &Self::Key) -> Option<&mut Self::Value>;

    /// Visits all values, to [`check`](crate::LiveValue::check) them.
    fn iter(&self) -> impl Iterator<Item = (&Self::Key, &Self::Value)>;
}

/// Empties a collection: `clear`.
///
/// # Examples
///
/// ```
/// use livestore::{LiveValue, ops::Clear};
///
/// #[derive(Clone)]
/// struct Selection { from: usize, to: usize }
///
/// impl Clear for Selection {
///     fn clear(&mut self) {
///         self.to = self.from;
///     }
/// }
///
/// #[derive(Clone, LiveValue)]
/// struct Editor {
///     #[live(clear = Deselect)]
///     selected: Selection,
/// }
///
/// let mut editor = Editor { selected: Selection { from: 3, to: 8 } };
/// let Ok(()) = editor.apply(&EditorMutation::Deselect);
/// assert_eq!(editor.selected.to, 3);
/// ```
#[diagnostic::on_unimplemented(
    message = "`clear` needs a collection, a string or an `Option`, but this field is `{Self}`",
    label = "cannot be emptied",
    note = "implement `livestore::ops::Clear` for `{Self}`, or write a mutation of your own: \
            `#[live(mutation(variants(..)))]` on the type; a collection of another crate goes into a type of yours: see \
            `livestore::ops`"
)]
pub trait Clear {
    /// Takes everything out.
    fn clear(&mut self);

    /// Returns the length that is left, `None` if there is then nothing to measure. The rule `len` asks before
    /// anything is changed.
    fn len_cleared(&self) -> Option<usize> {
        Some(0)
    }
}

/// Has a length: the rule `len = ..`.
///
/// # Examples
///
/// ```
/// use livestore::{Invalid, LiveValue, ops::Len};
///
/// /// A text that is measured in words.
/// #[derive(Clone)]
/// struct Words(String);
///
/// impl Len for Words {
///     fn len(&self) -> usize {
///         self.0.split_whitespace().count()
///     }
/// }
///
/// #[derive(Clone, LiveValue)]
/// struct Poem {
///     #[live(len = ..=3)]
///     line: Words,
/// }
///
/// let mut poem = Poem { line: Words(String::new()) };
/// assert!(poem.apply(&PoemMutation::SetLine(Words("so much depends".into()))).is_ok());
/// let long = poem.apply(&PoemMutation::SetLine(Words("so much depends upon".into())));
/// assert!(matches!(long, Err(PoemError::Line(Invalid::Length { len: 4, .. }))));
/// ```
#[diagnostic::on_unimplemented(
    message = "`len` needs a string or a collection, but this field is `{Self}`",
    label = "has no length",
    note = "for a number use `range`; or implement `livestore::ops::Len` for `{Self}`; a collection of another crate goes \
            into a type of yours: see `livestore::ops`"
)]
#[expect(clippy::len_without_is_empty, reason = "only the length is asked for")]
pub trait Len {
    /// Returns the length: `char`s of a string, items of a collection.
    fn len(&self) -> usize;

    /// Returns the length, or `None` if there is nothing to measure, which the rule then accepts: an `Option` that
    /// is `None`.
    fn len_if_present(&self) -> Option<usize> {
        Some(self.len())
    }
}

/// Adds to a number at a key: `add`.
///
/// # Examples
///
/// ```
/// use livestore::LiveValue;
/// use std::collections::HashMap;
///
/// #[derive(Clone, Default, LiveValue)]
/// struct Match {
///     #[live(add = Score, range = 0..=100)]
///     scores: HashMap<String, i32>,
/// }
///
/// let mut game = Match::default();
/// game.apply(&MatchMutation::Score("ann".into(), 3)).unwrap();
/// game.apply(&MatchMutation::Score("ann".into(), 4)).unwrap();
/// assert_eq!(game.scores["ann"], 7);
/// let below = game.apply(&MatchMutation::Score("ben".into(), -1)).unwrap_err();
/// assert_eq!(below.to_string(), "scores: the value is not within 0..=100");
/// ```
#[diagnostic::on_unimplemented(
    message = "`add` needs a map of numbers, but this field is `{Self}`",
    label = "has no numbers by key",
    note = "it is for `HashMap`, `BTreeMap`, with the feature `indexmap` for `IndexMap`, whose values are numbers, and for \
            types that implement `livestore::ops::Add`"
)]
pub trait Add {
    /// What a number is found by; the first payload of the mutation.
    type Key;

    /// The number; the second payload.
    type Amount;

    /// Returns what would be at `key`: what is there, or the default, plus `amount`. `None` if it cannot be represented.
    fn sum(&self, key: &Self::Key, amount: &Self::Amount) -> Option<Self::Amount>;

    /// Tells whether there is something at `key`, so that the length would stay.
    fn has(&self, key: &Self::Key) -> bool;

    /// Puts a number at `key`.
    fn put(&mut self, key: Self::Key, sum: Self::Amount);
}

/// Has items one after another: `each(by = id)`.
///
/// Implemented for `Vec`, `VecDeque`, with the feature `smallvec` for `SmallVec`, and for an `Arc` of one.
#[diagnostic::on_unimplemented(
    message = "`each(by = ..)` needs a list, but this field is `{Self}`",
    label = "has no items in a row",
    note = "it is for `Vec`, `VecDeque`, with the feature `smallvec` for `SmallVec`, and for types that implement \
            `livestore::ops::List`; for maps write `each` alone"
)]
pub trait List {
    /// What is in the list.
    type Item;

    /// Visits all items in order.
    fn items(&self) -> impl Iterator<Item = &Self::Item>;

    /// Returns the item at a place to change it.
    fn at_mut(&mut self, place: usize) -> Option<&mut Self::Item>;

    /// Takes the item at a place out, and closes the gap.
    fn remove_at(&mut self, place: usize);
}

/// Knows itself from all others: an item of a list with `each(by = ..)`.
///
/// The derive implements it for a type with a field that is marked `#[live(id)]`, which nothing changes.
///
/// # Examples
///
/// ```
/// use livestore::LiveValue;
///
/// #[derive(Clone, LiveValue)]
/// struct Card {
///     #[live(id)]
///     number: u32,
///     text: String,
/// }
///
/// #[derive(Clone, LiveValue)]
/// struct Board {
///     #[live(push = Pin, each(by = number) = Edit, remove = Unpin)]
///     cards: Vec<Card>,
/// }
///
/// let mut board = Board { cards: Vec::new() };
/// for number in [7, 9] {
///     board.apply(&BoardMutation::Pin(Card { number, text: String::new() })).unwrap();
/// }
/// board.apply(&BoardMutation::Edit(9, CardMutation::SetText("milk".into()))).unwrap();
/// board.apply(&BoardMutation::Unpin(7)).unwrap();
/// assert_eq!(board.cards[0].text, "milk");
///
/// let twice = board.apply(&BoardMutation::Pin(Card { number: 9, text: String::new() }));
/// assert_eq!(twice.unwrap_err().to_string(), "cards: there is one already");
/// ```
#[diagnostic::on_unimplemented(
    message = "nothing identifies a `{Self}`",
    label = "has no id",
    note = "mark the field of `{Self}` that never changes: `#[live(id)]`; or implement `livestore::ops::Identified`"
)]
pub trait Identified {
    /// What tells one from another.
    type Id: Eq + std::hash::Hash;

    /// The name of the field, as `by = ..` gives it.
    const FIELD: &'static str;

    /// Returns it.
    fn id(&self) -> &Self::Id;
}
