//! [`Tally`]: what the connections of a server have sent and were asked, all together.

use crate::ground::stripes::Stripes;

/// What is counted. Counts begin with the server and never decrease.
#[derive(Clone, Copy)]
pub(crate) enum Count {
    Frames,
    Bytes,
    /// Changes that were not told at once, and so together with later ones.
    Folded,
    /// How often a connection was behind what a key keeps of its changes, and went on with the whole.
    Lagged,
    /// Commands that were carried out.
    Accepted,
    /// Commands that were not.
    Refused,
    /// Requests that came too soon after others.
    Limited,
}

const COUNTS: usize = Count::Limited as usize + 1;

pub(crate) struct Tally {
    stripes: Stripes<COUNTS>,
}

impl Default for Tally {
    fn default() -> Self {
        Tally {
            stripes: Stripes::new(),
        }
    }
}

impl Tally {
    pub(crate) fn add(&self, count: Count, amount: usize) {
        self.stripes.add(count as usize, amount as u64);
    }

    pub(crate) fn sum(&self, count: Count) -> u64 {
        self.stripes.sum(count as usize)
    }
}
