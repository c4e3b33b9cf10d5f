//! What the state of whole servers looks like with the derive: of every mutation that such a server needs, which one it
//! generates, and which one is a method. The lists were written before the types.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::time::Duration;

use livestore::{LiveValue, Uuid};

type User = u32;
/// In milliseconds since the server's start.
type At = u64;

mod games;
mod machines;
mod tools;

/// Place a bid, retract the last one, extend, close, reopen, retitle, describe, set the step, raise the reserve; watch,
/// unwatch; ask, answer, delete a question; add a picture, remove one.
mod auction {
    use super::*;

    #[derive(Clone, Debug, LiveValue)]
    pub(super) struct Question {
        #[live(id)]
        pub(super) number: u32,
        #[live(skip)]
        pub(super) text: String,
        #[live(set = Answer, len = ..=400)]
        pub(super) answer: Option<String>,
    }

    #[derive(Clone, Debug, Default, LiveValue)]
    #[live(mutation(variants(Bid { who: User, amount: u64, at: At }, Retract)))]
    pub(super) struct Lot {
        #[live(len = 1..=80)]
        pub(super) title: String,
        #[live(len = ..=4000)]
        pub(super) description: String,
        #[live(range = 1..)]
        pub(super) step: u64,
        #[live(increment = RaiseReserve)]
        pub(super) reserve: u64,
        #[live(increment = Extend)]
        pub(super) closes: At,
        /// Closes and opens it again.
        #[live(set = Close)]
        pub(super) closed: bool,
        #[live(skip)]
        pub(super) bids: Vec<(User, u64)>,
        #[live(insert = Watch, remove = Unwatch)]
        pub(super) watchers: HashSet<User>,
        #[live(push = Ask, each(by = number), remove = DeleteQuestion, len = ..=50)]
        pub(super) questions: Vec<Question>,
        #[live(insert = AddPicture, remove = RemovePicture, len = ..=12)]
        pub(super) pictures: BTreeSet<Uuid>,
    }

    impl Lot {
        fn bid(&mut self, who: &User, amount: &u64, at: &At) -> Result<(), &'static str> {
            if self.closed || *at > self.closes {
                return Err("it is closed");
            }
            let least = self
                .bids
                .last()
                .map_or(self.reserve, |(_, last)| last + self.step);
            if *amount < least {
                return Err("bid more");
            }
            self.bids.push((*who, *amount));
            Ok(())
        }

        fn retract(&mut self) -> Result<(), &'static str> {
            self.bids.pop().map(drop).ok_or("there is no bid")
        }
    }
}

/// Come online on a device, leave it, its status, its heart beat; a text, without one; typing somewhere, no longer;
/// invisible; join a channel, leave it.
mod presence {
    use super::*;

    #[derive(Clone, Debug, Default, PartialEq)]
    pub(super) enum Status {
        #[default]
        Online,
        Away,
    }

    #[derive(Clone, Debug, Default, LiveValue)]
    pub(super) struct Device {
        pub(super) status: Status,
        #[live(set = Beat)]
        pub(super) seen: At,
    }

    #[derive(Clone, Debug, Default, LiveValue)]
    #[live(message(derive(Debug)))]
    pub(super) struct Person {
        #[live(insert = Connect, each, remove = Disconnect, len = ..=8)]
        pub(super) devices: HashMap<Uuid, Device>,
        #[live(set = Say, clear, len = 1..=120)]
        pub(super) text: Option<String>,
        #[live(insert = Type, remove = StopTyping)]
        pub(super) typing: BTreeMap<u32, At>,
        pub(super) invisible: bool,
        #[live(insert = Join, remove = Leave)]
        pub(super) channels: BTreeSet<u32>,
        #[live(message)]
        pub(super) cursor: (i16, i16),
    }
}

/// Play, pause, seek, rate; add to the playlist, remove, skip, reorder; chat; the host; a guest joins, leaves, buffers.
mod party {
    use super::*;

    #[derive(Clone, Debug, LiveValue)]
    pub(super) struct Guest {
        #[live(len = 1..=24)]
        pub(super) nick: String,
        #[live(set)]
        pub(super) buffering: bool,
    }

    #[derive(Clone, Debug, LiveValue)]
    pub(super) struct Film {
        #[live(id)]
        pub(super) id: Uuid,
        pub(super) title: String,
    }

    #[derive(Clone, Debug, Default, LiveValue)]
    #[live(mutation(variants(Skip, Reorder { film: Uuid, to: usize })))]
    pub(super) struct Party {
        /// Plays and pauses.
        pub(super) playing: bool,
        #[live(set = Seek)]
        pub(super) position: Duration,
        #[live(range = 1..=8)]
        pub(super) quarters_of_speed: u8,
        #[live(push = Add, each(by = id), remove = Drop, len = ..=100)]
        pub(super) playlist: Vec<Film>,
        #[live(push = Chat, keep = 200)]
        pub(super) chat: Vec<(User, String)>,
        pub(super) host: User,
        #[live(insert = Join, each, remove = Leave)]
        pub(super) guests: HashMap<User, Guest>,
    }

