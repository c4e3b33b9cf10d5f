//! [`client_js`]: the client for browsers, as pages get it from the server that they speak to.

use axum::http::HeaderMap;
use axum::routing::{MethodRouter, get};

use crate::ws::asset::Asset;

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
    let client = client();
    get(move |headers: HeaderMap| async move { client.answer(&headers) })
}

/// The client as a file.
pub(crate) fn client() -> Asset {
    Asset::new("text/javascript; charset=utf-8", SOURCE)
}
