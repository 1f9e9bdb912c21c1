//! Probes, octet by octet.
//!
//! Paris by construction (Augustin et al. 2006): what a load balancer hashes is the same for
//! every probe of a flow. The number that tells probes apart sits in the UDP checksum, the ICMP
//! sequence number or the TCP sequence number; two octets of payload are chosen so that the
//! checksum comes out as wanted.

use std::net::IpAddr;

use etherparse::checksum::Sum16BitWords;
use etherparse::{IpNumber, Ipv4Header, Ipv6Header};
use tm_schema::Protocol;

use super::identity::{FlowPort, Identity};

/// Octets of payload that every UDP and ICMP probe carries: number, token, balance.
pub const MIN_PAYLOAD: usize = 12;
/// Where the two octets stand that balance the checksum.
const BALANCE: usize = 10;
/// A SYN with the MSS option; some firewalls drop a SYN with no options at all.
const TCP_LEN: usize = 24;

/// Everything that decides the octets of a probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProbePacket {
    /// Our address.
    pub source: IpAddr,
    /// The address traced.
    pub target: IpAddr,
    /// Transport.
    pub protocol: Protocol,
    /// Interface index of a link-local target; 0 for all others.
    pub scope: u32,
    /// TTL or hop limit.
    pub ttl: u8,
    /// TOS octet or traffic class.
    pub tos: u8,
    /// UDP or TCP source port, or ICMP identifier.
    pub flow: FlowPort,
    /// UDP or TCP destination port.
    pub port: u16,
    /// IPv4 identification.
    pub ip_id: u16,
    /// The number of the probe.
    pub identity: Identity,
    /// The proof that it is ours.
    pub token: [u8; 8],
    /// Octets of the whole datagram; more where the headers need more.
    pub size: usize,
    /// Every probe of a flow looks the same to a load balancer.
    pub paris: bool,
}

impl ProbePacket {
    /// The whole datagram, IP header first.
    pub fn datagram(&self) -> Vec<u8> {
        let transport = self.transport();
        let mut bytes = self.ip_header(transport.len());
        bytes.extend_from_slice(&transport);
        bytes
    }

    /// What follows the IP header.
    pub fn transport(&self) -> Vec<u8> {
        match self.protocol {
            Protocol::Udp => self.udp(),
            Protocol::Icmp => self.icmp(),
            Protocol::Tcp => self.tcp(),
        }
    }

    /// The payload of a UDP probe whose headers the kernel writes.
    pub fn payload(&self) -> Vec<u8> {
        let mut payload = vec![0; self.payload_len()];
        for (to, from) in
            payload.iter_mut().zip(self.identity.0.to_be_bytes().iter().chain(&self.token))
        {
            *to = *from;
        }
        payload
    }

    /// The TCP sequence number: half proof, half number.
    pub fn tcp_sequence(&self) -> u32 {
        let [a, b, ..] = self.token;
        u32::from_be_bytes([a, b, 0, 0]) | u32::from(self.identity.0)
    }

    /// The checksum that every ICMP probe of a flow carries.
    fn icmp_checksum(&self) -> u16 {
        self.flow
    }

    fn payload_len(&self) -> usize {
        self.size.saturating_sub(self.ip_header_len() + 8).max(MIN_PAYLOAD)
    }

    fn ip_header_len(&self) -> usize {
        if self.target.is_ipv4() { Ipv4Header::MIN_LEN } else { Ipv6Header::LEN }
    }

