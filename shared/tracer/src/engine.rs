//! The event loop: one set of sockets, any number of traces.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::io;
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, epoll, poll};
use tm_schema::Record;

use crate::active::{self, Active, Goal, Now};
use crate::methods::{self, Opened, Way};
use crate::net::{Arrival, socket};
use crate::options::Options;
use crate::pace::Pace;
use crate::packet::shape::Route;
use crate::paths::Found;
use crate::privilege;
use crate::stop_set::SharedStopSet;
use crate::target::{Address, Family, Target};
use crate::trace::Next;
use crate::wake::Waker;

/// Where the engine's findings go.
pub trait Sink {
    /// One more record.
    fn record(&mut self, record: &Record) -> io::Result<()>;
    /// Nothing more for now.
    fn idle(&mut self) -> io::Result<()>;
    /// A way of probing was opened.
    fn opened(&mut self, v6: bool, way: Way);
    /// A target could not be traced; why, in one line.
    fn failed(&mut self, message: &str);
    /// Paths are still being discovered, of which nothing is told before the end; `found` says, for
    /// whoever wants to know, what is found so far of each target.
    fn discovering(&mut self, found: &dyn Fn() -> Vec<Found>) {
        let _ = found;
    }
}

/// Probes sent between two looks at what came back.
const BURST: usize = 32;

/// The event loop.
pub struct Engine<'a> {
    options: Options,
    sink: &'a mut dyn Sink,
    waker: Waker,
    epoll: std::os::fd::OwnedFd,
    /// IPv4 and IPv6.
    families: [Option<Opened>; 2],
    /// The sink has been told of the family's sockets.
    told: [bool; 2],
    places: Vec<Option<Active>>,
    vacant: Vec<usize>,
    by_target: HashMap<IpAddr, usize>,
    /// Targets that are being traced already; they have their turn when that is over.
    again: VecDeque<(String, Address)>,
    ready: VecDeque<usize>,
    timers: BinaryHeap<Reverse<(Duration, usize, u64)>>,
    pace: Pace,
    began: Instant,
    epochs: u64,
    arrivals: Vec<Arrival>,
    records: Vec<Record>,
    stop_set: Option<SharedStopSet>,
}

impl<'a> Engine<'a> {
    /// An engine that tells `sink` what it finds, and looks up when `waker` wakes it.
    pub fn new(options: Options, waker: Waker, sink: &'a mut dyn Sink) -> io::Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        epoll::add(&epoll, waker.fd(), epoll::EventData::new_u64(0), epoll::EventFlags::IN)?;
        Ok(Self {
            pace: Pace::new(options.rate),
            options,
            sink,
            waker,
            epoll,
            families: [None, None],
            told: [false, false],
            places: Vec::new(),
            vacant: Vec::new(),
            by_target: HashMap::new(),
            again: VecDeque::new(),
            ready: VecDeque::new(),
            timers: BinaryHeap::new(),
            began: Instant::now(),
            epochs: 0,
            arrivals: Vec::new(),
            records: Vec::new(),
            stop_set: None,
        })
    }

    /// Opens the raw sockets of each family that targets may have, so that the right to do so can
    /// be given up before any target is known. What cannot be opened is not missed yet.
    pub fn open_raw(&mut self, family: Family) {
        if self.options.unprivileged || !privilege::may_open_raw() {
            return;
        }
        for v6 in [false, true] {
            let is_of_source = self.options.source.is_none_or(|source| source.is_ipv6() == v6);
            if family.allows_one(v6) && is_of_source {
                let _ = self.open(v6);
            }
        }
    }

    /// Leaves out what the stop sets know, and adds to them what is found.
    #[must_use]
    pub fn with_stop_set(mut self, known: SharedStopSet) -> Self {
        self.stop_set = Some(known);
        self
    }

