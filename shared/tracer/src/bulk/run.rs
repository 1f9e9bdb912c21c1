//! What the threads of a bulk run share.

use std::io;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock, RwLockReadGuard};
use std::time::{Duration, Instant};

use super::code::Code;
use super::journal::Journal;
use super::permutation::Order;
use super::sockets::{Sockets, binding};
use super::some_of;
use super::targets::Targets;
use crate::net::{peer, socket};
use crate::options::Options;
use crate::privilege;

/// Targets of which the nearest answer is kept, an octet each.
const MOST_ENDS: u64 = 1 << 26;

/// What is used to probe one family.
#[derive(Debug)]
pub(crate) struct Family {
    pub(crate) code: Code,
    pub(crate) sockets: Sockets,
}

/// What the threads of a bulk run share.
#[derive(Debug)]
pub(crate) struct Run<'a> {
    pub(crate) options: &'a Options,
    pub(crate) targets: &'a Targets,
    pub(crate) near_rate: u32,
    pub(crate) order: Order,
    /// IPv4 and IPv6, as far as there are targets.
    pub(crate) families: [Option<Family>; 2],
    pub(crate) interrupted: &'a AtomicBool,
    journal: RwLock<Journal>,
    /// The nearest TTL at which each target has answered, so that it is not asked again from
    /// farther away; empty where that would take too much memory.
    ends: Vec<AtomicU8>,
    began: Instant,
    /// The wall clock when it began, since 1970.
    pub(crate) began_wall: Duration,
    /// When the last probe had left, in microseconds; 0: not yet.
    ended: AtomicU64,
    /// One of the threads gave up.
    pub(crate) broken: AtomicBool,
}

impl<'a> Run<'a> {
    pub(crate) fn new(
        options: &'a Options,
        targets: &'a Targets,
        near_rate: u32,
        interrupted: &'a AtomicBool,
    ) -> io::Result<Self> {
        let family = |v6| match targets.count(v6) {
            0 => Ok(None),
            _ => Family::open(v6, options, targets).map(Some),
        };
        let ttls = u64::from(options.max_hops - options.first_hop) + 1;
        let kept = if targets.len() <= MOST_ENDS { usize::MAX } else { 0 };
        let families = [family(false)?, family(true)?];
        privilege::shed()?; // before a packet of anybody else is read
        Ok(Self {
            order: Order::new(targets.len() * ttls),
            families,
            options,
            targets,
            near_rate,
            interrupted,
            journal: RwLock::default(),
            ends: (0..targets.len()).map(|_| AtomicU8::new(u8::MAX)).take(kept).collect(),
            began: Instant::now(),
            began_wall: socket::wall_clock(),
            ended: AtomicU64::new(0),
            broken: AtomicBool::new(false),
        })
    }

    /// Since the run began.
    pub(crate) fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    /// Since the run began, in microseconds.
    pub(crate) fn now(&self) -> u64 {
        self.elapsed().as_micros() as u64
    }

    pub(crate) fn family(&self, v6: bool) -> Option<&Family> {
        self.families.get(usize::from(v6))?.as_ref()
    }

    fn ttls(&self) -> u64 {
        u64::from(self.options.max_hops - self.options.first_hop) + 1
    }

    /// The target and the TTL whose turn is at `position`.
    pub(crate) fn probe_at(&self, position: u64) -> (u32, u8) {
        let probe = self.order.at(position);
        let ttl = self.options.first_hop + (probe % self.ttls()) as u8;
        ((probe / self.ttls()) as u32, ttl)
    }

    /// When a target and a TTL have their turn; `None`: they have none.
    pub(crate) fn position(&self, target: u32, ttl: u8) -> Option<u64> {
        let offset = ttl.checked_sub(self.options.first_hop)?;
        let probed = ttl <= self.options.max_hops && u64::from(target) < self.targets.len();
        probed.then(|| self.order.position(u64::from(target) * self.ttls() + u64::from(offset)))
    }

    pub(crate) fn journal(&self) -> RwLockReadGuard<'_, Journal> {
        self.journal.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that the probes from `position` to `end` are about to leave.
    pub(crate) fn note(&self, position: u64, end: u64, now: u64) {
        let mut journal = self.journal.write().unwrap_or_else(PoisonError::into_inner);
        journal.note(position, end, now);
    }

    /// The target itself answered a probe with this TTL.
    pub(crate) fn reached(&self, target: u32, ttl: u8) {
        if let Some(end) = self.ends.get(target as usize) {
            end.fetch_min(ttl, Ordering::Relaxed);
        }
    }

    /// The target has answered from nearer than this TTL.
    pub(crate) fn is_beyond(&self, target: u32, ttl: u8) -> bool {
        self.ends.get(target as usize).is_some_and(|end| ttl > end.load(Ordering::Relaxed))
    }

    /// No more probes will leave.
    pub(crate) fn end_sending(&self) {
        self.ended.store(self.now().max(1), Ordering::Release);
    }

    /// When the last probe had left.
    pub(crate) fn ended(&self) -> Option<u64> {
        Some(self.ended.load(Ordering::Acquire)).filter(|&ended| ended != 0)
    }

    /// Somebody wants it to end before its time.
    pub(crate) fn is_stopped(&self) -> bool {
        self.interrupted.load(Ordering::Relaxed) || self.broken.load(Ordering::Relaxed)
    }
}

impl Family {
    fn open(v6: bool, options: &Options, targets: &Targets) -> io::Result<Self> {
        let source = source(v6, options, targets)?;
        let opened = privilege::raised(|| Sockets::open(v6, options));
        let (sockets, flow) = opened.map_err(|error| needs_raw(&error))?;
        let mut code =
            Code::new(options.protocol, source, flow, options.target_port().unwrap_or(0));
        code.tos = options.tos;
        code.size = options.size.unwrap_or(code.size);
        Ok(Self { code, sockets })
    }
}

/// The address that packets to the targets of a family bear: to the first that has a route.
fn source(v6: bool, options: &Options, targets: &Targets) -> io::Result<IpAddr> {
    let (binding, mut refused) = (binding(options), None);
    for target in some_of(targets, v6) {
        match socket::source_for(peer(target, 0, 33434), &binding) {
            Ok(source) => return Ok(source),
            Err(error) => {
                refused.get_or_insert((target, error));
            }
        }
    }
    Err(refused.map_or_else(
        || io::Error::other("no target"),
        |(target, error)| io::Error::new(error.kind(), format!("no route to {target}: {error}")),
    ))
}

fn needs_raw(error: &io::Error) -> io::Error {
    let text = match error.kind() {
        io::ErrorKind::PermissionDenied => {
            format!("--bulk needs raw sockets (CAP_NET_RAW): {}", crate::methods::ALLOW_RAW)
        }
        _ => format!("cannot open sockets: {error}"),
    };
    io::Error::new(error.kind(), text)
}
