//! When an answer is asked for again while a stream goes on for longer than the answer counts.

use std::cell::Cell;
use std::time::{Duration, Instant};

/// Who did not answer is asked again after this.
const PAUSE: Duration = Duration::from_secs(5);

/// Until when an answer counts. Nobody waits for the next one: records show the old one until it
/// is there.
#[derive(Clone, Debug, Default)]
pub struct Due(Cell<Option<Instant>>);

impl Due {
    /// For as long as the run lasts.
    pub fn never() -> Self {
        Self::default()
    }

    /// For this long.
    pub fn after(time: Duration) -> Self {
        Self(Cell::new(Instant::now().checked_add(time)))
    }

    /// It is none: somebody did not answer.
    pub fn soon() -> Self {
        Self::after(PAUSE)
    }

    /// Whether it is time to ask again. It is said once, and once more a while later if nothing
    /// came of it.
    pub fn has_come(&self) -> bool {
        let has_come = self.0.get().is_some_and(|due| Instant::now() >= due);
        if has_come {
            self.0.set(Instant::now().checked_add(PAUSE));
        }
        has_come
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_comes_once() {
        assert!(!Due::never().has_come() && !Due::soon().has_come());
        let due = Due::after(Duration::ZERO);
        assert!(due.has_come());
        assert!(!due.has_come());
        assert!(!Due::after(Duration::MAX).has_come());
    }
}
