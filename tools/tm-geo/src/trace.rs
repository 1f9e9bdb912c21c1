//! The traces that are under way, in bounded space: what is known of their hops' places.

use std::cell::RefCell;
use std::net::IpAddr;
use std::rc::Rc;

use tm_enrich::Hop;
use tm_enrich::memory::Memory;
use tm_path::physics::{Flows, Reply, Route, Spot};

use crate::flags::Origin;

/// Traces that are remembered; one without an end is forgotten at some time.
const REMEMBERED: usize = 512;

/// Flows of one record that are read; more are not told apart.
const MOST_FLOWS: usize = 256;

/// One trace.
#[derive(Debug)]
pub(crate) struct Trace {
    pub(crate) route: Route,
    /// The flows of the last record, as written and as read: they hardly ever change.
    written: String,
    read: Flows,
}

impl Trace {
    fn new(vantage: Option<Spot>) -> Self {
        Self { route: Route::new(vantage), written: String::new(), read: Flows::default() }
    }

    /// What a record measured; `None`: nothing that bounds a distance.
    pub(crate) fn reply(&mut self, hop: &Hop<'_>) -> Option<Reply> {
        let rtt_ms = hop.rtt_min()?;
        if hop.flows != self.written {
            let flows: Vec<u16> = serde_json::from_str(hop.flows).unwrap_or_default();
            self.read = if flows.len() > MOST_FLOWS { Flows::default() } else { Flows::new(flows) };
            self.written.clear();
            self.written.push_str(hop.flows);
        }
        Some(Reply { hop: hop.hop.parse().ok()?, rtt_ms, flows: self.read.clone() })
    }
}

/// Every trace that is under way.
#[derive(Debug)]
pub(crate) struct Traces {
    vantages: Vec<(Option<IpAddr>, Spot)>,
    all: Memory<Box<str>, Rc<RefCell<Trace>>>,
    current: Option<(Box<str>, Rc<RefCell<Trace>>)>,
}

impl Traces {
    pub(crate) fn new(origins: &[Origin]) -> Self {
        let vantages = origins.iter().map(|Origin { source, point }| {
            let name = format!("{},{}", point.lat, point.lon).into();
            (*source, Spot { direction: point.direction(), name })
        });
        Self { vantages: vantages.collect(), all: Memory::new(REMEMBERED), current: None }
    }

    /// Where the probes left from, as it was given: for their address, or for all.
    fn vantage(&self, hop: &Hop<'_>) -> Option<Spot> {
        let source = hop.source();
        let of = |wanted: Option<IpAddr>| {
            let spot = self.vantages.iter().rfind(|(of, _)| *of == wanted)?.1.clone();
            Some(spot)
        };
        source.and_then(|source| of(Some(source))).or_else(|| of(None))
    }

    /// The trace that a record belongs to.
    pub(crate) fn of(&mut self, hop: &Hop<'_>) -> Rc<RefCell<Trace>> {
        if let Some((id, trace)) = &self.current
            && **id == *hop.trace_id
            && !hop.trace_id.is_empty()
        {
            return Rc::clone(trace);
        }
        let id: Box<str> = hop.trace_id.into();
        let trace = match self.all.get(&id) {
            Some(trace) => Rc::clone(trace),
            None => Rc::new(RefCell::new(Trace::new(self.vantage(hop)))),
        };
        // Records of no trace have no path in common.
        if !id.is_empty() {
            self.all.insert(id.clone(), Rc::clone(&trace));
            self.current = Some((id, Rc::clone(&trace)));
        }
        trace
    }

    /// Forgets a trace.
    pub(crate) fn end(&mut self, hop: &Hop<'_>) {
        let id: Box<str> = hop.trace_id.into();
        self.all.remove(&id);
        self.current = self.current.take().filter(|(current, _)| *current != id);
    }
}
