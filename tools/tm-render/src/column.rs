//! The columns of the table: what each one says of a responder, and what it gives up first when
//! there is little room.

use clap::ValueEnum;
use tm_schema::{Asn, Geo, Mtu};
use tm_stream::text::{cut_middle, cut_with, few_ms, shown, width};

use crate::overlay::Member;
use crate::symbols::{Symbols, Trust};
use crate::view::{Responder, Ttl};

/// The longest texts that are what they should be: an address, a domain name, traceroute's
/// annotation. The longest organisation that is worth showing.
const LONGEST_IP: usize = 45;
pub(crate) const LONGEST_NAME: usize = 253;
const LONGEST_NOTE: usize = 8;
pub(crate) const LONGEST_ORG: usize = 60;

/// Rounds that the history shows.
const HISTORY: usize = 20;

/// A column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Column {
    /// TTL
    Hop,
    /// Responder
    Ip,
    /// Name (tm-dns)
    Host,
    /// Mean RTT in ms, with the reply's annotation
    Avg,
    /// Smallest and largest RTT in ms
    Minmax,
    /// Smallest RTT in ms
    Best,
    /// Largest RTT in ms
    Worst,
    /// Last RTT in ms
    Last,
    /// Median RTT in ms, of the last hundred
    Median,
    /// Standard deviation of the RTT in ms
    Stddev,
    /// Mean difference of consecutive RTTs in ms
    Jitter,
    /// Probes that nobody answered, in percent
    Loss,
    /// Probes that nobody answered, of those sent
    Lost,
    /// Probes sent
    Sent,
    /// Probes that this responder answered
    Recv,
    /// Origin AS (tm-asn)
    Asn,
    /// Place (tm-geo)
    Place,
    /// What kind of packet answered
    Reply,
    /// MPLS labels
    Mpls,
    /// Flows that met this responder
    Flows,
    /// Largest datagram that comes so far (`tm-probe --mtu`)
    Mtu,
    /// Hops that the reply seems to have come, by its TTL: a guess
    Back,
    /// RTT of the last rounds, the newest last
    History,
}

impl Column {
    /// Shown unless the user chooses.
    pub(crate) const DEFAULT: [Self; 9] = [
        Self::Hop,
        Self::Ip,
        Self::Host,
        Self::Avg,
        Self::Minmax,
        Self::Loss,
        Self::Mtu,
        Self::Asn,
        Self::Place,
    ];

