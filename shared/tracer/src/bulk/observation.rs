//! What became of a probe, and the few octets in which it waits on disk until all are known.

use std::net::IpAddr;
use std::time::Duration;

use tm_schema::{Interface, MplsLabel, ReplyKind};

use crate::trace::Answer;

/// What became of one probe, or what was heard of one target.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Observation {
    /// The number of the target.
    pub(crate) target: u32,
    /// The TTL of the probe; 0 where it is not known.
    pub(crate) ttl: u8,
    pub(crate) what: What,
}

/// What became of a probe.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum What {
    /// It was answered.
    Answered {
        /// When it left, in microseconds since the run began.
        left: u64,
        rtt: Duration,
        answer: Answer,
    },
    /// Something has its flow, and does not say which probe it answers.
    Ambiguous,
    /// Something has its flow, and quotes what was not sent.
    Forged,
    /// It was left out: a router on every path had its share, or the target is nearer.
    Spared,
    /// The kernel refused to send it; the error number.
    Refused(i32),
}

/// No value, where a value would be an octet.
const NONE: u16 = u16::MAX;
/// No MTU.
const NO_MTU: u32 = u32::MAX;
/// A description of an interface longer than any router sends is not kept.
const LONGEST: usize = 2048;

const KINDS: [ReplyKind; 6] = [
    ReplyKind::TimeExceeded,
    ReplyKind::DestUnreachable,
    ReplyKind::EchoReply,
    ReplyKind::SynAck,
    ReplyKind::Rst,
    ReplyKind::UdpReply,
];

impl What {
    /// Appends the octets that [`What::read`] reads.
    pub(crate) fn write(&self, to: &mut Vec<u8>) {
        match self {
            Self::Answered { left, rtt, answer } => {
                to.push(0);
                to.extend(left.to_le_bytes());
                to.extend((rtt.as_nanos() as u64).to_le_bytes());
                write_answer(answer, to);
            }
            Self::Ambiguous => to.push(1),
            Self::Forged => to.push(2),
            Self::Spared => to.push(3),
            Self::Refused(errno) => {
                to.push(4);
                to.extend(errno.to_le_bytes());
            }
        }
    }

    /// Reads what [`What::write`] wrote; `None` where it did not.
    pub(crate) fn read(octets: &[u8]) -> Option<Self> {
        let mut from = Octets(octets);
        Some(match from.octet()? {
            0 => Self::Answered {
                left: u64::from_le_bytes(from.array()?),
                rtt: Duration::from_nanos(u64::from_le_bytes(from.array()?)),
                answer: read_answer(&mut from)?,
            },
            1 => Self::Ambiguous,
            2 => Self::Forged,
            3 => Self::Spared,
            4 => Self::Refused(i32::from_le_bytes(from.array()?)),
            _ => return None,
        })
    }
}

fn write_answer(answer: &Answer, to: &mut Vec<u8>) {
    let kind = KINDS.iter().position(|&kind| kind == answer.kind).unwrap_or_default();
    let nat = answer.nat.map_or(2, u8::from);
    to.extend([kind as u8, nat]);
    for octet in [answer.icmp_type, answer.code, answer.ttl] {
        to.extend(octet.map_or(NONE, u16::from).to_le_bytes());
    }
    to.extend(answer.mtu.unwrap_or(NO_MTU).to_le_bytes());
    match answer.responder {
        IpAddr::V4(ip) => {
            to.push(4);
            to.extend(ip.octets());
        }
        IpAddr::V6(ip) => {
            to.push(6);
            to.extend(ip.octets());
        }
    }
    to.push(answer.mpls.len() as u8);
    for entry in answer.mpls.iter().take(usize::from(u8::MAX)) {
        to.extend(entry.label.to_le_bytes());
        to.extend([entry.tc, u8::from(entry.bottom), entry.ttl]);
    }
    let interface = answer.interface.as_ref().and_then(|named| serde_json::to_vec(named).ok());
    to.extend(interface.filter(|named| named.len() <= LONGEST).unwrap_or_default());
}

