//! A look at the engine's journal before the engine opens it.
//!
//! A batch that was being written when the power failed is torn, and no `flush` has returned for it: the engine leaves it
//! out. But the engine does the same with a batch that was damaged later, and with all that follow it; it believes the
//! sequence number of a batch, which no checksum covers; and it gives up on a torn batch whose first and last bytes came
//! to the disk and some between did not. So this goes through the journal first. What is left out may only be one torn
//! batch at the very end.
//!
//! A journal is a row of batches, then zeros or nothing. Numbers are little-endian:
//!
//! | bytes | what |
//! |--:|---|
//! | 1 + 4 + 8 | 1, the number of items, the sequence number, which grows from batch to batch |
//! | 1 + 20 + … | 2, type, compression, keyspace (8), length of the key (2), of the value (4), of its bytes here (4), key, bytes |
//! | 1 + 8 | 4, keyspace: it was cleared |
//! | 1 + 8 + 4 | 3, the xxh3 of all items, `FJL` 3 |

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use xxhash_rust::xxh3::Xxh3;

const START: u8 = 1;
const ITEM: u8 = 2;
const END: u8 = 3;
const CLEAR: u8 = 4;
const MAGIC: [u8; 4] = *b"FJL\x03";

const BUFFER: usize = 1 << 16;

/// What the journal of a folder looks like.
#[derive(Debug)]
pub(crate) enum Journal {
    Whole,
    /// It ends with a batch that is not whole.
    Torn(Torn),
    /// Something is wrong before its end.
    Damaged,
}

/// A batch at the end that is not whole.
#[derive(Debug)]
pub(crate) struct Torn {
    file: PathBuf,
    begins: u64,
    /// How many bytes there are of it.
    pub(crate) bytes: u64,
}

impl Torn {
    /// Leaves it out.
    pub(crate) fn cut(&self) -> io::Result<()> {
        let file = OpenOptions::new().write(true).open(&self.file)?;
        file.set_len(self.begins)?;
        file.sync_all()
    }
}

/// Looks at the journal in the engine's folder.
pub(crate) fn inspect(data: &Path) -> io::Result<Journal> {
    let mut files = Vec::new();
    for file in fs::read_dir(data)? {
        let path = file?.path();
        let number = path
            .file_stem()
            .and_then(|stem| stem.to_str()?.parse::<u64>().ok());
        if let (Some(number), Some("jnl")) = (number, path.extension().and_then(|kind| kind.to_str())) {
            files.push((number, path));
        }
    }
    files.sort_unstable();
    let mut last = None;
    let newest = files.len().saturating_sub(1);
    for (at, (_, file)) in files.into_iter().enumerate() {
        match inspect_file(file, &mut last)? {
            Journal::Whole => {}
            // An older file was whole on disk before the next one was begun.
            Journal::Torn(torn) if at == newest => return Ok(Journal::Torn(torn)),
            Journal::Torn(_) | Journal::Damaged => return Ok(Journal::Damaged),
        }
    }
    Ok(Journal::Whole)
}

fn inspect_file(path: PathBuf, last: &mut Option<u64>) -> io::Result<Journal> {
    let mut file = BufReader::with_capacity(BUFFER, File::open(&path)?);
    let mut begins = 0;
    while let Some(batch) = read_batch(&mut file)? {
        if last.is_some_and(|last| batch.sequence <= last) {
            return Ok(Journal::Damaged);
        }
        *last = Some(batch.sequence);
        begins += batch.bytes;
    }
    let mut rest = Vec::new();
    file.seek(SeekFrom::Start(begins))?;
    file.read_to_end(&mut rest)?;
    let len = rest.iter().rposition(|byte| *byte != 0).map_or(0, |at| at + 1);
    let rest = &rest[..len];
    if rest.is_empty() {
        return Ok(Journal::Whole);
    }
    // Whatever follows a torn batch was written later, and nothing is written after it.
    for at in 1..len {
        if rest[at] == START
            && let Some(later) = read_batch(&mut &rest[at..])?
            && last.is_none_or(|last| later.sequence > last)
        {
            return Ok(Journal::Damaged);
        }
    }
    Ok(Journal::Torn(Torn {
        file: path,
        begins,
        bytes: len as u64,
    }))
}

struct Batch {
    sequence: u64,
    bytes: u64,
}

/// Reads one batch. `None` if what is there is no whole one.
fn read_batch(input: &mut impl Read) -> io::Result<Option<Batch>> {
    match try_read_batch(input) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
        read => read,
    }
}

fn try_read_batch(input: &mut impl Read) -> io::Result<Option<Batch>> {
    let [tag] = take(input)?;
    if tag != START {
        return Ok(None);
    }
    let items = u32::from_le_bytes(take(input)?);
    let sequence = u64::from_le_bytes(take(input)?);
    let mut bytes = 1 + 4 + 8;
    let mut hash = Xxh3::new();
    for _ in 0..items {
        let [tag] = take(input)?;
        hash.update(&[tag]);
        let len = match tag {
            ITEM => {
                let head: [u8; 20] = take(input)?;
                hash.update(&head);
                let [.., k0, k1, _, _, _, _, v0, v1, v2, v3] = head;
                bytes += 20;
                u64::from(u16::from_le_bytes([k0, k1])) + u64::from(u32::from_le_bytes([v0, v1, v2, v3]))
            }
            CLEAR => 8,
            _ => return Ok(None),
        };
        feed(input, len, &mut hash)?;
        bytes += 1 + len;
    }
    let [tag] = take(input)?;
    let checksum = u64::from_le_bytes(take(input)?);
    let magic: [u8; 4] = take(input)?;
    bytes += 1 + 8 + 4;
    let is_whole = tag == END && checksum == hash.digest() && magic == MAGIC;
    Ok(is_whole.then_some(Batch { sequence, bytes }))
}

fn take<const N: usize>(input: &mut impl Read) -> io::Result<[u8; N]> {
    let mut taken = [0; N];
    input.read_exact(&mut taken)?;
    Ok(taken)
}

/// Hashes the next `len` bytes.
fn feed(input: &mut impl Read, mut len: u64, hash: &mut Xxh3) -> io::Result<()> {
    let mut buffer = [0; 4096];
    while len > 0 {
        let some = usize::try_from(len).map_or(buffer.len(), |len| len.min(buffer.len()));
        input.read_exact(&mut buffer[..some])?;
        hash.update(&buffer[..some]);
        len -= some as u64;
    }
    Ok(())
}
