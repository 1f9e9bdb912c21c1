//! Where along a path a change begins. A delay or a loss that begins at a hop is met by
//! everything that goes through it, so farther hops show it too; what one hop alone shows is how
//! that router answers, and says nothing of what it carries.

/// By how much a hop changed, and how sure that is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Delta {
    /// The change, in any unit; negative: less than before.
    pub amount: f64,
    /// What speaks for it.
    pub evidence: Evidence,
}

/// What speaks for a change.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Evidence {
    /// Nothing: noise explains it.
    None,
    /// By chance it would be seen this seldom: not seldom enough for one hop, but several in a
    /// row may do.
    Weak(f64),
    /// It is significant by itself.
    Strong,
}

/// What a change of one hop means for the path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shift {
    /// It did not change, as far as can be told.
    None,
    /// It changed, and the hops behind it did not: the router's own affair.
    Local,
    /// The change of the path begins here.
    Onset,
    /// It shows what began before it.
    Carried,
}

/// Weak evidence of neighbours is multiplied; below this it is strong.
const TOGETHER: f64 = 0.001;
/// A farther hop shares the change if it has at least this part of it,
const PART: f64 = 0.5;
/// and the path shares it if this part of the farther hops and the last one do.
const MOST: f64 = 0.8;

/// What the changes mean, hop by hop; `None`: nothing to compare there.
///
/// ```
/// use tm_path::shift::{Delta, Evidence, Shift, shifts};
/// let delta = |amount| {
///     let evidence = if amount > 1.0 { Evidence::Strong } else { Evidence::None };
///     Some(Delta { amount, evidence })
/// };
/// let path = [delta(0.0), delta(9.0), delta(40.0), delta(41.0), None, delta(40.0)];
/// let wanted = [Shift::None, Shift::Onset, Shift::Onset, Shift::Carried, Shift::None, Shift::Carried];
/// assert_eq!(shifts(&path), wanted);
/// ```
pub fn shifts(deltas: &[Option<Delta>]) -> Vec<Shift> {
    let strong = strong(deltas);
    let mut shifts = vec![Shift::None; deltas.len()];
    let mut carried: Option<f64> = None;
    for (at, delta) in deltas.iter().enumerate() {
        let Some(delta) = delta else { continue };
        if strong.get(at) != Some(&true) {
            continue;
        }
        let shift = if !is_shared(delta.amount, deltas.get(at + 1..).unwrap_or_default()) {
            Shift::Local
        } else if carried.is_some_and(|so_far| is_part(so_far, delta.amount)) {
            Shift::Carried
        } else {
            carried = Some(delta.amount);
            Shift::Onset
        };
        if let Some(slot) = shifts.get_mut(at) {
            *slot = shift;
        }
    }
    shifts
}

/// At least the part of `whole` that counts, in the same direction.
fn is_part(amount: f64, whole: f64) -> bool {
    amount.signum() == whole.signum() && amount.abs() >= PART * whole.abs()
}

fn is_shared(amount: f64, farther: &[Option<Delta>]) -> bool {
    let farther: Vec<bool> =
        farther.iter().flatten().map(|delta| is_part(delta.amount, amount)).collect();
    let sharing = farther.iter().filter(|shares| **shares).count();
    farther.last().is_none_or(|last| *last && sharing as f64 >= MOST * farther.len() as f64)
}

/// For each hop, whether its change is significant, alone or together with neighbours that
/// changed in the same direction.
fn strong(deltas: &[Option<Delta>]) -> Vec<bool> {
    let mut strong = vec![false; deltas.len()];
    let mut run: Vec<usize> = Vec::new();
    let (mut together, mut direction) = (1.0, 0.0);
    let close = |run: &mut Vec<usize>, together: &mut f64, strong: &mut Vec<bool>| {
        let enough = *together <= TOGETHER;
        for at in run.drain(..) {
            if let Some(slot) = strong.get_mut(at).filter(|_| enough) {
                *slot = true;
            }
        }
        *together = 1.0;
    };
    for (at, delta) in deltas.iter().enumerate() {
        let Some(delta) = delta else { continue };
        let chance = match delta.evidence {
            Evidence::None => None,
            Evidence::Weak(chance) => Some(chance),
            Evidence::Strong => Some(0.0),
        };
        if chance.is_none() || delta.amount.signum() != direction {
            close(&mut run, &mut together, &mut strong);
        }
        let Some(chance) = chance else { continue };
        direction = delta.amount.signum();
        if chance == 0.0 {
            // Strong by itself, it lends no strength to the weak beside it.
            if let Some(slot) = strong.get_mut(at) {
                *slot = true;
            }
        } else {
            run.push(at);
            together *= chance;
        }
    }
    close(&mut run, &mut together, &mut strong);
    strong
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weak(amount: f64) -> Delta {
        Delta { amount, evidence: Evidence::Weak(0.05) }
    }

    fn sure(amount: f64) -> Delta {
        Delta { amount, evidence: Evidence::Strong }
    }

    fn quiet(amount: f64) -> Delta {
        Delta { amount, evidence: Evidence::None }
    }

    #[test]
    fn three_weak_ones_in_a_row_are_strong_and_two_are_not() {
        let two = [Some(quiet(0.0)), Some(weak(20.0)), Some(weak(21.0))];
        assert_eq!(shifts(&two), [Shift::None; 3]);
        let three = [Some(quiet(0.0)), Some(weak(20.0)), None, Some(weak(21.0)), Some(weak(20.0))];
        let wanted = [Shift::None, Shift::Onset, Shift::None, Shift::Carried, Shift::Carried];
        assert_eq!(shifts(&three), wanted);
        let against = [Some(weak(20.0)), Some(weak(-20.0)), Some(weak(20.0))];
        assert_eq!(shifts(&against), [Shift::None; 3]);
    }

    #[test]
    fn what_farther_hops_do_not_share_is_the_routers_own() {
        let path = [Some(quiet(0.1)), Some(sure(30.0)), Some(quiet(0.2)), Some(quiet(-0.1))];
        assert_eq!(shifts(&path), [Shift::None, Shift::Local, Shift::None, Shift::None]);
    }

    #[test]
    fn the_last_hop_has_nobody_behind_it() {
        assert_eq!(shifts(&[Some(quiet(0.0)), Some(sure(5.0))]), [Shift::None, Shift::Onset]);
        assert_eq!(shifts(&[]), []);
    }

    #[test]
    fn a_change_that_goes_the_other_way_begins_anew() {
        let path = [Some(sure(40.0)), Some(sure(38.0)), Some(sure(-40.0))];
        assert_eq!(shifts(&path), [Shift::Local, Shift::Local, Shift::Onset]);
    }
}
