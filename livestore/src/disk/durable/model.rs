//! A file system that forgets whatever it may, and what must be left of a folder then.
//!
//! POSIX promises that what a file was synced with is there, and that the names of a folder are those that it had when it was
//! synced. Of what came later there may be anything: here, any of the sectors that were written, any of the changes of a
//! length, any of the names that were given or taken, each by itself.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::Arc;

use uuid::Uuid;

use crate::disk::durable::contents::{Contents, DRAFT, number_of};
use crate::disk::durable::engine::{AnewError, Engine};
use crate::disk::durable::error::OpenKind;
use crate::disk::durable::files::{Files, OnDisk};
use crate::disk::durable::folder::{Folder, Found};
use crate::ground::clock::{Clocks, Wall};
use crate::ground::sync::Mutex;
use crate::value::schema::Schema;

/// What of a write survives by itself.
const SECTOR: usize = 512;

/// What is taken of the room for a byte that is written.
const PAGE: usize = 4096;

#[derive(Clone)]
enum Change {
    Write { at: usize, bytes: Arc<[u8]> },
    SetLen(usize),
}

#[derive(Clone, Default)]
struct Inode {
    /// What is on disk for certain.
    synced: Vec<u8>,
    since: Vec<Change>,
    /// What whoever reads it sees.
    now: Vec<u8>,
    /// The pages that were written to, which take room.
    pages: BTreeSet<usize>,
}

#[derive(Clone)]
enum Naming {
    Give(String, usize),
    Take(String),
    Rename(String, String, usize),
}

#[derive(Clone, Default)]
struct World {
    inodes: Vec<Arc<Inode>>,
    synced: BTreeMap<String, usize>,
    since: Vec<Naming>,
    now: BTreeMap<String, usize>,
    /// How many calls may yet succeed.
    calls_left: Option<u64>,
    /// How many pages all files that have a name may have, if there is a limit.
    room: Option<usize>,
}

impl Change {
    fn apply(&self, to: &mut Vec<u8>) {
        match self {
            Change::Write { at, bytes } => {
                let end = at + bytes.len();
                if to.len() < end {
                    to.resize(end, 0);
                }
                to[*at..end].copy_from_slice(bytes);
            }
            Change::SetLen(len) => to.resize(*len, 0),
        }
    }
}

impl Naming {
    fn apply(&self, to: &mut BTreeMap<String, usize>) {
        match self {
            Naming::Give(name, inode) => drop(to.insert(name.clone(), *inode)),
            Naming::Take(name) => drop(to.remove(name)),
            Naming::Rename(from, name, inode) => {
                to.remove(from);
                to.insert(name.clone(), *inode);
            }
        }
    }
}

struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

impl World {
    /// What is there after a loss of power. Of `of` things that may survive, about `survive` do.
    fn after_power_loss(&self, dice: &mut Dice, survive: u64, of: u64) -> World {
        let mut survives = || dice.below(of) < survive;
        let mut names = self.synced.clone();
        for naming in &self.since {
            if survives() {
                naming.apply(&mut names);
            }
        }
        let left = |inode: &Inode, survives: &mut dyn FnMut() -> bool| {
            let mut bytes = inode.synced.clone();
            for change in &inode.since {
                match change {
                    Change::Write { at, bytes: written } => {
                        let mut from = 0;
                        while from < written.len() {
                            // Sectors lie where the disk has them.
                            let to = ((at + from) / SECTOR + 1) * SECTOR - at;
                            let to = to.min(written.len());
                            if survives() {
                                let part = Change::Write {
                                    at: at + from,
                                    bytes: written[from..to].into(),
                                };
                                part.apply(&mut bytes);
                            }
                            from = to;
                        }
                    }
                    Change::SetLen(_) if !survives() => {}
                    Change::SetLen(_) => change.apply(&mut bytes),
                }
            }
            Arc::new(Inode {
                synced: bytes.clone(),
                since: Vec::new(),
                pages: (0..bytes.len().div_ceil(PAGE)).collect(),
                now: bytes,
            })
        };
        World {
            inodes: self
                .inodes
                .iter()
                .map(|inode| left(inode, &mut survives))
                .collect(),
            synced: names.clone(),
            since: Vec::new(),
            now: names,
            calls_left: None,
            room: self.room,
        }
    }

