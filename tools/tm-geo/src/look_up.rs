//! Asking providers, one after the other, on a thread of its own. Whoever is busy or dead is left
//! alone for a while, so that nobody waits for it twice.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tm_cache::{Kind, NEGATIVE, Put, Turn};
use tm_enrich::answers::Desk;
use tm_enrich::store::Store;
use tm_stream::Diagnostics;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio::time::timeout_at;

use crate::claim::Said;
use crate::client::{Client, Reply};
use crate::places::Known;
use crate::provider::{Answer, Endpoint, Failure, MOST_IN_BATCH, Provider, Server, answers};

/// Questions are asked together as long as the next one comes within this time, and for no longer
/// than the other.
const COLLECT: Duration = Duration::from_millis(5);
const LONGEST_COLLECT: Duration = Duration::from_millis(25);

/// Requests to ipapi.co at the same time.
const SIDE_BY_SIDE: usize = 4;

/// Rests after a failure, doubled with each further one.
const REST: Duration = Duration::from_secs(30);
const LONGEST_REST: Duration = Duration::from_mins(15);

/// A provider that is busy is asked again after this, if it does not say when.
const BUSY: Duration = Duration::from_mins(1);
const LONGEST_BUSY: Duration = Duration::from_hours(1);

/// What is asked.
pub(crate) struct Question {
    pub(crate) ip: IpAddr,
    /// Whom: positions in the list of servers.
    pub(crate) whom: Vec<usize>,
    /// What is known already.
    pub(crate) known: Known,
}

/// The providers of a run, and how they are.
pub(crate) struct Providers {
    servers: Vec<(Server, Mutex<Health>)>,
    client: Client,
    patience: Duration,
    store: Arc<Store>,
    diagnostics: Diagnostics,
    is_announced: AtomicBool,
}

#[derive(Default)]
struct Health {
    failures: u32,
    /// Why it rests, and until when.
    rests: Option<(String, Instant)>,
    /// Endpoints that take nothing for now.
    busy: HashMap<Endpoint, Instant>,
}

impl Providers {
    pub(crate) fn new(
        servers: Vec<Server>,
        patience: Duration,
        store: Arc<Store>,
        diagnostics: &Diagnostics,
    ) -> Self {
        let servers = servers.into_iter().map(|server| (server, Mutex::default())).collect();
        let (diagnostics, is_announced) = (diagnostics.clone(), AtomicBool::new(false));
        Self { servers, client: Client::default(), patience, store, diagnostics, is_announced }
    }

    /// Answers questions until there are none.
    pub(crate) async fn work(
        self: Arc<Self>,
        mut questions: UnboundedReceiver<Question>,
        desk: Desk<Known>,
    ) {
        let gate = Arc::new(Semaphore::new(1));
        let mut under_way = JoinSet::new();
        while let Some(first) = questions.recv().await {
            let mut batch = vec![first];
            let until = Instant::now() + LONGEST_COLLECT;
            while batch.len() < MOST_IN_BATCH
                && let Ok(Some(next)) =
                    timeout_at((Instant::now() + COLLECT).min(until).into(), questions.recv()).await
            {
                batch.push(next);
            }
            // While a request is out, more may come.
            let Ok(pass) = Arc::clone(&gate).acquire_owned().await else { return };
            while batch.len() < MOST_IN_BATCH
                && let Ok(next) = questions.try_recv()
            {
                batch.push(next);
            }
            let (providers, desk) = (Arc::clone(&self), desk.clone());
            under_way.spawn(async move { providers.answer(batch, &desk, pass).await });
            while under_way.try_join_next().is_some() {}
        }
        while under_way.join_next().await.is_some() {}
    }

    /// Asks one provider after the other about what is still open. The next batch may set out
    /// when the first of them has answered.
    async fn answer(
        self: Arc<Self>,
        mut open: Vec<Question>,
        desk: &Desk<Known>,
        pass: OwnedSemaphorePermit,
    ) {
        let mut pass = Some(pass);
        for at in 0..self.servers.len() {
            let (now, later): (Vec<_>, Vec<_>) =
                open.into_iter().partition(|question| question.whom.contains(&at));
            open = later;
            if !now.is_empty() {
                open.extend(Arc::clone(&self).ask_one(at, now, desk).await);
                pass = None;
            }
        }
        drop(pass);
        for question in open {
            desk.answer(question.ip, question.known);
        }
    }

