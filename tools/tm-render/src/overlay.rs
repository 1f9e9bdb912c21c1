//! Hops that filters still have. Until their records come, they stand in the live table as they
//! were before; nothing that is kept or left standing ever sees them.

use std::borrow::Cow;
use std::collections::VecDeque;

use clap::ValueEnum;
use tm_schema::{Hop, Record, Trace};

use crate::view::{Key, View, Views};

/// Hops that may wait for their records. Filters seldom hold as many; the oldest give way.
const WAITING: usize = 4096;

/// Traces whose end is remembered.
const ENDED: usize = 64;

/// A member that a filter adds to a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Member {
    /// Names (tm-dns)
    Dns,
    /// Origin AS (tm-asn)
    Asn,
    /// Place (tm-geo)
    Geo,
}

/// Which record a hop is, whatever filters add to it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Identity {
    trace_id: String,
    hop: u8,
    ip: Option<String>,
}

impl Identity {
    fn of(hop: &Hop) -> Self {
        Self { trace_id: hop.trace_id.clone(), hop: hop.hop, ip: hop.ip.clone() }
    }

    fn is(&self, hop: &Hop) -> bool {
        (&self.trace_id, self.hop, &self.ip) == (&hop.trace_id, hop.hop, &hop.ip)
    }
}

/// The hops that wait.
#[derive(Debug)]
pub(crate) struct Overlay {
    /// Every round has a view of its own.
    each: bool,
    /// What filters are to add.
    awaited: Vec<Member>,
    /// In the order they came.
    waiting: VecDeque<Hop>,
    /// Records that were faster than their previews.
    early: VecDeque<Identity>,
    /// Traces of which nothing more is to come.
    ended: VecDeque<String>,
    /// More may come.
    is_open: bool,
    /// A preview is what came last.
    is_newest: bool,
}

impl Overlay {
    /// Of nothing yet; `is_open`: hops are to be expected.
    pub(crate) fn new(each: bool, awaited: Vec<Member>, is_open: bool) -> Self {
        let (waiting, early, ended) = (VecDeque::new(), VecDeque::new(), VecDeque::new());
        Self { each, awaited, waiting, early, ended, is_open, is_newest: false }
    }

    /// No more hops come. Those that wait wait on.
    pub(crate) fn close(&mut self) {
        self.is_open = false;
        self.early.clear();
    }

    /// A hop on its way to the filters. Returns whether there is anything new to show.
    pub(crate) fn preview(&mut self, hop: Hop) -> bool {
        if self.ended.contains(&hop.trace_id) {
            return false;
        }
        if let Some(at) = self.early.iter().position(|early| early.is(&hop)) {
            self.early.remove(at);
            return false;
        }
        push(&mut self.waiting, hop, WAITING);
        self.is_newest = true;
        true
    }

    /// A record has come through the filters.
    pub(crate) fn record(&mut self, record: &Record) {
        match record {
            _ if self.waiting.is_empty() && !self.is_open => {}
            Record::Hop(hop) => self.replace(hop),
            Record::Trace(trace) => self.end(trace),
            Record::Alert(_) | Record::Other(_) => {}
        }
    }

    fn replace(&mut self, hop: &Hop) {
        self.is_newest = false;
        let identity = Identity::of(hop);
        match self.waiting.iter().position(|waiting| identity.is(waiting)) {
            Some(at) => drop(self.waiting.remove(at)),
            None if self.is_open => push(&mut self.early, identity, WAITING),
            None => {}
        }
    }

    /// A trace is over: what filters have not let through by now, they have dropped.
    fn end(&mut self, trace: &Trace) {
        self.is_newest = false;
        self.waiting.retain(|hop| hop.trace_id != trace.trace_id);
        self.early.retain(|early| early.trace_id != trace.trace_id);
        push(&mut self.ended, trace.trace_id.clone(), ENDED);
    }

