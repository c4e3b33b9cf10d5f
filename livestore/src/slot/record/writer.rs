//! [`Writer`]: serde's calls on their way to a serializer, and [`Notes`] of those that MessagePack could not tell apart.
//!
//! Where serde writes `Some` of something, only that something is written. If it is written as `None` is, it comes back as
//! `None`: an `Option` of an `Option`, or of `()`.
//!
//! A struct without fields is written as nothing, as in JSON; but within a `Some` as an empty list, so that it comes back.
//! Bytes, and numbers of 128 bits, are written as bytes. What reads any shape may take these for something else, as an
//! untagged enum does: an empty list for any list, bytes for a text. Then the value that was read has fewer of the one and
//! more of the other. Where there are fewer and of nothing more, its attributes leave something out.

use std::array;
use std::cell::Cell;
use std::fmt::Display;

use serde::ser::{
    Serialize, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
    SerializeTupleStruct, SerializeTupleVariant, Serializer,
};

/// What a value was written as.
#[derive(Clone, Copy)]
enum Kind {
    Bytes,
    Wide,
    /// A `Some` of a struct without fields.
    Unit,
    Text,
    /// What has items or fields.
    Items,
}

const KINDS: usize = 5;

/// These can be taken for something else: the first so many.
const AMBIGUOUS: usize = 3;

/// What was written.
#[derive(Default)]
pub(crate) struct Notes {
    some_of_nothing: Cell<bool>,
    /// How many there were of each kind.
    counts: [Cell<u64>; KINDS],
}

impl Notes {
    /// Whether there was a `Some` that would come back as `None`.
    pub(crate) fn has_some_of_nothing(&self) -> bool {
        self.some_of_nothing.get()
    }

    /// Whether there was something that can be taken for something else.
    pub(crate) fn has_ambiguous(&self) -> bool {
        self.counts[..AMBIGUOUS].iter().any(|count| count.get() > 0)
    }

    /// Whether some of it was taken for something else in the value that these are the notes of.
    pub(crate) fn was_mistaken_in(&self, read: &Notes) -> bool {
        let [before, after] =
            [self, read].map(|notes| array::from_fn::<_, KINDS, _>(|kind| notes.counts[kind].get()));
        let mut pairs = before.iter().zip(&after);
        let is_fewer = pairs
            .clone()
            .take(AMBIGUOUS)
            .any(|(before, after)| after < before);
        is_fewer && pairs.any(|(before, after)| after > before)
    }

    #[inline]
    fn count(&self, kind: Kind) {
        let count = &self.counts[kind as usize];
        count.set(count.get() + 1);
    }
}

pub(crate) struct Writer<'a, S> {
    to: S,
    notes: &'a Notes,
    /// It is what a `Some` has, and nothing that is written stands between.
    is_in_some: bool,
}

impl<'a, S> Writer<'a, S> {
    pub(crate) fn new(to: S, notes: &'a Notes) -> Writer<'a, S> {
        Writer {
            to,
            notes,
            is_in_some: false,
        }
    }

    #[inline]
    fn items<I, E>(self, begin: impl FnOnce(S) -> Result<I, E>) -> Result<Items<'a, I>, E> {
        self.notes.count(Kind::Items);
        let to = begin(self.to)?;
        Ok(Items {
            to,
            notes: self.notes,
        })
    }

    fn note_nothing(&self) {
        if self.is_in_some {
            self.notes.some_of_nothing.set(true);
        }
    }
}

/// A value that stands in another.
struct Inner<'a, T: ?Sized> {
    value: &'a T,
    notes: &'a Notes,
    is_in_some: bool,
}

#[inline]
fn inner<'a, T: ?Sized>(value: &'a T, notes: &'a Notes, is_in_some: bool) -> Inner<'a, T> {
    Inner {
        value,
        notes,
        is_in_some,
    }
}

impl<T: Serialize + ?Sized> Serialize for Inner<'_, T> {
    #[inline]
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        self.value.serialize(Writer {
            to,
            notes: self.notes,
            is_in_some: self.is_in_some,
        })
    }
}

macro_rules! plain {
    ($($name:ident: $type:ty $(=> $kind:ident)?),* $(,)?) => {
        $(#[inline]
        fn $name(self, value: $type) -> Result<S::Ok, S::Error> {
            $(self.notes.count(Kind::$kind);)?
            self.to.$name(value)
        })*
    };
}

macro_rules! items {
    ($($name:ident($($argument:ident: $type:ty),*) -> $items:ident),* $(,)?) => {
        $(#[inline]
        fn $name(self, $($argument: $type),*) -> Result<Items<'a, S::$items>, S::Error> {
            self.items(|to| to.$name($($argument),*))
        })*
    };
}

impl<'a, S: Serializer> Serializer for Writer<'a, S> {
    type Ok = S::Ok;
    type Error = S::Error;
    type SerializeSeq = Items<'a, S::SerializeSeq>;
    type SerializeTuple = Items<'a, S::SerializeTuple>;
    type SerializeTupleStruct = Items<'a, S::SerializeTupleStruct>;
    type SerializeTupleVariant = Items<'a, S::SerializeTupleVariant>;
    type SerializeMap = Items<'a, S::SerializeMap>;
    type SerializeStruct = Items<'a, S::SerializeStruct>;
    type SerializeStructVariant = Items<'a, S::SerializeStructVariant>;