    /// Asks one provider; returns what is still open.
    async fn ask_one(
        self: Arc<Self>,
        at: usize,
        questions: Vec<Question>,
        desk: &Desk<Known>,
    ) -> Vec<Question> {
        let Some((server, _)) = self.servers.get(at) else { return questions };
        if server.provider == Provider::IpApi {
            let ips: Vec<_> = questions.iter().map(|question| question.ip).collect();
            let answers = self.ask_together(at, &ips).await;
            return self.hand_in(at, questions, &answers, desk);
        }
        let places = Arc::new(Semaphore::new(SIDE_BY_SIDE));
        let mut asked = JoinSet::new();
        for question in questions {
            let (providers, places) = (Arc::clone(&self), Arc::clone(&places));
            asked.spawn(async move {
                let _place = places.acquire_owned().await;
                let ip = question.ip;
                let answer = providers.request(at, Endpoint::Ipapi, &[ip]).await;
                (question, answer)
            });
        }
        let mut open = Vec::new();
        while let Some(done) = asked.join_next().await {
            let Ok((question, answer)) = done else { continue };
            let answers = HashMap::from([(question.ip, one(answer, question.ip))]);
            open.extend(self.hand_in(at, vec![question], &answers, desk));
        }
        open
    }

    /// Several addresses in one request, as far as the provider's limits allow.
    async fn ask_together(
        &self,
        at: usize,
        ips: &[IpAddr],
    ) -> HashMap<IpAddr, Result<Answer, String>> {
        let mut all = HashMap::new();
        let mut batch = None;
        if ips.len() > 1 {
            batch = Some(self.request(at, Endpoint::Batch, ips).await);
        }
        for &ip in ips {
            let answer = match &batch {
                Some(Ok(answers)) => Ok(answers.clone()),
                // The limit for single questions may not be reached yet.
                _ => self.request(at, Endpoint::Single, &[ip]).await,
            };
            all.insert(ip, one(answer, ip));
        }
        if let ([ip], None) = (ips, batch)
            && let Some(Err(_)) = all.get(ip)
            && self.rests(at).is_none()
        {
            let answer = self.request(at, Endpoint::Batch, ips).await;
            all.insert(*ip, one(answer, *ip));
        }
        all
    }

    /// One request, if the provider is well and its quota allows it.
    async fn request(
        &self,
        at: usize,
        endpoint: Endpoint,
        ips: &[IpAddr],
    ) -> Result<HashMap<IpAddr, Answer>, String> {
        let Some((server, _)) = self.servers.get(at) else { return Err(String::new()) };
        if let Some(why) = self.rests(at) {
            return Err(why);
        }
        if !self.is_free(at, endpoint) {
            return Err("busy".to_owned());
        }
        if server.is_free()
            && let Turn::Later(time) = self.store.take_turn(&endpoint.quota())
        {
            self.is_busy(at, endpoint, time);
            return Err(format!("quota used up, more in {} s", time.as_secs().max(1)));
        }
        self.announce(server);
        let (url, body) = server.request(endpoint, ips);
        let result = match self.client.ask(&url, body, self.patience).await {
            Ok(reply) => {
                self.heed(at, endpoint, &reply);
                let of_one = || ips.first().copied().filter(|_| ips.len() == 1);
                answers(endpoint, &reply, of_one())
            }
            Err(words) => Err(Failure::Down(words)),
        };
        result.map_err(|failure| self.note(at, endpoint, failure))
    }

    /// Says once that others can read along.
    fn announce(&self, server: &Server) {
        if server.is_unencrypted() && !self.is_announced.swap(true, Ordering::Relaxed) {
            let name = server.provider.name();
            self.diagnostics.warn(format_args!(
                "asking {name} where addresses of the path are, over http, which is not \
                 encrypted; --no-api asks nobody"
            ));
        }
    }

