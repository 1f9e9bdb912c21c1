//! The screen: a line about the path, the table, what stands beside and below it, and a line for
//! what happens.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::symbols::border;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Paragraph};
use tm_stream::text::{cut_with, visible, width};

use super::app::{App, Lower, Popup, Side};
use super::position::Position;
use super::{details, flows, hops, popups};
use crate::canvas::{Glyph, Tone};
use crate::column::milliseconds;
use crate::symbols::Symbols;
use crate::{figures, map};

/// Columns from which on the map stands beside the table by itself.
const WIDE: u16 = 130;

/// The table keeps at least this many columns beside a map.
const TABLE: u16 = 70;

/// Whether the map has a place of its own.
pub(crate) fn has_room_for_map(width: u16) -> bool {
    width >= WIDE
}

/// Draws everything.
pub(crate) fn draw(frame: &mut Frame<'_>, app: &mut App) {
    let area = frame.area();
    app.width = area.width;
    app.flags.width = Some(area.width.max(20));
    let below = lower_pane(app);
    let lower = below.as_ref().map_or(0, |(_, lines)| lower_height(lines.len(), area.height));
    let parts = [
        Constraint::Length(1),
        Constraint::Min(3),
        Constraint::Length(lower),
        Constraint::Length(1),
    ];
    let [top, middle, under, bottom] = Layout::vertical(parts).areas(area);
    frame.render_widget(Paragraph::new(heading(app, top.width)), top);
    draw_middle(frame, app, middle);
    if let Some((title, lines)) = below {
        let inside = framed(frame, app, under, title);
        let most = lines.len().saturating_sub(usize::from(inside.height));
        let first = usize::from(app.scroll).min(most);
        paragraph(frame, app, inside, lines.into_iter().skip(first).collect());
    }
    frame.render_widget(Paragraph::new(status(app, bottom.width)), bottom);
    // Clear of the heading and of the keys.
    let free = Rect { y: top.bottom(), height: bottom.y.saturating_sub(top.bottom()), ..area };
    popups::draw(frame, app, free);
}

/// As high as its lines, and at most half of the screen.
fn lower_height(lines: usize, height: u16) -> u16 {
    let wanted = u16::try_from(lines).unwrap_or(u16::MAX).saturating_add(2);
    wanted.clamp(3, (height / 2).max(5)).min(height.saturating_sub(6))
}

fn draw_middle(frame: &mut Frame<'_>, app: &App, area: Rect) {
    let side = match app.side {
        Side::Auto if has_room_for_map(area.width) => Side::Map,
        Side::Auto => Side::None,
        side => side,
    };
    let (table, beside) = match side {
        Side::None | Side::Auto => (Some(area), None),
        _ if area.width < WIDE => (None, Some(area)),
        _ => {
            let table = (area.width * 3 / 5).max(TABLE);
            let parts = [Constraint::Length(table), Constraint::Min(20)];
            let [left, right] = Layout::horizontal(parts).areas(area);
            (Some(left), Some(right))
        }
    };
    if let Some(table) = table {
        hops::draw(frame, app, table);
    }
    match (beside, side) {
        (Some(area), Side::Flows) => {
            let inside = framed(frame, app, area, "flows");
            let lines = app.view().map_or_else(Vec::new, |view| flows::lines(view, symbols(app)));
            paragraph(frame, app, inside, lines);
        }
        (Some(area), _) => draw_map(frame, app, area),
        (None, _) => {}
    }
}

fn draw_map(frame: &mut Frame<'_>, app: &App, area: Rect) {
    let inside = framed(frame, app, area, "map");
    let Some(view) = app.view() else { return };
    let places = map::legend(view, symbols(app));
    let most = usize::from(inside.height / 3);
    let below = Constraint::Length(places.len().min(most) as u16);
    let [inside, under] = Layout::vertical([Constraint::Min(1), below]).areas(inside);
    paragraph(frame, app, under, places);
    let size = (usize::from(inside.width), usize::from(inside.height));
    let chosen = app.cursor.as_ref().map(|cursor| cursor.0);
    match map::draw(view, size, app.flags.zoom, symbols(app), chosen) {
        Some(rows) => {
            let lines: Vec<Line<'_>> = rows.iter().map(|row| map_line(row, app.color)).collect();
            frame.render_widget(Paragraph::new(lines), inside);
        }
        None => paragraph(frame, app, inside, vec!["no hop has a place".to_owned()]),
    }
}

fn map_line(row: &[Glyph], color: bool) -> Line<'static> {
    let runs = row.chunk_by(|a, b| a.tone == b.tone);
    let span = |run: &[Glyph]| {
        let text: String = run.iter().map(|glyph| glyph.char).collect();
        let tone = run.first().map_or(Tone::Blank, |glyph| glyph.tone);
        Span::styled(text, tone_style(tone, color))
    };
    runs.map(span).collect()
}

fn tone_style(tone: Tone, color: bool) -> Style {
    let of_class = |class| match color {
        true => Style::new().fg(Color::Indexed(map::color(class))),
        false => Style::new(),
    };
    match tone {
        Tone::Blank => Style::new(),
        Tone::Land => Style::new().add_modifier(Modifier::DIM),
        Tone::Leg(class) => of_class(class),
        Tone::Label(class) => of_class(class).add_modifier(Modifier::BOLD),
        Tone::Chosen => Style::new().add_modifier(Modifier::BOLD | Modifier::REVERSED),
    }
}

