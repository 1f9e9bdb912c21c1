//! The traces that are under way, in bounded space: what is known of their hops' places.

use std::cell::RefCell;
use std::rc::Rc;

use tm_enrich::Hop;
use tm_enrich::memory::Memory;
use tm_path::physics::{Flows, Reply, Route};
use tm_path::sphere::Direction;

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
    fn new(vantage: Option<Direction>) -> Self {
        Self { route: Route::new(vantage), written: String::new(), read: Flows::default() }
    }

    /// What a record measured; `None`: nothing that bounds a distance.
    pub(crate) fn reply(&mut self, hop: &Hop<'_>) -> Option<Reply> {
        let rtt_ms = hop.rtt_min().filter(|rtt| rtt.is_finite() && *rtt >= 0.0)?;
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
    vantage: Option<Direction>,
    all: Memory<Box<str>, Rc<RefCell<Trace>>>,
    current: Option<(Box<str>, Rc<RefCell<Trace>>)>,
}

impl Traces {
    pub(crate) fn new(vantage: Option<Direction>) -> Self {
        Self { vantage, all: Memory::new(REMEMBERED), current: None }
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
            None => Rc::new(RefCell::new(Trace::new(self.vantage))),
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
