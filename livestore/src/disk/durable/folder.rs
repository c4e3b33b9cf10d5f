//! [`Folder`]: a durable store's folder on disk, and the only file that names fjall.
//!
//! | in the folder | what |
//! |---|---|
//! | `lock` | locked by the process that has the store open |
//! | `data` | fjall's files, with one keyspace: a record per key, and under names shorter than a key the floor and the schema |
//! | `data.new` | the same while it is made for the first time; renamed when it is whole |
//!
//! Everything stands in one keyspace, so that one batch of the engine holds records and floor and is torn by nothing.

use std::any::Any;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use fjall::config::{BlockSizePolicy, FilterPolicy};
use fjall::{Database, Guard, Keyspace, KeyspaceCreateOptions, OwnedWriteBatch, PersistMode, Slice};
use uuid::Uuid;

use crate::disk::durable::engine::Engine;
use crate::disk::durable::error::OpenKind;
use crate::disk::durable::journal::{self, Journal};
use crate::value::durability::Reason;
use crate::value::schema::Schema;

const KEYSPACE: &str = "entries";
const FLOOR: &[u8] = b"floor";
const SCHEMA: &[u8] = b"schema";

/// The engine reads its files at the start and when it merges them; memory of its own would be a second copy of the
/// store's.
const CACHE_BYTES: u64 = 4 << 20;

/// How much the engine collects in memory before it writes a sorted file.
const MEMTABLE_BYTES: u64 = 32 << 20;

/// Nothing is looked up by key, only read from end to end, so blocks are large and compress well.
const BLOCK_BYTES: u32 = 32 << 10;

pub(crate) struct Folder {
    // In this order they are dropped: the engine's files are closed before the folder is free for others.
    staged: OwnedWriteBatch,
    entries: Keyspace,
    database: Database,
    _lock: File,
}

/// What a folder holds besides records.
pub(crate) struct Header {
    pub(crate) floor: u64,
    pub(crate) schema: Schema,
}

impl Folder {
    /// Opens a folder, which is made if there is none. Refuses one that somebody else has open. Returns also how many
    /// bytes of a torn batch were left out.
    pub(crate) fn open(path: &Path, schema: &Schema) -> Result<(Folder, u64), OpenKind> {
        fs::create_dir_all(path).map_err(OpenKind::io)?;
        let lock = lock(&path.join("lock"))?;
        let data = path.join("data");
        if !data.try_exists().map_err(OpenKind::io)? {
            create(path, &data, schema)?;
        }
        let torn = match journal::inspect(&data).map_err(OpenKind::io)? {
            Journal::Whole => None,
            Journal::Torn(torn) => Some(torn),
            Journal::Damaged => return Err(OpenKind::Malformed("the journal")),
        };
        let (database, entries) = match (open(&data), &torn) {
            // The engine leaves a torn batch out, but for one that is torn in the middle.
            (Err(_), Some(torn)) => {
                torn.cut().map_err(OpenKind::io)?;
                open(&data)?
            }
            (opened, _) => opened?,
        };
        let folder = Folder {
            staged: database.batch(),
            entries,
            database,
            _lock: lock,
        };
        Ok((folder, torn.map_or(0, |torn| torn.bytes)))
    }

    pub(crate) fn header(&self) -> Result<Header, OpenKind> {
        let floor = self.get(FLOOR)?;
        let floor = floor
            .as_ref()
            .try_into()
            .map_err(|_| OpenKind::Malformed("the version floor"))?;
        let schema = self.get(SCHEMA)?;
        let schema = rmp_serde::from_slice(&schema).map_err(|_| OpenKind::Malformed("the schema"))?;
        Ok(Header {
            floor: u64::from_le_bytes(floor),
            schema,
        })
    }

    fn get(&self, name: &[u8]) -> Result<Slice, OpenKind> {
        let found = unwinding(|| self.entries.get(name)).map_err(OpenKind::engine)?;
        found.ok_or_else(|| OpenKind::Malformed("the header"))
    }

    /// Replaces the schema. It is on disk when this returns.
    pub(crate) fn set_schema(&mut self, schema: &Schema) -> Result<(), OpenKind> {
        let bytes = encode(schema)?;
        self.staged.insert(&self.entries, SCHEMA, bytes);
        self.write().map_err(OpenKind::engine)
    }

