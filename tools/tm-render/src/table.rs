//! A view as text: the box, its rows, and what fits into the width there is.

use tm_stream::frame::{Attribute, Cell, Color, frame};
use tm_stream::text::width;

use crate::column::Column;
use crate::flags::{Flags, Format};
use crate::footer;
use crate::marks::Marks;
use crate::symbols::Symbols;
use crate::view::{Responder, Ttl, View};

/// Below this the RTT is green, below the next yellow, above red.
const FAST_MS: f64 = 50.0;
const SLOW_MS: f64 = 150.0;

/// One line of the table.
pub(crate) struct Row {
    pub(crate) ttl: u8,
    /// `None`: nobody answered.
    pub(crate) ip: Option<String>,
    /// The line before has the same TTL.
    repeats: bool,
    pub(crate) cells: Vec<String>,
    /// What stands behind each cell.
    marks: Vec<&'static str>,
    /// Columns that say nothing yet.
    awaited: Vec<Column>,
    sort_key: f64,
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
    let marks = Marks::of(view);
    let mut columns = choose(view, flags);
    let mut rows = rows(view, &columns, &marks, flags);
    let mut lines = match flags.format {
        Format::Plain => {
            let heading = footer::heading(view, flags.symbols());
            [format!("# {heading}")].into_iter().chain(plain(&columns, &rows)).collect()
        }
        _ if rows.is_empty() => Vec::new(),
        _ => {
            fit(&mut columns, &mut rows, BOX.room(flags.columns_of_text()), flags.symbols());
            boxed(&columns, &rows, flags, color)
        }
    };
    if flags.format == Format::Table {
        lines.extend(footer::lines(view, &marks, &columns, flags));
    }
    lines
}

pub(crate) fn choose(view: &View, flags: &Flags) -> Vec<Column> {
    if !flags.columns.is_empty() {
        return flags.columns.clone();
    }
    let all: &[Column] = match flags {
        Flags { wide: true, .. } => &Column::WIDE,
        _ if flags.walks() => &Column::WALKED,
        _ => &Column::DEFAULT,
    };
    let responders = || view.ttls.values().flat_map(|ttl| &ttl.responders);
    let shown =
        |column: &Column| !column.is_added() || responders().any(|responder| column.has(responder));
    all.iter().copied().filter(shown).collect()
}

pub(crate) fn rows(view: &View, columns: &[Column], marks: &Marks, flags: &Flags) -> Vec<Row> {
    let farthest = view.farthest();
    let shown = view.ttls.iter().filter(|&(&ttl, _)| ttl <= farthest);
    let mut rows: Vec<Row> =
        shown.flat_map(|(&ttl, at)| ttl_rows(ttl, at, columns, marks, flags)).collect();
    if let Some(order) = flags.sort {
        rows.sort_by(|a, b| order.compare(a.sort_key, b.sort_key));
    }
    mark_repeats(&mut rows);
    set_marks(&mut rows, flags.format);
    for row in rows.iter_mut().filter(|row| row.repeats) {
        for (cell, _) in row.cells.iter_mut().zip(columns).filter(|(_, at)| at.is_of_ttl()) {
            cell.clear();
        }
    }
    rows
}

/// Appends the marks; where a column of the box has any, the digits still stand below each other.
fn set_marks(rows: &mut [Row], format: Format) {
    let columns = rows.first().map_or(0, |row| row.cells.len());
    for at in 0..columns {
        let has_marks =
            rows.iter().any(|row| row.marks.get(at).is_some_and(|mark| !mark.is_empty()));
        let blank = if has_marks && format == Format::Table { " " } else { "" };
        for row in rows.iter_mut() {
            let mark = row.marks.get(at).copied().filter(|mark| !mark.is_empty() && !row.repeats);
            if let Some(cell) = row.cells.get_mut(at) {
                *cell += mark.unwrap_or(blank);
            }
        }
    }
}

fn mark_repeats(rows: &mut [Row]) {
    let mut before = None;
    for row in rows {
        row.repeats = before == Some(row.ttl);
        before = Some(row.ttl);
    }
}

fn ttl_rows(ttl: u8, at: &Ttl, columns: &[Column], marks: &Marks, flags: &Flags) -> Vec<Row> {
    let symbols = flags.symbols();
    let loss = match at.loss_pct() {
        0.0 => Loss::None,
        _ if marks.rate_limited.contains(&ttl) => Loss::RateLimited,
        ..=33.4 => Loss::Some,
        _ => Loss::Much,
    };
    let sort_key = |responder: Option<&Responder>| {
        flags.sort.map_or(0.0, |order| order.key(ttl, at, responder))
    };
    if at.responders.is_empty() {
        let cells = columns.iter().map(|column| column.silent(ttl, at)).collect();
        let (avg_ms, sort_key) = (None, sort_key(None));
        let loss = Loss::None;
        let (repeats, silent, ip) = (false, true, None);
        let (marks, awaited) = (Vec::new(), Vec::new());
        return vec![Row {
            ttl,
            ip,
            repeats,
            cells,
            marks,
            awaited,
            sort_key,
            avg_ms,
            loss,
            silent,
        }];
    }
    let mark = |column: Column, responder: &Responder| match column {
        Column::Loss if loss == Loss::RateLimited => "~",
        Column::Loss if marks.loss_begins.is_some_and(|(_, by)| by == ttl) => symbols.begins(),
        Column::Avg
            if responder.rtt.count > 0 && marks.delay_begins.is_some_and(|at| at.0 == ttl) =>
        {
            symbols.begins()
        }
        _ => "",
    };
    let row = |responder: &Responder| Row {
        ttl,
        ip: Some(responder.ip.clone()),
        repeats: false,
        cells: columns.iter().map(|column| column.cell(ttl, at, responder, symbols)).collect(),
        marks: columns.iter().map(|&column| mark(column, responder)).collect(),
        awaited: columns.iter().copied().filter(|column| column.is_awaited(responder)).collect(),
        sort_key: sort_key(Some(responder)),
        avg_ms: (responder.rtt.count > 0).then_some(responder.rtt.mean),
        loss,
        silent: false,
    };
    at.responders.iter().map(row).collect()
}

