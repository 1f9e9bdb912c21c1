//! The octets of an input as UTF-8: a look ahead for detection, the byte order mark taken off,
//! UTF-16 (`tracert > file` in `PowerShell`) decoded.

use std::io::{self, Read};

/// As much as is looked at before a format is decided on.
pub(crate) const LOOK_AHEAD: usize = 64 << 10;

/// An input, decoded, that can be looked into.
#[derive(Debug)]
pub(crate) struct Source<R> {
    from: R,
    /// Decoded, and not yet handed out from `start` on.
    ready: Vec<u8>,
    start: usize,
    /// Octets of an incomplete UTF-16 unit or pair.
    odd: Vec<u8>,
    encoding: Option<Encoding>,
    ended: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Encoding {
    Octets,
    Utf16 { big_endian: bool },
}

impl<R: Read> Source<R> {
    pub(crate) fn new(from: R) -> Self {
        let (ready, odd) = (Vec::new(), Vec::new());
        Self { from, ready, start: 0, odd, encoding: None, ended: false }
    }

    /// What has been read and not handed out yet.
    pub(crate) fn head(&self) -> &[u8] {
        self.ready.get(self.start..).unwrap_or_default()
    }

    /// There is nothing beyond [`Self::head`].
    pub(crate) fn has_ended(&self) -> bool {
        self.ended
    }

    /// Reads once.
    pub(crate) fn read_more(&mut self) -> io::Result<()> {
        let mut chunk = vec![0; LOOK_AHEAD];
        let read = self.from.read(&mut chunk)?;
        chunk.truncate(read);
        self.ended = read == 0;
        if self.start > 0 {
            self.ready.drain(..self.start);
            self.start = 0;
        }
        self.odd.append(&mut chunk);
        let encoding = match self.encoding {
            Some(encoding) => encoding,
            None if self.odd.len() < 3 && !self.ended => return Ok(()),
            None => self.begin(),
        };
        match encoding {
            Encoding::Octets => self.ready.append(&mut self.odd),
            Encoding::Utf16 { big_endian } => self.decode(big_endian),
        }
        Ok(())
    }

    /// Reads the byte order mark.
    fn begin(&mut self) -> Encoding {
        let (encoding, mark) = match self.odd.as_slice() {
            [0xff, 0xfe, ..] => (Encoding::Utf16 { big_endian: false }, 2),
            [0xfe, 0xff, ..] => (Encoding::Utf16 { big_endian: true }, 2),
            [0xef, 0xbb, 0xbf, ..] => (Encoding::Octets, 3),
            _ => (Encoding::Octets, 0),
        };
        self.odd.drain(..mark);
        self.encoding = Some(encoding);
        encoding
    }

    fn decode(&mut self, big_endian: bool) {
        let (pairs, _) = self.odd.as_chunks::<2>();
        let unit = |pair: &[u8; 2]| match big_endian {
            true => u16::from_be_bytes(*pair),
            false => u16::from_le_bytes(*pair),
        };
        let mut units: Vec<u16> = pairs.iter().map(unit).collect();
        let is_high = |unit: &u16| (0xd800..0xdc00).contains(unit);
        if !self.ended && units.last().is_some_and(is_high) {
            units.pop(); // its other half comes with the next octets
        }
        let text = String::from_utf16_lossy(&units);
        self.ready.extend_from_slice(text.as_bytes());
        self.odd.drain(..units.len() * 2);
    }
}

impl<R: Read> Read for Source<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.head().is_empty() && !self.ended {
            self.read_more()?;
        }
        let len = self.head().len().min(buffer.len());
        let (Some(to), Some(from)) = (buffer.get_mut(..len), self.head().get(..len)) else {
            return Ok(0);
        };
        to.copy_from_slice(from);
        self.start += len;
        Ok(len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Hands out few octets at a time, as pipes do.
    struct Dribble<'a>(&'a [u8], usize);

    impl Read for Dribble<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let len = self.1.min(self.0.len()).min(buffer.len());
            let (now, later) = self.0.split_at(len);
            buffer[..len].copy_from_slice(now);
            self.0 = later;
            Ok(len)
        }
    }

    fn read(octets: &[u8], step: usize) -> String {
        let mut text = String::new();
        Source::new(Dribble(octets, step)).read_to_string(&mut text).unwrap();
        text
    }

    #[test]
    fn utf_16_of_either_order_and_marks_are_read_whatever_the_chunks() {
        let text = "1 ms 東京 \u{1f600}\n";
        let units: Vec<u16> = "\u{feff}".encode_utf16().chain(text.encode_utf16()).collect();
        let little: Vec<u8> = units.iter().flat_map(|unit| unit.to_le_bytes()).collect();
        let big: Vec<u8> = units.iter().flat_map(|unit| unit.to_be_bytes()).collect();
        let marked = format!("\u{feff}{text}");
        for step in 1..9 {
            for octets in [&little[..], &big, marked.as_bytes(), text.as_bytes()] {
                assert_eq!(read(octets, step), text, "{step}");
            }
        }
        assert_eq!(read(b"", 1), "");
        assert_eq!(read(b"a", 1), "a");
    }
}
