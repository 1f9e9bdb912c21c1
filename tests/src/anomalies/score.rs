//! Alerts against the truth.

use tm_schema::{Alert, AlertKind, Record};

use super::scenarios::{Event, Scenario};

/// An event that is told in its first or second round is told in time.
pub const IN_TIME: u64 = 2;

/// One alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Alarm {
    /// The round that showed it.
    pub round: u64,
    /// What kind it is of.
    pub kind: AlertKind,
    /// Of a `recovered`: what is over.
    pub over: Option<AlertKind>,
}

/// How alerts did.
#[derive(Clone, Debug, Default)]
pub struct Score {
    /// Rounds.
    pub rounds: u64,
    /// Events.
    pub events: u64,
    /// For each event that was told, in which of its rounds.
    pub delays: Vec<u64>,
    /// For each of these, in which round after its end that was told.
    pub ends: Vec<u64>,
    /// Alerts that are true.
    pub right: u64,
    /// Alerts that are not, and repetitions.
    pub wrong: Vec<Alarm>,
}

impl Score {
    /// Judges the alerts of one run of a scenario.
    pub fn of(scenario: &Scenario, alarms: &[Alarm]) -> Self {
        let events = scenario.truth.len() as u64;
        let mut score = Self { rounds: scenario.rounds, events, ..Self::default() };
        for event in &scenario.truth {
            let told = alarms.iter().find(|alarm| event.is_told_by(**alarm));
            score.delays.extend(told.map(|alarm| alarm.round - event.begin + 1));
            let Some(told) = told else { continue };
            let over = alarms
                .iter()
                .find(|alarm| alarm.over == Some(told.kind) && alarm.round >= told.round);
            score.ends.extend(over.map(|alarm| (alarm.round + 1).saturating_sub(event.end)));
        }
        let mut said: Vec<AlertKind> = Vec::new();
        for alarm in alarms.iter().filter(|alarm| alarm.over.is_none()) {
            let is_true = scenario.truth.iter().any(|event| event.allows(*alarm));
            if is_true && !said.contains(&alarm.kind) {
                said.push(alarm.kind);
                score.right += 1;
            } else {
                score.wrong.push(*alarm);
            }
        }
        score
    }

    /// Adds another run.
    pub fn add(&mut self, other: Self) {
        self.rounds += other.rounds;
        self.events += other.events;
        self.right += other.right;
        self.delays.extend(other.delays);
        self.ends.extend(other.ends);
        self.wrong.extend(other.wrong);
    }

    /// Events that were told in their first two rounds.
    pub fn in_time(&self) -> usize {
        self.delays.iter().filter(|&&delay| delay <= IN_TIME).count()
    }

    /// The part of the alerts that is true, in percent; nothing where there was none.
    pub fn precision(&self) -> Option<f64> {
        let all = self.right + self.wrong.len() as u64;
        (all > 0).then(|| 100.0 * self.right as f64 / all as f64)
    }

    /// The part of the events that was told at all, in percent; nothing where there was none.
    pub fn recall(&self) -> Option<f64> {
        (self.events > 0).then(|| 100.0 * self.delays.len() as f64 / self.events as f64)
    }
}

impl Event {
    /// A few rounds are left to tell of what has just ended.
    fn covers(&self, alarm: Alarm) -> bool {
        (self.begin..self.end + IN_TIME).contains(&alarm.round)
    }

    fn is_told_by(&self, alarm: Alarm) -> bool {
        alarm.over.is_none() && self.covers(alarm) && self.told_by.contains(&alarm.kind)
    }

    fn allows(&self, alarm: Alarm) -> bool {
        self.covers(alarm)
            && (self.told_by.contains(&alarm.kind) || self.allowed.contains(&alarm.kind))
    }
}

/// The alerts that lines of records hold.
pub fn alarms(lines: &str) -> Vec<Alarm> {
    let records = lines.lines().filter_map(|line| serde_json::from_str(line).ok());
    let alarm = |alert: &Alert| Alarm {
        round: alert.round.unwrap_or(0),
        kind: alert.kind,
        over: alert.of.filter(|_| alert.kind == AlertKind::Recovered),
    };
    records
        .filter_map(|record| match record {
            Record::Alert(alert) => Some(alarm(&alert)),
            _ => None,
        })
        .collect()
}
