//! One target while it is being traced: its rounds, its clocks, and what its records say.

use std::net::IpAddr;
use std::rc::Rc;
use std::time::Duration;

use tm_schema::{Record, Stop};

use crate::doubletree::Doubletree;
use crate::mtu::Mtu;
use crate::net::{Reply, Ticket};
use crate::options::Options;
use crate::packet::identity::Identity;
use crate::packet::shape::{Route, Shape};
use crate::paths::stopping::Confidence;
use crate::paths::{Discovery, Found};
use crate::record::{self, Heading, Outcome};
use crate::stop_set::SharedStopSet;
use crate::strategy::{Strategy, Unsent};
use crate::trace::{Next, Plan, Trace};

/// The two clocks: one that never jumps, one that the kernel's timestamps use.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Now {
    /// Since the engine began.
    pub(crate) steady: Duration,
    /// Since 1970.
    pub(crate) wall: Duration,
}

/// When a probe left.
#[derive(Clone, Copy, Debug)]
struct Departure {
    handed_over: Now,
    /// The kernel's timestamp.
    left: Option<Duration>,
}

impl Departure {
    fn wall(&self) -> Duration {
        self.left.unwrap_or(self.handed_over.wall)
    }
}

/// One target while it is being traced.
pub(crate) struct Active {
    pub(crate) route: Route,
    pub(crate) plan: Plan,
    trace: Box<dyn Strategy>,
    goal: Goal,
    heading: Heading,
    outcome: Outcome,
    departures: Vec<Departure>,
    /// Probes of earlier rounds, so that no number is used twice.
    base: u32,
    /// Tells this trace from another one that had its place before.
    pub(crate) epoch: u64,
    pub(crate) queued: bool,
    /// When the next round begins.
    pub(crate) next_round: Option<Duration>,
    round_began: Duration,
    retries: u32,
}

impl Active {
    pub(crate) fn new(
        host: String,
        route: Route,
        plan: Plan,
        goal: Goal,
        epoch: u64,
        now: Now,
    ) -> Self {
        let heading = Heading {
            trace_id: record::trace_id(),
            host,
            target: Some(route.target),
            source: Some(route.source),
            round: 1,
            started: now.wall,
            probes: plan.probes,
        };
        Self {
            trace: strategy(plan.clone(), &goal, route, now.steady),
            goal,
            route,
            plan,
            heading,
            outcome: Outcome::default(),
            departures: Vec::new(),
            base: 0,
            epoch,
            queued: false,
            next_round: None,
            round_began: now.steady,
            retries: 0,
        }
    }

    /// Begins the next round.
    pub(crate) fn begin_round(&mut self, options: &Options, epoch: u64, now: Now) {
        let plan = options.plan_again(&self.plan, self.trace.length());
        self.heading.probes = plan.probes;
        self.base = self.base.wrapping_add(self.departures.len() as u32);
        self.trace = strategy(plan, &self.goal, self.route, now.steady);
        self.heading.trace_id = record::trace_id();
        self.heading.round += 1;
        self.heading.started = now.wall;
        self.outcome = Outcome::default();
        self.departures.clear();
        self.epoch = epoch;
        self.next_round = None;
        self.round_began = now.steady;
        self.retries = 0;
    }

    /// The round that follows this one, where there is one.
    pub(crate) fn plan_next_round(&mut self, options: &Options, now: Duration) {
        if options.rounds == 0 || self.heading.round < options.rounds {
            self.next_round = Some((self.round_began + options.interval).max(now));
        }
    }

    pub(crate) fn poll(&mut self, now: Duration) -> Next {
        self.trace.poll(now)
    }

    /// Notes a probe that is handed over to the kernel, and returns its number.
    pub(crate) fn depart(&mut self, sequence: u32, shape: &Shape, now: Now) -> Identity {
        debug_assert_eq!(self.departures.len(), sequence as usize);
        self.departures.push(Departure { handed_over: now, left: None });
        shape.secret.identity(self.route.target, self.base.wrapping_add(sequence))
    }

    /// The kernel says when a probe left. A timestamp that cannot be this probe's is dropped.
    pub(crate) fn left(&mut self, ticket: Ticket, at: Duration) {
        const SLACK: Duration = Duration::from_millis(100);
        if let Some(departure) = self.departures.get_mut(ticket.sequence as usize) {
            let handed_over = departure.handed_over.wall;
            if ticket.epoch == self.epoch && (handed_over..handed_over + SLACK).contains(&at) {
                departure.left = Some(at);
            }
        }
    }

    /// The kernel would not take a probe.
    pub(crate) fn not_sent(&mut self, sequence: u32, error: &std::io::Error, now: Duration) {
        const PAUSE: Duration = Duration::from_millis(5);
        const MOST_RETRIES: u32 = 400;
        let passing = matches!(
            error.raw_os_error(),
            Some(libc::ENOBUFS | libc::EAGAIN | libc::ENOMEM | libc::EADDRNOTAVAIL | libc::EMFILE)
        );
        let why = match error.raw_os_error() {
            _ if passing && self.retries < MOST_RETRIES => Unsent::ForNow(now + PAUSE),
            Some(libc::EMSGSIZE) => Unsent::TooLarge,
            _ => Unsent::Refused,
        };
        self.trace.send_failed(sequence, why);
        if let Unsent::ForNow(_) = why {
            self.retries += 1;
            return;
        }
        self.refused(error);
        // Where others are as good as the first, none of them will leave either.
        if matches!(self.goal, Goal::Path | Goal::Paths(_)) && self.trace.totals().0 == 0 {
            self.trace.interrupt(Stop::Error);
        }
    }

