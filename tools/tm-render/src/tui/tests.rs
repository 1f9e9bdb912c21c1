//! The screen at every size, drawn into memory.

use std::fmt::Write;
use std::path::Path;

use clap::{Parser, ValueEnum};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::style::Color;
use tm_stream::input::Input;

use super::app::{App, End, Lower};
use super::feed::Feed;
use super::keys::{KEYS, action};
use super::position::Position;
use super::screen;
use crate::column::Column;
use crate::flags::Flags;

const SIZES: [(u16, u16); 4] = [(60, 20), (80, 24), (120, 40), (200, 60)];

fn app(fixture: &str, color: bool, args: &[&str]) -> App {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/screens");
    let input = Input::open(&folder.join(fixture).with_extension("ndjson")).unwrap();
    let flags = Flags::parse_from([&["tm-render", "--tui"], args].concat());
    let mut app = App::new(&flags, color, Feed::start(vec![input]).unwrap());
    while !app.ended {
        app.turn();
    }
    app
}

fn press(app: &mut App, keys: &str) {
    for key in keys.split_whitespace() {
        let code = match key {
            "Enter" => KeyCode::Enter,
            "Esc" => KeyCode::Esc,
            "Home" => KeyCode::Home,
            "End" => KeyCode::End,
            "Left" => KeyCode::Left,
            "Right" => KeyCode::Right,
            "Space" => KeyCode::Char(' '),
            "PgDn" => KeyCode::PageDown,
            key => KeyCode::Char(key.chars().next().unwrap()),
        };
        app.key(KeyEvent::new(code, KeyModifiers::NONE));
    }
}

fn draw(app: &mut App, size: (u16, u16)) -> TestBackend {
    let mut terminal = Terminal::new(TestBackend::new(size.0, size.1)).unwrap();
    terminal.draw(|frame| screen::draw(frame, app)).unwrap();
    terminal.backend().clone()
}

fn screens(app: &mut App) -> String {
    SIZES.map(|size| draw(app, size).to_string()).join("\n")
}

/// Every run of characters that looks other than usual, line by line.
fn styles(app: &mut App, size: (u16, u16)) -> String {
    let drawn = draw(app, size);
    let mut text = String::new();
    for (number, row) in drawn.buffer().content().chunks(usize::from(size.0)).enumerate() {
        let mut column = 0;
        for run in row.chunk_by(|a, b| a.style() == b.style()) {
            let cell = &run[0];
            let end = column + run.len();
            if cell.fg != Color::Reset || !cell.modifier.is_empty() {
                let (fg, modifier) = (cell.fg, cell.modifier);
                writeln!(text, "line {number}, {column}..{end}: {fg} {modifier:?}").unwrap();
            }
            column = end;
        }
    }
    text
}

#[test]
fn every_view() {
    for (name, keys) in [
        ("first", ""),
        ("details", "j j j j j Enter"),
        ("details-scrolled", "j j j j j Enter PgDn PgDn"),
        ("figures", "i"),
        ("alerts", "a"),
        ("map", "m"),
        ("world", "m w"),
        ("columns", "c j j Space"),
        ("help", "h"),
        ("filter", "/ n t t"),
        ("marked-and-filtered", "j j Space / n t t Enter"),
        ("sorted", "s"),
        ("second-round", "Home Right"),
    ] {
        view("pacific", name, keys);
    }
    view("diamond", "flows", "f");
}

/// A snapshot with and without Unicode at every size, and of the colours. Without colour the text is
/// the same.
fn view(fixture: &str, name: &str, keys: &str) {
    let with = |color: bool, args: &[&str]| {
        let mut app = app(fixture, color, args);
        press(&mut app, keys);
        app
    };
    let mut coloured = with(true, &[]);
    let text = screens(&mut coloured);
    assert_eq!(screens(&mut with(false, &[])), text, "{name} without colour");
    insta::assert_snapshot!(name, text);
    insta::assert_snapshot!(format!("{name}-colours"), styles(&mut coloured, (140, 40)));
    let ascii = screens(&mut with(true, &["--ascii"]));
    let screen = ascii.lines().map(|line| line.trim_matches('"'));
    assert_eq!(screen.clone().find(|line| !line.is_ascii()), None, "{name}");
    insta::assert_snapshot!(format!("{name}-ascii"), ascii);
}

#[test]
fn without_colour_there_is_none() {
    let mut app = app("pacific", false, &[]);
    press(&mut app, "m j Enter");
    for size in SIZES {
        let drawn = draw(&mut app, size);
        let colours = drawn.buffer().content().iter().filter(|cell| cell.fg != Color::Reset);
        assert_eq!(colours.count(), 0);
    }
}

#[test]
fn strangers_text_is_harmless_on_every_pane() {
    for keys in ["", "j j j Enter", "j j j j j j Enter PgDn", "i", "a", "m", "f", "/ x Enter", "c"]
    {
        let mut app = app("hostile", true, &[]);
        press(&mut app, keys);
        for size in SIZES {
            for cell in draw(&mut app, size).buffer().content() {
                let harmful = cell
                    .symbol()
                    .chars()
                    .find(|c| c.is_control() || ('\u{202a}'..='\u{202e}').contains(c));
                assert_eq!(harmful, None, "{:?}", cell.symbol());
            }
        }
    }
}

