//! [`Presence`]: who watches the keys of a store.
//!
//! A user is one person, however many connections and subscriptions he has: he comes with the first, and is gone when he has
//! had none for the grace. Each subscription has a [`Visit`], which ends with it however that ends, so nothing has to be told
//! to anybody who might be cut off.
//!
//! Who is there is in a store of the library's own, an entry for each key where somebody is or at whose people somebody looks,
//! and is served like any other. What comes and goes within a quarter of a second is one change of it. So most changes wait for
//! their time, and one task makes them, which is there as long as something waits.
//!
//! Entries are created and removed under the lock of this, since nobody follows them then; they are changed, which wakes
//! others, with nothing locked, by one at a time.

use std::collections::hash_map::RandomState;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::BuildHasher;
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::task::{AbortHandle, yield_now};
use tokio::time::{Instant, sleep_until};
use uuid::Uuid;

use crate::ground::sync::Mutex;
use crate::ground::unwind::caught;
use crate::store::store::LiveStore;
use crate::value::error::TryAcquireError;
use crate::ws::here::{Card, Cards, Here};

/// How much time lies between two changes of who is at a key.
const PERIOD: Duration = Duration::from_millis(250);
/// How many people are shown. Others are counted.
const SHOWN: usize = 200;
/// The longest grace, for no clock goes on for ever: thirty years.
const LONGEST: Duration = Duration::from_secs(30 * 365 * 86_400);
/// At how many keys is done what is due before others come to their turn.
const AT_ONCE: usize = 64;

pub(crate) struct Presence {
    /// Who is where, as it is shown.
    pub(crate) people: LiveStore<Here>,
    grace: Duration,
    /// From when on whoever is not here is gone: those who were connected to this server's former life come back until then.
    complete_from: Instant,
    /// Tells people apart without saying who they are.
    tags: RandomState,
    state: Mutex<State>,
    /// There is something to be done earlier than the task knew, or this has ended.
    earlier: Arc<Notify>,
}

#[derive(Default)]
struct State {
    crowds: HashMap<Uuid, Crowd>,
    /// When which key is to be looked at. Each has one place at most, which its crowd knows.
    due: BTreeSet<(Instant, Uuid)>,
    /// Does what is due. One that has ended with its runtime is replaced by the next who comes or goes.
    task: Option<AbortHandle>,
}

/// Those who are at one key.
#[derive(Default)]
struct Crowd {
    /// In the order in which they came.
    people: BTreeMap<u64, Person>,
    places: HashMap<Arc<str>, u64>,
    /// Where the next stands who comes.
    next: u64,
    /// When those who have no subscription any more are gone.
    leaving: BTreeSet<(Instant, u64)>,
    /// How many look at who is there.
    looks: usize,
    /// Who is there is not what is shown.
    is_stale: bool,
    /// What is shown says that others may come back.
    is_partial: bool,
    /// What is shown is being changed. Whoever does that looks again afterwards.
    is_changing: bool,
    changed: Option<Instant>,
    due: Option<Instant>,
}

struct Person {
    user: Arc<str>,
    card: Card,
    /// How many subscriptions. With none, he is about to leave.
    visits: usize,
    leaves: Option<Instant>,
}

/// A subscription of somebody who is there.
pub(crate) struct Visit {
    presence: Arc<Presence>,
    key: Uuid,
    place: u64,
}

/// A subscription of somebody who looks at who is there.
pub(crate) struct Look {
    presence: Arc<Presence>,
    key: Uuid,
}

impl Presence {
    pub(crate) fn new(grace: Duration) -> Arc<Presence> {
        let grace = grace.min(LONGEST);
        Arc::new(Presence {
            people: LiveStore::default(),
            grace,
            complete_from: Instant::now() + grace,
            tags: RandomState::default(),
            state: Mutex::default(),
            earlier: Arc::default(),
        })
    }

