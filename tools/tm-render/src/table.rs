//! A view as text: the box, its rows, and what fits into the width there is.

use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{Attribute, Cell, CellAlignment, Color, ContentArrangement, Table};
use tm_stream::text::{cut, width};

use crate::column::Column;
use crate::flags::{Flags, Format};
use crate::footer;
use crate::view::View;

/// Below this the RTT is green, below the next yellow, above red.
const FAST_MS: f64 = 50.0;
const SLOW_MS: f64 = 150.0;

/// One line of the table.
struct Row {
    cells: Vec<String>,
    avg_ms: Option<f64>,
    loss: Loss,
    silent: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Loss {
    None,
    Some,
    Much,
    /// The router answers seldom, and carries everything on.
    RateLimited,
}

/// The view as lines of text.
pub(crate) fn lines(view: &View, flags: &Flags, color: bool) -> Vec<String> {
    let mut columns = choose(view, &flags.columns);
    let mut rows = rows(view, &columns);
    let mut lines = match flags.format {
        Format::Plain => plain(&columns, &rows),
        _ if rows.is_empty() => Vec::new(),
        _ => {
            fit(&mut columns, &mut rows, flags.columns_of_text());
            boxed(&columns, &rows, color)
        }
    };
    if flags.format == Format::Table {
        let limited = rows.iter().any(|row| row.loss == Loss::RateLimited);
        lines.extend(footer::lines(view, limited, flags.columns_of_text()));
    }
    lines
}

fn choose(view: &View, wanted: &[Column]) -> Vec<Column> {
    if !wanted.is_empty() {
        return wanted.to_vec();
    }
    let responders = || view.ttls.values().flat_map(|ttl| &ttl.responders);
    let shown =
        |column: &Column| !column.is_added() || responders().any(|responder| column.has(responder));
    Column::DEFAULT.into_iter().filter(shown).collect()
}

fn rows(view: &View, columns: &[Column]) -> Vec<Row> {
    let (farthest, limited) = (view.farthest(), view.rate_limited());
    let mut rows = Vec::new();
    for (&ttl, at) in view.ttls.iter().filter(|&(&ttl, _)| ttl <= farthest) {
        let loss = match at.loss_pct() {
            0.0 => Loss::None,
            _ if limited.get(&ttl) == Some(&true) => Loss::RateLimited,
            ..=33.4 => Loss::Some,
            _ => Loss::Much,
        };
        if at.responders.is_empty() {
            let cells = columns.iter().map(|column| column.silent(ttl, at)).collect();
            rows.push(Row { cells, avg_ms: None, loss: Loss::None, silent: true });
        }
        for (index, responder) in at.responders.iter().enumerate() {
            let mark = if loss == Loss::RateLimited && index == 0 { "~" } else { "" };
            let cell = |column: &Column| {
                let text = column.cell(ttl, at, responder, index > 0);
                if *column == Column::Loss { text + mark } else { text }
            };
            let avg_ms = (responder.rtt.count > 0).then_some(responder.rtt.mean);
            rows.push(Row {
                cells: columns.iter().map(cell).collect(),
                avg_ms,
                loss,
                silent: false,
            });
        }
    }
    rows
}

fn widths(columns: &[Column], rows: &[Row]) -> Vec<usize> {
    let widest = |(at, column): (usize, &Column)| {
        let cells = rows.iter().filter_map(|row| row.cells.get(at)).map(|cell| width(cell));
        cells.chain([width(column.title())]).max().unwrap_or(0)
    };
    columns.iter().enumerate().map(widest).collect()
}

/// Cuts and leaves out until the box is no wider than `room`.
fn fit(columns: &mut Vec<Column>, rows: &mut [Row], room: usize) {
    loop {
        let mut widths = widths(columns, rows);
        let needed = |widths: &[usize]| widths.iter().map(|width| width + 3).sum::<usize>() + 1;
        while needed(&widths) > room {
            // The widest of those that can give gives one column of text.
            let flexible = widths.iter_mut().zip(columns.iter());
            let spare = flexible
                .filter(|(width, column)| column.least().is_some_and(|least| **width > least));
            let Some((width, _)) = spare.max_by_key(|(width, _)| **width) else { break };
            *width -= 1;
        }
        let expendable = columns.iter().enumerate().max_by_key(|(_, column)| column.expendable());
        match expendable {
            Some((at, column)) if needed(&widths) > room && column.expendable() > 0 => {
                columns.remove(at);
                for row in rows.iter_mut() {
                    row.cells.remove(at);
                }
            }
            _ => {
                for row in rows.iter_mut() {
                    for (cell, &width) in row.cells.iter_mut().zip(&widths) {
                        *cell = cut(cell, width).into_owned();
                    }
                }
                return;
            }
        }
    }
}

fn boxed(columns: &[Column], rows: &[Row], color: bool) -> Vec<String> {
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED).set_content_arrangement(ContentArrangement::Disabled);
    if color {
        table.enforce_styling();
    } else {
        table.force_no_tty();
    }
    let header =
        columns.iter().map(|column| Cell::new(column.title()).add_attribute(Attribute::Bold));
    table.set_header(header.collect::<Vec<_>>());
    for row in rows {
        let cells = columns.iter().zip(&row.cells).map(|(column, text)| styled(*column, text, row));
        table.add_row(cells.collect::<Vec<_>>());
    }
    for (at, column) in columns.iter().enumerate() {
        if let Some(shown) = table.column_mut(at).filter(|_| column.is_number()) {
            shown.set_cell_alignment(CellAlignment::Right);
        }
    }
    table.lines().collect()
}

fn styled(column: Column, text: &str, row: &Row) -> Cell {
    let cell = Cell::new(text);
    match (column, row.avg_ms, row.loss) {
        _ if row.silent => cell.add_attribute(Attribute::Dim),
        (Column::Avg, Some(ms), _) if ms < FAST_MS => cell.fg(Color::Green),
        (Column::Avg, Some(ms), _) if ms < SLOW_MS => cell.fg(Color::Yellow),
        (Column::Loss, _, Loss::Some) => cell.fg(Color::Yellow),
        (Column::Avg, Some(_), _) | (Column::Loss, _, Loss::Much) => cell.fg(Color::Red),
        (Column::Loss, _, Loss::RateLimited) => cell.add_attribute(Attribute::Dim),
        _ => cell,
    }
}

/// Aligned by blanks; empty cells become `-`, so that every line has as many fields.
fn plain(columns: &[Column], rows: &[Row]) -> Vec<String> {
    let widths = widths(columns, rows);
    let line = |cells: Vec<&str>| {
        let mut text = String::new();
        for (cell, width_wanted) in cells.iter().zip(&widths) {
            let cell = if cell.is_empty() { "-" } else { cell };
            text += &cell.replace(char::is_whitespace, "_");
            text += &" ".repeat((width_wanted + 2).saturating_sub(width(cell)));
        }
        text.trim_end().to_owned()
    };
    let header = columns.iter().map(|column| column.title()).collect();
    let body = rows.iter().map(|row| line(row.cells.iter().map(String::as_str).collect()));
    [line(header)].into_iter().chain(body).collect()
}
