//! Driving a strategy through a network that a closure stands for: no socket, no clock, so that
//! simulators and tests ask thousands of networks a second.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use tm_schema::ReplyKind;

use crate::net::plain_answer;
use crate::trace::{Answer, HopReport, Next, Plan, Send};
use crate::{Options, Strategy, Unsent};

/// An address to trace.
pub const TARGET: IpAddr = IpAddr::V4(Ipv4Addr::new(198, 51, 100, 9));

/// How soon a probe is tried again that could not be sent.
const PAUSE: Duration = Duration::from_millis(5);

/// A link: the TTL at which it begins, and its ends.
pub type Link = (u8, IpAddr, IpAddr);

/// The plan of `tm-probe HOST`.
pub fn plan() -> Plan {
    Options::default().plan(false, None)
}

/// What becomes of a probe.
#[derive(Clone, Debug)]
pub enum Fate {
    /// It is answered after so long.
    Answered(Answer, Duration),
    /// It is never heard of again.
    Lost,
    /// The kernel cannot send it just now.
    Postponed,
    /// The kernel will not send it.
    Refused,
    /// The kernel will not send one of that size.
    TooLarge,
}

/// Drives it to its end; the hops that it found, and the simulated time that it took. `answers`:
/// what comes back for a probe, and after how long.
///
/// # Panics
/// Where it does not end.
pub fn drive(
    strategy: &mut dyn Strategy,
    mut answers: impl FnMut(Send) -> Option<(Answer, Duration)>,
) -> (Vec<HopReport>, Duration) {
    drive_through(strategy, |probe| match answers(probe) {
        Some((answer, rtt)) => Fate::Answered(answer, rtt),
        None => Fate::Lost,
    })
}

/// The same where the kernel may refuse to send.
///
/// # Panics
/// Where it does not end.
pub fn drive_through(
    strategy: &mut dyn Strategy,
    mut fates: impl FnMut(Send) -> Fate,
) -> (Vec<HopReport>, Duration) {
    let mut now = Duration::ZERO;
    let mut on_their_way: Vec<Option<(u32, Answer, Duration)>> = Vec::new();
    let mut due: BinaryHeap<Reverse<(Duration, usize)>> = BinaryHeap::new();
    let mut hops = Vec::new();
    loop {
        while let Some(&Reverse((at, place))) = due.peek() {
            if at > now {
                break;
            }
            due.pop();
            if let Some((sequence, answer, rtt)) =
                on_their_way.get_mut(place).and_then(Option::take)
            {
                strategy.answered(sequence, answer, None, rtt);
            }
        }
        match strategy.poll(now) {
            Next::Send(probe) => match fates(probe) {
                Fate::Answered(answer, rtt) => {
                    due.push(Reverse((now + rtt, on_their_way.len())));
                    on_their_way.push(Some((probe.sequence, answer, rtt)));
                }
                Fate::Lost => {}
                Fate::Postponed => {
                    strategy.send_failed(probe.sequence, Unsent::ForNow(now + PAUSE));
                }
                Fate::Refused => strategy.send_failed(probe.sequence, Unsent::Refused),
                Fate::TooLarge => strategy.send_failed(probe.sequence, Unsent::TooLarge),
            },
            Next::Wait(until) => {
                let next = due.peek().map(|Reverse((at, _))| *at);
                now = next.map_or(until, |next| next.min(until)).max(now + Duration::from_nanos(1));
            }
            Next::Done => break,
        }
        hops.extend(strategy.take_reports());
        assert!(now < Duration::from_mins(20), "it ends");
    }
    hops.extend(strategy.take_reports());
    (hops, now)
}

/// The answer of a router, or of the destination: port unreachable.
pub fn answer(responder: IpAddr, reached: bool) -> Answer {
    let (kind, icmp_type, code) = match reached {
        true => (ReplyKind::DestUnreachable, 3, 3),
        false => (ReplyKind::TimeExceeded, 11, 0),
    };
    let answer = plain_answer(responder, kind, Some(60));
    Answer { icmp_type: Some(icmp_type), code: Some(code), ..answer }
}

/// Nodes and links, as equal flows at neighbouring TTLs tell them.
pub fn graph(hops: &[HopReport]) -> (BTreeSet<(u8, IpAddr)>, BTreeSet<Link>) {
    let (mut nodes, mut links) = (BTreeSet::new(), BTreeSet::new());
    let mut before: BTreeMap<u16, BTreeSet<IpAddr>> = BTreeMap::new();
    let mut before_ttl = 0;
    for hop in hops {
        let mut here: BTreeMap<u16, BTreeSet<IpAddr>> = BTreeMap::new();
        for responder in &hop.responders {
            nodes.insert((hop.ttl, responder.ip));
            for (sent, _) in &responder.probes {
                here.entry(sent.flow).or_default().insert(responder.ip);
            }
        }
        for (flow, to) in here.iter().filter(|_| hop.ttl == before_ttl + 1) {
            for from in before.get(flow).into_iter().flatten() {
                links.extend(to.iter().map(|to| (hop.ttl - 1, *from, *to)));
            }
        }
        (before, before_ttl) = (here, hop.ttl);
    }
    (nodes, links)
}

