//! The providers: where they are, what they allow, and what their answers mean.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

use clap::ValueEnum;
use serde_json::Value;
use tm_cache::Quota;
use tm_enrich::database::{at, text};

use crate::claim::Said;
use crate::client::Reply;
use crate::flags::ApiFlags;

/// Addresses in one request to ip-api.com.
pub(crate) const MOST_IN_BATCH: usize = 100;

const MINUTE: Duration = Duration::from_mins(1);
const DAY: Duration = Duration::from_hours(24);

/// What of ip-api.com's answer is wanted.
const FIELDS: &str = "status,message,country,countryCode,regionName,city,lat,lon,mobile,proxy,\
                      hosting,query";

/// Who can be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Provider {
    /// A hundred addresses at once; encrypted only with a key
    #[value(name = "ip-api.com", alias = "ip-api")]
    IpApi,
    /// One address at a time, encrypted
    #[value(name = "ipapi.co", alias = "ipapi")]
    IpapiCo,
    /// Invented places
    Mock,
}

impl Provider {
    /// As records name it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::IpApi => "ip-api.com",
            Self::IpapiCo => "ipapi.co",
            Self::Mock => "mock",
        }
    }

    /// Whether asking it sends anything.
    pub(crate) fn is_remote(self) -> bool {
        self != Self::Mock
    }
}

/// What is limited by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Endpoint {
    /// One address of ip-api.com.
    Single,
    /// Up to a hundred of them.
    Batch,
    /// One address of ipapi.co.
    Ipapi,
}

impl Endpoint {
    /// Those that are left alone together.
    pub(crate) fn of_the_same_provider(self) -> &'static [Self] {
        match self {
            Self::Single | Self::Batch => &[Self::Single, Self::Batch],
            Self::Ipapi => &[Self::Ipapi],
        }
    }

    /// What is free of charge.
    pub(crate) fn quota(self) -> Quota {
        let (provider, allowed, span) = match self {
            Self::Single => ("ip-api.com", 45, MINUTE),
            Self::Batch => ("ip-api.com/batch", 15, MINUTE),
            Self::Ipapi => ("ipapi.co", 1000, DAY),
        };
        Quota { provider, allowed, span }
    }
}

/// Where a provider is, for this run.
#[derive(Clone, Debug)]
pub(crate) struct Server {
    pub(crate) provider: Provider,
    /// Without a slash at the end.
    base: String,
    /// `key=…`, or nothing.
    key: Option<String>,
}

impl Server {
    pub(crate) fn new(provider: Provider, flags: &ApiFlags) -> Self {
        let (url, key, free, paid) = match provider {
            Provider::IpApi => {
                let (url, key) = (&flags.ip_api_url, &flags.ip_api_key);
                (url, key, "http://ip-api.com", "https://pro.ip-api.com")
            }
            _ => (&flags.ipapi_url, &flags.ipapi_key, "https://ipapi.co", "https://ipapi.co"),
        };
        let own = if key.is_some() { paid } else { free };
        let encoded = |text: &str| -> String {
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
            let one = |byte| match plain(byte) {
                true => char::from(byte).to_string(),
                false => format!("%{byte:02X}"),
            };
            text.bytes().map(one).collect()
        };
        Self {
            provider,
            base: url.clone().unwrap_or_else(|| own.to_owned()),
            key: key.as_ref().map(|key| format!("key={}", encoded(&key.0))),
        }
    }

    /// As the cache names it: another server's answers are its own.
    pub(crate) fn source(&self) -> &str {
        let is_own = ["http://ip-api.com", "https://pro.ip-api.com", "https://ipapi.co"];
        match is_own.contains(&self.base.as_str()) || !self.provider.is_remote() {
            true => self.provider.name(),
            false => &self.base,
        }
    }

    /// Whoever is on the way can read along.
    pub(crate) fn is_unencrypted(&self) -> bool {
        self.provider.is_remote() && self.base.starts_with("http://")
    }

    /// Whether the limits of the free plan hold.
    pub(crate) fn is_free(&self) -> bool {
        self.key.is_none()
    }

    /// Where to ask, and what to send.
    pub(crate) fn request(&self, endpoint: Endpoint, ips: &[IpAddr]) -> (String, Option<String>) {
        let Self { base, key, .. } = self;
        let first = ips.first().map(ToString::to_string).unwrap_or_default();
        let and_key = key.as_ref().map(|key| format!("&{key}")).unwrap_or_default();
        match endpoint {
            Endpoint::Single => (format!("{base}/json/{first}?fields={FIELDS}{and_key}"), None),
            Endpoint::Batch => {
                let ips: Vec<_> = ips.iter().map(|ip| format!("\"{ip}\"")).collect();
                let body = format!("[{}]", ips.join(","));
                (format!("{base}/batch?fields={FIELDS}{and_key}"), Some(body))
            }
            Endpoint::Ipapi => {
                let key = key.as_ref().map(|key| format!("?{key}")).unwrap_or_default();
                (format!("{base}/{first}/json/{key}"), None)
            }
        }
    }
}

