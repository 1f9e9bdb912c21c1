//! The filter: every line passes, every round is judged, alerts follow the round that showed them.

use tm_schema::{Alert, AlertKind, Record, Trace};
use tm_stream::{Error, Output, passing::Filter};

use crate::alert::{self, Said};
use crate::exec::Runner;
use crate::flags::Flags;
use crate::rounds::Rounds;
use crate::state::{Path, State};
use crate::target::Phase;

/// Watches every path of a stream.
pub(crate) struct Watcher<'a> {
    flags: &'a Flags,
    output: &'a Output,
    runner: Option<&'a Runner>,
    rounds: Rounds,
    state: State,
    /// The last line lacks its newline.
    is_line_open: bool,
    raised: bool,
}

/// How watching went.
pub(crate) struct Watched {
    /// Something began.
    pub(crate) raised: bool,
    /// What was learnt is kept, if it was to be.
    pub(crate) is_saved: bool,
}

impl<'a> Watcher<'a> {
    pub(crate) fn new(
        flags: &'a Flags,
        output: &'a Output,
        state: State,
        runner: Option<&'a Runner>,
    ) -> Self {
        let rounds = Rounds::default();
        Self { flags, output, runner, rounds, state, is_line_open: false, raised: false }
    }

    /// Keeps what was learnt.
    pub(crate) fn finish(mut self) -> Watched {
        let is_saved = self.state.save();
        Watched { raised: self.raised, is_saved }
    }

    fn trace(&mut self, trace: &Trace) -> Result<(), Error> {
        let round = self.rounds.end(trace);
        let Some(path) = self.state.path(trace) else { return Ok(()) };
        let findings = path.target.observe(&round, trace, self.flags.rtt_spike);
        let alerts: Vec<Alert> =
            findings.iter().map(|finding| to_alert(alert::say(finding), trace, path)).collect();
        for alert in alerts {
            self.raised |= alert.kind != AlertKind::Recovered;
            self.write(alert)?;
        }
        Ok(())
    }

    fn write(&mut self, alert: Alert) -> Result<(), Error> {
        if std::mem::take(&mut self.is_line_open) {
            self.output.raw(b"\n")?;
        }
        let record = Record::Alert(Box::new(alert));
        self.output.record(&record)?;
        if let Some(runner) = self.runner
            && let Ok(json) = serde_json::to_vec(&record)
        {
            runner.run(json);
        }
        Ok(())
    }
}

impl Filter for Watcher<'_> {
    fn line(&mut self, line: &[u8], record: Option<Record>) -> Result<(), Error> {
        if !self.flags.only_alerts {
            if std::mem::take(&mut self.is_line_open) {
                self.output.raw(b"\n")?;
            }
            self.output.raw(line)?;
            self.is_line_open = record.is_some() && !line.ends_with(b"\n");
        }
        match record {
            Some(Record::Hop(hop)) => self.rounds.hop(*hop),
            Some(Record::Trace(trace)) => self.trace(&trace)?,
            _ => {}
        }
        Ok(())
    }

    fn idle(&mut self) -> Result<(), Error> {
        self.output.flush()?;
        self.state.save_if_due();
        Ok(())
    }
}

/// What must hold of any state (the first line) and any stream (the others): they are watched, and
/// what is learnt can be written and read again.
#[cfg(any(test, fuzzing))]
pub fn check(octets: &[u8]) {
    use clap::Parser;
    use std::sync::LazyLock;
    static FLAGS: LazyLock<Flags> =
        LazyLock::new(|| Flags::parse_from(["tm-watch", "-o", "/dev/null"]));
    static OUTPUT: LazyLock<Option<Output>> =
        LazyLock::new(|| Output::open(FLAGS.common.output.as_deref()).ok());
    let Some(output) = &*OUTPUT else { return };

    let mut lines = octets.split_inclusive(|octet| *octet == b'\n');
    let first = String::from_utf8_lossy(lines.next().unwrap_or_default());
    let mut state = State::open(None, &tm_stream::Diagnostics::silent());
    state.take(crate::state::parse(&first).unwrap_or_default());
    let mut watcher = Watcher::new(&FLAGS, output, state, None);
    for line in lines {
        let passed = watcher.line(line, Record::from_slice(line).ok());
        assert!(passed.is_ok(), "{passed:?}");
    }
    let text = watcher.state.text(|_| true).unwrap_or_default();
    let learnt = String::from_utf8_lossy(&text);
    let again = crate::state::parse(&learnt);
    assert!(again.is_ok(), "{again:?} {learnt}");
}

fn to_alert(said: Said, trace: &Trace, path: &mut Path) -> Alert {
    let at = trace.completed_at;
    let (kind, of, since) = match said.phase {
        Phase::Began => {
            path.since.retain(|(kind, _)| *kind != said.kind);
            path.since.push((said.kind, at));
            (said.kind, None, None)
        }
        Phase::Ended | Phase::Adopted => {
            let begun = path.since.iter().position(|(kind, _)| *kind == said.kind);
            let since = begun.map(|begun| path.since.remove(begun).1);
            (AlertKind::Recovered, Some(said.kind), since)
        }
    };
    Alert {
        v: tm_schema::VERSION,
        at,
        host: trace.host.clone(),
        resolved_ip: trace.resolved_ip.clone(),
        source_ip: trace.source_ip.clone(),
        vantage: trace.vantage.clone(),
        trace_id: trace.trace_id.clone(),
        round: Some(trace.round),
        kind,
        of,
        since,
        severity: said.severity,
        hop: said.hop,
        before: said.before,
        after: said.after,
        message: said.message,
    }
}

#[cfg(test)]
mod tests {
    use super::check;

    #[test]
    fn a_state_that_could_not_be_read_again_is_refused() {
        let state = |rtt: &str| {
            format!(
                r#"{{"version":1,"paths":[{{"host":"","seen":"2026-11-24T10:00:00Z","target":{{"reach":{{"reached":1,"missed":0,"chance":0,"back":1,"is_down":false}},"rtt":{{"baseline":[{rtt}]}},"hops":{{}},"loss":{{"rounds":0,"hops":{{}},"end":{{"sent":8,"lost":0,"own":0,"tail":[0,0]}}}},"route":{{"round":1,"slots":{{}}}}}}}}]}}"#
            )
        };
        assert!(crate::state::parse(&state("20.5")).is_ok());
        let error = crate::state::parse(&state("1e39")).unwrap_err();
        assert!(error.to_string().contains("number out of range"), "{error}");
        check(state("1e39").as_bytes());
    }

    proptest::proptest! {
        #![proptest_config(tm_mutate::cases(64))]

        #[test]
        fn damaged_states_and_streams_are_watched(
            octets in tm_mutate::octets(tm_mutate::seeds("watch"))
        ) {
            check(&octets);
        }
    }
}
