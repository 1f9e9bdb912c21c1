//! `--format sqlite`: tables of hops, probes, traces and alerts. The database grows in a temporary
//! file and is copied to the output when it is whole.

use std::io::Read;
use std::path::Path;

use rusqlite::types::{ToSqlOutput, Value as Sql, ValueRef};
use rusqlite::{Connection, ToSql, params};
use tempfile::TempPath;
use tm_schema::{Alert, Hop, Trace};
use tm_stream::{Error, Output};

use crate::columns::{COLUMNS, Kind, Value};
use crate::sink::Sink;

/// Hops between two commits.
const BATCH: usize = 10_000;

const TABLES: &str = "
PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA page_size = 8192;
CREATE TABLE traces (
  trace_id TEXT, host TEXT, resolved_ip TEXT, source_ip TEXT, vantage TEXT, protocol TEXT, port INTEGER,
  round INTEGER, tool TEXT, version TEXT, platform TEXT, max_hops INTEGER, probes INTEGER, timeout_s REAL, method TEXT,
  started_at TEXT, completed_at TEXT, reached INTEGER, stop TEXT, error TEXT, hops INTEGER,
  responded INTEGER, sent INTEGER, received INTEGER
);
CREATE TABLE probes (trace_id TEXT, hop INTEGER, ip TEXT, flow INTEGER, rtt_ms REAL, at TEXT);
CREATE TABLE alerts (
  at TEXT, host TEXT, vantage TEXT, trace_id TEXT, kind TEXT, severity TEXT, hop INTEGER, before TEXT, after TEXT, message TEXT
);
";

const INDEXES: &str = "
CREATE INDEX hops_of_trace ON hops (trace_id, hop);
CREATE INDEX hops_of_ip ON hops (ip);
CREATE INDEX probes_of_trace ON probes (trace_id, hop);
";

/// A database in the making.
pub(crate) struct Database {
    // The connection closes before the file goes.
    connection: Connection,
    path: TempPath,
    output: Output,
    pending: usize,
    insert_hop: String,
}

/// Where the database grows before it is written, and where SQLite keeps what memory does not hold
/// (<https://sqlite.org/tempfiles.html>, section 5).
pub(crate) fn scratch(temporary: &Path) -> Vec<&Path> {
    let own = ["/var/tmp", "/usr/tmp", "/tmp"].map(Path::new);
    std::iter::once(temporary).chain(own).collect()
}

impl Database {
    pub(crate) fn new(output: &Output) -> Result<Self, Error> {
        let file = tempfile::Builder::new().prefix("tracemap-").suffix(".sqlite").tempfile();
        let path = file
            .map_err(|error| Error::io("cannot make a temporary file", &error))?
            .into_temp_path();
        let connection = Connection::open(&path).map_err(cannot)?;
        let column = |column: &crate::columns::Column| {
            let kind = match column.kind {
                Kind::Integer | Kind::Boolean => "INTEGER",
                Kind::Real => "REAL",
                Kind::Text | Kind::Time => "TEXT",
            };
            format!("\"{}\" {kind}", column.name)
        };
        let columns: Vec<String> = COLUMNS.iter().map(column).collect();
        let marks = vec!["?"; COLUMNS.len()].join(",");
        let hops = format!("{TABLES} CREATE TABLE hops ({}); BEGIN;", columns.join(", "));
        connection.execute_batch(&hops).map_err(cannot)?;
        connection.set_prepared_statement_cache_capacity(8);
        let insert_hop = format!("INSERT INTO hops VALUES ({marks})");
        Ok(Self { connection, path, output: output.clone(), pending: 0, insert_hop })
    }

    fn insert(&self, statement: &str, values: &[&dyn ToSql]) -> Result<(), Error> {
        let mut statement = self.connection.prepare_cached(statement).map_err(cannot)?;
        statement.execute(values).map(drop).map_err(cannot)
    }
}

