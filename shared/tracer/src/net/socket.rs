//! Sockets set up the way a tracer wants them: non-blocking, with kernel timestamps, error
//! queues, and bound where the user said.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};

use super::stamps::Stamps;
use super::sys;
pub(crate) use super::sys::Message;
use super::{Arrival, BATCH, Ticket};

/// Where the user wants packets to leave.
#[derive(Clone, Debug, Default)]
pub(crate) struct Binding {
    pub(crate) interface: Option<String>,
    pub(crate) source: Option<IpAddr>,
    pub(crate) tos: u8,
    /// Datagrams are of any size, and never fragmented: what the kernel knows of the path is not
    /// asked.
    pub(crate) any_size: bool,
}

/// `IP_RECVERR_RFC4884` and `IPV6_RECVERR_RFC4884` (Linux 5.9): offsets of ICMP extensions.
const IP_RECVERR_RFC4884: i32 = 26;
const IPV6_RECVERR_RFC4884: i32 = 31;
/// Replies arrive in bursts as large as the bursts of probes.
const RECEIVE_BUFFER: usize = 4 << 20;

const RECEIVE_STAMPS: u32 = libc::SOF_TIMESTAMPING_RX_SOFTWARE | libc::SOF_TIMESTAMPING_SOFTWARE;
const TRANSMIT_STAMPS: u32 = libc::SOF_TIMESTAMPING_TX_SOFTWARE
    | libc::SOF_TIMESTAMPING_OPT_ID
    | libc::SOF_TIMESTAMPING_OPT_TSONLY;

/// A non-blocking socket of the family, bound to interface and source.
pub(crate) fn open(
    v6: bool,
    kind: Type,
    protocol: Protocol,
    binding: &Binding,
    port: u16,
) -> io::Result<Socket> {
    let domain = if v6 { Domain::IPV6 } else { Domain::IPV4 };
    let socket = Socket::new(domain, kind.nonblocking().cloexec(), Some(protocol))?;
    if v6 && kind != Type::RAW {
        socket.set_only_v6(true)?;
    }
    bind(&socket, v6, binding, port)?;
    // Refused where the system's limit is lower; the kernel then takes the limit.
    let _ = socket.set_recv_buffer_size(RECEIVE_BUFFER);
    Ok(socket)
}

/// Binds to the interface, the source and the port, where there are any.
pub(crate) fn bind(socket: &Socket, v6: bool, binding: &Binding, port: u16) -> io::Result<()> {
    if let Some(interface) = &binding.interface {
        socket.bind_device(Some(interface.as_bytes()))?;
    }
    let source = binding.source.filter(|source| source.is_ipv6() == v6);
    if port == 0 && source.is_none() {
        return Ok(());
    }
    let any = if v6 { Ipv6Addr::UNSPECIFIED.into() } else { Ipv4Addr::UNSPECIFIED.into() };
    socket.bind(&SocketAddr::new(source.unwrap_or(any), port).into())
}

/// Sets the TOS octet or traffic class of what the kernel sends.
pub(crate) fn set_tos(socket: &Socket, v6: bool, tos: u8) -> io::Result<()> {
    match (tos, v6) {
        (0, _) => Ok(()),
        (_, false) => socket.set_tos_v4(u32::from(tos)),
        (_, true) => socket.set_tclass_v6(u32::from(tos)),
    }
}

/// Asks for receive timestamps and the TTL of what arrives.
pub(crate) fn stamp_received(socket: &Socket, v6: bool) -> io::Result<()> {
    set_stamps(socket, RECEIVE_STAMPS)?;
    receive_ttl(socket, v6)
}

/// Asks for transmit and receive timestamps, and the TTL of what arrives.
pub(crate) fn stamp_both(socket: &Socket, v6: bool) -> io::Result<()> {
    set_stamps(socket, RECEIVE_STAMPS | TRANSMIT_STAMPS)?;
    receive_ttl(socket, v6)
}

fn set_stamps(socket: &Socket, flags: u32) -> io::Result<()> {
    sys::set_option(socket.as_fd(), libc::SOL_SOCKET, libc::SO_TIMESTAMPING, flags as i32)
}

fn receive_ttl(socket: &Socket, v6: bool) -> io::Result<()> {
    match v6 {
        false => sys::set_option(socket.as_fd(), libc::SOL_IP, libc::IP_RECVTTL, 1),
        true => sys::set_option(socket.as_fd(), libc::SOL_IPV6, libc::IPV6_RECVHOPLIMIT, 1),
    }
}

