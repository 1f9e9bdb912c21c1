//! `tm-diff`: compares two traces, or two logs of many.

mod changes;
mod compare;
mod comparison;
mod flags;
mod grid;
mod hops;
mod markdown;
mod pairing;
mod pick;
mod reader;
mod route;
mod sample;
mod side;
mod table;
mod unified;
mod words;

use std::process::ExitCode;
use std::time::Duration;

use tm_stream::{Diagnostics, Error, Outcome, Output, cli, confine, exit, screen, signal};

use compare::{Rules, Sources};
use comparison::Comparison;
use flags::{Flags, Format};

/// How long the tools before this one may take to write their last records after a signal.
const GRACE: Duration = Duration::from_secs(1);

fn main() -> ExitCode {
    let flags: Flags = cli::parse();
    let diagnostics = flags.common.diagnostics("tm-diff");
    let result = run(&flags, &diagnostics);
    exit::code(&diagnostics, result)
}

fn run(flags: &Flags, diagnostics: &Diagnostics) -> Result<Outcome, Error> {
    let output = Output::open(flags.common.output.as_deref())?;
    confine::to_output(flags.common.output.as_deref(), &[], diagnostics);
    let interrupted = signal::exit_with(&output, GRACE)?;
    let (a, b) = side::read(flags, diagnostics)?;
    let rules = Rules {
        ignored: flags.ignore.iter().copied().collect(),
        threshold: flags.rtt_threshold,
        rare: flags.rare,
    };
    let sources = Sources { a: &a.name, b: &b.name, is_one: flags.files.len() < 2 };
    let mut outcome = Outcome::Done;
    for (at, paired) in pairing::pair(a.routes, b.routes).iter().enumerate() {
        let comparison = compare::compare(paired, sources, &rules);
        if !comparison.same {
            outcome = Outcome::No;
        }
        write(flags, &output, &comparison, at > 0)?;
    }
    output.finish()?;
    Ok(interrupted.or(outcome))
}

fn write(flags: &Flags, output: &Output, comparison: &Comparison, more: bool) -> Result<(), Error> {
    let color = flags.common.output.is_none() && flags.common.color.for_stdout()
        || flags.common.color == tm_stream::color::When::Always;
    let lines = match flags.format {
        Format::Ndjson => return Ok(output.record(comparison)?),
        Format::Table => table::lines(comparison, flags.wide, screen::columns(flags.width), color),
        Format::Unified => unified::lines(comparison, flags.wide, color),
        Format::Markdown => markdown::lines(comparison, flags.wide),
    };
    let mut text = String::new();
    if more && matches!(flags.format, Format::Table | Format::Unified) {
        text.push('\n');
    }
    for line in lines {
        text += &line;
        text.push('\n');
    }
    Ok(output.raw(text.as_bytes())?)
}
