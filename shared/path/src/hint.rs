//! What replies suggest at no extra probe: how far they came, and which responders of one TTL may
//! be one router. Suggestions, and no facts: a reply may go another way than the probe, a label
//! may be shared, and a TTL may start anywhere.

use std::collections::BTreeMap;

/// TTLs that systems begin with.
const INITIAL: [u8; 3] = [64, 128, 255];
/// A way back of more hops says that the guess is wrong.
const FARTHEST: u8 = 40;

/// The TTL that a reply seems to have left with; `None`: no usual one fits.
pub fn initial_ttl(ttl: u8) -> Option<u8> {
    let initial = INITIAL.into_iter().find(|initial| *initial >= ttl)?;
    (initial - ttl < FARTHEST && ttl > 0).then_some(initial)
}

/// How many hops a reply seems to have come: 1 from a neighbour.
pub fn reply_hops(ttl: u8) -> Option<u8> {
    Some(initial_ttl(ttl)? - ttl + 1)
}

/// What tells routers apart: the TTL of a reply, and its MPLS labels.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Signature {
    initial: Option<u8>,
    labels: Vec<u32>,
}

impl Signature {
    /// Of a reply that arrived with `ttl` and carried `labels`.
    pub fn new(ttl: Option<u8>, labels: impl IntoIterator<Item = u32>) -> Self {
        Self { initial: ttl.and_then(initial_ttl), labels: labels.into_iter().collect() }
    }
}

/// How many routers some responders of one TTL may be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Width {
    /// For each responder the number, from 1, of the group that seems to be one router; `None`:
    /// nothing says so.
    pub router: Vec<Option<u16>>,
    /// Different signatures.
    pub at_least: u32,
    /// Responders, each group counted once.
    pub at_most: u32,
}

/// Compares responders of one TTL. A label is chosen by the router that reads it, so two replies
/// with equal labels are likely of one (Vermeulen et al. 2018 use it so).
pub fn width(signatures: &[Signature]) -> Width {
    let mut members: BTreeMap<&Signature, u32> = BTreeMap::new();
    for signature in signatures {
        *members.entry(signature).or_default() += 1;
    }
    let at_least = members.len() as u32;
    members.retain(|signature, count| *count > 1 && !signature.labels.is_empty());
    let merged: u32 = members.values().map(|count| count - 1).sum();
    let numbers: BTreeMap<&Signature, u16> = members.into_keys().zip(1..).collect();
    Width {
        router: signatures.iter().map(|signature| numbers.get(signature).copied()).collect(),
        at_least,
        at_most: signatures.len() as u32 - merged,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_come_from_the_nearest_usual_ttl() {
        assert_eq!([64, 63, 128, 255, 250].map(reply_hops), [1, 2, 1, 1, 6].map(Some));
        assert_eq!([0, 20, 80, 200].map(reply_hops), [None; 4]);
        assert_eq!([25, 89, 216].map(initial_ttl), [Some(64), Some(128), Some(255)]);
    }

    #[test]
    fn equal_labels_make_one_router_and_different_replies_make_two() {
        let of = |replies: &[(u8, &[u32])]| {
            let signatures: Vec<Signature> = replies
                .iter()
                .map(|(ttl, labels)| Signature::new(Some(*ttl), labels.iter().copied()))
                .collect();
            let width = width(&signatures);
            (width.router, width.at_least, width.at_most)
        };
        let labels = [(250, &[16, 17][..]), (249, &[16, 17]), (250, &[18]), (61, &[18])];
        assert_eq!(of(&labels), (vec![Some(1), Some(1), None, None], 3, 3));
        // Nothing but the same distance says nothing.
        assert_eq!(of(&[(61, &[]), (61, &[])]), (vec![None, None], 1, 2));
        assert_eq!(of(&[]), (vec![], 0, 0));
    }
}