    fn pages(&self) -> usize {
        let named = self.now.values();
        named.map(|inode| self.inodes[*inode].pages.len()).sum()
    }

    /// All files as whoever reads them sees them.
    fn seen(&self) -> BTreeMap<String, Vec<u8>> {
        let files = self.now.iter();
        files
            .map(|(name, inode)| (name.clone(), self.inodes[*inode].now.clone()))
            .collect()
    }
}

type Moments = Vec<(World, usize)>;

/// A folder in such a file system.
#[derive(Clone, Default)]
struct Model {
    world: Arc<Mutex<World>>,
    /// The file system before each call that changes it, with how much was committed by then; `None` if nobody looks.
    moments: Option<Arc<Mutex<Moments>>>,
    committed: Arc<Mutex<usize>>,
}

struct File {
    model: Model,
    inode: usize,
}

impl Model {
    fn of(world: World) -> Model {
        Model {
            world: Arc::new(Mutex::new(world)),
            ..Model::default()
        }
    }

    fn watched(world: World) -> Model {
        Model {
            moments: Some(Arc::default()),
            ..Model::of(world)
        }
    }

    /// Something is about to change.
    fn call<T>(&self, run: impl FnOnce(&mut World) -> T) -> io::Result<T> {
        let mut world = self.world.lock();
        if let Some(moments) = &self.moments {
            moments.lock().push((world.clone(), *self.committed.lock()));
        }
        if let Some(left) = &mut world.calls_left {
            if *left == 0 {
                return Err(io::Error::other("the disk says no"));
            }
            *left -= 1;
        }
        Ok(run(&mut world))
    }
}

fn missing() -> io::Error {
    io::Error::from(io::ErrorKind::NotFound)
}

impl Files for Model {
    type File = File;

    fn create(&self, name: &str) -> io::Result<File> {
        let inode = self.call(|world| {
            let inode = world.inodes.len();
            world.inodes.push(Arc::default());
            let naming = Naming::Give(name.to_owned(), inode);
            naming.apply(&mut world.now);
            world.since.push(naming);
            inode
        })?;
        Ok(File {
            model: self.clone(),
            inode,
        })
    }

    fn open(&self, name: &str) -> io::Result<File> {
        let inode = *self.world.lock().now.get(name).ok_or_else(missing)?;
        Ok(File {
            model: self.clone(),
            inode,
        })
    }

    fn open_to_read(&self, name: &str) -> io::Result<File> {
        self.open(name)
    }

    fn list(&self) -> io::Result<Vec<String>> {
        Ok(self.world.lock().now.keys().cloned().collect())
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.call(|world| {
            let inode = *world.now.get(from).ok_or_else(missing)?;
            let naming = Naming::Rename(from.to_owned(), to.to_owned(), inode);
            naming.apply(&mut world.now);
            world.since.push(naming);
            Ok(())
        })?
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.call(|world| {
            let naming = Naming::Take(name.to_owned());
            naming.apply(&mut world.now);
            world.since.push(naming);
        })
    }

    fn sync(&self) -> io::Result<()> {
        self.call(|world| {
            world.synced = world.now.clone();
            world.since.clear();
        })
    }
}

impl File {
    fn change(&self, change: Change) -> io::Result<()> {
        let done = self.model.call(|world| match self.fits(world, &change) {
            true => {
                self.apply(world, change.clone());
                Ok(())
            }
            false => Err(io::ErrorKind::StorageFull.into()),
        });
        let done = done.flatten();
        if done.is_err()
            && let Change::Write { at, bytes } = change
        {
            // It may have come half-way, if there was room for that.
            let mut world = self.model.world.lock();
            let bytes = bytes[..bytes.len() / 2].into();
            let half = Change::Write { at, bytes };
            if self.fits(&world, &half) {
                self.apply(&mut world, half);
            }
        }
        done
    }

