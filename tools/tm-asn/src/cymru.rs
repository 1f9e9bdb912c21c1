//! The texts of Team Cymru's DNS service, read as octets by a strict grammar: what does not keep
//! to it is a stranger's text and no fact.
//!
//! - `4.3.2.1.origin.ZONE`: `13335 | 104.16.0.0/13 | US | arin | 2014-03-28`, several AS numbers
//!   with spaces between them; several texts where several prefixes cover the address.
//! - `AS13335.ZONE`: `13335 | US | arin | 2010-07-14 | CLOUDFLARENET, US`.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::facts::Origins;

/// Origins of one prefix that are believed; more are no answer.
const MOST_ORIGINS: usize = 64;

/// Characters of a name that are kept.
const LONGEST_NAME: usize = 255;

/// What is said of a prefix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Route {
    pub(crate) origins: Origins,
    pub(crate) prefix: IpNet,
    /// Country of registration.
    pub(crate) country: Option<String>,
    pub(crate) registry: Option<String>,
}

/// None of the texts is one of the service's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

/// The name to ask for the origin of an address.
pub(crate) fn question(ip: IpAddr, zone: &str) -> String {
    match ip {
        IpAddr::V4(ip) => {
            let [a, b, c, d] = ip.octets();
            format!("{d}.{c}.{b}.{a}.origin.{zone}.")
        }
        IpAddr::V6(ip) => {
            let nibbles = format!("{:032x}", ip.to_bits());
            let reversed: String = nibbles.chars().rev().flat_map(|nibble| [nibble, '.']).collect();
            format!("{reversed}origin6.{zone}.")
        }
    }
}

/// The longest prefix that covers the address, with the origins of every text about it.
/// `None`: not routed.
pub(crate) fn route<'a>(
    ip: IpAddr,
    texts: impl IntoIterator<Item = &'a [u8]>,
) -> Result<Option<Route>, Malformed> {
    let (mut best, mut is_malformed): (Option<Route>, bool) = (None, false);
    for text in texts {
        match origin(text) {
            Ok(Some(route)) if !route.prefix.contains(&ip) => is_malformed = true,
            Ok(Some(route)) => best = Some(best.map_or(route.clone(), |best| better(best, route))),
            Ok(None) => {}
            Err(Malformed) => is_malformed = true,
        }
    }
    if best.is_none() && is_malformed { Err(Malformed) } else { Ok(best) }
}

fn better(one: Route, other: Route) -> Route {
    if one.prefix != other.prefix {
        return if one.prefix.prefix_len() > other.prefix.prefix_len() { one } else { other };
    }
    let agreed =
        |one: Option<String>, other: Option<String>| one.filter(|one| other.as_ref() == Some(one));
    Route {
        origins: Origins::unordered(one.origins.all.into_iter().chain(other.origins.all)),
        prefix: one.prefix,
        country: agreed(one.country, other.country),
        registry: agreed(one.registry, other.registry),
    }
}

/// One text; `None`: it says that there is no route.
fn origin(text: &[u8]) -> Result<Option<Route>, Malformed> {
    let text = std::str::from_utf8(text).map_err(|_| Malformed)?;
    if text.bytes().any(|byte| !(b' '..=b'~').contains(&byte)) {
        return Err(Malformed);
    }
    let fields: Vec<&str> = text.split('|').map(str::trim).collect();
    let [numbers, prefix, country, registry, _date] = fields[..] else { return Err(Malformed) };
    if numbers == "NA" {
        return Ok(None);
    }
    let numbers: Option<Vec<u32>> = numbers.split(' ').map(number).collect();
    let numbers = numbers.filter(|all| all.len() <= MOST_ORIGINS).ok_or(Malformed)?;
    let prefix: IpNet = prefix.parse().map_err(|_| Malformed)?;
    let route = Origins::unordered(numbers).routed().map(|origins| Route {
        origins,
        prefix: prefix.trunc(),
        country: country_code(country),
        registry: registry_name(registry),
    });
    Ok(route)
}

/// The name of the AS, without the country that the service puts behind it.
pub(crate) fn name(asked: u32, text: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(text);
    let fields: Vec<&str> = text.splitn(5, '|').map(str::trim).collect();
    let [number_said, country, _registry, _date, name] = fields[..] else { return None };
    if number(number_said) != Some(asked) {
        return None;
    }
    let without = country_code(country)
        .and_then(|country| name.strip_suffix(&country)?.strip_suffix(", "))
        .unwrap_or(name);
    let name: String = without.trim().chars().take(LONGEST_NAME).collect();
    (!name.is_empty()).then_some(name)
}

/// Digits alone: no sign, no dots.
fn number(text: &str) -> Option<u32> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

/// Two letters; `EU` and `AP` stand for regions.
pub(crate) fn country_code(text: &str) -> Option<String> {
    let is_code = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_uppercase());
    (is_code && text != "ZZ").then(|| text.to_owned())
}