    plain! {
        serialize_bool: bool, serialize_i8: i8, serialize_i16: i16, serialize_i32: i32, serialize_i64: i64,
        serialize_u8: u8, serialize_u16: u16, serialize_u32: u32, serialize_u64: u64,
        serialize_f32: f32, serialize_f64: f64, serialize_char: char,
        serialize_str: &str => Text, serialize_bytes: &[u8] => Bytes,
        serialize_i128: i128 => Wide, serialize_u128: u128 => Wide,
    }

    items! {
        serialize_seq(len: Option<usize>) -> SerializeSeq,
        serialize_tuple(len: usize) -> SerializeTuple,
        serialize_tuple_struct(name: &'static str, len: usize) -> SerializeTupleStruct,
        serialize_tuple_variant(name: &'static str, index: u32, variant: &'static str, len: usize) -> SerializeTupleVariant,
        serialize_map(len: Option<usize>) -> SerializeMap,
        serialize_struct(name: &'static str, len: usize) -> SerializeStruct,
        serialize_struct_variant(name: &'static str, index: u32, variant: &'static str, len: usize) -> SerializeStructVariant,
    }

    fn serialize_none(self) -> Result<S::Ok, S::Error> {
        self.note_nothing();
        self.to.serialize_none()
    }

    #[inline]
    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<S::Ok, S::Error> {
        self.to.serialize_some(&inner(value, self.notes, true))
    }

    fn serialize_unit(self) -> Result<S::Ok, S::Error> {
        self.note_nothing();
        self.to.serialize_unit()
    }

    fn serialize_unit_struct(self, name: &'static str) -> Result<S::Ok, S::Error> {
        match self.is_in_some {
            true => {
                self.notes.count(Kind::Unit);
                self.to.serialize_unit_struct(name)
            }
            false => self.to.serialize_unit(),
        }
    }

    #[inline]
    fn serialize_unit_variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
    ) -> Result<S::Ok, S::Error> {
        self.notes.count(Kind::Text);
        self.to.serialize_unit_variant(name, index, variant)
    }

    #[inline]
    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        value: &T,
    ) -> Result<S::Ok, S::Error> {
        self.to
            .serialize_newtype_struct(name, &inner(value, self.notes, self.is_in_some))
    }

    #[inline]
    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<S::Ok, S::Error> {
        self.notes.count(Kind::Items);
        self.to
            .serialize_newtype_variant(name, index, variant, &inner(value, self.notes, false))
    }

    #[inline]
    fn collect_str<T: Display + ?Sized>(self, value: &T) -> Result<S::Ok, S::Error> {
        self.notes.count(Kind::Text);
        self.to.collect_str(value)
    }

    #[inline]
    fn is_human_readable(&self) -> bool {
        self.to.is_human_readable()
    }
}

/// What has items or fields, while they are written.
pub(crate) struct Items<'a, I> {
    to: I,
    notes: &'a Notes,
}

macro_rules! lists {
    ($($trait:ident: $item:ident),*) => {
        $(impl<I: $trait> $trait for Items<'_, I> {
            type Ok = I::Ok;
            type Error = I::Error;

            #[inline]
            fn $item<T: Serialize + ?Sized>(&mut self, item: &T) -> Result<(), I::Error> {
                self.to.$item(&inner(item, self.notes, false))
            }

            #[inline]
            fn end(self) -> Result<I::Ok, I::Error> {
                self.to.end()
            }
        })*
    };
}

lists! {
    SerializeSeq: serialize_element, SerializeTuple: serialize_element, SerializeTupleStruct: serialize_field,
    SerializeTupleVariant: serialize_field
}

macro_rules! structs {
    ($($trait:ident),*) => {
        $(impl<I: $trait> $trait for Items<'_, I> {
            type Ok = I::Ok;
            type Error = I::Error;

            #[inline]
            fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<(), I::Error> {
                self.to.serialize_field(name, &inner(value, self.notes, false))
            }

            #[inline]
            fn skip_field(&mut self, name: &'static str) -> Result<(), I::Error> {
                self.to.skip_field(name)
            }

            #[inline]
            fn end(self) -> Result<I::Ok, I::Error> {
                self.to.end()
            }
        })*
    };
}

structs! { SerializeStruct, SerializeStructVariant }

impl<I: SerializeMap> SerializeMap for Items<'_, I> {
    type Ok = I::Ok;
    type Error = I::Error;

    #[inline]
    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), I::Error> {
        self.to.serialize_key(&inner(key, self.notes, false))
    }

    #[inline]
    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), I::Error> {
        self.to.serialize_value(&inner(value, self.notes, false))
    }

    #[inline]
    fn end(self) -> Result<I::Ok, I::Error> {
        self.to.end()
    }
}
