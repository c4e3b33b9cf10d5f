//! Where players meet: a card table, a quiz, a poll, a voice room.

use super::*;

/// Sit down, stand up, ready, start; play, draw, pass; resign, offer a draw, accept it; chat; the clock of a seat; rename
/// the table; options; ask for an undo; score a point; a rematch.
mod table {
    use livestore::Hidden;

    use super::*;

    #[derive(Clone, Debug, Default, PartialEq, LiveValue)]
    pub(super) struct Seat {
        #[live(skip)]
        pub(super) who: User,
        #[live(toggle)]
        pub(super) ready: bool,
        #[live(skip)]
        pub(super) hand: Hidden<Vec<u8>>,
        #[live(set)]
        pub(super) clock: Duration,
        #[live(increment = Score)]
        pub(super) points: u32,
        #[live(toggle = OfferDraw)]
        pub(super) offers_draw: bool,
        #[live(toggle = AskForUndo)]
        pub(super) asks_for_undo: bool,
    }

    #[derive(Clone, Debug, Default, LiveValue)]
    #[live(mutation(variants(Start, Play { card: u8 }, Draw, Pass, Resign { seat: usize }, AcceptDraw, Rematch)))]
    pub(super) struct Table {
        #[live(set = Rename, len = 1..=32)]
        pub(super) name: String,
        #[live(set_at = Sit, each)]
        pub(super) seats: [Option<Seat>; 4],
        #[live(insert = Choose, remove = Unchoose)]
        pub(super) options: BTreeMap<String, String>,
        #[live(push = Chat, keep = 100)]
        pub(super) chat: Vec<(User, String)>,
        #[live(skip)]
        pub(super) turn: Option<usize>,
        #[live(skip)]
        pub(super) deck: Hidden<Vec<u8>>,
    }

    impl Table {
        fn start(&mut self) -> Result<(), &'static str> {
            let ready = self.seats.iter().flatten().filter(|seat| seat.ready).count();
            if ready < 2 {
                return Err("two must be ready");
            }
            self.turn = self.seats.iter().position(Option::is_some);
            Ok(())
        }

        fn next(&mut self) {
            let seats = self.seats.len();
            self.turn = self.turn.map(|now| {
                let after = (1..=seats).map(|step| (now + step) % seats);
                after
                    .into_iter()
                    .find(|seat| self.seats[*seat].is_some())
                    .unwrap_or(now)
            });
        }

        fn at_turn(&mut self) -> Result<&mut Seat, &'static str> {
            let turn = self.turn.ok_or("nobody plays")?;
            self.seats[turn].as_mut().ok_or("nobody sits there")
        }

        fn play(&mut self, card: &u8) -> Result<(), &'static str> {
            let hand = &mut self.at_turn()?.hand;
            let place = hand
                .iter()
                .position(|held| held == card)
                .ok_or("not in the hand")?;
            hand.remove(place);
            self.next();
            Ok(())
        }

        fn draw(&mut self) -> Result<(), &'static str> {
            let card = self.deck.pop().ok_or("the deck is empty")?;
            self.at_turn()?.hand.push(card);
            Ok(())
        }

        fn pass(&mut self) {
            self.next();
        }

        fn resign(&mut self, seat: &usize) -> Result<(), &'static str> {
            self.seats
                .get_mut(*seat)
                .and_then(Option::take)
                .ok_or("nobody sits there")?;
            self.next();
            Ok(())
        }

        fn accept_draw(&mut self) -> Result<(), &'static str> {
            if !self.seats.iter().flatten().any(|seat| seat.offers_draw) {
                return Err("nobody offers one");
            }
            self.turn = None;
            Ok(())
        }

        fn rematch(&mut self) {
            for seat in self.seats.iter_mut().flatten() {
                *seat = Seat {
                    who: seat.who,
                    points: seat.points,
                    ..Seat::default()
                };
            }
            self.turn = None;
        }
    }
}

/// Join, leave, answer, the next question, reveal, award, kick, a nickname; add a question, remove it; lock.
mod quiz {
    use super::*;

    #[derive(Clone, Debug, Default, LiveValue)]
    pub(super) struct Player {
        #[live(set = Rename, len = 1..=20)]
        pub(super) nick: String,
        #[live(increment = Award)]
        pub(super) points: u32,
    }