fn registry_name(text: &str) -> Option<String> {
    let known = ["afrinic", "apnic", "arin", "lacnic", "ripencc"];
    known.contains(&text).then(|| text.to_owned())
}

/// What must hold of any octets, as texts of a line each: a route has origins and covers the
/// address, a name is no longer than wanted.
#[cfg(any(test, fuzzing))]
pub fn check(octets: &[u8]) {
    for ip in [[8, 8, 8, 8].into(), [0x2001, 0xdb8, 0, 0, 0, 0, 0, 1].into()] {
        if let Ok(Some(route)) = route(ip, octets.split(|octet| *octet == b'\n')) {
            assert!(route.prefix.contains(&ip) && !route.origins.all.is_empty(), "{route:?}");
            assert!(!route.origins.all.contains(&0), "{route:?}");
        }
    }
    assert!(name(15169, octets).is_none_or(|name| name.chars().count() <= LONGEST_NAME));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn found(ip: &str, texts: &[&str]) -> Result<Option<Route>, Malformed> {
        route(ip.parse().unwrap(), texts.iter().map(|text| text.as_bytes()))
    }

    #[test]
    fn the_longest_prefix_counts_with_all_its_origins() {
        let texts = [
            "3356 | 8.0.0.0/9 | US | arin | 1992-12-01",
            "15169 | 8.8.8.0/24 | US | arin | 2023-12-28",
            "64500 36040 | 8.8.8.0/24 | US | ripencc | ",
        ];
        let route = found("8.8.8.8", &texts).unwrap().unwrap();
        assert_eq!(route.prefix.to_string(), "8.8.8.0/24");
        assert_eq!(route.origins, Origins::unordered([15169, 36040, 64500]));
        assert_eq!((route.country.as_deref(), route.registry), (Some("US"), None));
        let six = found("2a00:1::9", &["7 | 2a00:1::/32 | EU | ripencc | 2010-01-01"]);
        assert_eq!(six.unwrap().unwrap().origins, Origins::one(7));
    }

    #[test]
    fn not_routed_is_told_from_nonsense() {
        assert_eq!(found("8.8.8.8", &[]), Ok(None));
        assert_eq!(found("8.8.8.8", &["NA | 8.8.8.8/32 | US | arin | "]), Ok(None));
        assert_eq!(found("8.8.8.8", &["0 | 8.0.0.0/8 | US | arin | "]), Ok(None));
        for text in [
            "",
            "15169",
            "15169 | 9.9.9.0/24 | US | arin | ",
            "AS15169 | 8.8.8.0/24 | US | arin | ",
            "+15169 | 8.8.8.0/24 | US | arin | ",
            "15169  7 | 8.8.8.0/24 | US | arin | ",
            "4294967296 | 8.8.8.0/24 | US | arin | ",
            "15169 | 8.8.8.0/33 | US | arin | ",
            "15169 | 8.8.8.0/24 | US | arin | | ",
            "15169\t| 8.8.8.0/24 | US | arin | ",
            "15169 | 8.8.8.0/24 | \x1b[2J | arin | ",
        ] {
            assert_eq!(found("8.8.8.8", &[text]), Err(Malformed), "{text:?}");
        }
    }

    #[test]
    fn a_name_is_freed_of_its_country_and_nothing_else() {
        let name = |text: &[u8]| name(7, text);
        assert_eq!(name(b"7 | US | arin | 2010 | A-B - C, Inc., US").unwrap(), "A-B - C, Inc.");
        assert_eq!(name(b"7 | US | arin | 2010 | A, DE").unwrap(), "A, DE");
        assert_eq!(name(b"7 |  | arin | 2010 | A | B").unwrap(), "A | B");
        assert_eq!(name(b"7 | SE | ripencc | 2010 | Malm\xf6, SE").unwrap(), "Malm\u{fffd}");
        assert_eq!(name(b"8 | US | arin | 2010 | A, US"), None);
        assert_eq!(name(b"7 | US | arin | 2010 | "), None);
    }

    #[test]
    fn questions_are_written_backwards() {
        assert_eq!(question("1.2.3.4".parse().unwrap(), "z"), "4.3.2.1.origin.z.");
        let six = question("2001:db8::f".parse().unwrap(), "z");
        assert!(six.starts_with("f.0.0.0.") && six.ends_with(".8.b.d.0.1.0.0.2.origin6.z."));
    }

    proptest! {
        #[test]
        fn no_octets_make_it_fall(text: Vec<u8>, near in "[0-9 |./:a-zA-Z]{0,60}") {
            check(&text);
            check(near.as_bytes());
        }

        #[test]
        fn damaged_answers_are_routes_or_malformed(
            octets in tm_mutate::octets(tm_mutate::seeds("origins"))
        ) {
            check(&octets);
        }
    }
}
