//! [`client_js`]: the client for browsers, as pages get it from the server that they speak to.

use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};

use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get};

/// What is packed for others to import, too.
const SOURCE: &str = include_str!("../../client/livestore.js");

/// Returns a route that hands out the client for browsers: one JavaScript module, `import { connect } from "/live.js"`.
///
/// It is always the one that belongs to this server: browsers keep it, and ask each time whether it is still the same, which is
/// answered with 304. Its types are in the package, `livestore/client/livestore.d.ts`. A layer that compresses answers is
/// worth its while: without one it has 25 KB.
///
/// # Examples
///
/// ```
/// use axum::Router;
/// use livestore::ws::{Live, client_js};
///
/// # fn serve(live: Live<()>) -> Router {
/// Router::new()
///     .route("/live", live.route(|_| async { Some(()) }))
///     .route("/live.js", client_js())
/// # }
/// # drop(serve(Live::new()));
/// ```
pub fn client_js<S: Clone + Send + Sync + 'static>() -> MethodRouter<S> {
    let tag = tag();
    get(move |headers: HeaderMap| async move { answer(&tag, &headers) })
}

/// Another one for each text. Not a secret, so the hash need not be a keyed one.
fn tag() -> String {
    let hash = BuildHasherDefault::<DefaultHasher>::new().hash_one(SOURCE);
    format!("\"{hash:016x}\"")
}

fn answer(tag: &str, headers: &HeaderMap) -> Response {
    let kept = [(CACHE_CONTROL, "no-cache"), (ETAG, tag)];
    if has(tag, headers) {
        return (StatusCode::NOT_MODIFIED, kept).into_response();
    }
    let kind = [(CONTENT_TYPE, "text/javascript; charset=utf-8")];
    (kept, kind, SOURCE).into_response()
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
        assert_eq!(tag().len(), 18);
    }
}
