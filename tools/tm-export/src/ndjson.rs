//! `--format ndjson`: the lines of the records that are asked for, octet for octet.

use std::borrow::Cow;
use std::collections::VecDeque;

use serde::Deserialize;
use tm_stream::input::Input;
use tm_stream::lines::{LONGEST, Line, Lines};
use tm_stream::{Diagnostics, Error, Output};

use crate::flags::Flags;
use crate::select::{Facts, Selectable, Selection};

/// Traces that have begun and not ended, of which any may be the last.
const OPEN: usize = 1000;

/// What a selection looks at, of a record of any type.
#[derive(Deserialize)]
pub(crate) struct Identity<'a> {
    #[serde(borrow, default, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(borrow, default)]
    pub(crate) trace_id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    host: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    vantage: Option<Cow<'a, str>>,
    #[serde(default)]
    round: Option<u64>,
}

impl Selectable for Identity<'_> {
    fn facts(&self) -> Facts<'_> {
        // The round of a record that says none is the first; alerts have none.
        let first = (self.kind != "alert").then_some(1);
        Facts {
            trace_id: self.trace_id.as_deref().unwrap_or_default(),
            host: self.host.as_deref().unwrap_or_default(),
            vantage: self.vantage.as_deref(),
            round: self.round.or(first),
        }
    }
}

/// Lines of traces, of which only the last will be written.
#[derive(Default)]
struct Last {
    traces: VecDeque<TraceLines>,
}

struct TraceLines {
    trace_id: String,
    text: Vec<u8>,
    ended: bool,
}

/// Writes the lines of every input.
pub(crate) fn write(
    inputs: Vec<Input>,
    flags: &Flags,
    output: &Output,
    diagnostics: &Diagnostics,
) -> Result<(), Error> {
    let selection = Selection::of(flags);
    let mut last = Last::default();
    for input in inputs {
        let mut lines = Lines::new(input);
        loop {
            let name = lines.name().to_owned();
            let number = lines.number() + 1;
            let cannot = |error| Error::Failed(format!("cannot read {name}: {error}"));
            let wrong = match lines.next_line().map_err(cannot)? {
                None => break,
                Some(Line::Whole(line)) if line.trim_ascii().is_empty() => continue,
                Some(Line::Whole(line)) => match serde_json::from_slice::<Identity<'_>>(line) {
                    Ok(record) if flags.last => {
                        last.add(&record, line);
                        continue;
                    }
                    Ok(record) => {
                        if selection.takes_all()
                            || (record.trace_id.is_some() && selection.takes(&record))
                        {
                            output.raw(line)?;
                            if !line.ends_with(b"\n") {
                                output.raw(b"\n")?;
                            }
                        }
                        continue;
                    }
                    Err(error) => error.to_string().replace(" at line 1 column ", " at column "),
                },
                Some(Line::Piece { last: false, .. }) => continue,
                Some(Line::Piece { last: true, .. }) => format!("a line of over {LONGEST} octets"),
            };
            diagnostics.malformed(&name, number.min(lines.number()), &wrong);
            if flags.reading.strict {
                return Err(Error::Failed(
                    "stopped at a line that is no record (--strict)".to_owned(),
                ));
            }
        }
    }
    last.write(output)
}

impl Last {
    fn add(&mut self, record: &Identity<'_>, line: &[u8]) {
        let Some(trace_id) = record.trace_id.as_deref() else { return };
        let known = self.traces.iter().rposition(|trace| trace.trace_id == trace_id);
        let at = known.unwrap_or_else(|| {
            if self.traces.len() == OPEN {
                self.traces.pop_front();
            }
            self.traces.push_back(TraceLines {
                trace_id: trace_id.to_owned(),
                text: Vec::new(),
                ended: false,
            });
            self.traces.len() - 1
        });
        let Some(trace) = self.traces.get_mut(at) else { return };
        trace.text.extend_from_slice(line.strip_suffix(b"\n").unwrap_or(line));
        trace.text.push(b'\n');
        if record.kind == "trace" {
            trace.ended = true;
            self.traces.retain(|trace| !trace.ended || trace.trace_id == trace_id);
        }
    }

    fn write(&self, output: &Output) -> Result<(), Error> {
        let ended = self.traces.iter().rev().find(|trace| trace.ended);
        let Some(last) = ended.or(self.traces.back()) else { return Ok(()) };
        Ok(output.raw(&last.text)?)
    }
}
