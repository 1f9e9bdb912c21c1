//! `tm-watch`: passes records on and adds alerts where a path changes.

mod alert;
mod exec;
mod flags;
mod rounds;
mod state;
mod target;
mod vantage;
mod watcher;

use std::process::ExitCode;
use std::time::Duration;

use tm_stream::{Diagnostics, Error, Outcome, Output, cli, exit, input, passing, signal};

use exec::Runner;
use flags::Flags;
use state::State;
use watcher::Watcher;

/// How long the tools before this one may take to write their last records after a signal.
const GRACE: Duration = Duration::from_secs(1);

/// What must hold of any input: `tests/fuzz` calls it.
#[cfg(fuzzing)]
pub mod checks {
    pub use crate::watcher::check as state_and_stream;
}

/// The tool: flags from the command line, records in and out.
pub fn main() -> ExitCode {
    let flags: Flags = cli::parse();
    let diagnostics = flags.common.diagnostics("tm-watch");
    let result = run(&flags, &diagnostics);
    exit::code(&diagnostics, result)
}

fn run(flags: &Flags, diagnostics: &Diagnostics) -> Result<Outcome, Error> {
    let runner = flags.exec.as_deref().map(|command| Runner::start(command, diagnostics));
    let runner = runner.transpose()?;
    let state = State::open(flags.state.as_deref(), diagnostics);
    let (inputs, all) = input::open_all(&flags.reading.files, diagnostics)?;
    let output = Output::open(flags.common.output.as_deref())?;
    let interrupted = signal::exit_with(&output, GRACE)?;
    let mut watcher = Watcher::new(flags, &output, state, runner.as_ref());
    let result = passing::pass(inputs, diagnostics, flags.reading.strict, &mut watcher);
    let any_alert = watcher.finish();
    let kept = output.finish();
    let all_ran = runner.is_none_or(Runner::finish);
    result?;
    kept?;
    let saved = any_alert.is_saved;
    Ok(interrupted.or(match () {
        () if !all || !all_ran || !saved => Outcome::Incomplete,
        () if flags.fail && any_alert.raised => Outcome::No,
        () => Outcome::Done,
    }))
}
