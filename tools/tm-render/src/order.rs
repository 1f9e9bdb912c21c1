//! `--sort`: the order of the table's lines.

use std::cmp::Ordering;

use clap::ValueEnum;

use crate::statistics::Statistics;
use crate::view::{Responder, Ttl};

/// What lines are ordered by; the worst first, what nobody knows last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Order {
    /// TTL, as without `--sort`
    Hop,
    /// Loss
    Loss,
    /// Mean RTT
    Avg,
    /// Smallest RTT
    Best,
    /// Largest RTT
    Worst,
    /// Last RTT
    Last,
    /// Standard deviation
    Stddev,
    /// Jitter
    Jitter,
    /// AS number, the smallest first
    Asn,
}

impl Order {
    /// The value that decides.
    pub(crate) fn key(self, ttl: u8, at: &Ttl, responder: Option<&Responder>) -> f64 {
        let rtt = responder.map(|responder| &responder.rtt).filter(|rtt| rtt.count > 0);
        let asn = || {
            let asn = responder?.asn.as_ref()?;
            asn.number.or_else(|| asn.origins.iter().copied().min())
        };
        match self {
            Self::Hop => Some(f64::from(ttl)),
            Self::Loss => Some(at.loss_pct()),
            Self::Avg => rtt.map(|rtt| rtt.mean),
            Self::Best => rtt.map(|rtt| rtt.min),
            Self::Worst => rtt.map(|rtt| rtt.max),
            Self::Last => rtt.and_then(|rtt| rtt.last),
            Self::Stddev => rtt.and_then(Statistics::stddev),
            Self::Jitter => rtt.and_then(Statistics::jitter),
            Self::Asn => asn().map(f64::from),
        }
        .unwrap_or(f64::NAN)
    }

    /// How two values stand to each other.
    pub(crate) fn compare(self, a: f64, b: f64) -> Ordering {
        let unknown_last = a.is_nan().cmp(&b.is_nan());
        let known = match self {
            Self::Hop | Self::Asn => a.total_cmp(&b),
            _ => b.total_cmp(&a),
        };
        unknown_last.then(known)
    }
}