    fn fits(&self, world: &World, change: &Change) -> bool {
        let (Some(room), Change::Write { at, bytes }) = (world.room, change) else {
            return true;
        };
        let mut pages = world.inodes[self.inode].pages.clone();
        let before = pages.len();
        pages.extend(at / PAGE..(at + bytes.len()).div_ceil(PAGE));
        pages.len() == before || world.pages() + pages.len() - before <= room
    }

    fn apply(&self, world: &mut World, change: Change) {
        let inode = Arc::make_mut(&mut world.inodes[self.inode]);
        match &change {
            Change::Write { at, bytes } => inode.pages.extend(at / PAGE..(at + bytes.len()).div_ceil(PAGE)),
            Change::SetLen(len) => drop(inode.pages.split_off(&len.div_ceil(PAGE))),
        }
        change.apply(&mut inode.now);
        inode.since.push(change);
    }
}

impl OnDisk for File {
    fn len(&self) -> io::Result<u64> {
        Ok(self.model.world.lock().inodes[self.inode].now.len() as u64)
    }

    fn read_at(&mut self, at: u64, into: &mut [u8]) -> io::Result<usize> {
        let world = self.model.world.lock();
        let bytes = &world.inodes[self.inode].now;
        let rest = bytes
            .get(usize::try_from(at).unwrap_or(usize::MAX)..)
            .unwrap_or_default();
        let read = rest.len().min(into.len());
        into[..read].copy_from_slice(&rest[..read]);
        Ok(read)
    }

    fn write_at(&mut self, at: u64, bytes: &[u8]) -> io::Result<()> {
        let at = usize::try_from(at).map_err(io::Error::other)?;
        let bytes = bytes.into();
        self.change(Change::Write { at, bytes })
    }

    fn set_len(&mut self, len: u64) -> io::Result<()> {
        self.change(Change::SetLen(usize::try_from(len).map_err(io::Error::other)?))
    }

    fn sync(&mut self) -> io::Result<()> {
        let inode = self.inode;
        self.model.call(|world| {
            let inode = Arc::make_mut(&mut world.inodes[inode]);
            inode.synced = inode.now.clone();
            inode.since.clear();
        })
    }

    fn is_there(&self) -> io::Result<bool> {
        Ok(true)
    }
}

type State = BTreeMap<Uuid, Vec<u8>>;

const CLOCKS: Clocks = Clocks {
    now: Wall::from_nanos(7),
    built: Wall::from_nanos(1),
};

fn schema() -> Schema {
    Schema {
        name: "model".into(),
        version: 1,
    }
}

fn read(model: &Model) -> Result<(Found<Model>, State, u64), OpenKind> {
    let mut found = Found::look(model.clone())?;
    let mut state = State::new();
    let summary = found.read(|item| {
        match item.record.is_empty() {
            true => drop(state.remove(&item.key)),
            false => drop(state.insert(item.key, item.record.to_vec())),
        }
        Ok(())
    })?;
    Ok((found, state, summary.floor))
}

fn begin(found: Found<Model>) -> io::Result<Folder<Model>> {
    found.begin(&schema(), 1, CLOCKS, 4_000)
}

impl From<AnewError> for io::Error {
    fn from(error: AnewError) -> Self {
        match error {
            AnewError::Dropped(error) | AnewError::Final(error) => error,
        }
    }
}

/// A folder and what is in it.
struct Run {
    model: Model,
    state: State,
    /// After each batch.
    states: Vec<State>,
    dice: Dice,
    /// How often it was written anew.
    anew: usize,
}

impl Run {
    fn key(&mut self) -> Uuid {
        Uuid::from_u128(self.dice.below(12).into())
    }

