//! Filters that understand whole records and yet pass every line on as it came: each line is
//! handed over raw, and read where it is a record.

use std::io;

use tm_schema::Record;

use crate::input::Input;
use crate::lines::{LONGEST, Line, Lines};
use crate::{Diagnostics, Error};

/// What a filter does with the lines of a stream.
pub trait Filter {
    /// A line, or a piece of one that is too long, newline included; the record on it, where it
    /// is one.
    fn line(&mut self, line: &[u8], record: Option<Record>) -> Result<(), Error>;

    /// Nothing more waits: what is done is to be handed over.
    fn idle(&mut self) -> Result<(), Error>;
}

/// Hands every line of `inputs` to `filter`. A line that is no record is named, counted and handed
/// over without one; `strict`: it is an error too.
pub fn pass(
    inputs: Vec<Input>,
    diagnostics: &Diagnostics,
    strict: bool,
    filter: &mut impl Filter,
) -> Result<(), Error> {
    inputs.into_iter().try_for_each(|input| {
        let mut lines = Lines::new(input);
        while !lines.has_ended() {
            if !lines.has_line() {
                if !lines.more_waits() {
                    filter.idle()?;
                }
                let read = lines.read_more();
                read.map_err(|error| cannot_read(lines.name(), &error))?;
                continue;
            }
            one(&mut lines, diagnostics, strict, filter)?;
        }
        filter.idle()
    })
}

fn cannot_read(name: &str, error: &io::Error) -> Error {
    Error::Failed(format!("cannot read {name}: {error}"))
}

fn one(
    lines: &mut Lines,
    diagnostics: &Diagnostics,
    strict: bool,
    filter: &mut impl Filter,
) -> Result<(), Error> {
    let number = lines.number() + 1;
    let wrong = match lines.next_line() {
        Ok(None) => return Ok(()),
        Err(error) => return Err(cannot_read(lines.name(), &error)),
        Ok(Some(Line::Piece { bytes, last })) => {
            filter.line(bytes, None)?;
            last.then(|| format!("a line of over {LONGEST} octets"))
        }
        Ok(Some(Line::Whole(line))) => {
            let (record, wrong) = match line.trim_ascii() {
                [] => (None, None),
                text => match Record::from_slice(text) {
                    Ok(record) => (Some(record), None),
                    Err(error) => (None, Some(crate::typed::reason(&error))),
                },
            };
            filter.line(line, record)?;
            wrong
        }
    };
    let Some(wrong) = wrong else { return Ok(()) };
    diagnostics.malformed(lines.name(), number.min(lines.number()), wrong);
    match strict {
        true => Err(Error::Failed("stopped at a line that is no record (--strict)".to_owned())),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[derive(Default)]
    struct Kept {
        octets: Vec<u8>,
        records: usize,
        idle: usize,
    }

    impl Filter for Kept {
        fn line(&mut self, line: &[u8], record: Option<Record>) -> Result<(), Error> {
            self.octets.extend_from_slice(line);
            self.records += usize::from(record.is_some());
            Ok(())
        }

        fn idle(&mut self) -> Result<(), Error> {
            self.idle += 1;
            Ok(())
        }
    }

    fn run(text: &str, strict: bool) -> (Kept, u64, bool) {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        let diagnostics = Diagnostics::new("tm-test", 0, true);
        let mut kept = Kept::default();
        let inputs = vec![Input::open(file.path()).unwrap()];
        let result = pass(inputs, &diagnostics, strict, &mut kept);
        (kept, diagnostics.malformed_count(), result.is_ok())
    }

    #[test]
    fn every_octet_passes_whatever_the_lines_are() {
        let long = "x".repeat(LONGEST * 2);
        let text = format!("{{\"type\":\"x\",  \"a\":1.50}}\r\n\n{{\"torn\n{long}\n\u{0}\n{{}}");
        let (kept, malformed, done) = run(&text, false);
        assert!(kept.octets == text.as_bytes() && done);
        assert_eq!((kept.records, malformed), (2, 3));
        assert!(kept.idle >= 1);
    }

    #[test]
    fn strict_stops_after_the_line_has_passed() {
        let (kept, malformed, done) = run("{\"type\":\"x\"}\nbad\n{}\n", true);
        assert_eq!(
            (kept.octets.as_slice(), malformed, done),
            (&b"{\"type\":\"x\"}\nbad\n"[..], 1, false)
        );
    }
}
