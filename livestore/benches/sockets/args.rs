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
            Some("smoke") => Command::Smoke,
            Some("idle") => Command::Idle,
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
