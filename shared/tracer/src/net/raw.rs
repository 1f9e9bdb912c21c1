//! Raw sockets (`CAP_NET_RAW`): whole datagrams go out as they were built, and every ICMP error
//! comes back with the datagram that it quotes.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd};

use etherparse::checksum::Sum16BitWords;
use socket2::{Protocol as IpProtocol, Socket, Type};
use tm_schema::{Protocol, ReplyKind};

use super::flows::Flows;
use super::socket::{self, Binding, Sender};
use super::{Arrival, Channel, ErrorKind, Reply, Sources, Ticket, peer, plain_answer};
use crate::packet::build::ProbePacket;
use crate::packet::parse::{self, Datagram, Icmp};
use crate::packet::shape::{Route, Shape, Verdict};

/// One family's raw sockets.
pub(crate) struct Raw {
    v6: bool,
    shape: Shape,
    sender: Sender,
    icmp: Socket,
    /// Where SYN-ACKs and RSTs are seen.
    tcp: Option<Socket>,
    /// Our ports, so that nobody else gets them, and where UDP answers arrive.
    ports: Flows<Socket>,
    binding: Binding,
    buffer: Vec<u8>,
}

impl Raw {
    pub(crate) fn open(v6: bool, shape: &Shape, binding: &Binding) -> io::Result<Self> {
        let sending = socket::open(v6, Type::RAW, IpProtocol::from(libc::IPPROTO_RAW), binding, 0)?;
        socket::stamp_both(&sending, v6)?;
        if binding.any_size {
            socket::forbid_fragments(&sending, v6)?;
        }
        let icmp_protocol = if v6 { IpProtocol::ICMPV6 } else { IpProtocol::ICMPV4 };
        let icmp = socket::open(v6, Type::RAW, icmp_protocol, binding, 0)?;
        filter_icmp(&icmp, v6)?;
        socket::stamp_received(&icmp, v6)?;
        let tcp = match shape.protocol {
            Protocol::Tcp => {
                let tcp = socket::open(v6, Type::RAW, IpProtocol::TCP, binding, 0)?;
                socket::stamp_received(&tcp, v6)?;
                Some(tcp)
            }
            _ => None,
        };
        let at_once = if shape.protocol == Protocol::Icmp { 0 } else { shape.at_once };
        let shape = Shape { at_once, ..shape.clone() };
        let ports = Flows::new(&shape, |port| reserve_port(v6, &shape, binding, port))?;
        let binding = binding.clone();
        let sender = Sender::new(sending);
        Ok(Self { v6, shape, sender, icmp, tcp, ports, binding, buffer: vec![0; 1 << 16] })
    }

    fn on_icmp(
        &self,
        from: IpAddr,
        ttl: Option<u8>,
        bytes: &[u8],
        sources: Sources<'_>,
    ) -> Option<Arrival> {
        let intact = self.v6 || Sum16BitWords::new().add_slice(bytes).ones_complement() == 0;
        let message = parse::icmp(bytes, self.v6).filter(|_| intact)?;
        match message {
            Icmp::Error(error) => {
                let target = error.quoted.target;
                let (flow, identity, nat) = match self.shape.judge(&error.quoted, sources(target)?)
                {
                    Verdict::Ours { flow, identity, nat } => (flow, identity, nat),
                    Verdict::Forged => return Some(Arrival::Forged { target }),
                    Verdict::Foreign => return None,
                };
                let kind = ErrorKind {
                    v6: self.v6,
                    icmp_type: error.icmp_type,
                    code: error.code,
                    mtu: error.mtu,
                };
                let mut answer = kind.answer(from, ttl, error.extensions);
                answer.nat = nat;
                let quoted_ttl = Some(error.quoted.ttl);
                let reply = Reply::new(target, flow, identity, answer);
                Some(Arrival::Reply(Reply { quoted_ttl, ..reply }))
            }
            Icmp::EchoReply { id, sequence, payload } if self.shape.protocol == Protocol::Icmp => {
                sources(from)?;
                echo_reply(&self.shape, v6_kind(self.v6), from, ttl, id, sequence, payload)
            }
            Icmp::EchoReply { .. } => None,
        }
    }

    fn on_tcp(
        &self,
        from: IpAddr,
        ttl: Option<u8>,
        bytes: &[u8],
        sources: Sources<'_>,
    ) -> Option<Arrival> {
        let segment = parse::tcp_answer(bytes)?;
        let route = Route { source: sources(from)?, target: from, scope: 0 };
        match self.shape.judge_tcp(&segment, route) {
            Verdict::Ours { flow, identity, .. } => {
                let kind = if segment.open { ReplyKind::SynAck } else { ReplyKind::Rst };
                let answer = plain_answer(from, kind, ttl);
                Some(Arrival::Reply(Reply::new(from, flow, identity, answer)))
            }
            Verdict::Forged => Some(Arrival::Forged { target: from }),
            Verdict::Foreign => None,
        }
    }
}

/// What to make of a packet: its sender, its TTL, what follows the IP header.
type OnPacket<'a> = &'a dyn Fn(IpAddr, Option<u8>, &[u8]) -> Option<Arrival>;

fn v6_kind(v6: bool) -> u8 {
    if v6 { 129 } else { 0 }
}