    /// The kernel refused a probe; the reason is told if the trace finds nothing out, or ends for it.
    pub(crate) fn refused(&mut self, error: &std::io::Error) {
        self.outcome.error.get_or_insert_with(|| format!("cannot send: {error}"));
    }

    pub(crate) fn forged(&mut self) {
        self.trace.forged();
    }

    /// An answer arrived.
    pub(crate) fn reply(&mut self, reply: Reply, shape: &Shape, now: Now) {
        let sequence = match reply.identity {
            Some(identity) => Some(shape.secret.sequence(self.route.target, identity, self.base)),
            None => shape.flow_id(reply.flow).and_then(|flow| self.trace.resolve(flow, now.steady)),
        };
        let Some(sequence) = sequence else { return };
        let Some(departure) = self.departures.get(sequence as usize) else {
            return self.trace.forged(); // of an earlier round, or of nobody
        };
        let rtt = reply.rtt.unwrap_or_else(|| round_trip(departure, reply.at, now));
        self.trace.answered(sequence, reply.answer, reply.quoted_ttl, rtt);
    }

    /// Ends the trace before its time.
    pub(crate) fn interrupt(&mut self) {
        self.trace.interrupt(Stop::Interrupted);
    }

    /// What can be told since the last call; the `trace` record once the round is over.
    pub(crate) fn take_records(&mut self, options: &Options, now: Now, records: &mut Vec<Record>) {
        for report in self.trace.take_reports() {
            let sent_at = |sequence: u32| {
                self.departures.get(sequence as usize).map_or(self.heading.started, Departure::wall)
            };
            let hops = self.heading.hops(options, &report, sent_at);
            self.outcome.hops += u32::from(!hops.is_empty());
            self.outcome.responded += u32::from(!report.responders.is_empty());
            self.outcome.reached |= hops.iter().any(|hop| hop.is_destination);
            records.extend(hops.into_iter().map(Record::from));
        }
        let Some(stop) = self.trace.stop() else { return };
        (self.outcome.sent, self.outcome.received) = self.trace.totals();
        self.outcome.stop = Some(stop);
        self.outcome.ignored = self.trace.ignored();
        self.outcome.paths = self.trace.paths();
        self.outcome.mtu = self.trace.mtu();
        self.outcome.stop_set = self.trace.stop_set();
        if self.outcome.responded > 0 && stop != Stop::Error {
            self.outcome.error = None;
        }
        records.push(self.heading.trace(options, &self.outcome, now.wall).into());
    }

    /// What a discovery that is under way has found.
    pub(crate) fn found(&self) -> Option<Found> {
        if self.trace.stop().is_some() {
            return None;
        }
        Some(Found { host: self.heading.host.clone(), ..self.trace.found()? })
    }

    /// Why the target could not be traced, where it could not.
    pub(crate) fn failure(&self) -> Option<String> {
        let error = self.outcome.error.as_ref()?;
        Some(format!("{}: {error}", self.heading.host))
    }

    pub(crate) fn ticket(&self, place: usize, sequence: u32) -> Ticket {
        Ticket { trace: place, epoch: self.epoch, sequence }
    }

    pub(crate) fn target(&self) -> IpAddr {
        self.route.target
    }
}

/// What a target is traced for.
#[derive(Clone, Debug)]
pub(crate) enum Goal {
    /// One path, or as many as there are flows.
    Path,
    /// All of them.
    Paths(Confidence),
    /// How large datagrams may be that leave by an interface of this MTU.
    Mtu(u16),
    /// What is not known of one path.
    Rest(SharedStopSet),
}

fn strategy(plan: Plan, goal: &Goal, route: Route, now: Duration) -> Box<dyn Strategy> {
    let Route { source, target, .. } = route;
    match *goal {
        Goal::Paths(confidence) => Box::new(Discovery::new(plan, confidence, target, now)),
        Goal::Mtu(interface) => Box::new(Mtu::new(plan, interface, target, now)),
        Goal::Rest(ref known) => {
            Box::new(Doubletree::new(plan, Rc::clone(known), source, target, now))
        }
        Goal::Path => Box::new(Trace::new(plan, target, now)),
    }
}

/// The round trip by the kernel's clock, unless that clock was set in between.
fn round_trip(departure: &Departure, received: Option<Duration>, now: Now) -> Duration {
    const TOLERANCE: Duration = Duration::from_millis(2);
    let steady = now.steady.saturating_sub(departure.handed_over.steady);
    let wall = now.wall.checked_sub(departure.handed_over.wall);
    let clock_was_set = wall.is_none_or(|wall| wall.abs_diff(steady) > TOLERANCE);
    let by_kernel = received.and_then(|received| received.checked_sub(departure.wall()));
    by_kernel.filter(|rtt| !clock_was_set && *rtt <= steady + TOLERANCE).unwrap_or(steady)
}

/// The records of a target that cannot be traced at all.
pub(crate) fn stillborn(
    host: &str,
    target: Option<IpAddr>,
    error: String,
    options: &Options,
    now: Now,
) -> Record {
    let heading = Heading {
        trace_id: record::trace_id(),
        host: host.to_owned(),
        target,
        source: None,
        round: 1,
        started: now.wall,
        probes: options.probes,
    };
    let outcome = Outcome { stop: Some(Stop::Error), error: Some(error), ..Outcome::default() };
    heading.trace(options, &outcome, now.wall).into()
}
