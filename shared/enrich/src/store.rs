//! The shared cache as enrichers use it: reading is quick and done on the spot, writing waits for
//! other processes and has a thread of its own. A cache that cannot be used is told once and done
//! without.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tm_cache::{Cache, Entry, Kind, Put, Quota, Turn};
use tm_stream::Diagnostics;

/// Answers are written together, this long after the first of them.
const COLLECT: Duration = Duration::from_millis(200);

/// Answers that are written at once.
const BATCH: usize = 500;

/// Whether, and how, the cache is used.
#[derive(Clone, Debug)]
pub struct Use {
    /// The file; `None`: no cache.
    pub path: Option<PathBuf>,
    /// Ask anew, and keep the answers.
    pub refresh: bool,
}

/// The cache; opened when it is first needed.
#[derive(Debug)]
pub struct Store {
    how: Use,
    complaint: Complaint,
    reader: Mutex<Reader>,
    writer: Mutex<Option<(Sender<Put>, JoinHandle<()>)>>,
}

/// The connection that reads.
#[derive(Debug, Default)]
enum Reader {
    #[default]
    NotYet,
    Open(Box<Cache>),
    /// It could not be used, which has been said.
    GivenUp,
}

impl Store {
    /// A cache that is used as `how` says.
    pub fn new(how: Use, diagnostics: &Diagnostics) -> Self {
        let complaint = Complaint { diagnostics: diagnostics.clone(), made: Arc::default() };
        Self { how, complaint, reader: Mutex::default(), writer: Mutex::default() }
    }

    /// What another run was told.
    pub fn get(&self, kind: Kind, source: &str, key: &str) -> Option<Entry> {
        if self.how.refresh {
            return None;
        }
        self.with(|cache| cache.get(kind, source, key))?
    }

    /// What another run was told of the longest prefix that covers the address, no shorter than
    /// `shortest`.
    pub fn get_covering(
        &self,
        kind: Kind,
        source: &str,
        ip: IpAddr,
        shortest: u8,
    ) -> Option<Entry> {
        if self.how.refresh {
            return None;
        }
        self.with(|cache| cache.get_covering(kind, source, ip, shortest))?
    }

    /// The same, as a part of a look-up that is counted as a whole ([`Store::count`]).
    pub fn peek_covering(
        &self,
        kind: Kind,
        source: &str,
        ip: IpAddr,
        shortest: u8,
    ) -> Option<Entry> {
        if self.how.refresh {
            return None;
        }
        self.with(|cache| cache.peek_covering(kind, source, ip, shortest))?
    }

    /// Counts a look-up, which the cache could answer or not.
    pub fn count(&self, kind: Kind, is_hit: bool) {
        if !self.how.refresh {
            self.with(|cache| {
                cache.count(kind, is_hit);
                Ok(())
            });
        }
    }

    /// A question that the provider's quota allows now. Without a cache there is nobody to share
    /// with, and the provider's own word has to do.
    pub fn take_turn(&self, quota: &Quota) -> Turn {
        self.with(|cache| cache.take_turn(quota)).unwrap_or(Turn::Granted)
    }

    /// What the provider says is left.
    pub fn set_left(&self, quota: &Quota, left: u32, ends_in: Duration) {
        self.with(|cache| cache.set_left(quota, left, ends_in));
    }

    /// Nobody asks the provider anything for this long.
    pub fn let_rest(&self, provider: &str, time: Duration) {
        self.with(|cache| cache.let_rest(provider, time));
    }

    /// Keeps an answer for other runs.
    pub fn put(&self, put: Put) {
        let Some(path) = &self.how.path else { return };
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        if writer.is_none() {
            let (sender, receiver) = channel();
            let (path, complaint) = (path.clone(), self.complaint.clone());
            let thread = std::thread::Builder::new().name("cache".to_owned());
            let thread = thread.spawn(move || write(&path, &receiver, &complaint));
            *writer = thread.ok().map(|thread| (sender, thread));
        }
        if let Some((sender, _)) = &*writer {
            let _ = sender.send(put); // a writer that gave up has said so
        }
    }

    /// Writes what is left. To be called when the output is complete.
    pub fn finish(&self) {
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some((sender, thread)) = writer {
            drop(sender);
            let _ = thread.join();
        }
        if self.reader.lock().is_ok_and(|reader| matches!(*reader, Reader::Open(_))) {
            self.with(|cache| cache.put(&[])); // the counts
        }
    }

    fn with<T>(&self, work: impl FnOnce(&mut Cache) -> Result<T, tm_cache::Error>) -> Option<T> {
        let path = self.how.path.as_ref()?;
        let mut reader = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
        if let Reader::NotYet = *reader {
            *reader = match Cache::open(path) {
                Ok(cache) => Reader::Open(Box::new(cache)),
                Err(error) => {
                    self.complaint.make(path, &error);
                    Reader::GivenUp
                }
            };
        }
        let Reader::Open(cache) = &mut *reader else { return None };
        let result = work(cache);
        if let Some(notice) = cache.take_notice() {
            self.complaint.diagnostics.warn(notice);
        }
        if let Err(error) = &result {
            self.complaint.make(path, error);
            *reader = Reader::GivenUp;
        }
        result.ok()
    }
}

fn write(path: &Path, puts: &Receiver<Put>, complaint: &Complaint) {
    let mut cache = match Cache::open(path) {
        Ok(cache) => cache,
        Err(error) => return complaint.make(path, &error),
    };
    while let Ok(first) = puts.recv() {
        let mut batch = vec![first];
        let until = Instant::now() + COLLECT;
        while batch.len() < BATCH {
            match puts.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(put) => batch.push(put),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => break,
            }
        }
        if let Err(error) = cache.put(&batch) {
            return complaint.make(path, &error);
        }
    }
}

/// That the cache cannot be used, said once.
#[derive(Clone, Debug)]
struct Complaint {
    diagnostics: Diagnostics,
    made: Arc<AtomicBool>,
}

impl Complaint {
    fn make(&self, path: &Path, error: &tm_cache::Error) {
        if !self.made.swap(true, Ordering::Relaxed) {
            let path = path.display();
            self.diagnostics.warn(format_args!("going on without the cache {path}: {error}"));
        }
    }
}
