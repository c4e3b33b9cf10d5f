//! Where machines work: a fleet of devices, a queue, an order book, builds.

use super::*;

/// Register, retire, rename; a desired key, without it; a reported one; online, a heart beat; a tag, without it; a firmware,
/// acknowledge it; count an error, reset; to another group; groups: name, add, remove; log.
mod fleet {
    use super::*;

    #[derive(Clone, Debug, Default, LiveValue)]
    #[live(mutation(variants(Acknowledge)))]
    pub(super) struct Device {
        #[live(set = Rename, len = 1..=64)]
        pub(super) name: String,
        #[live(insert = Desire, remove = Undesire, len = ..=64)]
        pub(super) desired: BTreeMap<String, String>,
        #[live(insert = Report)]
        pub(super) reported: BTreeMap<String, String>,
        pub(super) online: bool,
        #[live(set = Beat)]
        pub(super) seen: At,
        #[live(insert = Tag, remove = Untag)]
        pub(super) tags: BTreeSet<String>,
        #[live(set = Offer)]
        pub(super) firmware: Option<String>,
        #[live(skip)]
        pub(super) runs: String,
        #[live(increment = Fail, set)]
        pub(super) errors: u32,
    }

    impl Device {
        fn acknowledge(&mut self) -> Result<(), &'static str> {
            self.runs = self.firmware.take().ok_or("nothing was offered")?;
            Ok(())
        }
    }

    #[derive(Clone, Debug, Default, LiveValue)]
    pub(super) struct Group {
        pub(super) name: String,
        #[live(insert(new) = Register, each, remove(present) = Retire)]
        pub(super) devices: HashMap<Uuid, Device>,
    }

    #[derive(Clone, Debug, Default, LiveValue)]
    #[live(mutation(variants(Transfer { device: Uuid, from: u32, to: u32 })))]
    pub(super) struct Fleet {
        #[live(insert(new), each, remove)]
        pub(super) groups: BTreeMap<u32, Group>,
        #[live(push = Log, keep = 1000)]
        pub(super) log: Vec<(At, String)>,
    }

    impl Fleet {
        fn transfer(&mut self, device: &Uuid, from: &u32, to: &u32) -> Result<(), &'static str> {
            let moved = self
                .groups
                .get_mut(from)
                .and_then(|group| group.devices.remove(device));
            let (Some(moved), Some(group)) = (moved, self.groups.get_mut(to)) else {
                return Err("there is no such device, or no such group");
            };
            group.devices.insert(*device, moved);
            Ok(())
        }
    }
}

/// Enqueue, take the next, finish, fail, cancel, to the front, pause, resume, the limit; a worker comes, goes, beats; purge;
/// progress and a note of a job.
mod queue {
    use super::*;

    #[derive(Clone, Debug, LiveValue)]
    pub(super) struct Job {
        #[live(id)]
        pub(super) id: Uuid,
        #[live(range = 0..=100)]
        pub(super) progress: u8,
        #[live(len = ..=200)]
        pub(super) note: String,
        #[live(skip)]
        pub(super) tries: u8,
    }

    #[derive(Clone, Debug, Default, LiveValue)]
    #[live(mutation(variants(Take { worker: u32 }, Finish { worker: u32 }, Fail { worker: u32 }, Hurry(Uuid))))]
    pub(super) struct Queue {
        #[live(push = Enqueue, each(by = id), remove = Cancel, clear = Purge)]
        pub(super) waiting: Vec<Job>,
        #[live(skip)]
        pub(super) running: BTreeMap<u32, Job>,
        #[live(skip)]
        pub(super) dead: Vec<Job>,
        /// Pauses and resumes.
        pub(super) paused: bool,
        #[live(set = Allow)]
        pub(super) most: usize,
        /// Registers and beats.
        #[live(insert = Beat, remove = Unregister)]
        pub(super) workers: BTreeMap<u32, At>,
    }

