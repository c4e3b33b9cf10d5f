//! [`KeyViews`]: what the roles at one key have been told last, encoded once for all of a role.
//!
//! For each role it keeps the newest view and the last frames that led there. A frame leads from the version told before to
//! its own; whoever is behind takes the frames from where he is, and whoever is further behind than they reach takes the
//! whole. So however many sockets follow a key, each change is viewed, compared and encoded once for each role, by the first of
//! them that comes to it, and not at all where nobody follows.
//!
//! A role's lock is held while the view is made, which is the user's code: others of the same role wait for it instead of
//! making the same. It is taken before that of the roles of its key.

use std::any::Any;
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Weak};
use std::time::Duration;

use smallvec::{SmallVec, smallvec};
use tokio::time::Instant;
use uuid::Uuid;

use crate::ground::sync::Mutex;
use crate::value::shared::Shared;
use crate::ws::frame::{Frame, Tag, Told};
use crate::ws::json::Json;
use crate::ws::patch::{Difference, diff};
use crate::ws::served::Followers;

/// How many frames of one role are kept, and how many bytes of them.
const STEPS: usize = 32;
const STEP_BYTES: usize = 64 * 1024;
/// How many messages of one role are kept encoded: as many as a connection tells at once, so that the one that comes second
/// finds what the first has made.
const MESSAGES: usize = 64;
/// With how many roles at one key the rate begins to drop.
const ROLES: usize = 16;

/// The views of all keys of one store that somebody follows.
#[derive(Default)]
pub(crate) struct Views {
    keys: Mutex<HashMap<Uuid, Weak<KeyViews>>>,
}

/// The views of one key.
pub(crate) struct KeyViews {
    key: Uuid,
    of: Weak<Views>,
    roles: Mutex<HashMap<Tag, Weak<RoleViews>>>,
}

/// What one role was told of one key. There as long as somebody follows in that role.
pub(crate) struct RoleViews {
    pub(crate) tag: Tag,
    of: Arc<KeyViews>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    newest: Option<View>,
    /// When a view was made last though it was not due.
    hurried: Option<Instant>,
    steps: VecDeque<Step>,
    /// How many bytes the frames have.
    bytes: usize,
    /// The messages that were encoded last.
    messages: VecDeque<Message>,
}

struct Message {
    /// Where the update lies that it came with.
    at: usize,
    /// Keeps that from being another one.
    _kept: Box<dyn Any + Send + Sync>,
    frame: Option<Frame>,
}

struct View {
    text: Arc<str>,
    /// The version at which it was told.
    told: u64,
    /// The entry had the same view up to this version.
    same_until: u64,
    made: Instant,
    /// The frame that tells the whole, once somebody needed it, and the version that it has.
    whole: Option<(u64, Frame)>,
}

/// A frame that leads from one version to another.
#[derive(Clone)]
struct Step {
    /// Whoever has this version can apply it: 0 for a whole.
    from: u64,
    /// Up to this version the view was the same.
    until: u64,
    ver: u64,
    frame: Frame,
}

/// What is to be told to one who follows a key in a role.
pub(crate) struct News {
    pub(crate) frames: SmallVec<[Frame; 1]>,
    /// What he has then.
    pub(crate) has: Has,
    /// Up to this version he has been told everything.
    pub(crate) seen: u64,
    /// There is something newer, which is to be told at this time.
    pub(crate) later: Option<Instant>,
}

/// What a follower has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Has {
    Nothing,
    /// What was told at this version, or a later one with the same view.
    Version(u64),
}

/// How frames of a store are addressed, and how often.
#[derive(Clone, Copy)]
pub(crate) struct Address<'a> {
    pub(crate) store: Option<&'a str>,
    pub(crate) key: Uuid,
    pub(crate) tag: Tag,
    /// How much time lies between two frames of one key at least.
    pub(crate) period: Duration,
}

/// A view could not be made: the user's code panicked, or the value cannot be encoded.
#[derive(Debug)]
pub(crate) struct NoView;

impl Views {
    /// The views of a key, as long as somebody follows it.
    pub(crate) fn of(self: &Arc<Self>, key: Uuid) -> Arc<KeyViews> {
        let mut keys = self.keys.lock();
        if let Some(views) = keys.get(&key).and_then(Weak::upgrade) {
            return views;
        }
        let views = Arc::new(KeyViews {
            key,
            of: Arc::downgrade(self),
            roles: Mutex::default(),
        });
        keys.insert(key, Arc::downgrade(&views));
        views
    }

