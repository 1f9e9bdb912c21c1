//! The system calls that need `unsafe`: messages with control data, and socket options that the
//! socket crates do not know. Nothing else in the crate is unsafe.

#![allow(unsafe_code)]

use std::io;
use std::mem::{self, MaybeUninit};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::os::fd::{AsRawFd, BorrowedFd};
use std::ptr;
use std::time::Duration;

/// What one `recvmsg` brought.
#[derive(Debug, Default)]
pub(crate) struct Message {
    /// Bytes written to the buffer.
    pub(crate) len: usize,
    /// The peer; on the error queue, where the failed datagram was sent to.
    pub(crate) name: Option<SocketAddr>,
    /// Kernel timestamp, since 1970.
    pub(crate) stamp: Option<Duration>,
    /// TTL or hop limit of the packet.
    pub(crate) ttl: Option<u8>,
    /// Packets that the socket had no room for, since it was opened.
    pub(crate) dropped: Option<u32>,
    /// The extended error, on the error queue.
    pub(crate) error: Option<ExtendedError>,
}

/// `struct sock_extended_err`, and who sent it.
#[derive(Debug)]
pub(crate) struct ExtendedError {
    pub(crate) origin: u8,
    pub(crate) icmp_type: u8,
    pub(crate) code: u8,
    pub(crate) errno: u32,
    /// MTU, or what kind of timestamp this is.
    pub(crate) info: u32,
    /// Timestamp key, or where RFC 4884 extensions begin.
    pub(crate) data: u32,
    pub(crate) offender: Option<IpAddr>,
}

impl ExtendedError {
    /// Offset of the ICMP extensions in the data, where the kernel found valid ones.
    pub(crate) fn extension_offset(&self) -> Option<usize> {
        // struct sock_ee_data_rfc4884 { u16 len; u8 flags; u8 reserved } lies over ee_data.
        let [a, b, flags, _] = self.data.to_ne_bytes();
        let offset = usize::from(u16::from_ne_bytes([a, b]));
        (offset != 0 && flags & 1 == 0).then_some(offset)
    }
}

/// Control data needs the alignment of `cmsghdr`.
#[repr(C, align(8))]
struct Control([u8; 512]);

/// Receives one message; `None` when nothing waits.
pub(crate) fn receive(
    socket: BorrowedFd<'_>,
    buffer: &mut [u8],
    error_queue: bool,
) -> io::Result<Option<Message>> {
    let mut control = Control([0; 512]);
    let mut name = MaybeUninit::<libc::sockaddr_storage>::zeroed();
    let mut iov = libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: buffer.len() };
    // SAFETY: msghdr is a C struct of integers and pointers, for which all zeroes is valid.
    let mut header: libc::msghdr = unsafe { mem::zeroed() };
    header.msg_name = name.as_mut_ptr().cast();
    header.msg_namelen = mem::size_of::<libc::sockaddr_storage>() as libc::socklen_t;
    header.msg_iov = &raw mut iov;
    header.msg_iovlen = 1;
    header.msg_control = control.0.as_mut_ptr().cast();
    header.msg_controllen = control.0.len();
    let flags = libc::MSG_DONTWAIT | if error_queue { libc::MSG_ERRQUEUE } else { 0 };
    // SAFETY: every pointer in the header is to a live buffer of the length beside it.
    let len = unsafe { libc::recvmsg(socket.as_raw_fd(), &raw mut header, flags) };
    if len < 0 {
        let error = io::Error::last_os_error();
        return match error.kind() {
            io::ErrorKind::WouldBlock => Ok(None),
            _ => Err(error),
        };
    }
    let mut message = Message { len: len as usize, ..Message::default() };
    if header.msg_namelen > 0 {
        // SAFETY: the storage was zeroed, and the kernel wrote an address of the family it names.
        message.name = socket_addr(unsafe { name.assume_init_ref() });
    }
    // SAFETY: the header is as the kernel left it, its control buffer still lives.
    unsafe { read_controls(&header, &mut message) };
    Ok(Some(message))
}

