//! One family's raw sockets: many datagrams in one call, out and in.

use std::io::{self, IoSlice};
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd};

use rustix::net::addr::SocketAddrArg;
use rustix::net::{MMsgHdr, SendAncillaryBuffer, SendFlags, sendmmsg};
use socket2::{Protocol as IpProtocol, Socket, Type};
use tm_schema::Protocol;

use crate::net::raw::filter_icmp;
use crate::net::socket::{self, Binding};
use crate::options::Options;
use crate::packet::identity::{FlowPort, Secret};

/// Ports tried before giving up.
const TRIES: u32 = 32;

/// What a socket hears.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ear {
    Icmp,
    Tcp,
    Udp,
}

/// One family's raw sockets.
#[derive(Debug)]
pub(crate) struct Sockets {
    sending: Socket,
    ears: Vec<(Ear, Socket)>,
    /// Holds our TCP port, so that nobody else gets it.
    _port: Option<Socket>,
}

impl Sockets {
    /// Opens them, and finds a source port (or ICMP identifier) that is free.
    pub(crate) fn open(v6: bool, options: &Options) -> io::Result<(Self, FlowPort)> {
        let binding = binding(options);
        let sending =
            socket::open(v6, Type::RAW, IpProtocol::from(libc::IPPROTO_RAW), &binding, 0)?;
        socket::queue_errors(&sending, v6)?; // or a full queue would swallow probes silently
        let number = if v6 { IpProtocol::ICMPV6 } else { IpProtocol::ICMPV4 };
        let icmp = socket::open(v6, Type::RAW, number, &binding, 0)?;
        filter_icmp(&icmp, v6)?;
        let mut ears = vec![(Ear::Icmp, icmp)];
        let (flow, mut port) = reserve(v6, options, &binding)?;
        match options.protocol {
            Protocol::Udp => ears.extend(port.take().map(|port| (Ear::Udp, port))),
            Protocol::Tcp => {
                let tcp = socket::open(v6, Type::RAW, IpProtocol::TCP, &binding, 0)?;
                ears.push((Ear::Tcp, tcp));
            }
            Protocol::Icmp => {}
        }
        for (_, socket) in &ears {
            socket::stamp_received(socket, v6)?;
            socket::count_dropped(socket)?;
            socket::widen(socket);
        }
        Ok((Self { sending, ears, _port: port }, flow))
    }

    /// What hears answers.
    pub(crate) fn ears(&self) -> impl Iterator<Item = (Ear, BorrowedFd<'_>)> {
        self.ears.iter().map(|(ear, socket)| (*ear, socket.as_fd()))
    }

    /// Sends datagrams; returns how many the kernel took. An error is about the first.
    pub(crate) fn send(&self, datagrams: &[(IpAddr, Vec<u8>)]) -> io::Result<usize> {
        let peer = |to: &IpAddr| SocketAddr::new(*to, 0).as_any();
        let peers: Vec<_> = datagrams.iter().map(|(to, _)| peer(to)).collect();
        let pieces: Vec<_> = datagrams.iter().map(|(_, octets)| [IoSlice::new(octets)]).collect();
        let mut controls: Vec<_> =
            datagrams.iter().map(|_| SendAncillaryBuffer::default()).collect();
        let mut messages: Vec<_> = peers
            .iter()
            .zip(&pieces)
            .zip(&mut controls)
            .map(|((peer, piece), control)| MMsgHdr::new_with_addr(peer, piece, control))
            .collect();
        Ok(sendmmsg(&self.sending, &mut messages, SendFlags::DONTWAIT)?)
    }
}

pub(crate) fn binding(options: &Options) -> Binding {
    Binding {
        interface: options.interface.clone(),
        source: options.source,
        tos: 0,
        any_size: false,
    }
}

/// A source port of our own, and the socket that holds it; an ICMP identifier needs none.
fn reserve(
    v6: bool,
    options: &Options,
    binding: &Binding,
) -> io::Result<(FlowPort, Option<Socket>)> {
    let secret = Secret::default();
    let (kind, number) = match options.protocol {
        Protocol::Icmp => return Ok((options.source_port.unwrap_or(secret.port(0)), None)),
        Protocol::Udp => (Type::DGRAM, IpProtocol::UDP),
        Protocol::Tcp => (Type::STREAM, IpProtocol::TCP),
    };
    let mut last = io::Error::from(io::ErrorKind::AddrInUse);
    for attempt in 0..TRIES {
        let port = options.source_port.unwrap_or_else(|| secret.port(attempt));
        match socket::open(v6, kind, number, binding, port) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => last = error,
            opened => return Ok((port, Some(opened?))),
        }
    }
    Err(last)
}
