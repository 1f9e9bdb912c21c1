//! Writing MaxMind DB files (format 2.0) of prefixes in order: the search tree is made from the
//! leaves up in one pass, so that a million of them take well under a second.

use std::collections::HashMap;
use std::time::{SystemTime, UNIX_EPOCH};

/// Between the tree and the data.
const SEPARATOR: usize = 16;

/// What stands before the metadata.
const MARK: &[u8] = b"\xab\xcd\xefMaxMind.com";

/// A prefix in a tree of 128 bits, IPv4 at `::/96`, and where its record stands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Leaf {
    pub(crate) first: u128,
    pub(crate) length: u8,
    pub(crate) record: Place,
}

/// Where a record stands in the data section.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place(u32);

/// A value of a record.
pub(crate) enum Field<'a> {
    Text(&'a str),
    Short(u16),
    Number(u32),
    Long(u64),
    Numbers(&'a [u32]),
    Texts(&'a [&'a str]),
    Map(&'a [(&'a str, Field<'a>)]),
}

/// The data section: records, and each text once.
#[derive(Debug, Default)]
pub(crate) struct Data {
    bytes: Vec<u8>,
    texts: HashMap<String, u32>,
}

impl Data {
    /// Adds a record.
    pub(crate) fn record(&mut self, fields: &[(&str, Field<'_>)]) -> Place {
        self.keep_texts(fields);
        let place = Place(self.bytes.len() as u32);
        let texts = &self.texts;
        put_map(fields, &mut self.bytes, &|text, out| match texts.get(text) {
            Some(&at) => put_pointer(at, out),
            None => put_text(text, out),
        });
        place
    }

    fn keep_texts(&mut self, fields: &[(&str, Field<'_>)]) {
        for (key, value) in fields {
            self.keep(key);
            match value {
                Field::Text(text) => self.keep(text),
                Field::Map(fields) => self.keep_texts(fields),
                _ => {}
            }
        }
    }

    fn keep(&mut self, text: &str) {
        // A pointer takes up to five octets: shorter texts are no gain.
        if text.len() > 4 && !self.texts.contains_key(text) {
            self.texts.insert(text.to_owned(), self.bytes.len() as u32);
            put_text(text, &mut self.bytes);
        }
    }
}

/// The file. `leaves` are in order, outer prefixes before inner ones, none of them twice.
pub(crate) fn file(
    leaves: &[Leaf],
    data: &Data,
    kind: &str,
    about: &str,
) -> Result<Vec<u8>, String> {
    let mut tree = Tree::default();
    let root = tree.subtree(leaves, 0, Child::Nothing);
    if !matches!(root, Child::Node(_)) {
        tree.nodes.push([root, root]); // a tree has a root
    }
    let nodes = tree.nodes.len();
    let most = (nodes + SEPARATOR + data.bytes.len()) as u64;
    let bits: u16 = match most {
        0..0x100_0000 => 24,
        0x100_0000..0x1000_0000 => 28,
        0x1000_0000..0x1_0000_0000 => 32,
        _ => return Err("too many prefixes for one file".to_owned()),
    };
    let mut out = Vec::with_capacity(nodes * usize::from(bits) / 4 + data.bytes.len() + 1024);
    // The root was made last and comes first.
    for &[left, right] in tree.nodes.iter().rev() {
        put_node(left.encoded(nodes), right.encoded(nodes), bits, &mut out);
    }
    out.extend_from_slice(&[0; SEPARATOR]);
    out.extend_from_slice(&data.bytes);
    out.extend_from_slice(MARK);
    put_map(
        &metadata(nodes as u32, bits, kind, &[("en", Field::Text(about))]),
        &mut out,
        &put_text,
    );
    Ok(out)
}

fn metadata<'a>(
    nodes: u32,
    bits: u16,
    kind: &'a str,
    about: &'a [(&'a str, Field<'a>)],
) -> [(&'a str, Field<'a>); 9] {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    [
        ("binary_format_major_version", Field::Short(2)),
        ("binary_format_minor_version", Field::Short(0)),
        ("build_epoch", Field::Long(now)),
        ("database_type", Field::Text(kind)),
        ("description", Field::Map(about)),
        ("ip_version", Field::Short(6)),
        ("languages", Field::Texts(&["en"])),
        ("node_count", Field::Number(nodes)),
        ("record_size", Field::Short(bits)),
    ]
}

/// One side of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Child {
    Nothing,
    Record(Place),
    /// In the order in which they were made: the root is the last.
    Node(u32),
}

impl Child {
    fn encoded(self, nodes: usize) -> u32 {
        let nodes = nodes as u32;
        match self {
            Self::Nothing => nodes,
            Self::Record(Place(at)) => nodes + SEPARATOR as u32 + at,
            Self::Node(made) => nodes - 1 - made,
        }
    }
}

#[derive(Default)]
struct Tree {
    nodes: Vec<[Child; 2]>,
}

impl Tree {
    /// What stands at a place `depth` bits deep: `leaves` are all that lie there or below, `outer`
    /// is what covers it. The longest match comes out of passing `outer` down.
    fn subtree(&mut self, leaves: &[Leaf], depth: u8, outer: Child) -> Child {
        let (outer, inner) = match leaves.split_first() {
            Some((leaf, inner)) if leaf.length <= depth => (Child::Record(leaf.record), inner),
            _ => (outer, leaves),
        };
        if inner.is_empty() || depth == 128 {
            return outer;
        }
        let bit = 1 << (127 - depth);
        let (left, right) = inner.split_at(inner.partition_point(|leaf| leaf.first & bit == 0));
        let left = self.subtree(left, depth + 1, outer);
        let right = self.subtree(right, depth + 1, outer);
        if left == right && !matches!(left, Child::Node(_)) {
            return left;
        }
        self.nodes.push([left, right]);
        Child::Node(self.nodes.len() as u32 - 1)
    }
}

fn put_node(left: u32, right: u32, bits: u16, out: &mut Vec<u8>) {
    let ([a, b, c, d], [e, f, g, h]) = (left.to_be_bytes(), right.to_be_bytes());
    match bits {
        24 => out.extend_from_slice(&[b, c, d, f, g, h]),
        28 => out.extend_from_slice(&[b, c, d, a << 4 | e, f, g, h]),
        _ => out.extend_from_slice(&[a, b, c, d, e, f, g, h]),
    }
}

type PutText<'a> = &'a dyn Fn(&str, &mut Vec<u8>);

fn put_map(fields: &[(&str, Field<'_>)], out: &mut Vec<u8>, text: PutText<'_>) {
    put_head(7, fields.len(), out);
    for (key, value) in fields {
        text(key, out);
        match value {
            Field::Text(value) => text(value, out),
            Field::Short(value) => put_number(5, u64::from(*value), out),
            Field::Number(value) => put_number(6, u64::from(*value), out),
            Field::Long(value) => put_number(9, *value, out),
            Field::Numbers(all) => {
                put_head(11, all.len(), out);
                all.iter().for_each(|&number| put_number(6, u64::from(number), out));
            }
            Field::Texts(all) => {
                put_head(11, all.len(), out);
                all.iter().for_each(|value| text(value, out));
            }
            Field::Map(fields) => put_map(fields, out, text),
        }
    }
}

/// Type and size. Types over 7 are written in an octet of their own.
fn put_head(kind: u8, size: usize, out: &mut Vec<u8>) {
    let (in_head, extended) = if kind > 7 { (0, Some(kind - 7)) } else { (kind << 5, None) };
    let (short, long): (u8, &[u8]) = match size {
        0..29 => (size as u8, &[]),
        29..285 => (29, &[(size - 29) as u8]),
        _ => (30, &((size.min(65_820) - 285) as u16).to_be_bytes()),
    };
    out.push(in_head | short);
    out.extend(extended);
    out.extend_from_slice(long);
}

fn put_text(text: &str, out: &mut Vec<u8>) {
    put_head(2, text.len(), out);
    out.extend_from_slice(text.as_bytes());
}

/// The octets of a number that are not zero at its front.
fn put_number(kind: u8, number: u64, out: &mut Vec<u8>) {
    let bytes = number.to_be_bytes();
    let rest = bytes.get(number.leading_zeros() as usize / 8..).unwrap_or_default();
    put_head(kind, rest.len(), out);
    out.extend_from_slice(rest);
}

fn put_pointer(to: u32, out: &mut Vec<u8>) {
    match to {
        0..2048 => {
            let [_, _, c, d] = to.to_be_bytes();
            out.extend_from_slice(&[0x20 | c, d]);
        }
        2048..526_336 => {
            let [_, b, c, d] = (to - 2048).to_be_bytes();
            out.extend_from_slice(&[0x28 | b, c, d]);
        }
        526_336..134_744_064 => {
            let [a, b, c, d] = (to - 526_336).to_be_bytes();
            out.extend_from_slice(&[0x30 | a, b, c, d]);
        }
        _ => {
            let [a, b, c, d] = to.to_be_bytes();
            out.extend_from_slice(&[0x38, a, b, c, d]);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv6Addr};
    use std::path::Path;

    use proptest::prelude::*;
    use serde_json::json;
    use tm_enrich::database::Database;

    use super::*;

    fn open(leaves: &[Leaf], data: &Data) -> Database {
        let bytes = file(leaves, data, "Test", "a test").unwrap();
        Database::of_bytes(bytes, Path::new("test.mmdb")).unwrap()
    }

    #[test]
    fn every_kind_of_value_is_read_back() {
        let mut data = Data::default();
        let long = "x".repeat(300);
        let many: Vec<u32> = (0..400).map(|n| n * 1_000_003).collect();
        let fields = [
            ("text", Field::Text("a")),
            ("long", Field::Text(&long)),
            ("middle", Field::Text(&long[..40])),
            ("empty", Field::Text("")),
            ("short", Field::Short(300)),
            ("zero", Field::Number(0)),
            ("most", Field::Number(u32::MAX)),
            ("epoch", Field::Long(1 << 40)),
            ("many", Field::Numbers(&many)),
            ("map", Field::Map(&[("long", Field::Text(&long))])),
        ];
        let record = data.record(&fields);
        let database = open(&[Leaf { first: 0, length: 96, record }], &data);
        let found = database.look_up("9.9.9.9".parse().unwrap()).unwrap();
        let wanted = json!({
            "text": "a", "long": long, "middle": "x".repeat(40), "empty": "", "short": 300,
            "zero": 0, "most": u32::MAX, "epoch": 1_u64 << 40, "many": many, "map": {"long": long}
        });
        assert_eq!((found.record, database.kind()), (wanted, "Test"));
        assert!(database.built() > 1_700_000_000);
    }

    #[test]
    fn pointers_of_every_width_are_read_back() {
        let mut data = Data::default();
        let mut leaves = Vec::new();
        for n in 0..40_u32 {
            data.bytes.resize(data.bytes.len() + 20_000, 0);
            let name = format!("name number {n}");
            data.record(&[("later", Field::Text(&name))]);
            let record = data.record(&[("later", Field::Text(&name))]);
            leaves.push(Leaf { first: u128::from(n) << 24, length: 104, record });
        }
        let database = open(&leaves, &data);
        for n in 0..40_u8 {
            let found = database.look_up(IpAddr::from([n, 1, 2, 3])).unwrap();
            assert_eq!(found.record, json!({"later": format!("name number {n}")}));
        }
    }

    #[test]
    fn no_prefix_at_all_is_a_file_all_the_same() {
        let database = open(&[], &Data::default());
        assert!(database.look_up("9.9.9.9".parse().unwrap()).is_none());
    }

    proptest! {
        #[test]
        fn the_longest_match_is_found(
            nets in prop::collection::btree_map((0_u128..1 << 12, 100_u8..=128), 0_u32..5, 0..40),
            asked in prop::collection::vec(0_u128..1 << 12, 50),
        ) {
            // A small space of 12 bits, so that prefixes nest and touch.
            let cut = |bits: u128, length: u8| bits >> (128 - length) << (128 - length);
            let mut nets: Vec<(u128, u8, u32)> = nets.into_iter().map(|((first, length), value)| {
                let length = length.max(116);
                (cut(first << 3, length) | 1 << 127, length, value)
            }).collect();
            nets.sort_unstable();
            nets.dedup_by_key(|net| (net.0, net.1));
            let mut data = Data::default();
            let records: Vec<Place> = (0..5).map(|n| data.record(&[("value", Field::Number(n))])).collect();
            let leaves: Vec<Leaf> = nets.iter().map(|&(first, length, value)| {
                Leaf { first, length, record: records[value as usize] }
            }).collect();
            let database = open(&leaves, &data);
            for bits in asked {
                let bits = bits << 3 | 1 << 127;
                let wanted = nets.iter().filter(|net| cut(bits, net.1) == net.0).max_by_key(|net| net.1);
                let found = database.look_up(Ipv6Addr::from_bits(bits).into());
                let found = found.map(|found| found.record["value"].as_u64().unwrap());
                prop_assert_eq!(found, wanted.map(|net| u64::from(net.2)));
            }
        }
    }
}
