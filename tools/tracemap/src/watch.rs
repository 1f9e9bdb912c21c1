//! `tracemap watch`: the pipeline of `tracemap trace`, round after round, with alerts and a log of
//! every host.

pub(crate) mod flags;
mod log;
mod summary;

use std::collections::HashMap;
use std::fs::DirBuilder;
use std::io::{self, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;
use std::process::ChildStdin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::thread;
use std::time::Duration;

use rustix::process::{Signal, kill_process};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use tm_stream::lines::{Line, Lines};
use tm_stream::{Diagnostics, Error, Outcome, file_name, folders, splice};

use crate::aside::Aside;
use crate::pipeline::{self, Ended, Running, shell_line};
use crate::{preview, stages};
use flags::Watch;
use log::{Limits, Log};
use summary::Summary;

/// Watches the hosts until a signal, `--duration` or `--rounds` ends it.
pub(crate) fn run(flags: &Watch, verbose: u8, diagnostics: &Diagnostics) -> Result<Outcome, Error> {
    let folder = state_folder().map_err(Error::Failed)?;
    let limits = Limits { size: flags.log_max, age: flags.log_age, keep: flags.log_keep };
    let mut hosts = Hosts::open(&flags.hosts, &folder, limits, diagnostics)?;
    let sources = stages::of_watch(flags, verbose, &folder)?;
    let sink = (!flags.no_table).then(|| stages::tool("tm-render", Vec::new())).transpose()?;
    if let Some(sink) = &sink {
        diagnostics.info(shell_line(&sources, None, sink));
    }
    let (preview, tap) = sink.as_ref().and_then(|_| preview::open(&sources)).unzip();
    let (aside, notes) = sink.as_ref().map_or(Ok(None), |_| Aside::to_table())?.unzip();
    let mut running =
        Running::start(&sources, aside.as_ref(), tap, diagnostics).map_err(Error::Failed)?;
    let signals = Control::start(&running, flags.duration)?;
    let mut shown = match &sink {
        Some(sink) => {
            let child = preview::show(sink, preview, notes).map_err(Error::Failed)?;
            Some((sink.name.clone(), child))
        }
        None => None,
    };
    let mut to = shown.as_mut().and_then(|(_, child)| child.stdin.take());
    if let Some(from) = running.output.take() {
        let passed = hosts.pass(Lines::new(from), &mut to, &signals, flags.no_table, diagnostics);
        passed.map_err(|error| Error::Failed(format!("cannot read the records: {error}")))?;
    }
    signals.is_over.store(true, Ordering::Relaxed);
    let mut results = running.wait();
    if let Some(aside) = aside {
        aside.tell();
    }
    drop(to); // the table has been told everything that it is to show
    results.extend(shown.map(|(name, mut child)| Ended::alone(&name, &mut child)));
    hosts.report(diagnostics);
    let outcome = outcome(&results, &signals, diagnostics);
    Ok(match signals.number.load(Ordering::Relaxed) {
        0 => outcome,
        number => Outcome::Signal(number),
    })
}

/// `$XDG_STATE_HOME/tracemap`, made if need be.
fn state_folder() -> Result<PathBuf, String> {
    let folder = folders::state();
    let folder = folder.ok_or("neither XDG_STATE_HOME nor HOME is set, so logs have no place")?;
    let made = DirBuilder::new().recursive(true).mode(0o700).create(&folder);
    made.map_err(|error| format!("cannot make {}: {error}", folder.display()))?;
    Ok(folder)
}

/// What signals ask for.
struct Control {
    /// The signal that asked for the end.
    number: Arc<AtomicI32>,
    /// Logs are to be opened anew.
    reopen: Arc<AtomicBool>,
    /// `--duration` is over.
    is_due: Arc<AtomicBool>,
    /// The pipeline has ended, and its process ids may be somebody else's.
    is_over: Arc<AtomicBool>,
}

impl Control {
    /// The end begins at the source: tm-probe finishes its records, and the pipeline runs dry.
    fn start(running: &Running, duration: Option<Duration>) -> Result<Self, Error> {
        let control = Self {
            number: Arc::default(),
            reopen: Arc::default(),
            is_due: Arc::default(),
            is_over: Arc::default(),
        };
        let probe = running.source();
        let is_over = Arc::clone(&control.is_over);
        let end = move |signal| {
            if let Some(probe) = probe.filter(|_| !is_over.load(Ordering::Relaxed)) {
                let _ = kill_process(probe, signal);
            }
        };
        let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP])?;
        let (number, reopen) = (Arc::clone(&control.number), Arc::clone(&control.reopen));
        let on_signal = end.clone();
        thread::Builder::new().name("signals".to_owned()).spawn(move || {
            for signal in signals.forever() {
                if signal == SIGHUP {
                    reopen.store(true, Ordering::Relaxed);
                    continue;
                }
                number.store(signal, Ordering::Relaxed);
                on_signal(Signal::TERM);
            }
        })?;
        if let Some(duration) = duration {
            let is_due = Arc::clone(&control.is_due);
            thread::Builder::new().name("duration".to_owned()).spawn(move || {
                thread::sleep(duration);
                is_due.store(true, Ordering::Relaxed);
                end(Signal::TERM);
            })?;
        }
        Ok(control)
    }

    fn is_ending(&self) -> bool {
        self.number.load(Ordering::Relaxed) != 0 || self.is_due.load(Ordering::Relaxed)
    }
}

