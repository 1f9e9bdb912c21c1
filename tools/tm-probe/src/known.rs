//! The file of `--stop-set`: read before the first trace; written while it goes on, so that a crash
//! loses little, and after the last.

use std::fs;
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::{Duration, Instant};

use tm_stream::{Error, Output};
use tm_tracer::stop_set::{SharedStopSet, StopSet};

/// More is no stop set that anybody made.
const LARGEST: u64 = 1 << 30;
/// The least time between two writings.
const INTERVAL: Duration = Duration::from_secs(5);
/// Writing takes at most this part of the time.
const SHARE: u32 = 50;

/// The sets in a file; empty ones where there is none yet.
pub(crate) fn read(path: &Path) -> Result<StopSet, Error> {
    let cannot =
        |error: io::Error| Error::Failed(format!("cannot read {}: {error}", path.display()));
    let mut text = String::new();
    match fs::File::open(path) {
        Ok(file) => file.take(LARGEST).read_to_string(&mut text).map_err(cannot)?,
        Err(error) if error.kind() == ErrorKind::NotFound => 0,
        Err(error) => return Err(cannot(error)),
    };
    StopSet::parse(&text)
        .map_err(|(line, error)| Error::Failed(format!("{}:{line}: {error}", path.display())))
}

/// The sets of a run, and where they are kept.
pub(crate) struct Known {
    path: PathBuf,
    set: SharedStopSet,
    /// Entries when it was last written.
    written: usize,
    next: Instant,
}

impl Known {
    /// Empty sets, to be kept in this file.
    pub(crate) fn new(path: &Path) -> Self {
        let next = Instant::now() + INTERVAL;
        Self { path: path.to_owned(), set: SharedStopSet::default(), written: 0, next }
    }

    /// What the traces share.
    pub(crate) fn set(&self) -> SharedStopSet {
        Rc::clone(&self.set)
    }

    /// It is time to write, and there is something new.
    pub(crate) fn is_due(&self) -> bool {
        Instant::now() >= self.next && self.set.borrow().settled() != self.written
    }

    /// Replaces the file, and says when to do so next.
    pub(crate) fn write_again(&mut self) -> Result<(), Error> {
        let began = Instant::now();
        let written = self.write();
        self.next = Instant::now() + INTERVAL.max(began.elapsed() * SHARE);
        written
    }

    /// Replaces the file.
    pub(crate) fn write(&mut self) -> Result<(), Error> {
        let set = self.set.borrow();
        let output = Output::open(Some(&self.path))?;
        output.raw(set.to_text().as_bytes())?;
        output.finish()?;
        self.written = set.settled();
        Ok(())
    }
}
