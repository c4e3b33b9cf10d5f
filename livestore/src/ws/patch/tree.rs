//! [`Tree`]: a JSON document as a flat list of spans of its bytes.

/// No longer documents are read.
const MAX_BYTES: usize = 256 << 10;

/// No documents with more nodes are read.
const MAX_NODES: usize = 10_000;

/// What is nested more deeply is one node, whatever is in it.
const MAX_DEPTH: usize = 64;

/// The nodes of a document, each before those that are in it.
pub(super) struct Tree<'a> {
    bytes: &'a [u8],
    nodes: Vec<Node>,
}

/// Numbers are offsets in the bytes. They fit, because [`MAX_BYTES`] does.
struct Node {
    kind: Kind,
    start: u32,
    end: u32,
    /// The key in an object, with its quotation marks; nothing elsewhere.
    key: (u32, u32),
    /// Where in the list the next node is that is not in this one.
    after: u32,
}

#[derive(Clone, Copy, PartialEq)]
pub(super) enum Kind {
    Object,
    Array,
    /// Everything else, and what is nested too deeply.
    Leaf,
}

/// A place in the list of nodes.
pub(super) type Index = usize;

impl<'a> Tree<'a> {
    /// Reads a document. `None` if it is too large, or is no JSON. Not every fault is found.
    pub(super) fn read(bytes: &'a [u8]) -> Option<Tree<'a>> {
        if bytes.len() > MAX_BYTES {
            return None;
        }
        let mut scan = Scan { bytes, at: 0 };
        // About as many as such documents have; then it rarely grows.
        let mut nodes: Vec<Node> = Vec::with_capacity(bytes.len() / 16 + 4);
        let mut open: Vec<Index> = Vec::new();
        loop {
            // A value comes next, in an object with its key.
            scan.space();
            let mut key = (0, 0);
            if let Some(&parent) = open.last()
                && nodes[parent].kind == Kind::Object
            {
                let start = scan.at;
                scan.string()?;
                key = (offset(start), offset(scan.at));
                scan.space();
                scan.take(b':')?;
                scan.space();
            }
            if nodes.len() == MAX_NODES {
                return None;
            }
            let index = nodes.len();
            let start = scan.at;
            let kind = scan.value(open.len() < MAX_DEPTH)?;
            nodes.push(Node {
                kind,
                start: offset(start),
                end: offset(scan.at),
                key,
                after: offset(index + 1),
            });
            if kind != Kind::Leaf {
                scan.space();
                if scan.peek()? != closing(kind) {
                    open.push(index);
                    continue;
                }
                scan.at += 1;
                nodes[index].end = offset(scan.at);
            }
            // A value has ended, and with it those whose last one it was.
            loop {
                scan.space();
                let Some(&parent) = open.last() else {
                    return (scan.at == bytes.len()).then_some(Tree { bytes, nodes });
                };
                if scan.take(b',').is_some() {
                    break;
                }
                scan.take(closing(nodes[parent].kind))?;
                open.pop();
                nodes[parent].end = offset(scan.at);
                nodes[parent].after = offset(nodes.len());
            }
        }
    }

    pub(super) fn kind(&self, node: Index) -> Kind {
        self.nodes[node].kind
    }

    /// The bytes of a value.
    pub(super) fn value(&self, node: Index) -> &'a [u8] {
        let Node { start, end, .. } = self.nodes[node];
        &self.bytes[start as usize..end as usize]
    }