/// A random number generator (`SplitMix64`).
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    /// Always the same numbers for a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Any number.
    pub fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    /// From 0 up to, not including, `limit`.
    pub fn below(&mut self, limit: usize) -> usize {
        (self.roll() % limit.max(1) as u64) as usize
    }

    /// With this probability.
    pub fn chance(&mut self, probability: f64) -> bool {
        (self.roll() >> 11) as f64 / (1_u64 << 53) as f64 <= probability && probability > 0.0
    }
}

/// A number that looks as if it had nothing to do with this one.
pub fn mix(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doubletree::Doubletree;
    use crate::mtu::Mtu;
    use crate::paths::Discovery;
    use crate::paths::stopping::Confidence;
    use crate::stop_set::SharedStopSet;
    use crate::trace::Trace;
    use tm_schema::Stop;

    /// Every way of tracing, by name.
    fn strategies(plan: &Plan) -> Vec<(&'static str, Box<dyn Strategy>)> {
        let (zero, set) = (Duration::ZERO, SharedStopSet::default());
        let source = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
        let discovery = Discovery::new(plan.clone(), Confidence::default(), TARGET, zero);
        vec![
            ("plain", Box::new(Trace::new(plan.clone(), TARGET, zero))),
            ("paths", Box::new(discovery)),
            ("mtu", Box::new(Mtu::new(plan.clone(), 1500, TARGET, zero))),
            ("stop set", Box::new(Doubletree::new(plan.clone(), set, source, TARGET, zero))),
        ]
    }

    /// Who is met where on a path of which some TTLs are silent, and why each strategy ends.
    fn met(strategy: &mut dyn Strategy, length: u8, silent: &[u8]) -> (Vec<(u8, IpAddr)>, Stop) {
        let (hops, _) = drive(strategy, |probe| {
            let ttl = probe.ttl.min(length);
            let router = IpAddr::V4(Ipv4Addr::new(10, 0, ttl, 1));
            let from = if ttl == length { TARGET } else { router };
            let is_heard = !silent.contains(&ttl);
            is_heard.then(|| (answer(from, ttl == length), Duration::from_millis(7)))
        });
        let at = |hop: &HopReport| hop.responders.first().map(|met| (hop.ttl, met.ip));
        (hops.iter().filter_map(at).collect(), strategy.stop().unwrap())
    }

    #[test]
    fn silent_routers_hide_nobody_behind_them_whatever_is_looked_for() {
        // At the end, in the middle, twice, and right from the start.
        let gaps: [(u8, &[u8]); 4] = [
            (12, &[7, 8, 9, 10, 11]),
            (12, &[4, 5, 6, 7]),
            (20, &[3, 4, 5, 9, 10, 11, 12, 13, 14]),
            (9, &[1, 2, 3, 4]),
        ];
        for (length, silent) in gaps {
            let heard: Vec<u8> = (1..=length).filter(|ttl| !silent.contains(ttl)).collect();
            for (name, mut strategy) in strategies(&plan()) {
                let (met, stop) = met(&mut *strategy, length, silent);
                let ttls: Vec<u8> = met.iter().map(|(ttl, _)| *ttl).collect();
                assert_eq!((ttls, stop), (heard.clone(), Stop::Destination), "{name} {silent:?}");
            }
        }
    }

    #[test]
    fn a_path_that_ends_in_silence_ends_alike_whatever_is_looked_for() {
        for (gap_limit, max_hops, stop, last) in [
            (3, 30, Stop::GapLimit, 9),
            (1, 30, Stop::GapLimit, 7),
            (0, 14, Stop::MaxHops, 14),
            (5, 8, Stop::MaxHops, 8),
        ] {
            let silent: Vec<u8> = (7..=max_hops).collect();
            let plan = Plan { max_hops, gap_limit, ..plan() };
            for (name, mut strategy) in strategies(&plan) {
                let mut ttls = Vec::new();
                let (hops, _) = drive(&mut *strategy, |probe| {
                    assert!(probe.ttl <= max_hops, "{name}");
                    let router = IpAddr::V4(Ipv4Addr::new(10, 0, probe.ttl, 1));
                    let is_heard = !silent.contains(&probe.ttl);
                    is_heard.then(|| (answer(router, false), Duration::from_millis(7)))
                });
                ttls.extend(hops.iter().map(|hop| hop.ttl));
                let wanted = (1..=last).collect::<Vec<u8>>();
                assert_eq!((ttls, strategy.stop()), (wanted, Some(stop)), "{name} {gap_limit}");
            }
        }
    }

    /// Who answers at each TTL, and how many probes were lost there.
    fn told(hops: &[HopReport]) -> Vec<(u8, Vec<IpAddr>, usize)> {
        let ips = |hop: &HopReport| hop.responders.iter().map(|met| met.ip).collect();
        hops.iter().map(|hop| (hop.ttl, ips(hop), hop.lost.len())).collect()
    }

    /// Who answers at a TTL of a path of nine hops.
    fn nine_hops(ttl: u8) -> IpAddr {
        if ttl < 9 { IpAddr::V4(Ipv4Addr::new(10, 0, ttl, 1)) } else { TARGET }
    }

    fn on_nine_hops(probe: Send) -> Fate {
        Fate::Answered(answer(nine_hops(probe.ttl), probe.ttl >= 9), Duration::from_millis(7))
    }

    #[test]
    fn what_cannot_be_sent_just_then_is_sent_later_and_nothing_is_lost() {
        for every in [2, 3, 7] {
            let both = strategies(&plan()).into_iter().zip(strategies(&plan()));
            for ((name, mut plain), (_, mut hampered)) in both {
                let (wanted, _) = drive_through(&mut *plain, on_nine_hops);
                let mut sent = 0;
                let (hops, _) = drive_through(&mut *hampered, |probe| {
                    if probe.sequence.is_multiple_of(every) {
                        return Fate::Postponed;
                    }
                    sent += 1;
                    on_nine_hops(probe)
                });
                assert_eq!(told(&hops), told(&wanted), "{name} {every}");
                assert_eq!(hampered.stop(), Some(Stop::Destination), "{name} {every}");
                assert_eq!(hampered.totals(), (sent, sent), "{name} {every}");
                assert_eq!(hampered.mtu(), plain.mtu(), "{name} {every}");
                let complete = |of: &dyn Strategy| of.paths().map(|paths| paths.complete);
                assert_eq!(complete(&*hampered), complete(&*plain), "{name} {every}");
            }
        }
    }

    #[test]
    fn where_the_kernel_sends_no_more_it_ends_with_what_was_found_and_says_why() {
        for (after, loses) in [1, 2, 5, 20].into_iter().flat_map(|n| [(n, false), (n, true)]) {
            for (name, mut strategy) in strategies(&plan()) {
                let (mut sent, mut heard) = (0, BTreeSet::new());
                let (hops, took) = drive_through(&mut *strategy, |probe| {
                    if sent == after {
                        return Fate::Refused;
                    }
                    sent += 1;
                    if loses && probe.sequence.is_multiple_of(3) {
                        return Fate::Lost;
                    }
                    heard.insert(nine_hops(probe.ttl));
                    on_nine_hops(probe)
                });
                let what = format!("{name} {after} {loses}: {:?}", told(&hops));
                let found: BTreeSet<_> =
                    hops.iter().flat_map(|hop| &hop.responders).map(|met| met.ip).collect();
                assert_eq!(found, heard, "{what}");
                let is_whole = heard.contains(&TARGET);
                let is_error = strategy.stop() == Some(Stop::Error);
                // Of the other paths nothing more is known: that, too, is an end for this reason.
                let may_differ = is_whole && strategy.paths().is_some();
                assert!(is_error != is_whole || may_differ, "{what} {:?}", strategy.stop());
                assert_eq!(strategy.totals().0, sent, "{what}");
                assert!(strategy.paths().is_none_or(|paths| !paths.complete), "{what}");
                assert!(took < Duration::from_secs(15), "{what} {took:?}");
            }
        }
    }

    #[test]
    fn a_ttl_that_the_kernel_sends_nothing_to_hides_no_other() {
        for barred in [1, 4, 6, 8] {
            for (name, mut strategy) in strategies(&plan()) {
                let (hops, _) = drive_through(&mut *strategy, |probe| {
                    if probe.ttl == barred { Fate::Refused } else { on_nine_hops(probe) }
                });
                let what = format!("{name} {barred}");
                let met = hops.iter().filter(|hop| !hop.responders.is_empty());
                let others = (1..=9).filter(|ttl| *ttl != barred);
                assert_eq!(met.map(|hop| hop.ttl).collect::<Vec<_>>(), others.collect::<Vec<_>>());
                assert!(hops.iter().all(|hop| hop.lost.is_empty()), "what was not sent: {what}");
                assert_eq!(strategy.stop(), Some(Stop::Destination), "{what}");
                let mtu = strategy.mtu().map(|mtu| (mtu.octets, mtu.interface, mtu.drops));
                assert!(mtu.is_none_or(|mtu| mtu == (Some(1500), 1500, Vec::new())), "{what}");
            }
        }
    }
}
