//! RTT by hop as a picture: the spread of each hop, its mean, and below both the time that light
//! needs. Whoever answers sooner than light stands elsewhere.

use std::fmt::Write;

use serde::Serialize;

use crate::findings::floors;
use crate::paint;
use crate::session::Session;
use crate::words::{clean, ms};

const WIDTH: f64 = 1000.0;
const HEIGHT: f64 = 260.0;
const LEFT: f64 = 62.0;
const RIGHT: f64 = 16.0;
const TOP: f64 = 14.0;
const BOTTOM: f64 = 34.0;

/// A chart.
#[derive(Debug, Serialize)]
pub(crate) struct Chart {
    pub(crate) width: f64,
    pub(crate) height: f64,
    pub(crate) left: f64,
    pub(crate) right: f64,
    pub(crate) bottom: f64,
    pub(crate) top: f64,
    /// Largest value of the axis, for the slider.
    pub(crate) max_ms: f64,
    pub(crate) grid: Vec<Tick>,
    pub(crate) labels: Vec<Tick>,
    /// Smallest to largest RTT, one area for each run of hops that answered.
    pub(crate) bands: Vec<String>,
    /// Means, one line for each run.
    pub(crate) lines: Vec<String>,
    /// What light needs, as an area; absent where no place is known.
    pub(crate) floor: Option<String>,
    pub(crate) dots: Vec<Dot>,
}

/// A mark on an axis.
#[derive(Debug, Serialize)]
pub(crate) struct Tick {
    pub(crate) at: String,
    pub(crate) text: String,
    pub(crate) silent: bool,
}

/// A hop.
#[derive(Debug, Serialize)]
pub(crate) struct Dot {
    pub(crate) x: String,
    pub(crate) y: String,
    pub(crate) hop: u8,
    pub(crate) step: usize,
    pub(crate) below_floor: bool,
    pub(crate) title: String,
}

impl Chart {
    /// `None` where nobody answered.
    pub(crate) fn of(session: &Session) -> Option<Self> {
        let rtts = || session.path().filter_map(|(hop, _, at)| Some((hop, at?, at?.rtt?)));
        let slowest = rtts().map(|(.., rtt)| rtt.max).fold(f64::NAN, f64::max);
        if slowest.is_nan() {
            return None;
        }
        let floors = floors(session);
        // A place that is out of the question must not flatten the chart.
        let highest = floors.values().copied().fold(slowest, f64::max).min(slowest * 1.6);
        let axis = Axis::of(highest, session.path().map(|(hop, ..)| hop).collect());
        let mut chart = Self {
            width: WIDTH,
            height: HEIGHT,
            left: LEFT,
            right: WIDTH - RIGHT,
            bottom: HEIGHT - BOTTOM,
            top: TOP,
            max_ms: axis.max_ms,
            grid: axis.grid(),
            labels: axis.labels(session),
            bands: Vec::new(),
            lines: Vec::new(),
            floor: None,
            dots: Vec::new(),
        };
        for run in runs(session) {
            chart.add(&run, &axis);
        }
        for (hop, responder, rtt) in rtts() {
            let below_floor = floors.get(&hop).is_some_and(|floor| rtt.min < *floor);
            let sooner = if below_floor {
                ", sooner than light could go to the place given and back"
            } else {
                ""
            };
            chart.dots.push(Dot {
                x: digits(axis.x(hop)),
                y: digits(axis.y(rtt.avg)),
                hop,
                step: paint::step(rtt.avg),
                below_floor,
                title: format!(
                    "Hop {hop}, {}: {} ms ({}–{}){sooner}",
                    clean(&responder.ip),
                    ms(rtt.avg),
                    ms(rtt.min),
                    ms(rtt.max)
                ),
            });
        }
        if floors.values().any(|floor| *floor > 0.0) {
            chart.floor = Some(
                axis.area(&floors.iter().map(|(&hop, &floor)| (hop, floor)).collect::<Vec<_>>()),
            );
        }
        Some(chart)
    }

