//! `tracemap tui`, `replay` and `stats`: what tm-render shows of records that are there.

use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use std::process::Command;

use tm_stream::{Error, Outcome};

use crate::tools;

/// Where `tracemap trace` saves its records.
pub(crate) const SAVED: &str = ".tracemap/trace.ndjson";

/// Becomes tm-render with `flag`. Without a file, and with a terminal on stdin, the records that
/// `tracemap trace` saved last are shown.
pub(crate) fn run(flag: &str, files: &[PathBuf]) -> Result<Outcome, Error> {
    let mut command = Command::new(tools::need("tm-render")?);
    command.arg(flag).arg("--").args(files);
    if files.is_empty() && io::stdin().is_terminal() {
        if !Path::new(SAVED).exists() {
            let hint = "give a FILE, or pipe records in; `tracemap trace HOST` saves some here";
            return Err(Error::Failed(hint.to_owned()));
        }
        command.arg(SAVED);
    }
    Err(tools::become_program(&mut command))
}
