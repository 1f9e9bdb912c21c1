//! How a tool ends: 0 done, 1 done and the answer is no, 2 could not do it.

use std::io;
use std::process::ExitCode;

use crate::Diagnostics;

/// How a tool that did its work ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Exit 0.
    Done,
    /// Exit 1: done, and the answer is no.
    No,
    /// Exit 2: some of it could not be done, and each part has been named.
    Incomplete,
    /// 128 and the number of the signal that ended it.
    Signal(i32),
}

/// Why a tool could not do its work.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nobody reads the output any longer: a quiet end, exit 0.
    #[error("the output was closed")]
    BrokenPipe,
    /// Anything else, in one line; exit 2.
    #[error("{0}")]
    Failed(String),
}

impl Error {
    /// An error of `what`, with the system's reason.
    pub fn io(what: &str, error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::BrokenPipe,
            _ => Self::Failed(format!("{what}: {error}")),
        }
    }
}

impl From<io::Error> for Error {
    /// Errors of the output; input names its source itself.
    fn from(error: io::Error) -> Self {
        Self::io("cannot write the output", &error)
    }
}

/// Names what went wrong and turns the result into an exit code.
pub fn code(diagnostics: &Diagnostics, result: Result<Outcome, Error>) -> ExitCode {
    match result {
        Ok(Outcome::Done) | Err(Error::BrokenPipe) => ExitCode::SUCCESS,
        Ok(Outcome::No) => ExitCode::from(1),
        Ok(Outcome::Incomplete) => ExitCode::from(2),
        Ok(Outcome::Signal(number)) => ExitCode::from(128_u8.saturating_add(number as u8)),
        Err(error @ Error::Failed(_)) => {
            diagnostics.error(&error);
            ExitCode::from(2)
        }
    }
}
