//! Which probe a packet is: the number it carries, and a token that only we can have written.
//!
//! The number goes where a load balancer does not look, and into the first eight octets behind
//! the IP header, which every router quotes (RFC 792): the UDP checksum, the ICMP sequence
//! number, the TCP sequence number. Numbers and tokens are keyed with a secret of the process,
//! so that nobody off the path can guess them.

use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;

/// The number that a probe carries; neither 0 nor 0xffff, which mean the same or "none" to a
/// checksum.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Identity(pub(crate) u16);

impl Identity {
    /// The least of them.
    pub(crate) const FIRST: Self = Self(1);
}

const NUMBERS: u32 = 0xfffe;

/// The flow as it stands in a packet: UDP or TCP source port, or ICMP identifier.
pub type FlowPort = u16;

/// The secret of this process.
#[derive(Clone, Debug, Default)]
pub struct Secret(RandomState);

impl Secret {
    /// The number of the `sequence`th probe to `target`.
    pub fn identity(&self, target: IpAddr, sequence: u32) -> Identity {
        let number = (self.offset(target) + sequence % NUMBERS) % NUMBERS;
        Identity(number as u16 + 1)
    }

    /// How far behind `base` the probe with this number was sent; the inverse of
    /// [`Secret::identity`] for up to 65,534 probes in flight.
    pub fn sequence(&self, target: IpAddr, identity: Identity, base: u32) -> u32 {
        let first = (self.offset(target) + base % NUMBERS) % NUMBERS;
        (u32::from(identity.0).saturating_sub(1) + NUMBERS - first) % NUMBERS
    }

    /// Eight octets that prove that a packet is ours.
    pub fn token(&self, target: IpAddr, flow: FlowPort, identity: Identity) -> [u8; 8] {
        self.0.hash_one((target, flow, identity)).to_be_bytes()
    }

    /// A source port, or ICMP identifier, that nobody can guess, below the range that many
    /// systems hand out by themselves.
    pub(crate) fn port(&self, attempt: u32) -> FlowPort {
        20_000 + (self.0.hash_one(attempt) % 12_000) as u16
    }

    fn offset(&self, target: IpAddr) -> u32 {
        (self.0.hash_one(target) % u64::from(NUMBERS)) as u32
    }
}

/// A number read from a packet, where it can be one of ours.
impl TryFrom<u16> for Identity {
    type Error = ();

    fn try_from(number: u16) -> Result<Self, ()> {
        (number != 0 && number != 0xffff).then_some(Self(number)).ok_or(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn numbers_turn_back_into_sequences(base in 0u32..1 << 20, behind in 0u32..NUMBERS) {
            let secret = Secret::default();
            let target = "192.0.2.1".parse().unwrap();
            let identity = secret.identity(target, base + behind);
            prop_assert!(identity.0 != 0 && identity.0 != 0xffff);
            prop_assert_eq!(secret.sequence(target, identity, base), behind);
        }
    }
}
