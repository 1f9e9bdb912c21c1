//! What is known of each trace: records of one trace belong together, and so do the rounds of a
//! host, whose statistics accumulate.

use std::collections::{BTreeMap, BTreeSet};

use tm_path::delay;
use tm_path::proportion::wilson;
use tm_schema::{
    Asn, Dns, Geo, Hints, Hop, Interface, MplsLabel, Mtu, Probe, Protocol, Reply, Time, Trace,
};

use crate::overlay::Member;
use crate::statistics::Statistics;
use crate::trail::Trail;

/// The traces of a stream, in the order they began.
pub(crate) struct Views {
    each: bool,
    open: Vec<(Key, View)>,
}

/// What joins records into one view.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Key {
    host: String,
    resolved_ip: Option<String>,
    protocol: Option<Protocol>,
    source_ip: Option<String>,
    vantage: Option<String>,
    /// With `--each`, and for a trace that comes but once.
    trace_id: Option<String>,
}

impl Key {
    /// The view that a hop belongs to; `each`: of its round alone.
    pub(crate) fn of_hop(hop: &Hop, each: bool) -> Self {
        Self {
            host: hop.host.clone(),
            resolved_ip: hop.resolved_ip.clone(),
            protocol: hop.protocol,
            source_ip: hop.source_ip.clone(),
            vantage: hop.vantage.clone(),
            trace_id: each.then(|| hop.trace_id.clone()),
        }
    }

    /// The view whose round a trace record ends.
    pub(crate) fn of_trace(trace: &Trace, each: bool) -> Self {
        Self {
            host: trace.host.clone(),
            resolved_ip: trace.resolved_ip.clone(),
            protocol: trace.protocol,
            source_ip: trace.source_ip.clone(),
            vantage: trace.vantage.clone(),
            trace_id: each.then(|| trace.trace_id.clone()),
        }
    }
}

/// One trace, or the rounds of one host.
#[derive(Clone, Debug, Default)]
pub(crate) struct View {
    pub(crate) host: String,
    pub(crate) resolved_ip: Option<String>,
    pub(crate) protocol: Option<Protocol>,
    /// The name of the place probed from.
    pub(crate) vantage: Option<String>,
    /// When the first probe left.
    pub(crate) started_at: Option<Time>,
    pub(crate) ttls: BTreeMap<u8, Ttl>,
    pub(crate) rounds: u64,
    /// The last round's end, once it has come.
    pub(crate) trace: Option<Trace>,
}

/// One TTL.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ttl {
    pub(crate) sent: u64,
    pub(crate) received: u64,
    pub(crate) mtu: Option<Mtu>,
    /// Records of one trace at one TTL repeat its counts; they count once.
    counted: String,
    pub(crate) responders: Vec<Responder>,
}

/// What one address said at one TTL.
#[derive(Clone, Debug, Default)]
pub(crate) struct Responder {
    pub(crate) ip: String,
    pub(crate) rtt: Statistics,
    /// Round by round.
    pub(crate) trail: Trail,
    /// Probes of the last round that it answered.
    pub(crate) probes: Vec<Probe>,
    pub(crate) reply: Option<Reply>,
    pub(crate) mpls: Vec<MplsLabel>,
    pub(crate) interface: Option<Interface>,
    pub(crate) nat: Option<bool>,
    pub(crate) mtu: Option<Mtu>,
    pub(crate) hints: Option<Hints>,
    pub(crate) flows: Vec<u16>,
    pub(crate) dns: Option<Dns>,
    pub(crate) asn: Option<Asn>,
    pub(crate) geo: Option<Geo>,
    pub(crate) is_destination: bool,
    /// What is still being looked up; nothing once its record has come.
    pub(crate) awaited: Vec<Member>,
}

impl Views {
    pub(crate) fn new(each: bool) -> Self {
        Self { each, open: Vec::new() }
    }

    pub(crate) fn hop(&mut self, hop: Hop) {
        let key = Key::of_hop(&hop, self.each);
        self.view(key).hop(hop);
    }

