//! TCP without privileges: one non-blocking `connect` for each probe, its TTL set beforehand, and
//! the ICMP error that the kernel queues for it.
//!
//! The kernel allows one connection attempt for an address and port pair at a time, so the
//! probes of one flow follow each other.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::net::IpAddr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::time::{Duration, Instant};

use rustix::event::epoll;
use socket2::{Protocol as IpProtocol, Socket, Type};
use tm_schema::ReplyKind;

use super::errqueue::queued_error;
use super::socket::{self, Binding};
use super::{Arrival, BATCH, Channel, Reply, Sources, Ticket, peer, plain_answer, sys};
use crate::packet::build::ProbePacket;
use crate::packet::identity::Identity;
use crate::packet::shape::Shape;

/// The kernel sends a SYN again after this long, and an answer would be to either of the two.
pub(crate) const RETRANSMISSION: Duration = Duration::from_millis(990);

/// Connection attempts at a time; each needs a descriptor.
const MOST: usize = 512;

/// One family's connection attempts.
pub(crate) struct Connects {
    v6: bool,
    paris: bool,
    binding: Binding,
    ready: std::os::fd::OwnedFd,
    attempts: HashMap<RawFd, Attempt>,
    /// The attempt that holds the port of a flow to a target.
    by_flow: HashMap<(IpAddr, u16), RawFd>,
    oldest: VecDeque<(Instant, RawFd, Ticket)>,
    buffer: Vec<u8>,
}

struct Attempt {
    socket: Socket,
    ticket: Ticket,
    target: IpAddr,
    flow: u16,
    identity: Identity,
}

impl Connects {
    pub(crate) fn open(v6: bool, shape: &Shape, binding: &Binding) -> io::Result<Self> {
        Ok(Self {
            v6,
            paris: shape.paris,
            binding: binding.clone(),
            ready: epoll::create(epoll::CreateFlags::CLOEXEC)?,
            attempts: HashMap::new(),
            by_flow: HashMap::new(),
            oldest: VecDeque::new(),
            buffer: vec![0; 1 << 16],
        })
    }

    fn close(&mut self, fd: RawFd) {
        if let Some(attempt) = self.attempts.remove(&fd) {
            self.by_flow.remove(&(attempt.target, attempt.flow));
            let _ = attempt.socket.set_linger(Some(Duration::ZERO)); // an open port gets a RST, no FIN
        }
    }

    /// Closes what the kernel would send again.
    fn close_expired(&mut self) {
        while let Some(&(began, fd, ticket)) = self.oldest.front() {
            if began.elapsed() < RETRANSMISSION {
                break;
            }
            self.oldest.pop_front();
            if self.attempts.get(&fd).is_some_and(|attempt| attempt.ticket == ticket) {
                self.close(fd);
            }
        }
    }

    fn finished(&mut self, fd: RawFd) -> Option<Arrival> {
        let now = socket::wall_clock();
        let attempt = self.attempts.get(&fd)?;
        let (target, flow) = (attempt.target, attempt.flow);
        let identity = Some(attempt.identity);
        if let Ok(Some(message)) = sys::receive(attempt.socket.as_fd(), &mut self.buffer, true)
            && let Some(error) = &message.error
        {
            let data = self.buffer.get(..message.len).unwrap_or_default();
            return Some(match queued_error(self.v6, 0, &message, error, data) {
                Ok(queued) => queued.reply(target, flow, identity, &message),
                Err(error) => Arrival::Refused { target, error },
            });
        }
        let (kind, rtt) = match attempt.socket.take_error() {
            Ok(None) => (ReplyKind::SynAck, socket::tcp_rtt(attempt.socket.as_fd())),
            Ok(Some(error)) if error.kind() == io::ErrorKind::ConnectionRefused => {
                (ReplyKind::Rst, None)
            }
            Ok(Some(error)) if error.kind() == io::ErrorKind::TimedOut => return None,
            Ok(Some(error)) | Err(error) => return Some(Arrival::Refused { target, error }),
        };
        let answer = plain_answer(target, kind, None);
        let reply = Reply::new(target, flow, identity, answer);
        Some(Arrival::Reply(Reply { at: Some(now), rtt, ..reply }))
    }
}

impl Channel for Connects {
    fn descriptors(&self) -> Vec<BorrowedFd<'_>> {
        vec![self.ready.as_fd()]
    }

    fn capacity(&self) -> Option<usize> {
        Some(MOST.saturating_sub(self.attempts.len()))
    }

    fn send(&mut self, probe: &ProbePacket, ticket: Ticket) -> io::Result<()> {
        if let Some(fd) = self.by_flow.get(&(probe.target, probe.flow)).copied() {
            self.close(fd); // its time is over, or this probe would not be sent
        }
        // A classic probe gets whatever port is free; a flow keeps its own.
        let port = if self.paris { probe.flow } else { 0 };
        let socket = Socket::new(
            if self.v6 { socket2::Domain::IPV6 } else { socket2::Domain::IPV4 },
            Type::STREAM.nonblocking().cloexec(),
            Some(IpProtocol::TCP),
        )?;
        socket.set_reuse_address(true)?;
        socket::bind(&socket, self.v6, &self.binding, port)?;
        socket::set_tos(&socket, self.v6, self.binding.tos)?;
        socket::queue_errors(&socket, self.v6)?;
        socket::stamp_received(&socket, self.v6)?;
        match self.v6 {
            false => socket.set_ttl_v4(u32::from(probe.ttl))?,
            true => socket.set_unicast_hops_v6(u32::from(probe.ttl))?,
        }
        match socket.connect(&peer(probe.target, probe.scope, probe.port).into()) {
            Err(error) if error.raw_os_error() != Some(libc::EINPROGRESS) => return Err(error),
            _ => {}
        }
        let fd = socket.as_raw_fd();
        let events = epoll::EventFlags::OUT | epoll::EventFlags::ERR | epoll::EventFlags::HUP;
        epoll::add(&self.ready, &socket, epoll::EventData::new_u64(fd as u64), events)?;
        let (target, flow, identity) = (probe.target, probe.flow, probe.identity);
        self.attempts.insert(fd, Attempt { socket, ticket, target, flow, identity });
        self.by_flow.insert((target, flow), fd);
        self.oldest.push_back((Instant::now(), fd, ticket));
        Ok(())
    }

    fn receive(&mut self, _: Sources<'_>, arrivals: &mut Vec<Arrival>) -> io::Result<()> {
        let mut events = Vec::with_capacity(BATCH);
        let at_once = rustix::event::Timespec { tv_sec: 0, tv_nsec: 0 };
        epoll::wait(&self.ready, rustix::buffer::spare_capacity(&mut events), Some(&at_once))?;
        self.close_expired();
        for event in events {
            let fd = event.data.u64() as RawFd;
            arrivals.extend(self.finished(fd));
            self.close(fd);
        }
        Ok(())
    }
}
