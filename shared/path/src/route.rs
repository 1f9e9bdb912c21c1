//! Which responders belong to a path, learnt over rounds, and when the path has become another.
//!
//! Load balancers show one router today and its sister tomorrow. So every TTL remembers the
//! responders that it has shown lately; a round is unusual where a responder is none of them. At a
//! TTL that has never shown but one, two such rounds in a row are a change; at a balanced one it
//! takes as many as chance makes improbable, with the Good–Turing estimate of how often a responder
//! still unseen comes up. What has been seen once is known from then on, so a path that flaps is
//! told of once. Silence proves nothing: `*` fits every responder.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde::{Deserialize, Serialize};

use crate::baseline::{ADOPTED_AFTER, ENOUGH, WINDOW};

/// Responders remembered of a TTL.
const REMEMBERED: usize = 64;

/// AS numbers remembered of a responder.
const ORIGINS: usize = 4;

/// Rounds in a row that make a change.
const RUN: u32 = 2;

/// A run of unseen responders as improbable as this is a change.
const CHANCE: f64 = 1e-5;

/// The chance of an unseen responder where there has only ever been one.
const UNBALANCED: f64 = 0.003;

/// Changes within the window that make a TTL a balanced one.
const BALANCED: usize = 3;

/// Who answered one flow at one TTL.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Responder {
    /// The address, or its pseudonym.
    pub ip: String,
    /// Its origin AS, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asn: Option<u32>,
}

/// One round: the responders of each TTL.
pub type Round = BTreeMap<u8, BTreeSet<Responder>>;

/// What became of the path in a round.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// Nothing new.
    Usual,
    /// Responders not seen before, perhaps of a load balancer.
    Suspect,
    /// The path is another one.
    Began(Change),
    /// It is the former path again.
    Ended(Change),
    /// The new path has lasted, and is the usual one now.
    Adopted(Change),
}

/// The part of a path that changed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// The first TTL that differs.
    pub hop: u8,
    /// From there on, as it was: addresses, `*` where nobody is known.
    pub before: Vec<String>,
    /// And as it is.
    pub after: Vec<String>,
    /// The ASes of the path as it was.
    pub ases_before: Vec<u32>,
    /// The ASes of the path as it is.
    pub ases_after: Vec<u32>,
    /// The ASes differ, as far as they are known.
    pub is_as_change: bool,
}

/// What is known of one path.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Memory {
    round: u64,
    slots: BTreeMap<u8, Slot>,
    /// The TTL of the destination.
    end: Option<u8>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pending: Option<Pending>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    other: Option<Other>,
}

/// One TTL.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Slot {
    known: Vec<Known>,
    /// Who answered last.
    current: BTreeSet<Responder>,
    /// Rounds in which somebody answered.
    rounds: u32,
    /// The latest rounds in which somebody else answered than in the round before.
    changes: VecDeque<u64>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Known {
    ip: String,
    asns: Vec<u32>,
    last: u64,
    /// Rounds that showed it.
    rounds: u32,
}

/// Unseen responders that may come to be a change.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Pending {
    unseen: Round,
    run: u32,
    chance: f64,
}

/// A path that has been told of as another.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Other {
    change: Change,
    unseen: Round,
    rounds: u32,
    back: u32,
}

impl Memory {
    /// Takes a round in. `end`: the TTL at which the destination answered.
    pub fn observe(&mut self, round: &Round, end: Option<u8>) -> Verdict {
        self.round = self.round.saturating_add(1);
        if self.round <= ENOUGH as u64 {
            self.learn(round, end);
            return Verdict::Usual;
        }
        let unseen = self.unseen(round);
        let verdict = if unseen.is_empty() {
            self.acquit();
            self.follow_up(round)
        } else {
            self.suspect(round, unseen, end)
        };
        match verdict {
            Verdict::Suspect => {}
            _ => self.learn(round, end),
        }
        verdict
    }

    /// The path that was told of is still there.
    pub fn is_other(&self) -> bool {
        self.other.is_some()
    }

    /// At each TTL, responders that this TTL has not shown lately. A TTL that has never shown
    /// anybody may begin to answer.
    fn unseen(&self, round: &Round) -> Round {
        let mut unseen = Round::new();
        for (ttl, responders) in round {
            let Some(slot) = self.slots.get(ttl).filter(|slot| !slot.known.is_empty()) else {
                continue;
            };
            let new: BTreeSet<Responder> = responders
                .iter()
                .filter(|responder| !slot.knows(responder, self.round))
                .cloned()
                .collect();
            if !new.is_empty() {
                unseen.insert(*ttl, new);
            }
        }
        unseen
    }

