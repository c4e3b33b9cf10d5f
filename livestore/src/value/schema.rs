//! [`Schema`]: what a file says about the type of the values in it.

use std::any::type_name;
use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

/// The name of a value type and the version of its fields, as the program and a file know them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Schema {
    pub(crate) name: Cow<'static, str>,
    pub(crate) version: u32,
}

/// Why a file's values are not ours to read: they are of another type, or of this one as a newer program knows it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Foreign {
    found: Schema,
    ours: Schema,
}

impl fmt::Display for Foreign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Foreign { found, ours } = self;
        if found.name != ours.name {
            return write!(
                f,
                "it holds values of `{}`, not of `{}`; if this is their new name, say `.schema(\"{0}\", {})`",
                found.name, ours.name, ours.version
            );
        }
        write!(
            f,
            "it holds version {} of `{}`, and this program knows version {}; run the newer program",
            found.version, ours.name, ours.version
        )
    }
}

impl Schema {
    /// The type's name without the path to it, at version 1.
    pub(crate) fn of<V>() -> Schema {
        Schema {
            name: Cow::Owned(without_paths(type_name::<V>())),
            version: 1,
        }
    }

    /// Tells whether values of the schema that was `found` can be read as values of this one. Older ones can: serde
    /// says how.
    pub(crate) fn accept(&self, found: &Schema) -> Result<(), Foreign> {
        if found.name == self.name && found.version <= self.version {
            return Ok(());
        }
        Err(Foreign {
            found: found.clone(),
            ours: self.clone(),
        })
    }
}

/// `game::Table<game::Card>` without the paths: a type may move to another module and stay readable.
fn without_paths(full: &str) -> String {
    let mut short = String::with_capacity(full.len());
    let mut segment = 0;
    for c in full.chars() {
        if c == ':' {
            short.truncate(segment);
            continue;
        }
        short.push(c);
        // A type in the body of an `async fn` is in a `{{closure}}`.
        if !(c.is_alphanumeric() || "_{}".contains(c)) {
            segment = short.len();
        }
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_is_named_without_its_path() {
        assert_eq!(without_paths("Room"), "Room");
        assert_eq!(without_paths("game::rooms::Room"), "Room");
        assert_eq!(without_paths("game::main::{{closure}}::Room"), "Room");
        assert_eq!(
            without_paths("a::Pair<b::c::Left, (d::R_2, u8)>"),
            "Pair<Left, (R_2, u8)>"
        );
        assert_eq!(Schema::of::<Option<Schema>>().name, "Option<Schema>");
    }

    #[test]
    fn older_is_read_and_newer_or_another_is_not() {
        let schema = |name, version| Schema {
            name: Cow::Borrowed(name),
            version,
        };
        let ours = schema("room", 2);
        assert_eq!(ours.accept(&schema("room", 1)), Ok(()));
        assert_eq!(ours.accept(&schema("room", 2)), Ok(()));
        for (found, why) in [
            (schema("room", 3), "it holds version 3 of `room`"),
            (schema("hall", 1), "it holds values of `hall`, not of `room`"),
        ] {
            let foreign = ours.accept(&found).unwrap_err();
            assert!(foreign.to_string().starts_with(why), "{foreign}");
            let ours = ours.clone();
            assert_eq!(foreign, Foreign { found, ours });
        }
    }
}
