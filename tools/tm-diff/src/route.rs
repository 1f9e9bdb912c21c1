//! What is known of the way to one host: one round, or many rounds laid over each other.

use std::collections::{BTreeMap, BTreeSet};

use tm_path::align::Beyond;
use tm_schema::{Asn, Dns, Geo, Hop, Protocol, Stop, Time, Trace};

use crate::sample::{Flows, Sample};

/// Different things kept of one responder, and responders of one TTL; a log that has more of them
/// describes no path.
const MOST_VARIANTS: usize = 16;
const MOST_RESPONDERS: usize = 1024;

/// What tells paths apart that must not be laid over each other.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    pub(crate) host: String,
    pub(crate) protocol: Option<Protocol>,
    pub(crate) port: Option<u16>,
    /// Over IPv6; `None`: there was no address.
    pub(crate) six: Option<bool>,
    /// The name of the place probed from. Without one, all addresses probed from are one place:
    /// they change while it stays.
    pub(crate) vantage: Option<String>,
}

impl Key {
    pub(crate) fn of_hop(hop: &Hop) -> Self {
        Self {
            host: hop.host.clone(),
            protocol: hop.protocol,
            port: hop.port,
            six: is_six(hop.resolved_ip.as_deref()),
            vantage: hop.vantage.clone(),
        }
    }

    pub(crate) fn of_trace(trace: &Trace) -> Self {
        Self {
            host: trace.host.clone(),
            protocol: trace.protocol,
            port: trace.port,
            six: is_six(trace.resolved_ip.as_deref()),
            vantage: trace.vantage.clone(),
        }
    }
}

fn is_six(ip: Option<&str>) -> Option<bool> {
    ip.map(|ip| ip.contains(':'))
}

/// The records of one trace.
#[derive(Clone, Debug)]
pub(crate) struct Round {
    pub(crate) key: Key,
    pub(crate) trace_id: String,
    /// Which run of a prober wrote it: rounds of one run are numbered upwards.
    pub(crate) run: u64,
    pub(crate) hops: Vec<Hop>,
    pub(crate) end: Option<Trace>,
}

impl Round {
    /// When it began.
    pub(crate) fn began(&self) -> Option<Time> {
        let first = self.hops.iter().map(|hop| hop.at).min();
        self.end.as_ref().map(|end| end.started_at).into_iter().chain(first).min()
    }

    /// The address probed from.
    pub(crate) fn source(&self) -> Option<&str> {
        let of_end = self.end.as_ref().and_then(|end| end.source_ip.as_deref());
        of_end.or_else(|| self.hops.first()?.source_ip.as_deref())
    }

    pub(crate) fn number(&self) -> u64 {
        self.end
            .as_ref()
            .map(|end| end.round)
            .or(self.hops.first().map(|hop| hop.round))
            .unwrap_or(1)
    }
}

/// Rounds laid over each other.
#[derive(Clone, Debug)]
pub(crate) struct Route {
    pub(crate) key: Key,
    /// Of its last round.
    pub(crate) trace_id: String,
    pub(crate) targets: BTreeSet<String>,
    pub(crate) rounds: u64,
    pub(crate) reached: u64,
    pub(crate) error: Option<String>,
    /// When its first and its last round began.
    pub(crate) began: Option<(Time, Time)>,
    pub(crate) ttls: BTreeMap<u8, Spot>,
    stops: BTreeMap<&'static str, (Stop, u64)>,
    /// The first and the last run.
    runs: Option<(u64, u64)>,
}

/// One TTL.
#[derive(Clone, Debug, Default)]
pub(crate) struct Spot {
    pub(crate) sent: u64,
    pub(crate) received: u64,
    /// One flow met several responders in one round.
    pub(crate) by_packet: bool,
    pub(crate) flows: Flows,
    pub(crate) responders: BTreeMap<String, Responder>,
}

/// What one address said at one TTL.
#[derive(Clone, Debug, Default)]
pub(crate) struct Responder {
    /// Rounds in which it answered.
    pub(crate) rounds: u64,
    /// Probes that it answered.
    pub(crate) answers: u64,
    pub(crate) flows: Flows,
    pub(crate) rtts: Sample,
    /// Label stacks, top first.
    pub(crate) labels: BTreeSet<Vec<u32>>,
    /// Annotations of its replies; empty: a reply without one.
    pub(crate) notes: BTreeSet<String>,
    pub(crate) dns: Option<Dns>,
    pub(crate) asn: Option<Asn>,
    pub(crate) geo: Option<Geo>,
    pub(crate) is_destination: bool,
}

impl Route {
    pub(crate) fn new(key: Key) -> Self {
        Self {
            key,
            trace_id: String::new(),
            targets: BTreeSet::new(),
            rounds: 0,
            reached: 0,
            error: None,
            began: None,
            ttls: BTreeMap::new(),
            stops: BTreeMap::new(),
            runs: None,
        }
    }

