//! Where drafts become records, and what cannot be read is named.

use std::fmt::Display;

use tm_schema::{Record, Time};
use tm_stream::{Diagnostics, Error, Output};

use crate::draft::Draft;
use crate::flags::Flags;
use crate::hash::Hash;

/// Writes the records of one input.
pub(crate) struct Sink<'a> {
    flags: &'a Flags,
    output: &'a Output,
    diagnostics: &'a Diagnostics,
    name: &'a str,
    /// When the input was last changed; `None`: it is no file.
    changed_at: Option<Time>,
    /// Traces so far.
    pub(crate) traces: u64,
    told: Told,
}

/// What is said once of an input.
#[derive(Default)]
struct Told {
    time: bool,
    host: bool,
    names: bool,
}

impl<'a> Sink<'a> {
    pub(crate) fn new(
        flags: &'a Flags,
        output: &'a Output,
        diagnostics: &'a Diagnostics,
        name: &'a str,
        changed_at: Option<Time>,
    ) -> Self {
        Self { flags, output, diagnostics, name, changed_at, traces: 0, told: Told::default() }
    }

    /// Names what cannot be read; the end of it all with `--strict`.
    pub(crate) fn bad(&mut self, line: u64, reason: impl Display) -> Result<(), Error> {
        self.diagnostics.malformed(self.name, line, reason);
        match self.flags.reading.strict {
            true => Err(Error::Failed("stopped at what cannot be read (--strict)".to_owned())),
            false => Ok(()),
        }
    }

    /// Says what is passed over on purpose (`-v`).
    pub(crate) fn skipped(&self, line: u64, what: impl Display) {
        self.diagnostics.info(format_args!("{}:{line}: {what}", self.name));
    }

    /// An error of reading the input.
    pub(crate) fn cannot_read(&self, error: &std::io::Error) -> Error {
        Error::io(&format!("cannot read {}", self.name), error)
    }

    /// Writes the trace; `hash` is of its text.
    pub(crate) fn trace(&mut self, mut draft: Draft, mut hash: Hash) -> Result<(), Error> {
        self.traces += 1;
        draft.protocol = draft.protocol.or(self.flags.protocol);
        if draft.started_at.is_none() {
            // Two silent traces may read alike, so that their place in the file tells them apart.
            hash.add(&self.traces.to_le_bytes());
        }
        let trace_id = trace_id(draft.started_at, hash);
        let at = draft.started_at.unwrap_or_else(|| self.assumed_time());
        let host = draft.host.take().or_else(|| draft.target.clone());
        let host = host.unwrap_or_else(|| self.unknown_host());
        if draft.target.is_none() {
            draft.target = crate::address::canonical(&host);
        }
        let (hops, trace) = draft.into_records(&trace_id, &host, at);
        #[cfg(any(test, fuzzing))]
        crate::checks::are_sound(&hops, &trace);
        for hop in hops {
            // A redacted address is no name.
            let is_name = |ip: &str| !ip.starts_with('[') && crate::address::parse(ip).is_none();
            if hop.ip.as_deref().is_some_and(is_name) {
                self.tell_of_names();
            }
            self.output.record(&Record::from(hop))?;
        }
        Ok(self.output.record(&Record::from(trace))?)
    }

    fn assumed_time(&mut self) -> Time {
        let (time, what) = match (self.flags.at, self.changed_at) {
            (Some(at), _) => return at,
            (None, Some(changed)) => (changed, "the file was last changed then"),
            (None, None) => (Time::from(std::time::SystemTime::now()), "it is now"),
        };
        if !std::mem::replace(&mut self.told.time, true) {
            self.diagnostics.warn(format_args!(
                "{}: it does not say when it was traced: {time} is assumed, for {what}; --at sets it",
                self.name
            ));
        }
        time
    }

    fn unknown_host(&mut self) -> String {
        if let Some(host) = &self.flags.host {
            return host.clone();
        }
        if !std::mem::replace(&mut self.told.host, true) {
            self.diagnostics.warn(format_args!(
                "{}: it does not say which host was traced: --host sets it",
                self.name
            ));
        }
        "unknown".to_owned()
    }

    fn tell_of_names(&mut self) {
        if !std::mem::replace(&mut self.told.names, true) {
            self.diagnostics.warn(format_args!(
                "{}: it names responders without their addresses, so that nothing can be looked \
                 up for them (mtr: add -n or -b)",
                self.name
            ));
        }
    }
}

/// The same of the same trace, however often it is imported: `UUIDv7` where the source says when
/// it was traced, otherwise `UUIDv8` (RFC 9562).
fn trace_id(started_at: Option<Time>, hash: Hash) -> String {
    let bytes = hash.to_bytes();
    let millis = started_at.and_then(|time| u64::try_from(time.as_microseconds() / 1000).ok());
    let builder = match (millis, bytes.first_chunk()) {
        (Some(millis), Some(random)) => uuid::Builder::from_unix_timestamp_millis(millis, random),
        _ => uuid::Builder::from_custom_bytes(bytes),
    };
    builder.into_uuid().to_string()
}