    /// Reads all records, one after another.
    pub(crate) fn records(&self) -> impl Iterator<Item = Result<(Uuid, Slice), OpenKind>> {
        let mut items = self.entries.iter();
        let next = move || unwinding(|| items.next().map(Guard::into_inner).transpose()).transpose();
        std::iter::from_fn(next).filter_map(|item| {
            let (key, record) = match item {
                Ok(item) => item,
                Err(reason) => return Some(Err(OpenKind::engine(reason))),
            };
            match Uuid::from_slice(&key) {
                Ok(key) => Some(Ok((key, record))),
                Err(_) if *key == *FLOOR || *key == *SCHEMA => None,
                Err(_) => Some(Err(OpenKind::Malformed("a key"))),
            }
        })
    }

    fn write(&mut self) -> Result<(), Reason> {
        let next = self.database.batch();
        let batch = mem::replace(&mut self.staged, next).durability(Some(PersistMode::SyncAll));
        unwinding(|| batch.commit())
    }
}

impl Engine for Folder {
    fn put(&mut self, key: &Uuid, record: Vec<u8>) {
        self.staged.insert(&self.entries, key.as_bytes(), record);
    }

    fn remove(&mut self, key: &Uuid) {
        self.staged.remove(&self.entries, key.as_bytes());
    }

    fn commit(&mut self, floor: u64) -> Result<(), Reason> {
        self.staged.insert(&self.entries, FLOOR, floor.to_le_bytes());
        self.write()
    }
}

fn lock(path: &Path) -> Result<File, OpenKind> {
    let mut options = OpenOptions::new();
    let file = options
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)
        .map_err(OpenKind::io)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenKind::Locked),
        Err(TryLockError::Error(error)) => Err(OpenKind::io(error)),
    }
}

/// Makes the engine's files under another name first: a process that ends half-way leaves nothing that looks whole.
fn create(folder: &Path, data: &Path, schema: &Schema) -> Result<(), OpenKind> {
    let new = folder.join("data.new");
    match fs::remove_dir_all(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(OpenKind::io(error)),
        _ => {}
    }
    let (database, entries) = open(&new)?;
    let mut batch = database.batch().durability(Some(PersistMode::SyncAll));
    batch.insert(&entries, FLOOR, 0_u64.to_le_bytes());
    batch.insert(&entries, SCHEMA, encode(schema)?);
    unwinding(|| batch.commit()).map_err(OpenKind::engine)?;
    drop((entries, database));
    fs::rename(&new, data).map_err(OpenKind::io)?;
    sync_folder(folder).map_err(OpenKind::io)?;
    // It may have been made just now, too.
    match folder.canonicalize().map_err(OpenKind::io)?.parent() {
        Some(parent) => sync_folder(parent).map_err(OpenKind::io),
        None => Ok(()),
    }
}

fn open(data: &Path) -> Result<(Database, Keyspace), OpenKind> {
    unwinding(|| {
        let database = Database::builder(data)
            .cache_size(CACHE_BYTES)
            // One thread does all its background work, one thing after another. So what waits to be sorted cannot pile up
            // to where the engine would halt a commit for ever, should that thread have failed.
            .worker_threads(1)
            .open()?;
        let entries = database.keyspace(KEYSPACE, || {
            KeyspaceCreateOptions::default()
                .max_memtable_size(MEMTABLE_BYTES)
                .data_block_size_policy(BlockSizePolicy::all(BLOCK_BYTES))
                .filter_policy(FilterPolicy::disabled())
        })?;
        Ok((database, entries))
    })
    .map_err(OpenKind::engine)
}

fn encode(schema: &Schema) -> Result<Vec<u8>, OpenKind> {
    rmp_serde::to_vec_named(schema).map_err(|error| OpenKind::engine(error.into()))
}

/// A folder's list of files is on disk when this returns.
fn sync_folder(path: &Path) -> io::Result<()> {
    // Elsewhere a folder cannot be opened as a file, and its list is the system's concern.
    if cfg!(unix) {
        File::open(path)?.sync_all()?;
    }
    Ok(())
}

/// Runs the engine, which may panic on files that somebody has changed.
fn unwinding<T>(run: impl FnOnce() -> fjall::Result<T>) -> Result<T, Reason> {
    match catch_unwind(AssertUnwindSafe(run)) {
        Ok(Ok(done)) => Ok(done),
        // What the system says is plainer without the engine's words around it.
        Ok(Err(fjall::Error::Io(error))) => Err(error.into()),
        Ok(Err(error)) => Err(error.into()),
        Err(panic) => Err(panicked(&*panic).into()),
    }
}

/// What a panic says.
pub(crate) fn panicked(panic: &(dyn Any + Send)) -> String {
    let says = (panic.downcast_ref::<String>().map(String::as_str)).or(panic.downcast_ref::<&str>().copied());
    format!("panicked: {}", says.unwrap_or("no message"))
}
