//! The anomaly lab: rounds of paths whose truth is known, as tm-probe writes them, and how well
//! alerts tell it. The dice have a seed, so every run is the same.

pub mod rules;
pub mod scenarios;
pub mod score;
pub mod world;

use tm_tracer::driving;

/// Numbers that look random.
#[derive(Clone, Debug)]
pub struct Dice(driving::Dice);

impl Dice {
    /// Dice of a seed.
    pub fn new(seed: u64) -> Self {
        let start = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5851_f42d_4c95_7f2d;
        Self(driving::Dice::new(start))
    }

    /// Any number.
    pub fn any(&mut self) -> u64 {
        self.0.roll()
    }

    /// From 0 to 1.
    pub fn part(&mut self) -> f64 {
        (self.any() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Happens with this probability.
    pub fn happens(&mut self, probability: f64) -> bool {
        self.part() < probability
    }

    /// Of a normal distribution (Box and Muller).
    pub fn normal(&mut self) -> f64 {
        let radius = (-2.0 * self.part().max(1e-12).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.part()).cos()
    }
}
