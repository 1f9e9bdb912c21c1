//! What is usual for a series of measurements, and when it has left that for good.
//!
//! The reference is the median of a window, and the spread its median absolute deviation, so
//! that a few wild rounds move neither. The round that is being judged is never part of it, and
//! neither are rounds that an alert stands for. A single stray value is noise; how many in a row
//! are none depends on how often the series has strayed before.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

/// Rounds that the reference is taken from.
pub const WINDOW: usize = 120;

/// Rounds before anything is judged.
pub const ENOUGH: usize = 10;

/// Rounds after which what was unusual has become usual.
pub const ADOPTED_AFTER: usize = 60;

/// Rounds back in the usual range after which a shift is over.
const CALM: u32 = 2;

/// A run of stray values as improbable as this is none.
const CHANCE: f64 = 1e-4;

/// Rounds over which strays are counted.
const LONG: f64 = 1000.0;

/// A normal distribution's standard deviation, in median absolute deviations.
const SIGMA: f64 = 1.4826;

/// Spreads that noise is allowed.
const SPREADS: f64 = 6.0;

/// No series is quieter than this: two per cent, and 0.2 ms where values are milliseconds.
const LEAST_SPREAD: (f64, f64) = (0.02, 0.2);

/// Where a series usually is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Level {
    /// Median.
    pub median: f64,
    /// Spread, as a standard deviation, floors applied.
    pub spread: f64,
}

impl Level {
    /// The level of values; `None` of none.
    pub fn of(values: impl IntoIterator<Item = f32>) -> Option<Self> {
        let mut sorted: Vec<f32> = values.into_iter().collect();
        let median = f64::from(median(&mut sorted)?);
        for value in &mut sorted {
            *value = (f64::from(*value) - median).abs() as f32;
        }
        let deviation = f64::from(median_of_some(&mut sorted));
        let least = (LEAST_SPREAD.0 * median.abs()).max(LEAST_SPREAD.1);
        Some(Self { median, spread: (SIGMA * deviation).max(least) })
    }

    /// Where a value stands; `change`: the part by which it may differ, 0.4 for 40 %.
    fn place(self, value: f64, change: f64) -> Place {
        let noise = SPREADS * self.spread;
        if value > (self.median * (1.0 + change)).max(self.median + noise) {
            Place::Above
        } else if value < (self.median / (1.0 + change)).min(self.median - noise) {
            Place::Below
        } else {
            Place::Usual
        }
    }
}

fn median(values: &mut [f32]) -> Option<f32> {
    (!values.is_empty()).then(|| median_of_some(values))
}

fn median_of_some(values: &mut [f32]) -> f32 {
    values.sort_unstable_by(f32::total_cmp);
    let low = values.get(values.len().saturating_sub(1) / 2).copied().unwrap_or(0.0);
    let high = values.get(values.len() / 2).copied().unwrap_or(0.0);
    f32::midpoint(low, high)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Place {
    Usual,
    Above,
    Below,
}

/// The last [`WINDOW`] values.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Baseline(VecDeque<f32>);

impl Baseline {
    /// Adds a value; the oldest goes.
    pub fn push(&mut self, value: f64) {
        while self.0.len() >= WINDOW {
            self.0.pop_front();
        }
        self.0.push_back(value.clamp(f32::MIN.into(), f32::MAX.into()) as f32);
    }

    /// How many values there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// There is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Values that agree have shifted; wild ones have to go on for two more rounds.
    fn scatter(&self, from: Level) -> usize {
        let (mut least, mut most) = (f32::MAX, f32::MIN);
        for &value in &self.0 {
            (least, most) = (least.min(value), most.max(value));
        }
        let shift = Level::of(self.0.iter().copied()).map_or(0.0, |at| at.median - from.median);
        if f64::from(most - least) > shift.abs() / 2.0 { 2 } else { 0 }
    }

    /// Where the series usually is, once there are enough values to say.
    pub fn level(&self) -> Option<Level> {
        if self.0.len() < ENOUGH { None } else { Level::of(self.0.iter().copied()) }
    }
}

/// What became of a series in a round.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Verdict {
    /// Nothing new.
    Usual,
    /// It strayed, perhaps by chance.
    Suspect,
    /// It has left its usual range.
    Began {
        /// The usual median.
        before: f64,
        /// The median of the rounds that strayed.
        after: f64,
    },
    /// It is still away.
    Away,
    /// It is back.
    Ended {
        /// The median while it was away.
        before: f64,
        /// The median now.
        after: f64,
    },
    /// It has been away for so long that this is the usual range now.
    Adopted {
        /// The former median.
        before: f64,
        /// The new one.
        after: f64,
    },
}

