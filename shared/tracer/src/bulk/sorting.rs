//! Observations sorted by target and TTL in bounded memory: what has been gathered is sorted and
//! written to a temporary file, a run at a time, and all runs are merged in the end.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use super::observation::{Observation, Octets, What};

/// Octets of a run.
const RUN: usize = 4 << 20;
/// Runs that wait to be written.
const WAITING: usize = 2;
/// Octets of memory for reading all runs back.
const MERGING: usize = 32 << 20;
/// Octets of one run read at a time, at the least and at the most.
const READ: (usize, usize) = (4 << 10, 256 << 10);
/// Octets before an observation: its length, the target, the TTL.
const HEAD: usize = 7;

/// Takes observations; each thread has one of its own.
#[derive(Debug)]
pub(crate) struct Sorter {
    run: Run,
    full: SyncSender<Run>,
}

/// Observations in the order in which they came.
#[derive(Debug, Default)]
struct Run {
    octets: Vec<u8>,
    /// Where each begins, and what it is sorted by.
    entries: Vec<(u64, u32)>,
}

/// Writes runs; in a thread of its own.
#[derive(Debug)]
pub(crate) struct Writer(Receiver<Run>);

/// A writer, and what fills it.
pub(crate) fn sorter() -> (Sorter, Writer) {
    let (full, runs) = sync_channel(WAITING);
    (Sorter { run: Run::default(), full }, Writer(runs))
}

impl Sorter {
    /// One more, for another thread.
    pub(crate) fn another(&self) -> Self {
        Self { run: Run::default(), full: self.full.clone() }
    }

    /// Takes an observation.
    pub(crate) fn push(&mut self, observation: &Observation) -> io::Result<()> {
        let Observation { target, ttl, what } = observation;
        let octets = &mut self.run.octets;
        let at = octets.len();
        octets.extend([0, 0]);
        octets.extend(target.to_le_bytes());
        octets.push(*ttl);
        what.write(octets);
        let len = (octets.len() - at - HEAD) as u16; // far below 64 KiB, whatever was observed
        if let Some(place) = octets.get_mut(at..at + 2) {
            place.copy_from_slice(&len.to_le_bytes());
        }
        self.run.entries.push((u64::from(*target) << 8 | u64::from(*ttl), at as u32));
        if self.run.octets.len() >= RUN { self.flush() } else { Ok(()) }
    }

    /// Hands over what has been taken.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        let full = std::mem::take(&mut self.run);
        // The writer says itself what kept it from writing.
        self.full.send(full).map_err(|_| io::Error::other("observations cannot be kept"))
    }
}

impl Writer {
    /// Writes until every sorter is gone.
    pub(crate) fn run(self) -> io::Result<Sorted> {
        let mut file = tempfile::tempfile()?;
        let (mut runs, mut from, mut sorted) = (Vec::new(), 0, Vec::new());
        for Run { octets, mut entries } in self.0 {
            entries.sort_unstable(); // equal ones stay in their order: they begin one after another
            sorted.clear();
            for (_, at) in entries {
                let entry = octets.get(at as usize..).unwrap_or_default();
                let len = Octets(entry).array().map_or(0, u16::from_le_bytes);
                sorted.extend_from_slice(entry.get(..HEAD + usize::from(len)).unwrap_or_default());
            }
            file.write_all(&sorted)?;
            runs.push((from, from + sorted.len() as u64));
            from += sorted.len() as u64;
        }
        Ok(Sorted { file, runs })
    }
}

/// All runs.
#[derive(Debug)]
pub(crate) struct Sorted {
    file: File,
    runs: Vec<(u64, u64)>,
}

impl Sorted {
    /// All observations, in the order of targets and TTLs; those that are equal in both in the
    /// order in which they came.
    pub(crate) fn merge(&self) -> io::Result<Merge<'_>> {
        let chunk = (MERGING / self.runs.len().max(1)).clamp(READ.0, READ.1);
        let mut merge = Merge { file: &self.file, runs: Vec::new(), next: BinaryHeap::new() };
        for &(from, to) in &self.runs {
            merge.runs.push(Reader { from, to, chunk, buffer: Vec::new(), start: 0 });
            merge.queue(merge.runs.len() - 1)?;
        }
        Ok(merge)
    }
}

