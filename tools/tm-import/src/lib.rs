//! `tm-import`: hop records from what other traceroutes write.

mod address;
mod atlas;
#[cfg(any(test, fuzzing))]
pub mod checks;
mod detect;
mod draft;
mod dublin;
mod elements;
mod encoding;
mod flags;
mod globalping;
mod hash;
mod import;
mod json;
mod mpls;
mod mtr_json;
mod mtr_raw;
mod mtr_table;
mod nexttrace;
mod nexttrace_raw;
mod note;
mod python;
mod scamper;
mod scamper_lb;
mod sink;
mod traceroute;
mod tracert;
mod trippy;

use std::process::ExitCode;

use tm_stream::{cli, exit};

use flags::Flags;

/// The tool: flags from the command line, records in and out.
pub fn main() -> ExitCode {
    let flags: Flags = cli::parse();
    let diagnostics = flags.common.diagnostics("tm-import");
    let result = import::run(&flags, &diagnostics);
    exit::code(&diagnostics, result)
}
