//! [`Frame`]: what a client is told, encoded.
//!
//! A push holds nothing that belongs to one subscriber, so it is encoded once and the same bytes go to everybody. A reply
//! belongs to who asked.

use axum::extract::ws::Utf8Bytes;
use serde::Serialize;
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::ws::deny::{Code, Deny};

/// One text frame. A clone costs a reference count.
pub(crate) type Frame = Utf8Bytes;

/// The role in which something is told, as clients see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Tag(pub(crate) u64);

/// Everything that a client can be told. What is `None` is left out.
#[derive(Default, Serialize)]
pub(crate) struct Told<'a> {
    pub(crate) t: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) id: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) s: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) k: Option<Uuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) r: Option<Tag>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) from: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ver: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) code: Option<Code>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) why: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) msgs: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) after: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) retry: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) err: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) msg: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) e: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) subs: Option<&'a [Status]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) v: Option<&'a RawValue>,
}

/// What came of a subscription to one key.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Status {
    /// As it was asked for.
    pub(crate) k: String,
    /// What the client has is what there is.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) same: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) err: Option<Code>,
}

/// The first frame of a connection.
#[derive(Serialize)]
pub(crate) struct Hello<'a> {
    pub(crate) t: &'static str,
    pub(crate) v: u32,
    pub(crate) epoch: &'a str,
    /// After how much silence the server asks whether the client is there, and how long it waits then; in milliseconds.
    pub(crate) ping: u64,
    pub(crate) pong: u64,
    pub(crate) max: Max,
}

/// What a client must keep to.
#[derive(Clone, Copy, Serialize)]
pub(crate) struct Max {
    pub(crate) bytes: usize,
    pub(crate) subs: usize,
    pub(crate) rate: u32,
}

impl Serialize for Tag {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{:x}", self.0))
    }
}

impl Tag {
    /// Whether this is how a client calls it.
    pub(crate) fn is(self, text: &str) -> bool {
        u64::from_str_radix(text, 16) == Ok(self.0)
    }
}

impl Told<'_> {
    pub(crate) fn new(t: &'static str) -> Told<'static> {
        Told { t, ..Told::default() }
    }

    pub(crate) fn encode(&self) -> Frame {
        encode(self)
    }

    /// Encodes it with one more member, which was encoded before, and is not read once more.
    pub(crate) fn encode_with(&self, name: &str, text: &str) -> Frame {
        let mut frame = Vec::with_capacity(HEAD + text.len());
        if serde_json::to_writer(&mut frame, self).is_err() {
            unreachable!("numbers, texts and what was encoded before");
        }
        // What closes it. There is a member before: `t`.
        frame.pop();
        frame.extend_from_slice(b",\"");
        frame.extend_from_slice(name.as_bytes());
        frame.extend_from_slice(b"\":");
        frame.extend_from_slice(text.as_bytes());
        frame.push(b'}');
        match String::from_utf8(frame) {
            Ok(text) => Frame::from(text),
            Err(_) => unreachable!("texts alone"),
        }
    }
}

/// More than a push has beside what it tells.
const HEAD: usize = 160;

/// So much room may a frame have that it does not need.
const SPARE: usize = 1024;

/// Encodes what has nothing in it that could not be.
pub(crate) fn encode<T: Serialize>(told: &T) -> Frame {
    match serde_json::to_string(told) {
        Ok(mut text) => {
            // It may wait, and what room it has is twice what it needs at worst.
            if text.capacity() - text.len() > SPARE {
                text.shrink_to_fit();
            }
            Frame::from(text)
        }
        Err(_) => unreachable!("numbers, texts and what was encoded before"),
    }
}

/// A document that was encoded before, to stand in a frame.
pub(crate) fn raw(text: &str) -> Option<&RawValue> {
    serde_json::from_str(text).ok()
}

/// The reply that something went wrong.
pub(crate) fn error(id: u64, deny: &Deny, ver: Option<u64>) -> Frame {
    let retry = matches!(
        deny.code,
        Code::RateLimited | Code::Unavailable | Code::TooManySubs
    );
    Told {
        id: Some(id),
        code: Some(deny.code),
        err: deny.reason.as_ref().and_then(|reason| raw(reason.text()?)),
        ver,
        retry: retry.then_some(true),
        after: deny.after,
        ..Told::new("err")
    }
    .encode()
}