    /// The view that changed last, with the hops that wait.
    pub(crate) fn latest<'a>(&self, views: &'a Views) -> Option<Cow<'a, View>> {
        let newest = self.waiting.back().filter(|_| self.is_newest);
        let (key, view) = match (newest.map(|hop| self.key(hop)), views.latest()) {
            (Some(key), _) => (key.clone(), views.get(&key)),
            (None, Some((key, view))) => (key.clone(), Some(view)),
            (None, None) => return None,
        };
        self.over(&key, view)
    }

    /// A view, if there is one, with the hops that wait.
    pub(crate) fn over<'a>(&self, key: &Key, view: Option<&'a View>) -> Option<Cow<'a, View>> {
        let mut waiting = self.waiting.iter().filter(|hop| self.key(hop) == *key).peekable();
        if waiting.peek().is_none() {
            return view.map(Cow::Borrowed);
        }
        let mut view = view.map_or_else(|| View::new(key), View::clone);
        waiting.for_each(|hop| view.preview(hop.clone(), &self.awaited));
        Some(Cow::Owned(view))
    }

    /// How many views there are, with those of which there are only hops that wait.
    pub(crate) fn views(&self, views: &Views) -> usize {
        let mut unknown: Vec<Key> = Vec::new();
        for key in self.waiting.iter().map(|hop| self.key(hop)) {
            if views.get(&key).is_none() && !unknown.contains(&key) {
                unknown.push(key);
            }
        }
        views.len() + unknown.len()
    }

    fn key(&self, hop: &Hop) -> Key {
        Key::of_hop(hop, self.each)
    }
}

