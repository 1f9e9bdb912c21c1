//! Gathering what a picture shows: the traces of one host, made in one way. Memory is bounded
//! whatever the length of the log: old rounds give way to new ones, and are counted.

use std::collections::VecDeque;
use std::fmt;

use tm_schema::{Alert, Hop, Record, Trace};
use tm_stream::typed::Records;
use tm_stream::{Diagnostics, Error};

use crate::flags::{Flags, Format};
use crate::ndjson::Identity;
use crate::select::Selection;

/// Rounds that a picture keeps.
const ROUNDS: usize = 240;
/// Alerts that it keeps.
const ALERTS: usize = 200;
/// Hosts that are named where there are too many.
const NAMED: usize = 5;

/// The rounds of one subject, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Collection {
    pub(crate) rounds: VecDeque<Round>,
    pub(crate) alerts: VecDeque<Alert>,
    /// Rounds that were left out for the sake of memory.
    pub(crate) dropped: u64,
    subjects: Vec<Subject>,
    more_subjects: bool,
}

/// One trace.
#[derive(Clone, Debug, Default)]
pub(crate) struct Round {
    pub(crate) trace_id: String,
    pub(crate) hops: Vec<Hop>,
    pub(crate) end: Option<Trace>,
    /// Its lines as they came, for a bundle.
    pub(crate) lines: Vec<u8>,
}

impl Round {
    fn keep(&mut self, line: &[u8]) {
        self.lines.extend_from_slice(line.trim_ascii_end());
        if !line.is_empty() {
            self.lines.push(b'\n');
        }
    }
}

/// What makes traces comparable: they go to one address, from one place, by one protocol. A place
/// with a name is that place whatever its address.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Subject {
    host: String,
    resolved_ip: Option<String>,
    source_ip: Option<String>,
    vantage: Option<String>,
    protocol: &'static str,
    trace_id: String,
}

impl Subject {
    fn is_same(&self, other: &Self) -> bool {
        (&self.host, &self.resolved_ip, &self.vantage, self.protocol)
            == (&other.host, &other.resolved_ip, &other.vantage, other.protocol)
            && (self.vantage.is_some()
                || self.source_ip == other.source_ip
                || self.source_ip.is_none()
                || other.source_ip.is_none())
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ip = self.resolved_ip.as_deref().unwrap_or("no address");
        write!(f, "{} {ip} {}", self.host, self.protocol)?;
        self.vantage.as_ref().map_or(Ok(()), |name| write!(f, " from {name}"))
    }
}

/// Reads every record and keeps what the flags ask for.
pub(crate) fn collect(
    records: &mut Records,
    flags: &Flags,
    diagnostics: &Diagnostics,
) -> Result<Collection, Error> {
    let selection = Selection::of(flags);
    let keeps_lines = flags.format() == Some(Format::Bundle);
    let mut collection = Collection::default();
    while let Some(record) = records.next_record()? {
        let line = if keeps_lines { records.line() } else { &[] };
        match record {
            Record::Hop(hop) if selection.takes(&*hop) => collection.hop(*hop, line, flags.last),
            Record::Trace(trace) if selection.takes(&*trace) => {
                collection.end(*trace, line, flags.last);
            }
            Record::Alert(alert) if selection.takes(&*alert) => {
                collection.aside(&alert.trace_id, line);
                collection.alert(*alert);
            }
            Record::Other(raw) if keeps_lines => {
                if let Ok(Identity { trace_id: Some(id), .. }) = serde_json::from_str(raw.get()) {
                    collection.aside(&id, line);
                }
            }
            _ => {}
        }
    }
    collection.settle(flags, diagnostics)?;
    Ok(collection)
}

impl Collection {
    fn hop(&mut self, hop: Hop, line: &[u8], only_last: bool) {
        let subject = Subject {
            host: hop.host.clone(),
            resolved_ip: hop.resolved_ip.clone(),
            source_ip: hop.source_ip.clone(),
            vantage: hop.vantage.clone(),
            protocol: hop.protocol.map_or("", tm_schema::Protocol::as_str),
            trace_id: hop.trace_id.clone(),
        };
        if let Some(round) = self.round(subject, only_last) {
            round.keep(line);
            round.hops.push(hop);
        }
    }

