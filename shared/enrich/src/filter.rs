//! The loop: a line in, its member set, the line out. Lines leave in the order they came; a line
//! whose answer is still out holds back those behind it, and nothing else.

use std::collections::{HashSet, VecDeque};
use std::io;
use std::net::IpAddr;
use std::os::fd::AsFd;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};
use tm_stream::cli::Reading;
use tm_stream::input::{self, Input};
use tm_stream::lines::{LONGEST, Line, Lines};
use tm_stream::{Diagnostics, Error, Outcome, Output, signal, splice};

use crate::answers::Answers;
use crate::hop::Hop;
use crate::memory::Memory;

/// Addresses whose answers are remembered.
const REMEMBERED: usize = 1 << 16;

/// Lines that may wait for answers, and their octets; more are not read before.
const WAITING: (usize, usize) = (4096, 8 << 20);

/// Lines that are read before answers are looked for.
const TURN: usize = 256;

/// How long the tools before this one may take to write their last records after a signal.
const GRACE: Duration = Duration::from_secs(1);

/// What a tool supplies: where answers come from, and how one is written.
pub trait Enricher {
    /// What is known of an address.
    type Answer;

    /// The member that the tool owns.
    const MEMBER: &'static str;

    /// Of a router behind a translator, its IPv4 address is looked up.
    const IS_OF_ROUTER: bool = true;

