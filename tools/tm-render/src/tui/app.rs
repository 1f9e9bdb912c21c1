//! The state of a session, and what each key does to it. Nothing is drawn here.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use clap::ValueEnum;
use ratatui::crossterm::event::{KeyCode, KeyEvent};

use super::export;
use super::feed::{Feed, Message};
use super::keys::{Action, action};
use super::position::{Playing, Position};
use super::session::{Log, Session};
use crate::column::{self, Column};
use crate::flags::Flags;
use crate::map::Zoom;
use crate::order::Order;
use crate::overlay::Overlay;
use crate::table::{self, Row};
use crate::view::{Responder, View};

/// How long one turn may take in what has come, so that keys need not wait.
const TURN: Duration = Duration::from_millis(15);

/// Everything that the screen shows.
pub(crate) struct App {
    pub(crate) flags: Flags,
    pub(crate) color: bool,
    pub(crate) session: Session,
    pub(super) feed: Feed,
    /// Which host.
    pub(crate) host: usize,
    pub(crate) position: Position,
    /// The view at a position that is not the latest.
    pub(super) past: Option<(usize, View)>,
    overlay: Overlay,
    /// The latest view with the hops that filters still have, where they have any.
    pub(super) previewed: Option<View>,
    /// The hop looked at: TTL, and responder where one answered.
    pub(crate) cursor: Option<(u8, Option<String>)>,
    pub(crate) marked: BTreeSet<(u8, Option<String>)>,
    pub(crate) filter: String,
    pub(crate) side: Side,
    pub(crate) lower: Lower,
    pub(crate) scroll: u16,
    pub(crate) popup: Popup,
    pub(crate) status: String,
    pub(crate) malformed: u64,
    pub(crate) ended: bool,
    pub(crate) outcome: Option<End>,
    clear: bool,
    /// More has come than one turn could take in.
    pub(crate) more_waits: bool,
    /// Columns of the screen.
    pub(crate) width: u16,
    exports: export::Exports,
}

/// What stands beside the table, or instead of it where there is little room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// The map, where there is room for both.
    Auto,
    Map,
    Flows,
    None,
}

/// What stands below the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lower {
    None,
    Details,
    Alerts,
    Summary,
}

/// What stands above everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Popup {
    None,
    Help,
    /// The column at the cursor.
    Columns(usize),
    /// A filter is being typed.
    Filter,
}

/// How a session ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Quit,
    Interrupted,
}

impl App {
    pub(crate) fn new(flags: &Flags, color: bool, feed: Feed) -> Self {
        let at_start = Position::Round { at: 0, playing: Some(Playing::at(1)) };
        Self {
            flags: flags.clone(),
            color,
            session: Session::default(),
            feed,
            host: 0,
            position: if flags.replay { at_start } else { Position::Latest },
            past: None,
            overlay: Overlay::new(false, flags.awaited.clone(), flags.preview.is_some()),
            previewed: None,
            cursor: None,
            marked: BTreeSet::new(),
            filter: String::new(),
            side: Side::Auto,
            lower: Lower::None,
            scroll: 0,
            popup: Popup::None,
            status: String::new(),
            malformed: 0,
            ended: false,
            outcome: None,
            clear: false,
            more_waits: false,
            width: 80,
            exports: export::Exports::default(),
        }
    }

    /// Takes in what has come and lets time pass; `true`: the screen is to be drawn anew.
    pub(crate) fn turn(&mut self) -> bool {
        let begun = Instant::now();
        let mut changed = self.play();
        if let Some(done) = self.exports.done() {
            (self.status, changed) = (done, true);
        }
        self.more_waits = true;
        while begun.elapsed() < TURN {
            let Some(message) = self.feed.next() else {
                self.more_waits = false;
                break;
            };
            changed = true;
            match message {
                Message::Record(record, line) => {
                    self.overlay.record(&record);
                    self.session.add(*record, line);
                }
                Message::Preview(hop) => {
                    self.session.expect(&hop);
                    self.overlay.preview(*hop);
                }
                Message::Note(text) => self.status = text,
                Message::Malformed(why) => {
                    self.malformed += 1;
                    self.status = format!("a line is no record: {why}");
                }
                Message::End => self.ended = true,
                Message::Failed(why) => self.status = why,
            }
        }
        if changed {
            self.lay_over();
        }
        changed
    }

    fn lay_over(&mut self) {
        self.previewed = self.log().and_then(|log| log.previewed(&self.overlay));
    }

    pub(crate) fn log(&self) -> Option<&Log> {
        self.session.get(self.host)
    }

