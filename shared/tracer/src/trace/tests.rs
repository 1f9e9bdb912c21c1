//! The state machine against simulated paths, with no packet sent and no clock read.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::net::IpAddr;
use std::time::Duration;

use proptest::prelude::*;
use tm_schema::{ReplyKind, Stop};

use super::{Answer, HopReport, Next, Plan, Trace, Wait};
use crate::strategy::Strategy;

const TARGET: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(198, 51, 100, 9));

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn plan() -> Plan {
    Plan {
        first_hop: 1,
        max_hops: 30,
        probes: 3,
        probes_in_turn: 3,
        flows: 1,
        wait: Wait { max: ms(2000), here: 3.0, near: 10.0 },
        gap_limit: 3,
        lead: 12,
        stagger: Duration::from_micros(500),
        spacing: ms(5),
        serial: false,
        expected_length: None,
    }
}

fn router(ttl: u8) -> IpAddr {
    IpAddr::V4(std::net::Ipv4Addr::new(10, 0, ttl, 1))
}

fn answer(responder: IpAddr, kind: ReplyKind) -> Answer {
    crate::net::plain_answer(responder, kind, Some(60))
}

/// A path: the RTT to each router (`None`: silent), and to the destination.
#[derive(Clone, Debug)]
struct Path {
    routers: Vec<Option<Duration>>,
    destination: Option<Duration>,
    /// Routers that quote too little to tell probes apart.
    short: Vec<u8>,
    /// Every nth probe is lost.
    lossy: u32,
}

struct Run {
    hops: Vec<HopReport>,
    stop: Stop,
    took: Duration,
    sent: u32,
    most_beyond: u8,
    /// TTL and time of every probe.
    left: Vec<(u8, Duration)>,
}

fn run(plan: Plan, path: &Path) -> Run {
    let mut trace = Trace::new(plan, TARGET, Duration::ZERO);
    let mut now = Duration::ZERO;
    let mut due: BinaryHeap<Reverse<(Duration, u32, u8, Duration)>> = BinaryHeap::new();
    let (mut hops, mut left, mut count, mut most_beyond) = (Vec::new(), Vec::new(), 0, 0);
    loop {
        while let Some(&Reverse((at, sequence, ttl, rtt))) = due.peek() {
            if at > now {
                break;
            }
            due.pop();
            let reached = usize::from(ttl) > path.routers.len();
            let from = if reached { TARGET } else { router(ttl) };
            let kind = if reached { ReplyKind::DestUnreachable } else { ReplyKind::TimeExceeded };
            let sequence = match path.short.contains(&ttl) {
                true => trace.resolve(0, now),
                false => Some(sequence),
            };
            if let Some(sequence) = sequence {
                trace.answered(sequence, answer(from, kind), None, rtt);
            }
        }
        match trace.poll(now) {
            Next::Send(send) => {
                count += 1;
                left.push((send.ttl, now));
                most_beyond = most_beyond.max(send.ttl);
                let router = path.routers.get(usize::from(send.ttl) - 1).copied();
                let rtt = router.unwrap_or(path.destination);
                let lost = path.lossy > 0 && count % path.lossy == 0;
                if let Some(rtt) = rtt.filter(|_| !lost) {
                    due.push(Reverse((now + rtt, send.sequence, send.ttl, rtt)));
                }
            }
            Next::Wait(until) => {
                let next = due.peek().map(|Reverse((at, ..))| *at);
                now = next.map_or(until, |next| next.min(until)).max(now + Duration::from_nanos(1));
            }
            Next::Done => {
                hops.extend(trace.take_reports());
                return Run {
                    hops,
                    stop: trace.stop().unwrap(),
                    took: now,
                    sent: count,
                    most_beyond,
                    left,
                };
            }
        }
        hops.extend(trace.take_reports());
        assert!(now < Duration::from_mins(5), "it ends");
    }
}

fn even(hops: u8, rtt: Duration) -> Path {
    let routers = (1..hops).map(|hop| Some(rtt * u32::from(hop) / u32::from(hops))).collect();
    Path { routers, destination: Some(rtt), short: Vec::new(), lossy: 0 }
}

fn responders(run: &Run) -> Vec<Option<IpAddr>> {
    run.hops.iter().map(|hop| hop.responders.first().map(|at| at.ip)).collect()
}

fn truth(path: &Path) -> Vec<Option<IpAddr>> {
    let routers = path.routers.iter().zip(1..).map(|(rtt, ttl)| rtt.map(|_| router(ttl)));
    routers.chain([Some(TARGET)]).collect()
}

