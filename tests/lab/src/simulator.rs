//! The packet loop: probes in, answers out when they are due, within tens of microseconds.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fmt::Write as _;
use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::packet::Probe;
use crate::world::World;

/// Sleeping is not precise enough for the last of a wait.
const SPIN: Duration = Duration::from_micros(80);
/// How long nothing may happen before the loop looks whether it should end.
const IDLE: Duration = Duration::from_millis(20);

/// A running simulator.
pub(crate) struct Simulator {
    end: Arc<AtomicBool>,
    thread: JoinHandle<String>,
}

impl Simulator {
    pub(crate) fn start(tun: File, world: World, logged: bool) -> Result<Self> {
        let end = Arc::new(AtomicBool::new(false));
        let packets = Packets {
            tun,
            world,
            due: BinaryHeap::new(),
            count: 0,
            log: String::new(),
            logged,
            began: Instant::now(),
        };
        let ending = Arc::clone(&end);
        let thread = thread::Builder::new().spawn(move || packets.run(&ending))?;
        Ok(Self { end, thread })
    }

    /// Ends the loop and returns the log.
    pub(crate) fn stop(self) -> Result<String> {
        self.end.store(true, Ordering::Relaxed);
        self.thread.join().map_err(|_| anyhow!("the simulator panicked"))
    }
}

struct Packets {
    tun: File,
    world: World,
    due: BinaryHeap<Reverse<(Duration, u64, Vec<u8>)>>,
    count: u64,
    log: String,
    logged: bool,
    began: Instant,
}

impl Packets {
    fn run(mut self, end: &AtomicBool) -> String {
        let mut buffer = vec![0; 1 << 16];
        while !end.load(Ordering::Relaxed) {
            self.read(&mut buffer);
            self.write();
            self.sleep();
        }
        self.log
    }

    fn read(&mut self, buffer: &mut [u8]) {
        for _ in 0..64 {
            let Ok(len) = rustix::io::read(&self.tun, &mut *buffer) else { break };
            let now = self.began.elapsed();
            let Some(probe) = buffer.get(..len).and_then(Probe::read) else { continue };
            if probe.protocol == 58 && matches!(probe.transport().first(), Some(133..=143)) {
                continue; // the kernel's own router solicitations and reports
            }
            let fate = self.world.meet(&probe, now);
            if self.logged {
                let delay = fate.packets.first().map(|(delay, _)| delay.as_secs_f64() * 1e3);
                let entry = serde_json::json!({
                    "at_us": now.as_micros() as u64, "src": probe.source, "dst": probe.target,
                    "protocol": probe.protocol, "ttl": probe.ttl, "words": [probe.word(0), probe.word(2), probe.word(4), probe.word(6)],
                    "responder": fate.responder, "action": fate.action, "rtt_ms": delay,
                    "len": probe.bytes.len(), "tos": if probe.is_v6() { probe.bytes[0] << 4 | probe.bytes[1] >> 4 } else { probe.bytes[1] },
                });
                let _ = writeln!(self.log, "{entry}");
            }
            for (delay, bytes) in fate.packets {
                self.count += 1;
                self.due.push(Reverse((now + delay, self.count, bytes)));
            }
        }
    }

    fn write(&mut self) {
        while let Some(Reverse((at, ..))) = self.due.peek() {
            if *at > self.began.elapsed() {
                break;
            }
            if let Some(Reverse((_, _, bytes))) = self.due.pop() {
                // What the kernel does not take (a forgery it sees through) is lost.
                let _ = rustix::io::write(&self.tun, &bytes);
            }
        }
    }

    fn sleep(&self) {
        let until_due =
            self.due.peek().map(|Reverse((at, ..))| at.saturating_sub(self.began.elapsed()));
        let rest = until_due.unwrap_or(IDLE).min(IDLE);
        if rest <= SPIN {
            return;
        }
        let patience = Timespec { tv_sec: 0, tv_nsec: rest.saturating_sub(SPIN).as_nanos() as i64 };
        let _ = poll(&mut [PollFd::new(&self.tun, PollFlags::IN)], Some(&patience));
    }
}
