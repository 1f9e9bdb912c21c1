//! `hop`: what one responder said at one TTL of one trace.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::{Asn, Dns, Geo, Mtu, Protocol, Time};

/// What one responder said at one TTL of one trace. A TTL where nobody answered is one record
/// with `ip: null`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct Hop {
    /// Schema major version.
    #[serde(default = "crate::record::version")]
    pub v: u32,
    /// `UUIDv7` that joins the records of one trace (one round).
    pub trace_id: String,
    /// What was asked for.
    pub host: String,
    /// The address traced.
    pub resolved_ip: Option<String>,
    /// The address probed from.
    pub source_ip: Option<String>,
    /// The name of the place probed from, where somebody gave it one (`tm-probe --vantage`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vantage: Option<String>,
    /// Transport of the probes; null where the source of an imported record does not say.
    pub protocol: Option<Protocol>,
    /// Destination port; null for ICMP.
    pub port: Option<u16>,
    /// The repetition, from 1.
    #[serde(default = "crate::record::first_round")]
    pub round: u64,
    /// When the first probe of this hop left.
    pub at: Time,
    /// TTL or hop limit of the probes.
    #[cfg_attr(feature = "json-schema", schemars(range(min = 1, max = 255)))]
    pub hop: u8,
    /// The responder; null where nobody answered. Redacted records may carry a pseudonym.
    pub ip: Option<String>,
    /// Each probe that `ip` answered; on the silent record, the lost ones. Empty where the source
    /// of an imported record has statistics only.
    pub probes: Vec<Probe>,
    /// Probes sent at this TTL, the same on each of its records.
    pub sent: u32,
    /// Probes answered at this TTL by anybody, the same on each of its records.
    pub received: u32,
    /// `100 × (sent − received) / sent`.
    pub loss_pct: f64,
    /// Round-trip times of this responder; null where it sent none.
    pub rtt: Option<Rtt>,
    /// The reply of this responder; null on the silent record.
    pub reply: Option<Reply>,
    /// MPLS label stack of the reply (RFC 4950), top first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mpls: Vec<MplsLabel>,
    /// The interface that the responder named (RFC 5837).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interface: Option<Interface>,
    /// Whether the quoted datagram was rewritten on its way; absent where that cannot be seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nat: Option<bool>,
    /// How large a datagram may be to come so far, from `tm-probe --mtu`; the same on each record
    /// of a TTL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mtu: Option<Mtu>,
    /// What the replies suggest, and what is no fact.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hints: Option<Hints>,
    /// Flow ids that met this responder at this TTL; empty where they are not known.
    pub flows: Vec<u16>,
    /// The responder is the address traced, and answered as a destination does.
    pub is_destination: bool,
    /// The address is special-purpose and not globally reachable (RFC 6890 registries).
    pub is_private: bool,
    /// Nobody answered at this TTL.
    pub is_timeout: bool,
    /// Names of the responder, from tm-dns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dns: Option<Dns>,
    /// Origin AS of the responder, from tm-asn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asn: Option<Asn>,
    /// Place of the responder, from tm-geo.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub geo: Option<Geo>,
}

impl Hop {
    /// A TTL at which nobody answered, of a trace of which nothing is known yet.
    pub fn silent(hop: u8, at: Time) -> Self {
        Self {
            v: crate::VERSION,
            trace_id: String::new(),
            host: String::new(),
            resolved_ip: None,
            source_ip: None,
            vantage: None,
            protocol: None,
            port: None,
            round: 1,
            at,
            hop,
            ip: None,
            probes: Vec::new(),
            sent: 0,
            received: 0,
            loss_pct: 0.0,
            rtt: None,
            reply: None,
            mpls: Vec::new(),
            interface: None,
            nat: None,
            mtu: None,
            hints: None,
            flows: Vec::new(),
            is_destination: false,
            is_private: false,
            is_timeout: true,
            dns: None,
            asn: None,
            geo: None,
        }
    }
}

/// One probe.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct Probe {
    /// Round-trip time in milliseconds; null where the probe was lost.
    pub rtt_ms: Option<f64>,
    /// `rtt_ms` is an upper bound: the source says no more than `<1 ms`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub at_most: bool,
    /// The probe was answered.
    pub ok: bool,
    /// The flow that the probe belonged to.
    #[serde(default)]
    pub flow: u16,
    /// When the probe left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Time>,
}

/// Round-trip times in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct Rtt {
    /// Smallest.
    pub min: f64,
    /// Arithmetic mean.
    pub avg: f64,
    /// Median; the mean of the middle two of an even count. Null where the source of an imported
    /// record does not give it; so are `stddev` and `jitter`.
    #[serde(default)]
    pub median: Option<f64>,
    /// Largest.
    pub max: f64,
    /// Sample standard deviation; 0 of a single probe.
    #[serde(default)]
    pub stddev: Option<f64>,
    /// Mean absolute difference of consecutive RTTs (RFC 3550 style, unsmoothed).
    #[serde(default)]
    pub jitter: Option<f64>,
}

impl Rtt {
    /// The statistics of RTTs in the order they were measured; `None` of none.
    pub fn of(rtts: &[f64]) -> Option<Self> {
        let count = rtts.len();
        let mut sorted = rtts.to_vec();
        sorted.sort_by(f64::total_cmp);
        let (&min, &max) = (sorted.first()?, sorted.last()?);
        let (&low, &high) = (sorted.get((count - 1) / 2)?, sorted.get(count / 2)?);
        let avg = rtts.iter().sum::<f64>() / count as f64;
        let squares: f64 = rtts.iter().map(|rtt| (rtt - avg).powi(2)).sum();
        let steps: f64 = rtts.iter().zip(rtts.iter().skip(1)).map(|(a, b)| (b - a).abs()).sum();
        let pairs = (count - 1).max(1) as f64;
        Some(Self {
            min,
            avg: round(avg),
            median: Some(round(f64::midpoint(low, high))),
            max,
            stddev: Some(round((squares / pairs).sqrt())),
            jitter: Some(round(steps / pairs)),
        })
    }
}

