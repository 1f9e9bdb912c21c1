//! The sending thread: probes in their permuted order, many in one call, within the pace.

use std::io;
use std::net::IpAddr;
use std::thread;
use std::time::Duration;

use super::journal::TICK;
use super::observation::{Observation, What};
use super::run::{Family, Run};
use super::sorting::Sorter;
use crate::pace::Pace;

/// Probes handed to the kernel in one call.
const AT_ONCE: usize = 32;
/// The least sleep, so that there is something to send in one call.
const QUANTUM: Duration = Duration::from_micros(300);
/// The longest, so that an interruption is noticed.
const NAP: Duration = Duration::from_millis(20);
/// TTLs at which all paths meet the same few routers.
const NEAR: u8 = 3;
/// A full queue empties soon, or never.
const PAUSE: Duration = Duration::from_millis(1);
const MOST_PAUSES: u32 = 2000;

/// Sends all probes, or those until the run is stopped; returns how many left, and how many were
/// left out.
pub(crate) fn send(run: &Run<'_>, sorter: &mut Sorter) -> io::Result<(u64, u64)> {
    let near = || Pace::new(run.near_rate);
    let mut sending = Sending {
        run,
        sorter,
        pace: Pace::new(run.options.rate),
        near: [near(), near(), near()],
        position: 0,
        spared: 0,
        refused: 0,
        batches: [Vec::new(), Vec::new()],
    };
    while sending.position < run.order.len() && !run.is_stopped() {
        let now = run.elapsed();
        sending.collect(now)?;
        sending.send_batches()?;
        let now = run.elapsed();
        let rest = sending.pace.next(now).saturating_sub(now);
        if rest > Duration::ZERO {
            thread::sleep(rest.clamp(QUANTUM, NAP));
        }
    }
    sending.sorter.flush()?;
    let Sending { position, spared, refused, .. } = sending;
    Ok((position - spared - refused, spared))
}

struct Sending<'a> {
    run: &'a Run<'a>,
    sorter: &'a mut Sorter,
    pace: Pace,
    near: [Pace; NEAR as usize],
    position: u64,
    spared: u64,
    refused: u64,
    /// Target and TTL of what is to be sent now, IPv4 and IPv6.
    batches: [Vec<(u32, u8)>; 2],
}

impl Sending<'_> {
    /// Takes the next probes, as many as the pace allows.
    fn collect(&mut self, now: Duration) -> io::Result<()> {
        let first = self.position;
        let mut count = 0;
        while count < AT_ONCE && self.position < self.run.order.len() && self.pace.next(now) <= now
        {
            let (target, ttl) = self.run.probe_at(self.position);
            self.position += 1;
            if self.run.is_beyond(target, ttl) || self.is_spared(ttl, now) {
                self.sorter.push(&Observation { target, ttl, what: What::Spared })?;
                self.spared += 1;
                continue;
            }
            let v6 = target >= self.run.targets.count(false);
            if let Some(batch) = self.batches.get_mut(usize::from(v6)) {
                batch.push((target, ttl));
            }
            self.pace.spend(now);
            count += 1;
        }
        if self.position > first {
            self.run.note(first, self.position, now.as_micros() as u64);
        }
        Ok(())
    }

    /// The routers of a near TTL have had their share.
    fn is_spared(&mut self, ttl: u8, now: Duration) -> bool {
        let Some(pace) = self.near.get_mut(usize::from(ttl) - 1) else { return false };
        let spared = pace.next(now) > now;
        if !spared {
            pace.spend(now);
        }
        spared
    }

    fn send_batches(&mut self) -> io::Result<()> {
        for v6 in [false, true] {
            let Some(batch) = self.batches.get_mut(usize::from(v6)) else { continue };
            let batch = std::mem::take(batch);
            if let (Some(family), false) = (self.run.family(v6), batch.is_empty()) {
                self.send_batch(family, &batch)?;
            }
        }
        Ok(())
    }

    fn send_batch(&mut self, family: &Family, mut batch: &[(u32, u8)]) -> io::Result<()> {
        let mut pauses = 0;
        while let Some((&(target, ttl), rest)) = batch.split_first() {
            match family.sockets.send(&self.datagrams(family, batch)) {
                Ok(sent) => batch = batch.get(sent.max(1)..).unwrap_or_default(),
                Err(error) if is_passing(&error) && pauses < MOST_PAUSES => {
                    pauses += 1;
                    thread::sleep(PAUSE);
                }
                Err(error) => {
                    let what = What::Refused(error.raw_os_error().unwrap_or(0));
                    self.sorter.push(&Observation { target, ttl, what })?;
                    self.refused += 1;
                    batch = rest;
                }
            }
        }
        Ok(())
    }

    /// The probes, each with the time at which it is made.
    fn datagrams(&self, family: &Family, batch: &[(u32, u8)]) -> Vec<(IpAddr, Vec<u8>)> {
        let datagram = |&(target, ttl): &(u32, u8)| {
            let target = self.run.targets.get(target)?;
            let now = self.run.now();
            let (tick, fine) = ((now / TICK) as u16, (now % TICK) as u8);
            Some((target, family.code.probe(target, ttl, tick, fine).datagram()))
        };
        batch.iter().filter_map(datagram).collect()
    }
}

/// It is not about this probe, and will be better in a moment.
fn is_passing(error: &io::Error) -> bool {
    let errno = error.raw_os_error();
    matches!(errno, Some(libc::ENOBUFS | libc::EAGAIN | libc::ENOMEM | libc::EINTR))
}
