//! Annotations as traceroutes print them, and the ICMP codes that they stand for.

use tm_schema::{Reply, ReplyKind};

/// The reply that an annotation such as `!H` or `!F-1400` tells of; `None`: it is no annotation.
pub(crate) fn reply(text: &str, is_v6: bool) -> Option<Reply> {
    let rest = text.strip_prefix('!')?;
    let (icmp_type, code) = if is_v6 { v6(rest) } else { v4(rest) }?;
    let kind = ReplyKind::DestUnreachable;
    Some(Reply { kind, icmp_type, code, ttl: None, note: Some(text.to_owned()) })
}

type Code = (Option<u8>, Option<u8>);

fn v4(letters: &str) -> Option<Code> {
    let code = match letters {
        "N" => 0,
        "H" => 1,
        "P" => 2,
        "S" => 5,
        "U" => 6,
        "W" => 7,
        "I" => 8,
        "A" => 9,
        "Z" => 10,
        "Q" => 11,
        "T" => 12,
        "X" => 13,
        "V" => 14,
        "C" => 15,
        _ if is_fragmentation(letters) => 4,
        _ => return numbered(letters, 3),
    };
    Some((Some(3), Some(code)))
}

fn v6(letters: &str) -> Option<Code> {
    Some(match letters {
        "N" => (Some(1), Some(0)),
        "X" | "A" => (Some(1), Some(1)),
        "S" => (Some(1), Some(2)),
        "H" => (Some(1), Some(3)),
        "P" => (Some(4), Some(1)),
        _ if is_fragmentation(letters) => (Some(2), Some(0)),
        _ => return numbered(letters, 1),
    })
}

fn is_fragmentation(letters: &str) -> bool {
    letters.strip_prefix('F').is_some_and(|mtu| {
        mtu.is_empty() || mtu.trim_start_matches('-').bytes().all(|b| b.is_ascii_digit())
    })
}

/// `!<13>`, `!<4-1>`, and a bare `!`: the reply's TTL was 1 or less.
fn numbered(letters: &str, icmp_type: u8) -> Option<Code> {
    let Some(inner) = letters.strip_prefix('<').and_then(|rest| rest.strip_suffix('>')) else {
        return (letters.len() < 2 && letters.bytes().all(|b| b.is_ascii_alphabetic()))
            .then_some((None, None));
    };
    match inner.split_once('-') {
        Some((icmp_type, code)) => Some((Some(icmp_type.parse().ok()?), Some(code.parse().ok()?))),
        None => Some((Some(icmp_type), Some(inner.parse().ok()?))),
    }
}

/// The reply with which a router discards a probe whose TTL ran out (RFC 792, RFC 4443).
pub(crate) fn time_exceeded(is_v6: bool) -> Reply {
    let icmp_type = Some(if is_v6 { 3 } else { 11 });
    Reply { kind: ReplyKind::TimeExceeded, icmp_type, code: None, ttl: None, note: None }
}

/// The reply of an ICMP type and code, noted as traceroute does. A closed port is how a
/// destination answers UDP; anybody else refuses with it.
pub(crate) fn of_icmp(
    icmp_type: u8,
    code: u8,
    is_v6: bool,
    by_target: bool,
    ttl: Option<u8>,
) -> Reply {
    let (kind, note) = match (is_v6, icmp_type, code) {
        (false, 11, _) | (true, 3, _) => (ReplyKind::TimeExceeded, None),
        (false, 0, _) | (true, 129, _) => (ReplyKind::EchoReply, None),
        (false, 3, 3) | (true, 1, 4) if by_target => (ReplyKind::DestUnreachable, None),
        (false, 3, code) => (ReplyKind::DestUnreachable, Some(letter(code, V4_NOTES))),
        (true, 1, code) => (ReplyKind::DestUnreachable, Some(letter(code, V6_NOTES))),
        (true, 2, _) => (ReplyKind::DestUnreachable, Some("!F".to_owned())),
        (true, 4, 1) => (ReplyKind::DestUnreachable, Some("!P".to_owned())),
        (_, icmp_type, code) => {
            (ReplyKind::DestUnreachable, Some(format!("!<{icmp_type}-{code}>")))
        }
    };
    Reply { kind, icmp_type: Some(icmp_type), code: Some(code), ttl, note }
}

const V4_NOTES: &[(u8, &str)] =
    &[(0, "!N"), (1, "!H"), (2, "!P"), (4, "!F"), (5, "!S"), (13, "!X"), (14, "!V"), (15, "!C")];
const V6_NOTES: &[(u8, &str)] = &[(0, "!N"), (1, "!X"), (2, "!S"), (3, "!H")];

fn letter(code: u8, notes: &[(u8, &str)]) -> String {
    let known = notes.iter().find(|note| note.0 == code);
    known.map_or_else(|| format!("!<{code}>"), |note| note.1.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(text: &str, is_v6: bool) -> Option<Code> {
        reply(text, is_v6).map(|reply| (reply.icmp_type, reply.code))
    }

    #[test]
    fn letters_are_codes_of_the_family() {
        assert_eq!(code("!X", false), Some((Some(3), Some(13))));
        assert_eq!(code("!X", true), Some((Some(1), Some(1))));
        assert_eq!(code("!F-1400", false), Some((Some(3), Some(4))));
        assert_eq!(code("!<11>", false), Some((Some(3), Some(11))));
        assert_eq!(code("!<4-2>", true), Some((Some(4), Some(2))));
        assert_eq!(code("!", false), Some((None, None)));
    }

    #[test]
    fn other_words_are_no_annotations() {
        for no in ["", "X", "!<300>", "!<>", "!hello", "ms", "!F-x"] {
            assert_eq!(code(no, false), None, "{no}");
        }
    }
}