#[test]
fn a_whole_path_takes_little_more_than_its_own_round_trip() {
    let path = even(20, ms(80));
    let run = run(plan(), &path);
    assert_eq!(responders(&run), truth(&path));
    assert_eq!(run.stop, Stop::Destination);
    let declared = plan().stagger * 20 + plan().spacing * 2;
    assert!(run.took <= ms(80) * 16 / 10 + declared, "{:?}", run.took);
}

#[test]
fn the_first_probes_that_reach_the_destination_are_its_probes() {
    let run = run(plan(), &even(6, ms(60)));
    let last = run.hops.last().unwrap();
    assert_eq!((last.ttl, last.responders[0].probes.len(), last.lost.len()), (6, 3, 0));
    assert!(run.most_beyond > 6, "it overshot");
    assert_eq!(run.hops.len(), 6);
}

#[test]
fn a_known_length_is_not_overshot() {
    let run = run(Plan { expected_length: Some(6), ..plan() }, &even(6, ms(60)));
    assert_eq!((run.sent, run.most_beyond), (18, 6));
}

#[test]
fn a_path_that_grew_is_followed_to_its_new_end() {
    let path = even(9, ms(30));
    let run = run(Plan { expected_length: Some(6), ..plan() }, &path);
    assert_eq!(responders(&run), truth(&path));
}

#[test]
fn a_silent_tail_ends_after_the_gap_limit_and_the_longest_wait() {
    let path = Path { destination: None, ..even(9, ms(40)) };
    let run = run(plan(), &path);
    assert_eq!((run.hops.len(), run.stop), (8 + 3, Stop::GapLimit));
    assert!(run.took < ms(2500), "{:?}", run.took);
    assert!(run.hops[8..].iter().all(|hop| hop.responders.is_empty() && hop.lost.len() == 3));
}

#[test]
fn silence_in_the_middle_costs_little_and_hides_nobody() {
    let mut path = even(12, ms(24));
    path.routers[3..9].fill(None);
    let run = run(plan(), &path);
    assert_eq!(responders(&run), truth(&path));
    assert!(run.took < ms(600), "six silent hops: {:?}", run.took);
}

#[test]
fn a_silent_router_is_measured_by_the_next_one_however_far_the_destination_is() {
    let mut path = even(20, ms(300));
    path.routers[1] = None; // the next one answers after 45 ms
    let run = run(plan(), &path);
    assert_eq!(responders(&run), truth(&path));
    assert!(run.took < ms(45) * 11, "{:?}", run.took);
}

#[test]
fn without_a_gap_limit_it_goes_on_to_the_largest_ttl() {
    let path = Path { destination: None, ..even(4, ms(4)) };
    let run = run(Plan { gap_limit: 0, max_hops: 40, ..plan() }, &path);
    assert_eq!((run.hops.len(), run.stop), (40, Stop::MaxHops));
}

#[test]
fn nobody_at_all_is_a_gap_too() {
    let path = Path { routers: vec![None; 30], destination: None, short: vec![], lossy: 0 };
    let run = run(plan(), &path);
    assert_eq!((run.hops.len(), run.stop), (3, Stop::GapLimit));
}

#[test]
fn answers_that_cannot_be_told_apart_are_asked_for_again() {
    let path = Path { short: vec![2, 3, 5, 6], ..even(7, ms(21)) };
    let run = run(plan(), &path);
    assert_eq!(responders(&run), truth(&path));
    assert!(run.hops.iter().all(|hop| hop.responders[0].probes.len() == 3 && hop.lost.is_empty()));
}

#[test]
fn one_at_a_time_is_one_at_a_time() {
    let path = even(5, ms(10));
    let run = run(Plan { serial: true, ..plan() }, &path);
    assert_eq!((responders(&run), run.most_beyond), (truth(&path), 5));
}

/// A later round of 20 probes a hop in 15 s.
fn spread(length: Option<u8>) -> Plan {
    let way = crate::Spread { over: ms(15_000), probes: 20 };
    crate::Options { spread: Some(way), ..crate::Options::default() }.plan_again(&plan(), length)
}

/// Linux: a bucket of six answers, and one more a second (`icmp_ratelimit`).
fn answered_by_linux(probes: impl Iterator<Item = Duration>) -> usize {
    let (mut tokens, mut before, mut answered) = (6.0_f64, Duration::ZERO, 0);
    for at in probes {
        tokens = (tokens + at.saturating_sub(before).as_secs_f64()).min(6.0);
        before = at;
        if tokens >= 1.0 {
            (tokens, answered) = (tokens - 1.0, answered + 1);
        }
    }
    answered
}

