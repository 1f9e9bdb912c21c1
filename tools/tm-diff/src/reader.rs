//! Records to rounds, and rounds to what the sides take of them.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use tm_schema::Record;
use tm_stream::input::Input;
use tm_stream::typed::Records;
use tm_stream::{Diagnostics, Error};

use crate::flags::Flags;
use crate::pick::{Pick, Taken};
use crate::route::{Key, Round, Route};

/// Rounds that may be open at once, hops that a round may have, traces named by one id, and addresses
/// probed from: more is no log of traces, and takes no more room.
const MOST_OPEN: usize = 4096;
const MOST_HOPS: usize = 8192;
const MOST_NAMED: usize = 64;

/// Reads one file for two picks.
pub(crate) struct Reader<'a> {
    flags: &'a Flags,
    picks: [Pick; 2],
    /// Rounds whose end has not come.
    open: BTreeMap<String, Round>,
    places: HashMap<Key, usize>,
    paths: Vec<Met>,
    named: BTreeSet<String>,
}

/// A path that was met, and what each pick takes of its rounds.
struct Met {
    key: Key,
    run: u64,
    last_number: u64,
    taken: [Taken; 2],
    sources: Sources,
}

/// The addresses that rounds without the name of a place were probed from.
#[derive(Default)]
struct Sources {
    last: Option<String>,
    left: BTreeSet<String>,
    /// One was come back to: addresses do not only change, there are several places.
    are_several: bool,
}

impl Sources {
    fn add(&mut self, source: Option<&str>) {
        let Some(source) = source.filter(|source| self.last.as_deref() != Some(source)) else {
            return;
        };
        self.are_several |= self.left.contains(source);
        let before = self.last.replace(source.to_owned());
        if self.left.len() < MOST_NAMED {
            self.left.extend(before);
        }
    }
}

/// What was read.
pub(crate) struct Read {
    /// Every path that was met, in that order.
    pub(crate) keys: Vec<Key>,
    /// What each pick takes.
    pub(crate) routes: [Vec<Route>; 2],
    /// The ids of traces that `--trace` fits.
    pub(crate) named: BTreeSet<String>,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(picks: [Pick; 2], flags: &'a Flags) -> Self {
        Self {
            flags,
            picks,
            open: BTreeMap::new(),
            places: HashMap::new(),
            paths: Vec::new(),
            named: BTreeSet::new(),
        }
    }

    /// Reads it to its end.
    pub(crate) fn read(mut self, input: Input, diagnostics: &Diagnostics) -> Result<Read, Error> {
        let mut records = Records::new(vec![input], diagnostics, self.flags.strict);
        while let Some(record) = records.next_record()? {
            match record {
                Record::Hop(hop) if self.is_wanted(&hop.host) => {
                    let (id, key) = (hop.trace_id.clone(), || Key::of_hop(&hop));
                    let round = self.round(&id, &hop.host, key);
                    round.hops.push(*hop);
                    if round.hops.len() >= MOST_HOPS {
                        self.finish(&id);
                    }
                }
                Record::Trace(trace) if self.is_wanted(&trace.host) => {
                    let (id, key) = (trace.trace_id.clone(), Key::of_trace(&trace));
                    let host = key.host.clone();
                    self.round(&id, &host, || key).end = Some(*trace);
                    self.finish(&id);
                }
                _ => {}
            }
        }
        self.finish_all();
        for path in self.paths.iter().filter(|path| path.sources.are_several) {
            let host = &path.key.host;
            diagnostics.warn(format_args!(
                "{host}: rounds from several addresses are taken for one vantage point; \
                 tm-probe --vantage tells them apart"
            ));
        }
        Ok(self.taken())
    }

    fn is_wanted(&self, host: &str) -> bool {
        self.flags.host.is_empty() || self.flags.host.iter().any(|wanted| wanted == host)
    }

    /// The open round of this id; one begins where there is none.
    fn round(&mut self, id: &str, host: &str, key: impl FnOnce() -> Key) -> &mut Round {
        if self.open.get(id).is_some_and(|round| round.key.host != host) {
            self.finish(id);
        }
        if self.open.len() >= MOST_OPEN && !self.open.contains_key(id) {
            self.finish_all();
        }
        let (places, paths) = (&mut self.places, &mut self.paths);
        self.open.entry(id.to_owned()).or_insert_with(|| {
            let key = key();
            if !places.contains_key(&key) {
                places.insert(key.clone(), paths.len());
                let (taken, sources) = Default::default();
                paths.push(Met { key: key.clone(), run: 0, last_number: 0, taken, sources });
            }
            Round { key, trace_id: id.to_owned(), run: 0, hops: Vec::new(), end: None }
        })
    }

    fn finish_all(&mut self) {
        while let Some(id) = self.open.keys().next().cloned() {
            self.finish(&id);
        }
    }

    fn finish(&mut self, id: &str) {
        let Some(mut round) = self.open.remove(id) else { return };
        let is_named = self.flags.rounds.trace.iter().any(|wanted| id.starts_with(wanted.as_str()));
        if is_named && self.named.len() < MOST_NAMED {
            self.named.insert(id.to_owned());
        }
        let place = self.places.get(&round.key).copied();
        let Some(path) = place.and_then(|at| self.paths.get_mut(at)) else { return };
        path.run += u64::from(round.number() <= path.last_number);
        path.last_number = round.number();
        round.run = path.run;
        if path.key.vantage.is_none() {
            path.sources.add(round.source());
        }
        for (taken, pick) in path.taken.iter_mut().zip(&self.picks) {
            taken.offer(pick, &round);
        }
    }

    fn taken(self) -> Read {
        let keys = self.paths.iter().map(|path| path.key.clone()).collect();
        let [first, second] = &self.picks;
        let mut routes = [Vec::new(), Vec::new()];
        for Met { taken: [one, other], .. } in self.paths {
            let [of_first, of_second] = &mut routes;
            of_first.extend(one.route(first));
            of_second.extend(other.route(second));
        }
        routes.iter_mut().for_each(without_failures);
        Read { keys, routes, named: self.named }
    }
}

/// Rounds that failed before there was an address are a path only where the host has no other from
/// there; an end whose hops are missing, and that says no error, is none at all.
fn without_failures(routes: &mut Vec<Route>) {
    let way = |key: &Key| (key.host.clone(), key.vantage.clone());
    let traced: BTreeSet<_> =
        routes.iter().filter(|route| !route.ttls.is_empty()).map(|route| way(&route.key)).collect();
    routes.retain(|route| {
        let is_failure = route.error.is_some() && !traced.contains(&way(&route.key));
        !route.ttls.is_empty() || is_failure
    });
}
