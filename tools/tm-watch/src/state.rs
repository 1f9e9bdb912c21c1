//! What is known of every watched path, and keeping it from run to run.
//!
//! A state file is written beside itself and renamed, so it is whole or it is the one before. One
//! that cannot be read is set aside, said so, and begun anew: it came from a disk that strangers
//! may have written to, and holds nothing that rounds do not teach again.

#[cfg(test)]
mod tests;

use std::cmp::Ordering;
use std::collections::{BTreeSet, HashMap};
use std::fs::{self, File};
use std::io::{self, BufReader, Read, Write};
use std::path::{Path as FilePath, PathBuf};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;
use tm_schema::{AlertKind, Protocol, Time, Trace};
use tm_stream::{Diagnostics, file_name, folders};

use crate::target::Target;
use crate::vantage::{self, Vantage};

/// The form of a state file.
const VERSION: u32 = 1;

/// A larger file is none of ours.
const LARGEST: u64 = 1 << 30;

/// Paths known at a time; those seen longest ago are forgotten.
const PATHS: usize = 20_000;

/// The least time between two savings, and the share of the time that saving may take.
const BETWEEN: (Duration, u32) = (Duration::from_secs(1), 20);

/// Where paths lead.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct End {
    host: String,
    resolved_ip: Option<String>,
    protocol: Option<Protocol>,
    port: Option<u16>,
}

/// One watched path.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Path {
    #[serde(flatten)]
    pub(crate) end: End,
    /// Where it begins.
    #[serde(default)]
    pub(crate) vantage: Vantage,
    pub(crate) seen: Time,
    /// What has begun and not ended, and when.
    #[serde(default)]
    pub(crate) since: Vec<(AlertKind, Time)>,
    pub(crate) target: Target,
}

#[derive(Serialize)]
struct Document<'a> {
    version: u32,
    paths: Vec<&'a Path>,
}

#[derive(Deserialize)]
struct Loaded {
    version: u32,
    paths: Vec<Path>,
}

/// Where it is kept.
#[derive(Debug)]
enum Place {
    Nowhere,
    File(PathBuf),
    /// One file a host.
    Folder(PathBuf),
}

/// Every watched path.
#[derive(Debug)]
pub(crate) struct State {
    place: Place,
    /// The paths to each end, one a vantage point.
    paths: HashMap<End, Vec<Path>>,
    /// How many there are.
    count: usize,
    /// Hosts whose file has been read.
    loaded: BTreeSet<String>,
    changed: BTreeSet<String>,
    diagnostics: Diagnostics,
    next_saving: Option<Instant>,
    has_failed: bool,
}

impl State {
    /// What is kept in `place`.
    pub(crate) fn open(place: Option<&FilePath>, diagnostics: &Diagnostics) -> Self {
        let place = match place {
            None => Place::Nowhere,
            Some(path) if path.is_dir() => Place::Folder(path.to_owned()),
            Some(path) => Place::File(path.to_owned()),
        };
        let mut state = Self {
            place,
            paths: HashMap::new(),
            count: 0,
            loaded: BTreeSet::new(),
            changed: BTreeSet::new(),
            diagnostics: diagnostics.clone(),
            next_saving: None,
            has_failed: false,
        };
        if let Place::File(path) = &state.place {
            let path = path.clone();
            state.load(&path);
        }
        state
    }

    /// The path that `trace` belongs to. A trace without an address belongs to the path of its
    /// host that was seen last, if there is any.
    pub(crate) fn path(&mut self, trace: &Trace) -> Option<&mut Path> {
        if matches!(self.place, Place::Folder(_))
            && !self.loaded.contains(&trace.host)
            && let Some(file) = self.file_of(&trace.host)
        {
            self.loaded.insert(trace.host.clone());
            self.load(&file);
        }
        let mut end = End {
            host: trace.host.clone(),
            resolved_ip: trace.resolved_ip.clone(),
            protocol: trace.protocol,
            port: trace.port,
        };
        if end.resolved_ip.is_none() {
            let of_host = self.all().filter(|path| {
                let known = &path.end;
                (&known.host, known.protocol, known.port) == (&end.host, end.protocol, end.port)
                    && path.vantage.may_be_of(trace)
            });
            end = of_host.max_by_key(|path| path.seen)?.end.clone();
        }
        let is_known = self.paths.get(&end).is_some_and(|paths| vantage::is_known(paths, trace));
        if !is_known && self.count >= PATHS {
            self.forget();
        }
        if !matches!(self.place, Place::Nowhere) {
            self.changed.insert(end.host.clone());
        }
        let nothing = Path {
            end: end.clone(),
            vantage: Vantage::default(),
            seen: trace.completed_at,
            since: Vec::new(),
            target: Target::default(),
        };
        let paths = self.paths.entry(end).or_default();
        let before = paths.len();
        let at = vantage::place(paths, trace, nothing);
        self.count = (self.count + paths.len()).saturating_sub(before);
        let path = paths.get_mut(at?)?;
        path.seen = trace.completed_at;
        Some(path)
    }

