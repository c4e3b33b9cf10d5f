//! [`Log`]: what was committed, batch after batch.
//!
//! ```text
//! log    = preamble("live-log") header batch* 0*             longer than its last batch until the log has ended
//! header = frame({number, schema, epoch, opened_at})         unit 0; MessagePack with the names of fields
//! batch  = part* end                                         frames of one unit, which counts from 1
//! part   = 1 written:u64 built:u64 floor:u64 count:u64 (key[16] length:u32 record[length])*
//! end    = 2 and the same
//! ```
//!
//! A record of length 0 says that the key has no entry any more. `written` is the wall clock in nanoseconds, `built` what it would
//! have shown when the store was built, which changes only when somebody sets it; `count` is how many records the batch has
//! up to there, and the floor that of its end: no version up to there is given to a key again that had an entry.
//!
//! A batch is written behind the one before it, over zeros, and synced once; a batch of many megabytes in several writes. It
//! counts once its end is on disk. So the file is made longer before that: one that ends with its last batch was cut. Until a
//! batch is on disk nothing follows it; so if what does not check is followed by the head of a later one, it is damage, and
//! otherwise a batch that was being written. Nobody can forge such a head, because its sum is over the log's id.
//!
//! Behind the last batch there are zeros that no batch takes, however full the disk is. When nothing more is written they are
//! [given back](give_back), so there is room for what opening the folder makes before it can remove anything.

use std::io::{self, BufReader};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::disk::durable::contents::{DRAFT, LogMark};
use crate::disk::durable::error::OpenKind;
use crate::disk::durable::files::{Files, OnDisk, Reading};
use crate::disk::frames::{
    Bad, Frames, HEAD, Magic, Seal, TooLarge, put_named, put_record, read_named, split_record,
};
use crate::ground::clock::{Clocks, Shift, Wall};
use crate::ground::random::random_key;
use crate::value::durability::is_full;
use crate::value::schema::Schema;

pub(crate) const LOG: Magic = *b"live-log";

const HEADER: u8 = 0;
const PART: u8 = 1;
const END: u8 = 2;

/// What a disk gives and takes at a time, most often. The length of a log that has not ended is a multiple of it.
const PAGE: u64 = 4 << 10;

/// So many zeros stand behind a batch. Where the disk has no room for them, it is time to write everything anew.
const SPARE: u64 = 16 * PAGE;

/// And so many at least. Opening makes two files of a page each.
const LEAST: u64 = 4 * PAGE;

/// So much is filled with zeros at a time, before small batches are written over them: then a sync needs not write where the
/// file's blocks are.
const FILL: u64 = if cfg!(test) { 1 << 17 } else { 1 << 20 };

/// So much is added at a time for batches to which that does not matter.
const GROW: u64 = if cfg!(test) { 1 << 18 } else { 8 << 20 };

/// A part of a batch has about so many bytes, and memory is taken for one part.
const PART_BYTES: usize = if cfg!(test) { 100 << 10 } else { 1 << 20 };

/// How many bytes stand before the first record of a part.
const PART_HEAD: usize = 33;

const BUFFER: usize = 64 << 10;

#[derive(Serialize, Deserialize)]
struct Header {
    number: u64,
    schema: Schema,
    /// Of the store that wrote it.
    epoch: u64,
    opened_at: Wall,
}

pub(crate) struct Log<F> {
    file: F,
    number: u64,
    id: Uuid,
    seal: Seal,
    /// Of the file.
    len: u64,
    /// So far it is filled with zeros or batches, and not only said to be.
    filled: u64,
    /// The disk had no room for what is spared.
    is_tight: bool,
    /// What is on disk.
    synced: u64,
    /// What was given to the file.
    written: u64,
    /// What was not.
    buffer: Vec<u8>,
    /// Where in the buffer the part begins that records are added to.
    part: Option<usize>,
    /// Of the batch that is next to be on disk.
    unit: u32,
    count: u64,
    clocks: Clocks,
}

/// How long a log is that ends there, as long as it has not ended for good: there is room for the head of another frame, which
/// says by its zeros that there is none.
fn len_for(end: u64) -> u64 {
    ((end + HEAD as u64) / PAGE + 1) * PAGE
}