    fn commit(&mut self, folder: &mut Folder<Model>, large: bool) -> io::Result<()> {
        folder.begin(CLOCKS);
        for _ in 0..=self.dice.below(4) {
            let key = self.key();
            if self.dice.below(4) == 0 {
                folder.remove(&key)?;
                self.state.remove(&key);
            } else {
                let byte = u8::try_from(self.dice.below(256)).unwrap_or(0);
                let len = if large { 60_000 } else { 1 + self.dice.below(600) };
                let record = vec![byte; usize::try_from(len).unwrap_or(1)];
                folder.put(&key, &record)?;
                self.state.insert(key, record);
            }
        }
        // From here on it may be there.
        self.states.push(self.state.clone());
        folder.commit(self.states.len() as u64)?;
        *self.model.committed.lock() = self.states.len() - 1;
        Ok(())
    }

    /// Everything that a store does to a folder.
    fn live(&mut self, batches: usize) -> io::Result<()> {
        for opened in 1..=3 {
            let (found, state, _) = read(&self.model).map_err(|_| io::Error::other("it cannot be read"))?;
            assert_eq!(state, self.state);
            let mut folder = begin(found)?;
            if let Err(error) = self.write(&mut folder, opened, batches) {
                // As when there is room again.
                self.model.world.lock().calls_left = None;
                folder.give_up();
                self.assert_tidy();
                return Err(error);
            }
        }
        Ok(())
    }

    /// There is nothing that takes room and does not count.
    fn assert_tidy(&self) {
        let contents = Contents::read(&self.model).ok().flatten().unwrap();
        let newest = contents.snapshot.map_or(0, |mark| mark.number);
        for name in self.model.world.lock().now.keys() {
            let is_newer = number_of(name).is_some_and(|number| number > newest);
            let is_rest = name.ends_with(DRAFT) || (name.starts_with("snapshot-") && is_newer);
            assert!(!is_rest, "{name} is there");
        }
    }

    /// After it has begun.
    fn write_anew(&self, folder: &mut Folder<Model>) -> Result<(), AnewError> {
        for (key, record) in &self.state {
            folder.put_anew(key, record)?;
        }
        folder.sync_anew()?;
        folder.end_anew(self.states.len() as u64)
    }

    fn write(&mut self, folder: &mut Folder<Model>, opened: usize, batches: usize) -> io::Result<()> {
        for batch in 0..batches {
            self.commit(folder, batch == 3 && opened == 2)?;
            if !folder.is_outgrown(0) {
                continue;
            }
            folder.begin_anew(CLOCKS)?;
            let mut half = self.state.clone();
            let rest = half.split_off(&Uuid::from_u128(6));
            for (key, record) in half {
                folder.put_anew(&key, &record)?;
            }
            folder.sync_anew()?;
            self.commit(folder, false)?;
            // The second half is newer, and what was removed meanwhile is not in it.
            let now = self.state.clone();
            for key in rest.into_keys().filter(|key| now.contains_key(key)) {
                folder.put_anew(&key, &now[&key])?;
            }
            for (key, record) in now.range(Uuid::from_u128(6)..) {
                folder.put_anew(key, record)?;
            }
            folder.end_anew(self.states.len() as u64)?;
            self.anew += 1;
        }
        match opened {
            2 => folder.close(CLOCKS),
            _ => Ok(()),
        }
    }
}

fn run(world: World, seed: u64) -> Run {
    Run {
        model: Model::watched(world),
        state: State::new(),
        states: vec![State::new()],
        dice: Dice(seed),
        anew: 0,
    }
}

/// Whatever is left opens, and has all that was committed, and perhaps the batch that was being written. Returns how many
/// batches there are.
fn check(left: &World, states: &[State], committed: usize, case: &str) -> usize {
    let model = Model::of(left.clone());
    let (_, state, floor) = match read(&model) {
        Ok(read) => read,
        Err(error) => panic!("{case}: {}", error.at("folder".as_ref())),
    };
    assert_eq!(model.world.lock().seen(), left.seen(), "{case}: it was touched");
    let next = (committed + 1).min(states.len() - 1);
    let is = (committed..=next).find(|n| states[*n] == state);
    let is = is.unwrap_or_else(|| panic!("{case}: after {committed}: {state:?}"));
    assert!(floor >= is as u64, "{case}: {floor}");
    is
}