/// The runs, merged.
#[derive(Debug)]
pub(crate) struct Merge<'a> {
    file: &'a File,
    runs: Vec<Reader>,
    next: BinaryHeap<Reverse<(u32, u8, usize)>>,
}

impl Merge<'_> {
    /// The number of the target that comes next.
    pub(crate) fn target(&self) -> Option<u32> {
        self.next.peek().map(|Reverse((target, ..))| *target)
    }

    /// The next observation.
    pub(crate) fn next(&mut self) -> io::Result<Option<Observation>> {
        let Some(Reverse((target, ttl, run))) = self.next.pop() else { return Ok(None) };
        let reader = self.runs.get_mut(run).ok_or_else(torn)?;
        let what = What::read(reader.body().ok_or_else(torn)?).ok_or_else(torn)?;
        reader.skip();
        self.queue(run)?;
        Ok(Some(Observation { target, ttl, what }))
    }

    fn queue(&mut self, run: usize) -> io::Result<()> {
        if let Some(reader) = self.runs.get_mut(run)
            && let Some((target, ttl)) = reader.peek(self.file)?
        {
            self.next.push(Reverse((target, ttl, run)));
        }
        Ok(())
    }
}

fn torn() -> io::Error {
    io::Error::other("the temporary file is not as it was written")
}

/// One run while it is read.
#[derive(Debug)]
struct Reader {
    from: u64,
    to: u64,
    chunk: usize,
    buffer: Vec<u8>,
    /// Octets of the buffer that have been read.
    start: usize,
}

impl Reader {
    /// Target and TTL of the next observation, which is then in the buffer as a whole.
    fn peek(&mut self, file: &File) -> io::Result<Option<(u32, u8)>> {
        loop {
            let mut waiting = Octets(self.buffer.get(self.start..).unwrap_or_default());
            let head = waiting.array::<HEAD>();
            if let Some([a, b, target @ .., ttl]) = head
                && waiting.0.len() >= usize::from(u16::from_le_bytes([a, b]))
            {
                return Ok(Some((u32::from_le_bytes(target), ttl)));
            }
            if self.from == self.to {
                return Ok(None);
            }
            self.buffer.drain(..self.start);
            self.start = 0;
            let more = (self.to - self.from).min(self.chunk as u64);
            let kept = self.buffer.len();
            self.buffer.resize(kept + more as usize, 0);
            let place = self.buffer.get_mut(kept..).unwrap_or_default();
            file.read_exact_at(place, self.from)?;
            self.from += more;
        }
    }

    fn len(&self) -> usize {
        let mut octets = Octets(self.buffer.get(self.start..).unwrap_or_default());
        octets.array().map_or(0, |len| usize::from(u16::from_le_bytes(len)))
    }

    fn body(&self) -> Option<&[u8]> {
        self.buffer.get(self.start + HEAD..self.start + HEAD + self.len())
    }

    fn skip(&mut self) {
        self.start += HEAD + self.len();
    }
}

#[cfg(test)]
mod tests {
    use super::super::observation::tests::what;
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

        #[test]
        fn nothing_is_lost_and_all_comes_in_order(
            runs in prop::collection::vec(prop::collection::vec((0u32..50, 0u8..8, what()), 0..60), 0..6),
        ) {
            let (mut sorter, writer) = sorter();
            let writing = std::thread::spawn(move || writer.run());
            let mut wanted = Vec::new();
            for run in runs {
                for (target, ttl, what) in run {
                    let observation = Observation { target, ttl, what };
                    sorter.push(&observation).unwrap();
                    wanted.push(observation);
                }
                sorter.flush().unwrap();
            }
            drop(sorter);
            wanted.sort_by_key(|observation| (observation.target, observation.ttl));
            let sorted = writing.join().unwrap().unwrap();
            let mut merge = sorted.merge().unwrap();
            let mut found = Vec::new();
            while let Some(observation) = merge.next().unwrap() {
                found.push(observation);
            }
            prop_assert_eq!(found, wanted);
        }
    }
}
