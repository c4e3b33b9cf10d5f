//! [`Latest`]: what is said again and again, of which the newest of each period counts.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use tokio::time::Instant;
use uuid::Uuid;

/// What one sender says to each key.
pub(crate) struct Latest<M> {
    /// The keys that were told something within the last period, and what waits for its end.
    waiting: HashMap<Uuid, Option<M>>,
    /// When the period of each of them ends, the first first.
    ends: VecDeque<(Instant, Uuid)>,
}

impl<M> Latest<M> {
    pub(crate) fn new() -> Latest<M> {
        Latest {
            waiting: HashMap::new(),
            ends: VecDeque::new(),
        }
    }

    /// Returns what is to be told now, if the key was told nothing within the last period. Else it waits, instead of what
    /// waited before.
    pub(crate) fn offer(&mut self, key: Uuid, said: M, now: Instant, period: Duration) -> Option<M> {
        if let Some(waiting) = self.waiting.get_mut(&key) {
            *waiting = Some(said);
            return None;
        }
        self.begin(key, now, period);
        Some(said)
    }

    /// Returns what has waited long enough.
    pub(crate) fn next(&mut self, now: Instant, period: Duration) -> Option<(Uuid, M)> {
        while self.due()? <= now {
            let (_, key) = self.ends.pop_front()?;
            if let Some(said) = self.waiting.remove(&key).flatten() {
                self.begin(key, now, period);
                return Some((key, said));
            }
        }
        None
    }

    /// When a period ends.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.ends.front().map(|(at, _)| *at)
    }

    fn begin(&mut self, key: Uuid, now: Instant, period: Duration) {
        self.waiting.insert(key, None);
        self.ends.push_back((now + period, key));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_of_each_period_is_told() {
        let period = Duration::from_millis(100);
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        let (one, two) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let mut latest = Latest::new();
        assert_eq!(latest.offer(one, 1, at(0), period), Some(1));
        assert_eq!(latest.offer(one, 2, at(10), period), None);
        assert_eq!(latest.offer(two, 3, at(20), period), Some(3));
        assert_eq!(latest.offer(one, 4, at(30), period), None);
        assert_eq!(latest.next(at(99), period), None);
        assert_eq!(latest.next(at(100), period), Some((one, 4)));
        assert_eq!(latest.next(at(100), period), None);
        // Nothing was said meanwhile, so the next is told at once, and nothing is kept.
        assert_eq!(latest.next(at(200), period), None);
        assert!(latest.waiting.is_empty() && latest.due().is_none());
        assert_eq!(latest.offer(one, 5, at(200), period), Some(5));
    }
}
