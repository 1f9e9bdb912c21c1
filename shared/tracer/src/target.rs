//! Targets: from a name to the address that is traced.

use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::path::Path;

/// Names that need no server (hosts(5)).
const HOSTS: &str = "/etc/hosts";

/// What was asked for, and what it resolved to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// As the user wrote it.
    pub host: String,
    /// The address to trace, or why there is none.
    pub address: Result<Address, String>,
}

/// An address, with the interface that a link-local one needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Address {
    /// The address.
    pub ip: IpAddr,
    /// Interface index of a link-local address; 0 for all others.
    pub scope: u32,
}

/// Which family the user wants.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Family {
    /// Whatever the system's resolver puts first (RFC 6724).
    #[default]
    Any,
    /// IPv4 only.
    V4,
    /// IPv6 only.
    V6,
}

/// How a name becomes an address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lookup {
    /// Which family the user wants.
    pub family: Family,
    /// Nobody is asked: /etc/hosts has the name, or there is no address. The system's resolver is
    /// left alone, for what it asks is its configuration's business.
    pub offline: bool,
}

impl Family {
    fn allows(self, ip: IpAddr) -> bool {
        self.allows_one(ip.is_ipv6())
    }

    /// Whether addresses of IPv6, or else of IPv4, are wanted.
    pub(crate) fn allows_one(self, v6: bool) -> bool {
        match self {
            Self::Any => true,
            Self::V4 => !v6,
            Self::V6 => v6,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Any => "",
            Self::V4 => "IPv4 ",
            Self::V6 => "IPv6 ",
        }
    }
}

impl Target {
    /// Resolves `host`, by the system's resolver unless that is to be left alone; blocks meanwhile.
    pub fn resolve(host: &str, how: Lookup) -> Self {
        let family = how.family;
        let look_up = || match how.offline {
            true => in_hosts_file(host, family),
            false => look_up(host, family),
        };
        let address = Self::literal(host).map_or_else(look_up, Ok).and_then(|address| match family
            .allows(address.ip)
        {
            true => Ok(address),
            false => Err(format!("it is not an {}address", family.name())),
        });
        Self { host: host.to_owned(), address }
    }

    /// The address that `host` spells, if it spells one; asks nobody.
    pub fn literal(host: &str) -> Option<Address> {
        if let Ok(ip) = host.parse::<IpAddr>() {
            return Some(Address { ip, scope: 0 });
        }
        let (ip, zone) = host.split_once('%')?;
        let ip = IpAddr::V6(ip.parse().ok()?);
        let index = || {
            use rustix::net::{AddressFamily, SocketType, netdevice, socket};
            let any = socket(AddressFamily::INET6, SocketType::DGRAM, None).ok()?;
            netdevice::name_to_index(any, zone).ok()
        };
        let scope = zone.parse().ok().or_else(index)?;
        Some(Address { ip, scope })
    }
}

fn look_up(host: &str, family: Family) -> Result<Address, String> {
    if host.is_empty() || host.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Err("it is no host name".to_owned());
    }
    let found = (host, 0).to_socket_addrs().map_err(|error| resolver_error(&error))?;
    let address = |addr: SocketAddr| match addr {
        SocketAddr::V4(v4) => Address { ip: (*v4.ip()).into(), scope: 0 },
        SocketAddr::V6(v6) => Address { ip: (*v6.ip()).into(), scope: v6.scope_id() },
    };
    found
        .map(address)
        .find(|address| family.allows(address.ip))
        .ok_or_else(|| format!("it has no {}address", family.name()))
}

fn in_hosts_file(host: &str, family: Family) -> Result<Address, String> {
    let text = std::fs::read(Path::new(HOSTS)).unwrap_or_default();
    let found = in_hosts(&String::from_utf8_lossy(&text), host, family);
    found.ok_or_else(|| format!("it is no address, and {HOSTS} does not have it (--offline)"))
}

/// The first address of a name, in the format of hosts(5).
fn in_hosts(text: &str, host: &str, family: Family) -> Option<Address> {
    let host = host.trim_end_matches('.');
    text.lines().find_map(|line| {
        let line = line.split_once('#').map_or(line, |(line, _)| line);
        let mut words = line.split_ascii_whitespace();
        let address = Target::literal(words.next()?).filter(|address| family.allows(address.ip))?;
        words.any(|name| name.eq_ignore_ascii_case(host)).then_some(address)
    })
}

/// The resolver's words, without those that the standard library puts before them.
fn resolver_error(error: &std::io::Error) -> String {
    let text = error.to_string();
    let text = text.strip_prefix("failed to lookup address information: ").unwrap_or(&text);
    format!("cannot resolve it: {text}")
}

/// What must hold of any text, as a hosts file and as a host: an address is of the family wanted.
#[cfg(any(test, fuzzing))]
pub(crate) fn check(text: &str) {
    for family in [Family::Any, Family::V4, Family::V6] {
        let found = in_hosts(text, "a", family);
        assert!(found.is_none_or(|address| family.allows(address.ip)));
    }
    let _ = Target::literal(text.trim());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_not_looked_up_and_families_are_kept_apart() {
        let six = Lookup { family: Family::V6, offline: false };
        let four = Target::resolve("192.0.2.1", Lookup::default()).address.unwrap();
        assert_eq!(four.ip.to_string(), "192.0.2.1");
        assert!(Target::resolve("192.0.2.1", six).address.unwrap_err().contains("IPv6"));
        assert!(Target::resolve("2001:db8::1", six).address.is_ok());
    }

    #[test]
    fn what_is_no_name_is_not_looked_up() {
        for host in ["", "a b", "a\nb"] {
            assert!(Target::resolve(host, Lookup::default()).address.is_err(), "{host:?}");
        }
    }

    #[test]
    fn names_of_the_hosts_file() {
        let text = "# 192.0.2.9 a\n\n192.0.2.1\tA.example  a # b\n2001:db8::1 a\nnonsense c\n";
        let of = |host, family| in_hosts(text, host, family).map(|found| found.ip.to_string());
        assert_eq!(of("a", Family::Any).as_deref(), Some("192.0.2.1"));
        assert_eq!(of("a.EXAMPLE.", Family::Any).as_deref(), Some("192.0.2.1"));
        assert_eq!(of("a", Family::V6).as_deref(), Some("2001:db8::1"));
        assert_eq!((of("b", Family::Any), of("c", Family::Any)), (None, None));
    }

    #[test]
    fn offline_nobody_is_asked() {
        let how = Lookup { offline: true, ..Lookup::default() };
        let error = Target::resolve("no-such.example", how).address.unwrap_err();
        assert!(error.contains("/etc/hosts"), "{error}");
        assert!(Target::resolve("192.0.2.1", how).address.is_ok());
    }

    proptest::proptest! {
        #[test]
        fn damaged_hosts_files_name_addresses_or_nothing(
            text in tm_mutate::text(tm_mutate::seeds("lists"))
        ) {
            check(&text);
        }
    }
}