    impl Queue {
        fn take(&mut self, worker: &u32) -> Result<(), &'static str> {
            if self.paused || self.running.len() >= self.most || self.running.contains_key(worker) {
                return Err("not now");
            }
            if self.waiting.is_empty() {
                return Err("nothing waits");
            }
            self.running.insert(*worker, self.waiting.remove(0));
            Ok(())
        }

        fn finish(&mut self, worker: &u32) -> Result<(), &'static str> {
            self.running.remove(worker).map(drop).ok_or("it has no job")
        }

        fn fail(&mut self, worker: &u32) -> Result<(), &'static str> {
            let mut job = self.running.remove(worker).ok_or("it has no job")?;
            job.tries += 1;
            if job.tries < 3 {
                &mut self.waiting
            } else {
                &mut self.dead
            }
            .push(job);
            Ok(())
        }

        fn hurry(&mut self, id: &Uuid) -> Result<(), &'static str> {
            let place = self.waiting.iter().position(|job| job.id == *id);
            let job = self.waiting.remove(place.ok_or("there is no such job")?);
            self.waiting.insert(0, job);
            Ok(())
        }
    }
}

/// Place an order, cancel it, reduce it, match two; the last price; halt, resume; the volume.
mod book {
    use super::*;

    #[derive(Clone, Debug, LiveValue)]
    pub(super) struct Order {
        #[live(skip)]
        pub(super) price: u64,
        #[live(decrement = Reduce, range = 1..)]
        pub(super) amount: u64,
    }

    #[derive(Clone, Debug, Default, LiveValue)]
    #[live(mutation(variants(Match { buy: u64, sell: u64 })))]
    pub(super) struct Book {
        #[live(insert(new) = Buy, each, remove = CancelBuy)]
        pub(super) buys: BTreeMap<u64, Order>,
        #[live(insert(new) = Sell, each, remove = CancelSell)]
        pub(super) sells: BTreeMap<u64, Order>,
        #[live(set)]
        pub(super) last: u64,
        /// Halts and resumes.
        #[live(set = Halt)]
        pub(super) halted: bool,
        #[live(increment = Trade)]
        pub(super) volume: u64,
    }

    impl Book {
        fn r#match(&mut self, buy: &u64, sell: &u64) -> Result<(), &'static str> {
            let (Some(bought), Some(sold)) = (self.buys.get_mut(buy), self.sells.get_mut(sell)) else {
                return Err("there is no such order");
            };
            if self.halted || bought.price < sold.price {
                return Err("they do not meet");
            }
            let amount = bought.amount.min(sold.amount);
            (self.last, self.volume) = (sold.price, self.volume + amount);
            bought.amount -= amount;
            sold.amount -= amount;
            self.buys.retain(|_, order| order.amount > 0);
            self.sells.retain(|_, order| order.amount > 0);
            Ok(())
        }
    }
}

/// A run: add, remove, the state of a step, a line, cancel, retry, progress, pin, note; the environment: set, unset.
mod builds {
    use super::*;

    #[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd)]
    pub(super) enum State {
        #[default]
        Waiting,
        Running,
        Green,
        Red,
    }

    #[derive(Clone, Debug, Default, LiveValue)]
    #[live(mutation(variants(Cancel, Retry)))]
    pub(super) struct Run {
        #[live(insert = Report)]
        pub(super) steps: BTreeMap<String, State>,
        #[live(push = Log, keep = 5000)]
        pub(super) lines: Vec<String>,
        #[live(range = 0..=100)]
        pub(super) progress: u8,
        #[live(toggle = Pin)]
        pub(super) pinned: bool,
        pub(super) note: String,
    }

    impl Run {
        fn cancel(&mut self) {
            for state in self.steps.values_mut().filter(|state| **state < State::Green) {
                *state = State::Red;
            }
        }

        fn retry(&mut self) {
            for state in self.steps.values_mut().filter(|state| **state == State::Red) {
                *state = State::Waiting;
            }
            self.progress = 0;
        }
    }