impl<F: OnDisk> Log<F> {
    /// Makes a log with no batch. It is on disk when this returns, and its name when the folder was synced.
    pub(crate) fn create<D: Files<File = F>>(
        files: &D,
        number: u64,
        schema: &Schema,
        epoch: u64,
        clocks: Clocks,
    ) -> io::Result<Log<F>> {
        let id = random_key();
        let mut buffer = Vec::new();
        let mut seal = Seal::begin(LOG, id, &mut buffer);
        let start = Seal::open(&mut buffer);
        buffer.push(HEADER);
        let header = Header {
            number,
            schema: schema.clone(),
            epoch,
            opened_at: clocks.now,
        };
        put_named(&header, &mut buffer)?;
        seal.close(0, start, &mut buffer)?;
        let written = buffer.len() as u64;
        let len = len_for(written);
        let name = LogMark::name(number);
        let draft = format!("{name}{DRAFT}");
        let mut file = files.create(&draft)?;
        file.write_at(0, &buffer)?;
        // Filled before the first batch: a disk that is all but full has no room for more.
        file.set_len(len)?;
        file.sync()?;
        files.rename(&draft, &name)?;
        buffer.clear();
        Ok(Log {
            file,
            number,
            id,
            seal,
            len,
            filled: written,
            is_tight: false,
            synced: written,
            written,
            buffer,
            part: None,
            unit: 1,
            count: 0,
            clocks,
        })
    }

    /// What the contents say of it: that it has ended, or may go on.
    pub(crate) fn mark(&self, ended: Ended) -> LogMark {
        LogMark {
            number: self.number,
            id: self.id,
            bytes: self.synced,
            built: self.clocks.built,
            sum: match ended {
                Ended::Yes => Some(self.seal.sum()),
                Ended::No => None,
            },
        }
    }

    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    pub(crate) fn is_tight(&self) -> bool {
        self.is_tight
    }

    pub(crate) fn has_batches(&self) -> bool {
        self.unit > 1
    }

    /// How many bytes are on disk.
    pub(crate) fn bytes(&self) -> u64 {
        self.synced
    }

    /// Says when the batch is written.
    pub(crate) fn begin(&mut self, clocks: Clocks) {
        self.clocks = clocks;
    }

    /// Adds to the batch that the key has this record, or none if it is empty. Returns whether that is enough for a
    /// [write](Self::write), which comes next then.
    pub(crate) fn put(&mut self, key: &Uuid, record: &[u8]) -> io::Result<bool> {
        self.open_part();
        put_record(key, record, &mut self.buffer)?;
        self.count += 1;
        let is_enough = self.buffer.len() >= PART_BYTES;
        if is_enough {
            self.close_part(PART, 0)?;
        }
        Ok(is_enough)
    }

    /// Ends the batch, which is to be [written](Self::write) and [synced](Self::sync) next.
    pub(crate) fn end(&mut self, floor: u64) -> io::Result<()> {
        self.open_part();
        self.close_part(END, floor)
    }

    /// Has the batch that was ended and written on disk.
    pub(crate) fn sync(&mut self) -> io::Result<()> {
        self.file.sync()?;
        if !self.file.is_there()? {
            return Err(io::Error::new(
                io::ErrorKind::NotFound,
                "the folder was removed, or the log in it",
            ));
        }
        self.synced = self.written;
        self.unit = self
            .unit
            .checked_add(1)
            .ok_or_else(|| io::Error::other("too many batches"))?;
        self.count = 0;
        Ok(())
    }

    fn open_part(&mut self) {
        if self.part.is_none() {
            self.part = Some(Seal::open(&mut self.buffer));
            self.buffer.extend_from_slice(&[0; PART_HEAD]);
        }
    }

    fn close_part(&mut self, kind: u8, floor: u64) -> io::Result<()> {
        let Some(start) = self.part.take() else {
            return Ok(());
        };
        let head = &mut self.buffer[start + HEAD..][..PART_HEAD];
        head[0] = kind;
        head[1..9].copy_from_slice(&self.clocks.now.nanos().to_le_bytes());
        head[9..17].copy_from_slice(&self.clocks.built.nanos().to_le_bytes());
        head[17..25].copy_from_slice(&floor.to_le_bytes());
        head[25..].copy_from_slice(&self.count.to_le_bytes());
        Ok(self.seal.close(self.unit, start, &mut self.buffer)?)
    }

