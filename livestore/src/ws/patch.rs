//! What a document has become, told as a patch: [`diff`] finds it, [`apply`](apply::apply) carries it out.
//!
//! A patch is a JSON array of operations, which are carried out one after another, each on what those before it have left:
//!
//! | operation | what it does |
//! |---|---|
//! | `[path, value]` | puts `value` at `path`: a new or present key of an object, a present index of an array, or the root |
//! | `[path]` | takes a present key out of an object |
//! | `[path, at, delete, items]` | takes `delete` items out of the array at `path`, from index `at`, and puts `items` there |
//!
//! A path is an array with a string for each key and a number for each index. A key is a key, whatever it is called:
//! whoever applies patches in JavaScript looks at own properties only, and defines them, because of `__proto__`.
//! What does not fit the document is an error, never a guess.
//!
//! Documents are compared as the bytes of one encoder, and values are copied from those, byte for byte. Nothing is parsed
//! into a number, so nothing is rounded, and `0.1_f32` or a `u128` is told as it was written. Two encoders disagree about
//! such things, so whoever shows documents and whoever compares them must use the same.
//!
//! - [`tree`] reads the bytes into a flat list of spans.
//! - [`align`] says which items of two arrays belong together: those in front and behind that are the same, and between them
//!   the fewest that must go and come. So a list that lost its first line and got a new last one is two splices.
//! - [`changes`] walks down both trees. Where an object or an array can be told more shortly as a whole, it is.

mod align;
pub(crate) mod apply;
mod changes;
#[cfg(test)]
mod tests;
mod tree;

use crate::ws::patch::changes::changes;
use crate::ws::patch::tree::Tree;

/// What there is to tell about a document.
#[derive(Debug, PartialEq)]
pub(crate) enum Difference {
    /// The two mean the same, though their keys may be in another order.
    Nothing,
    /// A patch that is shorter than the new document.
    Patch(Vec<u8>),
    /// No patch is shorter, or the documents are too large to look for one.
    Whole,
}

/// Finds how to tell that `old` has become `new`. Both are JSON, by the same encoder.
///
/// The work is bounded: documents with more than 256 KiB or 10,000 nodes are not looked at. What is nested more deeply than
/// 64 levels is compared, and told, as a whole. So is an object which has a key twice, as one with `flatten` may.
pub(crate) fn diff(old: &[u8], new: &[u8]) -> Difference {
    if old == new {
        return Difference::Nothing;
    }
    match (Tree::read(old), Tree::read(new)) {
        (Some(old), Some(new)) => changes(&old, &new),
        _ => Difference::Whole,
    }
}