    /// Shown on a screen that one walks through, where details say the rest.
    pub(crate) const WALKED: [Self; 8] = [
        Self::Hop,
        Self::Ip,
        Self::Host,
        Self::Avg,
        Self::Loss,
        Self::History,
        Self::Asn,
        Self::Place,
    ];

    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Hop => "#",
            Self::Ip => "IP",
            Self::Host => "Hostname",
            Self::Avg => "Avg RTT",
            Self::Minmax => "Min/Max",
            Self::Best => "Best",
            Self::Worst => "Worst",
            Self::Last => "Last",
            Self::Median => "Median",
            Self::Stddev => "StdDev",
            Self::Jitter => "Jitter",
            Self::Loss => "Loss",
            Self::Lost => "Lost",
            Self::Sent => "Sent",
            Self::Recv => "Recv",
            Self::Asn => "ASN",
            Self::Place => "Location",
            Self::Reply => "Reply",
            Self::Mpls => "MPLS",
            Self::Flows => "Flows",
            Self::Mtu => "MTU",
            Self::Back => "Back?",
            Self::History => "History",
        }
    }

    pub(crate) fn is_number(self) -> bool {
        !matches!(
            self,
            Self::Ip
                | Self::Host
                | Self::Asn
                | Self::Place
                | Self::Reply
                | Self::Mpls
                | Self::Flows
                | Self::History
        )
    }

    /// How often [`Self::least`] is asked, each time for less.
    pub(crate) const SQUEEZES: usize = 3;

    /// The columns of text that it can be cut down to where room is short, the more so with each
    /// `squeeze`: names say more than the beginning of an organisation. `None`: it is never cut.
    pub(crate) fn least(self, squeeze: usize) -> Option<usize> {
        let least: [usize; Self::SQUEEZES] = match self {
            Self::Host => [28, 20, 12],
            Self::Asn => [14, 7, 7],
            Self::Place => [16, 14, 11],
            Self::Mpls | Self::Flows => [6; 3],
            Self::History => [8; 3],
            _ => return None,
        };
        least.get(squeeze).copied()
    }

    /// Which column goes first when cutting is not enough; 0: never.
    pub(crate) fn expendable(self) -> u8 {
        match self {
            Self::Flows | Self::Reply | Self::Back => 9,
            Self::History | Self::Mpls => 8,
            Self::Minmax => 7,
            Self::Stddev | Self::Median | Self::Last | Self::Jitter => 6,
            Self::Place => 5,
            Self::Best | Self::Worst | Self::Lost | Self::Sent | Self::Recv => 4,
            Self::Asn => 3,
            Self::Host => 2,
            Self::Loss | Self::Mtu => 1,
            Self::Hop | Self::Ip | Self::Avg => 0,
        }
    }

    /// Said once for a TTL, however many answer there.
    pub(crate) fn is_of_ttl(self) -> bool {
        matches!(self, Self::Hop | Self::Loss | Self::Lost | Self::Sent | Self::Mtu)
    }

    /// It is there only where somebody has something for it.
    pub(crate) fn is_added(self) -> bool {
        matches!(
            self,
            Self::Host
                | Self::Asn
                | Self::Place
                | Self::Mpls
                | Self::Flows
                | Self::Mtu
                | Self::Back
                | Self::History
        )
    }

    /// Whether the responder has something for it.
    pub(crate) fn has(self, responder: &Responder) -> bool {
        match self {
            _ if self.is_awaited(responder) => true,
            Self::Host => responder.dns.is_some(),
            Self::Asn => responder.asn.is_some(),
            Self::Place => responder.geo.is_some(),
            Self::Mpls => !responder.mpls.is_empty(),
            Self::Flows => responder.flows.len() > 1,
            Self::Mtu => responder.mtu.is_some(),
            Self::Back => responder.reply_hops().is_some(),
            Self::History => responder.trail.len() > 1,
            _ => true,
        }
    }

    /// What it says of the responder is still being looked up.
    pub(crate) fn is_awaited(self, responder: &Responder) -> bool {
        match self {
            Self::Host => responder.awaits(Member::Dns),
            Self::Asn => responder.awaits(Member::Asn),
            Self::Place => responder.awaits(Member::Geo),
            _ => false,
        }
    }

    /// Shown too with `--wide`.
    pub(crate) const WIDE: [Self; 19] = [
        Self::Hop,
        Self::Ip,
        Self::Host,
        Self::Last,
        Self::Avg,
        Self::Best,
        Self::Worst,
        Self::Stddev,
        Self::Jitter,
        Self::Loss,
        Self::Lost,
        Self::Recv,
        Self::Asn,
        Self::Place,
        Self::Mpls,
        Self::Flows,
        Self::Mtu,
        Self::Back,
        Self::History,
    ];

    /// The text cut to `columns` where it says least: names in their middle, cities before their
    /// country; an organisation that would be cut to a few letters is left out.
    pub(crate) fn cut(self, text: &str, columns: usize, symbols: Symbols) -> String {
        if width(text) <= columns {
            return text.to_owned();
        }
        let mark = symbols.ellipsis();
        match (self, text.rsplit_once(", "), text.split_once(' ')) {
            (Self::History, ..) => newest(text, columns),
            (Self::Host, ..) => cut_middle(text, columns, mark).into_owned(),
            (Self::Place, Some((city, country)), _) if width(country) + 4 < columns => {
                let city = cut_with(city, columns - width(country) - 2, mark);
                format!("{city}, {country}")
            }
            (Self::Asn, _, Some((number, _))) if columns < width(number) + 6 => number.to_owned(),
            _ => cut_with(text, columns, mark).into_owned(),
        }
    }

    /// What it says of a responder.
    pub(crate) fn cell(self, ttl: u8, at: &Ttl, responder: &Responder, symbols: Symbols) -> String {
        let rtt = &responder.rtt;
        let ms = |value: f64| if rtt.count == 0 { "-".to_owned() } else { milliseconds(value) };
        match self {
            Self::Hop => ttl.to_string(),
            Self::Ip => shown(&responder.ip, LONGEST_IP),
            _ if self.is_awaited(responder) => symbols.awaited().to_owned(),
            Self::Host => host(responder),
            Self::Avg => match responder.reply.as_ref().and_then(|reply| reply.note.as_deref()) {
                Some(note) => format!("{} {}", ms(rtt.mean), shown(note, LONGEST_NOTE)),
                None => ms(rtt.mean),
            },
            Self::Minmax if rtt.count == 0 => "-".to_owned(),
            Self::Minmax => format!("{}/{}", ms(rtt.min), ms(rtt.max)),
            Self::Best => ms(rtt.min),
            Self::Worst => ms(rtt.max),
            Self::Last => rtt.last.map_or("-".to_owned(), ms),
            Self::Median => rtt.median().map_or("-".to_owned(), ms),
            Self::Stddev => rtt.stddev().map_or("-".to_owned(), ms),
            Self::Jitter => rtt.jitter().map_or("-".to_owned(), ms),
            Self::Loss => loss(at),
            Self::Lost => lost(at),
            Self::Sent => at.sent.to_string(),
            Self::Recv => rtt.count.to_string(),
            Self::Asn => responder.asn.as_ref().map_or("-".to_owned(), asn),
            Self::Place => responder.geo.as_ref().map_or("-".to_owned(), |geo| place(geo, symbols)),
            Self::Reply => {
                responder.reply.as_ref().map_or("", |reply| reply.kind.as_str()).to_owned()
            }
            Self::History => responder.trail.draw(HISTORY, symbols),
            Self::Mpls => {
                let labels: Vec<String> =
                    responder.mpls.iter().map(|label| label.label.to_string()).collect();
                labels.join("/")
            }
            Self::Flows => flows(&responder.flows),
            Self::Mtu => at.mtu.as_ref().map_or("-".to_owned(), mtu),
            Self::Back => responder.reply_hops().map_or("-".to_owned(), |hops| hops.to_string()),
        }
    }

    /// What it says of a TTL where nobody answered.
    pub(crate) fn silent(self, ttl: u8, at: &Ttl) -> String {
        match self {
            Self::Hop => ttl.to_string(),
            Self::Ip => "*".to_owned(),
            Self::Loss => loss(at),
            Self::Lost => lost(at),
            Self::Sent => at.sent.to_string(),
            Self::Recv => "0".to_owned(),
            Self::Mtu => at.mtu.as_ref().map_or(String::new(), mtu),
            _ => String::new(),
        }
    }
}

