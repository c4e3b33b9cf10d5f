//! Frames of WebSockets, as far as the clients here need them.

/// A text frame of a client. The mask is 0, so the text stays as it is.
pub(crate) fn from_client(text: &str) -> Vec<u8> {
    let mut frame = vec![0x81];
    match text.len() {
        len @ ..126 => frame.push(0x80 | len as u8),
        len @ ..65_536 => {
            frame.push(0x80 | 126);
            frame.extend((len as u16).to_be_bytes());
        }
        len => {
            frame.push(0x80 | 127);
            frame.extend((len as u64).to_be_bytes());
        }
    }
    frame.extend([0; 4]);
    frame.extend(text.as_bytes());
    frame
}

/// A frame of a server.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) is_text: bool,
    pub(crate) header: usize,
    pub(crate) payload: usize,
}

/// The frame that these bytes begin with. `None` if they end before it does.
pub(crate) fn from_server(bytes: &[u8]) -> Option<Frame> {
    let [first, second, rest @ ..] = bytes else {
        return None;
    };
    assert!(second & 0x80 == 0, "a server masks nothing");
    let (header, payload) = match second & 0x7F {
        126 => (4, u16::from_be_bytes(*rest.first_chunk()?) as usize),
        127 => (10, u64::from_be_bytes(*rest.first_chunk()?) as usize),
        len => (2, len as usize),
    };
    (bytes.len() >= header + payload).then_some(Frame {
        is_text: first & 0x0F == 1,
        header,
        payload,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_found_when_all_of_it_is_there() {
        for (len, header) in [(5, 2), (300, 4), (70_000, 10)] {
            let mut bytes = from_client(&"x".repeat(len));
            // As the server would send it.
            bytes[1] &= 0x7F;
            bytes.drain(header..header + 4);
            let frame = Frame {
                is_text: true,
                header,
                payload: len,
            };
            assert_eq!(from_server(&bytes[..bytes.len() - 1]), None);
            assert_eq!(from_server(&bytes).as_ref(), Some(&frame));
            bytes.push(0x81);
            assert_eq!(from_server(&bytes), Some(frame));
        }
    }
}
