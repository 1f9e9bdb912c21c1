//! Text tables that map prefixes to AS numbers: the grammar of a line, and what many lines say
//! together. Reading files is not here.
//!
//! - pyasn: `1.0.0.0/24<TAB>13335`
//! - CAIDA pfx2as: `1.0.0.0<TAB>24<TAB>13335`; `_` stands between the origins of a prefix, the
//!   one seen most often first, and `,` between the members of an AS set.
//! - iptoasn.com: `1.0.0.0<TAB>1.0.0.255<TAB>13335<TAB>US<TAB>CLOUDFLARENET`; the ends may be
//!   whole numbers; AS 0 is what is not routed.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Subnets, Ipv6Subnets};

use crate::cymru::country_code;
use crate::facts::Origins;

/// Origins of one prefix that are believed.
const MOST_ORIGINS: usize = 256;

/// Octets of a name that are kept.
const LONGEST_NAME: usize = 255;

/// How the lines of a file are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Pyasn,
    Caida,
    Ranges,
}

/// What a line is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Span {
    /// A prefix as it is announced.
    Prefix(IpNet),
    /// From the one address to the other.
    Range(IpAddr, IpAddr),
}

/// What a line says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Row<'a> {
    pub(crate) span: Span,
    pub(crate) origins: Origins,
    pub(crate) country: Option<String>,
    pub(crate) name: Option<&'a str>,
}

impl Format {
    /// The format of a file whose first line this is.
    pub(crate) fn of(line: &str) -> Option<Self> {
        match line.split_ascii_whitespace().count() {
            2 => Some(Self::Pyasn),
            3 => Some(Self::Caida),
            _ if line.split('\t').count() >= 5 => Some(Self::Ranges),
            _ => None,
        }
    }

    /// Reads a line; `None`: it says that something is not routed.
    pub(crate) fn row(self, line: &str) -> Result<Option<Row<'_>>, &'static str> {
        match self {
            Self::Pyasn => {
                let fields = fields(line.split_ascii_whitespace());
                let [Some(prefix), Some(number), None, ..] = fields else {
                    return Err("expected PREFIX AS");
                };
                let prefix = prefix.parse().map_err(|_| "field 1 is no prefix")?;
                plain(prefix, origins(number).ok_or("field 2 is no AS number")?)
            }
            Self::Caida => {
                let fields = fields(line.split_ascii_whitespace());
                let [Some(first), Some(len), Some(all), None, ..] = fields else {
                    return Err("expected ADDRESS LENGTH AS");
                };
                let first = first.parse().map_err(|_| "field 1 is no address")?;
                let len = len.parse().map_err(|_| "field 2 is no prefix length")?;
                let prefix = IpNet::new(first, len).map_err(|_| "field 2 is no prefix length")?;
                plain(prefix, origins(all).ok_or("field 3 is no list of AS numbers")?)
            }
            Self::Ranges => range(line),
        }
    }
}

/// The first six fields.
fn fields<'a>(mut all: impl Iterator<Item = &'a str>) -> [Option<&'a str>; 6] {
    std::array::from_fn(|_| all.next())
}

fn plain(prefix: IpNet, origins: Origins) -> Result<Option<Row<'static>>, &'static str> {
    if prefix.prefix_len() == 0 {
        return Ok(None); // a default route is nobody's origin
    }
    if prefix.trunc() != prefix {
        return Err("the prefix has bits beyond its length");
    }
    is_apart(prefix.addr(), prefix.broadcast())?;
    let row = |origins| Row { span: Span::Prefix(prefix), origins, country: None, name: None };
    Ok(origins.routed().map(row))
}

fn range(line: &str) -> Result<Option<Row<'_>>, &'static str> {
    let all = fields(line.splitn(5, '\t'));
    let [Some(first), Some(last), Some(number), Some(country), name, ..] = all else {
        return Err("expected FIRST LAST AS COUNTRY NAME");
    };
    let first = end(first).ok_or("field 1 is no address")?;
    let last = end(last).ok_or("field 2 is no address")?;
    let number = digits(number).ok_or("field 3 is no AS number")?;
    if first.is_ipv4() != last.is_ipv4() || first > last {
        return Err("the range ends before it begins");
    }
    let Some(origins) = Origins::one(number).routed() else { return Ok(None) };
    is_apart(first, last)?;
    let name = name.map(str::trim).filter(|name| !matches!(*name, "" | "-" | "Not routed"));
    let row = Row { span: Span::Range(first, last), origins, country: country_code(country), name };
    Ok(Some(row))
}

/// What covers the place of IPv4 in IPv6 trees would be taken for everybody's.
fn is_apart(first: IpAddr, last: IpAddr) -> Result<(), &'static str> {
    let place = IpAddr::V6(Ipv6Addr::from_bits(u128::from(u32::MAX)));
    if first.is_ipv6() && first <= place && last >= IpAddr::V6(Ipv6Addr::UNSPECIFIED) {
        return Err("it covers ::/96, which is no unicast address of anybody");
    }
    Ok(())
}