    fn ip_header(&self, payload: usize) -> Vec<u8> {
        match (self.source, self.target) {
            (IpAddr::V4(source), IpAddr::V4(target)) => {
                let mut header = Ipv4Header {
                    total_len: (Ipv4Header::MIN_LEN + payload) as u16,
                    identification: self.ip_id,
                    time_to_live: self.ttl,
                    protocol: self.ip_number(),
                    source: source.octets(),
                    destination: target.octets(),
                    ..Ipv4Header::default()
                };
                header.header_checksum = header.calc_header_checksum();
                let mut bytes = header.to_bytes().to_vec();
                if let Some(tos) = bytes.get_mut(1) {
                    *tos = self.tos; // the kernel fills the header checksum in
                }
                bytes
            }
            (IpAddr::V6(source), IpAddr::V6(target)) => {
                let header = Ipv6Header {
                    traffic_class: self.tos,
                    // Fixed for a flow; RFC 6437 asks for a value that looks random.
                    flow_label: etherparse::Ipv6FlowLabel::try_new(
                        (u32::from(self.flow) * 13) & 0xf_ffff,
                    )
                    .unwrap_or_default(),
                    payload_length: payload as u16,
                    next_header: self.ip_number(),
                    hop_limit: self.ttl,
                    source: source.octets(),
                    destination: target.octets(),
                };
                header.to_bytes().to_vec()
            }
            _ => Vec::new(), // a route never joins two families
        }
    }

    fn ip_number(&self) -> IpNumber {
        match (self.protocol, self.target) {
            (Protocol::Udp, _) => IpNumber::UDP,
            (Protocol::Tcp, _) => IpNumber::TCP,
            (Protocol::Icmp, IpAddr::V4(_)) => IpNumber::ICMP,
            (Protocol::Icmp, IpAddr::V6(_)) => IpNumber::IPV6_ICMP,
        }
    }

    fn udp(&self) -> Vec<u8> {
        let payload = self.payload();
        let mut bytes = Vec::with_capacity(8 + payload.len());
        bytes.extend_from_slice(&self.flow.to_be_bytes());
        bytes.extend_from_slice(&self.port.to_be_bytes());
        bytes.extend_from_slice(&((8 + payload.len()) as u16).to_be_bytes());
        bytes.extend_from_slice(&[0, 0]);
        bytes.extend_from_slice(&payload);
        let plain = self.checksum(&bytes);
        if self.paris {
            balance(&mut bytes, 8 + BALANCE, plain, self.identity.0);
            put(&mut bytes, 6, self.identity.0);
        } else {
            put(&mut bytes, 6, if plain == 0 { 0xffff } else { plain });
        }
        bytes
    }

    fn icmp(&self) -> Vec<u8> {
        let kind = if self.target.is_ipv4() { 8 } else { 128 };
        let mut bytes = vec![kind, 0, 0, 0];
        bytes.extend_from_slice(&self.flow.to_be_bytes());
        bytes.extend_from_slice(&self.identity.0.to_be_bytes());
        bytes.extend_from_slice(&self.payload());
        let plain = self.checksum(&bytes);
        if self.paris {
            balance(&mut bytes, 8 + BALANCE, plain, self.icmp_checksum());
            put(&mut bytes, 2, self.icmp_checksum());
        } else {
            put(&mut bytes, 2, plain);
        }
        bytes
    }

    fn tcp(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(TCP_LEN);
        bytes.extend_from_slice(&self.flow.to_be_bytes());
        bytes.extend_from_slice(&self.port.to_be_bytes());
        bytes.extend_from_slice(&self.tcp_sequence().to_be_bytes());
        bytes.extend_from_slice(&[0; 4]); // acknowledgement
        bytes.extend_from_slice(&[(TCP_LEN as u8 / 4) << 4, 0x02]); // SYN
        bytes.extend_from_slice(&65_535_u16.to_be_bytes()); // window
        bytes.extend_from_slice(&[0; 4]); // checksum, urgent pointer
        bytes.extend_from_slice(&[2, 4, 0x05, 0xb4]); // MSS 1460
        let checksum = self.checksum(&bytes);
        put(&mut bytes, 16, checksum);
        bytes
    }

    /// The Internet checksum of the transport, with the pseudo-header where there is one.
    fn checksum(&self, transport: &[u8]) -> u16 {
        let pseudo = self.pseudo_header(transport.len());
        pseudo.add_slice(transport).ones_complement().to_be()
    }

