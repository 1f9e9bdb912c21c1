//! A trace as it is being put together from what a source says, and the records that it becomes.

use std::collections::BTreeMap;

use tm_schema::{
    Asn, Dns, Geo, Hop, Ignored, Method, MplsLabel, Mtu, MtuLimit, Probe, Protocol, Reply,
    ReplyKind, Rtt, Stop, Time, Trace, loss_pct,
};

use crate::{address, note};

/// One trace. What the source does not say is `None`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Draft {
    pub(crate) host: Option<String>,
    /// The address traced.
    pub(crate) target: Option<String>,
    pub(crate) source_ip: Option<String>,
    pub(crate) protocol: Option<Protocol>,
    pub(crate) port: Option<u16>,
    /// The repetition, counted from 0.
    pub(crate) round: u64,
    pub(crate) tool: String,
    pub(crate) version: String,
    pub(crate) platform: String,
    pub(crate) max_hops: Option<u8>,
    pub(crate) probes: Option<u32>,
    pub(crate) timeout_s: Option<f64>,
    pub(crate) method: Option<Method>,
    pub(crate) started_at: Option<Time>,
    pub(crate) completed_at: Option<Time>,
    pub(crate) stop: Option<Stop>,
    pub(crate) error: Option<String>,
    /// The destination answered, at a TTL that is none of the path's.
    pub(crate) reached: bool,
    pub(crate) ignored: Ignored,
    pub(crate) ttls: BTreeMap<u8, Ttl>,
}

/// One TTL.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ttl {
    pub(crate) at: Option<Time>,
    /// The lost probes, where they are known one by one.
    pub(crate) lost: Vec<Probe>,
    /// Probes sent and answered, where the source counts them but does not list them.
    pub(crate) counted: Option<(u32, u32)>,
    pub(crate) responders: Vec<Responder>,
    /// Octets of the datagrams sent from this TTL on, where the source tells it here.
    pub(crate) size: Option<u32>,
}

/// One address, or whatever the source calls the responder, at one TTL.
#[derive(Clone, Debug, Default)]
pub(crate) struct Responder {
    pub(crate) ip: String,
    pub(crate) name: Option<String>,
    pub(crate) probes: Vec<Probe>,
    /// Statistics, where the source gives no single RTTs.
    pub(crate) rtt: Option<Rtt>,
    pub(crate) reply: Option<Reply>,
    pub(crate) mpls: Vec<MplsLabel>,
    pub(crate) asn: Option<Asn>,
    pub(crate) geo: Option<Geo>,
    /// The flows that met it, where that is known.
    pub(crate) flows: Vec<u16>,
    /// The source says so, of an address that it hides.
    pub(crate) is_private: bool,
}

/// An answered probe.
pub(crate) fn answered(rtt_ms: f64) -> Probe {
    Probe { rtt_ms: valid(rtt_ms), at_most: false, ok: true, flow: 0, at: None }
}

/// A probe that nobody answered.
pub(crate) fn lost() -> Probe {
    Probe { rtt_ms: None, at_most: false, ok: false, flow: 0, at: None }
}

/// A time that can be one: finite, not negative. To a tenth of a microsecond, as everywhere.
pub(crate) fn valid(ms: f64) -> Option<f64> {
    let ms = (ms * 1e4).round() / 1e4;
    (ms.is_finite() && ms >= 0.0).then_some(ms)
}

/// What a source that lists no single RTTs says of those of `received` answers; `None` where that
/// contradicts itself. Its jitter is another one than ours.
pub(crate) fn statistics(
    received: u32,
    [min, avg, max]: [Option<f64>; 3],
    stddev: Option<f64>,
) -> Option<Rtt> {
    let ms = |number: Option<f64>| number.and_then(valid);
    let (min, avg, max, stddev) = (ms(min)?, ms(avg)?, ms(max)?, ms(stddev));
    match received {
        0 => None,
        1 => Rtt::of(&[avg]),
        _ if min > avg || avg > max => None,
        _ => Some(Rtt { min, avg, median: None, max, stddev, jitter: None }),
    }
}

