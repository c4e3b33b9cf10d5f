//! [`Folder`]: a durable store's files, and which of them count.
//!
//! | in the folder | what |
//! |---|---|
//! | `lock` | locked by the process that has the store open |
//! | `contents` | [which files there are](crate::disk::durable::contents) |
//! | `snapshot-7` | everything as it was after the log 7 began: a saved store |
//! | `log-7`, `log-8` | [what was committed](crate::disk::durable::log), in this order |
//! | `….new` | not finished |
//!
//! A log begins with each opening, and when the present one has outgrown what it is about; then a snapshot of its number is
//! written while the log goes on. Each entry is in it as it was at one of its commits since the log began. So read before the
//! log, and only where the log has all that was committed before the snapshot was complete, it gives what the log ends
//! with. When it counts, what came before it goes.
//!
//! Numbers only grow. Opening reads everything before it changes anything.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, BufReader, ErrorKind};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use uuid::Uuid;

use crate::disk::durable::contents::{CONTENTS, Contents, DRAFT, LogMark, SnapshotMark, is_draft, number_of};
use crate::disk::durable::engine::{AnewError, Engine};
use crate::disk::durable::error::OpenKind;
use crate::disk::durable::files::{Files, OnDisk, Reading, Writing};
use crate::disk::durable::log::{self, Ended, LOG, Log};
use crate::disk::frames::{Bad, Magic, SAVE};
use crate::disk::snapshot::file::{Part, Reader, WriteError, Writer};
use crate::ground::clock::{Clocks, Shift, Wall};
use crate::slot::sink::Sizes;
use crate::value::durability::is_full;
use crate::value::schema::Schema;

/// With more logs a folder is written anew, if that is little work beside reading them; with four times as many in any case.
/// Each opening begins one.
const MANY_LOGS: usize = 16;

/// So many bytes are read again quickly, whatever they are about.
const FEW_BYTES: u64 = 1 << 20;

const BUFFER: usize = 64 << 10;

/// Where the files of an engine were, and how the first of them began.
const FORMER: &str = "data";
const FORMER_BEGIN: &[u8] = b"FJL";

/// What is in a folder before anything is changed in it.
pub(crate) struct Found<D> {
    files: D,
    names: Vec<String>,
    /// The names that the contents say.
    counts: Vec<String>,
    contents: Option<Contents>,
    /// The log that has not ended, and where its last batch ends. Known once it was read.
    open_log: Option<(u64, u64)>,
    /// Of all files.
    pub(crate) bytes: u64,
}

/// What was read.
#[derive(Debug, Default)]
pub(crate) struct Summary {
    pub(crate) floor: u64,
    pub(crate) torn_bytes: u64,
    pub(crate) bytes: u64,
}

/// One record that was read, in the order in which they count. Empty if the key has no entry any more.
pub(crate) struct Item<'a> {
    pub(crate) key: Uuid,
    pub(crate) record: &'a [u8],
    pub(crate) written: Wall,
    /// If the wall clock was set after that, while the store was open.
    pub(crate) shift: Option<Shift>,
    /// The records that are known to come next.
    pub(crate) next: &'a [u8],
    /// How many bytes were read so far.
    pub(crate) bytes: u64,
}

impl<D: Files> Found<D> {
    pub(crate) fn look(files: D) -> Result<Found<D>, OpenKind> {
        let contents = Contents::read(&files)?;
        let mut names = files.list().map_err(OpenKind::Io)?;
        if contents.is_none() && is_former(&files, &names)? {
            return Err(OpenKind::Former);
        }
        names.retain(|name| number_of(name).is_some() || is_draft(name));
        let found = Found {
            files,
            names,
            counts: contents.as_ref().map(Contents::names).unwrap_or_default(),
            contents,
            open_log: None,
            bytes: 0,
        };
        found.look_for_others()?;
        let bytes = found.measure()?;
        Ok(Found { bytes, ..found })
    }

    /// The schema of the newest values. `None` in a folder that is new.
    pub(crate) fn schema(&self) -> Option<&Schema> {
        self.contents.as_ref().map(|contents| &contents.schema)
    }