pub(crate) fn widths(columns: &[Column], rows: &[Row]) -> Vec<usize> {
    let widest = |(at, column): (usize, &Column)| {
        let cells = rows.iter().filter_map(|row| row.cells.get(at)).map(|cell| width(cell));
        cells.chain([width(column.title())]).max().unwrap_or(0)
    };
    columns.iter().enumerate().map(widest).collect()
}

/// What a table needs beside its cells.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Room {
    /// Columns of text for everything.
    all: usize,
    /// Around each cell.
    each: usize,
    /// Once.
    once: usize,
}

const BOX: Room = Room { all: 0, each: 3, once: 1 };

impl Room {
    /// For cells in a box.
    fn room(self, all: usize) -> Self {
        Self { all, ..self }
    }

    /// For cells that a blank sets apart.
    pub(crate) fn open(all: usize) -> Self {
        Self { all, each: 1, once: 0 }
    }

    fn is_enough_for(self, widths: &[usize]) -> bool {
        widths.iter().map(|width| width + self.each).sum::<usize>() + self.once <= self.all
    }
}

/// Cuts and leaves out until there is room enough.
pub(crate) fn fit(columns: &mut Vec<Column>, rows: &mut [Row], room: Room, symbols: Symbols) {
    loop {
        let mut widths = widths(columns, rows);
        for squeeze in 0..Column::SQUEEZES {
            while !room.is_enough_for(&widths) {
                // The widest of those that can give gives one column of text.
                let flexible = widths.iter_mut().zip(columns.iter());
                let spare = flexible.filter(|(width, column)| {
                    column.least(squeeze).is_some_and(|least| **width > least)
                });
                let Some((width, _)) = spare.max_by_key(|(width, _)| **width) else { break };
                *width -= 1;
            }
        }
        let expendable = columns.iter().enumerate().max_by_key(|(_, column)| column.expendable());
        match expendable {
            Some((at, column)) if !room.is_enough_for(&widths) && column.expendable() > 0 => {
                columns.remove(at);
                for row in rows.iter_mut() {
                    row.cells.remove(at);
                }
            }
            _ => {
                for row in rows.iter_mut() {
                    for ((cell, column), &width) in row.cells.iter_mut().zip(&*columns).zip(&widths)
                    {
                        *cell = column.cut(cell, width, symbols);
                    }
                }
                return;
            }
        }
    }
}

fn boxed(columns: &[Column], rows: &[Row], flags: &Flags, color: bool) -> Vec<String> {
    let titles = columns.iter().map(|column| (column.title(), column.is_number()));
    let mut table = frame(titles, flags.ascii, color);
    for row in rows {
        let cells = columns.iter().zip(&row.cells).map(|(column, text)| styled(*column, text, row));
        table.add_row(cells.collect::<Vec<_>>());
    }
    table.lines().collect()
}

fn styled(column: Column, text: &str, row: &Row) -> Cell {
    let cell = Cell::new(text);
    match row.shade(column) {
        Shade::Plain => cell,
        Shade::Good => cell.fg(Color::Green),
        Shade::Middling => cell.fg(Color::Yellow),
        Shade::Bad => cell.fg(Color::Red),
        Shade::Dim => cell.add_attribute(Attribute::Dim),
    }
}

/// How a cell is to be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shade {
    Plain,
    Good,
    Middling,
    Bad,
    Dim,
}

impl Row {
    /// How the cell of a column is to be taken.
    pub(crate) fn shade(&self, column: Column) -> Shade {
        match (column, self.avg_ms, self.loss) {
            _ if self.silent || self.awaited.contains(&column) => Shade::Dim,
            (Column::Avg, Some(ms), _) if ms < FAST_MS => Shade::Good,
            (Column::Avg, Some(ms), _) if ms < SLOW_MS => Shade::Middling,
            (Column::Loss, _, Loss::Some) => Shade::Middling,
            (Column::Avg, Some(_), _) | (Column::Loss, _, Loss::Much) => Shade::Bad,
            (Column::Loss, _, Loss::RateLimited) => Shade::Dim,
            _ => Shade::Plain,
        }
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