    /// Traces every target until there is none left, or until `interrupted`.
    pub fn run(mut self, targets: &Receiver<Target>, interrupted: &AtomicBool) -> io::Result<()> {
        let mut more = true;
        while more || !self.by_target.is_empty() || !self.again.is_empty() {
            if interrupted.load(Ordering::Relaxed) {
                return self.interrupt_all();
            }
            if more || !self.again.is_empty() {
                more = self.admit(targets)?;
            }
            self.fire_timers();
            let traced = self.by_target.len();
            self.send_some()?;
            if self.by_target.len() < traced && (more || !self.again.is_empty()) {
                continue; // there is room for a target that may have been waiting for long
            }
            self.wait(more)?;
            self.receive()?;
        }
        self.sink.idle()
    }

    fn now(&self) -> Now {
        Now { steady: self.began.elapsed(), wall: socket::wall_clock() }
    }

    /// Takes in targets while there is room; false once there will be no more.
    fn admit(&mut self, targets: &Receiver<Target>) -> io::Result<bool> {
        while self.by_target.len() < self.options.parallel {
            let waiting =
                self.again.iter().position(|(_, at)| !self.by_target.contains_key(&at.ip));
            if let Some((host, address)) = waiting.and_then(|at| self.again.remove(at)) {
                self.start(host, address)?;
                continue;
            }
            if self.again.len() > self.options.parallel {
                break;
            }
            match targets.try_recv() {
                Ok(Target { host, address: Ok(address) }) => {
                    if self.by_target.contains_key(&address.ip) {
                        self.again.push_back((host, address));
                    } else {
                        self.start(host, address)?;
                    }
                }
                Ok(Target { host, address: Err(error) }) => self.cannot(&host, None, error)?,
                Err(TryRecvError::Empty) => return Ok(true),
                Err(TryRecvError::Disconnected) => return Ok(false),
            }
        }
        Ok(true)
    }

    fn cannot(&mut self, host: &str, target: Option<IpAddr>, error: String) -> io::Result<()> {
        self.sink.failed(&format!("{host}: {error}"));
        let record = active::stillborn(host, target, error, &self.options, self.now());
        self.sink.record(&record)
    }

    fn start(&mut self, host: String, address: Address) -> io::Result<()> {
        let v6 = address.ip.is_ipv6();
        let route = match self.route(address) {
            Ok(route) => route,
            Err(error) => return self.cannot(&host, Some(address.ip), error),
        };
        let now = self.now();
        let Some(opened) = self.families.get(usize::from(v6)).and_then(Option::as_ref) else {
            return Ok(());
        };
        let plan = self.options.plan(opened.is_serial(), opened.longest_wait());
        self.epochs += 1;
        let active = Active::new(host, route, plan, self.goal(address), self.epochs, now);
        let place = self.vacant.pop().unwrap_or_else(|| {
            self.places.push(None);
            self.places.len() - 1
        });
        self.by_target.insert(address.ip, place);
        if let Some(slot) = self.places.get_mut(place) {
            *slot = Some(active);
        }
        self.enqueue(place);
        Ok(())
    }

    /// What an address is traced for.
    fn goal(&self, address: Address) -> Goal {
        if let Some(known) = &self.stop_set {
            return Goal::Rest(Rc::clone(known));
        }
        if !self.options.mtu {
            return self.options.discover.map_or(Goal::Path, Goal::Paths);
        }
        let binding = methods::binding(&self.options);
        let peer = crate::net::peer(address.ip, address.scope, socket::DISCARD);
        // Where the kernel does not say it, what most links take.
        Goal::Mtu(socket::link_mtu(peer, &binding).unwrap_or(1500))
    }

    /// The way to an address, with its family's sockets open.
    fn route(&mut self, address: Address) -> Result<Route, String> {
        let Address { ip: target, scope } = address;
        let v6 = target.is_ipv6();
        if target.is_unspecified() {
            return Err("it is the unspecified address".to_owned());
        }
        let is_link_local = matches!(target, IpAddr::V6(v6) if v6.is_unicast_link_local());
        if is_link_local && scope == 0 && self.options.interface.is_none() {
            return Err(format!("a link-local address needs its interface, as in {target}%eth0"));
        }
        let binding = socket::Binding { tos: 0, ..methods::binding(&self.options) };
        if self.options.source.is_some_and(|source| source.is_ipv6() != v6) {
            return Err("the source address is of the other family; give -4 or -6".to_owned());
        }
        let source = socket::source_for(crate::net::peer(target, scope, 33434), &binding)
            .map_err(|error| format!("no route to {target}: {error}"))?;
        self.open(v6).map_err(|error| format!("cannot probe: {error}"))?;
        self.tell(v6);
        Ok(Route { source, target, scope })
    }