    fn add(&mut self, run: &[(u8, tm_schema::Rtt)], axis: &Axis) {
        let point =
            |(hop, value): (u8, f64)| format!("{} {}", digits(axis.x(hop)), digits(axis.y(value)));
        let up = run.iter().map(|(hop, rtt)| point((*hop, rtt.max)));
        let down = run.iter().rev().map(|(hop, rtt)| point((*hop, rtt.min)));
        self.bands.push(format!("M{}z", up.chain(down).collect::<Vec<_>>().join("L")));
        let line: Vec<String> = run.iter().map(|(hop, rtt)| point((*hop, rtt.avg))).collect();
        self.lines.push(format!("M{}", line.join("L")));
    }
}

/// Hops in a row that answered.
fn runs(session: &Session) -> Vec<Vec<(u8, tm_schema::Rtt)>> {
    let mut runs = vec![Vec::new()];
    for (hop, _, responder) in session.path() {
        match (responder.and_then(|responder| responder.rtt), runs.last_mut()) {
            (Some(rtt), Some(run)) => run.push((hop, rtt)),
            _ => runs.push(Vec::new()),
        }
    }
    runs.retain(|run| !run.is_empty());
    runs
}

struct Axis {
    hops: Vec<u8>,
    max_ms: f64,
    step_ms: f64,
}

impl Axis {
    fn of(highest: f64, hops: Vec<u8>) -> Self {
        let rough = (highest / 4.0).max(0.05);
        let magnitude = 10_f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 2.5, 5.0, 10.0].map(|nice| nice * magnitude);
        let step_ms = step.into_iter().find(|step| *step >= rough).unwrap_or(rough);
        Self { hops, max_ms: step_ms * (highest / step_ms).ceil().max(1.0), step_ms }
    }

    fn x(&self, hop: u8) -> f64 {
        let at = self.hops.iter().position(|known| *known == hop).unwrap_or(0) as f64;
        let room = WIDTH - LEFT - RIGHT;
        LEFT + room * (at + 0.5) / (self.hops.len().max(1) as f64)
    }

    fn y(&self, ms: f64) -> f64 {
        let share = (ms / self.max_ms).clamp(0.0, 1.0);
        HEIGHT - BOTTOM - (HEIGHT - BOTTOM - TOP) * share
    }

    fn area(&self, values: &[(u8, f64)]) -> String {
        let (Some(first), Some(last)) = (values.first(), values.last()) else {
            return String::new();
        };
        let base = HEIGHT - BOTTOM;
        let mut d = format!("M{} {base}", digits(self.x(first.0)));
        for (hop, value) in values {
            let _ = write!(d, "L{} {}", digits(self.x(*hop)), digits(self.y(*value)));
        }
        let _ = write!(d, "L{} {base}z", digits(self.x(last.0)));
        d
    }

    fn grid(&self) -> Vec<Tick> {
        let steps = (self.max_ms / self.step_ms).round() as u32;
        let tick = |step: u32| {
            let value = f64::from(step) * self.step_ms;
            let text =
                if self.step_ms < 1.0 { format!("{value:.2}") } else { format!("{value:.0}") };
            Tick { at: digits(self.y(value)), text, silent: false }
        };
        (0..=steps).map(tick).collect()
    }

    fn labels(&self, session: &Session) -> Vec<Tick> {
        // Of many hops not every number has room.
        let every = self.hops.len().div_ceil(34).max(1);
        let tick =
            |(at, (hop, _, responder)): (usize, (u8, _, Option<&crate::session::Responder>))| {
                Tick {
                    at: digits(self.x(hop)),
                    text: if at % every == 0 { hop.to_string() } else { String::new() },
                    silent: responder.is_none(),
                }
            };
        session.path().enumerate().map(tick).collect()
    }
}

fn digits(value: f64) -> String {
    format!("{value:.1}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_axis_ends_at_a_round_number_above_everything() {
        for (highest, max) in [(331.0, 400.0), (0.04, 0.05), (9.6, 10.0), (91.0, 100.0)] {
            let axis = Axis::of(highest, vec![1, 2]);
            assert!((axis.max_ms - max).abs() < 1e-9, "{highest}: {}", axis.max_ms);
            assert!(axis.grid().len() <= 6);
        }
    }
}
