//! The AS that traces begin in: the origin of the first responder of a trace that has one. It
//! counts as own in every trace from the same source, as far as it has been seen.

use tm_schema::{Asn, Hop};
use tm_stream::memory::Memory;

/// Traces and sources that are remembered.
const REMEMBERED: usize = 1 << 14;

/// ASes that one source may begin in.
const AT_MOST: usize = 64;

/// What is known of where traces begin.
pub(crate) struct Own {
    /// The smallest TTL with an AS, by trace.
    first: Memory<String, u8>,
    /// By source address.
    of_source: Memory<String, Vec<u32>>,
}

impl Default for Own {
    fn default() -> Self {
        Self { first: Memory::new(REMEMBERED), of_source: Memory::new(REMEMBERED) }
    }
}

impl Own {
    /// Whether the AS of a hop is the one that its trace began in.
    pub(crate) fn is(&mut self, hop: &Hop, asn: &Asn) -> bool {
        let numbers: Vec<u32> = asn.number.iter().chain(&asn.origins).copied().collect();
        if numbers.is_empty() {
            return false;
        }
        let source = hop.source_ip.clone().unwrap_or_default();
        let first = self.first.get(&hop.trace_id);
        if first.is_none_or(|first| hop.hop <= *first) {
            self.first.insert(hop.trace_id.clone(), hop.hop);
            let mut known = self.of_source.get(&source).cloned().unwrap_or_default();
            known.extend(
                numbers
                    .iter()
                    .filter(|number| !known.contains(number))
                    .copied()
                    .collect::<Vec<_>>(),
            );
            known.truncate(AT_MOST);
            self.of_source.insert(source, known);
            return true;
        }
        let known = self.of_source.get(&source);
        known.is_some_and(|known| numbers.iter().any(|number| known.contains(number)))
    }
}
