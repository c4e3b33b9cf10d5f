//! [`Request`]: what a client asks for, read from a frame.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;
use uuid::Uuid;

/// How deeply a frame may be nested.
const DEPTH: usize = 64;

/// So many keys count as one request.
const KEYS: usize = 16;

/// The largest number that every client can count: 2^53 - 1.
pub(crate) const COUNTABLE: u64 = (1 << 53) - 1;

/// A frame of a client. Fields that its kind does not know are ignored.
#[derive(Debug, Deserialize)]
pub(crate) struct Request<'a> {
    /// The kind.
    #[serde(borrow)]
    pub(crate) t: Cow<'a, str>,
    /// What the reply is to be called; without, there is none.
    #[serde(default)]
    pub(crate) id: Option<u64>,
    /// The store, where there are several.
    #[serde(borrow, default)]
    pub(crate) s: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    k: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub(crate) epoch: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub(crate) keys: Option<Vec<Wanted<'a>>>,
    /// A command, or what a call is given.
    #[serde(borrow, default)]
    c: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(crate) msg: Option<&'a RawValue>,
    /// The version at which alone the command is to be carried out.
    #[serde(rename = "if", default)]
    pub(crate) expected: Option<u64>,
    /// The name of a call.
    #[serde(borrow, default)]
    pub(crate) f: Option<Cow<'a, str>>,
}

/// A key in a subscription.
#[derive(Debug, Deserialize)]
pub(crate) struct Wanted<'a> {
    #[serde(borrow)]
    pub(crate) k: Cow<'a, str>,
    /// The version that the client has.
    #[serde(default)]
    pub(crate) ver: Option<u64>,
    /// The role in which it has it.
    #[serde(borrow, default)]
    pub(crate) r: Option<Cow<'a, str>>,
}

impl<'a> Request<'a> {
    /// Reads a frame. `None` if it is none that a client may send.
    pub(crate) fn read(text: &'a str) -> Option<Request<'a>> {
        if !is_shallow_object(text) {
            return None;
        }
        let request: Request<'a> = serde_json::from_str(text).ok()?;
        let counts = [request.id, request.expected];
        counts
            .into_iter()
            .flatten()
            .all(|n| n <= COUNTABLE)
            .then_some(request)
    }

    /// How a frame that is none wants to be answered, if that can be read in it.
    pub(crate) fn id_of(text: &str) -> Option<u64> {
        #[derive(Deserialize)]
        struct Named {
            id: Option<u64>,
        }
        is_shallow_object(text).then_some(())?;
        let named: Named = serde_json::from_str(text).ok()?;
        named.id.filter(|id| *id <= COUNTABLE)
    }

    /// The command, or what a call is given. Null and nothing are the same.
    pub(crate) fn given(&self) -> &RawValue {
        self.c.unwrap_or(RawValue::NULL)
    }

    /// As how many requests it counts: each key is work.
    pub(crate) fn count(&self) -> u32 {
        let keys = self.keys.as_ref().map_or(0, Vec::len);
        u32::try_from(keys.div_ceil(KEYS)).unwrap_or(u32::MAX).max(1)
    }

    /// The key, if one is given that can be.
    pub(crate) fn key(&self) -> Option<Uuid> {
        key(self.k.as_deref()?)
    }
}

/// Reads a key: hyphenated, in lower case. `None` if it is none.
pub(crate) fn key(text: &str) -> Option<Uuid> {
    let key = Uuid::try_parse(text).ok()?;
    let mut buffer = Uuid::encode_buffer();
    (*key.hyphenated().encode_lower(&mut buffer) == *text).then_some(key)
}

/// Whether it can only be an object, and arrays and objects stand in each other no more deeply than is allowed. Looks at every
/// byte once, and does not recurse.
fn is_shallow_object(text: &str) -> bool {
    // An array would be read as the fields in their order.
    if !text.trim_ascii_start().starts_with('{') {
        return false;
    }
    let (mut depth, mut in_text, mut escaped) = (0, false, false);
    for byte in text.bytes() {
        if in_text {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => in_text = false,
                _ => {}
            }
            continue;
        }
        match byte {
            b'"' => in_text = true,
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = usize::saturating_sub(depth, 1),
            _ => {}
        }
        if depth > DEPTH {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_read_as_it_is_written() {
        let text = r#"{"t":"cmd","id":9,"k":"00000000-0000-0000-0000-00000000002a","c":{"say":["hi"]},"if":41,"epoch":"9f","new":{}}"#;
        let request = Request::read(text).expect("is one");
        assert_eq!(
            (&*request.t, request.id, request.expected),
            ("cmd", Some(9), Some(41))
        );
        assert_eq!(request.key(), Some(Uuid::from_u128(42)));
        assert_eq!(request.given().get(), r#"{"say":["hi"]}"#);
    }

    #[test]
    fn what_is_none_is_refused() {
        let deep = |n| format!(r#"{{"t":"call","c":{}{}}}"#, "[".repeat(n), "]".repeat(n));
        assert!(Request::read(&deep(DEPTH - 1)).is_some());
        for text in [
            "",
            "null",
            "[]",
            "{}",
            r#"{"t":1}"#,
            r#"["get",3]"#,
            r#"{"t":"ping""#,
            r#"{"t":"sub","t":"cmd"}"#,
            r#"{"t":"get","id":-1}"#,
            r#"{"t":"get","id":9007199254740992}"#,
            r#"{"t":"cmd","if":1.5}"#,
            r#"{"t":"sub","keys":[{"ver":1}]}"#,
            &deep(DEPTH),
            &deep(100_000),
        ] {
            assert!(Request::read(text).is_none(), "{text:.60}");
        }
        // Brackets in a text are text.
        assert!(Request::read(&format!(r#"{{"t":"{}\"["}}"#, "[".repeat(100))).is_some());
    }

    #[test]
    fn a_key_is_written_in_one_way() {
        assert!(key("3f2a0000-0000-0000-0000-00000000002a").is_some());
        for text in [
            "",
            "3F2A0000-0000-0000-0000-00000000002a",
            "3f2a000000000000000000000000002a",
            "{3f2a0000-0000-0000-0000-00000000002a}",
            "urn:uuid:3f2a0000-0000-0000-0000-00000000002a",
            "3f2a0000-0000-0000-0000-00000000002a ",
        ] {
            assert_eq!(key(text), None, "{text}");
        }
    }
}
