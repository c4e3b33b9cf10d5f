//! [`explore`]: runs a check in every order of its steps.

use std::collections::BTreeMap;
use std::env;
use std::fmt::Debug;
use std::io::{self, Write};
use std::mem;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use shuttle::scheduler::{PctScheduler, RandomScheduler, Schedule, Scheduler, Task, TaskId};
use shuttle::{Config, MaxSteps, Runner};

/// More steps than any check takes: threads that go round in circles.
const TOO_MANY_STEPS: usize = 20_000;

/// What was found.
pub(crate) struct Explored<T> {
    /// How many executions had which outcome.
    outcomes: BTreeMap<T, usize>,
}

impl<T: Ord + Debug> Explored<T> {
    /// Asserts that these outcomes were found and no other.
    #[track_caller]
    pub(crate) fn are(&self, expected: impl IntoIterator<Item = T>) {
        let found: Vec<&T> = self.outcomes.keys().collect();
        let mut expected: Vec<T> = expected.into_iter().collect();
        expected.sort();
        assert!(
            found.iter().copied().eq(&expected),
            "expected {expected:?}, found {found:?}"
        );
    }

    /// How many different outcomes there were.
    pub(crate) fn count(&self) -> usize {
        self.outcomes.len()
    }

    /// Asserts that at least one execution had such an outcome.
    #[track_caller]
    pub(crate) fn have(&self, wanted: impl Fn(&T) -> bool) {
        let found: Vec<&T> = self.outcomes.keys().collect();
        assert!(
            found.iter().any(|outcome| wanted(outcome)),
            "found only {found:?}"
        );
    }
}

/// Runs `check` in every order of its steps with at most so many preemptions, more or fewer as the environment says.
///
/// The thread that `check` itself runs in is never preempted: it prepares, starts the others, and looks at the end.
pub(crate) fn explore<T>(preemptions: usize, check: impl Fn() -> T + Send + Sync + 'static) -> Explored<T>
where
    T: Ord + Send + 'static,
{
    explore_each(preemptions, [check])
}

/// Explores several checks, one after another.
pub(crate) fn explore_each<T, F>(preemptions: usize, checks: impl IntoIterator<Item = F>) -> Explored<T>
where
    T: Ord + Send + 'static,
    F: Fn() -> T + Send + Sync + 'static,
{
    let preemptions = preemptions.saturating_add_signed(from_env("CHECK_DEEPER"));
    let seconds = u64::try_from(from_env("CHECK_SECONDS")).unwrap_or(0);
    explore_exactly(preemptions, Duration::from_secs(seconds), checks)
}

/// Explores several checks, one after another, whatever the environment says; then at random for so long altogether.
pub(crate) fn explore_exactly<T, F>(
    preemptions: usize,
    at_random: Duration,
    checks: impl IntoIterator<Item = F>,
) -> Explored<T>
where
    T: Ord + Send + 'static,
    F: Fn() -> T + Send + Sync + 'static,
{
    let outcomes = Arc::new(Mutex::new(BTreeMap::new()));
    let checks: Vec<Arc<Check>> = checks
        .into_iter()
        .map(|check| {
            let outcomes = Arc::clone(&outcomes);
            let check: Arc<Check> = Arc::new(move || {
                let outcome = check();
                let mut outcomes = outcomes.lock().unwrap_or_else(PoisonError::into_inner);
                *outcomes.entry(outcome).or_default() += 1;
            });
            check
        })
        .collect();
    let executions = checks
        .iter()
        .map(|check| run(Orders::new(preemptions), config(), check))
        .sum();
    report(executions, &format!("every order up to preemption {preemptions}"));

    if !at_random.is_zero() {
        let mut config = config();
        // Half by uniform choice, half by priorities that change five times.
        config.max_time = Some(at_random / 2 / u32::try_from(checks.len()).unwrap_or(u32::MAX));
        let executions = checks
            .iter()
            .map(|check| {
                run(RandomScheduler::new(usize::MAX), config.clone(), check)
                    + run(PctScheduler::new(5, usize::MAX), config.clone(), check)
            })
            .sum();
        report(executions, "at random");
    }
    let mut outcomes = outcomes.lock().unwrap_or_else(PoisonError::into_inner);
    Explored {
        outcomes: mem::take(&mut *outcomes),
    }
}

type Check = dyn Fn() + Send + Sync;

fn run(scheduler: impl Scheduler + 'static, config: Config, check: &Arc<Check>) -> usize {
    let check = Arc::clone(check);
    Runner::new(scheduler, config).run(move || check())
}

/// Says how much was explored, also where the test's own output is kept back.
fn report(executions: usize, which: &str) {
    let thread = thread::current();
    let name = thread.name().unwrap_or("check");
    let _ = writeln!(io::stderr(), "{name}: {executions} executions, {which}");
}

fn from_env(name: &str) -> isize {
    env::var(name)
        .ok()
        .and_then(|value| value.parse().ok())
        .unwrap_or(0)
}

fn config() -> Config {
    let mut config = Config::new();
    config.max_steps = MaxSteps::FailAfter(TOO_MANY_STEPS);
    config.silence_warnings = true;
    config.stack_size = 1 << 18;
    config
}

/// Goes through all orders with at most so many preemptions, depth first.
struct Orders {
    preemptions: usize,
    /// The choices of the present execution, and of the one before from where they are yet to be repeated.
    path: Vec<Choice>,
    /// How many choices were made in the present execution.
    made: usize,
    /// How many of them took the turn away from a thread that could have gone on.
    preempted: usize,
    begun: bool,
}

struct Choice {
    taken: usize,
    options: usize,
}

impl Orders {
    fn new(preemptions: usize) -> Orders {
        Orders {
            preemptions,
            path: Vec::new(),
            made: 0,
            preempted: 0,
            begun: false,
        }
    }

    fn choose(&mut self, options: usize) -> usize {
        match self.path.get(self.made) {
            Some(choice) => assert_eq!(
                choice.options, options,
                "the check is not the same each time it runs"
            ),
            None => self.path.push(Choice { taken: 0, options }),
        }
        self.made += 1;
        self.path[self.made - 1].taken
    }
}

impl Scheduler for Orders {
    fn new_execution(&mut self) -> Option<Schedule> {
        if self.begun {
            while self
                .path
                .last()
                .is_some_and(|choice| choice.taken + 1 == choice.options)
            {
                self.path.pop();
            }
            self.path.last_mut()?.taken += 1;
        }
        self.begun = true;
        self.made = 0;
        self.preempted = 0;
        Some(Schedule::new(0))
    }

    fn next_task(&mut self, runnable: &[&Task], current: Option<TaskId>, _: bool) -> Option<TaskId> {
        let main = TaskId::from(0);
        let goes_on = current.filter(|current| runnable.iter().any(|task| task.id() == *current));
        if let Some(goes_on) = goes_on
            && (goes_on == main || self.preempted == self.preemptions)
        {
            return Some(goes_on);
        }
        // Whoever has the turn comes first, so that the first execution is the one with no preemption.
        let others = runnable
            .iter()
            .map(|task| task.id())
            .filter(|id| Some(*id) != goes_on);
        let options: Vec<TaskId> = goes_on.into_iter().chain(others).collect();
        if options.len() == 1 {
            return Some(options[0]);
        }
        let chosen = options[self.choose(options.len())];
        if goes_on.is_some_and(|goes_on| goes_on != chosen) {
            self.preempted += 1;
        }
        Some(chosen)
    }

    fn next_u64(&mut self) -> u64 {
        unreachable!("a check draws no random numbers")
    }
}
