//! Several rounds, small enough for a page: what its slider shows.

use std::collections::BTreeMap;

use serde::Serialize;
use tm_schema::Rtt;

use crate::collect::Round;
use crate::paint;
use crate::session::Session;
use crate::words::{clean, ms, pct, time};

/// The rounds, oldest first.
#[derive(Debug, Serialize)]
pub(crate) struct Rounds {
    pub(crate) count: usize,
    #[serde(skip)]
    pub(crate) all: Vec<RoundView>,
}

/// One round.
#[derive(Debug, Serialize)]
pub(crate) struct RoundView {
    /// The round's number.
    n: u64,
    at: String,
    /// By TTL.
    h: BTreeMap<u8, Seen>,
}

/// What a TTL did in a round: address, mean RTT as text and number, step of colour, loss.
#[derive(Debug, Serialize)]
struct Seen(String, String, f64, usize, String);

impl Rounds {
    /// `None` where there is one.
    pub(crate) fn of(session: &Session) -> Option<Self> {
        (session.rounds.len() > 1).then(|| Self {
            count: session.rounds.len(),
            all: session.rounds.iter().map(view).collect(),
        })
    }
}

fn view(round: &Round) -> RoundView {
    let mut seen: BTreeMap<u8, Seen> = BTreeMap::new();
    for hop in &round.hops {
        let rtts: Vec<f64> = hop.probes.iter().filter_map(|probe| probe.rtt_ms).collect();
        let avg = Rtt::of(&rtts).map(|rtt| rtt.avg);
        let ip = hop.ip.as_deref().map(clean).unwrap_or_default();
        seen.entry(hop.hop).or_insert_with(|| {
            let loss = tm_schema::loss_pct(hop.sent, hop.received);
            let avg_text = avg.map(ms).unwrap_or_default();
            Seen(ip, avg_text, avg.unwrap_or(-1.0), avg.map_or(0, paint::step), pct(loss))
        });
    }
    let first = round.hops.first();
    let at = round.end.as_ref().map(|end| end.started_at).or(first.map(|hop| hop.at));
    let n = round.end.as_ref().map(|end| end.round).or(first.map(|hop| hop.round));
    RoundView { n: n.unwrap_or(0), at: at.map(time).unwrap_or_default(), h: seen }
}
