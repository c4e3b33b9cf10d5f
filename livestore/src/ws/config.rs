//! [`Config`]: what a server serves.

use std::collections::HashMap;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::pin::Pin;
use std::sync::Arc;

use serde_json::value::RawValue;

use crate::ws::budget::CallLimit;
use crate::ws::cx::{Cx, Visitor};
use crate::ws::deny::Deny;
use crate::ws::json::Json;
use crate::ws::limits::Limits;
use crate::ws::served::{Followed, Served};

/// Answers a call.
pub(crate) type Call<U> = Arc<dyn Fn(Cx<U>, Box<RawValue>) -> Answer + Send + Sync>;

pub(crate) type Answer = Pin<Box<dyn Future<Output = Result<Json, Deny>> + Send>>;

/// Says what a user is called.
pub(crate) type Name<U> = Arc<dyn Fn(&U) -> Arc<str> + Send + Sync>;

pub(crate) struct Config<U> {
    pub(crate) stores: Vec<(Arc<str>, Arc<dyn Served<U>>)>,
    pub(crate) calls: HashMap<Arc<str>, Call<U>>,
    pub(crate) call_limits: HashMap<Arc<str>, CallLimit>,
    pub(crate) limits: Limits,
    pub(crate) user_id: Option<Name<U>>,
    /// Besides the server's own.
    pub(crate) origins: Vec<String>,
    /// Clients that are no browsers, and so have no origin, are welcome.
    pub(crate) native: bool,
}

impl<U> Config<U> {
    /// Says which lives of its stores their versions belong to.
    pub(crate) fn epoch(&self) -> String {
        let epochs: Vec<_> = self.stores.iter().map(|(_, store)| store.epoch()).collect();
        // Of random numbers, so it need not be a keyed one.
        let hash = BuildHasherDefault::<DefaultHasher>::new().hash_one(&epochs);
        format!("{hash:016x}")
    }

    /// The number of a store by its name, which may be left out where there is one store.
    pub(crate) fn store(&self, name: Option<&str>) -> Option<usize> {
        match name {
            None => (self.stores.len() == 1).then_some(0),
            Some(name) => self.stores.iter().position(|(of, _)| **of == *name),
        }
    }

    /// Begins what one connection follows.
    pub(crate) fn follow(&self, visitor: &Arc<Visitor<U>>) -> Vec<Box<dyn Followed>> {
        let are_several = self.stores.len() > 1;
        let follow = |(name, store): &(Arc<str>, Arc<dyn Served<U>>)| {
            let name = are_several.then(|| Arc::clone(name));
            Arc::clone(store).follow(name, visitor)
        };
        self.stores.iter().map(follow).collect()
    }

    pub(crate) fn visitor(&self, user: U) -> Arc<Visitor<U>> {
        let id = self.user_id.as_ref().map_or(Arc::from(""), |id| id(&user));
        Visitor::new(user, id)
    }
}

impl<U> Clone for Config<U> {
    fn clone(&self) -> Self {
        Config {
            stores: self.stores.clone(),
            calls: self.calls.clone(),
            call_limits: self.call_limits.clone(),
            limits: self.limits.clone(),
            user_id: self.user_id.clone(),
            origins: self.origins.clone(),
            native: self.native,
        }
    }
}