    fn pseudo_header(&self, len: usize) -> Sum16BitWords {
        let protocol = [0, self.ip_number().0];
        match (self.source, self.target) {
            (IpAddr::V4(_), IpAddr::V4(_)) if self.protocol == Protocol::Icmp => {
                Sum16BitWords::new()
            }
            (IpAddr::V4(source), IpAddr::V4(target)) => Sum16BitWords::new()
                .add_4bytes(source.octets())
                .add_4bytes(target.octets())
                .add_2bytes(protocol)
                .add_2bytes((len as u16).to_be_bytes()),
            (IpAddr::V6(source), IpAddr::V6(target)) => Sum16BitWords::new()
                .add_16bytes(source.octets())
                .add_16bytes(target.octets())
                .add_2bytes(protocol)
                .add_2bytes((len as u16).to_be_bytes()),
            _ => Sum16BitWords::new(),
        }
    }
}

/// Chooses the octets at `at`, zero so far, so that the checksum `plain` becomes `wanted`.
fn balance(bytes: &mut [u8], at: usize, plain: u16, wanted: u16) {
    let (sum, carry) = (!wanted).overflowing_add(plain);
    put(bytes, at, sum.wrapping_add(u16::from(carry)));
}

fn put(bytes: &mut [u8], at: usize, value: u16) {
    if let Some(to) = bytes.get_mut(at..at + 2) {
        to.copy_from_slice(&value.to_be_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn probe(protocol: Protocol, six: bool, identity: u16, flow: u16, size: usize) -> ProbePacket {
        let (source, target) =
            if six { ("2001:db8::1", "2001:db8::2") } else { ("192.0.2.1", "198.51.100.2") };
        ProbePacket {
            source: source.parse().unwrap(),
            target: target.parse().unwrap(),
            protocol,
            scope: 0,
            ttl: 7,
            tos: 0,
            flow,
            port: 33434,
            ip_id: identity,
            identity: Identity(identity),
            token: [9, 8, 7, 6, 5, 4, 3, 2],
            size,
            paris: true,
        }
    }

    fn protocol() -> impl Strategy<Value = Protocol> {
        prop_oneof![Just(Protocol::Udp), Just(Protocol::Icmp), Just(Protocol::Tcp)]
    }

    proptest! {
        #[test]
        fn checksums_hold_and_say_what_they_should(
            protocol in protocol(), six: bool, identity in 1u16..0xffff, flow in 1024u16..0xffff,
            size in 0usize..1400,
        ) {
            let probe = probe(protocol, six, identity, flow, size);
            let bytes = probe.transport();
            prop_assert_eq!(probe.checksum(&bytes), 0, "the checksum is right");
            match protocol {
                Protocol::Udp => prop_assert_eq!(&bytes[6..8], &identity.to_be_bytes()),
                Protocol::Icmp => prop_assert_eq!(&bytes[2..4], &flow.to_be_bytes()),
                Protocol::Tcp => prop_assert_eq!(&bytes[6..8], &identity.to_be_bytes()),
            }
        }

        #[test]
        fn a_flow_looks_the_same_to_a_load_balancer(
            protocol in protocol(), six: bool, a in 1u16..0xffff, b in 1u16..0xffff,
        ) {
            let first = probe(protocol, six, a, 40_000, 60).transport();
            let second = probe(protocol, six, b, 40_000, 60).transport();
            prop_assert_eq!(&first[..4], &second[..4]);
        }
    }

    #[test]
    fn the_size_is_that_of_the_whole_datagram() {
        for (six, least) in [(false, 40), (true, 60)] {
            assert_eq!(probe(Protocol::Udp, six, 1, 1, 0).datagram().len(), least);
            assert_eq!(probe(Protocol::Icmp, six, 1, 1, 1400).datagram().len(), 1400);
        }
    }
}
