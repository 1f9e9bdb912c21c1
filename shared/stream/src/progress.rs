//! A line on stderr about what is under way, for a person who watches: it is written over itself,
//! and gone before anything else is said. Where stderr is no terminal there is none.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use crate::{screen, text};

/// Nobody reads faster.
const BETWEEN: Duration = Duration::from_millis(100);

/// The line.
#[derive(Debug)]
pub struct Progress {
    is_shown: bool,
    is_standing: bool,
    said_at: Option<Instant>,
}

impl Progress {
    /// Shown where it is `wanted` and there is a terminal.
    pub fn new(wanted: bool) -> Self {
        let is_shown = wanted && std::io::stderr().is_terminal() && !screen::is_dumb();
        Self { is_shown, is_standing: false, said_at: None }
    }

    /// Says it in place of what was said before, unless that was just now, or there is nothing to
    /// say.
    pub fn say(&mut self, what: impl FnOnce() -> Option<String>) {
        if !self.is_shown || self.said_at.is_some_and(|at| at.elapsed() < BETWEEN) {
            return;
        }
        let Some(what) = what() else { return };
        self.said_at = Some(Instant::now());
        self.is_standing = true;
        // A line that wraps could not be written over. The cursor goes back to its beginning, so
        // that a table that is drawn over itself above finds it where it left it.
        let shown = text::visible(&what);
        let fitting = text::cut(&shown, screen::columns_of_stderr().saturating_sub(1));
        write(&format!("\r\x1b[K{fitting}\r"));
    }

    /// Takes it away.
    pub fn clear(&mut self) {
        if std::mem::take(&mut self.is_standing) {
            write("\r\x1b[K");
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.clear();
    }
}

fn write(text: &str) {
    let _ = std::io::stderr().write_all(text.as_bytes()); // it was for a person to watch
}
