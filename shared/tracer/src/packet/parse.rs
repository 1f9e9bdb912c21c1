//! Answers, octet by octet: an ICMP error and the datagram quoted in it, an echo reply, a TCP
//! segment. Nothing here trusts a length or indexes a slice.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::extension::{Extensions, LEGACY_OFFSET};

/// An IP header in front of something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Datagram<'a> {
    /// Source address.
    pub source: IpAddr,
    /// Destination address.
    pub target: IpAddr,
    /// Protocol number of what follows.
    pub protocol: u8,
    /// TTL or hop limit.
    pub ttl: u8,
    /// Octets of the whole datagram, as its header says.
    pub len: u16,
    /// IPv4 identification.
    pub id: Option<u16>,
    /// What follows; in a quote, as much of it as was quoted.
    pub transport: &'a [u8],
}

impl<'a> Datagram<'a> {
    /// Reads an IPv4 or IPv6 header; trailing octets may be missing, as they are in quotes.
    pub fn parse(bytes: &'a [u8]) -> Option<Self> {
        match bytes.first()? >> 4 {
            4 => Self::v4(bytes),
            6 => Self::v6(bytes),
            _ => None,
        }
    }

    fn v4(bytes: &'a [u8]) -> Option<Self> {
        let &[
            first,
            _,
            len_high,
            len_low,
            id_high,
            id_low,
            _,
            _,
            ttl,
            protocol,
            _,
            _,
            ref addresses @ ..,
        ] = bytes.first_chunk::<20>()?;
        let header = usize::from(first & 0xf) * 4;
        let total = usize::from(u16::from_be_bytes([len_high, len_low]));
        if header < 20 || total < header {
            return None;
        }
        let [a, b, c, d, e, f, g, h] = *addresses;
        Some(Self {
            source: Ipv4Addr::new(a, b, c, d).into(),
            target: Ipv4Addr::new(e, f, g, h).into(),
            protocol,
            ttl,
            len: u16::from_be_bytes([len_high, len_low]),
            id: Some(u16::from_be_bytes([id_high, id_low])),
            transport: bytes.get(header..)?,
        })
    }

    fn v6(bytes: &'a [u8]) -> Option<Self> {
        let (&[_, _, _, _, len_high, len_low, protocol, ttl], rest) =
            bytes.split_first_chunk::<8>()?;
        let (source, rest) = rest.split_first_chunk::<16>()?;
        let (target, transport) = rest.split_first_chunk::<16>()?;
        Some(Self {
            source: Ipv6Addr::from(*source).into(),
            target: Ipv6Addr::from(*target).into(),
            protocol,
            ttl,
            len: u16::from_be_bytes([len_high, len_low]).saturating_add(40),
            id: None,
            transport,
        })
    }
}

/// What an ICMP message is to a tracer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Icmp<'a> {
    /// An error about a datagram, which it quotes.
    Error(IcmpError<'a>),
    /// An answer to an echo request.
    EchoReply {
        /// Identifier.
        id: u16,
        /// Sequence number.
        sequence: u16,
        /// What followed.
        payload: &'a [u8],
    },
}

/// An ICMP error (RFC 792, RFC 4443).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IcmpError<'a> {
    /// ICMP type.
    pub icmp_type: u8,
    /// ICMP code.
    pub code: u8,
    /// MTU of the next link, in a "fragmentation needed" or "packet too big".
    pub mtu: Option<u32>,
    /// The datagram that it is about.
    pub quoted: Datagram<'a>,
    /// What the responder added.
    pub extensions: Extensions,
}

/// Reads an ICMP message (`v6`: an `ICMPv6` one); `None` where it is nothing to a tracer.
pub fn icmp(bytes: &[u8], v6: bool) -> Option<Icmp<'_>> {
    let (&[icmp_type, code, _, _, a, b, c, d], body) = bytes.split_first_chunk::<8>()?;
    if icmp_type == if v6 { 129 } else { 0 } {
        let (id, sequence) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
        return Some(Icmp::EchoReply { id, sequence, payload: body });
    }
    let word = if v6 { 8 } else { 4 };
    let declared = match (v6, icmp_type) {
        (false, 3 | 11 | 12) => usize::from(b) * word,
        (true, 1 | 3) => usize::from(a) * word,
        (true, 2 | 4) => 0, // RFC 4884 does not extend these two
        _ => return None,
    };
    let mtu = match (v6, icmp_type, code) {
        (false, 3, 4) => Some(u32::from(u16::from_be_bytes([c, d]))),
        (true, 2, _) => Some(u32::from_be_bytes([a, b, c, d])),
        _ => None,
    };
    let (quote, extensions) = split_extensions(body, declared);
    let quoted = Datagram::parse(quote)?;
    Some(Icmp::Error(IcmpError { icmp_type, code, mtu, quoted, extensions }))
}

/// The quoted datagram, and what follows it where the lengths agree.
fn split_extensions(body: &[u8], declared: usize) -> (&[u8], Extensions) {
    if declared == 0 {
        let extensions =
            body.get(LEGACY_OFFSET..).map(Extensions::parse_legacy).unwrap_or_default();
        let end = if extensions.is_empty() { body.len() } else { LEGACY_OFFSET };
        return (body.get(..end).unwrap_or(body), extensions);
    }
    match body.split_at_checked(declared) {
        Some((quote, rest)) => (quote, Extensions::parse(rest)),
        None => (body, Extensions::default()), // it claims more than it sent
    }
}