/// Asks for the error queue, with ICMP extensions where the kernel knows them.
pub(crate) fn queue_errors(socket: &Socket, v6: bool) -> io::Result<()> {
    let (level, errors, extensions) = match v6 {
        false => (libc::SOL_IP, libc::IP_RECVERR, IP_RECVERR_RFC4884),
        true => (libc::SOL_IPV6, libc::IPV6_RECVERR, IPV6_RECVERR_RFC4884),
    };
    sys::set_option(socket.as_fd(), level, errors, 1)?;
    let _ = sys::set_option(socket.as_fd(), level, extensions, 1); // older kernels have none
    Ok(())
}

/// Sends with "do not fragment" up to the interface's MTU, whatever the path is known to take.
pub(crate) fn forbid_fragments(socket: &Socket, v6: bool) -> io::Result<()> {
    let (level, name, probe) = if v6 {
        (libc::SOL_IPV6, libc::IPV6_MTU_DISCOVER, libc::IPV6_PMTUDISC_PROBE)
    } else {
        (libc::SOL_IP, libc::IP_MTU_DISCOVER, libc::IP_PMTUDISC_PROBE)
    };
    sys::set_option(socket.as_fd(), level, name, probe)
}

/// The port of a datagram that nobody is to answer (RFC 863).
pub(crate) const DISCARD: u16 = 9;

/// The MTU of the interface that packets to `target` leave by, at most what fits a datagram. The
/// kernel says it when it is given more than that to send.
pub(crate) fn link_mtu(target: SocketAddr, binding: &Binding) -> Option<u16> {
    let v6 = target.is_ipv6();
    let headers = if v6 { 48 } else { 28 };
    let most = vec![0; usize::from(u16::MAX) - headers];
    let socket = open(v6, Type::DGRAM, Protocol::UDP, binding, 0).ok()?;
    queue_errors(&socket, v6).ok()?;
    forbid_fragments(&socket, v6).ok()?;
    match sys::send(socket.as_fd(), &most, target, Some(1)) {
        Ok(()) => return Some(u16::MAX), // the loopback interface
        Err(error) if error.raw_os_error() == Some(libc::EMSGSIZE) => {}
        Err(_) => return None,
    }
    let message = sys::receive(socket.as_fd(), &mut [0; 64], true).ok()??;
    let error = message.error.filter(|error| error.origin == libc::SO_EE_ORIGIN_LOCAL)?;
    u16::try_from(error.info.min(u32::from(u16::MAX))).ok()
}

/// Room for as much as arrives while the process waits for a processor; more than the system's
/// limit needs `CAP_NET_ADMIN`, and without it the limit stays.
pub(crate) fn widen(socket: &Socket) {
    const WIDE: i32 = 32 << 20;
    let _ = sys::set_option(socket.as_fd(), libc::SOL_SOCKET, libc::SO_RCVBUFFORCE, WIDE);
}

/// Asks for the number of packets for which a socket had no room.
pub(crate) fn count_dropped(socket: &Socket) -> io::Result<()> {
    sys::set_option(socket.as_fd(), libc::SOL_SOCKET, libc::SO_RXQ_OVFL, 1)
}

/// Sets a filter given as plain octets.
pub(crate) fn set_filter(socket: &Socket, level: i32, name: i32, filter: &[u8]) -> io::Result<()> {
    sys::set_bytes(socket.as_fd(), level, name, filter)
}

/// A send reports the error of an earlier datagram first, and is to be tried again then.
const RETRIES: usize = 32;

/// A socket that sends probes, and says when each one left.
pub(crate) struct Sender {
    pub(crate) socket: Socket,
    stamps: Stamps,
}

impl Sender {
    /// The socket must have been given to [`stamp_both`].
    pub(crate) fn new(socket: Socket) -> Self {
        Self { socket, stamps: Stamps::default() }
    }

    /// A datagram socket with an error queue, bound to the port of a flow.
    pub(crate) fn for_flow(
        v6: bool,
        protocol: Protocol,
        binding: &Binding,
        port: u16,
    ) -> io::Result<Self> {
        let socket = open(v6, Type::DGRAM, protocol, binding, port)?;
        set_tos(&socket, v6, binding.tos)?;
        queue_errors(&socket, v6)?;
        if binding.any_size {
            forbid_fragments(&socket, v6)?;
        }
        stamp_both(&socket, v6)?;
        Ok(Self::new(socket))
    }

