//! What a session knows: the rounds of each host, where their lines are, and the view as it was
//! after any of them.

#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::collections::VecDeque;
use std::io;
use std::ops::Range;

use tm_schema::{Alert, Hop, Record};

use super::feed::Kept;
use crate::overlay::Overlay;
use crate::view::{Key, View};

/// Alerts that are kept.
const ALERTS: usize = 200;

/// Checkpoints that are kept of a host; when there are more, every other one goes.
const CHECKPOINTS: usize = 128;

/// Rounds between the views that are kept of the way from a checkpoint, so that a step back need
/// not go all of it again.
const STEP: usize = 16;

/// Rounds that an export takes along.
const EXPORTED: usize = 60;

/// All hosts of a session, in the order they came.
#[derive(Debug, Default)]
pub(crate) struct Session {
    logs: Vec<Log>,
}

/// The rounds of one host.
#[derive(Debug)]
pub(crate) struct Log {
    key: Key,
    /// Everything so far.
    latest: View,
    rounds: Vec<Lines>,
    open: Lines,
    checkpoints: Vec<(usize, View)>,
    /// Rounds between checkpoints.
    stride: usize,
    /// Views on the way that was gone last from a checkpoint.
    steps: Vec<(usize, View)>,
    /// The newest last, each with the round that it came after.
    alerts: VecDeque<(usize, Alert)>,
}

/// Where lines are, neighbours joined.
#[derive(Clone, Debug, Default)]
struct Lines(Vec<Range<u64>>);

impl Lines {
    fn add(&mut self, line: Range<u64>) {
        match self.0.last_mut() {
            Some(last) if last.end == line.start => last.end = line.end,
            _ => self.0.push(line),
        }
    }
}

impl Session {
    /// Adds a record.
    pub(crate) fn add(&mut self, record: Record, line: Range<u64>) {
        match record {
            Record::Hop(hop) => {
                let log = self.log(Key::of_hop(&hop, false));
                log.open.add(line);
                log.latest.hop(*hop);
            }
            Record::Trace(trace) => {
                let log = self.log(Key::of_trace(&trace, false));
                log.open.add(line);
                log.latest.end_round(*trace);
                log.end_round();
            }
            Record::Alert(alert) => self.alert(*alert),
            Record::Other(_) => {}
        }
    }

    /// Makes room for the records of a hop that are to come.
    pub(crate) fn expect(&mut self, hop: &Hop) {
        self.log(Key::of_hop(hop, false));
    }

    fn log(&mut self, key: Key) -> &mut Log {
        let known = self.logs.iter().position(|log| log.key == key);
        let at = known.unwrap_or_else(|| {
            self.logs.push(Log::new(key));
            self.logs.len() - 1
        });
        #[allow(clippy::indexing_slicing)] // logs are never removed
        &mut self.logs[at]
    }

    fn alert(&mut self, alert: Alert) {
        let Some(log) = self.logs.iter_mut().rfind(|log| log.latest.host == alert.host) else {
            return;
        };
        if log.alerts.len() == ALERTS {
            log.alerts.pop_front();
        }
        log.alerts.push_back((log.rounds.len(), alert));
    }

    /// The log of a host, to look back in.
    pub(crate) fn get_mut(&mut self, at: usize) -> Option<&mut Log> {
        self.logs.get_mut(at)
    }

    /// The log of a host.
    pub(crate) fn get(&self, at: usize) -> Option<&Log> {
        self.logs.get(at)
    }

    /// How many hosts there are.
    pub(crate) fn len(&self) -> usize {
        self.logs.len()
    }
}

impl Log {
    fn new(key: Key) -> Self {
        let latest = View::new(&key);
        Self {
            key,
            latest,
            rounds: Vec::new(),
            open: Lines::default(),
            checkpoints: Vec::new(),
            stride: STEP,
            steps: Vec::new(),
            alerts: VecDeque::new(),
        }
    }

    fn end_round(&mut self) {
        self.rounds.push(std::mem::take(&mut self.open));
        let round = self.rounds.len();
        if !round.is_multiple_of(self.stride) {
            return;
        }
        self.checkpoints.push((round, self.latest.clone()));
        if self.checkpoints.len() > CHECKPOINTS {
            self.stride *= 2;
            let stride = self.stride;
            self.checkpoints.retain(|(round, _)| round.is_multiple_of(stride));
        }
    }

    /// Everything so far.
    pub(crate) fn latest(&self) -> &View {
        &self.latest
    }

    /// Everything so far with the hops that filters still have; `None`: they have none.
    pub(crate) fn previewed(&self, overlay: &Overlay) -> Option<View> {
        match overlay.over(&self.key, Some(&self.latest))? {
            Cow::Owned(view) => Some(view),
            Cow::Borrowed(_) => None,
        }
    }

    /// How many rounds have ended.
    pub(crate) fn rounds(&self) -> usize {
        self.rounds.len()
    }

    /// Alerts up to a round, the newest first.
    pub(crate) fn alerts(&self, round: usize) -> impl Iterator<Item = &Alert> {
        let seen = self.alerts.iter().rev().filter(move |(at, _)| *at <= round);
        seen.map(|(_, alert)| alert)
    }

    /// The view as it was after `round` rounds; `from`: a view after fewer, to go on from.
    pub(crate) fn view_at(
        &mut self,
        round: usize,
        from: Option<(usize, View)>,
        kept: &Kept,
    ) -> io::Result<View> {
        let known = self.checkpoints.iter().chain(&self.steps).filter(|(at, _)| *at <= round);
        let nearest = known.max_by_key(|(at, _)| *at);
        let from =
            from.filter(|(at, _)| *at <= round && nearest.is_none_or(|nearest| nearest.0 <= *at));
        let (done, mut view) = match (from, nearest) {
            (Some(from), _) => from,
            (None, Some(nearest)) => nearest.clone(),
            (None, None) => (0, View::new(&self.key)),
        };
        let is_far = round.saturating_sub(done) > STEP;
        if is_far {
            self.steps.clear();
        }
        for at in done..round.min(self.rounds.len()) {
            if is_far && at > done && at.is_multiple_of(STEP) {
                self.steps.push((at, view.clone()));
            }
            let Some(lines) = self.rounds.get(at) else { break };
            for record in records(&read(lines, kept)?) {
                match record {
                    Record::Hop(hop) if Key::of_hop(&hop, false) == self.key => view.hop(*hop),
                    Record::Trace(trace) if Key::of_trace(&trace, false) == self.key => {
                        view.end_round(*trace);
                    }
                    _ => {}
                }
            }
        }
        Ok(view)
    }

    /// The lines of the last rounds up to `round`, as they came.
    pub(crate) fn lines_until(&self, round: usize, kept: &Kept) -> io::Result<Vec<u8>> {
        let first = round.saturating_sub(EXPORTED);
        let mut bytes = Vec::new();
        for lines in self.rounds.get(first..round).unwrap_or_default() {
            bytes.extend(read(lines, kept)?);
        }
        if self.rounds.is_empty() {
            bytes.extend(read(&self.open, kept)?);
        }
        Ok(bytes)
    }
}

fn read(lines: &Lines, kept: &Kept) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    for range in &lines.0 {
        bytes.extend(kept.read(range)?);
    }
    Ok(bytes)
}

/// Lines that were records are records still, unless somebody changed the file.
fn records(bytes: &[u8]) -> impl Iterator<Item = Record> {
    bytes.split(|&byte| byte == b'\n').filter_map(|line| Record::from_slice(line).ok())
}
