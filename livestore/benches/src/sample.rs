//! [`Bench`]: takes samples of several contenders in turns, so that whatever the machine does meanwhile hits all.

use std::time::Duration;

use crate::rows::{Cell, Row, Unit, Who};

/// How much to measure.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// How often everybody has a turn.
    pub rounds: usize,
    /// How long a turn is at least.
    pub turn: Duration,
    /// How many entries there are where many are wanted.
    pub many: usize,
}

impl Plan {
    /// For the table and the targets.
    pub const QUICK: Plan = Plan {
        rounds: 15,
        turn: Duration::from_millis(20),
        many: 1_000_000,
    };

    /// For the curves, which have many points.
    pub const FULL: Plan = Plan {
        rounds: 9,
        turn: Duration::from_millis(10),
        many: 1_000_000,
    };

    /// Runs everything once, measures nothing of worth.
    pub const SMOKE: Plan = Plan {
        rounds: 2,
        turn: Duration::from_micros(100),
        many: 2_000,
    };

    /// As many rounds as this plan has, but no more than a slow row can afford. Never fewer than 7 where this plan
    /// measures at all.
    pub fn slow(self) -> Plan {
        Plan {
            rounds: self.rounds.min(7),
            ..self
        }
    }
}

/// One who can do the work.
pub struct Contender<'a> {
    who: Who,
    run: Box<dyn FnMut(u64) -> Duration + 'a>,
    times: Option<u64>,
}

impl<'a> Contender<'a> {
    /// `run(n)` does the work n times and returns how long that took, without what was prepared for it.
    pub fn new(who: Who, run: impl FnMut(u64) -> Duration + 'a) -> Contender<'a> {
        Contender {
            who,
            run: Box::new(run),
            times: None,
        }
    }

    /// Does the work this often in a turn, however long that takes.
    pub fn times(mut self, times: u64) -> Contender<'a> {
        self.times = Some(times);
        self
    }

    /// Warms up, and finds how often the work fits into a turn.
    fn calibrate(&mut self, turn: Duration) -> u64 {
        if let Some(times) = self.times {
            (self.run)(times);
            return times;
        }
        let mut times = 1;
        loop {
            let took = (self.run)(times).as_secs_f64();
            let wanted = turn.as_secs_f64();
            if took >= wanted / 2.0 {
                return ((times as f64 * wanted / took).ceil() as u64).max(1);
            }
            // Not in one step: the first time is often a slow one.
            let factor = (wanted / took.max(1e-9)).clamp(2.0, 10.0);
            times = (times as f64 * factor).ceil() as u64;
        }
    }
}

/// Collects rows.
pub struct Bench {
    /// How much to measure.
    pub plan: Plan,
    /// What was measured.
    pub rows: Vec<Row>,
    only: Option<String>,
    told: fn(&Row),
}

impl Bench {
    /// Measures the rows whose id contains `only`, or all; tells of each as soon as it is there.
    pub fn new(plan: Plan, only: Option<String>, told: fn(&Row)) -> Bench {
        Bench {
            plan,
            rows: Vec::new(),
            only,
            told,
        }
    }

    /// Whether one of these rows is wanted. To be asked before something large is prepared for them.
    pub fn wants(&self, ids: &[&str]) -> bool {
        match &self.only {
            Some(only) => ids.iter().any(|id| only.split(',').any(|part| id.contains(part))),
            None => true,
        }
    }

    /// Measures a row, if it is wanted.
    pub fn row(&mut self, id: &str, what: &str, contenders: Vec<Contender<'_>>) {
        self.row_per(id, what, 1.0, self.plan, contenders);
    }

    /// Measures a row of work that takes long.
    pub fn slow_row(&mut self, id: &str, what: &str, contenders: Vec<Contender<'_>>) {
        self.row_per(id, what, 1.0, self.plan.slow(), contenders);
    }

    /// Measures a row; doing the work once counts as `per` operations.
    pub fn row_per(&mut self, id: &str, what: &str, per: f64, plan: Plan, contenders: Vec<Contender<'_>>) {
        if !self.wants(&[id]) {
            return;
        }
        self.add(Row {
            id: id.to_owned(),
            what: what.to_owned(),
            unit: Unit::Time,
            cells: measure(per, plan, contenders),
        });
    }

    /// Takes a row that was measured otherwise.
    pub fn add(&mut self, row: Row) {
        (self.told)(&row);
        self.rows.push(row);
    }

    /// Finds a row that was measured.
    pub fn find(&self, id: &str) -> Option<&Row> {
        self.rows.iter().find(|row| row.id == id)
    }
}

/// Has everybody take a turn, round by round. Who begins changes from round to round.
pub fn measure(per: f64, plan: Plan, mut contenders: Vec<Contender<'_>>) -> Vec<Cell> {
    let times: Vec<u64> = contenders
        .iter_mut()
        .map(|contender| contender.calibrate(plan.turn))
        .collect();
    let mut cells: Vec<Cell> = contenders
        .iter()
        .map(|contender| Cell {
            who: contender.who,
            rounds: Vec::with_capacity(plan.rounds),
        })
        .collect();
    let count = contenders.len();
    for round in 0..plan.rounds {
        for turn in 0..count {
            let at = (round + turn) % count;
            let took = (contenders[at].run)(times[at]);
            cells[at]
                .rounds
                .push(took.as_nanos() as f64 / times[at] as f64 / per);
        }
    }
    cells
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::{LIVESTORE, OLD};

    #[test]
    fn everybody_has_as_many_turns_and_numbers_are_per_operation() {
        let plan = Plan {
            rounds: 7,
            turn: Duration::from_millis(1),
            many: 1,
        };
        let cells = measure(
            2.0,
            plan,
            vec![
                Contender::new(LIVESTORE, |times| Duration::from_nanos(40 * times)),
                Contender::new(OLD, |times| Duration::from_nanos(400 * times)).times(3),
            ],
        );
        assert_eq!(cells[0].rounds, [20.0; 7]);
        assert_eq!(cells[1].rounds, [200.0; 7]);
    }

    #[test]
    fn a_turn_is_as_long_as_asked_for() {
        let mut longest = Duration::ZERO;
        let contender = Contender::new(LIVESTORE, |times| {
            let took = Duration::from_nanos(30 * times);
            longest = longest.max(took);
            took
        });
        measure(1.0, Plan::QUICK, vec![contender]);
        assert!(longest >= Plan::QUICK.turn);
    }

    #[test]
    fn only_what_is_asked_for_is_measured() {
        let mut bench = Bench::new(Plan::SMOKE, Some("mutate,init".into()), |_| {});
        bench.row("fetch", "", vec![Contender::new(OLD, |_| unreachable!())]);
        bench.row("mutate-hot", "", vec![Contender::new(OLD, Duration::from_micros)]);
        assert!(bench.find("fetch").is_none() && bench.find("mutate-hot").is_some());
        assert!(bench.wants(&["fetch", "init"]) && !bench.wants(&["fetch"]));
    }
}