    /// Gives the file what was added. After an error it can be tried again; nothing else may follow one.
    pub(crate) fn write(&mut self) -> io::Result<()> {
        let end = self.written + self.buffer.len() as u64;
        if end + SPARE > self.filled {
            self.make_room(end)?;
        }
        self.file.write_at(self.written, &self.buffer)?;
        self.written = end;
        self.buffer.clear();
        self.buffer.shrink_to(2 * PART_BYTES);
        Ok(())
    }

    /// Makes the file longer than `end`, and fills it: with what is spared, and further for small batches.
    fn make_room(&mut self, end: u64) -> io::Result<()> {
        let small = self.buffer.len() < BUFFER;
        let more = if small { FILL } else { GROW };
        if end + SPARE > self.len {
            let len = len_for(end + more);
            self.file.set_len(len)?;
            // Before anything is written there, so that the length is one of the two whatever happens.
            self.file.sync()?;
            self.len = len;
        }
        let (from, to) = match small {
            true => (self.filled, self.len.min(len_for(end + FILL))),
            // What stands before that is written next.
            false => (self.filled.max(end), end + SPARE),
        };
        let zeros = vec![0; BUFFER];
        let mut at = from;
        let mut most = zeros.len();
        while at < to {
            let some = usize::try_from(to - at).unwrap_or(usize::MAX).min(most);
            match self.file.write_at(at, &zeros[..some]) {
                Ok(()) => at += some as u64,
                // There may be room for a part of it.
                Err(error) if is_full(&error) && some > PAGE as usize => most = PAGE as usize,
                Err(error) if is_full(&error) && at >= end + LEAST => break,
                Err(error) => return Err(error),
            }
        }
        self.is_tight = at < end + SPARE;
        if at < to {
            // What is not spared is for others: if it is tight, for what is written anew.
            self.len = len_for(end + if self.is_tight { LEAST } else { SPARE });
            self.file.set_len(self.len)?;
        }
        if small && at > from {
            self.file.sync()?;
        }
        self.filled = at.min(self.len);
        Ok(())
    }

    /// [Gives back](give_back) what is behind the last batch.
    pub(crate) fn give_up(&mut self) -> io::Result<()> {
        give_back(&mut self.file, self.synced)
    }

    /// Gives back what is behind the last batch of a log that has ended.
    pub(crate) fn trim(&mut self) -> io::Result<()> {
        self.file.set_len(self.synced)
    }
}

/// Gives back what is behind the last batch, which ends there, of a log to which nothing more is written, though it has not
/// ended: a batch that was being written does not count. The file stays longer than that.
pub(crate) fn give_back<F: OnDisk>(file: &mut F, end: u64) -> io::Result<()> {
    let before = file.len()?;
    let len = len_for(end).min(before);
    // First what is left of the batch: its head says how long it is, and so that the file was cut. A full disk has room for
    // no more zeros than that.
    let left = usize::try_from(len - end).map_err(io::Error::other)?;
    let mut bytes = vec![0; left];
    let mut read = 0;
    while read < left {
        match file.read_at(end + read as u64, &mut bytes[read..])? {
            0 => break,
            more => read += more,
        }
    }
    let is_left = |byte: &u8| *byte != 0;
    if let (Some(first), Some(last)) = (bytes.iter().position(is_left), bytes.iter().rposition(is_left)) {
        bytes[first..=last].fill(0);
        file.write_at(end + first as u64, &bytes[first..=last])?;
    }
    file.sync()?;
    match len < before {
        true => file.set_len(len),
        false => Ok(()),
    }
}

/// Cuts off what stands behind the last batch of a log that has ended, and does not count.
pub(crate) fn cut<D: Files>(files: &D, mark: &LogMark) -> io::Result<()> {
    let mut file = files.open(&LogMark::name(mark.number))?;
    match file.len()? > mark.bytes {
        true => file.set_len(mark.bytes),
        false => Ok(()),
    }
}

