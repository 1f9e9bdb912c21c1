//! Packets that a tracer must not believe. Each seems to come from 203.0.113.0/24 or
//! `2001:db8:bad::/48`, so that a belief shows at once.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use serde::Deserialize;

use crate::packet::{IcmpError, Probe, packet};

/// Where the lie is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Class {
    WrongSourcePort,
    WrongTargetPort,
    WrongQuotedTarget,
    WrongQuotedSource,
    /// The number in every place that carries one.
    WrongIdentity,
    WrongLength,
    WrongPayload,
    BadIcmpChecksum,
    ImpossibleTtl,
    /// Cut somewhere in the quote, with the rest of the packet missing.
    Truncated,
    /// Octets that mean nothing.
    Garbage,
    /// An honest answer, ten times.
    Duplicate,
    /// Extension lengths that claim more than there is.
    WrongExtension,
}

/// The forged packet, to be sent before the honest answer (a duplicate: after it).
pub(crate) fn forge(
    class: Class,
    probe: &Probe,
    n: usize,
    honest: &[(Duration, Vec<u8>)],
) -> Option<(Duration, Vec<u8>)> {
    let from: IpAddr = match probe.is_v6() {
        false => Ipv4Addr::new(203, 0, 113, 1 + n as u8 % 250).into(),
        true => Ipv6Addr::new(0x2001, 0xdb8, 0xbad, 0, 0, 0, 0, n as u16 + 1).into(),
    };
    if class == Class::Duplicate {
        return honest
            .first()
            .map(|(delay, bytes)| (*delay + Duration::from_micros(50), bytes.clone()));
    }
    let mut quote = probe.quoted(None);
    let (source_at, target_at) = if probe.is_v6() { (8, 24) } else { (12, 16) };
    let transport = probe.header;
    let flip = n as u8 | 1;
    let places: &[usize] = match class {
        Class::WrongSourcePort => {
            &[transport + usize::from(probe.protocol == 1 || probe.protocol == 58) * 4]
        }
        Class::WrongTargetPort if matches!(probe.protocol, 1 | 58) => return None,
        Class::WrongTargetPort => &[transport + 2],
        Class::WrongQuotedTarget => &[target_at + 1],
        Class::WrongQuotedSource => &[source_at + 1],
        Class::WrongLength if probe.protocol == 17 => &[transport + 5],
        Class::WrongPayload if probe.protocol == 17 || matches!(probe.protocol, 1 | 58) => {
            &[transport + 12]
        }
        Class::WrongIdentity => match (probe.protocol, probe.is_v6()) {
            (17, false) => &[4, 28 - 1, 28],
            (17, true) => &[47, 48],
            (6, _) => &[transport + 6],
            (_, false) => &[4, 26, 28],
            (_, true) => &[46, 48],
        },
        Class::WrongLength | Class::WrongPayload => return None,
        _ => &[],
    };
    for &at in places {
        *quote.get_mut(at)? ^= flip;
    }
    if class == Class::ImpossibleTtl {
        *quote.get_mut(if probe.is_v6() { 7 } else { 8 })? = 250;
    }
    if class == Class::Truncated {
        quote.truncate(n % (probe.header + 8));
    }
    let icmp_type = if probe.is_v6() { 3 } else { 11 };
    let error = IcmpError {
        icmp_type,
        code: 0,
        mtu: None,
        quote: &quote,
        mpls: &[],
        interface: None,
        legacy: false,
    };
    let mut message = error.message(probe.is_v6());
    if class == Class::Garbage {
        message = (0..n % 200).map(|at| (at * 31 + n * 7) as u8).collect();
    }
    if class == Class::WrongExtension {
        // A false quote behind a length that overflows an octet when counted in octets.
        quote.truncate(probe.header + 4);
        message[5] = 128 | flip;
        message.truncate(8 + probe.header + 4);
    }
    let mut bytes = packet(from, probe.source, if probe.is_v6() { 58 } else { 1 }, 60, message);
    if class == Class::BadIcmpChecksum {
        let at = bytes.len().min(if probe.is_v6() { 42 } else { 22 });
        *bytes.get_mut(at)? ^= 0x11;
    }
    Some((Duration::ZERO, bytes))
}
