//! Opening the file: layout, write-ahead logging, and what to do with a corrupt one.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags};

use crate::{Error, now};

/// `user_version` of the layout below.
const LAYOUT: i64 = 1;

/// `application_id`: "tmap".
const APPLICATION: i64 = 0x746d_6170;

/// How long a writer waits for the others.
const PATIENCE: Duration = Duration::from_secs(30);

const TABLES: &str = "
    CREATE TABLE IF NOT EXISTS entries (
        kind TEXT NOT NULL, source TEXT NOT NULL, key TEXT NOT NULL,
        value TEXT NOT NULL, fetched INTEGER NOT NULL, expires INTEGER NOT NULL,
        PRIMARY KEY (kind, source, key)) STRICT, WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS entries_by_expiry ON entries (expires);
    CREATE TABLE IF NOT EXISTS counts (
        kind TEXT PRIMARY KEY, hits INTEGER NOT NULL, misses INTEGER NOT NULL) STRICT;
    CREATE TABLE IF NOT EXISTS quotas (
        provider TEXT NOT NULL, seconds INTEGER NOT NULL,
        begun INTEGER NOT NULL, used INTEGER NOT NULL, allowed INTEGER NOT NULL,
        PRIMARY KEY (provider, seconds)) STRICT, WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS rests (
        provider TEXT PRIMARY KEY, until INTEGER NOT NULL) STRICT, WITHOUT ROWID;
";

/// Opens or creates the file; the text is for the user.
pub(crate) fn open(path: &Path) -> Result<(Connection, Option<String>), Error> {
    if let Some(folder) = path.parent() {
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    }
    match connect(path) {
        Err(error) if error.is_corrupt() => replace(path),
        result => result.map(|connection| (connection, None)),
    }
}

/// Sets a corrupt file aside and begins a new one, unless another process has just done so.
pub(crate) fn replace(path: &Path) -> Result<(Connection, Option<String>), Error> {
    let lock = private(OpenOptions::new().write(true).create(true)).open(beside(path, ".lock"))?;
    lock.lock()?; // released when the file is closed
    if let Ok(connection) = connect(path)
        && is_sound(&connection)
    {
        return Ok((connection, None));
    }
    let aside = beside(path, &format!(".corrupt-{}", now()));
    std::fs::rename(path, &aside)?;
    for part in ["-wal", "-shm"] {
        match std::fs::remove_file(beside(path, part)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
    }
    let notice = format!("the cache was corrupt; it is kept as {}", aside.display());
    Ok((connect(path)?, Some(notice)))
}

fn is_sound(connection: &Connection) -> bool {
    let verdict = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get::<_, String>(0));
    verdict.is_ok_and(|verdict| verdict == "ok")
}

fn connect(path: &Path) -> Result<Connection, Error> {
    // SQLite would create the file readable by everybody.
    let _: File = private(OpenOptions::new().read(true).write(true).create(true)).open(path)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(PATIENCE)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    connection.execute_batch(
        "PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON; PRAGMA synchronous = NORMAL;",
    )?;
    let version = |connection: &Connection| {
        connection.query_row("PRAGMA user_version", [], |row| row.get::<_, i64>(0))
    };
    match version(&connection)? {
        LAYOUT => {}
        0 => {
            log_ahead(&connection)?;
            connection.execute_batch(&format!(
                "BEGIN IMMEDIATE; {TABLES} PRAGMA application_id = {APPLICATION};
                 PRAGMA user_version = {LAYOUT}; COMMIT;"
            ))?;
        }
        newer => return Err(Error::Newer(newer)),
    }
    Ok(connection)
}

/// Switches to write-ahead logging. SQLite does not wait for the lock that this needs, however
/// patient it is elsewhere, so the switch is tried again.
fn log_ahead(connection: &Connection) -> Result<(), Error> {
    let mut pause = Duration::from_millis(1);
    loop {
        let mode =
            connection.pragma_update_and_check(None, "journal_mode", "wal", |row| row.get(0));
        match mode {
            Ok(mode) if String::eq(&mode, "wal") => return Ok(()),
            Ok(_) => return Ok(()), // a file system without shared memory; slower, not wrong
            Err(error)
                if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy)
                    && pause < PATIENCE / 4 =>
            {
                std::thread::sleep(pause);
                pause *= 2;
            }
            Err(error) => return Err(error.into()),
        }
    }
}

fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    options.mode(0o600).custom_flags(rustix::fs::OFlags::NOFOLLOW.bits() as i32)
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}
