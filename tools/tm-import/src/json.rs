//! Reading JSON values of a known shape and naming what does not fit by line and field.

use std::io::Read;

use serde::Deserialize;
use serde_json::value::RawValue;
use tm_stream::Error;

use crate::draft::Draft;
use crate::elements::{Element, Elements, LARGEST};
use crate::hash::Hash;
use crate::sink::Sink;

/// A value of the input: where it begins, and its text.
#[derive(Clone, Copy)]
pub(crate) struct Text<'a> {
    pub(crate) line: u64,
    pub(crate) text: &'a str,
}

impl<'a> Text<'a> {
    /// The value, or where and why it does not fit.
    pub(crate) fn parse<T: Deserialize<'a>>(self) -> Result<T, (u64, String)> {
        self.parse_as("")
    }

    /// The value, which is the member `name` of another.
    pub(crate) fn parse_as<T: Deserialize<'a>>(self, name: &str) -> Result<T, (u64, String)> {
        serde_json::from_str(self.text).map_err(|error| self.explain::<T>(name, &error))
    }

    /// Parses it again, slowly, for the name of the field.
    fn explain<T: Deserialize<'a>>(self, name: &str, error: &serde_json::Error) -> (u64, String) {
        let mut deserializer = serde_json::Deserializer::from_str(self.text);
        let path = serde_path_to_error::deserialize::<_, T>(&mut deserializer);
        let path = path.err().map(|error| error.path().to_string()).unwrap_or_default();
        let line = self.line + (error.line().max(1) - 1) as u64;
        let reason = error.to_string();
        let reason = reason.split(" at line ").next().unwrap_or_default();
        let path = match (name, path.as_str()) {
            (name, "" | "." | "?") => name.to_owned(),
            ("", path) => path.to_owned(),
            (name, path) => format!("{name}.{path}"),
        };
        match (path.as_str(), error.classify()) {
            (_, serde_json::error::Category::Eof) => (line, "the value is cut short".to_owned()),
            ("", _) => (line, format!("{reason} at column {}", error.column())),
            _ => (line, format!("{path}: {reason}")),
        }
    }

    /// A part of it, with its own line.
    pub(crate) fn part(self, raw: &'a RawValue) -> Self {
        let offset = (raw.get().as_ptr() as usize).wrapping_sub(self.text.as_ptr() as usize);
        let before = self.text.get(..offset).unwrap_or_default();
        let newlines = memchr::memchr_iter(b'\n', before.as_bytes()).count() as u64;
        Text { line: self.line + newlines, text: raw.get() }
    }

    /// The parts that fit; the others are named, as elements of `field`.
    pub(crate) fn parts<T: Deserialize<'a>>(
        self,
        field: &str,
        raws: &[&'a RawValue],
        sink: &mut Sink,
    ) -> Result<Vec<T>, Error> {
        let mut all = Vec::with_capacity(raws.len());
        for (at, raw) in raws.iter().enumerate() {
            match self.part(raw).parse_as(&format!("{field}[{at}]")) {
                Ok(value) => all.push(value),
                Err((line, reason)) => sink.bad(line, reason)?,
            }
        }
        Ok(all)
    }

    pub(crate) fn hash(self) -> Hash {
        let mut hash = Hash::default();
        hash.add(self.text.trim().as_bytes());
        hash
    }
}

/// Gives every value of the input to `read`; what it cannot read is named.
pub(crate) fn each(
    from: impl Read,
    sink: &mut Sink,
    mut read: impl FnMut(Text, &mut Sink) -> Result<(), Stopped>,
) -> Result<(), Error> {
    let mut elements = Elements::new(from);
    loop {
        let element = elements.next_element().map_err(|error| sink.cannot_read(&error))?;
        let (line, text) = match element {
            None => return Ok(()),
            Some(Element::TooLarge { line }) => {
                sink.bad(line, format_args!("a value of over {} MiB", LARGEST >> 20))?;
                continue;
            }
            Some(Element::Value { line, text }) => (line, text),
        };
        let len = text.len();
        let is_whole = || serde_json::from_slice::<serde::de::IgnoredAny>(text).is_ok();
        let result = match std::str::from_utf8(text) {
            Ok(text) => read(Text { line, text }, sink),
            Err(error) => {
                Err(Stopped::Bad(line, format!("not UTF-8 at octet {}", error.valid_up_to())))
            }
        };
        match result {
            Ok(()) => {}
            Err(Stopped::Failed(error)) => return Err(error),
            Err(Stopped::Bad(line, reason)) => {
                let is_torn = !is_whole();
                sink.bad(line, reason)?;
                if is_torn {
                    elements.retry_from_next_line(len);
                }
            }
        }
    }
}

/// Why a value was not imported.
#[derive(Debug)]
pub(crate) enum Stopped {
    /// It cannot be read: the line, and why.
    Bad(u64, String),
    /// Nothing more can be done.
    Failed(Error),
}

impl From<(u64, String)> for Stopped {
    fn from((line, reason): (u64, String)) -> Self {
        Self::Bad(line, reason)
    }
}

impl From<Error> for Stopped {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

/// Writes a draft that came from `text`.
pub(crate) fn write(draft: Draft, text: Text, sink: &mut Sink) -> Result<(), Stopped> {
    Ok(sink.trace(draft, text.hash())?)
}

/// A number, or a text that is one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Number(pub(crate) f64);

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = Number;
            fn expecting(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
                f.write_str("a number")
            }
            fn visit_f64<E>(self, number: f64) -> Result<Number, E> {
                Ok(Number(number))
            }
            fn visit_i64<E>(self, number: i64) -> Result<Number, E> {
                Ok(Number(number as f64))
            }
            fn visit_u64<E>(self, number: u64) -> Result<Number, E> {
                Ok(Number(number as f64))
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Number, E> {
                let number = text.trim().trim_end_matches('%').parse();
                number
                    .map(Number)
                    .map_err(|_| E::invalid_value(serde::de::Unexpected::Str(text), &"a number"))
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

impl Number {
    /// The count that it is; `None` where it is none.
    pub(crate) fn count(self) -> Option<u32> {
        (self.0 >= 0.0 && self.0 <= f64::from(u32::MAX)).then_some(self.0 as u32)
    }

    /// The TTL that it is.
    pub(crate) fn ttl(self) -> Option<u8> {
        (self.0 >= 1.0 && self.0 <= 255.0).then_some(self.0 as u8)
    }
}
