//! What all probes of a run have in common, and whether a packet quotes one of them.
//!
//! A probe can be built again from the few things that an answer quotes. So an answer is checked
//! against the very octets that were sent, and nothing has to be kept for it.

use std::net::IpAddr;

use tm_schema::Protocol;

use super::build::ProbePacket;
use super::identity::{FlowPort, Identity, Secret};
use super::parse::{Datagram, TcpAnswer};

/// What all probes of a run have in common.
#[derive(Clone, Debug)]
pub struct Shape {
    /// Transport.
    pub protocol: Protocol,
    /// Load balancers see one flow; otherwise every probe is a flow of its own.
    pub paris: bool,
    /// Destination port of UDP and TCP.
    pub port: u16,
    /// Source port, or ICMP identifier, of flow 0; the others follow.
    pub flow_base: FlowPort,
    /// Number of flows.
    pub flows: u16,
    /// Flows that get their ports at once; the others get them when they are used.
    pub at_once: u16,
    /// Octets of the whole datagram.
    pub size: Option<usize>,
    /// Probes have sizes of their own; a quote says which.
    pub any_size: bool,
    /// TOS octet or traffic class.
    pub tos: u8,
    /// What only this process knows.
    pub secret: Secret,
}

/// Classic traces spread their probes over this many ports.
const SPREAD: u16 = 1024;

/// What a quoted datagram is to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// One of ours.
    Ours {
        /// The flow.
        flow: FlowPort,
        /// The number; `None`: too little is quoted.
        identity: Option<Identity>,
        /// It was rewritten on its way; `None`: cannot be seen.
        nat: Option<bool>,
    },
    /// It has our flow and contradicts what we sent.
    Forged,
    /// Somebody else's.
    Foreign,
}

/// Where a probe goes, and from where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route {
    /// Our address.
    pub source: IpAddr,
    /// The address traced.
    pub target: IpAddr,
    /// Interface index of a link-local target; 0 for all others.
    pub scope: u32,
}

impl Shape {
    /// The probe with this number.
    pub fn probe(&self, route: Route, ttl: u8, flow: u16, identity: Identity) -> ProbePacket {
        let flow = self.flow_port(flow, identity);
        let default_size = if route.target.is_ipv4() { 60 } else { 80 };
        ProbePacket {
            source: route.source,
            target: route.target,
            scope: route.scope,
            protocol: self.protocol,
            ttl,
            tos: self.tos,
            flow,
            port: self.target_port(identity),
            ip_id: identity.0,
            identity,
            token: self.secret.token(route.target, flow, identity),
            size: self.size.unwrap_or(default_size),
            paris: self.paris,
        }
    }

    /// The flow id behind a source port or ICMP identifier.
    pub fn flow_id(&self, port: FlowPort) -> Option<u16> {
        let distance = port.wrapping_sub(self.flow_base);
        let spread = !self.paris && self.protocol == Protocol::Tcp;
        match spread {
            true => (distance < SPREAD).then_some(0),
            false => (distance < self.flows).then_some(distance),
        }
    }

    fn flow_port(&self, flow: u16, identity: Identity) -> FlowPort {
        let spread = !self.paris && self.protocol == Protocol::Tcp;
        self.flow_base.wrapping_add(if spread { identity.0 % SPREAD } else { flow })
    }

    fn target_port(&self, identity: Identity) -> u16 {
        let spread = !self.paris && self.protocol == Protocol::Udp;
        self.port.wrapping_add(if spread { identity.0 % SPREAD } else { 0 })
    }

    /// Whether a probe with this number went to `port`; whether any did, where it is not known.
    pub(crate) fn went_to(&self, port: u16, identity: Option<Identity>) -> bool {
        match identity {
            Some(identity) => self.target_port(identity) == port,
            None if self.paris => self.port == port,
            None => port.wrapping_sub(self.port) < SPREAD,
        }
    }

    /// Judges a datagram that an ICMP error quotes.
    pub fn judge(&self, quoted: &Datagram<'_>, source: IpAddr) -> Verdict {
        let transport = quoted.transport;
        let Some((flow, number)) = flow_and_number(self.protocol, quoted) else {
            return Verdict::Foreign;
        };
        if self.flow_id(flow).is_none() {
            return Verdict::Foreign;
        }
        if quoted.source != source {
            return Verdict::Forged;
        }
        let in_payload = transport.get(8..10).and_then(|two| <[u8; 2]>::try_from(two).ok());
        let candidates = [quoted.id, Some(number), in_payload.map(u16::from_be_bytes)];
        let route = Route { source, target: quoted.target, scope: 0 };
        let sent = candidates.into_iter().flatten().filter_map(|number| {
            let identity = Identity::try_from(number).ok()?;
            Some((identity, self.same(quoted, route, flow, identity)?))
        });
        match sent.min_by_key(|&(_, nat)| nat) {
            Some((identity, nat)) => {
                Verdict::Ours { flow, identity: Some(identity), nat: Some(nat) }
            }
            None => Verdict::Forged,
        }
    }

