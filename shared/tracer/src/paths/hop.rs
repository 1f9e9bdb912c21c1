//! What is known of one TTL: which flow met whom.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::IpAddr;
use std::time::Duration;

/// One TTL.
#[derive(Clone, Debug, Default)]
pub(super) struct Hop {
    /// Flows to be sent.
    pub(super) todo: VecDeque<u16>,
    pub(super) next_at: Duration,
    pub(super) in_flight: usize,
    pub(super) flows: BTreeMap<u16, Seen>,
    /// Everybody who answered here.
    pub(super) ips: BTreeSet<IpAddr>,
    /// A flow met several.
    pub(super) per_packet: bool,
    /// Links to this hop cross or are shared out unevenly: every node before it is looked at.
    pub(super) thorough: bool,
    /// The first few flows were sent.
    pub(super) begun: bool,
    /// Where flow 0 met nobody, others were sent.
    pub(super) followed: bool,
    /// Counts what happened here.
    pub(super) changes: u64,
    /// How things stood when every stopping point was last found reached.
    pub(super) closed: Option<(usize, u64)>,
    /// Nodes before this hop at which flows part.
    pub(super) balancers: usize,
}

/// One flow at one TTL.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    pub(super) tries: u8,
    pub(super) pending: u8,
    /// Whom it met, time after time.
    pub(super) met: Vec<IpAddr>,
}

/// What became of a flow at a TTL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Met {
    /// A router that sends it on.
    At(IpAddr),
    /// The end of its way.
    End(IpAddr),
    /// Nobody, after several attempts.
    Silent,
}

/// Flows that go on from one place: a responder at a TTL, or what is silent there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Class {
    pub(super) ttl: u8,
    pub(super) ip: Option<IpAddr>,
}

/// All classes of flows that leave a TTL.
#[derive(Clone, Debug, Default)]
pub(super) struct Classes {
    /// The flows known to be of a class.
    pub(super) flows: BTreeMap<Class, Vec<u16>>,
    /// There is one class, and any flow is of it.
    pub(super) any: bool,
}

impl Classes {
    /// Of how many classes the flows part.
    pub(super) fn parting(&self, outcomes: &BTreeMap<u16, Met>) -> usize {
        let kinds = |met: &mut dyn Iterator<Item = &Met>| {
            met.filter(|met| **met != Met::Silent).collect::<BTreeSet<_>>().len()
        };
        if self.any {
            return usize::from(kinds(&mut outcomes.values()) > 1);
        }
        let part =
            |flows: &&Vec<u16>| kinds(&mut flows.iter().filter_map(|flow| outcomes.get(flow))) > 1;
        self.flows.values().filter(part).count()
    }
}

impl Hop {
    /// Somebody answered here.
    pub(super) fn answers(&self) -> bool {
        !self.ips.is_empty()
    }

    /// How many answers there were.
    pub(super) fn answer_count(&self) -> usize {
        self.flows.values().map(|seen| seen.met.len()).sum()
    }

    /// Nothing is on its way or about to be.
    pub(super) fn is_quiet(&self) -> bool {
        self.in_flight == 0 && self.todo.is_empty()
    }
}

impl Seen {
    /// The same flow met several.
    pub(super) fn is_torn(&self) -> bool {
        self.met.iter().any(|ip| Some(ip) != self.met.first())
    }
}