/// The TCP segment that answers a SYN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TcpAnswer {
    /// The port that answers.
    pub source_port: u16,
    /// Our port.
    pub target_port: u16,
    /// Acknowledgement number: our sequence number + 1.
    pub acknowledges: u32,
    /// The port is open: SYN and ACK are set; otherwise RST is.
    pub open: bool,
}

/// Reads a SYN-ACK or a RST that acknowledges something.
pub fn tcp_answer(bytes: &[u8]) -> Option<TcpAnswer> {
    let &[sa, sb, ta, tb, _, _, _, _, ack @ .., _, flags] = bytes.first_chunk::<14>()?;
    let (rst, syn_ack) = (flags & 0b1_0100 == 0b1_0100, flags & 0b1_0110 == 0b1_0010);
    (rst || syn_ack).then(|| TcpAnswer {
        source_port: u16::from_be_bytes([sa, sb]),
        target_port: u16::from_be_bytes([ta, tb]),
        acknowledges: u32::from_be_bytes(ack),
        open: syn_ack,
    })
}

/// What must hold of any octets: no length is believed that is not there, and a quoted datagram
/// can be judged.
///
/// # Panics
/// Where it does not hold.
#[cfg(any(test, fuzzing))]
pub fn check(octets: &[u8]) {
    for v6 in [false, true] {
        if let Some(Icmp::Error(error)) = icmp(octets, v6) {
            assert!(error.quoted.transport.len() + 28 <= octets.len());
            super::shape::check(&error.quoted);
        }
    }
    let _ = tcp_answer(octets);
    if let Some(datagram) = Datagram::parse(octets) {
        assert!(octets.ends_with(datagram.transport));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn quote(len: usize) -> Vec<u8> {
        let mut bytes = vec![0; len];
        bytes[0] = 0x45;
        bytes[3] = 60;
        bytes[8] = 1;
        bytes[9] = 17;
        bytes[12..16].copy_from_slice(&[192, 0, 2, 1]);
        bytes[16..20].copy_from_slice(&[198, 51, 100, 2]);
        bytes
    }

    fn time_exceeded(words: u8, body: &[u8]) -> Vec<u8> {
        [&[11, 0, 0, 0, 0, words, 0, 0], body].concat()
    }

    fn error(bytes: &[u8]) -> IcmpError<'_> {
        match icmp(bytes, false) {
            Some(Icmp::Error(error)) => error,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_least_quote_that_rfc_792_allows_is_read() {
        let bytes = time_exceeded(0, &quote(28));
        let quoted = error(&bytes).quoted;
        assert_eq!(quoted.target, "198.51.100.2".parse::<IpAddr>().unwrap());
        assert_eq!((quoted.protocol, quoted.ttl, quoted.transport.len()), (17, 1, 8));
    }

    #[test]
    fn a_length_of_128_words_is_no_overflow_and_the_hop_is_kept() {
        let bytes = time_exceeded(128, &quote(60));
        assert!(error(&bytes).extensions.is_empty());
        assert_eq!(error(&bytes).quoted.transport.len(), 40);
    }

    #[test]
    fn options_in_the_quoted_header_move_its_transport() {
        for ihl in 0..16_usize {
            let mut body = quote(20 + 40 + 8);
            body[0] = 0x40 | ihl as u8;
            body[3] = 68;
            let bytes = time_exceeded(0, &body);
            match icmp(&bytes, false) {
                Some(Icmp::Error(error)) => {
                    assert_eq!(error.quoted.transport.len(), body.len() - ihl * 4);
                }
                _ => assert!(ihl < 5, "a header of {ihl} words is one"),
            }
        }
    }

    #[test]
    fn a_quote_cut_inside_its_header_is_nothing() {
        for len in 1..20 {
            let bytes = time_exceeded(0, &quote(20)[..len]);
            assert!(icmp(&bytes, false).is_none());
        }
    }

    #[test]
    fn a_bare_rst_acknowledges_nothing_and_is_no_answer() {
        let mut segment = [0; 20];
        segment[13] = 0b0100;
        assert!(tcp_answer(&segment).is_none());
        segment[13] = 0b1_0100;
        assert!(!tcp_answer(&segment).unwrap().open);
        segment[13] = 0b1_0010;
        assert!(tcp_answer(&segment).unwrap().open);
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
            check(&bytes);
        }

        #[test]
        fn no_tail_panics(head in 0u8..16, words: u8, tail in proptest::collection::vec(any::<u8>(), 0..400)) {
            let mut body = quote(20);
            body[0] = 0x40 | head;
            body.extend_from_slice(&tail);
            check(&time_exceeded(words, &body));
        }

        #[test]
        fn damaged_messages_panic_nowhere(
            message in tm_mutate::octets(tm_mutate::seeds("packets")),
        ) {
            check(&message);
            check(message.get(8..).unwrap_or_default());
        }
    }
}
