//! Which records the user asked for.

use tm_schema::{Alert, Hop, Trace};

use crate::flags::Flags;

/// The conditions of the flags, all of which a record must meet.
#[derive(Clone, Debug, Default)]
pub(crate) struct Selection {
    trace_id: Option<String>,
    round: Option<u64>,
    host: Option<String>,
    vantage: Option<String>,
}

/// What a selection looks at.
pub(crate) struct Facts<'a> {
    pub(crate) trace_id: &'a str,
    pub(crate) host: &'a str,
    pub(crate) vantage: Option<&'a str>,
    /// Where the record has one.
    pub(crate) round: Option<u64>,
}

/// A record that can be asked for.
pub(crate) trait Selectable {
    /// What tells it from others.
    fn facts(&self) -> Facts<'_>;
}

impl Selectable for Hop {
    fn facts(&self) -> Facts<'_> {
        let vantage = self.vantage.as_deref();
        Facts { trace_id: &self.trace_id, host: &self.host, vantage, round: Some(self.round) }
    }
}

impl Selectable for Trace {
    fn facts(&self) -> Facts<'_> {
        let vantage = self.vantage.as_deref();
        Facts { trace_id: &self.trace_id, host: &self.host, vantage, round: Some(self.round) }
    }
}

impl Selectable for Alert {
    fn facts(&self) -> Facts<'_> {
        let vantage = self.vantage.as_deref();
        Facts { trace_id: &self.trace_id, host: &self.host, vantage, round: None }
    }
}

impl Selection {
    pub(crate) fn of(flags: &Flags) -> Self {
        Self {
            trace_id: flags.trace.clone(),
            round: flags.round,
            host: flags.host.clone(),
            vantage: flags.vantage.clone(),
        }
    }

    /// Whether the record is asked for.
    pub(crate) fn takes(&self, record: &impl Selectable) -> bool {
        let is = record.facts();
        self.trace_id.as_deref().is_none_or(|wanted| wanted == is.trace_id)
            && self.host.as_deref().is_none_or(|wanted| wanted == is.host)
            && self.vantage.as_deref().is_none_or(|wanted| is.vantage == Some(wanted))
            && self.round.is_none_or(|wanted| is.round.is_none_or(|round| round == wanted))
    }

    /// Whether every record is.
    pub(crate) fn takes_all(&self) -> bool {
        self.trace_id.is_none()
            && self.round.is_none()
            && self.host.is_none()
            && self.vantage.is_none()
    }
}
