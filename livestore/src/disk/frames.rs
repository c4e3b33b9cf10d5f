//! Frames: what every file that a store writes consists of.
//!
//! ```text
//! file     = preamble frame*
//! preamble = magic[8] format:u32 id[16] sum:u32
//! frame    = mark:u32 unit:u32 length:u32 sum:u32 body[length] chain:u32
//! ```
//!
//! Numbers are little-endian. The magic says what kind of file it is, and the id, which is random, which one. A sum is a
//! CRC-32. That of the preamble is over what stands before it. The `sum` in the head of a frame is over the id and the
//! head, so that no length is believed before it was checked, and so that a head is known as one of this file wherever
//! it is found; the mark, four bytes of the id, makes that search cheap. The `chain` is over everything in the file
//! before it, so no frame can be damaged, left out, doubled, moved or be another file's without a sum telling.
//!
//! Frames of one `unit` belong together; what a unit is, the file says.

#![cfg_attr(
    not(feature = "durable"),
    allow(dead_code, reason = "a folder asks for more than a file")
)]

use std::io::{self, ErrorKind, Read};

use crc32fast::Hasher;
use serde::Serialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

/// Of all files. Values have a version of their own, the schema's.
pub(crate) const FORMAT: u32 = 2;

/// How many bytes stand before the first frame.
pub(crate) const PREAMBLE: usize = 32;

/// How many bytes stand before a frame's body.
pub(crate) const HEAD: usize = 16;

/// What a file says about its kind.
pub(crate) type Magic = [u8; 8];

/// A file that was saved, or a durable store's snapshot.
pub(crate) const SAVE: Magic = *b"livesave";

/// Goes on from frame to frame.
#[derive(Clone)]
pub(crate) struct Seal {
    mark: [u8; 4],
    /// The sum of a head begins with the id.
    head: Hasher,
    /// Of everything in the file so far.
    chain: Hasher,
}

/// A frame of more bytes than a length can say.
#[derive(Debug)]
pub(crate) struct TooLarge;

impl Seal {
    /// Begins a file with its preamble.
    pub(crate) fn begin(magic: Magic, id: Uuid, out: &mut Vec<u8>) -> Seal {
        let start = out.len();
        out.extend_from_slice(&magic);
        out.extend_from_slice(&FORMAT.to_le_bytes());
        out.extend_from_slice(id.as_bytes());
        let sum = crc32fast::hash(&out[start..]);
        out.extend_from_slice(&sum.to_le_bytes());
        Seal::of(id, &out[start..])
    }

    fn of(id: Uuid, preamble: &[u8]) -> Seal {
        let [a, b, c, d, ..] = *id.as_bytes();
        let mut head = Hasher::new();
        head.update(id.as_bytes());
        let mut chain = Hasher::new();
        chain.update(preamble);
        Seal {
            mark: [a, b, c, d],
            head,
            chain,
        }
    }

    /// Leaves room for a frame's head. Its body is to follow.
    pub(crate) fn open(out: &mut Vec<u8>) -> usize {
        let start = out.len();
        out.extend_from_slice(&[0; HEAD]);
        start
    }

    /// Completes the frame that was opened at `start`.
    pub(crate) fn close(&mut self, unit: u32, start: usize, out: &mut Vec<u8>) -> Result<(), TooLarge> {
        let length = u32::try_from(out.len() - start - HEAD).map_err(|_| TooLarge)?;
        let head = &mut out[start..start + HEAD];
        head[..4].copy_from_slice(&self.mark);
        head[4..8].copy_from_slice(&unit.to_le_bytes());
        head[8..12].copy_from_slice(&length.to_le_bytes());
        let sum = self.head_sum(&head[..12]);
        head[12..].copy_from_slice(&sum);
        self.chain.update(&out[start..]);
        out.extend_from_slice(&self.sum().to_le_bytes());
        Ok(())
    }

    /// Of everything so far.
    pub(crate) fn sum(&self) -> u32 {
        self.chain.clone().finalize()
    }

    fn head_sum(&self, head: &[u8]) -> [u8; 4] {
        let mut sum = self.head.clone();
        sum.update(head);
        sum.finalize().to_le_bytes()
    }

    /// Reads a head. `None` if it is none of this file.
    fn read_head(&self, head: &[u8; HEAD]) -> Option<Head> {
        if head[..4] != self.mark || head[12..] != self.head_sum(&head[..12]) {
            return None;
        }
        let number = |at| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
        Some(Head {
            unit: number(4),
            length: number(8),
        })
    }

    /// Finds the first head of this file in these bytes that `wanted` wants. Returns where it is.
    pub(crate) fn find(&self, bytes: &[u8], wanted: impl Fn(u32) -> bool) -> Option<usize> {
        let heads = bytes.windows(HEAD).enumerate();
        let mut marked = heads.filter(|(_, head)| head[..4] == self.mark);
        marked.find_map(|(at, head)| {
            let head = self.read_head(head.first_chunk()?)?;
            wanted(head.unit).then_some(at)
        })
    }
}

struct Head {
    unit: u32,
    length: u32,
}

/// Why a file is not what was written.
#[derive(Debug)]
pub(crate) enum Bad {
    Io(io::Error),
    /// Of another kind, or nothing that a store has written.
    NotOurs,
    /// Another version of this crate has written it.
    Format {
        found: u32,
    },
    /// It ends too early.
    Cut {
        at: u64,
    },
    Damaged {
        at: u64,
    },
}