impl Ttl {
    /// The responder called `ip`, new where it has not answered yet.
    pub(crate) fn responder(&mut self, ip: &str) -> &mut Responder {
        let known = self.responders.iter().position(|responder| responder.ip == ip);
        let at = known.unwrap_or_else(|| {
            self.responders.push(Responder { ip: ip.to_owned(), ..Responder::default() });
            self.responders.len() - 1
        });
        #[allow(clippy::indexing_slicing)]
        // it was just found, or put there
        &mut self.responders[at]
    }

    fn sent_and_received(&self) -> (u32, u32) {
        self.counted.unwrap_or_else(|| {
            let answered = self.responders.iter().flat_map(|at| &at.probes);
            let received = answered.filter(|probe| probe.ok).count() as u32;
            (received.saturating_add(self.lost.len() as u32), received)
        })
    }
}

/// Sizes of the datagrams sent, where the source made them as large as could pass.
struct Sizes {
    /// Where a size was first sent, and the size; the largest first.
    first_sent: Vec<(u8, u32)>,
    /// TTLs that somebody answered.
    answered: Vec<u8>,
}

impl Sizes {
    fn of(ttls: &BTreeMap<u8, Ttl>) -> Self {
        let answered = ttls.iter().filter(|(_, ttl)| !ttl.responders.is_empty());
        Self {
            first_sent: ttls.iter().filter_map(|(&at, ttl)| Some((at, ttl.size?))).collect(),
            answered: answered.map(|(&at, _)| at).collect(),
        }
    }

    fn sent(&self, ttl: u8) -> Option<u32> {
        let so_far = self.first_sent.iter().take_while(|(first, _)| *first <= ttl);
        so_far.last().map(|(_, size)| *size)
    }

    /// The largest that was answered from a TTL or from farther on. The first size is what could
    /// leave; why, is not said. The others are what routers named that refused the one before.
    fn mtu(&self, ttl: u8) -> Option<Mtu> {
        self.first_sent.first()?;
        let from_here = self.answered.iter().filter(|at| **at >= ttl);
        let octets = from_here.filter_map(|at| self.sent(*at)).max();
        let named = |(first, size): &(u8, u32)| *first <= ttl && Some(*size) == octets;
        let limit = self.first_sent.iter().skip(1).any(named).then_some(MtuLimit::Reported);
        Some(Mtu { octets, limit })
    }
}

impl Draft {
    /// Notes the silence of the TTLs up to `last` that the source leaves out.
    pub(crate) fn fill(&mut self, first: u8, last: u8) {
        for ttl in first.max(1)..=last {
            self.ttls.entry(ttl).or_default();
        }
    }

    /// A router that is not last on the path, and of whose answer nothing is noted, let the TTL
    /// run out: any other answer would have ended the path.
    pub(crate) fn assume_time_exceeded(&mut self) {
        let Some((&last, _)) = self.ttls.last_key_value() else { return };
        for at in self.ttls.range_mut(..last).flat_map(|(_, ttl)| &mut ttl.responders) {
            let is_v6 = address::parse(&at.ip).is_some_and(|ip| ip.is_ipv6());
            if address::parse(&at.ip).is_some() {
                at.reply.get_or_insert_with(|| note::time_exceeded(is_v6));
            }
        }
    }

    fn is_destination(&self, responder: &Responder) -> bool {
        let router = |reply: &Reply| {
            reply.kind == ReplyKind::TimeExceeded
                || (reply.kind == ReplyKind::DestUnreachable && reply.note.is_some())
        };
        self.target.as_ref() == Some(&responder.ip) && !responder.reply.as_ref().is_some_and(router)
    }

