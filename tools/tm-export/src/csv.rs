//! `--format csv`: a header and one row a hop record (RFC 4180). A text that a spreadsheet would
//! run as a formula gets an apostrophe before it, and nothing in a cell can steer a terminal.

use std::borrow::Cow;
use std::cell::RefCell;
use std::io::Write;
use std::rc::Rc;

use csv::{Terminator, WriterBuilder};
use tm_schema::Hop;
use tm_stream::text::visible;
use tm_stream::{Error, Output};

use crate::columns::{COLUMNS, Value};
use crate::sink::{Sink, Writer};

/// Rows.
pub(crate) struct Csv<W: Write>(csv::Writer<W>);

/// Rows kept for a bundle.
#[derive(Clone, Debug, Default)]
pub(crate) struct Memory(Rc<RefCell<Vec<u8>>>);

impl Memory {
    /// What was written.
    pub(crate) fn take(&self) -> Vec<u8> {
        self.0.take()
    }
}

impl Write for Memory {
    fn write(&mut self, octets: &[u8]) -> std::io::Result<usize> {
        self.0.borrow_mut().write(octets)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Csv<Writer> {
    pub(crate) fn new(output: &Output) -> Result<Self, Error> {
        Self::to(Writer(output.clone()))
    }
}

impl<W: Write> Csv<W> {
    /// Rows that go to `writer`.
    pub(crate) fn to(writer: W) -> Result<Self, Error> {
        let mut builder = WriterBuilder::new();
        let mut rows = Self(builder.terminator(Terminator::CRLF).from_writer(writer));
        rows.0.write_record(COLUMNS.iter().map(|column| column.name)).map_err(cannot)?;
        Ok(rows)
    }
}

impl<W: Write> Sink for Csv<W> {
    fn hop(&mut self, hop: &Hop) -> Result<(), Error> {
        let cells = COLUMNS.iter().map(|column| cell((column.get)(hop)));
        for cell in cells {
            self.0.write_field(cell.as_bytes()).map_err(cannot)?;
        }
        self.0.write_record(None::<&[u8]>).map_err(cannot)
    }

    fn finish(mut self: Box<Self>) -> Result<(), Error> {
        Ok(self.0.flush()?)
    }
}

fn cannot(error: csv::Error) -> Error {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => error.into(),
        other => Error::Failed(format!("cannot write CSV: {other:?}")),
    }
}

fn cell(value: Value<'_>) -> Cow<'_, str> {
    match value {
        Value::Null => Cow::Borrowed(""),
        Value::Integer(number) => Cow::Owned(number.to_string()),
        Value::Real(number) => Cow::Owned(number.to_string()),
        Value::Boolean(yes) => Cow::Borrowed(if yes { "true" } else { "false" }),
        Value::Time(time) => Cow::Owned(time.to_string()),
        Value::Text(text) => guarded(text),
    }
}

/// Spreadsheets run what begins like this, and skip blanks before it.
fn guarded(text: Cow<'_, str>) -> Cow<'_, str> {
    let text = match visible(&text) {
        Cow::Owned(shown) => Cow::Owned(shown),
        Cow::Borrowed(_) => text,
    };
    if text.trim_start().starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠']) {
        return Cow::Owned(format!("'{text}"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formulas_are_text_and_numbers_stay_numbers() {
        for formula in ["=1+1", "+1", "-1", "@SUM(A1)", " =x"] {
            assert!(guarded(formula.into()).starts_with('\''), "{formula}");
        }
        assert_eq!(guarded("\t=x".into()), r"\u{9}=x");
        assert_eq!(guarded("ae-1.example.net".into()), "ae-1.example.net");
        assert_eq!(cell(Value::Real(-33.87)), "-33.87");
    }
}