    /// Counts a subscription of a user to a key. The card that came last is shown.
    pub(crate) fn enter(self: &Arc<Self>, key: Uuid, user: &Arc<str>, card: Card) -> Visit {
        let place = self.crowd(&mut self.state.lock(), key).enter(user, card);
        self.settle(key);
        Visit {
            presence: Arc::clone(self),
            key,
            place,
        }
    }

    /// Keeps the entry of a key, as long as somebody looks at it.
    pub(crate) fn look(self: &Arc<Self>, key: Uuid) -> Look {
        self.crowd(&mut self.state.lock(), key).looks += 1;
        self.settle(key);
        Look {
            presence: Arc::clone(self),
            key,
        }
    }

    /// Those at a key, and with them its entry.
    fn crowd<'a>(&self, state: &'a mut State, key: Uuid) -> &'a mut Crowd {
        state.crowds.entry(key).or_insert_with(|| {
            let is_partial = Instant::now() < self.complete_from;
            let nobody = Here {
                partial: is_partial,
                ..Here::default()
            };
            // Nobody else creates one.
            let _ = self.people.create(&key, nobody);
            Crowd {
                is_partial,
                ..Crowd::default()
            }
        })
    }

    /// Does what is due at a key, and notes when something is again.
    fn settle(self: &Arc<Self>, key: Uuid) {
        while let Some(here) = self.begin(key) {
            // What is woken by that is no business of who has come.
            let shown = caught(|| match self.people.try_acquire(&key) {
                Ok(mut guard) => {
                    guard.set(here);
                    true
                }
                Err(_) => false,
            });
            if let Some(crowd) = self.state.lock().crowds.get_mut(&key) {
                crowd.is_changing = false;
                // If somebody holds it, it is tried again.
                crowd.is_stale |= shown.is_ok_and(|shown| !shown);
            }
        }
    }

    /// What is to be shown from now on, if that is to be changed now.
    fn begin(self: &Arc<Self>, key: Uuid) -> Option<Here> {
        let now = Instant::now();
        let mut state = self.state.lock();
        if state.remove_empty(key, now, &self.people) {
            return None;
        }
        let crowd = state.crowds.get_mut(&key).filter(|crowd| !crowd.is_changing)?;
        let is_partial = now < self.complete_from;
        crowd.is_stale |= crowd.is_partial && !is_partial;
        if crowd.is_stale && crowd.changed.is_none_or(|at| at + PERIOD <= now) {
            crowd.is_stale = false;
            crowd.is_partial = is_partial;
            crowd.is_changing = true;
            crowd.changed = Some(now);
            return Some(crowd.here(key, &self.tags));
        }
        let change = crowd
            .changed
            .filter(|_| crowd.is_stale)
            .map(|changed| changed + PERIOD);
        let leave = crowd.leaving.first().map(|(at, _)| *at);
        // Once that has passed, it is a change that waits for its time.
        let complete = (crowd.is_partial && is_partial).then_some(self.complete_from);
        let due = [change, leave, complete].into_iter().flatten().min();
        self.plan(&mut state, key, due);
        None
    }

    /// Notes when a key is to be looked at, and has somebody do so.
    fn plan(self: &Arc<Self>, state: &mut State, key: Uuid, due: Option<Instant>) {
        let first = state.due.first().copied();
        let Some(crowd) = state.crowds.get_mut(&key) else {
            return;
        };
        if let Some(former) = std::mem::replace(&mut crowd.due, due) {
            state.due.remove(&(former, key));
        }
        state.due.extend(due.map(|due| (due, key)));
        if state.due.is_empty() {
            return;
        }
        let is_there = state.task.as_ref().is_some_and(|task| !task.is_finished());
        if !is_there {
            // Without a runtime, whoever comes next has it done.
            let task = Handle::try_current()
                .map(|runtime| runtime.spawn(attend(Arc::downgrade(self), Arc::clone(&self.earlier))));
            state.task = task.ok().map(|task| task.abort_handle());
        } else if state.due.first().copied() < first || first.is_none() {
            self.earlier.notify_one();
        }
    }

    /// Does what is due, at some keys. Returns when something is again, which may have passed already; `None` if nothing is, so
    /// that the task ends.
    fn attend(self: &Arc<Self>) -> Option<Instant> {
        let mut done = 0;
        loop {
            let mut state = self.state.lock();
            let Some(&(at, key)) = state.due.first() else {
                state.task = None;
                return None;
            };
            if at > Instant::now() || done == AT_ONCE {
                return Some(at);
            }
            done += 1;
            state.due.pop_first();
            if let Some(crowd) = state.crowds.get_mut(&key) {
                crowd.due = None;
            }
            drop(state);
            self.settle(key);
        }
    }
}

