//! [`Survey`]: what is known of everything from one look to the next.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::ws::inspect::figures::All;
use crate::ws::inspect::sockets::{Connected, SocketSurvey};
use crate::ws::inspect::stock::{Inspected, StoreSurvey};

/// Begins when somebody comes to look, and ends when nobody does any more.
pub(super) struct Survey {
    sample: u64,
    /// When it was looked last.
    at: Option<Instant>,
    stores: Vec<Box<dyn StoreSurvey>>,
    lives: Vec<SocketSurvey>,
}

/// Whether entries are gone over.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Walk {
    Yes,
    No,
}

/// How much time has passed since what was counted before.
#[derive(Clone, Copy)]
pub(super) struct Since(Option<Duration>);

impl Survey {
    pub(super) fn begin(stores: &[Arc<dyn Inspected>], lives: &[(Arc<str>, Arc<dyn Connected>)]) -> Survey {
        Survey {
            sample: 0,
            at: None,
            stores: stores.iter().map(|store| store.survey()).collect(),
            lives: lives
                .iter()
                .map(|(name, live)| SocketSurvey::begin(Arc::clone(name), Arc::clone(live)))
                .collect(),
        }
    }

    /// Looks at everything.
    pub(super) fn look(&mut self, walk: Walk) -> All {
        let now = Instant::now();
        let since = Since(self.at.replace(now).map(|at| now.saturating_duration_since(at)));
        self.sample += 1;
        All {
            sample: self.sample,
            stores: self
                .stores
                .iter_mut()
                .map(|store| store.look(since, walk))
                .collect(),
            lives: self.lives.iter_mut().map(|live| live.look(since)).collect(),
        }
    }
}

impl Since {
    /// How much a count has grown in a second, to a tenth. `None` for who looks for the first time.
    pub(super) fn rate(self, now: u64, before: u64) -> Option<f64> {
        let seconds = self.0?.as_secs_f64();
        #[expect(
            clippy::cast_precision_loss,
            reason = "nothing is counted so often in a second"
        )]
        let more = now.saturating_sub(before) as f64;
        (seconds > 0.0).then(|| (more / seconds * 10.0).round() / 10.0)
    }
}
