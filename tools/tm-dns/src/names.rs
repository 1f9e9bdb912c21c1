//! What is known of names: the cache of other runs, and the thread that asks.

use std::net::IpAddr;
use std::sync::Arc;

use tm_cache::{Kind, NEGATIVE, Put};
use tm_enrich::answers::{Desk, on_thread};
use tm_enrich::store::Store;
use tm_enrich::{Enricher, Hop};
use tm_schema::Dns;
use tm_stream::Diagnostics;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use crate::flags::Flags;
use crate::look_up::{Question, work};

/// A name as records show it, and whose record it may be shown on.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) dns: Dns,
    /// The target that `dns.target` is about, as it is written in the record.
    pub(crate) host: Option<String>,
    json: Vec<u8>,
}

impl Answer {
    pub(crate) fn new(dns: Dns, host: Option<String>) -> Self {
        let json = serde_json::to_vec(&dns).unwrap_or_else(|_| b"{}".to_vec());
        Self { dns, host, json }
    }
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

    /// Keeps what was found for other runs.
    pub(crate) fn finish(&self) {
        self.store.finish();
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
        let time_to_live = if dns.names.is_empty() { NEGATIVE } else { Kind::Dns.time_to_live() };
        if let Ok(value) = serde_json::to_string(dns) {
            let (source, key) = (source.clone(), ip.to_string());
            store.put(Put { kind: Kind::Dns, source, key, value, time_to_live });
        }
    }
}

impl Enricher for Names {
    type Answer = Answer;

    const MEMBER: &'static str = "dns";

    fn at_once(&mut self, _: &Hop<'_>, ip: IpAddr) -> Option<Answer> {
        if self.flags.compare_resolvers {
            return None; // what each says now is the point
        }
        let entry = self.store.get(Kind::Dns, &self.source, &ip.to_string())?;
        serde_json::from_str(&entry.value).ok().map(|dns| Answer::new(dns, None))
    }

    fn ask(&mut self, hop: &Hop<'_>, ip: IpAddr) {
        let is_target = self.flags.compare_resolvers && hop.is_destination == "true";
        let question = Question { ip, host: is_target.then(|| hop.host.to_owned()) };
        let asked = self.thread().is_some_and(|thread| thread.send(question).is_ok());
        if !asked {
            let error = Some("no resolver".to_owned());
            self.desk.answer(ip, Answer::new(Dns { error, ..Dns::default() }, None));
        }
    }

    fn write(&mut self, hop: &Hop<'_>, _: IpAddr, answer: &Answer, out: &mut Vec<u8>) -> bool {
        match &answer.host {
            Some(host) if host != hop.host || hop.is_destination != "true" => {
                let without = Dns { target: Vec::new(), ..answer.dns.clone() };
                out.extend_from_slice(&Answer::new(without, None).json);
            }
            _ => out.extend_from_slice(&answer.json),
        }
        true
    }
}
