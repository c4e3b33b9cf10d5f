//! [`Deltas`]: the last mutations of one entry, kept on request without values.
//!
//! Plain data under the slot's lock. A mutation whose update is told with values is kept as a clone, made by whoever has it
//! while nothing is locked, so that keeping it keeps no value.

use std::collections::VecDeque;

use crate::ground::unwind::drop_each;
use crate::slot::ring::News;
use crate::value::delta::Delta;
use crate::value::value::LiveValue;

pub(crate) struct Deltas<V: LiveValue> {
    /// Mutations alone, oldest first, contiguous in version; the last one led to the present.
    deltas: VecDeque<triomphe::Arc<Delta<V>>>,
}

impl<V: LiveValue> Deltas<V> {
    pub(crate) fn new() -> Deltas<V> {
        Deltas {
            deltas: VecDeque::new(),
        }
    }

    /// Keeps a delta, and returns the one that it pushes out.
    pub(crate) fn push(
        &mut self,
        delta: triomphe::Arc<Delta<V>>,
        keep: usize,
    ) -> Option<triomphe::Arc<Delta<V>>> {
        let forgotten = if self.deltas.len() >= keep {
            self.deltas.pop_front()
        } else {
            None
        };
        self.deltas.push_back(delta);
        forgotten
    }

    pub(crate) fn len(&self) -> usize {
        self.deltas.len()
    }

    /// The deltas that led from `version` to the present, if all are kept.
    pub(crate) fn since(&self, version: u64) -> Option<VecDeque<News<V>>> {
        let first = self.deltas.front()?.version();
        let known = usize::try_from(version.checked_add(1)?.checked_sub(first)?).ok()?;
        if known >= self.deltas.len() {
            return None;
        }
        Some(self.deltas.iter().skip(known).cloned().map(News::Delta).collect())
    }
}

impl<V: LiveValue> Drop for Deltas<V> {
    fn drop(&mut self) {
        drop_each(self.deltas.drain(..));
    }
}
