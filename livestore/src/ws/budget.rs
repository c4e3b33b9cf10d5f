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
    requests: Bucket,
    /// The calls that have a limit and were asked for.
    calls: HashMap<Arc<str>, Bucket>,
}

impl Budget {
    pub(crate) fn new(limits: &Limits, now: Instant) -> Budget {
        Budget {
            spent: Mutex::new(Spent {
                requests: Bucket::new(f64::from(limits.rate_per_user), limits.burst_per_user, now),
                calls: HashMap::new(),
            }),
        }
    }

    /// Counts so many requests.
    pub(crate) fn take(&self, now: Instant, count: u32) -> Pass {
        self.spent.lock().requests.take_many(now, count)
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
        spent.requests.is_full(now) && spent.calls.values().all(|bucket| bucket.is_full(now))
    }
}
