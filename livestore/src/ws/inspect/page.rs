//! The page, and what it needs, as routes behind a gate.

use axum::Router;
use axum::extract::{FromRequestParts, OriginalUri, Request};
use axum::http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderName, HeaderValue, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS,
};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, any};

use crate::ws::asset::Asset;
use crate::ws::client;
use crate::ws::live::Live;
use crate::ws::socket::LiveUpgrade;

const PAGE: &str = include_str!("page.html");
const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// Where the page says where the others are.
const HERE: &str = "{here}";

/// Nothing runs on the page but what is served beside it, it speaks to nobody else, and nothing that it is told can become a
/// part of the document but as text.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'";

const HEADERS: [(HeaderName, &str); 3] = [
    (CONTENT_SECURITY_POLICY, POLICY),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (REFERRER_POLICY, "no-referrer"),
];

pub(super) fn router<S, F>(
    live: Live<()>,
    gate: impl Fn(Parts) -> F + Clone + Send + Sync + 'static,
) -> Router<S>
where
    S: Clone + Send + Sync + 'static,
    F: Future<Output = bool> + Send + 'static,
{
    let file = |kind, text| {
        let asset = Asset::new(kind, text);
        gated(&gate, move |_, headers| asset.answer(headers))
    };
    let client = client::client();
    Router::new()
        .route("/", gated(&gate, page))
        .route("/page.css", file("text/css; charset=utf-8", STYLE))
        .route("/page.js", file("text/javascript; charset=utf-8", SCRIPT))
        .route(
            "/client.js",
            gated(&gate, move |_, headers| client.answer(headers)),
        )
        .route("/socket", socket(live, gate))
}

/// As [`Live::route`], but that the gate comes before everything else.
fn socket<S, F>(live: Live<()>, gate: impl Fn(Parts) -> F + Clone + Send + Sync + 'static) -> MethodRouter<S>
where
    S: Clone + Send + Sync + 'static,
    F: Future<Output = bool> + Send + 'static,
{
    any(move |request: Request| async move {
        let (mut parts, _) = request.into_parts();
        let is_let_in = gate(parts.clone()).await;
        match LiveUpgrade::from_request_parts(&mut parts, &()).await {
            Ok(upgrade) if is_let_in => live.upgrade(upgrade, ()),
            Ok(upgrade) => live.refuse(upgrade),
            Err(why) if is_let_in => why.into_response(),
            Err(_) => nothing(),
        }
    })
}

/// What is found by whoever is not let in.
fn nothing() -> Response {
    (StatusCode::NOT_FOUND, [(CACHE_CONTROL, "no-store")]).into_response()
}

/// Whoever is let in gets an answer; others find nothing, by whatever method they ask.
fn gated<S, F>(
    gate: &(impl Fn(Parts) -> F + Clone + Send + Sync + 'static),
    answer: impl Fn(&str, &HeaderMap) -> Response + Clone + Send + Sync + 'static,
) -> MethodRouter<S>
where
    S: Clone + Send + Sync + 'static,
    F: Future<Output = bool> + Send + 'static,
{
    let gate = gate.clone();
    any(move |OriginalUri(uri): OriginalUri, parts: Parts| async move {
        let (method, headers) = (parts.method.clone(), parts.headers.clone());
        if !gate(parts).await {
            return nothing();
        }
        if !matches!(method, Method::GET | Method::HEAD) {
            return (StatusCode::METHOD_NOT_ALLOWED, [(ALLOW, "GET,HEAD")]).into_response();
        }
        let mut response = answer(uri.path(), &headers);
        for (name, value) in HEADERS {
            response
                .headers_mut()
                .insert(name, HeaderValue::from_static(value));
        }
        response
    })
}

/// The page names the others by where it is itself, as far as it is known here: behind a proxy, the beginning may be another.
fn page(path: &str, headers: &HeaderMap) -> Response {
    let name = path.rsplit('/').next().unwrap_or_default();
    let here = match name {
        "" => String::new(),
        name => format!("{}/", escaped(name)),
    };
    Asset::new("text/html; charset=utf-8", PAGE.replace(HERE, &here)).answer(headers)
}

/// A part of a path as it may stand in an attribute, where it is no scheme.
fn escaped(name: &str) -> String {
    let mut escaped = String::from("./");
    for c in name.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '"' => escaped.push_str("&quot;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_names_the_others_from_where_it_is() {
        for (name, here) in [
            ("inspect", "./inspect"),
            ("javascript:alert", "./javascript:alert"),
            ("a\"><script>&", "./a&quot;&gt;&lt;script&gt;&amp;"),
        ] {
            assert_eq!(escaped(name), here);
        }
        assert_eq!(PAGE.matches(HERE).count(), 2);
    }
}
