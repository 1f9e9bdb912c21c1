//! Addresses as other programs write them.

use std::net::IpAddr;

/// The address in its canonical form; the zone of a link-local one stays.
///
/// `None` where the text is no address.
pub(crate) fn canonical(text: &str) -> Option<String> {
    match text.split_once('%') {
        None => Some(text.parse::<IpAddr>().ok()?.to_string()),
        Some((ip, zone)) if is_zone(zone) => Some(format!("{}%{zone}", ip.parse::<IpAddr>().ok()?)),
        Some(_) => None,
    }
}

fn is_zone(zone: &str) -> bool {
    !zone.is_empty() && zone.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
}

/// Text that looks like an address but for its letter case or leading zeros is still text.
pub(crate) fn parse(text: &str) -> Option<IpAddr> {
    text.split('%').next()?.parse().ok()
}

/// Whether the special-purpose registries say that it is not globally reachable.
pub(crate) fn is_private(text: &str) -> bool {
    parse(text).is_some_and(tm_path::special::is_private)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones_stay_and_what_is_no_address_is_none() {
        assert_eq!(canonical("FE80::1%eth0").as_deref(), Some("fe80::1%eth0"));
        assert_eq!(canonical("2001:DB8::0:1").as_deref(), Some("2001:db8::1"));
        for no in ["", "name", "1.2.3", "1.2.3.4.5", "fe80::1%", "fe80::1%a b", "10.0.0.1:80"] {
            assert_eq!(canonical(no), None, "{no}");
        }
        assert!(is_private("fe80::1%eth0") && !is_private("8.8.8.8") && !is_private("name"));
    }
}
