//! One connected browser, one task: what it says goes to the room, what happens in the room goes to it.
//!
//! Nothing is queued here. Updates wait in the room's watch, which is bounded; if the browser is too slow for them,
//! the watch says so, and the browser gets the room as it is then.

use std::time::{Duration, SystemTime};

use axum::extract::ws::{CloseFrame, Message, WebSocket};
use livestore::{LiveStore, MutateError, MutateOnDrop, Update, Uuid, Watch};
use tokio::time::{MissedTickBehavior, interval, timeout};

use crate::frame::{ClientFrame, ServerFrame};
use crate::room::{Room, RoomError, RoomMessage, RoomMutation};
use crate::server::App;

/// Why we end a connection: the close code and the reason that the browser gets. Nothing if it is not there any more.
type End = Option<(u16, &'static str)>;
const STOPPING: End = Some((1012, "the server stops"));
const REFUSED: End = Some((1008, "a frame was malformed or too large"));
/// Codes from 4000 on are the application's. The page gives up at this one; at any other it comes back.
const NO_ROOM: End = Some((4404, "there is no such room"));
const LOST: End = None;

/// Serves one socket until it ends.
pub(crate) async fn talk(mut socket: WebSocket, app: App, key: Uuid) {
    let limit = app.config.write_timeout;
    let _counted = app.sockets.subscribe();
    let Err(Some((code, reason))) = converse(&mut socket, app, key).await else {
        return;
    };
    let close = CloseFrame {
        code,
        reason: reason.into(),
    };
    let _ = timeout(limit, async {
        socket.send(Message::Close(Some(close))).await?;
        // The browser answers. Hanging up before that could take our close frame away from it.
        while socket.recv().await.transpose()?.is_some() {}
        Ok::<_, axum::Error>(())
    })
    .await;
}

async fn converse(socket: &mut WebSocket, app: App, key: Uuid) -> Result<(), End> {
    let limit = app.config.write_timeout;
    // One instant: the first update is the one that follows this entry.
    let found = app.rooms.fetch_and_watch(&key);
    let (entry, mut watch) = found.ok_or(if app.rooms.is_closed() { STOPPING } else { NO_ROOM })?;
    let who = Uuid::new_v4();
    let seat = Seat {
        // Refused if the person never joined, which is as well.
        _leave: app.rooms.mutate_on_drop(&key, RoomMutation::Leave { who }),
        rooms: app.rooms,
        key,
        who,
    };
    let mut heartbeat = interval(app.config.heartbeat);
    heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut heard = true;

    let first = encode(&ServerFrame::room(&entry, seat.who, 0));
    // Kept while we wait, it would keep the room as it was.
    drop(entry);
    send(socket, limit, first).await?;
    loop {
        tokio::select! {
            update = watch.next() => {
                let update = update.ok_or(STOPPING)?;
                if update.is_end() {
                    return Err(NO_ROOM);
                }
                if let Some(frame) = tell(update, seat.who) {
                    send(socket, limit, frame).await?;
                }
            }
            received = socket.recv() => {
                heard = true;
                let answer = match received {
                    None => return Ok(()),
                    Some(Err(_)) => return Err(REFUSED),
                    Some(Ok(Message::Text(text))) => seat.obey(&text, &watch).await,
                    Some(Ok(Message::Binary(_))) => Err(ServerFrame::bad_frame("frames are text, not binary")),
                    // Pings are answered by axum, pongs were heard, and after a close comes `None`.
                    Some(Ok(_)) => Ok(()),
                };
                // To this browser alone. Its connection stays, and nobody else hears of it.
                if let Err(answer) = answer {
                    send(socket, limit, encode(&answer)).await?;
                }
            }
            _ = heartbeat.tick() => {
                if !std::mem::take(&mut heard) {
                    return Err(LOST);
                }
                send(socket, limit, Message::Ping(Default::default())).await?;
            }
        }
    }
}

/// The place of one browser in a room.
struct Seat {
    rooms: LiveStore<Room>,
    key: Uuid,
    who: Uuid,
    /// However the task ends (the browser left, an error, a panic, an abort), the person leaves the room.
    _leave: MutateOnDrop<Room>,
}

impl Seat {
    /// Does what the browser wishes, or returns what to answer.
    async fn obey(&self, text: &str, watch: &Watch<Room>) -> Result<(), ServerFrame<'static>> {
        let who = self.who;
        let mutation = match serde_json::from_str(text).map_err(ServerFrame::bad_frame)? {
            ClientFrame::Join { name } => RoomMutation::Join { who, name },
            ClientFrame::Say { text } => RoomMutation::Say { who, text, at: now() },
            ClientFrame::Typing => {
                // A message is not checked by the room, so we look ourselves.
                if !watch.latest().people.contains_key(&who) {
                    return Err(ServerFrame::refused(RoomError::NotHere));
                }
                let _ = self.rooms.broadcast(&self.key, RoomMessage::Typing { who });
                return Ok(());
            }
        };
        match self.rooms.mutate(&self.key, mutation).await {
            // Everybody in the room learns it from their watch, this browser too.
            Ok(_) => Ok(()),
            Err(MutateError::Rejected(why)) => Err(ServerFrame::refused(why)),
            // The watch is about to say so.
            Err(MutateError::Missing) => Ok(()),
        }
    }
}

/// Says an update in the words of the protocol, if this browser needs to hear it. Takes the update, so that none is
/// held while a frame is sent.
fn tell(update: Update<Room>, me: Uuid) -> Option<Message> {
    let frame = match &update {
        Update::Mutate { mutn, new, .. } => match mutn {
            RoomMutation::Join { who, .. } => ServerFrame::Joined {
                who: *who,
                name: new.people.get(who)?,
            },
            RoomMutation::Leave { who } => ServerFrame::Left { who: *who },
            RoomMutation::Say { .. } => ServerFrame::Said(new.lines.back()?),
        },
        Update::Message { msg, .. } => match msg {
            RoomMessage::Typing { who } if *who == me => return None,
            RoomMessage::Typing { who } => ServerFrame::Typing { who: *who },
        },
        Update::Resync { now, missed } => ServerFrame::room(now, me, *missed),
        // Whatever else may happen to an entry, the room as it is now is always right.
        other => ServerFrame::room(other.entry(), me, 0),
    };
    Some(encode(&frame))
}

fn encode(frame: &ServerFrame<'_>) -> Message {
    let json = serde_json::to_string(frame).expect("strings and numbers become JSON");
    Message::Text(json.into())
}

/// Sends a frame to a browser that takes it in time.
async fn send(socket: &mut WebSocket, limit: Duration, frame: Message) -> Result<(), End> {
    match timeout(limit, socket.send(frame)).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) | Err(_) => Err(LOST),
    }
}

fn now() -> u64 {
    let since = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