/// How much of what may survive does.
const PARTS: [(u64, u64); 6] = [(0, 1), (1, 1), (1, 2), (1, 2), (1, 8), (7, 8)];

#[test]
fn whatever_a_loss_of_power_leaves_is_all_that_was_committed() {
    let mut dice = Dice(77);
    let mut run = run(World::default(), 5);
    run.live(7).ok();
    let moments = run.model.moments.take().unwrap_or_default();
    let moments = std::mem::take(&mut *moments.lock());
    assert!(
        moments.len() > 150 && run.states.len() > 20 && run.anew > 2,
        "{} {}",
        moments.len(),
        run.anew
    );
    let mut whole = 0;
    for (at, (world, committed)) in moments.iter().enumerate() {
        for (survive, of) in PARTS {
            let left = world.after_power_loss(&mut dice, survive, of);
            let case = format!("call {at} of {}, {survive} of {of}", moments.len());
            let is = check(&left, &run.states, *committed, &case);
            whole += usize::from(is > *committed);
            // And once more while it is opened.
            if at % 14 != 0 {
                continue;
            }
            let model = Model::watched(left);
            let (found, _, _) = read(&model).map_err(|error| error.at("folder".as_ref())).unwrap();
            let mut folder = begin(found).unwrap();
            folder.begin(CLOCKS);
            folder.put(&Uuid::max(), &[1]).unwrap();
            folder.commit(1000).unwrap();
            let mut then = run.states[is].clone();
            then.insert(Uuid::max(), vec![1]);
            let now = [run.states[is].clone(), then];
            let again = std::mem::take(&mut *model.moments.as_ref().unwrap().lock());
            for (world, _) in again {
                let left = world.after_power_loss(&mut dice, 1, 2);
                let model = Model::of(left);
                let (_, state, _) = read(&model).map_err(|error| error.at("folder".as_ref())).unwrap();
                assert!(now.contains(&state), "{case}, and again");
            }
            check(
                &model.world.lock().after_power_loss(&mut dice, 0, 1),
                &now,
                1,
                &case,
            );
        }
    }
    assert!(whole > 10, "the batch that was being written was never there");
}

/// The model finds what is not synced: a rename without a sync of the folder.
#[test]
fn the_model_forgets() {
    let model = Model::default();
    let mut file = model.create("draft").unwrap();
    file.write_at(0, &[1; 2000]).unwrap();
    let mut dice = Dice(3);
    let mut left = |survive, of| model.world.lock().after_power_loss(&mut dice, survive, of).seen();
    assert!(left(0, 1).is_empty());
    assert_eq!(left(1, 1)["draft"], [1; 2000]);
    assert!((0..40).any(|_| left(1, 2).get("draft").is_some_and(|bytes| bytes.contains(&0))));
    file.sync().unwrap();
    model.sync().unwrap();
    model.rename("draft", "file").unwrap();
    let mut both = [false; 2];
    for _ in 0..40 {
        let left = model.world.lock().after_power_loss(&mut Dice(9), 0, 1).seen();
        assert_eq!(left["draft"], [1; 2000]);
        let left = model.world.lock().after_power_loss(&mut Dice(9), 1, 1).seen();
        both[usize::from(left.contains_key("file"))] = true;
    }
    assert!(both[1]);
}

#[test]
fn whatever_call_fails_all_that_was_committed_is_there() {
    let mut dice = Dice(99);
    let mut failed = 0;
    for calls in 0.. {
        let world = World {
            calls_left: Some(calls),
            ..World::default()
        };
        let mut run = run(world, 5);
        run.model.moments = None;
        let ended = run.live(7);
        let committed = *run.model.committed.lock();
        let mut world = run.model.world.lock().clone();
        world.calls_left = None;
        let case = format!("the call {calls} fails");
        // The machine goes on, or it does not.
        check(&world, &run.states, committed, &case);
        check(
            &world.after_power_loss(&mut dice, 1, 2),
            &run.states,
            committed,
            &case,
        );
        match ended {
            Ok(()) => break,
            Err(_) => failed += 1,
        }
    }
    assert!(failed > 150, "{failed}");
}

