//! Setting one member of a record in its raw line. Every other byte stays as it is, whatever the
//! line holds and however it is spelt.
//!
//! A line is scanned, not parsed: it must be UTF-8 and one object whose strings and brackets
//! close; numbers and literals are handed on unread. That takes less than half the time of a
//! validating parser, and a line that was torn or joined is still noticed.

use std::borrow::Cow;
use std::ops::Range;

/// Brackets inside brackets; deeper lines are refused.
const DEEPEST: u32 = 128;

/// Why a line was not scanned to its end.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unspliced {
    /// It does not begin as a JSON object does.
    #[error("it is not a JSON object")]
    NoObject,
    /// Something else stands where the syntax wants this.
    #[error("expected {0} at column {1}")]
    Expected(&'static str, usize),
    /// Not UTF-8 from this column on.
    #[error("invalid UTF-8 at column {0}")]
    NotUtf8(usize),
}

/// What a line is made of, as far as splicing goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Where the member to be set has its value; `None`: there is no such member.
    found: Option<Range<usize>>,
    /// Where the object's closing brace stands.
    close: usize,
    is_empty: bool,
}

/// Scans `line` and shows `visit` each top-level member with its raw value. `name` is the member
/// that [`set`] is to set; of several with that name the last one counts, as for most readers.
pub fn scan<'a>(
    line: &'a [u8],
    name: &str,
    mut visit: impl FnMut(&str, &'a str),
) -> Result<Shape, Unspliced> {
    let line = line.trim_ascii_end();
    let text =
        std::str::from_utf8(line).map_err(|error| Unspliced::NotUtf8(error.valid_up_to() + 1))?;
    let scanner = Scanner { text, bytes: line };
    let mut at = scanner.blank(0);
    if scanner.byte(at) != Some(b'{') {
        return Err(Unspliced::NoObject);
    }
    at = scanner.blank(at + 1);
    let mut shape = Shape { found: None, close: at, is_empty: true };
    if scanner.byte(at) != Some(b'}') {
        shape.is_empty = false;
        shape.close = scanner.members(at, |key, value| {
            let raw = text.get(value.clone()).unwrap_or_default();
            visit(key, raw);
            if key == name {
                shape.found = Some(value);
            }
        })?;
    }
    let rest = scanner.blank(shape.close + 1);
    if rest < line.len() { Err(Unspliced::Expected("the end", rest + 1)) } else { Ok(shape) }
}

/// Appends `line` to `out` with the member `name` set to `value`, which must be JSON. `shape` is
/// what [`scan`] said of this line and this name.
pub fn set(line: &[u8], shape: &Shape, name: &str, value: &[u8], out: &mut Vec<u8>) {
    out.reserve(line.len() + name.len() + value.len() + 4);
    let hole = shape.found.clone().unwrap_or(shape.close..shape.close);
    out.extend_from_slice(line.get(..hole.start).unwrap_or_default());
    if shape.found.is_none() {
        out.extend_from_slice(if shape.is_empty { b"\"" } else { b",\"" });
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b"\":");
    }
    out.extend_from_slice(value);
    out.extend_from_slice(line.get(hole.end..).unwrap_or_default());
}

/// Eight bytes at once: each that equals `byte` gets its high bit set, and so may bytes after the
/// first of them, but none before.
const fn equal(eight: u64, byte: u8) -> u64 {
    let differ = eight ^ (ONES * byte as u64);
    differ.wrapping_sub(ONES) & !differ & (ONES << 7)
}

const ONES: u64 = u64::MAX / 255;

/// What ends a run of a string's characters.
const fn in_string(eight: u64) -> u64 {
    equal(eight, b'"') | equal(eight, b'\\')
}

/// What matters inside nested values. `[` and `]` are `{` and `}` without the bit 0x20.
const fn in_nest(eight: u64) -> u64 {
    let braced = eight | (ONES * 0x20);
    equal(eight, b'"') | equal(braced, b'{') | equal(braced, b'}')
}

/// Bytes that end a run which needs no look at each byte.
const fn table(set: &[u8]) -> [bool; 256] {
    let mut table = [false; 256];
    let mut at = 0;
    while at < set.len() {
        #[allow(clippy::indexing_slicing)] // evaluated by the compiler
        {
            table[set[at] as usize] = true;
        }
        at += 1;
    }
    table
}

static IN_SCALAR: [bool; 256] = table(b",:\"{}[] \t\r\n");
static NOT_BLANK: [bool; 256] = {
    let blank = table(b" \t\r\n");
    let mut table = [false; 256];
    let mut at = 0;
    while at < 256 {
        #[allow(clippy::indexing_slicing)] // evaluated by the compiler
        {
            table[at] = !blank[at];
        }
        at += 1;
    }
    table
};

struct Scanner<'a> {
    text: &'a str,
    bytes: &'a [u8],
}

impl<'a> Scanner<'a> {
    fn byte(&self, at: usize) -> Option<u8> {
        self.bytes.get(at).copied()
    }