    /// The size of a quoted datagram. The length that UDP says is never rewritten; that of IPv4 is
    /// by some systems, and matters to no other checksum of ours.
    fn quoted_size(&self, quoted: &Datagram<'_>) -> usize {
        let header = if quoted.target.is_ipv4() { 20 } else { 40 };
        let by_udp = quoted.transport.get(4..6).and_then(|two| <[u8; 2]>::try_from(two).ok());
        match (self.protocol, by_udp) {
            (Protocol::Udp, Some(len)) => header + usize::from(u16::from_be_bytes(len)),
            _ => usize::from(quoted.len),
        }
    }

    /// Whether the octets are those of the probe; `Some(true)`: but for the checksum, which a
    /// NAT may have left as it rewrote it.
    fn same(
        &self,
        quoted: &Datagram<'_>,
        route: Route,
        flow: FlowPort,
        identity: Identity,
    ) -> Option<bool> {
        let mut sent = self.probe(route, 1, self.flow_id(flow)?, identity);
        if self.any_size {
            sent.size = self.quoted_size(quoted);
        }
        let quoted = quoted.transport;
        if sent.flow != flow {
            return None;
        }
        rewritten(quoted, &sent)
    }

    /// Judges the payload of a UDP datagram that came back by an error queue, or the payload of
    /// an echo reply.
    pub fn judge_payload(&self, payload: &[u8], target: IpAddr, flow: FlowPort) -> Verdict {
        if self.flow_id(flow).is_none() {
            return Verdict::Foreign;
        }
        let Some((&number, token)) = payload.split_first_chunk::<2>() else {
            return Verdict::Ours { flow, identity: None, nat: None };
        };
        let token = token.get(..8).unwrap_or(token);
        let Ok(identity) = Identity::try_from(u16::from_be_bytes(number)) else {
            return Verdict::Forged;
        };
        if !self.secret.token(target, flow, identity).starts_with(token) {
            return Verdict::Forged;
        }
        // A few octets of a token are no proof; then the flow is all that is known.
        let identity = (token.len() >= 4).then_some(identity);
        Verdict::Ours { flow, identity, nat: None }
    }

    /// Judges a segment that answers a SYN from `flow`.
    pub fn judge_tcp(&self, segment: &TcpAnswer, route: Route) -> Verdict {
        let Some(flow) = self.flow_id(segment.target_port) else { return Verdict::Foreign };
        if segment.source_port != self.port {
            return Verdict::Foreign;
        }
        let sequence = segment.acknowledges.wrapping_sub(1);
        let Ok(identity) = Identity::try_from(sequence as u16) else { return Verdict::Forged };
        let sent = self.probe(route, 1, flow, identity);
        if sent.tcp_sequence() != sequence || sent.flow != segment.target_port {
            return Verdict::Forged;
        }
        Verdict::Ours { flow: segment.target_port, identity: Some(identity), nat: None }
    }
}

/// The flow of a quoted datagram of this protocol, and the number in its first eight octets.
pub(crate) fn flow_and_number(
    protocol: Protocol,
    quoted: &Datagram<'_>,
) -> Option<(FlowPort, u16)> {
    let &[a, b, c, d, e, f, g, h] = quoted.transport.first_chunk::<8>()?;
    let words = [[a, b], [c, d], [e, f], [g, h]].map(u16::from_be_bytes);
    match (protocol, quoted.protocol, words) {
        (Protocol::Udp, 17, [flow, _, _, checksum]) => Some((flow, checksum)),
        (Protocol::Icmp, 1 | 58, [0x0800 | 0x8000, _, id, sequence]) => Some((id, sequence)),
        (Protocol::Tcp, 6, [flow, _, _, low]) => Some((flow, low)),
        _ => None,
    }
}

/// Whether the octets quoted are those of the probe; `Some(true)`: but for the checksum, which a
/// NAT may have left as it rewrote it.
pub(crate) fn rewritten(quoted: &[u8], sent: &ProbePacket) -> Option<bool> {
    let checksum = match sent.protocol {
        Protocol::Udp => 6,
        Protocol::Icmp => 2,
        Protocol::Tcp => 16,
    };
    let sent_octets = sent.transport();
    // Firewalls rewrite the options of a SYN (MSS clamping); its sequence number is proof.
    let proof = if sent.protocol == Protocol::Tcp { 8 } else { sent_octets.len() };
    let differs = |&(at, (a, b)): &(usize, (&u8, &u8))| {
        a != b && (at < proof || (checksum..checksum + 2).contains(&at))
    };
    let mut differences = quoted.iter().zip(&sent_octets).enumerate().filter(differs).peekable();
    let any = differences.peek().is_some();
    differences.all(|(at, _)| (checksum..checksum + 2).contains(&at)).then_some(any)
}

#[cfg(any(test, fuzzing))]
fn sample(protocol: Protocol, paris: bool) -> Shape {
    Shape {
        protocol,
        paris,
        port: 33434,
        flow_base: 41_000,
        flows: 4,
        at_once: 4,
        size: None,
        any_size: false,
        tos: 0,
        secret: Secret::default(),
    }
}

