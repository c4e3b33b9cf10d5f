//! The bytes of a saved store.
//!
//! ```text
//! file   = "livesave" format:u32 frame(header) frame(entry)* frame(end)
//! frame  = length:u32 sum:u32 body[length] sum:u32
//! header = 0 {schema, saved_at}         MessagePack with the names of fields
//! entry  = 1 key[16] record             see `record`
//! end    = 2 {entries, floor}           MessagePack with the names of fields
//! ```
//!
//! Numbers are little-endian. A `sum` is the CRC-32 of everything before it, without the sums: of the file, not of the frame. So
//! no frame can be damaged, left out, doubled or moved without a sum telling, and a length is checked before it is
//! believed. A file that was cut has no end.

use std::borrow::Cow;
use std::io::{self, ErrorKind, Read, Write};

use crc32fast::Hasher;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::disk::snapshot::error::{LoadKind, SaveKind};
use crate::ground::clock::{Moment, Wall};
use crate::slot::record::Record;
use crate::value::schema::Schema;

const MAGIC: [u8; 8] = *b"livesave";

/// Of this file. Values have a version of their own, the schema's.
const FORMAT: u32 = 1;

const HEADER: u8 = 0;
const ENTRY: u8 = 1;
const END: u8 = 2;

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

pub(crate) struct Writer<W> {
    out: W,
    sum: Hasher,
    body: Vec<u8>,
    pub(crate) bytes: u64,
    pub(crate) entries: u64,
}

impl<W: Write> Writer<W> {
    pub(crate) fn begin(out: W, schema: &Schema, times: &Moment) -> Result<Writer<W>, SaveKind> {
        let mut writer = Writer {
            out,
            sum: Hasher::new(),
            body: Vec::new(),
            bytes: 0,
            entries: 0,
        };
        writer.put(&MAGIC)?;
        writer.put(&FORMAT.to_le_bytes())?;
        let header = Header {
            schema: Cow::Borrowed(schema),
            saved_at: times.wall_now(),
        };
        writer.named(HEADER, &header)?;
        Ok(writer)
    }

    pub(crate) fn entry<V: Serialize>(
        &mut self,
        key: Uuid,
        record: &Record<V>,
        times: &Moment,
    ) -> Result<(), SaveKind> {
        self.body.clear();
        self.body.push(ENTRY);
        self.body.extend_from_slice(key.as_bytes());
        record
            .encode(times, &mut self.body)
            .map_err(|error| SaveKind::Value { key, error })?;
        self.entries += 1;
        self.frame(Some(key))
    }

    /// Completes the file. Returns how many bytes it has.
    pub(crate) fn end(mut self, floor: u64) -> Result<u64, SaveKind> {
        let entries = self.entries;
        self.named(END, &End { entries, floor })?;
        self.out.flush().map_err(SaveKind::io(WRITE))?;
        Ok(self.bytes)
    }

    fn named(&mut self, kind: u8, what: &impl Serialize) -> Result<(), SaveKind> {
        self.body.clear();
        self.body.push(kind);
        rmp_serde::encode::write_named(&mut self.body, what)
            .map_err(|error| SaveKind::io(WRITE)(io::Error::other(error)))?;
        self.frame(None)
    }

    fn frame(&mut self, key: Option<Uuid>) -> Result<(), SaveKind> {
        let length = u32::try_from(self.body.len()).map_err(|_| SaveKind::TooLarge { key })?;
        self.put(&length.to_le_bytes())?;
        self.put_sum()?;
        let body = std::mem::take(&mut self.body);
        self.put(&body)?;
        self.body = body;
        self.put_sum()
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), SaveKind> {
        self.sum.update(bytes);
        self.put_unsummed(bytes)
    }

    fn put_sum(&mut self) -> Result<(), SaveKind> {
        let sum = self.sum.clone().finalize();
        self.put_unsummed(&sum.to_le_bytes())
    }

    fn put_unsummed(&mut self, bytes: &[u8]) -> Result<(), SaveKind> {
        self.out.write_all(bytes).map_err(SaveKind::io(WRITE))?;
        self.bytes += u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        Ok(())
    }
}

