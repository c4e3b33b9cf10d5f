//! What a device is, and a simulator that changes devices as real ones would.

use std::cmp::Reverse;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use livestore::{LiveStore, LiveValue, Uuid};
use serde::Serialize;
use tokio::time::{Instant, interval};

pub(crate) const SITES: [&str; 12] = [
    "Bergen", "Cork", "Delft", "Ghent", "Graz", "Lyon", "Malmö", "Parma", "Porto", "Tartu", "Turku", "Vigo",
];
/// From so many tenths of a degree on a device is in the list, and fails.
const WARM: i32 = 700;
const HOT: i32 = 900;
/// How many tasks change devices, and how often each does so in a second.
const TASKS: u32 = 4;
const TICKS: u64 = 100;
/// Of so many devices one is in trouble. Those tell more often how they are, twice a second.
const TROUBLE: usize = 200;

#[derive(Clone, Debug, Serialize, LiveValue)]
pub(crate) struct Device {
    #[live(skip)]
    number: u32,
    #[live(skip)]
    pub(crate) site: usize,
    /// In tenths of a degree Celsius.
    temperature: i32,
    /// In per cent.
    load: u32,
    is_failing: bool,
}

/// What is said of all devices, once a second.
#[derive(Clone, Debug, Default, Serialize, LiveValue)]
pub(crate) struct Overview {
    devices: usize,
    failing: u32,
    /// How many changes there were in the last second.
    changes: u64,
}

impl Device {
    pub(crate) fn new(number: u32) -> Device {
        Device {
            number,
            site: number as usize % SITES.len(),
            temperature: rest(number),
            load: 40,
            is_failing: false,
        }
    }

    /// The smallest is the worst: what fails comes first, then what is hottest. `None` if all is well.
    pub(crate) fn rank(&self) -> Option<Reverse<(bool, i32)>> {
        let is_bad = self.is_failing || self.temperature >= WARM;
        is_bad.then_some(Reverse((self.is_failing, self.temperature)))
    }
}

/// The key of a device, which a page makes from the number as well.
pub(crate) fn key(number: u32) -> Uuid {
    Uuid::from_u128(number.into())
}

/// What a device comes to if all is well.
fn rest(number: u32) -> i32 {
    300 + (number.wrapping_mul(7919) % 250) as i32
}

/// What all tasks count together.
#[derive(Default)]
struct Counts {
    changes: AtomicU64,
    failing: AtomicU32,
    /// The number of the last device that has come.
    last: AtomicU32,
}

/// Changes the devices, which are numbered from 1, so many times a second; for as long as the runtime is there.
pub(crate) fn play(devices: &LiveStore<Device>, overview: &LiveStore<Overview>, rate: u32) {
    let counts = Arc::new(Counts::default());
    let all = devices.len() as u32;
    counts.last.store(all, Ordering::Relaxed);
    for task in 0..TASKS {
        let numbers = (1..=all).filter(|number| number % TASKS == task);
        let part = Part {
            devices: devices.clone(),
            counts: Arc::clone(&counts),
            played: numbers.map(|number| Played { number, heats: false }).collect(),
            troubled: Vec::new(),
            random: Random(u64::from(task) + 1),
        };
        tokio::spawn(part.play(u64::from(rate / TASKS)));
    }
    tokio::spawn(sum_up(devices.clone(), overview.clone(), counts));
}

async fn sum_up(devices: LiveStore<Device>, overview: LiveStore<Overview>, counts: Arc<Counts>) {
    let (mut ticks, mut since) = (interval(Duration::from_secs(1)), Instant::now());
    ticks.tick().await;
    loop {
        ticks.tick().await;
        let changes = counts.changes.swap(0, Ordering::Relaxed) as f64 / since.elapsed().as_secs_f64();
        since = Instant::now();
        let now = Overview {
            devices: devices.len(),
            failing: counts.failing.load(Ordering::Relaxed),
            changes: changes.round() as u64,
        };
        overview.insert(&Uuid::nil(), now).await;
    }
}

