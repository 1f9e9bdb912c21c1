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
            | 0xFE00..=0xFE0F | 0x1F1E6..=0x1F1FF       // selectors, flags and skin tones: terminals
            | 0x1F3FB..=0x1F3FF                         // do not agree on how wide they are
            | 0xE000..=0xF8FF | 0xE0000..=0xE0FFF       // private use, tags
            | 0xF0000..=0x0010_FFFF)
}

/// The text made visible and cut to `columns`, for a place where a stranger's text must not take
/// more.
pub fn shown(text: &str, columns: usize) -> String {
    // What is not going to be shown need not be looked at.
    let most = text.char_indices().nth(columns.saturating_mul(4)).map_or(text.len(), |(at, _)| at);
    cut(&visible(text.get(..most).unwrap_or(text)), columns).into_owned()
}

/// Fewer than ten milliseconds with as many digits as people compare. What took any time at all does
/// not look like none: across a machine's own loopback an answer takes some microseconds.
///
/// ```
/// use tm_stream::text::few_ms;
/// assert_eq!([0.0, 0.0004, 0.0042, 0.1, 8.727].map(few_ms), ["0.00", "<0.001", "0.004", "0.10", "8.73"]);
/// ```
pub fn few_ms(ms: f64) -> String {
    match ms.abs() {
        size if size > 0.0 && size < 0.0005 => "<0.001".to_owned(),
        size if size > 0.0 && size < 0.1 => format!("{ms:.3}"),
        _ => format!("{:.2}", ms + 0.0), // there is no negative nothing
    }
}

/// Columns that the text takes on a terminal.
pub fn width(text: &str) -> usize {
    text.width()
}

/// The text cut to `columns`, with `…` where something is missing.
pub fn cut(text: &str, columns: usize) -> Cow<'_, str> {
    cut_with(text, columns, '…')
}

/// The text cut to `columns`, with `mark`, one column wide, where something is missing.
pub fn cut_with(text: &str, columns: usize, mark: char) -> Cow<'_, str> {
    if width(text) <= columns {
        return Cow::Borrowed(text);
    }
    let mut shown = fitting(text, columns.saturating_sub(1));
    if columns > 0 {
        shown.push(mark);
    }
    Cow::Owned(shown)
}

/// The text cut to `columns` in its middle, since names say most at both ends.
pub fn cut_middle(text: &str, columns: usize, mark: char) -> Cow<'_, str> {
    if width(text) <= columns {
        return Cow::Borrowed(text);
    }
    let room = columns.saturating_sub(1);
    let mut shown = fitting(text, room / 2);
    // A mark that combines belongs to what stands before it, which is not there.
    let ends = text.char_indices().map(|(at, c)| (text.get(at..).unwrap_or_default(), c));
    let end = ends
        .filter(|(_, c)| c.width() != Some(0))
        .map(|(end, _)| end)
        .find(|end| width(end) <= room - room / 2);
    if columns > 0 {
        shown.push(mark);
    }
    shown.push_str(end.unwrap_or_default());
    // Emoji may join across the gap and take more than their parts.
    if width(&shown) > columns { cut_with(text, columns, mark) } else { Cow::Owned(shown) }
}

/// The text in lines of at most `columns`, all but the first of them behind `indent`. Blanks
/// inside a line stay as they are; words that are too long are broken.
pub fn wrap(text: &str, columns: usize, indent: &str) -> Vec<String> {
    let options = textwrap::Options::new(columns).subsequent_indent(indent);
    // Emoji may take more together than textwrap counts.
    let line = |line: Cow<'_, str>| cut(&line, columns).into_owned();
    textwrap::wrap(text, options).into_iter().map(line).collect()
}

/// The longest beginning that fits; characters may take more or less together than alone.
fn fitting(text: &str, columns: usize) -> String {
    let mut fits = 0;
    for (at, c) in text.char_indices() {
        let end = at + c.len_utf8();
        if width(text.get(..end).unwrap_or_default()) > columns {
            break;
        }
        fits = end;
    }
    text.get(..fits).unwrap_or_default().to_owned()
}

/// What must hold of any text: it is made harmless, for good, and fits.
///
/// # Panics
/// Where it does not hold.
#[cfg(any(test, fuzzing))]
pub fn check(text: &str, columns: usize) {
    let harmless = visible(text);
    assert!(!harmless.chars().any(is_harmful), "{harmless:?}");
    assert_eq!(visible(&harmless), harmless);
    for short in [cut(&harmless, columns), cut_middle(&harmless, columns, '~')] {
        assert!(width(&short) <= columns, "{short:?} of {text:?}");
    }
    assert!(width(&shown(text, columns)) <= columns, "{text:?}");
    for line in wrap(&harmless, columns, "") {
        assert!(width(&line) <= columns, "{line:?} of {text:?}");
    }
}

#[cfg(test)]
mod tests {
    use proptest::strategy::Strategy;

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
        assert_eq!(shown(&"\u{1b}".repeat(10_000), 8), "\\u{1b}\\…");
        assert_eq!(cut_middle("abcdefgh", 5, '…'), "ab…gh");
        assert_eq!(cut_middle("東京都東京", 6, '~'), "東~京");
        assert_eq!(cut_middle("abcde\u{301}f", 3, '…'), "a…f");
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_made_harmless_and_fits(
            text in proptest::prop_oneof![
                "\\PC{0,60}",
                proptest::collection::vec(proptest::char::any(), 0..60)
                    .prop_map(|all| all.into_iter().collect()),
            ],
            columns in 0..40_usize,
        ) {
            check(&text, columns);
        }
    }
}
