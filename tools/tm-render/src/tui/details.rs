//! Everything that is known of one responder.

#[cfg(test)]
mod tests;

use tm_schema::{Asn, Dns, Geo, Hints, Mtu, MtuLimit, Probe, Reply};
use tm_stream::text::{shown, wrap};

use super::app::App;
use super::screen::symbols;
use crate::column::{self, LONGEST_NAME, milliseconds, place};
use crate::symbols::Symbols;
use crate::view::{Responder, Ttl};

/// What is known of the hop at the cursor.
pub(crate) fn lines(app: &App) -> Vec<String> {
    let (Some(view), Some((ttl, responder))) = (app.view(), app.chosen()) else {
        return vec!["no hop is chosen".to_owned()];
    };
    let Some(at) = view.ttls.get(&ttl) else { return Vec::new() };
    let room = usize::from(app.width).saturating_sub(2);
    let titled = rows(ttl, at, responder, symbols(app));
    titled
        .into_iter()
        .flat_map(|(title, text)| wrap(&format!("{title:<9} {text}"), room, "          "))
        .collect()
}

type Titled = (&'static str, String);

fn rows(ttl: u8, at: &Ttl, responder: Option<&Responder>, symbols: Symbols) -> Vec<Titled> {
    let [low, high] = at.loss_interval();
    let loss = format!(
        "{:.1}%: {} of {} probes ({low:.1} to {high:.1}% at 95% confidence)",
        at.loss_pct(),
        at.lost(),
        at.sent
    );
    let Some(responder) = responder else {
        return vec![("hop", format!("{ttl}: nobody answered")), ("loss", loss)];
    };
    let mut rows = vec![("hop", format!("{ttl}: {}", shown(&responder.ip, LONGEST_NAME)))];
    rows.extend(responder.dns.as_ref().map(|dns| ("names", names(dns))));
    rows.extend(responder.asn.as_ref().map(|asn| ("AS", origin(asn))));
    if let Some(geo) = &responder.geo {
        rows.extend(location(geo, symbols));
    }
    rows.push(("RTT", rtt(responder)));
    rows.push(("probes", probes(&responder.probes)));
    rows.push(("loss", loss));
    rows.push(("history", responder.trail.draw(60, symbols)));
    rows.push(("losses", responder.trail.draw_losses(60, symbols)));
    rows.extend(responder.reply.as_ref().map(|reply| ("reply", self::reply(reply))));
    let labels = responder.mpls.iter().map(|label| {
        let bottom = if label.bottom { ", bottom" } else { "" };
        format!("label {} TC {} TTL {}{bottom}", label.label, label.tc, label.ttl)
    });
    rows.extend(labels.map(|label| ("MPLS", label)));
    if let Some(interface) = &responder.interface {
        let name = interface
            .name
            .as_deref()
            .map_or(String::new(), |name| format!(" {}", shown(name, LONGEST_NAME)));
        let ip = interface.ip.map_or(String::new(), |ip| format!(" {ip}"));
        rows.push(("interface", format!("{}{name}{ip}", shown(&interface.role, LONGEST_NAME))));
    }
    if responder.nat == Some(true) {
        rows.push(("NAT", "the quoted datagram was rewritten on its way".to_owned()));
    }
    if let Some(mtu) = &responder.mtu {
        rows.push(("MTU", largest(mtu)));
    }
    if let Some(hints) = responder.hints {
        rows.extend(suggested(hints));
    }
    let flows: Vec<String> = responder.flows.iter().map(ToString::to_string).collect();
    rows.push(("flows", flows.join(" ")));
    rows
}

fn largest(mtu: &Mtu) -> String {
    let Some(octets) = mtu.octets else { return "not known".to_owned() };
    let why = match mtu.limit {
        None => return format!("at least {octets} octets"),
        Some(MtuLimit::Interface) => "larger ones cannot be sent",
        Some(MtuLimit::Reported) => "as a router on the way says",
        Some(MtuLimit::Refused) => "a router on the way refuses larger ones",
        Some(MtuLimit::BlackHole) => "larger ones vanish on the way",
    };
    format!("{octets} octets: {why}")
}

/// What the replies suggest.
fn suggested(hints: Hints) -> Vec<Titled> {
    let back = hints.reply_hops.zip(hints.initial_ttl).map(|(hops, initial)| {
        ("way back?", format!("{hops} hops, if the reply left with TTL {initial}: a guess"))
    });
    let router = hints.router.map(|number| {
        ("router?", format!("those of this hop with number {number} may be one: a guess by labels"))
    });
    back.into_iter().chain(router).collect()
}

fn from(source: Option<&str>) -> String {
    source.map_or(String::new(), |source| format!("  ({})", shown(source, LONGEST_NAME)))
}

fn names(dns: &Dns) -> String {
    let verified = match dns.verified {
        Some(true) => ", verified",
        Some(false) => ", not verified",
        None => "",
    };
    let all: Vec<_> = dns.names.iter().take(8).map(|name| shown(name, LONGEST_NAME)).collect();
    let text = match &dns.error {
        Some(error) => format!("not known: {}", shown(error, LONGEST_NAME)),
        None if all.is_empty() => {
            dns.hostname.as_deref().map_or("none".to_owned(), |name| shown(name, LONGEST_NAME))
        }
        None => all.join(" "),
    };
    text + verified + &from(dns.source.as_deref())
}

fn origin(asn: &Asn) -> String {
    if let Some(error) = &asn.error {
        return format!("not known: {}", shown(error, LONGEST_NAME)) + &from(asn.source.as_deref());
    }
    let others = asn.origins.iter().filter(|&&other| Some(other) != asn.number);
    let others: Vec<String> = others.map(|other| format!("AS{other}")).collect();
    let also = asn.number.filter(|_| !others.is_empty());
    let also = also.map(|_| format!("also {}", others.join(" ")));
    let parts = [
        column::origin(asn),
        asn.org.clone(),
        asn.prefix.clone(),
        asn.country.clone(),
        asn.registry.clone(),
        also,
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    let text =
        if parts.is_empty() { "none".to_owned() } else { shown(&parts.join("  "), LONGEST_NAME) };
    text + &from(asn.source.as_deref())
}

fn location(geo: &Geo, symbols: Symbols) -> Vec<Titled> {
    let score = geo.score.map_or(String::new(), |score| format!("  score {score:.1}"));
    let radius = geo.accuracy_km.map_or(String::new(), |km| format!("  within {km:.0} km"));
    let error = geo
        .error
        .as_deref()
        .map_or(String::new(), |error| format!(" {}", shown(error, LONGEST_NAME)));
    let text = place(geo, symbols) + &error + &radius + &score + &from(geo.source.as_deref());
    let mut rows = vec![("place", text)];
    let evidence = geo.evidence.iter().map(|evidence| {
        let (source, says) =
            (shown(&evidence.source, LONGEST_NAME), shown(&evidence.says, LONGEST_NAME));
        ("evidence", format!("{:+.1} {source}: {says}", evidence.score))
    });
    rows.extend(evidence);
    rows.extend(geo.conflicts.iter().map(|conflict| ("conflict", shown(conflict, LONGEST_NAME))));
    rows
}

fn rtt(responder: &Responder) -> String {
    let rtt = &responder.rtt;
    if rtt.count == 0 {
        return "-".to_owned();
    }
    let [min, avg, max] = [rtt.min, rtt.mean, rtt.max].map(milliseconds);
    let known = |value: Option<f64>| value.map_or("-".to_owned(), milliseconds);
    let [median, stddev, jitter] = [rtt.median(), rtt.stddev(), rtt.jitter()].map(known);
    format!("min {min}  avg {avg}  median {median}  max {max}  stddev {stddev}  jitter {jitter} ms")
}

fn probes(probes: &[Probe]) -> String {
    let one = |probe: &Probe| probe.rtt_ms.map_or("lost".to_owned(), |rtt| format!("{rtt:.3}"));
    probes.iter().map(one).collect::<Vec<_>>().join("  ") + " ms, last round"
}

fn reply(reply: &Reply) -> String {
    let kind = reply.kind.as_str().replace('_', " ");
    let code = reply.icmp_type.zip(reply.code);
    let code = code.map_or(String::new(), |(kind, code)| format!("  type {kind} code {code}"));
    let ttl = reply.ttl.map_or(String::new(), |ttl| format!("  TTL {ttl}"));
    let note = reply
        .note
        .as_deref()
        .map_or(String::new(), |note| format!("  {}", shown(note, LONGEST_NAME)));
    kind + &code + &ttl + &note
}
