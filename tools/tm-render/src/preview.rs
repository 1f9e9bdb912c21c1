//! `--preview`: hops on their way to the filters, from a file, a FIFO or a descriptor. Whatever
//! becomes of it, the records on stdin are shown.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::thread;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::OFlags;
use tm_schema::Record;
use tm_stream::Diagnostics;
use tm_stream::lines::{Line, Lines};

use crate::overlay::Overlay;

/// An open preview.
pub(crate) struct Preview {
    file: File,
    lines: Lines<File>,
}

impl Preview {
    /// `None`: it cannot be read, which is said.
    pub(crate) fn open(path: &Path, diagnostics: &Diagnostics) -> Option<Self> {
        let told = |error| {
            let path = path.display();
            diagnostics.warn(format_args!("--preview: cannot read {path}: {error}"));
        };
        open(path).map_err(told).ok()
    }

    /// Takes in what can be read without waiting; call it where something can. Returns whether
    /// there is anything new to show; `None`: there is no more to come.
    pub(crate) fn read(&mut self, overlay: &mut Overlay) -> Option<bool> {
        use io::ErrorKind::{Interrupted, WouldBlock};
        match self.lines.read_more() {
            Err(error) if matches!(error.kind(), Interrupted | WouldBlock) => return Some(false),
            Err(_) => return None,
            Ok(()) => {}
        }
        let mut is_new = false;
        while self.lines.has_line() {
            if let Ok(Some(Line::Whole(line))) = self.lines.next_line()
                && let Ok(Record::Hop(hop)) = Record::from_slice(line)
            {
                is_new |= overlay.preview(*hop);
            }
        }
        (is_new || !self.lines.has_ended()).then_some(is_new)
    }

    /// Reads and forgets all of it, where nothing is shown of it: its writer is not to wait.
    pub(crate) fn drain(mut self) -> io::Result<()> {
        thread::Builder::new().name("preview".to_owned()).spawn(move || {
            let mut buffer = [0; 64 << 10];
            loop {
                let _ = poll(&mut [PollFd::new(&self.file, PollFlags::IN)], None);
                match self.file.read(&mut buffer) {
                    Ok(1..) => {}
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Ok(0) | Err(_) => return,
                }
            }
        })?;
        Ok(())
    }
}

impl AsFd for Preview {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

/// Without waiting for the writer of a FIFO.
fn open(path: &Path) -> io::Result<Preview> {
    let at_once = OFlags::NONBLOCK.bits().cast_signed();
    let file = File::options().read(true).custom_flags(at_once).open(path)?;
    if file.metadata()?.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    Ok(Preview { lines: Lines::new(file.try_clone()?), file })
}
