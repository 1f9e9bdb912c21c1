//! Driving a strategy through a network that a closure stands for: no socket, no clock.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::net::IpAddr;
use std::time::Duration;

use tm_schema::ReplyKind;
use tm_tracer::Strategy;
use tm_tracer::trace::{Answer, HopReport, Next, Send};

/// Drives it to its end; the hops that it found, and the simulated time that it took. `answers`:
/// what comes back for a probe, and after how long.
///
/// # Panics
/// Where it does not end.
pub fn drive(
    strategy: &mut dyn Strategy,
    mut answers: impl FnMut(Send) -> Option<(Answer, Duration)>,
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
            Next::Send(probe) => {
                if let Some((answer, rtt)) = answers(probe) {
                    due.push(Reverse((now + rtt, on_their_way.len())));
                    on_their_way.push(Some((probe.sequence, answer, rtt)));
                }
            }
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
    Answer {
        responder,
        kind: if reached { ReplyKind::DestUnreachable } else { ReplyKind::TimeExceeded },
        icmp_type: Some(if reached { 3 } else { 11 }),
        code: Some(if reached { 3 } else { 0 }),
        mtu: None,
        ttl: Some(60),
        mpls: Vec::new(),
        interface: None,
        nat: None,
    }
}
