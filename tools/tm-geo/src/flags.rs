//! The flags of `tm-geo`.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, ValueEnum};
use tm_enrich::flags::{CacheFlags, seconds};
use tm_path::sphere::Point;
use tm_stream::cli::{Checking, Common, Reading};

use crate::provider::Provider;

const EXAMPLES: &str = "\
Examples:
  tm-probe example.com | tm-dns | tm-geo | tm-render
  tm-geo --offline trace.ndjson
  tm-geo --mmdb GeoLite2-City.mmdb --mmdb dbip-city-lite.mmdb --origin 59.91,10.75 trace.ndjson
  tm-geo trace.ndjson | jq -r 'select(.geo.confidence == \"high\") | [.hop, .geo.city] | @tsv'

Router names are read first, so run tm-dns before it. Databases are MMDB files of any vendor
(MaxMind, DB-IP, IPinfo, IP2Location); without --mmdb and TRACEMAP_GEOIP_MMDB, those in
$XDG_DATA_HOME/tracemap/ are used. What no database knows, ip-api.com and ipapi.co are asked,
unless --no-api or --offline forbids it. Private and other special-purpose addresses are never
asked about. Keys belong into the environment (TRACEMAP_GEO_IP_API_KEY, TRACEMAP_GEO_IPAPI_KEY) or
the configuration file, where other users of the machine do not see them.";

/// Add places of responders to hop records
#[derive(Parser, Clone, Debug)]
#[command(name = "tm-geo", version, max_term_width = 100, after_long_help = EXAMPLES)]
pub(crate) struct Flags {
    #[command(flatten)]
    pub(crate) reading: Reading,

    /// Database, or a folder of them; all of several are heard
    #[arg(
        long,
        value_name = "FILE",
        env = "TRACEMAP_GEOIP_MMDB",
        hide_env = true,
        help_heading = "Places"
    )]
    pub(crate) mmdb: Vec<PathBuf>,

    /// Where the probes left from, all of them or those from one address (again for more): places
    /// that light cannot have reached in time are ruled out
    #[arg(
        long,
        value_name = "[IP=]LAT,LON",
        allow_hyphen_values = true,
        value_parser = origin,
        help_heading = "Places"
    )]
    pub(crate) origin: Vec<Origin>,

    /// What comes first: with databases, providers are asked only about what these do not know
    #[arg(
        long,
        value_name = "WHAT",
        value_enum,
        default_value_t = Prefer::Db,
        help_heading = "Places"
    )]
    pub(crate) prefer: Prefer,

    #[command(flatten)]
    pub(crate) api: ApiFlags,

    #[command(flatten)]
    pub(crate) cache: CacheFlags,

    #[command(flatten)]
    pub(crate) checking: Checking,

    #[command(flatten)]
    pub(crate) common: Common,
}

/// What is asked first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Prefer {
    /// Local databases
    Db,
    /// The providers' servers
    Api,
}

/// Who is asked over the network, and how.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Providers")]
pub(crate) struct ApiFlags {
    /// Ask no provider, and use none of their earlier answers
    #[arg(long)]
    no_api: bool,

    /// Send nothing: names, databases and the cache only
    #[arg(long)]
    offline: bool,

    /// Providers to ask, in this order; `mock` invents places, for demonstrations
    #[arg(
        long,
        value_name = "LIST",
        value_enum,
        value_delimiter = ',',
        default_value = "ip-api.com,ipapi.co"
    )]
    providers: Vec<Provider>,

    /// Seconds that one request may take
    #[arg(short = 'w', long, value_name = "SECONDS", default_value = "3", value_parser = seconds)]
    pub(crate) timeout: Duration,

    /// Server of ip-api.com [default: its own, which encrypts only with a key]
    #[arg(long, value_name = "URL", value_parser = base)]
    pub(crate) ip_api_url: Option<String>,

    /// Server of ipapi.co [default: its own]
    #[arg(long, value_name = "URL", value_parser = base)]
    pub(crate) ipapi_url: Option<String>,

    /// Key of a paid plan of ip-api.com
    #[arg(long, value_name = "KEY", hide_env_values = true)]
    pub(crate) ip_api_key: Option<Key>,

    /// Key of a paid plan of ipapi.co
    #[arg(long, value_name = "KEY", hide_env_values = true)]
    pub(crate) ipapi_key: Option<Key>,
}

impl ApiFlags {
    /// Who may be asked.
    pub(crate) fn allowed(&self) -> Vec<Provider> {
        let mut heard = self.heard();
        heard.retain(|provider| !(self.offline && provider.is_remote()));
        heard
    }