    fn suspect(&mut self, round: &Round, unseen: Round, end: Option<u8>) -> Verdict {
        let continues =
            |pending: &Pending| unseen.keys().any(|ttl| pending.unseen.contains_key(ttl));
        if !self.pending.as_ref().is_some_and(continues) {
            self.acquit();
        }
        let mut pending =
            self.pending.take().unwrap_or(Pending { unseen: Round::new(), run: 0, chance: 1.0 });
        pending.run = pending.run.saturating_add(1);
        let chances = unseen.iter().filter_map(|(ttl, responders)| {
            let suspects = pending.unseen.get(ttl);
            let again = suspects.is_some_and(|before| !before.is_disjoint(responders));
            Some(self.slots.get(ttl)?.chance_of(suspects.map_or(0, BTreeSet::len), again))
        });
        // Neighbours change together, so more than three say no more.
        pending.chance *= chances.take(3).product::<f64>();
        for (ttl, responders) in unseen {
            let all = pending.unseen.entry(ttl).or_default();
            all.extend(responders);
            while all.len() > REMEMBERED {
                all.pop_first();
            }
        }
        if pending.run < RUN || pending.chance > CHANCE {
            self.pending = Some(pending);
            return Verdict::Suspect;
        }
        let change = self.change_to(round, end);
        let unseen = pending.unseen.clone();
        self.pending = Some(pending);
        self.acquit();
        self.shift(&change);
        self.other = Some(Other { change: change.clone(), unseen, rounds: 0, back: 0 });
        Verdict::Began(change)
    }

    /// Hops were inserted or removed: what was known beyond stands at other TTLs now.
    fn shift(&mut self, change: &Change) {
        let (was, is) = (change.before.len(), change.after.len());
        if was == is {
            return;
        }
        let first = usize::from(change.hop) + was;
        let beyond = self.slots.iter().filter(|&(&ttl, _)| usize::from(ttl) >= first);
        let place = |ttl: u8| u8::try_from(usize::from(ttl) - was + is).ok();
        let moved: Vec<(u8, Slot)> =
            beyond.filter_map(|(&ttl, slot)| Some((place(ttl)?, slot.clone()))).collect();
        for (ttl, slot) in moved {
            self.slots.entry(ttl).or_default().merge(slot, self.round);
        }
    }

    /// What was unseen came of a load balancer, and is known from now on.
    fn acquit(&mut self) {
        let Some(pending) = self.pending.take() else { return };
        let last = self.round.saturating_sub(1);
        for (ttl, responders) in &pending.unseen {
            self.slots.entry(*ttl).or_default().learn(responders, last);
        }
    }

    fn learn(&mut self, round: &Round, end: Option<u8>) {
        for (ttl, responders) in round {
            self.slots.entry(*ttl).or_default().learn(responders, self.round);
        }
        self.end = end.or(self.end);
    }

    /// Whether a path told of as another has gone again, or come to stay.
    fn follow_up(&mut self, round: &Round) -> Verdict {
        let Some(mut other) = self.other.take() else { return Verdict::Usual };
        let seen = |responder: &Responder, others: &BTreeSet<Responder>| {
            others.iter().any(|other| {
                other.ip == responder.ip
                    && (other.asn == responder.asn
                        || other.asn.is_none()
                        || responder.asn.is_none())
            })
        };
        let answers =
            other.unseen.iter().filter_map(|(ttl, others)| Some((round.get(ttl)?, others)));
        let (mut any, mut is_there) = (false, false);
        for (responders, others) in answers {
            any |= !responders.is_empty();
            is_there |= responders.iter().any(|responder| seen(responder, others));
        }
        other.rounds = other.rounds.saturating_add(1);
        other.back = if any && !is_there { other.back.saturating_add(1) } else { 0 };
        if other.back >= RUN {
            return Verdict::Ended(other.change);
        }
        if other.rounds as usize >= ADOPTED_AFTER {
            return Verdict::Adopted(other.change);
        }
        self.other = Some(other);
        Verdict::Usual
    }

    /// What differs between the path as it was and this round.
    fn change_to(&self, round: &Round, end: Option<u8>) -> Change {
        let farthest = round.keys().max().copied().unwrap_or(0);
        let was_end = self.end.or(self.slots.keys().max().copied()).unwrap_or(0);
        // Where the destination is silent, nobody knows how the path goes on.
        let (to_before, to_after) =
            if end.is_some() { (was_end, farthest) } else { (was_end.min(farthest), farthest) };
        let (nobody, nothing) = (BTreeSet::new(), Slot::default());
        let before: Vec<&Slot> =
            (1..=to_before).map(|ttl| self.slots.get(&ttl).unwrap_or(&nothing)).collect();
        let after: Vec<&BTreeSet<Responder>> =
            (1..=to_after).map(|ttl| round.get(&ttl).unwrap_or(&nobody)).collect();
        let same = |pair: &(&&Slot, &&BTreeSet<Responder>)| {
            let mut responders = pair.1.iter();
            pair.0.current.is_empty()
                || pair.1.is_empty()
                || responders.any(|responder| pair.0.knows(responder, self.round))
        };
        let head = before.iter().zip(&after).take_while(same).count();
        let rest = before.len().min(after.len()) - head;
        let tail = before.iter().rev().zip(after.iter().rev()).take(rest).take_while(same).count();
        let before: Vec<&BTreeSet<Responder>> = before.iter().map(|slot| &slot.current).collect();
        let middle = |path: &[&BTreeSet<Responder>]| -> Vec<String> {
            path.iter().skip(head).take(path.len() - head - tail).map(|at| shown(at)).collect()
        };
        let (ases_before, ases_after) = (as_path(&before), as_path(&after));
        Change {
            hop: u8::try_from(head + 1).unwrap_or(u8::MAX),
            before: middle(&before),
            after: middle(&after),
            is_as_change: differ(&ases_before, &ases_after, is_complete(&after)),
            ases_before,
            ases_after,
        }
    }
}

