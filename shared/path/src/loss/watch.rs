//! Loss on the path, found where it begins.
//!
//! A link that loses packets loses those to every hop beyond it, so all these hops bear witness,
//! and the destination with them; a router that merely answers seldom stands alone. For each hop
//! the evidence that it *and everything beyond* loses more than is usual is summed up over rounds
//! (CUSUM, Page 1954, of log likelihood ratios). What is usual of each hop is learnt, from all rounds
//! but those of loss: whether a round with lost probes was one of them shows in those after it.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

use crate::baseline::{ADOPTED_AFTER, ENOUGH, WINDOW};

/// Additional loss to look for: from about 5 % on, and much.
const SOUGHT: [f64; 2] = [0.12, 0.4];

/// Loss that matters.
const MATTERS: f64 = 0.05;

/// Evidence enough: by chance it comes up once in e¹³ rounds at most.
const PROOF: f64 = 13.0;

/// Most that one hop may add in a round, about two probes' worth: no router decides alone.
const MOST: f64 = 5.0;

/// Evidence that the destination loses as much as the hops before it, by the number of these that
/// bear witness: one router may have begun to answer seldom, several hardly have at once. Of four,
/// the destination need only not contradict, as what has a chance of one in a hundred does not.
const DEMANDED: [f64; WITNESSES + 1] = [6.0, 6.0, 4.5, 1.5, -4.6];

/// A hop that lost lately.
const WITNESS: f64 = 1.5;

/// Fewer hops do not speak for the destination.
const WITNESSES: usize = 4;

/// A hop that usually loses more says nothing.
const MUTE: f64 = 0.5;

/// Probes before a hop's usual loss is known.
const YOUNG: f64 = 15.0;

/// Evidence that loss is over.
const CALM: f64 = 7.0;

/// No path is better than this, as far as few probes can tell.
const LEAST: f64 = 0.005;

/// Probes of one hop in one round.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Sent.
    pub sent: u32,
    /// Not answered.
    pub lost: u32,
}

impl Counts {
    fn and(self, other: Self) -> Self {
        let (sent, lost) =
            (self.sent.saturating_add(other.sent), self.lost.saturating_add(other.lost));
        Self { sent, lost }
    }
}

/// What became of the loss in a round.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Verdict {
    /// Nothing new.
    Usual,
    /// The path loses packets now.
    Began(Loss),
    /// It still does.
    Lossy,
    /// It no longer does.
    Ended(Loss),
    /// It has done so for so long that this is usual now.
    Adopted(Loss),
}

/// Loss, as it was seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Loss {
    /// Where it begins, as far as can be told; `None`: at the destination.
    pub hop: Option<u8>,
    /// Probes sent to that hop and beyond since it began.
    pub sent: u64,
    /// Those not answered.
    pub lost: u64,
}

impl Loss {
    /// The part that was lost.
    pub fn rate(&self) -> f64 {
        if self.sent == 0 { 0.0 } else { self.lost as f64 / self.sent as f64 }
    }

    fn standard_error(&self) -> f64 {
        (self.rate() * (1.0 - self.rate()) / (self.sent.max(1) as f64)).sqrt()
    }

    fn counts(&self) -> Counts {
        let narrow = |count: u64| u32::try_from(count).unwrap_or(u32::MAX);
        Counts { sent: narrow(self.sent), lost: narrow(self.lost) }
    }

    fn add(&mut self, counts: Counts) {
        self.sent = self.sent.saturating_add(counts.sent.into());
        self.lost = self.lost.saturating_add(counts.lost.into());
    }
}

/// Watches one path.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LossWatch {
    rounds: u32,
    hops: BTreeMap<u8, Witness>,
    end: Witness,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    lossy: Option<Lossy>,
}

/// What is known of one hop.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Witness {
    /// Probes of quiet rounds, the older the lighter.
    sent: f64,
    lost: f64,
    /// Probes of rounds of which it is not known yet whether they were quiet.
    #[serde(default)]
    open: Counts,
    /// Evidence against this hop alone.
    own: f64,
    /// Evidence against this hop and everything beyond it, and since when it has grown.
    tail: [f64; 2],
    #[serde(default)]
    since: VecDeque<Pooled>,
}

/// Probes to a hop and beyond, in one round in which the evidence grew.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Pooled {
    all: Loss,
    end: Loss,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Lossy {
    loss: Loss,
    calm: f64,
    calm_rounds: u32,
    rounds: u32,
}

impl Witness {
    /// The usual loss; a little more where little is known.
    fn usual(&self) -> f64 {
        ((self.lost + 0.5) / (self.sent + 10.0)).clamp(LEAST, 0.98)
    }

    /// It is known well enough, and answers often enough.
    fn speaks(&self) -> bool {
        self.sent >= YOUNG && self.usual() < MUTE
    }