/// The store was in memory alone from then on, though the log that was there could be written.
#[test]
fn a_call_that_fails_while_it_is_written_anew_costs_nothing() {
    let mut dice = Dice(11);
    let mut dropped = 0;
    for calls in 0.. {
        let mut run = run(World::default(), 3);
        run.model.moments = None;
        let mut folder = begin(Found::look(run.model.clone()).ok().unwrap()).unwrap();
        while !folder.is_outgrown(0) {
            run.commit(&mut folder, false).unwrap();
        }
        run.model.world.lock().calls_left = Some(calls);
        let begun = folder.begin_anew(CLOCKS);
        let written = begun.and_then(|()| run.write_anew(&mut folder));
        run.model.world.lock().calls_left = None;
        match written {
            Ok(()) => break,
            Err(AnewError::Final(_)) => continue,
            Err(AnewError::Dropped(_)) => dropped += 1,
        }
        folder.drop_anew();
        let is_all_there = |run: &Run, dice: &mut Dice| {
            let (world, committed) = (run.model.world.lock().clone(), *run.model.committed.lock());
            let case = format!("the call {calls} fails");
            check(&world, &run.states, committed, &case);
            check(&world.after_power_loss(dice, 1, 2), &run.states, committed, &case);
        };
        is_all_there(&run, &mut dice);
        // It goes on, and not at once with another attempt.
        let bytes = folder.sizes().log;
        loop {
            run.commit(&mut folder, false).unwrap();
            if folder.is_outgrown(0) {
                break;
            }
        }
        assert!(folder.sizes().log >= bytes + bytes / 4);
        is_all_there(&run, &mut dice);
        let logs = || {
            let contents = Contents::read(&run.model).ok().flatten().unwrap();
            contents
                .logs
                .into_iter()
                .map(|mark| mark.number)
                .collect::<Vec<_>>()
        };
        folder.begin_anew(CLOCKS).unwrap();
        assert!(logs().is_sorted_by(|one, next| one < next), "{:?}", logs());
        is_all_there(&run, &mut dice);
        run.write_anew(&mut folder).unwrap();
        assert_eq!(logs().len(), 1, "what came before it is gone");
        run.commit(&mut folder, false).unwrap();
        is_all_there(&run, &mut dice);
    }
    assert!(dropped > 15, "{dropped}");
}

/// The store was in memory alone from then on, and what took the room counted for nothing.
#[test]
fn a_batch_takes_the_room_of_what_is_written_anew() {
    let mut displaced = 0;
    for more in (0..60).map(|n| 2 * n + 1) {
        let mut run = run(World::default(), 3);
        run.model.moments = None;
        let mut folder = begin(Found::look(run.model.clone()).ok().unwrap()).unwrap();
        while !folder.is_outgrown(0) {
            run.commit(&mut folder, false).unwrap();
        }
        folder.begin_anew(CLOCKS).unwrap();
        for n in 0..40 {
            folder.put_anew(&Uuid::from_u128(n), &[1; 9_000]).unwrap();
        }
        folder.sync_anew().unwrap();
        {
            let mut world = run.model.world.lock();
            world.room = Some(world.pages() + more);
        }
        // Batches of one write, and of several.
        let large = more % 4 == 1;
        let mut went_on = 0;
        let ended = loop {
            let had = folder.is_anew();
            match run.commit(&mut folder, large) {
                Ok(()) if had => displaced += usize::from(!folder.is_anew()),
                Ok(()) => went_on += 1,
                Err(error) => break error,
            }
        };
        assert_eq!(ended.kind(), io::ErrorKind::StorageFull);
        assert!(!folder.is_anew() && went_on > 0, "{more}: {went_on}");
        folder.give_up();
        run.assert_tidy();
        let (world, committed) = (run.model.world.lock().clone(), *run.model.committed.lock());
        check(&world, &run.states, committed, "the disk is full");
    }
    assert_eq!(displaced, 60);
}