#[test]
fn probes_that_are_spread_are_no_more_than_linux_answers() {
    let run = run(spread(Some(12)), &even(12, ms(80)));
    assert_eq!((run.stop, run.sent), (Stop::Destination, 240));
    for ttl in 1..=12 {
        let probes = || run.left.iter().filter(move |(at, _)| *at == ttl).map(|(_, at)| *at);
        assert_eq!((probes().count(), answered_by_linux(probes())), (20, 20), "TTL {ttl}");
    }
    assert!(run.hops.iter().all(|hop| hop.responders[0].probes.len() == 20));
}

#[test]
fn a_round_whose_probes_are_spread_ends_well_within_half_a_minute() {
    let mut silent = even(26, ms(100));
    silent.routers[3..23].fill(None);
    let down = Path { destination: None, ..silent.clone() };
    let short = Path { short: (1..12).collect(), ..even(12, ms(80)) };
    for (path, gap_limit, length, most) in [
        (&silent, 0, Some(26), 19),
        (&down, 0, Some(26), 22),
        (&down, 3, Some(26), 20),
        (&even(12, ms(80)), 3, None, 18),
        (&short, 3, Some(12), 20),
    ] {
        let run = run(Plan { gap_limit, ..spread(length) }, path);
        assert!(run.took < ms(most * 1000), "{path:?} {gap_limit}: {:?}", run.took);
    }
}

#[test]
fn only_later_rounds_of_plain_traces_are_spread() {
    let sent = |options: crate::Options, first: Plan| {
        let way = crate::Spread { over: ms(15_000), probes: 20 };
        let options = crate::Options { spread: Some(way), ..options };
        options.plan_again(&first, None).probes
    };
    let usual = crate::Options::default;
    assert_eq!(sent(usual(), plan()), 20);
    assert_eq!(sent(usual(), Plan { serial: true, ..plan() }), 3);
    assert_eq!(sent(crate::Options { mtu: true, ..usual() }, plan()), 3);
    assert_eq!(usual().plan_again(&plan(), Some(4)).expected_length, Some(4));
}

#[test]
fn duplicates_late_and_unknown_answers_change_nothing() {
    let mut trace = Trace::new(plan(), TARGET, Duration::ZERO);
    let Next::Send(first) = trace.poll(Duration::ZERO) else { panic!() };
    trace.answered(first.sequence, answer(router(1), ReplyKind::TimeExceeded), Some(1), ms(1));
    trace.answered(first.sequence, answer(router(9), ReplyKind::TimeExceeded), Some(1), ms(2));
    trace.answered(77, answer(router(9), ReplyKind::TimeExceeded), Some(1), ms(2));
    let ignored = trace.ignored();
    assert_eq!((ignored.duplicate, ignored.forged), (1, 1));
    assert_eq!(trace.totals().1, 1);
}

#[test]
fn an_interrupted_probe_is_neither_lost_nor_answered() {
    let mut trace = Trace::new(plan(), TARGET, Duration::ZERO);
    let mut first = None;
    for step in 0..40 {
        if let Next::Send(send) = trace.poll(Duration::from_micros(step * 500)) {
            first = first.or((send.ttl == 2).then_some(send.sequence));
        }
    }
    trace.answered(first.unwrap(), answer(router(2), ReplyKind::TimeExceeded), None, ms(9));
    trace.interrupt(Stop::Interrupted);
    let hops = trace.take_reports();
    assert_eq!(hops.len(), 2, "up to the farthest answer");
    assert!(hops.iter().all(|hop| hop.lost.is_empty()));
    assert_eq!(hops[1].responders[0].probes.len(), 1);
}

proptest! {
    #[test]
    fn whatever_the_path_the_records_are_in_order_and_true(
        rtts in prop::collection::vec(prop::option::weighted(0.8, 0u64..120), 0..28),
        destination in prop::option::weighted(0.8, 0u64..150),
        lossy in prop_oneof![Just(0u32), 2u32..9],
        short in prop::collection::vec(1u8..28, 0..4),
        probes in 1u16..5,
    ) {
        let routers: Vec<_> = rtts.iter().map(|rtt| rtt.map(ms)).collect();
        let path = Path { routers, destination: destination.map(ms), short, lossy };
        let run = run(Plan { probes, probes_in_turn: probes, ..plan() }, &path);
        for (hop, ttl) in run.hops.iter().zip(1u8..) {
            prop_assert_eq!(hop.ttl, ttl);
            let answered: usize = hop.responders.iter().map(|at| at.probes.len()).sum();
            prop_assert!(answered + hop.lost.len() <= usize::from(probes));
            for responder in &hop.responders {
                let wanted = if usize::from(ttl) > path.routers.len() { TARGET } else { router(ttl) };
                prop_assert_eq!(responder.ip, wanted);
            }
        }
        prop_assert!(run.hops.len() <= path.routers.len().max(30));
    }
}