/// The devices that one task changes.
struct Part {
    devices: LiveStore<Device>,
    counts: Arc<Counts>,
    played: Vec<Played>,
    /// Places of those that are in trouble.
    troubled: Vec<usize>,
    random: Random,
}

struct Played {
    number: u32,
    /// It becomes hotter until it fails. What does not cools down.
    heats: bool,
}

impl Part {
    async fn play(mut self, rate: u64) {
        // It has been so for a while.
        for at in (0..self.played.len()).step_by(2 * TROUBLE) {
            self.played[at].heats = true;
            self.troubled.push(at);
            let warm = DeviceMutation::SetTemperature(WARM + self.random.below(250) as i32);
            // Nobody has taken one away yet.
            let _ = self
                .devices
                .mutate_version(&key(self.played[at].number), warm)
                .await;
        }
        // Where others had the machine for a moment, ticks that were missed follow at once.
        let mut ticks = interval(Duration::from_millis(1000 / TICKS));
        for tick in 0_u64.. {
            ticks.tick().await;
            let changes = |per_second: u64| (tick + 1) * per_second / TICKS - tick * per_second / TICKS;
            let all = changes(rate);
            let of_troubled = changes(2 * self.troubled.len() as u64).min(all / 2);
            for _ in 0..of_troubled {
                let nth = self.random.below(self.troubled.len());
                self.change(self.troubled[nth]).await;
                if self.is_well(self.troubled[nth]) {
                    self.troubled.swap_remove(nth);
                }
            }
            for _ in of_troubled..all {
                let at = self.random.below(self.played.len());
                if self.troubled.len() < self.played.len() / TROUBLE && self.is_well(at) {
                    self.played[at].heats = true;
                    self.troubled.push(at);
                }
                self.change(at).await;
            }
        }
    }

    fn is_well(&self, at: usize) -> bool {
        let device = &self.played[at];
        let now = self.devices.fetch(&key(device.number));
        !device.heats && now.is_none_or(|now| now.rank().is_none())
    }

    async fn change(&mut self, at: usize) {
        let Part {
            devices,
            counts,
            random,
            ..
        } = self;
        let played = &mut self.played[at];
        let key = key(played.number);
        let Some(now) = devices.fetch(&key) else { return };
        let mutation = if now.is_failing && random.below(400) == 0 {
            return self.replace(at).await;
        } else if now.is_failing && random.below(60) == 0 {
            played.heats = false;
            counts.failing.fetch_sub(1, Ordering::Relaxed);
            DeviceMutation::SetIsFailing(false)
        } else if played.heats && !now.is_failing && now.temperature >= HOT {
            counts.failing.fetch_add(1, Ordering::Relaxed);
            DeviceMutation::SetIsFailing(true)
        } else if random.below(4) == 0 {
            let load = now.load as usize + random.below(21);
            DeviceMutation::SetLoad(load.saturating_sub(10).clamp(1, 100) as u32)
        } else {
            let target = rest(played.number) + if played.heats { 600 } else { 0 };
            let drift = (target - now.temperature) / 16 + random.below(31) as i32 - 15;
            DeviceMutation::SetTemperature(now.temperature + drift)
        };
        drop(now);
        if devices.mutate_version(&key, mutation).await.is_ok() {
            counts.changes.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Takes one away that has failed, and puts a new one in its place.
    async fn replace(&mut self, at: usize) {
        let Part { devices, counts, .. } = self;
        let number = counts.last.fetch_add(1, Ordering::Relaxed) + 1;
        let old = std::mem::replace(&mut self.played[at], Played { number, heats: false });
        devices.remove(&key(old.number)).await;
        // Nobody else has that number.
        let _ = devices.create(&key(number), Device::new(number));
        counts.failing.fetch_sub(1, Ordering::Relaxed);
        counts.changes.fetch_add(2, Ordering::Relaxed);
    }
}

/// Numbers that look as if they came by chance (xorshift). Never 0.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        // The low bits of small seeds need a while until they differ.
        ((self.0 >> 16) % end.max(1) as u64) as usize
    }
}
