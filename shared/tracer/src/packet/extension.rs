//! ICMP extensions: the multi-part structure of RFC 4884, with the MPLS label stack of RFC 4950
//! and the interface information of RFC 5837 in it.
//!
//! Every length is checked before it is believed; what does not hold together is dropped, and
//! the hop is kept.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use etherparse::checksum::Sum16BitWords;
use tm_schema::{Interface, MplsLabel};

/// What a responder said beyond the quoted datagram.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Extensions {
    /// The label stack that the probe arrived with, top first.
    pub mpls: Vec<MplsLabel>,
    /// The interface named first.
    pub interface: Option<Interface>,
}

/// Where extensions begin when a responder does not say (RFC 4884, section 5.5).
pub const LEGACY_OFFSET: usize = 128;
const VERSION: u8 = 2;
const MPLS_CLASS: u8 = 1;
const INTERFACE_CLASS: u8 = 2;
const MAX_OBJECTS: usize = 64;
const MAX_LABELS: usize = 16;

impl Extensions {
    /// Reads the extension structure at the start of `bytes`; nothing where there is none, or
    /// where its checksum is wrong.
    pub fn parse(bytes: &[u8]) -> Self {
        let mut found = Self::default();
        let Some((&[version, _, high, low], mut rest)) = bytes.split_first_chunk::<4>() else {
            return found;
        };
        let checksummed = u16::from_be_bytes([high, low]) != 0;
        if version >> 4 != VERSION || (checksummed && !is_intact(bytes)) {
            return found;
        }
        for _ in 0..MAX_OBJECTS {
            let Some((class, kind, body, after)) = object(rest) else { break };
            match class {
                MPLS_CLASS if kind == 1 && found.mpls.is_empty() => found.mpls = labels(body),
                INTERFACE_CLASS if found.interface.is_none() => {
                    found.interface = interface(kind, body);
                }
                _ => {}
            }
            rest = after;
        }
        found
    }

    /// Reads extensions that a responder put behind 128 bytes of datagram without saying so.
    /// Only a structure with a checksum that holds is believed.
    pub fn parse_legacy(bytes: &[u8]) -> Self {
        match bytes {
            [_, _, 0, 0, ..] => Self::default(),
            _ if is_intact(bytes) => Self::parse(bytes),
            _ => Self::default(),
        }
    }

    /// Nothing was said.
    pub fn is_empty(&self) -> bool {
        self.mpls.is_empty() && self.interface.is_none()
    }
}

fn is_intact(bytes: &[u8]) -> bool {
    Sum16BitWords::new().add_slice(bytes).ones_complement() == 0
}

/// Splits one object off: class, type, body, what follows.
fn object(bytes: &[u8]) -> Option<(u8, u8, &[u8], &[u8])> {
    let &[high, low, class, kind] = bytes.first_chunk::<4>()?;
    let len = usize::from(u16::from_be_bytes([high, low]));
    if len < 4 {
        return None; // a length that does not move on would be read forever
    }
    let (whole, after) = bytes.split_at_checked(len)?;
    Some((class, kind, whole.get(4..)?, after))
}

fn labels(body: &[u8]) -> Vec<MplsLabel> {
    let mut stack = Vec::new();
    for entry in body.as_chunks::<4>().0.iter().take(MAX_LABELS) {
        let bits = u32::from_be_bytes(*entry);
        let label = MplsLabel {
            label: bits >> 12,
            tc: (bits >> 9 & 7) as u8,
            bottom: bits >> 8 & 1 == 1,
            ttl: bits as u8,
        };
        stack.push(label);
        if label.bottom {
            break;
        }
    }
    stack
}

/// RFC 5837, section 4.1: the type's top bits are the role, its low bits say which parts follow.
fn interface(kind: u8, body: &[u8]) -> Option<Interface> {
    let role = match kind >> 6 {
        0 => "incoming",
        1 => "incoming_sub_ip",
        2 => "outgoing",
        _ => "next_hop",
    };
    let mut found = Interface { role: role.to_owned(), ..Interface::default() };
    let mut rest = body;
    if kind & 0b1000 != 0 {
        found.index = Some(take_u32(&mut rest)?);
    }
    if kind & 0b0100 != 0 {
        found.ip = Some(take_ip(&mut rest)?);
    }
    if kind & 0b0010 != 0 {
        found.name = Some(take_name(&mut rest)?);
    }
    if kind & 0b0001 != 0 {
        found.mtu = Some(take_u32(&mut rest)?);
    }
    Some(found)
}

fn take<'a, const N: usize>(rest: &mut &'a [u8]) -> Option<&'a [u8; N]> {
    let (head, tail) = rest.split_first_chunk::<N>()?;
    *rest = tail;
    Some(head)
}