    /// Notes the end of a trace. Returns the view once nothing can be added to it.
    pub(crate) fn trace(&mut self, trace: Trace) -> Option<View> {
        let key = Key::of_trace(&trace, self.each);
        self.view(key.clone()).end_round(trace);
        if !self.each {
            return None;
        }
        let at = self.open.iter().position(|(known, _)| *known == key)?;
        Some(self.open.remove(at).1)
    }

    /// The view that changed last.
    pub(crate) fn latest(&self) -> Option<(&Key, &View)> {
        self.open.last().map(|(key, view)| (key, view))
    }

    /// The view of a key.
    pub(crate) fn get(&self, key: &Key) -> Option<&View> {
        self.open.iter().rfind(|(known, _)| known == key).map(|(_, view)| view)
    }

    /// How many views are open.
    pub(crate) fn len(&self) -> usize {
        self.open.len()
    }

    /// Every view that is left.
    pub(crate) fn rest(self) -> impl Iterator<Item = View> {
        self.open.into_iter().map(|(_, view)| view)
    }

    fn view(&mut self, key: Key) -> &mut View {
        let known = self.open.iter().rposition(|(known, _)| *known == key);
        let entry = if let Some(at) = known {
            self.open.remove(at)
        } else {
            let view = View::new(&key);
            (key, view)
        };
        // The one that changed last stands last.
        &mut self.open.push_mut(entry).1
    }
}

impl View {
    /// Of nothing yet.
    pub(crate) fn new(key: &Key) -> Self {
        let (host, resolved_ip) = (key.host.clone(), key.resolved_ip.clone());
        let vantage = key.vantage.clone();
        Self { host, resolved_ip, protocol: key.protocol, vantage, ..Self::default() }
    }

    /// Notes how a round ended.
    pub(crate) fn end_round(&mut self, trace: Trace) {
        self.rounds += 1;
        self.note_start(trace.started_at);
        self.trace = Some(trace);
    }

    fn note_start(&mut self, at: Time) {
        self.started_at = Some(self.started_at.map_or(at, |earlier| earlier.min(at)));
    }

    /// Adds what one responder said in one round.
    pub(crate) fn hop(&mut self, hop: Hop) {
        self.note_start(hop.at);
        let ttl = self.ttls.entry(hop.hop).or_default();
        if ttl.counted != hop.trace_id {
            ttl.sent += u64::from(hop.sent);
            ttl.received += u64::from(hop.received);
            ttl.counted.clone_from(&hop.trace_id);
        }
        ttl.mtu = hop.mtu.or(ttl.mtu);
        let Some(ip) = &hop.ip else {
            // Some probes were lost, or all of them.
            let nobody = hop.received == 0;
            ttl.responders.iter_mut().for_each(|at| at.trail.lose(&hop.trace_id, nobody));
            return;
        };
        let at = ttl.responders.iter().position(|responder| responder.ip == *ip);
        let at = at.unwrap_or_else(|| {
            ttl.responders.push(Responder { ip: ip.clone(), ..Responder::default() });
            ttl.responders.len() - 1
        });
        if let Some(responder) = ttl.responders.get_mut(at) {
            responder.update(hop);
        }
    }

    /// Adds what one responder said before it was looked up. What filters found out about one that
    /// is known already still holds.
    pub(crate) fn preview(&mut self, hop: Hop, awaited: &[Member]) {
        let ttl = hop.hop;
        let known = self.ttls.get(&ttl).map_or(0, |at| at.responders.len());
        self.hop(hop);
        let new = self.ttls.get_mut(&ttl).and_then(|at| at.responders.get_mut(known));
        if let Some(responder) = new {
            awaited.clone_into(&mut responder.awaited);
        }
    }

    /// The farthest TTL that anybody answered at.
    pub(crate) fn farthest(&self) -> u8 {
        let answered = |(&ttl, at): (&u8, &Ttl)| (!at.responders.is_empty()).then_some(ttl);
        self.ttls.iter().filter_map(answered).max().unwrap_or(0)
    }

    /// Every flow that met anybody.
    pub(crate) fn flows(&self) -> BTreeSet<u16> {
        let responders = self.ttls.values().flat_map(|ttl| &ttl.responders);
        responders.flat_map(|responder| responder.flows.iter().copied()).collect()
    }

