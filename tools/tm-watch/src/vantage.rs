//! From where a path is probed. Each place has a baseline of its own, for the ways from two places
//! to one host need have nothing in common.
//!
//! A place that has a name (`tm-probe --vantage`) is that place whatever its address. One that has
//! none is known by its address, and addresses change: by DHCP, or every day in IPv6 (RFC 8981). So
//! an address that comes up once the only other one has fallen silent takes over what is usual from
//! there. Should the other one be heard of again, they were two places, and the newcomer begins anew.

use serde::{Deserialize, Serialize};
use tm_path::baseline::ADOPTED_AFTER;
use tm_schema::Trace;

use crate::state::Path;
use crate::target::Target;

/// A place that a path is probed from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Vantage {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    /// Of a place without a name. Neither: it was not told in this state, which is an old one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    source_ip: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    heir: Option<Heir>,
}

/// A place that goes on from what was usual from another address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Heir {
    of: String,
    /// Rounds since.
    rounds: u32,
}

impl Vantage {
    fn of(trace: &Trace) -> Self {
        let name = trace.vantage.clone();
        let source_ip = trace.source_ip.clone().filter(|_| name.is_none());
        Self { name, source_ip, heir: None }
    }

    /// The place that `trace` was probed from may be this one, where the trace had no way out.
    pub(crate) fn may_be_of(&self, trace: &Trace) -> bool {
        trace.vantage.is_none() || self.name == trace.vantage
    }

    fn is_unknown(&self) -> bool {
        self.name.is_none() && self.source_ip.is_none()
    }

    pub(crate) fn is_same(&self, other: &Self) -> bool {
        (&self.name, &self.source_ip) == (&other.name, &other.source_ip)
    }

    fn is_heir_of(&self, other: &Self) -> bool {
        self.heir.as_ref().is_some_and(|heir| Some(&heir.of) == other.source_ip.as_ref())
    }

    /// Counts a round. The address that this place went on from, once that will not come back.
    fn outlive(&mut self) -> Option<String> {
        let heir = self.heir.as_mut()?;
        heir.rounds = heir.rounds.saturating_add(1);
        let has_lasted = heir.rounds as usize >= ADOPTED_AFTER;
        self.heir.take_if(|_| has_lasted).map(|heir| heir.of)
    }
}

/// Whether the place that `trace` was probed from is among those `known`.
pub(crate) fn is_known(known: &[Path], trace: &Trace) -> bool {
    find(known, &Vantage::of(trace)).is_some()
}

/// Where the place that `trace` was probed from stands among those `known` of one end. A place not
/// heard of before is added; `nothing`: a path of which nothing is known.
pub(crate) fn place(known: &mut Vec<Path>, trace: &Trace, nothing: Path) -> Option<usize> {
    let vantage = Vantage::of(trace);
    if find(known, &vantage).is_none() {
        let path = take_over(known, trace, &vantage);
        known.push(path.unwrap_or_else(|| Path { vantage: vantage.clone(), ..nothing }));
    }
    // Whoever took over from this place was another one.
    for path in known.iter_mut().filter(|path| path.vantage.is_heir_of(&vantage)) {
        path.vantage.heir = None;
        (path.target, path.since) = (Target::default(), Vec::new());
    }
    let at = find(known, &vantage)?;
    let Some(gone) = known.get_mut(at)?.vantage.outlive() else { return Some(at) };
    known.retain(|path| path.vantage.source_ip.as_ref() != Some(&gone));
    find(known, &vantage)
}

/// Where the place stands. Without an address there was no way out: that is of the place seen last.
fn find(known: &[Path], vantage: &Vantage) -> Option<usize> {
    let places = || known.iter().enumerate();
    match vantage.is_unknown() {
        true => places().max_by_key(|(_, path)| path.seen).map(|(at, _)| at),
        false => places().find(|(_, path)| path.vantage.is_same(vantage)).map(|(at, _)| at),
    }
}

/// What is known of a place that is heard of for the first time, by another name or address.
fn take_over(known: &mut Vec<Path>, trace: &Trace, vantage: &Vantage) -> Option<Path> {
    let was_this = |path: &Path| {
        let had_no_name = path.vantage.name.is_none() && vantage.name.is_some();
        path.vantage.is_unknown() || had_no_name && path.vantage.source_ip == trace.source_ip
    };
    if let Some(at) = known.iter().position(was_this) {
        return Some(Path { vantage: vantage.clone(), ..known.swap_remove(at) });
    }
    let is_gone = |path: &&Path| known.iter().any(|other| other.vantage.is_heir_of(&path.vantage));
    let mut present = known.iter().filter(|path| !is_gone(path));
    let only = present.next().filter(|_| present.next().is_none())?;
    let of = only.vantage.source_ip.clone().filter(|_| vantage.name.is_none())?;
    let has_fallen_silent = only.seen <= trace.started_at;
    has_fallen_silent.then(|| Path {
        vantage: Vantage { heir: Some(Heir { of, rounds: 0 }), ..vantage.clone() },
        ..only.clone()
    })
}