/// The watched hosts: where their records go, and what is to be said of them at the end.
struct Hosts {
    logs: Vec<Log>,
    summaries: Vec<Summary>,
    /// Which log a host has; two spellings of one host share theirs.
    places: HashMap<String, usize>,
}

impl Hosts {
    fn open(
        hosts: &[String],
        folder: &std::path::Path,
        limits: Limits,
        diagnostics: &Diagnostics,
    ) -> Result<Self, Error> {
        let mut opened = Self { logs: Vec::new(), summaries: Vec::new(), places: HashMap::new() };
        let mut by_name: HashMap<String, usize> = HashMap::new();
        for host in hosts {
            let name = file_name::safe(host);
            let at = if let Some(&at) = by_name.get(&name) {
                at
            } else {
                let log = Log::open(folder, host, limits, diagnostics).map_err(Error::Failed)?;
                opened.summaries.push(Summary::of(host, log.path()));
                opened.logs.push(log);
                by_name.insert(name, opened.logs.len() - 1);
                opened.logs.len() - 1
            };
            opened.places.insert(host.clone(), at);
        }
        Ok(opened)
    }

    /// Logs every record and hands it on. A reader that is gone does not stop the logging.
    fn pass(
        &mut self,
        mut lines: Lines<impl io::Read>,
        to: &mut Option<ChildStdin>,
        control: &Control,
        say: bool,
        diagnostics: &Diagnostics,
    ) -> io::Result<()> {
        let mut line = Vec::new();
        loop {
            match lines.next_line() {
                Ok(None) => return Ok(()),
                Ok(Some(Line::Whole(whole))) => {
                    line.clear();
                    line.extend_from_slice(whole);
                }
                Ok(Some(Line::Piece { .. })) => continue, // tm-watch has named it
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            }
            if control.reopen.swap(false, Ordering::Relaxed) {
                self.logs.iter_mut().for_each(Log::reopen);
            }
            self.record(&mut line, say, diagnostics);
            if to.as_mut().is_some_and(|to| to.write_all(&line).is_err()) {
                *to = None;
            }
        }
    }

    fn record(&mut self, line: &mut Vec<u8>, say: bool, diagnostics: &Diagnostics) {
        let (mut kind, mut host) = (String::new(), String::new());
        let text = |value: &str| serde_json::from_str::<String>(value).unwrap_or_default();
        let scanned = splice::scan(line, "", |key, value| match key {
            "type" => kind = text(value),
            "host" => host = text(value),
            _ => {}
        });
        if scanned.is_err() {
            return; // half a record, of a tool that was killed
        }
        if !line.ends_with(b"\n") {
            line.push(b'\n');
        }
        // A stranger's record without a host belongs to the only one there is.
        let only = (self.logs.len() == 1).then_some(0);
        let Some(at) = self.places.get(&host).copied().or(only) else { return };
        let (Some(log), Some(summary)) = (self.logs.get_mut(at), self.summaries.get_mut(at)) else {
            return;
        };
        log.write(line);
        match kind.as_str() {
            "trace" => {
                summary.trace(line);
                log.round_ended();
            }
            "alert" => {
                if let Some(said) = summary.alert(line).filter(|_| say) {
                    diagnostics.warn(said);
                }
            }
            _ => {}
        }
    }

    fn report(&self, diagnostics: &Diagnostics) {
        self.summaries.iter().for_each(|summary| diagnostics.warn(summary));
    }
}

/// Names the stages that failed. What a signal or the duration ended did not.
fn outcome(results: &[Ended], control: &Control, diagnostics: &Diagnostics) -> Outcome {
    let mut outcome = Outcome::Done;
    for (at, ended) in results.iter().enumerate() {
        match (at, ended.code) {
            (_, 0) => {}
            (_, code) if pipeline::is_signalled(code) && control.is_ending() => {}
            (0, 1) => outcome = Outcome::No,
            _ => {
                ended.tell(diagnostics);
                outcome = Outcome::Incomplete;
            }
        }
    }
    outcome
}
