//! Inputs for the fuzz targets: samples of a format, damaged here and there. What reads them is
//! not here; nor is chance, which is proptest's.
//!
//! Octets that nothing chose are rejected by the first check of a parser. A sample with a few
//! changes gets past it, into what is behind.

use std::path::Path;

use proptest::prelude::*;

/// What parsers tend to stumble over.
const TRAPS: [&str; 24] = [
    "-1",
    "0",
    "255",
    "256",
    "65536",
    "4294967296",
    "9223372036854775807",
    "18446744073709551615",
    "18446744073709551616",
    "1e308",
    "-1e308",
    "1e999",
    "5e-324",
    "NaN",
    "null",
    "true",
    "\"\"",
    "[]",
    "{}",
    "[[[[[[[[",
    "\"\\ud800\"",
    "::ffff:0.0.0.0",
    "\u{202e}",
    "\0",
];

/// One change; a position counts from the start again where the octets end.
#[derive(Clone, Debug)]
enum Change {
    Set(usize, u8),
    Cut(usize, usize),
    Double(usize, usize),
    /// Puts a trap in place of the number at or after a position.
    Number(usize, &'static str),
    Insert(usize, &'static str),
    /// Goes on with another sample.
    Graft(usize, usize, usize),
}

fn change() -> impl Strategy<Value = Change> {
    let at = any::<usize>;
    let octet = prop_oneof![any::<u8>(), prop::sample::select(b"0-9.*!<>[](){}\":, \n\\".to_vec())];
    let trap = || prop::sample::select(&TRAPS[..]);
    prop_oneof![
        3 => (at(), octet).prop_map(|(at, octet)| Change::Set(at, octet)),
        2 => (at(), 1..200_usize).prop_map(|(at, len)| Change::Cut(at, len)),
        2 => (at(), 1..200_usize).prop_map(|(at, len)| Change::Double(at, len)),
        4 => (at(), trap()).prop_map(|(at, trap)| Change::Number(at, trap)),
        1 => (at(), trap()).prop_map(|(at, trap)| Change::Insert(at, trap)),
        1 => (at(), at(), at()).prop_map(|(at, whose, from)| Change::Graft(at, whose, from)),
    ]
}

fn apply(change: &Change, octets: &mut Vec<u8>, samples: &[Vec<u8>]) {
    let len = octets.len();
    if len == 0 {
        return;
    }
    match change {
        Change::Set(at, octet) => {
            let at = at % len;
            octets.splice(at..=at, [*octet]);
        }
        Change::Cut(at, many) => {
            let at = at % len;
            octets.drain(at..(at + many).min(len));
        }
        Change::Double(at, many) => {
            let at = at % len;
            octets.extend_from_within(at..(at + many).min(len));
            octets.get_mut(at..).unwrap_or_default().rotate_right((at + many).min(len) - at);
        }
        Change::Number(at, trap) => {
            let mut rest = octets.iter().enumerate().skip(at % len);
            let Some((from, _)) = rest.find(|(_, octet)| octet.is_ascii_digit()) else { return };
            let is_more = |octet: &&u8| octet.is_ascii_digit() || **octet == b'.';
            let many = octets.iter().skip(from).take_while(is_more).count();
            octets.splice(from..from + many, trap.bytes());
        }
        Change::Insert(at, trap) => {
            let at = at % len;
            octets.splice(at..at, trap.bytes());
        }
        Change::Graft(at, whose, from) => {
            octets.truncate(at % len);
            if let Some(other) = samples.get(whose % samples.len()) {
                octets.extend(other.iter().skip(from % other.len().max(1)));
            }
        }
    }
}

/// Samples with up to eight changes each, and now and then octets that resemble none.
///
/// # Panics
/// Where there are no samples: a target without them would test nothing.
pub fn octets(samples: Vec<Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    assert!(samples.iter().any(|sample| !sample.is_empty()), "there must be a sample");
    let changes = prop::collection::vec(change(), 1..8);
    let damaged = (any::<usize>(), changes).prop_map(move |(which, changes)| {
        let mut octets = samples.get(which % samples.len()).cloned().unwrap_or_default();
        for change in &changes {
            apply(change, &mut octets, &samples);
        }
        octets
    });
    prop_oneof![15 => damaged, 1 => prop::collection::vec(any::<u8>(), 0..300)]
}

/// What a fuzz target begins with, `tests/fuzz/seeds/TARGET`.
pub fn seeds(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/seeds").join(target);
    let entries = std::fs::read_dir(folder).into_iter().flatten();
    let mut paths: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.sort();
    paths.iter().filter_map(|path| std::fs::read(path).ok()).collect()
}

/// The same as texts; what is no UTF-8 any more becomes `U+FFFD`.
pub fn text(samples: Vec<Vec<u8>>) -> impl Strategy<Value = String> {
    octets(samples).prop_map(|octets| String::from_utf8_lossy(&octets).into_owned())
}

/// `PROPTEST_CASES`, and `few` where it is not set.
pub fn cases(few: u32) -> ProptestConfig {
    let config = ProptestConfig::default();
    match std::env::var_os("PROPTEST_CASES") {
        Some(_) => config,
        None => ProptestConfig { cases: few, ..config },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest! {
        #[test]
        fn samples_are_damaged_and_not_lost(octets in octets(vec![b"hop 12 at 10.0.0.1".to_vec()])) {
            prop_assert!(octets.len() < 4000);
        }
    }

    #[test]
    fn each_change_does_what_it_says() {
        let samples = [b"ab 12.5 cd".to_vec()];
        let changed = |change| {
            let mut octets = samples[0].clone();
            apply(&change, &mut octets, &samples);
            String::from_utf8(octets).unwrap()
        };
        assert_eq!(changed(Change::Set(0, b'x')), "xb 12.5 cd");
        assert_eq!(changed(Change::Cut(0, 3)), "12.5 cd");
        assert_eq!(changed(Change::Double(0, 3)), "ab ab 12.5 cd");
        assert_eq!(changed(Change::Number(0, "NaN")), "ab NaN cd");
        assert_eq!(changed(Change::Insert(0, "{}")), "{}ab 12.5 cd");
        assert_eq!(changed(Change::Graft(0, 0, 0)), "ab 12.5 cd");
    }
}
