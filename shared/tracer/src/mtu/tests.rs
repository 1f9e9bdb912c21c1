//! The discovery of MTUs on paths made at random, with loss and silence, with no packet sent.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use tm_schema::{MtuLimit, Stop};

use super::Mtu;
use crate::driving::{Dice, Fate, TARGET, answer, drive, drive_through, plan};
use crate::strategy::Strategy;
use crate::trace::{Answer, Next, Send};

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

/// What must hold of every path, whatever was lost: no more is said to pass than does, and routers
/// are said to have reported what they did. Returns whether everything is known to the octet.
fn measure(path: &[Router], loss: f64, dice: &mut Dice) -> bool {
    let mut mtu = Mtu::new(plan(), INTERFACE, TARGET, Duration::ZERO);
    let (hops, _) = drive(&mut mtu, |probe| {
        let heard = respond(path, probe).filter(|_| !dice.chance(loss));
        heard.map(|answer| (answer, Duration::from_millis(3) * u32::from(probe.ttl)))
    });
    let found = mtu.mtu().unwrap();
    let what = format!("{path:?} {found:?}");
    let end = path.len() as u8 + 1;
    let mut is_exact = found.octets == Some(u32::from(truth(path, end)));
    for hop in &hops {
        let (octets, most) = (hop.mtu.unwrap().octets, u32::from(truth(path, hop.ttl)));
        assert!(octets.is_none_or(|octets| octets <= most), "hop {}: {what}", hop.ttl);
        let is_silent = path.get(usize::from(hop.ttl) - 1).is_some_and(|router| router.silent);
        is_exact &= is_silent || octets == Some(most);
    }
    for drop in &found.drops {
        let mut by = path.iter().filter(|at| u32::from(at.link) == drop.octets);
        if drop.limit == MtuLimit::Reported {
            assert!(by.any(|at| at.refusal == Refusal::Named), "{what}");
        }
        let (before, beyond) = (truth(path, drop.after.max(1)), truth(path, drop.hop));
        is_exact &= u32::from(before) > drop.octets && u32::from(beyond) <= drop.octets;
    }
    let narrower = |octets: &u32| *octets < u32::from(INTERFACE);
    let wanted = hops.iter().filter(|hop| !hop.responders.is_empty());
    let mut wanted = wanted.map(|hop| u32::from(truth(path, hop.ttl))).filter(narrower);
    let all = wanted.all(|octets| found.drops.iter().any(|drop| drop.octets == octets));
    is_exact && all
}

#[test]
fn without_loss_every_path_is_measured_to_the_octet() {
    for seed in 0..1000 {
        let mut dice = Dice::new(seed);
        let path = random_path(&mut dice);
        assert!(measure(&path, 0.0, &mut dice), "seed {seed}: {path:?}");
    }
}

