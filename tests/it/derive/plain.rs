//! Which mutations the store may run under the entry's lock: those that run nothing of the user's.

use std::cell::Cell;
use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::hash::{BuildHasherDefault, Hash, Hasher};
use std::ops::{Bound, RangeBounds, Sub};
use std::sync::Arc;
use std::time::Duration;

use livestore::{FieldError, LiveValue, Uuid, ops};

fn plain<V: LiveValue>(mutation: V::Mutation) -> bool {
    V::__is_plain(&mutation)
}

const MOST: usize = 9;

#[derive(Clone, LiveValue)]
struct Standard {
    #[live(set, increment, decrement, range = 0..=100)]
    number: i64,
    #[live(set, len = ..=MOST)]
    text: String,
    #[live(toggle)]
    on: bool,
    #[live(push, clear, keep = 200)]
    log: VecDeque<Option<Arc<str>>>,
    #[live(insert, remove, clear, len = ..1_000)]
    by_id: HashMap<Uuid, Vec<(u8, [char; 3])>>,
    #[live(insert)]
    names: Arc<BTreeMap<String, BTreeSet<Box<str>>>>,
    #[live(increment)]
    time: Duration,
}

#[test]
fn mutations_of_standard_types_are_plain() {
    for mutation in [
        StandardMutation::SetNumber(1),
        StandardMutation::IncrementNumber(1),
        StandardMutation::DecrementNumber(1),
        StandardMutation::SetText(String::new()),
        StandardMutation::ToggleOn,
        StandardMutation::PushLog(None),
        StandardMutation::ClearLog,
        StandardMutation::InsertById(Uuid::nil(), Vec::new()),
        StandardMutation::RemoveById(Uuid::nil()),
        StandardMutation::ClearById,
        StandardMutation::InsertNames(String::new(), BTreeSet::new()),
        StandardMutation::IncrementTime(Duration::ZERO),
    ] {
        assert!(plain::<Standard>(mutation));
    }
}

type Alias = Vec<u32>;

#[derive(Clone, LiveValue)]
struct Aliased {
    #[live(push)]
    numbers: Alias,
}

#[test]
fn an_alias_is_what_it_stands_for() {
    assert!(plain::<Aliased>(AliasedMutation::PushNumbers(1)));
}

thread_local!(static RAN: Cell<u32> = const { Cell::new(0) });

fn ran() {
    RAN.set(RAN.get() + 1);
}

struct Loud;

impl Clone for Loud {
    fn clone(&self) -> Self {
        ran();
        Loud
    }
}

#[derive(Clone)]
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        ran();
    }
}

#[derive(Clone, PartialEq, Eq)]
struct Hashed(u8);

impl Hash for Hashed {
    fn hash<H: Hasher>(&self, state: &mut H) {
        ran();
        self.0.hash(state);
    }
}

#[derive(Clone, LiveValue)]
struct Own {
    cloned: Loud,
    dropped: Bomb,
    #[live(set, insert)]
    hashed: HashSet<Hashed>,
    deep: Option<Arc<Vec<(u8, Bomb)>>>,
    hasher: HashMap<u8, u8, BuildHasherDefault<DefaultHasher>>,
    function: Arc<dyn Fn() + Send + Sync>,
    number: u8,
}

#[test]
fn types_of_ones_own_are_never_plain() {
    let before = RAN.get();
    for mutation in [
        OwnMutation::SetCloned(Loud),
        OwnMutation::SetDropped(Bomb),
        OwnMutation::SetHashed(HashSet::new()),
        OwnMutation::InsertHashed(Hashed(1)),
        OwnMutation::SetDeep(None),
        OwnMutation::SetHasher(HashMap::default()),
        OwnMutation::SetFunction(Arc::new(|| {})),
    ] {
        assert!(!plain::<Own>(mutation));
    }
    assert!(plain::<Own>(OwnMutation::SetNumber(1)));

    // They do run something, so to call them plain would have been wrong.
    let mut own = Own {
        cloned: Loud,
        dropped: Bomb,
        hashed: HashSet::new(),
        deep: None,
        hasher: HashMap::default(),
        function: Arc::new(|| {}),
        number: 0,
    };
    let Ok(()) = own.apply(&OwnMutation::SetCloned(Loud));
    let Ok(()) = own.apply(&OwnMutation::SetDropped(Bomb));
    let Ok(()) = own.apply(&OwnMutation::InsertHashed(Hashed(1)));
    assert!(RAN.get() >= before + 3);
}

mod shadowed {
    use livestore::LiveValue;

    #[derive(Clone)]
    pub(super) struct String;

    #[derive(Clone)]
    pub(super) struct Vec<T>(pub(super) T);

    #[derive(Clone, LiveValue)]
    pub(super) struct Shadowed {
        pub(super) text: String,
        #[live(set)]
        pub(super) list: Vec<u8>,
        pub(super) real: std::string::String,
    }
}

