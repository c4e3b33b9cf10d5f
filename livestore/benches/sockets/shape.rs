//! [`Shape`]: how many keys there are, who follows them, and what their values are.

/// What one server is asked to serve, and how clients follow it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    pub(crate) keys: usize,
    pub(crate) sockets: usize,
    /// How many keys each socket follows. Those of the first are the first.
    pub(crate) each: usize,
    /// In how many roles the sockets follow, in turn, each of which sees something else.
    pub(crate) roles: usize,
    pub(crate) content: Content,
    /// How many sockets more there are, of the first key, that take nothing once they follow it.
    pub(crate) deaf: usize,
}

/// What an entry holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    /// So many bytes of JSON, of which all change.
    Small(usize),
    /// So many bytes of JSON, of which one field changes.
    Room(usize),
}

impl Shape {
    /// One key that so many sockets follow.
    pub(crate) const fn one(sockets: usize, content: Content) -> Shape {
        Shape {
            keys: 1,
            sockets,
            each: 1,
            roles: 1,
            content,
            deaf: 0,
        }
    }

    /// How many subscriptions are told of updates, all sockets that read together.
    pub(crate) fn subscriptions(&self) -> u64 {
        (self.sockets * self.each) as u64
    }

    /// How many subscriptions each key has.
    pub(crate) fn per_key(&self) -> u64 {
        self.subscriptions() / self.keys as u64
    }

    /// The keys that a socket follows, by their numbers.
    pub(crate) fn followed(&self, socket: usize) -> impl Iterator<Item = usize> {
        let (keys, each) = (self.keys, self.each);
        (0..each).map(move |at| (socket * each + at) % keys)
    }

    /// As the words that a server's process is started with.
    pub(crate) fn to_words(self) -> [String; 4] {
        let (kind, bytes) = match self.content {
            Content::Small(bytes) => ("small", bytes),
            Content::Room(bytes) => ("room", bytes),
        };
        [
            self.keys.to_string(),
            self.roles.to_string(),
            kind.to_owned(),
            bytes.to_string(),
        ]
    }

    /// The part of it that a server knows.
    pub(crate) fn from_words(words: &[String]) -> Option<Shape> {
        let [keys, roles, kind, bytes] = words else {
            return None;
        };
        let bytes = bytes.parse().ok()?;
        let content = match kind.as_str() {
            "small" => Content::Small(bytes),
            "room" => Content::Room(bytes),
            _ => return None,
        };
        Some(Shape {
            keys: keys.parse().ok()?,
            roles: roles.parse().ok()?,
            ..Shape::one(0, content)
        })
    }
}