    /// Lays a round over the others.
    pub(crate) fn add(&mut self, round: &Round) {
        self.rounds += 1;
        let (first, last) = self.runs.unwrap_or((round.run, round.run));
        self.runs = Some((first.min(round.run), last.max(round.run)));
        if let Some(at) = round.began() {
            let (first, last) = self.began.unwrap_or((at, at));
            self.began = Some((first.min(at), last.max(at)));
        }
        let arrived = round.hops.iter().any(|hop| hop.is_destination);
        self.reached += u64::from(round.end.as_ref().map_or(arrived, |end| end.reached));
        if let Some(end) = &round.end {
            if let Some(stop) = end.stop {
                self.stops.entry(stop.as_str()).or_insert((stop, 0)).1 += 1;
            }
            self.target(end.resolved_ip.as_deref());
            self.error = end.error.clone().or(self.error.take());
        }
        self.trace_id.clone_from(&round.trace_id);
        let mut met: BTreeMap<(u8, u16), u32> = BTreeMap::new();
        let mut counted = BTreeSet::new();
        for hop in &round.hops {
            for &flow in &hop.flows {
                *met.entry((hop.hop, flow)).or_default() += 1;
            }
            self.target(hop.resolved_ip.as_deref());
            let spot = self.ttls.entry(hop.hop).or_default();
            if counted.insert(hop.hop) {
                spot.sent += u64::from(hop.sent);
                spot.received += u64::from(hop.received);
            }
            spot.add(round.run, hop);
        }
        for ((ttl, _), _) in met.into_iter().filter(|(_, responders)| *responders > 1) {
            self.ttls.entry(ttl).or_default().by_packet = true;
        }
    }

    fn target(&mut self, ip: Option<&str>) {
        if let Some(ip) = ip
            && !self.targets.contains(ip)
            && self.targets.len() < MOST_VARIANTS
        {
            self.targets.insert(ip.to_owned());
        }
    }

    /// The run that all rounds are of, if there is one.
    pub(crate) fn run(&self) -> Option<u64> {
        self.runs.filter(|(first, last)| first == last).map(|(first, _)| first)
    }

    /// It was reached in at least half of the rounds.
    pub(crate) fn is_reached(&self) -> bool {
        self.reached > 0 && self.reached * 2 >= self.rounds
    }

    /// The TTL at which the destination answers most often.
    pub(crate) fn length(&self) -> Option<u8> {
        let rounds = |spot: &Spot| {
            let ends = spot.responders.values().filter(|responder| responder.is_destination);
            ends.map(|responder| responder.rounds).max()
        };
        let at = self.ttls.iter().filter_map(|(&ttl, spot)| Some((rounds(spot)?, ttl)));
        at.max_by_key(|&(rounds, ttl)| (rounds, u8::MAX - ttl)).map(|(_, ttl)| ttl)
    }

    /// The farthest TTL at which anybody answers.
    pub(crate) fn farthest(&self) -> u8 {
        let answered = |(&ttl, spot): (&u8, &Spot)| (!spot.responders.is_empty()).then_some(ttl);
        self.ttls.iter().filter_map(answered).max().unwrap_or(0)
    }

    /// What lies behind the farthest responder.
    pub(crate) fn beyond(&self) -> Beyond {
        let usual = self.stops.values().max_by_key(|(_, rounds)| *rounds).map(|(stop, _)| *stop);
        let silent_tail = self.ttls.keys().next_back().is_some_and(|&ttl| ttl > self.farthest());
        match usual {
            _ if self.is_reached() => Beyond::Nothing,
            Some(Stop::Unreachable) => Beyond::Nothing,
            _ if silent_tail => Beyond::Silence,
            _ => Beyond::Unknown,
        }
    }
}

impl Spot {
    fn add(&mut self, run: u64, hop: &Hop) {
        let Some(ip) = hop.ip.as_ref() else { return };
        for &flow in &hop.flows {
            self.flows.add(run, flow);
        }
        if !self.responders.contains_key(ip) {
            if self.responders.len() >= MOST_RESPONDERS {
                return;
            }
            self.responders.insert(ip.clone(), Responder::default());
        }
        if let Some(responder) = self.responders.get_mut(ip) {
            responder.add(run, hop);
        }
    }
}

impl Responder {
    fn add(&mut self, run: u64, hop: &Hop) {
        self.rounds += 1;
        for probe in hop.probes.iter().filter(|probe| probe.ok) {
            self.answers += 1;
            probe.rtt_ms.into_iter().for_each(|rtt| self.rtts.add(rtt));
        }
        for &flow in &hop.flows {
            self.flows.add(run, flow);
        }
        let note = hop.reply.as_ref().map(|reply| reply.note.clone().unwrap_or_default());
        let labels = hop.mpls.iter().map(|label| label.label).collect();
        keep(&mut self.labels, Some(labels));
        keep(&mut self.notes, note);
        self.is_destination |= hop.is_destination;
        keep_latest(&mut self.dns, hop.dns.as_ref());
        keep_latest(&mut self.asn, hop.asn.as_ref());
        keep_latest(&mut self.geo, hop.geo.as_ref());
    }

    /// Its origin ASes, as far as they are known.
    pub(crate) fn origins(&self) -> Vec<u32> {
        let Some(asn) = self.asn.as_ref().filter(|asn| asn.error.is_none()) else {
            return Vec::new();
        };
        let mut origins = asn.origins.clone();
        origins.extend(asn.number);
        origins.sort_unstable();
        origins.dedup();
        origins
    }
}

fn keep<T: Ord>(known: &mut BTreeSet<T>, new: Option<T>) {
    if known.len() < MOST_VARIANTS {
        known.extend(new);
    }
}

fn keep_latest<T: Clone + PartialEq>(known: &mut Option<T>, new: Option<&T>) {
    if new.is_some() && known.as_ref() != new {
        *known = new.cloned();
    }
}
