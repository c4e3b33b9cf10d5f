//! Derives in a module where no name of the prelude means what it usually does.
#![deny(warnings, missing_docs, unused_qualifications)]

#[derive(Clone)]
struct Mine;

/// A module that redefines what generated code might be tempted to name.
#[allow(dead_code, non_camel_case_types, non_snake_case, non_upper_case_globals, unused_macros)]
mod shadowed {
    use ::livestore::{Invalid, LiveValue};

    use ::std::vec::Vec as RealVec;

    pub struct Result;
    pub struct Option;
    pub struct Box;
    pub struct String;
    pub struct Vec;
    pub struct Entry;
    pub struct Never;
    pub struct FieldError;
    pub struct Ordering;
    pub struct Formatter;
    pub struct usize;
    pub struct bool;
    pub struct str;
    pub trait Clone {}
    pub trait Copy {}
    pub trait Send {}
    pub trait Sync {}
    pub trait Sized {}
    pub trait Error {}
    pub trait Debug {}
    pub trait Display {}
    pub trait Default {}
    pub trait From {}
    pub trait Into {}
    pub trait Fn {}
    pub trait FnOnce {}
    pub trait Iterator {}
    pub trait Drop {}
    pub trait Push {}
    pub trait Insert {}
    pub trait Len {}
    pub trait Increment {}
    pub fn Ok() {}
    pub fn Err() {}
    pub fn Some() {}
    pub const None: u8 = 0;
    pub fn drop() {}
    pub mod core {}
    pub mod std {}
    pub mod alloc {}
    pub mod livestore {}
    pub mod ops {}
    pub mod fmt {}

    macro_rules! matches { ($($t:tt)*) => { compile_error!("shadowed") }; }
    macro_rules! format_args { ($($t:tt)*) => { compile_error!("shadowed") }; }
    macro_rules! write { ($($t:tt)*) => { compile_error!("shadowed") }; }
    macro_rules! unreachable { ($($t:tt)*) => { compile_error!("shadowed") }; }
    macro_rules! vec { ($($t:tt)*) => { compile_error!("shadowed") }; }

    /// Everything at once.
    #[derive(::core::clone::Clone, LiveValue)]
    #[live(
        mutation(variants(
            /// Starts it.
            Start,
            /// Removes one.
            Kick {
                /// Whom.
                who: u8,
            },
        )),
        message(variants(
            /// Says so.
            Ping,
        )),
        validate = Self::valid,
    )]
    pub struct Room {
        #[live(set, clear, len = 1..=3)]
        name: ::std::string::String,
        #[live(set, clear, len = 1..=3)]
        topic: ::core::option::Option<::std::string::String>,
        #[live(increment, decrement, range = 0..=9, validate = even)]
        score: u8,
        #[live(increment)]
        float: f64,
        #[live(toggle)]
        on: ::core::primitive::bool,
        #[live(push, clear, keep = 3, len = ..=3)]
        log: RealVec<u8>,
        #[live(push, keep = 3, validate = any)]
        checked: RealVec<u8>,
        #[live(insert, remove, clear, each, len = ..=3, validate = any)]
        map: ::std::collections::HashMap<u8, Inner>,
        #[live(insert, remove)]
        set: ::std::sync::Arc<::std::collections::BTreeSet<u8>>,
        #[live(nested)]
        inner: Inner,
        #[live(set, message)]
        volume: u8,
        #[live(skip)]
        mine: super::Mine,
    }

    impl Room {
        fn start(&mut self) {}

        fn kick(&mut self, _: &u8) -> ::core::result::Result<(), &'static ::core::primitive::str> {
            ::core::result::Result::Err("no")
        }

        fn valid(&self, _: &Self) -> ::core::result::Result<(), Invalid> {
            ::core::result::Result::Ok(())
        }
    }

    fn even(_: &u8) -> ::core::result::Result<(), Invalid> {
        ::core::result::Result::Ok(())
    }

    fn any<T>(_: &T) -> ::core::result::Result<(), Invalid> {
        ::core::result::Result::Ok(())
    }

    /// A value in a value.
    #[derive(::core::clone::Clone, LiveValue)]
    pub struct Inner {
        #[live(len = 1..)]
        name: ::std::string::String,
    }

    /// With an error of its own.
    #[derive(::core::clone::Clone, LiveValue)]
    #[live(error = Problem, mutation(variants(
        /// Stops it.
        Stop,
    )), validate = Self::valid)]
    pub struct Own {
        #[live(increment, range = ..3)]
        score: u8,
        #[live(each)]
        map: ::std::collections::HashMap<u8, Inner>,
        #[live(nested)]
        inner: Inner,
    }

    impl Own {
        fn stop(&mut self) -> ::core::result::Result<(), Problem> {
            ::core::result::Result::Err(Problem)
        }

        fn valid(&self, _: &Self) -> ::core::result::Result<(), Problem> {
            ::core::result::Result::Ok(())
        }
    }

    /// Its error.
    pub struct Problem;

    impl ::core::convert::From<::livestore::FieldError> for Problem {
        fn from(_: ::livestore::FieldError) -> Self {
            Problem
        }
    }

    impl ::core::convert::From<InnerError> for Problem {
        fn from(_: InnerError) -> Self {
            Problem
        }
    }

    /// A state machine.
    #[derive(::core::clone::Clone, LiveValue)]
    #[live(mutation(variants(
        /// Goes on.
        Next,
    )))]
    pub enum Phase {
        /// First.
        One,
        /// Then.
        Two,
    }

    impl Phase {
        fn next(&mut self) {
            *self = Phase::Two;
        }
    }

    /// Nothing.
    #[derive(::core::clone::Clone, LiveValue)]
    pub struct Empty;
}

