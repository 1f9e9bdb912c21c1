//! Tables in a box, for every tool that shows one. What stands in them, and how wide it may be, is
//! not decided here.

use comfy_table::presets::{ASCII_FULL_CONDENSED, UTF8_FULL_CONDENSED};
use comfy_table::{CellAlignment, ContentArrangement, Table};

pub use comfy_table::{Attribute, Cell, Color};

/// A box without rows. `columns`: the title of each, and whether it is set flush right, as numbers
/// are.
pub fn frame<'a>(
    columns: impl IntoIterator<Item = (&'a str, bool)>,
    ascii: bool,
    color: bool,
) -> Table {
    let mut table = Table::new();
    let style = if ascii { ASCII_FULL_CONDENSED } else { UTF8_FULL_CONDENSED };
    table.load_style(style).set_content_arrangement(ContentArrangement::Disabled);
    if color {
        table.enforce_styling();
    } else {
        table.force_no_tty();
    }
    let (titles, is_number): (Vec<&str>, Vec<bool>) = columns.into_iter().unzip();
    let titles = titles.into_iter().map(|title| Cell::new(title).add_attribute(Attribute::Bold));
    table.set_header(titles.collect::<Vec<_>>());
    for at in is_number.iter().enumerate().filter_map(|(at, is_number)| is_number.then_some(at)) {
        if let Some(column) = table.column_mut(at) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}