/// An address, or an IPv4 address as a whole number.
fn end(text: &str) -> Option<IpAddr> {
    text.parse().ok().or_else(|| Some(Ipv4Addr::from_bits(digits(text)?).into()))
}

fn digits(text: &str) -> Option<u32> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

/// `7`, `7_8` (the first leads), `7,8` (a set, in which none does), `4_7,9`.
fn origins(text: &str) -> Option<Origins> {
    if let Some(number) = digits(text) {
        return Some(Origins::one(number));
    }
    let first_leads = !text.split('_').next()?.contains(',');
    let mut all = Vec::new();
    for number in text.split(['_', ',']) {
        let number = digits(number)?;
        if !all.contains(&number) {
            all.push(number);
        }
    }
    (all.len() <= MOST_ORIGINS).then_some(Origins { all, first_leads })
}

/// What is said of a prefix, shared by all prefixes of which the same is said.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Facts {
    pub(crate) origins: Origins,
    pub(crate) country: Option<String>,
}

/// A prefix and where in [`Table::facts`] it stands what is said of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    pub(crate) net: IpNet,
    /// It is announced as such, and no part of a range.
    pub(crate) is_announced: bool,
    pub(crate) facts: u32,
    file: u16,
}

/// What the lines of all files say.
#[derive(Debug, Default)]
pub(crate) struct Table {
    pub(crate) entries: Vec<Entry>,
    facts: Vec<Facts>,
    places: HashMap<Facts, u32>,
    names: HashMap<u32, String>,
    files: u16,
}

impl Table {
    /// What is read from here on comes after what has been read.
    pub(crate) fn next_file(&mut self) {
        self.files = self.files.saturating_add(1);
    }

    /// Takes a line in.
    pub(crate) fn add(&mut self, row: Row<'_>) {
        if let (Some(name), [number]) = (row.name, &row.origins.all[..]) {
            self.names.entry(*number).or_insert_with(|| shortened(name).to_owned());
        }
        let facts = self.place(Facts { origins: row.origins, country: row.country });
        let file = self.files;
        let entry = |net, is_announced| Entry { net, is_announced, facts, file };
        match row.span {
            Span::Prefix(net) => self.entries.push(entry(net, true)),
            Span::Range(IpAddr::V4(first), IpAddr::V4(last)) => {
                let nets = Ipv4Subnets::new(first, last, 0);
                self.entries.extend(nets.map(|net| entry(net.into(), false)));
            }
            Span::Range(IpAddr::V6(first), IpAddr::V6(last)) => {
                let nets = Ipv6Subnets::new(first, last, 0);
                self.entries.extend(nets.map(|net| entry(net.into(), false)));
            }
            Span::Range(..) => {}
        }
    }

    fn place(&mut self, facts: Facts) -> u32 {
        if let Some(&place) = self.places.get(&facts) {
            return place;
        }
        let place = self.facts.len() as u32;
        self.places.insert(facts.clone(), place);
        self.facts.push(facts);
        place
    }

    /// What stands at a place.
    pub(crate) fn facts(&self, place: u32) -> Option<&Facts> {
        self.facts.get(place as usize)
    }

    /// The name of an AS, if any of the files has it.
    pub(crate) fn name(&self, number: u32) -> Option<&str> {
        self.names.get(&number).map(String::as_str)
    }

    /// Puts the prefixes in order, a shorter one before those inside it, and makes one of equal
    /// ones: of several files the first counts, of one file all origins do.
    pub(crate) fn settle(&mut self) {
        self.entries.sort_by_key(|entry| (key(entry.net), entry.file));
        let mut settled: Vec<Entry> = Vec::with_capacity(self.entries.len());
        for entry in std::mem::take(&mut self.entries) {
            match settled.last().copied() {
                Some(last) if last.net == entry.net => {
                    if last.file == entry.file && last.facts != entry.facts {
                        let facts = self.united(last.facts, entry.facts);
                        settled.pop();
                        settled.push(Entry { facts, ..last });
                    }
                }
                _ => settled.push(entry),
            }
        }
        self.entries = settled;
    }

    fn united(&mut self, one: u32, other: u32) -> u32 {
        let (Some(a), Some(b)) = (self.facts(one), self.facts(other)) else { return one };
        let origins = Origins::unordered(a.origins.all.iter().chain(&b.origins.all).copied());
        let country = a.country.clone().filter(|_| a.country == b.country);
        self.place(Facts { origins, country })
    }
}

/// IPv4 stands where it stands in an IPv6 tree; outer prefixes come before inner ones.
pub(crate) fn key(net: IpNet) -> (u128, u8) {
    match net {
        IpNet::V4(net) => (net.network().to_bits().into(), 96 + net.prefix_len()),
        IpNet::V6(net) => (net.network().to_bits(), net.prefix_len()),
    }
}

fn shortened(name: &str) -> &str {
    name.get(..name.floor_char_boundary(LONGEST_NAME)).unwrap_or_default()
}

