//! Strangers' text as part of a file's name. Different texts give different names, but for the
//! case of ASCII letters, and no name leads out of its folder, hides, or is too long.

use std::fmt::Write;

/// Octets of a name; file systems take 255, and callers add to it.
const LONGEST: usize = 160;

/// A name for a file about `text`.
///
/// ```
/// use tm_stream::file_name::safe;
/// assert_eq!(safe("Example.COM"), "example.com");
/// assert_eq!(safe("2001:db8::1"), "2001%3Adb8%3A%3A1");
/// assert_eq!(safe("../x"), "%2E.%2Fx");
/// ```
pub fn safe(text: &str) -> String {
    let mut name = String::with_capacity(text.len());
    for (at, &octet) in text.as_bytes().iter().enumerate() {
        match octet.to_ascii_lowercase() {
            b'.' if at == 0 => name.push_str("%2E"),
            plain @ (b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.') => name.push(plain.into()),
            _ => {
                let _ = write!(name, "%{octet:02X}");
            }
        }
    }
    if name.len() > LONGEST {
        let hash = hash(name.as_bytes());
        name.truncate(LONGEST - 17);
        let _ = write!(name, "-{hash:016x}");
    }
    name
}

/// Fowler, Noll and Vo's 1a, of 64 bits: the same in every version of this program.
fn hash(octets: &[u8]) -> u64 {
    octets.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &octet| {
        (hash ^ u64::from(octet)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// What must hold of any two texts: their names are harmless, and each its own.
///
/// # Panics
/// Where it does not hold.
#[cfg(any(test, fuzzing))]
pub fn check(one: &str, other: &str) {
    let name = safe(one);
    assert!(name.len() <= LONGEST && !name.starts_with('.'), "{name}");
    assert!(name.bytes().all(|c| c.is_ascii_alphanumeric() || b"-_.%".contains(&c)), "{name}");
    assert_eq!(one.eq_ignore_ascii_case(other), name == safe(other), "{one:?} {other:?}");
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_text_gives_a_harmless_name_of_its_own(a in ".{0,300}", b in ".{0,300}") {
            check(&a, &b);
        }
    }

    #[test]
    fn nul_slashes_and_length_are_no_danger() {
        assert_eq!(safe("a\0/b"), "a%00%2Fb");
        assert_eq!(safe(".."), "%2E.");
        assert_eq!(safe(&"é".repeat(500)).len(), LONGEST);
        assert_ne!(safe(&"x".repeat(500)), safe(&"x".repeat(501)));
    }
}
