//! Diagnostics: one line each, on stderr, with the tool's name before it, harmless to a terminal.

use std::fmt::Display;
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::text;

/// Says what is wrong; cheap to clone.
#[derive(Clone, Debug)]
pub struct Diagnostics(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    tool: String,
    /// −2: nothing; −1: errors only; 0: warnings too; 1: what is done; 2: why.
    verbosity: i32,
    malformed: AtomicU64,
}

impl Diagnostics {
    /// For `tool`, as loud as its flags say.
    pub fn new(tool: &str, verbose: u8, quiet: bool) -> Self {
        let verbosity = if quiet { -1 } else { i32::from(verbose) };
        Self(Arc::new(Inner { tool: tool.to_owned(), verbosity, malformed: AtomicU64::new(0) }))
    }

    /// Says nothing, and counts all the same.
    pub fn silent() -> Self {
        let (tool, malformed) = (String::new(), AtomicU64::new(0));
        Self(Arc::new(Inner { tool, verbosity: -2, malformed }))
    }

    /// What could not be done.
    pub fn error(&self, message: impl Display) {
        self.say(-1, &message);
    }

    /// What was done otherwise than asked.
    pub fn warn(&self, message: impl Display) {
        self.say(0, &message);
    }

    /// What is being done (`-v`).
    pub fn info(&self, message: impl Display) {
        self.say(1, &message);
    }

    /// A line that is no record, and why.
    pub fn malformed(&self, source: &str, line: u64, reason: impl Display) {
        self.0.malformed.fetch_add(1, Ordering::Relaxed);
        self.say(-1, &format_args!("{source}:{line}: {reason}"));
    }

    /// How many lines were no records.
    pub fn malformed_count(&self) -> u64 {
        self.0.malformed.load(Ordering::Relaxed)
    }

    fn say(&self, level: i32, message: &dyn Display) {
        if self.0.verbosity >= level {
            let line = format!("{}: {}\n", self.0.tool, text::visible(&message.to_string()));
            // Nobody can be told that nobody can be told.
            let _ = std::io::stderr().write_all(line.as_bytes());
        }
    }
}