    /// The view of an entry in a role, if it was made for somebody who follows it there.
    pub(crate) fn known(&self, key: Uuid, tag: Tag, version: u64) -> Option<Arc<str>> {
        // With one lock at a time: whoever is the last to have them may be this.
        let of = self.keys.lock().get(&key).and_then(Weak::upgrade)?;
        let role = of.roles.lock().get(&tag).and_then(Weak::upgrade)?;
        let state = role.state.lock();
        let newest = state.newest.as_ref()?;
        newest.is_of(version).then(|| Arc::clone(&newest.text))
    }
}

impl Views {
    /// How many follow in each role, at up to so many keys.
    pub(crate) fn followers(&self, most: usize) -> Followers {
        let (looked_at, keys): (Vec<_>, _) = {
            let keys = self.keys.lock();
            (keys.values().take(most).cloned().collect(), keys.len())
        };
        let mut followers = Followers {
            keys,
            is_partial: keys > most,
            ..Followers::default()
        };
        // With nothing locked: the last who followed a key may leave meanwhile.
        for views in looked_at.iter().filter_map(Weak::upgrade) {
            for (tag, role) in views.roles.lock().iter() {
                *followers.roles.entry(*tag).or_default() += role.strong_count();
            }
        }
        followers
    }
}

impl Drop for KeyViews {
    fn drop(&mut self) {
        if let Some(views) = self.of.upgrade() {
            let mut keys = views.keys.lock();
            // Somebody may have begun to follow it anew.
            if keys.get(&self.key).is_some_and(|views| views.strong_count() == 0) {
                keys.remove(&self.key);
            }
        }
    }
}

impl Drop for RoleViews {
    fn drop(&mut self) {
        let mut roles = self.of.roles.lock();
        // Somebody may have begun to follow in it anew.
        if roles.get(&self.tag).is_some_and(|role| role.strong_count() == 0) {
            roles.remove(&self.tag);
        }
    }
}

impl KeyViews {
    /// How many crowds of roles there are, each of which drops the rate.
    fn crowds(&self) -> u32 {
        u32::try_from(self.roles.lock().len().div_ceil(ROLES)).unwrap_or(u32::MAX)
    }

    /// What a role is told, as long as somebody follows in it.
    pub(crate) fn role(self: &Arc<Self>, tag: Tag) -> Arc<RoleViews> {
        let mut roles = self.roles.lock();
        if let Some(role) = roles.get(&tag).and_then(Weak::upgrade) {
            return role;
        }
        let role = Arc::new(RoleViews {
            tag,
            of: Arc::clone(self),
            state: Mutex::default(),
        });
        roles.insert(tag, Arc::downgrade(&role));
        role
    }
}

impl RoleViews {
    /// Tells one who has `has` what the entry is at `version`, whose view `make` makes unless somebody has made it, or a later
    /// one, before. `waits` says that a reply to him comes after it.
    ///
    /// He is told nothing of versions after `version`, though others in his role were: whether it is still his then, nobody
    /// has asked. And who has nothing is never told of one before: it may not have been his role then.
    pub(crate) fn tell(
        &self,
        address: Address<'_>,
        has: Has,
        waits: bool,
        version: u64,
        now: Instant,
        make: impl FnOnce() -> Option<Json>,
    ) -> Result<News, NoView> {
        let mut state = self.state.lock();
        let later = match state.has_come_to(version) {
            true => None,
            false => {
                let hurries = waits || has == Has::Nothing;
                let period = address.period * self.of.crowds();
                state.advance(address, hurries, version, now, period, make)?
            }
        };
        state.news(address, has, version, later)
    }

