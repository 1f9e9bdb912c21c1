//! One page that works offline: everything is in it, and its own policy forbids it to ask anybody
//! for anything.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use minijinja::value::Serde;
use minijinja::{Value, context};
use sha2::{Digest, Sha256};
use tm_stream::Error;

use crate::flags::Flags;
use crate::page::Page;
use crate::session::Session;
use crate::template::{embedded, render};
use crate::tiles::Server;

const STYLE: &str = include_str!("../templates/page.css");
const SCRIPT: &str = include_str!("../templates/page.js");
const PAGE: &str = include_str!("../templates/page.html");
/// Picture elements that the map is reckoned to be wide, and its shape.
const WIDTH: f64 = 1100.0;
const ASPECT: f64 = 2.1;

/// The page of a session.
pub(crate) fn page(session: &Session, flags: &Flags) -> Result<String, Error> {
    let page = Page::of(session, WIDTH, ASPECT);
    let rounds =
        page.rounds.as_ref().map(|rounds| serde_json::to_string(&rounds.all).unwrap_or_default());
    let tiles = flags.tiles.server();
    let fine = tm_atlas::Detail::Fine;
    render(
        "page.html",
        PAGE,
        &context! {
            page => Value::from(Serde(&page)),
            theme => flags.theme.as_str(),
            policy => policy(tiles.filter(|_| page.map.is_some())),
            tiles => Value::from(Serde(&tiles)),
            style => Value::from_safe_string(STYLE.to_owned()),
            script => Value::from_safe_string(SCRIPT.to_owned()),
            land => Value::from_safe_string(fine.land_svg().replace('\n', "")),
            borders => Value::from_safe_string(fine.borders_svg().replace('\n', "")),
            rounds_json => rounds.map(|json| embedded(&json)),
        },
    )
}

/// Nothing from anywhere, but for the one style and the one script that belong to the page, and
/// pictures of the one server that its reader may ask.
fn policy(tiles: Option<&Server>) -> String {
    let hash = |text: &str| STANDARD.encode(Sha256::digest(text.as_bytes()));
    let images = tiles.map_or(String::new(), |tiles| format!("img-src {}; ", tiles.origin));
    format!(
        "default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'; {images}base-uri 'none'; form-action 'none'",
        hash(STYLE),
        hash(SCRIPT)
    )
}