    #[derive(Clone, Debug, LiveValue)]
    pub(super) struct Question {
        #[live(id)]
        pub(super) number: u32,
        pub(super) text: String,
        pub(super) choices: Vec<String>,
    }

    #[derive(Clone, Debug, Default, LiveValue)]
    #[live(mutation(variants(Answer { who: User, choice: usize }, Next)))]
    pub(super) struct Quiz {
        /// Leaving and being kicked is the same to the others.
        #[live(insert(new) = Join, each, remove = Leave, len = ..=200)]
        pub(super) players: HashMap<User, Player>,
        #[live(push = Add, each(by = number), remove = Drop)]
        pub(super) questions: Vec<Question>,
        #[live(skip)]
        pub(super) now: Option<usize>,
        #[live(skip)]
        pub(super) answers: BTreeMap<User, usize>,
        #[live(set = Reveal)]
        pub(super) revealed: bool,
        #[live(toggle = Lock)]
        pub(super) locked: bool,
    }

    impl Quiz {
        fn answer(&mut self, who: &User, choice: &usize) -> Result<(), &'static str> {
            let question = self
                .now
                .and_then(|now| self.questions.get(now))
                .ok_or("nothing is asked")?;
            if self.revealed || *choice >= question.choices.len() {
                return Err("too late, or no such choice");
            }
            match self.answers.insert(*who, *choice) {
                None => Ok(()),
                Some(_) => Err("answered already"),
            }
        }

        fn next(&mut self) {
            self.now = Some(self.now.map_or(0, |now| now + 1));
            self.answers.clear();
            self.revealed = false;
        }
    }
}

/// Open, close; add an option, remove it, rename it; vote, take it back; show the results; the question; the limit; ask,
/// vote a question up, answered, delete it.
mod poll {
    use super::*;

    #[derive(Clone, Debug, LiveValue)]
    pub(super) struct Asked {
        #[live(id)]
        pub(super) number: u32,
        #[live(skip)]
        pub(super) text: String,
        #[live(insert(new) = VoteUp)]
        pub(super) by: BTreeSet<User>,
        #[live(set = Mark)]
        pub(super) answered: bool,
    }

    #[derive(Clone, Debug, Default, LiveValue)]
    #[live(mutation(variants(RemoveOption(u8))))]
    pub(super) struct Poll {
        #[live(len = 1..=200)]
        pub(super) question: String,
        pub(super) open: bool,
        pub(super) shows_results: bool,
        #[live(range = 2..=20)]
        pub(super) most: usize,
        /// Adds and renames.
        #[live(insert = Offer, len = ..=self.most)]
        pub(super) options: BTreeMap<u8, String>,
        /// Whoever votes again has moved his vote.
        #[live(insert = Vote, remove = TakeBack, validate = Self::are_few)]
        pub(super) votes: HashMap<User, u8>,
        #[live(push = Ask, each(by = number), remove = Delete)]
        pub(super) asked: Vec<Asked>,
    }

    impl Poll {
        fn are_few(votes: &HashMap<User, u8>) -> Result<(), &'static str> {
            if votes.len() > 10_000 {
                Err("too many")
            } else {
                Ok(())
            }
        }

        /// The votes for it go with it.
        fn remove_option(&mut self, option: &u8) {
            self.options.remove(option);
            self.votes.retain(|_, chosen| chosen != option);
        }
    }
}

/// Join, leave; mute, deafen; raise a hand, lower it; promote, demote; mute by the server; topic, bitrate, limit; the
/// volume of one.
mod voice {
    use super::*;

    #[derive(Clone, Debug, Default, LiveValue)]
    pub(super) struct Member {
        #[live(toggle)]
        pub(super) mute: bool,
        #[live(toggle)]
        pub(super) deaf: bool,
        #[live(set = RaiseHand)]
        pub(super) hand: bool,
        /// Promotes and demotes.
        #[live(set = Promote)]
        pub(super) speaks: bool,
        #[live(set)]
        pub(super) silenced: bool,
        #[live(range = 0..=200)]
        pub(super) volume: u8,
    }

