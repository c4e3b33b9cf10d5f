//! [`Asset`]: a file that is a part of the program, as browsers ask for it.

use std::borrow::Cow;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};

use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};

/// Browsers keep it, and ask each time whether it is still the same.
#[derive(Clone)]
pub(crate) struct Asset {
    kind: &'static str,
    text: Cow<'static, str>,
    tag: String,
}

impl Asset {
    pub(crate) fn new(kind: &'static str, text: impl Into<Cow<'static, str>>) -> Asset {
        let text = text.into();
        let tag = tag(&text);
        Asset { kind, text, tag }
    }

    pub(crate) fn answer(&self, headers: &HeaderMap) -> Response {
        let kept = [(CACHE_CONTROL, "no-cache"), (ETAG, &*self.tag)];
        if has(&self.tag, headers) {
            return (StatusCode::NOT_MODIFIED, kept).into_response();
        }
        (kept, [(CONTENT_TYPE, self.kind)], self.text.clone()).into_response()
    }
}

/// Another one for each text. Not a secret, so the hash need not be a keyed one.
fn tag(text: &str) -> String {
    let hash = BuildHasherDefault::<DefaultHasher>::new().hash_one(text);
    format!("\"{hash:016x}\"")
}

/// Whether the browser has it. A layer that compresses may have made its tag a weak one.
fn has(tag: &str, headers: &HeaderMap) -> bool {
    let known = headers.get_all(IF_NONE_MATCH).iter();
    known
        .filter_map(|known| known.to_str().ok())
        .flat_map(|known| known.split(','))
        .map(|known| known.trim())
        .any(|known| known == "*" || known.strip_prefix("W/").unwrap_or(known) == tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(known: &[&'static str]) -> HeaderMap {
        known
            .iter()
            .map(|known| (IF_NONE_MATCH, axum::http::HeaderValue::from_static(known)))
            .collect()
    }

    fn answer(tag: &str, headers: &HeaderMap) -> Response {
        let asset = Asset {
            tag: tag.to_owned(),
            ..Asset::new("text/javascript; charset=utf-8", "1")
        };
        asset.answer(headers)
    }

    #[test]
    fn whoever_has_it_is_told_so() {
        let status = |known: &[&'static str]| answer("\"a1\"", &asked(known)).status();
        for known in [
            &["\"a1\""][..],
            &["W/\"a1\""],
            &["*"],
            &["\"b2\", W/\"a1\""],
            &["\"b2\"", "\"a1\""],
        ] {
            assert_eq!(status(known), StatusCode::NOT_MODIFIED, "{known:?}");
        }
        for known in [&[][..], &[""], &["\"b2\""], &["a1"], &["W/a1"], &["\"a\", \"1\""]] {
            assert_eq!(status(known), StatusCode::OK, "{known:?}");
        }
    }

    #[test]
    fn what_is_kept_is_asked_about_and_named() {
        for known in [&[][..], &["\"a1\""]] {
            let answer = answer("\"a1\"", &asked(known));
            assert_eq!(answer.headers()[ETAG], "\"a1\"");
            assert_eq!(answer.headers()[CACHE_CONTROL], "no-cache");
        }
        assert_eq!(
            answer("", &asked(&[])).headers()[CONTENT_TYPE],
            "text/javascript; charset=utf-8"
        );
        assert_eq!(tag("1").len(), 18);
        assert_ne!(tag("1"), tag("2"));
    }
}
