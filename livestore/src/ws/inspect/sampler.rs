//! [`Sampler`]: looks at everything once a second, as long as somebody looks at what it finds.

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep_until};
use uuid::Uuid;

use crate::ground::sync::Mutex;
use crate::ground::unwind::caught;
use crate::store::store::LiveStore;
use crate::value::error::TryAcquireError;
use crate::ws::inspect::figures::Figures;
use crate::ws::inspect::sockets::Connected;
use crate::ws::inspect::stock::Inspected;
use crate::ws::inspect::survey::{Survey, Walk};
use crate::ws::json::json;

/// Where the figures are.
pub(super) const KEY: Uuid = Uuid::nil();
/// How much time lies between two looks.
const PERIOD: Duration = Duration::from_secs(1);

/// Has the figures in a store, where there is an entry while somebody looks.
pub(super) struct Sampler {
    stores: Vec<Arc<dyn Inspected>>,
    lives: Vec<(Arc<str>, Arc<dyn Connected>)>,
    figures: LiveStore<Figures>,
    state: Mutex<State>,
    /// Nobody looks any more.
    left: Notify,
}

#[derive(Default)]
struct State {
    /// How many look.
    looks: usize,
    /// Is there while somebody looks. One that has ended with its runtime is replaced by the next who comes.
    task: Option<AbortHandle>,
}

/// Somebody who looks.
pub(super) struct Look(Arc<Sampler>);

impl Sampler {
    pub(super) fn new(stores: &[Arc<dyn Inspected>], lives: &[(Arc<str>, Arc<dyn Connected>)]) -> Sampler {
        Sampler {
            stores: stores.to_vec(),
            lives: lives.to_vec(),
            figures: LiveStore::default(),
            state: Mutex::default(),
            left: Notify::new(),
        }
    }

    pub(super) fn figures(&self) -> LiveStore<Figures> {
        self.figures.clone()
    }

    /// Keeps the figures there, and new. The first who looks has them made.
    pub(super) fn look(self: &Arc<Self>) -> Look {
        let mut state = self.state.lock();
        state.looks += 1;
        if state.task.as_ref().is_none_or(AbortHandle::is_finished) {
            let mut survey = Survey::begin(&self.stores, &self.lives);
            // Whoever comes next finds them. Without a walk, no value goes here, and nothing of the user's runs.
            self.show(&mut survey, Walk::No);
            let runtime = Handle::try_current().ok();
            state.task = runtime.map(|runtime| {
                let task = runtime.spawn(Arc::clone(self).go_on(survey));
                task.abort_handle()
            });
        }
        Look(Arc::clone(self))
    }

    async fn go_on(self: Arc<Self>, mut survey: Survey) {
        let mut next = Instant::now() + PERIOD;
        loop {
            tokio::select! {
                () = self.left.notified() => {
                    if self.end() {
                        return;
                    }
                }
                () = sleep_until(next) => {
                    // Whatever panics is no figure, and no reason to have none from now on.
                    let _ = caught(|| self.show(&mut survey, Walk::Yes));
                    next = Instant::now() + PERIOD;
                }
            }
        }
    }

    /// Shows everything as it is now.
    fn show(&self, survey: &mut Survey, walk: Walk) {
        let figures = Figures(json(&survey.look(walk)));
        match self.figures.try_acquire(&KEY) {
            Ok(mut guard) => drop(guard.set(figures)),
            // Nobody else creates one.
            Err(TryAcquireError::Missing) => drop(self.figures.create(&KEY, figures)),
            Err(TryAcquireError::Held) => {}
        }
    }

    /// Ends, if nobody looks. Returns whether that is so.
    fn end(&self) -> bool {
        let mut state = self.state.lock();
        if state.looks > 0 {
            return false;
        }
        state.task = None;
        // Nobody follows it, so nobody is told.
        if let Ok(guard) = self.figures.try_acquire(&KEY) {
            guard.delete();
        }
        true
    }
}

impl Drop for Look {
    fn drop(&mut self) {
        let mut state = self.0.state.lock();
        state.looks -= 1;
        if state.looks == 0 {
            self.0.left.notify_one();
        }
    }
}
