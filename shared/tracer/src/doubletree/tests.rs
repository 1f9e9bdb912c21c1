//! Stop sets for targets behind a tree of routers, with loss and silence, with no packet sent.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use tm_schema::Stop;

use super::Doubletree;
use crate::driving::{Dice, answer, drive, plan};
use crate::stop_set::{SharedStopSet, StopSet};
use crate::strategy::Strategy;
use crate::trace::{Next, Plan};

/// Targets behind a tree: the way to target n.
fn way(n: u8, trunk: u8, branches: u8, length: u8) -> Vec<IpAddr> {
    let branch = 1 + n % branches;
    let beyond = trunk + 1..=trunk + length;
    let common = (1..=trunk).map(|ttl| IpAddr::V4(Ipv4Addr::new(10, 0, ttl, 1)));
    let own = beyond.map(|ttl| IpAddr::V4(Ipv4Addr::new(10, branch, ttl, 1)));
    common.chain(own).chain([IpAddr::V4(Ipv4Addr::new(198, 51, 100, n))]).collect()
}

#[test]
fn stop_sets_make_nothing_up_and_without_loss_leave_nothing_out() {
    for seed in 0..300_u64 {
        let mut dice = Dice::new(seed);
        let (trunk, length) = (1 + dice.below(7) as u8, dice.below(6) as u8);
        let branches = 1 + dice.below(4) as u8;
        let loss = if seed % 2 == 0 { 0.0 } else { 0.3 };
        let silent: BTreeSet<usize> = (0..dice.below(6)).map(|_| dice.below(12)).collect();
        let set = SharedStopSet::default();
        let source = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
        let (mut found, mut all) = (BTreeSet::new(), BTreeSet::new());
        for n in 1..=12 {
            let way = way(n, trunk, branches, length);
            let is_silent = |at: usize| silent.contains(&at) && at + 1 < way.len();
            let target = *way.last().unwrap();
            let mut trace = Doubletree::new(plan(), set.clone(), source, target, Duration::ZERO);
            let (hops, _) = drive(&mut trace, |probe| {
                let at = usize::from(probe.ttl).min(way.len()) - 1;
                let is_heard = !is_silent(at) && !dice.chance(loss);
                is_heard.then(|| (answer(way[at], at + 1 == way.len()), Duration::from_millis(9)))
            });
            for hop in &hops {
                for met in &hop.responders {
                    // Where its own TTL is lost, the destination is met beyond it.
                    let at = usize::from(hop.ttl).min(way.len()) - 1;
                    assert_eq!(met.ip, way[at], "seed {seed}");
                    found.insert((hop.ttl, met.ip));
                }
            }
            let ttls: Vec<u8> = hops.iter().map(|hop| hop.ttl).collect();
            let used = trace.stop_set().unwrap();
            assert_eq!(ttls, (used.first..=used.last).collect::<Vec<_>>(), "seed {seed}");
            assert_ne!(trace.stop(), Some(Stop::StopSet), "no target comes twice: seed {seed}");
            let heard = (1_u8..).zip(&way).filter(|(ttl, _)| !is_silent(usize::from(*ttl) - 1));
            all.extend(heard.map(|(ttl, ip)| (ttl, *ip)));
        }
        assert!(loss > 0.0 || found == all, "seed {seed}: {:?}", all.difference(&found));
        let text = set.borrow().to_text();
        assert_eq!(text.lines().count(), set.borrow().settled() + 1);
        assert_eq!(StopSet::parse(&text).as_ref(), Ok(&*set.borrow()), "all are over: seed {seed}");
    }
}

/// Drives a trace to a target that is never heard, behind routers of which only those up to `heard`
/// are; the TTLs reported, the probes sent and the time that it took.
fn unheard(heard: u8) -> (Vec<u8>, u32, Duration) {
    let source = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
    let way = way(1, 12, 1, 0);
    let set = SharedStopSet::default();
    let mut trace = Doubletree::new(plan(), set, source, *way.last().unwrap(), Duration::ZERO);
    let (hops, took) = drive(&mut trace, |probe| {
        let is_heard = probe.ttl <= heard;
        is_heard.then(|| (answer(way[usize::from(probe.ttl) - 1], false), Duration::from_millis(9)))
    });
    assert_eq!(trace.stop(), Some(Stop::GapLimit));
    (hops.iter().map(|hop| hop.ttl).collect(), trace.totals().0, took)
}

#[test]
fn silence_is_waited_for_a_few_times_and_not_once_a_probe() {
    let wait = plan().wait.max;
    for (heard, last, most_waits) in [(9, 12, 3), (5, 8, 3), (4, 7, 3), (2, 7, 4), (0, 7, 4)] {
        let (ttls, sent, took) = unheard(heard);
        assert_eq!(ttls, (1..=last).collect::<Vec<_>>(), "{heard}");
        assert!(took <= wait * most_waits + wait / 4, "{heard}: {took:?}");
        // Each silent TTL as often as was asked for, and one beyond them.
        let silent = u32::from(last - heard) * u32::from(plan().probes);
        assert_eq!(sent, u32::from(heard) + silent + 1, "{heard}");
    }
}

#[test]
fn one_silent_router_costs_no_probe_beyond_the_gap_limit() {
    let source = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
    let way = way(1, 7, 1, 0);
    let set = SharedStopSet::default();
    let mut trace = Doubletree::new(plan(), set, source, *way.last().unwrap(), Duration::ZERO);
    let mut farthest = 0;
    let (_, took) = drive(&mut trace, |probe| {
        farthest = farthest.max(probe.ttl);
        let at = usize::from(probe.ttl).min(way.len()) - 1;
        (probe.ttl != 6).then(|| (answer(way[at], at + 1 == way.len()), Duration::from_millis(9)))
    });
    assert_eq!((trace.stop(), farthest), (Some(Stop::Destination), 8));
    assert!(took < plan().wait.max * 2, "{took:?}");
}

#[test]
fn what_answers_to_a_flow_alone_has_one_probe_in_flight() {
    let source = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
    let way = way(1, 12, 1, 0);
    let (set, plan) = (SharedStopSet::default(), Plan { serial: true, ..plan() });
    let mut trace = Doubletree::new(plan, set, source, *way.last().unwrap(), Duration::ZERO);
    let mut now = Duration::ZERO;
    for _ in 0..8 {
        let probe = loop {
            match trace.poll(now) {
                Next::Send(probe) => break probe,
                Next::Wait(until) => now = until,
                Next::Done => panic!("it goes on"),
            }
        };
        assert!(matches!(trace.poll(now), Next::Wait(_)));
        assert!(matches!(trace.poll(now + Duration::from_millis(200)), Next::Wait(_)));
        assert_eq!(trace.resolve(0, now), Some(probe.sequence));
        let from = way[usize::from(probe.ttl) - 1];
        trace.answered(probe.sequence, answer(from, false), None, Duration::from_millis(9));
    }
}