    /// The lines of the table, and its columns.
    pub(crate) fn rows(&self) -> (Vec<Column>, Vec<Row>) {
        let Some(view) = self.view() else { return (Vec::new(), Vec::new()) };
        let columns = table::choose(view, &self.flags);
        let marks = crate::marks::Marks::of(view);
        let mut rows = table::rows(view, &columns, &marks, &self.flags);
        if !self.filter.is_empty() {
            rows.retain(|row| {
                let key = (row.ttl, row.ip.clone());
                self.marked.contains(&key) || self.passes(responder(view, &key))
            });
        }
        (columns, rows)
    }

    fn passes(&self, responder: Option<&Responder>) -> bool {
        let Some(responder) = responder else { return false };
        let wanted = self.filter.to_lowercase();
        let names = responder.dns.iter().flat_map(|dns| dns.hostname.iter().chain(&dns.names));
        let asn = responder
            .asn
            .iter()
            .flat_map(|asn| column::origin(asn).into_iter().chain(asn.org.clone()));
        let geo = responder.geo.iter().flat_map(|geo| {
            [&geo.city, &geo.region, &geo.country, &geo.country_code].into_iter().flatten().cloned()
        });
        let texts = [responder.ip.clone()].into_iter().chain(names.cloned()).chain(asn).chain(geo);
        texts.into_iter().any(|text| text.to_lowercase().contains(&wanted))
    }

    /// The responder at the cursor.
    pub(crate) fn chosen(&self) -> Option<(u8, Option<&Responder>)> {
        let key = self.cursor.as_ref()?;
        Some((key.0, responder(self.view()?, key)))
    }

    /// Does what a key asks for.
    pub(crate) fn key(&mut self, key: KeyEvent) {
        self.status.clear();
        match self.popup {
            Popup::Filter => self.type_filter(key),
            Popup::Columns(at) => self.choose_column(key, at),
            Popup::Help => {
                self.popup = Popup::None;
                if action(key) == Some(Action::Interrupt) {
                    self.outcome = Some(End::Interrupted);
                }
            }
            Popup::None => {
                if let Some(action) = action(key) {
                    self.act(action);
                }
            }
        }
    }

    fn act(&mut self, action: Action) {
        match action {
            Action::Quit => self.outcome = Some(End::Quit),
            Action::Interrupt => self.outcome = Some(End::Interrupted),
            Action::Up => self.move_cursor(-1),
            Action::Down => self.move_cursor(1),
            Action::PageUp => self.scroll = self.scroll.saturating_sub(5),
            Action::PageDown => self.scroll = self.scroll.saturating_add(5),
            Action::Details => self.toggle_lower(Lower::Details),
            Action::Alerts => self.toggle_lower(Lower::Alerts),
            Action::Summary => self.toggle_lower(Lower::Summary),
            Action::Map => self.toggle_side(Side::Map),
            Action::Flows => self.toggle_side(Side::Flows),
            Action::Zoom => {
                self.flags.zoom = match self.flags.zoom {
                    Zoom::Auto => Zoom::World,
                    Zoom::World => Zoom::Auto,
                }
            }
            Action::Export => self.export(),
            Action::Refresh => self.refresh(),
            Action::Help => self.popup = Popup::Help,
            Action::Filter => self.popup = Popup::Filter,
            Action::Sort => self.sort_by_next(),
            Action::Columns => self.popup = Popup::Columns(0),
            Action::Pause => self.pause(),
            Action::Mark => self.mark(),
            Action::Back => self.go(self.round().saturating_sub(1), None),
            Action::Forward => self.go(self.round() + 1, None),
            Action::First => self.go(1, None),
            Action::Last => self.position = Position::Latest,
            Action::Slower => self.change_speed(-1),
            Action::Faster => self.change_speed(1),
            Action::NextHost => self.next_host(),
            Action::Escape => self.escape(),
        }
    }

    fn move_cursor(&mut self, by: isize) {
        let (_, rows) = self.rows();
        let at = |row: &Row| (row.ttl, row.ip.clone());
        let here = self.cursor.as_ref().and_then(|key| rows.iter().position(|row| at(row) == *key));
        let next = match here {
            Some(here) => here.saturating_add_signed(by).min(rows.len().saturating_sub(1)),
            None => 0,
        };
        self.cursor = rows.get(next).map(at).or(self.cursor.take());
        self.scroll = 0;
    }

    fn toggle_lower(&mut self, pane: Lower) {
        self.lower = if self.lower == pane { Lower::None } else { pane };
        self.scroll = 0;
        if pane == Lower::Details && self.cursor.is_none() {
            self.move_cursor(0);
        }
    }

