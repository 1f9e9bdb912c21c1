//! Names: keyed pseudonyms of hosts, trace ids and MPLS labels. The same key makes the same
//! pseudonym of the same name, and without the key a guess of the name cannot be tested.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use tm_stream::memory::Memory;

use crate::key::Key;

/// Names whose pseudonyms are remembered.
const REMEMBERED: usize = 1 << 14;

/// Longer ones are not remembered.
const LONGEST: usize = 256;

/// The letters of base 32 (RFC 4648), small.
const LETTERS: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

/// MPLS labels below this one mean the same everywhere (RFC 3032, RFC 7274).
const FIRST_OWN_LABEL: u32 = 16;

/// The pseudonyms of names under one key.
pub(crate) struct Names {
    keyed: Hmac<Sha256>,
    hosts: Memory<String, String>,
    ids: Memory<String, String>,
}

impl Names {
    pub(crate) fn new(key: &Key) -> Self {
        // A key that is shorter than a block is filled up with zeroes (RFC 2104).
        let mut block = [0; 64];
        block.iter_mut().zip(key.octets()).for_each(|(to, from)| *to = *from);
        Self {
            keyed: Hmac::new(&block.into()),
            hosts: Memory::new(REMEMBERED),
            ids: Memory::new(REMEMBERED),
        }
    }

    /// `host-` and ten letters. Case and a dot at the end make no difference, as in DNS.
    pub(crate) fn host(&mut self, name: &str) -> String {
        if let Some(known) = self.hosts.get(name) {
            return known.clone();
        }
        let same = name.trim_end_matches('.').to_lowercase();
        let hash = self.hash("host", same.as_bytes());
        let letter = |at: u32| {
            let letter = (hash >> (5 * at)) as usize % LETTERS.len();
            char::from(LETTERS.get(letter).copied().unwrap_or(b'a'))
        };
        let pseudonym: String = "host-".chars().chain((0..10).map(letter)).collect();
        if name.len() <= LONGEST {
            self.hosts.insert(name.to_owned(), pseudonym.clone());
        }
        pseudonym
    }

    /// A `UUIDv8` (RFC 9562): the time in a `UUIDv7` goes too.
    pub(crate) fn trace_id(&mut self, id: &str) -> String {
        if let Some(known) = self.ids.get(id) {
            return known.clone();
        }
        let hash = self.hash("trace", id.as_bytes());
        let pseudonym = uuid::Builder::from_custom_bytes(hash.to_be_bytes()).into_uuid();
        let pseudonym = pseudonym.to_string();
        if id.len() <= LONGEST {
            self.ids.insert(id.to_owned(), pseudonym.clone());
        }
        pseudonym
    }

    /// Another label; those with a meaning of their own stay.
    pub(crate) fn label(&self, label: u32) -> u32 {
        if label < FIRST_OWN_LABEL {
            return label;
        }
        let hash = self.hash("label", &label.to_be_bytes());
        let own = (1 << 20) - u128::from(FIRST_OWN_LABEL);
        FIRST_OWN_LABEL + (hash % own) as u32
    }

    fn hash(&self, domain: &str, name: &[u8]) -> u128 {
        let mut keyed = self.keyed.clone();
        keyed.update(domain.as_bytes());
        keyed.update(&[0]);
        keyed.update(name);
        let octets = keyed.finalize().into_bytes();
        octets.iter().take(16).fold(0, |hash, octet| hash << 8 | u128::from(*octet))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(key: u8) -> Names {
        Names::new(&Key::from([key; 32]))
    }

    #[test]
    fn the_same_key_makes_the_same_pseudonym() {
        let host = names(1).host("Example.com");
        assert_eq!(host, names(1).host("example.com."));
        assert!(host.starts_with("host-") && host.len() == 15, "{host}");
        assert_ne!(host, names(2).host("example.com"));
        assert_ne!(host, names(1).host("example.org"));
    }

    #[test]
    fn a_trace_id_is_a_uuid_without_a_time() {
        let id = names(1).trace_id("019abf00-1111-7222-8333-444455556666");
        let uuid = uuid::Uuid::parse_str(&id).unwrap();
        assert_eq!(uuid.get_version_num(), 8);
    }

    #[test]
    fn labels_stay_labels_and_reserved_ones_stay() {
        let names = names(1);
        assert_eq!((names.label(0), names.label(3), names.label(7)), (0, 3, 7));
        for label in [16, 24_001, 1_048_575] {
            let other = names.label(label);
            assert!((16..1 << 20).contains(&other) && other != label, "{label} {other}");
        }
    }
}
