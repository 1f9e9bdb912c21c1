//! The addresses of a bulk run, as ranges: a prefix costs as little as one address. They are
//! numbered in the order of their values, IPv4 first, and no address has two numbers.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use ipnet::IpNet;

/// Addresses from one to another, both of them included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    first: u128,
    /// Addresses beyond the first.
    more: u32,
    v6: bool,
}

impl Range {
    /// Whether these are IPv6 addresses.
    pub fn is_ipv6(&self) -> bool {
        self.v6
    }
}

impl FromStr for Range {
    type Err = String;

    /// An address, or a prefix such as `192.0.2.0/24`.
    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(ip) = text.parse::<IpAddr>() {
            return Ok(Self { first: value(ip), more: 0, v6: ip.is_ipv6() });
        }
        let net: IpNet = text.parse().map_err(|_| "it is neither an address nor a prefix")?;
        let (first, last) = (value(net.network()), value(net.broadcast()));
        let more = u32::try_from(last - first).map_err(|_| "it has more than 2^32 addresses")?;
        Ok(Self { first, more, v6: net.addr().is_ipv6() })
    }
}

fn value(ip: IpAddr) -> u128 {
    match ip {
        IpAddr::V4(ip) => ip.to_bits().into(),
        IpAddr::V6(ip) => ip.to_bits(),
    }
}

/// The addresses of one family: where each range begins, and the number of its first address.
#[derive(Debug, Default)]
struct Family {
    firsts: Vec<u128>,
    numbers: Vec<u32>,
    count: u32,
}

impl Family {
    fn number(&self, value: u128) -> Option<u32> {
        let range = self.firsts.partition_point(|&first| first <= value).checked_sub(1)?;
        let offset = u32::try_from(value - self.firsts.get(range)?).ok()?;
        let number = self.numbers.get(range)?.checked_add(offset)?;
        let end = self.numbers.get(range + 1).copied().unwrap_or(self.count);
        (number < end).then_some(number)
    }

    fn value(&self, number: u32) -> Option<u128> {
        let range = self.numbers.partition_point(|&first| first <= number).checked_sub(1)?;
        let offset = number - self.numbers.get(range)?;
        (number < self.count).then_some(self.firsts.get(range)? + u128::from(offset))
    }
}

/// The addresses of a bulk run.
#[derive(Debug, Default)]
pub struct Targets {
    v4: Family,
    v6: Family,
}

impl Targets {
    /// The addresses of the ranges, whatever their order and however they overlap; an error where
    /// there are too many to be numbered.
    pub fn new(mut ranges: Vec<Range>) -> Result<Self, String> {
        ranges.sort_unstable_by_key(|range| (range.v6, range.first));
        let mut targets = Self::default();
        let mut ends = [None::<u128>; 2]; // the last address of each family that is in
        for range in ranges {
            let taken = u32::try_from(targets.len()).unwrap_or(u32::MAX);
            let (family, end) = match (range.v6, &mut ends) {
                (false, [end, _]) => (&mut targets.v4, end),
                (true, [_, end]) => (&mut targets.v6, end),
            };
            let last = range.first.saturating_add(range.more.into());
            if end.is_some_and(|end| last <= end) {
                continue;
            }
            let next = end.map_or(0, |end| end + 1); // there is one: `last` is beyond the end
            let first = range.first.max(next);
            let count = u32::try_from(last - first).ok().and_then(|more| more.checked_add(1));
            if count.and_then(|count| taken.checked_add(count)).is_none() {
                return Err("more than 2^32 addresses are too many for one run".to_owned());
            }
            let count = count.unwrap_or_default();
            if first != next || family.firsts.is_empty() {
                family.firsts.push(first);
                family.numbers.push(family.count);
            }
            family.count += count;
            *end = Some(last);
        }
        Ok(targets)
    }

    /// How many addresses there are.
    pub fn len(&self) -> u64 {
        u64::from(self.v4.count) + u64::from(self.v6.count)
    }

    /// There are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many addresses of the family there are.
    pub(crate) fn count(&self, v6: bool) -> u32 {
        if v6 { self.v6.count } else { self.v4.count }
    }

    /// The address with this number.
    pub(crate) fn get(&self, number: u32) -> Option<IpAddr> {
        match number.checked_sub(self.v4.count) {
            None => self.v4.value(number).map(|value| Ipv4Addr::from_bits(value as u32).into()),
            Some(number) => self.v6.value(number).map(|value| Ipv6Addr::from_bits(value).into()),
        }
    }

