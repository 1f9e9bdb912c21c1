//! The discovery on small networks that closures stand for, with no packet sent.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use proptest::prelude::*;
use tm_schema::{Balancing, Diamond, Paths, Stop};

use super::stopping::Confidence;
use super::{Discovery, FLOWS, PROBES};
use crate::driving::{Dice, Fate, Link, TARGET, answer, drive, drive_through, graph, mix, plan};
use crate::strategy::Strategy;
use crate::trace::{Plan, Send};

type Nodes = BTreeSet<(u8, IpAddr)>;

/// What a probe meets: a router by its number at the TTL, the destination, or nobody.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Meets {
    Router(usize),
    Target,
    Nobody,
}

use Meets::{Nobody, Router, Target};

struct Found {
    nodes: Nodes,
    links: BTreeSet<Link>,
    paths: Paths,
    stop: Stop,
    sent: u32,
}

impl Found {
    /// Shape and kind of each diamond.
    fn diamonds(&self) -> Vec<(u8, Option<u8>, u32, Balancing)> {
        let shape = |at: &Diamond| (at.from, at.to, at.width, at.balancing);
        self.paths.diamonds.iter().map(shape).collect()
    }

    /// How many links begin at a TTL.
    fn links_at(&self, ttl: u8) -> usize {
        self.links.iter().filter(|link| link.0 == ttl).count()
    }
}

fn router(ttl: u8, number: usize) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(10, ttl, (number >> 8) as u8, number as u8))
}

/// Sure enough that no test fails by chance.
fn sure() -> Confidence {
    Confidence::percent(99.9).unwrap()
}

fn discover(plan: Plan, confidence: Confidence, meets: impl Fn(Send) -> Meets) -> Found {
    run(new(plan, confidence), meets)
}

fn new(plan: Plan, confidence: Confidence) -> Discovery {
    Discovery::new(plan, confidence, TARGET, Duration::ZERO)
}

fn run(mut discovery: Discovery, meets: impl Fn(Send) -> Meets) -> Found {
    let (hops, _) = drive(&mut discovery, |probe| {
        let answer = match meets(probe) {
            Router(number) => answer(router(probe.ttl, number), false),
            Target => answer(TARGET, true),
            Nobody => return None,
        };
        Some((answer, Duration::from_millis(4)))
    });
    let ((nodes, links), (sent, _)) = (graph(&hops), discovery.totals());
    let (paths, stop) = (discovery.paths().unwrap(), discovery.stop().unwrap());
    Found { nodes, links, paths, stop, sent }
}

/// The branch that a balancer chooses for a flow.
fn branch(seed: u64, balancer: u64, probe: Send, width: usize) -> usize {
    (mix(mix(seed) ^ balancer << 20 ^ u64::from(probe.flow)) % width as u64) as usize
}

#[test]
fn packets_balanced_one_by_one_are_told_from_flows_and_make_no_links() {
    for seed in 0..40 {
        for (width, per_packet) in [(2, false), (2, true), (5, false), (5, true)] {
            let dice = RefCell::new(Dice::new(seed));
            let found = discover(plan(), sure(), |probe| match probe.ttl {
                3 if per_packet => Router(dice.borrow_mut().below(width)),
                3 => Router(branch(seed, 2, probe, width)),
                1..=4 => Router(0),
                _ => Target,
            });
            let kind = if per_packet { Balancing::PerPacket } else { Balancing::PerFlow };
            let what = format!("seed {seed}: {:?}", found.paths);
            assert_eq!(found.diamonds(), [(2, Some(4), width as u32, kind)], "{what}");
            let links = if per_packet { 2 } else { 2 + 2 * width as u32 };
            assert_eq!((found.paths.links, found.paths.nodes), (links, 4 + width as u32), "{what}");
        }
    }
}

#[test]
fn a_silent_hop_inside_a_diamond_does_not_merge_it() {
    for seed in 0..40 {
        let found = discover(plan(), sure(), |probe| match probe.ttl {
            // Three chains, whose middle routers say nothing.
            2 | 4 => Router(branch(seed, 1, probe, 3)),
            3 => Nobody,
            1 | 5 => Router(0),
            _ => Target,
        });
        let what = format!("seed {seed}: {:?}", found.paths);
        assert_eq!(found.diamonds(), [(1, Some(5), 3, Balancing::PerFlow)], "{what}");
        assert_eq!([1, 2, 4, 5].map(|ttl| found.links_at(ttl)), [3, 0, 3, 1], "{what}");
        assert!(found.paths.complete && found.stop == Stop::Destination, "{what}");
    }
}

#[test]
fn a_silent_branch_hides_nobody_behind_it_nor_beside_it() {
    for seed in 0..40 {
        let found =
            discover(plan(), sure(), |probe| match (probe.ttl, branch(seed, 1, probe, 3)) {
                (1, _) => Router(0),
                (2, 1) => Nobody,
                (2 | 3, own) => Router(own),
                _ => Target,
            });
        let at = |ttl: u8| found.nodes.iter().filter(|node| node.0 == ttl).count();
        assert_eq!([1, 2, 3, 4].map(at), [1, 2, 3, 1], "seed {seed}: {:?}", found.nodes);
        assert_eq!([1, 2, 3].map(|ttl| found.links_at(ttl)), [2, 2, 3], "seed {seed}");
    }
}

