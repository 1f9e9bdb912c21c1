//! The records of a bulk run: one target after the other, from what was observed of it.

use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use tm_schema::{Ignored, Stop};

use super::observation::{Observation, What};
use super::run::Run;
use crate::engine::Sink;
use crate::record::{self, Heading, Outcome};
use crate::trace::{Answer, Ending, HopReport, Responder, Sent};

/// What is known of one probe.
#[derive(Debug)]
enum Probe {
    Unsent,
    Lost { left: u64 },
    Answered { left: u64, rtt: Duration, answer: Box<Answer> },
}

impl Probe {
    /// When it left and when it was answered.
    fn times(&self) -> Option<(u64, u64)> {
        match self {
            Self::Unsent => None,
            Self::Lost { left } => Some((*left, *left)),
            Self::Answered { left, rtt, .. } => Some((*left, left + rtt.as_micros() as u64)),
        }
    }
}

/// Writes the records of the target with this number.
pub(crate) fn assemble(
    run: &Run<'_>,
    number: u32,
    observations: Vec<Observation>,
    sink: &mut dyn Sink,
) -> io::Result<()> {
    let Some(target) = run.targets.get(number) else { return Ok(()) };
    let mut seen = Seen::new(run, number);
    for observation in observations {
        seen.take(observation);
    }
    let times = || seen.probes.iter().filter_map(Probe::times);
    let interrupted = run.journal().end() < run.order.len();
    if times().next().is_none() && seen.refused.is_empty() && interrupted {
        return Ok(()); // its turn did not come
    }
    let wall = |micros: u64| run.began_wall + Duration::from_micros(micros);
    let heading = Heading {
        trace_id: record::trace_id(),
        host: target.to_string(),
        target: Some(target),
        source: run.family(target.is_ipv6()).map(|family| family.code.source),
        round: 1,
        started: wall(times().map(|(left, _)| left).min().unwrap_or(0)),
        probes: run.options.probes,
    };
    let (last, stop) = seen.end(target, interrupted);
    let mut outcome = Outcome { stop: Some(stop), ignored: seen.ignored, ..Outcome::default() };
    for (ttl, probe) in (run.options.first_hop..).zip(&seen.probes) {
        let answered = matches!(probe, Probe::Answered { .. });
        outcome.sent += u32::from(probe.times().is_some());
        outcome.received += u32::from(answered);
        if ttl > last {
            continue;
        }
        let left = probe.times().map_or(0, |(left, _)| left);
        let hops = heading.hops(run.options, &report(ttl, probe), |_| wall(left));
        outcome.hops += u32::from(!hops.is_empty());
        outcome.responded += u32::from(answered);
        outcome.reached |= hops.iter().any(|hop| hop.is_destination);
        for hop in hops {
            sink.record(&hop.into())?;
        }
    }
    let is_told = outcome.sent == 0 || stop == Stop::Error;
    if let Some((_, errno)) = seen.refused.first_key_value().filter(|_| is_told) {
        let error = format!("cannot send: {}", io::Error::from_raw_os_error(*errno));
        sink.failed(&format!("{target}: {error}"));
        (outcome.stop, outcome.error) = (Some(Stop::Error), Some(error));
    }
    let completed = wall(times().map(|(_, heard)| heard).max().unwrap_or(0));
    sink.record(&heading.trace(run.options, &outcome, completed).into())
}

/// One probe, as a trace reports a TTL.
fn report(ttl: u8, probe: &Probe) -> HopReport {
    let sent = Sent { sequence: 0, flow: 0 };
    let mut report = HopReport { ttl, responders: Vec::new(), lost: Vec::new(), mtu: None };
    match probe {
        Probe::Unsent => {}
        Probe::Lost { .. } => report.lost.push(sent),
        Probe::Answered { rtt, answer, .. } => report.responders.push(Responder {
            ip: answer.responder,
            probes: vec![(sent, *rtt)],
            answer: answer.as_ref().clone(),
        }),
    }
    report
}

/// What is known of one target.
struct Seen<'a> {
    run: &'a Run<'a>,
    /// By TTL, from the first.
    probes: Vec<Probe>,
    ignored: Ignored,
    /// Where the kernel sent nothing, and why.
    refused: BTreeMap<u8, i32>,
}

impl<'a> Seen<'a> {
    /// Nothing is known yet but which probes left.
    fn new(run: &'a Run<'a>, number: u32) -> Self {
        let journal = run.journal();
        let probe = |ttl| match run.position(number, ttl) {
            Some(position) if position < journal.end() => {
                Probe::Lost { left: journal.about(position) }
            }
            _ => Probe::Unsent,
        };
        let probes = (run.options.first_hop..=run.options.max_hops).map(probe).collect();
        Self { run, probes, ignored: Ignored::default(), refused: BTreeMap::new() }
    }

    fn take(&mut self, observation: Observation) {
        let at = observation.ttl.checked_sub(self.run.options.first_hop).map(usize::from);
        let probe = at.and_then(|at| self.probes.get_mut(at));
        match (observation.what, probe) {
            (What::Answered { left, rtt, answer }, Some(probe)) => match probe {
                Probe::Answered { .. } => self.ignored.duplicate += 1,
                _ => *probe = Probe::Answered { left, rtt, answer: Box::new(answer) },
            },
            (What::Spared, Some(probe)) => *probe = Probe::Unsent,
            (What::Refused(errno), Some(probe)) => {
                *probe = Probe::Unsent;
                self.refused.insert(observation.ttl, errno);
            }
            (What::Ambiguous, _) => self.ignored.ambiguous += 1,
            (What::Forged, _) => self.ignored.forged += 1,
            (_, None) => {}
        }
    }

    /// The last TTL to report, and why it is the last.
    fn end(&self, target: std::net::IpAddr, interrupted: bool) -> (u8, Stop) {
        let options = self.run.options;
        let mut ending = Ending::default();
        for (ttl, probe) in (options.first_hop..).zip(&self.probes) {
            if let Probe::Answered { answer, .. } = probe {
                ending.note(ttl, answer, target);
            }
        }
        let farthest = ending.farthest().max(options.first_hop - 1);
        let gap = farthest.saturating_add(options.gap_limit);
        let has_gap = options.gap_limit != 0 && gap < options.max_hops;
        let last = if has_gap { gap } else { options.max_hops };
        match ending.end() {
            Some((ttl, true)) => (ttl, Stop::Destination),
            _ if interrupted => (last, Stop::Interrupted),
            Some((ttl, false)) => (ttl, Stop::Unreachable),
            // Where nothing was sent, silence says nothing.
            None if self
                .refused
                .keys()
                .any(|ttl| (farthest.saturating_add(1)..=last).contains(ttl)) =>
            {
                (last, Stop::Error)
            }
            None if has_gap => (last, Stop::GapLimit),
            None => (last, Stop::MaxHops),
        }
    }
}
