//! What stands above the screen for a while, and the list of alerts.

use clap::ValueEnum;
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Modifier;
use ratatui::text::Line;
use ratatui::widgets::{Clear, Paragraph};
use tm_schema::Severity;
use tm_stream::text::visible;

use super::app::{App, Popup};
use super::keys::KEYS;
use super::screen::framed;
use crate::column::Column;
use crate::table;

/// Draws what there is.
pub(crate) fn draw(frame: &mut Frame<'_>, app: &App, area: Rect) {
    match app.popup {
        Popup::None | Popup::Filter => {}
        Popup::Help => help(frame, app, area),
        Popup::Columns(at) => columns(frame, app, area, at),
    }
}

fn help(frame: &mut Frame<'_>, app: &App, area: Rect) {
    let name = |keys: &str| if app.flags.ascii { ascii(keys) } else { keys.to_owned() };
    let line = |(keys, what, _): &(&str, &str, _)| format!(" {:<9} {what} ", name(keys));
    let lines: Vec<String> = KEYS.iter().map(line).collect();
    let height = usize::from(area.height).saturating_sub(2).max(1);
    // Two columns where one is too high.
    let lines = if lines.len() <= height { lines } else { in_two(&lines) };
    popup(frame, app, area, "help", lines.into_iter().map(Line::raw).collect());
}

fn ascii(keys: &str) -> String {
    keys.replace('↑', "Up").replace('↓', "Down").replace('←', "Left").replace('→', "Right")
}

fn in_two(lines: &[String]) -> Vec<String> {
    let (left, right) = lines.split_at(lines.len().div_ceil(2));
    let widest = left.iter().map(|line| line.chars().count()).max().unwrap_or(0);
    let pair = |(at, left): (usize, &String)| {
        let right = right.get(at).map_or("", String::as_str);
        let blanks = " ".repeat(widest - left.chars().count());
        format!("{left}{blanks}{right}")
    };
    left.iter().enumerate().map(pair).collect()
}

fn columns(frame: &mut Frame<'_>, app: &App, area: Rect, at: usize) {
    let shown = app.view().map_or_else(Vec::new, |view| table::choose(view, &app.flags));
    let line = |(index, column): (usize, &Column)| {
        let mark = if shown.contains(column) { 'x' } else { ' ' };
        let line = Line::raw(format!(" [{mark}] {:<10} ", column.title()));
        if index == at { line.patch_style(Modifier::REVERSED) } else { line }
    };
    // As many as there is room for, with the one at the cursor among them.
    let height = usize::from(area.height).saturating_sub(2).max(1);
    let count = Column::value_variants().len();
    let all = Column::value_variants().iter().enumerate().map(line);
    let lines: Vec<Line<'_>> = all.skip((at + 1).saturating_sub(height)).take(height).collect();
    let place = if count > height { format!(" {} of {count}", at + 1) } else { String::new() };
    popup(frame, app, area, &format!("columns{place}: space, 0 default"), lines);
}

fn popup(frame: &mut Frame<'_>, app: &App, area: Rect, title: &str, lines: Vec<Line<'_>>) {
    let widest = lines.iter().map(Line::width).max().unwrap_or(0).max(title.len() + 2);
    let width = (widest as u16 + 2).min(area.width);
    let height = (lines.len() as u16 + 2).min(area.height);
    let place = Rect {
        x: area.x + (area.width - width) / 2,
        y: area.y + (area.height - height) / 2,
        width,
        height,
    };
    frame.render_widget(Clear, place);
    let inside = framed(frame, app, place, title);
    frame.render_widget(Paragraph::new(lines), inside);
}

/// The alerts up to the round that is shown, the newest first.
pub(crate) fn alerts(app: &App) -> Vec<String> {
    let Some(log) = app.log() else { return Vec::new() };
    let line = |alert: &tm_schema::Alert| {
        let at: String = alert.at.to_string().chars().take(19).collect();
        format!("{at}Z {:<8} {}", severity(alert.severity), visible(&alert.message))
    };
    let lines: Vec<String> = log.alerts(app.round()).map(line).collect();
    if lines.is_empty() { vec!["no alerts; tm-watch makes them".to_owned()] } else { lines }
}

pub(crate) fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Info => "info",
        Severity::Warning => "warning",
        Severity::Critical => "critical",
    }
}