#[test]
fn diamonds_in_diamonds_are_found_link_by_link() {
    for seed in 0..40 {
        // Two branches, of which one parts into three and the other into nine; all meet again.
        let outer = |probe| branch(seed, 1, probe, 2);
        let inner = |probe| match outer(probe) {
            0 => branch(seed, 2, probe, 3),
            _ => 3 + branch(seed, 3, probe, 9),
        };
        let found = discover(plan(), sure(), |probe| match probe.ttl {
            2 => Router(outer(probe)),
            3 | 4 => Router(inner(probe)),
            1 | 5 => Router(0),
            _ => Target,
        });
        let what = format!("seed {seed}: {:?}", found.paths);
        assert_eq!(
            (1..=5).map(|ttl| found.links_at(ttl)).collect::<Vec<_>>(),
            [2, 12, 12, 12, 1],
            "{what}"
        );
        assert_eq!(found.diamonds(), [(1, Some(5), 12, Balancing::PerFlow)], "{what}");
        assert!(found.paths.failure_bound <= 0.001, "{what}");
    }
}

#[test]
fn lost_probes_are_sent_again_but_not_for_ever() {
    for seed in 0..20 {
        let tries = RefCell::new(BTreeMap::<(u8, u16), u32>::new());
        let found = discover(plan(), sure(), |probe| {
            let mut tries = tries.borrow_mut();
            let attempts = tries.entry((probe.ttl, probe.flow)).or_default();
            *attempts += 1;
            match probe.ttl {
                // Every third flow is answered at its third attempt, every seventh never.
                2 if probe.flow % 7 == 3 || probe.flow % 3 == 1 && *attempts < 3 => Nobody,
                2 => Router(branch(seed, 1, probe, 2)),
                1 | 3 => Router(0),
                _ => Target,
            }
        });
        assert_eq!(
            (1..=3).map(|ttl| found.links_at(ttl)).collect::<Vec<_>>(),
            [2, 2, 1],
            "seed {seed}"
        );
        let of = |ttl: u8, flow: u16| tries.borrow().get(&(ttl, flow)).copied();
        assert_eq!(of(2, 3), Some(3), "seed {seed}: three times, and no more");
        assert!(of(2, 1) >= Some(3), "seed {seed}: {:?}", of(2, 1));
        // Elsewhere nothing was lost and nothing parts: once is enough.
        let again =
            tries.borrow().iter().filter(|((ttl, _), count)| *ttl != 2 && **count > 1).count();
        assert_eq!(again, 0, "seed {seed}");
    }
}

#[test]
fn flows_and_probes_are_limited_and_what_they_did_not_reach_is_said() {
    // At whichever TTLs the balancer is, and however it balances, there are more routers than flows.
    for (most_flows, most_probes) in [(40, PROBES), (FLOWS, 40)] {
        for per_packet in [false, true] {
            let mut discovery = new(plan(), Confidence::default());
            (discovery.most_flows, discovery.most_probes) = (most_flows, most_probes);
            let (dice, flows) = (RefCell::new(Dice::new(3)), RefCell::new(BTreeSet::new()));
            let found = run(discovery, |probe| {
                flows.borrow_mut().insert(probe.flow);
                match probe.ttl {
                    1 => Router(0),
                    2 if per_packet => Router(dice.borrow_mut().below(90)),
                    2 | 3 => Router(branch(5, 2, probe, 90)),
                    _ => Target,
                }
            });
            let what = format!("{most_flows} {most_probes} {per_packet}: {:?}", found.paths);
            assert!(flows.borrow().iter().all(|flow| *flow < most_flows), "{what}");
            assert!(found.sent as usize <= most_probes && !found.paths.complete, "{what}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_lost_nothing_is_made_up_and_the_promise_is_that_of_the_probes(
        widths in prop::collection::vec(1usize..6, 1..9),
        silent in prop::collection::vec(any::<bool>(), 9),
        loss in prop_oneof![2 => Just(0.0), 1 => 0.0f64..0.35],
        seed: u64,
    ) {
        // Every router of a TTL leads to every one of the next.
        let end = widths.len() as u8 + 1;
        let is_silent = |ttl: u8| silent[usize::from(ttl) - 1] && seed % 3 == 0;
        let dice = RefCell::new(Dice::new(seed));
        let found = discover(plan(), Confidence::default(), |probe| match probe.ttl {
            _ if dice.borrow_mut().chance(loss) => Nobody,
            ttl if ttl >= end => Target,
            ttl if is_silent(ttl) => Nobody,
            ttl => Router(branch(seed, u64::from(ttl), probe, widths[usize::from(ttl) - 1])),
        });
        for (ttl, ip) in &found.nodes {
            let width = widths.get(usize::from(*ttl) - 1).copied().unwrap_or(0);
            let is_router = (0..width).any(|number| *ip == router(*ttl, number));
            prop_assert!(is_router && !is_silent(*ttl) || *ip == TARGET && (*ttl == end || loss > 0.0));
        }
        prop_assert!(found.paths.failure_bound <= 0.05 + 1e-6 || loss > 0.0 || !found.paths.complete);
        prop_assert_eq!(found.paths.probes, found.sent);
        let per_packet = found.paths.diamonds.iter().any(|at| at.balancing == Balancing::PerPacket);
        prop_assert!(!per_packet, "flows are no packets: {:?}", found.paths);
    }
}

#[test]
fn where_the_kernel_sends_no_more_flows_that_met_somebody_are_not_sent_again_for_ever() {
    let mut sent = 0;
    let mut discovery = new(plan(), sure());
    let (hops, took) = drive_through(&mut discovery, |probe| {
        // Flows part at the second TTL: that is looked at again.
        let to =
            if probe.ttl < 4 { router(probe.ttl, usize::from(probe.flow % 2)) } else { TARGET };
        sent += 1;
        match sent {
            ..=45 => Fate::Answered(answer(to, to == TARGET), Duration::from_millis(4)),
            _ => Fate::Refused,
        }
    });
    assert!(sent < 400, "{sent}");
    assert!(took < Duration::from_secs(5), "{took:?}");
    assert!(!hops.is_empty() && !discovery.paths().unwrap().complete);
}
