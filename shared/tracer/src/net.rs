//! Packets to and from the kernel. Three ways, chosen by what the process may do: raw sockets,
//! UDP and TCP sockets with error queues, and ping sockets.

pub(crate) mod errqueue;
pub(crate) mod flows;
pub(crate) mod ping;
pub(crate) mod raw;
pub(crate) mod socket;
pub(crate) mod stamps;
mod sys;
pub(crate) mod tcp;

use std::io;
use std::net::IpAddr;
use std::os::fd::BorrowedFd;
use std::time::Duration;

use tm_schema::ReplyKind;

use crate::packet::build::ProbePacket;
use crate::packet::extension::Extensions;
use crate::packet::identity::{FlowPort, Identity};
use crate::trace::Answer;

/// Which probe of which trace, in the words of whoever sends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Ticket {
    pub(crate) trace: usize,
    pub(crate) epoch: u64,
    pub(crate) sequence: u32,
}

/// What came back.
#[derive(Debug)]
pub(crate) enum Arrival {
    /// The kernel says when a probe left.
    Left { ticket: Ticket, at: Duration },
    /// An answer, verified as far as its quote goes.
    Reply(Reply),
    /// A packet that quotes a datagram like ours, and quotes it wrong.
    Forged { target: IpAddr },
    /// The kernel refused a datagram after the fact.
    Refused { target: IpAddr, error: io::Error },
}

/// An answer to a probe of ours.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) target: IpAddr,
    pub(crate) flow: FlowPort,
    /// The number it quotes; `None`: it quotes too little.
    pub(crate) identity: Option<Identity>,
    /// The TTL of the quoted header.
    pub(crate) quoted_ttl: Option<u8>,
    /// When the kernel received it, since 1970.
    pub(crate) at: Option<Duration>,
    /// The kernel measured the RTT itself.
    pub(crate) rtt: Option<Duration>,
    pub(crate) answer: Answer,
}

impl Reply {
    /// An answer of which nothing more is known yet.
    fn new(target: IpAddr, flow: FlowPort, identity: Option<Identity>, answer: Answer) -> Self {
        Self { target, flow, identity, quoted_ttl: None, at: None, rtt: None, answer }
    }
}

impl Arrival {
    /// With the time at which the kernel received it.
    fn stamped(mut self, at: Option<Duration>) -> Self {
        if let Self::Reply(reply) = &mut self {
            reply.at = at;
        }
        self
    }
}

/// Our address towards a target; `None`: it is not being traced.
pub(crate) type Sources<'a> = &'a dyn Fn(IpAddr) -> Option<IpAddr>;

/// A way to send probes and to hear of them.
pub(crate) trait Channel {
    /// The descriptors to wait for.
    fn descriptors(&self) -> Vec<BorrowedFd<'_>>;

    /// Sends one probe.
    fn send(&mut self, probe: &ProbePacket, ticket: Ticket) -> io::Result<()>;

    /// Reads what waits, up to a bounded number of packets.
    fn receive(&mut self, sources: Sources<'_>, arrivals: &mut Vec<Arrival>) -> io::Result<()>;

    /// How many probes may be in flight; `None`: as many as you like.
    fn capacity(&self) -> Option<usize> {
        None
    }
}

/// Packets read from one socket before others have their turn.
pub(crate) const BATCH: usize = 256;

/// What an ICMP error says, wherever it was read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ErrorKind {
    pub(crate) v6: bool,
    pub(crate) icmp_type: u8,
    pub(crate) code: u8,
    pub(crate) mtu: Option<u32>,
}

impl ErrorKind {
    /// The answer that it makes.
    pub(crate) fn answer(
        self,
        responder: IpAddr,
        ttl: Option<u8>,
        extensions: Extensions,
    ) -> Answer {
        let time_exceeded = if self.v6 { 3 } else { 11 };
        let exceeded = self.icmp_type == time_exceeded;
        Answer {
            responder,
            kind: if exceeded { ReplyKind::TimeExceeded } else { ReplyKind::DestUnreachable },
            icmp_type: Some(self.icmp_type),
            code: Some(self.code),
            mtu: self.mtu,
            ttl,
            mpls: extensions.mpls,
            interface: extensions.interface,
            nat: None,
        }
    }
}

/// The answer of a destination that is no ICMP error.
pub(crate) fn plain_answer(responder: IpAddr, kind: ReplyKind, ttl: Option<u8>) -> Answer {
    Answer {
        responder,
        kind,
        icmp_type: None,
        code: None,
        mtu: None,
        ttl,
        mpls: Vec::new(),
        interface: None,
        nat: None,
    }
}

/// The kernel's address for a peer; ports mean nothing to raw sockets.
pub(crate) fn peer(ip: IpAddr, scope: u32, port: u16) -> std::net::SocketAddr {
    match ip {
        IpAddr::V4(ip) => (ip, port).into(),
        IpAddr::V6(ip) => std::net::SocketAddrV6::new(ip, port, 0, scope).into(),
    }
}