    /// Makes sure that no file that nothing names holds anything that counts.
    fn look_for_others(&self) -> Result<(), OpenKind> {
        let last = self.contents.as_ref().map(Contents::last_number);
        for name in &self.names {
            let Some(number) = number_of(name) else { continue };
            if last.is_some_and(|last| number <= last) {
                continue;
            }
            // A log is named before its first batch.
            let counts = match name.starts_with("log-") {
                true => {
                    let mut file = self.files.open(name).map_err(OpenKind::Io)?;
                    !log::is_empty(&mut file, number)?
                }
                false => true,
            };
            if counts {
                return Err(match self.contents {
                    None => OpenKind::Lost(CONTENTS.to_owned()),
                    Some(_) => OpenKind::bad(CONTENTS)(Bad::Damaged { at: 0 }),
                });
            }
        }
        Ok(())
    }

    fn measure(&self) -> Result<u64, OpenKind> {
        let Some(contents) = &self.contents else {
            return Ok(0);
        };
        let mut bytes = contents.snapshot.as_ref().map_or(0, |snapshot| snapshot.bytes);
        for log in &contents.logs {
            bytes += match log.sum {
                Some(_) => log.bytes,
                None => self
                    .open(&LogMark::name(log.number))?
                    .len()
                    .map_err(OpenKind::Io)?,
            };
        }
        Ok(bytes)
    }

    fn open(&self, name: &str) -> Result<D::File, OpenKind> {
        self.files.open(name).map_err(|error| match error.kind() {
            ErrorKind::NotFound => OpenKind::Lost(name.to_owned()),
            _ => OpenKind::Io(error),
        })
    }