#[test]
fn under_loss_what_routers_report_stays_true_and_searches_seldom_fail() {
    let missed = [0.1, 0.2, 0.3, 0.4].map(|loss| {
        let is_missed = |seed: &u64| {
            let mut dice = Dice::new(*seed);
            let path = random_path(&mut dice);
            !measure(&path, loss, &mut dice)
        };
        (0..150).filter(is_missed).count()
    });
    assert!(missed.iter().zip([5, 6, 12, 25]).all(|(missed, most)| *missed <= most), "{missed:?}");
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

/// A path of nine hops that takes all sizes, from a host that sends none larger than `most`.
fn from_a_host(most: u16, larger: &Fate) -> (Mtu, Vec<tm_schema::Mtu>) {
    let path = vec![Router { silent: false, link: INTERFACE, refusal: Refusal::None }; 8];
    let mut mtu = Mtu::new(plan(), INTERFACE, TARGET, Duration::ZERO);
    let (hops, _) = drive_through(&mut mtu, |probe| match respond(&path, probe) {
        Some(answer) if probe.size.unwrap() <= most => {
            Fate::Answered(answer, Duration::from_millis(3))
        }
        _ => larger.clone(),
    });
    let of_hops = hops.iter().map(|hop| hop.mtu.unwrap()).collect();
    (mtu, of_hops)
}

#[test]
fn an_interface_that_takes_less_than_it_said_is_the_limit() {
    // Not to the octet: the next size that links have.
    for (most, found) in [(1499, 1492), (1400, 1400), (1300, 1280), (60, 60)] {
        let (mtu, hops) = from_a_host(most, &Fate::TooLarge);
        let path = mtu.mtu().unwrap();
        assert_eq!((path.octets, path.interface), (Some(found), found), "{most}");
        assert_eq!(path.drops, [], "{most}");
        let wanted = tm_schema::Mtu { octets: Some(found), limit: Some(MtuLimit::Interface) };
        assert_eq!(hops, [wanted; 9], "{most}");
        assert_eq!(mtu.stop(), Some(Stop::Destination), "{most}");
    }
    let (mtu, hops) = from_a_host(59, &Fate::TooLarge);
    assert_eq!((mtu.stop(), mtu.mtu().unwrap().octets), (Some(Stop::Error), None));
    assert!(hops.iter().all(|hop| hop.octets.is_none()));
}

#[test]
fn a_firewall_that_lets_no_large_probe_leave_is_no_black_hole() {
    let (mtu, hops) = from_a_host(1003, &Fate::Refused);
    let path = mtu.mtu().unwrap();
    assert_eq!((path.octets, path.interface), (Some(1003), 1003));
    assert_eq!((path.drops, mtu.stop()), (Vec::new(), Some(Stop::Destination)));
    let most = tm_schema::Mtu { octets: Some(1003), limit: Some(MtuLimit::Interface) };
    assert_eq!(hops, [most; 9]);
}

#[test]
fn a_search_loses_nothing_that_cannot_be_sent_just_then() {
    let path = vec![Router { silent: false, link: 1234, refusal: Refusal::None }; 4];
    for every in [2, 3] {
        let mut mtu = Mtu::new(plan(), INTERFACE, TARGET, Duration::ZERO);
        drive_through(&mut mtu, |probe| match respond(&path, probe) {
            _ if probe.sequence.is_multiple_of(every) => Fate::Postponed,
            Some(answer) => Fate::Answered(answer, Duration::from_millis(3)),
            None => Fate::Lost,
        });
        let path = mtu.mtu().unwrap();
        assert_eq!((path.octets, path.interface), (Some(1234), 1500));
        let limits: Vec<_> = path.drops.iter().map(|drop| (drop.octets, drop.limit)).collect();
        assert_eq!(limits, [(1234, MtuLimit::BlackHole)]);
    }
}

#[test]
fn an_interrupted_discovery_says_what_it_has() {
    let mut mtu = Mtu::new(plan(), INTERFACE, TARGET, Duration::ZERO);
    let (mut now, mut sent) = (Duration::ZERO, Vec::new());
    while sent.len() < 4 {
        match mtu.poll(now) {
            Next::Send(probe) => sent.push(probe),
            Next::Wait(until) => now = until,
            Next::Done => panic!("nobody answered yet"),
        }
    }
    for probe in sent.iter().filter(|probe| probe.ttl < 3) {
        mtu.answered(probe.sequence, answer(router(probe.ttl), false), None, now);
    }
    for stop in [Stop::Interrupted, Stop::Error] {
        mtu.interrupt(stop); // the first counts
        assert_eq!((mtu.stop(), mtu.poll(now)), (Some(Stop::Interrupted), Next::Done));
    }
    let hops: Vec<_> = mtu.take_reports().iter().map(|hop| (hop.ttl, hop.mtu.unwrap())).collect();
    let whole = tm_schema::Mtu { octets: Some(1500), limit: Some(MtuLimit::Interface) };
    assert_eq!(hops, [(1, whole), (2, whole)]);
    assert_eq!((mtu.length(), mtu.mtu().unwrap().octets), (None, None));
}
