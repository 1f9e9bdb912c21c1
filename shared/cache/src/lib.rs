//! The cache that the enrichers share: one SQLite file, any number of processes at once. What an
//! answer means is not here; a value is a text that its source understands.
//!
//! - [`Cache`]: opening, and setting a corrupt file aside (`open`).
//! - [`entry`]: answers with their time to live.
//! - [`quota`]: how many questions a provider still takes, shared by every process.
//! - [`stats`]: what is in the file, and throwing it away.
//!
//! Write-ahead logging lets readers read while one process writes; writers queue for the lock
//! (`BEGIN IMMEDIATE`) rather than fail. A process that is killed loses what it had not
//! committed, and nobody else's.

pub mod entry;
mod open;
pub mod quota;
pub mod stats;

use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use rusqlite::{Connection, Transaction, TransactionBehavior};

pub use entry::{Entry, Kind, NEGATIVE, Put};
pub use quota::{Quota, Turn};

/// Why the cache cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// SQLite's own words.
    #[error("{0}")]
    Sqlite(#[from] rusqlite::Error),
    /// The folder or the file.
    #[error("{0}")]
    Io(#[from] std::io::Error),
    /// A newer tracemap wrote it.
    #[error("it was written by a newer version (layout {0})")]
    Newer(i64),
}

impl Error {
    /// The file is no database, or a damaged one.
    fn is_corrupt(&self) -> bool {
        use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase};
        let Self::Sqlite(error) = self else { return false };
        matches!(error.sqlite_error_code(), Some(DatabaseCorrupt | NotADatabase))
    }
}

/// An open cache.
#[derive(Debug)]
pub struct Cache {
    connection: Connection,
    path: PathBuf,
    /// Look-ups since the counts were last written, by kind: hits, misses.
    looked_up: [(u64, u64); Kind::ALL.len()],
    notice: Option<String>,
}

impl Cache {
    /// Opens the cache at `path`, creating it where there is none. A corrupt file is set aside
    /// and a new one begun; [`Cache::take_notice`] then says so.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let (connection, notice) = open::open(path)?;
        Ok(Self { connection, path: path.to_owned(), looked_up: Default::default(), notice })
    }

    /// What the user should be told once.
    pub fn take_notice(&mut self) -> Option<String> {
        self.notice.take()
    }

    /// Where the file is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Runs `work`; where that shows the file to be corrupt, sets it aside and tries once more.
    fn healing<T>(
        &mut self,
        mut work: impl FnMut(&mut Self) -> Result<T, Error>,
    ) -> Result<T, Error> {
        match work(self) {
            Err(error) if error.is_corrupt() => {
                let (connection, notice) = open::replace(&self.path)?;
                self.connection = connection;
                self.notice = notice.or_else(|| self.notice.take());
                work(self)
            }
            result => result,
        }
    }

    /// A transaction that takes the write lock before it reads.
    fn write(&mut self) -> Result<Transaction<'_>, Error> {
        Ok(self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?)
    }
}

/// `$XDG_CACHE_HOME/tracemap/cache.sqlite`; `None` where there is no home folder.
pub fn default_path() -> Option<PathBuf> {
    Some(tm_stream::folders::cache()?.join("cache.sqlite"))
}

/// Seconds since 1970.
fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}