/// Tells shifts of a series from its noise.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Shift {
    baseline: Baseline,
    /// Rounds judged, and those that strayed by chance, the older the lighter.
    #[serde(default)]
    judged: f64,
    #[serde(default)]
    strayed: f64,
    /// Values that strayed and are not judged yet.
    #[serde(default, skip_serializing_if = "Baseline::is_empty")]
    suspects: Baseline,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    side: Option<Place>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    away: Option<Away>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Away {
    values: Baseline,
    rounds: u32,
    calm: u32,
}

impl Shift {
    /// Takes one round's value in. `change`: what counts, 0.4 for 40 %.
    pub fn observe(&mut self, value: f64, change: f64) -> Verdict {
        let Some(level) = self.baseline.level() else {
            self.baseline.push(value);
            return Verdict::Usual;
        };
        if let Some(away) = self.away.take() {
            return self.while_away(away, level, value, change);
        }
        let place = level.place(value, change);
        if place == Place::Usual || self.side != Some(place) {
            self.acquit();
        }
        if place == Place::Usual {
            self.count(0.0);
            self.baseline.push(value);
            return Verdict::Usual;
        }
        self.side = Some(place);
        self.suspects.push(value);
        if self.suspects.len() < self.run_wanted() + self.suspects.scatter(level) {
            return Verdict::Suspect;
        }
        let values = std::mem::take(&mut self.suspects);
        self.side = None;
        let after = Level::of(values.0.iter().copied()).map_or(value, |level| level.median);
        self.away = Some(Away { rounds: values.len() as u32, values, calm: 0 });
        Verdict::Began { before: level.median, after }
    }

    /// Where the series usually is, once that is known.
    pub fn level(&self) -> Option<Level> {
        self.baseline.level()
    }

    /// It has left its usual range.
    pub fn is_away(&self) -> bool {
        self.away.is_some()
    }

    /// What strayed was chance, and belongs to what is usual.
    fn acquit(&mut self) {
        for value in std::mem::take(&mut self.suspects).0 {
            self.count(1.0);
            self.baseline.push(f64::from(value));
        }
        self.side = None;
    }

    fn count(&mut self, strayed: f64) {
        let keep = 1.0 - 1.0 / LONG;
        self.judged = self.judged.mul_add(keep, 1.0);
        self.strayed = self.strayed.mul_add(keep, strayed);
    }

    /// How many stray values in a row are no chance, seen how often values have strayed so far.
    fn run_wanted(&self) -> usize {
        let often = (self.strayed + 0.5) / (self.judged + 1.0);
        (2_i32..10).find(|&run| often.powi(run) <= CHANCE).unwrap_or(10) as usize
    }

