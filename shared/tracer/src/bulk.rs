//! Bulk runs: one probe to every TTL of very many targets, in random order and without any state
//! per probe, as yarrp does (Beverly 2016).
//!
//! - `permutation`: the order, and who has a turn when, by calculation.
//! - `code`: TTL and time in the probe itself, read back from whatever quotes it.
//! - `journal`: when the run was where, which tells a true time from a false one.
//! - `send` and `receive`: a thread each; `observation` and `sorting`: what was seen, on
//!   disk; `assemble`: the records, once all is seen.
//!
//! Memory is bounded by the number of lines in the list of targets, not by probes or answers.

mod assemble;
mod code;
mod journal;
mod observation;
mod permutation;
mod receive;
mod run;
mod send;
mod sockets;
mod sorting;
mod targets;

use std::io;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use crate::engine::Sink;
use crate::net::{peer, socket};
use crate::options::Options;
pub use code::MOST_HOPS;
use run::Run;
use sorting::Sorted;
pub use targets::{Range, Targets};

/// Targets of which the source address is looked up.
const SAMPLE: u64 = 64;

/// What must hold of any octets, as packets that answer and as observations on disk.
#[cfg(fuzzing)]
pub(crate) fn check(octets: &[u8]) {
    code::check(octets);
    observation::check(octets);
}

#[cfg(fuzzing)]
pub(crate) use targets::check as check_list;

/// How a run went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Probes that left.
    pub sent: u64,
    /// Probes that were left out: routers on every path had their share, or the target is nearer.
    pub spared: u64,
    /// How long it took until the last had left.
    pub sending: Duration,
    /// Answers.
    pub answered: u64,
    /// Packets that have our flow and could not be believed.
    pub disbelieved: u64,
    /// Packets that arrived faster than they were read, and are lost.
    pub dropped: u64,
}

/// What was observed.
#[derive(Debug)]
pub struct Gathered<'a> {
    run: Run<'a>,
    sorted: Sorted,
    /// How it went.
    pub summary: Summary,
}

/// Probes all targets, or those until `interrupted`. `near_rate`: probes a second to each of the
/// first TTLs, beyond which they are left out; 0: no limit. `progress` is told now and then how
/// many probes of how many have had their turn.
pub fn probe<'a>(
    options: &'a Options,
    targets: &'a Targets,
    near_rate: u32,
    interrupted: &'a AtomicBool,
    progress: &mut dyn FnMut(u64, u64),
) -> io::Result<Gathered<'a>> {
    let run = Run::new(options, targets, near_rate, interrupted)?;
    let (gathering, runs) = sorting::sorter();
    let (heard, sent, kept) = thread::scope(|scope| {
        let writing = scope.spawn(|| runs.run());
        let mut unsent = gathering.another();
        let run = &run;
        let sending = scope.spawn(move || {
            let sent = send::send(run, &mut unsent);
            run.end_sending();
            sent
        });
        let heard = receive::receive(run, gathering, progress);
        run.broken.store(heard.is_err(), Ordering::Relaxed);
        (heard, join(sending.join()), join(writing.join()))
    });
    // Where nothing can be written, the others only know that.
    let sorted = kept?;
    let (sent, spared) = sent?;
    let summary = Summary {
        sent,
        spared,
        sending: Duration::from_micros(run.ended().unwrap_or_default()),
        ..heard?
    };
    Ok(Gathered { run, sorted, summary })
}

/// Whether some targets are routed by way of another source address than the first of their family
/// that has a route, whose address all probes bear: two targets and their addresses. Looks at a few
/// only.
pub fn differing_sources(options: &Options, targets: &Targets) -> Option<[(IpAddr, IpAddr); 2]> {
    let binding = sockets::binding(options);
    let source =
        |target: IpAddr| Some((target, socket::source_for(peer(target, 0, 33434), &binding).ok()?));
    [false, true].into_iter().find_map(|v6| {
        let mut routed = some_of(targets, v6).filter_map(source);
        let first = routed.next()?;
        routed.find(|(_, address)| *address != first.1).map(|other| [first, other])
    })
}

/// Some targets of a family from all over the list, the first of them first.
fn some_of(targets: &Targets, v6: bool) -> impl Iterator<Item = IpAddr> {
    let (from, count) = (if v6 { targets.count(false) } else { 0 }, targets.count(v6));
    let offsets = (0..SAMPLE).map(move |nth| (u64::from(count) * nth / SAMPLE) as u32);
    offsets.filter_map(move |offset| targets.get(from + offset))
}

fn join<T>(joined: thread::Result<io::Result<T>>) -> io::Result<T> {
    joined.unwrap_or_else(|_| Err(io::Error::other("a thread panicked")))
}

impl Gathered<'_> {
    /// Writes the records, target by target in the order of their addresses, until `interrupted`.
    pub fn write(&self, sink: &mut dyn Sink, interrupted: &AtomicBool) -> io::Result<()> {
        let mut merge = self.sorted.merge()?;
        for number in 0..self.run.targets.len() as u32 {
            if interrupted.load(Ordering::Relaxed) {
                break;
            }
            let mut observations = Vec::new();
            while merge.target() == Some(number) {
                observations.extend(merge.next()?);
            }
            assemble::assemble(&self.run, number, observations, sink)?;
        }
        sink.idle()
    }
}
