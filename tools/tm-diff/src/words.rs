//! What the formats for people say, in words. Strangers' text is in here as it came: each format
//! makes it harmless by its own rules.

use std::collections::BTreeSet;

use tm_stream::text::few_ms;

use crate::comparison::{About, At, Change, Comparison, Row, Verdict, Where};

/// What kind of line it is, for its sign and its colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mark {
    Same,
    /// Other, and no difference.
    Alike,
    Changed,
    Gone,
    New,
    Unknown,
}

impl Mark {
    pub(crate) fn of(row: &Row) -> Self {
        match row.verdict {
            Verdict::Removed => Self::Gone,
            Verdict::Inserted => Self::New,
            Verdict::Unknown => Self::Unknown,
            _ if row.differs => Self::Changed,
            Verdict::Same => Self::Same,
            _ => Self::Alike,
        }
    }

    pub(crate) fn sign(self) -> &'static str {
        match self {
            Self::Same => "✓",
            Self::Alike => "≈",
            Self::Changed => "✗",
            Self::Gone => "-",
            Self::New => "+",
            Self::Unknown => "?",
        }
    }
}

/// The TTL on each side: `4`, `4→5`, `4→` where B has none, `→5` where A has none.
pub(crate) fn ttls(row: &Row) -> String {
    match (row.a.as_ref().map(|at| at.hop), row.b.as_ref().map(|at| at.hop)) {
        (Some(a), Some(b)) if a == b => a.to_string(),
        (a, b) => {
            let text = |hop: Option<u8>| hop.map_or(String::new(), |hop| hop.to_string());
            format!("{}→{}", text(a), text(b))
        }
    }
}

/// What became of the hop, and what else is other; each part by itself.
pub(crate) fn remarks(row: &Row) -> Vec<String> {
    let mut remarks: Vec<String> = verdict(row).into_iter().collect();
    remarks.extend(row.changes.iter().map(change));
    if row.answers_seldom {
        remarks.push("it answers seldom".to_owned());
    }
    remarks
}

fn verdict(row: &Row) -> Option<String> {
    let origins = |at: Option<&At>| at.map_or(String::new(), |at| systems(&at.origins));
    let text = match row.verdict {
        Verdict::Same => return None,
        Verdict::Balanced => "load balanced".to_owned(),
        Verdict::Moved => match (row.elsewhere, row.a.is_some()) {
            (Some(ttl), true) => format!("moved to {ttl}"),
            (Some(ttl), false) => format!("moved from {ttl}"),
            (None, _) => "moved".to_owned(),
        },
        Verdict::Inserted => "inserted".to_owned(),
        Verdict::Removed => "removed".to_owned(),
        Verdict::Replaced if row.may_be_balancing => "replaced (or balanced)".to_owned(),
        Verdict::Replaced => "replaced".to_owned(),
        Verdict::ReplacedInAs => {
            let or = if row.may_be_balancing { " (or balanced)" } else { "" };
            format!("replaced in {}{or}", origins(row.b.as_ref()))
        }
        Verdict::ReplacedAcrossAs => {
            format!("replaced, {} → {}", origins(row.a.as_ref()), origins(row.b.as_ref()))
        }
        Verdict::SilentNow => "silent now".to_owned(),
        Verdict::AnsweringNow => "answering now".to_owned(),
        Verdict::Unknown => {
            let is_known = |at: &Option<At>| at.as_ref().is_some_and(|at| !at.ips.is_empty());
            format!("not probed in {}", if is_known(&row.a) { "B" } else { "A" })
        }
    };
    Some(text)
}

