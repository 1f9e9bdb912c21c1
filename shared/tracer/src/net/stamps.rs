//! Which probe a transmit timestamp belongs to. The kernel counts the datagrams of a socket
//! (`SOF_TIMESTAMPING_OPT_ID`) and returns that count with each timestamp.

use std::collections::VecDeque;

use super::Ticket;

/// Timestamps that never came must not pile up.
const MOST: usize = 1 << 14;

/// The tickets of the datagrams sent, by the kernel's count.
#[derive(Debug, Default)]
pub(crate) struct Stamps {
    first: u32,
    tickets: VecDeque<Ticket>,
}

impl Stamps {
    pub(crate) fn sent(&mut self, ticket: Ticket) {
        if self.tickets.len() >= MOST {
            self.tickets.pop_front();
            self.first = self.first.wrapping_add(1);
        }
        self.tickets.push_back(ticket);
    }

    /// Whose timestamp has this count.
    pub(crate) fn ticket(&self, count: u32) -> Option<Ticket> {
        self.tickets.get(count.wrapping_sub(self.first) as usize).copied()
    }

    /// The kernel counts from 0 again.
    pub(crate) fn restart(&mut self) {
        *self = Self::default();
    }
}
