//! Path MTU and stop sets as state machines, on paths made at random, with loss and silence: what
//! they say is true, or is not said.

// A test that cannot find what it looks for has failed.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use tm_schema::{MtuLimit, Stop};
use tm_tests::driving::{answer, drive};
use tm_tests::multipath::{Dice, TARGET, plan};
use tm_tracer::Strategy;
use tm_tracer::doubletree::Doubletree;
use tm_tracer::mtu::Mtu;
use tm_tracer::stop_set::SharedStopSet;
use tm_tracer::trace::{Answer, Plan, Send};

const INTERFACE: u16 = 1500;

/// What a router does with what is too large for the link behind it.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Refusal {
    Named,
    Unnamed,
    None,
}

#[derive(Clone, Copy, Debug)]
struct Router {
    silent: bool,
    /// Octets that the link behind it takes.
    link: u16,
    refusal: Refusal,
}

fn router(ttl: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(10, 0, ttl, 1))
}

fn random_path(dice: &mut Dice) -> Vec<Router> {
    let mut path: Vec<Router> = (0..2 + dice.below(12))
        .map(|_| Router {
            silent: dice.chance(0.15),
            link: INTERFACE,
            refusal: [Refusal::Named, Refusal::Unnamed, Refusal::None][dice.below(3)],
        })
        .collect();
    for _ in 0..dice.below(3) {
        let (at, link) = (dice.below(path.len()), 1000 + dice.below(500) as u16);
        path[at].link = link;
    }
    path
}

/// What comes so far.
fn truth(path: &[Router], ttl: u8) -> u16 {
    path.iter().take(usize::from(ttl) - 1).map(|router| router.link).fold(INTERFACE, u16::min)
}

fn respond(path: &[Router], probe: Send) -> Option<Answer> {
    let size = probe.size.unwrap();
    for (ttl, at) in (1..).zip(path) {
        if ttl == probe.ttl {
            return (!at.silent).then(|| answer(router(ttl), false));
        }
        if size > at.link {
            let named = match at.refusal {
                Refusal::None => return None,
                Refusal::Unnamed => Some(0),
                Refusal::Named => Some(u32::from(at.link)),
            };
            let refused = answer(router(ttl), true);
            return Some(Answer { code: Some(4), mtu: named, ..refused });
        }
    }
    Some(answer(TARGET, true))
}

/// Measures random paths; how many of how many were not measured to the octet.
fn measure(paths: u64, loss: f64) -> usize {
    let mut missed = 0;
    for seed in 0..paths {
        let mut dice = Dice::new(seed);
        let path = random_path(&mut dice);
        let mut mtu = Mtu::new(plan(), INTERFACE, TARGET, Duration::ZERO);
        let (hops, _) = drive(&mut mtu, |probe| {
            let heard = respond(&path, probe).filter(|_| !dice.chance(loss));
            heard.map(|answer| (answer, Duration::from_millis(3) * u32::from(probe.ttl)))
        });
        let found = mtu.mtu().unwrap();
        let what = format!("seed {seed}: {path:?} {found:?}");
        for hop in &hops {
            let octets = hop.mtu.unwrap().octets;
            let most = u32::from(truth(&path, hop.ttl));
            assert!(octets.is_none_or(|octets| octets <= most), "hop {}: {what}", hop.ttl);
        }
        let is_link = |octets: u32| path.iter().any(|at| u32::from(at.link) == octets);
        let mut is_right = true;
        for drop in &found.drops {
            let by = path.iter().filter(|at| u32::from(at.link) == drop.octets);
            let says = |refusal: Refusal| by.clone().any(|at| at.refusal == refusal);
            match drop.limit {
                MtuLimit::Reported => assert!(says(Refusal::Named), "{what}"),
                MtuLimit::Refused | MtuLimit::BlackHole => is_right &= is_link(drop.octets),
                MtuLimit::Interface => unreachable!("{what}"),
            }
        }
        let end = path.len() as u8 + 1;
        is_right &= found.octets == Some(u32::from(truth(&path, end)));
        missed += usize::from(!is_right);
    }
    missed
}

#[test]
fn without_loss_nearly_every_path_is_measured_to_the_octet() {
    // Six are not: bounds that are true and not tight.
    assert!(measure(400, 0.0) <= 6);
}

#[test]
fn under_loss_what_routers_report_stays_true_and_searches_seldom_fail() {
    let missed = [0.1, 0.2, 0.3, 0.4].map(|loss| measure(150, loss));
    assert!(missed.iter().zip([6, 8, 16, 45]).all(|(missed, most)| *missed <= most), "{missed:?}");
}

#[test]
fn loss_alone_makes_no_black_hole() {
    let path = vec![Router { silent: false, link: INTERFACE, refusal: Refusal::None }; 9];
    let false_ones = (0..1000_u64).filter(|seed| {
        let mut dice = Dice::new(*seed);
        let mut mtu = Mtu::new(plan(), INTERFACE, TARGET, Duration::ZERO);
        drive(&mut mtu, |probe| {
            let heard = respond(&path, probe).filter(|_| !dice.chance(0.39));
            Some((heard?, Duration::from_millis(3)))
        });
        !mtu.mtu().unwrap().drops.is_empty()
    });
    // Nine large probes lost, small ones answered in between: 0.39⁹ is 2 in 10,000.
    assert!(false_ones.count() <= 1);
}

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
        let silent: BTreeSet<usize> = (0..dice.below(3)).map(|_| dice.below(12)).collect();
        let set = SharedStopSet::default();
        let source = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
        let (mut found, mut all) = (BTreeSet::new(), BTreeSet::new());
        for n in 1..=12 {
            let way = way(n, trunk, branches, length);
            let is_silent = |at: usize| silent.contains(&at) && at + 1 < way.len();
            let target = *way.last().unwrap();
            let plan = Plan { gap_limit: 5, ..plan() };
            let mut trace = Doubletree::new(plan, set.clone(), source, target, Duration::ZERO);
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
        assert_eq!(set.borrow().to_text().lines().count(), set.borrow().settled() + 1);
    }
}
