//! Settling hops: when everything about a TTL is known, what there is to report, and when the
//! trace is over.

use std::net::IpAddr;
use std::time::Duration;

use tm_schema::Stop;

use super::{Answer, Trace};
use crate::ledger::{Slot, State};

/// What is known of one TTL.
#[derive(Clone, Debug, PartialEq)]
pub struct HopReport {
    /// TTL or hop limit.
    pub ttl: u8,
    /// Who answered, in the order of the probes; empty where nobody did.
    pub responders: Vec<Responder>,
    /// Probes that nobody answered.
    pub lost: Vec<Sent>,
    /// How large a datagram may be to come so far, where that was looked for.
    pub mtu: Option<tm_schema::Mtu>,
}

/// One probe: its sequence and its flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sent {
    /// Counts the probes of the trace from 0.
    pub sequence: u32,
    /// Flow id.
    pub flow: u16,
}

/// What one address answered at one TTL.
#[derive(Clone, Debug, PartialEq)]
pub struct Responder {
    /// The address.
    pub ip: IpAddr,
    /// The probes that it answered, and their round-trip times.
    pub probes: Vec<(Sent, Duration)>,
    /// Its last answer; one that ends the path is preferred.
    pub answer: Answer,
}

impl Trace {
    /// The probes that are measurements of this TTL: those sent with it; at the end of the flow
    /// the first that reached it, overshooting ones included.
    pub(super) fn counted(&self, id: u16, ttl: u8) -> impl Iterator<Item = (usize, &Slot)> {
        let end = self.flows.get(usize::from(id)).and_then(|flow| flow.end);
        let (beyond, limit) = match end {
            Some(end) if end.ttl == ttl => (true, usize::from(self.plan.probes)),
            Some(end) if end.ttl < ttl => (false, 0),
            _ => (false, usize::MAX),
        };
        let last = if beyond { self.plan.max_hops } else { ttl };
        let lists = (ttl..=last).flat_map(|ttl| self.sequences(id, ttl));
        let mut sequences: Vec<usize> = lists.copied().collect();
        sequences.sort_unstable();
        sequences
            .into_iter()
            .filter_map(|sequence| Some((sequence, self.ledger.slots.get(sequence)?)))
            .filter(|(_, slot)| !matches!(slot.state, State::Replaced) && !slot.is_unsent())
            .take(limit)
    }

    /// Everything about this TTL is known.
    pub(super) fn is_settled(&self, ttl: u8) -> bool {
        self.flows.iter().zip(0..).all(|(flow, id)| {
            let over = flow.end.is_some_and(|end| end.ttl < ttl);
            let full = || self.counted(id, ttl).count() >= usize::from(self.plan.probes);
            let settled = |(_, slot): (usize, &Slot)| match slot.state {
                State::Waiting => false,
                State::Lost => slot.alone || flow.quiet_at.is_none(),
                _ => true,
            };
            over || (flow.is_through(ttl) || full()) && self.counted(id, ttl).all(settled)
        })
    }

    /// Reports what is settled, and finds out whether the trace is over.
    pub(super) fn settle(&mut self) {
        if self.ledger.stop.is_some() {
            return;
        }
        self.report_settled();
        if let Some((stop, last)) = self.find_stop() {
            self.finish(stop, last);
        }
    }

    fn report_settled(&mut self) {
        while let Ok(ttl) = u8::try_from(self.next_report) {
            // A silent TTL may lie beyond the end, unless somebody farther away answered.
            if ttl > self.farthest
                || ttl > self.last_end().unwrap_or(u8::MAX)
                || !self.is_settled(ttl)
            {
                break;
            }
            self.report(ttl);
        }
    }

    fn report(&mut self, ttl: u8) {
        let report = self.hop_report(ttl);
        self.ledger.reports.push(report);
        self.next_report = u16::from(ttl) + 1;
    }

    /// The last TTL of the longest flow, once every flow has met its end.
    fn last_end(&self) -> Option<u8> {
        let ends: Option<Vec<u8>> =
            self.flows.iter().map(|flow| flow.end.map(|end| end.ttl)).collect();
        ends?.into_iter().max()
    }

    fn find_stop(&self) -> Option<(Stop, u8)> {
        let reported = |ttl: u8| self.next_report > u16::from(ttl);
        if let Some(last) = self.last_end() {
            return reported(last).then(|| (self.end_reason(), last));
        }
        let first_silent = self.farthest.saturating_add(1).max(self.plan.first_hop);
        let silent =
            (first_silent..=self.plan.max_hops).take_while(|&ttl| self.is_settled(ttl)).count();
        let beyond_waits = self.ledger.waiting().any(|slot| slot.ttl > self.farthest);
        let max_hops = self.farthest.saturating_add(silent as u8) >= self.plan.max_hops;
        let gap = self.plan.gap_limit;
        let gap_is_full = gap != 0 && silent >= usize::from(gap);
        if beyond_waits || !(max_hops || gap_is_full) || !reported(self.farthest) {
            return None;
        }
        let (stop, last) = match self.end_reason() {
            Stop::MaxHops if gap_is_full => {
                (Stop::GapLimit, self.farthest.saturating_add(gap).min(self.plan.max_hops))
            }
            Stop::MaxHops => (Stop::MaxHops, self.plan.max_hops),
            reason => return Some((reason, self.farthest)),
        };
        Some((self.ledger.after_silence(stop, first_silent..=last), last))
    }

    fn end_reason(&self) -> Stop {
        let mut ends = self.flows.iter().filter_map(|flow| flow.end);
        match (ends.clone().any(|end| end.destination), ends.next()) {
            (true, _) => Stop::Destination,
            (false, Some(_)) => Stop::Unreachable,
            (false, None) => Stop::MaxHops,
        }
    }

    /// Reports what is left up to `last`, and ends the trace.
    pub(super) fn finish(&mut self, stop: Stop, last: u8) {
        self.ledger.stop = Some(stop);
        while self.next_report <= u16::from(last) {
            self.report(self.next_report as u8);
        }
    }

    fn hop_report(&self, ttl: u8) -> HopReport {
        let mut slots: Vec<_> = (0..self.plan.flows).flat_map(|id| self.counted(id, ttl)).collect();
        slots.sort_by_key(|(sequence, _)| *sequence);
        HopReport::new(ttl, slots.into_iter())
    }
}

impl HopReport {
    pub(crate) fn add(&mut self, sent: Sent, answer: &Answer, rtt: Duration) {
        match self.responders.iter_mut().find(|known| known.ip == answer.responder) {
            Some(known) => {
                known.probes.push((sent, rtt));
                if known.answer.kind == tm_schema::ReplyKind::TimeExceeded {
                    known.answer = answer.clone();
                }
            }
            None => self.responders.push(Responder {
                ip: answer.responder,
                probes: vec![(sent, rtt)],
                answer: answer.clone(),
            }),
        }
    }
}