#[test]
fn a_name_of_the_standard_library_proves_nothing() {
    use shadowed::{Shadowed, ShadowedMutation, String, Vec};
    let Vec(_) = Vec(1);
    assert!(!plain::<Shadowed>(ShadowedMutation::SetText(String)));
    assert!(!plain::<Shadowed>(ShadowedMutation::SetList(Vec(1))));
    assert!(plain::<Shadowed>(ShadowedMutation::SetReal("a".into())));
}

#[derive(Clone, LiveValue)]
struct Generic<T> {
    value: T,
    list: Vec<T>,
    number: u8,
}

#[test]
fn a_parameter_is_not_plain_whatever_it_is() {
    assert!(!plain::<Generic<u8>>(GenericMutation::SetValue(1)));
    assert!(!plain::<Generic<u8>>(GenericMutation::SetList(vec![1])));
    assert!(plain::<Generic<u8>>(GenericMutation::SetNumber(1)));
}

fn any<T>(_: &T) -> Result<(), String> {
    Ok(())
}

#[derive(Clone, LiveValue)]
#[live(mutation(variants(Own)))]
struct Functions {
    #[live(validate = any::<u8>)]
    checked: u8,
    #[live(nested)]
    nested: Aliased,
    #[live(each)]
    each: HashMap<u8, Aliased>,
    free: u8,
}

impl Functions {
    fn own(&mut self) {}
}

#[test]
fn functions_and_nested_values_are_not_plain() {
    for mutation in [
        FunctionsMutation::SetChecked(1),
        FunctionsMutation::UpdateNested(AliasedMutation::PushNumbers(1)),
        FunctionsMutation::UpdateEach(1, AliasedMutation::PushNumbers(1)),
        FunctionsMutation::Own,
    ] {
        assert!(!plain::<Functions>(mutation));
    }
    assert!(plain::<Functions>(FunctionsMutation::SetFree(1)));
}

#[derive(Clone, LiveValue)]
#[live(validate = Self::fine)]
struct Validated {
    number: u8,
}

impl Validated {
    fn fine(&self, _: &Self) -> Result<(), String> {
        Ok(())
    }
}

#[test]
fn nothing_is_plain_where_the_type_has_a_validate() {
    assert!(!plain::<Validated>(ValidatedMutation::SetNumber(1)));
}

/// A range that looks at the clock, or does whatever it likes.
#[derive(Debug)]
struct Anything;

impl RangeBounds<u8> for Anything {
    fn start_bound(&self) -> Bound<&u8> {
        ran();
        Bound::Unbounded
    }

    fn end_bound(&self) -> Bound<&u8> {
        Bound::Unbounded
    }
}

struct Minus;

impl Sub<usize> for Minus {
    type Output = usize;

    fn sub(self, rhs: usize) -> usize {
        ran();
        rhs
    }
}

fn most() -> u8 {
    9
}

#[derive(Clone, LiveValue)]
struct Ranges {
    #[live(range = Anything)]
    path: u8,
    #[live(range = ..most())]
    call: u8,
    #[live(len = ..Minus - 1)]
    operator: String,
    #[live(push, keep = MOST + 1)]
    sum: Vec<u8>,
    #[live(push, keep = MOST)]
    constant: Vec<u8>,
    #[live(range = -3..=u8::MAX as i32)]
    cast: i32,
    #[live(range = -3..=i32::MAX)]
    literal: i32,
}

#[test]
fn a_range_is_plain_if_it_is_written_out() {
    assert!(!plain::<Ranges>(RangesMutation::SetPath(1)));
    assert!(!plain::<Ranges>(RangesMutation::SetCall(1)));
    assert!(!plain::<Ranges>(RangesMutation::SetOperator(String::new())));
    assert!(!plain::<Ranges>(RangesMutation::PushSum(1)));
    assert!(!plain::<Ranges>(RangesMutation::SetCast(1)));
    assert!(plain::<Ranges>(RangesMutation::PushConstant(1)));
    assert!(plain::<Ranges>(RangesMutation::SetLiteral(1)));
}

struct Problem;

impl From<FieldError> for Problem {
    fn from(_: FieldError) -> Self {
        ran();
        Problem
    }
}

#[derive(Clone, LiveValue)]
#[live(error = Problem)]
struct Reported {
    #[live(range = ..3)]
    ruled: u8,
    free: u8,
}

#[test]
fn a_rule_is_not_plain_if_its_error_is_made_by_the_user() {
    assert!(!plain::<Reported>(ReportedMutation::SetRuled(1)));
    assert!(plain::<Reported>(ReportedMutation::SetFree(1)));
}

#[derive(Clone)]
struct Odd(Vec<u8>);

impl ops::Push for Odd {
    type Item = u8;

    fn push(&mut self, item: u8) {
        ran();
        self.0.push(item);
    }

    fn keep_last(&mut self, n: usize) {
        self.0.truncate(n);
    }
}

#[derive(Clone, LiveValue)]
struct WithOps {
    #[live(push)]
    odd: Odd,
}

#[test]
fn operations_of_ones_own_are_not_plain() {
    assert!(!plain::<WithOps>(WithOpsMutation::PushOdd(1)));
}