    fn open(&mut self, v6: bool) -> io::Result<()> {
        let Some(family) = self.families.get_mut(usize::from(v6)) else { return Ok(()) };
        if family.is_none() {
            let opened = methods::open(v6, &self.options)?;
            for fd in opened.channel.descriptors() {
                let data = epoll::EventData::new_u64(1);
                epoll::add(&self.epoll, fd, data, epoll::EventFlags::IN | epoll::EventFlags::ERR)?;
            }
            *family = Some(opened);
        }
        Ok(())
    }

    /// Tells once how a family is probed.
    fn tell(&mut self, v6: bool) {
        let opened = self.families.get(usize::from(v6)).and_then(Option::as_ref);
        if let (Some(opened), Some(told)) = (opened, self.told.get_mut(usize::from(v6)))
            && !std::mem::replace(told, true)
        {
            self.sink.opened(v6, opened.way);
        }
    }

    fn enqueue(&mut self, place: usize) {
        if let Some(active) = self.places.get_mut(place).and_then(Option::as_mut)
            && !std::mem::replace(&mut active.queued, true)
        {
            self.ready.push_back(place);
        }
    }

    fn fire_timers(&mut self) {
        let now = self.began.elapsed();
        while let Some(&Reverse((at, place, epoch))) = self.timers.peek() {
            if at > now {
                break;
            }
            self.timers.pop();
            let current = self.places.get(place).and_then(Option::as_ref);
            if current.is_some_and(|active| active.epoch == epoch) {
                self.enqueue(place);
            }
        }
    }

    /// Lets the traces that are ready act, within the pace.
    fn send_some(&mut self) -> io::Result<()> {
        for _ in 0..BURST {
            let now = self.now();
            if self.pace.next(now.steady) > now.steady {
                break;
            }
            let Some(place) = self.ready.pop_front() else { break };
            self.act(place, now)?;
        }
        Ok(())
    }

    fn act(&mut self, place: usize, now: Now) -> io::Result<()> {
        let Some(active) = self.places.get_mut(place).and_then(Option::as_mut) else {
            return Ok(());
        };
        active.queued = false;
        if let Some(at) = active.next_round {
            if at > now.steady {
                self.timers.push(Reverse((at, place, active.epoch)));
                return Ok(());
            }
            self.epochs += 1;
            active.begin_round(&self.options, self.epochs, now);
        }
        let next = active.poll(now.steady);
        active.take_records(&self.options, now, &mut self.records);
        self.write_records()?;
        match next {
            Next::Send(send) => self.send(place, send, now),
            Next::Wait(until) => self.set_timer(place, until),
            Next::Done => self.end_round(place, now),
        }
        Ok(())
    }

    fn set_timer(&mut self, place: usize, until: Duration) {
        if let Some(active) = self.places.get(place).and_then(Option::as_ref) {
            self.timers.push(Reverse((until, place, active.epoch)));
        }
    }

    fn send(&mut self, place: usize, send: crate::trace::Send, now: Now) {
        let Some(active) = self.places.get_mut(place).and_then(Option::as_mut) else { return };
        let v6 = active.target().is_ipv6();
        let Some(opened) = self.families.get_mut(usize::from(v6)).and_then(Option::as_mut) else {
            return;
        };
        let identity = active.depart(send.sequence, &opened.shape, now);
        let mut probe = opened.shape.probe(active.route, send.ttl, send.flow, identity);
        probe.size = send.size.map_or(probe.size, usize::from);
        let ticket = active.ticket(place, send.sequence);
        if let Some(0) = opened.channel.capacity() {
            active.not_sent(send.sequence, &io::Error::from_raw_os_error(libc::EMFILE), now.steady);
        } else if let Err(error) = opened.channel.send(&probe, ticket) {
            active.not_sent(send.sequence, &error, now.steady);
        }
        self.pace.spend(now.steady);
        self.enqueue(place);
    }

