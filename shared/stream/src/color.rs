//! Whether to use colour: `--color`, `NO_COLOR` (no-color.org), `CLICOLOR_FORCE`, and a terminal
//! that is not dumb.

use std::env;

use crate::screen;

/// What `--color` says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum When {
    /// On a terminal, unless the environment says otherwise
    #[default]
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

impl When {
    /// The decision for stdout.
    pub fn for_stdout(self) -> bool {
        let set = |name: &str| env::var_os(name).is_some_and(|value| !value.is_empty());
        let forced =
            set("CLICOLOR_FORCE") && env::var_os("CLICOLOR_FORCE").is_some_and(|v| v != "0");
        self.decide(set("NO_COLOR"), forced, screen::takes_escapes())
    }

    fn decide(self, refused: bool, forced: bool, terminal: bool) -> bool {
        match self {
            Self::Always => true,
            Self::Never => false,
            Self::Auto => !refused && (forced || terminal),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::When;

    #[test]
    fn flags_beat_the_environment_and_the_environment_beats_the_terminal() {
        assert!(When::Always.decide(true, false, false));
        assert!(!When::Never.decide(false, true, true));
        assert!(!When::Auto.decide(true, true, true));
        assert!(When::Auto.decide(false, true, false));
        assert!(!When::Auto.decide(false, false, false));
    }
}