    /// Log likelihood ratio of `sought` additional loss against none.
    fn evidence(&self, counts: Counts, sought: f64) -> f64 {
        let usual = self.usual();
        let lossy = 1.0 - (1.0 - usual) * (1.0 - sought);
        let lost = f64::from(counts.lost.min(counts.sent));
        let answered = f64::from(counts.sent) - lost;
        lost * (lossy / usual).ln() + answered * (1.0 - sought).ln()
    }

    fn learn(&mut self, counts: Counts) {
        let keep = 1.0 - 1.0 / WINDOW as f64;
        let Counts { sent, lost } = std::mem::take(&mut self.open).and(counts);
        self.sent = self.sent.mul_add(keep, sent.into());
        self.lost = self.lost.mul_add(keep, lost.min(sent).into());
    }

    fn settle(&mut self) {
        (self.own, self.tail) = (0.0, [0.0; 2]);
        self.since.clear();
    }

    /// The evidence for whichever loss explains it best.
    fn proof(&self) -> f64 {
        self.tail.iter().copied().fold(0.0, f64::max)
    }

    /// Adds a round to the evidence against this hop and what lies beyond.
    fn pool(&mut self, evidence: [f64; 2], pooled: Pooled) {
        for (tail, evidence) in self.tail.iter_mut().zip(evidence) {
            *tail = (*tail + evidence).clamp(0.0, 1e3);
        }
        if self.proof() == 0.0 {
            self.since.clear();
            return;
        }
        while self.since.len() >= ENOUGH {
            self.since.pop_front();
        }
        self.since.push_back(pooled);
    }
}

impl LossWatch {
    /// Takes in a round: every hop whose answers are counted, and the destination.
    pub fn observe(&mut self, hops: &BTreeMap<u8, Counts>, end: Counts) -> Verdict {
        self.rounds = self.rounds.saturating_add(1);
        if (self.rounds as usize) <= ENOUGH {
            self.learn(hops, end);
            return Verdict::Usual;
        }
        if let Some(lossy) = self.lossy.take() {
            return self.while_lossy(lossy, hops, end);
        }
        self.weigh(hops, end);
        if let Some(loss) = self.proven() {
            self.lossy = Some(Lossy { loss, calm: 0.0, calm_rounds: 0, rounds: 0 });
            self.hops
                .values_mut()
                .chain([&mut self.end])
                .for_each(|at| at.open = Counts::default());
            return Verdict::Began(loss);
        }
        // While the destination loses, nobody knows yet whether that is usual.
        if self.end.own == 0.0 {
            self.learn(hops, end);
        } else {
            self.keep_open(hops, end);
        }
        Verdict::Usual
    }

    /// The hops at and beyond `ttl` are others now.
    pub fn forget_from(&mut self, ttl: u8) {
        self.hops.retain(|&at, _| at < ttl);
    }

    /// The natural logarithm of the chance that every probe of these hops, and of the destination,
    /// is lost as usual. Hops that seldom answer say nothing.
    pub fn chance_of_silence(&self, hops: &BTreeMap<u8, Counts>, end: Counts) -> f64 {
        let of = |usual: f64, counts: &Counts| f64::from(counts.sent) * usual.ln();
        let at_end = of(self.present(), &end);
        if self.lossy.is_some() {
            return at_end; // nobody else's usual loss is that of now
        }
        let witnesses = hops.iter().filter_map(|(ttl, counts)| Some((self.hops.get(ttl)?, counts)));
        let speaking = witnesses.filter(|(witness, _)| witness.usual() < MUTE);
        speaking.map(|(witness, counts)| of(witness.usual(), counts)).sum::<f64>() + at_end
    }

    /// The part of the probes to the destination that is usually lost.
    pub fn usual(&self) -> f64 {
        self.end.usual()
    }

    /// The part of the probes to the destination that is lost at present.
    fn present(&self) -> f64 {
        self.lossy.as_ref().map_or(self.usual(), |lossy| lossy.loss.rate())
    }

    fn learn(&mut self, hops: &BTreeMap<u8, Counts>, end: Counts) {
        for (&ttl, &counts) in hops {
            self.hops.entry(ttl).or_default().learn(counts);
        }
        self.end.learn(end);
    }

    fn keep_open(&mut self, hops: &BTreeMap<u8, Counts>, end: Counts) {
        for (ttl, &counts) in hops {
            if let Some(witness) = self.hops.get_mut(ttl) {
                witness.open = witness.open.and(counts);
            }
        }
        self.end.open = self.end.open.and(end);
    }

