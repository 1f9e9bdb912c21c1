//! HTTP, as far as providers need it: no redirects, bounded answers, and errors that say nothing
//! of the URL, which may hold a key.

use std::sync::OnceLock;
use std::time::{Duration, SystemTime};

use reqwest::header::{CONTENT_TYPE, DATE, HeaderMap, HeaderName, RETRY_AFTER};
use reqwest::redirect::Policy;

/// Octets of an answer; a hundred places take fewer than 40,000.
const LONGEST: usize = 256 << 10;

/// What a server said.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    /// Questions that are left (`X-Rl`), and when there will be more (`X-Ttl`).
    pub(crate) left: Option<u32>,
    pub(crate) ends_in: Option<Duration>,
    retry_after: Option<Duration>,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    /// How long it wants to be left alone.
    pub(crate) fn wait(&self) -> Option<Duration> {
        self.retry_after.or(self.ends_in)
    }
}

/// Connections are kept for the next question. Certificates are read only for servers that
/// encrypt.
#[derive(Debug, Default)]
pub(crate) struct Client {
    plain: OnceLock<Result<reqwest::Client, String>>,
    encrypted: OnceLock<Result<reqwest::Client, String>>,
}

impl Client {
    /// Asks; the error is a few words.
    pub(crate) async fn ask(
        &self,
        url: &str,
        body: Option<String>,
        patience: Duration,
    ) -> Result<Reply, String> {
        let is_encrypted = url.starts_with("https:");
        let cell = if is_encrypted { &self.encrypted } else { &self.plain };
        let client = cell.get_or_init(|| new(is_encrypted)).as_ref().map_err(Clone::clone)?;
        let request = match body {
            Some(body) => client.post(url).header(CONTENT_TYPE, "application/json").body(body),
            None => client.get(url),
        };
        let exchange = async {
            let mut response = request.send().await.map_err(|error| words(&error))?;
            let mut reply = head(response.status().as_u16(), response.headers());
            while let Some(chunk) = response.chunk().await.map_err(|error| words(&error))? {
                if reply.body.len() + chunk.len() > LONGEST {
                    return Err("an endless answer".to_owned());
                }
                reply.body.extend_from_slice(&chunk);
            }
            Ok(reply)
        };
        match tokio::time::timeout(patience, exchange).await {
            Ok(result) => result,
            Err(_) => Err("timeout".to_owned()),
        }
    }
}

fn new(is_encrypted: bool) -> Result<reqwest::Client, String> {
    // A second client finds it installed.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let builder = reqwest::Client::builder()
        .user_agent(concat!("tracemap/", env!("CARGO_PKG_VERSION")))
        .redirect(Policy::none());
    let builder = if is_encrypted { builder } else { builder.tls_certs_only([]) };
    builder.build().map_err(|_| "no TLS on this machine".to_owned())
}

fn head(status: u16, headers: &HeaderMap) -> Reply {
    let number =
        |name: &str| -> Option<u32> { headers.get(name)?.to_str().ok()?.trim().parse().ok() };
    let seconds = |name: &str| number(name).map(|seconds| Duration::from_secs(seconds.into()));
    Reply {
        status,
        left: number("x-rl"),
        ends_in: seconds("x-ttl"),
        retry_after: seconds(RETRY_AFTER.as_str()).or_else(|| until_date(headers)),
        body: Vec::new(),
    }
}

/// `Retry-After` as a date (RFC 9110, section 10.2.3), by the server's clock where it has one.
fn until_date(headers: &HeaderMap) -> Option<Duration> {
    let date = |name: HeaderName| {
        let text = headers.get(name)?.to_str().ok()?;
        httpdate::parse_http_date(text.trim()).ok()
    };
    let now = date(DATE).unwrap_or_else(SystemTime::now);
    Some(date(RETRY_AFTER)?.duration_since(now).unwrap_or_default())
}

fn words(error: &reqwest::Error) -> String {
    let words = if error.is_timeout() {
        "timeout"
    } else if error.is_connect() {
        "cannot connect"
    } else {
        "the connection broke"
    };
    words.to_owned()
}
