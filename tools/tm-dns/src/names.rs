//! What is known of names: the cache of other runs, and the thread that asks.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use tm_cache::{Kind, NEGATIVE, Put};
use tm_enrich::answers::{Desk, on_thread};
use tm_enrich::due::Due;
use tm_enrich::store::Store;
use tm_enrich::{Enricher, Hop};
use tm_schema::{Dns, ResolverSays};
use tm_stream::Diagnostics;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use crate::flags::Flags;
use crate::look_up::{Question, work};

/// What records show of an address.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    dns: Dns,
    json: Vec<u8>,
    /// Targets found there, each of which is shown on its own records.
    targets: Vec<Target>,
    due: Due,
}

/// What each server says of a target's name.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    /// The target, as it is written in the record.
    pub(crate) host: String,
    /// Nothing, where the target is an address.
    pub(crate) says: Vec<ResolverSays>,
}

impl Answer {
    pub(crate) fn new(dns: Dns, targets: Vec<Target>) -> Self {
        let json = serde_json::to_vec(&dns).unwrap_or_else(|_| b"{}".to_vec());
        let due = match dns.error {
            None => Due::after(time_to_live(&dns)),
            Some(_) => Due::soon(),
        };
        Self { dns, json, targets, due }
    }

    /// Nobody could be asked.
    pub(crate) fn failed(question: Question) -> Self {
        let error = Some("no resolver".to_owned());
        let target = question.host.map(|host| Target { host, says: Vec::new() });
        Self::new(Dns { error, ..Dns::default() }, target.into_iter().collect())
    }

    fn target(&self, host: &str) -> Option<&Target> {
        self.targets.iter().find(|target| target.host == host)
    }
}

/// How long an answer counts; one that there is no name counts for less.
fn time_to_live(dns: &Dns) -> Duration {
    if dns.names.is_empty() { NEGATIVE } else { Kind::Dns.time_to_live() }
}

/// The names of a run.
pub(crate) struct Names {
    flags: Flags,
    desk: Desk<Answer>,
    store: Arc<Store>,
    questions: Option<UnboundedSender<Question>>,
    diagnostics: Diagnostics,
    /// Who is asked, as the cache knows it.
    source: String,
}

impl Names {
    pub(crate) fn new(flags: &Flags, desk: Desk<Answer>, diagnostics: &Diagnostics) -> Self {
        let servers: Vec<_> = flags.dns.resolver.iter().map(ToString::to_string).collect();
        let whom = if servers.is_empty() { "system".to_owned() } else { servers.join(",") };
        let how = if flags.verify { " verified" } else { "" };
        Self {
            flags: flags.clone(),
            desk,
            store: Arc::new(flags.cache.store(diagnostics)),
            questions: None,
            diagnostics: diagnostics.clone(),
            source: format!("{whom}{how}"),
        }
    }

    /// Whether the record is to show what each server says of its target's name.
    fn compares_target(&self, hop: &Hop<'_>) -> bool {
        self.flags.compare_resolvers && hop.is_destination == "true"
    }

    fn thread(&mut self) -> Option<&UnboundedSender<Question>> {
        if self.questions.is_none() {
            let (sender, receiver) = unbounded_channel();
            let (flags, desk) = (self.flags.clone(), self.desk.clone());
            let diagnostics = self.diagnostics.clone();
            let keep = keep(Arc::clone(&self.store), self.source.clone());
            match on_thread(move || work(flags, receiver, desk, keep, diagnostics)) {
                Ok(_) => self.questions = Some(sender),
                Err(error) => self.diagnostics.error(format_args!("cannot look up: {error}")),
            }
        }
        self.questions.as_ref()
    }
}

/// Keeps an answer for other runs, unless the next run may fare better.
fn keep(store: Arc<Store>, source: String) -> impl Fn(IpAddr, &Dns) + Clone + Send + 'static {
    move |ip, dns| {
        if dns.error.is_some() {
            return;
        }
        let time_to_live = time_to_live(dns);
        if let Ok(value) = serde_json::to_string(dns) {
            let (source, key) = (source.clone(), ip.to_string());
            store.put(Put { kind: Kind::Dns, source, key, value, time_to_live });
        }
    }
}

impl Enricher for Names {
    type Answer = Answer;

    const MEMBER: &'static str = "dns";

    // A resolver that makes up addresses for IPv4 hosts makes up their names too (RFC 6147).
    const IS_OF_ROUTER: bool = false;

    fn at_once(&mut self, _: &Hop<'_>, ip: IpAddr) -> Option<Answer> {
        if self.flags.compare_resolvers {
            return None; // what each says now is the point
        }
        let entry = self.store.get(Kind::Dns, &self.source, &ip.to_string())?;
        serde_json::from_str(&entry.value).ok().map(|dns| Answer::new(dns, Vec::new()))
    }

    fn ask(&mut self, hop: &Hop<'_>, ip: IpAddr) {
        let host = self.compares_target(hop).then(|| hop.host.to_owned());
        let question = Question { ip, host };
        let unsent = match self.thread() {
            Some(thread) => thread.send(question).err().map(|error| error.0),
            None => Some(question),
        };
        if let Some(question) = unsent {
            self.desk.answer(ip, Answer::failed(question));
        }
    }

    fn is_enough(&self, hop: &Hop<'_>, answer: &Answer) -> bool {
        !self.compares_target(hop) || answer.target(hop.host).is_some()
    }

    fn write(&mut self, hop: &Hop<'_>, ip: IpAddr, answer: &Answer, out: &mut Vec<u8>) -> bool {
        if answer.due.has_come() {
            self.ask(hop, ip);
        }
        let target = answer.target(hop.host).filter(|_| self.compares_target(hop));
        if let Some(target) = target.filter(|target| !target.says.is_empty()) {
            let dns = Dns { target: target.says.clone(), ..answer.dns.clone() };
            return serde_json::to_writer(out, &dns).is_ok();
        }
        out.extend_from_slice(&answer.json);
        true
    }

    fn finish(&self) {
        self.store.finish();
    }
}
