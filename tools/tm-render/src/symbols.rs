//! The few signs that tables use beside letters, and what stands for them where a terminal has
//! none of them.

use tm_schema::{Confidence, Geo};

/// Signs in Unicode or ASCII.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Symbols {
    Unicode,
    Ascii,
}

/// How far a place is to be trusted, as it is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trust {
    High,
    Medium,
    Low,
    Impossible,
    Mock,
    /// The record does not say.
    Unsaid,
}

impl Trust {
    pub(crate) fn of(geo: &Geo) -> Self {
        match geo.confidence {
            _ if geo.source.as_deref() == Some("mock") => Self::Mock,
            _ if geo.impossible => Self::Impossible,
            Some(Confidence::High) => Self::High,
            Some(Confidence::Medium) => Self::Medium,
            Some(Confidence::Low) => Self::Low,
            None => Self::Unsaid,
        }
    }

    /// Good enough to draw conclusions from.
    pub(crate) fn is_sufficient(self) -> bool {
        matches!(self, Self::High | Self::Medium)
    }
}

impl Symbols {
    pub(crate) fn new(ascii: bool) -> Self {
        if ascii { Self::Ascii } else { Self::Unicode }
    }

    fn either(self, unicode: &'static str, ascii: &'static str) -> &'static str {
        match self {
            Self::Unicode => unicode,
            Self::Ascii => ascii,
        }
    }

    /// Beside a place.
    pub(crate) fn trust(self, trust: Trust) -> &'static str {
        match trust {
            Trust::High => self.either(" ●", " +"),
            Trust::Medium => self.either(" ◐", " ="),
            Trust::Low => self.either(" ○", " ?"),
            Trust::Impossible => self.either(" ✗", " !"),
            Trust::Mock => " (mock)",
            Trust::Unsaid => "",
        }
    }

    /// What the signs beside places mean.
    pub(crate) fn trust_legend(self) -> &'static str {
        self.either(
            "place: ● high ◐ medium ○ low confidence, ✗ impossible by its RTT",
            "place: + high = medium ? low confidence, ! impossible by its RTT",
        )
    }

    /// A round: how high its RTT stands, of eight steps; `None`: nobody answered.
    pub(crate) fn bar(self, height: Option<usize>) -> char {
        const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
        const LETTERS: [char; 8] = ['_', '.', ',', '-', '=', '+', '*', '#'];
        let (bars, silent) = match self {
            Self::Unicode => (BLOCKS, '×'),
            Self::Ascii => (LETTERS, 'x'),
        };
        height.map_or(silent, |height| bars.get(height).copied().unwrap_or(silent))
    }

    /// A round: whether it was answered, and whether probes were lost all the same.
    pub(crate) fn lost(self, answered: bool, lossy: bool) -> char {
        match (self, answered, lossy) {
            (Self::Unicode, false, _) => '×',
            (Self::Ascii, false, _) => 'x',
            (_, true, true) => '/',
            (Self::Unicode, true, false) => '·',
            (Self::Ascii, true, false) => '.',
        }
    }

    /// Before what deserves a look.
    pub(crate) fn warning(self) -> &'static str {
        self.either("⚠ ", "")
    }

    /// Where something begins.
    pub(crate) fn begins(self) -> &'static str {
        self.either("◄", "<")
    }

    pub(crate) fn ellipsis(self) -> char {
        match self {
            Self::Unicode => '…',
            Self::Ascii => '~',
        }
    }

    /// In place of what is being looked up.
    pub(crate) fn awaited(self) -> &'static str {
        self.either("…", "...")
    }

    /// A text of ours whose only sign is a dash between numbers.
    pub(crate) fn plain(self, text: &str) -> String {
        text.replace('–', self.dash())
    }

    pub(crate) fn arrow(self) -> &'static str {
        self.either("→", "->")
    }

    pub(crate) fn dash(self) -> &'static str {
        self.either("–", "-")
    }
}