/// Does what is due when it is due, as long as there is something.
async fn attend(presence: Weak<Presence>, earlier: Arc<Notify>) {
    loop {
        let next = presence.upgrade().and_then(|presence| presence.attend());
        let Some(next) = next else { return };
        if next <= Instant::now() {
            yield_now().await;
            continue;
        }
        tokio::select! {
            () = sleep_until(next) => {}
            () = earlier.notified() => {}
        }
    }
}

impl State {
    /// Has those leave whose time has come. If nobody is left, and nobody looks, nothing is left. Returns whether that is so.
    fn remove_empty(&mut self, key: Uuid, now: Instant, people: &LiveStore<Here>) -> bool {
        let Some(crowd) = self.crowds.get_mut(&key) else {
            return true;
        };
        crowd.send_away(now);
        if !crowd.people.is_empty() || crowd.looks > 0 || crowd.is_changing {
            return false;
        }
        match people.try_acquire(&key) {
            Ok(guard) => drop(guard.delete()),
            Err(TryAcquireError::Missing) => {}
            Err(TryAcquireError::Held) => {
                // It is tried again.
                crowd.is_stale = true;
                crowd.changed = Some(now);
                return false;
            }
        }
        if let Some(due) = crowd.due {
            self.due.remove(&(due, key));
        }
        self.crowds.remove(&key);
        true
    }
}

impl Crowd {
    /// Returns where the user stands.
    fn enter(&mut self, user: &Arc<str>, card: Card) -> u64 {
        if let Some(place) = self.places.get(user)
            && let Some(person) = self.people.get_mut(place)
        {
            person.visits += 1;
            if let Some(leaves) = person.leaves.take() {
                self.leaving.remove(&(leaves, *place));
            }
            if person.card != card {
                person.card = card;
                self.is_stale = true;
            }
            return *place;
        }
        let place = self.next;
        self.next += 1;
        self.places.insert(Arc::clone(user), place);
        self.people.insert(
            place,
            Person {
                user: Arc::clone(user),
                card,
                visits: 1,
                leaves: None,
            },
        );
        self.is_stale = true;
        place
    }

    /// Ends a subscription of who stands there. Returns when he is gone, if it was the last.
    fn leave(&mut self, place: u64, gone: Instant) -> Option<Instant> {
        let person = self.people.get_mut(&place)?;
        person.visits -= 1;
        if person.visits > 0 {
            return None;
        }
        person.leaves = Some(gone);
        self.leaving.insert((gone, place));
        Some(gone)
    }

    fn send_away(&mut self, now: Instant) {
        while let Some(&(at, place)) = self.leaving.first()
            && at <= now
        {
            self.leaving.pop_first();
            if let Some(person) = self.people.remove(&place) {
                self.places.remove(&person.user);
                self.is_stale = true;
            }
        }
    }

    /// What is shown. Each has another name at each key, so that it does not say where else he is.
    fn here(&self, key: Uuid, tags: &RandomState) -> Here {
        let cards = self.people.values().take(SHOWN);
        Here {
            count: self.people.len(),
            people: Cards(
                cards
                    .map(|person| (tags.hash_one((key, &person.user)), person.card.clone()))
                    .collect(),
            ),
            partial: self.is_partial,
        }
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        let presence = &self.presence;
        let gone = Instant::now() + presence.grace;
        let mut state = presence.state.lock();
        if let Some(crowd) = state.crowds.get_mut(&self.key)
            && let Some(gone) = crowd.leave(self.place, gone)
        {
            let due = crowd.due.map_or(gone, |due| due.min(gone));
            presence.plan(&mut state, self.key, Some(due));
        }
    }
}

