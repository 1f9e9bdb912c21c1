//! The search for the largest size that passes, where nobody says it (RFC 4821): sizes that links
//! really have first, then halving. A size is judged only while the responder answers small
//! probes, so that neither loss nor a limit on its answers is taken for a size.

use std::time::Duration;

use crate::ledger::{Ledger, Slot};
use crate::strategy::Unsent;

/// MTUs that links and tunnels really have, the largest first; those of RFC 1191 among them.
const PLATEAUS: [u16; 27] = [
    65_535, 32_000, 17_914, 9216, 9000, 8166, 4352, 2002, 1500, 1492, 1480, 1476, 1472, 1460, 1450,
    1442, 1436, 1428, 1420, 1400, 1380, 1280, 1006, 576, 508, 296, 68,
];
/// Looks at one size before it is given up as unknown.
const LOOKS: u8 = 4;
/// Looks in which small probes are answered and large ones are not, before a size is said not to
/// pass; three large ones are lost in each.
const PROOF: u8 = 2;
/// Time for a router's limit on ICMP errors to recover.
const PAUSE: Duration = Duration::from_secs(1);

/// The next size below that links have.
pub(super) fn plateau_below(size: u16) -> u16 {
    PLATEAUS.into_iter().find(|plateau| *plateau < size).unwrap_or(0)
}

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// The size that was suspected passes after all.
    Passes,
    /// `low` passes, `high` does not; or the kernel sends none so large.
    Size { low: u16, high: u16, is_barred: bool },
    /// The responder answers too seldom to say.
    Unknown,
}

/// A search at one TTL.
#[derive(Debug)]
pub(super) struct Search {
    pub(super) ttl: u8,
    /// Known to pass.
    low: u16,
    /// Known not to pass, once `is_proven`.
    high: u16,
    is_proven: bool,
    /// The kernel would not send `high`.
    is_barred: bool,
    small: u16,
    size: u16,
    /// Sizes to send in this look.
    queue: Vec<u16>,
    /// What was sent in this look.
    sent: Vec<usize>,
    looks: u8,
    proofs: u8,
    resume_at: Duration,
    now: Duration,
}

impl Search {
    /// `low` was answered at this TTL, `high` was not.
    pub(super) fn new(ttl: u8, low: u16, high: u16, small: u16) -> Self {
        let mut search = Self {
            ttl,
            low,
            high,
            is_proven: false,
            is_barred: false,
            small: small.min(low),
            size: high,
            queue: Vec::new(),
            sent: Vec::new(),
            looks: 0,
            proofs: 0,
            resume_at: Duration::ZERO,
            now: Duration::ZERO,
        };
        search.look_at(high);
        search
    }

    fn look_at(&mut self, size: u16) {
        self.size = size;
        (self.looks, self.proofs) = (0, 0);
        self.look();
    }

    fn look(&mut self) {
        self.looks += 1;
        self.sent.clear();
        self.queue = vec![self.small, self.size, self.size, self.size];
    }

    pub(super) fn resume_at(&self) -> Duration {
        self.resume_at
    }

    /// The size of the next probe.
    pub(super) fn next(&mut self, now: Duration) -> Option<u16> {
        self.now = now;
        if self.resume_at > now {
            return None;
        }
        let size = self.queue.pop()?;
        self.resume_at = now + Duration::from_millis(5);
        Some(size)
    }

    pub(super) fn sent(&mut self, index: usize) {
        self.sent.push(index);
    }

    /// The kernel did not send it.
    pub(super) fn unsent(&mut self, index: usize, size: u16, why: Unsent) {
        self.sent.retain(|sent| *sent != index);
        if let Unsent::ForNow(again) = why {
            self.queue.push(size);
            self.resume_at = again;
        }
    }

