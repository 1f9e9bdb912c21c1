//! What stands out on a path: routers that answer seldom, where loss begins that goes on to the
//! end, and where most of the delay arises.

use std::collections::BTreeSet;

use tm_path::{delay, loss};

use crate::view::View;

/// A step is worth a mark if it adds this many milliseconds …
const WORTH_MS: f64 = 10.0;

/// … and this part of the delay up to the end.
const WORTH_PART: f64 = 0.25;

/// Marks of a view, by TTL.
#[derive(Clone, Debug, Default)]
pub(crate) struct Marks {
    /// Routers that answer seldom and carry everything on.
    pub(crate) rate_limited: BTreeSet<u8>,
    /// Where the loss begins that the destination suffers: the last hop without it, if there is
    /// one, and the first with it.
    pub(crate) loss_begins: Option<(Option<u8>, u8)>,
    /// Where most of the delay is added, and how many milliseconds.
    pub(crate) delay_begins: Option<(u8, f64)>,
}

impl Marks {
    pub(crate) fn of(view: &View) -> Self {
        let ttls: Vec<u8> = view.ttls.keys().copied().collect();
        let ttl = |at: usize| ttls.get(at).copied();
        let losses = view.losses();
        let limited = loss::is_rate_limiting(&losses).into_iter();
        let limited = ttls.iter().zip(limited).filter_map(|(&ttl, limited)| limited.then_some(ttl));
        let onset = view.is_reached().then(|| loss::onset(&losses)).flatten();
        let rtts = view.smallest_rtts();
        let whole: f64 = delay::added(&rtts).iter().flatten().sum();
        let step =
            view.longest_step().filter(|&(_, ms)| ms >= WORTH_MS && ms >= WORTH_PART * whole);
        Self {
            rate_limited: limited.collect(),
            loss_begins: onset.and_then(|onset| Some((onset.after.and_then(ttl), ttl(onset.by)?))),
            delay_begins: step.and_then(|(at, ms)| Some((ttl(at)?, ms))),
        }
    }
}