    fn while_away(&mut self, mut away: Away, level: Level, value: f64, change: f64) -> Verdict {
        // To be back takes more than not to have left.
        let back = level.place(value, change / 2.0) == Place::Usual;
        away.calm = if back { away.calm.saturating_add(1) } else { 0 };
        away.rounds = away.rounds.saturating_add(1);
        let median_away = Level::of(away.values.0.iter().copied()).map_or(value, |at| at.median);
        if away.calm >= CALM {
            self.baseline.push(value);
            return Verdict::Ended { before: median_away, after: value };
        }
        if !back {
            away.values.push(value);
        }
        if away.rounds as usize >= ADOPTED_AFTER && away.values.len() >= ENOUGH {
            self.baseline = away.values;
            return Verdict::Adopted { before: level.median, after: median_away };
        }
        self.away = Some(away);
        Verdict::Away
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn after(values: impl IntoIterator<Item = f64>) -> (Shift, Vec<Verdict>) {
        let mut shift = Shift::default();
        let verdicts = values.into_iter().map(|value| shift.observe(value, 0.4)).collect();
        (shift, verdicts)
    }

    fn quiet(count: usize) -> impl Iterator<Item = f64> {
        (0..count).map(|round| 30.0 + (round % 5) as f64 / 10.0)
    }

    #[test]
    fn a_value_beyond_all_measure_can_be_written_and_read_again() {
        let mut baseline = Baseline::default();
        for value in [1.0, 1e300, f64::INFINITY] {
            baseline.push(value);
        }
        let json = serde_json::to_string(&baseline).unwrap();
        assert_eq!(serde_json::from_str::<Baseline>(&json).unwrap(), baseline);
    }

    #[test]
    fn a_step_is_told_in_its_second_round_and_its_end_in_the_second_after() {
        let (_, verdicts) = after(quiet(70).chain([60.0; 10]).chain(quiet(5)));
        assert_eq!(verdicts[70], Verdict::Suspect);
        assert_eq!(verdicts[71], Verdict::Began { before: 30.2_f32.into(), after: 60.0 });
        assert!(matches!(verdicts[81], Verdict::Ended { before: 60.0, .. }), "{verdicts:?}");
        let events = verdicts.iter().filter(|verdict| matches!(verdict, Verdict::Began { .. }));
        assert_eq!(events.count(), 1);
    }

    #[test]
    fn a_faster_path_is_a_change_too() {
        let (_, verdicts) = after(quiet(70).chain([12.0; 2]));
        assert!(matches!(verdicts[71], Verdict::Began { after: 12.0, .. }));
    }

    #[test]
    fn one_wild_round_is_noise_and_frequent_ones_make_it_slower_to_alert() {
        let (shift, verdicts) = after(quiet(40).chain([300.0]).chain(quiet(20)));
        assert!(!verdicts.iter().any(|verdict| matches!(verdict, Verdict::Began { .. })));
        assert!((shift.level().unwrap().median - 30.2).abs() < 0.01);
        let wild = (0..100).map(|round| if round % 10 == 9 { 300.0 } else { 30.0 });
        let (_, verdicts) = after(wild.chain([300.0; 2]));
        assert!(!verdicts.iter().any(|verdict| matches!(verdict, Verdict::Began { .. })));
    }

    #[test]
    fn a_change_of_less_than_the_noise_or_the_threshold_is_none() {
        let tiny = (0..60).map(|round| 0.3 + f64::from(round % 3) / 20.0);
        let (_, verdicts) = after(tiny.chain([1.2; 20]));
        assert!(verdicts.iter().all(|verdict| *verdict == Verdict::Usual), "{verdicts:?}");
        let (_, verdicts) = after(quiet(60).chain([40.0; 20]));
        assert!(verdicts.iter().all(|verdict| *verdict == Verdict::Usual), "33 % is below 40 %");
    }

    #[test]
    fn what_lasts_becomes_usual() {
        let (shift, verdicts) = after(quiet(60).chain([60.0; 70]));
        let adopted = |verdict: &&Verdict| matches!(verdict, Verdict::Adopted { .. });
        assert_eq!(verdicts.iter().filter(adopted).count(), 1);
        assert_eq!(shift.level().unwrap().median, 60.0);
    }

    #[test]
    fn rounds_of_an_alert_are_no_part_of_the_reference() {
        let (shift, _) = after(quiet(60).chain([90.0; 30]));
        assert!((shift.level().unwrap().median - 30.2).abs() < 0.01);
    }

    proptest! {
        #[test]
        fn any_series_is_judged_and_kept_within_bounds(
            values in prop::collection::vec(0.0..1e7_f64, 0..400), change in 0.01..5.0_f64,
        ) {
            let mut shift = Shift::default();
            let (mut began, mut over) = (0, 0);
            for value in values {
                match shift.observe(value, change) {
                    Verdict::Began { .. } => began += 1,
                    Verdict::Ended { .. } | Verdict::Adopted { .. } => over += 1,
                    _ => {}
                }
                prop_assert!(began - over == i32::from(shift.is_away()));
                prop_assert!(shift.baseline.len() <= WINDOW && shift.suspects.len() <= 12);
            }
            let json = serde_json::to_string(&shift).unwrap();
            prop_assert_eq!(serde_json::from_str::<Shift>(&json).unwrap().baseline, shift.baseline);
        }
    }
}
