//! What was found, hop by hop and for the whole path.

use tm_schema::{Mtu as HopMtu, MtuDrop, MtuLimit, PathMtu, Stop};

use super::Mtu;
use crate::ledger::Slot;
use crate::trace::HopReport;

impl Mtu {
    /// Reports everything up to `last`, and ends the discovery.
    pub(super) fn finish(&mut self, stop: Stop, last: u8) {
        self.ledger.stop = Some(stop);
        self.place_drops();
        self.ledger.reports = (self.first()..=last).map(|ttl| self.report(ttl)).collect();
    }

    /// The hop as probes of its size saw it: those that were too large say nothing of loss.
    fn report(&self, ttl: u8) -> HopReport {
        let size = self.passed(ttl);
        let probes = self.ledger.numbered(ttl);
        let fitting = probes.filter(|(_, slot)| size.is_none_or(|size| size == slot.octets()));
        HopReport { mtu: Some(self.of_hop(ttl)), ..HopReport::new(ttl, fitting) }
    }

    fn of_hop(&self, ttl: u8) -> HopMtu {
        let Some(octets) = self.carried(ttl) else { return HopMtu::default() };
        let by_drop = self.drops.iter().rev().find(|drop| drop.octets == u32::from(octets));
        let limit = match by_drop {
            Some(drop) if drop.hop <= ttl => Some(drop.limit),
            _ if octets == self.interface => Some(MtuLimit::Interface),
            _ => None,
        };
        HopMtu { octets: Some(u32::from(octets)), limit }
    }

    /// Now that it is known who answered what: a drop is behind the last who answered more.
    fn place_drops(&mut self) {
        let answered: Vec<(u8, u32)> = self
            .ledger
            .slots
            .iter()
            .filter(|slot| slot.is_answered())
            .map(|slot| (slot.ttl, u32::from(slot.octets())))
            .collect();
        for drop in &mut self.drops {
            let larger = answered.iter().filter(|(_, size)| *size > drop.octets);
            drop.after = larger.map(|(ttl, _)| *ttl).max().unwrap_or(0);
            // Probes of all TTLs beyond are refused at once; the nearest of those that named this
            // MTU tells where. What was searched for is somewhere before who was asked.
            let octets = drop.octets;
            let named = |slot: &&Slot| slot.named().map(u32::from) == Some(octets);
            let told = self.ledger.slots.iter().filter(named).map(|slot| slot.ttl);
            let nearest = told.filter(|ttl| *ttl > drop.after).min();
            drop.hop = nearest.unwrap_or(drop.hop).max(drop.after + 1);
        }
        // Where the destination answers more, it is no drop of this path.
        let last = self.limit();
        self.drops.retain(|drop| drop.hop <= last);
        self.drops.sort_by_key(|drop: &MtuDrop| (drop.hop, u32::MAX - drop.octets));
    }

    pub(super) fn path_mtu(&self) -> PathMtu {
        let end = self.ending.end().filter(|(_, is_destination)| *is_destination);
        PathMtu {
            octets: end.and_then(|(end, _)| self.passed(end)).map(u32::from),
            interface: u32::from(self.interface),
            drops: self.drops.clone(),
        }
    }
}
