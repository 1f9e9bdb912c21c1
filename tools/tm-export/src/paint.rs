//! The colours of RTTs: five steps of cividis on a logarithmic scale, told apart by whoever sees
//! colours otherwise too. A colour never stands alone: the number is always written beside it.

/// What separates the steps, in milliseconds.
const EDGES: [f64; 4] = [10.0, 40.0, 100.0, 200.0];

/// The steps as a legend names them.
pub(crate) const LEGEND: [&str; 5] = ["< 10 ms", "10–40", "40–100", "100–200", "≥ 200 ms"];

/// The step of an RTT, from 0.
pub(crate) fn step(ms: f64) -> usize {
    EDGES.iter().filter(|edge| ms >= **edge).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edges_belong_to_the_slower_step() {
        assert_eq!([0.0, 9.9, 10.0, 199.9, 200.0, 9e9].map(step), [0, 0, 1, 3, 4, 4]);
        assert_eq!(LEGEND.len(), EDGES.len() + 1);
    }
}
