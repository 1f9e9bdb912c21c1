//! What becomes of a probe: which router or host answers it, when, and with what. Pure but for
//! the rate limiters and the dice, which have a seed.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

use crate::hostile;
use crate::packet::{IcmpError, Probe, packet};
use crate::topology::{Balance, Hop, Path, Port, RateLimit, Topology};

/// Packets to send, each after a delay, and a word for the log.
#[derive(Debug)]
pub(crate) struct Fate {
    pub(crate) packets: Vec<(Duration, Vec<u8>)>,
    pub(crate) responder: Option<IpAddr>,
    pub(crate) action: &'static str,
}

/// The simulated internet.
pub(crate) struct World {
    topology: Topology,
    dice: u64,
    buckets: HashMap<IpAddr, (f64, Duration)>,
}

impl World {
    pub(crate) fn new(topology: Topology) -> Self {
        let dice = topology.seed.wrapping_mul(2).wrapping_add(0x9e37_79b9_7f4a_7c15);
        Self { topology, dice, buckets: HashMap::new() }
    }

    /// What becomes of a probe that arrives at `now`.
    pub(crate) fn meet(&mut self, probe: &Probe, now: Duration) -> Fate {
        let topology = std::mem::take(&mut self.topology.path);
        let leads =
            |path: &&Path| path.destinations.iter().any(|prefix| prefix.contains(probe.target));
        let mut fate = match topology.iter().find(leads) {
            Some(path) => self.walk(path, probe, now),
            None => nothing("no_route"),
        };
        self.topology.path = topology;
        if fate.responder.is_some() {
            let classes = &self.topology.hostile;
            let forged = classes.iter().flat_map(|class| {
                (0..self.topology.hostile_count)
                    .filter_map(|n| hostile::forge(*class, probe, n, &fate.packets))
            });
            let forged: Vec<_> = forged.collect();
            fate.packets.extend(forged);
        }
        fate
    }

    fn walk(&mut self, path: &Path, probe: &Probe, now: Duration) -> Fate {
        let mut nat = false;
        let reached = usize::from(probe.ttl).saturating_sub(1);
        for (at, hop) in path.hop.iter().enumerate().take(reached + 1) {
            if self.roll() < hop.loss {
                return nothing("lost");
            }
            nat |= hop.nat;
            if at == reached {
                let time_exceeded = if probe.is_v6() { (3, 0) } else { (11, 0) };
                return self.router(hop, at, probe, nat, time_exceeded, now);
            }
            if hop.mtu.is_some_and(|mtu| probe.bytes.len() > usize::from(mtu)) {
                let too_big = if probe.is_v6() { (2, 0) } else { (3, 4) };
                return self.router(hop, at, probe, nat, too_big, now);
            }
            if let Some(code) = hop.unreachable {
                let kind = if probe.is_v6() { 1 } else { 3 };
                return self.router(hop, at, probe, nat, (kind, code), now);
            }
        }
        self.destination(path, probe, nat, now)
    }

    fn router(
        &mut self,
        hop: &Hop,
        at: usize,
        probe: &Probe,
        nat: bool,
        (icmp_type, code): (u8, u8),
        now: Duration,
    ) -> Fate {
        let count = if probe.is_v6() { hop.v6.len() } else { hop.v4.len() };
        if hop.silent || count == 0 {
            return nothing("silent");
        }
        let choice = match hop.balance {
            Balance::Flow => probe.flow_hash(self.topology.seed + at as u64),
            Balance::Packet => (self.roll() * 4096.0) as u64,
        };
        let index = (choice % count as u64) as usize;
        let address = if probe.is_v6() {
            hop.v6.get(index).copied().map(IpAddr::V6)
        } else {
            hop.v4.get(index).copied().map(IpAddr::V4)
        };
        let Some(responder) = address else { return nothing("silent") };
        if !self.may_answer(responder, hop.rate_limit, now) {
            return nothing("rate_limited");
        }
        let quote = quote(probe, nat, hop.quote);
        let too_big = matches!((probe.is_v6(), icmp_type, code), (true, 2, _) | (false, 3, 4));
        let error = IcmpError {
            icmp_type,
            code,
            mtu: if too_big { hop.names_mtu.or(hop.mtu.map(u32::from)) } else { None },
            quote: &quote,
            mpls: &hop.mpls,
            interface: hop.interface.as_ref(),
            legacy: hop.legacy,
        };
        let delay = hop.rtt_ms + hop.jitter_ms * self.roll();
        let action =
            if code == 0 && !(1..=3).contains(&icmp_type) || probe.is_v6() && icmp_type == 3 {
                "time_exceeded"
            } else {
                "dest_unreachable"
            };
        answer(
            probe,
            responder,
            hop.reply_ttl.unwrap_or(64_u8.saturating_sub(at as u8)),
            error.message(probe.is_v6()),
            icmp(probe),
            delay,
            action,
        )
    }

