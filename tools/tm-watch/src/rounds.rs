//! From hop records to rounds: what one trace saw, gathered until its `trace` record ends it.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use tm_path::loss::watch::Counts;
use tm_path::route::{self, Responder};
use tm_schema::{Hop, Trace};

/// Traces that may be open at a time; those begun first are given up.
const OPEN: usize = 20_000;

/// Responders taken in at one TTL.
const WIDEST: usize = 256;

/// RTTs in milliseconds that can be true.
const RTTS: std::ops::RangeInclusive<f64> = 0.0..=1e7;

/// What one trace saw.
#[derive(Clone, Debug, Default)]
pub(crate) struct Round {
    pub(crate) ttls: BTreeMap<u8, Ttl>,
    /// The TTL at which the destination answered, the largest of several.
    pub(crate) end: Option<u8>,
    flows: BTreeSet<u16>,
}

/// What answered at one TTL.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ttl {
    pub(crate) counts: Counts,
    pub(crate) responders: BTreeSet<Responder>,
    /// The smallest RTT, which queues and busy routers disturb least.
    pub(crate) rtt: Option<f64>,
}

impl Round {
    fn add(&mut self, hop: Hop) {
        let ttl = self.ttls.entry(hop.hop).or_default();
        ttl.counts = Counts { sent: hop.sent, lost: hop.sent.saturating_sub(hop.received) };
        for probe in &hop.probes {
            if self.flows.len() < WIDEST {
                self.flows.insert(probe.flow);
            }
            if let Some(rtt) = probe.rtt_ms.filter(|rtt| RTTS.contains(rtt)) {
                ttl.rtt = Some(ttl.rtt.map_or(rtt, |least: f64| least.min(rtt)));
            }
        }
        if hop.is_destination {
            self.end = self.end.max(Some(hop.hop));
        }
        if let Some(ip) = hop.ip.filter(|_| ttl.responders.len() < WIDEST) {
            ttl.responders.insert(Responder { ip, asn: hop.asn.and_then(|asn| asn.number) });
        }
    }

    /// The responders of each TTL up to the destination.
    pub(crate) fn route(&self) -> route::Round {
        let on_path = self.ttls.iter().filter(|(ttl, _)| self.end.is_none_or(|end| **ttl <= end));
        on_path.map(|(&ttl, at)| (ttl, at.responders.clone())).collect()
    }

    /// Probes to each hop before the destination.
    pub(crate) fn counts(&self) -> BTreeMap<u8, Counts> {
        let on_way = self.ttls.iter().filter(|(ttl, _)| self.end.is_none_or(|end| **ttl < end));
        on_way.map(|(&ttl, at)| (ttl, at.counts)).collect()
    }

    /// Probes to the hops beyond the last answer.
    pub(crate) fn silent_end(&self) -> BTreeMap<u8, Counts> {
        let last = self.farthest().map_or(0, |(ttl, _)| ttl);
        self.ttls.range(last.saturating_add(1)..).map(|(&ttl, at)| (ttl, at.counts)).collect()
    }

    /// Probes to the destination; all of them were lost where it did not answer.
    pub(crate) fn end_counts(&self, trace: &Trace) -> Counts {
        let at_end = self.end.and_then(|end| self.ttls.get(&end)).map(|at| at.counts);
        at_end.unwrap_or_else(|| {
            let flows = u32::try_from(self.flows.len()).unwrap_or(1).max(1);
            // Imported traces need not say how many there were; every TTL was sent as many.
            let by_ttl = self.ttls.values().map(|at| at.counts.sent).max().unwrap_or(1);
            let probes = trace.probes.map_or(by_ttl, |probes| probes.saturating_mul(flows));
            let lost = probes.min(1000);
            Counts { sent: lost, lost }
        })
    }

    /// The farthest TTL at which anybody answered.
    pub(crate) fn farthest(&self) -> Option<(u8, &Ttl)> {
        let answered = self.ttls.iter().rev().find(|(_, at)| !at.responders.is_empty());
        answered.map(|(&ttl, at)| (ttl, at))
    }
}

/// Traces that have begun and not ended.
#[derive(Debug, Default)]
pub(crate) struct Rounds {
    open: HashMap<String, Round>,
    order: VecDeque<String>,
}

impl Rounds {
    pub(crate) fn hop(&mut self, hop: Hop) {
        if let Some(round) = self.open.get_mut(&hop.trace_id) {
            round.add(hop);
            return;
        }
        if self.open.len() >= OPEN
            && let Some(first) = self.order.pop_front()
        {
            self.open.remove(&first);
        }
        self.order.push_back(hop.trace_id.clone());
        self.open.entry(hop.trace_id.clone()).or_default().add(hop);
    }

    /// The round that `trace` ends.
    pub(crate) fn end(&mut self, trace: &Trace) -> Round {
        if let Some(at) = self.order.iter().position(|id| *id == trace.trace_id) {
            self.order.remove(at);
        }
        self.open.remove(&trace.trace_id).unwrap_or_default()
    }
}
