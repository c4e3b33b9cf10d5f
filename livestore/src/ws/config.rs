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
use crate::ws::served::{Followed, Followers, Served};

/// Answers a call.
pub(crate) type Call<U> = Arc<dyn Fn(Cx<U>, Box<RawValue>) -> Answer + Send + Sync>;

pub(crate) type Answer = Pin<Box<dyn Future<Output = Result<Json, Deny>> + Send>>;

/// Says what a user is called.
pub(crate) type Name<U> = Arc<dyn Fn(&U) -> Arc<str> + Send + Sync>;

pub(crate) struct Config<U> {
    pub(crate) stores: Vec<Shelf<U>>,
    pub(crate) calls: HashMap<Arc<str>, Call<U>>,
    pub(crate) call_limits: HashMap<Arc<str>, CallLimit>,
    pub(crate) limits: Limits,
    pub(crate) user_id: Option<Name<U>>,
    /// Besides the server's own.
    pub(crate) origins: Vec<String>,
    /// Clients that are no browsers, and so have no origin, are welcome.
    pub(crate) native: bool,
}

/// A store, and how clients call it.
pub(crate) struct Shelf<U> {
    pub(crate) name: Arc<str>,
    store: Arc<dyn Served<U>>,
    /// It says who is there at another. Such a one is always named.
    is_here: bool,
}

impl<U> Clone for Shelf<U> {
    fn clone(&self) -> Self {
        Shelf {
            name: Arc::clone(&self.name),
            store: Arc::clone(&self.store),
            is_here: self.is_here,
        }
    }
}

/// How the names end of the stores that say who is there at others.
const HERE: &str = "@here";

/// What the store is called that says who is there at another.
fn here(name: &str) -> String {
    format!("{name}{HERE}")
}

impl<U> Config<U> {
    /// Serves a store, and who is there, instead of what has been served under its name.
    ///
    /// # Panics
    ///
    /// If the name is one of those of the library's own.
    pub(crate) fn serve(
        &mut self,
        name: &str,
        store: Arc<dyn Served<U>>,
        people: Option<Arc<dyn Served<U>>>,
    ) {
        assert!(
            !name.ends_with(HERE),
            "no store can be served as `{name}`: a name that ends in `{HERE}` says who is there at another; give it another name"
        );
        let here = here(name);
        self.stores
            .retain(|shelf| *shelf.name != *name && *shelf.name != *here);
        self.stores.push(Shelf {
            name: Arc::from(name),
            store,
            is_here: false,
        });
        self.stores.extend(people.map(|store| Shelf {
            name: Arc::from(here),
            store,
            is_here: true,
        }));
    }

    /// Says which lives of its stores their versions belong to.
    pub(crate) fn epoch(&self) -> String {
        let epochs: Vec<_> = self.stores.iter().map(|shelf| shelf.store.epoch()).collect();
        // Of random numbers, so it need not be a keyed one.
        let hash = BuildHasherDefault::<DefaultHasher>::new().hash_one(&epochs);
        format!("{hash:016x}")
    }

    /// The number of a store by its name, which may be left out where there is one store, not counting who is there.
    pub(crate) fn store(&self, name: Option<&str>) -> Option<usize> {
        match name {
            None if self.are_several() => None,
            None => self.stores.iter().position(|shelf| !shelf.is_here),
            Some(name) => self.stores.iter().position(|shelf| *shelf.name == *name),
        }
    }

    /// The number of a store, and of the one that says who is there.
    pub(crate) fn store_and_here(&self, name: &str) -> Vec<usize> {
        [name, &here(name)]
            .into_iter()
            .filter_map(|name| self.store(Some(name)))
            .collect()
    }

    fn are_several(&self) -> bool {
        self.stores.iter().filter(|shelf| !shelf.is_here).count() > 1
    }

    /// Begins what one connection follows.
    pub(crate) fn follow(&self, visitor: &Arc<Visitor<U>>) -> Vec<Box<dyn Followed>> {
        let are_several = self.are_several();
        let follow = |shelf: &Shelf<U>| {
            let name = (are_several || shelf.is_here).then(|| Arc::clone(&shelf.name));
            Arc::clone(&shelf.store).follow(name, visitor)
        };
        self.stores.iter().map(follow).collect()
    }

    /// How many subscriptions each store has, at up to so many of its keys.
    pub(crate) fn followers(&self, keys: usize) -> impl Iterator<Item = (&Arc<str>, Followers)> {
        let stores = self.stores.iter();
        stores.map(move |shelf| (&shelf.name, shelf.store.followers(keys)))
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