    fn all(&self) -> impl Iterator<Item = &Path> {
        self.paths.values().flatten()
    }

    /// Saves now and then.
    pub(crate) fn save_if_due(&mut self) {
        if self.changed.is_empty() || self.next_saving.is_some_and(|next| Instant::now() < next) {
            return;
        }
        let began = Instant::now();
        self.save();
        self.next_saving = Some(Instant::now() + BETWEEN.0.max(began.elapsed() * BETWEEN.1));
    }

    /// Saves what has changed; says so, once, where that is impossible.
    pub(crate) fn save(&mut self) -> bool {
        let changed = std::mem::take(&mut self.changed);
        let files: BTreeSet<PathBuf> =
            changed.iter().filter_map(|host| self.file_of(host)).collect();
        for file in files {
            if let Err(error) = self.write(&file)
                && !std::mem::replace(&mut self.has_failed, true)
            {
                self.diagnostics.error(format_args!("cannot write {}: {error}", file.display()));
            }
        }
        !self.has_failed
    }

    fn file_of(&self, host: &str) -> Option<PathBuf> {
        match &self.place {
            Place::Nowhere => None,
            Place::File(path) => Some(path.clone()),
            Place::Folder(folder) => {
                Some(folder.join(format!("watch_{}.state", file_name::safe(host))))
            }
        }
    }

    fn write(&self, file: &FilePath) -> io::Result<()> {
        let text = self.text(|host| self.file_of(host).as_deref() == Some(file))?;
        let mut temporary = NamedTempFile::with_prefix_in(".watch-", folders::of(file))?;
        temporary.write_all(&text)?;
        temporary.as_file().sync_all()?;
        temporary.persist(file).map(drop).map_err(|error| error.error)
    }

    fn load(&mut self, file: &FilePath) {
        match read(file) {
            Ok(paths) => self.take(paths),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => {
                let mut aside = file.as_os_str().to_owned();
                aside.push(".bad");
                let aside = PathBuf::from(aside);
                let kept = fs::rename(file, &aside)
                    .map_or(String::new(), |()| format!("; it is kept as {}", aside.display()));
                self.diagnostics.warn(format_args!(
                    "{}: {error}; what is usual is learnt anew{kept}",
                    file.display()
                ));
            }
        }
    }

    /// Takes in what a file knows, but of paths that are known already.
    pub(crate) fn take(&mut self, paths: Vec<Path>) {
        for path in paths.into_iter().take(PATHS) {
            let known = self.paths.entry(path.end.clone()).or_default();
            if !known.iter().any(|known| known.vantage.is_same(&path.vantage)) {
                known.push(path);
                self.count += 1;
            }
        }
    }

    /// The text of a file with the paths whose host is wanted.
    pub(crate) fn text(&self, is_wanted: impl Fn(&str) -> bool) -> serde_json::Result<Vec<u8>> {
        let paths = self.all().filter(|path| is_wanted(&path.end.host)).collect();
        let mut text = serde_json::to_vec(&Document { version: VERSION, paths })?;
        text.push(b'\n');
        Ok(text)
    }

    /// Forgets the tenth of the paths that was seen longest ago.
    fn forget(&mut self) {
        self.save();
        let mut seen: Vec<Time> = self.all().map(|path| path.seen).collect();
        let tenth = seen.len().div_ceil(10);
        let Some(last) = tenth.checked_sub(1) else { return };
        let (older, &mut until, _) = seen.select_nth_unstable(last);
        // Any number of them may have been seen at the same time.
        let mut at_once = tenth - older.iter().filter(|at| **at < until).count();
        let mut is_kept = |path: &Path| match path.seen.cmp(&until) {
            Ordering::Less => false,
            Ordering::Greater => true,
            Ordering::Equal => at_once.checked_sub(1).map(|left| at_once = left).is_none(),
        };
        self.paths.retain(|_, paths| {
            paths.retain(&mut is_kept);
            !paths.is_empty()
        });
        self.count = self.all().count();
        self.loaded = self.paths.keys().map(|end| end.host.clone()).collect();
    }
}

fn read(file: &FilePath) -> io::Result<Vec<Path>> {
    let mut text = String::new();
    let reader = File::open(file)?;
    if reader.metadata()?.len() > LARGEST {
        return Err(io::Error::other("too large to be a state file"));
    }
    BufReader::new(reader).take(LARGEST).read_to_string(&mut text)?;
    parse(&text)
}

pub(crate) fn parse(text: &str) -> io::Result<Vec<Path>> {
    let loaded: Loaded = serde_json::from_str(text)
        .map_err(|error| io::Error::other(format!("it is no state file: {error}")))?;
    if loaded.version != VERSION {
        let text = format!("it is a state file of version {}, not {VERSION}", loaded.version);
        return Err(io::Error::other(text));
    }
    Ok(loaded.paths)
}
