//! The inspector, for whoever has read the address that the program prints.

use axum::Router;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::http::header::{COOKIE, LOCATION, SET_COOKIE};
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use livestore::Uuid;
use livestore::ws::{Inspector, Live, json};

use crate::server::App;

/// Whoever comes to `/admin/<secret>` is let in at `/inspect`, in this browser, until the program ends.
pub(crate) fn routes(app: &App, live: &Live<()>, secret: Uuid) -> Router {
    let inspector = Inspector::new()
        .store_with_view("device", &app.devices, |device| json(&**device))
        .store_with_view("overview", &app.overview, |overview| json(&**overview))
        .live("live", live);
    let cookie = format!("admin={secret}");
    let given = cookie.clone();
    Router::new()
        .nest(
            "/inspect",
            inspector.router(move |request| std::future::ready(has(&request, &cookie))),
        )
        .route(
            "/admin/{secret}",
            get(async move |Path(told): Path<Uuid>| enter(told == secret, &given)),
        )
}

fn has(request: &Parts, cookie: &str) -> bool {
    let cookies = request.headers.get_all(COOKIE).iter();
    let mut cookies = cookies
        .filter_map(|cookies| cookies.to_str().ok())
        .flat_map(|cookies| cookies.split(';'));
    cookies.any(|one| one.trim() == cookie)
}

fn enter(is_admin: bool, cookie: &str) -> Response {
    if !is_admin {
        return StatusCode::NOT_FOUND.into_response();
    }
    // No script sees it, and no other site sends it along.
    let cookie = format!("{cookie}; Path=/inspect; HttpOnly; SameSite=Strict");
    let headers = [(SET_COOKIE, &*cookie), (LOCATION, "/inspect")];
    (StatusCode::SEE_OTHER, headers).into_response()
}
