//! The topology file. README.md explains it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde::Deserialize;

/// A simulated internet.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Topology {
    #[serde(default)]
    pub(crate) seed: u64,
    pub(crate) path: Vec<Path>,
    /// Forged packets to send for every probe: see `hostile.rs`.
    #[serde(default)]
    pub(crate) hostile: Vec<crate::hostile::Class>,
    /// How often each is sent.
    #[serde(default = "one")]
    pub(crate) hostile_count: usize,
}

/// The way to some destinations.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Path {
    pub(crate) destinations: Vec<Prefix>,
    /// RTT to the destination.
    #[serde(default)]
    pub(crate) rtt_ms: f64,
    #[serde(default)]
    pub(crate) udp: Port,
    #[serde(default)]
    pub(crate) tcp: Port,
    #[serde(default)]
    pub(crate) icmp: Port,
    #[serde(default)]
    pub(crate) rate_limit: Option<RateLimit>,
    pub(crate) hop: Vec<Hop>,
}

/// How a destination treats a transport.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Port {
    /// Port unreachable, RST, or (ICMP) no reply.
    #[default]
    Closed,
    Open,
    Filtered,
}

/// One TTL of a path.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Hop {
    /// Routers that share the traffic.
    pub(crate) v4: Vec<Ipv4Addr>,
    pub(crate) v6: Vec<Ipv6Addr>,
    pub(crate) balance: Balance,
    pub(crate) rtt_ms: f64,
    pub(crate) jitter_ms: f64,
    /// Probability that a probe to or through this hop is lost.
    pub(crate) loss: f64,
    pub(crate) rate_limit: Option<RateLimit>,
    pub(crate) silent: bool,
    /// Octets of transport quoted.
    pub(crate) quote: Option<usize>,
    pub(crate) mpls: Vec<Label>,
    /// The interface that the router names (RFC 5837).
    pub(crate) interface: Option<Interface>,
    /// Extensions at octet 128, the length not said.
    pub(crate) legacy: bool,
    /// ICMP code with which this router refuses to carry on.
    pub(crate) unreachable: Option<u8>,
    /// Octets that the link beyond this hop takes.
    pub(crate) mtu: Option<u16>,
    /// The MTU that the router names when it refuses; else the link's.
    pub(crate) names_mtu: Option<u32>,
    /// TTL of its replies; else as if each had come by the same way.
    pub(crate) reply_ttl: Option<u8>,
    /// From here on, quotes show a UDP checksum that a NAT rewrote.
    pub(crate) nat: bool,
}

/// How a hop shares its traffic.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Balance {
    #[default]
    Flow,
    Packet,
}

/// A token bucket over the ICMP errors of one router.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RateLimit {
    pub(crate) per_second: f64,
    pub(crate) burst: f64,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Label {
    #[serde(rename = "label")]
    pub(crate) value: u32,
    #[serde(default)]
    pub(crate) tc: u8,
    #[serde(default = "one_octet")]
    pub(crate) ttl: u8,
}

/// An interface by index, name and MTU.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Interface {
    pub(crate) index: u32,
    pub(crate) name: String,
    pub(crate) mtu: u32,
}

fn one() -> usize {
    1
}

fn one_octet() -> u8 {
    1
}

/// An address, or a prefix of addresses.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Prefix {
    first: IpAddr,
    bits: u8,
}

impl Prefix {
    pub(crate) fn contains(self, ip: IpAddr) -> bool {
        match (self.first, ip) {
            (IpAddr::V4(first), IpAddr::V4(ip)) => {
                let shift = u32::from(32 - self.bits);
                first.to_bits().checked_shr(shift) == ip.to_bits().checked_shr(shift)
            }
            (IpAddr::V6(first), IpAddr::V6(ip)) => {
                let shift = u32::from(128 - self.bits);
                first.to_bits().checked_shr(shift) == ip.to_bits().checked_shr(shift)
            }
            _ => false,
        }
    }
}

impl TryFrom<String> for Prefix {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let (first, bits) =
            text.split_once('/').map_or((text.as_str(), None), |(a, b)| (a, Some(b)));
        let first: IpAddr = first.parse().map_err(|_| format!("{text:?} is no address"))?;
        let most = if first.is_ipv4() { 32 } else { 128 };
        let bits =
            bits.map_or(Ok(most), str::parse).map_err(|_| format!("{text:?} is no prefix"))?;
        if bits > most { Err(format!("{text:?} is too long")) } else { Ok(Self { first, bits }) }
    }
}