    /// The number of an address.
    pub(crate) fn number(&self, ip: IpAddr) -> Option<u32> {
        match ip {
            IpAddr::V4(_) => self.v4.number(value(ip)),
            IpAddr::V6(_) => self.v6.number(value(ip)).map(|number| number + self.v4.count),
        }
    }
}

/// What must hold of any list: each address has one number, in order.
#[cfg(any(test, fuzzing))]
pub(crate) fn check(text: &str) {
    let ranges = text.lines().filter_map(|line| line.trim().parse().ok());
    let Ok(targets) = Targets::new(ranges.collect()) else { return };
    let len = targets.len();
    for from in [0, len / 2, len.saturating_sub(20)] {
        let numbers = (from..len.min(from + 20)).filter_map(|number| u32::try_from(number).ok());
        let ips: Vec<IpAddr> = numbers.clone().filter_map(|number| targets.get(number)).collect();
        assert!(ips.is_sorted_by(|one, next| one < next), "{ips:?}");
        assert!(ips.iter().map(|ip| targets.number(*ip)).eq(numbers.map(Some)), "{ips:?}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn targets(lines: &[&str]) -> Result<Targets, String> {
        Targets::new(lines.iter().map(|line| line.parse()).collect::<Result<_, _>>()?)
    }

    #[test]
    fn addresses_and_prefixes_of_both_families_are_numbered_in_order() {
        let targets =
            targets(&["2001:db8::/126", "192.0.2.7", "192.0.2.0/30", "192.0.2.2", "192.0.2.7"])
                .unwrap();
        let all: Vec<String> = (0..9).filter_map(|n| Some(targets.get(n)?.to_string())).collect();
        assert_eq!(
            all.join(" "),
            "192.0.2.0 192.0.2.1 192.0.2.2 192.0.2.3 192.0.2.7 \
             2001:db8:: 2001:db8::1 2001:db8::2 2001:db8::3"
        );
        assert_eq!((targets.len(), targets.count(true)), (9, 4));
        assert_eq!(targets.get(9), None);
    }

    #[test]
    fn the_last_address_of_all_has_one_number_too() {
        let last = "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff";
        let targets = targets(&[last, last, "255.255.255.255", "255.255.255.255"]).unwrap();
        assert_eq!((targets.len(), targets.get(1)), (2, last.parse().ok()));
    }

    #[test]
    fn what_is_no_address_says_so() {
        for wrong in ["", "example.com", "192.0.2.1/33", "192.0.2", "fe80::1%eth0", "2001:db8::/64"]
        {
            assert!(wrong.parse::<Range>().is_err(), "{wrong:?}");
        }
        assert!(targets(&["0.0.0.0/0"]).is_err());
        assert!(targets(&["0.0.0.0/1", "::/97", "128.0.0.0/8"]).is_err());
    }

    proptest! {
        #[test]
        fn damaged_lists_number_each_address_once(
            text in tm_mutate::text(tm_mutate::seeds("lists"))
        ) {
            check(&text);
        }

        #[test]
        fn each_address_has_one_number(ranges in prop::collection::vec((any::<bool>(), 0u128..300, 0u32..40), 0..30)) {
            let wanted: BTreeSet<(bool, u128)> = ranges.iter()
                .flat_map(|&(v6, first, more)| (first..=first + u128::from(more)).map(move |value| (v6, value)))
                .collect();
            let ranges = ranges.iter().map(|&(v6, first, more)| Range { first, more, v6 });
            let targets = Targets::new(ranges.collect()).unwrap();
            prop_assert_eq!(targets.len(), wanted.len() as u64);
            for (number, &(v6, value)) in (0..).zip(&wanted) {
                let ip = targets.get(number).unwrap();
                prop_assert_eq!((ip.is_ipv6(), super::value(ip)), (v6, value));
                prop_assert_eq!(targets.number(ip), Some(number));
            }
            let strangers = (0..400).map(|value| (false, value)).filter(|known| !wanted.contains(known));
            for (_, value) in strangers {
                prop_assert_eq!(targets.number(Ipv4Addr::from_bits(value as u32).into()), None);
            }
        }
    }
}