/// Reads all control messages into `message`.
///
/// # Safety
/// The header is as the kernel left it, and its control buffer still lives.
unsafe fn read_controls(header: &libc::msghdr, message: &mut Message) {
    // SAFETY: the caller vouches for the header; CMSG_FIRSTHDR and CMSG_NXTHDR return null or a
    // header inside the buffer.
    unsafe {
        let mut cmsg = libc::CMSG_FIRSTHDR(header);
        while !cmsg.is_null() {
            read_control(cmsg, message);
            cmsg = libc::CMSG_NXTHDR(header, cmsg);
        }
    }
}

/// Messages received in one call.
const AT_ONCE: usize = 64;
/// Octets kept of a message received with others; no ICMP error is longer.
const PIECE: usize = 2048;

/// Room for the messages of one call.
pub(crate) struct Batch {
    octets: Vec<u8>,
    controls: Vec<Control>,
    names: Vec<libc::sockaddr_storage>,
}

impl Batch {
    pub(crate) fn new() -> Self {
        // SAFETY: sockaddr_storage is plain data, for which all zeroes is valid.
        let name = || unsafe { mem::zeroed::<libc::sockaddr_storage>() };
        Self {
            octets: vec![0; AT_ONCE * PIECE],
            controls: (0..AT_ONCE).map(|_| Control([0; 512])).collect(),
            names: (0..AT_ONCE).map(|_| name()).collect(),
        }
    }

    /// Receives what waits, as far as there is room; true: more may be waiting.
    pub(crate) fn receive(
        &mut self,
        socket: BorrowedFd<'_>,
        mut on_message: impl FnMut(&Message, &[u8]),
    ) -> io::Result<bool> {
        let mut pieces: Vec<libc::iovec> = (self.octets.chunks_exact_mut(PIECE))
            .map(|piece| libc::iovec { iov_base: piece.as_mut_ptr().cast(), iov_len: PIECE })
            .collect();
        let places = pieces.iter_mut().zip(&mut self.controls).zip(&mut self.names);
        let header = |((piece, control), name): ((&mut libc::iovec, &mut Control), &mut _)| {
            // SAFETY: mmsghdr is a C struct of integers and pointers, for which all zeroes is valid.
            let mut header: libc::mmsghdr = unsafe { mem::zeroed() };
            header.msg_hdr.msg_name = ptr::from_mut::<libc::sockaddr_storage>(name).cast();
            header.msg_hdr.msg_namelen = mem::size_of::<libc::sockaddr_storage>() as u32;
            header.msg_hdr.msg_iov = piece;
            header.msg_hdr.msg_iovlen = 1;
            header.msg_hdr.msg_control = control.0.as_mut_ptr().cast();
            header.msg_hdr.msg_controllen = control.0.len();
            header
        };
        let mut headers: Vec<libc::mmsghdr> = places.map(header).collect();
        // SAFETY: every pointer in the headers is to a live buffer of the length beside it, each of
        // its own, and there are as many headers as are announced.
        let count = unsafe {
            let (first, len) = (headers.as_mut_ptr(), headers.len() as u32);
            libc::recvmmsg(socket.as_raw_fd(), first, len, libc::MSG_DONTWAIT, ptr::null_mut())
        };
        let Ok(count) = usize::try_from(count) else {
            let error = io::Error::last_os_error();
            let nothing = error.kind() == io::ErrorKind::WouldBlock;
            return if nothing { Ok(false) } else { Err(error) };
        };
        let received = headers.iter().zip(self.octets.chunks_exact(PIECE)).zip(&self.names);
        for ((header, octets), name) in received.take(count) {
            let len = (header.msg_len as usize).min(PIECE);
            let name = (header.msg_hdr.msg_namelen > 0).then(|| socket_addr(name)).flatten();
            let mut message = Message { len, name, ..Message::default() };
            // SAFETY: the header is as the kernel left it, its control buffer still lives.
            unsafe { read_controls(&header.msg_hdr, &mut message) };
            on_message(&message, octets.get(..len).unwrap_or_default());
        }
        Ok(count == AT_ONCE)
    }
}