/// What a provider says that has been asked too much.
const TOO_MANY: &str = "too many questions";

/// What a provider says of an address; `None`: that it has no place.
pub(crate) type Answer = Option<Said>;

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// Why it takes no more questions for a while, which it may say the length of.
    Busy(String, Option<Duration>),
    /// It is dead, broken, or does not want us.
    Down(String),
}

/// The answers in a reply; `about` is the address that was asked about, if it was one.
pub(crate) fn answers(
    endpoint: Endpoint,
    reply: &Reply,
    about: Option<IpAddr>,
) -> Result<HashMap<IpAddr, Answer>, Failure> {
    match reply.status {
        200 => {}
        429 => return Err(Failure::Busy(TOO_MANY.to_owned(), reply.wait())),
        503 if reply.wait().is_some() => {
            return Err(Failure::Busy("HTTP 503".to_owned(), reply.wait()));
        }
        status => return Err(Failure::Down(format!("HTTP {status}"))),
    }
    let garbage = || Failure::Down("no such answer as is documented".to_owned());
    let value: Value = serde_json::from_slice(&reply.body).map_err(|_| garbage())?;
    let each = match (endpoint, &value) {
        (Endpoint::Batch, Value::Array(each)) => each.as_slice(),
        (Endpoint::Single | Endpoint::Ipapi, Value::Object(_)) => std::slice::from_ref(&value),
        _ => return Err(garbage()),
    };
    let mut all = HashMap::new();
    for item in each.iter().take(MOST_IN_BATCH) {
        let read = match endpoint {
            Endpoint::Ipapi => by_ipapi(item, reply, about)?,
            Endpoint::Single | Endpoint::Batch => by_ip_api(item),
        };
        let Some((ip, answer)) = read else { continue };
        all.insert(ip, answer);
    }
    if all.is_empty() { Err(garbage()) } else { Ok(all) }
}

fn by_ip_api(item: &Value) -> Option<(IpAddr, Answer)> {
    let ip = text(item, &[&["query"]])?.parse().ok()?;
    match text(item, &[&["status"]])?.as_str() {
        "success" => Some((ip, something(Said::by(item)))),
        "fail" => Some((ip, None)),
        _ => None,
    }
}

fn by_ipapi(
    item: &Value,
    reply: &Reply,
    about: Option<IpAddr>,
) -> Result<Option<(IpAddr, Answer)>, Failure> {
    let ip = text(item, &[&["ip"]]).and_then(|ip| ip.parse().ok());
    if at(item, &["error"]).and_then(Value::as_bool) == Some(true) {
        let reason = text(item, &[&["reason"]]).unwrap_or_default();
        return match reason.as_str() {
            "RateLimited" | "Quota exceeded" => {
                Err(Failure::Busy(TOO_MANY.to_owned(), reply.wait()))
            }
            "Reserved IP Address" | "Invalid IP Address" => Ok(ip.or(about).map(|ip| (ip, None))),
            _ => Err(Failure::Down("an error of its own".to_owned())),
        };
    }
    let Some(ip) = ip else { return Ok(None) };
    let mut said = Said::by(item);
    said.prefix = prefix(item, ip);
    Ok(Some((ip, something(said))))
}

fn something(said: Said) -> Answer {
    Some(said).filter(Said::is_something)
}

/// Length of the network that the answer is for.
fn prefix(item: &Value, ip: IpAddr) -> Option<u8> {
    let network: ipnet::IpNet = text(item, &[&["network"]])?.parse().ok()?;
    (network.contains(&ip) && network.prefix_len() >= shortest(ip)).then(|| network.prefix_len())
}

/// The shortest prefix that an answer is believed to be for.
pub(crate) fn shortest(ip: IpAddr) -> u8 {
    if ip.is_ipv4() { 8 } else { 16 }
}

/// What must hold of any reply, at every endpoint: places are on the earth, prefixes of a size that
/// providers know.
#[cfg(any(test, fuzzing))]
pub fn check(octets: &[u8]) {
    let mut reply = Reply::default();
    (reply.status, reply.body) = (200, octets.to_vec());
    for endpoint in [Endpoint::Single, Endpoint::Batch, Endpoint::Ipapi] {
        for about in [None, Some([8, 8, 8, 8].into())] {
            for (ip, answer) in answers(endpoint, &reply, about).unwrap_or_default() {
                let Some(said) = answer else { continue };
                crate::claim::is_sound(&said);
                assert!(said.prefix.is_none_or(|length| length >= shortest(ip)), "{said:?}");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn damaged_answers_are_no_places_off_the_earth(
            body in tm_mutate::octets(tm_mutate::seeds("answers"))
        ) {
            check(&body);
        }
    }
}
