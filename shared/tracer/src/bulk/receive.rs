//! The receiving thread: what arrives, and which probe of the run it answers.

use std::io;
use std::net::IpAddr;
use std::os::fd::BorrowedFd;
use std::time::Duration;

use etherparse::checksum::Sum16BitWords;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use tm_schema::{Protocol, ReplyKind};

use super::Summary;
use super::code::{Code, Verdict};
use super::observation::{Observation, What};
use super::run::Run;
use super::sockets::Ear;
use super::sorting::Sorter;
use crate::net::socket::{self, Batch};
use crate::net::{ErrorKind, plain_answer};
use crate::packet::parse::{self, Datagram, Icmp};
use crate::record;
use crate::trace::Answer;

/// How long nothing may arrive before the thread looks whether it should end.
const NAP: Duration = Duration::from_millis(20);
/// How often it is told how far the run is.
const TELLING: Duration = Duration::from_secs(10);
/// Two clocks read one after the other, unless something came between them.
const AT_ONCE: Duration = Duration::from_micros(5);
const TRIES: usize = 4;
/// Calls on one socket before others have their turn.
const TURN: usize = 8;
/// A kernel timestamp older than this is that of a clock that was set.
const OLDEST: Duration = Duration::from_secs(2);

/// Hears until the last probe has had its time to be answered, or the run is stopped.
pub(crate) fn receive(
    run: &Run<'_>,
    sorter: Sorter,
    progress: &mut dyn FnMut(u64, u64),
) -> io::Result<Summary> {
    let mut ears = Ears { run, sorter, summary: Summary::default() };
    let mut batch = Batch::new();
    let wait = run.options.wait.max.as_micros() as u64;
    let mut told = Duration::ZERO;
    loop {
        let stopped = run.is_stopped();
        let ended = run.ended();
        ears.sleep()?;
        ears.hear_all(&mut batch)?;
        if run.elapsed() > told + TELLING {
            told = run.elapsed();
            progress(run.journal().end(), run.order.len());
        }
        // Whoever is stopped has heard what was there when the last probe had left.
        if ended.is_some_and(|ended| stopped || run.now() > ended.saturating_add(wait)) {
            break;
        }
    }
    ears.sorter.flush()?;
    Ok(ears.summary)
}

struct Ears<'a> {
    run: &'a Run<'a>,
    sorter: Sorter,
    summary: Summary,
}

/// Something that names a target of ours.
struct Heard {
    target: IpAddr,
    verdict: Verdict,
    answer: Answer,
}

/// A packet: its sender, its TTL, what follows the IP header.
struct Packet<'a> {
    from: IpAddr,
    ttl: Option<u8>,
    octets: &'a [u8],
}

