//! `tm-geo`: where responders are, as far as the evidence goes.

mod check;
mod claim;
mod client;
mod databases;
mod flags;
mod look_up;
mod places;
mod provider;
mod shown;
mod trace;

use std::process::ExitCode;

use tm_enrich::tool;
use tm_stream::{Diagnostics, Error, Outcome, cli, exit};

use flags::Flags;
use places::Places;

/// What must hold of any input: `tests/fuzz` calls it.
#[cfg(fuzzing)]
pub mod checks {
    pub use crate::claim::check as record;
    pub use crate::flags::check as flags;
    pub use crate::provider::check as answers;
}

/// The tool: flags from the command line, records in and out.
pub fn main() -> ExitCode {
    let flags: Flags = cli::parse();
    let diagnostics = flags.common.diagnostics("tm-geo");
    let result = run(&flags, &diagnostics);
    exit::code(&diagnostics, result)
}

fn run(flags: &Flags, diagnostics: &Diagnostics) -> Result<Outcome, Error> {
    tool::run(
        &flags.common,
        &flags.checking,
        &flags.reading,
        diagnostics,
        || check::findings(flags),
        |desk| Places::new(flags, desk, diagnostics),
    )
}
