//! [`Case`]: a store's settings and what is done to it, at random.

use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, any, prop_oneof};

/// The keys are 0, 1 and 2.
pub(super) type Key = u8;

#[derive(Clone, Debug)]
pub(super) struct Case {
    pub(super) settings: Settings,
    pub(super) ops: Vec<Op>,
}

/// Times are milliseconds.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) channel_cap: usize,
    pub(super) history: usize,
    pub(super) delta_history: usize,
    /// Between checks; and since when an entry is due.
    pub(super) expiry: Option<(u64, Mode)>,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Mode {
    Timeout(u64),
    Idle(u64),
    Lifetime(u64),
}

/// One step. A number that picks one of several wraps around.
#[derive(Clone, Debug)]
pub(super) enum Op {
    Create(Key, i64),
    TryCreate(Key, i64),
    TryInit(i64),
    FetchOrCreate(Key, i64),
    Fetch(Key),
    TryAcquire(Key),
    /// So many messages.
    Broadcast(Key, u8),
    Touch(Key),
    Deadline(Key, Deadline),
    /// Polls it once; if it waits, it stays.
    Start(Task),
    /// The same by a handle of one of the last lives, whose key takes the place of the task's.
    StartByHandle(u8, Task),
    ByHandle(u8, ByHandle),
    Poll(u8),
    Cancel(u8),
    Guard(u8, ByGuard),
    Watch(Key),
    FetchAndWatch(Key),
    /// From so many versions ago.
    WatchSince(Key, u64),
    Next(u8),
    /// Without a wait.
    TryNext(u8),
    Newest(u8),
    WatchDeltas(Key),
    /// From so many versions ago.
    WatchDeltasSince(Key, u64),
    NextDelta(u8),
    UnwatchDeltas(u8),
    Unwatch(u8),
    WatchAll,
    EntriesAndWatchAll,
    /// Takes so many at most.
    NextOfAll(u8, usize),
    UnwatchAll(u8),
    WatchSet,
    OfSet(u8, OfSet),
    /// Prepares a mutation that is committed when it is dropped.
    Arm(Key, How),
    DropArmed(u8),
    Disarm(u8),
    Shrink,
    Advance(u64),
    Close,
}

/// What may have to wait.
#[derive(Clone, Debug)]
pub(super) enum Task {
    Acquire(Key),
    AcquireTimeout(Key, u64),
    AcquireMany(Vec<Key>),
    Mutate(Key, How),
    MutateVersion(Key, How),
    /// At the version of so many ago.
    MutateIf(Key, u64, How),
    MutateOrCreate(Key, i64, How),
    /// One on drop; cancelled, it is committed all the same.
    CommitOnDrop(Key, How),
    Insert(Key, i64),
    TryInsert(Key, i64),
    Assign(Key, i64),
    TryAssign(Key, i64),
    Remove(Key),
    /// To so many versions ago.
    Rollback(Key, u64),
    Transact(Vec<Key>, Vec<Step>, Verdict),
}