/// Reads frames one after another.
pub(crate) struct Frames<R> {
    input: R,
    seal: Seal,
    id: Uuid,
    body: Vec<u8>,
    /// How many bytes were read.
    at: u64,
    /// How many there are to be read at most.
    len: u64,
}

impl<R: Read> Frames<R> {
    /// Reads the preamble of a file of at most `len` bytes.
    pub(crate) fn begin(mut input: R, len: u64, magic: Magic) -> Result<Frames<R>, Bad> {
        let mut preamble = [0; PREAMBLE];
        let mut read = 0;
        while read < PREAMBLE {
            match input.read(&mut preamble[read..]) {
                Ok(0) => break,
                Ok(more) => read += more,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(Bad::Io(error)),
            }
        }
        let (head, sum) = preamble.split_at(PREAMBLE - 4);
        if read < magic.len() || head[..8] != magic {
            return Err(Bad::NotOurs);
        }
        let found = u32::from_le_bytes([head[8], head[9], head[10], head[11]]);
        // The first format had no sum here.
        if found == 1 && read >= 12 {
            return Err(Bad::Format { found });
        }
        let at = read as u64;
        if read < PREAMBLE {
            return Err(Bad::Cut { at });
        }
        if *sum != crc32fast::hash(head).to_le_bytes() {
            return Err(Bad::Damaged { at });
        }
        if found != FORMAT {
            return Err(Bad::Format { found });
        }
        let id = Uuid::from_slice(&head[12..]).map_err(|_| Bad::Damaged { at })?;
        Ok(Frames {
            input,
            seal: Seal::of(id, &preamble),
            id,
            body: Vec::new(),
            at,
            len,
        })
    }

    pub(crate) fn id(&self) -> Uuid {
        self.id
    }

    pub(crate) fn at(&self) -> u64 {
        self.at
    }

    pub(crate) fn seal(&self) -> &Seal {
        &self.seal
    }

    /// Of the frame that was read last.
    pub(crate) fn body(&self) -> &[u8] {
        &self.body
    }

    /// Says that what was just read is not what was written.
    pub(crate) fn damaged(&self) -> Bad {
        Bad::Damaged { at: self.at }
    }

    /// Reads the next frame and returns its unit. `None` at the end.
    pub(crate) fn next(&mut self) -> Result<Option<u32>, Bad> {
        if self.at == self.len {
            return Ok(None);
        }
        let head: [u8; HEAD] = self.get()?;
        let Some(Head { unit, length }) = self.seal.read_head(&head) else {
            return Err(self.damaged());
        };
        if u64::from(length) > self.len - self.at {
            return Err(Bad::Cut { at: self.len });
        }
        self.body.clear();
        let read = (&mut self.input)
            .take(u64::from(length))
            .read_to_end(&mut self.body);
        let read = read.map_err(Bad::Io)? as u64;
        self.at += read;
        if read < u64::from(length) {
            return Err(Bad::Cut { at: self.at });
        }
        self.seal.chain.update(&head);
        self.seal.chain.update(&self.body);
        match u32::from_le_bytes(self.get()?) == self.seal.sum() {
            true => Ok(Some(unit)),
            false => Err(self.damaged()),
        }
    }

    /// Makes sure that nothing follows.
    pub(crate) fn end(&mut self) -> Result<(), Bad> {
        match self.get::<1>() {
            Err(Bad::Cut { .. }) => Ok(()),
            Ok(_) => Err(self.damaged()),
            Err(other) => Err(other),
        }
    }

    fn get<const N: usize>(&mut self) -> Result<[u8; N], Bad> {
        let mut bytes = [0; N];
        match self.input.read_exact(&mut bytes) {
            Ok(()) => {
                self.at += N as u64;
                Ok(bytes)
            }
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => Err(Bad::Cut { at: self.at }),
            Err(error) => Err(Bad::Io(error)),
        }
    }
}

/// Appends a value of this crate's own: MessagePack with the names of fields.
pub(crate) fn put_named(what: &impl Serialize, out: &mut Vec<u8>) -> io::Result<()> {
    let mut serializer = rmp_serde::Serializer::new(out)
        .with_struct_map()
        .with_human_readable();
    what.serialize(&mut serializer).map_err(io::Error::other)
}

/// Reads what [`put_named`] has written. Its sum was right, so it fails only if the program that wrote it was wrong.
pub(crate) fn read_named<T: DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    let mut deserializer = rmp_serde::Deserializer::from_read_ref(bytes).with_human_readable();
    T::deserialize(&mut deserializer).ok()
}

/// Goes through the records in the body of a frame: `key[16] length:u32 record[length]`, with length 0 for none.
pub(crate) fn split_record<'a>(bytes: &mut &'a [u8]) -> Option<(Uuid, &'a [u8])> {
    let (key, rest) = bytes.split_first_chunk()?;
    let (length, rest) = rest.split_first_chunk()?;
    let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
    let (record, rest) = rest.split_at_checked(length)?;
    *bytes = rest;
    Some((Uuid::from_bytes(*key), record))
}

/// Appends what [`split_record`] splits off.
pub(crate) fn put_record(key: &Uuid, record: &[u8], out: &mut Vec<u8>) -> Result<(), TooLarge> {
    let length = u32::try_from(record.len()).map_err(|_| TooLarge)?;
    out.extend_from_slice(key.as_bytes());
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(record);
    Ok(())
}
