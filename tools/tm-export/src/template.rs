//! The template engine, with the escaping that each format needs: what a template prints is a
//! stranger's until proven otherwise.

use std::fmt::Write;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Value, ValueKind};
use minijinja::{AutoEscape, Environment, Output, State};
use tm_stream::Error;

/// An environment that escapes by the ending of the template's name.
pub(crate) fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(minijinja::UndefinedBehavior::Strict);
    let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build();
    environment.set_syntax(syntax.unwrap_or_default());
    environment.set_auto_escape_callback(|name| match name.rsplit('.').next() {
        Some("md") => AutoEscape::Custom("markdown".into()),
        _ => AutoEscape::Html,
    });
    environment.set_formatter(format);
    environment
        .add_filter("code", |text: &str| Value::from_safe_string(crate::markdown::code(text)));
    environment
}

fn format(
    out: &mut Output<'_>,
    state: &mut State<'_, '_>,
    value: &Value,
) -> Result<(), minijinja::Error> {
    if matches!(state.auto_escape(), AutoEscape::Custom(_)) {
        return match (value.kind(), value.as_str()) {
            (ValueKind::String, Some(text)) if !value.is_safe() => {
                out.write_str(&crate::markdown::escape(text)).map_err(minijinja::Error::from)
            }
            (ValueKind::None, _) => Ok(()),
            _ => write!(out, "{value}").map_err(minijinja::Error::from),
        };
    }
    if value.is_none() {
        return Ok(());
    }
    minijinja::escape_formatter(out, state, value)
}

/// Renders a template that is part of the program.
pub(crate) fn render(
    name: &'static str,
    text: &'static str,
    context: &Value,
) -> Result<String, Error> {
    let cannot = |error: minijinja::Error| Error::Failed(format!("{name}: {error:#}"));
    let mut environment = environment();
    environment.add_template(name, text).map_err(cannot)?;
    environment.get_template(name).and_then(|template| template.render(context)).map_err(cannot)
}

/// JSON that may stand in a `<script>`: nothing in it ends the element, and nothing in it is a
/// line to JavaScript that is none to JSON.
pub(crate) fn embedded(json: &str) -> Value {
    let mut safe = String::with_capacity(json.len());
    for c in json.chars() {
        match c {
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                let _ = write!(safe, "\\u{:04x}", u32::from(c));
            }
            c => safe.push(c),
        }
    }
    Value::from_safe_string(safe)
}