    /// Reads everything. Nothing is changed.
    pub(crate) fn read(
        &mut self,
        mut take: impl FnMut(Item<'_>) -> Result<(), OpenKind>,
    ) -> Result<Summary, OpenKind> {
        let mut summary = Summary::default();
        let Some(mut contents) = self.contents.take() else {
            return Ok(summary);
        };
        // How far the last log goes decides whether the others matter.
        if let Some(last) = contents.logs.last_mut()
            && last.sum.is_none()
        {
            let mut file = self.open(&LogMark::name(last.number))?;
            let extent = log::measure(&mut file, last)?;
            last.bytes = extent.bytes;
            last.sum = Some(extent.sum);
            last.built = extent.built;
            summary.torn_bytes = extent.torn;
            self.open_log = Some((last.number, extent.bytes));
            if !extent.any && extent.torn == 0 {
                // Nothing is in it, and it may go.
                contents.logs.pop();
            }
        }
        if let Some(snapshot) = &contents.snapshot {
            summary.floor = self.read_snapshot(snapshot, &mut take)?;
            summary.bytes += snapshot.bytes;
        }
        for mark in &contents.logs {
            let mut file = self.open(&LogMark::name(mark.number))?;
            let before = summary.bytes;
            let floor = log::read(&mut file, mark, &mut |read| {
                take(Item {
                    key: read.key,
                    record: read.record,
                    written: read.written,
                    shift: read.shift,
                    next: read.next,
                    bytes: before + read.at,
                })
            })?;
            summary.floor = summary.floor.max(floor);
            summary.bytes += mark.bytes;
        }
        self.contents = Some(contents);
        Ok(summary)
    }

    fn read_snapshot(
        &self,
        mark: &SnapshotMark,
        take: &mut impl FnMut(Item<'_>) -> Result<(), OpenKind>,
    ) -> Result<u64, OpenKind> {
        let name = SnapshotMark::name(mark.number);
        let bad = OpenKind::bad(&name);
        let mut file = self.open(&name)?;
        let len = file.len().map_err(OpenKind::Io)?;
        let input = BufReader::with_capacity(BUFFER, Reading::new(&mut file, len));
        let (mut reader, header) = Reader::begin(input, len).map_err(&bad)?;
        if reader.id() != mark.id {
            return Err(bad(reader.damaged()));
        }
        loop {
            let bytes = reader.bytes();
            match reader.next().map_err(&bad)? {
                Part::Entry { key, record } => take(Item {
                    key,
                    record,
                    written: header.saved_at,
                    shift: None,
                    next: &[],
                    bytes,
                })?,
                Part::End(end) => {
                    return match reader.bytes() == mark.bytes && reader.sum() == mark.sum {
                        true => Ok(end.floor),
                        false => Err(bad(reader.damaged())),
                    };
                }
            }
        }
    }

    /// Begins to write, after all was [read](Self::read).
    pub(crate) fn begin(
        self,
        schema: &Schema,
        epoch: u64,
        clocks: Clocks,
        limit: u64,
    ) -> io::Result<Folder<D>> {
        let Found {
            files,
            mut names,
            counts,
            contents,
            open_log,
            ..
        } = self;
        let number = names.iter().filter_map(|name| number_of(name)).max().unwrap_or(0) + 1;
        // What somebody else has put there stays.
        names.retain(|name| counts.contains(name) || is_ours(&files, name));
        // What does not count may have taken all the room that there was. It must not count after a loss of power either.
        if names.iter().any(|name| !counts.contains(name)) {
            files.sync()?;
        }
        for name in names.iter().filter(|name| !counts.contains(name)) {
            let _ = files.remove(name);
        }
        // Nobody has if the process was killed.
        if let Some((number, end)) = open_log {
            log::give_back(&mut files.open(&LogMark::name(number))?, end)?;
        }
        let mut contents = contents.unwrap_or(Contents {
            schema: schema.clone(),
            snapshot: None,
            logs: Vec::new(),
        });
        contents.schema = schema.clone();
        let begun = Log::create(&files, number, schema, epoch, clocks).and_then(|log| {
            files.sync()?;
            contents.logs.push(log.mark(Ended::No));
            contents.draft(&files)?;
            Ok(log)
        });
        let log = begun.inspect_err(|_| remove_unnamed(&files, LogMark::name(number)))?;
        Contents::publish(&files)?;
        let mut folder = Folder {
            files,
            contents,
            log,
            next: number + 1,
            anew: None,
            patience: 0,
            epoch,
            limit,
        };
        folder.tidy_up(names);
        Ok(folder)
    }
}

/// A folder that is written to.
pub(crate) struct Folder<D: Files> {
    files: D,
    contents: Contents,
    log: Log<D::File>,
    /// The number of the next log.
    next: u64,
    /// A snapshot that is being written.
    anew: Option<Anew<D::File>>,
    /// How large the logs become before another is tried, after one that has come to nothing.
    patience: u64,
    epoch: u64,
    /// How large logs may become in any case.
    limit: u64,
}

struct Anew<F: OnDisk> {
    number: u64,
    writer: Writer<Writing<F>>,
}

impl<D: Files> Folder<D> {
    /// Removes files that do not count, and what stands behind the end of logs that have ended. If something cannot be removed, it
    /// is in nobody's way.
    fn tidy_up(&mut self, names: Vec<String>) {
        let ended = self.contents.logs.iter().filter(|mark| mark.sum.is_some());
        for mark in ended {
            let _ = log::cut(&self.files, mark);
        }
        let counts = self.contents.names();
        for name in names {
            if !counts.contains(&name) {
                let _ = self.files.remove(&name);
            }
        }
    }

    /// How many bytes of logs are to be read when it is opened.
    fn log_bytes(&self) -> u64 {
        let ended = self.contents.logs.iter().map(|mark| match mark.sum {
            Some(_) => mark.bytes,
            None => self.log.bytes(),
        });
        ended.sum()
    }

    /// Whether there are more logs than there should be, where this many bytes are needed.
    fn has_many_logs(&self, needed: u64) -> bool {
        let logs = self.contents.logs.len();
        (logs > MANY_LOGS && self.log_bytes() > needed / 4) || logs > 4 * MANY_LOGS
    }

    /// The contents once the log has ended. One that nothing is in need not be there.
    fn ended(&self) -> Contents {
        let mut contents = self.contents.clone();
        contents.logs.pop();
        if self.log.has_batches() {
            contents.logs.push(self.log.mark(Ended::Yes));
        }
        contents
    }

    /// Has these contents count.
    fn publish(&mut self, contents: Contents) -> Result<(), AnewError> {
        contents.draft(&self.files)?;
        Contents::publish(&self.files).map_err(AnewError::Final)?;
        self.contents = contents;
        Ok(())
    }
}

impl<D: Files> Folder<D> {
    /// Removes what does not count after an error: what was not finished, and a snapshot that no contents name.
    fn drop_rest(&self) -> io::Result<()> {
        // As they are, and not as they were to be: it is not known how far that came.
        let newest = Contents::read(&self.files).ok().flatten();
        let newest = newest.map(|contents| contents.snapshot.map_or(0, |mark| mark.number));
        for name in self.files.list()? {
            let is_unnamed = name.starts_with("snapshot-") && number_of(&name) > newest && newest.is_some();
            if is_draft(&name) || is_unnamed {
                let _ = self.files.remove(&name);
            }
        }
        Ok(())
    }

    /// Ends a snapshot, and has it count in the place of what came before it.
    fn end_snapshot(
        &mut self,
        number: u64,
        writer: Writer<Writing<D::File>>,
        floor: u64,
    ) -> Result<(), AnewError> {
        let (Writing { mut file, .. }, whole) = writer.end(floor).map_err(failed)?;
        file.sync()?;
        drop(file);
        let name = SnapshotMark::name(number);
        self.files.rename(&format!("{name}{DRAFT}"), &name)?;
        self.files.sync()?;
        let mut contents = self.contents.clone();
        contents.snapshot = Some(SnapshotMark {
            number,
            id: whole.id,
            bytes: whole.bytes,
            sum: whole.sum,
        });
        contents.logs.retain(|log| log.number >= number);
        // So far the log must go for the snapshot to count.
        if let Some(last) = contents.logs.last_mut() {
            *last = self.log.mark(Ended::No);
        }
        self.publish(contents)
    }

    /// Writes what was added to the log. If the disk is full, a snapshot that does not count yet makes room.
    fn write_log(&mut self) -> io::Result<()> {
        match self.log.write() {
            Err(error) if self.anew.is_some() && is_full(&error) => {
                self.drop_anew();
                self.log.write()
            }
            written => written,
        }
    }

    /// Gives back what a log that has ended does not need: all of it, if it does not count.
    fn trim(&mut self) -> io::Result<()> {
        match self.log.has_batches() {
            true => self.log.trim(),
            false => self.files.remove(&LogMark::name(self.log.number())),
        }
    }
}

/// Removes a log or a snapshot that no contents name, as far as it came, and what was to name it. If that fails, they are in
/// nobody's way.
fn remove_unnamed(files: &impl Files, name: String) {
    for name in [format!("{CONTENTS}{DRAFT}"), format!("{name}{DRAFT}"), name] {
        let _ = files.remove(&name);
    }
}

/// Whether a file that does not count is one of ours: it begins as they do, or a loss of power has left nothing of it.
fn is_ours(files: &impl Files, name: &str) -> bool {
    let mut begin = Magic::default();
    // Opened to be written, so that nobody waits for a pipe.
    let read = files.open(name).and_then(|mut file| file.read_at(0, &mut begin));
    is_draft(name) || (read.is_ok() && [LOG, SAVE, Magic::default()].contains(&begin))
}

/// Whether an engine has kept the folder, before livestore kept it itself: then its files are in a folder of their own.
fn is_former(files: &impl Files, names: &[String]) -> Result<bool, OpenKind> {
    if !names.iter().any(|name| name == FORMER) {
        return Ok(false);
    }
    let begins = files
        .open_to_read(&format!("{FORMER}/version"))
        .and_then(|mut file| {
            let mut begin = [0; FORMER_BEGIN.len()];
            let read = file.read_at(0, &mut begin)?;
            Ok(begin[..read] == *FORMER_BEGIN)
        });
    begins.or_else(|error| match error.kind() {
        // It is somebody else's. Whatever else is wrong says nothing of whose it is.
        ErrorKind::NotFound | ErrorKind::NotADirectory | ErrorKind::IsADirectory => Ok(false),
        _ => Err(OpenKind::Io(error)),
    })
}

fn failed(error: WriteError) -> io::Error {
    match error {
        WriteError::Io(error) => error,
        WriteError::TooLarge => io::Error::other("a value has more than 4 GiB"),
    }
}

impl<D: Files> Engine for Folder<D> {
    fn begin(&mut self, clocks: Clocks) {
        self.log.begin(clocks);
    }

    fn put(&mut self, key: &Uuid, record: &[u8]) -> io::Result<()> {
        match self.log.put(key, record)? {
            true => self.write_log(),
            false => Ok(()),
        }
    }

    fn remove(&mut self, key: &Uuid) -> io::Result<()> {
        self.put(key, &[])
    }

    fn commit(&mut self, floor: u64) -> io::Result<()> {
        self.log.end(floor)?;
        self.write_log()?;
        self.log.sync()
    }

    fn is_anew(&self) -> bool {
        self.anew.is_some()
    }

    fn is_outgrown(&self, needed: u64) -> bool {
        let bytes = self.log_bytes();
        if self.anew.is_some() || bytes < self.patience {
            return false;
        }
        bytes > needed.max(self.limit)
            || self.has_many_logs(needed)
            || (self.log.is_tight() && bytes > needed)
    }

    fn sizes(&self) -> Sizes {
        Sizes {
            log: self.log_bytes(),
            snapshot: self.contents.snapshot.as_ref().map_or(0, |mark| mark.bytes),
        }
    }

    fn is_wasteful(&self, needed: u64) -> bool {
        let Sizes { log, snapshot } = self.sizes();
        let bytes = log + snapshot;
        (bytes > FEW_BYTES && bytes / 4 > needed) || self.has_many_logs(needed)
    }

    fn begin_anew(&mut self, clocks: Clocks) -> Result<(), AnewError> {
        let number = self.next;
        self.log.begin(clocks);
        let begun = Log::create(&self.files, number, &self.contents.schema, self.epoch, clocks)
            .and_then(|log| self.files.sync().map(|()| log))
            .map_err(AnewError::Dropped)
            .and_then(|log| {
                let mut contents = self.ended();
                contents.logs.push(log.mark(Ended::No));
                self.publish(contents).map(|()| log)
            });
        let log = begun.inspect_err(|error| {
            if let AnewError::Dropped(_) = error {
                remove_unnamed(&self.files, LogMark::name(number));
            }
        })?;
        self.next += 1;
        // If that fails, it has more room than it needs.
        let _ = self.trim();
        self.log = log;
        let draft = format!("{}{DRAFT}", SnapshotMark::name(number));
        let begun = self.files.create(&draft).and_then(|file| {
            Writer::begin(Writing::new(file), &self.contents.schema, clocks.now).map_err(failed)
        });
        let writer = begun.inspect_err(|_| remove_unnamed(&self.files, SnapshotMark::name(number)))?;
        self.anew = Some(Anew { number, writer });
        Ok(())
    }

    fn put_anew(&mut self, key: &Uuid, record: &[u8]) -> Result<(), AnewError> {
        match &mut self.anew {
            Some(anew) => Ok(anew.writer.entry(key, record).map_err(failed)?),
            None => Ok(()),
        }
    }

    fn sync_anew(&mut self) -> Result<(), AnewError> {
        match &mut self.anew {
            Some(anew) => Ok(anew.writer.out().file.sync()?),
            None => Ok(()),
        }
    }

    fn end_anew(&mut self, floor: u64) -> Result<(), AnewError> {
        let Some(Anew { number, writer }) = self.anew.take() else {
            return Ok(());
        };
        let before = self.contents.names();
        let ended = self.end_snapshot(number, writer, floor);
        ended.inspect_err(|error| {
            if let AnewError::Dropped(_) = error {
                remove_unnamed(&self.files, SnapshotMark::name(number));
            }
        })?;
        self.patience = 0;
        self.tidy_up(before);
        Ok(())
    }

    fn drop_anew(&mut self) {
        if let Some(Anew { number, writer }) = self.anew.take() {
            drop(writer);
            remove_unnamed(&self.files, SnapshotMark::name(number));
        }
        let bytes = self.log_bytes();
        self.patience = bytes + bytes / 4;
    }

    fn give_up(&mut self) {
        // What is still open is closed first, or the system keeps its room.
        self.drop_anew();
        let _ = self.drop_rest();
        // If that fails as well, it is in nobody's way.
        let _ = self.log.give_up();
    }

    fn close(&mut self, clocks: Clocks) -> io::Result<()> {
        self.log.begin(clocks);
        self.drop_anew();
        let ended = self.ended();
        match ended.draft(&self.files) {
            // All that was committed is on disk. Whoever opens the folder finds out where the log ends.
            Err(error) if is_full(&error) => {
                self.give_up();
                return Ok(());
            }
            drafted => drafted?,
        }
        Contents::publish(&self.files)?;
        self.contents = ended;
        self.trim()
    }
}

/// The lock of a folder. Given back when it is dropped, also if the process was forked meanwhile.
pub(crate) struct Lock {
    file: File,
    path: PathBuf,
}

/// A store that was dropped may still be about to let go.
const PATIENCE: Duration = Duration::from_millis(200);
const LOOKS: u32 = 10;

impl Lock {
    pub(crate) fn take(path: &Path) -> Result<Lock, OpenKind> {
        let path = path.join("lock");
        // One that another process would have to write to first is waited for when it is opened.
        if fs::metadata(&path).is_ok_and(|is| !is.is_file()) {
            return Err(OpenKind::Io(io::Error::other("its `lock` is no file")));
        }
        let mut options = OpenOptions::new();
        let options = options.create(true).truncate(false).write(true);
        let file = options.open(&path).map_err(OpenKind::Io)?;
        for look in 0..=LOOKS {
            match file.try_lock() {
                Ok(()) => {
                    let lock = Lock { file, path };
                    // While it was waited for, somebody may have put another in its place.
                    return lock.check().map(|()| lock).map_err(|_| OpenKind::Locked);
                }
                Err(TryLockError::WouldBlock) if look < LOOKS => thread::sleep(PATIENCE / LOOKS),
                Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(error)) => return Err(OpenKind::Io(error)),
            }
        }
        Err(OpenKind::Locked)
    }

    /// Makes sure that nobody else can have opened the folder: whoever opens what is there now finds this lock. A folder
    /// that was moved may have another in its place.
    pub(crate) fn check(&self) -> io::Result<()> {
        #[cfg(unix)]
        {
            use std::os::unix::fs::MetadataExt;

            let id = |is: fs::Metadata| (is.dev(), is.ino());
            let is_there = match fs::metadata(&self.path) {
                Ok(there) => id(there) == id(self.file.metadata()?),
                Err(error) if error.kind() == ErrorKind::NotFound => false,
                Err(error) => return Err(error),
            };
            if !is_there {
                return Err(io::Error::new(
                    ErrorKind::NotFound,
                    "the folder was removed or moved, or the file `lock` in it",
                ));
            }
        }
        // Elsewhere a file that is locked stays where it is.
        Ok(())
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        let _ = self.file.unlock();
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "in a test an unwrap is an assertion")]
mod tests {
    use tempfile::tempdir;