/// To the microsecond's tenth, which is beyond what any kernel timestamp means.
///
/// JSON has no infinity: what strangers' RTTs add up to stays a number.
fn round(ms: f64) -> f64 {
    let rounded = (ms * 1e4).round() / 1e4 + 0.0; // the sum of nothing is -0
    if rounded.is_finite() { rounded } else { ms.clamp(f64::MIN, f64::MAX) }
}

/// Loss over all probes of one TTL: `100 × (sent − received) / sent`, to a hundredth; 0 where
/// nothing was sent.
pub fn loss_pct(sent: u32, received: u32) -> f64 {
    if sent == 0 {
        return 0.0;
    }
    let lost = f64::from(sent.saturating_sub(received));
    (lost * 1e4 / f64::from(sent)).round() / 100.0
}

/// The reply that ended a probe's way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct Reply {
    /// What kind of packet it was.
    pub kind: ReplyKind,
    /// ICMP or `ICMPv6` type; null for TCP and UDP replies.
    #[serde(rename = "type")]
    pub icmp_type: Option<u8>,
    /// ICMP or `ICMPv6` code; null for TCP and UDP replies.
    pub code: Option<u8>,
    /// TTL of the reply's own IP header, where it could be read.
    pub ttl: Option<u8>,
    /// Annotation as traceroute prints it: `!N`, `!H`, `!P`, `!X`, `!F-1400` …
    pub note: Option<String>,
}

/// What kind of packet answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ReplyKind {
    /// ICMP time exceeded: a router on the path.
    TimeExceeded,
    /// ICMP destination unreachable, packet too big or parameter problem.
    DestUnreachable,
    /// ICMP echo reply.
    EchoReply,
    /// TCP SYN-ACK: the port is open.
    SynAck,
    /// TCP RST: the port is closed.
    Rst,
    /// A UDP datagram came back: the port is open.
    UdpReply,
}

impl ReplyKind {
    /// The name as the records spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TimeExceeded => "time_exceeded",
            Self::DestUnreachable => "dest_unreachable",
            Self::EchoReply => "echo_reply",
            Self::SynAck => "syn_ack",
            Self::Rst => "rst",
            Self::UdpReply => "udp_reply",
        }
    }
}

/// One entry of an MPLS label stack (RFC 4950, RFC 3032).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct MplsLabel {
    /// Label value, 20 bits.
    pub label: u32,
    /// Traffic class, 3 bits (RFC 5462).
    pub tc: u8,
    /// Bottom of the stack.
    pub bottom: bool,
    /// TTL of the entry.
    pub ttl: u8,
}

/// What the replies of a responder suggest without one more probe. None of it is a fact.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct Hints {
    /// The TTL that the reply seems to have left with: 64, 128 or 255.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub initial_ttl: Option<u8>,
    /// Hops that the reply seems to have come, by that; given where they are not as many as those
    /// of the way there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reply_hops: Option<u8>,
    /// Responders of this TTL with the same number seem to be one router: their replies carry the
    /// same MPLS labels, and left with the same TTL.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub router: Option<u16>,
}

/// The interface that a responder named (RFC 5837).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct Interface {
    /// `incoming`, `incoming_sub_ip`, `outgoing` or `next_hop`.
    pub role: String,
    /// `ifIndex` (RFC 2863).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index: Option<u32>,
    /// Address of the interface.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ip: Option<IpAddr>,
    /// Name, as the router spells it: a stranger's text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// MTU in octets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mtu: Option<u32>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statistics_of_known_rtts() {
        let rtt = Rtt::of(&[10.0, 30.0, 20.0]).unwrap();
        assert_eq!((rtt.min, rtt.avg, rtt.median, rtt.max), (10.0, 20.0, Some(20.0), 30.0));
        assert_eq!((rtt.stddev, rtt.jitter), (Some(10.0), Some(15.0)));
    }

    #[test]
    fn one_probe_has_no_spread_and_none_has_no_statistics() {
        let rtt = Rtt::of(&[7.5]).unwrap();
        assert_eq!((rtt.median, rtt.stddev, rtt.jitter), (Some(7.5), Some(0.0), Some(0.0)));
        assert!(rtt.jitter.is_some_and(f64::is_sign_positive), "nobody wants to read -0.0");
        assert_eq!(Rtt::of(&[]), None);
    }

    #[test]
    fn statistics_of_nonsense_are_numbers() {
        for rtts in [&[1e308][..], &[1e308, -1e308, 1e308], &[f64::MAX; 3], &[f64::MIN; 2]] {
            let rtt = serde_json::to_string(&Rtt::of(rtts).unwrap()).unwrap();
            assert!(!rtt.contains("null"), "{rtt}");
            assert!(serde_json::from_str::<Rtt>(&rtt).is_ok(), "{rtt}");
        }
    }

    #[test]
    fn loss_is_a_percentage_and_nothing_sent_is_nothing_lost() {
        assert_eq!(loss_pct(3, 2), 33.33);
        assert_eq!(loss_pct(0, 0), 0.0);
        assert_eq!(loss_pct(4, 5), 0.0);
    }
}
