//! Special-purpose addresses: which ones are not globally reachable, so that nobody outside can
//! say whose they are or where they stand.
//!
//! The tables are the IANA IPv4 and IPv6 Special-Purpose Address Registries (RFC 6890, RFC 8190).
//! The longest match decides, so exceptions stand beside their blocks. Multicast is not unicast
//! of anybody, and counts as not globally reachable too.

use std::net::{IpAddr, Ipv4Addr};

/// A block: first address, prefix length, globally reachable.
pub type Block = (&'static str, u32, bool);

const V4: &[Block] = &[
    ("0.0.0.0", 8, false),       // RFC 791: this network
    ("10.0.0.0", 8, false),      // RFC 1918
    ("100.64.0.0", 10, false),   // RFC 6598: carrier-grade NAT
    ("127.0.0.0", 8, false),     // RFC 1122: loopback
    ("169.254.0.0", 16, false),  // RFC 3927: link-local
    ("172.16.0.0", 12, false),   // RFC 1918
    ("192.0.0.0", 24, false),    // RFC 6890: protocol assignments
    ("192.0.0.9", 32, true),     // RFC 7723: PCP anycast
    ("192.0.0.10", 32, true),    // RFC 8155: TURN anycast
    ("192.0.2.0", 24, false),    // RFC 5737: documentation
    ("192.168.0.0", 16, false),  // RFC 1918
    ("198.18.0.0", 15, false),   // RFC 2544: benchmarks
    ("198.51.100.0", 24, false), // RFC 5737: documentation
    ("203.0.113.0", 24, false),  // RFC 5737: documentation
    ("224.0.0.0", 4, false),     // RFC 1112: multicast
    ("240.0.0.0", 4, false),     // RFC 1112: reserved, and limited broadcast (RFC 919)
];

const V6: &[Block] = &[
    ("::", 128, false),         // RFC 4291: unspecified
    ("::1", 128, false),        // RFC 4291: loopback
    ("::ffff:0:0", 96, false),  // RFC 4291: IPv4-mapped
    ("64:ff9b:1::", 48, false), // RFC 8215: local NAT64
    ("100::", 64, false),       // RFC 6666: discard only
    ("100:0:0:1::", 64, false), // RFC 9780: dummy prefix
    ("2001::", 23, false),      // RFC 2928: protocol assignments
    ("2001:1::1", 128, true),   // RFC 7723: PCP anycast
    ("2001:1::2", 128, true),   // RFC 8155: TURN anycast
    ("2001:1::3", 128, true),   // RFC 9665: DNS-SD anycast
    ("2001:3::", 32, true),     // RFC 7450: AMT
    ("2001:4:112::", 48, true), // RFC 7535: AS112
    ("2001:20::", 28, true),    // RFC 7343: ORCHIDv2
    ("2001:30::", 28, true),    // RFC 9374: drone remote ids
    ("2001:db8::", 32, false),  // RFC 3849: documentation
    ("3fff::", 20, false),      // RFC 9637: documentation
    ("5f00::", 16, false),      // RFC 9602: segment routing
    ("fc00::", 7, false),       // RFC 4193: unique local
    ("fe80::", 10, false),      // RFC 4291: link-local
    ("ff00::", 8, false),       // RFC 4291: multicast
];

/// Whether the address is special-purpose and not globally reachable, carrier-grade NAT included.
/// One that stands for an IPv4 address is what that is.
///
/// ```
/// use tm_path::special::is_private;
/// assert!(is_private("100.64.1.1".parse()?));
/// assert!(!is_private("192.0.0.9".parse()?));
/// # Ok::<(), std::net::AddrParseError>(())
/// ```
pub fn is_private(ip: IpAddr) -> bool {
    let ip = translated(ip).map_or(ip, IpAddr::V4);
    block_of(ip).is_some_and(|block| !block.2)
}

/// The IPv4 address that an address of `64:ff9b::/96` stands for (RFC 6052). What a translator of
/// IPv6 to IPv4 says of a router behind it bears the router's address in there (RFC 7915).
///
/// ```
/// use tm_path::special::translated;
/// assert_eq!(translated("64:ff9b::808:404".parse()?), Some("8.8.4.4".parse()?));
/// assert_eq!(translated("2001:db8::808:404".parse()?), None);
/// # Ok::<(), std::net::AddrParseError>(())
/// ```
pub fn translated(ip: IpAddr) -> Option<Ipv4Addr> {
    const WELL_KNOWN: u128 = 0x0064_ff9b << 96;
    let IpAddr::V6(ip) = ip else { return None };
    let v4 = u32::try_from(ip.to_bits().checked_sub(WELL_KNOWN)?).ok()?;
    Some(Ipv4Addr::from_bits(v4))
}

/// The block of the registries that the address belongs to: its first address, prefix length, and
/// whether it is globally reachable. The smallest one, where blocks are nested.
pub fn block_of(ip: IpAddr) -> Option<Block> {
    let (bits, value, table) = match ip {
        IpAddr::V4(v4) => (32, u128::from(v4.to_bits()), V4),
        IpAddr::V6(v6) => (128, v6.to_bits(), V6),
    };
    let covers = |block: &&Block| {
        let shift = bits - block.1;
        let first = block.0.parse::<IpAddr>().map_or(0, to_bits);
        shift >= 128 || value >> shift == first >> shift
    };
    table.iter().filter(covers).max_by_key(|block| block.1).copied()
}

fn to_bits(ip: IpAddr) -> u128 {
    match ip {
        IpAddr::V4(v4) => v4.to_bits().into(),
        IpAddr::V6(v6) => v6.to_bits(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn private(text: &str) -> bool {
        is_private(text.parse().unwrap())
    }

    #[test]
    fn every_block_is_an_address_with_no_bits_beyond_its_prefix() {
        for (table, bits) in [(V4, 32), (V6, 128)] {
            for (first, prefix, _) in table {
                let value = to_bits(first.parse().unwrap());
                let rest = bits - prefix;
                assert!(rest == 128 || value & ((1 << rest) - 1) == 0, "{first}/{prefix}");
            }
        }
    }

    #[test]
    fn the_edges_of_carrier_grade_nat() {
        assert!(!private("100.63.255.255") && private("100.64.0.0"));
        assert!(private("100.127.255.255") && !private("100.128.0.0"));
    }

    #[test]
    fn exceptions_inside_blocks_are_reachable() {
        assert!(private("192.0.0.8") && !private("192.0.0.9"));
        assert!(private("2001:1::4") && !private("2001:1::1"));
        assert!(!private("2001:20::1") && private("2001:db8::1"));
    }

    #[test]
    fn the_public_internet_is_not_private() {
        for ip in ["8.8.8.8", "1.1.1.1", "2606:4700::1111", "2a00::1", "64:ff9b::808:808"] {
            assert!(!private(ip), "{ip}");
        }
        let translated = ["64:ff9b::10.1.2.3", "64:ff9b::100.64.0.1", "64:ff9b:1::808:808"];
        for ip in translated.iter().chain(&["10.1.2.3", "224.0.0.1", "fe80::1", "::", "ff02::1"]) {
            assert!(private(ip), "{ip}");
        }
    }
}
