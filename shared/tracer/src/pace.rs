//! Pacing: a token bucket over all packets, whatever trace they belong to.

use std::time::Duration;

/// Packets a second, with a burst of a hundredth of a second's worth.
#[derive(Debug)]
pub(crate) struct Pace {
    /// Time between two packets; `None`: no limit.
    gap: Option<Duration>,
    burst: Duration,
    /// When the bucket would be full again (generic cell rate algorithm).
    full_at: Duration,
}

impl Pace {
    /// `rate` packets a second; 0: no limit.
    pub(crate) fn new(rate: u32) -> Self {
        let gap = (rate != 0).then(|| Duration::from_secs(1) / rate);
        let burst = gap.unwrap_or_default().max(Duration::from_millis(10));
        Self { gap, burst, full_at: Duration::ZERO }
    }

    /// When the next packet may leave.
    pub(crate) fn next(&self, now: Duration) -> Duration {
        match self.gap {
            Some(gap) => now.max((self.full_at + gap).saturating_sub(self.burst)),
            None => now,
        }
    }

    /// A packet left.
    pub(crate) fn spend(&mut self, now: Duration) {
        if let Some(gap) = self.gap {
            self.full_at = self.full_at.max(now) + gap;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_lets_through_the_rate_and_one_burst() {
        let mut pace = Pace::new(1000);
        let (mut now, mut sent) = (Duration::ZERO, 0);
        while now < Duration::from_secs(1) {
            now = pace.next(now);
            pace.spend(now);
            sent += 1;
        }
        assert!((1000..=1011).contains(&sent), "{sent}");
    }

    #[test]
    fn no_rate_never_waits() {
        let mut pace = Pace::new(0);
        pace.spend(Duration::ZERO);
        assert_eq!(pace.next(Duration::ZERO), Duration::ZERO);
    }
}
