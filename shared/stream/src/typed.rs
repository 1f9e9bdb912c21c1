//! Typed reading: each line as a [`Record`]. What is no record is named with its line and column,
//! counted and dropped; the rest of the stream goes on.

use ndjson_stream::engine::NdjsonEngine;
use serde::de::DeserializeOwned;
use tm_schema::Record;

use crate::input::Input;
use crate::lines::{LONGEST, Line, Lines};
use crate::{Diagnostics, Error};

/// Reads records from inputs, one after the other; `T`: what a tool makes of a line.
pub struct Records<T: DeserializeOwned = Record> {
    inputs: std::vec::IntoIter<Input>,
    current: Option<Lines>,
    engine: NdjsonEngine<T>,
    diagnostics: Diagnostics,
    strict: bool,
    /// There was a record, or it was said that there is none.
    any: bool,
}

impl<T: DeserializeOwned> Records<T> {
    /// The records of `inputs`; `strict`: the first line that is none is an error.
    pub fn new(inputs: Vec<Input>, diagnostics: &Diagnostics, strict: bool) -> Self {
        Self {
            inputs: inputs.into_iter(),
            current: None,
            engine: NdjsonEngine::new(),
            diagnostics: diagnostics.clone(),
            strict,
            any: false,
        }
    }

    /// The next record; `None` at the end of the last input.
    pub fn next_record(&mut self) -> Result<Option<T>, Error> {
        loop {
            let Some(lines) = &mut self.current else {
                let Some(input) = self.inputs.next() else {
                    self.hint();
                    return Ok(None);
                };
                self.current = Some(Lines::new(input));
                continue;
            };
            let name = lines.name().to_owned();
            let cannot_read = |error| Error::Failed(format!("cannot read {name}: {error}"));
            let number = lines.number() + 1;
            let wrong = match lines.next_line().map_err(cannot_read)? {
                None => {
                    self.current = None;
                    continue;
                }
                Some(Line::Whole(line)) if line.trim_ascii().is_empty() => continue,
                Some(Line::Whole(line)) => {
                    self.engine.input(line.strip_suffix(b"\n").unwrap_or(line));
                    self.engine.input("\n");
                    match self.engine.pop() {
                        Some(Ok(record)) => {
                            self.any = true;
                            return Ok(Some(record));
                        }
                        Some(Err(error)) => reason(&error),
                        None => continue,
                    }
                }
                Some(Line::Piece { last: false, .. }) => continue,
                Some(Line::Piece { last: true, .. }) => format!("a line of over {LONGEST} octets"),
            };
            self.diagnostics.malformed(&name, number.min(lines.number()), &wrong);
            if self.strict {
                return Err(Error::Failed(
                    "stopped at a line that is no record (--strict)".to_owned(),
                ));
            }
        }
    }

    /// Whoever pipes another traceroute in here learns what to put between.
    fn hint(&mut self) {
        if !std::mem::replace(&mut self.any, true) && self.diagnostics.malformed_count() > 0 {
            self.diagnostics.error(
                "no line was a record (one JSON object a line, as `jq -c` prints it); \
                 tm-import reads what other tracers write",
            );
        }
    }

    /// The line of the record read last, as it came.
    pub fn line(&self) -> &[u8] {
        self.current.as_ref().map_or(&[], Lines::last_line)
    }

    /// Where the next record comes from, to wait for; `None`: there is no more.
    pub fn input(&self) -> Option<&Input> {
        self.current.as_ref().map(Lines::input).or_else(|| self.inputs.as_slice().first())
    }

    /// More can be read without waiting for anybody.
    pub fn more_waits(&self) -> bool {
        self.current.as_ref().is_some_and(Lines::more_waits)
    }
}

/// The parser's words; every line is line 1 to it.
pub(crate) fn reason(error: &serde_json::Error) -> String {
    error.to_string().replace(" at line 1 column ", " at column ")
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn read(text: &str, strict: bool) -> (Vec<Record>, u64, bool) {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        let diagnostics = Diagnostics::new("tm-test", 0, true);
        let mut records =
            Records::new(vec![Input::open(file.path()).unwrap()], &diagnostics, strict);
        let mut all = Vec::new();
        loop {
            match records.next_record() {
                Ok(Some(record)) => all.push(record),
                Ok(None) => return (all, diagnostics.malformed_count(), true),
                Err(_) => return (all, diagnostics.malformed_count(), false),
            }
        }
    }

    #[test]
    fn bad_lines_are_counted_and_the_rest_is_read() {
        let text = "{\"type\":\"x\"}\n\n{\"a\":1\nnot json\n{\"type\":\"hop\"}\n{\"type\":\"y\"}";
        let (records, malformed, ended) = read(text, false);
        assert_eq!((records.len(), malformed, ended), (2, 3, true));
    }

    #[test]
    fn strict_stops_after_what_came_before() {
        let (records, malformed, ended) = read("{\"type\":\"x\"}\nbad\n{\"type\":\"y\"}\n", true);
        assert_eq!((records.len(), malformed, ended), (1, 1, false));
    }

    #[test]
    fn a_record_has_its_line() {
        let text = "{\"type\":\"x\", \"mine\":1.50}\nbad\n{\"type\":\"y\"}";
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        let diagnostics = Diagnostics::new("tm-test", 0, true);
        let inputs = vec![Input::open(file.path()).unwrap()];
        let mut records: Records = Records::new(inputs, &diagnostics, false);
        let mut lines = vec![records.line().to_vec()];
        while records.next_record().unwrap().is_some() {
            lines.push(records.line().to_vec());
        }
        let wanted = ["", "{\"type\":\"x\", \"mine\":1.50}\n", "{\"type\":\"y\"}"];
        assert_eq!(lines, wanted.map(|line| line.as_bytes().to_vec()));
    }

    #[test]
    fn a_line_without_end_is_bounded_and_named() {
        let text = format!("{{\"type\":\"x\"}}\n\"{}\"\n{{\"type\":\"y\"}}\n", "a".repeat(3 << 20));
        let (records, malformed, _) = read(&text, false);
        assert_eq!((records.len(), malformed), (2, 1));
    }
}
