//! Zones whose own servers are dead. Whoever asks about their names waits, though the DNS server
//! that is asked is well; so that a few names have waited, the rest need not.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use hickory_resolver::proto::rr::Name;
use tm_stream::memory::Memory;

/// Zones that are remembered.
const REMEMBERED: usize = 1 << 14;

/// Names without an answer, with none that had one, after which a zone counts as dead; of a zone
/// that holds others, twice as many.
const PATIENCE: u32 = 3;

/// A dead zone is not asked about for this long.
const REST: Duration = Duration::from_secs(30);

/// What is known of zones.
#[derive(Debug)]
pub(crate) struct Zones(Mutex<Memory<Name, Zone>>);

#[derive(Clone, Copy, Debug, Default)]
struct Zone {
    silent: u32,
    has_answered: bool,
    rests_until: Option<Instant>,
}

impl Default for Zones {
    fn default() -> Self {
        Self(Mutex::new(Memory::new(REMEMBERED)))
    }
}

impl Zones {
    /// Whether to ask about the name is to wait in vain.
    pub(crate) fn is_dead(&self, name: &Name) -> bool {
        let (all, now) = (self.lock(), Instant::now());
        let rests = |zone: &Zone| zone.rests_until.is_some_and(|until| until > now);
        zones(name).iter().any(|(zone, _)| all.get(zone).is_some_and(rests))
    }

    /// There was an answer, whatever it said.
    pub(crate) fn has_answered(&self, name: &Name) {
        let mut all = self.lock();
        for (zone, _) in zones(name) {
            // Most zones answer, and that they do need not be written down twice.
            if !all.get(&zone).is_some_and(|zone| zone.has_answered) {
                all.insert(zone, Zone { has_answered: true, ..Zone::default() });
            }
        }
    }

    /// A server that is well had no answer.
    pub(crate) fn was_silent(&self, name: &Name) {
        let mut all = self.lock();
        for (key, patience) in zones(name) {
            let mut zone = all.get(&key).copied().unwrap_or_default();
            zone.silent += 1;
            if zone.silent >= patience && !zone.has_answered {
                zone.rests_until = Some(Instant::now() + REST);
            }
            all.insert(key, zone);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Memory<Name, Zone>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Names that one set of servers is likely to answer for, and the patience with it: those of a
/// /24 and of a /16, of a /64 and of a /48, of a domain.
fn zones(name: &Name) -> Vec<(Name, u32)> {
    let name = name.to_lowercase();
    let labels: &[usize] = match name.num_labels() {
        6 if name.to_ascii().ends_with(".in-addr.arpa.") => &[5, 4],
        34 if name.to_ascii().ends_with(".ip6.arpa.") => &[18, 14],
        _ => return vec![(name.base_name(), PATIENCE)],
    };
    let patience = [PATIENCE, 2 * PATIENCE];
    labels.iter().map(|&labels| name.trim_to(labels)).zip(patience).collect()
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;

    fn reverse(ip: &str) -> Name {
        ip.parse::<IpAddr>().unwrap().into()
    }

    #[test]
    fn a_zone_is_dead_when_several_of_its_names_had_no_answer_and_none_had_one() {
        let zones = Zones::default();
        for n in 1..=3 {
            assert!(!zones.is_dead(&reverse("9.0.0.9")));
            zones.was_silent(&reverse(&format!("9.0.0.{n}")));
            zones.was_silent(&reverse(&format!("2a00:1:2:3::{n}")));
        }
        assert!(zones.is_dead(&reverse("9.0.0.9")) && zones.is_dead(&reverse("2a00:1:2:3:4::9")));
        assert!(!zones.is_dead(&reverse("9.0.1.9")) && !zones.is_dead(&reverse("2a00:1:2:4::9")));
        zones.has_answered(&reverse("9.0.0.77"));
        assert!(!zones.is_dead(&reverse("9.0.0.9")));
        (0..9).for_each(|_| zones.was_silent(&reverse("9.0.0.1")));
        assert!(!zones.is_dead(&reverse("9.0.0.9")));
    }

    #[test]
    fn a_dead_zone_of_many_networks_is_known_by_a_few_of_them() {
        let zones = Zones::default();
        for n in 1..=6 {
            assert!(!zones.is_dead(&reverse("9.1.99.1")));
            zones.was_silent(&reverse(&format!("9.1.{n}.1")));
        }
        assert!(zones.is_dead(&reverse("9.1.99.1")) && !zones.is_dead(&reverse("9.2.1.1")));
        for n in 1..=9 {
            zones.was_silent(&Name::from_ascii(format!("a.b{n}.example.com.")).unwrap());
        }
        assert!(!zones.is_dead(&Name::from_ascii("a.b.example.com.").unwrap()));
    }
}