fn change(change: &Change) -> String {
    let named = |name: &Option<String>| name.clone().unwrap_or("none".to_owned());
    match change {
        Change::Rtt { before, after, shift } => {
            let amount = signed_ms(after - before);
            match shift {
                Where::Onset => format!("RTT {amount} from here on"),
                Where::Carried => format!("RTT {amount}"),
                Where::Local => format!("~ RTT {amount}"),
                Where::Unsure => format!("RTT {amount}?"),
            }
        }
        Change::Loss { before, after, shift, .. } => {
            let amounts = format!("loss {} → {}", percent(*before), percent(*after));
            match shift {
                Where::Onset => format!("{amounts} from here on"),
                Where::Carried => amounts,
                Where::Local => format!("~ {amounts}"),
                Where::Unsure => format!("{amounts}?"),
            }
        }
        Change::Name { before, after } => format!("name {} → {}", named(before), named(after)),
        Change::Origin { before, after } => format!("{} → {}", systems(before), systems(after)),
        Change::Place { before, after } => format!("place {before} → {after}"),
        Change::Mpls { before, after } => format!("MPLS {} → {}", stacks(before), stacks(after)),
        Change::Reply { before, after } => format!("reply {} → {}", notes(before), notes(after)),
        Change::Members { gone, new } => {
            let part = |what: &str, ips: &[String]| match ips {
                [] => None,
                [ip] => Some(format!("{what} {ip}")),
                several => Some(format!("{what} {} routers", several.len())),
            };
            let parts = [part("without", gone), part("with", new)];
            format!("balanced {}", parts.into_iter().flatten().collect::<Vec<_>>().join(", "))
        }
    }
}

/// `AS7922`, or several with `/` between.
pub(crate) fn systems(origins: &[u32]) -> String {
    origins.iter().map(|number| format!("AS{number}")).collect::<Vec<_>>().join("/")
}

fn stacks(stacks: &[Vec<u32>]) -> String {
    let stack = |labels: &Vec<u32>| match labels.as_slice() {
        [] => "none".to_owned(),
        some => some.iter().map(u32::to_string).collect::<Vec<_>>().join("/"),
    };
    stacks.iter().map(stack).collect::<Vec<_>>().join(" or ")
}

fn notes(notes: &[String]) -> String {
    let note = |note: &String| if note.is_empty() { "plain".to_owned() } else { note.clone() };
    notes.iter().map(note).collect::<Vec<_>>().join(" or ")
}

/// Three significant places.
pub(crate) fn ms(ms: f64) -> String {
    match ms.abs() {
        ..10.0 => few_ms(ms),
        ..100.0 => format!("{ms:.1}"),
        _ => format!("{ms:.0}"),
    }
}

fn signed_ms(amount: f64) -> String {
    format!("{}{} ms", if amount < 0.0 { "−" } else { "+" }, ms(amount.abs()))
}

pub(crate) fn percent(pct: f64) -> String {
    if pct > 0.0 && pct < 1.0 { format!("{pct:.1}%") } else { format!("{pct:.0}%") }
}

/// What is compared: the host and how it was traced.
pub(crate) fn title(comparison: &Comparison) -> String {
    let sides: Vec<&About> = [&comparison.a, &comparison.b].into_iter().flatten().collect();
    let traced = |about: &&About| {
        let targets = about.targets.iter().filter(|ip| **ip != about.host);
        let targets: Vec<&str> = targets.map(String::as_str).collect();
        let address = match targets.as_slice() {
            [] => String::new(),
            [one] => format!(" ({one})"),
            several => format!(" ({} addresses)", several.len()),
        };
        let port = about.port.map_or(String::new(), |port| format!(" port {port}"));
        format!("{}{address} by {}{port}", about.host, about.protocol.to_uppercase())
    };
    let mut titles: Vec<String> = sides.iter().map(traced).collect();
    titles.dedup();
    titles.join(" → ")
}

/// Where a side comes from.
pub(crate) fn origin(about: &About) -> String {
    let rounds = if about.rounds == 1 { "round" } else { "rounds" };
    let second = |time: tm_schema::Time| {
        time.to_string().chars().take(19).collect::<String>().replace('T', " ")
    };
    let first = about.first_at.map(second);
    let last = about.last_at.map(second).filter(|last| Some(last) != first.as_ref());
    let when = match (first, last) {
        (Some(first), Some(last)) => format!(", {first} to {last} UTC"),
        (Some(first), None) => format!(", {first} UTC"),
        (None, _) => String::new(),
    };
    let from = about.vantage.as_ref().map_or(String::new(), |vantage| format!(" from {vantage}"));
    format!("{}: {} {rounds}{from}{when}", about.source, about.rounds)
}