/// What must hold of any quoted datagram: it can be judged, and what is ours has a flow of ours.
#[cfg(any(test, fuzzing))]
pub(crate) fn check(quoted: &Datagram<'_>) {
    for protocol in [Protocol::Udp, Protocol::Icmp, Protocol::Tcp] {
        for paris in [false, true] {
            let shape = Shape { any_size: true, ..sample(protocol, paris) };
            if let Verdict::Ours { flow, .. } = shape.judge(quoted, quoted.source) {
                assert!(shape.flow_id(flow).is_some());
            }
            let _ = shape.judge_payload(quoted.transport, quoted.target, 41_001);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn route(six: bool) -> Route {
        let (source, target) =
            if six { ("2001:db8::1", "2001:db8::2") } else { ("192.0.2.1", "198.51.100.2") };
        Route { source: source.parse().unwrap(), target: target.parse().unwrap(), scope: 0 }
    }

    fn protocol() -> impl Strategy<Value = Protocol> {
        prop_oneof![Just(Protocol::Udp), Just(Protocol::Icmp), Just(Protocol::Tcp)]
    }

    fn judged(shape: &Shape, datagram: &[u8], route: Route) -> Verdict {
        shape.judge(&Datagram::parse(datagram).unwrap(), route.source)
    }

    proptest! {
        #[test]
        fn what_was_sent_is_ours_however_little_is_quoted(
            protocol in protocol(), paris: bool, six: bool, flow in 0u16..4, number in 1u16..0xffff,
            cut in 0usize..40,
        ) {
            let (shape, route) = (sample(protocol, paris), route(six));
            let probe = shape.probe(route, 5, if paris { flow } else { 0 }, Identity(number));
            let mut datagram = probe.datagram();
            let header = if six { 40 } else { 20 };
            datagram.truncate((datagram.len() - cut).max(header + 8));
            let short_classic_v6 = !paris && six && datagram.len() < header + 10 && protocol == Protocol::Udp;
            let verdict = judged(&shape, &datagram, route);
            if !short_classic_v6 {
                let ours = Verdict::Ours { flow: probe.flow, identity: Some(Identity(number)), nat: Some(false) };
                prop_assert_eq!(verdict, ours);
            }
        }

        #[test]
        fn one_wrong_octet_before_the_checksum_is_no_probe_of_ours(
            protocol in protocol(), six: bool, number in 1u16..0xffff, at in 0usize..30, flip in 1u8..=255,
        ) {
            let (shape, route) = (sample(protocol, true), route(six));
            let mut datagram = shape.probe(route, 5, 1, Identity(number)).datagram();
            let header = if six { 40 } else { 20 };
            let (checksum, proof) = match protocol {
                Protocol::Udp => (6..8, 30),
                Protocol::Icmp => (2..4, 30),
                Protocol::Tcp => (16..18, 8),
            };
            prop_assume!(!checksum.contains(&at) && at < proof && header + at < datagram.len());
            datagram[header + at] ^= flip;
            let verdict = judged(&shape, &datagram, route);
            prop_assert!(!matches!(verdict, Verdict::Ours { flow, .. } if flow == shape.flow_base + 1), "{verdict:?}");
        }

        #[test]
        fn no_quote_panics(protocol in protocol(), bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            let shape = sample(protocol, true);
            if let Some(datagram) = Datagram::parse(&bytes) {
                shape.judge(&datagram, datagram.source);
            }
            shape.judge_payload(&bytes, route(false).target, 41_000);
        }
    }

    #[test]
    fn a_checksum_that_a_nat_rewrote_is_ours_and_says_so() {
        for protocol in [Protocol::Udp, Protocol::Icmp, Protocol::Tcp] {
            let (shape, route) = (sample(protocol, true), route(false));
            let probe = shape.probe(route, 5, 2, Identity(777));
            let mut datagram = probe.datagram();
            let at = 20
                + match protocol {
                    Protocol::Udp => 6,
                    Protocol::Icmp => 2,
                    Protocol::Tcp => 16,
                };
            datagram[at] ^= 0x55;
            let nat =
                Verdict::Ours { flow: probe.flow, identity: Some(Identity(777)), nat: Some(true) };
            assert_eq!(judged(&shape, &datagram, route), nat, "{protocol:?}");
        }
    }

    #[test]
    fn the_payload_proves_itself_or_says_too_little() {
        let (shape, route) = (sample(Protocol::Udp, true), route(false));
        let probe = shape.probe(route, 5, 0, Identity(9));
        let judge = |payload: &[u8]| shape.judge_payload(payload, route.target, probe.flow);
        let ours = |identity| Verdict::Ours { flow: probe.flow, identity, nat: None };
        assert_eq!(judge(&probe.payload()), ours(Some(Identity(9))));
        assert_eq!(judge(&[]), ours(None));
        assert_eq!(judge(&[0, 9, 1, 2, 3, 4, 5, 6, 7, 8]), Verdict::Forged);
    }
}
