//! The hosts to trace: arguments, files, lines on stdin. Names are resolved side by side, in
//! threads, so that a slow one holds nobody up; whatever waits is bounded.

use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use tm_stream::input::Input;
use tm_stream::lines::{Line, Lines};
use tm_stream::{Diagnostics, Error};
use tm_tracer::{Lookup, Target, Waker};

use crate::flags::Flags;

/// Names resolved at a time.
const RESOLVERS: usize = 16;
/// Targets that wait for the engine.
const WAITING: usize = 256;

/// How reading the hosts goes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reading {
    /// A file could not be read.
    pub(crate) unreadable: Arc<AtomicBool>,
}

/// Nobody types hosts into a terminal that says nothing.
pub(crate) fn check_stdin(flags: &Flags) -> Result<(), Error> {
    if flags.hosts.is_empty() && flags.targets.is_empty() && io::stdin().is_terminal() {
        let hint = "no host: give one, as in `tm-probe example.com`, or pipe lines of hosts in";
        return Err(Error::Failed(hint.to_owned()));
    }
    Ok(())
}

/// Resolves every host; the channel closes after the last.
pub(crate) fn resolve(
    flags: &Flags,
    diagnostics: &Diagnostics,
    waker: &Waker,
) -> Result<(Receiver<Target>, Reading), Error> {
    let (resolved, targets) = sync_channel(WAITING);
    let (hosts, unresolved) = sync_channel::<String>(WAITING);
    let unresolved = Arc::new(Mutex::new(unresolved));
    let how = flags.lookup();
    let reading = Reading::default();
    // One host needs one thread, and starting more takes longer than tracing.
    let many = flags.hosts.len() > 1 || !flags.targets.is_empty() || flags.hosts.is_empty();
    for _ in 0..if many { RESOLVERS } else { 1 } {
        let (unresolved, resolved) = (Arc::clone(&unresolved), resolved.clone());
        let waker = WakeAtEnd(waker.clone());
        spawn(move || resolve_some(&unresolved, &resolved, how, &waker))?;
    }
    let source = Source {
        arguments: flags.hosts.clone(),
        files: flags.targets.clone(),
        reading: reading.clone(),
        diagnostics: diagnostics.clone(),
        resolved,
        hosts,
    };
    let waker = WakeAtEnd(waker.clone());
    spawn(move || source.read(&waker, how))?;
    Ok((targets, reading))
}

fn spawn(work: impl FnOnce() + Send + 'static) -> Result<(), Error> {
    let spawned = thread::Builder::new().stack_size(256 << 10).spawn(work);
    spawned.map(drop).map_err(|error| Error::Failed(format!("cannot start a thread: {error}")))
}

/// The engine looks up when a channel ends, too.
struct WakeAtEnd(Waker);

impl Drop for WakeAtEnd {
    fn drop(&mut self) {
        self.0.wake();
    }
}

fn resolve_some(
    hosts: &Mutex<Receiver<String>>,
    resolved: &SyncSender<Target>,
    how: Lookup,
    waker: &WakeAtEnd,
) {
    loop {
        let host = hosts.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(host) = host else { return };
        if resolved.send(Target::resolve(&host, how)).is_err() {
            return;
        }
        waker.0.wake();
    }
}

/// Reads a host a line, and hands it on with the file's name and the line's number.
pub(crate) fn read_hosts(
    path: &Path,
    diagnostics: &Diagnostics,
    mut on_host: impl FnMut(&str, u64, &str),
) -> Result<(), Error> {
    let mut lines = Lines::new(Input::open(path)?);
    let name = lines.name().to_owned();
    let cannot_read = |error: io::Error| Error::Failed(format!("cannot read {name}: {error}"));
    loop {
        let number = lines.number() + 1;
        match lines.next_line().map_err(cannot_read)? {
            None => return Ok(()),
            Some(Line::Piece { last, .. }) => {
                if last {
                    diagnostics.malformed(&name, number, "a line too long to be a host");
                }
            }
            Some(Line::Whole(line)) => {
                let line = String::from_utf8_lossy(line);
                let host = host_of(&line);
                if !host.is_empty() {
                    on_host(&name, number, host);
                }
            }
        }
    }
}

/// The host of a line, without blanks, a comment after `#`, and the byte order mark that editors of
/// Windows put before the first one.
fn host_of(line: &str) -> &str {
    let line = line.trim_start_matches('\u{feff}');
    line.split_once('#').map_or(line, |(host, _)| host).trim()
}

/// Where hosts come from.
struct Source {
    arguments: Vec<String>,
    files: Vec<PathBuf>,
    reading: Reading,
    diagnostics: Diagnostics,
    resolved: SyncSender<Target>,
    hosts: SyncSender<String>,
}

impl Source {
    fn read(self, waker: &WakeAtEnd, how: Lookup) {
        for host in &self.arguments {
            self.pass(host, waker, how);
        }
        for path in &self.files {
            self.read_file(path, waker, how);
        }
        if self.arguments.is_empty() && self.files.is_empty() {
            self.read_file(Path::new("-"), waker, how);
        }
    }

    fn read_file(&self, path: &Path, waker: &WakeAtEnd, how: Lookup) {
        let on_host = |_: &str, _, host: &str| self.pass(host, waker, how);
        if let Err(error) = read_hosts(path, &self.diagnostics, on_host) {
            self.reading.unreadable.store(true, Ordering::Relaxed);
            self.diagnostics.error(error);
        }
    }

    /// Addresses need no resolver; names wait for one.
    fn pass(&self, host: &str, waker: &WakeAtEnd, how: Lookup) {
        if Target::literal(host).is_some() {
            let _ = self.resolved.send(Target::resolve(host, how)); // fails once nobody listens
            waker.0.wake();
        } else {
            let _ = self.hosts.send(host.to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::host_of;

    #[test]
    fn a_line_is_a_host_whatever_editor_wrote_it() {
        for line in ["192.0.2.1\n", "192.0.2.1\r\n", "\u{feff}192.0.2.1\n", " 192.0.2.1 # mine\n"] {
            assert_eq!(host_of(line), "192.0.2.1", "{line:?}");
        }
        for line in ["\n", "# none\n", "  # none\n", "\u{feff}# none\n"] {
            assert_eq!(host_of(line), "", "{line:?}");
        }
    }
}
