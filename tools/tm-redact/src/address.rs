//! Addresses: a pseudonym of the same kind. A private address stays in its private block, a public
//! one stays public; loopback and the like, which identify nobody, stay what they are.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use tm_path::special;
use tm_stream::memory::Memory;

use crate::key::Key;
use crate::pan::CryptoPan;

/// Addresses whose pseudonyms are remembered.
const REMEMBERED: usize = 1 << 16;

/// Addresses that say nothing of anybody.
const FIXED: [IpAddr; 5] = [
    IpAddr::V4(Ipv4Addr::UNSPECIFIED),
    IpAddr::V4(Ipv4Addr::LOCALHOST),
    IpAddr::V4(Ipv4Addr::BROADCAST),
    IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    IpAddr::V6(Ipv6Addr::LOCALHOST),
];

/// Addresses that may be anybody's stay among each other.
const GLOBAL_UNICAST: (Ipv6Addr, u32) = (Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3);

/// Addresses that stand for an IPv4 address (RFC 4291, RFC 6052) stand for its pseudonym.
const MAPPED: u128 = 0xffff << 32;
const TRANSLATED: u128 = 0x0064_ff9b << 96;

/// The pseudonyms of addresses under one key.
pub(crate) struct Addresses {
    pan: CryptoPan,
    known: Memory<IpAddr, IpAddr>,
}

/// What an address has in common with its pseudonym: its leading bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Kind {
    first: u128,
    prefix: u32,
}

impl Addresses {
    pub(crate) fn new(key: &Key) -> Self {
        Self { pan: CryptoPan::new(key), known: Memory::new(REMEMBERED) }
    }

    /// The pseudonym of the address that `text` spells; `None`: it spells none. A zone is dropped.
    pub(crate) fn pseudonym_of_text(&mut self, text: &str) -> Option<String> {
        let address = match text.split_once('%') {
            Some((address, _)) => IpAddr::V6(address.parse().ok()?),
            None => text.parse().ok()?,
        };
        Some(self.pseudonym(address).to_string())
    }

    /// The pseudonym of an address.
    pub(crate) fn pseudonym(&mut self, ip: IpAddr) -> IpAddr {
        if let Some(known) = self.known.get(&ip) {
            return *known;
        }
        let pseudonym = match stands_for(ip) {
            Some((prefix, v4)) => match self.permute(v4.into()) {
                IpAddr::V4(v4) => Ipv6Addr::from_bits(prefix | u128::from(v4.to_bits())).into(),
                v6 @ IpAddr::V6(_) => v6,
            },
            None => self.permute(ip),
        };
        self.known.insert(ip, pseudonym);
        pseudonym
    }

    /// Permutes until the pseudonym is of the address's own kind. This stays a permutation: the
    /// way round a cycle comes back to the address itself at the latest.
    fn permute(&self, ip: IpAddr) -> IpAddr {
        let kind = Kind::of(ip);
        let bits = if ip.is_ipv4() { 32 } else { 128 };
        let mut pseudonym = ip;
        loop {
            let kept = u128::MAX.checked_shl(128 - kind.prefix).unwrap_or(0);
            let permuted = self.pan.permute(at_left(pseudonym), bits);
            let value = (kind.first & kept) | (permuted & !kept);
            pseudonym = match ip {
                IpAddr::V4(_) => Ipv4Addr::from_bits((value >> 96) as u32).into(),
                IpAddr::V6(_) => Ipv6Addr::from_bits(value).into(),
            };
            if Kind::of(pseudonym) == kind {
                return pseudonym;
            }
        }
    }
}

/// The IPv4 address that an IPv6 address stands for, and what stands before it.
fn stands_for(ip: IpAddr) -> Option<(u128, Ipv4Addr)> {
    let IpAddr::V6(v6) = ip else { return None };
    let mapped = v6.to_ipv4_mapped().map(|v4| (MAPPED, v4));
    mapped.or_else(|| Some((TRANSLATED, special::translated(ip)?)))
}

impl Kind {
    fn of(ip: IpAddr) -> Self {
        let whole = if ip.is_ipv4() { 32 } else { 128 };
        if FIXED.contains(&ip) {
            return Self { first: at_left(ip), prefix: whole };
        }
        if let Some((first, prefix, _)) = special::block_of(ip)
            && let Ok(first) = first.parse()
        {
            return Self { first: at_left(first), prefix };
        }
        let (first, prefix) = (GLOBAL_UNICAST.0.to_bits(), GLOBAL_UNICAST.1);
        if ip.is_ipv6() && (at_left(ip) ^ first) >> (128 - prefix) == 0 {
            return Self { first, prefix };
        }
        Self { first: 0, prefix: 0 }
    }
}

