//! [`Outcome`]: what a mutation tells its caller of the commit.

use crate::slot::shared::Shared;
use crate::slot::slot::State;
use crate::value::entry::Entry;
use crate::value::value::LiveValue;

/// What a mutation tells its caller of the commit, taken under the very lock under which it was made.
pub(crate) trait Outcome<V: LiveValue>: Send + Sized {
    fn of(state: &State<V>, shared: &Shared<V>) -> Self;
}

impl<V: LiveValue> Outcome<V> for Entry<V> {
    #[inline(always)]
    fn of(state: &State<V>, shared: &Shared<V>) -> Entry<V> {
        state.entry(shared)
    }
}

/// The version alone, which costs no reference to the value.
impl<V: LiveValue> Outcome<V> for u64 {
    #[inline(always)]
    fn of(state: &State<V>, _: &Shared<V>) -> u64 {
        state.version()
    }
}
