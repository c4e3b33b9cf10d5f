//! What a command line asks a program with tables for.

/// `C` is what the program can be told to do.
#[derive(Debug, PartialEq, Eq)]
pub struct Args<C> {
    /// What to do.
    pub command: C,
    /// Only rows whose id contains one of these words.
    pub only: Option<String>,
    /// The results are written as well.
    pub write: bool,
}

impl<C> Args<C> {
    /// Reads the words after the program's name; `named` knows the commands.
    ///
    /// # Errors
    ///
    /// What is wrong with them.
    pub fn parse(
        mut words: impl Iterator<Item = String>,
        named: impl Fn(&str) -> Option<C>,
    ) -> Result<Args<C>, String> {
        let command = words.next().ok_or("say what to do")?;
        let command = named(&command).ok_or_else(|| format!("there is no command `{command}`"))?;
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
