//! What a bulk probe says of itself: its TTL, when it left, and that it is ours. Nothing is kept
//! of a probe; whatever quotes it brings all of it back.
//!
//! TTL (6 bits), time (16) and a check (10) make a word of 32 bits, which is enciphered with a key
//! of the run and the target. It stands in the first eight octets behind the IP header and in the
//! IPv4 identification, which every router quotes (RFC 792):
//!
//! | | high half | low half |
//! |---|---|---|
//! | UDP | IPv4 identification, payload | checksum, payload |
//! | ICMP | IPv4 identification, payload | sequence number, payload |
//! | TCP | sequence number | sequence number |
//!
//! So a load balancer sees one flow for all TTLs of a target. The payload also has the rest of the
//! time and five octets of proof.

use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;

use tm_schema::Protocol;

use super::journal::Carried;
use super::permutation::Feistel;
use crate::packet::build::ProbePacket;
use crate::packet::identity::{FlowPort, Identity};
use crate::packet::parse::{Datagram, TcpAnswer};
use crate::packet::shape;

/// The largest TTL that the code can express.
pub const MOST_HOPS: u8 = 63;
/// The check of an enciphered word is 0, or one of the next few where that cannot be sent.
const CHECKS: u64 = 4;
/// Octets of the payload that prove where it is from: the word, the fine time, five of proof.
const PROOF: usize = 10;
/// Octets of the payload that say when: the word and the fine time.
const SAYING: usize = 5;

/// How the probes of one family are made and known again.
#[derive(Clone, Debug)]
pub(crate) struct Code {
    pub(crate) protocol: Protocol,
    pub(crate) source: IpAddr,
    pub(crate) flow: FlowPort,
    pub(crate) port: u16,
    pub(crate) size: usize,
    pub(crate) tos: u8,
    cipher: Feistel,
    secret: RandomState,
}

/// What a packet is to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It answers a probe of ours.
    Ours {
        ttl: u8,
        carried: Carried,
        /// The probe was rewritten on its way; `None`: cannot be seen.
        nat: Option<bool>,
    },
    /// It has our flow, and says too little of the probe.
    Ambiguous,
    /// It has our flow and contradicts what we sent.
    Forged,
    /// Somebody else's.
    Foreign,
}

impl Code {
    /// The code of a family, with a secret of its own.
    pub(crate) fn new(protocol: Protocol, source: IpAddr, flow: FlowPort, port: u16) -> Self {
        Self {
            protocol,
            source,
            flow,
            port,
            size: if source.is_ipv4() { 60 } else { 80 },
            tos: 0,
            cipher: Feistel::new(32),
            secret: RandomState::new(),
        }
    }

    /// The probe that leaves for `target` at that time.
    pub(crate) fn probe(&self, target: IpAddr, ttl: u8, tick: u16, fine: u8) -> ProbePacket {
        self.packet(target, ttl, self.word(target, ttl, tick), fine)
    }

    fn packet(&self, target: IpAddr, ttl: u8, word: u32, fine: u8) -> ProbePacket {
        let [high, low, a, b] = word.to_be_bytes();
        let proof = self.secret.hash_one((target, word, fine)).to_be_bytes();
        let [c, d, e, f, g, ..] = proof;
        ProbePacket {
            source: self.source,
            target,
            protocol: self.protocol,
            scope: 0,
            ttl,
            tos: self.tos,
            flow: self.flow,
            port: self.port,
            ip_id: u16::from_be_bytes([high, low]),
            identity: Identity::try_from(u16::from_be_bytes([a, b])).unwrap_or(Identity::FIRST),
            token: [high, low, fine, c, d, e, f, g],
            size: self.size,
            paris: true,
        }
    }

    /// The enciphered word. Not every word can be sent: the kernel replaces an identification of
    /// 0, and the numbers 0 and 0xffff mean something else to a checksum.
    fn word(&self, target: IpAddr, ttl: u8, tick: u16) -> u32 {
        let tweak = self.secret.hash_one(target);
        let plain = u64::from(ttl) << 26 | u64::from(tick) << 10;
        let words = (0..CHECKS).map(|check| self.cipher.forward(plain | check, tweak) as u32);
        let mut sendable = words.filter(|&word| can_be_sent(word));
        sendable.next().unwrap_or(0x0001_0001) // four in a row: once in 10^17 probes, then lost
    }

    /// TTL and tick of a word.
    fn decipher(&self, target: IpAddr, word: u32) -> Option<(u8, u16)> {
        let plain = self.cipher.backward(word.into(), self.secret.hash_one(target));
        let (ttl, tick, check) = ((plain >> 26) as u8, (plain >> 10) as u16, plain & 0x3ff);
        let ours = check < CHECKS && ttl > 0 && can_be_sent(word);
        (ours && (check == 0 || self.word(target, ttl, tick) == word)).then_some((ttl, tick))
    }

    /// Judges a datagram that an ICMP error quotes.
    pub(crate) fn judge(&self, quoted: &Datagram<'_>) -> Verdict {
        match shape::flow_and_number(self.protocol, quoted) {
            Some((flow, number)) if flow == self.flow => {
                if quoted.source != self.source {
                    return Verdict::Forged;
                }
                self.judge_flow(quoted, number)
            }
            _ => Verdict::Foreign,
        }
    }

