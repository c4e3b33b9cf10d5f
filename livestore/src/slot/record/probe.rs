//! [`tells_nothing_apart`]: finds what the bytes of a value could not tell apart.
//!
//! Where serde writes `Some` of something, only that something is written. If it is written as `None` is, it comes back as
//! `None`: an `Option` of an `Option`, of `()`, or of a struct without fields.

use std::fmt::{self, Display};

use serde::ser::{
    Error, Serialize, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
    SerializeTupleStruct, SerializeTupleVariant, Serializer,
};

use crate::ground::plain_types::each_plain_type;

/// Whether the value holds a `Some` that would come back as `None`.
pub(crate) fn tells_nothing_apart<V: Serialize>(value: &V) -> bool {
    matches!(value.serialize(Probe), Err(Found::SomeOfNothing))
}

struct Probe;

/// Whether it is written as nothing.
struct IsNothing(bool);

#[derive(Debug)]
enum Found {
    SomeOfNothing,
    /// Of the user's, who has said it before.
    Other,
}

impl Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("found")
    }
}

impl std::error::Error for Found {}

impl Error for Found {
    fn custom<T: Display>(_: T) -> Self {
        Found::Other
    }
}

type Answer = Result<IsNothing, Found>;

const SOMETHING: Answer = Ok(IsNothing(false));
const NOTHING: Answer = Ok(IsNothing(true));

macro_rules! something {
    ($($name:ident: $type:ty),*) => {
        $(fn $name(self, _: $type) -> Answer {
            SOMETHING
        })*
    };
}

impl Serializer for Probe {
    type Ok = IsNothing;
    type Error = Found;
    type SerializeSeq = Probe;
    type SerializeTuple = Probe;
    type SerializeTupleStruct = Probe;
    type SerializeTupleVariant = Probe;
    type SerializeMap = Probe;
    type SerializeStruct = Probe;
    type SerializeStructVariant = Probe;

    each_plain_type!(something);

    fn serialize_none(self) -> Answer {
        NOTHING
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Answer {
        match value.serialize(Probe)? {
            IsNothing(true) => Err(Found::SomeOfNothing),
            IsNothing(false) => SOMETHING,
        }
    }

    fn serialize_unit(self) -> Answer {
        NOTHING
    }

    fn serialize_unit_struct(self, _: &'static str) -> Answer {
        NOTHING
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, _: &'static str) -> Answer {
        SOMETHING
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Answer {
        value.serialize(Probe)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        value: &T,
    ) -> Answer {
        value.serialize(Probe)?;
        SOMETHING
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Probe, Found> {
        Ok(Probe)
    }

    fn serialize_tuple(self, _: usize) -> Result<Probe, Found> {
        Ok(Probe)
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Probe, Found> {
        Ok(Probe)
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Probe, Found> {
        Ok(Probe)
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Probe, Found> {
        Ok(Probe)
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Probe, Found> {
        Ok(Probe)
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Probe, Found> {
        Ok(Probe)
    }
}

macro_rules! items {
    ($($trait:ident: $item:ident),*) => {
        $(impl $trait for Probe {
            type Ok = IsNothing;
            type Error = Found;

            fn $item<T: Serialize + ?Sized>(&mut self, item: &T) -> Result<(), Found> {
                item.serialize(Probe).map(|_| ())
            }

            fn end(self) -> Answer {
                SOMETHING
            }
        })*
    };
}

items! {
    SerializeSeq: serialize_element, SerializeTuple: serialize_element, SerializeTupleStruct: serialize_field,
    SerializeTupleVariant: serialize_field
}

macro_rules! fields {
    ($($trait:ident),*) => {
        $(impl $trait for Probe {
            type Ok = IsNothing;
            type Error = Found;

            fn serialize_field<T: Serialize + ?Sized>(&mut self, _: &'static str, value: &T) -> Result<(), Found> {
                value.serialize(Probe).map(|_| ())
            }

            fn end(self) -> Answer {
                SOMETHING
            }
        })*
    };
}

fields! { SerializeStruct, SerializeStructVariant }

impl SerializeMap for Probe {
    type Ok = IsNothing;
    type Error = Found;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Found> {
        key.serialize(Probe).map(|_| ())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Found> {
        value.serialize(Probe).map(|_| ())
    }

    fn end(self) -> Answer {
        SOMETHING
    }
}