    fn weigh(&mut self, hops: &BTreeMap<u8, Counts>, end: Counts) {
        let mut sum = SOUGHT.map(|sought| self.end.evidence(end, sought));
        self.end.own = (self.end.own + sum[0]).clamp(0.0, 1e3);
        let mut pooled = Pooled::default();
        pooled.all.add(end);
        pooled.end.add(end);
        self.end.pool(sum, pooled);
        for (ttl, witness) in self.hops.iter_mut().rev() {
            let Some(&counts) = hops.get(ttl).filter(|_| witness.speaks()) else {
                witness.settle();
                continue;
            };
            let evidence = SOUGHT.map(|sought| witness.evidence(counts, sought));
            witness.own = (witness.own + evidence[0]).clamp(0.0, 1e3);
            sum.iter_mut().zip(evidence).for_each(|(sum, evidence)| *sum += evidence.min(MOST));
            pooled.all.add(counts);
            witness.pool(sum, pooled);
        }
    }

    /// Loss that is no chance, no burst of one round, and no router's unwillingness.
    fn proven(&self) -> Option<Loss> {
        let at_end = std::iter::once((None, &self.end));
        let on_way = self.hops.iter().map(|(&ttl, witness)| (Some(ttl), witness));
        let (hop, worst) =
            on_way.chain(at_end).max_by(|a, b| a.1.proof().total_cmp(&b.1.proof()))?;
        let (mut all, mut end) = (Loss { hop, ..Loss::default() }, Loss::default());
        let mut lossy_rounds = 0;
        for round in &worst.since {
            lossy_rounds += usize::from(round.all.lost > 0);
            for (sum, part) in [(&mut all, round.all), (&mut end, round.end)] {
                sum.sent = sum.sent.saturating_add(part.sent);
                sum.lost = sum.lost.saturating_add(part.lost);
            }
        }
        let proven = worst.proof() >= PROOF && lossy_rounds >= 2;
        let matters = all.rate() - all.standard_error() > MATTERS;
        (proven && matters && self.reaches_the_end(hop, all, end)).then_some(all)
    }

    /// The destination suffers it too: it loses as much as the hops before it, which is the more
    /// certain to be seen the fewer of them there are. Where nearly every one of four and more hops
    /// loses, it need only not contradict.
    fn reaches_the_end(&self, from: Option<u8>, all: Loss, end: Loss) -> bool {
        let beyond = self.hops.iter().filter(|&(&ttl, _)| from.is_some_and(|from| ttl >= from));
        let speaking = beyond.filter(|(_, witness)| witness.usual() < MUTE);
        let own: Vec<f64> = speaking.map(|(_, witness)| witness.own).collect();
        let witnesses = own.iter().filter(|&&own| own >= WITNESS).count();
        let are_nearly_all = witnesses * 4 >= own.len() * 3;
        let most = if are_nearly_all { WITNESSES } else { WITNESSES - 1 };
        let demanded = DEMANDED.get(witnesses.min(most)).copied().unwrap_or(PROOF);
        let as_much = all.rate().clamp(MATTERS, 0.98);
        self.end.evidence(end.counts(), as_much) >= demanded
    }

    fn while_lossy(
        &mut self,
        mut lossy: Lossy,
        hops: &BTreeMap<u8, Counts>,
        end: Counts,
    ) -> Verdict {
        let sought = (lossy.loss.rate() * 0.7).clamp(SOUGHT[0], 0.9);
        let mut round = Loss { hop: lossy.loss.hop, ..Loss::default() };
        round.add(end);
        let at_end = self.end.evidence(end, sought);
        let (mut evidence, mut witnesses) = (at_end, 0);
        for (ttl, counts) in
            hops.iter().filter(|&(&ttl, _)| lossy.loss.hop.is_some_and(|k| ttl >= k))
        {
            let witness = self.hops.get(ttl).filter(|witness| witness.speaks());
            let Some(witness) = witness else { continue };
            evidence += witness.evidence(*counts, sought);
            witnesses += 1;
            round.add(*counts);
        }
        // Few witnesses do not speak for the destination.
        if witnesses < WITNESSES {
            evidence = evidence.max(at_end);
        }
        lossy.rounds = lossy.rounds.saturating_add(1);
        lossy.calm = (lossy.calm - evidence).clamp(0.0, 1e3);
        lossy.calm_rounds = if evidence < 0.0 { lossy.calm_rounds.saturating_add(1) } else { 0 };
        if lossy.calm >= CALM && lossy.calm_rounds >= 2 {
            self.settle();
            return Verdict::Ended(lossy.loss);
        }
        lossy.loss.sent = lossy.loss.sent.saturating_add(round.sent);
        lossy.loss.lost = lossy.loss.lost.saturating_add(round.lost);
        if lossy.rounds as usize >= ADOPTED_AFTER {
            self.settle();
            self.hops.values_mut().chain([&mut self.end]).for_each(|witness| {
                (witness.sent, witness.lost) = (100.0, 100.0 * lossy.loss.rate());
            });
            return Verdict::Adopted(lossy.loss);
        }
        self.lossy = Some(lossy);
        Verdict::Lossy
    }

    fn settle(&mut self) {
        self.hops.values_mut().chain([&mut self.end]).for_each(Witness::settle);
    }
}

#[cfg(test)]
#[path = "watch/tests.rs"]
mod tests;
