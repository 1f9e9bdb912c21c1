//! A map as one picture, with its legend, for slides and tickets.

use minijinja::value::Serde;
use minijinja::{Value, context};
use tm_stream::Error;

use crate::flags::Theme;
use crate::map::{Map, land};
use crate::page::Page;
use crate::session::Session;
use crate::template::render;

const PICTURE: &str = include_str!("../templates/map.svg");
const WIDTH: f64 = 1200.0;
const HEIGHT: f64 = 620.0;
/// Places that are missing, listed one by one.
const LISTED: usize = 40;
/// Characters on a line of the legend.
const LINE: usize = 150;

/// The picture of a session; without places, the list of hops alone.
pub(crate) fn picture(session: &Session, theme: Theme) -> Result<String, Error> {
    let page = Page::of(session, WIDTH, WIDTH / HEIGHT);
    let missing = page.map.as_ref().map(missing).unwrap_or_default();
    let (land, borders) = page.map.as_ref().map(|map| land(&map.view)).unwrap_or_default();
    render(
        "map.svg",
        PICTURE,
        &context! {
            page => Value::from(Serde(&page)),
            theme => theme.as_str(),
            width => WIDTH,
            height => HEIGHT,
            missing => missing,
            land => Value::from_safe_string(land),
            borders => Value::from_safe_string(borders),
        },
    )
}

/// The legend's lines about what the map does not show.
fn missing(map: &Map) -> Vec<String> {
    let hops = map.unplaced.iter().map(|hop| format!("hop {hop}"));
    let mut names: Vec<String> = hops.chain(map.unplaced_responders.iter().cloned()).collect();
    let more = names.len().saturating_sub(LISTED);
    names.truncate(LISTED);
    if more > 0 {
        names.push(format!("and {more} more"));
    }
    let mut lines: Vec<String> = Vec::new();
    for name in names {
        match lines.last_mut() {
            Some(line) if line.chars().count() + name.chars().count() < LINE => {
                line.push_str(", ");
                line.push_str(&name);
            }
            Some(_) => lines.push(name),
            None => lines.push(format!("Not on the map, for want of a place: {name}")),
        }
    }
    lines
}
