//! [`Connected`]: the connections of a [`Live`], whatever its users are.

use std::cmp::Reverse;
use std::sync::Arc;

use crate::ws::inspect::figures::{OfLive, Subscriptions};
use crate::ws::inspect::survey::Since;
use crate::ws::live::Live;
use crate::ws::served::Followers;
use crate::ws::tally::Count;

/// At how many keys of a store it is counted who follows them, and how many roles are shown.
const KEYS: usize = 10_000;
const ROLES: usize = 20;

/// What is counted, in this order.
const COUNTS: [Count; 7] = [
    Count::Frames,
    Count::Bytes,
    Count::Folded,
    Count::Lagged,
    Count::Accepted,
    Count::Refused,
    Count::Limited,
];

type Counts = [u64; COUNTS.len()];

pub(super) trait Connected: Send + Sync {
    /// How many connections there are, and how many users.
    fn size(&self) -> (usize, usize);

    fn subscriptions(&self) -> Vec<Subscriptions>;

    fn counts(&self) -> Counts;
}

impl<U: Send + Sync + 'static> Connected for Live<U> {
    fn size(&self) -> (usize, usize) {
        (self.hub.len(), self.hub.users())
    }

    fn subscriptions(&self) -> Vec<Subscriptions> {
        let followers = self.config.followers(KEYS);
        followers
            .map(|(name, followers)| subscriptions(name, followers))
            .collect()
    }

    fn counts(&self) -> Counts {
        COUNTS.map(|count| self.hub.tally().sum(count))
    }
}

fn subscriptions(store: &str, followers: Followers) -> Subscriptions {
    let mut roles: Vec<_> = followers
        .roles
        .into_iter()
        .filter(|(_, count)| *count > 0)
        .map(|(tag, count)| (format!("{:x}", tag.0), count))
        .collect();
    roles.sort_unstable_by(|one, other| (Reverse(one.1), &one.0).cmp(&(Reverse(other.1), &other.0)));
    let (count, all_roles) = (roles.iter().map(|(_, count)| count).sum(), roles.len());
    roles.truncate(ROLES);
    Subscriptions {
        store: store.to_owned(),
        count,
        keys: followers.keys,
        is_partial: followers.is_partial,
        roles,
        all_roles,
    }
}

/// What is known of them from one look to the next.
pub(super) struct SocketSurvey {
    name: Arc<str>,
    live: Arc<dyn Connected>,
    before: Counts,
}

impl SocketSurvey {
    pub(super) fn begin(name: Arc<str>, live: Arc<dyn Connected>) -> SocketSurvey {
        let before = live.counts();
        SocketSurvey { name, live, before }
    }

    pub(super) fn look(&mut self, since: Since) -> OfLive {
        let now = self.live.counts();
        let before = std::mem::replace(&mut self.before, now);
        let rate = |at: usize| since.rate(now[at], before[at]);
        let (connections, users) = self.live.size();
        OfLive {
            name: self.name.to_string(),
            connections,
            users,
            subscriptions: self.live.subscriptions(),
            frames: rate(0),
            bytes: rate(1),
            folded: rate(2),
            lagged: rate(3),
            accepted: rate(4),
            refused: rate(5),
            limited: rate(6),
            all_frames: now[0],
            all_bytes: now[1],
            all_folded: now[2],
            all_lagged: now[3],
            all_accepted: now[4],
            all_refused: now[5],
            all_limited: now[6],
        }
    }
}
