//! What the derive's operations do to a field: one trait per operation, which a type of one's own can implement.
//!
//! | on the field | needs | implemented here for |
//! |---|---|---|
//! | `increment`, `decrement` | [`Increment`] | integers, floats, [`Duration`](std::time::Duration) |
//! | `toggle` | [`Toggle`] | `bool` |
//! | `push`, `keep = n` | [`Push`] | `Vec`, `VecDeque` |
//! | `insert` | [`Insert`] | `HashMap`, `BTreeMap`, `HashSet`, `BTreeSet` |
//! | `remove` | [`Remove`] | `HashMap`, `BTreeMap`, `HashSet`, `BTreeSet` |
//! | `each` | [`Keyed`] | `HashMap`, `BTreeMap` |
//! | `clear` | [`Clear`] | all collections, `String`, `Option` |
//! | `len = ..` | [`Len`] | all collections, slices, `String`, `str`, `Option`, `Box`, `Cow` |
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
            `#[live(mutation(variants(..)))]` on the type"
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
    note = "it is for `Vec`, `VecDeque` and types that implement `livestore::ops::Push`"
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
    note = "it is for `HashMap`, `BTreeMap`, `HashSet`, `BTreeSet` and types that implement `livestore::ops::Insert`"
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
    note = "it is for `HashMap`, `BTreeMap`, `HashSet`, `BTreeSet` and types that implement `livestore::ops::Remove`"
)]
pub trait Remove {
    /// What is looked for; the payload of the mutation.
    type Key;

    /// Tells whether there is something at `key`.
    fn contains(&self, key: &Self::Key) -> bool;

    /// Takes out what is at `key`. Derived code calls it only if there is something.
    fn remove(&mut self, key: &Self::Key);
}

/// Reaches the values of a map by their keys: `each`.
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
    message = "`each` needs a map, but this field is `{Self}`",
    label = "has no values by key",
    note = "it is for `HashMap`, `BTreeMap` and types that implement `livestore::ops::Keyed`, when their values are \
            live values"
)]
pub trait Keyed {
    /// What a value is found by; the first payload of the mutation.
    type Key;

    /// What is found: a live value, whose mutation is the second payload.
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
            `#[live(mutation(variants(..)))]` on the type"
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
    note = "for a number use `range`; or implement `livestore::ops::Len` for `{Self}`"
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
