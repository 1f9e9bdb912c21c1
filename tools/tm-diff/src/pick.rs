//! Which rounds of which file stand on which side.

use tm_schema::Time;

use crate::flags::Rounds;
use crate::route::{Round, Route};

/// What one side takes of a file.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Pick {
    All,
    First,
    Last,
    BeforeLast,
    At(Time),
    /// Begun before.
    Before(Time),
    /// Begun then or later.
    From(Time),
    /// Whose id is one of these, or begins so.
    Ids(Vec<String>),
}

impl Pick {
    /// What each side takes of its own file, unless the file has traces named by id.
    pub(crate) fn of_two(rounds: &Rounds) -> Result<(Self, Self), String> {
        match (rounds.at.as_slice(), rounds.split) {
            (_, Some(_)) => Err("--split parts one file, and there are two".to_owned()),
            ([], None) if rounds.last => Ok((Self::Last, Self::Last)),
            ([], None) => Ok((Self::All, Self::All)),
            (&[at], None) => Ok((Self::At(at), Self::At(at))),
            (&[a, b], None) => Ok((Self::At(a), Self::At(b))),
            _ => Err("--at can be given twice: once for each side".to_owned()),
        }
    }

    /// What the sides take of one file.
    pub(crate) fn of_one(rounds: &Rounds) -> Result<(Self, Self), String> {
        let id = |id: &String| Self::Ids(vec![id.clone()]);
        match (rounds.trace.as_slice(), rounds.at.as_slice(), rounds.split) {
            ([], [], None) if rounds.last => Ok((Self::BeforeLast, Self::Last)),
            ([], [], None) => Ok((Self::First, Self::Last)),
            ([], [], Some(time)) => Ok((Self::Before(time), Self::From(time))),
            ([a], _, _) => Ok((id(a), Self::Last)),
            ([a, b], _, _) => Ok((id(a), id(b))),
            (_, &[at], _) => Ok((Self::At(at), Self::Last)),
            (_, &[a, b], _) => Ok((Self::At(a), Self::At(b))),
            _ => Err("--trace and --at can be given twice: once for each side".to_owned()),
        }
    }

    /// It takes one round, so that there is a last and a first one of them.
    fn is_of_one_round(&self) -> bool {
        matches!(self, Self::First | Self::Last | Self::BeforeLast | Self::At(_))
    }

    fn takes(&self, round: &Round) -> bool {
        match self {
            Self::All | Self::First | Self::Last | Self::BeforeLast => true,
            Self::At(time) => round.began().is_some_and(|began| began <= *time),
            Self::Before(time) => round.began().is_some_and(|began| began < *time),
            Self::From(time) => round.began().is_some_and(|began| began >= *time),
            Self::Ids(ids) => ids.iter().any(|id| round.trace_id.starts_with(id.as_str())),
        }
    }
}

/// What a side has taken of the rounds of one path.
#[derive(Clone, Debug, Default)]
pub(crate) struct Taken {
    /// Candidates for the one round, the best last; rounds without an end come first.
    few: Vec<(Rank, Round)>,
    all: Option<Route>,
}

/// Ended, and when it began; later is better, and whichever comes later of two that began at once.
type Rank = (bool, i64);

impl Taken {
    pub(crate) fn offer(&mut self, pick: &Pick, round: &Round) {
        if !pick.takes(round) {
            return;
        }
        if !pick.is_of_one_round() {
            let route = self.all.get_or_insert_with(|| Route::new(round.key.clone()));
            route.add(round);
            return;
        }
        let time = round.began().map_or(0, Time::as_microseconds);
        let rank = (round.end.is_some(), if *pick == Pick::First { -time } else { time });
        let at = match *pick {
            Pick::First => self.few.partition_point(|(known, _)| *known < rank),
            _ => self.few.partition_point(|(known, _)| *known <= rank),
        };
        let most = if *pick == Pick::BeforeLast { 2 } else { 1 };
        if self.few.len() == most && at == 0 {
            return;
        }
        self.few.insert(at, (rank, round.clone()));
        if self.few.len() > most {
            self.few.remove(0);
        }
    }

    /// The path, if the side has one.
    pub(crate) fn route(mut self, pick: &Pick) -> Option<Route> {
        if !pick.is_of_one_round() {
            return self.all;
        }
        let at = match pick {
            Pick::BeforeLast => self.few.len().checked_sub(2)?,
            _ => self.few.len().checked_sub(1)?,
        };
        let (_, round) = self.few.swap_remove(at);
        let mut route = Route::new(round.key.clone());
        route.add(&round);
        Some(route)
    }
}
