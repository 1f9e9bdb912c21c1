//! JSON values one after the other, without holding more than one: the elements of an array, the
//! lines of NDJSON, documents printed over many lines. A value that is torn does not take the
//! rest of the input with it.

use std::io::{self, Read};

/// The largest value that is read.
pub(crate) const LARGEST: usize = 64 << 20;

/// One value: where its first line is, and its octets.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Element<'a> {
    Value {
        line: u64,
        text: &'a [u8],
    },
    /// It was skipped.
    TooLarge {
        line: u64,
    },
}

/// Reads values.
pub(crate) struct Elements<R> {
    from: R,
    buffer: Vec<u8>,
    start: usize,
    /// The line, from 1, that `buffer[start]` is on.
    line: u64,
    one_a_line: Option<bool>,
    ended: bool,
    largest: usize,
}

impl<R: Read> Elements<R> {
    pub(crate) fn new(from: R) -> Self {
        Self::with_largest(from, LARGEST)
    }

    fn with_largest(from: R, largest: usize) -> Self {
        let (buffer, one_a_line) = (Vec::new(), None);
        Self { from, buffer, start: 0, line: 1, one_a_line, ended: false, largest }
    }

    /// The next value; what stands between values is no value and no error: brackets and commas of
    /// an array, white space.
    pub(crate) fn next_element(&mut self) -> io::Result<Option<Element<'_>>> {
        loop {
            self.skip_between();
            if self.start < self.buffer.len() {
                break;
            }
            if self.ended {
                return Ok(None);
            }
            self.read_more()?;
        }
        let mut scan = Scan::default();
        let len = loop {
            let one_a_line = self.one_a_line.unwrap_or(false);
            let rest = self.buffer.get(self.start..).unwrap_or_default();
            if let Some(len) = scan.end_of_value(rest, one_a_line) {
                break len;
            }
            if self.ended {
                break rest.len();
            }
            if rest.len() > self.largest {
                return self.skip_line().map(Some);
            }
            self.read_more()?;
        };
        if self.one_a_line.is_none() {
            self.one_a_line = Some(self.is_whole_line(len)?);
        }
        let (line, begin) = (self.line, self.start);
        self.advance(len);
        let text = self.buffer.get(begin..begin + len).unwrap_or_default();
        Ok(Some(Element::Value { line, text }))
    }

    /// Goes on behind `text`'s first line: a torn value may have swallowed whole ones.
    pub(crate) fn retry_from_next_line(&mut self, text_len: usize) -> bool {
        let begin = self.start.saturating_sub(text_len);
        let text = self.buffer.get(begin..self.start).unwrap_or_default();
        let Some(at) = memchr::memmem::find(text, b"\n{") else { return false };
        let after = text.get(at..).unwrap_or_default();
        self.line -= memchr::memchr_iter(b'\n', after).count() as u64;
        self.start = begin + at;
        true
    }

    /// Whether the value that ends `len` octets on stands alone on one line.
    fn is_whole_line(&mut self, len: usize) -> io::Result<bool> {
        let after = loop {
            let rest = self.buffer.get(self.start + len..).unwrap_or_default();
            match rest.iter().find(|b| !matches!(b, b' ' | b'\r' | b'\t')) {
                Some(&octet) => break octet,
                None if self.ended => break b'\n',
                None => self.read_more()?,
            }
        };
        let value = self.buffer.get(self.start..self.start + len).unwrap_or_default();
        Ok(after == b'\n' && memchr::memchr(b'\n', value).is_none())
    }

    fn skip_between(&mut self) {
        let rest = self.buffer.get(self.start..).unwrap_or_default();
        let is_between = |b: &u8| b" \t\r\n,[]".contains(b);
        let len = rest.iter().take_while(|b| is_between(b)).count();
        self.advance(len);
    }

    fn advance(&mut self, len: usize) {
        let passed = self.buffer.get(self.start..self.start + len).unwrap_or_default();
        self.line += memchr::memchr_iter(b'\n', passed).count() as u64;
        self.start += len;
    }

    /// Skips to the end of the line, however far that is.
    fn skip_line(&mut self) -> io::Result<Element<'static>> {
        let line = self.line;
        loop {
            let rest = self.buffer.get(self.start..).unwrap_or_default();
            let newline = memchr::memchr(b'\n', rest);
            let len = newline.map_or(rest.len(), |at| at + 1);
            self.advance(len);
            if newline.is_some() || self.ended {
                return Ok(Element::TooLarge { line });
            }
            self.read_more()?;
        }
    }

    fn read_more(&mut self) -> io::Result<()> {
        if self.start > self.buffer.len() / 2 {
            self.buffer.drain(..self.start);
            self.start = 0;
        }
        let len = self.buffer.len();
        self.buffer.resize(len + (256 << 10), 0);
        let result = self.from.read(self.buffer.get_mut(len..).unwrap_or_default());
        self.buffer.truncate(len + result.as_ref().map_or(0, |&read| read));
        self.ended = result? == 0;
        Ok(())
    }
}

