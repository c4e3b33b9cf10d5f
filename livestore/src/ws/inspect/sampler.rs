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

    /// Keeps the figures there, and new. The first who looks makes them.
    pub(super) fn look(self: &Arc<Self>) -> Look {
        // What is looked at may run code of the user's, so nothing is locked meanwhile.
        let mut begun = None;
        loop {
            let mut state = self.state.lock();
            if state.is_sampled() {
                state.looks += 1;
                break;
            }
            let Some((survey, figures)) = begun.take() else {
                drop(state);
                let mut survey = Survey::begin(&self.stores, &self.lives);
                let figures = Figures(json(&survey.look(Walk::No)));
                begun = Some((survey, figures));
                continue;
            };
            state.looks += 1;
            // Nobody follows them yet. If there are some, of a task that has ended with its runtime, they are soon replaced.
            let _ = self.figures.create(&KEY, figures);
            let runtime = Handle::try_current().ok();
            state.task = runtime.map(|runtime| runtime.spawn(Arc::clone(self).go_on(survey)).abort_handle());
            break;
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
                    let _ = caught(|| self.show(&mut survey));
                    next = Instant::now() + PERIOD;
                }
            }
        }
    }

    /// Shows everything as it is now.
    fn show(&self, survey: &mut Survey) {
        let figures = Figures(json(&survey.look(Walk::Yes)));
        // Nobody else holds it, or removes it.
        if let Ok(mut guard) = self.figures.try_acquire(&KEY) {
            guard.set(figures);
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

impl State {
    fn is_sampled(&self) -> bool {
        self.task.as_ref().is_some_and(|task| !task.is_finished())
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
