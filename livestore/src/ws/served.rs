//! [`Served`]: a store as connections see it, whatever its values are.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Context;

use serde_json::value::RawValue;
use tokio::time::Instant;
use uuid::Uuid;

use crate::ws::cx::Visitor;
use crate::ws::deny::{Code, Deny};
use crate::ws::frame::{Frame, Tag};
use crate::ws::json::Json;

/// A store that is served.
pub(crate) trait Served<U>: Send + Sync {
    /// Which life of the store its versions belong to.
    fn epoch(&self) -> u64;

    /// Begins what one connection follows of it. `name` stands in its frames.
    fn follow(self: Arc<Self>, name: Option<Arc<str>>, visitor: &Arc<Visitor<U>>) -> Box<dyn Followed>;

    /// How many subscriptions there are, by their roles, at up to so many keys.
    fn followers(&self, keys: usize) -> Followers;
}

/// How many subscriptions there are.
#[derive(Default)]
pub(crate) struct Followers {
    pub(crate) roles: HashMap<Tag, usize>,
    /// At how many keys.
    pub(crate) keys: usize,
    /// There are more keys, at which nobody has looked.
    pub(crate) is_partial: bool,
}

/// What one connection follows of one store.
pub(crate) trait Followed: Send {
    /// How many keys it is subscribed to.
    fn len(&self) -> usize;

    /// Whether it is subscribed to this key.
    fn contains(&self, key: &Uuid) -> bool;

    /// Subscribes to a key, of which the client may have a version already, in a role.
    fn subscribe(
        &mut self,
        key: Uuid,
        has: Option<(u64, &str)>,
        out: &mut Outbox,
    ) -> Result<Subscribed, Code>;

    /// What is done because somebody is subscribed now, if that is so, and is not done yet.
    fn arrive(&self, key: Uuid) -> Option<Arrival>;

    /// Keeps what is to end with the subscription.
    fn stay(&mut self, key: &Uuid, come: Come);

    /// Ends a subscription.
    fn unsubscribe(&mut self, key: &Uuid, out: &mut Outbox);

    /// Adds frames to `out` until there is nothing to be told now, or `out` is full.
    fn poll_tell(&mut self, cx: &mut Context<'_>, now: Instant, out: &mut Outbox);

    /// Whether there are replies that wait for what is to be told before.
    fn owes(&self) -> bool;

    /// When there is something to be told though nothing happens.
    fn due(&self) -> Option<Instant>;

    /// Asks again who may see what.
    fn recheck(&mut self, now: Instant, out: &mut Outbox);

    /// Ends a subscription because the right to it was taken away.
    fn revoke(&mut self, key: &Uuid, out: &mut Outbox);

    /// Returns what is at a key.
    fn get(&self, key: Uuid) -> Result<(u64, Json), Code>;

    /// Carries out a command, at any version or at one alone.
    fn command(&self, key: Uuid, command: Box<RawValue>, expected: Option<u64>) -> Work;

    /// Sends a message.
    fn publish(&mut self, key: Uuid, message: &RawValue, now: Instant) -> Result<(), Deny>;

    /// Has a reply sent when everything up to this version was told.
    fn reply_after(&mut self, key: &Uuid, version: u64, reply: Frame, now: Instant, out: &mut Outbox);
}

/// What came of a subscription.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Subscribed {
    /// A snapshot, or what leads to the present, follows.
    Behind,
    /// The client has what there is.
    Same,
}

/// A command that is carried out. Dropped, it is not.
pub(crate) type Work = Pin<Box<dyn Future<Output = Outcome> + Send>>;

/// What is done when somebody comes; `None` if it was refused.
pub(crate) type Arrival = Pin<Box<dyn Future<Output = Option<Come>> + Send>>;

/// Somebody has come to one life of an entry.
pub(crate) struct Come {
    pub(crate) _stay: Stay,
    /// Whether that life has ended.
    pub(crate) is_over: Box<dyn Fn() -> bool + Send>,
}

/// Whoever has it is there; when it is dropped, he has left.
pub(crate) type Stay = Box<dyn Send>;

/// What came of a command.
pub(crate) enum Outcome {
    /// It led to this version.
    Done(u64),
    /// The entry is at this version, and was to be at another.
    Conflict(u64),
    Refused(Deny),
}

/// Frames that are about to be sent.
#[derive(Default)]
pub(crate) struct Outbox {
    frames: Vec<Frame>,
    bytes: usize,
    noted: Noted,
}

/// What happened on the way to the frames, since it was looked at last.
#[derive(Default)]
pub(crate) struct Noted {
    /// Changes that are told later, together with others.
    pub(crate) folded: usize,
    /// Keys of which changes were missed.
    pub(crate) lagged: usize,
}

/// How many frames are sent at once, and how many bytes.
const BATCH: usize = 64;
const BATCH_BYTES: usize = 64 * 1024;

impl Outbox {
    pub(crate) fn push(&mut self, frame: Frame) {
        self.bytes += frame.len();
        self.frames.push(frame);
    }

    /// Whether what is there is enough for once.
    pub(crate) fn is_full(&self) -> bool {
        self.frames.len() >= BATCH || self.bytes >= BATCH_BYTES
    }

    /// Notes that a change is told later, together with others.
    pub(crate) fn note_fold(&mut self) {
        self.noted.folded += 1;
    }

    /// Notes that changes of a key were missed.
    pub(crate) fn note_lag(&mut self) {
        self.noted.lagged += 1;
    }

    pub(crate) fn take_noted(&mut self) -> Noted {
        std::mem::take(&mut self.noted)
    }

    /// How many frames there are, and how many bytes they have.
    pub(crate) fn size(&self) -> (usize, usize) {
        (self.frames.len(), self.bytes)
    }

    /// Moves the frames into an empty list, whose room is used next.
    pub(crate) fn take(&mut self, into: &mut Vec<Frame>) {
        self.bytes = 0;
        std::mem::swap(&mut self.frames, into);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }
}
