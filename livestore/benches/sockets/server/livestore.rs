//! livestore, as its documentation says.

use ::livestore::ws::{Live, LiveUpgrade, json};
use ::livestore::{LiveStore, Uuid};
use axum::Router;
use axum::extract::State;
use axum::http::Uri;
use axum::response::Response;
use axum::routing::get;

use crate::room::{Now, Room, RoomMutation, RoomView, Texts};
use crate::serve::SELDOM;
use crate::server::role;
use crate::shape::Shape;

pub(crate) struct Writer {
    rooms: LiveStore<Room>,
}

/// What a client is: the role that it asked for.
type User = usize;

pub(crate) fn begin(keys: &[Uuid], shape: Shape, texts: &Texts) -> (Router, Writer) {
    let rooms = LiveStore::<Room>::default();
    for key in keys {
        assert!(rooms.create(key, Room::new(shape.content, texts)).is_ok());
    }
    let live = Live::<User>::new().native_clients().limits(|limits| {
        limits.connections = usize::MAX;
        limits.ping_after = SELDOM;
    });
    // As often as may be.
    let live = match shape.roles {
        1 => live.serve("room", rooms.clone(), |s| s.whole(|_, _| true).at_most(1000)),
        _ => live.serve("room", rooms.clone(), |s| {
            s.view(
                |cx, _| Some(*cx.user()),
                |role, room| json(&RoomView::new(*role, room)),
            )
            .at_most(1000)
        }),
    };
    let router = Router::new().route("/live", get(socket)).with_state(live);
    (router, Writer { rooms })
}

async fn socket(State(live): State<Live<User>>, uri: Uri, up: LiveUpgrade) -> Response {
    live.upgrade(up, role(&uri))
}

impl Writer {
    pub(crate) async fn write(&self, key: &Uuid, now: Now) {
        let set = RoomMutation::SetNow(now);
        self.rooms.mutate_version(key, set).await.unwrap();
    }
}
