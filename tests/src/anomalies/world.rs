//! A path, and a round of probes along it.

use tm_schema::{
    Asn, Hop, Method, Probe, Protocol, Record, Reply, ReplyKind, Rtt, Stop, Time, Trace, loss_pct,
};

use super::Dice;

/// The destination of every simulated path.
pub const TARGET: &str = "198.51.100.9";

/// 2026-11-24T00:00:00Z in microseconds since 1970.
const BEGINNING: i64 = 1_795_478_400_000_000;

/// Seconds between two rounds.
const INTERVAL_S: i64 = 30;

/// One TTL.
#[derive(Clone, Debug)]
pub struct Router {
    /// Addresses among which the load is balanced.
    pub ips: Vec<String>,
    /// Whose they are.
    pub asn: u32,
    /// RTT in milliseconds without noise.
    pub rtt: f64,
    /// What its own slowness adds, to nobody's packets but its answers.
    pub slow: f64,
    /// The part of the probes that it answers.
    pub answers: f64,
    /// The part of the packets lost on the link to it.
    pub loss: f64,
    /// It answers some other balanced address each round.
    pub is_balanced_by_round: bool,
}

impl Router {
    /// A router that answers everything.
    pub fn new(ip: &str, asn: u32, rtt: f64) -> Self {
        Self {
            ips: vec![ip.to_owned()],
            asn,
            rtt,
            slow: 0.0,
            answers: 1.0,
            loss: 0.0,
            is_balanced_by_round: false,
        }
    }
}

/// The way to [`TARGET`] in one round; the last one is the target itself.
#[derive(Clone, Debug)]
pub struct World {
    /// Every TTL.
    pub routers: Vec<Router>,
    /// Nothing passes from this index on.
    pub cut: Option<usize>,
    /// How much RTTs scatter; 1 is a usual day.
    pub noise: f64,
    /// Factor of every RTT.
    pub stretch: f64,
}

/// The probes that one record tells of: those answered, or all where none was.
fn probes(rtts: &[Option<f64>], at: Time) -> Vec<Probe> {
    let is_silent = rtts.iter().all(Option::is_none);
    let told = rtts.iter().filter(|rtt| rtt.is_some() || is_silent);
    let probe = |rtt: &Option<f64>| Probe {
        rtt_ms: *rtt,
        ok: rtt.is_some(),
        flow: 0,
        at: Some(at),
        at_most: false,
    };
    told.map(probe).collect()
}

