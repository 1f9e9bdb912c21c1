//! `tm-probe`: traces routes and writes one record a hop.

mod bulk;
mod flags;
mod known;
mod targets;

use std::io;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};

use tm_schema::{Protocol, Record};
use tm_stream::finding::{self, Finding, State};
use tm_stream::progress::Progress;
use tm_stream::{Diagnostics, Error, Outcome, Output, cli, exit, signal};
use tm_tracer::methods::{self, Availability, Way};
use tm_tracer::paths::Found;
use tm_tracer::{Engine, Sink, Waker, privilege};

use known::Known;

fn main() -> ExitCode {
    let reduced = privilege::reduce(); // before anything is read that somebody could have written
    let flags: flags::Flags = cli::parse();
    let diagnostics = flags.common.diagnostics("tm-probe");
    if let Err(error) = reduced {
        let text = format!("cannot give up privileges that it does not need: {error}");
        return exit::code(&diagnostics, Err(Error::Failed(text)));
    }
    let result = run(&flags, &diagnostics);
    exit::code(&diagnostics, result)
}

fn run(flags: &flags::Flags, diagnostics: &Diagnostics) -> Result<Outcome, Error> {
    if flags.checking.check {
        let findings: Vec<_> = methods::availability().iter().map(finding).collect();
        let output = Output::open(flags.common.output.as_deref())?;
        return finding::tell(&findings, &output);
    }
    let options = flags.options().map_err(Error::Failed)?;
    methods::check_binding(&options).map_err(Error::Failed)?;
    targets::check_stdin(flags)?;
    let output = Output::open(flags.common.output.as_deref())?;
    let waker = Waker::new()?;
    if flags.bulk {
        let stop = Stop::on_signals(&waker)?;
        return bulk::run(flags, &options, output, diagnostics, &stop);
    }
    let known = flags.stop_set.as_deref().map(Known::new);
    // With -v there is something to read already.
    let progress = Progress::new(!flags.common.quiet && flags.common.verbose == 0);
    let mut sink = ToOutput { known, progress, ..ToOutput::new(output, diagnostics) };
    let set = sink.known.as_ref().map(Known::set);
    let mut engine = Engine::new(options, waker.clone(), &mut sink)?;
    engine.open_raw(flags.lookup().family);
    privilege::shed()?;
    let stop = Stop::on_signals(&waker)?;
    let (targets, reading) = targets::resolve(flags, diagnostics, &waker)?;
    if let (Some(path), Some(set)) = (flags.stop_set.as_deref(), set) {
        *set.borrow_mut() = known::read(path)?;
        engine = engine.with_stop_set(set);
    }
    let ended = engine.run(&targets, &stop.requested);
    if let Some(known) = &mut sink.known {
        known.write()?; // whatever ended it
    }
    ended?;
    sink.output.finish()?;
    let unread = reading.unreadable.load(Ordering::Relaxed);
    Ok(stop.outcome(unread, sink.failed))
}

fn finding(method: &Availability) -> Finding {
    let family = if method.v6 { "IPv6" } else { "IPv4" };
    let subject = format!("{} {family}", method.protocol.as_str().to_uppercase());
    let (state, detail) = match (method.way, method.protocol) {
        (Some(Way::ErrorQueue), Protocol::Tcp) => {
            (State::Ok, "error queues (unprivileged); one probe of a flow at a time".to_owned())
        }
        (Some(way), _) => (State::Ok, way.as_str().to_owned()),
        (None, _) => (State::Bad, method.obstacle.clone().unwrap_or_default()),
    };
    Finding { remedy: method.remedy.map(str::to_owned), ..Finding::new(subject, state, detail) }
}

/// Whether a signal asked for the end, and which.
struct Stop {
    requested: Arc<AtomicBool>,
    signal: Arc<AtomicI32>,
}

impl Stop {
    fn on_signals(waker: &Waker) -> io::Result<Self> {
        let stop = Self { requested: Arc::default(), signal: Arc::default() };
        let (requested, number) = (Arc::clone(&stop.requested), Arc::clone(&stop.signal));
        let waker = waker.clone();
        signal::on_end(move |signal| {
            number.store(signal, Ordering::Relaxed);
            requested.store(true, Ordering::Relaxed);
            waker.wake();
        })?;
        Ok(stop)
    }

    /// How the tool ends; `unread`: some of the list could not be read; `failed`: a target could
    /// not be traced.
    fn outcome(&self, unread: bool, failed: bool) -> Outcome {
        match self.signal.load(Ordering::Relaxed) {
            0 if unread => Outcome::Incomplete,
            0 if failed => Outcome::No,
            0 => Outcome::Done,
            signal => Outcome::Signal(signal),
        }
    }
}

struct ToOutput<'a> {
    output: Output,
    diagnostics: &'a Diagnostics,
    failed: bool,
    known: Option<Known>,
    progress: Progress,
}

impl<'a> ToOutput<'a> {
    fn new(output: Output, diagnostics: &'a Diagnostics) -> Self {
        let progress = Progress::new(false);
        Self { output, diagnostics, failed: false, known: None, progress }
    }
}

impl Sink for ToOutput<'_> {
    fn record(&mut self, record: &Record) -> io::Result<()> {
        self.progress.clear();
        self.output.record(record)?;
        if let (Some(known), Record::Trace(_)) = (&mut self.known, record)
            && known.is_due()
        {
            self.output.flush()?; // the file knows nothing that was not told
            if let Err(error) = known.write_again() {
                self.diagnostics.warn(error);
            }
        }
        Ok(())
    }

    fn idle(&mut self) -> io::Result<()> {
        self.output.flush()
    }

    fn opened(&mut self, v6: bool, way: Way) {
        let family = if v6 { "IPv6" } else { "IPv4" };
        self.diagnostics.info(format_args!("{family} by {}", way.as_str()));
    }

    fn discovering(&mut self, found: &dyn Fn() -> Vec<Found>) {
        self.progress.say(|| so_far(&found()));
    }

    fn failed(&mut self, message: &str) {
        self.failed = true;
        self.progress.clear();
        self.diagnostics.error(message);
    }
}

/// A discovery that is under way, or several.
fn so_far(all: &[Found]) -> Option<String> {
    let sum = |of: fn(&Found) -> usize| all.iter().map(of).sum::<usize>();
    let whom = match all {
        [one] => {
            format!("{} at hop {} of {}", one.host, one.ttl, one.farthest.max(one.ttl))
        }
        [] => return None,
        several => format!("{} targets", several.len()),
    };
    let (routers, links) = (sum(|found| found.nodes), sum(|found| found.links));
    let probes: u64 = all.iter().map(|found| u64::from(found.probes)).sum();
    Some(format!("tm-probe: {whom}: {routers} addresses, {links} links, {probes} probes"))
}
