//! [`Store`]: a store as it is served: who may see what of it, and what was told.

use std::hash::Hash;
use std::sync::Arc;

use serde_json::value::RawValue;

use crate::ground::unwind::caught;
use crate::store::guard::EntryGuard;
use crate::value::value::LiveValue;
use crate::ws::cx::Cx;
use crate::ws::deny::{Code, Deny};
use crate::ws::here::Here;
use crate::ws::json::json;
use crate::ws::presence::Presence;
use crate::ws::route::Route;
use crate::ws::served::{Outcome, Stay};
use crate::ws::views::Views;

/// A store, how it is served, and what was told of it.
pub(crate) struct Store<U, V: LiveValue, R> {
    pub(crate) route: Route<U, V, R>,
    pub(crate) views: Arc<Views>,
}

impl<U, V: LiveValue, R> Store<U, V, R> {
    pub(crate) fn new(route: Route<U, V, R>) -> Store<U, V, R> {
        Store {
            route,
            views: Arc::default(),
        }
    }
}

impl<U, V, R> Store<U, V, R>
where
    U: Send + Sync + 'static,
    V: LiveValue,
    R: Hash + 'static,
{
    /// Serves who is there, to those who may see what is there.
    pub(crate) fn here(self: &Arc<Self>, presence: &Arc<Presence>) -> Store<U, Here, ()> {
        let may_see = |cx: &Cx<U>, of: &Self| {
            let entry = of.route.store.peek(&cx.key());
            entry.is_some_and(|entry| of.route.role(cx, &entry).is_some())
        };
        let (of, also_of, with) = (Arc::clone(self), Arc::clone(self), Arc::clone(self));
        let looked_at = Arc::clone(presence);
        Store::new(
            Route::new(presence.people.clone())
                .view(
                    move |cx, _| may_see(cx, &of).then_some(()),
                    |(), here| json(&**here.value()),
                )
                .look_with(move |cx| {
                    may_see(cx, &also_of).then(|| Box::new(looked_at.look(cx.key())) as Stay)
                })
                .over_with(move || with.route.is_over()),
        )
    }

    /// Carries out a command, with the entry held from the decision to the change.
    pub(crate) async fn carry_out(&self, cx: &Cx<U>, command: &RawValue, expected: Option<u64>) -> Outcome {
        let (route, key) = (&self.route, cx.key());
        let missing = || Outcome::Refused(Deny::new(route.missing()));
        // Before anything else, so that nobody waits for what he must not know of.
        if route
            .store
            .peek(&key)
            .and_then(|entry| route.role(cx, &entry))
            .is_none()
        {
            return missing();
        }
        // Nor does anybody wait, or hold it, who is refused whatever it is.
        if !route.accepts() {
            return Outcome::Refused(Deny::new(Code::Forbidden));
        }
        let Some(guard) = route.store.acquire(&key).await else {
            return missing();
        };
        match self.change(cx, guard, command, expected) {
            Outcome::Done(_) if !route.settled(key).await => Outcome::Refused(Deny::new(Code::Internal)),
            outcome => outcome,
        }
    }

    /// Decides on a command, and does what it asks for.
    fn change(
        &self,
        cx: &Cx<U>,
        mut guard: EntryGuard<V>,
        command: &RawValue,
        expected: Option<u64>,
    ) -> Outcome {
        let route = &self.route;
        let Some((role, _)) = route.role(cx, &guard.as_entry()) else {
            return Outcome::Refused(Deny::new(route.missing()));
        };
        if expected.is_some_and(|expected| expected != guard.version()) {
            return Outcome::Conflict(guard.version());
        }
        let mutation = match route.accepted(cx, &guard.as_entry(), command) {
            Ok(mutation) => mutation,
            Err(deny) => return Outcome::Refused(deny),
        };
        match caught(|| guard.mutate(mutation)) {
            Ok(Ok(entry)) => Outcome::Done(entry.version()),
            Ok(Err(reason)) => Outcome::Refused(route.refusal(&role, &reason)),
            Err(_) => Outcome::Refused(Deny::new(Code::Internal)),
        }
    }
}
