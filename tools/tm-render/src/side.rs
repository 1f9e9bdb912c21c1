//! Inputs beside the records: `--preview`, hops on their way to the filters, and `--notes`, what
//! other tools say. Files, FIFOs or descriptors; whatever becomes of them, the records are shown.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::thread;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::OFlags;
use tm_stream::Diagnostics;
use tm_stream::lines::{Line, Lines};
use tm_stream::text::visible;

/// An input that nobody waits for.
pub(crate) struct Side {
    file: File,
    lines: Lines<File>,
}

impl Side {
    /// The input that a flag names, if it does; one that cannot be read is told.
    pub(crate) fn open(flag: &str, path: Option<&Path>, diagnostics: &Diagnostics) -> Option<Self> {
        let path = path?;
        let told = |error| {
            let path = path.display();
            diagnostics.warn(format_args!("{flag}: cannot read {path}: {error}"));
        };
        open(path).map_err(told).ok()
    }

    /// Hands over the lines that can be read without waiting; to be called where something can.
    /// Returns whether more is to come.
    pub(crate) fn read(&mut self, mut take: impl FnMut(&[u8])) -> bool {
        use io::ErrorKind::{Interrupted, WouldBlock};
        match self.lines.read_more() {
            Err(error) if matches!(error.kind(), Interrupted | WouldBlock) => return true,
            Err(_) => return false,
            Ok(()) => {}
        }
        while self.lines.has_line() {
            if let Ok(Some(Line::Whole(line))) = self.lines.next_line() {
                take(line);
            }
        }
        !self.lines.has_ended()
    }

    /// Hands over all of it from a thread, so that its writer need not wait.
    pub(crate) fn read_aside(mut self, mut take: impl FnMut(&[u8]) + Send + 'static) {
        // Without the thread nothing is read, and the records are shown all the same.
        let _ = thread::Builder::new().name("aside".to_owned()).spawn(move || {
            loop {
                let _ = poll(&mut [PollFd::new(&self.file, PollFlags::IN)], None);
                if !self.read(&mut take) {
                    return;
                }
            }
        });
    }
}

/// A line of `--notes`, harmless to a terminal.
pub(crate) fn note(line: &[u8]) -> String {
    visible(String::from_utf8_lossy(line).trim_end_matches(['\r', '\n'])).into_owned()
}

/// Tells a note where nothing is drawn.
pub(crate) fn tell(line: &[u8]) {
    let _ = io::stderr().write_all((note(line) + "\n").as_bytes());
}

impl AsFd for Side {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

/// Without waiting for the writer of a FIFO.
fn open(path: &Path) -> io::Result<Side> {
    let at_once = OFlags::NONBLOCK.bits().cast_signed();
    let file = File::options().read(true).custom_flags(at_once).open(path)?;
    if file.metadata()?.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    Ok(Side { lines: Lines::new(file.try_clone()?), file })
}