/// What must hold of any text: by every format it becomes a database, in which the networks of the
/// table are found.
#[cfg(any(test, fuzzing))]
pub fn check(text: &str) {
    for format in [Format::Pyasn, Format::Caida, Format::Ranges] {
        let mut table = Table::default();
        for row in text.lines().filter_map(|line| format.row(line).ok()?) {
            table.add(row);
        }
        let known: Vec<_> = table.entries.iter().map(|entry| entry.net.addr()).collect();
        let made = crate::index::mmdb(table).and_then(|bytes| {
            tm_enrich::database::Database::of_bytes(bytes, std::path::Path::new("made.mmdb"))
        });
        let find = |ip| made.as_ref().ok().and_then(|made| made.try_look_up(ip).ok());
        assert!(known.iter().all(|ip| matches!(find(*ip), Some(Some(_)))), "{text:?}");
        let asked = ["8.8.8.8", "255.255.255.255", "2001:db8::1", "::"].map(str::parse);
        assert!(asked.into_iter().flatten().all(|ip| find(ip).is_some()), "{text:?}");
    }
    let _ = Format::of(text);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(line: &str) -> Result<Option<Row<'_>>, &'static str> {
        Format::of(line).ok_or("no format")?.row(line)
    }

    fn prefix(line: &str) -> (String, Vec<u32>, bool) {
        let row = read(line).unwrap().unwrap();
        let Span::Prefix(net) = row.span else { panic!("{line}") };
        (net.to_string(), row.origins.all, row.origins.first_leads)
    }

    #[test]
    fn prefixes_have_one_origin_or_several() {
        assert_eq!(prefix("1.0.0.0/24\t13335"), ("1.0.0.0/24".into(), vec![13335], true));
        assert_eq!(prefix("2a00::\t16\t7"), ("2a00::/16".into(), vec![7], true));
        assert_eq!(prefix("1.0.0.0\t24\t9_7"), ("1.0.0.0/24".into(), vec![9, 7], true));
        assert_eq!(prefix("1.0.0.0\t24\t9,7"), ("1.0.0.0/24".into(), vec![9, 7], false));
        assert_eq!(prefix("1.0.0.0\t24\t4_7,9"), ("1.0.0.0/24".into(), vec![4, 7, 9], true));
        assert_eq!(prefix("1.0.0.0\t24\t7,9_4_9"), ("1.0.0.0/24".into(), vec![7, 9, 4], false));
    }

    #[test]
    fn ranges_need_no_prefix_and_may_be_whole_numbers() {
        let row = read("1.0.1.0\t1.0.3.255\t7\tCN\tA\tB").unwrap().unwrap();
        assert_eq!(row.span, Span::Range("1.0.1.0".parse().unwrap(), "1.0.3.255".parse().unwrap()));
        assert_eq!((row.country.as_deref(), row.name), (Some("CN"), Some("A\tB")));
        let whole = read("16777472\t16778239\t7\tNone\tA").unwrap().unwrap();
        assert_eq!((whole.span, whole.country), (row.span, None));
        assert_eq!(read("1.0.0.0\t1.0.0.9\t0\tNone\tNot routed"), Ok(None));
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (line, wanted) in [
            ("1.0.0.0/33\t7", "field 1 is no prefix"),
            ("1.0.0.1/24\t7", "the prefix has bits beyond its length"),
            ("1.0.0.0/24\tAS7", "field 2 is no AS number"),
            ("1.0.0.0\t24\t7__8", "field 3 is no list of AS numbers"),
            ("1.0.0.0\tx\t7", "field 2 is no prefix length"),
            ("1.0.0.9\t1.0.0.0\t7\tUS\tA", "the range ends before it begins"),
            ("1.0.0.9\t::1\t7\tUS\tA", "the range ends before it begins"),
            ("::\t2000::\t7\tUS\tA", "it covers ::/96, which is no unicast address of anybody"),
            ("::/1\t7", "it covers ::/96, which is no unicast address of anybody"),
            ("hello", "no format"),
        ] {
            assert_eq!(read(line), Err(wanted), "{line}");
        }
        assert_eq!(read("0.0.0.0/0\t7"), Ok(None));
    }

    #[test]
    fn equal_prefixes_become_one() {
        let mut table = Table::default();
        for line in ["9.0.0.0/8\t1", "9.0.0.0/8\t2", "9.0.0.0/24\t3"] {
            table.add(read(line).unwrap().unwrap());
        }
        table.next_file();
        table.add(read("9.0.0.0/24\t4").unwrap().unwrap());
        table.settle();
        let all = table.entries.iter().map(|entry| &table.facts(entry.facts).unwrap().origins);
        assert_eq!(all.collect::<Vec<_>>(), [&Origins::unordered([1, 2]), &Origins::one(3)]);
    }

    proptest! {
        #[test]
        fn no_line_makes_it_fall(line in "[0-9./:_,a-fA-Z\t ]{0,60}|\\PC{0,40}") {
            check(&line);
        }

        #[test]
        fn damaged_tables_become_databases(text in tm_mutate::text(tm_mutate::seeds("origins"))) {
            check(&text);
        }
    }
}