impl ToSql for Value<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self {
            Self::Null => ToSqlOutput::Owned(Sql::Null),
            Self::Integer(number) => ToSqlOutput::Owned(Sql::Integer(*number)),
            Self::Real(number) => ToSqlOutput::Owned(Sql::Real(*number)),
            Self::Boolean(yes) => ToSqlOutput::Owned(Sql::Integer((*yes).into())),
            Self::Text(text) => ToSqlOutput::Borrowed(ValueRef::Text(text.as_bytes())),
            Self::Time(time) => ToSqlOutput::Owned(Sql::Text(time.to_string())),
        })
    }
}

impl Sink for Database {
    fn hop(&mut self, hop: &Hop) -> Result<(), Error> {
        let values: Vec<Value<'_>> = COLUMNS.iter().map(|column| (column.get)(hop)).collect();
        let values: Vec<&dyn ToSql> = values.iter().map(|value| value as &dyn ToSql).collect();
        self.insert(&self.insert_hop, &values)?;
        for probe in &hop.probes {
            let at = probe.at.map(|at| at.to_string());
            self.insert(
                "INSERT INTO probes VALUES (?,?,?,?,?,?)",
                params![hop.trace_id, hop.hop, hop.ip, probe.flow, probe.rtt_ms, at],
            )?;
        }
        self.pending += 1;
        if self.pending == BATCH {
            self.pending = 0;
            self.connection.execute_batch("COMMIT; BEGIN;").map_err(cannot)?;
        }
        Ok(())
    }

    fn trace(&mut self, trace: &Trace) -> Result<(), Error> {
        let method = word(&trace.method);
        self.insert(
            "INSERT INTO traces VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
            params![
                trace.trace_id,
                trace.host,
                trace.resolved_ip,
                trace.source_ip,
                trace.vantage,
                trace.protocol.map(tm_schema::Protocol::as_str),
                trace.port,
                i64::try_from(trace.round).unwrap_or(i64::MAX),
                trace.tool,
                trace.version,
                trace.platform,
                trace.max_hops,
                trace.probes,
                trace.timeout_s,
                method,
                trace.started_at.to_string(),
                trace.completed_at.to_string(),
                trace.reached,
                trace.stop.map(tm_schema::Stop::as_str),
                trace.error,
                trace.hops,
                trace.responded,
                trace.sent,
                trace.received
            ],
        )
    }

    fn alert(&mut self, alert: &Alert) -> Result<(), Error> {
        let json = |value: &Option<serde_json::Value>| value.as_ref().map(ToString::to_string);
        self.insert(
            "INSERT INTO alerts VALUES (?,?,?,?,?,?,?,?,?,?)",
            params![
                alert.at.to_string(),
                alert.host,
                alert.vantage,
                alert.trace_id,
                word(&alert.kind),
                word(&alert.severity),
                alert.hop,
                json(&alert.before),
                json(&alert.after),
                alert.message
            ],
        )
    }

    fn finish(self: Box<Self>) -> Result<(), Error> {
        self.connection.execute_batch(&format!("COMMIT; {INDEXES}")).map_err(cannot)?;
        self.connection.close().map_err(|(_, error)| cannot(error))?;
        let cannot_read =
            |error: std::io::Error| Error::io("cannot read the temporary file", &error);
        let mut file = std::fs::File::open(&self.path).map_err(cannot_read)?;
        let mut piece = vec![0; 64 << 10];
        loop {
            let length = file.read(&mut piece).map_err(cannot_read)?;
            let Some(octets) = piece.get(..length).filter(|octets| !octets.is_empty()) else {
                return Ok(());
            };
            self.output.raw(octets)?;
        }
    }
}

/// An enumeration's name as the records spell it.
fn word(value: &impl serde::Serialize) -> Option<String> {
    serde_json::to_value(value).ok()?.as_str().map(str::to_owned)
}

#[allow(clippy::needless_pass_by_value)] // for map_err
fn cannot(error: rusqlite::Error) -> Error {
    Error::Failed(format!("cannot write the database: {error}"))
}
