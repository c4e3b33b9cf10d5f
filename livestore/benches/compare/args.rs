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

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Args {
    pub(crate) command: Command,
    pub(crate) only: Option<String>,
    pub(crate) write: bool,
}

impl Args {
    pub(crate) fn parse(mut words: impl Iterator<Item = String>) -> Result<Args, String> {
        let command = match words.next().as_deref() {
            Some("quick") => Command::Quick,
            Some("check") => Command::Check,
            Some("full") => Command::Full,
            Some("smoke") => Command::Smoke,
            Some(other) => return Err(format!("there is no command `{other}`")),
            None => return Err("say what to do".to_owned()),
        };
        let mut args = Args {
            command,
            only: None,
            write: false,
        };
        while let Some(word) = words.next() {
            match word.as_str() {
                "--only" => args.only = Some(words.next().ok_or("`--only` needs the id of a row")?),
                "--write" => args.write = true,
                other => return Err(format!("there is no option `{other}`")),
            }
        }
        Ok(args)
    }
}