    /// The loss at each TTL in percent; `None`: nobody answered.
    pub(crate) fn losses(&self) -> Vec<Option<f64>> {
        let loss = |ttl: &Ttl| (!ttl.responders.is_empty()).then(|| ttl.loss_pct());
        self.ttls.values().map(loss).collect()
    }

    /// The smallest RTT at each TTL.
    pub(crate) fn smallest_rtts(&self) -> Vec<Option<f64>> {
        self.ttls.values().map(Ttl::smallest_rtt).collect()
    }

    /// The hop that adds most delay, by its position, and how many milliseconds.
    pub(crate) fn longest_step(&self) -> Option<(usize, f64)> {
        let rtts = self.smallest_rtts();
        match self.ttls.keys().next() {
            Some(1) => delay::longest_step(&rtts),
            _ => delay::longest_step_within(&rtts), // the first hops were not probed
        }
    }

    /// The TTL at which the destination answered.
    pub(crate) fn destination(&self) -> Option<(u8, &Ttl)> {
        let is_destination = |ttl: &Ttl| ttl.responders.iter().any(|at| at.is_destination);
        self.ttls.iter().find(|(_, ttl)| is_destination(ttl)).map(|(&hop, ttl)| (hop, ttl))
    }

    /// The destination answered.
    pub(crate) fn is_reached(&self) -> bool {
        self.destination().is_some()
    }
}

impl Ttl {
    pub(crate) fn smallest_rtt(&self) -> Option<f64> {
        let answered = self.responders.iter().filter(|responder| responder.rtt.count > 0);
        answered.map(|responder| responder.rtt.min).min_by(f64::total_cmp)
    }

    /// Probes that nobody answered.
    pub(crate) fn lost(&self) -> u64 {
        self.sent.saturating_sub(self.received)
    }

    pub(crate) fn loss_pct(&self) -> f64 {
        match self.sent {
            0 => 0.0,
            sent => 100.0 * self.lost() as f64 / sent as f64,
        }
    }

    /// Between how many percent the loss is, at 95 % confidence.
    pub(crate) fn loss_interval(&self) -> [f64; 2] {
        let (low, high) = wilson(self.lost(), self.sent);
        [low, high].map(|share| (share * 1000.0).round() / 10.0)
    }
}

impl Responder {
    /// Hops that its reply seems to have come, where they are not as many as those of the way there.
    pub(crate) fn reply_hops(&self) -> Option<u8> {
        self.hints.and_then(|hints| hints.reply_hops)
    }

    /// A filter is still at it.
    pub(crate) fn awaits(&self, member: Member) -> bool {
        let is_there = match member {
            Member::Dns => self.dns.is_some(),
            Member::Asn => self.asn.is_some(),
            Member::Geo => self.geo.is_some(),
        };
        !is_there && self.awaited.contains(&member)
    }

    fn update(&mut self, hop: Hop) {
        match hop.rtt {
            // Imported: the source gives no single RTTs.
            Some(rtt) if hop.probes.is_empty() => self.rtt.add_summary(&rtt, hop.received),
            _ => hop.probes.iter().filter_map(|probe| probe.rtt_ms).for_each(|ms| self.rtt.add(ms)),
        }
        let typical = hop.rtt.map(|rtt| rtt.median.unwrap_or(rtt.avg));
        self.trail.answer(&hop.trace_id, typical, hop.received < hop.sent);
        self.reply = hop.reply.or(self.reply.take());
        (self.probes, self.nat) = (hop.probes, hop.nat.or(self.nat));
        self.interface = hop.interface.or(self.interface.take());
        self.mpls = hop.mpls;
        self.mtu = hop.mtu;
        self.hints = hop.hints;
        self.flows.extend(hop.flows);
        self.flows.sort_unstable();
        self.flows.dedup();
        self.is_destination |= hop.is_destination;
        self.dns = hop.dns.or(self.dns.take());
        self.asn = hop.asn.or(self.asn.take());
        self.geo = hop.geo.or(self.geo.take());
    }
}
