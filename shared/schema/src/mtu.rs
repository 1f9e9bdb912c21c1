//! How large a datagram may be: what `tm-probe --mtu` finds out, hop by hop and for the whole path.

use serde::{Deserialize, Serialize};

/// How large a datagram may be to come as far as a TTL.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct Mtu {
    /// Octets of the largest datagram, IP header included, that was answered from here or from
    /// farther on; null where none was: it is not known.
    pub octets: Option<u32>,
    /// Why larger ones do not come so far; null where that is not known: `octets` is then no more
    /// than a lower bound.
    pub limit: Option<MtuLimit>,
}

/// What says that larger datagrams do not pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum MtuLimit {
    /// The MTU of the interface that the probes leave by: larger ones cannot be sent.
    Interface,
    /// A router refused a larger one and named this MTU (RFC 1191, RFC 8201).
    Reported,
    /// A router refused a larger one and named no MTU, so that the size was searched for.
    Refused,
    /// Larger ones vanish, smaller ones do not, and nobody says why: a black hole. The size was
    /// searched for (as in RFC 4821).
    BlackHole,
}

/// How large a datagram may be on the whole path.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct PathMtu {
    /// Octets of the largest datagram that the destination answered; null where it answered none:
    /// the MTU of the path is not known.
    pub octets: Option<u32>,
    /// MTU of the interface that the probes left by.
    pub interface: u32,
    /// Where it gets smaller, nearest first.
    pub drops: Vec<MtuDrop>,
}

/// A link that larger datagrams do not pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct MtuDrop {
    /// The last TTL that larger ones are known to reach; 0: none is known.
    pub after: u8,
    /// The first TTL that they do not.
    pub hop: u8,
    /// Octets of the smallest datagram that is known not to pass.
    pub refused: u32,
    /// Octets that pass, as it was reported or found.
    pub octets: u32,
    /// How that is known.
    pub limit: MtuLimit,
}

impl MtuLimit {
    /// Why larger ones do not pass, in words.
    pub fn reason(self) -> &'static str {
        match self {
            Self::BlackHole => "larger datagrams vanish without a word",
            Self::Refused => "a router refuses larger ones and names no MTU",
            Self::Reported => "as a router says",
            Self::Interface => "the interface takes no larger ones",
        }
    }
}

impl MtuDrop {
    /// Where it is, in words.
    pub fn place(&self) -> String {
        match (self.after, self.hop) {
            (0, hop) => format!("before hop {hop}"),
            (after, hop) if after.saturating_add(1) == hop => format!("after hop {after}"),
            (after, hop) => format!("between hops {after} and {hop}"),
        }
    }
}
