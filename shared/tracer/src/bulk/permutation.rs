//! A keyed permutation of the numbers below any bound, and its inverse: the order in which a bulk
//! run probes, without a list of what is still to do.
//!
//! A Feistel network permutes the numbers of so many bits; what it sends beyond the bound is sent
//! through again until it falls inside (cycle walking; Black and Rogaway 2002), which at most
//! halves the speed.

use std::hash::{BuildHasher, RandomState};

const ROUNDS: u8 = 4;

/// A keyed permutation of the numbers of so many bits.
#[derive(Clone, Debug)]
pub(crate) struct Feistel {
    key: RandomState,
    low_bits: u32,
    high_bits: u32,
}

impl Feistel {
    /// With a key of its own; `bits` is 2 to 64.
    pub(crate) fn new(bits: u32) -> Self {
        let bits = bits.clamp(2, 64);
        Self { key: RandomState::new(), low_bits: bits / 2, high_bits: bits - bits / 2 }
    }

    /// The permutation that `tweak` chooses.
    pub(crate) fn forward(&self, number: u64, tweak: u64) -> u64 {
        (0..ROUNDS).fold(number, |number, round| self.round(number, round, tweak))
    }

    /// The inverse of [`Feistel::forward`].
    pub(crate) fn backward(&self, number: u64, tweak: u64) -> u64 {
        (0..ROUNDS).rev().fold(number, |number, round| self.round(number, round, tweak))
    }

    /// One half takes up a hash of the other; doing it twice undoes it.
    fn round(&self, number: u64, round: u8, tweak: u64) -> u64 {
        let (low, high) = (number & mask(self.low_bits), number >> self.low_bits);
        let hash = |half: u64| self.key.hash_one((round, half, tweak));
        match round % 2 {
            0 => (high ^ hash(low) & mask(self.high_bits)) << self.low_bits | low,
            _ => high << self.low_bits | (low ^ hash(high) & mask(self.low_bits)),
        }
    }
}

fn mask(bits: u32) -> u64 {
    u64::MAX >> (64 - bits)
}

/// A random order of the numbers below `len`.
#[derive(Clone, Debug)]
pub(crate) struct Order {
    feistel: Feistel,
    len: u64,
}

impl Order {
    pub(crate) fn new(len: u64) -> Self {
        let bits = 64 - len.saturating_sub(1).leading_zeros();
        Self { feistel: Feistel::new(bits), len }
    }

    /// How many there are.
    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    /// The number at `position`, which is below the length.
    pub(crate) fn at(&self, position: u64) -> u64 {
        self.walk(position, |number| self.feistel.forward(number, 0))
    }

    /// Where `number` stands; it is below the length.
    pub(crate) fn position(&self, number: u64) -> u64 {
        self.walk(number, |number| self.feistel.backward(number, 0))
    }

    /// Ends, for the walk is along a cycle that begins inside.
    fn walk(&self, from: u64, step: impl Fn(u64) -> u64) -> u64 {
        if from >= self.len {
            return from; // outside there is nothing to come back to
        }
        let mut number = step(from);
        while number >= self.len {
            number = step(number);
        }
        number
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_number_comes_exactly_once(len in 1u64..5000) {
            let order = Order::new(len);
            let mut seen: Vec<u64> = (0..len).map(|position| order.at(position)).collect();
            for (position, number) in (0..).zip(&seen) {
                prop_assert_eq!(order.position(*number), position);
            }
            seen.sort_unstable();
            prop_assert_eq!(seen, (0..len).collect::<Vec<_>>());
        }

        #[test]
        fn large_orders_can_be_turned_round(len in 1u64 << 40..u64::MAX, at: u64) {
            let order = Order::new(len);
            let position = at % len;
            let number = order.at(position);
            prop_assert!(number < len);
            prop_assert_eq!(order.position(number), position);
        }

        #[test]
        fn a_tweak_chooses_another_permutation_that_can_be_turned_round(number: u32, tweak: u64) {
            let feistel = Feistel::new(32);
            let there = feistel.forward(number.into(), tweak);
            prop_assert!(there <= u32::MAX.into());
            prop_assert_eq!(feistel.backward(there, tweak), u64::from(number));
        }
    }

    #[test]
    fn neighbours_are_torn_apart_and_two_runs_differ() {
        let (one, other) = (Order::new(100_000), Order::new(100_000));
        let near = (1..1000).filter(|&at| one.at(at).abs_diff(one.at(at - 1)) < 100);
        assert!(near.count() < 20);
        assert!((0..1000).filter(|&at| one.at(at) == other.at(at)).count() < 10);
    }
}
