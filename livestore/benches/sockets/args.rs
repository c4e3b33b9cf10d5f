//! What the command line asks for.

pub(crate) const USAGE: &str = "\
usage: sockets <quick | smoke | idle> [--only ID[,ID..]] [--write]

    quick   the tables and the targets, in less than twelve minutes
    smoke   everything once, in seconds; the numbers mean nothing
    idle    the memory of idle connections alone

    --only  only rows whose id contains one of these; ids are shown in brackets
    --write write the results into the folder `results` of this package as well";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    Quick,
    Smoke,
    Idle,
}

impl Command {
    pub(crate) fn named(name: &str) -> Option<Command> {
        Some(match name {
            "quick" => Command::Quick,
            "smoke" => Command::Smoke,
            "idle" => Command::Idle,
            _ => return None,
        })
    }
}