    fn judge_flow(&self, quoted: &Datagram<'_>, number: u16) -> Verdict {
        let (transport, target) = (quoted.transport, quoted.target);
        let in_payload = transport.get(8..8 + SAYING).and_then(read_word);
        let (word, fine) = match (self.protocol, in_payload, quoted.id) {
            (Protocol::Tcp, ..) => (sequence(transport), None),
            (_, Some((word, fine)), _) => (Some(word), Some(fine)),
            (_, None, Some(id)) => (Some(u32::from(id) << 16 | u32::from(number)), None),
            (_, None, None) => return Verdict::Ambiguous, // IPv6, cut short
        };
        let Some(word) = word else { return Verdict::Forged };
        let Some((ttl, tick)) = self.decipher(target, word) else { return Verdict::Forged };
        let sent = self.packet(target, ttl, word, fine.unwrap_or(0));
        // Without the fine time only the first eight octets are known.
        let known = if fine.is_some() { transport.len() } else { 8 };
        let known = if self.protocol == Protocol::Tcp { transport.len() } else { known };
        match shape::rewritten(transport.get(..known).unwrap_or_default(), &sent) {
            Some(nat) if quoted.ttl <= ttl => {
                Verdict::Ours { ttl, carried: Carried { tick, fine }, nat: Some(nat) }
            }
            _ => Verdict::Forged, // no router adds to a TTL
        }
    }

    /// Judges the payload of what `target` sent to our port or identifier.
    pub(crate) fn judge_payload(&self, payload: &[u8], target: IpAddr) -> Verdict {
        let Some(proof) = payload.get(..PROOF) else { return Verdict::Ambiguous };
        let Some((word, fine)) = read_word(proof) else { return Verdict::Ambiguous };
        let Some((ttl, tick)) = self.decipher(target, word) else { return Verdict::Forged };
        match self.packet(target, ttl, word, fine).payload().get(..PROOF) == Some(proof) {
            true => Verdict::Ours { ttl, carried: Carried { tick, fine: Some(fine) }, nat: None },
            false => Verdict::Forged,
        }
    }

    /// Judges a segment that answers a SYN.
    pub(crate) fn judge_tcp(&self, segment: &TcpAnswer, target: IpAddr) -> Verdict {
        if (segment.source_port, segment.target_port) != (self.port, self.flow) {
            return Verdict::Foreign;
        }
        match self.decipher(target, segment.acknowledges.wrapping_sub(1)) {
            Some((ttl, tick)) => {
                Verdict::Ours { ttl, carried: Carried { tick, fine: None }, nat: None }
            }
            None => Verdict::Forged,
        }
    }
}

fn can_be_sent(word: u32) -> bool {
    word >> 16 != 0 && Identity::try_from(word as u16).is_ok()
}

/// The word and the fine time at the start of a payload.
fn read_word(payload: &[u8]) -> Option<(u32, u8)> {
    let &[a, b, high, low, fine] = payload.first_chunk::<SAYING>()?;
    Some((u32::from_be_bytes([high, low, a, b]), fine))
}

fn sequence(transport: &[u8]) -> Option<u32> {
    let octets = transport.get(4..8)?.try_into().ok()?;
    Some(u32::from_be_bytes(octets))
}