    /// The first byte of `set` from `at` on, or the end.
    fn until(&self, at: usize, set: &[bool; 256]) -> usize {
        let rest = self.bytes.get(at..).unwrap_or_default();
        let is_in = |&byte: &u8| set.get(usize::from(byte)).is_some_and(|&is_in| is_in);
        at + rest.iter().position(is_in).unwrap_or(rest.len())
    }

    /// The first byte from `at` on that `marks` marks, or the end.
    #[inline]
    fn find(&self, mut at: usize, marks: impl Fn(u64) -> u64) -> usize {
        let mut rest = self.bytes.get(at..).unwrap_or_default();
        while let Some((eight, more)) = rest.split_first_chunk::<8>() {
            let marked = marks(u64::from_le_bytes(*eight));
            if marked != 0 {
                return at + marked.trailing_zeros() as usize / 8;
            }
            (at, rest) = (at + 8, more);
        }
        let mut eight = [b' '; 8];
        eight.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
        let marked = marks(u64::from_le_bytes(eight)).trailing_zeros() as usize / 8;
        at + marked.min(rest.len())
    }

    #[inline]
    fn blank(&self, at: usize) -> usize {
        match self.byte(at) {
            Some(byte) if byte > b' ' => at,
            _ => self.until(at, &NOT_BLANK),
        }
    }

    fn expect(&self, byte: u8, what: &'static str, at: usize) -> Result<usize, Unspliced> {
        match self.byte(at) {
            Some(found) if found == byte => Ok(at + 1),
            _ => Err(Unspliced::Expected(what, at + 1)),
        }
    }

    /// The members from `at` on; returns where the closing brace stands.
    fn members(
        &self,
        mut at: usize,
        mut visit: impl FnMut(&str, Range<usize>),
    ) -> Result<usize, Unspliced> {
        loop {
            let begin = self.expect(b'"', "a member's name", at)?;
            let (end, is_plain) = self.string(begin)?;
            let colon = self.blank(end);
            let value = self.blank(self.expect(b':', "`:`", colon)?);
            let after = self.value(value)?;
            visit(&self.key(begin..end - 1, is_plain), value..after);
            at = self.blank(after);
            match self.byte(at) {
                Some(b',') => at = self.blank(at + 1),
                Some(b'}') => return Ok(at),
                _ => return Err(Unspliced::Expected("`,` or `}`", at + 1)),
            }
        }
    }

    /// A name as it is meant, escapes resolved.
    #[inline]
    fn key(&self, at: Range<usize>, is_plain: bool) -> Cow<'a, str> {
        let raw = self.text.get(at.clone()).unwrap_or_default();
        if is_plain {
            return Cow::Borrowed(raw);
        }
        let quoted = self.text.get(at.start - 1..=at.end).unwrap_or_default();
        serde_json::from_str(quoted).map_or(Cow::Borrowed(raw), Cow::Owned)
    }

    /// Past a string whose first byte is at `at`, and whether it is without escapes.
    #[inline]
    fn string(&self, mut at: usize) -> Result<(usize, bool), Unspliced> {
        let mut is_plain = true;
        loop {
            at = self.find(at, in_string);
            match self.byte(at) {
                Some(b'"') => return Ok((at + 1, is_plain)),
                Some(b'\\') => (at, is_plain) = (at + 2, false),
                _ => return Err(Unspliced::Expected("`\"`", at + 1)),
            }
        }
    }

    /// Past the value that begins at `at`.
    fn value(&self, at: usize) -> Result<usize, Unspliced> {
        match self.byte(at) {
            Some(b'"') => self.string(at + 1).map(|(end, _)| end),
            Some(b'{' | b'[') => self.nest(at),
            _ => match self.until(at, &IN_SCALAR) {
                end if end == at => Err(Unspliced::Expected("a value", at + 1)),
                end => Ok(end),
            },
        }
    }

    /// Past the object or array that begins at `at`; brackets must close as they opened.
    fn nest(&self, mut at: usize) -> Result<usize, Unspliced> {
        let (mut depth, mut braces) = (0_u32, 0_u128);
        loop {
            at = self.find(at, in_nest);
            let Some(byte) = self.byte(at) else {
                return Err(Unspliced::Expected("a closing bracket", at + 1));
            };
            match byte {
                b'"' => {
                    (at, _) = self.string(at + 1)?;
                    continue;
                }
                b'{' | b'[' if depth == DEEPEST => {
                    return Err(Unspliced::Expected("less depth", at + 1));
                }
                b'{' | b'[' => {
                    depth += 1;
                    braces = braces << 1 | u128::from(byte == b'{');
                }
                _ if (braces & 1 == 1) != (byte == b'}') => {
                    return Err(Unspliced::Expected("the other bracket", at + 1));
                }
                _ => {
                    depth -= 1;
                    braces >>= 1;
                }
            }
            at += 1;
            if depth == 0 {
                return Ok(at);
            }
        }
    }
}

