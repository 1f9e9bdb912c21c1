//! Setting one member of a record in its raw line. Every other byte stays as it is, whatever the
//! line holds and however it is spelt.

/// Why a line was not spliced.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unspliced {
    /// It is no JSON object.
    #[error("it is not a JSON object")]
    NoObject,
}

/// The raw value of a top-level member; `None` where there is none, or the line is no object.
pub fn member<'a>(line: &'a [u8], name: &str) -> Option<&'a str> {
    let start = find(line, name).ok()??;
    line.get(start.0..start.1).and_then(|raw| std::str::from_utf8(raw).ok())
}

/// Appends `line` to `out` with its top-level member `name` set to `value`, which must be JSON.
pub fn set(line: &[u8], name: &str, value: &[u8], out: &mut Vec<u8>) -> Result<(), Unspliced> {
    let found = find(line, name)?;
    if let Some((start, end)) = found {
        out.extend_from_slice(line.get(..start).unwrap_or_default());
        out.extend_from_slice(value);
        out.extend_from_slice(line.get(end..).unwrap_or_default());
        return Ok(());
    }
    let close = line.iter().rposition(|&byte| byte == b'}').ok_or(Unspliced::NoObject)?;
    let (before, after) = line.split_at_checked(close).ok_or(Unspliced::NoObject)?;
    let is_empty = before.trim_ascii_end().last() == Some(&b'{');
    out.extend_from_slice(before);
    out.extend_from_slice(if is_empty { b"\"" } else { b",\"" });
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":");
    out.extend_from_slice(value);
    out.extend_from_slice(after);
    Ok(())
}

/// Where the value of a member stands; `None`: the object has no such member.
fn find(line: &[u8], name: &str) -> Result<Option<(usize, usize)>, Unspliced> {
    if line.trim_ascii_start().first() != Some(&b'{') {
        return Err(Unspliced::NoObject);
    }
    let text = std::str::from_utf8(line).map_err(|_| Unspliced::NoObject)?;
    let mut found = None;
    for member in sonic_rs::to_object_iter(text) {
        let (key, value) = member.map_err(|_| Unspliced::NoObject)?;
        if key == name {
            let raw = value.as_raw_str();
            let start = (raw.as_ptr() as usize).wrapping_sub(text.as_ptr() as usize);
            // The last of several decides, as it does for most readers.
            found = Some((start, start + raw.len()));
        }
    }
    let rest = || text.trim_end().ends_with('}');
    rest().then_some(found).ok_or(Unspliced::NoObject)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::Value;

    fn spliced(line: &str, value: &str) -> Result<String, Unspliced> {
        let mut out = Vec::new();
        set(line.as_bytes(), "dns", value.as_bytes(), &mut out)?;
        Ok(String::from_utf8(out).unwrap())
    }

    #[test]
    fn a_member_is_added_or_replaced_and_nothing_else_moves() {
        assert_eq!(spliced("{ }\n", "1").unwrap(), "{ \"dns\":1}\n");
        assert_eq!(spliced("{\"a\": 1.50 }\r\n", "{}").unwrap(), "{\"a\": 1.50 ,\"dns\":{}}\r\n");
        assert_eq!(
            spliced(r#"{"dns" : [1,{"dns":2}] , "b":3}"#, "0").unwrap(),
            r#"{"dns" : 0 , "b":3}"#
        );
        assert_eq!(spliced(r#"{"d\u006es":1}"#, "2").unwrap(), r#"{"d\u006es":2}"#);
        assert_eq!(spliced(r#"{"a":{"dns":1}}"#, "2").unwrap(), r#"{"a":{"dns":1},"dns":2}"#);
    }

    #[test]
    fn what_is_no_object_is_refused() {
        for line in ["", "[1]", "17", "{\"a\":1", "{\"a\" 1}", "{\"dns\":1", "null"] {
            assert_eq!(spliced(line, "1"), Err(Unspliced::NoObject), "{line}");
        }
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

    proptest! {
        #[test]
        fn the_line_reads_the_same_but_for_the_member(value in json(), pretty: bool) {
            prop_assume!(value.is_object());
            let line = if pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) }.unwrap();
            let after: Value = serde_json::from_str(&spliced(&line, "[7]").unwrap()).unwrap();
            let mut wanted = value;
            wanted["dns"] = serde_json::json!([7]);
            prop_assert_eq!(after, wanted);
        }
    }
}
