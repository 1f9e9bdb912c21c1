//! Markdown for tickets.

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
            '\\' | '`' | '*' | '_' | '{' | '}' | '[' | ']' | '(' | ')' | '#' | '+' | '!' | '|'
            | '~' | ':' | '$' | '=' => {
                safe.push('\\');
                safe.push(c);
            }
            '.' if text
                .get(..at)
                .is_some_and(|before| before.to_ascii_lowercase().ends_with("www")) =>
            {
                safe.push_str("\\.")
            }
            c => safe.push(c),
        }
    }
    safe
}