    pub(crate) fn fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    pub(crate) fn send(
        &mut self,
        bytes: &[u8],
        to: SocketAddr,
        ttl: Option<u8>,
        ticket: Ticket,
    ) -> io::Result<()> {
        for _ in 0..RETRIES {
            match self.try_send(bytes, to, ttl, ticket) {
                Err(error) if is_about_a_datagram(&error) => {}
                done => return done,
            }
        }
        self.try_send(bytes, to, ttl, ticket)
    }

    fn try_send(
        &mut self,
        bytes: &[u8],
        to: SocketAddr,
        ttl: Option<u8>,
        ticket: Ticket,
    ) -> io::Result<()> {
        if let Err(error) = sys::send(self.socket.as_fd(), bytes, to, ttl) {
            // The kernel may or may not have counted the datagram: let it count anew.
            set_stamps(&self.socket, RECEIVE_STAMPS)?;
            set_stamps(&self.socket, RECEIVE_STAMPS | TRANSMIT_STAMPS)?;
            self.stamps.restart();
            return Err(error);
        }
        self.stamps.sent(ticket);
        Ok(())
    }

    /// Reads the error queue: timestamps become arrivals, errors go to `on_error`.
    pub(crate) fn read_errors(
        &self,
        buffer: &mut [u8],
        arrivals: &mut Vec<Arrival>,
        mut on_error: impl FnMut(&Message, &sys::ExtendedError, &[u8]) -> Option<Arrival>,
    ) -> io::Result<()> {
        for _ in 0..BATCH * 2 {
            let Some(message) = sys::receive(self.fd(), buffer, true)? else { break };
            let Some(error) = &message.error else { continue };
            if error.origin == libc::SO_EE_ORIGIN_TIMESTAMPING {
                let left = self.stamps.ticket(error.data).zip(message.stamp);
                arrivals.extend(left.map(|(ticket, at)| Arrival::Left { ticket, at }));
            } else {
                let data = buffer.get(..message.len).unwrap_or_default();
                arrivals.extend(on_error(&message, error, data));
            }
        }
        Ok(())
    }
}

impl AsFd for Sender {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// Reads what waits on a socket, up to a bounded number of packets. Errors that belong to an
/// earlier datagram are not the reader's.
pub(crate) fn read(
    socket: BorrowedFd<'_>,
    buffer: &mut [u8],
    mut on_packet: impl FnMut(&Message, &[u8]),
) -> io::Result<()> {
    for _ in 0..BATCH {
        match sys::receive(socket, buffer, false) {
            Ok(None) => break,
            Ok(Some(message)) => on_packet(&message, buffer.get(..message.len).unwrap_or_default()),
            Err(error) if is_about_a_datagram(&error) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Errors of a datagram sent earlier, which the error queue tells better.
pub(crate) fn is_about_a_datagram(error: &io::Error) -> bool {
    use io::ErrorKind as Kind;
    matches!(
        error.kind(),
        Kind::ConnectionRefused
            | Kind::HostUnreachable
            | Kind::NetworkUnreachable
            | Kind::Interrupted
    ) || matches!(
        error.raw_os_error(),
        Some(
            libc::EMSGSIZE
                | libc::EACCES
                | libc::EPROTO
                | libc::ENOPROTOOPT
                | libc::EOPNOTSUPP
                | libc::EHOSTDOWN
                | libc::ENONET
                | libc::EPERM
        )
    )
}

/// The address that packets to `target` leave from.
pub(crate) fn source_for(target: SocketAddr, binding: &Binding) -> io::Result<IpAddr> {
    let socket = open(target.is_ipv6(), Type::DGRAM, Protocol::UDP, binding, 0)?;
    socket.connect(&target.into())?;
    let local = socket.local_addr()?.as_socket();
    local.map(|local| local.ip()).ok_or_else(|| io::Error::other("no source address"))
}

pub(crate) use super::sys::{Batch, tcp_rtt};

/// Time since 1970, by the same clock as the kernel's timestamps.
pub(crate) fn wall_clock() -> Duration {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Realtime);
    Duration::new(now.tv_sec.unsigned_abs(), now.tv_nsec as u32)
}
