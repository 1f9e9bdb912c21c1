//! A report in Markdown, for tickets.

use minijinja::value::Serde;
use minijinja::{Value, context};
use tm_stream::Error;

use crate::page::Page;
use crate::session::Session;
use crate::template::render;

const REPORT: &str = include_str!("../templates/report.md");

/// A stranger's text as Markdown that shows it and nothing else: no markup, no HTML, no link, no
/// mention.
pub(crate) fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len() + 8);
    for (at, c) in text.char_indices() {
        match c {
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '&' => safe.push_str("&amp;"),
            '@' => safe.push('＠'), // or it would call somebody
            '\\' | '`' | '*' | '_' | '[' | ']' | '#' | '|' | '~' | '$' => {
                safe.push('\\');
                safe.push(c);
            }
            ':' if text.get(at..).is_some_and(|rest| rest.starts_with("://")) => {
                safe.push_str("\\:");
            }
            '.' if text
                .get(..at)
                .is_some_and(|before| before.to_ascii_lowercase().ends_with("www")) =>
            {
                safe.push_str("\\.");
            }
            c => safe.push(c),
        }
    }
    safe
}

/// The report of a session.
pub(crate) fn report(session: &Session, mermaid: bool) -> Result<String, Error> {
    let page = Page::of(session, 1000.0, 2.0);
    let diagram = mermaid.then(|| crate::mermaid::write(session));
    let placed = |wanted: &str| {
        page.hops
            .iter()
            .filter(|hop| hop.confidence == wanted && !hop.impossible && !hop.mock)
            .count()
    };
    render(
        "report.md",
        REPORT,
        &context! {
            page => Value::from(Serde(&page)),
            mermaid => diagram.map(Value::from_safe_string),
            high => placed("high"),
            medium => placed("medium"),
            low => placed("low"),
            impossible => page.hops.iter().filter(|hop| hop.impossible).count(),
            mock => page.hops.iter().filter(|hop| hop.mock).count(),
            nowhere => page.hops.iter().filter(|hop| !hop.silent && hop.place.is_empty()).count(),
        },
    )
    .map(|text| text + "\n") // the engine takes the last one
}

/// A stranger's text in a code span, which shows it as it is.
pub(crate) fn code(text: &str) -> String {
    if text.is_empty() {
        return String::new();
    }
    // In a table a pipe ends the cell even inside a span.
    let shown = text.replace('|', "\\|");
    let longest = shown.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    let pad = if shown.starts_with('`') || shown.ends_with('`') { " " } else { "" };
    format!("{fence}{pad}{shown}{pad}{fence}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_markup_is_left() {
        assert_eq!(escape("<b>|[x](y)"), r"&lt;b&gt;\|\[x\](y)");
        assert_eq!(escape("@all http://x www.x a.b"), r"＠all http\://x www\.x a.b");
    }

    #[test]
    fn a_span_holds_backticks_and_pipes() {
        assert_eq!(code("a`b"), "``a`b``");
        assert_eq!(code("`x`"), "`` `x` ``");
        assert_eq!(code("a|b"), "`a\\|b`");
    }
}