#[derive(Clone, Copy, Debug)]
pub(super) enum How {
    Add(i64),
    Refuse,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Deadline {
    After(u64),
    /// So long ago.
    Past(u64),
    Never,
}

/// A step of a transaction.
#[derive(Clone, Copy, Debug)]
pub(super) enum Step {
    Mutate(Key, How),
    Set(Key, i64),
    TrySet(Key, i64),
    Create(Key, i64),
    TryCreate(Key, i64),
    Remove(Key),
    Broadcast(Key),
    Deadline(Key, Deadline),
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Verdict {
    Commit,
    Abort,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum ByGuard {
    Mutate(How),
    Set(i64),
    TrySet(i64),
    Rollback(u64),
    Broadcast,
    Touch,
    Deadline(Deadline),
    Watch,
    Delete,
    Release,
}

/// What does not wait.
#[derive(Clone, Copy, Debug)]
pub(super) enum ByHandle {
    Fetch,
    TryAcquire,
    Broadcast,
    Touch,
    Watch,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum OfSet {
    Add(Key),
    /// From so many versions ago.
    AddSince(Key, u64),
    Remove(Key),
    Clear,
    Next,
    NextShared,
    /// Without a wait.
    TryNext,
    TryNextShared,
    Drop,
}

pub(super) fn case() -> impl Strategy<Value = Case> {
    (settings(), vec(op(), 1..150)).prop_map(|(settings, ops)| Case { settings, ops })
}

fn settings() -> impl Strategy<Value = Settings> {
    let mode = prop_oneof![
        (1..20_u64).prop_map(Mode::Timeout),
        (1..20_u64).prop_map(Mode::Idle),
        (1..20_u64).prop_map(Mode::Lifetime),
    ];
    let expiry = prop_oneof![1 => Just(None), 3 => (1..8_u64, mode).prop_map(Some)];
    (1..4_usize, 0..4_usize, 0..4_usize, expiry).prop_map(|(channel_cap, history, delta_history, expiry)| {
        Settings {
            channel_cap,
            history,
            delta_history,
            expiry,
        }
    })
}

fn key() -> impl Strategy<Value = Key> {
    0..3_u8
}

fn count() -> impl Strategy<Value = i64> {
    0..10_i64
}

/// Now and then one that no new entry may have.
fn any_count() -> impl Strategy<Value = i64> {
    -2..10_i64
}

/// Few versions back, and now and then one that is to come.
fn back() -> impl Strategy<Value = u64> {
    prop_oneof![8 => 0..5_u64, 1 => Just(u64::MAX)]
}

fn op() -> impl Strategy<Value = Op> {
    // In most cases the store is open to the end.
    prop_oneof![200 => open_op(), 1 => Just(Op::Close)]
}

fn open_op() -> impl Strategy<Value = Op> {
    let creation = prop_oneof![
        4 => (key(), count()).prop_map(|(key, count)| Op::Create(key, count)),
        1 => (key(), any_count()).prop_map(|(key, count)| Op::TryCreate(key, count)),
        1 => any_count().prop_map(Op::TryInit),
        1 => (key(), count()).prop_map(|(key, count)| Op::FetchOrCreate(key, count)),
    ];
    let on_drop = prop_oneof![
        2 => (key(), how()).prop_map(|(key, how)| Op::Arm(key, how)),
        2 => any::<u8>().prop_map(Op::DropArmed),
        1 => any::<u8>().prop_map(Op::Disarm),
    ];
    let deltas = prop_oneof![
        2 => key().prop_map(Op::WatchDeltas),
        5 => (key(), back()).prop_map(|(key, back)| Op::WatchDeltasSince(key, back)),
        5 => any::<u8>().prop_map(Op::NextDelta),
        1 => any::<u8>().prop_map(Op::UnwatchDeltas),
    ];
    prop_oneof![
        6 => creation,
        6 => on_drop,
        15 => deltas,
        1 => Just(Op::Shrink),
        2 => key().prop_map(Op::Fetch),
        3 => key().prop_map(Op::TryAcquire),
        2 => (key(), 1..20_u8).prop_map(|(key, times)| Op::Broadcast(key, times)),
        1 => key().prop_map(Op::Touch),
        2 => (key(), deadline()).prop_map(|(key, deadline)| Op::Deadline(key, deadline)),
        18 => task().prop_map(Op::Start),
        4 => (any::<u8>(), task_by_handle()).prop_map(|(at, task)| Op::StartByHandle(at, task)),
        2 => (any::<u8>(), by_handle()).prop_map(|(at, by)| Op::ByHandle(at, by)),
        1 => Just(Op::WatchSet),
        14 => (any::<u8>(), of_set()).prop_map(|(at, of)| Op::OfSet(at, of)),
        6 => any::<u8>().prop_map(Op::Poll),
        1 => any::<u8>().prop_map(Op::Cancel),
        8 => (any::<u8>(), by_guard()).prop_map(|(at, by)| Op::Guard(at, by)),
        2 => key().prop_map(Op::Watch),
        2 => key().prop_map(Op::FetchAndWatch),
        2 => (key(), back()).prop_map(|(key, back)| Op::WatchSince(key, back)),
        5 => any::<u8>().prop_map(Op::Next),
        2 => any::<u8>().prop_map(Op::TryNext),
        2 => any::<u8>().prop_map(Op::Newest),
        1 => any::<u8>().prop_map(Op::Unwatch),
        1 => Just(Op::WatchAll),
        1 => Just(Op::EntriesAndWatchAll),
        2 => (any::<u8>(), 1..50_usize).prop_map(|(at, most)| Op::NextOfAll(at, most)),
        1 => any::<u8>().prop_map(Op::UnwatchAll),
        4 => (1..12_u64).prop_map(Op::Advance),
    ]
}

fn task() -> impl Strategy<Value = Task> {
    prop_oneof![
        3 => key().prop_map(Task::Acquire),
        2 => (key(), 0..10_u64).prop_map(|(key, limit)| Task::AcquireTimeout(key, limit)),
        2 => vec(key(), 0..4).prop_map(Task::AcquireMany),
        5 => (key(), how()).prop_map(|(key, how)| Task::Mutate(key, how)),
        1 => (key(), how()).prop_map(|(key, how)| Task::MutateVersion(key, how)),
        2 => (key(), back(), how()).prop_map(|(key, back, how)| Task::MutateIf(key, back, how)),
        1 => (key(), count(), how()).prop_map(|(key, count, how)| Task::MutateOrCreate(key, count, how)),
        1 => (key(), how()).prop_map(|(key, how)| Task::CommitOnDrop(key, how)),
        2 => (key(), count()).prop_map(|(key, count)| Task::Insert(key, count)),
        1 => (key(), any_count()).prop_map(|(key, count)| Task::TryInsert(key, count)),
        2 => (key(), count()).prop_map(|(key, count)| Task::Assign(key, count)),
        1 => (key(), any_count()).prop_map(|(key, count)| Task::TryAssign(key, count)),
        2 => key().prop_map(Task::Remove),
        2 => (key(), back()).prop_map(|(key, back)| Task::Rollback(key, back)),
        3 => (vec(key(), 0..4), vec(step(), 0..6), verdict())
            .prop_map(|(keys, steps, verdict)| Task::Transact(keys, steps, verdict)),
    ]
}

fn task_by_handle() -> impl Strategy<Value = Task> {
    let key = 0;
    prop_oneof![
        2 => Just(Task::Acquire(key)),
        1 => (0..10_u64).prop_map(move |limit| Task::AcquireTimeout(key, limit)),
        3 => how().prop_map(move |how| Task::Mutate(key, how)),
        3 => how().prop_map(move |how| Task::MutateVersion(key, how)),
        1 => (back(), how()).prop_map(move |(back, how)| Task::MutateIf(key, back, how)),
        1 => Just(Task::Remove(key)),
        1 => back().prop_map(move |back| Task::Rollback(key, back)),
    ]
}

fn by_handle() -> impl Strategy<Value = ByHandle> {
    prop_oneof![
        Just(ByHandle::Fetch),
        Just(ByHandle::TryAcquire),
        Just(ByHandle::Broadcast),
        Just(ByHandle::Touch),
        Just(ByHandle::Watch),
    ]
}

fn of_set() -> impl Strategy<Value = OfSet> {
    prop_oneof![
        4 => key().prop_map(OfSet::Add),
        2 => (key(), back()).prop_map(|(key, back)| OfSet::AddSince(key, back)),
        1 => key().prop_map(OfSet::Remove),
        4 => Just(OfSet::Next),
        2 => Just(OfSet::NextShared),
        4 => Just(OfSet::TryNext),
        2 => Just(OfSet::TryNextShared),
        1 => prop_oneof![Just(OfSet::Clear), Just(OfSet::Drop)],
    ]
}

fn how() -> impl Strategy<Value = How> {
    prop_oneof![4 => count().prop_map(How::Add), 1 => Just(How::Refuse)]
}

fn deadline() -> impl Strategy<Value = Deadline> {
    prop_oneof![
        4 => (0..20_u64).prop_map(Deadline::After),
        1 => (0..5_u64).prop_map(Deadline::Past),
        1 => Just(Deadline::Never),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (key(), how()).prop_map(|(key, how)| Step::Mutate(key, how)),
        1 => (key(), count()).prop_map(|(key, count)| Step::Set(key, count)),
        1 => (key(), any_count()).prop_map(|(key, count)| Step::TrySet(key, count)),
        2 => (key(), count()).prop_map(|(key, count)| Step::Create(key, count)),
        1 => (key(), any_count()).prop_map(|(key, count)| Step::TryCreate(key, count)),
        2 => key().prop_map(Step::Remove),
        1 => key().prop_map(Step::Broadcast),
        1 => (key(), deadline()).prop_map(|(key, deadline)| Step::Deadline(key, deadline)),
    ]
}

fn verdict() -> impl Strategy<Value = Verdict> {
    prop_oneof![4 => Just(Verdict::Commit), 1 => Just(Verdict::Abort)]
}

fn by_guard() -> impl Strategy<Value = ByGuard> {
    prop_oneof![
        3 => how().prop_map(ByGuard::Mutate),
        1 => count().prop_map(ByGuard::Set),
        1 => count().prop_map(ByGuard::TrySet),
        1 => back().prop_map(ByGuard::Rollback),
        1 => Just(ByGuard::Broadcast),
        1 => Just(ByGuard::Touch),
        1 => deadline().prop_map(ByGuard::Deadline),
        1 => Just(ByGuard::Watch),
        1 => Just(ByGuard::Delete),
        4 => Just(ByGuard::Release),
    ]
}
