//! Where records come from: files, `-`, stdin.

use std::fs::File;
use std::io::{self, IsTerminal, Read};
use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};

use crate::{Diagnostics, Error};

/// An open input and the name that diagnostics give it.
#[derive(Debug)]
pub struct Input {
    /// The path, or `stdin`.
    pub name: String,
    from: Source,
}

#[derive(Debug)]
enum Source {
    Stdin(io::Stdin),
    File(File),
}

impl Input {
    /// Stdin.
    pub fn stdin() -> Self {
        Self { name: "stdin".to_owned(), from: Source::Stdin(io::stdin()) }
    }

    /// A file; `-` is stdin.
    pub fn open(path: &Path) -> Result<Self, Error> {
        if path.as_os_str() == "-" {
            return Ok(Self::stdin());
        }
        let name = path.display().to_string();
        let cannot = |error: io::Error| Error::Failed(format!("cannot read {name}: {error}"));
        let file = File::open(path).map_err(cannot)?;
        match file.metadata() {
            Ok(metadata) if metadata.is_dir() => Err(cannot(io::ErrorKind::IsADirectory.into())),
            _ => Ok(Self { name, from: Source::File(file) }),
        }
    }

    /// A read will not block.
    pub fn is_ready(&self) -> bool {
        use rustix::event::{PollFd, PollFlags, Timespec, poll};
        let mut fds = [PollFd::new(self, PollFlags::IN)];
        let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
        poll(&mut fds, Some(&at_once)).is_ok_and(|ready| ready > 0)
    }
}

impl AsFd for Input {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match &self.from {
            Source::Stdin(stdin) => stdin.as_fd(),
            Source::File(file) => file.as_fd(),
        }
    }
}

impl Read for Input {
    /// Past the standard library's buffer, which would hide what waits in it.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match rustix::io::read(self.as_fd(), &mut *buffer) {
                Err(rustix::io::Errno::INTR) => {}
                result => return Ok(result?),
            }
        }
    }
}

/// The inputs that the user named; those that cannot be read are named on stderr, the others are
/// returned. No file and a terminal on stdin is a mistake worth a hint.
pub fn open_all(files: &[PathBuf], diagnostics: &Diagnostics) -> Result<(Vec<Input>, bool), Error> {
    if files.is_empty() {
        if io::stdin().is_terminal() {
            let hint = "no input: give a FILE, or pipe records in, as in `tm-probe HOST | …`";
            return Err(Error::Failed(hint.to_owned()));
        }
        return Ok((vec![Input::stdin()], true));
    }
    let mut all = true;
    let opened = files.iter().filter_map(|path| {
        Input::open(path)
            .map_err(|error| {
                all = false;
                diagnostics.error(error);
            })
            .ok()
    });
    let opened = opened.collect();
    Ok((opened, all))
}
