//! The log of one watched host: whole records only, whatever ends the process.
//!
//! Each record is one `write` to a file opened for appending. A process killed in the middle of
//! one leaves a torn line at the end, which the next one cuts off; that is safe, since a lock
//! beside the log keeps it to one writer.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use tm_schema::Time;
use tm_stream::{Diagnostics, file_name};

/// Octets read at a time in search of the last line's beginning.
const STEP: u64 = 64 << 10;

/// When a log is put aside and a new one begun.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Octets; 0: any number.
    pub(crate) size: u64,
    /// Time since the first record; zero: any time.
    pub(crate) age: Duration,
    /// Logs put aside that are kept; 0: all.
    pub(crate) keep: usize,
}

/// An open log.
pub(crate) struct Log {
    folder: PathBuf,
    /// `watch_<host>`
    stem: String,
    file: File,
    size: u64,
    begun: SystemTime,
    limits: Limits,
    diagnostics: Diagnostics,
    is_failing: bool,
    /// It can be neither put aside nor opened by its name; that is said once.
    is_stuck: bool,
    _lock: File,
}

impl Log {
    /// Opens the log of `host`, and repairs its end.
    pub(crate) fn open(
        folder: &Path,
        host: &str,
        limits: Limits,
        diagnostics: &Diagnostics,
    ) -> Result<Self, String> {
        let stem = format!("watch_{}", file_name::safe(host));
        let lock_path = folder.join(format!("{stem}.lock"));
        let cannot =
            |path: &Path, error: io::Error| format!("cannot open {}: {error}", path.display());
        let lock = OpenOptions::new().create(true).append(true).open(&lock_path);
        let lock = lock.map_err(|error| cannot(&lock_path, error))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(format!(
                    "{host} is being watched already: {} is locked",
                    lock_path.display()
                ));
            }
            Err(TryLockError::Error(error)) => return Err(cannot(&lock_path, error)),
        }
        let path = folder.join(format!("{stem}.jsonl"));
        let (file, size, begun) = open(&path, diagnostics).map_err(|error| cannot(&path, error))?;
        Ok(Self {
            folder: folder.to_owned(),
            stem,
            file,
            size,
            begun,
            limits,
            diagnostics: diagnostics.clone(),
            is_failing: false,
            is_stuck: false,
            _lock: lock,
        })
    }

    /// Where it is.
    pub(crate) fn path(&self) -> PathBuf {
        self.folder.join(format!("{}.jsonl", self.stem))
    }

    /// Adds one record, newline included.
    pub(crate) fn write(&mut self, record: &[u8]) {
        let written = match self.file.write(record) {
            Ok(written) if written == record.len() => {
                self.size = self.size.saturating_add(written as u64);
                if std::mem::take(&mut self.is_failing) {
                    self.diagnostics.warn(format_args!("{}: logging again", self.path().display()));
                }
                return;
            }
            Ok(written) => {
                // A full disk took a part: half a record is none.
                let size = self.file.metadata().map_or(self.size, |data| data.len());
                let _ = self.file.set_len(size.saturating_sub(written as u64));
                io::Error::from(io::ErrorKind::StorageFull)
            }
            Err(error) => error,
        };
        if !std::mem::replace(&mut self.is_failing, true) {
            let path = self.path();
            self.diagnostics.error(format_args!("cannot write {}: {written}", path.display()));
        }
    }

    /// A round has ended: begins a new log where this one is full, old, or has been moved away.
    pub(crate) fn round_ended(&mut self) {
        let Limits { size, age, .. } = self.limits;
        let is_old = !age.is_zero() && self.begun.elapsed().is_ok_and(|since| since >= age);
        let is_full = size > 0 && self.size >= size;
        // What has its name by now is not this log, and is not put aside.
        if self.was_moved() {
            self.reopen();
        } else if (is_old || is_full) && self.size > 0 {
            self.rotate();
        }
    }

    /// Opens the log by its name again.
    pub(crate) fn reopen(&mut self) {
        let path = self.path();
        match open(&path, &self.diagnostics) {
            Ok((file, size, begun)) => {
                (self.file, self.size, self.begun) = (file, size, begun);
                self.is_stuck = false;
            }
            Err(error) => self.stuck("open", &error),
        }
    }

    /// It goes on where it is.
    fn stuck(&mut self, what: &str, error: &io::Error) {
        if !std::mem::replace(&mut self.is_stuck, true) {
            let path = self.path();
            self.diagnostics.error(format_args!("cannot {what} {}: {error}", path.display()));
        }
    }

    fn was_moved(&self) -> bool {
        let is_same = |mine: &fs::Metadata, named: &fs::Metadata| {
            (mine.dev(), mine.ino()) == (named.dev(), named.ino())
        };
        match (self.file.metadata(), fs::metadata(self.path())) {
            (Ok(mine), Ok(named)) => !is_same(&mine, &named),
            (_, Err(error)) => error.kind() == io::ErrorKind::NotFound,
            (Err(_), _) => false,
        }
    }

    /// Puts the log aside under the present time.
    fn rotate(&mut self) {
        let now = Time::from(SystemTime::now()).to_string();
        let stamp: String = now.chars().filter(char::is_ascii_alphanumeric).collect();
        let aside = self.folder.join(format!("{}.{stamp}.jsonl", self.stem));
        // Another log put aside is never written over.
        if aside.exists() {
            return;
        }
        if let Err(error) = fs::rename(self.path(), &aside) {
            return self.stuck("rename", &error);
        }
        self.reopen();
        self.remove_oldest();
    }

    fn remove_oldest(&self) {
        if self.limits.keep == 0 {
            return;
        }
        let Ok(entries) = fs::read_dir(&self.folder) else { return };
        let mut aside: Vec<PathBuf> = entries
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| self.is_aside(path))
            .collect();
        aside.sort(); // their names are times
        let surplus = aside.len().saturating_sub(self.limits.keep);
        for path in aside.iter().take(surplus) {
            if let Err(error) = fs::remove_file(path) {
                self.diagnostics.warn(format_args!("cannot remove {}: {error}", path.display()));
            }
        }
    }

    /// `watch_<host>.20261124T100000123456Z.jsonl`
    fn is_aside(&self, path: &Path) -> bool {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let stamp = name
            .strip_prefix(self.stem.as_str())
            .and_then(|rest| rest.strip_prefix('.')?.strip_suffix("Z.jsonl"));
        stamp.is_some_and(|stamp| {
            stamp.len() == 21 && stamp.bytes().all(|at| at.is_ascii_digit() || at == b'T')
        })
    }
}

