//! Packets as the simulated internet reads and writes them.

use std::net::IpAddr;

use etherparse::checksum::Sum16BitWords;
use etherparse::{IpNumber, Ipv4Header, Ipv6Header};

use crate::topology::{Interface, Label};

/// A probe as it came out of the TUN device.
#[derive(Clone, Debug)]
pub(crate) struct Probe {
    pub(crate) bytes: Vec<u8>,
    pub(crate) source: IpAddr,
    pub(crate) target: IpAddr,
    pub(crate) protocol: u8,
    pub(crate) ttl: u8,
    /// Where the transport begins.
    pub(crate) header: usize,
}

impl Probe {
    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        let (source, target, protocol, ttl, header) = match bytes.first()? >> 4 {
            4 => {
                let (ip, _) = Ipv4Header::from_slice(bytes).ok()?;
                (
                    ip.source.into(),
                    ip.destination.into(),
                    ip.protocol.0,
                    ip.time_to_live,
                    ip.header_len(),
                )
            }
            6 => {
                let (ip, _) = Ipv6Header::from_slice(bytes).ok()?;
                (
                    ip.source.into(),
                    ip.destination.into(),
                    ip.next_header.0,
                    ip.hop_limit,
                    Ipv6Header::LEN,
                )
            }
            _ => return None,
        };
        Some(Self { bytes: bytes.to_vec(), source, target, protocol, ttl, header })
    }

    pub(crate) fn transport(&self) -> &[u8] {
        self.bytes.get(self.header..).unwrap_or_default()
    }

    /// A word of the transport.
    pub(crate) fn word(&self, at: usize) -> u16 {
        self.transport().get(at..at + 2).map_or(0, |two| u16::from_be_bytes([two[0], two[1]]))
    }

    /// What a load balancer hashes: addresses, protocol, the first four octets of the transport
    /// and, for ICMP, the identifier.
    pub(crate) fn flow_hash(&self, seed: u64) -> u64 {
        let transport = self.transport();
        let icmp = matches!(self.protocol, 1 | 58);
        let hashed = transport.get(..if icmp { 6 } else { 4 }).unwrap_or_default();
        let mut hash = 0xcbf2_9ce4_8422_2325 ^ seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let addresses = self
            .bytes
            .get(self.header.saturating_sub(if self.is_v6() { 32 } else { 8 })..self.header);
        for &byte in addresses.unwrap_or_default().iter().chain(hashed) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
        // FNV's low bits follow the input's; a balancer's choice must not (MurmurHash3's finish).
        hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
        hash = (hash ^ (hash >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
        hash ^ (hash >> 33)
    }

    pub(crate) fn is_v6(&self) -> bool {
        self.target.is_ipv6()
    }

    /// The probe as a router quotes it: TTL spent, `quote` octets of transport.
    pub(crate) fn quoted(&self, quote: Option<usize>) -> Vec<u8> {
        let mut bytes = self.bytes.clone();
        let ttl_at = if self.is_v6() { 7 } else { 8 };
        if let Some(ttl) = bytes.get_mut(ttl_at) {
            *ttl = 1;
        }
        let most = if self.is_v6() { 1232 } else { 548 };
        bytes.truncate(quote.map_or(most, |quote| self.header + quote).min(most));
        bytes
    }
}

/// An ICMP error: type, code, the word behind the checksum, the quote, its extensions.
pub(crate) struct IcmpError<'a> {
    pub(crate) icmp_type: u8,
    pub(crate) code: u8,
    /// The MTU that a refusal names.
    pub(crate) mtu: Option<u32>,
    pub(crate) quote: &'a [u8],
    pub(crate) mpls: &'a [Label],
    pub(crate) interface: Option<&'a Interface>,
    /// Extensions at octet 128, the length not said.
    pub(crate) legacy: bool,
}

