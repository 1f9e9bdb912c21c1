"""What the lab needs a program for: checksums, and somebody at home.

host.py [--checksum IFACE]... [--tcp PORT] [--udp-echo PORT] [--until PID]

--checksum makes the kernel fill in the checksums of what leaves IFACE. A veth
pretends that hardware will do it, nobody does, and routers then quote packets
whose UDP and TCP checksums are only the pseudo-header's sum. (`ethtool -K IFACE
tx off`, without ethtool.)

With --tcp or --udp-echo it serves until process PID ends, and prints one line once
it does.
"""

import argparse
import array
import fcntl
import os
import selectors
import socket
import struct
import sys

SIOCETHTOOL = 0x8946
ETHTOOL_STXCSUM = 0x17
IP_PKTINFO = 8


def fill_checksums(iface):
    off = array.array("I", [ETHTOOL_STXCSUM, 0])
    address, _ = off.buffer_info()
    request = struct.pack("16sP16x", iface.encode(), address)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, SIOCETHTOOL, request)


def bound(kind, family, port):
    sock = socket.socket(family, kind)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
    else:
        sock.setsockopt(socket.IPPROTO_IP, IP_PKTINFO, 1)
    sock.bind(("", port))
    sock.setblocking(False)
    return sock


def hang_up(listener):
    connection, _ = listener.accept()
    connection.close()


def echo(sock):
    """Answers from the very address that was asked, which the host's route may not suggest."""
    datagram, ancillary, _, sender = sock.recvmsg(65535, 256)
    asked = []
    for level, kind, info in ancillary:
        if (level, kind) == (socket.IPPROTO_IP, IP_PKTINFO):
            asked = [(level, kind, struct.pack("=i", 0) + info[4:12])]
        elif (level, kind) == (socket.IPPROTO_IPV6, socket.IPV6_PKTINFO):
            asked = [(level, kind, info[:16] + struct.pack("=i", 0))]
    sock.sendmsg([datagram], asked, 0, sender)


def leave(_):
    sys.exit()


def serve(tcp, udp_echo, until):
    selector = selectors.DefaultSelector()
    if until:
        selector.register(os.pidfd_open(until), selectors.EVENT_READ, leave)
    for family in (socket.AF_INET, socket.AF_INET6):
        if tcp:
            listener = bound(socket.SOCK_STREAM, family, tcp)
            listener.listen(4096)
            selector.register(listener, selectors.EVENT_READ, hang_up)
        if udp_echo:
            selector.register(
                bound(socket.SOCK_DGRAM, family, udp_echo), selectors.EVENT_READ, echo
            )
    print("serving", flush=True)
    while True:
        for key, _ in selector.select():
            try:
                key.data(key.fileobj)
            except OSError:
                pass  # the peer left first, or an error of an earlier datagram


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--checksum", action="append", default=[])
    parser.add_argument("--tcp", type=int)
    parser.add_argument("--udp-echo", type=int)
    parser.add_argument("--until", type=int)
    args = parser.parse_args()
    for iface in args.checksum:
        fill_checksums(iface)
    if args.tcp or args.udp_echo:
        serve(args.tcp, args.udp_echo, args.until)


if __name__ == "__main__":
    main()
