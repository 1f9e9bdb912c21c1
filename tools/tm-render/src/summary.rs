//! The figures of one view: how it ended, what was lost, and where the time goes.

use std::collections::BTreeMap;

use serde::Serialize;
use tm_path::delay;
use tm_path::detour::{Agreement, Leg, Stop, long_legs};
use tm_path::sphere::Point;
use tm_schema::Time;

use crate::column::origin;
use crate::symbols::Trust;
use crate::view::{Ttl, View};

/// The figures, as `--stats --format json` writes them.
#[derive(Debug, Serialize)]
pub(crate) struct Summary {
    pub(crate) host: String,
    pub(crate) resolved_ip: Option<String>,
    pub(crate) protocol: Option<&'static str>,
    pub(crate) port: Option<u16>,
    pub(crate) started_at: Option<Time>,
    pub(crate) rounds: u64,
    pub(crate) reached: bool,
    /// How the last round ended; null: it has not.
    pub(crate) stop: Option<&'static str>,
    pub(crate) hops: usize,
    pub(crate) responded: usize,
    pub(crate) silent: usize,
    /// Of the destination; null where it did not answer.
    pub(crate) loss_pct: Option<f64>,
    /// Between how many percent that is, at 95 % confidence.
    pub(crate) loss_interval_pct: Option<[f64; 2]>,
    /// Probes to the destination.
    pub(crate) sent: Option<u64>,
    /// Answers to them.
    pub(crate) received: Option<u64>,
    /// Of the destination; null where it did not answer.
    pub(crate) rtt: Option<Span>,
    /// Delay that the hops of each AS add, the most first.
    pub(crate) by_as: Vec<Share>,
    /// Delay that the hops in each country add, the most first.
    pub(crate) by_country: Vec<Share>,
    pub(crate) longest_step: Option<Step>,
    pub(crate) long_legs: Vec<LongLeg>,
}

/// RTTs in milliseconds.
#[derive(Debug, Serialize)]
pub(crate) struct Span {
    pub(crate) min: f64,
    pub(crate) avg: f64,
    pub(crate) max: f64,
}

/// What one AS or country adds.
#[derive(Debug, Serialize)]
pub(crate) struct Share {
    /// `AS64500`, `DE`; null: not known.
    pub(crate) of: Option<String>,
    pub(crate) org: Option<String>,
    pub(crate) hops: usize,
    pub(crate) added_ms: f64,
}

/// The hop that adds most.
#[derive(Debug, Serialize)]
pub(crate) struct Step {
    pub(crate) hop: u8,
    pub(crate) ip: String,
    pub(crate) added_ms: f64,
}

/// A leg between places that can be trusted.
#[derive(Debug, Serialize)]
pub(crate) struct LongLeg {
    pub(crate) from_hop: u8,
    pub(crate) to_hop: u8,
    pub(crate) km: f64,
    /// What light needs in fibre, there and back.
    pub(crate) least_ms: f64,
    pub(crate) added_ms: Option<f64>,
    /// `supports`, `unclear`, `contradicts`
    pub(crate) rtt: &'static str,
    pub(crate) is_detour: bool,
}

impl Summary {
    pub(crate) fn of(view: &View, detour_km: f64) -> Self {
        let rtts = view.smallest_rtts();
        let added = delay::added(&rtts);
        let responded = rtts.iter().flatten().count();
        let destination = view.destination();
        let rtt = destination.and_then(|(_, at)| span(at));
        Self {
            host: view.host.clone(),
            resolved_ip: view.resolved_ip.clone(),
            protocol: view.protocol.map(tm_schema::Protocol::as_str),
            port: view.trace.as_ref().and_then(|trace| trace.port),
            started_at: view.started_at,
            rounds: view.rounds,
            reached: view.is_reached(),
            stop: view.trace.as_ref().and_then(|trace| trace.stop).map(tm_schema::Stop::as_str),
            hops: view.ttls.len(),
            responded,
            silent: view.ttls.len() - responded,
            loss_pct: destination.map(|(_, at)| at.loss_pct()),
            loss_interval_pct: destination.map(|(_, at)| at.loss_interval()),
            sent: destination.map(|(_, at)| at.sent),
            received: destination.map(|(_, at)| at.received),
            rtt,
            by_as: shares(view, &added, autonomous_system),
            by_country: shares(view, &added, country),
            longest_step: longest_step(view),
            long_legs: legs(view, detour_km).into_iter().map(LongLeg::from).collect(),
        }
    }
}

