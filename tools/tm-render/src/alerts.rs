//! Alerts below the table. One that still stands stays until it is over; of those that are over,
//! the latest are shown.

#[cfg(test)]
mod tests;

use tm_schema::{Alert, AlertKind};
use tm_stream::text::{cut, visible};

/// Lines of alerts.
const SHOWN: usize = 8;

/// Alerts remembered, standing ones included.
const KEPT: usize = 64;

/// The alerts of a stream.
#[derive(Debug, Default)]
pub(crate) struct Alerts(Vec<Entry>);

#[derive(Debug)]
struct Entry {
    alert: Alert,
    stands: bool,
}

impl Alerts {
    /// Takes an alert in.
    pub(crate) fn add(&mut self, alert: Alert) {
        if let Some(of) = alert.of {
            let is_meant = |entry: &&mut Entry| {
                let known = &entry.alert;
                known.kind == of && path(known) == path(&alert)
            };
            self.0.iter_mut().filter(is_meant).for_each(|entry| entry.stands = false);
        }
        let stands = alert.kind != AlertKind::Recovered;
        self.0.push(Entry { alert, stands });
        if self.0.len() > KEPT {
            let over = self.0.iter().position(|entry| !entry.stands).unwrap_or(0);
            self.0.remove(over);
        }
    }

    /// In lines of at most `room` columns; `host`: those of one host.
    pub(crate) fn lines(&self, host: Option<&str>, room: usize) -> Vec<String> {
        let is_meant = |entry: &&Entry| host.is_none_or(|host| entry.alert.host == host);
        let all: Vec<&Entry> = self.0.iter().filter(is_meant).collect();
        let standing = all.iter().filter(|entry| entry.stands).count();
        let mut left_out = all.len().saturating_sub(SHOWN.max(standing));
        let mut shown = Vec::new();
        for entry in all {
            if !entry.stands && left_out > 0 {
                left_out -= 1;
                continue;
            }
            shown.push(cut(&line(entry), room).into_owned());
        }
        shown
    }
}

/// What an alert is about. A place without a name may change its address.
fn path(alert: &Alert) -> (&str, Option<&str>, Option<&str>) {
    (&alert.host, alert.resolved_ip.as_deref(), alert.vantage.as_deref())
}

/// `! 10:32:05 warning example.com: RTT …`, with a mark while it stands.
fn line(entry: &Entry) -> String {
    let alert = &entry.alert;
    let at = alert.at.to_string();
    let clock = at.get(11..19).unwrap_or_default();
    let mark = if entry.stands { '!' } else { ' ' };
    let (host, message) = (visible(&alert.host), visible(&alert.message));
    format!("{mark} {clock}Z {}, {host}: {message}", alert.severity.as_str())
}
