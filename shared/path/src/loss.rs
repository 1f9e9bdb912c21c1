//! Telling loss from silence: routers limit how many ICMP errors they send (RFC 1812, section
//! 4.3.2.8), so a router that answers few probes may forward all of them. Loss is real only as
//! far as later hops suffer it too. [`watch`] does the same over many rounds.

pub mod watch;

/// For each hop's loss in percent, in path order (`None`: nobody answered): whether farther hops
/// lose clearly less, so that it is the router that answers seldom.
///
/// ```
/// use tm_path::loss::is_rate_limiting;
/// let losses = [Some(0.0), Some(60.0), None, Some(10.0)];
/// assert_eq!(is_rate_limiting(&losses), [false, true, false, false]);
/// ```
pub fn is_rate_limiting(losses: &[Option<f64>]) -> Vec<bool> {
    let mut least_beyond = f64::INFINITY;
    let mut verdicts: Vec<bool> = losses
        .iter()
        .rev()
        .map(|loss| {
            let limited = loss.is_some_and(|loss| loss > 0.0 && least_beyond <= loss / 2.0);
            least_beyond = least_beyond.min(loss.unwrap_or(f64::INFINITY));
            limited
        })
        .collect();
    verdicts.reverse();
    verdicts
}

/// Where loss begins that goes on to the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Onset {
    /// The farthest hop, by position, that loses clearly less than the last one; `None`: none does.
    pub after: Option<usize>,
    /// The nearest hop that suffers the loss. Routers between the two that limit how often they
    /// answer, or never do, cannot tell.
    pub by: usize,
}

/// Where the loss begins that the last answering hop suffers; `None`: it suffers none.
///
/// ```
/// use tm_path::loss::{Onset, onset};
/// let losses = [Some(0.0), Some(60.0), Some(0.0), Some(9.0), Some(10.0)];
/// assert_eq!(onset(&losses), Some(Onset { after: Some(2), by: 3 }));
/// ```
pub fn onset(losses: &[Option<f64>]) -> Option<Onset> {
    let answering = || losses.iter().enumerate().filter_map(|(at, loss)| Some((at, (*loss)?)));
    let (_, end) = answering().next_back().filter(|&(_, loss)| loss > 0.0)?;
    let after = answering().rfind(|&(_, loss)| loss < end / 2.0).map(|(at, _)| at);
    let limited = is_rate_limiting(losses);
    let suffers =
        |at: usize| after.is_none_or(|after| at > after) && limited.get(at) == Some(&false);
    let by = answering().map(|(at, _)| at).find(|&at| suffers(at))?;
    Some(Onset { after, by })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loss_that_goes_on_to_the_end_is_loss() {
        let losses = [Some(0.0), Some(30.0), Some(33.0), Some(28.0)];
        assert_eq!(is_rate_limiting(&losses), [false; 4]);
    }

    #[test]
    fn loss_begins_where_it_goes_on_to_the_end() {
        let between = |after, by| Some(Onset { after, by });
        assert_eq!(
            onset(&[Some(0.0), Some(12.0), None, Some(8.0), Some(10.0)]),
            between(Some(0), 1)
        );
        assert_eq!(onset(&[Some(0.0), None, Some(40.0), Some(10.0)]), between(Some(0), 3));
        assert_eq!(onset(&[None, Some(50.0), None]), between(None, 1));
        assert_eq!(onset(&[Some(5.0), Some(0.0)]), None);
        assert_eq!(onset(&[]), None);
    }

    #[test]
    fn the_last_hop_has_nobody_beyond_to_clear_it() {
        assert_eq!(is_rate_limiting(&[Some(50.0)]), [false]);
        assert_eq!(is_rate_limiting(&[Some(50.0), None]), [false, false]);
        assert!(is_rate_limiting(&[]).is_empty());
    }
}
