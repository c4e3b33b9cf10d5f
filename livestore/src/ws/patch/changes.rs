//! [`changes`]: the walk down two trees that writes the patch.

use std::cmp::Ordering;

use crate::ws::patch::Difference;
use crate::ws::patch::align::hunks;
use crate::ws::patch::tree::{Index, Kind, Tree};

/// Writes the patch that leads from one document to the other.
pub(super) fn changes(old: &Tree<'_>, new: &Tree<'_>) -> Difference {
    let mut walk = Walk {
        old,
        new,
        path: Vec::new(),
        out: b"[".to_vec(),
    };
    // With the bracket that is still to come, it must be shorter than the document.
    let room = new.value(ROOT).len().saturating_sub(2);
    if !walk.change(ROOT, ROOT, room) {
        return Difference::Whole;
    }
    if walk.out.len() == 1 {
        return Difference::Nothing;
    }
    walk.out.push(b']');
    Difference::Patch(walk.out)
}

const ROOT: Index = 0;

/// What makes two items of arrays belong together.
#[derive(Clone, Copy, PartialEq)]
enum Together {
    /// They are the same.
    Same,
    /// They begin with the same, as objects do whose first field is an id.
    Alike,
}

/// Each step gets the length that the patch may have afterwards, and says whether it did with that. If not, what it has written
/// is for the caller to take back. So nothing is ever written that is longer than the document, and a part of it is told as a
/// whole as soon as its changes have become longer.
struct Walk<'a> {
    old: &'a Tree<'a>,
    new: &'a Tree<'a>,
    /// The segments of the path to where we are, as JSON, with commas between them.
    path: Vec<u8>,
    out: Vec<u8>,
}

impl<'a> Walk<'a> {
    fn change(&mut self, old: Index, new: Index, room: usize) -> bool {
        if self.old.value(old) == self.new.value(new) {
            return true;
        }
        let set = [b",", self.new.value(new)];
        let start = self.out.len();
        let shorter = room.min(start + self.length(&set) - 1);
        let written = match (self.old.kind(old), self.new.kind(new)) {
            (Kind::Object, Kind::Object) => self.object(old, new, shorter),
            (Kind::Array, Kind::Array) => {
                let (old, new): (Vec<_>, Vec<_>) =
                    (self.old.children(old).collect(), self.new.children(new).collect());
                self.items(&old, &new, 0, Together::Same, shorter)
            }
            _ => false,
        };
        written || {
            self.out.truncate(start);
            self.write(&set, room)
        }
    }

    fn object(&mut self, old: Index, new: Index, room: usize) -> bool {
        let (Some(old), Some(new)) = (self.old.members(old), self.new.members(new)) else {
            return false;
        };
        let (mut old, mut new) = (old.into_iter().peekable(), new.into_iter().peekable());
        loop {
            // The keys of both are in order, so the smaller one is in one of them alone.
            let (was, is) = (old.peek().copied(), new.peek().copied());
            let (was, is) = match (was, is) {
                (Some(was), Some(is)) => match self.old.key(was).cmp(self.new.key(is)) {
                    Ordering::Less => (Some(was), None),
                    Ordering::Equal => (Some(was), Some(is)),
                    Ordering::Greater => (None, Some(is)),
                },
                (None, None) => return true,
                one => one,
            };
            let written = match (was, is) {
                (Some(was), None) => self.within(self.old.key(was), |walk| walk.write(&[], room)),
                (None, Some(is)) => self.within(self.new.key(is), |walk| {
                    walk.write(&[b",", walk.new.value(is)], room)
                }),
                (Some(was), Some(is)) => self.within(self.new.key(is), |walk| walk.change(was, is, room)),
                (None, None) => true,
            };
            if !written {
                return false;
            }
            old.next_if(|_| was.is_some());
            new.next_if(|_| is.is_some());
        }
    }

    /// Changes items of the array at the path, from index `at` on. Before that it is as it will be.
    fn items(&mut self, old: &[Index], new: &[Index], at: usize, together: Together, room: usize) -> bool {
        let (old_tree, new_tree) = (self.old, self.new);
        let hunks = hunks(old.len(), new.len(), |i, j| match together {
            Together::Same => old_tree.value(old[i]) == new_tree.value(new[j]),
            Together::Alike => self.alike(old[i], new[j]),
        });
        let mut from = (0, 0);
        for hunk in hunks {
            let between = (&old[from.0..hunk.old.start], &new[from.1..hunk.new.start]);
            from = (hunk.old.end, hunk.new.end);
            let (old, new) = (&old[hunk.old], &new[hunk.new.clone()]);
            let begin = at + hunk.new.start;
            if !self.each(between.0, between.1, begin - between.1.len(), room)
                || !self.hunk(old, new, begin, together, room)
            {
                return false;
            }
        }
        self.each(&old[from.0..], &new[from.1..], at + from.1, room)
    }

    /// Changes as many items into as many others, one by one.
    fn each(&mut self, old: &[Index], new: &[Index], at: usize, room: usize) -> bool {
        old.iter().zip(new).enumerate().all(|(i, (&old, &new))| {
            self.within((at + i).to_string().as_bytes(), |walk| {
                walk.change(old, new, room)
            })
        })
    }

    /// Changes items that have nothing to do with one another, as far as is known.
    fn hunk(&mut self, old: &[Index], new: &[Index], at: usize, together: Together, room: usize) -> bool {
        let start = self.out.len();
        let numbers = format!(",{at},{},[", old.len());
        let splice = [numbers.as_bytes(), self.new.values(new), b"]"];
        let shorter = room.min(start + self.length(&splice) - 1);
        let written = match together {
            _ if old.is_empty() || new.is_empty() => false,
            Together::Same => self.items(old, new, at, Together::Alike, shorter),
            Together::Alike => old.len() == new.len() && self.each(old, new, at, shorter),
        };
        written || {
            self.out.truncate(start);
            self.write(&splice, room)
        }
    }

    fn alike(&self, old: Index, new: Index) -> bool {
        let (Some(was), Some(is)) = (self.old.children(old).next(), self.new.children(new).next()) else {
            return false;
        };
        self.old.kind(old) == self.new.kind(new)
            && self.old.key(was) == self.new.key(is)
            && self.old.value(was) == self.new.value(is)
    }

    /// Goes one segment down for this.
    fn within(&mut self, segment: &[u8], run: impl FnOnce(&mut Walk<'a>) -> bool) -> bool {
        let outer = self.path.len();
        if outer > 0 {
            self.path.push(b',');
        }
        self.path.extend_from_slice(segment);
        let written = run(self);
        self.path.truncate(outer);
        written
    }

    /// How long an operation is that has this behind its path.
    fn length(&self, parts: &[&[u8]]) -> usize {
        let comma = usize::from(self.out.len() > 1);
        let rest: usize = parts.iter().map(|part| part.len()).sum();
        comma + b"[[".len() + self.path.len() + b"]".len() + rest + b"]".len()
    }

    /// Writes an operation at the path.
    fn write(&mut self, parts: &[&[u8]], room: usize) -> bool {
        if self.out.len() + self.length(parts) > room {
            return false;
        }
        if self.out.len() > 1 {
            self.out.push(b',');
        }
        self.out.extend_from_slice(b"[[");
        self.out.extend_from_slice(&self.path);
        self.out.push(b']');
        parts.iter().for_each(|part| self.out.extend_from_slice(part));
        self.out.push(b']');
        true
    }
}
