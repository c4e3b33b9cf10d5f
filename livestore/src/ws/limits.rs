//! [`Limits`]: what one client may ask of the server, and [`Bucket`], which counts it.

use std::time::Duration;

use tokio::time::Instant;

/// What one connection, and one user, may ask of the server. Each default is safe; [`Live::limits`](crate::ws::Live::limits)
/// changes them.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// The largest frame that a client may send, in bytes. 65,536 by default; a larger one ends the connection, code 1009.
    pub frame_bytes: usize,
    /// How many keys a connection may watch at once. 128 by default.
    pub subscriptions: usize,
    /// How many requests a connection may send in a second, in the long run. 50 by default. One that names many keys counts as
    /// one for each 16 of them.
    pub rate: u32,
    /// How many it may send at once after a while without any. 200 by default. Who goes on at ten times that is cut off, code
    /// 4429.
    pub burst: u32,
    /// How many requests a user may send in a second over all connections, in the long run, where
    /// [`Live::user_id`](crate::ws::Live::user_id) tells users apart. 200 by default.
    pub rate_per_user: u32,
    /// How many he may send at once after a while without any. 800 by default. To end a connection and begin another does not
    /// help.
    pub burst_per_user: u32,
    /// How many commands and calls of one connection may be unanswered, because they wait for others to let go of an entry, for
    /// example. 32 by default; one more is refused with `rate_limited`.
    pub waiting: usize,
    /// How many connections there may be. 10,000 by default. One more is told to come back later, code 4530.
    pub connections: usize,
    /// How many connections one user may have, where [`Live::user_id`](crate::ws::Live::user_id) tells them apart. 20 by default.
    pub connections_per_user: usize,
    /// After how much silence a client is asked whether it is there. 25 seconds by default.
    pub ping_after: Duration,
    /// How long it has to say something then. 10 seconds by default; afterwards the connection ends, code 4508.
    pub pong_within: Duration,
    /// How long a connection may take no bytes before it ends, code 4503. 10 seconds by default.
    pub stuck_for: Duration,
    /// How long the calls and commands that are under way when the [server ends](crate::ws::Live::shutdown_on) have to come to
    /// their end. 10 seconds by default.
    pub finish_within: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            frame_bytes: 64 * 1024,
            subscriptions: 128,
            rate: 50,
            burst: 200,
            rate_per_user: 200,
            burst_per_user: 800,
            waiting: 32,
            connections: 10_000,
            connections_per_user: 20,
            ping_after: Duration::from_secs(25),
            pong_within: Duration::from_secs(10),
            stuck_for: Duration::from_secs(10),
            finish_within: Duration::from_secs(10),
        }
    }
}

/// Counts requests: it holds so many, and so many come back in a second.
#[derive(Debug)]
pub(crate) struct Bucket {
    /// How many come back in a second. More than 0.
    rate: f64,
    burst: u32,
    /// Less than 0 if some are owed.
    left: f64,
    at: Instant,
    /// How many were refused since one was not.
    refused: u32,
}

/// Whether a request may be carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pass {
    Yes,
    /// Not before so many milliseconds have passed.
    After(u64),
    /// It has been said often enough.
    Flood,
}

impl Bucket {
    pub(crate) fn new(rate: f64, burst: u32, now: Instant) -> Bucket {
        Bucket {
            // One in a day.
            rate: rate.max(1.0 / 86_400.0),
            burst: burst.max(1),
            left: f64::from(burst.max(1)),
            at: now,
            refused: 0,
        }
    }

    pub(crate) fn take(&mut self, now: Instant) -> Pass {
        self.take_many(now, 1)
    }

    /// Takes as many at once, if there is one: the others are owed, so that however many are asked for, they are given at some
    /// time.
    pub(crate) fn take_many(&mut self, now: Instant, count: u32) -> Pass {
        self.left = self.left_at(now);
        self.at = now;
        if self.left >= 1.0 {
            self.left -= f64::from(count);
            self.refused = 0;
            return Pass::Yes;
        }
        self.refused += 1;
        if self.refused > self.burst.saturating_mul(10) {
            return Pass::Flood;
        }
        let millis = (1.0 - self.left) / self.rate * 1000.0;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "from 0 to the milliseconds that the largest number of requests takes"
        )]
        Pass::After(millis.ceil() as u64)
    }

    /// Whether it is as if nothing had been taken.
    pub(crate) fn is_full(&self, now: Instant) -> bool {
        self.left_at(now) >= f64::from(self.burst)
    }

    fn left_at(&self, now: Instant) -> f64 {
        let since = now.saturating_duration_since(self.at).as_secs_f64();
        (self.left + since * self.rate).min(f64::from(self.burst))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_gives_what_it_holds_then_as_much_as_comes_back() {
        let start = Instant::now();
        let mut bucket = Bucket::new(10.0, 3, start);
        for _ in 0..3 {
            assert_eq!(bucket.take(start), Pass::Yes);
        }
        assert_eq!(bucket.take(start), Pass::After(100));
        let later = start + Duration::from_millis(150);
        assert_eq!(bucket.take(later), Pass::Yes);
        assert_eq!(bucket.take(later), Pass::After(50));
        // It holds no more than that.
        let much_later = start + Duration::from_secs(100);
        assert_eq!(
            (0..10).filter(|_| bucket.take(much_later) == Pass::Yes).count(),
            3
        );
    }

    #[test]
    fn whoever_goes_on_is_a_flood() {
        let start = Instant::now();
        let mut bucket = Bucket::new(1.0, 2, start);
        let passes: Vec<_> = (0..23).map(|_| bucket.take(start)).collect();
        assert_eq!(passes.iter().filter(|pass| **pass == Pass::Yes).count(), 2);
        assert_eq!(passes.last(), Some(&Pass::Flood));
        assert_eq!(passes.iter().filter(|pass| **pass == Pass::Flood).count(), 1);
    }
}