    impl Party {
        fn skip(&mut self) -> Result<(), &'static str> {
            if self.playlist.is_empty() {
                return Err("nothing follows");
            }
            self.playlist.remove(0);
            self.position = Duration::ZERO;
            Ok(())
        }

        fn reorder(&mut self, film: &Uuid, to: &usize) -> Result<(), &'static str> {
            let from = self.playlist.iter().position(|other| other.id == *film);
            let film = self.playlist.remove(from.ok_or("there is no such film")?);
            self.playlist.insert((*to).min(self.playlist.len()), film);
            Ok(())
        }
    }
}

/// Request, assign a driver, his position, arrive, start, finish, cancel, rate, tip, add a stop, remove it, destination.
mod ride {
    use super::*;

    #[derive(Clone, Debug, Default, PartialEq)]
    pub(super) enum Phase {
        #[default]
        Requested,
        Assigned,
        Arrived,
        Riding,
        Over {
            fare: u32,
        },
        Cancelled {
            why: String,
        },
    }

    #[derive(Clone, Debug, Default, LiveValue)]
    #[live(mutation(variants(Assign(User), Arrive, Start, Finish { fare: u32 }, Cancel { why: String })))]
    pub(super) struct Ride {
        #[live(skip)]
        pub(super) phase: Phase,
        #[live(skip)]
        pub(super) driver: Option<User>,
        #[live(set = Drive)]
        pub(super) position: (i32, i32),
        #[live(set = Rate, range = 1..=5)]
        pub(super) stars: Option<u8>,
        #[live(increment)]
        pub(super) tip: u32,
        #[live(insert(new) = AddStop, remove = RemoveStop, len = ..=5)]
        pub(super) stops: BTreeMap<u8, (i32, i32)>,
        #[live(set)]
        pub(super) destination: (i32, i32),
    }

    impl Ride {
        fn go(&mut self, from: Phase, to: Phase) -> Result<(), &'static str> {
            if self.phase != from {
                return Err("not now");
            }
            self.phase = to;
            Ok(())
        }

        fn assign(&mut self, driver: &User) -> Result<(), &'static str> {
            self.driver = Some(*driver);
            self.go(Phase::Requested, Phase::Assigned)
        }

        fn arrive(&mut self) -> Result<(), &'static str> {
            self.go(Phase::Assigned, Phase::Arrived)
        }

        fn start(&mut self) -> Result<(), &'static str> {
            self.go(Phase::Arrived, Phase::Riding)
        }

        fn finish(&mut self, fare: &u32) -> Result<(), &'static str> {
            self.go(Phase::Riding, Phase::Over { fare: *fare })
        }

        fn cancel(&mut self, why: &str) -> Result<(), &'static str> {
            if matches!(self.phase, Phase::Over { .. } | Phase::Cancelled { .. }) {
                return Err("it is over");
            }
            self.phase = Phase::Cancelled { why: why.into() };
            Ok(())
        }
    }
}

/// A panel: add, remove, rename, move, resize; a gauge: add, remove, a reading, which may be an alarm, a threshold, without
/// one, acknowledge, mute; the span of time; share with somebody, no longer.
mod dashboard {
    use super::*;

    #[derive(Clone, Debug, Default, LiveValue)]
    #[live(mutation(variants(Read { at: At, value: f64 })))]
    pub(super) struct Gauge {
        #[live(skip)]
        pub(super) readings: Vec<(At, f64)>,
        #[live(set = Watch, clear = Unwatch)]
        pub(super) threshold: Option<f64>,
        #[live(set = Acknowledge)]
        pub(super) alarm: bool,
        #[live(toggle)]
        pub(super) mute: bool,
    }

    impl Gauge {
        fn read(&mut self, at: &At, value: &f64) {
            self.readings.push((*at, *value));
            self.alarm |= self.threshold.is_some_and(|threshold| *value > threshold);
        }
    }

    #[derive(Clone, Debug, Default, LiveValue)]
    pub(super) struct Panel {
        #[live(set = Rename, len = ..=40)]
        pub(super) title: String,
        #[live(set = Move)]
        pub(super) at: (u8, u8),
        #[live(set = Resize)]
        pub(super) size: (u8, u8),
        #[live(insert(new) = Add, each, remove)]
        pub(super) gauges: BTreeMap<String, Gauge>,
    }

    #[derive(Clone, Debug, Default, LiveValue)]
    pub(super) struct Dashboard {
        #[live(insert(new) = Add, each, remove)]
        pub(super) panels: BTreeMap<Uuid, Panel>,
        #[live(set = Span)]
        pub(super) span: Duration,
        #[live(insert = Share, remove = Unshare)]
        pub(super) readers: BTreeSet<User>,
    }
}

