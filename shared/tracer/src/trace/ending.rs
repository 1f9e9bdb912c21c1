//! Where a flow ends, as far as its answers say.

use std::net::IpAddr;

use tm_schema::ReplyKind;

use super::Answer;

/// Where a flow ends, as far as its answers say.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Ending {
    destination: Option<u8>,
    refused: Option<u8>,
    /// The farthest TTL that it passed.
    pub(crate) passed: u8,
}

impl Ending {
    /// The nearest answer of the destination, or else the nearest "unreachable" that nobody
    /// farther away belies; and whether it is the destination.
    pub(crate) fn end(self) -> Option<(u8, bool)> {
        let refused = self.refused.filter(|&ttl| ttl > self.passed);
        self.destination.map(|ttl| (ttl, true)).or(refused.map(|ttl| (ttl, false)))
    }

    /// The farthest TTL of note.
    pub(crate) fn farthest(self) -> u8 {
        self.passed.max(self.destination.unwrap_or(0)).max(self.refused.unwrap_or(0))
    }

    /// A probe with this TTL was answered.
    pub(crate) fn note(&mut self, ttl: u8, answer: &Answer, target: IpAddr) {
        let nearest = |end: Option<u8>| Some(end.map_or(ttl, |known| known.min(ttl)));
        match answer.kind {
            ReplyKind::TimeExceeded => self.passed = self.passed.max(ttl),
            _ if answer.responder == target => self.destination = nearest(self.destination),
            _ => self.refused = nearest(self.refused),
        }
    }
}
