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
    longest_from(rtts, 0)
}

/// The same of a path whose beginning was left out: what lies before the first hop that answered
/// may be its own delay or that of those not seen.
pub fn longest_step_within(rtts: &[Option<f64>]) -> Option<(usize, f64)> {
    longest_from(rtts, rtts.iter().position(Option::is_some)? + 1)
}

fn longest_from(rtts: &[Option<f64>], first: usize) -> Option<(usize, f64)> {
    let steps = added(rtts).into_iter().enumerate().skip(first);
    steps.filter_map(|(at, step)| Some((at, step?))).max_by(|a, b| a.1.total_cmp(&b.1))
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
    fn the_first_hop_of_a_path_without_its_beginning_adds_nothing_that_is_known() {
        let rtts = [None, Some(84.0), Some(90.0), Some(91.0)];
        assert_eq!(longest_step(&rtts), Some((1, 84.0)));
        assert_eq!(longest_step_within(&rtts), Some((2, 6.0)));
        assert_eq!(longest_step_within(&[Some(84.0)]), None);
        assert_eq!(longest_step_within(&[]), None);
    }

    #[test]
    fn silence_has_no_delay() {
        assert_eq!(added(&[None, None]), [None, None]);
        assert_eq!(longest_step(&[None]), None);
        assert_eq!(longest_step(&[]), None);
    }
}