/// How far a value has been scanned.
#[derive(Default)]
struct Scan {
    at: usize,
    depth: u32,
    in_string: bool,
}

impl Scan {
    /// Where the value at the start of `text` ends, once that is known.
    fn end_of_value(&mut self, text: &[u8], one_a_line: bool) -> Option<usize> {
        if one_a_line {
            let found = memchr::memchr(b'\n', text.get(self.at..)?);
            let end = found.map(|at| self.at + at);
            self.at = text.len();
            return end;
        }
        while let Some(&octet) = text.get(self.at) {
            if self.in_string {
                let rest = text.get(self.at..)?;
                let Some(found) = memchr::memchr2(b'"', b'\\', rest) else {
                    self.at = text.len();
                    return None;
                };
                if rest.get(found) == Some(&b'\\') {
                    if found + 1 >= rest.len() {
                        self.at += found; // what is escaped comes with the next octets
                        return None;
                    }
                    self.at += found + 2;
                } else {
                    self.at += found + 1;
                    self.in_string = false;
                }
                continue;
            }
            self.at += 1;
            match octet {
                b'"' => self.in_string = true,
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' if self.depth > 1 => self.depth -= 1,
                b'}' | b']' => return Some(self.at),
                b'\n' if self.depth == 0 => return Some(self.at - 1),
                _ => {}
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn values(text: &str) -> Vec<(u64, String)> {
        let mut elements = Elements::new(text.as_bytes());
        let mut all = Vec::new();
        while let Some(element) = elements.next_element().unwrap() {
            let Element::Value { line, text } = element else { panic!() };
            all.push((line, String::from_utf8(text.to_vec()).unwrap()));
        }
        all
    }

    #[test]
    fn arrays_lines_and_documents_are_the_same_values() {
        let wanted = ["{\"a\":[1,\"]}\\\"\"]}", "{\"b\":{}}"];
        for text in [
            format!("[{},{}]", wanted[0], wanted[1]),
            format!("[\n{},\n{}\n]\n", wanted[0], wanted[1]),
            format!("{}\n{}\n", wanted[0], wanted[1]),
            format!("{}\r\n\r\n{}", wanted[0], wanted[1]),
            format!("{}{}", wanted[0], wanted[1]),
        ] {
            let found: Vec<String> = values(&text).into_iter().map(|value| value.1).collect();
            assert_eq!(found.iter().map(|v| v.trim()).collect::<Vec<_>>(), wanted, "{text}");
        }
    }

    #[test]
    fn the_line_is_that_of_the_value() {
        let lines: Vec<u64> = values("\n{\n\"a\":1}\n\n{}\n{}").iter().map(|v| v.0).collect();
        assert_eq!(lines, [2, 5, 6]);
    }

    #[test]
    fn a_torn_line_takes_no_other_with_it() {
        let found = values("{\"a\":1}\n{\"b\":[{\n{\"c\":2}\n");
        assert_eq!(found.len(), 3, "{found:?}");
    }

    #[test]
    fn a_torn_document_gives_back_what_it_swallowed() {
        let mut elements = Elements::new(&b"{\n \"a\": [\n{\n \"b\": 1\n}\n"[..]);
        let Some(Element::Value { text, .. }) = elements.next_element().unwrap() else { panic!() };
        let len = text.len();
        assert!(elements.retry_from_next_line(len));
        let next = elements.next_element().unwrap();
        assert!(
            matches!(next, Some(Element::Value { line: 3, text }) if text.starts_with(b"{\n \"b\""))
        );
    }

    #[test]
    fn what_is_too_large_is_skipped() {
        let text = format!("{{\"a\":\"{}\"}}\n{{}}\n", "x".repeat(1 << 20));
        let mut elements = Elements::with_largest(text.as_bytes(), 1000);
        assert_eq!(elements.next_element().unwrap(), Some(Element::TooLarge { line: 1 }));
        assert!(matches!(elements.next_element().unwrap(), Some(Element::Value { line: 2, .. })));
    }

    proptest! {
        #[test]
        fn any_octets_come_to_an_end(octets in proptest::collection::vec(any::<u8>(), 0..300)) {
            let mut elements = Elements::new(&octets[..]);
            let mut steps = 0;
            while let Some(element) = elements.next_element().unwrap() {
                let len = match element { Element::Value { text, .. } => text.len(), Element::TooLarge { .. } => 0 };
                prop_assert!(len > 0);
                elements.retry_from_next_line(len);
                steps += 1;
                prop_assert!(steps < 1000);
            }
        }
    }
}