    /// Goes on with what was answered; the end, once it is there.
    pub(super) fn step(&mut self, ledger: &Ledger) -> Option<Found> {
        let mine = || self.sent.iter().filter_map(|&at| ledger.slot(at));
        let of = |size: u16| mine().filter(move |slot| slot.octets() == size);
        if of(self.size).any(Slot::is_answered) {
            return self.passes();
        }
        let is_barred = of(self.size).next().is_none();
        if of(self.size).any(Slot::is_refused) {
            return self.does_not_pass(is_barred);
        }
        if !self.queue.is_empty() || mine().any(Slot::is_waiting) {
            return None;
        }
        if of(self.small).any(Slot::is_answered) {
            self.proofs += 1;
            if self.proofs >= PROOF {
                return self.does_not_pass(is_barred);
            }
        } else {
            self.resume_at = self.now + PAUSE;
        }
        if self.looks >= LOOKS {
            return Some(Found::Unknown);
        }
        self.look();
        None
    }

    fn passes(&mut self) -> Option<Found> {
        if !self.is_proven {
            return Some(Found::Passes);
        }
        self.low = self.size;
        self.narrow()
    }

    fn does_not_pass(&mut self, is_barred: bool) -> Option<Found> {
        self.is_proven = true;
        self.is_barred = is_barred;
        self.high = self.size;
        self.narrow()
    }

    /// The next size between the bounds: the middle one of those that links have; beside one that
    /// passes, the next larger; the middle else.
    fn narrow(&mut self) -> Option<Found> {
        let (low, high) = (self.low, self.high);
        if high <= low.saturating_add(1) {
            return Some(Found::Size { low, high, is_barred: self.is_barred });
        }
        let inside: Vec<u16> =
            PLATEAUS.into_iter().filter(|plateau| *plateau > low && *plateau < high).collect();
        let next = match inside.get(inside.len() / 2) {
            Some(middle) => *middle,
            None if PLATEAUS.contains(&low) => low + 1,
            None => low + (high - low) / 2,
        };
        self.look_at(next);
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::State;
    use proptest::prelude::*;

    /// Searches where `passes` octets pass; what came of it, the sizes judged, and the probes sent.
    fn search(passes: u16, high: u16, is_refused: bool) -> (Found, usize, usize) {
        let (mut ledger, mut now) = (Ledger::default(), Duration::ZERO);
        let mut search = Search::new(7, 60, high, 60);
        let mut sizes = std::collections::BTreeSet::new();
        loop {
            if let Some(found) = search.step(&ledger) {
                return (found, sizes.len(), ledger.slots.len());
            }
            let Some(size) = search.next(now) else {
                now = search.resume_at();
                continue;
            };
            sizes.insert(size);
            let send = ledger.launch(Slot { size: Some(size), ..Slot::new(7, 0, now) });
            let index = send.sequence as usize;
            search.sent(index);
            if size <= passes {
                let from = crate::driving::answer(crate::driving::TARGET, true);
                ledger.answered(index, from, Duration::from_millis(1));
            } else {
                ledger.set(index, if is_refused { State::Refused(None) } else { State::Lost });
            }
        }
    }

    proptest! {
        #[test]
        fn any_size_is_found_to_the_octet_by_few_probes(
            high in prop_oneof![Just(1500u16), Just(9000), 61u16..], at in 0.0f64..1.0,
        ) {
            let passes = 60 + (f64::from(high - 60) * at) as u16;
            let found = if passes == high { Found::Passes } else { Found::Size { low: passes, high: passes + 1, is_barred: false } };
            for is_refused in [true, false] {
                let (result, sizes, sent) = search(passes, high, is_refused);
                prop_assert_eq!(result, found);
                // Five halve the list of sizes, the next octet, and one for each bit between two.
                let most = 7 + (f64::from(high).log2().ceil() as usize);
                prop_assert!(sizes <= most, "{sizes} sizes");
                prop_assert!(sent <= 8 * most, "{sent} probes");
            }
        }
    }

    #[test]
    fn sizes_that_links_have_are_found_by_fewer() {
        let sizes = PLATEAUS.iter().filter(|size| (1280..1500).contains(*size)).map(|size| {
            let (found, sizes, _) = search(*size, 1500, true);
            assert_eq!(found, Found::Size { low: *size, high: size + 1, is_barred: false });
            sizes
        });
        assert!(sizes.max() <= Some(7));
    }
}
