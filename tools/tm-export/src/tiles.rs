//! Tiles that the reader of a page may switch on: where they are to be had. Nothing asks for them
//! before that.

use std::str::FromStr;

use serde::Serialize;

/// The servers that volunteers run for everybody.
pub(crate) const OPENSTREETMAP: &str = "https://tile.openstreetmap.org/{z}/{x}/{y}.png";

/// Where tiles are to be had, if anywhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Tiles {
    None,
    At(Server),
}

/// A tile server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Server {
    /// With `{z}`, `{x}` and `{y}` in it.
    pub(crate) url: String,
    /// Scheme and host, as a Content-Security-Policy names them.
    pub(crate) origin: String,
    pub(crate) host: String,
}

impl FromStr for Tiles {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "none" {
            return Ok(Self::None);
        }
        let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
        let (host, path) = rest.and_then(|rest| rest.split_once('/')).unwrap_or_default();
        // The host becomes part of a policy, whose own marks it must not hold.
        let is_host =
            |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':' | '[' | ']');
        if host.is_empty() || !host.chars().all(is_host) {
            return Err("it must be `none`, or begin with https:// and a host".to_owned());
        }
        if let Some(part) =
            ["{z}", "{x}", "{y}"].iter().find(|part| path.matches(**part).count() != 1)
        {
            return Err(format!("the path must hold {part} once"));
        }
        let origin = text.get(..text.len() - path.len() - 1).unwrap_or_default().to_owned();
        Ok(Self::At(Server { url: text.to_owned(), origin, host: host.to_owned() }))
    }
}

impl Tiles {
    pub(crate) fn server(&self) -> Option<&Server> {
        match self {
            Self::None => None,
            Self::At(server) => Some(server),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_an_origin_and_a_path_with_three_numbers() {
        let Ok(Tiles::At(server)) = OPENSTREETMAP.parse() else { panic!("no server") };
        assert_eq!(server.origin, "https://tile.openstreetmap.org");
        let own = "http://tiles.corp.example:8080/osm/{z}/{x}/{y}@2x.png?key=1".parse::<Tiles>();
        assert_eq!(own.unwrap().server().unwrap().origin, "http://tiles.corp.example:8080");
        assert_eq!("none".parse(), Ok(Tiles::None));
    }

    #[test]
    fn nothing_but_a_host_gets_into_the_policy() {
        for text in [
            "",
            "tiles",
            "ftp://x/{z}/{x}/{y}",
            "https:///{z}/{x}/{y}",
            "https://a;script-src *x/{z}/{x}/{y}",
            "https://a b/{z}/{x}/{y}",
            "https://a/{z}/{x}",
            "https://{s}.tile.example/{z}/{x}/{y}",
        ] {
            assert!(text.parse::<Tiles>().is_err(), "{text}");
        }
    }
}
