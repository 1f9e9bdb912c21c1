//! What earlier traces met, so that later ones need not go there again: the stop sets of
//! Doubletree (Donnet, Raoult, Friedman, Crovella 2005).
//!
//! - The local set: who answers at which TTL from this source. Paths from one source are a tree:
//!   near it they are the same, so probing backwards ends at the first responder known.
//! - The global set: who lies on the way to which destination. Paths to one destination are a
//!   tree, too; so probing forwards ends there. It holds for every source, and is worth sharing.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::net::IpAddr;
use std::rc::Rc;

/// Both sets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StopSet {
    entries: BTreeMap<Entry, Standing>,
    settled: usize,
}

/// Whom one need not meet again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Entry {
    /// Who answers at a TTL from a source.
    Local(IpAddr, u8, IpAddr),
    /// Who lies on the way to a destination: destination, responder.
    Global(IpAddr, IpAddr),
}

/// Whether a record tells of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    /// The trace that met it still goes on.
    Met,
    /// It is over.
    Settled,
}

/// Sets that all traces of a run share.
pub type SharedStopSet = Rc<RefCell<StopSet>>;

impl StopSet {
    /// Reads what [`Self::to_text`] wrote; the error is a line number and what is wrong there.
    pub fn parse(text: &str) -> Result<Self, (usize, String)> {
        let mut set = Self::default();
        for (number, line) in (1..).zip(text.lines()) {
            let line = line.trim();
            if !line.is_empty() && !line.starts_with('#') {
                set.read(line).map_err(|error| (number, error))?;
            }
        }
        Ok(set)
    }

    fn read(&mut self, line: &str) -> Result<(), String> {
        let ip = |text: &str| {
            text.parse::<IpAddr>().map_err(|_| format!("{text:?} is no address").replace('\\', ""))
        };
        match line.split_whitespace().collect::<Vec<_>>().as_slice() {
            ["local", source, ttl, responder] => {
                let ttl = ttl.parse::<u8>().ok().filter(|ttl| *ttl > 0);
                let ttl = ttl.ok_or_else(|| "the TTL is not 1 to 255".to_owned())?;
                self.settle(&[Entry::Local(ip(source)?, ttl, ip(responder)?)]);
            }
            ["global", destination, responder] => {
                self.settle(&[Entry::Global(ip(destination)?, ip(responder)?)]);
            }
            _ => {
                let wanted = "local SOURCE TTL RESPONDER, or global DESTINATION RESPONDER";
                return Err(format!("it is not: {wanted}"));
            }
        }
        Ok(())
    }

    /// Entries that are settled.
    pub fn settled(&self) -> usize {
        self.settled
    }

    /// One line an entry, sorted. What a trace has met that is not over is left out: who has lost
    /// its records must not be told that it is known.
    pub fn to_text(&self) -> String {
        let mut text = "# Stop sets of tm-probe: who was met, and need not be again\n".to_owned();
        let settled = self.entries.iter().filter(|(_, standing)| **standing == Standing::Settled);
        for (entry, _) in settled {
            let _ = match entry {
                Entry::Local(source, ttl, responder) => {
                    writeln!(text, "local {source} {ttl} {responder}")
                }
                Entry::Global(destination, responder) => {
                    writeln!(text, "global {destination} {responder}")
                }
            };
        }
        text
    }

    /// Notes who was met; true if that was known.
    pub(crate) fn meet(&mut self, entry: Entry) -> bool {
        let is_known = self.entries.contains_key(&entry);
        self.entries.entry(entry).or_insert(Standing::Met);
        is_known
    }

    /// The trace that met these is over.
    pub(crate) fn settle(&mut self, entries: &[Entry]) {
        for entry in entries {
            let before = self.entries.insert(*entry, Standing::Settled);
            self.settled += usize::from(before != Some(Standing::Settled));
        }
    }
}

/// What must hold of any text: what is read of it can be written and read again, or one of its
/// lines is named.
#[cfg(any(test, fuzzing))]
pub(crate) fn check(text: &str) {
    match StopSet::parse(text) {
        Ok(set) => assert_eq!(StopSet::parse(&set.to_text()), Ok(set)),
        Err((line, _)) => assert!((1..=text.lines().count()).contains(&line)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_written_is_read_again() {
        let mut set = StopSet::default();
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        let near = Entry::Local(ip("192.0.2.1"), 3, ip("198.51.100.1"));
        let farther = Entry::Local(ip("192.0.2.1"), 4, ip("198.51.100.1"));
        let towards = Entry::Global(ip("2001:db8::9"), ip("2001:db8::1"));
        assert!(!set.meet(near) && set.meet(near));
        assert!(!set.meet(farther) && !set.meet(towards));
        assert_eq!(StopSet::parse(&set.to_text()), Ok(StopSet::default()), "nothing is over");
        set.settle(&[near, farther]);
        assert_eq!((set.settled(), set.to_text().lines().count()), (2, 3));
        set.settle(&[near, towards]);
        assert_eq!(StopSet::parse(&set.to_text()), Ok(set));
    }

    #[test]
    fn a_wrong_line_is_named() {
        for wrong in ["local 192.0.2.1 0 192.0.2.2", "global here there", "192.0.2.1", "local a b"]
        {
            let text = format!("# fine\n\n{wrong}\n");
            assert_eq!(StopSet::parse(&text).unwrap_err().0, 3, "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "\\PC{0,80}") {
            check(&text);
        }

        #[test]
        fn damaged_sets_are_read_for_good_or_a_line_is_named(
            text in tm_mutate::text(tm_mutate::seeds("lists"))
        ) {
            check(&text);
        }
    }
}
