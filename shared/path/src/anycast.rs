//! Addresses that are announced from many places at once (RFC 4786): a database has one place for
//! them, and hardly anybody meets the responder there.
//!
//! The list is short on purpose: public resolvers, the root servers (root-servers.org), and what
//! the registries call anycast (RFC 7535, RFC 7723, RFC 8155, RFC 9665). An address that is not
//! on it may be anycast all the same: [`Sightings`] finds out, where several vantage points have
//! met it. An answer within r ms comes from a disc of r × 100 km around the vantage point; two
//! discs that have no point in common hold two responders (Cicalese et al., "Characterizing IPv4
//! anycast adoption and deployment", 2015).

use std::net::IpAddr;
use std::sync::Arc;

use crate::sphere::Direction;

/// Discs that are kept of one address.
const MOST_DISCS: usize = 4;

/// First address, prefix length, whose.
type Block = (&'static str, u32, &'static str);

const BLOCKS: &[Block] = &[
    ("1.0.0.0", 24, "Cloudflare DNS"),
    ("1.1.1.0", 24, "Cloudflare DNS"),
    ("8.8.4.0", 24, "Google Public DNS"),
    ("8.8.8.0", 24, "Google Public DNS"),
    ("9.9.9.0", 24, "Quad9"),
    ("149.112.112.0", 24, "Quad9"),
    ("208.67.220.0", 24, "OpenDNS"),
    ("208.67.222.0", 24, "OpenDNS"),
    ("192.0.0.9", 32, "PCP anycast"),
    ("192.0.0.10", 32, "TURN anycast"),
    ("192.31.196.0", 24, "AS112"),
    ("192.52.193.0", 24, "AMT relays"),
    ("192.175.48.0", 24, "AS112"),
    ("192.88.99.0", 24, "6to4 relays"),
    ("198.41.0.0", 24, "a.root-servers.net"),
    ("170.247.170.0", 24, "b.root-servers.net"),
    ("192.33.4.0", 24, "c.root-servers.net"),
    ("199.7.91.0", 24, "d.root-servers.net"),
    ("192.203.230.0", 24, "e.root-servers.net"),
    ("192.5.5.0", 24, "f.root-servers.net"),
    ("192.112.36.0", 24, "g.root-servers.net"),
    ("198.97.190.0", 24, "h.root-servers.net"),
    ("192.36.148.0", 24, "i.root-servers.net"),
    ("192.58.128.0", 24, "j.root-servers.net"),
    ("193.0.14.0", 24, "k.root-servers.net"),
    ("199.7.83.0", 24, "l.root-servers.net"),
    ("202.12.27.0", 24, "m.root-servers.net"),
    ("2001:1::1", 128, "PCP anycast"),
    ("2001:1::2", 128, "TURN anycast"),
    ("2001:1::3", 128, "DNS-SD anycast"),
    ("2001:4:112::", 48, "AS112"),
    ("2606:4700:4700::", 48, "Cloudflare DNS"),
    ("2001:4860:4860::", 48, "Google Public DNS"),
    ("2620:fe::", 48, "Quad9"),
    ("2620:119:35::", 48, "OpenDNS"),
    ("2620:119:53::", 48, "OpenDNS"),
    ("2620:4f:8000::", 48, "AS112"),
    ("2001:503:ba3e::", 48, "a.root-servers.net"),
    ("2801:1b8:10::", 48, "b.root-servers.net"),
    ("2001:500:2::", 48, "c.root-servers.net"),
    ("2001:500:2d::", 48, "d.root-servers.net"),
    ("2001:500:a8::", 48, "e.root-servers.net"),
    ("2001:500:2f::", 48, "f.root-servers.net"),
    ("2001:500:12::", 48, "g.root-servers.net"),
    ("2001:500:1::", 48, "h.root-servers.net"),
    ("2001:7fe::", 33, "i.root-servers.net"),
    ("2001:503:c27::", 48, "j.root-servers.net"),
    ("2001:7fd::", 48, "k.root-servers.net"),
    ("2001:500:9f::", 48, "l.root-servers.net"),
    ("2001:dc3::", 32, "m.root-servers.net"),
];

