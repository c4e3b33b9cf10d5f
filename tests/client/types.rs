//! Prints the types of a server for its pages, as whoever writes a server has them made: by `ts-rs`.
//!
//! `client_types now` or `client_types later`, when a field has another name and a command another argument.

#![allow(dead_code, reason = "pages read and send what is in them")]
#![allow(clippy::print_stdout, reason = "what it prints is what it is for")]

use std::collections::BTreeMap;
use std::env;

use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// What is seen of a room.
#[derive(Serialize, TS)]
struct RoomView {
    topic: Option<String>,
    lines: Vec<Line>,
    players: BTreeMap<String, Player>,
}

#[derive(Serialize, TS)]
struct Line {
    text: String,
    /// More than 2^53, maybe.
    #[ts(type = "number | bigint")]
    at: u64,
}

#[derive(Serialize, TS)]
struct Player {
    score: i32,
    at: (f32, f32),
}

/// What may be asked of a room.
#[derive(Deserialize, TS)]
#[serde(rename_all = "snake_case")]
enum RoomIn {
    Say(String),
    Move { x: f32, y: f32 },
    Leave,
}

#[derive(Deserialize, TS)]
struct Ask {
    rooms: u32,
}

mod later {
    use super::{Deserialize, Line, Serialize, TS};

    #[derive(Serialize, TS)]
    pub(crate) struct RoomView {
        title: Option<String>,
        lines: Vec<Line>,
    }

    #[derive(Deserialize, TS)]
    #[serde(rename_all = "snake_case")]
    pub(crate) enum RoomIn {
        Say { text: String },
        Leave,
    }
}

fn main() {
    let (view, asked) = match env::args().nth(1).as_deref() {
        Some("later") => (later::RoomView::decl(), later::RoomIn::decl()),
        _ => (RoomView::decl(), RoomIn::decl()),
    };
    for declared in [view, asked, Line::decl(), Player::decl(), Ask::decl()] {
        println!("export {declared}");
    }
}