/// Whether more may come.
#[derive(Clone, Copy)]
pub(crate) enum Ended {
    Yes,
    No,
}

impl From<TooLarge> for io::Error {
    fn from(TooLarge: TooLarge) -> Self {
        io::Error::other("a value has more than 4 GiB")
    }
}

/// How far a log goes.
#[derive(Debug, PartialEq)]
pub(crate) struct Extent {
    /// Up to the end of the last batch.
    pub(crate) bytes: u64,
    pub(crate) sum: u32,
    /// Of the last batch.
    pub(crate) built: Wall,
    /// Whether there is a batch.
    pub(crate) any: bool,
    /// How many bytes of a batch that is not whole stand behind the last.
    pub(crate) torn: u64,
}

/// Finds out how far a log goes that may not have ended.
pub(crate) fn measure<F: OnDisk>(file: &mut F, mark: &LogMark) -> Result<Extent, OpenKind> {
    let name = LogMark::name(mark.number);
    let bad = OpenKind::bad(&name);
    let len = file.len().map_err(OpenKind::Io)?;
    let (extent, unit, seal) = {
        let input = BufReader::with_capacity(BUFFER, Reading::new(file, len));
        let mut frames = begin(input, len, mark.number, mark.id).map_err(&bad)?;
        let mut extent = Extent {
            bytes: frames.at(),
            sum: frames.seal().sum(),
            built: mark.built,
            any: false,
            torn: 0,
        };
        let mut unit = 1;
        let mut count = 0;
        loop {
            match frames.next() {
                Ok(Some(found)) if found == unit => {
                    let part = Part::read(frames.body()).ok_or_else(|| bad(frames.damaged()))?;
                    if !part.counts_on(&mut count) {
                        return Err(bad(frames.damaged()));
                    }
                    if part.is_end {
                        extent.bytes = frames.at();
                        extent.sum = frames.seal().sum();
                        extent.built = part.built;
                        extent.any = true;
                        unit += 1;
                        count = 0;
                    }
                }
                Ok(Some(_)) => return Err(bad(frames.damaged())),
                // It is always longer than its last batch.
                Ok(None) => return Err(bad(Bad::Cut { at: len })),
                Err(Bad::Cut { at }) => return Err(bad(Bad::Cut { at })),
                Err(Bad::Damaged { .. }) => break,
                Err(other) => return Err(bad(other)),
            }
        }
        (extent, unit, frames.seal().clone())
    };
    let torn = look_behind(file, extent.bytes, len, &seal, unit).map_err(OpenKind::Io)?;
    match torn {
        Some(torn) if extent.bytes >= mark.bytes => Ok(Extent { torn, ..extent }),
        _ => Err(bad(Bad::Damaged { at: extent.bytes })),
    }
}

/// Looks at what stands behind the last batch. Returns how many bytes there are of one that is not whole; `None` if there is
/// the head of a later one.
fn look_behind<F: OnDisk>(
    file: &mut F,
    start: u64,
    len: u64,
    seal: &Seal,
    unit: u32,
) -> io::Result<Option<u64>> {
    let mut buffer = vec![0; BUFFER];
    let mut kept = 0;
    let mut at = start;
    let mut last = start;
    while at < len {
        let read = file.read_at(at, &mut buffer[kept..])?;
        if read == 0 {
            break;
        }
        let bytes = &buffer[..kept + read];
        if let Some(nonzero) = bytes.iter().rposition(|byte| *byte != 0) {
            last = last.max(at - kept as u64 + nonzero as u64 + 1);
            if seal.find(bytes, |found| found > unit).is_some() {
                return Ok(None);
            }
        }
        at += read as u64;
        // A head may lie across.
        let keep = bytes.len().min(HEAD - 1);
        let from = bytes.len() - keep;
        buffer.copy_within(from..from + keep, 0);
        kept = keep;
    }
    Ok(Some(last - start))
}

/// A record that was read.
pub(crate) struct Read<'a> {
    pub(crate) key: Uuid,
    /// Empty if the key has no entry any more.
    pub(crate) record: &'a [u8],
    pub(crate) written: Wall,
    /// If the wall clock was set between then and the end of the log.
    pub(crate) shift: Option<Shift>,
    /// The records that come next, as far as they were read with this one.
    pub(crate) next: &'a [u8],
    /// How many bytes were read.
    pub(crate) at: u64,
}

