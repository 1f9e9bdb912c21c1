//! Which records the user asked for.

use tm_schema::{Hop, Trace};

use crate::flags::Flags;

/// The conditions of the flags, all of which a record must meet.
#[derive(Clone, Debug, Default)]
pub(crate) struct Selection {
    trace_id: Option<String>,
    round: Option<u64>,
    host: Option<String>,
}

/// What a selection looks at.
pub(crate) trait Selectable {
    /// Identity of the trace, its host, and its round where the record has one.
    fn identity(&self) -> (&str, &str, Option<u64>);
}

impl Selectable for Hop {
    fn identity(&self) -> (&str, &str, Option<u64>) {
        (&self.trace_id, &self.host, Some(self.round))
    }
}

impl Selectable for Trace {
    fn identity(&self) -> (&str, &str, Option<u64>) {
        (&self.trace_id, &self.host, Some(self.round))
    }
}

impl Selectable for tm_schema::Alert {
    fn identity(&self) -> (&str, &str, Option<u64>) {
        (&self.trace_id, &self.host, None)
    }
}

impl Selection {
    pub(crate) fn of(flags: &Flags) -> Self {
        Self { trace_id: flags.trace.clone(), round: flags.round, host: flags.host.clone() }
    }

    /// Whether the record is asked for.
    pub(crate) fn takes(&self, record: &impl Selectable) -> bool {
        let (trace_id, host, round) = record.identity();
        self.trace_id.as_deref().is_none_or(|wanted| wanted == trace_id)
            && self.host.as_deref().is_none_or(|wanted| wanted == host)
            && self.round.is_none_or(|wanted| round.is_none_or(|round| round == wanted))
    }

    /// Whether every record is.
    pub(crate) fn takes_all(&self) -> bool {
        self.trace_id.is_none() && self.round.is_none() && self.host.is_none()
    }
}