    /// Tells one who comes back with what was told at `past`, in one frame at most: what lay between was perhaps not for him.
    /// `old` is the view at that version, if there is a history that has it. `None` if nothing leads from there to
    /// `version`.
    pub(crate) fn tell_since(
        &self,
        address: Address<'_>,
        past: u64,
        version: u64,
        old: impl FnOnce() -> Option<Json>,
    ) -> Option<News> {
        let state = self.state.lock();
        let newest = state.newest.as_ref()?;
        if !newest.is_of(version) || past > version {
            return None;
        }
        let (told, seen) = (newest.told, version);
        let step = state
            .steps
            .back()
            .filter(|step| step.from > 0 && (step.from..=step.until).contains(&past));
        let frames = if past >= told {
            SmallVec::new()
        } else if let Some(step) = step {
            smallvec![step.frame.clone()]
        } else {
            let text = Arc::clone(&newest.text);
            drop(state);
            let patch = match diff(old()?.text()?.as_bytes(), text.as_bytes()) {
                // It is told all the same: what follows leads on from the newest.
                Difference::Nothing => "[]".to_owned(),
                Difference::Patch(patch) => String::from_utf8(patch).ok()?,
                Difference::Whole => return None,
            };
            let frame = Told {
                from: Some(past),
                ver: Some(told),
                ..address.push("upd")
            };
            smallvec![frame.encode_with("p", &patch)]
        };
        Some(News {
            frames,
            has: Has::Version(told.max(past)),
            seen,
            later: None,
        })
    }

    /// The frame of a message, which `make` makes unless somebody has made it before. `kept` is the update that it came with.
    pub(crate) fn message<T: Send + Sync + 'static>(
        &self,
        kept: &Shared<T>,
        make: impl FnOnce() -> Option<Frame>,
    ) -> Option<Frame> {
        let at = std::ptr::from_ref::<T>(kept).addr();
        let forgotten;
        let mut state = self.state.lock();
        if let Some(message) = state.messages.iter().find(|message| message.at == at) {
            return message.frame.clone();
        }
        let frame = make();
        forgotten = (state.messages.len() >= MESSAGES).then(|| state.messages.pop_front());
        state.messages.push_back(Message {
            at,
            _kept: Box::new(kept.clone()),
            frame: frame.clone(),
        });
        drop(state);
        // What the user's `Drop` does there, it does with nothing locked.
        drop(forgotten);
        frame
    }
}

impl Address<'_> {
    /// A push of this kind, with what says where it belongs.
    pub(crate) fn push(&self, t: &'static str) -> Told<'_> {
        Told {
            s: self.store,
            k: Some(self.key),
            r: Some(self.tag),
            ..Told::new(t)
        }
    }
}

impl View {
    /// Whether the entry has this view at a version.
    fn is_of(&self, version: u64) -> bool {
        (self.told..=self.same_until).contains(&version)
    }
}

impl State {
    /// Whether it has come to the entry at this version, or to a later one.
    fn has_come_to(&self, version: u64) -> bool {
        let newest = self.newest.as_ref();
        newest.is_some_and(|newest| version <= newest.same_until)
    }

    /// Comes to the entry at this version, to which it has not come, unless that is to wait. Returns until when.
    fn advance(
        &mut self,
        address: Address<'_>,
        hurries: bool,
        version: u64,
        now: Instant,
        period: Duration,
        make: impl FnOnce() -> Option<Json>,
    ) -> Result<Option<Instant>, NoView> {
        if let Some(newest) = &self.newest {
            let due = newest.made + period;
            if now < due {
                // Whoever has nothing is to see something at once, and who waits for a reply what it comes after; but however
                // many they are, only once in a while.
                if !hurries || self.hurried.is_some_and(|at| now < at + period) {
                    return Ok(Some(due));
                }
                self.hurried = Some(now);
            }
        }
        // While it is made, whoever else follows waits.
        let text = make().and_then(|view| view.text().cloned()).ok_or(NoView)?;
        let Some(newest) = &mut self.newest else {
            self.newest = Some(View {
                text,
                told: version,
                same_until: version,
                made: now,
                whole: None,
            });
            return Ok(None);
        };
        let told = Told {
            ver: Some(version),
            ..address.push("upd")
        };
        let (from, frame) = match diff(newest.text.as_bytes(), text.as_bytes()) {
            Difference::Nothing => {
                newest.same_until = version;
                return Ok(None);
            }
            Difference::Patch(patch) => {
                let patch = String::from_utf8(patch).map_err(|_| NoView)?;
                let told = Told {
                    from: Some(newest.told),
                    ..told
                };
                (newest.told, told.encode_with("p", &patch))
            }
            Difference::Whole => {
                let told = Told {
                    from: Some(0),
                    ..told
                };
                (0, told.encode_with("v", &text))
            }
        };
        let until = newest.same_until;
        *newest = View {
            text,
            told: version,
            same_until: version,
            made: now,
            whole: None,
        };
        self.bytes += frame.len();
        self.steps.push_back(Step {
            from,
            until,
            ver: version,
            frame,
        });
        while self.steps.len() > STEPS || (self.bytes > STEP_BYTES && self.steps.len() > 1) {
            self.bytes -= self.steps.pop_front().map_or(0, |step| step.frame.len());
        }
        Ok(None)
    }

