//! Targets: from a name to the address that is traced.

use std::net::{IpAddr, SocketAddr, ToSocketAddrs};

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

impl Family {
    fn allows(self, ip: IpAddr) -> bool {
        match self {
            Self::Any => true,
            Self::V4 => ip.is_ipv4(),
            Self::V6 => ip.is_ipv6(),
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
    /// Resolves `host` by the system's resolver; blocks while it does.
    pub fn resolve(host: &str, family: Family) -> Self {
        let address =
            Self::literal(host).map_or_else(|| look_up(host, family), Ok).and_then(|address| {
                match family.allows(address.ip) {
                    true => Ok(address),
                    false => Err(format!("it is not an {}address", family.name())),
                }
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

/// The resolver's words, without those that the standard library puts before them.
fn resolver_error(error: &std::io::Error) -> String {
    let text = error.to_string();
    let text = text.strip_prefix("failed to lookup address information: ").unwrap_or(&text);
    format!("cannot resolve it: {text}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_not_looked_up_and_families_are_kept_apart() {
        let four = Target::resolve("192.0.2.1", Family::Any).address.unwrap();
        assert_eq!(four.ip.to_string(), "192.0.2.1");
        assert!(Target::resolve("192.0.2.1", Family::V6).address.unwrap_err().contains("IPv6"));
        assert!(Target::resolve("2001:db8::1", Family::V6).address.is_ok());
    }

    #[test]
    fn what_is_no_name_is_not_looked_up() {
        for host in ["", "a b", "a\nb"] {
            assert!(Target::resolve(host, Family::Any).address.is_err(), "{host:?}");
        }
    }
}
