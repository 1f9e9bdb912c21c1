//! Strangers' text on a terminal. Names, descriptions and error texts come from the network; what
//! could move the cursor, hide itself or turn the reading direction is shown as `\u{…}` instead.

use std::borrow::Cow;
use std::fmt::Write;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// The text with everything harmful made visible.
///
/// ```
/// assert_eq!(tm_stream::text::visible("evil\x1b[2J"), r"evil\u{1b}[2J");
/// ```
pub fn visible(text: &str) -> Cow<'_, str> {
    let first = text.chars().next();
    let begins_lone = first.is_some_and(|c| c.width() == Some(0));
    if !begins_lone && !text.chars().any(is_harmful) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 8);
    for (at, c) in text.chars().enumerate() {
        // A combining mark at the start would join whatever stands before the text.
        if is_harmful(c) || (at == 0 && begins_lone) {
            let _ = write!(shown, "\\u{{{:x}}}", u32::from(c));
        } else {
            shown.push(c);
        }
    }
    Cow::Owned(shown)
}

fn is_harmful(c: char) -> bool {
    c.is_control()
        || matches!(u32::from(c),
            0xAD | 0x61C | 0x180E                       // soft hyphen, marks that show nothing
            | 0x200B..=0x200F | 0x2028..=0x202E         // zero width, separators, bidi
            | 0x2060..=0x206F | 0xFEFF | 0xFFF9..=0xFFFB
            | 0x115F | 0x1160 | 0x3164 | 0xFFA0         // fillers
            | 0xE000..=0xF8FF | 0xE0000..=0xE0FFF       // private use, tags
            | 0xF0000..=0x0010_FFFF)
}

/// Columns that the text takes on a terminal.
pub fn width(text: &str) -> usize {
    text.width()
}

/// The text cut to `columns`, with `…` where something is missing.
pub fn cut(text: &str, columns: usize) -> Cow<'_, str> {
    if width(text) <= columns {
        return Cow::Borrowed(text);
    }
    let (mut shown, mut used) = (String::new(), 0);
    for c in text.chars() {
        let next = c.width().unwrap_or(0);
        if used + next + 1 > columns {
            break;
        }
        used += next;
        shown.push(c);
    }
    if columns > 0 {
        shown.push('…');
    }
    Cow::Owned(shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_harmful_is_left_and_nothing_harmless_is_changed() {
        for hostile in [
            "\x1b]0;x\x07",
            "a\u{9b}2J",
            "\u{202e}gnp.exe",
            "a\u{200b}b",
            "\r\n",
            "\x7f",
            "\u{301}x",
            "\u{2066}",
        ] {
            let shown = visible(hostile);
            assert!(shown.contains("\\u{"), "{shown}");
            assert!(!shown.chars().any(is_harmful), "{shown}");
        }
        for harmless in ["ae-1.r20.londen12.uk.bb.gin.ntt.net", "Zürich", "東京", "São Paulo", ""]
        {
            assert_eq!(visible(harmless), harmless);
        }
    }

    #[test]
    fn cutting_counts_columns_and_not_characters() {
        assert_eq!(cut("abcdef", 4), "abc…");
        assert_eq!(cut("東京都", 4), "東…");
        assert_eq!(cut("abc", 3), "abc");
        assert_eq!(cut("abc", 0), "");
    }
}
