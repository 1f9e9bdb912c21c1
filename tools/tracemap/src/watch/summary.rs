//! What is said of a watched host at the end.

use std::fmt;
use std::path::PathBuf;

use tm_schema::{AlertKind, Record, Stop};
use tm_stream::text::visible;

/// Counts of one host.
#[derive(Debug)]
pub(crate) struct Summary {
    host: String,
    log: PathBuf,
    rounds: u64,
    reached: u64,
    alerts: u64,
}

impl Summary {
    pub(crate) fn of(host: &str, log: PathBuf) -> Self {
        Self { host: host.to_owned(), log, rounds: 0, reached: 0, alerts: 0 }
    }

    /// Counts a round; one that was cut short is none.
    pub(crate) fn trace(&mut self, line: &[u8]) {
        if let Ok(Record::Trace(trace)) = serde_json::from_slice(line)
            && trace.stop != Some(Stop::Interrupted)
        {
            self.rounds += 1;
            self.reached += u64::from(trace.reached);
        }
    }

    /// Counts an alert; what is over is none. Returns it in words.
    pub(crate) fn alert(&mut self, line: &[u8]) -> Option<String> {
        let Ok(Record::Alert(alert)) = serde_json::from_slice(line) else { return None };
        self.alerts += u64::from(alert.kind != AlertKind::Recovered);
        let (severity, kind) = (alert.severity.as_str(), alert.kind.as_str());
        Some(format!("{severity} {kind} {}: {}", alert.host, alert.message))
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of = |count: u64, what: &str| match count {
            1 => format!("1 {what}"),
            _ => format!("{count} {what}s"),
        };
        let (rounds, alerts) = (of(self.rounds, "round"), of(self.alerts, "alert"));
        let (host, log) = (visible(&self.host), self.log.display());
        write!(f, "{host}: {rounds}, {} reached, {alerts}; log {log}", self.reached)
    }
}
