//! A path on the map: coasts, great circles between located hops, and what stands where.

use clap::ValueEnum;
use tm_atlas::{Bounds, Detail, Route, View as Section, WORLD, Waypoint, Xy};
use tm_path::delay;
use tm_path::sphere::Point;
use tm_stream::text::wrap;

use crate::canvas::{Canvas, Glyph, Tone};
use crate::column::{milliseconds, place};
use crate::flags::Flags;
use crate::symbols::{Symbols, Trust};
use crate::view::{Responder, View};

/// Flows that are drawn each by its own way.
const MOST_FLOWS: usize = 32;

/// The narrowest part of the world that is shown, in units of the grid: about 26° of longitude.
const NARROWEST: f64 = 300.0;

/// How far a map shows: the path, or everything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Zoom {
    /// The part of the world that the path leads through
    #[default]
    Auto,
    /// The whole world
    World,
}

/// Colours of the classes in the 256-colour table, after cividis (Nuñez et al. 2018), which reads
/// the same with every kind of colour vision.
const COLORS: [u8; 5] = [69, 103, 145, 179, 221];

/// The class of an RTT.
pub(crate) fn class(rtt: Option<f64>) -> u8 {
    rtt.map_or(0, delay::class) as u8
}

/// The colour of a class, in the 256-colour table.
pub(crate) fn color(class: u8) -> u8 {
    COLORS.get(usize::from(class)).copied().unwrap_or(7)
}

/// The map and its legend as lines of text.
pub(crate) fn lines(view: &View, flags: &Flags, colored: bool) -> Vec<String> {
    let room = flags.columns_of_text();
    let rows = (room / 4).clamp(8, 40);
    let mut lines = match draw(view, (room, rows), flags.zoom, flags.symbols(), None) {
        Some(rows) => rows.iter().map(|row| row_text(row, colored)).collect(),
        None => vec!["no hop has a place: nothing to draw".to_owned()],
    };
    for text in legend(view, flags.symbols()) {
        lines.extend(wrap(&text, room, "    "));
    }
    lines
}

/// Draws the path in `size` columns and rows; `chosen`: the hop that the user looks at. `None`:
/// no hop has a place.
pub(crate) fn draw(
    view: &View,
    size: (usize, usize),
    zoom: Zoom,
    symbols: Symbols,
    chosen: Option<u8>,
) -> Option<Vec<Vec<Glyph>>> {
    let route = Route::of(&paths(view), 1.0);
    let bounds = route.bounds()?;
    let mut canvas = Canvas::new(size.0, size.1, symbols);
    let section = section(&bounds, zoom, canvas.aspect());
    draw_land(&mut canvas, &section);
    draw_legs(&mut canvas, &section, &route, view);
    let radius = section.width / size.0.max(1) as f64 * 2.5;
    for cluster in route.clusters(radius) {
        let Some(first) = cluster.stops.first().and_then(|&at| route.stops.get(at)) else {
            continue;
        };
        let (x, y) = to_dots(&canvas, &section, first.at);
        let rtt = cluster.hops.first().and_then(|hop| view.ttls.get(hop)?.smallest_rtt());
        let is_chosen = chosen.is_some_and(|hop| cluster.hops.contains(&hop));
        let tone = if is_chosen { Tone::Chosen } else { Tone::Label(class(rtt)) };
        if let Some(cell) = canvas.cell_at(x, y) {
            canvas.label(cell, &symbols.plain(&tm_atlas::route::label(&cluster.hops)), tone);
        }
    }
    Some(canvas.rows())
}

/// What part of the world to show.
fn section(bounds: &Bounds, zoom: Zoom, aspect: f64) -> Section {
    match zoom {
        Zoom::Auto => bounds.view(aspect, 0.12, NARROWEST),
        Zoom::World => {
            let (width, height) = (WORLD, WORLD / aspect.max(0.1));
            let x = f64::midpoint(bounds.min.x, bounds.max.x) - width / 2.0;
            // 20° north is the middle of where people live.
            let middle = tm_atlas::project(Point { lat: 20.0, lon: 0.0 }).y;
            Section { x, y: middle - height / 2.0, width, height }
        }
    }
}

fn to_dots(canvas: &Canvas, section: &Section, at: Xy) -> (f64, f64) {
    let (width, height) = canvas.size();
    section.to_picture(at, width, height)
}

fn draw_land(canvas: &mut Canvas, section: &Section) {
    let detail = if section.width < WORLD / 4.0 { Detail::Fine } else { Detail::Coarse };
    let shown = section.bounds();
    for line in detail.coasts() {
        let Some(bounds) = line.bounds() else { continue };
        // A line may reach over the edge of its own turn of the world.
        for copy in section.copies().start() - 1..=section.copies().end() + 1 {
            let shift = f64::from(copy) * WORLD;
            let moved = |at: Xy| Xy { x: at.x + shift, y: at.y };
            if !shown.meets(&Bounds { min: moved(bounds.min), max: moved(bounds.max) }) {
                continue;
            }
            draw_line(canvas, section, line.0.iter().map(|&at| moved(at)), Tone::Land, false);
        }
    }
}