    fn end(&mut self, trace: Trace, line: &[u8], only_last: bool) {
        let subject = Subject {
            host: trace.host.clone(),
            resolved_ip: trace.resolved_ip.clone(),
            source_ip: trace.source_ip.clone(),
            vantage: trace.vantage.clone(),
            protocol: trace.protocol.map_or("", tm_schema::Protocol::as_str),
            trace_id: trace.trace_id.clone(),
        };
        let trace_id = trace.trace_id.clone();
        if let Some(round) = self.round(subject, only_last) {
            round.keep(line);
            round.end = Some(trace);
        }
        if only_last {
            // Whatever ended before this one did is not the last.
            self.rounds.retain(|round| round.end.is_none() || round.trace_id == trace_id);
        }
    }

    /// Keeps the line of a record that is no part of a picture but belongs to a trace of it.
    fn aside(&mut self, trace_id: &str, line: &[u8]) {
        if let Some(round) = self.rounds.iter_mut().rfind(|round| round.trace_id == trace_id) {
            round.keep(line);
        }
    }

    fn alert(&mut self, alert: Alert) {
        if self.alerts.len() == ALERTS {
            self.alerts.pop_front();
        }
        self.alerts.push_back(alert);
    }

    /// The round of a record; `None` where it belongs to a second subject, which is only noted.
    fn round(&mut self, subject: Subject, only_last: bool) -> Option<&mut Round> {
        let known = self.rounds.iter().rposition(|round| round.trace_id == subject.trace_id);
        if known.is_none() && !only_last {
            if !self.subjects.iter().any(|other| other.is_same(&subject)) {
                match self.subjects.len() {
                    ..NAMED => self.subjects.push(subject.clone()),
                    _ => self.more_subjects = true,
                }
            }
            if self.subjects.first().is_some_and(|first| !first.is_same(&subject)) {
                return None;
            }
        }
        let at = known.unwrap_or_else(|| {
            if self.rounds.len() == ROUNDS {
                self.rounds.pop_front();
                self.dropped += u64::from(!only_last);
            }
            self.rounds.push_back(Round { trace_id: subject.trace_id, ..Round::default() });
            self.rounds.len() - 1
        });
        self.rounds.get_mut(at)
    }

    /// Says what was found where it is not one trace, and fails where it is not one subject.
    fn settle(&mut self, flags: &Flags, diagnostics: &Diagnostics) -> Result<(), Error> {
        if flags.last {
            let ended = self.rounds.iter().rposition(|round| round.end.is_some());
            let last = ended.unwrap_or(self.rounds.len().saturating_sub(1));
            self.rounds = self.rounds.drain(..).skip(last).take(1).collect();
        }
        let Some(first) = self.rounds.front() else {
            return Err(Error::Failed(
                "no trace to show: none is in the input, or none is asked for".to_owned(),
            ));
        };
        if self.subjects.len() > 1 {
            let named: Vec<String> = self.subjects.iter().map(Subject::to_string).collect();
            let more = if self.more_subjects { ", …" } else { "" };
            return Err(Error::Failed(format!(
                "this format shows one trace, or rounds of one, and the input holds others too ({}{more}): \
                 choose by --host, --vantage, --trace ID or --last",
                named.join(", ")
            )));
        }
        if self.rounds.len() > 1 {
            let host =
                if let Some(hop) = first.hops.first() { hop.host.as_str() } else { "the host" };
            diagnostics.warn(format_args!(
                "{} rounds of {host} shown as one; choose by --round N, --trace ID or --last",
                self.rounds.len()
            ));
        }
        if self.dropped > 0 {
            diagnostics.warn(format_args!("{} older rounds left out", self.dropped));
        }
        let kept: std::collections::HashSet<&str> =
            self.rounds.iter().map(|round| round.trace_id.as_str()).collect();
        self.alerts.retain(|alert| kept.contains(alert.trace_id.as_str()));
        Ok(())
    }
}
