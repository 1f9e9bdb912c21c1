//! Drawing with characters: lines of braille dots or of ASCII, and text above them.

use crate::symbols::Symbols;

/// What a character is part of, which decides its colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Tone {
    #[default]
    Blank,
    /// A coast or a border.
    Land,
    /// A leg, whose farther hop has an RTT of this class.
    Leg(u8),
    /// The label of hops.
    Label(u8),
    /// The label of the hop that the user looks at.
    Chosen,
}

/// A character of the drawing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Glyph {
    pub(crate) char: char,
    pub(crate) tone: Tone,
}

/// A drawing in progress.
#[derive(Clone, Debug)]
pub(crate) struct Canvas {
    columns: usize,
    rows: usize,
    symbols: Symbols,
    cells: Vec<Cell>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Cell {
    land: u8,
    leg: u8,
    leg_tone: Tone,
    text: Option<Glyph>,
}

impl Canvas {
    /// Nothing yet, in `columns` × `rows` characters.
    pub(crate) fn new(columns: usize, rows: usize, symbols: Symbols) -> Self {
        let cells = vec![Cell::default(); columns * rows];
        Self { columns, rows, symbols, cells }
    }

    /// Dots in a character: across and down.
    fn dots(&self) -> (usize, usize) {
        match self.symbols {
            Symbols::Unicode => (2, 4),
            Symbols::Ascii => (1, 1),
        }
    }

    /// The size in dots.
    pub(crate) fn size(&self) -> (f64, f64) {
        let (across, down) = self.dots();
        ((self.columns * across) as f64, (self.rows * down) as f64)
    }

    /// Width to height as it is seen: a character is about twice as high as wide.
    pub(crate) fn aspect(&self) -> f64 {
        self.columns as f64 / (2 * self.rows).max(1) as f64
    }

    /// A line between two points in dots. Of a dashed one every other run of dots is left out,
    /// counted by `dash` from line to line.
    pub(crate) fn line(
        &mut self,
        from: (f64, f64),
        to: (f64, f64),
        tone: Tone,
        dash: Option<&mut u32>,
    ) {
        let steps = (to.0 - from.0).abs().max((to.1 - from.1).abs()).ceil().clamp(1.0, 1e5);
        let mut uncounted = 0;
        let is_dashed = dash.is_some();
        let dash = dash.unwrap_or(&mut uncounted);
        for step in 0..=steps as u32 {
            let part = f64::from(step) / steps;
            *dash += 1;
            if !is_dashed || *dash % 6 < 3 {
                let x = from.0 + (to.0 - from.0) * part;
                self.dot(x, from.1 + (to.1 - from.1) * part, tone);
            }
        }
    }

    fn dot(&mut self, x: f64, y: f64, tone: Tone) {
        let (across, down) = self.dots();
        let Some((column, row)) = self.cell_at(x, y) else { return };
        let bit = match self.symbols {
            Symbols::Unicode => braille_bit(x as usize % across, y as usize % down),
            Symbols::Ascii => 1,
        };
        let Some(cell) = self.cells.get_mut(row * self.columns + column) else { return };
        if tone == Tone::Land {
            cell.land |= bit;
        } else {
            cell.leg |= bit;
            cell.leg_tone = tone;
        }
    }

    /// The character, by column and row, that a point in dots falls into.
    pub(crate) fn cell_at(&self, x: f64, y: f64) -> Option<(usize, usize)> {
        let (across, down) = self.dots();
        if !(x >= 0.0 && y >= 0.0) {
            return None;
        }
        let (column, row) = (x as usize / across, y as usize / down);
        (column < self.columns && row < self.rows).then_some((column, row))
    }

    /// Writes a text at a character or as near to it as there is room; `false`: there is none.
    pub(crate) fn label(&mut self, (column, row): (usize, usize), text: &str, tone: Tone) -> bool {
        let len = text.chars().count();
        let left = column.min(self.columns.saturating_sub(len));
        let nearby = [(0, 0), (0, 1), (0, -1), (1, 0), (-1, 0), (1, 1), (-1, -1), (0, 2), (0, -2)];
        let free = nearby.iter().find_map(|&(across, down)| {
            let column = left.checked_add_signed(across * (len as isize + 1))?;
            let row = row.checked_add_signed(down)?;
            self.is_free(column, row, len).then_some((column, row))
        });
        let Some((column, row)) = free else { return false };
        for (at, char) in text.chars().enumerate() {
            if let Some(cell) = self.cells.get_mut(row * self.columns + column + at) {
                cell.text = Some(Glyph { char, tone });
            }
        }
        true
    }

