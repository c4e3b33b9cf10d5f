//! What the command line asks for.

pub(crate) const USAGE: &str = "\
usage: compare <quick | check | full | smoke> [--only ID[,ID..]] [--write]

    quick   the table and the targets, in less than ten minutes
    check   the targets alone
    full    the curves: many sizes, many tasks, many watchers
    smoke   everything once, in seconds; the numbers mean nothing

    --only  only rows whose id contains one of these; ids are shown in brackets
    --write write the results into the folder `results` of this package as well";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    Quick,
    Check,
    Full,
    Smoke,
}

impl Command {
    pub(crate) fn named(name: &str) -> Option<Command> {
        Some(match name {
            "quick" => Command::Quick,
            "check" => Command::Check,
            "full" => Command::Full,
            "smoke" => Command::Smoke,
            _ => return None,
        })
    }
}