    fn end_round(&mut self, place: usize, now: Now) {
        let Some(active) = self.places.get_mut(place).and_then(Option::as_mut) else { return };
        if let Some(message) = active.failure() {
            self.sink.failed(&message);
        }
        active.plan_next_round(&self.options, now.steady);
        if let Some(at) = active.next_round {
            self.set_timer(place, at);
            return;
        }
        let target = active.target();
        self.by_target.remove(&target);
        if let Some(slot) = self.places.get_mut(place) {
            *slot = None;
        }
        self.vacant.push(place);
    }

    fn write_records(&mut self) -> io::Result<()> {
        for record in self.records.drain(..) {
            self.sink.record(&record)?;
        }
        Ok(())
    }

    /// Sleeps until something happens.
    fn wait(&mut self, more: bool) -> io::Result<()> {
        let now = self.began.elapsed();
        let until_sending = (!self.ready.is_empty()).then(|| self.pace.next(now));
        let until_timer = self.timers.peek().map(|Reverse((at, ..))| *at);
        let until = [until_sending, until_timer].into_iter().flatten().min();
        if self.by_target.is_empty() && (!more || !self.again.is_empty()) {
            return Ok(()); // what timers are left belong to nobody
        }
        let patience = until.map(|until| until.saturating_sub(now));
        if patience != Some(Duration::ZERO) {
            self.sink.idle()?;
        }
        if self.options.discover.is_some() {
            let places = &self.places;
            self.sink.discovering(&|| places.iter().flatten().filter_map(Active::found).collect());
        }
        let patience = patience.map(|time| Timespec {
            tv_sec: time.as_secs() as i64,
            tv_nsec: i64::from(time.subsec_nanos()),
        });
        // epoll rounds to milliseconds, poll does not.
        let mut any = [PollFd::new(&self.epoll, PollFlags::IN)];
        match poll(&mut any, patience.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        self.waker.clear();
        Ok(())
    }

    fn receive(&mut self) -> io::Result<()> {
        let mut arrivals = std::mem::take(&mut self.arrivals);
        for v6 in [false, true] {
            let Some(opened) = self.families.get_mut(usize::from(v6)).and_then(Option::as_mut)
            else {
                continue;
            };
            let (places, by_target) = (&self.places, &self.by_target);
            let sources = |target: IpAddr| {
                let place = by_target.get(&target)?;
                Some(places.get(*place)?.as_ref()?.route.source)
            };
            opened.channel.receive(&sources, &mut arrivals)?;
            let now = self.now();
            for arrival in arrivals.drain(..) {
                self.arrived(v6, arrival, now);
            }
        }
        self.arrivals = arrivals;
        Ok(())
    }

    fn arrived(&mut self, v6: bool, arrival: Arrival, now: Now) {
        let target = match &arrival {
            Arrival::Left { ticket, at } => {
                if let Some(active) = self.places.get_mut(ticket.trace).and_then(Option::as_mut) {
                    active.left(*ticket, *at);
                }
                return;
            }
            Arrival::Reply(reply) => reply.target,
            Arrival::Forged { target } | Arrival::Refused { target, .. } => *target,
        };
        let Some(&place) = self.by_target.get(&target) else { return };
        let Some(active) = self.places.get_mut(place).and_then(Option::as_mut) else { return };
        let Some(opened) = self.families.get(usize::from(v6)).and_then(Option::as_ref) else {
            return;
        };
        match arrival {
            Arrival::Reply(reply) => active.reply(reply, &opened.shape, now),
            Arrival::Forged { .. } => active.forged(),
            Arrival::Refused { error, .. } => active.refused(&error),
            Arrival::Left { .. } => {}
        }
        self.enqueue(place);
    }

    /// Ends every trace with what it knows.
    fn interrupt_all(mut self) -> io::Result<()> {
        let now = self.now();
        for active in self.places.iter_mut().flatten() {
            if active.next_round.is_none() {
                active.interrupt();
                active.take_records(&self.options, now, &mut self.records);
            }
        }
        self.write_records()?;
        self.sink.idle()
    }
}
