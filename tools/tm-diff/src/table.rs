//! `--format table`: the two paths side by side in a box.

use tm_stream::frame::{Attribute, Cell, Color, frame};
use tm_stream::text::{cut, visible, width};

use crate::comparison::Comparison;
use crate::grid::{Grid, Line};
use crate::words::{self, Mark};

/// Columns that an address and a remark are not squeezed below.
const LEAST_IP: usize = 15;
const LEAST_MATCH: usize = 16;

/// The comparison as lines of text; `room`: columns to fill, unless it is wide.
pub(crate) fn lines(comparison: &Comparison, wide: bool, room: usize, color: bool) -> Vec<String> {
    let mut lines = vec![words::title(comparison)];
    for (name, about) in [("A", &comparison.a), ("B", &comparison.b)] {
        lines.extend(about.as_ref().map(|about| format!("{name}  {}", words::origin(about))));
    }
    let mut lines: Vec<String> = lines.iter().map(|line| fitted(line, room)).collect();
    let mut grid = Grid::of(comparison, wide);
    if !grid.lines.is_empty() {
        for cell in grid.lines.iter_mut().flat_map(|line| &mut line.cells).flatten() {
            *cell = visible(cell).into_owned();
        }
        if !wide {
            wrap_all(&mut grid, room);
        }
        lines.extend(boxed(&grid, color));
    }
    let below = [words::legend(comparison), words::whole(comparison)].concat();
    let below = below.into_iter().chain([words::summary(comparison)]);
    lines.extend(below.flat_map(|line| wrap(&visible(&line), room)));
    lines
}

fn fitted(line: &str, room: usize) -> String {
    cut(&visible(line), room).into_owned()
}

/// Wraps cells until the box is no wider than `room`.
fn wrap_all(grid: &mut Grid, room: usize) {
    let mut widths: Vec<usize> = grid.titles.iter().map(|title| width(title)).collect();
    for line in &grid.lines {
        for (widest, cell) in widths.iter_mut().zip(&line.cells) {
            *widest = cell.iter().map(|text| width(text)).max().unwrap_or(0).max(*widest);
        }
    }
    let least = [usize::MAX, LEAST_IP, LEAST_IP, LEAST_MATCH];
    while widths.iter().map(|width| width + 3).sum::<usize>() + 1 > room {
        let flexible = widths.iter_mut().zip(least).filter(|(width, least)| **width > *least);
        let Some((widest, _)) = flexible.max_by_key(|(width, least)| **width - least) else {
            break;
        };
        *widest -= 1;
    }
    for line in &mut grid.lines {
        for (cell, &width) in line.cells.iter_mut().zip(&widths) {
            *cell = cell.iter().flat_map(|text| wrap(text, width)).collect();
        }
    }
}

/// Breaks a line at blanks, else behind a sign that parts names and addresses, else anywhere; what
/// goes on is set in by two.
fn wrap(text: &str, room: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut rest = text.to_owned();
    while width(&rest) > room {
        let (mut used, mut fits, mut blank, mut sign) = (0, 0, None, None);
        for (at, c) in rest.char_indices() {
            used += width(c.encode_utf8(&mut [0; 4]));
            if used > room {
                break;
            }
            fits = at + c.len_utf8();
            match c {
                ' ' if at > 2 => blank = Some(at),
                ':' | '.' | '-' | '/' | ',' if at > 2 => sign = Some(fits),
                _ => {}
            }
        }
        let end = blank.or(sign).unwrap_or(fits);
        if end <= 2 {
            break; // less room than one character behind the indent
        }
        let (line, next) = rest.split_at(end);
        lines.push(line.trim_end().to_owned());
        rest = format!("  {}", next.trim_start());
    }
    lines.push(rest);
    lines
}

fn boxed(grid: &Grid, color: bool) -> Vec<String> {
    let is_number = |at: usize| matches!(at, 0 | 5..=8);
    let titles = grid.titles.iter().enumerate().map(|(at, title)| (*title, is_number(at)));
    let mut table = frame(titles, false, color);
    for line in &grid.lines {
        table.add_row(cells(line));
    }
    table.lines().collect()
}

fn cells(line: &Line) -> Vec<Cell> {
    let styled = |(at, text): (usize, &Vec<String>)| {
        let cell = Cell::new(text.join("\n"));
        match (line.mark, at) {
            (Mark::Changed, 1..=3) => cell.fg(Color::Yellow),
            (Mark::Gone, 1..=3) => cell.fg(Color::Red),
            (Mark::New, 1..=3) | (Mark::Same, 3) => cell.fg(Color::Green),
            (Mark::Alike | Mark::Unknown, 3) => cell.add_attribute(Attribute::Dim),
            _ => cell,
        }
    };
    line.cells.iter().enumerate().map(styled).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_break_where_people_would_break_them() {
        assert_eq!(wrap("name alpha → beta", 12), ["name alpha", "  → beta"]);
        assert_eq!(wrap("2001:db8:1111:2222:3333::1", 15), ["2001:db8:1111:", "  2222:3333::1"]);
        assert_eq!(wrap("abcdefghij", 6), ["abcdef", "  ghij"]);
        assert_eq!(wrap("short", 10), ["short"]);
        assert_eq!(wrap("", 10), [""]);
    }

    #[test]
    fn nothing_is_lost_by_wrapping_and_no_line_is_too_long() {
        for text in
            ["東京東京東京東京東京", "a b c d e f g h i j k l m", "....................", "x"]
        {
            for room in 4..30 {
                let lines = wrap(text, room);
                assert!(lines.iter().all(|line| width(line) <= room), "{lines:?} in {room}");
                let kept: String = lines.concat().replace(' ', "");
                assert_eq!(kept, text.replace(' ', ""));
            }
        }
    }
}
