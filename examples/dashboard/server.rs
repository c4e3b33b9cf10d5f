//! What is served: the worst devices, those of one site, each device, how it goes with all; and the page.

use std::io;

use axum::Router;
use axum::extract::State;
use axum::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::serve::ListenerExt;
use livestore::ws::{Deny, List, Live, LiveUpgrade, client_js};
use livestore::{Entry, LiveStore, Uuid};
use tokio::net::TcpListener;

use crate::admin;
use crate::fleet::{Device, Overview, SITES, key};

/// How many devices a page shows, and how many of one site.
const WORST: usize = 50;
const OF_SITE: usize = 20;

#[derive(Clone)]
pub(crate) struct App {
    pub(crate) devices: LiveStore<Device>,
    pub(crate) overview: LiveStore<Overview>,
}

impl App {
    pub(crate) fn new(devices: u32) -> App {
        let app = App {
            devices: LiveStore::default(),
            overview: LiveStore::default(),
        };
        for number in 1..=devices {
            // It is the only one of this number.
            let _ = app.devices.create(&key(number), Device::new(number));
        }
        let _ = app.overview.create(&Uuid::nil(), Overview::default());
        app
    }

    pub(crate) fn live(&self) -> Live<()> {
        let worst = self.devices.live(|_, device| device.rank());
        let of_site = worst.clone().limit(OF_SITE).keyed(|device| site(device.site));
        let worst = worst.limit(WORST);
        Live::new()
            // Rows have come to their new places before they go to others.
            .serve_list("worst", &worst, |s| {
                s.whole(|_, _: &Entry<List<Device>>| true).at_most(5)
            })
            .serve_lists("site", &of_site, |s| {
                s.whole(|cx, _| (0..SITES.len()).any(|at| site(at) == cx.key()))
                    .at_most(5)
            })
            .serve("device", self.devices.clone(), |s| {
                s.whole(|_, _| true).at_most(10)
            })
            .serve("overview", self.overview.clone(), |s| s.whole(|_, _| true))
            .call("sites", |_, ()| async { Ok::<_, Deny>(SITES) })
    }

    pub(crate) fn router(&self) -> (Router, Live<()>) {
        let live = self.live();
        let router = Router::new()
            .route(
                "/",
                get(|| async { page("text/html; charset=utf-8", include_str!("page.html")) }),
            )
            .route(
                "/page.css",
                get(|| async { page("text/css", include_str!("page.css")) }),
            )
            .route(
                "/page.js",
                get(|| async { page("text/javascript", include_str!("page.js")) }),
            )
            .route("/live.js", client_js())
            .route("/live", get(socket))
            .with_state(live.clone());
        (router, live)
    }
}

/// The key of a site, which a page makes from its place as well.
fn site(at: usize) -> Uuid {
    Uuid::from_u128(at as u128 + 1)
}

/// Everybody may look.
async fn socket(State(live): State<Live<()>>, up: LiveUpgrade) -> Response {
    live.upgrade(up, ())
}

/// Nothing runs on the page but what is served here.
fn page(kind: &'static str, text: &'static str) -> impl IntoResponse {
    const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
    ([(CONTENT_TYPE, kind), (CONTENT_SECURITY_POLICY, POLICY)], text)
}

/// Serves until `down`; the inspector to whoever knows the secret of the admin.
pub(crate) async fn serve(
    listener: TcpListener,
    app: App,
    admin: Uuid,
    down: impl Future<Output = ()>,
) -> io::Result<()> {
    // Small frames are sent at once, rather than when what was sent before has been confirmed.
    let listener = listener.tap_io(|tcp| drop(tcp.set_nodelay(true)));
    let (router, live) = app.router();
    let router = router.merge(admin::routes(&app, &live, admin));
    tokio::select! {
        served = axum::serve(listener, router).into_future() => served,
        () = live.shutdown_on(down) => Ok(()),
    }
}
