//! [`hunks`]: where two lists differ.
//!
//! What is the same in front and behind is left out. Between them it is Eugene Myers' search: how far one comes with no item
//! that goes or comes, with one, with two, and so on, until both lists are at their ends.

use std::ops::Range;

/// So many items may go and come, before it counts as another list. The search takes memory with its square.
const MOST: usize = 128;

/// These of the old list have become these of the new one. One of the two may be empty.
#[derive(Debug, PartialEq)]
pub(super) struct Hunk {
    pub(super) old: Range<usize>,
    pub(super) new: Range<usize>,
}

/// Finds the hunks between two lists of these lengths, in order, as few and as short as they can be. Lists that have too little
/// in common give one hunk. So do lists of one length of which fewer items changed at their places than would go and come.
pub(super) fn hunks(old: usize, new: usize, same: impl Fn(usize, usize) -> bool) -> Vec<Hunk> {
    let shorter = old.min(new);
    let front = (0..shorter).take_while(|&i| same(i, i)).count();
    let behind = (0..shorter - front)
        .take_while(|&i| same(old - 1 - i, new - 1 - i))
        .count();
    let (old, new) = (old - front - behind, new - front - behind);
    let same = |i, j| same(front + i, front + j);
    let most = if old == new {
        let changed = (0..old).filter(|&i| !same(i, i)).count();
        // Two edits of a list are not shorter than one of its items.
        changed.saturating_sub(1).min(MOST)
    } else {
        MOST
    };
    let mut runs = Search { old, new, same }.runs(most).unwrap_or_default();
    runs.retain(|run| run.length > 0);
    runs.push(Run {
        at: (old, new),
        length: 0,
    });
    let mut hunks = Vec::new();
    let mut from = (0, 0);
    for run in runs {
        let hunk = Hunk {
            old: front + from.0..front + run.at.0,
            new: front + from.1..front + run.at.1,
        };
        if !(hunk.old.is_empty() && hunk.new.is_empty()) {
            hunks.push(hunk);
        }
        from = (run.at.0 + run.length, run.at.1 + run.length);
    }
    hunks
}

/// So many items are the same in both lists, from here on.
struct Run {
    at: (usize, usize),
    length: usize,
}

struct Search<F> {
    old: usize,
    new: usize,
    same: F,
}

impl<F: Fn(usize, usize) -> bool> Search<F> {
    /// The runs of the shortest way, if that has at most so many steps.
    fn runs(&self, most: usize) -> Option<Vec<Run>> {
        if self.old.abs_diff(self.new) > most {
            return None;
        }
        // By the number of steps, then by how many of them left out an item of the old list: the furthest place in the old
        // list that is reached. The place in the new one follows.
        let mut reached: Vec<Vec<Option<usize>>> = Vec::new();
        for steps in 0..=most {
            let mut row = Vec::with_capacity(steps + 1);
            for gone in 0..=steps {
                let end = self.enter(&reached, steps, gone).map(|(mut at, _)| {
                    while at.0 < self.old && at.1 < self.new && (self.same)(at.0, at.1) {
                        at = (at.0 + 1, at.1 + 1);
                    }
                    at
                });
                if end == Some((self.old, self.new)) {
                    return Some(self.back(&reached, steps, gone));
                }
                row.push(end.map(|at| at.0));
            }
            reached.push(row);
        }
        None
    }

    /// Where the last of these steps leads, and whether it left out an item of the old list; the further of both ways.
    fn enter(
        &self,
        reached: &[Vec<Option<usize>>],
        steps: usize,
        gone: usize,
    ) -> Option<((usize, usize), bool)> {
        if steps == 0 {
            return Some(((0, 0), false));
        }
        let before = &reached[steps - 1];
        let left_out = gone
            .checked_sub(1)
            .and_then(|gone| before[gone])
            .filter(|&at| at < self.old)
            .map(|at| at + 1);
        let put_in = before
            .get(gone)
            .copied()
            .flatten()
            .filter(|&at| at + steps - 2 * gone <= self.new);
        let at = left_out.max(put_in)?;
        Some(((at, at + steps - 2 * gone), left_out == Some(at)))
    }

    /// Goes back from the end, by the way that led there.
    fn back(&self, reached: &[Vec<Option<usize>>], steps: usize, gone: usize) -> Vec<Run> {
        let (mut steps, mut gone, mut end) = (steps, gone, self.old);
        let mut runs = Vec::new();
        while let Some((at, left_out)) = self.enter(reached, steps, gone) {
            runs.push(Run {
                at,
                length: end - at.0,
            });
            if steps == 0 {
                break;
            }
            steps -= 1;
            gone -= usize::from(left_out);
            end = reached[steps][gone].unwrap_or_default();
        }
        runs.reverse();
        runs
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hunks_of(old: &str, new: &str) -> Vec<(String, String)> {
        let (old, new) = (old.as_bytes(), new.as_bytes());
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        hunks(old.len(), new.len(), |i, j| old[i] == new[j])
            .into_iter()
            .map(|hunk| (text(&old[hunk.old]), text(&new[hunk.new])))
            .collect()
    }

    type Pair = (&'static str, &'static str);

    #[test]
    fn hunks_are_few_and_short() {
        let cases: [(&str, &str, &[Pair]); 10] = [
            ("", "", &[]),
            ("abc", "abc", &[]),
            ("", "ab", &[("", "ab")]),
            ("abcdef", "bcdefg", &[("a", ""), ("", "g")]),
            ("abcdef", "zabcde", &[("", "z"), ("f", "")]),
            ("abcdefgh", "bcxefgh", &[("a", ""), ("d", "x")]),
            ("abcde", "axcy", &[("b", "x"), ("de", "y")]),
            // At their places fewer have changed than would go and come.
            ("abcd", "axcy", &[("bcd", "xcy")]),
            ("abcd", "acbd", &[("bc", "cb")]),
            ("abc", "xyz", &[("abc", "xyz")]),
        ];
        for (old, new, expected) in cases {
            let expected: Vec<_> = expected
                .iter()
                .map(|&(old, new)| (old.to_owned(), new.to_owned()))
                .collect();
            assert_eq!(hunks_of(old, new), expected, "{old} -> {new}");
        }
    }

    #[test]
    fn lists_with_little_in_common_are_not_searched_for_ever() {
        let asked = std::cell::Cell::new(0);
        let found = hunks(5000, 4990, |_, _| {
            asked.set(asked.get() + 1);
            false
        });
        let all = Hunk {
            old: 0..5000,
            new: 0..4990,
        };
        assert_eq!(found, [all]);
        assert!(asked.get() < 10_000, "{}", asked.get());
    }
}
