//! Cases at random: how many, by which chance, and what must have happened in them.

use std::cell::RefCell;
use std::collections::BTreeSet;

use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

thread_local! {
    static REACHED: RefCell<BTreeSet<&'static str>> = const { RefCell::new(BTreeSet::new()) };
}

/// Notes that something rare has happened, so that it is noticed when it does not any more.
pub(crate) fn reached(what: &'static str) {
    REACHED.with_borrow_mut(|reached| reached.insert(what));
}

pub(crate) struct Cases {
    pub(crate) runner: TestRunner,
    /// Somebody has said how many; so they are others each time, and may be few.
    are_asked_for: bool,
}

impl Cases {
    /// `MODEL_CASES` of them, at random; without that, so many, always the same.
    pub(crate) fn new(many: u32) -> Cases {
        let cases = std::env::var("MODEL_CASES")
            .ok()
            .and_then(|text| text.parse().ok());
        let config = Config {
            cases: cases.unwrap_or(many),
            failure_persistence: None,
            max_shrink_iters: 20_000,
            ..Config::default()
        };
        let runner = match cases {
            Some(_) => TestRunner::new(config),
            None => TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha)),
        };
        Cases {
            runner,
            are_asked_for: cases.is_some(),
        }
    }

    /// Asserts that all of this was reached.
    pub(crate) fn assert_reached(&self, rare: &[&str]) {
        if self.are_asked_for {
            return;
        }
        REACHED.with_borrow(|reached| {
            let missed: Vec<_> = rare.iter().filter(|rare| !reached.contains(*rare)).collect();
            assert!(missed.is_empty(), "never happened: {missed:?}");
        });
    }
}
