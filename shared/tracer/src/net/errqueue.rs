//! UDP without privileges: an ordinary socket for each flow, and the ICMP errors that the kernel
//! queues for it (`IP_RECVERR`, `IPV6_RECVERR`).
//!
//! The kernel has matched addresses and ports; it shows neither the quoted IP header nor the UDP
//! header. Which probe it was stands in the payload, where the router quoted as much. Routers
//! that quote eight octets (RFC 792) leave only the flow.

use std::io;
use std::net::IpAddr;
use std::os::fd::BorrowedFd;

use socket2::Protocol as IpProtocol;

use super::flows::Flows;
use super::raw::read_udp_replies;
use super::socket::{Binding, Sender};
use super::sys::{ExtendedError, Message};
use super::{Arrival, Channel, ErrorKind, Reply, Sources, Ticket, peer};
use crate::packet::build::ProbePacket;
use crate::packet::extension::{Extensions, LEGACY_OFFSET};
use crate::packet::shape::{Shape, Verdict};

/// One family's UDP sockets.
pub(crate) struct ErrorQueue {
    v6: bool,
    shape: Shape,
    binding: Binding,
    senders: Flows<Sender>,
    buffer: Vec<u8>,
}

impl ErrorQueue {
    pub(crate) fn open(v6: bool, shape: &Shape, binding: &Binding) -> io::Result<Self> {
        let senders = Flows::new(shape, |port| open_flow(v6, binding, port))?;
        let (shape, binding) = (shape.clone(), binding.clone());
        Ok(Self { v6, shape, binding, senders, buffer: vec![0; 1 << 16] })
    }
}

fn open_flow(v6: bool, binding: &Binding, port: u16) -> io::Result<Sender> {
    Sender::for_flow(v6, IpProtocol::UDP, binding, port)
}

impl Channel for ErrorQueue {
    fn descriptors(&self) -> Vec<BorrowedFd<'_>> {
        vec![self.senders.fd()]
    }

    fn send(&mut self, probe: &ProbePacket, ticket: Ticket) -> io::Result<()> {
        let sender =
            self.senders.socket(probe.flow, |port| open_flow(self.v6, &self.binding, port))?;
        let to = peer(probe.target, probe.scope, probe.port);
        sender.send(&probe.payload(), to, Some(probe.ttl), ticket)
    }

    fn receive(&mut self, _: Sources<'_>, arrivals: &mut Vec<Arrival>) -> io::Result<()> {
        let Self { v6, shape, senders, buffer, .. } = self;
        for (port, sender) in senders.ready()? {
            sender.read_errors(buffer, arrivals, |message, error, data| {
                let sent_to = message.name?;
                let target = sent_to.ip();
                queued_error(*v6, 8, message, error, data).map_or_else(
                    |error| Some(Arrival::Refused { target, error }),
                    |queued| match shape.judge_payload(queued.quote, target, port) {
                        // The kernel looks at our port alone: the socket is not connected.
                        Verdict::Ours { identity, .. }
                            if shape.went_to(sent_to.port(), identity) =>
                        {
                            Some(queued.reply(target, port, identity, message))
                        }
                        Verdict::Ours { .. } | Verdict::Forged => Some(Arrival::Forged { target }),
                        Verdict::Foreign => None,
                    },
                )
            })?;
            read_udp_replies(&sender.socket, shape, port, buffer, arrivals)?;
        }
        Ok(())
    }
}

/// An ICMP error from an error queue.
pub(super) struct Queued<'a> {
    kind: ErrorKind,
    responder: IpAddr,
    extensions: Extensions,
    /// The quoted octets, from where the kernel shows them.
    pub(super) quote: &'a [u8],
}

impl Queued<'_> {
    pub(super) fn reply(
        self,
        target: IpAddr,
        flow: u16,
        identity: Option<crate::packet::identity::Identity>,
        message: &Message,
    ) -> Arrival {
        let answer = self.kind.answer(self.responder, message.ttl, self.extensions);
        Arrival::Reply(Reply::new(target, flow, identity, answer)).stamped(message.stamp)
    }
}

/// Reads an entry of the error queue. `hidden` octets of the quoted transport come before what
/// the kernel shows. An error of our own kernel comes back as one.
pub(super) fn queued_error<'a>(
    v6: bool,
    hidden: usize,
    message: &Message,
    error: &ExtendedError,
    data: &'a [u8],
) -> Result<Queued<'a>, io::Error> {
    let from_icmp = matches!(error.origin, libc::SO_EE_ORIGIN_ICMP | libc::SO_EE_ORIGIN_ICMP6);
    let Some(responder) = error.offender.filter(|_| from_icmp) else {
        return Err(io::Error::from_raw_os_error(error.errno as i32));
    };
    let header = if v6 { 40 } else { 20 };
    let legacy = LEGACY_OFFSET - header - hidden;
    let (end, extensions) = match error.extension_offset() {
        Some(offset) => (offset, data.get(offset..).map(Extensions::parse)),
        None => (legacy, data.get(legacy..).map(Extensions::parse_legacy)),
    };
    let extensions = extensions.unwrap_or_default();
    let quote = if extensions.is_empty() { data } else { data.get(..end).unwrap_or(data) };
    let mtu = match (v6, error.icmp_type, error.code) {
        (false, 3, 4) | (true, 2, _) => Some(error.info),
        _ => None,
    };
    debug_assert!(message.len >= quote.len());
    let kind = ErrorKind { v6, icmp_type: error.icmp_type, code: error.code, mtu };
    Ok(Queued { kind, responder, extensions, quote })
}