fn read_answer(from: &mut Octets<'_>) -> Option<Answer> {
    let [kind, nat] = from.array()?;
    let kind = *KINDS.get(usize::from(kind))?;
    let nat = (nat < 2).then_some(nat == 1);
    let mut octet = || Some(u8::try_from(u16::from_le_bytes(from.array()?)).ok());
    let (icmp_type, code, ttl) = (octet()?, octet()?, octet()?);
    let mtu = Some(u32::from_le_bytes(from.array()?)).filter(|&mtu| mtu != NO_MTU);
    let responder: IpAddr = match from.octet()? {
        4 => from.array::<4>()?.into(),
        _ => from.array::<16>()?.into(),
    };
    let mut mpls = Vec::new();
    for _ in 0..from.octet()? {
        let label = u32::from_le_bytes(from.array()?);
        let [tc, bottom, ttl] = from.array()?;
        mpls.push(MplsLabel { label, tc, bottom: bottom == 1, ttl });
    }
    let interface: Option<Interface> = match from.0 {
        [] => None,
        named => Some(serde_json::from_slice(named).ok()?),
    };
    Some(Answer { responder, kind, icmp_type, code, mtu, ttl, mpls, interface, nat })
}

/// Octets that are still to be read.
pub(crate) struct Octets<'a>(pub(crate) &'a [u8]);

impl Octets<'_> {
    pub(crate) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, tail) = self.0.split_first_chunk::<N>()?;
        self.0 = tail;
        Some(*head)
    }

    fn octet(&mut self) -> Option<u8> {
        self.array().map(|[octet]| octet)
    }
}

/// What must hold of any octets: what is read of them is written so that it is read again. (Not as
/// it was: a description that is too long is not kept.)
#[cfg(any(test, fuzzing))]
pub(crate) fn check(octets: &[u8]) {
    let again = |octets: &[u8]| {
        let mut written = Vec::new();
        What::read(octets)?.write(&mut written);
        Some(written)
    };
    if let Some(written) = again(octets) {
        assert_eq!(again(&written).as_ref(), Some(&written));
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use proptest::prelude::*;

    prop_compose! {
        fn answer()(
            responder: IpAddr, kind in 0usize..6, icmp_type: Option<u8>, code: Option<u8>,
            mtu in prop::option::of(0u32..NO_MTU), ttl: Option<u8>, nat: Option<bool>,
            mpls in prop::collection::vec((0u32..1 << 20, 0u8..8, any::<bool>(), any::<u8>()), 0..4),
            name in prop::option::of(".{0,40}"),
        ) -> Answer {
            let label = |(label, tc, bottom, ttl)| MplsLabel { label, tc, bottom, ttl };
            let interface = |name| Interface { role: "incoming".to_owned(), name: Some(name), ..Interface::default() };
            Answer {
                responder, kind: KINDS[kind], icmp_type, code, mtu, ttl, nat,
                mpls: mpls.into_iter().map(label).collect(),
                interface: name.map(interface),
            }
        }
    }

    pub(crate) fn what() -> impl Strategy<Value = What> {
        prop_oneof![
            (0u64..1 << 50, 0u64..1 << 50, answer()).prop_map(|(left, rtt, answer)| {
                What::Answered { left, rtt: Duration::from_nanos(rtt), answer }
            }),
            Just(What::Ambiguous),
            Just(What::Forged),
            Just(What::Spared),
            any::<i32>().prop_map(What::Refused),
        ]
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(what in what()) {
            let mut octets = Vec::new();
            what.write(&mut octets);
            prop_assert_eq!(What::read(&octets), Some(what));
        }

        #[test]
        fn no_octets_panic(octets in prop::collection::vec(any::<u8>(), 0..80)) {
            check(&octets);
        }
    }
}
