//! [`Budget`]: what one user has asked for, over all connections.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::ground::sync::Mutex;
use crate::ws::limits::{Bucket, Limits, Pass};

/// How often one call may be asked for: so many times in each period.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CallLimit {
    pub(crate) times: u32,
    pub(crate) period: Duration,
}

pub(crate) struct Budget {
    spent: Mutex<Spent>,
}

struct Spent {
    /// Not of one whom nothing tells apart from others: what a connection may ask for is enough.
    requests: Option<Bucket>,
    /// The calls that have a limit and were asked for.
    calls: HashMap<Arc<str>, Bucket>,
}

impl Budget {
    /// Of a user.
    pub(crate) fn new(limits: &Limits, now: Instant) -> Budget {
        let requests = Bucket::new(f64::from(limits.rate_per_user), limits.burst_per_user, now);
        Budget::with(Some(requests))
    }

    /// Of one connection, where nothing tells users apart.
    pub(crate) fn of_connection() -> Budget {
        Budget::with(None)
    }

    fn with(requests: Option<Bucket>) -> Budget {
        Budget {
            spent: Mutex::new(Spent {
                requests,
                calls: HashMap::new(),
            }),
        }
    }

    /// Counts so many requests.
    pub(crate) fn take(&self, now: Instant, count: u32) -> Pass {
        match &mut self.spent.lock().requests {
            Some(requests) => requests.take_many(now, count),
            None => Pass::Yes,
        }
    }

    /// Counts a call.
    pub(crate) fn take_call(&self, name: &Arc<str>, limit: CallLimit, now: Instant) -> Pass {
        let mut spent = self.spent.lock();
        let bucket = spent.calls.entry(Arc::clone(name)).or_insert_with(|| {
            let rate = f64::from(limit.times) / limit.period.as_secs_f64().max(0.001);
            Bucket::new(rate, limit.times, now)
        });
        bucket.take(now)
    }

    /// Whether it is as if nothing had been asked for.
    pub(crate) fn is_whole(&self, now: Instant) -> bool {
        let spent = self.spent.lock();
        spent
            .requests
            .as_ref()
            .is_none_or(|requests| requests.is_full(now))
            && spent.calls.values().all(|bucket| bucket.is_full(now))
    }
}
