//! The Redis servers of a run, and those who ask them.

use livestore_benches::peers::redis::{Durability, PIPELINE, Server, in_pipelines};
use livestore_benches::rows::{REDIS, REDIS_AOF, REDIS_PIPELINE};
use livestore_benches::runtime::repeated;
use livestore_benches::sample::Contender;
use redis::{Connection, Pipeline};

/// `None` where no server could be started.
pub(crate) struct Servers {
    pub(crate) memory: Option<Server>,
    file: Option<Server>,
}

impl Servers {
    pub(crate) fn start() -> Servers {
        let start = |durability| match Server::start(durability) {
            Ok(server) => Some(server),
            Err(problem) => {
                eprintln!("\n****  EVERYTHING ABOUT REDIS IS LEFT OUT: {problem}  ****\n");
                None
            }
        };
        let memory = start(Durability::None);
        let file = memory.as_ref().and_then(|_| start(Durability::EverySecond));
        Servers { memory, file }
    }

    /// None of them.
    pub(crate) fn none() -> Servers {
        Servers {
            memory: None,
            file: None,
        }
    }

    /// What to say of them with the results.
    pub(crate) fn describe(&self) -> String {
        match &self.memory {
            Some(server) => format!(
                "Redis {} over loopback, one blocking connection; pipelines of {PIPELINE}.",
                server.version()
            ),
            None => String::new(),
        }
    }

    /// Those who do something that changes nothing, or that files have no part in: one after another, and in
    /// pipelines.
    pub(crate) fn reading<'a>(
        &'a self,
        one: impl FnMut(&mut Connection) + 'a,
        next: impl FnMut(&mut Pipeline) + 'a,
    ) -> Vec<Contender<'a>> {
        self.serial(one).into_iter().chain(self.pipelined(next)).collect()
    }

    /// The same for something that changes data, and once more with a file.
    pub(crate) fn writing<'a>(
        &'a self,
        mut one: impl FnMut(&mut Connection) + Clone + 'a,
        next: impl FnMut(&mut Pipeline) + 'a,
    ) -> Vec<Contender<'a>> {
        let mut contenders = self.reading(one.clone(), next);
        contenders.extend(self.file.as_ref().map(|server| {
            let mut connection = server.connect();
            Contender::new(REDIS_AOF, move |times| repeated(times, || one(&mut connection)))
        }));
        contenders
    }

    /// One after another alone.
    pub(crate) fn serial<'a>(&'a self, mut one: impl FnMut(&mut Connection) + 'a) -> Option<Contender<'a>> {
        let mut connection = self.memory.as_ref()?.connect();
        Some(Contender::new(REDIS, move |times| {
            repeated(times, || one(&mut connection))
        }))
    }

    fn pipelined<'a>(&'a self, mut next: impl FnMut(&mut Pipeline) + 'a) -> Option<Contender<'a>> {
        let mut connection = self.memory.as_ref()?.connect();
        Some(Contender::new(REDIS_PIPELINE, move |times| {
            let mut once = true;
            // All of them within one measured call.
            repeated(1, || {
                debug_assert!(std::mem::take(&mut once));
                in_pipelines(&mut connection, times, &mut next);
            })
        }))
    }
}
