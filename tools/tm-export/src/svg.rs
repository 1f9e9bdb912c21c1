//! A map as one picture, with its legend, for slides and tickets.

use minijinja::value::Serde;
use minijinja::{Value, context};
use tm_stream::Error;

use crate::flags::Theme;
use crate::map::land;
use crate::page::Page;
use crate::session::Session;
use crate::template::render;

const PICTURE: &str = include_str!("../templates/map.svg");
const WIDTH: f64 = 1200.0;
const HEIGHT: f64 = 620.0;

/// The picture of a session; without places, the list of hops alone.
pub(crate) fn picture(session: &Session, theme: Theme) -> Result<String, Error> {
    let page = Page::of(session, WIDTH, WIDTH / HEIGHT);
    let (land, borders) = page.map.as_ref().map(|map| land(&map.view)).unwrap_or_default();
    render(
        "map.svg",
        PICTURE,
        &context! {
            page => Value::from(Serde(&page)),
            theme => theme.as_str(),
            width => WIDTH,
            height => HEIGHT,
            land => Value::from_safe_string(land),
            borders => Value::from_safe_string(borders),
        },
    )
}