#[test]
fn no_size_is_too_small_to_survive() {
    for size in [(1, 1), (3, 2), (10, 3), (20, 5), (300, 2), (2, 100)] {
        for keys in ["h", "c", "m", "f", "i", "j Enter", "/"] {
            let mut app = app("pacific", true, &[]);
            press(&mut app, keys);
            draw(&mut app, size);
        }
    }
}

#[test]
fn the_column_at_the_cursor_is_always_seen() {
    for size in [(60, 16), (80, 24)] {
        let mut app = app("pacific", true, &[]);
        press(&mut app, "c");
        press(&mut app, &"j ".repeat(50));
        let screen = draw(&mut app, size).to_string();
        let last = Column::value_variants().last().unwrap().title();
        assert!(screen.contains(&format!("] {last} ")), "{screen}");
    }
}

fn below_the_heading(app: &mut App) -> Vec<String> {
    let text = draw(app, (120, 40)).to_string();
    text.lines().skip(1).map(str::to_owned).collect()
}

#[test]
fn rounds_are_stepped_through_and_come_back_the_same() {
    let mut app = app("pacific", true, &[]);
    let latest = below_the_heading(&mut app);
    press(&mut app, "Home");
    assert!(matches!(app.position, Position::Round { at: 1, .. }));
    let first = screens(&mut app);
    press(&mut app, "Right Right Left Left");
    assert_eq!(screens(&mut app), first);
    press(&mut app, "Right Right Right Right Right Right Right Right");
    assert!(matches!(app.position, Position::Round { at: 8, .. }));
    assert_eq!(below_the_heading(&mut app), latest);
    press(&mut app, "End");
    assert_eq!(app.position, Position::Latest);
}

#[test]
fn the_help_names_every_key_and_each_does_what_it_says() {
    for (keys, what, wanted) in KEYS {
        let first = keys.split(' ').next().unwrap();
        let code = match first {
            "↑" => KeyCode::Up,
            "↓" => KeyCode::Down,
            "←" => KeyCode::Left,
            "PgUp" => KeyCode::PageDown,
            "Enter" => KeyCode::Enter,
            "space" => KeyCode::Char(' '),
            "Home" => KeyCode::Home,
            "End" => KeyCode::End,
            "Tab" => KeyCode::Tab,
            "Esc" => KeyCode::Esc,
            "-" => KeyCode::Char('+'),
            key => KeyCode::Char(key.chars().next().unwrap()),
        };
        assert_eq!(action(KeyEvent::new(code, KeyModifiers::NONE)), Some(wanted), "{keys}: {what}");
    }
}

#[test]
fn escape_leads_back_to_the_hops_one_step_at_a_time() {
    let hops = "┌ hops ";
    for pane in ["m", "f"] {
        let mut app = app("pacific", false, &[]);
        press(&mut app, "Enter");
        press(&mut app, pane);
        let shown = |app: &mut App| draw(app, (80, 24)).to_string();
        assert!(!shown(&mut app).contains(hops) && app.lower == Lower::Details, "{pane}");
        press(&mut app, "Esc");
        assert!(!shown(&mut app).contains(hops) && app.lower == Lower::None, "{pane}");
        press(&mut app, "Esc");
        assert!(shown(&mut app).contains(hops), "{pane}");
    }
}

#[test]
fn what_stands_above_the_screen_hides_neither_its_heading_nor_its_keys() {
    for key in ["c", "h"] {
        for size in SIZES {
            let edges = |app: &mut App| {
                let screen = draw(app, size).to_string();
                let lines: Vec<&str> = screen.lines().collect();
                [lines.first(), lines.last()].map(|line| line.unwrap().to_string())
            };
            let mut app = app("pacific", false, &[]);
            let before = edges(&mut app);
            press(&mut app, key);
            assert_eq!(edges(&mut app), before, "{key} {size:?}");
        }
    }
}

#[test]
fn columns_are_chosen_up_and_down_and_stand_in_the_order_of_the_list() {
    let mut app = app("pacific", false, &["--columns", "hop,host"]);
    let last = Column::value_variants().len();
    press(&mut app, "c");
    press(&mut app, &"j ".repeat(last));
    press(&mut app, &"k ".repeat(last + 3));
    press(&mut app, "Space");
    let chosen = app.flags.columns.clone();
    let listed = |column: &Column| Column::value_variants().iter().position(|at| at == column);
    assert!(chosen.is_sorted_by_key(listed), "{chosen:?}");
    press(&mut app, "Space");
    press(&mut app, "j Space k Space");
    assert!(app.flags.columns.is_sorted_by_key(listed), "{:?}", app.flags.columns);
    press(&mut app, "0");
    assert!(app.flags.columns.is_empty(), "as it was at first");
}

#[test]
fn an_interrupt_ends_it_wherever_the_cursor_is() {
    for keys in ["", "c", "/", "h", "j Enter"] {
        let mut app = app("pacific", false, &[]);
        press(&mut app, keys);
        app.key(KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL));
        assert_eq!(app.outcome, Some(End::Interrupted), "{keys}");
    }
}
