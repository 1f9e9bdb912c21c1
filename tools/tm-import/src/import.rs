//! From inputs to records: what each one is, and the reader for it.

use std::io::Read;

use tm_schema::Time;
use tm_stream::input::{self, Input};
use tm_stream::{Diagnostics, Error, Outcome, Output, confine, signal};

use crate::detect::{Verdict, detect};
use crate::encoding::{LOOK_AHEAD, Source};
use crate::flags::{Flags, Format};
use crate::sink::Sink;
use crate::{
    atlas, dublin, globalping, mtr_json, mtr_raw, mtr_table, nexttrace, nexttrace_raw, python,
    scamper, traceroute, tracert, trippy,
};

/// How long the tool before this one may take to write its last line after a signal.
const GRACE: std::time::Duration = std::time::Duration::from_secs(1);

/// Imports every input.
pub(crate) fn run(flags: &Flags, diagnostics: &Diagnostics) -> Result<Outcome, Error> {
    let (inputs, mut all) = input::open_all(&flags.reading.files, diagnostics)?;
    let output = Output::open(flags.common.output.as_deref())?;
    confine::to_output(flags.common.output.as_deref(), &[], diagnostics);
    let interrupted = signal::exit_with(&output, GRACE)?;
    let mut result = Ok(());
    for input in inputs {
        let name = input.name.clone();
        let changed_at = changed_at(&input);
        let mut sink = Sink::new(flags, &output, diagnostics, &name, changed_at);
        match one(flags, diagnostics, &output, input, &mut sink) {
            Ok(()) if sink.traces == 0 => {
                diagnostics.error(format_args!("{name}: there is no trace in it"));
                all = false;
            }
            Ok(()) => {}
            Err(Error::BrokenPipe) => return Err(Error::BrokenPipe),
            Err(error) if flags.reading.strict => {
                result = Err(error);
                break;
            }
            Err(error) => {
                diagnostics.error(error);
                all = false;
            }
        }
    }
    output.finish()?;
    result.map(|()| interrupted.or(if all { Outcome::Done } else { Outcome::Incomplete }))
}

/// When the file was last changed; of a pipe, nobody knows.
fn changed_at(input: &Input) -> Option<Time> {
    let status = rustix::fs::fstat(input).ok()?;
    let is_file = rustix::fs::FileType::from_raw_mode(status.st_mode).is_file();
    let micros = status.st_mtime.checked_mul(1_000_000)?;
    Time::from_microseconds(micros.checked_add(status.st_mtime_nsec as i64 / 1000)?)
        .filter(|_| is_file)
}

fn one(
    flags: &Flags,
    diagnostics: &Diagnostics,
    output: &Output,
    input: Input,
    sink: &mut Sink,
) -> Result<(), Error> {
    let name = input.name.clone();
    let mut source = Source::new(Live { input, output: output.clone() });
    let format = match flags.from {
        Format::Auto => {
            let format = look(&mut source, &name, sink)?;
            diagnostics.info(format_args!("{name}: read as {}", format.name()));
            format
        }
        named => named,
    };
    read(format, source, sink)
}

/// An input that writes out what is done before it waits for more.
struct Live {
    input: Input,
    output: Output,
}

impl Read for Live {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if !self.input.is_ready() {
            self.output.flush()?;
        }
        self.input.read(buffer)
    }
}

/// Reads until it is clear what the input is.
pub(crate) fn look<R: Read>(
    source: &mut Source<R>,
    name: &str,
    sink: &Sink,
) -> Result<Format, Error> {
    loop {
        let ended = source.has_ended();
        match detect(source.head(), ended) {
            Verdict::It(format) => return Ok(format),
            Verdict::Records => {
                let hint = "it has hop records already, which need no import";
                return Err(Error::Failed(format!("{name}: {hint}")));
            }
            Verdict::Unclear if ended || source.head().len() >= LOOK_AHEAD => {
                let hint = match source.head().is_empty() {
                    true => "it is empty",
                    false => "it looks like no format that is known; --from FORMAT names one",
                };
                return Err(Error::Failed(format!("{name}: {hint}")));
            }
            Verdict::Unclear => source.read_more().map_err(|error| sink.cannot_read(&error))?,
        }
    }
}

/// Imports every trace of one input.
pub(crate) fn read(format: Format, from: impl Read, sink: &mut Sink) -> Result<(), Error> {
    match format {
        Format::Auto | Format::Traceroute | Format::Bsd | Format::Paris => {
            traceroute::read(from, sink)
        }
        Format::Tracert => tracert::read(from, sink),
        Format::MtrJson => mtr_json::read(from, sink),
        Format::MtrReport => mtr_table::read_report(from, sink),
        Format::MtrRaw => mtr_raw::read(from, sink),
        Format::MtrCsv => mtr_table::read_csv(from, sink),
        Format::Scamper => scamper::read(from, sink),
        Format::Trippy => trippy::read(from, sink),
        Format::NexttraceJson => nexttrace::read(from, sink),
        Format::NexttraceRaw => nexttrace_raw::read(from, sink),
        Format::Dublin => dublin::read(from, sink),
        Format::RipeAtlas => atlas::read(from, sink),
        Format::Globalping => globalping::read(from, sink),
        Format::Tracemap => python::read(from, sink),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use crate::checks;

    proptest! {
        #![proptest_config(tm_mutate::cases(128))]

        #[test]
        fn damaged_samples_panic_no_format(
            octets in tm_mutate::octets(
                [tm_mutate::seeds("import_text"), tm_mutate::seeds("import_json")].concat()
            )
        ) {
            checks::text(&octets);
            checks::json(&octets);
        }
    }
}