impl From<Leg> for LongLeg {
    fn from(leg: Leg) -> Self {
        Self {
            from_hop: leg.from,
            to_hop: leg.to,
            km: leg.km.round(),
            least_ms: thousandths(leg.least_ms),
            added_ms: leg.added_ms.map(thousandths),
            rtt: match leg.rtt {
                Agreement::Supports => "supports",
                Agreement::Unclear => "unclear",
                Agreement::Contradicts => "contradicts",
            },
            is_detour: leg.is_detour,
        }
    }
}

/// Legs of `least_km` and more between neighbours whose places can be trusted.
pub(crate) fn legs(view: &View, least_km: f64) -> Vec<Leg> {
    let added = delay::added(&view.smallest_rtts());
    let stops = view.ttls.iter().zip(added).filter_map(|((&hop, at), added_ms)| {
        let point = at.responders.iter().find_map(|responder| {
            let geo = responder.geo.as_ref()?;
            let point = Point::new(geo.lat?, geo.lon?)?;
            Trust::of(geo).is_sufficient().then_some(point)
        })?;
        Some(Stop { hop, point, rtt_min: at.smallest_rtt(), added_ms })
    });
    long_legs(&stops.collect::<Vec<_>>(), least_km)
}

fn span(at: &Ttl) -> Option<Span> {
    let at = at.responders.iter().find(|responder| responder.is_destination)?;
    (at.rtt.count > 0).then(|| Span {
        min: at.rtt.min,
        avg: thousandths(at.rtt.mean),
        max: at.rtt.max,
    })
}

fn longest_step(view: &View) -> Option<Step> {
    let (at, added_ms) = view.longest_step()?;
    let (&hop, ttl) = view.ttls.iter().nth(at)?;
    let ip = ttl.responders.first()?.ip.clone();
    Some(Step { hop, ip, added_ms: thousandths(added_ms) })
}

type Owner = (Option<String>, Option<String>);

fn shares(view: &View, added: &[Option<f64>], owner: impl Fn(&Ttl) -> Owner) -> Vec<Share> {
    let mut shares: BTreeMap<Option<String>, Share> = BTreeMap::new();
    for (at, added) in view.ttls.values().zip(added) {
        let Some(added) = added else { continue };
        let (of, org) = owner(at);
        let share =
            shares.entry(of.clone()).or_insert_with(|| Share { of, org, hops: 0, added_ms: 0.0 });
        share.hops += 1;
        share.added_ms += added;
    }
    let mut shares: Vec<Share> = shares.into_values().collect();
    if shares.iter().all(|share| share.of.is_none()) {
        return Vec::new();
    }
    shares.sort_by(|a, b| b.added_ms.total_cmp(&a.added_ms));
    for share in &mut shares {
        share.added_ms = thousandths(share.added_ms);
    }
    shares
}

fn autonomous_system(at: &Ttl) -> Owner {
    let known = at.responders.iter().find_map(|responder| {
        let asn = responder.asn.as_ref().filter(|asn| asn.error.is_none())?;
        Some((origin(asn)?, asn.org.clone()))
    });
    known.map_or((None, None), |(name, org)| (Some(name), org))
}

fn country(at: &Ttl) -> Owner {
    let code = at.responders.iter().find_map(|responder| {
        let geo = responder.geo.as_ref().filter(|geo| Trust::of(geo).is_sufficient())?;
        geo.country_code.clone()
    });
    (code, None)
}

fn thousandths(ms: f64) -> f64 {
    (ms * 1e3).round() / 1e3
}