fn draw_legs(canvas: &mut Canvas, section: &Section, route: &Route, view: &View) {
    for leg in &route.legs {
        let rtt = view.ttls.get(&leg.to_hop).and_then(crate::view::Ttl::smallest_rtt);
        let tone = Tone::Leg(class(rtt));
        draw_line(canvas, section, leg.line.iter().copied(), tone, leg.unplaced > 0);
    }
}

fn draw_line(
    canvas: &mut Canvas,
    section: &Section,
    mut points: impl Iterator<Item = Xy>,
    tone: Tone,
    dashed: bool,
) {
    let mut dash = 0;
    let Some(first) = points.next() else { return };
    let mut before = to_dots(canvas, section, first);
    for point in points {
        let next = to_dots(canvas, section, point);
        canvas.line(before, next, tone, dashed.then_some(&mut dash));
        before = next;
    }
}

/// The ways of the flows, or the one way there is.
fn paths(view: &View) -> Vec<Vec<Waypoint>> {
    let flows = view.flows();
    if flows.len() < 2 {
        let hop = |(&hop, at): (&u8, &crate::view::Ttl)| {
            waypoint(hop, at.responders.iter().find(|at| point(at).is_some()))
        };
        return vec![view.ttls.iter().map(hop).collect()];
    }
    let path = |&flow: &u16| {
        let hop = |(&hop, at): (&u8, &crate::view::Ttl)| {
            waypoint(hop, at.responders.iter().find(|at| at.flows.contains(&flow)))
        };
        view.ttls.iter().map(hop).collect()
    };
    flows.iter().take(MOST_FLOWS).map(path).collect()
}

fn waypoint(hop: u8, responder: Option<&Responder>) -> Waypoint {
    let aside = responder.is_some_and(|at| at.geo.as_ref().is_some_and(|geo| geo.impossible));
    Waypoint { hop, at: responder.and_then(point), aside }
}

fn point(responder: &Responder) -> Option<Point> {
    let geo = responder.geo.as_ref()?;
    Point::new(geo.lat?, geo.lon?)
}

/// What stands where, a line for each place.
pub(crate) fn legend(view: &View, symbols: Symbols) -> Vec<String> {
    let route = Route::of(&paths(view), 1.0);
    let located = |hop: u8| {
        let responders = &view.ttls.get(&hop)?.responders;
        responders.iter().find(|at| point(at).is_some())
    };
    let line = |stop: &tm_atlas::Stop| {
        let hops = symbols.plain(&stop.label());
        let first = stop.hops.first().and_then(|&hop| located(hop));
        let name =
            first.and_then(|at| at.geo.as_ref()).map_or(String::new(), |geo| place(geo, symbols));
        let rtts = stop.hops.iter().filter_map(|hop| view.ttls.get(hop)?.smallest_rtt());
        let rtt = rtts
            .min_by(f64::total_cmp)
            .map_or(String::new(), |rtt| format!("  {} ms", milliseconds(rtt)));
        let aside = if stop.aside { "  (no leg is drawn there)" } else { "" };
        format!("{hops:>5}  {name}{rtt}{aside}")
    };
    let mut lines: Vec<String> = route.stops.iter().map(line).collect();
    let unplaced: Vec<u8> =
        view.ttls.keys().copied().filter(|&hop| located(hop).is_none()).collect();
    if !unplaced.is_empty() && !route.stops.is_empty() {
        let hops = symbols.plain(&tm_atlas::route::label(&unplaced));
        lines.push(format!("without a place: {hops}"));
    }
    if route.stops.iter().any(|stop| stop.hops.iter().any(|&hop| is_marked(located(hop)))) {
        lines.push(symbols.trust_legend().to_owned());
    }
    lines
}

fn is_marked(responder: Option<&Responder>) -> bool {
    responder.and_then(|at| at.geo.as_ref()).is_some_and(|geo| Trust::of(geo) != Trust::Unsaid)
}

/// A row of the drawing as text.
fn row_text(row: &[Glyph], colored: bool) -> String {
    if !colored {
        let text: String = row.iter().map(|glyph| glyph.char).collect();
        return text.trim_end().to_owned();
    }
    let mut text = String::new();
    for run in row.chunk_by(|a, b| a.tone == b.tone) {
        let chars = run.iter().map(|glyph| glyph.char);
        let code = match run.first().map(|glyph| glyph.tone) {
            Some(Tone::Land) => "\x1b[2m".to_owned(),
            Some(Tone::Leg(class)) => format!("\x1b[38;5;{}m", color(class)),
            Some(Tone::Label(class)) => format!("\x1b[1;7;38;5;{}m", color(class)),
            Some(Tone::Chosen) => "\x1b[1;7m".to_owned(),
            _ => String::new(),
        };
        let reset = if code.is_empty() { "" } else { "\x1b[0m" };
        text += &code;
        text.extend(chars);
        text += reset;
    }
    text.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_have_the_bounds_that_the_legend_names() {
        let classes = [0.0, 9.9, 10.0, 40.0, 150.0, 200.0].map(|rtt| class(Some(rtt)));
        assert_eq!(classes, [0, 0, 1, 2, 3, 4]);
    }
}