impl Ears<'_> {
    fn sleep(&self) -> io::Result<()> {
        let families = self.run.families.iter().flatten();
        let ears = families.flat_map(|family| family.sockets.ears());
        let mut fds: Vec<_> =
            ears.map(|(_, fd)| PollFd::from_borrowed_fd(fd, PollFlags::IN)).collect();
        let nap = Timespec { tv_sec: 0, tv_nsec: i64::from(NAP.subsec_nanos()) };
        match poll(&mut fds, Some(&nap)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    fn hear_all(&mut self, batch: &mut Batch) -> io::Result<()> {
        let families = self.run.families.iter().flatten();
        let ears = families.flat_map(|family| family.sockets.ears().map(move |ear| (family, ear)));
        let mut dropped = 0;
        for (family, (ear, fd)) in ears {
            let drops = self.hear_one(&family.code, ear, fd, batch)?;
            dropped = dropped.max(drops.map_or(0, u64::from));
        }
        self.summary.dropped = self.summary.dropped.max(dropped);
        Ok(())
    }

    /// Reads one socket; returns how many packets it had no room for so far, where it says so.
    fn hear_one(
        &mut self,
        code: &Code,
        ear: Ear,
        fd: BorrowedFd<'_>,
        batch: &mut Batch,
    ) -> io::Result<Option<u32>> {
        let (mut dropped, mut kept) = (None, Ok(()));
        for _ in 0..TURN {
            let clocks = Clocks::new(self.run);
            let more = batch.receive(fd, |message, octets| {
                dropped = message.dropped.or(dropped);
                if let (Some(heard), Ok(())) = (hear(code, ear, message, octets), &kept) {
                    kept = self.keep(heard, clocks.arrived(message.stamp));
                }
            });
            match more {
                Ok(true) if kept.is_ok() => {}
                Ok(_) => break,
                Err(error) if socket::is_about_a_datagram(&error) => {}
                Err(error) => return Err(error),
            }
        }
        kept.map(|()| dropped)
    }

    /// Believes what can be true, and keeps it.
    fn keep(&mut self, heard: Heard, arrived: u64) -> io::Result<()> {
        let Some(target) = self.run.targets.number(heard.target) else { return Ok(()) };
        let (ttl, what) = match heard.verdict {
            Verdict::Foreign => return Ok(()),
            Verdict::Ambiguous => (0, What::Ambiguous),
            Verdict::Forged => (0, What::Forged),
            Verdict::Ours { ttl, carried, nat } => {
                let position = self.run.position(target, ttl);
                let now = self.run.now();
                let left =
                    position.and_then(|position| self.run.journal().when(position, carried, now));
                match left {
                    Some(left) => {
                        let rtt = Duration::from_micros(arrived.saturating_sub(left));
                        (ttl, What::Answered { left, rtt, answer: Answer { nat, ..heard.answer } })
                    }
                    None => (0, What::Forged), // nothing left for there then
                }
            }
        };
        match &what {
            What::Answered { answer, .. } => {
                self.summary.answered += 1;
                if record::is_destination(answer, Some(heard.target)) {
                    self.run.reached(target, ttl);
                }
            }
            _ => self.summary.disbelieved += 1,
        }
        self.sorter.push(&Observation { target, ttl, what })
    }
}

/// The clocks when a batch is read: they tell when the kernel received something, on the run's clock.
struct Clocks {
    steady: Duration,
    wall: Duration,
}

impl Clocks {
    fn new(run: &Run<'_>) -> Self {
        let mut clocks = Self { steady: run.elapsed(), wall: socket::wall_clock() };
        // Whoever is interrupted between the two looks again.
        for _ in 0..TRIES {
            let after = run.elapsed();
            if after.saturating_sub(clocks.steady) < AT_ONCE {
                break;
            }
            clocks = Self { steady: run.elapsed(), wall: socket::wall_clock() };
        }
        clocks
    }

    fn arrived(&self, stamp: Option<Duration>) -> u64 {
        let recent = stamp.filter(|stamp| stamp.abs_diff(self.wall) < OLDEST);
        let arrived = (self.steady + recent.unwrap_or(self.wall)).saturating_sub(self.wall);
        arrived.as_micros() as u64
    }
}

/// What a packet says to a run, if anything.
fn hear(
    code: &Code,
    ear: Ear,
    message: &crate::net::socket::Message,
    octets: &[u8],
) -> Option<Heard> {
    let v6 = code.source.is_ipv6();
    let packet = match (ear, v6) {
        // Raw IPv4 sockets hand out the IP header, too.
        (Ear::Icmp | Ear::Tcp, false) => {
            let ip = Datagram::parse(octets)?;
            Packet { from: ip.source, ttl: Some(ip.ttl), octets: ip.transport }
        }
        _ => Packet { from: message.name?.ip(), ttl: message.ttl, octets },
    };
    match ear {
        Ear::Icmp => hear_icmp(code, v6, &packet),
        Ear::Tcp => hear_tcp(code, &packet),
        Ear::Udp => Some(hear_udp(code, &packet)),
    }
}

fn hear_icmp(code: &Code, v6: bool, packet: &Packet<'_>) -> Option<Heard> {
    let octets = packet.octets;
    let intact = v6 || Sum16BitWords::new().add_slice(octets).ones_complement() == 0;
    match parse::icmp(octets, v6).filter(|_| intact)? {
        Icmp::Error(error) => {
            let kind =
                ErrorKind { v6, icmp_type: error.icmp_type, code: error.code, mtu: error.mtu };
            let verdict = code.judge(&error.quoted);
            let target = error.quoted.target;
            let answer = kind.answer(packet.from, packet.ttl, error.extensions);
            Some(Heard { target, verdict, answer })
        }
        Icmp::EchoReply { id, payload, .. }
            if code.protocol == Protocol::Icmp && id == code.flow =>
        {
            let mut answer = plain_answer(packet.from, ReplyKind::EchoReply, packet.ttl);
            (answer.icmp_type, answer.code) = (Some(if v6 { 129 } else { 0 }), Some(0));
            let verdict = code.judge_payload(payload, packet.from);
            Some(Heard { target: packet.from, verdict, answer })
        }
        Icmp::EchoReply { .. } => None,
    }
}

fn hear_tcp(code: &Code, packet: &Packet<'_>) -> Option<Heard> {
    let segment = parse::tcp_answer(packet.octets)?;
    let kind = if segment.open { ReplyKind::SynAck } else { ReplyKind::Rst };
    let verdict = code.judge_tcp(&segment, packet.from);
    let answer = plain_answer(packet.from, kind, packet.ttl);
    Some(Heard { target: packet.from, verdict, answer })
}

/// A service may answer with anything; only one that sends our payload back says what it answers.
fn hear_udp(code: &Code, packet: &Packet<'_>) -> Heard {
    let verdict = match code.judge_payload(packet.octets, packet.from) {
        Verdict::Forged => Verdict::Ambiguous,
        verdict => verdict,
    };
    let answer = plain_answer(packet.from, ReplyKind::UdpReply, packet.ttl);
    Heard { target: packet.from, verdict, answer }
}