/// The address in the leading bits of 128.
fn at_left(ip: IpAddr) -> u128 {
    match ip {
        IpAddr::V4(v4) => u128::from(v4.to_bits()) << 96,
        IpAddr::V6(v6) => v6.to_bits(),
    }
}

/// What must hold of any address: its pseudonym is of its kind, and another where there are others.
///
/// # Panics
/// Where it does not hold.
#[cfg(any(test, fuzzing))]
pub(crate) fn check(ip: IpAddr, pseudonym: &str) {
    let parsed = pseudonym.parse::<IpAddr>();
    assert!(parsed.is_ok(), "{pseudonym} is no address");
    let pseudonym = parsed.unwrap_or(ip);
    assert_eq!(special::is_private(pseudonym), special::is_private(ip), "{ip} {pseudonym}");
    let own = |ip| stands_for(ip).map_or((0, ip), |(prefix, v4)| (prefix, v4.into()));
    let ((prefix, ip), (other, pseudonym)) = (own(ip), own(pseudonym));
    let kind = Kind::of(ip);
    assert_eq!((prefix, kind), (other, Kind::of(pseudonym)), "{ip} {pseudonym}");
    let is_alone = kind.prefix == if ip.is_ipv4() { 32 } else { 128 };
    assert_eq!(ip == pseudonym, is_alone, "{ip} {pseudonym}");
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn addresses() -> Addresses {
        Addresses::new(&Key::from(*b"32-char-str-for-AES-key-and-pad."))
    }

    fn of(text: &str) -> String {
        addresses().pseudonym_of_text(text).unwrap()
    }

    #[test]
    fn blocks_keep_their_addresses_and_change_them() {
        for (text, kept) in [
            ("10.1.2.3", "10."),
            ("192.168.1.254", "192.168."),
            ("100.64.0.7", "100."),
            ("169.254.9.9", "169.254."),
            ("127.0.0.53", "127."),
            ("192.0.2.1", "192.0.2."),
            ("fe80::1234:56ff:fe78:9abc%eth0", "fe"),
            ("2001:db8::1", "2001:db8:"),
            ("64:ff9b::808:808", "64:ff9b::"),
            ("::ffff:10.1.2.3", "::ffff:10."),
        ] {
            let pseudonym = of(text);
            assert!(pseudonym.starts_with(kept) && pseudonym != text, "{text} {pseudonym}");
        }
        assert_eq!(of("::ffff:8.8.8.8"), format!("::ffff:{}", of("8.8.8.8")));
        let translated: IpAddr = of("64:ff9b::808:808").parse().unwrap();
        assert_eq!(special::translated(translated).unwrap().to_string(), of("8.8.8.8"));
    }

    #[test]
    fn what_identifies_nobody_stays() {
        for text in ["127.0.0.1", "::1", "0.0.0.0", "::", "255.255.255.255"] {
            assert_eq!(of(text), text);
        }
    }

    #[test]
    fn a_private_block_is_permuted() {
        let mut addresses = addresses();
        let all: std::collections::HashSet<_> = (0..=0xffff_u32)
            .map(|low| addresses.pseudonym(Ipv4Addr::from_bits(0xc0a8_0000 | low).into()))
            .collect();
        assert_eq!(all.len(), 1 << 16);
    }

    proptest! {
        #[test]
        fn the_kind_stays(bits: u32, high: u128) {
            let mut addresses = addresses();
            let v4 = Ipv4Addr::from_bits(bits);
            let translated = Ipv6Addr::from_bits(TRANSLATED | u128::from(bits));
            let v6 = [Ipv6Addr::from_bits(high), v4.to_ipv6_mapped(), translated];
            for ip in v6.map(IpAddr::V6).into_iter().chain([v4.into()]) {
                check(ip, &addresses.pseudonym(ip).to_string());
            }
        }

        #[test]
        fn neighbours_stay_neighbours(bits: u32, other in 0u32..256) {
            let mut addresses = addresses();
            let neighbour = bits & !0xff | other;
            let (a, b) = (Ipv4Addr::from_bits(bits), Ipv4Addr::from_bits(neighbour));
            // The block of protocol assignments has reachable addresses within.
            prop_assume!(bits >> 8 != 0xc0_0000 && Kind::of(a.into()) == Kind::of(b.into()));
            let IpAddr::V4(x) = addresses.pseudonym(a.into()) else { unreachable!() };
            let IpAddr::V4(y) = addresses.pseudonym(b.into()) else { unreachable!() };
            let shared = |a: Ipv4Addr, b: Ipv4Addr| (a.to_bits() ^ b.to_bits()).leading_zeros();
            prop_assert_eq!(shared(x, y), shared(a, b));
        }
    }
}
