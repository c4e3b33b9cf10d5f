//! [`look`]: finds what the bytes of a value could not tell apart.
//!
//! Where serde writes `Some` of something, only that something is written. If it is written as `None` is, it comes back as
//! `None`: an `Option` of an `Option`, of `()`, or of a struct without fields.
//!
//! Bytes, and numbers of 128 bits, are written as bytes. Where serde buffers, it takes them for a text, if they are one, and
//! an untagged enum has a variant for that.

use std::cell::Cell;
use std::fmt::{self, Display};

use serde::ser::{
    Error, Serialize, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
    SerializeTupleStruct, SerializeTupleVariant, Serializer,
};

/// What a value holds.
#[derive(Default)]
pub(crate) struct Look {
    /// A `Some` that would come back as `None`.
    pub(crate) some_of_nothing: bool,
    /// So many that are written as bytes.
    pub(crate) bytes: u64,
}

pub(crate) fn look<V: Serialize>(value: &V) -> Look {
    let bytes = Cell::new(0);
    let found = value.serialize(Probe { bytes: &bytes });
    Look {
        some_of_nothing: matches!(found, Err(Found::SomeOfNothing)),
        bytes: bytes.get(),
    }
}

#[derive(Clone, Copy)]
struct Probe<'a> {
    bytes: &'a Cell<u64>,
}

impl Probe<'_> {
    fn note_bytes(self) -> Answer {
        self.bytes.set(self.bytes.get() + 1);
        SOMETHING
    }
}

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

impl<'a> Serializer for Probe<'a> {
    type Ok = IsNothing;
    type Error = Found;
    type SerializeSeq = Probe<'a>;
    type SerializeTuple = Probe<'a>;
    type SerializeTupleStruct = Probe<'a>;
    type SerializeTupleVariant = Probe<'a>;
    type SerializeMap = Probe<'a>;
    type SerializeStruct = Probe<'a>;
    type SerializeStructVariant = Probe<'a>;

    something! {
        serialize_bool: bool, serialize_i8: i8, serialize_i16: i16, serialize_i32: i32, serialize_i64: i64,
        serialize_u8: u8, serialize_u16: u16, serialize_u32: u32, serialize_u64: u64,
        serialize_f32: f32, serialize_f64: f64, serialize_char: char, serialize_str: &str
    }

    fn serialize_i128(self, _: i128) -> Answer {
        self.note_bytes()
    }

    fn serialize_u128(self, _: u128) -> Answer {
        self.note_bytes()
    }

    fn serialize_bytes(self, _: &[u8]) -> Answer {
        self.note_bytes()
    }

    fn serialize_none(self) -> Answer {
        NOTHING
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Answer {
        match value.serialize(self)? {
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
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        value: &T,
    ) -> Answer {
        value.serialize(self)?;
        SOMETHING
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Self, Found> {
        Ok(self)
    }

    fn serialize_tuple(self, _: usize) -> Result<Self, Found> {
        Ok(self)
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Self, Found> {
        Ok(self)
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self, Found> {
        Ok(self)
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Self, Found> {
        Ok(self)
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Self, Found> {
        Ok(self)
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self, Found> {
        Ok(self)
    }
}

macro_rules! items {
    ($($trait:ident: $item:ident),*) => {
        $(impl $trait for Probe<'_> {
            type Ok = IsNothing;
            type Error = Found;

            fn $item<T: Serialize + ?Sized>(&mut self, item: &T) -> Result<(), Found> {
                item.serialize(*self).map(|_| ())
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
        $(impl $trait for Probe<'_> {
            type Ok = IsNothing;
            type Error = Found;

            fn serialize_field<T: Serialize + ?Sized>(&mut self, _: &'static str, value: &T) -> Result<(), Found> {
                value.serialize(*self).map(|_| ())
            }

            fn end(self) -> Answer {
                SOMETHING
            }
        })*
    };
}

fields! { SerializeStruct, SerializeStructVariant }

impl SerializeMap for Probe<'_> {
    type Ok = IsNothing;
    type Error = Found;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Found> {
        key.serialize(*self).map(|_| ())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Found> {
        value.serialize(*self).map(|_| ())
    }

    fn end(self) -> Answer {
        SOMETHING
    }
}