const WRITE: &str = "write the new file";

pub(crate) struct Reader<R> {
    input: R,
    sum: Hasher,
    body: Vec<u8>,
    pub(crate) bytes: u64,
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
    pub(crate) fn begin(input: R) -> Result<(Reader<R>, Header<'static>), LoadKind> {
        let mut reader = Reader {
            input,
            sum: Hasher::new(),
            body: Vec::new(),
            bytes: 0,
            entries: 0,
        };
        let magic: [u8; 8] = reader.get().map_err(|error| match error {
            LoadKind::Cut { .. } => LoadKind::NotASave,
            other => other,
        })?;
        if magic != MAGIC {
            return Err(LoadKind::NotASave);
        }
        let format = u32::from_le_bytes(reader.get()?);
        if format != FORMAT {
            return Err(LoadKind::Format { found: format });
        }
        reader.frame()?;
        match reader.body.split_first() {
            Some((&HEADER, header)) => {
                let header = named(header).ok_or(reader.damaged())?;
                Ok((reader, header))
            }
            _ => Err(reader.damaged()),
        }
    }

    pub(crate) fn next(&mut self) -> Result<Part<'_>, LoadKind> {
        self.frame()?;
        match self.body.split_first() {
            Some((&ENTRY, _)) => {
                self.entries += 1;
                let at = self.bytes;
                let (key, record) = self.body[1..]
                    .split_first_chunk()
                    .ok_or(LoadKind::Damaged { at })?;
                Ok(Part::Entry {
                    key: Uuid::from_bytes(*key),
                    record,
                })
            }
            Some((&END, end)) => {
                let end: End = named(end).ok_or(self.damaged())?;
                if end.entries != self.entries {
                    return Err(self.damaged());
                }
                match self.get::<1>() {
                    Err(LoadKind::Cut { .. }) => Ok(Part::End(end)),
                    Ok(_) => Err(self.damaged()),
                    Err(other) => Err(other),
                }
            }
            _ => Err(self.damaged()),
        }
    }

    /// Reads the next frame into the buffer.
    fn frame(&mut self) -> Result<(), LoadKind> {
        let length = u32::from_le_bytes(self.get()?);
        self.check_sum()?;
        self.body.clear();
        let read = (&mut self.input)
            .take(u64::from(length))
            .read_to_end(&mut self.body)
            .map_err(LoadKind::io)?;
        self.sum.update(&self.body);
        self.bytes += u64::try_from(read).unwrap_or(u64::MAX);
        if self.body.len() < usize::try_from(length).unwrap_or(usize::MAX) {
            return Err(LoadKind::Cut { at: self.bytes });
        }
        self.check_sum()
    }

    fn check_sum(&mut self) -> Result<(), LoadKind> {
        let sum = self.sum.clone().finalize();
        match u32::from_le_bytes(self.get_unsummed()?) == sum {
            true => Ok(()),
            false => Err(self.damaged()),
        }
    }

    fn get<const N: usize>(&mut self) -> Result<[u8; N], LoadKind> {
        let bytes = self.get_unsummed()?;
        self.sum.update(&bytes);
        Ok(bytes)
    }

    fn get_unsummed<const N: usize>(&mut self) -> Result<[u8; N], LoadKind> {
        let mut bytes = [0; N];
        match self.input.read_exact(&mut bytes) {
            Ok(()) => {
                self.bytes += u64::try_from(N).unwrap_or(u64::MAX);
                Ok(bytes)
            }
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => Err(LoadKind::Cut { at: self.bytes }),
            Err(error) => Err(LoadKind::io(error)),
        }
    }

    /// Says that what was just read is not what was written.
    pub(crate) fn damaged(&self) -> LoadKind {
        LoadKind::Damaged { at: self.bytes }
    }
}

/// Reads what [`Writer::named`] has written. Its sum was right, so it fails only if the program that wrote it was wrong.
fn named<T: DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    rmp_serde::from_slice(bytes).ok()
}
