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

#[cfg(test)]
mod tests {
    use super::is_rate_limiting;

    #[test]
    fn loss_that_goes_on_to_the_end_is_loss() {
        let losses = [Some(0.0), Some(30.0), Some(33.0), Some(28.0)];
        assert_eq!(is_rate_limiting(&losses), [false; 4]);
    }

    #[test]
    fn the_last_hop_has_nobody_beyond_to_clear_it() {
        assert_eq!(is_rate_limiting(&[Some(50.0)]), [false]);
        assert_eq!(is_rate_limiting(&[Some(50.0), None]), [false, false]);
        assert!(is_rate_limiting(&[]).is_empty());
    }
}