/// Whose anycast address it is, if it is known to be one.
///
/// ```
/// assert_eq!(tm_path::anycast::known("9.9.9.9".parse()?), Some("Quad9"));
/// # Ok::<(), std::net::AddrParseError>(())
/// ```
pub fn known(ip: IpAddr) -> Option<&'static str> {
    let covers = |&&(first, prefix, _): &&Block| match (ip, first.parse()) {
        (IpAddr::V4(ip), Ok(IpAddr::V4(first))) => {
            (ip.to_bits() ^ first.to_bits()).leading_zeros() >= prefix
        }
        (IpAddr::V6(ip), Ok(IpAddr::V6(first))) => {
            (ip.to_bits() ^ first.to_bits()).leading_zeros() >= prefix
        }
        _ => false,
    };
    BLOCKS.iter().find(covers).map(|&(_, _, whose)| whose)
}

/// Where a responder is somewhere within.
#[derive(Clone, Debug, PartialEq)]
pub struct Disc {
    /// The vantage point, or the known responder beside it.
    pub center: Direction,
    /// Radius.
    pub km: f64,
    /// What people call the centre.
    pub name: Arc<str>,
}

/// The vantage points that have met an address: for each of a few of them, the smallest disc.
#[derive(Clone, Debug, Default)]
pub struct Sightings {
    discs: Vec<Disc>,
    apart: Option<Arc<str>>,
}

impl Sightings {
    /// Takes note of one more; returns how the address is known to be in several places, once it
    /// is.
    pub fn see(&mut self, disc: &Disc) -> Option<Arc<str>> {
        if self.apart.is_some() {
            return self.apart.clone();
        }
        if let Some(same) = self.discs.iter_mut().find(|one| one.center == disc.center) {
            if disc.km >= same.km {
                return None;
            }
            same.km = disc.km;
        } else if self.discs.len() < MOST_DISCS {
            self.discs.push(disc.clone());
        } else {
            let widest = self.discs.iter_mut().max_by(|one, other| one.km.total_cmp(&other.km));
            match widest {
                Some(widest) if widest.km > disc.km => *widest = disc.clone(),
                _ => {}
            }
        }
        self.apart = self.discs.iter().find_map(|other| apart(other, disc)).map(Arc::from);
        self.apart.clone()
    }
}

fn apart(one: &Disc, other: &Disc) -> Option<String> {
    let km = one.center.km_to(other.center);
    (km > one.km + other.km).then(|| {
        format!(
            "it answered within {:.0} km of {} and within {:.0} km of {}, which are {km:.0} km \
             apart: the address is in several places",
            one.km, one.name, other.km, other.name
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sphere::Point;

    fn disc(lat: f64, lon: f64, km: f64, name: &str) -> Disc {
        let center = Point::new(lat, lon).unwrap().direction();
        Disc { center, km, name: name.into() }
    }

    #[test]
    fn two_discs_without_a_common_point_are_two_responders() {
        let (oslo, tokyo) =
            (|km| disc(59.91, 10.75, km, "Oslo"), |km| disc(35.68, 139.65, km, "Tokyo"));
        let mut seen = Sightings::default();
        assert_eq!(seen.see(&oslo(5000.0)), None);
        assert_eq!(seen.see(&tokyo(3500.0)), None, "8,400 km apart: somewhere between");
        assert_eq!(seen.see(&oslo(6000.0)), None, "later and farther says nothing");
        let apart = seen.see(&oslo(300.0)).unwrap();
        assert_eq!(
            &*apart,
            "it answered within 3500 km of Tokyo and within 300 km of Oslo, which are 8405 km \
             apart: the address is in several places"
        );
        assert_eq!(seen.see(&oslo(9000.0)), Some(apart), "what is known stays known");
    }

    #[test]
    fn the_smallest_of_many_discs_are_kept() {
        let mut seen = Sightings::default();
        for n in 0..50_u8 {
            let (lon, km) = (f64::from(n), 15_000.0 - f64::from(n));
            assert_eq!(seen.see(&disc(0.0, lon, km, "x")), None);
        }
        assert_eq!(seen.discs.len(), MOST_DISCS);
        assert!(seen.discs.iter().all(|disc| disc.km < 14_955.0), "{seen:?}");
    }

    #[test]
    fn the_edges_of_a_block() {
        let whose = |text: &str| known(text.parse().unwrap());
        assert_eq!(whose("8.8.8.255"), Some("Google Public DNS"));
        assert_eq!((whose("8.8.9.0"), whose("8.8.7.255")), (None, None));
        assert_eq!(whose("2606:4700:4700::1111"), Some("Cloudflare DNS"));
        assert_eq!((whose("2606:4700:4701::1111"), whose("::808:808")), (None, None));
        for (first, _, name) in BLOCKS {
            assert_eq!(whose(first), Some(*name));
        }
    }
}