    /// What is left by the provider's own count.
    fn heed(&self, at: usize, endpoint: Endpoint, reply: &Reply) {
        let health = self.health(at);
        if let Some(mut health) = health
            && reply.status == 200
        {
            health.failures = 0;
        }
        if let Some((left, ends_in)) = reply.left.zip(reply.ends_in) {
            let ends_in = ends_in.min(LONGEST_BUSY);
            self.store.set_left(&endpoint.quota(), left, ends_in);
            if left == 0 {
                self.is_busy(at, endpoint, ends_in);
            }
        }
    }

    /// Lets the provider rest, here and in every process that shares the cache; returns why.
    fn note(&self, at: usize, endpoint: Endpoint, failure: Failure) -> String {
        let Some(mut health) = self.health(at) else { return String::new() };
        let (why, time) = match failure {
            Failure::Busy(why, time) => {
                let time = time.unwrap_or(BUSY).clamp(Duration::from_secs(1), LONGEST_BUSY);
                (format!("{why}, more in {} s", time.as_secs()), time)
            }
            Failure::Down(why) => {
                let time = REST * 2_u32.saturating_pow(health.failures.min(8));
                health.failures += 1;
                (why, time.min(LONGEST_REST))
            }
        };
        health.rests = Some((why.clone(), Instant::now() + time));
        drop(health);
        for endpoint in endpoint.of_the_same_provider() {
            self.store.let_rest(endpoint.quota().provider, time);
        }
        why
    }

    fn health(&self, at: usize) -> Option<std::sync::MutexGuard<'_, Health>> {
        let (_, health) = self.servers.get(at)?;
        Some(health.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn rests(&self, at: usize) -> Option<String> {
        let health = self.health(at)?;
        let (why, until) = health.rests.as_ref()?;
        (*until > Instant::now()).then(|| why.clone())
    }

    fn is_free(&self, at: usize, endpoint: Endpoint) -> bool {
        let until = self.health(at).and_then(|health| health.busy.get(&endpoint).copied());
        until.is_none_or(|until| until <= Instant::now())
    }

    fn is_busy(&self, at: usize, endpoint: Endpoint, time: Duration) {
        if let Some(mut health) = self.health(at) {
            health.busy.insert(endpoint, Instant::now() + time);
        }
    }

    /// Hands in and keeps what is answered; returns what is still open.
    fn hand_in(
        &self,
        at: usize,
        questions: Vec<Question>,
        answers: &HashMap<IpAddr, Result<Answer, String>>,
        desk: &Desk<Known>,
    ) -> Vec<Question> {
        let Some((server, _)) = self.servers.get(at) else { return questions };
        let name = server.provider.name();
        let mut open = Vec::new();
        for mut question in questions {
            question.whom.retain(|&whom| whom != at);
            match answers.get(&question.ip) {
                Some(Ok(answer)) => {
                    self.keep(server, question.ip, answer.as_ref());
                    question.known.asked = Some(name.into());
                    if let Some(said) = answer {
                        question.known.hear(said.clone(), name.into());
                        desk.answer(question.ip, question.known);
                        continue;
                    }
                }
                Some(Err(why)) => question.known.failed(name, why),
                None => question.known.failed(name, "no answer"),
            }
            open.push(question);
        }
        open
    }

    /// Keeps an answer for other runs.
    fn keep(&self, server: &Server, ip: IpAddr, said: Option<&Said>) {
        let time_to_live = if said.is_some() { Kind::Geo.time_to_live() } else { NEGATIVE };
        let longest = if ip.is_ipv4() { 32 } else { 128 };
        let length = said.and_then(|said| said.prefix).unwrap_or(longest);
        let Ok(prefix) = ipnet::IpNet::new(ip, length) else { return };
        let value = said.map(|said| serde_json::to_string(&said.geo)).transpose();
        if let Ok(value) = value {
            let (source, key) = (server.source().to_owned(), prefix.trunc().to_string());
            let value = value.unwrap_or_default();
            self.store.put(Put { kind: Kind::Geo, source, key, value, time_to_live });
        }
    }
}

/// The answer about one of the addresses that were asked about.
fn one(answers: Result<HashMap<IpAddr, Answer>, String>, ip: IpAddr) -> Result<Answer, String> {
    answers?.get(&ip).cloned().ok_or_else(|| "no answer about it".to_owned())
}
