//! What a tool finds when it checks what it needs (`--check`): one JSON object a line, for
//! `tracemap doctor` and for scripts.

use serde::{Deserialize, Serialize};

use crate::{Error, Outcome, Output};

/// One thing that was checked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// What was checked.
    pub subject: String,
    /// How it is.
    pub state: State,
    /// What was found.
    pub detail: String,
    /// How it gets better.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
}

/// How something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// As it should be.
    Ok,
    /// It works, and not as well as it could.
    Warning,
    /// It does not work.
    Bad,
}

impl Finding {
    /// A finding without a remedy.
    pub fn new(subject: impl Into<String>, state: State, detail: impl Into<String>) -> Self {
        Self { subject: subject.into(), state, detail: detail.into(), remedy: None }
    }

    /// The same, and how it gets better.
    #[must_use]
    pub fn with_remedy(self, remedy: impl Into<String>) -> Self {
        Self { remedy: Some(remedy.into()), ..self }
    }
}

/// Writes the findings; the answer is no where something does not work.
pub fn tell(findings: &[Finding], output: &Output) -> Result<Outcome, Error> {
    for finding in findings {
        output.record(finding)?;
    }
    output.finish()?;
    let is_bad = findings.iter().any(|finding| finding.state == State::Bad);
    Ok(if is_bad { Outcome::No } else { Outcome::Done })
}
