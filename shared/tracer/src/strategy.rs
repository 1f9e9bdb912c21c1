//! What a way of tracing has to be, so that the engine can drive it: a state machine that is
//! told the time and the answers, and says which probe to send next.

use std::time::Duration;

use tm_schema::{Ignored, PathMtu, Paths, Stop, StopSetUse};

use crate::ledger::Ledger;
use crate::paths::Found;
use crate::trace::{Answer, HopReport, Next};

/// Why the kernel did not send a probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unsent {
    /// It could not just then, and may be asked again at this time.
    ForNow(Duration),
    /// The datagram is larger than the interface takes.
    TooLarge,
    /// It will not.
    Refused,
}

/// A way of tracing.
pub trait Strategy {
    /// What it sent, and what became of that.
    fn ledger(&self) -> &Ledger;

    /// The same, to write to.
    fn ledger_mut(&mut self) -> &mut Ledger;

    /// What to do at `now`.
    fn poll(&mut self, now: Duration) -> Next;

    /// The kernel did not send the probe.
    fn send_failed(&mut self, sequence: u32, why: Unsent);

    /// The probe `sequence` was answered after `rtt`, quoted with the TTL `quoted_ttl`.
    fn answered(&mut self, sequence: u32, answer: Answer, quoted_ttl: Option<u8>, rtt: Duration);

    /// A probe of `flow` was answered, and the answer does not say which. Returns the probe
    /// where only one can be meant.
    fn resolve(&mut self, flow: u16, now: Duration) -> Option<u32>;

    /// Counts a packet that quoted a datagram of ours and got it wrong.
    fn forged(&mut self) {
        self.ledger_mut().ignored.forged += 1;
    }

    /// Ends it now; what is not settled is reported as far as it is known.
    fn interrupt(&mut self, stop: Stop);

    /// The hops settled since the last call, in TTL order.
    fn take_reports(&mut self) -> Vec<HopReport> {
        std::mem::take(&mut self.ledger_mut().reports)
    }

    /// Why it ended, once it has.
    fn stop(&self) -> Option<Stop> {
        self.ledger().stop
    }

    /// Packets that were not believed.
    fn ignored(&self) -> Ignored {
        self.ledger().ignored
    }

    /// Probes sent and answered.
    fn totals(&self) -> (u32, u32) {
        self.ledger().totals()
    }

    /// Where the destination answered.
    fn length(&self) -> Option<u8>;

    /// What it promises of the paths that it found, where it is after all of them.
    fn paths(&self) -> Option<Paths> {
        None
    }

    /// What it has found so far, where it tells its hops at the end.
    fn found(&self) -> Option<Found> {
        None
    }

    /// How large datagrams may be, where it is after that.
    fn mtu(&self) -> Option<PathMtu> {
        None
    }

    /// What it probed, where it leaves out what is known.
    fn stop_set(&self) -> Option<StopSetUse> {
        None
    }
}
