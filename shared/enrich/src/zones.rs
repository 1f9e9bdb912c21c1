//! Zones whose own servers are dead. Whoever asks about their names waits, though the DNS server
//! that is asked is well; so that a few names have waited, the rest need not.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use hickory_resolver::proto::rr::Name;
use tm_stream::memory::Memory;

/// Zones that are remembered.
const REMEMBERED: usize = 1 << 14;

/// Names without an answer, with none that had one, after which a zone counts as dead.
const PATIENCE: u32 = 3;

/// A dead zone is not asked about for this long.
const REST: Duration = Duration::from_secs(30);

/// Labels of the reverse name of an IPv6 network of 64 bits; what lies in it is one zone.
const LABELS_OF_64: usize = 18;

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
        let zone = self.lock().get(&zone(name)).copied();
        zone.and_then(|zone| zone.rests_until).is_some_and(|until| until > Instant::now())
    }

    /// There was an answer, whatever it said.
    pub(crate) fn has_answered(&self, name: &Name) {
        let zone = zone(name);
        let mut all = self.lock();
        // Most zones answer, and what they answered need not be written down twice.
        if !all.get(&zone).is_some_and(|zone| zone.has_answered) {
            all.insert(zone, Zone { has_answered: true, ..Zone::default() });
        }
    }

    /// A server that is well had no answer.
    pub(crate) fn was_silent(&self, name: &Name) {
        let key = zone(name);
        let mut all = self.lock();
        let mut zone = all.get(&key).copied().unwrap_or_default();
        zone.silent += 1;
        if zone.silent >= PATIENCE && !zone.has_answered {
            zone.rests_until = Some(Instant::now() + REST);
        }
        all.insert(key, zone);
    }

    fn lock(&self) -> MutexGuard<'_, Memory<Name, Zone>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Names that one set of servers is likely to answer for: those of a /24, of a /64, of a domain.
fn zone(name: &Name) -> Name {
    let labels = usize::from(name.num_labels());
    let is_six = labels > LABELS_OF_64 && name.to_lowercase().to_ascii().ends_with("ip6.arpa.");
    if is_six { name.trim_to(LABELS_OF_64) } else { name.base_name() }.to_lowercase()
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
}