fn take_u32(rest: &mut &[u8]) -> Option<u32> {
    take::<4>(rest).map(|bytes| u32::from_be_bytes(*bytes))
}

fn take_ip(rest: &mut &[u8]) -> Option<IpAddr> {
    let &[_, family, _, _] = take::<4>(rest)?;
    match family {
        1 => take::<4>(rest).map(|bytes| Ipv4Addr::from(*bytes).into()),
        2 => take::<16>(rest).map(|bytes| Ipv6Addr::from(*bytes).into()),
        _ => None,
    }
}

/// The length octet counts itself and the padding.
fn take_name(rest: &mut &[u8]) -> Option<String> {
    let len = usize::from(*rest.first()?);
    let (whole, tail) = rest.split_at_checked(len.max(1))?;
    *rest = tail;
    let text = String::from_utf8_lossy(whole.get(1..)?);
    Some(text.trim_end_matches('\0').to_owned())
}

/// The structure that holds these objects.
#[cfg(any(test, fuzzing))]
fn structure(objects: &[u8]) -> Vec<u8> {
    let whole = [&[VERSION << 4, 0, 0, 0], objects].concat();
    let [a, b] = Sum16BitWords::new().add_slice(&whole).ones_complement().to_ne_bytes();
    [&[VERSION << 4, 0, a, b], objects].concat()
}

/// What must hold of any objects: what is read of them is in them, with and without the length
/// that says where they begin.
///
/// # Panics
/// Where it does not hold.
#[cfg(any(test, fuzzing))]
pub fn check(objects: &[u8]) {
    let bytes = structure(objects);
    let found = Extensions::parse(&bytes);
    assert!(found.mpls.len() <= MAX_LABELS.min(objects.len() / 4));
    assert!(found.mpls.iter().rev().skip(1).all(|label| !label.bottom));
    let is_legacy = bytes.get(2..4) != Some(&[0, 0]);
    assert_eq!(
        Extensions::parse_legacy(&bytes),
        if is_legacy { found } else { Extensions::default() }
    );
    let _ = Extensions::parse(objects);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_a_label_stack_down_to_its_bottom() {
        let bytes = structure(&[
            0, 16, 1, 1, 0x05, 0xdc, 0x00, 0x01, 0x00, 0x00, 0x3b, 0xff, 0xff, 0xff, 0xff, 0xff,
        ]);
        let stack = Extensions::parse(&bytes).mpls;
        assert_eq!(stack[0], MplsLabel { label: 24000, tc: 0, bottom: false, ttl: 1 });
        assert_eq!(stack[1], MplsLabel { label: 3, tc: 5, bottom: true, ttl: 255 });
        assert_eq!(stack.len(), 2, "nothing below the bottom is a label");
    }

    #[test]
    fn reads_an_interface_with_all_its_parts() {
        let mut object = vec![0, 0, 2, 0b1000_1111, 0, 0, 0, 7, 0, 1, 0, 0, 192, 0, 2, 1, 8];
        object.extend_from_slice(b"ge-0/1\0\0\0\x05\xdc");
        object[1] = object.len() as u8;
        let found = Extensions::parse(&structure(&object)).interface.unwrap();
        assert_eq!(
            (found.role.as_str(), found.index, found.mtu),
            ("outgoing", Some(7), Some(1500))
        );
        assert_eq!(found.name.as_deref(), Some("ge-0/1"));
        assert_eq!(found.ip, Some("192.0.2.1".parse().unwrap()));
    }

    #[test]
    fn a_wrong_checksum_is_no_structure_and_none_is_allowed() {
        let mut bytes = structure(&[0, 8, 1, 1, 0, 0, 0x11, 1]);
        bytes[2] ^= 1;
        assert!(Extensions::parse(&bytes).is_empty());
        bytes[2..4].fill(0);
        assert_eq!(Extensions::parse(&bytes).mpls.len(), 1);
        assert!(Extensions::parse_legacy(&bytes).is_empty());
    }

    #[test]
    fn object_lengths_that_do_not_move_on_end_it() {
        for len in 0..4 {
            assert!(Extensions::parse(&structure(&[0, len, 1, 1, 0, 0, 0x11, 1])).is_empty());
        }
        assert!(Extensions::parse(&structure(&[0xff, 0xff, 1, 1, 0, 0, 0x11, 1])).is_empty());
    }

    proptest! {
        #[test]
        fn no_bytes_panic(objects in proptest::collection::vec(any::<u8>(), 0..300)) {
            check(&objects);
        }

        #[test]
        fn damaged_objects_panic_nowhere(objects in tm_mutate::octets(tm_mutate::seeds("packets"))) {
            check(&objects);
        }
    }
}
