//! `mtr --raw`: every probe as it is sent and answered. Each of mtr's cycles is a round, written
//! as soon as no answer to it can be expected: when the cycle after the next begins.

use std::collections::{HashMap, VecDeque};
use std::io::Read;

use tm_schema::Probe;
use tm_stream::Error;

use crate::draft::{Draft, Responder, answered, lost};
use crate::hash::Hash;
use crate::mtr_json::{empty, origin};
use crate::sink::Sink;
use crate::traceroute::TextLines;
use crate::{address, mpls};

/// Rounds that answers may still come for.
const OPEN: usize = 2;

#[derive(Default)]
struct Round {
    number: u64,
    hash: Hash,
    sent: Vec<Sent>,
}

struct Sent {
    ttl: u8,
    sequence: Option<u64>,
    /// Who answered, and when.
    answer: Option<(String, Probe)>,
}

/// What is known of each TTL whatever the round.
#[derive(Default)]
struct Host {
    ip: Option<String>,
    labels: Vec<(String, tm_schema::MplsLabel)>,
}

#[derive(Default)]
struct Cycles {
    open: VecDeque<Round>,
    hosts: HashMap<u8, Host>,
    names: HashMap<String, String>,
    origins: HashMap<String, String>,
    next: u64,
}

/// Imports the rounds of the text.
pub(crate) fn read(from: impl Read, sink: &mut Sink) -> Result<(), Error> {
    let mut lines = TextLines::new(from);
    let mut cycles = Cycles::default();
    while let Some((number, line)) = lines.next_text(sink)? {
        if let Err(reason) = cycles.line(&line) {
            sink.bad(number, reason)?;
        }
        while cycles.open.len() > OPEN {
            cycles.write_oldest(sink)?;
        }
    }
    while !cycles.open.is_empty() {
        cycles.write_oldest(sink)?;
    }
    Ok(())
}

impl Cycles {
    fn line(&mut self, line: &str) -> Result<(), String> {
        let mut words = line.split_whitespace();
        let kind = words.next().unwrap_or_default();
        let index: u8 = parse(words.next(), "the hop")?;
        let ttl = index.checked_add(1).ok_or("the hop is beyond 255")?;
        match kind {
            "x" => {
                let sequence = parse(words.next(), "the probe")?;
                self.probe(ttl, Some(sequence), line);
            }
            "p" => {
                let micros: u32 = parse(words.next(), "the time")?;
                let sequence =
                    words.next().map(|word| parse(Some(word), "the probe")).transpose()?;
                self.answer(ttl, micros, sequence, line)?;
            }
            "h" => {
                let ip = words.next().ok_or("the address is missing")?;
                let ip = address::canonical(ip).ok_or_else(|| format!("`{ip}` is no address"))?;
                self.host(ttl).ip = Some(ip);
            }
            "d" => {
                let name = words.next().ok_or("the name is missing")?.to_owned();
                if let Some(ip) = self.host(ttl).ip.clone() {
                    self.names.insert(ip, name);
                }
            }
            "y" => {
                if let (Some(ip), Some(asn)) = (self.host(ttl).ip.clone(), words.last()) {
                    self.origins.insert(ip, asn.to_owned());
                }
            }
            "m" => {
                let [label, tc, bottom, time] = [(); 4].map(|()| parse(words.next(), "the label"));
                let label = mpls::entry(label?, tc?, bottom? == 1, time?);
                let host = self.host(ttl);
                let at = host.ip.clone().zip(label).ok_or("the label is of nobody")?;
                if !host.labels.contains(&at) {
                    host.labels.push(at);
                }
            }
            _ => return Err(format!("`{kind}` begins no line of mtr --raw")),
        }
        Ok(())
    }

    fn host(&mut self, ttl: u8) -> &mut Host {
        self.hosts.entry(ttl).or_default()
    }