/// What is other about the path as a whole, and what stays worth knowing.
pub(crate) fn whole(comparison: &Comparison) -> Vec<String> {
    let (Some(a), Some(b)) = (&comparison.a, &comparison.b) else {
        let side = if comparison.a.is_some() { "A" } else { "B" };
        return vec![format!("only {side} has it")];
    };
    let mut lines = Vec::new();
    if a.vantage != b.vantage {
        let name = |about: &About| about.vantage.clone().unwrap_or("unnamed".to_owned());
        lines.push(format!("Vantage point: {} → {}", name(a), name(b)));
    }
    match (&a.as_path, &b.as_path) {
        (None, None) => {}
        (Some(a), Some(b)) if a == b => lines.push(format!("AS path: {a}")),
        (before, after) => {
            let text = |path: &Option<String>| path.clone().unwrap_or("unknown".to_owned());
            let same = if comparison.path.contains(&"as_path") {
                ""
            } else {
                " (no difference as far as known)"
            };
            lines.push(format!("AS path: {} → {}{same}", text(before), text(after)));
        }
    }
    if let (Some(before), Some(after)) = (a.length, b.length)
        && before != after
    {
        lines.push(format!("Length: {before} → {after} hops"));
    }
    if a.reached != b.reached || comparison.path.contains(&"reached") {
        lines.push(format!("Reached: {} → {}", reached(a), reached(b)));
    }
    for (name, about) in [("A", a), ("B", b)] {
        lines.extend(about.error.as_ref().map(|error| format!("Error in {name}: {error}")));
    }
    lines
}

fn reached(about: &About) -> String {
    match (about.rounds, about.reached) {
        (1, true) => "yes".to_owned(),
        (1, false) => "no".to_owned(),
        (rounds, _) => format!("{} of {rounds} rounds", about.reached_rounds),
    }
}

/// The verdict on the pair.
pub(crate) fn summary(comparison: &Comparison) -> String {
    let parts: Vec<String> =
        comparison.counts.iter().map(|(name, &count)| part(name, count)).collect();
    match comparison.differences {
        0 => "No difference.".to_owned(),
        1 => format!("1 difference: {}.", parts.join(", ")),
        count => format!("{count} differences: {}.", parts.join(", ")),
    }
}

fn part(name: &str, count: usize) -> String {
    let hops = if count == 1 { "hop" } else { "hops" };
    match name {
        "replaced_in_as" => format!("{count} replaced in its AS"),
        "replaced_across_as" => format!("{count} replaced across ASes"),
        "silent_now" => format!("{count} silent now"),
        "answering_now" => format!("{count} answering now"),
        "as_path" => "AS path".to_owned(),
        "target" => "address traced".to_owned(),
        "reached" => "reached or not".to_owned(),
        "missing" => "traced on one side only".to_owned(),
        "rtt" => format!("RTT from {count} {hops} on"),
        "loss" => format!("loss from {count} {hops} on"),
        "members" => format!("load balancer at {count} {hops}"),
        "origin" => format!("AS of {count} {hops}"),
        "mpls" => format!("MPLS at {count} {hops}"),
        "name" | "place" => format!("{name} of {count} {hops}"),
        "reply" => format!("reply of {count} {hops}"),
        other => format!("{count} {other}"),
    }
}

/// What the signs mean that were used.
pub(crate) fn legend(comparison: &Comparison) -> Vec<String> {
    let mut lines = Vec::new();
    if comparison.hops.iter().any(|row| row.may_be_balancing) {
        lines.push(
            "(or balanced): one flow on each side cannot tell; tm-probe --flows 16 can".to_owned(),
        );
    }
    let changes = || comparison.hops.iter().flat_map(|row| &row.changes);
    let any = |wanted: Where| {
        changes().any(|change| {
            matches!(change, Change::Rtt { shift, .. } | Change::Loss { shift, .. } if *shift == wanted)
        })
    };
    if any(Where::Local) {
        lines.push("~ farther hops do not share it: it is how this router answers".to_owned());
    }
    if any(Where::Unsure) {
        lines.push("? too few probes to be sure; it does not count".to_owned());
    }
    let ats = comparison.hops.iter().flat_map(|row| [&row.a, &row.b]).flatten();
    let rare: BTreeSet<&String> = ats.flat_map(|at| &at.rare).collect();
    if !rare.is_empty() {
        let who = if rare.len() == 1 { "responder" } else { "responders" };
        lines.push(format!("{} rare {who} left out; --rare 0 shows all", rare.len()));
    }
    lines
}
