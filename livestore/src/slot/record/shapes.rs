//! A table of the shapes that serde has, each written and read back, and compared with what JSON makes of it.
//!
//! Whatever JSON can round-trip comes back; nothing comes back as something else in silence, unless its own attributes say so
//! and JSON does the same.

#![allow(dead_code, reason = "fields are there to be written")]

mod by_hand;
mod enums;
mod flattened;
mod options;
mod standard;
mod structs;

use std::fmt::Debug;
use std::net::{IpAddr, Ipv4Addr};

use serde::de::DeserializeOwned;
use serde::ser::Serialize;
use uuid::Uuid;

use crate::slot::record::tests::{decode, encode};

/// What becomes of a value.
#[derive(Debug, PartialEq)]
enum Fate {
    /// It comes back, as from JSON.
    Same,
    /// It comes back, and not from JSON.
    Better,
    /// It is refused when it is written, and JSON cannot either.
    Refused,
    /// It comes back as its attributes say, as from JSON.
    AsJson,
    /// It is refused, and JSON loses something.
    Strict,
    /// It is refused, and comes back from JSON.
    Worse,
}

/// Collects what did not go as it should, so that one run shows all.
#[derive(Default)]
struct Table {
    rows: usize,
    wrong: Vec<String>,
}

fn fate<T: Serialize + DeserializeOwned + Debug>(value: T) -> Result<Fate, String> {
    let before = format!("{value:?}");
    let text = serde_json::to_string(&value).ok();
    let json = text.and_then(|text| serde_json::from_str::<T>(&text).ok());
    let json = json.map(|value| format!("{value:?}"));
    let here = match encode(value) {
        Ok(bytes) => match decode::<T>(&bytes) {
            Ok(value) => Some(format!("{value:?}")),
            Err(error) => return Err(format!("{before} was written and cannot be read: {error}")),
        },
        Err(_) => None,
    };
    let same = |after: &Option<String>| after.as_ref() == Some(&before);
    match (&here, &json) {
        (here, json) if same(here) && same(json) => Ok(Fate::Same),
        (here, _) if same(here) => Ok(Fate::Better),
        (None, None) => Ok(Fate::Refused),
        (None, json) if !same(json) => Ok(Fate::Strict),
        (None, _) => Ok(Fate::Worse),
        (here, json) if here == json => Ok(Fate::AsJson),
        _ => Err(format!("{before} became {here:?}, and in JSON {json:?}")),
    }
}

impl Table {
    #[track_caller]
    fn expect<T: Serialize + DeserializeOwned + Debug>(&mut self, value: T, expected: Fate) {
        self.rows += 1;
        let at = std::panic::Location::caller().line();
        let shown = format!("{value:?}");
        match fate(value) {
            Ok(found) if found == expected => {}
            Ok(found) => self
                .wrong
                .push(format!("line {at}: {shown}: {found:?}, not {expected:?}")),
            Err(wrong) => self.wrong.push(format!("line {at}: {wrong}")),
        }
    }

    #[track_caller]
    fn same<T: Serialize + DeserializeOwned + Debug>(&mut self, value: T) {
        self.expect(value, Fate::Same);
    }

    #[track_caller]
    fn better<T: Serialize + DeserializeOwned + Debug>(&mut self, value: T) {
        self.expect(value, Fate::Better);
    }

    #[track_caller]
    fn refused<T: Serialize + DeserializeOwned + Debug>(&mut self, value: T) {
        self.expect(value, Fate::Refused);
    }

    #[track_caller]
    fn as_json<T: Serialize + DeserializeOwned + Debug>(&mut self, value: T) {
        self.expect(value, Fate::AsJson);
    }

    #[track_caller]
    fn strict<T: Serialize + DeserializeOwned + Debug>(&mut self, value: T) {
        self.expect(value, Fate::Strict);
    }

    fn end(self, rows: usize) {
        assert!(self.wrong.is_empty(), "{:#?}", self.wrong);
        assert_eq!(self.rows, rows);
    }
}

macro_rules! shapes {
    ($($item:item)*) => {
        $(#[derive(Debug, serde::Serialize, serde::Deserialize)]
        $item)*
    };
}

use shapes;

fn ip() -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1))
}

fn id() -> Uuid {
    Uuid::from_u128(7)
}