/// The names of generated locals and of the trait's methods may be taken as well.
mod taken {
    use livestore::LiveValue;

    /// Its methods are called as those of the trait.
    #[derive(Clone, LiveValue)]
    #[live(mutation(variants(
        /// The method, not that of the trait.
        Apply(u8),
        /// Its payload is called as a local.
        Local {
            /// One.
            __value: u8,
            /// Another.
            __on: u8,
        },
    )), validate = Self::check)]
    pub struct Room {
        __v: u8,
        #[live(set, push = Say, keep = 2)]
        __next: Vec<u8>,
        entry: u8,
        mutation: u8,
    }

    impl Room {
        fn apply(&mut self, v: &u8) {
            self.__v = *v;
        }

        fn local(&mut self, one: &u8, two: &u8) {
            self.entry = *one;
            self.mutation = *two;
        }

        fn check(&self, was: &Self) -> Result<(), &'static str> {
            if self.entry < was.entry { Err("less") } else { Ok(()) }
        }
    }

    pub(crate) fn run() {
        let mut room = Room { __v: 0, __next: Vec::new(), entry: 5, mutation: 0 };
        let mut apply = |mutation| <Room as LiveValue>::apply(&mut room, &mutation).is_ok();
        assert!(apply(RoomMutation::Apply(3)) && apply(RoomMutation::Say(1)) && apply(RoomMutation::SetV(4)));
        assert!(!apply(RoomMutation::Local { __value: 4, __on: 2 }));
        assert!(apply(RoomMutation::Local { __value: 6, __on: 2 }));
        assert_eq!((room.__v, room.__next, room.entry, room.mutation), (4, vec![1], 6, 2));
    }
}

/// Values and payloads are called as what the derive makes and what the library has.
#[allow(dead_code)]
mod called {
    use ::livestore::LiveValue;

    mod std {}
    mod core {}
    mod livestore {}

    #[derive(Clone, LiveValue)]
    pub struct Mutation {
        #[live(len = 1..)]
        name: String,
    }

    #[derive(Clone, LiveValue)]
    pub struct Message {
        #[live(set, message)]
        name: String,
    }

    #[derive(Clone, LiveValue)]
    pub struct Error {
        #[live(increment)]
        count: u8,
    }

    #[derive(Clone, LiveValue)]
    pub struct Entry<T> {
        value: T,
    }

    #[derive(Clone, LiveValue)]
    #[live(
        mutation(variants(
            /// Takes one of each.
            Result(Mutation, Error),
        )),
        message(variants(
            /// Tells of it.
            Message(Message),
        )),
    )]
    pub struct LiveStore {
        mutation: Mutation,
        #[live(nested)]
        message: Message,
        #[live(set, nested)]
        error: Error,
        entry: Entry<u8>,
    }

    impl LiveStore {
        fn result(&mut self, mutation: &Mutation, error: &Error) -> Result<(), String> {
            self.mutation = mutation.clone();
            self.error = error.clone();
            Ok(())
        }
    }
}

fn main() {
    let Mine = Mine;
    taken::run();
}