/// Reads the first `mark.bytes` of a log, which must be all of it, and gives each record to `take`. Returns the floor, if there is a batch.
pub(crate) fn read<F: OnDisk>(
    file: &mut F,
    mark: &LogMark,
    take: &mut impl FnMut(Read<'_>) -> Result<(), OpenKind>,
) -> Result<u64, OpenKind> {
    let name = LogMark::name(mark.number);
    let bad = OpenKind::bad(&name);
    let len = file.len().map_err(OpenKind::Io)?;
    if len < mark.bytes {
        return Err(bad(Bad::Cut { at: len }));
    }
    let input = BufReader::with_capacity(BUFFER, Reading::new(file, mark.bytes));
    let mut frames = begin(input, mark.bytes, mark.number, mark.id).map_err(&bad)?;
    let (mut unit, mut count, mut floor) = (1, 0, 0);
    while let Some(found) = frames.next().map_err(&bad)? {
        let damaged = || bad(frames.damaged());
        let part = Part::read(frames.body()).ok_or_else(damaged)?;
        if found != unit || !part.counts_on(&mut count) {
            return Err(damaged());
        }
        let shift = Clocks::shift_to(part.built, mark.built);
        let mut records = part.records;
        while !records.is_empty() {
            let (key, record) = split_record(&mut records).ok_or_else(damaged)?;
            take(Read {
                key,
                record,
                written: part.written,
                shift,
                next: records,
                at: frames.at(),
            })?;
        }
        if part.is_end {
            floor = part.floor;
            unit += 1;
            count = 0;
        }
    }
    if mark.sum != Some(frames.seal().sum()) || count > 0 {
        return Err(bad(frames.damaged()));
    }
    Ok(floor)
}

/// Reads what stands before the first batch.
fn begin<R: io::Read>(input: R, len: u64, number: u64, id: Uuid) -> Result<Frames<R>, Bad> {
    let mut frames = Frames::begin(input, len, LOG)?;
    if frames.next()? != Some(0) {
        return Err(frames.damaged());
    }
    let header: Option<Header> = match frames.body().split_first() {
        Some((&HEADER, header)) => read_named(header),
        _ => None,
    };
    match header {
        Some(header) if header.number == number && frames.id() == id => Ok(frames),
        _ => Err(frames.damaged()),
    }
}

/// Whether a log that no contents name was begun and nothing more.
pub(crate) fn is_empty<F: OnDisk>(file: &mut F, number: u64) -> Result<bool, OpenKind> {
    let name = LogMark::name(number);
    let len = file.len().map_err(OpenKind::Io)?;
    let frames = Frames::begin(Reading::new(file, len), len, LOG).map_err(OpenKind::bad(&name))?;
    let id = frames.id();
    drop(frames);
    let mark = LogMark {
        number,
        id,
        bytes: 0,
        built: Wall::from_nanos(0),
        sum: None,
    };
    let extent = measure(file, &mark)?;
    Ok(!extent.any && extent.torn == 0)
}

/// The body of a frame.
struct Part<'a> {
    is_end: bool,
    written: Wall,
    built: Wall,
    floor: u64,
    count: u64,
    records: &'a [u8],
}

impl<'a> Part<'a> {
    fn read(body: &'a [u8]) -> Option<Part<'a>> {
        let (head, records) = body.split_first_chunk::<PART_HEAD>()?;
        let number = |at: usize| head[at..at + 8].try_into().map(u64::from_le_bytes).ok();
        Some(Part {
            is_end: match head[0] {
                PART => false,
                END => true,
                _ => return None,
            },
            written: Wall::from_nanos(number(1)?),
            built: Wall::from_nanos(number(9)?),
            floor: number(17)?,
            count: number(25)?,
            records,
        })
    }

    /// Adds the number of records to that of the batch so far. Returns whether it is as many as the part says.
    fn counts_on(&self, count: &mut u64) -> bool {
        let mut records = self.records;
        while !records.is_empty() {
            if split_record(&mut records).is_none() {
                return false;
            }
            *count += 1;
        }
        *count == self.count
    }
}
