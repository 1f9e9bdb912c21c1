//! What a comparison says: the types that every output format shows, and their JSON form.

use std::collections::BTreeMap;

use serde::Serialize;
use tm_schema::Time;

/// Two paths compared, or one that the other side has nothing for.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Comparison {
    #[serde(rename = "type")]
    pub(crate) kind: &'static str,
    pub(crate) v: u32,
    pub(crate) host: String,
    /// Nothing counts as a difference.
    pub(crate) same: bool,
    /// How many differences there are.
    pub(crate) differences: usize,
    /// How many of each kind.
    pub(crate) counts: BTreeMap<&'static str, usize>,
    pub(crate) a: Option<About>,
    pub(crate) b: Option<About>,
    /// Differences of the path as a whole: `target`, `reached`, `as_path`, `missing`.
    pub(crate) path: Vec<&'static str>,
    pub(crate) hops: Vec<Row>,
}

/// One side.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct About {
    pub(crate) source: String,
    pub(crate) host: String,
    /// The name of the place probed from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) vantage: Option<String>,
    pub(crate) protocol: &'static str,
    pub(crate) port: Option<u16>,
    pub(crate) targets: Vec<String>,
    /// Of the last round.
    pub(crate) trace_id: String,
    pub(crate) rounds: u64,
    /// Rounds in which the destination answered.
    pub(crate) reached_rounds: u64,
    pub(crate) reached: bool,
    /// The TTL of the destination.
    pub(crate) length: Option<u8>,
    pub(crate) first_at: Option<Time>,
    pub(crate) last_at: Option<Time>,
    /// As people write it: `7922 > 15169`; null where no AS is known.
    pub(crate) as_path: Option<String>,
    pub(crate) error: Option<String>,
}

/// What became of a hop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Verdict {
    /// The same responder, or the same silence.
    Same,
    /// Other members of a load balancer, as far as few flows can tell.
    Balanced,
    /// The responder stands elsewhere on the path.
    Moved,
    /// Only B has it.
    Inserted,
    /// Only A has it.
    Removed,
    /// Another responder; whether of the same AS is not known.
    Replaced,
    /// Another responder of the same AS.
    ReplacedInAs,
    /// Another responder of another AS.
    ReplacedAcrossAs,
    /// It answered in A and does not in B.
    SilentNow,
    /// It answers in B and did not in A.
    AnsweringNow,
    /// One side did not probe there.
    Unknown,
}

/// One line of the comparison.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Row {
    pub(crate) verdict: Verdict,
    /// The verdict or one of the changes is a difference.
    pub(crate) differs: bool,
    /// The verdict counts by itself.
    #[serde(skip)]
    pub(crate) verdict_counts: bool,
    /// It is part of a tail that fell silent or answers now, which counts once.
    #[serde(skip)]
    pub(crate) is_tail: bool,
    /// One flow on each side: a load balancer would look the same.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) may_be_balancing: bool,
    /// It answered too seldom for its silence to mean anything.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) answers_seldom: bool,
    /// It moved: its TTL on the other side.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) elsewhere: Option<u8>,
    pub(crate) a: Option<At>,
    pub(crate) b: Option<At>,
    pub(crate) changes: Vec<Change>,
}

/// A hop of one side.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct At {
    pub(crate) hop: u8,
    /// Who answered; empty: nobody.
    pub(crate) ips: Vec<String>,
    /// Responders left out because they were met so seldom.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) rare: Vec<String>,
    pub(crate) hostname: Option<String>,
    pub(crate) origins: Vec<u32>,
    pub(crate) place: Option<String>,
    pub(crate) rtt: Option<Interval>,
    pub(crate) loss: Option<Share>,
}

/// A median RTT in ms and its interval.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Interval {
    pub(crate) median: f64,
    pub(crate) low: f64,
    pub(crate) high: f64,
    pub(crate) count: usize,
    /// The interval holds with 95 %; else it is the smallest and the largest of too few.
    pub(crate) bounded: bool,
}

/// Lost of sent, and the Wilson interval of 95 %, in percent.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Share {
    pub(crate) sent: u64,
    pub(crate) lost: u64,
    pub(crate) pct: f64,
    pub(crate) low: f64,
    pub(crate) high: f64,
}

/// Where on the path a change of RTT or loss stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Where {
    /// It begins here: a difference.
    Onset,
    /// It began before.
    Carried,
    /// Farther hops do not share it: how this router answers.
    Local,
    /// There are too few probes to be sure.
    Unsure,
}

/// What else is other at a hop.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum Change {
    Rtt {
        before: f64,
        after: f64,
        shift: Where,
    },
    Loss {
        before: f64,
        after: f64,
        p: f64,
        shift: Where,
    },
    Name {
        before: Option<String>,
        after: Option<String>,
    },
    Origin {
        before: Vec<u32>,
        after: Vec<u32>,
    },
    Place {
        before: String,
        after: String,
    },
    Mpls {
        before: Vec<Vec<u32>>,
        after: Vec<Vec<u32>>,
    },
    Reply {
        before: Vec<String>,
        after: Vec<String>,
    },
    /// Members of a load balancer that few flows do not explain.
    Members {
        gone: Vec<String>,
        new: Vec<String>,
    },
}

impl Change {
    /// It is a difference by itself.
    pub(crate) fn counts(&self) -> bool {
        match self {
            Self::Rtt { shift, .. } | Self::Loss { shift, .. } => *shift == Where::Onset,
            _ => true,
        }
    }

    /// The name of its kind, as the counts have it.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Rtt { .. } => "rtt",
            Self::Loss { .. } => "loss",
            Self::Name { .. } => "name",
            Self::Origin { .. } => "origin",
            Self::Place { .. } => "place",
            Self::Mpls { .. } => "mpls",
            Self::Reply { .. } => "reply",
            Self::Members { .. } => "members",
        }
    }
}

impl Verdict {
    /// The name, as the counts have it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::Balanced => "balanced",
            Self::Moved => "moved",
            Self::Inserted => "inserted",
            Self::Removed => "removed",
            Self::Replaced => "replaced",
            Self::ReplacedInAs => "replaced_in_as",
            Self::ReplacedAcrossAs => "replaced_across_as",
            Self::SilentNow => "silent_now",
            Self::AnsweringNow => "answering_now",
            Self::Unknown => "unknown",
        }
    }
}

impl Comparison {
    /// Counts what there is and says whether anything differs.
    pub(crate) fn counted(mut self) -> Self {
        let mut add = |name| *self.counts.entry(name).or_insert(0) += 1;
        self.path.iter().copied().for_each(&mut add);
        for row in &mut self.hops {
            if row.verdict_counts {
                add(row.verdict.name());
            }
            row.changes
                .iter()
                .filter(|change| change.counts())
                .for_each(|change| add(change.name()));
            row.differs =
                row.verdict_counts || row.is_tail || row.changes.iter().any(Change::counts);
        }
        // A hop that moved stands in two places and is one.
        if let Some(moved) = self.counts.get_mut("moved") {
            *moved = (*moved).div_ceil(2);
        }
        self.differences = self.counts.values().sum();
        self.same = self.differences == 0;
        self
    }
}