    /// An answer that needs no waiting.
    fn at_once(&mut self, hop: &Hop<'_>, ip: IpAddr) -> Option<Self::Answer>;

    /// Begins a look-up, whose answer is handed in at the desk.
    fn ask(&mut self, hop: &Hop<'_>, ip: IpAddr);

    /// Whether what is known of the address is all that this record needs; otherwise it is asked
    /// for again, and the record waits.
    fn is_enough(&self, _hop: &Hop<'_>, _answer: &Self::Answer) -> bool {
        true
    }

    /// Appends the member's value, as JSON; `false`: the line is to stay as it is. Called once a
    /// record, in the order of the records.
    fn write(
        &mut self,
        hop: &Hop<'_>,
        ip: IpAddr,
        answer: &Self::Answer,
        out: &mut Vec<u8>,
    ) -> bool;

    /// A trace has ended.
    fn trace_ended(&mut self, _trace: &Hop<'_>) {}

    /// Keeps what was found for other runs.
    fn finish(&self);

    /// Whether everybody whom the user named could be asked; those who could not have been named.
    fn is_complete(&self) -> bool {
        true
    }
}

/// Filters every input into `output`.
pub fn run<E: Enricher>(
    enricher: &mut E,
    answers: Answers<E::Answer>,
    reading: &Reading,
    output: &Output,
    diagnostics: &Diagnostics,
) -> Result<Outcome, Error> {
    let (inputs, all) = input::open_all(&reading.files, diagnostics)?;
    let interrupted = signal::exit_with(output, GRACE)?;
    let mut filter = Filter {
        enricher,
        answers,
        output,
        diagnostics,
        strict: reading.strict,
        known: Memory::new(REMEMBERED),
        asked: HashSet::new(),
        waiting: VecDeque::new(),
        waiting_octets: 0,
        value: Vec::new(),
    };
    let result = inputs.into_iter().try_for_each(|input| filter.input(Lines::new(input)));
    let rest = filter.rest();
    output.finish()?;
    result.and(rest)?;
    let all = all && filter.enricher.is_complete();
    Ok(interrupted.or(if all { Outcome::Done } else { Outcome::Incomplete }))
}

/// Which address is looked up for a responder's.
fn subject<E: Enricher>(ip: IpAddr) -> IpAddr {
    let behind = tm_path::special::translated(ip).filter(|_| E::IS_OF_ROUTER);
    behind.map_or(ip, IpAddr::V4)
}

struct Filter<'a, E: Enricher> {
    enricher: &'a mut E,
    answers: Answers<E::Answer>,
    output: &'a Output,
    diagnostics: &'a Diagnostics,
    strict: bool,
    /// `None`: an address that nobody outside can say anything about.
    known: Memory<IpAddr, Option<E::Answer>>,
    asked: HashSet<IpAddr>,
    waiting: VecDeque<Waiting>,
    waiting_octets: usize,
    value: Vec<u8>,
}

/// A line that waits for its turn.
struct Waiting {
    line: Vec<u8>,
    ip: Option<IpAddr>,
    ends_trace: bool,
}

impl<E: Enricher> Filter<'_, E> {
    /// Reads one input to its end.
    fn input(&mut self, mut lines: Lines) -> Result<(), Error> {
        let name = lines.name().to_owned();
        let cannot_read = |error| Error::Failed(format!("cannot read {name}: {error}"));
        while !lines.has_ended() {
            self.take_answers()?;
            if !self.has_room() {
                self.wait(None)?;
                continue;
            }
            if !lines.has_line() {
                if !lines.more_waits() {
                    self.wait(Some(lines.input()))?;
                }
                if lines.input().is_ready() {
                    lines.read_more().map_err(cannot_read)?;
                }
                continue;
            }
            for _ in 0..TURN {
                if !(lines.has_line() && self.has_room()) {
                    break;
                }
                let number = lines.number() + 1;
                if let Some(line) = lines.next_line().map_err(cannot_read)? {
                    self.line(line, &name, number)?;
                }
            }
        }
        Ok(())
    }

    /// Waits for the answers that are still out.
    fn rest(&mut self) -> Result<(), Error> {
        while !self.waiting.is_empty() {
            self.take_answers()?;
            if !self.waiting.is_empty() {
                self.wait(None)?;
            }
        }
        Ok(())
    }

    fn has_room(&self) -> bool {
        self.waiting.len() < WAITING.0 && self.waiting_octets < WAITING.1
    }

    /// Hands over what is done and sleeps until there is an answer, or something to read.
    fn wait(&mut self, input: Option<&Input>) -> Result<(), Error> {
        self.output.flush()?;
        let mut fds = vec![PollFd::new(&self.answers, PollFlags::IN)];
        fds.extend(input.map(|input| PollFd::from_borrowed_fd(input.as_fd(), PollFlags::IN)));
        match poll(&mut fds, None) {
            Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
            Err(error) => Err(io::Error::from(error).into()),
        }
    }

    fn take_answers(&mut self) -> Result<(), Error> {
        let mut any = false;
        while let Some((ip, answer)) = self.answers.take() {
            self.asked.remove(&ip);
            self.known.insert(ip, Some(answer));
            any = true;
        }
        if any { self.release() } else { Ok(()) }
    }

    fn line(&mut self, line: Line<'_>, name: &str, number: u64) -> Result<(), Error> {
        let (bytes, whole) = match line {
            Line::Whole(bytes) => (bytes, true),
            Line::Piece { bytes, last: false } => (bytes, false),
            Line::Piece { bytes, last: true } => {
                let why = format!("a line of over {LONGEST} octets");
                self.diagnostics.malformed(name, number.saturating_sub(1), why);
                (bytes, false)
            }
        };
        if !whole || bytes.trim_ascii().is_empty() {
            return self.pass(bytes, None, false);
        }
        let (hop, shape) = match Hop::scan(bytes, E::MEMBER) {
            Ok(scanned) => scanned,
            Err(error) => {
                self.diagnostics.malformed(name, number, error);
                self.pass(bytes, None, false)?;
                return self.stop_if_strict();
            }
        };
        let ip = hop.responder().map(subject::<E>);
        let known = ip.is_none_or(|ip| self.is_known(&hop, ip));
        if !known || !self.waiting.is_empty() {
            return self.pass(bytes, ip, hop.ends_trace());
        }
        if hop.ends_trace() {
            self.enricher.trace_ended(&hop);
        }
        match ip {
            Some(ip) => self.set(bytes, &hop, &shape, ip),
            None => Ok(self.output.raw(bytes)?),
        }
    }

    fn stop_if_strict(&self) -> Result<(), Error> {
        match self.strict {
            true => Err(Error::Failed("stopped at a line that is no record (--strict)".to_owned())),
            false => Ok(()),
        }
    }

    /// Whether the answer is here; where it is not, it is asked for, once.
    fn is_known(&mut self, hop: &Hop<'_>, ip: IpAddr) -> bool {
        if let Some(answer) = self.known.get(&ip)
            && answer.as_ref().is_none_or(|answer| self.enricher.is_enough(hop, answer))
        {
            return true;
        }
        if self.asked.contains(&ip) {
            return false;
        }
        let answer = if tm_path::special::is_private(ip) {
            None
        } else if let Some(answer) = self.enricher.at_once(hop, ip) {
            Some(answer)
        } else {
            self.asked.insert(ip);
            self.enricher.ask(hop, ip);
            return false;
        };
        self.known.insert(ip, answer);
        true
    }

    /// Passes a line on: now, or when those before it have gone.
    fn pass(&mut self, bytes: &[u8], ip: Option<IpAddr>, ends_trace: bool) -> Result<(), Error> {
        if self.waiting.is_empty() && ip.is_none() {
            return Ok(self.output.raw(bytes)?);
        }
        self.waiting_octets += bytes.len();
        self.waiting.push_back(Waiting { line: bytes.to_vec(), ip, ends_trace });
        Ok(())
    }

    /// Lets go what no longer waits.
    fn release(&mut self) -> Result<(), Error> {
        while let Some(first) = self.waiting.pop_front() {
            if !self.let_go(&first)? {
                self.waiting.push_front(first);
                break;
            }
            self.waiting_octets -= first.line.len();
        }
        Ok(())
    }

    /// Writes a line that has waited, if its answer is here. It may have been forgotten in the
    /// meantime; then it is asked for again.
    fn let_go(&mut self, waiting: &Waiting) -> Result<bool, Error> {
        let Waiting { line, ip, ends_trace } = waiting;
        if ip.is_none() && !ends_trace {
            return Ok(self.output.raw(line).map(|()| true)?);
        }
        let Ok((hop, shape)) = Hop::scan(line, E::MEMBER) else {
            return Ok(self.output.raw(line).map(|()| true)?);
        };
        match *ip {
            Some(ip) if !self.is_known(&hop, ip) => return Ok(false),
            Some(ip) => self.set(line, &hop, &shape, ip)?,
            None => {
                self.enricher.trace_ended(&hop);
                self.output.raw(line)?;
            }
        }
        Ok(true)
    }

    /// Writes a line with its member set.
    fn set(
        &mut self,
        bytes: &[u8],
        hop: &Hop<'_>,
        shape: &splice::Shape,
        ip: IpAddr,
    ) -> Result<(), Error> {
        self.value.clear();
        let answer = self.known.get(&ip).and_then(Option::as_ref);
        let is_set =
            answer.is_some_and(|answer| self.enricher.write(hop, ip, answer, &mut self.value));
        if !is_set {
            return Ok(self.output.raw(bytes)?);
        }
        let splice = |out: &mut Vec<u8>| splice::set(bytes, shape, E::MEMBER, &self.value, out);
        Ok(self.output.append(splice)?)
    }
}