/// Reads one control message into `message`.
///
/// # Safety
/// `cmsg` points to a control message that the kernel wrote.
unsafe fn read_control(cmsg: *const libc::cmsghdr, message: &mut Message) {
    // SAFETY: the caller vouches for the header; each arm reads the type that the kernel
    // documents for that level and type, unaligned, after the length was checked.
    unsafe {
        let header = ptr::read_unaligned(cmsg);
        let data = libc::CMSG_DATA(cmsg).cast_const();
        let len = header.cmsg_len.saturating_sub(data.offset_from(cmsg.cast::<u8>()) as usize);
        match (header.cmsg_level, header.cmsg_type) {
            (libc::SOL_SOCKET, libc::SCM_TIMESTAMPING)
                if len >= mem::size_of::<libc::timespec>() =>
            {
                let stamp = ptr::read_unaligned(data.cast::<libc::timespec>());
                if stamp.tv_sec > 0 {
                    message.stamp = Some(Duration::new(stamp.tv_sec as u64, stamp.tv_nsec as u32));
                }
            }
            (libc::SOL_IP, libc::IP_TTL) | (libc::SOL_IPV6, libc::IPV6_HOPLIMIT) if len >= 4 => {
                message.ttl = u8::try_from(ptr::read_unaligned(data.cast::<i32>())).ok();
            }
            (libc::SOL_SOCKET, libc::SO_RXQ_OVFL) if len >= 4 => {
                message.dropped = Some(ptr::read_unaligned(data.cast::<u32>()));
            }
            (libc::SOL_IP, libc::IP_RECVERR) | (libc::SOL_IPV6, libc::IPV6_RECVERR)
                if len >= mem::size_of::<libc::sock_extended_err>() =>
            {
                message.error = Some(read_error(data, len));
            }
            _ => {}
        }
    }
}

/// Reads an extended error and the offender's address behind it.
///
/// # Safety
/// `data` points to `len` bytes that begin with a `sock_extended_err`.
unsafe fn read_error(data: *const u8, len: usize) -> ExtendedError {
    let size = mem::size_of::<libc::sock_extended_err>();
    // SAFETY: the caller vouches for `len` bytes; the rest is copied only as far as they go.
    let (error, offender) = unsafe {
        let error = ptr::read_unaligned(data.cast::<libc::sock_extended_err>());
        let mut storage: libc::sockaddr_storage = mem::zeroed();
        let rest = (len - size).min(mem::size_of::<libc::sockaddr_storage>());
        ptr::copy_nonoverlapping(data.add(size), (&raw mut storage).cast::<u8>(), rest);
        (error, socket_addr(&storage))
    };
    ExtendedError {
        origin: error.ee_origin,
        icmp_type: error.ee_type,
        code: error.ee_code,
        errno: error.ee_errno,
        info: error.ee_info,
        data: error.ee_data,
        offender: offender.map(|addr| addr.ip()),
    }
}

fn socket_addr(storage: &libc::sockaddr_storage) -> Option<SocketAddr> {
    let from: *const libc::sockaddr_storage = storage;
    match i32::from(storage.ss_family) {
        libc::AF_INET => {
            // SAFETY: sockaddr_storage is large enough and aligned for every sockaddr.
            let v4 = unsafe { &*from.cast::<libc::sockaddr_in>() };
            let ip = Ipv4Addr::from(u32::from_be(v4.sin_addr.s_addr));
            Some(SocketAddrV4::new(ip, u16::from_be(v4.sin_port)).into())
        }
        libc::AF_INET6 => {
            // SAFETY: as above.
            let v6 = unsafe { &*from.cast::<libc::sockaddr_in6>() };
            let ip = Ipv6Addr::from(v6.sin6_addr.s6_addr);
            Some(SocketAddrV6::new(ip, u16::from_be(v6.sin6_port), 0, v6.sin6_scope_id).into())
        }
        _ => None,
    }
}

