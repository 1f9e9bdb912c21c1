//! A copy of tm-probe's records, past the filters: the live table shows a hop at once, whatever its
//! look-ups take.

use std::io::{self, PipeReader, PipeWriter, Write};
use std::os::fd::AsRawFd;
use std::process::{Child, Stdio};

use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::io::{FdFlags, fcntl_setfd};
use tm_stream::screen;

use crate::pipeline::Stage;
use crate::tools::ENRICHERS;

/// Where the copy is read from.
pub(crate) struct Preview {
    reader: PipeReader,
    /// What is between the copy and the records: members of a record.
    awaited: Vec<String>,
}

/// Where the copy is written to.
pub(crate) struct Tap {
    to: Option<PipeWriter>,
    /// A line that had no room, or the rest of one.
    rest: Vec<u8>,
}

/// Opens a copy if there is a live table to show it and filters to wait for. Where anything but
/// our enrichers is between, nothing is shown before: it may be there to hide something.
pub(crate) fn open(sources: &[Stage]) -> Option<(Preview, Tap)> {
    let awaited = awaited(sources).filter(|_| screen::takes_escapes())?;
    let (reader, tap) = pipe().ok()?; // the table can do without
    Some((Preview { reader, awaited }, tap))
}

fn pipe() -> io::Result<(PipeReader, Tap)> {
    let (reader, writer) = io::pipe()?;
    let flags = fcntl_getfl(&writer)?;
    fcntl_setfl(&writer, flags | OFlags::NONBLOCK)?;
    Ok((reader, Tap { to: Some(writer), rest: Vec::new() }))
}

/// What filters add to the records of the first stage; `None`: nothing, or who knows what.
fn awaited(sources: &[Stage]) -> Option<Vec<String>> {
    let filters = sources.get(1..)?.iter().map(|stage| stage.name.as_str());
    let filters: Vec<_> = filters.filter(|name| *name != "tm-watch").collect();
    let is_known = !filters.is_empty() && filters.iter().all(|name| ENRICHERS.contains(name));
    let member = |name: &str| name.trim_start_matches("tm-").to_owned();
    is_known.then(|| filters.into_iter().map(member).collect())
}

/// Starts tm-render, which reads the copy too, and what the other tools say. They have been started
/// by now, so that none of them inherits either.
pub(crate) fn show(
    sink: &Stage,
    preview: Option<Preview>,
    notes: Option<PipeReader>,
) -> Result<Child, String> {
    let mut sink = sink.clone();
    let preview = preview.map(|preview| {
        sink.arguments.push(format!("--awaited={}", preview.awaited.join(",")));
        ("--preview", preview.reader)
    });
    let inherited = [preview, notes.map(|notes| ("--notes", notes))];
    for (flag, reader) in inherited.iter().flatten() {
        if fcntl_setfd(reader, FdFlags::empty()).is_ok() {
            sink.arguments.push(format!("{flag}=/dev/fd/{}", reader.as_raw_fd()));
        }
    }
    let child = sink.start(Stdio::piped(), Stdio::inherit());
    drop(inherited); // once it has them
    child
}

impl Tap {
    /// Copies a line, and never waits: a reader that is slow misses lines, each as a whole.
    pub(crate) fn copy(&mut self, line: &[u8]) {
        self.write_rest();
        if self.rest.is_empty() {
            self.rest.extend_from_slice(line);
            self.write_rest();
        }
    }

    fn write_rest(&mut self) {
        let Some(to) = &mut self.to else { return };
        while !self.rest.is_empty() {
            match to.write(&self.rest) {
                Ok(written) => drop(self.rest.drain(..written)),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(_) => {
                    self.to = None; // nobody reads any more
                    return;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::path::Path;

    use super::*;

    fn awaited_of(names: &[&str]) -> Option<String> {
        let stages: Vec<_> =
            names.iter().map(|name| Stage::new(name, Path::new(name), Vec::new())).collect();
        awaited(&stages).map(|members| members.join(","))
    }

    #[test]
    fn only_what_is_known_to_hide_nothing_is_passed_by() {
        let of = |names: &[&str]| awaited_of(names).unwrap_or_default();
        assert_eq!(of(&["tm-probe", "tm-dns", "tm-asn", "tm-geo"]), "dns,asn,geo");
        assert_eq!(of(&["tm-probe", "tm-asn", "tm-watch"]), "asn");
        assert_eq!(awaited_of(&["tm-probe"]), None, "there is nothing to wait for");
        assert_eq!(awaited_of(&["tm-probe", "tm-watch"]), None);
        assert_eq!(awaited_of(&["tm-probe", "tm-dns", "tm-redact"]), None);
        assert_eq!(awaited_of(&["tm-probe", "tm-dns", "own"]), None);
        assert_eq!(awaited_of(&[]), None);
    }

    #[test]
    fn a_reader_that_is_slow_misses_whole_lines_and_nobody_waits() {
        let (mut reader, mut tap) = pipe().unwrap();
        let line = |at: usize| format!("{at} {}\n", "x".repeat(5000)).into_bytes();
        (0..100).for_each(|at| tap.copy(&line(at)));
        let mut buffer = vec![0; 1 << 20];
        let mut read = Vec::new();
        let len = reader.read(&mut buffer).unwrap();
        read.extend_from_slice(&buffer[..len]);
        tap.copy(&line(100));
        drop(tap);
        reader.read_to_end(&mut read).unwrap();
        let text = String::from_utf8(read).unwrap();
        let numbers: Vec<usize> = text
            .lines()
            .map(|text| {
                let at = text.split(' ').next().unwrap().parse().unwrap();
                assert_eq!(format!("{text}\n").into_bytes(), line(at));
                at
            })
            .collect();
        assert!(numbers.is_sorted() && numbers.len() < 100, "{numbers:?}");
        assert_eq!((numbers.first(), numbers.last()), (Some(&0), Some(&100)));
    }

    #[test]
    fn a_reader_that_is_gone_is_forgotten() {
        let (reader, mut tap) = pipe().unwrap();
        drop(reader);
        tap.copy(b"line\n");
        assert!(tap.to.is_none());
    }
}