    fn destination(&mut self, path: &Path, probe: &Probe, nat: bool, now: Duration) -> Fate {
        let ttl = 64_u8.saturating_sub(path.hop.len() as u8);
        let reply = |transport, protocol, action| {
            answer(probe, probe.target, ttl, transport, protocol, path.rtt_ms, action)
        };
        match (probe.protocol, path.udp, path.tcp, path.icmp) {
            (17, Port::Closed, ..) => {
                if !self.may_answer(probe.target, path.rate_limit, now) {
                    return nothing("rate_limited");
                }
                let (icmp_type, code) = if probe.is_v6() { (1, 4) } else { (3, 3) };
                let quote = quote(probe, nat, None);
                let error = IcmpError {
                    icmp_type,
                    code,
                    mtu: None,
                    quote: &quote,
                    mpls: &[],
                    interface: None,
                    legacy: false,
                };
                reply(error.message(probe.is_v6()), icmp(probe), "dest_unreachable")
            }
            (17, Port::Open, ..) => {
                let mut datagram = vec![0; 8];
                datagram[0..2].copy_from_slice(&probe.word(2).to_be_bytes());
                datagram[2..4].copy_from_slice(&probe.word(0).to_be_bytes());
                datagram.extend(b"hello");
                let len = datagram.len() as u16;
                datagram[4..6].copy_from_slice(&len.to_be_bytes());
                reply(datagram, 17, "udp_reply")
            }
            (6, _, Port::Open | Port::Closed, _)
                if probe.transport().get(13).is_some_and(|flags| flags & 0x12 == 0x02) =>
            {
                let open = path.tcp == Port::Open;
                reply(tcp_answer(probe, open), 6, if open { "syn_ack" } else { "rst" })
            }
            (1 | 58, _, _, Port::Open) if matches!(probe.transport().first(), Some(8 | 128)) => {
                let mut message = probe.transport().to_vec();
                message[0] = if probe.is_v6() { 129 } else { 0 };
                message[2..4].fill(0);
                reply(message, probe.protocol, "echo_reply")
            }
            _ => nothing("ignored"),
        }
    }

    fn may_answer(&mut self, router: IpAddr, limit: Option<RateLimit>, now: Duration) -> bool {
        let Some(limit) = limit else { return true };
        let (tokens, last) = self.buckets.entry(router).or_insert((limit.burst, now));
        *tokens =
            (*tokens + now.saturating_sub(*last).as_secs_f64() * limit.per_second).min(limit.burst);
        *last = now;
        let enough = *tokens >= 1.0;
        *tokens -= f64::from(u8::from(enough));
        enough
    }

    /// A number from 0 to 1 (xorshift).
    fn roll(&mut self) -> f64 {
        self.dice ^= self.dice << 13;
        self.dice ^= self.dice >> 7;
        self.dice ^= self.dice << 17;
        (self.dice >> 11) as f64 / (1_u64 << 53) as f64
    }
}

fn icmp(probe: &Probe) -> u8 {
    if probe.is_v6() { 58 } else { 1 }
}

fn quote(probe: &Probe, nat: bool, octets: Option<usize>) -> Vec<u8> {
    let mut quote = probe.quoted(octets);
    if nat
        && probe.protocol == 17
        && let Some(checksum) = quote.get_mut(probe.header + 6)
    {
        *checksum ^= 0x5a;
    }
    quote
}

fn tcp_answer(probe: &Probe, open: bool) -> Vec<u8> {
    let mut segment = vec![0; 20];
    segment[0..2].copy_from_slice(&probe.word(2).to_be_bytes());
    segment[2..4].copy_from_slice(&probe.word(0).to_be_bytes());
    let sequence = u32::from(probe.word(4)) << 16 | u32::from(probe.word(6));
    segment[4..8].copy_from_slice(&77_u32.to_be_bytes());
    segment[8..12].copy_from_slice(&sequence.wrapping_add(1).to_be_bytes());
    segment[12..14].copy_from_slice(&[0x50, if open { 0x12 } else { 0x14 }]);
    segment
}

fn answer(
    probe: &Probe,
    from: IpAddr,
    ttl: u8,
    transport: Vec<u8>,
    protocol: u8,
    delay_ms: f64,
    action: &'static str,
) -> Fate {
    let bytes = packet(from, probe.source, protocol, ttl, transport);
    let delay = Duration::from_secs_f64(delay_ms.max(0.0) / 1e3);
    Fate { packets: vec![(delay, bytes)], responder: Some(from), action }
}

fn nothing(action: &'static str) -> Fate {
    Fate { packets: Vec::new(), responder: None, action }
}
