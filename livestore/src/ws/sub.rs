//! [`Sub`]: what a client has of one key.

use std::sync::Arc;

use smallvec::SmallVec;
use tokio::time::Instant;

use crate::ws::frame::Frame;
use crate::ws::served::{Come, Outbox, Stay};
use crate::ws::views::{Has, RoleViews};

/// What a client has of one key.
pub(crate) struct Sub {
    pub(crate) role: Arc<RoleViews>,
    pub(crate) has: Has,
    /// The version up to which everything was told.
    pub(crate) seen: u64,
    /// The version up to which the role was asked for. Updates up to it say nothing new.
    pub(crate) asked: u64,
    /// The version of the update that was received last.
    pub(crate) heard: u64,
    /// It stands in `first`.
    pub(crate) is_first: bool,
    /// What leads to the version that it has, still to be sent.
    pub(crate) prepared: SmallVec<[Frame; 1]>,
    pub(crate) due: Option<Instant>,
    /// Replies that are to come after what leads to their version.
    pub(crate) replies: Vec<(u64, Frame)>,
    /// What is done when it ends.
    pub(crate) here: Option<Come>,
    /// Keeps the entry there that is followed, if something must.
    pub(crate) look: Option<Stay>,
    /// What ends with it at once.
    pub(crate) there: Option<Stay>,
}

impl Sub {
    /// Sends the replies all the same: what they wait for is not told any more.
    pub(crate) fn part(mut self, out: &mut Outbox) {
        self.seen = u64::MAX;
        self.reply(out);
    }

    /// Sends the replies that waited for what was told.
    pub(crate) fn reply(&mut self, out: &mut Outbox) {
        if self.replies.is_empty() {
            return;
        }
        let seen = self.seen;
        let mut waiting = std::mem::take(&mut self.replies).into_iter();
        self.replies
            .extend(waiting.by_ref().filter_map(|(version, frame)| {
                if version <= seen {
                    out.push(frame);
                    return None;
                }
                Some((version, frame))
            }));
    }
}