    /// What leads from what a follower has to the newest view that is not after `version`.
    fn news(
        &mut self,
        address: Address<'_>,
        has: Has,
        version: u64,
        later: Option<Instant>,
    ) -> Result<News, NoView> {
        let newest = self.newest.as_mut().ok_or(NoView)?;
        let is_newest = newest.told <= version;
        if let Has::Version(has) = has {
            // From behind: most often it is the last one alone.
            let after = self.steps.iter().rev().take_while(|step| step.ver > has).count();
            let first = self.steps.len() - after;
            if newest.is_of(has) || self.steps.get(first).is_some_and(|step| step.from <= has) {
                let steps = self.steps.range(first..).take_while(|step| step.ver <= version);
                let at = steps.clone().last().map_or(has, |step| step.ver.max(has));
                return Ok(News {
                    frames: steps.map(|step| step.frame.clone()).collect(),
                    has: Has::Version(at),
                    seen: if is_newest && later.is_none() { version } else { at },
                    later,
                });
            }
        }
        if !is_newest || later.is_some() {
            // He will hear of the newest, and be told then, or when it is due.
            return Ok(News {
                frames: SmallVec::new(),
                has: Has::Nothing,
                seen: 0,
                later,
            });
        }
        // No less than what he had in another role.
        let whole = match newest.whole.take() {
            Some(whole) if whole.0 == version => whole,
            _ => {
                let told = Told {
                    ver: Some(version),
                    ..address.push("snap")
                };
                (version, told.encode_with("v", &newest.text))
            }
        };
        Ok(News {
            frames: smallvec![newest.whole.insert(whole).1.clone()],
            has: Has::Version(version),
            seen: version,
            later: None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ws::json::json;

    const ADDRESS: Address<'_> = Address {
        store: None,
        key: Uuid::nil(),
        tag: Tag(1),
        period: Duration::from_millis(10),
    };

    /// Tells what the entry is at a version, where its view is that number. Returns the frames, and what the follower has then.
    fn tell(role: &RoleViews, has: Has, version: u64, at: Instant) -> (Vec<String>, Has) {
        let news = role.tell(ADDRESS, has, false, version, at, || Some(json(&version)));
        let news = news.expect("there is a view");
        let frames = news.frames.iter().map(|frame| frame.to_string());
        (frames.collect(), news.has)
    }

    #[test]
    fn nobody_is_told_of_a_version_after_the_one_that_he_asks_for() {
        let views = Arc::new(Views::default());
        let role = views.of(Uuid::nil()).role(Tag(1));
        let start = Instant::now();
        let later = start + ADDRESS.period;
        let (_, slow) = tell(&role, Has::Nothing, 1, start);
        let (_, fast) = tell(&role, Has::Nothing, 1, start);
        assert_eq!((slow, fast), (Has::Version(1), Has::Version(1)));
        assert_eq!(tell(&role, fast, 3, later).1, Has::Version(3));
        assert_eq!(tell(&role, slow, 2, later), (Vec::new(), slow));
        assert_eq!(tell(&role, Has::Nothing, 2, later), (Vec::new(), Has::Nothing));
        let (frames, has) = tell(&role, slow, 3, later);
        assert!(
            frames[0].contains(r#""from":0,"ver":3"#) && has == Has::Version(3),
            "{frames:?}"
        );
        let (frames, has) = tell(&role, Has::Nothing, 3, later);
        assert!(frames[0].contains("snap") && has == Has::Version(3), "{frames:?}");
        // And whoever has nothing is shown no entry before it, though the period is not over.
        let (frames, has) = tell(&role, Has::Nothing, 4, later);
        assert!(
            frames[0].contains(r#""ver":4,"v":4"#) && has == Has::Version(4),
            "{frames:?}"
        );
        drop(role);
        assert!(views.keys.lock().is_empty());
    }
}
