//! Keeps the stream alive around a filter that fails: what it has not given back goes on without
//! it, and so does all that comes later. A filter that ends well ends the stream, as in a shell.

use std::collections::VecDeque;
use std::io::{self, PipeReader, PipeWriter, Read, Write};
use std::process::{Child, ChildStdin, ExitStatus};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use tm_stream::lines::{Line, Lines};
use tm_stream::{Diagnostics, splice};

use crate::pipeline;
use crate::preview::Tap;

/// Lines that a filter may keep before it gives one back. What it keeps beyond is lost with it.
const KEPT: usize = 10_000;

/// A filter that is running, and the threads that feed and watch it.
pub(crate) struct Guard {
    feeding: JoinHandle<()>,
    watching: JoinHandle<io::Result<ExitStatus>>,
}

impl Guard {
    /// Watches over `child`, which is fed from `input`; what leaves it, or goes past it, is read
    /// from the pipe.
    pub(crate) fn start(
        name: &str,
        mut child: Child,
        input: impl Read + Send + 'static,
        tap: Option<Tap>,
        diagnostics: &Diagnostics,
    ) -> io::Result<(Self, PipeReader)> {
        let (reader, writer) = io::pipe()?;
        let way = Arc::new(Mutex::new(Way::Through(Kept::default())));
        let stdin = child.stdin.take();
        let shared = Arc::clone(&way);
        let feeding = thread::Builder::new().name(format!("to {name}")).spawn(move || {
            feed(Lines::new(input), stdin, tap, &shared);
        })?;
        let (name, diagnostics) = (name.to_owned(), diagnostics.clone());
        let watching = thread::Builder::new()
            .name(format!("from {name}"))
            .spawn(move || watch(&name, child, writer, &way, &diagnostics))?;
        Ok((Self { feeding, watching }, reader))
    }

    /// Waits for the filter, and for what goes past it.
    pub(crate) fn wait(self) -> io::Result<ExitStatus> {
        let died = || io::Error::other("its thread died");
        let status = self.watching.join().map_err(|_| died())?;
        self.feeding.join().map_err(|_| died())?;
        status
    }
}

/// Where lines go.
enum Way {
    /// Through the filter, which has not given these back.
    Through(Kept),
    /// Past the filter, which has failed.
    Past(PipeWriter),
    /// Nowhere: the filter has ended, or nobody reads any more.
    Nowhere,
}

/// What a filter has been given.
#[derive(Default)]
struct Kept {
    /// Lines that it has not given back, each with its identity.
    lines: VecDeque<(Identity, Vec<u8>)>,
    /// There are no more to come.
    is_all: bool,
}

fn locked(way: &Mutex<Way>) -> MutexGuard<'_, Way> {
    way.lock().unwrap_or_else(PoisonError::into_inner)
}

fn feed(
    mut lines: Lines<impl Read>,
    mut stdin: Option<ChildStdin>,
    mut tap: Option<Tap>,
    way: &Mutex<Way>,
) {
    loop {
        let line = match lines.next_line() {
            Ok(Some(Line::Whole(line) | Line::Piece { bytes: line, .. })) => line,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Ok(None) | Err(_) => {
                if let Way::Through(kept) = &mut *locked(way) {
                    kept.is_all = true;
                }
                return;
            }
        };
        if let Some(tap) = &mut tap {
            tap.copy(line);
        }
        match &mut *locked(way) {
            Way::Through(kept) => {
                if kept.lines.len() == KEPT {
                    kept.lines.pop_front();
                }
                kept.lines.push_back((identity(line), line.to_owned()));
            }
            Way::Past(to) => match to.write_all(line) {
                Ok(()) => continue,
                Err(_) => return,
            },
            Way::Nowhere => return,
        }
        if stdin.as_mut().is_some_and(|stdin| stdin.write_all(line).is_err()) {
            stdin = None; // the line is kept; what becomes of it depends on how the filter ends
        }
    }
}

fn watch(
    name: &str,
    mut child: Child,
    mut to: PipeWriter,
    way: &Mutex<Way>,
    diagnostics: &Diagnostics,
) -> io::Result<ExitStatus> {
    let is_read = child.stdout.take().is_none_or(|from| give(Lines::new(from), &mut to, way));
    let status = child.wait();
    let code = pipeline::code(&status);
    let mut way = locked(way);
    let Way::Through(kept) = std::mem::replace(&mut *way, Way::Nowhere) else { return status };
    if code == 0 || pipeline::is_signalled(code) {
        return status;
    }
    // One that gave everything back has done what it could, and there is nothing to go on with.
    let rest = if kept.is_all && kept.lines.is_empty() { "" } else { "; going on without it" };
    diagnostics.error(format_args!("{name} failed with exit code {code}{rest}"));
    if is_read && kept.lines.iter().all(|(_, line)| to.write_all(line).is_ok()) {
        *way = Way::Past(to);
    }
    status
}

/// Hands on what the filter gives back; whether somebody reads it to its end.
fn give(mut lines: Lines<impl Read>, to: &mut PipeWriter, way: &Mutex<Way>) -> bool {
    loop {
        let line = match lines.next_line() {
            Ok(Some(Line::Whole(line) | Line::Piece { bytes: line, .. })) => line,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Ok(None) | Err(_) => return true,
        };
        if let Way::Through(kept) = &mut *locked(way) {
            let given = identity(line);
            if let Some(at) = kept.lines.iter().position(|(identity, _)| *identity == given) {
                kept.lines.drain(..=at);
            }
        }
        if to.write_all(line).is_err() {
            return false;
        }
    }
}

/// What a filter leaves as it is: which record a line holds.
type Identity = Vec<String>;

fn identity(line: &[u8]) -> Identity {
    let mut identity = vec![String::new(); 5];
    let scanned = splice::scan(line, "", |key, value| {
        let at = ["type", "trace_id", "hop", "ip", "kind"].iter().position(|name| *name == key);
        if let Some(place) = at.and_then(|at| identity.get_mut(at)) {
            value.clone_into(place);
        }
    });
    match scanned {
        Ok(_) => identity,
        Err(_) => vec![String::from_utf8_lossy(line).into_owned()],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_known_again_whatever_a_filter_adds() {
        let sent = br#"{"type":"hop","trace_id":"t","hop":3,"ip":"192.0.2.1"}"#;
        let given = br#"{ "type":"hop", "trace_id":"t", "hop":3, "ip":"192.0.2.1", "x":{"hop":9}}"#;
        assert_eq!(identity(sent), identity(given));
        for other in [
            br#"{"type":"hop","trace_id":"u","hop":3,"ip":"192.0.2.1"}"#,
            br#"{"type":"hop","trace_id":"t","hop":4,"ip":"192.0.2.1"}"#,
            br#"{"type":"hop","trace_id":"t","hop":3,"ip":"192.0.2.2"}"#,
        ] {
            assert_ne!(identity(sent), identity(other), "a sister or another round");
        }
        assert_ne!(identity(b"one\n"), identity(b"two\n"));
    }
}