#[test]
fn a_reading_above_the_threshold_is_an_alarm() {
    use dashboard::*;
    let (mut dashboard, panel) = (Dashboard::default(), Uuid::from_u128(1));
    dashboard
        .apply(&DashboardMutation::Add(panel, Panel::default()))
        .unwrap();
    let add = PanelMutation::Add("load".into(), Gauge::default());
    dashboard
        .apply(&DashboardMutation::UpdatePanels(panel, add))
        .unwrap();
    for mutation in [
        GaugeMutation::Watch(Some(0.5)),
        GaugeMutation::Read { at: 1, value: 0.7 },
        GaugeMutation::Read { at: 2, value: 0.1 },
    ] {
        let update = PanelMutation::UpdateGauges("load".into(), mutation);
        dashboard
            .apply(&DashboardMutation::UpdatePanels(panel, update))
            .unwrap();
    }
    let gauge = &dashboard.panels[&panel].gauges["load"];
    assert!(gauge.alarm, "until somebody has seen it");
    assert_eq!(gauge.readings.len(), 2);
}

#[test]
fn a_bid_is_a_method_and_all_about_it_is_generated() {
    use auction::*;
    let mut lot = Lot {
        title: "A lamp".into(),
        step: 5,
        closes: 100,
        ..Lot::default()
    };
    lot.apply(&LotMutation::RaiseReserve(20)).unwrap();
    assert!(
        lot.apply(&LotMutation::Bid {
            who: 1,
            amount: 19,
            at: 1
        })
        .is_err()
    );
    lot.apply(&LotMutation::Bid {
        who: 1,
        amount: 20,
        at: 1,
    })
    .unwrap();
    let question = Question {
        number: 1,
        text: "Does it work?".into(),
        answer: None,
    };
    lot.apply(&LotMutation::Ask(question.clone())).unwrap();
    assert_eq!(
        lot.apply(&LotMutation::Ask(question)).unwrap_err().to_string(),
        "questions: there is one already",
    );
    let answer = QuestionMutation::Answer(Some("Yes.".into()));
    lot.apply(&LotMutation::UpdateQuestions(1, answer)).unwrap();
    lot.apply(&LotMutation::Extend(50)).unwrap();
    lot.apply(&LotMutation::Bid {
        who: 2,
        amount: 25,
        at: 120,
    })
    .unwrap();
    lot.apply(&LotMutation::Close(true)).unwrap();
    assert!(
        lot.apply(&LotMutation::Bid {
            who: 1,
            amount: 90,
            at: 121
        })
        .is_err()
    );
    assert_eq!(lot.bids, [(1, 20), (2, 25)]);
}

#[test]
fn a_person_is_there_on_several_devices() {
    use presence::*;
    let (mut person, phone) = (Person::default(), Uuid::from_u128(1));
    person
        .apply(&PersonMutation::Connect(phone, Device::default()))
        .unwrap();
    let away = PersonMutation::UpdateDevices(phone, DeviceMutation::SetStatus(Status::Away));
    person.apply(&away).unwrap();
    assert_eq!(person.devices[&phone].status, Status::Away);
    assert!(person.apply(&PersonMutation::Say(Some(String::new()))).is_err());
    person.apply(&PersonMutation::Disconnect(phone)).unwrap();
    assert!(person.apply(&away).is_err(), "it has left");
    assert_eq!(format!("{:?}", PersonMessage::Cursor((1, 2))), "Cursor((1, 2))");
}

#[test]
fn a_ride_goes_through_its_phases_in_order() {
    use ride::*;
    let mut ride = Ride::default();
    assert!(ride.apply(&RideMutation::Start).is_err());
    for step in [RideMutation::Assign(7), RideMutation::Arrive, RideMutation::Start] {
        ride.apply(&step).unwrap();
    }
    ride.apply(&RideMutation::AddStop(1, (3, 4))).unwrap();
    assert!(
        ride.apply(&RideMutation::AddStop(1, (5, 6))).is_err(),
        "there is one already"
    );
    ride.apply(&RideMutation::Finish { fare: 900 }).unwrap();
    assert!(ride.apply(&RideMutation::Rate(Some(6))).is_err());
    ride.apply(&RideMutation::Rate(Some(5))).unwrap();
    assert!(ride.apply(&RideMutation::Cancel { why: "late".into() }).is_err());
    assert_eq!((ride.phase, ride.driver), (Phase::Over { fare: 900 }, Some(7)));
}

#[test]
fn a_party_watches_its_list_in_order() {
    use party::*;
    let mut party = Party {
        quarters_of_speed: 4,
        ..Party::default()
    };
    let films = [1, 2, 3].map(Uuid::from_u128);
    for id in films {
        let film = Film {
            id,
            title: id.to_string(),
        };
        party.apply(&PartyMutation::Add(film)).unwrap();
    }
    party
        .apply(&PartyMutation::Reorder {
            film: films[2],
            to: 0,
        })
        .unwrap();
    party.apply(&PartyMutation::Skip).unwrap();
    party.apply(&PartyMutation::Drop(films[1])).unwrap();
    assert_eq!(
        party.playlist.iter().map(|film| film.id).collect::<Vec<_>>(),
        [films[0]]
    );
}
