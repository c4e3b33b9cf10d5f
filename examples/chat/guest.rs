//! Who uses a page.

use livestore::Uuid;

/// How long a name may be, in `char`s.
pub(crate) const MAX_NAME: usize = 32;

pub(crate) struct Guest {
    /// Says who it is, to others as well.
    pub(crate) who: Uuid,
    /// Without a name, one may read and not speak.
    pub(crate) name: Option<String>,
}

impl Guest {
    /// Reads what the page hands over: a secret of its own, `_`, and the name, in hexadecimal digits. `None` if it is no
    /// such thing.
    pub(crate) fn from_token(token: &str) -> Option<Guest> {
        let (secret, name) = token.split_once('_')?;
        let secret = Uuid::try_parse(secret).ok()?;
        let name = String::from_utf8(from_hex(name)?).ok()?;
        let name = name.trim();
        let is_name =
            !name.is_empty() && name.chars().count() <= MAX_NAME && !name.contains(char::is_control);
        Some(Guest {
            // Whoever knows this does not know the secret, so nobody can speak for somebody else.
            who: Uuid::new_v5(&secret, b"chat"),
            name: is_name.then(|| name.to_owned()),
        })
    }
}

fn from_hex(digits: &str) -> Option<Vec<u8>> {
    let pairs = digits.as_bytes().chunks(2);
    pairs
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
        .collect()
}