    /// How it ended, as far as that follows from the hops.
    fn ending(&self, reached: bool) -> Option<Stop> {
        let (&last, ttl) = self.ttls.last_key_value()?;
        let refuses = |at: &Responder| {
            at.reply.as_ref().is_some_and(|reply| reply.kind == ReplyKind::DestUnreachable)
        };
        match () {
            () if reached => Some(Stop::Destination),
            () if ttl.responders.iter().any(refuses) => Some(Stop::Unreachable),
            () if self.max_hops == Some(last) => Some(Stop::MaxHops),
            () => None,
        }
    }

    /// The records: the hops, then the trace. `at`: when, where the source does not say.
    pub(crate) fn into_records(self, trace_id: &str, host: &str, at: Time) -> (Vec<Hop>, Trace) {
        let started_at = self.started_at.unwrap_or(at);
        let (mut hops, mut sums, mut responded, mut reached) =
            (Vec::new(), (0, 0), 0, self.reached);
        let sizes = Sizes::of(&self.ttls);
        for (&number, ttl) in &self.ttls {
            let (sent, received) = ttl.sent_and_received();
            sums = (u32::saturating_add(sums.0, sent), u32::saturating_add(sums.1, received));
            responded += u32::from(!ttl.responders.is_empty());
            let silent = Hop {
                trace_id: trace_id.to_owned(),
                host: host.to_owned(),
                resolved_ip: self.target.clone(),
                source_ip: self.source_ip.clone(),
                protocol: self.protocol,
                port: self.port,
                round: self.round + 1,
                sent,
                received,
                loss_pct: loss_pct(sent, received),
                mtu: sizes.mtu(number),
                ..Hop::silent(number, ttl.at.unwrap_or(started_at))
            };
            if ttl.responders.is_empty() {
                hops.push(Hop { probes: ttl.lost.clone(), ..silent });
                continue;
            }
            for responder in &ttl.responders {
                let is_destination = self.is_destination(responder);
                reached |= is_destination;
                hops.push(self.hop(responder, is_destination, silent.clone()));
            }
        }
        let trace = Trace {
            v: tm_schema::VERSION,
            trace_id: trace_id.to_owned(),
            host: host.to_owned(),
            reached,
            stop: self.stop.or_else(|| self.ending(reached)),
            hops: self.ttls.len() as u32,
            resolved_ip: self.target,
            source_ip: self.source_ip,
            vantage: None,
            protocol: self.protocol,
            port: self.port,
            round: self.round + 1,
            tool: self.tool,
            version: self.version,
            platform: self.platform,
            max_hops: self.max_hops,
            probes: self.probes,
            timeout_s: self.timeout_s,
            method: self.method,
            started_at,
            completed_at: self.completed_at.unwrap_or(started_at).max(started_at),
            error: self.error,
            responded,
            sent: sums.0,
            received: sums.1,
            ignored: self.ignored,
            paths: None,
            mtu: None,
            stop_set: None,
        };
        (hops, trace)
    }

    fn hop(&self, responder: &Responder, is_destination: bool, silent: Hop) -> Hop {
        let rtts: Vec<f64> = responder.probes.iter().filter_map(|probe| probe.rtt_ms).collect();
        let mut flows = responder.flows.clone();
        flows.sort_unstable();
        flows.dedup();
        let named = |name: &String| Dns {
            hostname: Some(name.clone()),
            names: vec![name.clone()],
            source: Some(self.tool.clone()),
            ..Dns::default()
        };
        let is_address = address::parse(&responder.ip).is_some();
        let name = responder.name.as_ref().filter(|name| !is_address || **name != responder.ip);
        Hop {
            ip: Some(responder.ip.clone()),
            probes: responder.probes.clone(),
            rtt: responder.rtt.or_else(|| Rtt::of(&rtts)),
            reply: responder.reply.clone(),
            mpls: responder.mpls.clone(),
            flows,
            is_destination,
            is_private: responder.is_private || address::is_private(&responder.ip),
            is_timeout: false,
            dns: name.map(named),
            asn: responder.asn.clone(),
            geo: responder.geo.clone(),
            ..silent
        }
    }
}
