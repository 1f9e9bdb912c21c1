//! ICMP without privileges: ping sockets (`SOCK_DGRAM` and ICMP), where the administrator allows
//! them (`net.ipv4.ping_group_range`). The identifier is the port that the socket is bound to.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use socket2::Protocol as IpProtocol;

use super::errqueue::queued_error;
use super::flows::Flows;
use super::raw::echo_reply;
use super::socket::{self, Binding, Sender};
use super::{Arrival, Channel, Sources, Ticket, peer};
use crate::packet::build::ProbePacket;
use crate::packet::identity::Identity;
use crate::packet::parse::{self, Icmp};
use crate::packet::shape::{Shape, Verdict};

/// One family's ping sockets.
pub(crate) struct Ping {
    v6: bool,
    shape: Shape,
    binding: Binding,
    senders: Flows<Sender>,
    buffer: Vec<u8>,
}

impl Ping {
    pub(crate) fn open(v6: bool, shape: &Shape, binding: &Binding) -> io::Result<Self> {
        let senders = Flows::new(shape, |port| open_flow(v6, binding, port))?;
        let (shape, binding) = (shape.clone(), binding.clone());
        Ok(Self { v6, shape, binding, senders, buffer: vec![0; 1 << 16] })
    }
}

fn open_flow(v6: bool, binding: &Binding, port: u16) -> io::Result<Sender> {
    let protocol = if v6 { IpProtocol::ICMPV6 } else { IpProtocol::ICMPV4 };
    Sender::for_flow(v6, protocol, binding, port)
}

impl Channel for Ping {
    fn descriptors(&self) -> Vec<BorrowedFd<'_>> {
        vec![self.senders.fd()]
    }

    fn send(&mut self, probe: &ProbePacket, ticket: Ticket) -> io::Result<()> {
        let sender =
            self.senders.socket(probe.flow, |port| open_flow(self.v6, &self.binding, port))?;
        let to = peer(probe.target, probe.scope, 0);
        sender.send(&probe.transport(), to, Some(probe.ttl), ticket)
    }

    fn receive(&mut self, sources: Sources<'_>, arrivals: &mut Vec<Arrival>) -> io::Result<()> {
        let Self { v6, shape, senders, buffer, .. } = self;
        for (flow, sender) in senders.ready()? {
            sender.read_errors(buffer, arrivals, |message, error, data| {
                let target = message.name?.ip();
                let queued = match queued_error(*v6, 0, message, error, data) {
                    Ok(queued) => queued,
                    Err(error) => return Some(Arrival::Refused { target, error }),
                };
                match judge(shape, queued.quote, target, flow) {
                    Verdict::Ours { identity, .. } => {
                        Some(queued.reply(target, flow, identity, message))
                    }
                    Verdict::Forged => Some(Arrival::Forged { target }),
                    Verdict::Foreign => None,
                }
            })?;
            socket::read(sender.socket.as_fd(), buffer, |message, bytes| {
                let Some(from) = message.name.map(|name| name.ip()) else { return };
                if let (Some(_), Some(Icmp::EchoReply { id, sequence, payload })) =
                    (sources(from), parse::icmp(bytes, *v6))
                {
                    let icmp_type = if *v6 { 129 } else { 0 };
                    let arrival =
                        echo_reply(shape, icmp_type, from, message.ttl, id, sequence, payload);
                    arrivals.extend(arrival.map(|arrival| arrival.stamped(message.stamp)));
                }
            })?;
        }
        Ok(())
    }
}

/// The kernel has matched the identifier; the sequence number and the payload are ours to check.
fn judge(shape: &Shape, quote: &[u8], target: std::net::IpAddr, flow: u16) -> Verdict {
    let Some((&[_, _, _, _, _, _, a, b], payload)) = quote.split_first_chunk::<8>() else {
        return Verdict::Forged;
    };
    let Ok(number) = Identity::try_from(u16::from_be_bytes([a, b])) else { return Verdict::Forged };
    match shape.judge_payload(payload, target, flow) {
        Verdict::Ours { identity, .. } if identity.is_none_or(|identity| identity == number) => {
            Verdict::Ours { flow, identity: Some(number), nat: None }
        }
        Verdict::Foreign => Verdict::Foreign,
        _ => Verdict::Forged,
    }
}