    fn toggle_side(&mut self, pane: Side) {
        let shown = match self.side {
            Side::Auto if pane == Side::Map => super::screen::has_room_for_map(self.width),
            side => side == pane,
        };
        self.side = if shown { Side::None } else { pane };
    }

    fn sort_by_next(&mut self) {
        let orders = Order::value_variants();
        let here = self.flags.sort.unwrap_or(Order::Hop);
        let at = orders.iter().position(|order| *order == here).unwrap_or(0);
        self.flags.sort = orders.get((at + 1) % orders.len()).copied();
        let name =
            self.flags.sort.map_or(String::new(), |order| format!("{order:?}").to_lowercase());
        self.status = format!("sorted by {name}");
    }

    fn mark(&mut self) {
        if let Some(key) = self.cursor.clone()
            && !self.marked.remove(&key)
        {
            self.marked.insert(key);
        }
    }

    fn next_host(&mut self) {
        if self.session.len() > 1 {
            self.host = (self.host + 1) % self.session.len();
            (self.position, self.past) = (Position::Latest, None);
            self.cursor = None;
            self.marked.clear();
            self.lay_over();
        } else {
            "there is no other host".clone_into(&mut self.status);
        }
    }

    /// Whether the screen is to be drawn from nothing, once.
    pub(crate) fn wants_clear(&mut self) -> bool {
        std::mem::take(&mut self.clear)
    }

    fn refresh(&mut self) {
        self.clear = true;
        match self.feed.read_on() {
            Ok(true) => {
                self.ended = false;
                "reading what was added".clone_into(&mut self.status);
            }
            Ok(false) => {}
            Err(error) => self.status = format!("cannot read on: {error}"),
        }
    }

    fn export(&mut self) {
        let Some(log) = self.log() else { return };
        let lines = log.lines_until(self.round(), self.feed.kept());
        let begun = lines.map_err(|error| error.to_string()).and_then(|lines| {
            let path = export::path(&log.latest().host, log.latest().started_at);
            self.exports.start(lines, path)
        });
        self.status = begun.unwrap_or_else(|why| format!("cannot export: {why}"));
    }

    fn escape(&mut self) {
        match (self.lower, self.side) {
            _ if !self.filter.is_empty() => self.filter.clear(),
            (Lower::None, Side::Map | Side::Flows) => self.side = Side::Auto,
            _ => self.lower = Lower::None,
        }
    }

    fn type_filter(&mut self, key: KeyEvent) {
        match key.code {
            KeyCode::Enter => self.popup = Popup::None,
            KeyCode::Esc => {
                self.filter.clear();
                self.popup = Popup::None;
            }
            KeyCode::Backspace => drop(self.filter.pop()),
            KeyCode::Char(_) if action(key) == Some(Action::Interrupt) => {
                self.outcome = Some(End::Interrupted);
            }
            KeyCode::Char(char) if !char.is_control() && self.filter.len() < 100 => {
                self.filter.push(char);
            }
            _ => {}
        }
    }

    fn choose_column(&mut self, key: KeyEvent, at: usize) {
        let all = Column::value_variants();
        match (key.code, action(key)) {
            (_, Some(Action::Up)) => self.popup = Popup::Columns(at.saturating_sub(1)),
            (_, Some(Action::Down)) => self.popup = Popup::Columns((at + 1).min(all.len() - 1)),
            (_, Some(Action::Interrupt)) => self.outcome = Some(End::Interrupted),
            (_, Some(Action::Mark)) => self.toggle_column(all.get(at).copied()),
            (KeyCode::Char('0'), _) => self.flags.columns.clear(),
            _ => self.popup = Popup::None,
        }
    }

    fn toggle_column(&mut self, column: Option<Column>) {
        let (Some(column), Some(view)) = (column, self.view()) else { return };
        let mut columns = table::choose(view, &self.flags);
        if columns.contains(&column) {
            columns.retain(|shown| *shown != column);
        } else {
            columns.push(column);
            // In the order of the list, wherever they were chosen.
            columns.sort_by_key(|shown| Column::value_variants().iter().position(|at| at == shown));
        }
        if !columns.is_empty() {
            self.flags.columns = columns;
        }
    }
}

fn responder<'a>(view: &'a View, key: &(u8, Option<String>)) -> Option<&'a Responder> {
    let ip = key.1.as_ref()?;
    view.ttls.get(&key.0)?.responders.iter().find(|at| at.ip == *ip)
}