    /// A second probe of one TTL begins a round.
    fn probe(&mut self, ttl: u8, sequence: Option<u64>, line: &str) {
        let is_new =
            self.open.back().is_none_or(|round| round.sent.iter().any(|probe| probe.ttl == ttl));
        if is_new {
            let number = self.next;
            self.next += 1;
            self.open.push_back(Round { number, ..Round::default() });
        }
        if let Some(round) = self.open.back_mut() {
            round.hash.add(line.as_bytes());
            round.sent.push(Sent { ttl, sequence, answer: None });
        }
    }

    fn answer(
        &mut self,
        ttl: u8,
        micros: u32,
        sequence: Option<u64>,
        line: &str,
    ) -> Result<(), String> {
        let ip = self.hosts.get(&ttl).and_then(|host| host.ip.clone());
        let ip = ip.ok_or("an answer of nobody")?;
        if sequence.is_none() {
            // Before 0.86 neither probes nor their numbers were told of.
            self.probe(ttl, None, line);
        }
        for round in self.open.iter_mut().rev() {
            let mut probes = round.sent.iter_mut();
            if let Some(probe) = probes.find(|probe| probe.ttl == ttl && probe.sequence == sequence)
            {
                probe.answer.get_or_insert((ip, answered(f64::from(micros) / 1000.0)));
                round.hash.add(line.as_bytes());
                return Ok(());
            }
        }
        Err("it answers no probe that was sent".to_owned())
    }

    fn write_oldest(&mut self, sink: &mut Sink) -> Result<(), Error> {
        let Some(round) = self.open.pop_front() else { return Ok(()) };
        let mut draft = Draft { round: round.number, probes: Some(1), ..empty() };
        for Sent { ttl: number, answer, .. } in round.sent {
            let ttl = draft.ttls.entry(number).or_default();
            let Some((ip, probe)) = answer else {
                ttl.lost.push(lost());
                continue;
            };
            let labels = self.hosts.get(&number).map_or(&[][..], |host| &host.labels);
            ttl.responders.push(Responder {
                name: self.names.get(&ip).cloned(),
                asn: origin(self.origins.get(&ip).map(String::as_str)),
                mpls: labels.iter().filter(|at| at.0 == ip).map(|at| at.1).collect(),
                probes: vec![probe],
                ip,
                ..Responder::default()
            });
        }
        trim(&mut draft);
        sink.trace(draft, round.hash)
    }
}

/// The first cycle goes beyond the destination, which answers each probe: one answer is the path's.
fn trim(draft: &mut Draft) {
    let who = |draft: &Draft, ttl: u8| {
        draft.ttls.get(&ttl)?.responders.first().map(|responder| responder.ip.clone())
    };
    while let Some((&last, _)) = draft.ttls.last_key_value() {
        let ip = who(draft, last);
        if last < 2 || ip.is_none() || ip != who(draft, last - 1) {
            return;
        }
        draft.ttls.remove(&last);
    }
}

fn parse<T: std::str::FromStr>(word: Option<&str>, what: &str) -> Result<T, String> {
    let word = word.ok_or_else(|| format!("{what} is missing"))?;
    word.parse().map_err(|_| format!("{what}: `{word}` is no number of its kind"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn no_lines_panic(lines in proptest::collection::vec("[xphdmy] [0-9]{1,3} [0-9.]{1,9} ?[0-9]{0,3}", 0..40)) {
            let mut cycles = Cycles::default();
            for line in lines {
                let _ = cycles.line(&line);
            }
        }
    }

    #[test]
    fn a_late_answer_goes_to_its_own_round() {
        let mut cycles = Cycles::default();
        for line in ["x 0 1", "h 0 10.0.0.1", "x 0 2", "p 0 900 2", "p 0 1500 1"] {
            cycles.line(line).unwrap();
        }
        let times: Vec<f64> = cycles
            .open
            .iter()
            .map(|round| round.sent[0].answer.as_ref().unwrap().1.rtt_ms.unwrap())
            .collect();
        assert_eq!(times, [1.5, 0.9]);
        assert!(cycles.line("p 0 1 9").is_err());
    }
}