    /// Labels keep a character's distance.
    fn is_free(&self, column: usize, row: usize, len: usize) -> bool {
        let range = column.saturating_sub(1)..(column + len + 1).min(self.columns);
        let is_clear = |at: usize| {
            self.cells.get(row * self.columns + at).is_some_and(|cell| cell.text.is_none())
        };
        row < self.rows && column + len <= self.columns && range.into_iter().all(is_clear)
    }

    /// The finished drawing, row by row.
    pub(crate) fn rows(&self) -> Vec<Vec<Glyph>> {
        let glyph = |cell: &Cell| self.glyph(cell);
        self.cells.chunks(self.columns.max(1)).map(|row| row.iter().map(glyph).collect()).collect()
    }

    fn glyph(&self, cell: &Cell) -> Glyph {
        let (dots, tone) = match cell {
            Cell { text: Some(text), .. } => return *text,
            // A character has one colour, and the way is what one looks for.
            Cell { leg: 1.., leg_tone, .. } => (cell.leg, *leg_tone),
            Cell { land: 1.., .. } => (cell.land, Tone::Land),
            _ => return Glyph { char: ' ', tone: Tone::Blank },
        };
        let char = match (self.symbols, tone) {
            (Symbols::Unicode, _) => char::from_u32(0x2800 + u32::from(dots)).unwrap_or(' '),
            (Symbols::Ascii, Tone::Land) => '.',
            (Symbols::Ascii, _) => '*',
        };
        Glyph { char, tone }
    }
}

/// The bit of a dot in U+2800 and following.
fn braille_bit(x: usize, y: usize) -> u8 {
    match (x, y) {
        (0, 0) => 0x01,
        (0, 1) => 0x02,
        (0, 2) => 0x04,
        (0, _) => 0x40,
        (_, 0) => 0x08,
        (_, 1) => 0x10,
        (_, 2) => 0x20,
        (_, _) => 0x80,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(canvas: &Canvas) -> Vec<String> {
        canvas.rows().iter().map(|row| row.iter().map(|glyph| glyph.char).collect()).collect()
    }

    #[test]
    fn dots_fall_where_braille_has_them() {
        let mut canvas = Canvas::new(2, 1, Symbols::Unicode);
        canvas.line((0.0, 0.0), (3.0, 3.0), Tone::Land, None);
        assert_eq!(text(&canvas), ["⠑⢄"]);
        let mut canvas = Canvas::new(4, 2, Symbols::Ascii);
        canvas.line((0.0, 0.0), (3.9, 0.0), Tone::Land, None);
        canvas.line((0.0, 1.0), (9e9, 1.0), Tone::Leg(0), None);
        assert_eq!(text(&canvas)[0], "....");
    }

    #[test]
    fn what_lies_outside_is_not_drawn() {
        let mut canvas = Canvas::new(3, 3, Symbols::Unicode);
        canvas.line((-50.0, -9.0), (-1.0, 90.0), Tone::Land, None);
        canvas.line((f64::NAN, 0.0), (f64::INFINITY, 2.0), Tone::Leg(1), None);
        assert!(text(&canvas).concat().trim().is_empty());
    }

    #[test]
    fn labels_make_way_for_each_other_and_stay_inside() {
        let mut canvas = Canvas::new(6, 3, Symbols::Ascii);
        assert!(canvas.label((5, 1), "12", Tone::Chosen));
        assert!(canvas.label((5, 1), "13", Tone::Label(0)));
        assert!(canvas.label((5, 1), "14", Tone::Label(0)));
        let shown = text(&canvas);
        assert!(["12", "13", "14"].iter().all(|label| shown.concat().contains(label)), "{shown:?}");
        assert!(!Canvas::new(1, 1, Symbols::Ascii).label((0, 0), "12", Tone::Chosen));
        assert!(Canvas::new(0, 0, Symbols::Unicode).rows().is_empty());
    }
}