/// Opening makes two files before it removes any, and the log had taken all the room that there was.
#[test]
fn a_folder_opens_again_and_again_on_a_disk_that_its_log_has_filled() {
    for more in 6..46 {
        let mut run = run(World::default(), more);
        run.model.moments = None;
        let open = |run: &Run| {
            let (found, state, _) = read(&run.model)
                .map_err(|error| error.at("folder".as_ref()))
                .unwrap();
            let folder = begin(found).unwrap_or_else(|error| panic!("with {more} pages: {error}"));
            (folder, state)
        };
        let (mut folder, _) = open(&run);
        run.commit(&mut folder, false).unwrap();
        {
            let mut world = run.model.world.lock();
            world.room = Some(world.pages() + usize::try_from(more).unwrap());
        }
        for opening in 0..12 {
            // Batches of one write, and of several; and one way or the other in which it is written anew.
            let large = (more + opening) % 3 == 0;
            let mut failed = run.commit(&mut folder, large);
            let mut batches = 0;
            while failed.is_ok() {
                // Otherwise the disk is never full.
                if batches < 10 && folder.is_outgrown(0) {
                    let begun = folder.begin_anew(CLOCKS);
                    if begun.and_then(|()| run.write_anew(&mut folder)).is_err() {
                        folder.drop_anew();
                    }
                }
                batches += 1;
                failed = run.commit(&mut folder, large);
            }
            let failed = failed.unwrap_err();
            assert_eq!(failed.kind(), io::ErrorKind::StorageFull);
            // It is killed, or not.
            if opening % 2 == 0 {
                folder.give_up();
                run.assert_tidy();
            }
            let (world, committed) = (run.model.world.lock().clone(), *run.model.committed.lock());
            let is = check(&world, &run.states, committed, "the disk is full");
            // What was being written does not count, unless it was written as a whole.
            run.states.truncate(is + 1);
            let (again, state) = open(&run);
            assert_eq!(state, run.states[is]);
            (folder, run.state) = (again, state);
        }
    }
}

/// It said that something was lost.
#[test]
fn a_folder_on_a_full_disk_is_closed() {
    let mut run = run(World::default(), 3);
    run.model.moments = None;
    let mut folder = begin(Found::look(run.model.clone()).ok().unwrap()).unwrap();
    for _ in 0..5 {
        run.commit(&mut folder, false).unwrap();
    }
    run.model.world.lock().room = Some(0);
    folder.close(CLOCKS).unwrap();
    run.assert_tidy();
    let (world, committed) = (run.model.world.lock().clone(), *run.model.committed.lock());
    check(&world, &run.states, committed, "closed on a full disk");
    // Any other error is told.
    let mut run = self::run(World::default(), 3);
    let mut folder = begin(Found::look(run.model.clone()).ok().unwrap()).unwrap();
    run.commit(&mut folder, false).unwrap();
    run.model.world.lock().calls_left = Some(0);
    assert!(folder.close(CLOCKS).is_err());
}

/// Where fewer bytes were left than a head has, it was taken for one that was cut, and did not open.
#[test]
fn a_log_is_whole_wherever_in_the_file_its_last_batch_ends() {
    for left in 0..40 {
        let model = Model::default();
        let (found, ..) = read(&model).map_err(|error| error.at("folder".as_ref())).unwrap();
        let mut folder = begin(found).unwrap();
        let mut commit = |bytes: u64| {
            folder.begin(CLOCKS);
            folder
                .put(&Uuid::max(), &vec![1; usize::try_from(bytes).unwrap()])
                .unwrap();
            folder.commit(1).unwrap();
            folder.sizes().log
        };
        let first = commit(100);
        let end = commit(100);
        let more = end - first - 100;
        let bytes = (end + more).next_multiple_of(4096) + 4096 - left - end - more;
        assert_eq!((commit(bytes) + left) % 4096, 0);
        for given_up in [false, true] {
            let (_, state, _) = read(&model).map_err(|error| error.at("folder".as_ref())).unwrap();
            let read = state[&Uuid::max()].len() as u64;
            assert_eq!(read, bytes, "{left} bytes are left, given up: {given_up}");
            folder.give_up();
        }
    }
}