/// What must hold of any octets: they can be judged, and nothing is ours that has no TTL.
#[cfg(any(test, fuzzing))]
pub(crate) fn check(octets: &[u8]) {
    use crate::packet::parse::{Icmp, icmp, tcp_answer};
    let all =
        [Protocol::Udp, Protocol::Icmp, Protocol::Tcp].map(|each| [(each, false), (each, true)]);
    for (protocol, v6) in all.concat() {
        if let Some(Icmp::Error(error)) = icmp(octets, v6) {
            let code = Code::new(protocol, error.quoted.source, 41_000, 33434);
            let verdict = code.judge(&error.quoted);
            assert!(!matches!(verdict, Verdict::Ours { ttl: 0, .. }), "{verdict:?}");
        }
        let ip = if v6 { [0; 16].into() } else { [192, 0, 2, 1].into() };
        let code = Code::new(protocol, ip, 41_000, 33434);
        let _ = code.judge_payload(octets, ip);
        let _ = tcp_answer(octets).map(|segment| code.judge_tcp(&segment, ip));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn code(protocol: Protocol, six: bool) -> (Code, IpAddr) {
        let (source, target) =
            if six { ("2001:db8::1", "2001:db8::2") } else { ("192.0.2.1", "198.51.100.2") };
        (Code::new(protocol, source.parse().unwrap(), 41_000, 33434), target.parse().unwrap())
    }

    fn protocol() -> impl Strategy<Value = Protocol> {
        prop_oneof![Just(Protocol::Udp), Just(Protocol::Icmp), Just(Protocol::Tcp)]
    }

    fn judged(code: &Code, datagram: &[u8]) -> Verdict {
        code.judge(&Datagram::parse(datagram).unwrap())
    }

    proptest! {
        #[test]
        fn damaged_packets_are_judged(octets in tm_mutate::octets(tm_mutate::seeds("bulk"))) {
            check(&octets);
        }

        #[test]
        fn ttl_and_time_come_back_however_little_is_quoted(
            protocol in protocol(), six: bool, ttl in 1u8..=MOST_HOPS, tick: u16, fine in 0u8..64,
            quoted in 8usize..40,
        ) {
            let (code, target) = code(protocol, six);
            let mut datagram = code.probe(target, ttl, tick, fine).datagram();
            let header = if six { 40 } else { 20 };
            datagram.truncate(header + quoted);
            let verdict = judged(&code, &datagram);
            let payload = protocol != Protocol::Tcp && quoted >= 8 + SAYING;
            if six && protocol != Protocol::Tcp && !payload {
                prop_assert_eq!(verdict, Verdict::Ambiguous);
            } else {
                let carried = Carried { tick, fine: payload.then_some(fine) };
                prop_assert_eq!(verdict, Verdict::Ours { ttl, carried, nat: Some(false) });
            }
        }

        #[test]
        fn an_octet_that_differs_is_no_probe_of_ours(
            protocol in protocol(), six: bool, at in 0usize..40, flip in 1u8..=255,
        ) {
            let (code, target) = code(protocol, six);
            let mut datagram = code.probe(target, 9, 12_345, 7).datagram();
            let header = if six { 40 } else { 20 };
            let (checksum, proof) = match protocol {
                Protocol::Udp => (6..8, 40),
                Protocol::Icmp => (2..4, 40),
                Protocol::Tcp => (16..18, 8),
            };
            prop_assume!(!checksum.contains(&at) && at < proof && header + at < datagram.len());
            datagram[header + at] ^= flip;
            // A word that was changed passes its check once in 256 times, and then its proof
            // fails; TCP has none but the time, which the journal checks.
            match judged(&code, &datagram) {
                Verdict::Ours { ttl, carried, .. } => {
                    prop_assert!(protocol == Protocol::Tcp && (ttl, carried.tick) != (9, 12_345));
                }
                verdict => prop_assert!(matches!(verdict, Verdict::Forged | Verdict::Foreign)),
            }
        }

        #[test]
        fn no_bytes_panic(protocol in protocol(), bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            let (code, target) = code(protocol, false);
            if let Some(datagram) = Datagram::parse(&bytes) {
                code.judge(&datagram);
            }
            code.judge_payload(&bytes, target);
        }

        #[test]
        fn all_ttls_of_a_target_are_one_flow(protocol in protocol(), six: bool, ttl in 1u8..=63, tick: u16) {
            let (code, target) = code(protocol, six);
            let (one, other) = (code.probe(target, 1, 0, 0), code.probe(target, ttl, tick, 5));
            // A balancer reads ports, or the ICMP type, code, checksum and identifier.
            let hashed = if protocol == Protocol::Icmp { 6 } else { 4 };
            prop_assert_eq!(&one.transport()[..hashed], &other.transport()[..hashed]);
            let label = |datagram: Vec<u8>| datagram[..4].to_vec();
            prop_assert!(!six || label(one.datagram()) == label(other.datagram()));
        }

        #[test]
        fn answers_of_the_target_bring_them_back_too(ttl in 1u8..=63, tick: u16, fine in 0u8..64) {
            let (echo, target) = code(Protocol::Icmp, false);
            let payload = echo.probe(target, ttl, tick, fine).transport()[8..].to_vec();
            let carried = Carried { tick, fine: Some(fine) };
            prop_assert_eq!(echo.judge_payload(&payload, target), Verdict::Ours { ttl, carried, nat: None });
            let (syn, _) = code(Protocol::Tcp, false);
            let acknowledges = syn.probe(target, ttl, tick, fine).tcp_sequence().wrapping_add(1);
            let segment = TcpAnswer { source_port: 33434, target_port: 41_000, acknowledges, open: true };
            let carried = Carried { tick, fine: None };
            prop_assert_eq!(syn.judge_tcp(&segment, target), Verdict::Ours { ttl, carried, nat: None });
        }
    }

    #[test]
    fn words_made_up_or_of_another_target_are_seldom_believed() {
        let (code, target) = code(Protocol::Udp, false);
        let other = "198.51.100.3".parse().unwrap();
        let words = (0..20_000).map(|n| code.word(other, 1 + (n % 30) as u8, n as u16));
        let believed = words.filter(|&word| code.decipher(target, word).is_some()).count();
        assert!(believed < 60, "{believed} of 20000; one in a thousand is to be expected");
    }

    #[test]
    fn a_checksum_that_a_nat_rewrote_is_ours_and_says_so() {
        let (code, target) = code(Protocol::Udp, false);
        let mut datagram = code.probe(target, 9, 77, 3).datagram();
        datagram[27] ^= 0x55;
        let carried = Carried { tick: 77, fine: Some(3) };
        assert_eq!(judged(&code, &datagram), Verdict::Ours { ttl: 9, carried, nat: Some(true) });
    }
}