/// Opens a log: its end repaired, its size, and when it began.
fn open(path: &Path, diagnostics: &Diagnostics) -> io::Result<(File, u64, SystemTime)> {
    let mut file = OpenOptions::new().create(true).append(true).read(true).open(path)?;
    let size = repair(&mut file, path, diagnostics)?;
    let modified = file.metadata()?.modified().unwrap_or_else(|_| SystemTime::now());
    let begun =
        if size == 0 { SystemTime::now() } else { first_time(&mut file).unwrap_or(modified) };
    Ok((file, size, begun))
}

/// Cuts a torn line off, and ends a whole one that only lacks its newline.
fn repair(file: &mut File, path: &Path, diagnostics: &Diagnostics) -> io::Result<u64> {
    let size = file.metadata()?.len();
    let mut tail: Vec<u8> = Vec::new();
    let mut from = size;
    while from > 0 && !tail.contains(&b'\n') {
        let step = STEP.min(from);
        from -= step;
        file.seek(SeekFrom::Start(from))?;
        let mut block = vec![0; step as usize];
        file.read_exact(&mut block)?;
        block.append(&mut tail);
        tail = block;
    }
    let line = tail.iter().rposition(|&octet| octet == b'\n').map_or(0, |at| at + 1);
    let torn = tail.get(line..).unwrap_or_default();
    if torn.is_empty() {
        return Ok(size);
    }
    if serde_json::from_slice::<serde_json::Map<String, serde_json::Value>>(torn).is_ok() {
        file.write_all(b"\n")?;
        return Ok(size + 1);
    }
    let whole = size - torn.len() as u64;
    diagnostics.warn(format_args!(
        "{}: the last line was torn; {} octets are cut off",
        path.display(),
        torn.len()
    ));
    file.set_len(whole)?;
    Ok(whole)
}

/// When the first record of a log was made.
fn first_time(file: &mut File) -> Option<SystemTime> {
    #[derive(serde::Deserialize)]
    struct First {
        #[serde(alias = "started_at")]
        at: Time,
    }
    let mut start = vec![0; STEP as usize];
    file.seek(SeekFrom::Start(0)).ok()?;
    let read = file.read(&mut start).ok()?;
    let line = start.get(..read)?.split(|&octet| octet == b'\n').next()?;
    let first: First = serde_json::from_slice(line).ok()?;
    let micros = u64::try_from(first.at.as_microseconds()).ok()?;
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_micros(micros))
}