impl Drop for Look {
    fn drop(&mut self) {
        if let Some(crowd) = self.presence.state.lock().crowds.get_mut(&self.key) {
            crowd.looks -= 1;
        }
        self.presence.settle(self.key);
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        // The task has nothing to do any more.
        self.earlier.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    const KEY: Uuid = Uuid::nil();
    const GRACE: Duration = Duration::from_secs(10);

    fn enter(presence: &Arc<Presence>, user: &str) -> Visit {
        let card = Card::of(&user).expect("is one");
        presence.enter(KEY, &Arc::from(user), card)
    }

    /// Who is shown, in order.
    fn shown(presence: &Presence) -> Vec<String> {
        let entry = presence.people.fetch(&KEY);
        let here = entry.map(|entry| serde_json::to_value(&**entry.value()).expect("it can be written"));
        let people = here.as_ref().and_then(|here| here["people"].as_object());
        let cards = people.into_iter().flat_map(|people| people.values());
        let mut shown: Vec<_> = cards
            .map(|card| card.as_str().unwrap_or_default().to_owned())
            .collect();
        shown.sort();
        shown
    }

    fn is_empty(presence: &Presence) -> bool {
        let state = presence.state.lock();
        state.crowds.is_empty() && state.due.is_empty() && state.task.is_none() && presence.people.is_empty()
    }

    /// Lets the task come to its turn.
    async fn pass(time: Duration) {
        advance(time).await;
        for _ in 0..4 {
            yield_now().await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn in_whatever_order_people_come_and_go_those_are_shown_who_are_there_and_in_the_end_nothing_is_left()
     {
        let users = ["ann", "ben", "cid"];
        let mut random = 7_u64;
        let mut below = move |end: u64| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (random >> 33) % end
        };
        let mut compared = 0;
        for _ in 0..50 {
            let presence = Presence::new(GRACE);
            let mut visits: Vec<(&str, Visit)> = Vec::new();
            // When each was there last.
            let mut left: HashMap<&str, Instant> = HashMap::new();
            let mut look = None;
            for _ in 0..200 {
                match below(8) {
                    0..3 => {
                        let user = users[usize::try_from(below(3)).expect("is small")];
                        visits.push((user, enter(&presence, user)));
                    }
                    3..6 if !visits.is_empty() => {
                        let at = usize::try_from(below(visits.len() as u64)).expect("is small");
                        let (user, visit) = visits.swap_remove(at);
                        drop(visit);
                        left.insert(user, Instant::now());
                    }
                    6 => look = below(2).eq(&0).then(|| presence.look(KEY)),
                    _ => {
                        pass(Duration::from_millis(
                            [1, 100, 300, 4000, 10_000][usize::try_from(below(5)).expect("is small")],
                        ))
                        .await
                    }
                }
                if below(4) > 0 {
                    continue;
                }
                // Long enough for what waits for its time.
                pass(PERIOD).await;
                pass(Duration::ZERO).await;
                let now = Instant::now();
                let is_there = |user: &&str| {
                    let was_there = left.get(user).is_some_and(|at| now < *at + GRACE);
                    // Whether it has been told yet that he is gone.
                    let may_be = left
                        .get(user)
                        .is_some_and(|at| now < *at + GRACE + PERIOD + Duration::from_millis(2));
                    let has_visit = visits.iter().any(|(of, _)| of == user);
                    (has_visit || was_there, has_visit || may_be)
                };
                let shown = shown(&presence);
                for user in users {
                    let (must, may) = is_there(&user);
                    let is_shown = shown.contains(&user.to_owned());
                    assert!(is_shown || !must, "{user} is there: {shown:?}");
                    assert!(!is_shown || may, "{user} is gone: {shown:?}");
                    compared += usize::from(is_shown);
                }
            }
            drop((visits, look));
            for _ in 0..3 {
                pass(GRACE).await;
            }
            assert!(is_empty(&presence));
        }
        assert!(compared > 1000, "{compared}");
    }

    #[tokio::test(start_paused = true)]
    async fn no_more_than_four_changes_a_second_are_made() {
        let presence = Presence::new(GRACE);
        let mut watch = {
            let _first = enter(&presence, "first");
            presence.people.watch(&KEY).expect("there is an entry")
        };
        let mut changes = 0;
        for number in 0..1000 {
            drop(enter(&presence, &number.to_string()));
            pass(Duration::from_millis(10)).await;
            while watch.try_next().is_some() {
                changes += 1;
            }
        }
        assert!((36..=41).contains(&changes), "{changes} in 10 s");
    }

    /// The last change before the end of the first grace lay so shortly before it that the next was not to be made yet. What was
    /// planned was that end all the same, again and again.
    #[tokio::test(start_paused = true)]
    async fn whoever_comes_shortly_before_the_end_of_the_first_grace_is_shown_after_it() {
        let presence = Presence::new(GRACE);
        pass(GRACE - Duration::from_millis(100)).await;
        let _ann = enter(&presence, "ann");
        pass(Duration::from_millis(100)).await;
        let is_partial = || presence.people.fetch(&KEY).expect("somebody is there").partial;
        assert!(is_partial());
        pass(Duration::from_millis(150)).await;
        assert!(!is_partial());
        assert_eq!(shown(&presence), ["ann"]);
    }

    #[tokio::test(start_paused = true)]
    async fn while_somebody_holds_what_is_shown_nothing_is_lost() {
        let presence = Presence::new(GRACE);
        pass(GRACE).await;
        let look = presence.look(KEY);
        let guard = presence.people.acquire(&KEY).await.expect("there is an entry");
        let ann = enter(&presence, "ann");
        drop(guard);
        pass(PERIOD).await;
        assert_eq!(shown(&presence), ["ann"]);
        // Nor is anything left.
        drop(ann);
        pass(GRACE).await;
        let guard = presence.people.acquire(&KEY).await.expect("there is an entry");
        drop(look);
        assert!(!is_empty(&presence));
        drop(guard);
        pass(PERIOD).await;
        assert!(is_empty(&presence));
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_never_leaves_may() {
        let presence = Presence::new(Duration::MAX);
        let _look = presence.look(KEY);
        drop(enter(&presence, "ann"));
        pass(GRACE * 1000).await;
        assert_eq!(shown(&presence), ["ann"]);
    }

    #[tokio::test(start_paused = true)]
    async fn however_much_is_due_at_once_others_come_to_their_turn() {
        let presence = Presence::new(GRACE);
        let keys = 1000;
        for key in 0..keys {
            let card = Card::of(&"ann").expect("is one");
            drop(presence.enter(Uuid::from_u128(key), &Arc::from("ann"), card));
        }
        advance(GRACE).await;
        let mut turns = 0;
        while !presence.people.is_empty() {
            turns += 1;
            yield_now().await;
        }
        assert!(turns > 10, "{turns}");
        pass(Duration::ZERO).await;
        assert!(presence.state.lock().task.is_none());
    }

    #[test]
    fn whoever_has_left_with_his_runtime_is_gone_when_somebody_else_comes() {
        let presence = Presence::new(Duration::ZERO);
        let runtime = || {
            tokio::runtime::Builder::new_current_thread()
                .enable_time()
                .build()
                .expect("it can be built")
        };
        let first = runtime();
        let visit = first.block_on(async { enter(&presence, "ann") });
        drop(first);
        drop(visit);
        assert_eq!(shown(&presence), ["ann"]);
        runtime().block_on(async {
            let _ben = enter(&presence, "ben");
            while shown(&presence) != ["ben"] {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        });
    }
}