/// What must hold of any line: whatever a parser takes for an object is scanned alike, and a
/// member set on a line moves no other byte and changes no other member.
///
/// # Panics
/// Where it does not hold.
#[cfg(any(test, fuzzing))]
pub fn check(line: &[u8]) {
    use serde_json::Value;
    let (name, value) = ("dns", "[7]");
    let parsed = match serde_json::from_slice(line) {
        Ok(Value::Object(map)) => Some(map),
        _ => None,
    };
    let mut seen = Vec::new();
    let keep = |key: &str, value| seen.push((key.to_owned(), value));
    let Ok(shape) = scan(line, name, keep) else {
        assert!(parsed.is_none(), "a parser takes it");
        return;
    };
    let mut out = Vec::new();
    set(line, &shape, name, value.as_bytes(), &mut out);
    let hole = shape.found.clone().unwrap_or(shape.close..shape.close);
    assert!(line.get(..hole.start).is_some_and(|before| out.starts_with(before)));
    assert!(line.get(hole.end..).is_some_and(|behind| out.ends_with(behind)));
    let mut found = None;
    assert!(
        scan(&out, name, |key, value| found = if key == name { Some(value) } else { found })
            .is_ok()
    );
    assert_eq!(found, Some(value));

    let Some(mut map) = parsed else { return };
    for (key, value) in &map {
        let raw = seen.iter().rfind(|(seen, _)| seen == key).map(|(_, raw)| *raw);
        assert_eq!(raw.and_then(|raw| serde_json::from_str(raw).ok()).as_ref(), Some(value));
    }
    map.insert(name.to_owned(), vec![7].into());
    assert_eq!(serde_json::from_slice(&out).ok(), Some(Value::Object(map)));
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::Value;

    fn spliced(line: &str, value: &str) -> Result<String, Unspliced> {
        let mut out = Vec::new();
        let shape = scan(line.as_bytes(), "dns", |_, _| ())?;
        set(line.as_bytes(), &shape, "dns", value.as_bytes(), &mut out);
        Ok(String::from_utf8(out).unwrap())
    }

    #[test]
    fn a_member_is_added_or_replaced_and_nothing_else_moves() {
        for (line, value, wanted) in [
            ("{ }\n", "1", "{ \"dns\":1}\n"),
            ("{\"a\": 1.50 }\r\n", "{}", "{\"a\": 1.50 ,\"dns\":{}}\r\n"),
            (r#"{"dns" : [1,{"dns":2}] , "b":3}"#, "0", r#"{"dns" : 0 , "b":3}"#),
            (r#"{"dns" : 1, "b":3,"dns":4}"#, "0", r#"{"dns" : 1, "b":3,"dns":0}"#),
            (r#"{"d\u006es":1}"#, "2", r#"{"d\u006es":2}"#),
            (r#"{"a":{"dns":1}}"#, "2", r#"{"a":{"dns":1},"dns":2}"#),
            (r#"{"a":"}\\\"{","b":null}"#, "2", r#"{"a":"}\\\"{","b":null,"dns":2}"#),
        ] {
            assert_eq!(spliced(line, value).unwrap(), wanted);
        }
    }

    #[test]
    fn what_is_no_object_or_is_torn_is_refused_with_its_place() {
        for line in ["", "[1]", "17", "null", "\u{feff}{}"] {
            assert_eq!(spliced(line, "1"), Err(Unspliced::NoObject), "{line}");
        }
        for (line, column) in [
            ("{\"a\":1", 7),
            ("{\"a\" 1}", 6),
            ("{\"a\":1,}", 8),
            ("{\"a\":}", 6),
            ("{\"a\":[1,{\"b\":2]}", 15),
            ("{\"a\":[1,{\"b\":2}", 16),
            ("{\"a\":\"x}", 9),
            ("{\"a\":1}{\"b\":2}", 8),
            ("{\"a\":1 2}", 8),
        ] {
            let error = spliced(line, "1").unwrap_err();
            assert!(matches!(error, Unspliced::Expected(_, at) if at == column), "{line} {error}");
        }
        let deep = format!("{{\"a\":{}{}}}", "[".repeat(200), "]".repeat(200));
        assert!(spliced(&deep, "1").is_err());
        assert_eq!(scan(b"{\"a\":\"\xff\"}", "dns", |_, _| ()), Err(Unspliced::NotUtf8(7)));
    }

    fn json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            "[\\PC\n\"\\\\{}]{0,8}".prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 20, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map("[a-d\"\\\\]{0,3}|dns", inner, 0..4)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    fn object() -> impl Strategy<Value = Value> {
        prop::collection::btree_map("[a-d\"\\\\]{0,3}|dns", json(), 0..4)
            .prop_map(|map| Value::Object(map.into_iter().collect()))
    }

    proptest! {
        #[test]
        fn the_line_reads_the_same_but_for_the_member(value in object(), spaced: bool) {
            let line = value.to_string();
            let line = if spaced { line.replace("\":", "\" : ").replace(",\"", " ,\t\"") } else { line };
            check(line.as_bytes());
        }

        #[test]
        fn whatever_a_parser_takes_is_scanned_alike(mut line in json().prop_map(|value| value.to_string().into_bytes()), at: prop::sample::Index, byte in prop::sample::select(b"{}[],:\"\\ 1a\n\xff".to_vec())) {
            let at = at.index(line.len());
            line[at] = byte;
            check(&line);
        }
    }
}