    /// Whose answers count, if only those that earlier runs kept.
    pub(crate) fn heard(&self) -> Vec<Provider> {
        let mut heard = Vec::new();
        for &provider in &self.providers {
            let is_silenced = self.no_api && provider.is_remote();
            if !is_silenced && !heard.contains(&provider) {
                heard.push(provider);
            }
        }
        heard
    }
}

/// A secret; it is never shown.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Key(pub(crate) String);

impl fmt::Debug for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Key(…)")
    }
}

impl From<&str> for Key {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

/// A vantage point.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Origin {
    /// Whose `source_ip` is this; `None`: every other.
    pub(crate) source: Option<IpAddr>,
    pub(crate) point: Point,
}

fn origin(text: &str) -> Result<Origin, String> {
    let (source, place) = match text.split_once('=') {
        Some((source, place)) => {
            let source = source.trim().parse();
            (Some(source.map_err(|_| "before the = must be an IP address".to_owned())?), place)
        }
        None => (None, text),
    };
    let point = place
        .split_once(',')
        .and_then(|(lat, lon)| Point::new(lat.trim().parse().ok()?, lon.trim().parse().ok()?));
    let point = point.ok_or_else(|| {
        "it must be a latitude and a longitude in degrees, as in 59.91,10.75".to_owned()
    })?;
    Ok(Origin { source, point })
}

/// `http://HOST[:PORT][/PATH]`, without a slash at the end.
fn base(text: &str) -> Result<String, String> {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let is_host = |rest: &&str| {
        !rest.is_empty()
            && !rest.starts_with('/')
            && !rest.contains(['?', '#', '@'])
            && rest.chars().all(|c| c.is_ascii_graphic())
    };
    match rest.filter(is_host) {
        Some(_) => Ok(text.trim_end_matches('/').to_owned()),
        None => Err("it must be a URL, as in https://geo.example.net".to_owned()),
    }
}

/// What must hold of any text: a vantage point is on the earth, the URL of a server is one.
#[cfg(any(test, fuzzing))]
pub fn check(text: &str) {
    if let Ok(Origin { point, .. }) = origin(text) {
        assert!(point.lat.abs() <= 90.0 && point.lon.abs() <= 180.0, "{point:?}");
    }
    if let Ok(url) = base(text) {
        let host = url.split_once("://").and_then(|(_, rest)| rest.split('/').next());
        assert!(host.is_some_and(|host| !host.is_empty()), "{url:?}");
        assert!(url.chars().all(|c| c.is_ascii_graphic()) && !url.ends_with('/'), "{url:?}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_never_shown() {
        let args = ["tm-geo", "--ip-api-key", "s3cret", "--ipapi-key", "s3cret"];
        let flags = Flags::try_parse_from(args).unwrap();
        assert!(!format!("{flags:?}").contains("s3cret"));
    }

    #[test]
    fn places_and_urls_are_checked() {
        let sydney = Point::new(-33.9, 151.2).unwrap();
        assert_eq!(origin("-33.9, 151.2").unwrap(), Origin { source: None, point: sydney });
        let source = "2001:db8::7".parse().ok();
        assert_eq!(origin("2001:db8::7=-33.9,151.2").unwrap(), Origin { source, point: sydney });
        for wrong in ["", "1", "91,0", "0,181", "a,b", "1,2,3", "NaN,0", "x=1,2", "=1,2"] {
            assert!(origin(wrong).is_err(), "{wrong}");
        }
        assert_eq!(base("http://127.0.0.1:80/x/").unwrap(), "http://127.0.0.1:80/x");
        for wrong in [
            "",
            "ftp://x",
            "http://",
            "http://a b",
            "http:///",
            "https:///x",
            "https://u:p@x",
            "http://x?k=v",
        ] {
            assert!(base(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn nobody_is_asked_where_that_is_forbidden() {
        let allowed = |args: &[&str]| {
            let args = [&["tm-geo"], args].concat();
            Flags::try_parse_from(args).unwrap().api.allowed()
        };
        assert_eq!(allowed(&[]), [Provider::IpApi, Provider::IpapiCo]);
        assert_eq!(allowed(&["--providers", "ipapi,ip-api,ipapi.co"]).len(), 2);
        for flag in ["--no-api", "--offline"] {
            assert_eq!(allowed(&[flag]), []);
            assert_eq!(allowed(&[flag, "--providers", "ip-api,mock"]), [Provider::Mock]);
        }
        let heard = |flag| Flags::try_parse_from(["tm-geo", flag]).unwrap().api.heard().len();
        assert_eq!((heard("--no-api"), heard("--offline")), (0, 2));
    }

    proptest::proptest! {
        #[test]
        fn damaged_origins_are_places_or_refused(
            text in tm_mutate::text(tm_mutate::seeds("answers"))
        ) {
            check(&text);
        }
    }
}