/// The last rounds of a history.
fn newest(text: &str, columns: usize) -> String {
    let all = text.chars().count();
    text.chars().skip(all.saturating_sub(columns)).collect()
}

/// Of a TTL where nobody knows how many probes were sent, nothing is known.
fn loss(at: &Ttl) -> String {
    if at.sent == 0 { "-".to_owned() } else { format!("{:.0}%", at.loss_pct()) }
}

/// `1/3`: how many of the probes. Of few probes, a percentage promises more than is known.
fn lost(at: &Ttl) -> String {
    match at.sent {
        0 => "-".to_owned(),
        sent => format!("{}/{sent}", at.lost()),
    }
}

/// Three significant places are what a person compares.
pub(crate) fn milliseconds(ms: f64) -> String {
    match ms {
        ..10.0 => few_ms(ms),
        ..1000.0 => format!("{ms:.1}"),
        _ => format!("{ms:.0}"),
    }
}

fn host(responder: &Responder) -> String {
    match &responder.dns {
        Some(dns) if dns.error.is_some() => "?".to_owned(),
        Some(dns) => {
            dns.hostname.as_deref().map_or("-".to_owned(), |name| shown(name, LONGEST_NAME))
        }
        None => "-".to_owned(),
    }
}

fn asn(asn: &Asn) -> String {
    match (origin(asn), &asn.org) {
        _ if asn.error.is_some() => "?".to_owned(),
        (Some(origin), Some(org)) => format!("{origin} {}", shown(org, LONGEST_ORG)),
        (Some(origin), None) => origin,
        (None, _) => "-".to_owned(),
    }
}

/// Origins that are named where a prefix has many.
const MOST_ORIGINS: usize = 4;

/// The origin of a prefix: `AS64500`; `AS64500/AS64501` where it has several and none is the one.
pub(crate) fn origin(asn: &Asn) -> Option<String> {
    if let Some(number) = asn.number {
        return Some(format!("AS{number}"));
    }
    let named = asn.origins.iter().take(MOST_ORIGINS).map(|number| format!("AS{number}"));
    let more = (asn.origins.len() > MOST_ORIGINS).then(|| "...".to_owned());
    let named: Vec<String> = named.chain(more).collect();
    (!named.is_empty()).then(|| named.join("/"))
}

/// There is something to say of where it is.
pub(crate) fn has_place(geo: &Geo) -> bool {
    geo.error.is_none()
        && !geo.anycast
        && (geo.city.is_some() || geo.country_code.is_some() || geo.country.is_some())
}

pub(crate) fn place(geo: &Geo, symbols: Symbols) -> String {
    if geo.error.is_some() {
        return "?".to_owned();
    }
    if geo.anycast {
        return "anycast".to_owned();
    }
    let country = geo.country_code.as_deref().or(geo.country.as_deref());
    let parts = [geo.city.as_deref(), country].into_iter().flatten();
    let parts: Vec<_> = parts.map(|part| shown(part, LONGEST_ORG)).collect();
    if parts.is_empty() {
        return "-".to_owned();
    }
    parts.join(", ") + symbols.trust(Trust::of(geo))
}

/// The MTU so far; where more may pass, with a sign that says so.
fn mtu(mtu: &Mtu) -> String {
    match (mtu.octets, mtu.limit) {
        (None, _) => "?".to_owned(),
        (Some(octets), None) => format!("{octets}+"),
        (Some(octets), Some(_)) => octets.to_string(),
    }
}

/// Runs of flow ids: `0-3,7`.
fn flows(ids: &[u16]) -> String {
    let mut runs: Vec<(u16, u16)> = Vec::new();
    for &id in ids {
        match runs.last_mut() {
            Some((_, last)) if *last + 1 == id => *last = id,
            _ => runs.push((id, id)),
        }
    }
    let text = |&(first, last): &(u16, u16)| {
        if first == last { first.to_string() } else { format!("{first}-{last}") }
    };
    runs.iter().map(text).collect::<Vec<_>>().join(",")
}