    #[derive(Clone, Debug, Default, LiveValue)]
    pub(super) struct Builds {
        #[live(insert(new) = Start, each, remove = Forget)]
        pub(super) runs: BTreeMap<u64, Run>,
        #[live(insert = Export, remove = Unexport)]
        pub(super) environment: BTreeMap<String, String>,
    }
}

#[test]
fn a_device_is_registered_once() {
    use fleet::*;
    let (mut fleet, id) = (Fleet::default(), Uuid::from_u128(1));
    for group in [1, 2] {
        fleet
            .apply(&FleetMutation::InsertGroups(group, Group::default()))
            .unwrap();
    }
    let register = GroupMutation::Register(
        id,
        Device {
            name: "lamp".into(),
            ..Device::default()
        },
    );
    let register = FleetMutation::UpdateGroups(1, register);
    fleet.apply(&register).unwrap();
    assert!(fleet.apply(&register).is_err());
    let offer = DeviceMutation::Offer(Some("2.0".into()));
    for mutation in [offer, DeviceMutation::Acknowledge, DeviceMutation::Fail(1)] {
        fleet
            .apply(&FleetMutation::UpdateGroups(
                1,
                GroupMutation::UpdateDevices(id, mutation),
            ))
            .unwrap();
    }
    fleet
        .apply(&FleetMutation::Transfer {
            device: id,
            from: 1,
            to: 2,
        })
        .unwrap();
    let device = &fleet.groups[&2].devices[&id];
    assert_eq!((device.runs.as_str(), device.errors), ("2.0", 1));
}

#[test]
fn a_job_is_tried_three_times() {
    use queue::*;
    let (mut queue, ids) = (
        Queue {
            most: 1,
            ..Queue::default()
        },
        [1, 2].map(Uuid::from_u128),
    );
    for id in ids {
        let job = Job {
            id,
            progress: 0,
            note: String::new(),
            tries: 0,
        };
        queue.apply(&QueueMutation::Enqueue(job)).unwrap();
    }
    queue.apply(&QueueMutation::Hurry(ids[1])).unwrap();
    queue
        .apply(&QueueMutation::UpdateWaiting(
            ids[1],
            JobMutation::SetNote("now".into()),
        ))
        .unwrap();
    queue.apply(&QueueMutation::Cancel(ids[0])).unwrap();
    for _ in 0..3 {
        queue.apply(&QueueMutation::Take { worker: 7 }).unwrap();
        queue.apply(&QueueMutation::Fail { worker: 7 }).unwrap();
    }
    assert!(queue.apply(&QueueMutation::Take { worker: 7 }).is_err());
    assert_eq!((queue.dead.len(), queue.dead[0].note.as_str()), (1, "now"));
}

#[test]
fn orders_that_meet_are_traded() {
    use book::*;
    let mut book = Book::default();
    book.apply(&BookMutation::Buy(1, Order { price: 10, amount: 5 }))
        .unwrap();
    book.apply(&BookMutation::Sell(2, Order { price: 9, amount: 3 }))
        .unwrap();
    book.apply(&BookMutation::Match { buy: 1, sell: 2 }).unwrap();
    assert_eq!((book.last, book.volume, book.buys[&1].amount), (9, 3, 2));
    assert!(
        book.apply(&BookMutation::UpdateBuys(1, OrderMutation::Reduce(2)))
            .is_err(),
        "cancel it"
    );
    assert!(book.sells.is_empty());
}

#[test]
fn a_run_is_tried_again() {
    use builds::*;
    let mut builds = Builds::default();
    builds.apply(&BuildsMutation::Start(1, Run::default())).unwrap();
    let report = |state| BuildsMutation::UpdateRuns(1, RunMutation::Report("test".into(), state));
    builds.apply(&report(State::Running)).unwrap();
    for (mutation, state) in [
        (RunMutation::Cancel, State::Red),
        (RunMutation::Retry, State::Waiting),
    ] {
        builds.apply(&BuildsMutation::UpdateRuns(1, mutation)).unwrap();
        assert_eq!(builds.runs[&1].steps["test"], state);
    }
}
