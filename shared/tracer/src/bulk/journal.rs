//! When the probes of a bulk run left, without an entry for each: the order is known, so a note of
//! where the run was now and then bounds the time of every probe.
//!
//! So the few bits of time in a probe become a whole time, and a packet that claims a time at
//! which its probe did not leave is seen through.

/// Probes between two notes.
const EVERY: u64 = 256;
/// Microseconds between two notes of a slow run; well below the 4.19 s after which the 65,536
/// ticks of the time in a probe begin anew.
const AT_LEAST: u64 = 1_000_000;
/// Microseconds of a tick of the time in a probe.
pub(crate) const TICK: u64 = 64;

/// The time that a probe carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Carried {
    /// The tick in which it left, without its higher bits.
    pub(crate) tick: u16,
    /// Microseconds into the tick; `None`: too little was quoted to tell.
    pub(crate) fine: Option<u8>,
}

/// Where the run was when.
#[derive(Debug, Default)]
pub(crate) struct Journal {
    /// Positions, and microseconds since the run began.
    notes: Vec<(u64, u64)>,
    /// Probes below this position have left, or are leaving.
    end: u64,
}

impl Journal {
    /// The probes from `position` to `end` leave at `now` or a little later.
    pub(crate) fn note(&mut self, position: u64, end: u64, now: u64) {
        self.end = end;
        let due = self.notes.last().is_none_or(|&(last, at)| {
            position >= last.saturating_add(EVERY) || now >= at.saturating_add(AT_LEAST)
        });
        if due {
            self.notes.push((position, now));
        }
    }

    /// The probes below this position have left.
    pub(crate) fn end(&self) -> u64 {
        self.end
    }

    /// From when to when the probe can have left; `now` where nothing later is known.
    fn bounds(&self, position: u64, now: u64) -> Option<(u64, u64)> {
        if position >= self.end {
            return None;
        }
        let next = self.notes.partition_point(|&(noted, _)| noted <= position);
        let &(_, from) = self.notes.get(next.checked_sub(1)?)?;
        Some((from, self.notes.get(next).map_or(now, |&(_, until)| until)))
    }

    /// About when the probe left, at the earliest.
    pub(crate) fn about(&self, position: u64) -> u64 {
        self.bounds(position, 0).map_or(0, |(from, _)| from)
    }

    /// When the probe left, by the time that it carries; `None`: it cannot have left then.
    pub(crate) fn when(&self, position: u64, carried: Carried, now: u64) -> Option<u64> {
        let (from, until) = self.bounds(position, now)?;
        let first = from / TICK;
        let tick = first + u64::from(carried.tick.wrapping_sub(first as u16));
        (tick <= until / TICK).then(|| tick * TICK + u64::from(carried.fine.unwrap_or(0)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn carried(at: u64) -> Carried {
        Carried { tick: (at / TICK) as u16, fine: Some((at % TICK) as u8) }
    }

    proptest! {
        #[test]
        fn what_left_in_time_is_found_again_however_long_the_run(
            gaps in prop::collection::vec(0u64..500_000, 1..2000), start in 0u64..1 << 40,
        ) {
            let (mut journal, mut now, mut left) = (Journal::default(), start, Vec::new());
            for (position, gap) in (0..).zip(gaps) {
                now += gap;
                journal.note(position, position + 1, now);
                left.push(now);
            }
            for (position, &at) in (0..).zip(&left) {
                prop_assert_eq!(journal.when(position, carried(at), now), Some(at));
                prop_assert!(journal.about(position) <= at);
            }
        }
    }

    #[test]
    fn a_time_at_which_nothing_left_is_seen_through() {
        let mut journal = Journal::default();
        for position in 0..10_000 {
            journal.note(position, position + 1, position * 10);
        }
        let position = 5000;
        assert_eq!(journal.when(position, carried(50_000), 100_000), Some(50_000));
        assert_eq!(journal.when(position, carried(60_000), 100_000), None);
        assert_eq!(journal.when(position, carried(40_000), 100_000), None);
        assert_eq!(journal.when(10_000, carried(100_000), 100_000), None, "it has not left");
    }
}
