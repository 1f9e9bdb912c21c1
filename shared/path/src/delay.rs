//! Where delay arises. A router may answer slower than it forwards, so an RTT alone says little of
//! the path; but whatever went farther and came back sooner passed every nearer hop. The delay up
//! to a hop is therefore the smallest RTT of that hop and all beyond it, which grows along the
//! path and never shrinks.

/// For each hop's smallest RTT in milliseconds, in path order (`None`: nobody answered): the
/// delay up to that hop, there and back.
///
/// ```
/// use tm_path::delay::up_to;
/// assert_eq!(up_to(&[Some(1.0), Some(40.0), None, Some(9.0)]), [
///     Some(1.0), Some(9.0), None, Some(9.0),
/// ]);
/// ```
pub fn up_to(rtts: &[Option<f64>]) -> Vec<Option<f64>> {
    let mut least_beyond = f64::INFINITY;
    let mut delays: Vec<Option<f64>> = rtts
        .iter()
        .rev()
        .map(|rtt| {
            let rtt = (*rtt)?;
            least_beyond = least_beyond.min(rtt);
            Some(least_beyond)
        })
        .collect();
    delays.reverse();
    delays
}

/// What each hop adds to the delay up to the hop before it that answered; the first one's own
/// delay is all its own. The sum is the delay up to the last hop.
pub fn added(rtts: &[Option<f64>]) -> Vec<Option<f64>> {
    let mut before = 0.0;
    up_to(rtts)
        .into_iter()
        .map(|delay| {
            let delay = delay?;
            let added = delay - before;
            before = delay;
            Some(added)
        })
        .collect()
}

/// The hop that adds most, by its position, and how much.
pub fn longest_step(rtts: &[Option<f64>]) -> Option<(usize, f64)> {
    let steps = added(rtts).into_iter().enumerate().filter_map(|(at, step)| Some((at, step?)));
    steps.max_by(|a, b| a.1.total_cmp(&b.1))
}

/// Classes of RTT that pictures colour alike, by their upper bounds in milliseconds; what reaches
/// the last one is a class of its own.
pub const CLASSES: [f64; 4] = [10.0, 40.0, 100.0, 200.0];

/// The class of an RTT, from 0. A bound belongs to the slower class.
pub fn class(ms: f64) -> usize {
    CLASSES.iter().filter(|bound| ms >= **bound).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_steps_add_up_to_the_end() {
        let rtts = [Some(0.5), Some(12.0), None, Some(11.0), Some(200.0), Some(90.5)];
        let steps = added(&rtts);
        assert_eq!(steps, [Some(0.5), Some(10.5), None, Some(0.0), Some(79.5), Some(0.0)]);
        assert_eq!(steps.iter().flatten().sum::<f64>(), 90.5);
        assert_eq!(longest_step(&rtts), Some((4, 79.5)));
    }

    #[test]
    fn silence_has_no_delay() {
        assert_eq!(added(&[None, None]), [None, None]);
        assert_eq!(longest_step(&[None]), None);
        assert_eq!(longest_step(&[]), None);
    }
}