/// Adds to a queue that holds `most`.
fn push<T>(queue: &mut VecDeque<T>, value: T, most: usize) {
    if queue.len() == most {
        queue.pop_front();
    }
    queue.push_back(value);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::column::Column;
    use crate::symbols::Symbols;
    use crate::view::{Responder, Ttl};

    const ALL: [Member; 3] = [Member::Dns, Member::Asn, Member::Geo];

    fn hop(trace_id: &str, hop: u8, ip: &str) -> Hop {
        let hop = json!({
            "trace_id": trace_id, "host": "example.com", "resolved_ip": "192.0.2.9",
            "source_ip": null, "protocol": "udp", "port": 33434, "at": "2026-11-24T10:00:00Z",
            "hop": hop, "ip": ip, "probes": [{"rtt_ms": 5.0, "ok": true, "flow": 0}],
            "sent": 1, "received": 1, "loss_pct": 0.0, "rtt": null, "reply": null, "flows": [0],
            "is_destination": false, "is_private": false, "is_timeout": false,
        });
        serde_json::from_value(hop).unwrap()
    }

    fn looked_up(mut hop: Hop) -> Hop {
        hop.dns = serde_json::from_value(json!({"hostname": "r.example", "source": "x"})).unwrap();
        hop
    }

    fn end(trace_id: &str) -> Trace {
        let trace = json!({
            "type": "trace", "trace_id": trace_id, "host": "example.com",
            "resolved_ip": "192.0.2.9", "source_ip": null, "protocol": "udp", "port": 33434,
            "round": 1, "tool": "t", "version": "1", "platform": "x", "max_hops": 30, "probes": 1,
            "timeout_s": 1.0, "method": "paris", "started_at": "2026-11-24T10:00:00Z",
            "completed_at": "2026-11-24T10:00:01Z", "reached": true, "stop": "destination",
            "error": null, "hops": 1, "responded": 1, "sent": 1, "received": 1,
        });
        serde_json::from_value(trace).unwrap()
    }

    /// What comes on either way.
    struct Stream {
        views: Views,
        overlay: Overlay,
    }

    impl Stream {
        fn new() -> Self {
            Self { views: Views::new(false), overlay: Overlay::new(false, ALL.to_vec(), true) }
        }

        fn preview(&mut self, hop: Hop) -> bool {
            self.overlay.preview(hop)
        }

        fn record(&mut self, hop: Hop) {
            self.overlay.replace(&hop);
            self.views.hop(looked_up(hop));
        }

        fn end(&mut self, trace_id: &str) {
            let trace = end(trace_id);
            self.overlay.end(&trace);
            self.views.trace(trace);
        }

        /// The live table: address, name, number of answers.
        fn shown(&self) -> Vec<String> {
            let Some(view) = self.overlay.latest(&self.views) else { return Vec::new() };
            let line = |ttl: u8, at: &Ttl, responder: &Responder| {
                let columns = [Column::Ip, Column::Host, Column::Recv];
                columns.map(|column| column.cell(ttl, at, responder, Symbols::Unicode)).join(" ")
            };
            let ttls = view.ttls.iter();
            ttls.flat_map(|(&ttl, at)| at.responders.iter().map(move |by| line(ttl, at, by)))
                .collect()
        }
    }

    #[test]
    fn a_hop_stands_until_its_record_comes() {
        let mut stream = Stream::new();
        assert!(
            stream.preview(hop("a", 1, "192.0.2.1")) && stream.preview(hop("a", 2, "192.0.2.2"))
        );
        assert_eq!(stream.shown(), ["192.0.2.1 … 1", "192.0.2.2 … 1"]);
        stream.record(hop("a", 1, "192.0.2.1"));
        assert_eq!(stream.shown(), ["192.0.2.1 r.example 1", "192.0.2.2 … 1"]);
        stream.record(hop("a", 2, "192.0.2.2"));
        assert_eq!(stream.shown(), ["192.0.2.1 r.example 1", "192.0.2.2 r.example 1"]);
    }

    #[test]
    fn what_is_kept_never_sees_it() {
        let mut stream = Stream::new();
        stream.preview(hop("a", 1, "192.0.2.1"));
        assert_eq!((stream.overlay.views(&stream.views), stream.views.len()), (1, 0));
        assert_eq!(stream.views.rest().count(), 0);
    }

    #[test]
    fn what_is_known_of_an_address_stays_and_its_answers_count_at_once() {
        let mut stream = Stream::new();
        stream.record(hop("a", 1, "192.0.2.1"));
        stream.end("a");
        stream.preview(hop("b", 1, "192.0.2.1"));
        assert_eq!(stream.shown(), ["192.0.2.1 r.example 2"]);
        stream.record(hop("b", 1, "192.0.2.1"));
        assert_eq!(stream.shown(), ["192.0.2.1 r.example 2"]);
    }

    #[test]
    fn a_record_that_is_faster_than_its_preview_stands() {
        let mut stream = Stream::new();
        stream.record(hop("a", 1, "192.0.2.1"));
        assert!(!stream.preview(hop("a", 1, "192.0.2.1")));
        assert_eq!(stream.shown(), ["192.0.2.1 r.example 1"]);
        stream.end("a");
        assert!(!stream.preview(hop("a", 2, "192.0.2.2")), "the trace is over");
        assert_eq!(stream.shown(), ["192.0.2.1 r.example 1"]);
    }

    #[test]
    fn what_filters_drop_goes_with_the_end_of_its_trace() {
        let mut stream = Stream::new();
        stream.preview(hop("a", 1, "192.0.2.1"));
        stream.preview(hop("a", 2, "192.0.2.2"));
        stream.preview(hop("b", 3, "192.0.2.3"));
        stream.record(hop("a", 2, "192.0.2.2"));
        stream.end("a");
        assert_eq!(stream.shown(), ["192.0.2.2 r.example 1", "192.0.2.3 … 1"]);
    }

    #[test]
    fn memory_is_bounded_whatever_comes() {
        let mut stream = Stream::new();
        for at in 0..WAITING + 10 {
            stream.preview(hop(&format!("preview {at}"), 1, "192.0.2.1"));
            stream.record(hop(&format!("record {at}"), 1, "192.0.2.1"));
            stream.end(&format!("end {at}"));
        }
        let Overlay { waiting, early, ended, .. } = &mut stream.overlay;
        assert_eq!((waiting.len(), early.len(), ended.len()), (WAITING, WAITING, ENDED));
        stream.overlay.close();
        stream.record(hop("late", 1, "192.0.2.1"));
        assert!(stream.overlay.early.is_empty());
    }

    #[test]
    fn the_host_of_what_came_last_is_shown_and_others_are_counted() {
        let mut stream = Stream::new();
        stream.record(hop("a", 1, "192.0.2.1"));
        let other = Hop { host: "example.net".to_owned(), ..hop("b", 1, "192.0.2.2") };
        stream.preview(other);
        assert_eq!(stream.shown(), ["192.0.2.2 … 1"]);
        assert_eq!(stream.overlay.views(&stream.views), 2);
        stream.record(hop("a", 2, "192.0.2.3"));
        assert_eq!(stream.shown(), ["192.0.2.1 r.example 1", "192.0.2.3 r.example 1"]);
    }
}
