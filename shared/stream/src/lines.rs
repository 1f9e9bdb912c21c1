//! Lines of bounded length. A line that is too long is handed on in pieces, so that a filter can
//! pass it through and nobody runs out of memory.

use std::io::{self, Read};

use crate::input::Input;

/// The longest line that is read as one.
pub const LONGEST: usize = 1 << 20;

/// A line, or a piece of one that is too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line<'a> {
    /// A line, its newline included; the last one may lack it.
    Whole(&'a [u8]),
    /// A piece of a line that is too long; `last`: the line ends with it.
    Piece {
        /// The octets.
        bytes: &'a [u8],
        /// The line ends with this piece.
        last: bool,
    },
}

/// Reads lines.
#[derive(Debug)]
pub struct Lines<R = Input> {
    from: R,
    buffer: Vec<u8>,
    /// Where the line handed out last begins; it ends at `start`.
    begin: usize,
    /// What has not been handed out: `buffer[start..end]`.
    start: usize,
    end: usize,
    longest: usize,
    /// Where a newline stands, counted from `start`, once it has been found.
    newline: Option<usize>,
    /// Octets from `start` on that hold no newline.
    searched: usize,
    inside_long_line: bool,
    ended: bool,
    number: u64,
}

impl<R: Read> Lines<R> {
    /// Lines of up to [`LONGEST`] octets.
    pub fn new(from: R) -> Self {
        Self::with_longest(from, LONGEST)
    }

    fn with_longest(from: R, longest: usize) -> Self {
        let buffer = vec![0; longest.min(64 << 10)];
        Self {
            from,
            buffer,
            begin: 0,
            start: 0,
            end: 0,
            newline: None,
            searched: 0,
            longest,
            inside_long_line: false,
            ended: false,
            number: 0,
        }
    }

    /// The number of the line handed out last, from 1.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// The line, or piece of one, handed out last, its newline included.
    pub fn last_line(&self) -> &[u8] {
        self.buffer.get(self.begin..self.start).unwrap_or_default()
    }

    /// The next line; `None` at the end.
    pub fn next_line(&mut self) -> io::Result<Option<Line<'_>>> {
        while !self.has_line() {
            if self.ended {
                return Ok(None);
            }
            self.read_more()?;
        }
        let len = self.newline.map_or(self.searched, |at| at + 1);
        let ends = self.newline.is_some() || self.searched < self.longest;
        Ok(Some(self.hand_out(len, ends)))
    }

    /// The next line, or a piece of one that is too long, is here.
    pub fn has_line(&mut self) -> bool {
        if self.newline.is_none() {
            let waiting = self.buffer.get(self.start..self.end).unwrap_or_default();
            let unsearched = waiting.get(self.searched..).unwrap_or_default();
            self.newline = memchr::memchr(b'\n', unsearched).map(|at| self.searched + at);
            self.searched = self.newline.unwrap_or(waiting.len());
        }
        self.newline.is_some() || self.searched >= self.longest || (self.ended && self.searched > 0)
    }

    /// There is nothing more to come.
    pub fn has_ended(&mut self) -> bool {
        self.ended && !self.has_line()
    }

    fn hand_out(&mut self, len: usize, ends: bool) -> Line<'_> {
        let begin = self.start;
        (self.begin, self.start) = (begin, begin + len);
        (self.newline, self.searched) = (None, 0);
        self.number += u64::from(!self.inside_long_line);
        let piece = self.inside_long_line || !ends;
        self.inside_long_line = !ends;
        let bytes = self.buffer.get(begin..begin + len).unwrap_or_default();
        if piece { Line::Piece { bytes, last: ends } } else { Line::Whole(bytes) }
    }

    /// Reads once, and waits only where the input makes it wait.
    pub fn read_more(&mut self) -> io::Result<()> {
        self.buffer.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        (self.begin, self.start) = (0, 0);
        if self.end == self.buffer.len() {
            self.buffer.resize((self.end * 2).min(self.longest), 0);
        }
        let space = self.buffer.get_mut(self.end..).unwrap_or_default();
        let read = self.from.read(space)?;
        self.end += read;
        self.ended = read == 0;
        Ok(())
    }
}

impl Lines<Input> {
    /// A whole line waits, or more can be read without blocking: no need to flush yet.
    pub fn more_waits(&self) -> bool {
        let waiting = self.buffer.get(self.start..self.end).unwrap_or_default();
        memchr::memchr(b'\n', waiting).is_some() || (!self.ended && self.from.is_ready())
    }

    /// Where it is read from, to wait for.
    pub fn input(&self) -> &Input {
        &self.from
    }

    /// The name that diagnostics give the input.
    pub fn name(&self) -> &str {
        &self.from.name
    }
}

/// Hands out few octets at a time, as pipes do.
#[cfg(any(test, fuzzing))]
struct Dribble<'a>(&'a [u8], usize);

#[cfg(any(test, fuzzing))]
impl Read for Dribble<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let (now, later) = self.0.split_at(self.1.min(self.0.len()).min(buffer.len()));
        buffer.iter_mut().zip(now).for_each(|(to, from)| *to = *from);
        self.0 = later;
        Ok(now.len())
    }
}

/// What must hold of any octets: they come out in order as the lines that they are, however few
/// come at a time (the first octet says how many) and however short lines must be (the second).
///
/// # Panics
/// Where it does not hold.
#[cfg(any(test, fuzzing))]
pub fn check(octets: &[u8]) {
    let &[step, longest, ref octets @ ..] = octets else { return };
    let (step, longest) = (usize::from(step % 9) + 1, usize::from(longest % 60) + 4);
    let mut lines = Lines::with_longest(Dribble(octets, step), longest);
    let (mut all, mut open) = (Vec::new(), Vec::new());
    while let Ok(Some(line)) = lines.next_line() {
        let (bytes, last) = match line {
            Line::Whole(bytes) => (bytes, true),
            Line::Piece { bytes, last } => (bytes, last),
        };
        assert!(bytes.len() <= longest + 1);
        open.extend_from_slice(bytes);
        if last {
            all.push(std::mem::take(&mut open));
        }
    }
    // The end of the octets may end a long line too.
    all.extend(Some(open).filter(|open| !open.is_empty()));
    assert!(all.iter().eq(octets.split_inclusive(|octet| *octet == b'\n')));
    assert_eq!(lines.number(), all.len() as u64);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_octet_comes_out_in_order(text in "[ab\n]{0,200}", step: u8, longest: u8) {
            check(&[&[step, longest], text.as_bytes()].concat());
        }
    }

    #[test]
    fn a_long_line_does_not_take_the_next_one_with_it() {
        let mut lines = Lines::with_longest(Dribble(b"aaaaaaaaaaaa\nbb\n", 5), 4);
        let mut last = Vec::new();
        while let Some(line) = lines.next_line().unwrap() {
            if let Line::Whole(bytes) = line {
                last = bytes.to_vec();
            }
        }
        assert_eq!((last.as_slice(), lines.number()), (&b"bb\n"[..], 2));
    }
}
