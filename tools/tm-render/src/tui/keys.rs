//! Which key does what. The help is made of the same table.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// What a key asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    Quit,
    Interrupt,
    Up,
    Down,
    PageUp,
    PageDown,
    Details,
    Alerts,
    Summary,
    Map,
    Zoom,
    Flows,
    Export,
    Refresh,
    Help,
    Filter,
    Sort,
    Columns,
    Pause,
    Mark,
    Back,
    Forward,
    First,
    Last,
    Slower,
    Faster,
    NextHost,
    Escape,
}

/// Keys as the help names them, what they do in words short enough for two columns in sixty, and
/// the action.
pub(crate) const KEYS: [(&str, &str, Action); 24] = [
    ("q", "quit", Action::Quit),
    ("↑ k", "hop before", Action::Up),
    ("↓ j", "hop after", Action::Down),
    ("PgUp PgDn", "scroll below", Action::PageDown),
    ("Enter", "details of hop", Action::Details),
    ("a", "alerts", Action::Alerts),
    ("i", "figures", Action::Summary),
    ("m", "map", Action::Map),
    ("w", "map of the world", Action::Zoom),
    ("f", "flows", Action::Flows),
    ("/", "filter hops", Action::Filter),
    ("s", "sort by next", Action::Sort),
    ("c", "columns", Action::Columns),
    ("space", "mark the hop", Action::Mark),
    ("e", "export as HTML", Action::Export),
    ("r", "redraw, read on", Action::Refresh),
    ("p", "pause, play", Action::Pause),
    ("← →", "step a round", Action::Back),
    ("Home", "first round", Action::First),
    ("End", "latest, follow", Action::Last),
    ("- +", "slower, faster", Action::Faster),
    ("Tab", "next host", Action::NextHost),
    ("h ?", "this help", Action::Help),
    ("Esc", "close, clear", Action::Escape),
];

/// What a key asks for, where no text is being typed.
pub(crate) fn action(key: KeyEvent) -> Option<Action> {
    if key.modifiers.contains(KeyModifiers::CONTROL) {
        return match key.code {
            KeyCode::Char('c') => Some(Action::Interrupt),
            KeyCode::Char('l') => Some(Action::Refresh),
            _ => None,
        };
    }
    Some(match key.code {
        KeyCode::Char('q') => Action::Quit,
        KeyCode::Up | KeyCode::Char('k') => Action::Up,
        KeyCode::Down | KeyCode::Char('j') => Action::Down,
        KeyCode::PageUp => Action::PageUp,
        KeyCode::PageDown => Action::PageDown,
        KeyCode::Enter => Action::Details,
        KeyCode::Char('a') => Action::Alerts,
        KeyCode::Char('i') => Action::Summary,
        KeyCode::Char('m') => Action::Map,
        KeyCode::Char('w') => Action::Zoom,
        KeyCode::Char('f') => Action::Flows,
        KeyCode::Char('e') => Action::Export,
        KeyCode::Char('r') => Action::Refresh,
        KeyCode::Char('h' | '?') => Action::Help,
        KeyCode::Char('/') => Action::Filter,
        KeyCode::Char('s') => Action::Sort,
        KeyCode::Char('c') => Action::Columns,
        KeyCode::Char('p') => Action::Pause,
        KeyCode::Char(' ') => Action::Mark,
        KeyCode::Left => Action::Back,
        KeyCode::Right => Action::Forward,
        KeyCode::Home => Action::First,
        KeyCode::End => Action::Last,
        KeyCode::Char('-') => Action::Slower,
        KeyCode::Char('+' | '=') => Action::Faster,
        KeyCode::Tab => Action::NextHost,
        KeyCode::Esc => Action::Escape,
        _ => return None,
    })
}