    #[derive(Clone, Debug, Default, LiveValue)]
    pub(super) struct Room {
        #[live(len = ..=120)]
        pub(super) topic: String,
        #[live(range = 8..=384)]
        pub(super) kilobits: u16,
        #[live(set = Allow)]
        pub(super) limit: usize,
        #[live(insert(new) = Join, each, remove(present) = Leave, len = ..=self.limit)]
        pub(super) members: HashMap<User, Member>,
    }
}

#[test]
fn cards_are_played_in_turn_and_shown_to_nobody() {
    use table::*;
    let mut table = Table {
        name: "one".into(),
        deck: vec![9].into(),
        ..Table::default()
    };
    for place in [0, 2] {
        let who = User::try_from(place).unwrap();
        let seat = Seat {
            who,
            hand: vec![3].into(),
            ..Seat::default()
        };
        table.apply(&TableMutation::Sit(place, Some(seat))).unwrap();
        table
            .apply(&TableMutation::UpdateSeats(place, SeatMutation::ToggleReady))
            .unwrap();
    }
    assert!(
        table
            .apply(&TableMutation::UpdateSeats(1, SeatMutation::ToggleReady))
            .is_err()
    );
    table.apply(&TableMutation::Start).unwrap();
    assert!(table.apply(&TableMutation::Play { card: 8 }).is_err());
    table.apply(&TableMutation::Play { card: 3 }).unwrap();
    assert_eq!(table.turn, Some(2));
    table.apply(&TableMutation::Draw).unwrap();
    assert!(!format!("{table:?}").contains('9'), "nobody is shown a hand");
    table.apply(&TableMutation::Sit(2, None)).unwrap();
    assert_eq!(table.seats.iter().flatten().count(), 1, "stood up");
}

#[test]
fn whoever_answers_twice_is_refused() {
    use quiz::*;
    let mut quiz = Quiz::default();
    quiz.apply(&QuizMutation::Join(
        1,
        Player {
            nick: "ann".into(),
            points: 0,
        },
    ))
    .unwrap();
    let question = Question {
        number: 1,
        text: "?".into(),
        choices: vec!["a".into()],
    };
    quiz.apply(&QuizMutation::Add(question)).unwrap();
    assert!(quiz.apply(&QuizMutation::Answer { who: 1, choice: 0 }).is_err());
    quiz.apply(&QuizMutation::Next).unwrap();
    quiz.apply(&QuizMutation::Answer { who: 1, choice: 0 }).unwrap();
    assert!(quiz.apply(&QuizMutation::Answer { who: 1, choice: 0 }).is_err());
    quiz.apply(&QuizMutation::UpdatePlayers(1, PlayerMutation::Award(100)))
        .unwrap();
    assert_eq!(quiz.players[&1].points, 100);
}

#[test]
fn an_option_takes_its_votes_along() {
    use poll::*;
    let mut poll = Poll {
        question: "Tea?".into(),
        most: 2,
        ..Poll::default()
    };
    for option in 0..2 {
        poll.apply(&PollMutation::Offer(option, "yes".into())).unwrap();
    }
    assert!(
        poll.apply(&PollMutation::Offer(2, "no".into())).is_err(),
        "two are the most"
    );
    poll.apply(&PollMutation::Vote(7, 0)).unwrap();
    poll.apply(&PollMutation::Vote(7, 1)).unwrap();
    poll.apply(&PollMutation::RemoveOption(1)).unwrap();
    assert!(poll.votes.is_empty());
    let asked = Asked {
        number: 1,
        text: "Why?".into(),
        by: BTreeSet::new(),
        answered: false,
    };
    poll.apply(&PollMutation::Ask(asked)).unwrap();
    let up = PollMutation::UpdateAsked(1, AskedMutation::VoteUp(7));
    poll.apply(&up).unwrap();
    assert!(poll.apply(&up).is_err(), "once");
}

#[test]
fn a_full_room_lets_nobody_in() {
    use voice::*;
    let mut room = Room {
        kilobits: 64,
        limit: 1,
        ..Room::default()
    };
    room.apply(&RoomMutation::Join(1, Member::default())).unwrap();
    assert!(room.apply(&RoomMutation::Join(2, Member::default())).is_err());
    room.apply(&RoomMutation::UpdateMembers(1, MemberMutation::RaiseHand(true)))
        .unwrap();
    room.apply(&RoomMutation::Leave(1)).unwrap();
    assert!(room.apply(&RoomMutation::Leave(1)).is_err());
}
