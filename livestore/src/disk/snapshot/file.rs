//! The bytes of a saved store, in [frames](crate::disk::frames).
//!
//! ```text
//! file    = preamble("livesave") header entries* end          each a frame and a unit of its own
//! header  = 0 {schema, saved_at}                              MessagePack with the names of fields
//! entries = 1 (key[16] length:u32 record[length])*            see `record`
//! end     = 2 {entries, floor}                                MessagePack with the names of fields
//! ```
//!
//! A file that was cut has no end.

#![cfg_attr(
    not(feature = "durable"),
    allow(dead_code, reason = "a folder asks for more than a file")
)]

use std::borrow::Cow;
use std::io::{self, Read, Write};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::disk::frames::{
    Bad, Frames, SAVE, Seal, TooLarge, put_named, put_record, read_named, split_record,
};
use crate::ground::clock::Wall;
use crate::value::schema::Schema;

const HEADER: u8 = 0;
const ENTRIES: u8 = 1;
const END: u8 = 2;

/// A frame is written when it has so many bytes: enough that its head and its sums cost nothing.
const FRAME_BYTES: usize = 32 << 10;

#[derive(Serialize, Deserialize)]
pub(crate) struct Header<'a> {
    pub(crate) schema: Cow<'a, Schema>,
    /// When saving began.
    pub(crate) saved_at: Wall,
}

#[derive(Serialize, Deserialize)]
pub(crate) struct End {
    pub(crate) entries: u64,
    /// No version up to here is given to a key again that had an entry. Known only when all entries were read.
    pub(crate) floor: u64,
}

/// Why something could not be written.
#[derive(Debug)]
pub(crate) enum WriteError {
    Io(io::Error),
    TooLarge,
}

impl From<io::Error> for WriteError {
    fn from(error: io::Error) -> Self {
        WriteError::Io(error)
    }
}

impl From<TooLarge> for WriteError {
    fn from(TooLarge: TooLarge) -> Self {
        WriteError::TooLarge
    }
}

pub(crate) struct Writer<W> {
    out: W,
    id: Uuid,
    seal: Seal,
    /// Not given to `out` yet.
    buffer: Vec<u8>,
    /// Where in the buffer the frame begins that entries are added to.
    frame: Option<usize>,
    unit: u32,
    /// How many bytes were given to `out`.
    written: u64,
    pub(crate) entries: u64,
}

/// A file that is complete.
pub(crate) struct Whole {
    pub(crate) id: Uuid,
    pub(crate) bytes: u64,
    /// The last sum in it.
    pub(crate) sum: u32,
}

impl<W: Write> Writer<W> {
    pub(crate) fn begin(out: W, schema: &Schema, saved_at: Wall) -> Result<Writer<W>, WriteError> {
        let id = Uuid::new_v4();
        let mut buffer = Vec::with_capacity(2 * FRAME_BYTES);
        let seal = Seal::begin(SAVE, id, &mut buffer);
        let mut writer = Writer {
            out,
            id,
            seal,
            buffer,
            frame: None,
            unit: 0,
            written: 0,
            entries: 0,
        };
        let schema = Cow::Borrowed(schema);
        writer.named(HEADER, &Header { schema, saved_at })?;
        Ok(writer)
    }

    pub(crate) fn entry(&mut self, key: &Uuid, record: &[u8]) -> Result<(), WriteError> {
        let start = match self.frame {
            Some(start) => start,
            None => self.open(ENTRIES),
        };
        self.frame = Some(start);
        put_record(key, record, &mut self.buffer)?;
        self.entries += 1;
        if self.buffer.len() >= FRAME_BYTES {
            self.close()?;
        }
        Ok(())
    }

    /// How many bytes there are so far.
    pub(crate) fn bytes(&self) -> u64 {
        self.written + self.buffer.len() as u64
    }

    pub(crate) fn out(&mut self) -> &mut W {
        &mut self.out
    }