/// Sends one datagram, with a TTL of its own where one is given.
pub(crate) fn send(
    socket: BorrowedFd<'_>,
    bytes: &[u8],
    to: SocketAddr,
    ttl: Option<u8>,
) -> io::Result<()> {
    let to_address = socket2::SockAddr::from(to);
    let mut control = Control([0; 512]);
    let mut iov = libc::iovec { iov_base: bytes.as_ptr().cast_mut().cast(), iov_len: bytes.len() };
    // SAFETY: msghdr is a C struct of integers and pointers, for which all zeroes is valid.
    let mut header: libc::msghdr = unsafe { mem::zeroed() };
    header.msg_name = to_address.as_ptr().cast_mut().cast();
    header.msg_namelen = to_address.len();
    header.msg_iov = &raw mut iov;
    header.msg_iovlen = 1;
    if let Some(ttl) = ttl {
        let (level, kind) = match to {
            SocketAddr::V4(_) => (libc::SOL_IP, libc::IP_TTL),
            SocketAddr::V6(_) => (libc::SOL_IPV6, libc::IPV6_HOPLIMIT),
        };
        header.msg_control = control.0.as_mut_ptr().cast();
        // SAFETY: the control buffer is far larger than one message with an int in it.
        unsafe {
            header.msg_controllen = libc::CMSG_SPACE(4) as usize;
            let cmsg = libc::CMSG_FIRSTHDR(&raw const header);
            (*cmsg).cmsg_level = level;
            (*cmsg).cmsg_type = kind;
            (*cmsg).cmsg_len = libc::CMSG_LEN(4) as usize;
            ptr::write_unaligned(libc::CMSG_DATA(cmsg).cast::<i32>(), i32::from(ttl));
        }
    }
    // SAFETY: every pointer in the header is to a live buffer of the length beside it.
    let sent = unsafe { libc::sendmsg(socket.as_raw_fd(), &raw const header, libc::MSG_DONTWAIT) };
    if sent < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Sets an integer socket option.
pub(crate) fn set_option(
    socket: BorrowedFd<'_>,
    level: i32,
    name: i32,
    value: i32,
) -> io::Result<()> {
    set_bytes(socket, level, name, &value.to_ne_bytes())
}

/// Sets a socket option of plain bytes.
pub(crate) fn set_bytes(
    socket: BorrowedFd<'_>,
    level: i32,
    name: i32,
    value: &[u8],
) -> io::Result<()> {
    // SAFETY: the kernel reads `value.len()` bytes from a live slice.
    let result = unsafe {
        let len = value.len() as libc::socklen_t;
        libc::setsockopt(socket.as_raw_fd(), level, name, value.as_ptr().cast(), len)
    };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// The kernel's own RTT of a TCP handshake (`tcpi_rtt`, microseconds).
pub(crate) fn tcp_rtt(socket: BorrowedFd<'_>) -> Option<Duration> {
    // SAFETY: tcp_info is integers only; the kernel writes at most `len` bytes into it.
    let info = unsafe {
        let mut info: libc::tcp_info = mem::zeroed();
        let mut len = mem::size_of::<libc::tcp_info>() as libc::socklen_t;
        let to = (&raw mut info).cast();
        match libc::getsockopt(socket.as_raw_fd(), libc::SOL_TCP, libc::TCP_INFO, to, &raw mut len)
        {
            0 => info,
            _ => return None,
        }
    };
    (info.tcpi_rtt > 0).then(|| Duration::from_micros(u64::from(info.tcpi_rtt)))
}