/// Writes the records of round `number` (from 1) of `world`, of so many probes a hop.
pub fn write(world: &World, sent_each: u32, number: u64, dice: &mut Dice, to: &mut String) {
    let at = |offset: i64| {
        let micros = BEGINNING + number as i64 * INTERVAL_S * 1_000_000 + offset;
        Time::from_microseconds(micros).unwrap_or_else(|| std::time::UNIX_EPOCH.into())
    };
    let trace_id = format!("{number:08x}-0000-7000-8000-{:012x}", dice.any() >> 16);
    let (mut sent, mut received, mut responded, mut gap, mut hops) = (0, 0, 0, 0, 0);
    let mut is_reached = false;
    let count = world.routers.len();
    for (index, router) in world.routers.iter().enumerate() {
        let branch = dice.any() as usize;
        let ip = match router.is_balanced_by_round {
            true => router.ips.get(branch % router.ips.len().max(1)),
            false => router.ips.first(),
        };
        let is_target = index + 1 == count;
        let rtts: Vec<Option<f64>> =
            (0..sent_each).map(|_| probe(world, index, router, branch, dice)).collect();
        let good: Vec<f64> = rtts.iter().flatten().copied().collect();
        let ttl = index as u8 + 1;
        let hop = Hop {
            v: tm_schema::VERSION,
            trace_id: trace_id.clone(),
            host: "example.com".to_owned(),
            resolved_ip: Some(TARGET.to_owned()),
            source_ip: Some("192.168.1.2".to_owned()),
            vantage: None,
            protocol: Some(Protocol::Udp),
            port: Some(33434),
            round: number,
            at: at(i64::from(ttl) * 500),
            hop: ttl,
            ip: ip.filter(|_| !good.is_empty()).cloned(),
            probes: probes(&rtts, at(0)),
            sent: sent_each,
            received: good.len() as u32,
            loss_pct: loss_pct(sent_each, good.len() as u32),
            rtt: Rtt::of(&good),
            reply: (!good.is_empty()).then(|| reply(is_target)),
            mpls: Vec::new(),
            interface: None,
            nat: None,
            mtu: None,
            hints: None,
            flows: if good.is_empty() { Vec::new() } else { vec![0] },
            is_destination: is_target && !good.is_empty(),
            is_private: false,
            is_timeout: good.is_empty(),
            dns: None,
            asn: (!good.is_empty() && router.asn > 0).then(|| Asn {
                number: Some(router.asn),
                source: Some("lab".to_owned()),
                ..Asn::default()
            }),
            geo: None,
        };
        sent += sent_each;
        received += good.len() as u32;
        responded += u32::from(!good.is_empty());
        is_reached |= hop.is_destination;
        gap = if good.is_empty() { gap + 1 } else { 0 };
        hops += 1;
        line(&hop.into(), to);
        // Nobody beyond answers: tm-probe gives up after three.
        if gap == 3 && world.cut.is_some_and(|cut| cut <= index) {
            break;
        }
    }
    let trace = Trace {
        v: tm_schema::VERSION,
        trace_id,
        host: "example.com".to_owned(),
        resolved_ip: Some(TARGET.to_owned()),
        source_ip: Some("192.168.1.2".to_owned()),
        vantage: None,
        protocol: Some(Protocol::Udp),
        port: Some(33434),
        round: number,
        tool: "tm-probe".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        platform: "lab".to_owned(),
        max_hops: Some(30),
        probes: Some(sent_each),
        timeout_s: Some(2.0),
        method: Some(Method::Paris),
        started_at: at(0),
        completed_at: at(1_000_000),
        reached: is_reached,
        stop: Some(if is_reached { Stop::Destination } else { Stop::GapLimit }),
        error: None,
        hops,
        responded,
        sent,
        received,
        ignored: tm_schema::Ignored::default(),
        paths: None,
        mtu: None,
        stop_set: None,
    };
    line(&trace.into(), to);
}

/// The RTT of one probe, if it is answered.
fn probe(
    world: &World,
    index: usize,
    router: &Router,
    branch: usize,
    dice: &mut Dice,
) -> Option<f64> {
    let on_way = world.routers.iter().take(index + 1);
    let is_lost = on_way.fold(false, |lost, hop| lost | dice.happens(hop.loss));
    let is_cut = world.cut.is_some_and(|cut| index >= cut);
    if is_lost || is_cut || !dice.happens(router.answers) {
        return None;
    }
    // Sisters of a balanced hop are not equally far away.
    let sister = match router.is_balanced_by_round {
        true => (branch % router.ips.len().max(1)) as f64 * 0.3,
        false => 0.0,
    };
    let queue = (0.8 * dice.normal()).exp() * 0.5 * world.noise;
    let spike = if dice.happens(0.03 * world.noise) { -dice.part().ln() * 60.0 } else { 0.0 };
    let rtt = router.rtt.mul_add(world.stretch, router.slow + sister + queue + spike);
    Some((rtt * 1000.0).round() / 1000.0)
}

fn reply(is_target: bool) -> Reply {
    let (kind, icmp_type, code) = match is_target {
        true => (ReplyKind::DestUnreachable, 3, 3),
        false => (ReplyKind::TimeExceeded, 11, 0),
    };
    Reply { kind, icmp_type: Some(icmp_type), code: Some(code), ttl: Some(60), note: None }
}

fn line(record: &Record, to: &mut String) {
    // Types of our own always have a JSON form.
    *to += &serde_json::to_string(record).unwrap_or_default();
    to.push('\n');
}
