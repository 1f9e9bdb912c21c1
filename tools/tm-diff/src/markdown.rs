//! `--format markdown`: a table for issues and chats. Strangers' text is escaped so that it stays
//! text: no cell ends early, nothing becomes a link, an image, a mention or HTML.

use tm_stream::text::visible;

use crate::comparison::Comparison;
use crate::grid::Grid;
use crate::words;

/// The comparison as lines of Markdown (GitHub's flavour, for its tables).
pub(crate) fn lines(comparison: &Comparison, wide: bool) -> Vec<String> {
    let mut lines = vec![format!("### {}", escape(&words::title(comparison))), String::new()];
    for (name, about) in [("A", &comparison.a), ("B", &comparison.b)] {
        lines.extend(
            about.as_ref().map(|about| format!("- {name}: {}", escape(&words::origin(about)))),
        );
    }
    let whole = words::whole(comparison);
    lines.extend(whole.iter().map(|line| format!("- {}", escape(line))));
    lines.extend([String::new(), format!("**{}**", escape(&words::summary(comparison)))]);
    let grid = Grid::of(comparison, wide);
    if !grid.lines.is_empty() {
        lines.extend([String::new(), format!("| {} |", grid.titles.join(" | "))]);
        let ruler =
            |(at, _): (usize, _)| if at == 0 || (5..=8).contains(&at) { "--:" } else { "---" };
        let rulers: Vec<&str> = grid.titles.iter().enumerate().map(ruler).collect();
        lines.push(format!("| {} |", rulers.join(" | ")));
        for line in &grid.lines {
            let cell = |(at, texts): (usize, &Vec<String>)| {
                let is_literal = grid.literal.contains(&at);
                let shown = |text: &String| match text.as_str() {
                    "" | "*" => escape(text),
                    _ if is_literal => code(text),
                    _ => escape(text),
                };
                texts.iter().map(shown).collect::<Vec<_>>().join("<br>")
            };
            let cells: Vec<String> = line.cells.iter().enumerate().map(cell).collect();
            lines.push(format!("| {} |", cells.join(" | ")));
        }
    }
    let legend = words::legend(comparison);
    if !legend.is_empty() {
        lines.push(String::new());
        lines.extend(legend.iter().map(|line| format!("- {}", escape(line))));
    }
    lines.push(String::new());
    lines
}

/// Text as text: what Markdown or HTML would read as markup is escaped, and control characters are
/// made visible.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len() + 16);
    for c in visible(text).chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            // A comment between them keeps GitHub from calling `@name`.
            '@' => escaped.push_str("@<!-- -->"),
            '\\' | '`' | '*' | '_' | '{' | '}' | '[' | ']' | '#' | '|' | '~' | '$' => {
                escaped.push('\\');
                escaped.push(c);
            }
            _ => escaped.push(c),
        }
    }
    // Bare addresses become links, unless they look otherwise to the parser.
    escaped.replace("://", "&#58;//").replace("www.", "www&#46;")
}

/// Text between more backticks than it has in a row: nothing in it is markup, no link, no emoji
/// (`2001:db8:100:1::` holds one). A pipe ends a cell even there.
fn code(text: &str) -> String {
    let text = visible(text).replace('|', "\\|");
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    let pad = if text.starts_with('`') || text.ends_with('`') { " " } else { "" };
    format!("{fence}{pad}{text}{pad}{fence}")
}

#[cfg(test)]
mod tests {
    use super::{code, escape};

    #[test]
    fn what_would_be_markup_is_text() {
        for (hostile, wanted) in [
            ("a|b", r"a\|b"),
            ("<img src=x>", "&lt;img src=x&gt;"),
            ("[x](javascript:y)", r"\[x\](javascript:y)"),
            ("https://www.example.com", "https&#58;//www&#46;example.com"),
            ("`*_~`", r"\`\*\_\~\`"),
            ("&#124;", r"&amp;\#124;"),
            ("@team", "@<!-- -->team"),
            ("line\nbreak", r"line\\u\{a\}break"),
            ("\u{202e}evil", r"\\u\{202e\}evil"),
            ("10.0.0.1 → *", r"10.0.0.1 → \*"),
        ] {
            assert_eq!(escape(hostile), wanted);
        }
    }

    #[test]
    fn code_ends_where_it_should() {
        assert_eq!(code("2001:db8:100:1::"), "`2001:db8:100:1::`");
        assert_eq!(code("a|b"), r"`a\|b`");
        assert_eq!(code("a``b`"), "``` a``b` ```");
        assert_eq!(code("x\ny"), r"`x\u{a}y`");
    }
}