    use super::*;
    use crate::disk::durable::error::OpenError;
    use crate::disk::durable::files::Folder as OfSystem;

    fn look(path: &Path) -> Result<(), OpenError> {
        let found = Found::look(OfSystem::open(path.to_owned()).unwrap());
        found.map(drop).map_err(|error| error.at(path))
    }

    /// It came up empty: whatever could not be opened was somebody else's.
    #[cfg(unix)]
    #[test]
    fn a_folder_of_which_it_cannot_be_told_whether_it_is_a_former_one_is_refused() {
        let folder = tempdir().unwrap();
        let version = folder.path().join("data/version");
        fs::create_dir(folder.path().join("data")).unwrap();
        look(folder.path()).unwrap();
        std::os::unix::fs::symlink("version", &version).unwrap();
        let looked = look(folder.path());
        assert!(
            matches!(&looked, Err(error) if error.io_error().is_some()),
            "{looked:?}"
        );
        fs::remove_file(&version).unwrap();
        // Whoever may only read it finds out.
        fs::write(&version, b"FJL\x03").unwrap();
        let mut rights = fs::metadata(&version).unwrap().permissions();
        rights.set_readonly(true);
        fs::set_permissions(&version, rights).unwrap();
        assert!(look(folder.path()).unwrap_err().is_foreign());
        // What is another kind of thing is somebody else's.
        fs::remove_file(&version).unwrap();
        fs::create_dir(&version).unwrap();
        look(folder.path()).unwrap();
        let other = tempdir().unwrap();
        fs::write(other.path().join("data"), "").unwrap();
        look(other.path()).unwrap();
    }
}