    /// Completes the file.
    pub(crate) fn end(mut self, floor: u64) -> Result<(W, Whole), WriteError> {
        self.close()?;
        let entries = self.entries;
        self.named(END, &End { entries, floor })?;
        self.out.flush()?;
        let whole = Whole {
            id: self.id,
            bytes: self.written,
            sum: self.seal.sum(),
        };
        Ok((self.out, whole))
    }

    fn open(&mut self, kind: u8) -> usize {
        let start = Seal::open(&mut self.buffer);
        self.buffer.push(kind);
        start
    }

    fn named(&mut self, kind: u8, what: &impl Serialize) -> Result<(), WriteError> {
        let start = self.open(kind);
        put_named(what, &mut self.buffer)?;
        self.frame = Some(start);
        self.close()
    }

    /// Completes the frame and writes it.
    fn close(&mut self) -> Result<(), WriteError> {
        let Some(start) = self.frame.take() else {
            return Ok(());
        };
        self.seal.close(self.unit, start, &mut self.buffer)?;
        self.unit = self.unit.wrapping_add(1);
        self.out.write_all(&self.buffer)?;
        self.written += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }
}

pub(crate) struct Reader<R> {
    frames: Frames<R>,
    unit: u32,
    /// How much of the frame's body was taken.
    taken: usize,
    pub(crate) entries: u64,
}

/// What comes next in a file.
pub(crate) enum Part<'a> {
    Entry {
        key: Uuid,
        record: &'a [u8],
    },
    /// And nothing after it.
    End(End),
}

impl<R: Read> Reader<R> {
    /// Reads the header of a file of at most `len` bytes.
    pub(crate) fn begin(input: R, len: u64) -> Result<(Reader<R>, Header<'static>), Bad> {
        let frames = Frames::begin(input, len, SAVE)?;
        let mut reader = Reader {
            frames,
            unit: 0,
            taken: 0,
            entries: 0,
        };
        reader.frame()?;
        match reader.frames.body().split_first() {
            Some((&HEADER, header)) => {
                let header = read_named(header).ok_or(reader.damaged())?;
                reader.taken = reader.frames.body().len();
                Ok((reader, header))
            }
            _ => Err(reader.damaged()),
        }
    }

    pub(crate) fn id(&self) -> Uuid {
        self.frames.id()
    }

    /// How many bytes were read.
    pub(crate) fn bytes(&self) -> u64 {
        self.frames.at()
    }

    /// Of everything that was read.
    pub(crate) fn sum(&self) -> u32 {
        self.frames.seal().sum()
    }

    pub(crate) fn next(&mut self) -> Result<Part<'_>, Bad> {
        if self.taken == self.frames.body().len() {
            self.frame()?;
            match self.frames.body().split_first() {
                Some((&ENTRIES, [_, ..])) => self.taken = 1,
                Some((&END, end)) => {
                    let end: End = read_named(end).ok_or(self.damaged())?;
                    if end.entries != self.entries {
                        return Err(self.damaged());
                    }
                    self.frames.end()?;
                    return Ok(Part::End(end));
                }
                _ => return Err(self.damaged()),
            }
        }
        let damaged = self.damaged();
        let body = self.frames.body();
        let mut rest = &body[self.taken..];
        let (key, record) = split_record(&mut rest).ok_or(damaged)?;
        self.taken = body.len() - rest.len();
        self.entries += 1;
        Ok(Part::Entry { key, record })
    }

    fn frame(&mut self) -> Result<(), Bad> {
        match self.frames.next()? {
            Some(unit) if unit == self.unit => {
                self.unit = unit.wrapping_add(1);
                Ok(())
            }
            Some(_) => Err(self.damaged()),
            None => Err(Bad::Cut { at: self.frames.at() }),
        }
    }

    /// Says that what was just read is not what was written.
    pub(crate) fn damaged(&self) -> Bad {
        self.frames.damaged()
    }
}