/// The log took what was left, and then there was no room to write anew what little it was about.
#[test]
fn a_log_gives_way_before_the_disk_is_full() {
    let mut run = run(World::default(), 3);
    run.model.moments = None;
    let found = Found::look(run.model.clone()).ok().unwrap();
    let mut folder = found.begin(&schema(), 1, CLOCKS, u64::MAX).unwrap();
    run.model.world.lock().room = Some(200);
    for _ in 0..3000 {
        run.commit(&mut folder, false).unwrap();
        if folder.is_outgrown(8_000) {
            folder.begin_anew(CLOCKS).unwrap();
            run.write_anew(&mut folder).unwrap();
            run.anew += 1;
        }
    }
    assert!(run.anew > 1 && run.anew < 30, "{}", run.anew);
}

/// It needed room before it gave any back.
#[test]
fn what_does_not_count_goes_before_opening_needs_room() {
    let model = Model::default();
    let (found, ..) = read(&model).map_err(|error| error.at("folder".as_ref())).unwrap();
    let mut folder = begin(found).unwrap();
    folder.begin(CLOCKS);
    folder.put(&Uuid::max(), &[1]).unwrap();
    folder.commit(1).unwrap();
    folder.close(CLOCKS).unwrap();
    // A process that was killed while it wrote a snapshot, or just after, leaves them.
    let left = ["snapshot-1.new", "snapshot-1", "contents.new", "log-1.new"];
    for name in left {
        model.create(name).unwrap();
    }
    model.create("notes.new").unwrap();
    let model = Model::watched(model.world.lock().clone());
    let (found, ..) = read(&model).map_err(|error| error.at("folder".as_ref())).unwrap();
    begin(found).unwrap();
    let moments = std::mem::take(&mut *model.moments.as_ref().unwrap().lock());
    // The moments before the first file is made.
    let files = moments[0].0.inodes.len();
    let last = moments
        .iter()
        .take_while(|(world, _)| world.inodes.len() == files)
        .last();
    let names: Vec<_> = last.unwrap().0.now.keys().collect();
    assert_eq!(names, ["contents", "log-1", "notes.new"]);
}

#[test]
fn a_folder_that_was_closed_and_opened_many_times_stays_small() {
    let model = Model::default();
    for opening in 0..100_u64 {
        let (found, state, _) = read(&model).map_err(|error| error.at("folder".as_ref())).unwrap();
        assert_eq!(state.len() as u64, opening.div_ceil(2));
        let mut folder = begin(found).unwrap();
        if opening % 2 == 0 {
            folder.begin(CLOCKS);
            folder.put(&Uuid::from_u128(opening.into()), &[1]).unwrap();
            folder.commit(1).unwrap();
            // As the writer does.
            if folder.is_outgrown(u64::from(u32::MAX)) {
                panic!("nothing was outgrown");
            }
            if folder.is_outgrown(200) {
                folder.begin_anew(CLOCKS).unwrap();
                for key in (0..=opening).step_by(2) {
                    folder.put_anew(&Uuid::from_u128(key.into()), &[1]).unwrap();
                }
                folder.end_anew(1).unwrap();
            }
        }
        folder.close(CLOCKS).unwrap();
    }
    let files = model.world.lock().seen();
    assert!(files.len() < 20, "{:?}", files.keys());
    assert!(files.values().map(Vec::len).sum::<usize>() < 20_000);
    assert!(Contents::read(&model).is_ok_and(|contents| contents.is_some()));
}