/// An echo reply that carries our payload.
pub(super) fn echo_reply(
    shape: &Shape,
    icmp_type: u8,
    from: IpAddr,
    ttl: Option<u8>,
    id: u16,
    sequence: u16,
    payload: &[u8],
) -> Option<Arrival> {
    match shape.judge_payload(payload, from, id) {
        Verdict::Ours { flow, identity: Some(identity), .. } if identity.0 == sequence => {
            let mut answer = plain_answer(from, ReplyKind::EchoReply, ttl);
            (answer.icmp_type, answer.code) = (Some(icmp_type), Some(0));
            let identity = Some(identity);
            Some(Arrival::Reply(Reply::new(from, flow, identity, answer)))
        }
        Verdict::Foreign => None,
        _ => Some(Arrival::Forged { target: from }),
    }
}

/// A UDP answer from the destination. It seldom says which probe it answers.
pub(super) fn udp_reply(
    shape: &Shape,
    from: SocketAddr,
    port: u16,
    ttl: Option<u8>,
    bytes: &[u8],
) -> Option<Reply> {
    let target = from.ip();
    let identity = match shape.judge_payload(bytes, target, port) {
        Verdict::Ours { identity, .. } => identity,
        Verdict::Forged => None, // any service may answer with anything
        Verdict::Foreign => return None,
    };
    let answer = plain_answer(target, ReplyKind::UdpReply, ttl);
    Some(Reply::new(target, port, identity, answer))
}

impl Channel for Raw {
    fn descriptors(&self) -> Vec<BorrowedFd<'_>> {
        let tcp = self.tcp.iter();
        let mut all = vec![self.sender.fd(), self.icmp.as_fd()];
        all.extend(tcp.map(AsFd::as_fd));
        if self.shape.protocol == Protocol::Udp {
            all.push(self.ports.fd());
        }
        all
    }

    fn send(&mut self, probe: &ProbePacket, ticket: Ticket) -> io::Result<()> {
        if self.shape.protocol != Protocol::Icmp {
            let Self { v6, shape, binding, ports, .. } = self;
            ports.socket(probe.flow, |port| reserve_port(*v6, shape, binding, port))?;
        }
        let to = peer(probe.target, probe.scope, 0);
        self.sender.send(&probe.datagram(), to, None, ticket)
    }

    fn receive(&mut self, sources: Sources<'_>, arrivals: &mut Vec<Arrival>) -> io::Result<()> {
        let mut buffer = std::mem::take(&mut self.buffer);
        self.sender.read_errors(&mut buffer, arrivals, |_, _, _| None)?;
        let mut read = |socket: &Socket, on_packet: OnPacket<'_>| {
            socket::read(socket.as_fd(), &mut buffer, |message, bytes| {
                let arrival = if self.v6 {
                    let from = message.name.map(|name| name.ip());
                    from.and_then(|from| on_packet(from, message.ttl, bytes))
                } else {
                    Datagram::parse(bytes)
                        .and_then(|ip| on_packet(ip.source, Some(ip.ttl), ip.transport))
                };
                arrivals.extend(arrival.map(|arrival| arrival.stamped(message.stamp)));
            })
        };
        read(&self.icmp, &|from, ttl, bytes| self.on_icmp(from, ttl, bytes, sources))?;
        if let Some(tcp) = &self.tcp {
            read(tcp, &|from, ttl, bytes| self.on_tcp(from, ttl, bytes, sources))?;
        }
        if self.shape.protocol == Protocol::Udp {
            for (port, socket) in self.ports.ready()? {
                read_udp_replies(socket, &self.shape, port, &mut buffer, arrivals)?;
            }
        }
        self.buffer = buffer;
        Ok(())
    }
}

/// Reads the answers of destinations whose UDP port is open.
pub(super) fn read_udp_replies(
    socket: &Socket,
    shape: &Shape,
    port: u16,
    buffer: &mut [u8],
    arrivals: &mut Vec<Arrival>,
) -> io::Result<()> {
    socket::read(socket.as_fd(), buffer, |message, bytes| {
        let reply = message.name.and_then(|from| udp_reply(shape, from, port, message.ttl, bytes));
        arrivals.extend(reply.map(|reply| Arrival::Reply(reply).stamped(message.stamp)));
    })
}

/// A socket that holds a port of ours. ICMP identifiers need none.
fn reserve_port(v6: bool, shape: &Shape, binding: &Binding, port: u16) -> io::Result<Socket> {
    let (kind, protocol) = match shape.protocol {
        Protocol::Tcp => (Type::STREAM, IpProtocol::TCP),
        Protocol::Udp | Protocol::Icmp => (Type::DGRAM, IpProtocol::UDP),
    };
    let socket = socket::open(v6, kind, protocol, binding, port)?;
    if shape.protocol == Protocol::Udp {
        socket::stamp_received(&socket, v6)?;
    }
    Ok(socket)
}

/// Lets through what a tracer reads: errors and echo replies.
pub(crate) fn filter_icmp(socket: &Socket, v6: bool) -> io::Result<()> {
    const ICMP_FILTER: i32 = 1;
    const ICMP6_FILTER: i32 = 1;
    if v6 {
        let mut blocked = [u32::MAX; 8];
        for icmp_type in [1_u8, 2, 3, 4, 129] {
            if let Some(word) = blocked.get_mut(usize::from(icmp_type / 32)) {
                *word &= !(1 << (icmp_type % 32));
            }
        }
        let bytes: Vec<u8> = blocked.iter().flat_map(|word| word.to_ne_bytes()).collect();
        return socket::set_filter(socket, libc::IPPROTO_ICMPV6, ICMP6_FILTER, &bytes);
    }
    let wanted = (1_u32 << 0) | (1 << 3) | (1 << 11) | (1 << 12);
    socket::set_filter(socket, libc::SOL_RAW, ICMP_FILTER, &(!wanted).to_ne_bytes())
}