impl IcmpError<'_> {
    pub(crate) fn message(&self, v6: bool) -> Vec<u8> {
        let mut body = self.quote.to_vec();
        let mut length = 0;
        if !self.mpls.is_empty() || self.interface.is_some() {
            let word = if v6 { 8 } else { 4 };
            body.resize(
                if self.legacy {
                    128
                } else {
                    body.len().clamp(128, 255 * word).next_multiple_of(word)
                },
                0,
            );
            if !self.legacy {
                length = (body.len() / word) as u8;
            }
            body.extend(extensions(self.mpls, self.interface));
        }
        let mut message = vec![self.icmp_type, self.code, 0, 0, 0, 0, 0, 0];
        match self.mtu {
            Some(mtu) if v6 => message[4..8].copy_from_slice(&mtu.to_be_bytes()),
            Some(mtu) => message[6..8].copy_from_slice(&(mtu as u16).to_be_bytes()),
            None => {}
        }
        if length > 0 {
            message[if v6 { 4 } else { 5 }] = length;
        }
        message.extend(body);
        message
    }
}

fn extensions(labels: &[Label], interface: Option<&Interface>) -> Vec<u8> {
    let mut bytes = vec![0x20, 0, 0, 0, 0, (4 + labels.len() * 4) as u8, 1, 1];
    for (at, label) in labels.iter().enumerate() {
        let bottom = u32::from(at + 1 == labels.len());
        let entry =
            label.value << 12 | u32::from(label.tc) << 9 | bottom << 8 | u32::from(label.ttl);
        bytes.extend(entry.to_be_bytes());
    }
    if labels.is_empty() {
        bytes.truncate(4);
    }
    if let Some(interface) = interface {
        let mut name = interface.name.clone().into_bytes();
        name.resize((name.len() + 1).next_multiple_of(4) - 1, 0);
        // Incoming interface; its index, name and MTU follow.
        bytes.extend([0, (4 + 4 + 1 + name.len() + 4) as u8, 2, 0b0000_1011]);
        bytes.extend(interface.index.to_be_bytes());
        bytes.push(name.len() as u8 + 1);
        bytes.extend(name);
        bytes.extend(interface.mtu.to_be_bytes());
    }
    let sum = Sum16BitWords::new().add_slice(&bytes).ones_complement();
    bytes[2..4].copy_from_slice(&sum.to_ne_bytes());
    bytes
}

/// A whole packet from `from` to `to`, its transport checksum filled in at `checksum_at`.
pub(crate) fn packet(
    from: IpAddr,
    to: IpAddr,
    protocol: u8,
    ttl: u8,
    mut transport: Vec<u8>,
) -> Vec<u8> {
    let checksum_at = match protocol {
        17 => 6,
        6 => 16,
        _ => 2,
    };
    let mut pseudo = Sum16BitWords::new();
    let len = transport.len() as u16;
    let next = IpNumber(protocol);
    let mut bytes = match (from, to) {
        (IpAddr::V4(from), IpAddr::V4(to)) => {
            if protocol != 1 {
                pseudo = pseudo.add_4bytes(from.octets()).add_4bytes(to.octets());
                pseudo = pseudo.add_2bytes([0, protocol]).add_2bytes(len.to_be_bytes());
            }
            let mut header = Ipv4Header {
                total_len: 20 + len,
                time_to_live: ttl,
                protocol: next,
                source: from.octets(),
                destination: to.octets(),
                ..Ipv4Header::default()
            };
            header.header_checksum = header.calc_header_checksum();
            header.to_bytes().to_vec()
        }
        (IpAddr::V6(from), IpAddr::V6(to)) => {
            pseudo = pseudo.add_16bytes(from.octets()).add_16bytes(to.octets());
            pseudo = pseudo.add_2bytes([0, protocol]).add_2bytes(len.to_be_bytes());
            let header = Ipv6Header {
                payload_length: len,
                next_header: next,
                hop_limit: ttl,
                source: from.octets(),
                destination: to.octets(),
                ..Ipv6Header::default()
            };
            header.to_bytes().to_vec()
        }
        _ => return Vec::new(),
    };
    let sum = pseudo.add_slice(&transport).ones_complement();
    if let Some(place) = transport.get_mut(checksum_at..checksum_at + 2) {
        place.copy_from_slice(&sum.to_ne_bytes());
    }
    bytes.extend(transport);
    bytes
}