/// The title of the lower pane and its lines.
fn lower_pane(app: &App) -> Option<(&'static str, Vec<String>)> {
    match app.lower {
        Lower::None => None,
        Lower::Details => Some(("details", details::lines(app))),
        Lower::Alerts => Some(("alerts", popups::alerts(app))),
        Lower::Summary => {
            let figures = app.view().map(|view| figures::lines(view, &app.flags));
            Some(("figures", figures.unwrap_or_default()))
        }
    }
}

/// Draws a frame and returns what is inside.
pub(crate) fn framed(frame: &mut Frame<'_>, app: &App, area: Rect, title: &str) -> Rect {
    let block = Block::bordered()
        .border_set(if app.flags.ascii { ASCII_BORDER } else { border::PLAIN })
        .title(format!(" {title} "));
    let inside = block.inner(area);
    frame.render_widget(block, area);
    inside
}

const ASCII_BORDER: border::Set<'static> = border::Set {
    top_left: "+",
    top_right: "+",
    bottom_left: "+",
    bottom_right: "+",
    vertical_left: "|",
    vertical_right: "|",
    horizontal_top: "-",
    horizontal_bottom: "-",
};

/// Lines, cut to the area.
pub(crate) fn paragraph(frame: &mut Frame<'_>, app: &App, area: Rect, lines: Vec<String>) {
    let room = usize::from(area.width);
    let cut = |line: String| Line::raw(cut_with(&line, room, symbols(app).ellipsis()).into_owned());
    frame.render_widget(Paragraph::new(lines.into_iter().map(cut).collect::<Vec<_>>()), area);
}

pub(crate) fn symbols(app: &App) -> Symbols {
    app.flags.symbols()
}

/// The first line: where to, how far it has come, and how it goes.
fn heading(app: &App, room: u16) -> Line<'static> {
    let bold = Style::new().add_modifier(Modifier::REVERSED);
    let Some(log) = app.log() else { return bar(" tracemap  waiting for records", "", room, bold) };
    let view = app.view().unwrap_or(log.latest());
    let host = visible(&view.host);
    let address = view.resolved_ip.as_deref().map(visible).filter(|ip| *ip != host);
    let address = address.map_or(String::new(), |ip| format!(" ({ip})"));
    let of_many = match app.session.len() {
        0 | 1 => String::new(),
        all => format!("  host {}/{all}", app.host + 1),
    };
    let protocol = view.protocol.map_or("", tm_schema::Protocol::as_str).to_uppercase();
    let left = format!(" {host}{address} {protocol}{of_many}");
    let end = view.destination().and_then(|(_, at)| {
        let rtt = at.responders.iter().find(|at| at.is_destination)?.rtt.mean;
        Some(format!("{} ms {:.0}% loss  ", milliseconds(rtt), at.loss_pct()))
    });
    let alerts = log.alerts(app.round()).count();
    let alerts = if alerts > 0 { format!("{alerts} alerts  ") } else { String::new() };
    let right = format!("{alerts}{}{} ", end.unwrap_or_default(), progress(app));
    bar(&left, &right, room, bold)
}

/// Where in the rounds one is.
fn progress(app: &App) -> String {
    let (round, rounds) = (app.round(), app.rounds());
    match app.position {
        Position::Latest if app.ended => format!("end, round {rounds}"),
        Position::Latest => format!("live, round {rounds}"),
        Position::Round { playing: Some(playing), .. } => {
            format!("playing {}/s, round {round}/{rounds}", playing.rounds_a_second())
        }
        Position::Round { .. } => format!("paused, round {round}/{rounds}"),
    }
}

/// A line filled from both sides; the left one gives way.
fn bar(left: &str, right: &str, room: u16, style: Style) -> Line<'static> {
    let room = usize::from(room);
    let right = cut_with(right, room, '~');
    let left = cut_with(left, room - width(&right), '~');
    let gap = " ".repeat(room - width(&left) - width(&right));
    Line::styled(format!("{left}{gap}{right}"), style)
}

/// Keys that are used most, as many as there is room for.
fn hints(room: u16) -> String {
    let keys = ["q quit", "h help", "Enter details", "m map", "f flows", "/ filter", "s sort"];
    let mut hints = String::new();
    for key in keys.into_iter().chain(["p pause"]) {
        if width(&hints) + width(key) + 2 <= usize::from(room) {
            hints.extend([if hints.is_empty() { " " } else { "  " }, key]);
        }
    }
    hints
}

/// The last line: what was just said, else the newest alert, else what keys there are.
fn status(app: &App, room: u16) -> Line<'static> {
    let dim = Style::new().add_modifier(Modifier::DIM);
    if app.popup == Popup::Filter {
        return bar(
            &format!(" /{}_", visible(&app.filter)),
            "Enter keep  Esc clear ",
            room,
            Style::new(),
        );
    }
    let alert = app.log().and_then(|log| log.alerts(app.round()).next());
    let text = match alert {
        _ if !app.status.is_empty() => format!(" {}", visible(&app.status)),
        Some(alert) => {
            format!(" {}: {}", popups::severity(alert.severity), visible(&alert.message))
        }
        None if !app.filter.is_empty() => format!(" only hops with: {}", visible(&app.filter)),
        None => String::new(),
    };
    if text.is_empty() {
        return bar(&hints(room), "", room, dim);
    }
    bar(&text, " h help ", room, Style::new())
}
