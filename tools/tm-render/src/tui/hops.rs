//! The table of hops.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;
use tm_stream::text::width;

use super::app::App;
use super::screen::{framed, symbols};
use crate::column::Column;
use crate::table::{Room, Row, Shade, fit, widths};

/// Columns before the cells: the cursor, and the mark.
const MARGIN: usize = 2;

/// Draws the table around the cursor.
pub(crate) fn draw(frame: &mut Frame<'_>, app: &App, area: Rect) {
    let inside = framed(frame, app, area, &title(app));
    let (mut columns, mut rows) = app.rows();
    let room = Room::open(usize::from(inside.width).saturating_sub(MARGIN));
    fit(&mut columns, &mut rows, room, symbols(app));
    let widths = widths(&columns, &rows);
    let titles = columns.iter().map(|column| column.title());
    let mut lines = vec![heading(&columns, titles, &widths)];
    let chosen = rows.iter().position(|row| is_at_cursor(app, row));
    let height = usize::from(inside.height).saturating_sub(1);
    let first = chosen.map_or(0, |at| (at + 1).saturating_sub(height));
    let shown = rows.iter().skip(first).take(height);
    lines.extend(shown.map(|row| line(app, row, &columns, &widths, inside.width.into())));
    if rows.is_empty() {
        let text = match (app.log(), app.filter.is_empty()) {
            (None, _) if app.ended => "no records came",
            (None, _) => "waiting for records",
            (_, false) => "no hop has that text; Esc clears the filter",
            (_, true) => "nobody has answered yet",
        };
        lines.push(Line::raw(text));
    }
    frame.render_widget(Paragraph::new(lines), inside);
}

fn title(app: &App) -> String {
    match app.flags.sort {
        Some(order) => format!("hops by {}", format!("{order:?}").to_lowercase()),
        None => "hops".to_owned(),
    }
}

fn is_at_cursor(app: &App, row: &Row) -> bool {
    app.cursor.as_ref().is_some_and(|(ttl, ip)| *ttl == row.ttl && *ip == row.ip)
}

fn heading<'a>(
    columns: &[Column],
    titles: impl Iterator<Item = &'a str>,
    widths: &[usize],
) -> Line<'static> {
    let cells = titles.zip(columns).zip(widths);
    let text: String =
        cells.map(|((title, column), &width)| padded(title, *column, width) + " ").collect();
    Line::styled(" ".repeat(MARGIN) + &text, Style::new().add_modifier(Modifier::BOLD))
}

fn line(app: &App, row: &Row, columns: &[Column], widths: &[usize], room: usize) -> Line<'static> {
    let at_cursor = is_at_cursor(app, row);
    let marked = app.marked.contains(&(row.ttl, row.ip.clone()));
    let margin = [if at_cursor { '>' } else { ' ' }, if marked { '*' } else { ' ' }];
    let mut spans = vec![Span::raw(String::from_iter(margin))];
    for ((cell, &column), &width) in row.cells.iter().zip(columns).zip(widths) {
        // Reversed colours are hard to read: the line at the cursor has none.
        let style = match at_cursor {
            true => Style::new(),
            false => shade_style(row.shade(column), app.color),
        };
        spans.push(Span::styled(padded(cell, column, width) + " ", style));
    }
    let mut line = Line::from(spans);
    if at_cursor {
        line.push_span(" ".repeat(room.saturating_sub(line.width())));
    }
    match (at_cursor, marked) {
        (true, _) => line.patch_style(Modifier::REVERSED),
        (false, true) => line.patch_style(Modifier::BOLD),
        (false, false) => line,
    }
}

fn shade_style(shade: Shade, color: bool) -> Style {
    match shade {
        Shade::Dim => Style::new().add_modifier(Modifier::DIM),
        Shade::Bad if !color => Style::new().add_modifier(Modifier::BOLD),
        _ if !color => Style::new(),
        Shade::Plain => Style::new(),
        Shade::Good => Style::new().fg(Color::Green),
        Shade::Middling => Style::new().fg(Color::Yellow),
        Shade::Bad => Style::new().fg(Color::Red),
    }
}

fn padded(text: &str, column: Column, columns: usize) -> String {
    let blanks = " ".repeat(columns.saturating_sub(width(text)));
    if column.is_number() { blanks + text } else { text.to_owned() + &blanks }
}
