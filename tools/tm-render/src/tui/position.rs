//! Which round is shown, and going from one to another, by keys or by itself.

use std::time::{Duration, Instant};

use super::app::App;
use super::session::Log;
use crate::view::View;

/// Rounds a second, from slow to fast.
const SPEEDS: [f64; 7] = [0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 100.0];

/// Which round is shown.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Position {
    /// Everything that has come, as it comes.
    Latest,
    /// The view after this many rounds.
    Round { at: usize, playing: Option<Playing> },
}

/// Going on by itself.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Playing {
    pub(crate) speed: usize,
    next: Instant,
}

impl Playing {
    pub(super) fn at(speed: usize) -> Self {
        Self { speed, next: Instant::now() + pause(speed) }
    }

    /// Rounds a second.
    pub(crate) fn rounds_a_second(self) -> f64 {
        SPEEDS.get(self.speed).copied().unwrap_or(1.0)
    }
}

fn pause(speed: usize) -> Duration {
    Duration::from_secs_f64(1.0 / SPEEDS.get(speed).copied().unwrap_or(1.0))
}

impl App {
    /// Whether it must be looked after again soon, although no key is pressed.
    pub(crate) fn is_playing(&self) -> bool {
        matches!(self.position, Position::Round { playing: Some(_), .. })
    }

    /// Goes to the next round when its time has come; `true`: it did.
    pub(super) fn play(&mut self) -> bool {
        let Position::Round { at, playing: Some(playing) } = self.position else { return false };
        let rounds = self.rounds();
        if Instant::now() < playing.next || (at >= rounds && !self.ended) {
            return false;
        }
        let playing = (at < rounds).then(|| Playing::at(playing.speed));
        self.go(at + 1, playing);
        true
    }

    /// Rounds of the host that have ended.
    pub(crate) fn rounds(&self) -> usize {
        self.log().map_or(0, Log::rounds)
    }

    /// The round that is shown.
    pub(crate) fn round(&self) -> usize {
        match self.position {
            Position::Latest => self.rounds(),
            Position::Round { at, .. } => at,
        }
    }

    /// What is shown; `None`: nothing has come yet.
    pub(crate) fn view(&self) -> Option<&View> {
        match (self.position, &self.past) {
            (Position::Round { at, .. }, Some((past, view))) if at == *past => Some(view),
            (Position::Round { .. }, _) => None,
            (Position::Latest, _) => self.previewed.as_ref().or(self.log().map(Log::latest)),
        }
    }

    /// Stays at the round that is shown, or goes on from there.
    pub(super) fn pause(&mut self) {
        self.position = match self.position {
            Position::Latest if self.rounds() > 0 => {
                self.go(self.rounds(), None);
                return;
            }
            Position::Latest => Position::Latest,
            // There is nothing to play after the last round but what comes.
            Position::Round { at, playing: None } if at >= self.rounds() => Position::Latest,
            Position::Round { at, playing: None } => {
                Position::Round { at, playing: Some(Playing::at(1)) }
            }
            Position::Round { at, .. } => Position::Round { at, playing: None },
        };
    }

    /// Plays slower or faster.
    pub(super) fn change_speed(&mut self, by: isize) {
        match self.position {
            Position::Round { at, playing: Some(playing) } => {
                let speed = playing.speed.saturating_add_signed(by).min(SPEEDS.len() - 1);
                self.position = Position::Round { at, playing: Some(Playing::at(speed)) };
            }
            _ => "nothing is being played; p begins".clone_into(&mut self.status),
        }
    }

    /// Shows the view as it was after `round` rounds.
    pub(super) fn go(&mut self, round: usize, playing: Option<Playing>) {
        let Some(log) = self.session.get_mut(self.host) else { return };
        let at = round.clamp(1, log.rounds().max(1));
        if log.rounds() == 0 {
            self.position = Position::Latest;
            return;
        }
        match log.view_at(at, self.past.take(), self.feed.kept()) {
            Ok(view) => {
                self.past = Some((at, view));
                self.position = Position::Round { at, playing };
            }
            Err(error) => {
                self.status = format!("cannot read round {at} again: {error}");
                self.position = Position::Latest;
            }
        }
    }
}