impl Slot {
    fn knows(&self, responder: &Responder, round: u64) -> bool {
        self.known.iter().any(|known| {
            known.ip == responder.ip
                && round.saturating_sub(known.last) <= WINDOW as u64
                && (known.asns.is_empty()
                    || responder.asn.is_none_or(|asn| known.asns.contains(&asn)))
        })
    }

    /// What stood at another TTL stands here now.
    fn merge(&mut self, moved: Self, round: u64) {
        for mut known in moved.known {
            known.last = round;
            self.known.retain(|mine| mine.ip != known.ip);
            self.known.push(known);
        }
        (self.rounds, self.changes) = (moved.rounds, moved.changes);
    }

    fn learn(&mut self, responders: &BTreeSet<Responder>, round: u64) {
        if responders.is_empty() {
            return;
        }
        self.rounds = self.rounds.saturating_add(1).min(WINDOW as u32);
        let is_other = !self.current.is_empty() && self.current != *responders;
        if is_other || responders.len() > 1 {
            while self.changes.len() >= BALANCED {
                self.changes.pop_front();
            }
            self.changes.push_back(round);
        }
        for responder in responders {
            let at = self.known.iter().position(|known| known.ip == responder.ip);
            let mut known = at.map_or_else(
                || Known { ip: responder.ip.clone(), asns: Vec::new(), last: round, rounds: 0 },
                |at| self.known.remove(at),
            );
            known.last = known.last.max(round);
            known.rounds = known.rounds.saturating_add(1);
            if let Some(asn) = responder.asn.filter(|asn| !known.asns.contains(asn)) {
                known.asns.truncate(ORIGINS - 1);
                known.asns.push(asn);
            }
            self.known.push(known); // the one seen last stands last
        }
        let forget = self.known.len().saturating_sub(REMEMBERED);
        self.known.drain(..forget);
        self.known.retain(|known| round.saturating_sub(known.last) <= WINDOW as u64);
        self.current.clone_from(responders);
        while self.current.len() > REMEMBERED {
            self.current.pop_last();
        }
    }

    /// The chance of a responder that this TTL has not shown before: as often as responders came
    /// up that were never seen again (Good and Turing), the suspects of this run among them. Once
    /// they are there, they may come up `again` as often as a sister does.
    fn chance_of(&self, suspects: usize, again: bool) -> f64 {
        if self.changes.len() < BALANCED {
            return UNBALANCED;
        }
        let once = self.known.iter().filter(|known| known.rounds == 1).count() + suspects + 1;
        let once = once as f64 + 1.5 * (once as f64).sqrt(); // few have come up, so chance has its part
        let unseen = (once / (f64::from(self.rounds) + suspects as f64 + 1.0)).min(1.0);
        let sister = 1.0 / (self.known.len() as f64 + 1.0);
        if again { unseen.max(sister) } else { unseen }
    }
}

fn shown(responders: &BTreeSet<Responder>) -> String {
    match responders.len() {
        0 => "*".to_owned(),
        _ => responders.iter().map(|at| at.ip.as_str()).collect::<Vec<_>>().join("|"),
    }
}

/// The ASes in order, each once in a row; hops without one are left out.
fn as_path(path: &[&BTreeSet<Responder>]) -> Vec<u32> {
    let mut ases: Vec<u32> =
        path.iter().filter_map(|at| at.iter().find_map(|responder| responder.asn)).collect();
    ases.dedup();
    ases
}

/// The AS of everybody who answered is known.
fn is_complete(path: &[&BTreeSet<Responder>]) -> bool {
    path.iter().flat_map(|at| at.iter()).all(|responder| responder.asn.is_some())
}

/// An AS is new; or one is gone, and it is not only that its look-up failed.
fn differ(before: &[u32], after: &[u32], complete: bool) -> bool {
    let new = after.iter().any(|asn| !before.contains(asn));
    let gone = before.iter().any(|asn| !after.contains(asn));
    !before.is_empty() && !after.is_empty() && (new || (complete && gone))
}

#[cfg(test)]
#[path = "route/tests.rs"]
mod tests;
