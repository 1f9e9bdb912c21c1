//! `--bulk`: addresses and prefixes from arguments, files or stdin into one run, and its records
//! out.

use std::path::Path;
use std::sync::atomic::Ordering;

use tm_stream::{Diagnostics, Error, Outcome, Output};
use tm_tracer::bulk::{self, Range, Summary, Targets};
use tm_tracer::{Family, Options, Sink as _};

use crate::flags::Flags;
use crate::targets::read_hosts;
use crate::{Stop, ToOutput};

/// Probes all targets and writes their records.
pub(crate) fn run(
    flags: &Flags,
    options: &Options,
    output: Output,
    diagnostics: &Diagnostics,
    stop: &Stop,
) -> Result<Outcome, Error> {
    let mut list = List { diagnostics, family: flags.lookup().family, ranges: Vec::new() };
    let unread = list.read(flags);
    let malformed = diagnostics.malformed_count() > 0;
    let mut sink = ToOutput::new(output, diagnostics);
    let failed = |error: &dyn std::fmt::Display| Error::Failed(error.to_string());
    let targets = Targets::new(list.ranges).map_err(|error| failed(&error))?;
    if !targets.is_empty() {
        if let Some([first, other]) = bulk::differing_sources(options, &targets) {
            diagnostics.warn(format_args!(
                "all probes bear {}, as is right for {}, but those to {} should bear {}; give -s \
                 or -i, or a list for each",
                first.1, first.0, other.0, other.1
            ));
        }
        let mut progress = |done, all| {
            let percent = 100.0 * done as f64 / all as f64;
            diagnostics.info(format_args!("{done} of {all} probes done, {percent:.1} %"));
        };
        let requested = &stop.requested;
        let probed = bulk::probe(options, &targets, flags.near_rate, requested, &mut progress);
        let gathered = probed.map_err(|error| failed(&error))?;
        report(&gathered.summary, diagnostics);
        // A first signal ends the probing, and another one the writing of what was gathered.
        stop.requested.store(false, Ordering::Relaxed);
        gathered.write(&mut sink, &stop.requested)?;
    }
    sink.idle()?;
    sink.output.finish()?;
    Ok(stop.outcome(unread, malformed || sink.failed))
}

fn report(summary: &Summary, diagnostics: &Diagnostics) {
    let Summary { sent, spared, sending, answered, disbelieved, dropped } = summary;
    let seconds = sending.as_secs_f64();
    let rate = *sent as f64 / seconds.max(1e-6);
    diagnostics.info(format_args!(
        "{sent} probes in {seconds:.1} s, {rate:.0} a second; {spared} left out; \
         {answered} answers; {disbelieved} packets not believed"
    ));
    if *dropped > 0 {
        diagnostics.warn(format_args!(
            "{dropped} packets came faster than they could be read and are lost, so loss is \
             overstated; lower --rate, or raise net.core.rmem_max"
        ));
    }
}

/// The list of targets while it is read.
struct List<'a> {
    diagnostics: &'a Diagnostics,
    family: Family,
    ranges: Vec<Range>,
}

impl List<'_> {
    /// Reads all that the flags name; true: some of it could not be read.
    fn read(&mut self, flags: &Flags) -> bool {
        for (number, host) in (1..).zip(&flags.hosts) {
            self.take("argument", number, host);
        }
        let stdin = [Path::new("-").to_owned()];
        let files = match flags.targets.as_slice() {
            [] if flags.hosts.is_empty() => &stdin,
            files => files,
        };
        let mut unread = false;
        for path in files {
            let diagnostics = self.diagnostics;
            let read =
                read_hosts(path, diagnostics, |name, line, host| self.take(name, line, host));
            if let Err(error) = read {
                unread = true;
                diagnostics.error(error);
            }
        }
        unread
    }

    fn take(&mut self, name: &str, line: u64, text: &str) {
        let wrong = match (text.parse::<Range>(), self.family) {
            (Ok(range), Family::V4) if range.is_ipv6() => "it is not IPv4".to_owned(),
            (Ok(range), Family::V6) if !range.is_ipv6() => "it is not IPv6".to_owned(),
            (Ok(range), _) => return self.ranges.push(range),
            (Err(error), _) => error,
        };
        self.diagnostics.malformed(name, line, format_args!("{text}: {wrong}"));
    }
}