    /// The bytes of a key, with its quotation marks.
    pub(super) fn key(&self, node: Index) -> &'a [u8] {
        let (start, end) = self.nodes[node].key;
        &self.bytes[start as usize..end as usize]
    }

    /// The bytes from the first of these neighbours to the last, with what stands between them.
    pub(super) fn values(&self, neighbours: &[Index]) -> &'a [u8] {
        match (neighbours.first(), neighbours.last()) {
            (Some(&first), Some(&last)) => {
                &self.bytes[self.nodes[first].start as usize..self.nodes[last].end as usize]
            }
            _ => &[],
        }
    }

    /// What is in an object or an array, in order.
    pub(super) fn children(&self, node: Index) -> impl Iterator<Item = Index> {
        let end = self.nodes[node].after as usize;
        let mut next = node + 1;
        std::iter::from_fn(move || {
            let child = (next < end).then_some(next)?;
            next = self.nodes[child].after as usize;
            Some(child)
        })
    }

    /// What is in an object, ordered by key. `None` if a key is there twice, or might be, written in another way.
    pub(super) fn members(&self, object: Index) -> Option<Vec<Index>> {
        let mut members: Vec<_> = self.children(object).collect();
        members.sort_unstable_by_key(|&member| self.key(member));
        let twice = |pair: &[Index]| self.key(pair[0]) == self.key(pair[1]);
        let fine = !members.windows(2).any(twice)
            && members
                .iter()
                .all(|&member| is_written_shortest(self.key(member)));
        fine.then_some(members)
    }
}

fn offset(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

fn closing(kind: Kind) -> u8 {
    if kind == Kind::Object { b'}' } else { b']' }
}

/// Whether a string is escaped as `serde_json` does it: where it must be, and in one way.
fn is_written_shortest(string: &[u8]) -> bool {
    let mut rest = string;
    while let Some(at) = rest.iter().position(|&byte| byte == b'\\') {
        let (length, shortest) = match rest[at + 1..] {
            [b'"' | b'\\' | b'b' | b'f' | b'n' | b'r' | b't', ..] => (2, true),
            [b'u', b'0', b'0', b'0', b'8' | b'9' | b'a' | b'c' | b'd', ..] => (6, false),
            [b'u', b'0', b'0', b'0' | b'1', b'0'..=b'9' | b'a'..=b'f', ..] => (6, true),
            _ => (2, false),
        };
        if !shortest {
            return false;
        }
        rest = &rest[at + length..];
    }
    true
}

struct Scan<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Scan<'_> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn take(&mut self, byte: u8) -> Option<()> {
        (self.peek()? == byte).then(|| self.at += 1)
    }

    /// Goes on while this holds.
    fn skip(&mut self, holds: impl Fn(u8) -> bool) {
        while self.peek().is_some_and(&holds) {
            self.at += 1;
        }
    }

    /// The encoder leaves no space, but what it was given as raw JSON may.
    fn space(&mut self) {
        self.skip(|byte| matches!(byte, b' ' | b'\n' | b'\r' | b'\t'));
    }

    /// Goes behind a leaf, or behind the bracket with which an object or an array begins.
    fn value(&mut self, descend: bool) -> Option<Kind> {
        let kind = match self.peek()? {
            b'{' if descend => Kind::Object,
            b'[' if descend => Kind::Array,
            _ => Kind::Leaf,
        };
        match self.peek()? {
            b'{' | b'[' if !descend => self.brackets()?,
            b'{' | b'[' => self.at += 1,
            b'"' => self.string()?,
            b'-' | b'0'..=b'9' => {
                self.skip(|byte| matches!(byte, b'-' | b'+' | b'.' | b'e' | b'E' | b'0'..=b'9'));
            }
            _ => {
                let rest = &self.bytes[self.at..];
                let words: [&[u8]; 3] = [b"true", b"false", b"null"];
                self.at += words.iter().find(|word| rest.starts_with(word))?.len();
            }
        }
        Some(kind)
    }

    fn string(&mut self) -> Option<()> {
        self.take(b'"')?;
        loop {
            self.skip(|byte| byte != b'"' && byte != b'\\');
            if self.take(b'"').is_some() {
                return Some(());
            }
            self.take(b'\\')?;
            // What is escaped ends nothing.
            self.peek()?;
            self.at += 1;
        }
    }

    /// Goes behind the bracket that closes the one here.
    fn brackets(&mut self) -> Option<()> {
        let mut open = 0_usize;
        loop {
            match self.peek()? {
                b'"' => {
                    self.string()?;
                    continue;
                }
                b'{' | b'[' => open += 1,
                b'}' | b']' => open -= 1,
                _ => {}
            }
            self.at += 1;
            if open == 0 {
                return Some(());
            }
        }
    }
}
