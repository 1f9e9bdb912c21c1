//! A host name taken apart: labels below the registered domain, their parts between hyphens, and
//! the runs of letters and of digits in these.

use std::ops::Range;

use super::words;

/// The longest host name that DNS knows; what is longer is no name.
const LONGEST: usize = 253;

/// A lower-case host name and its parts. Positions are bytes of the name as it was given.
pub(crate) struct Name {
    pub text: String,
    /// Every label, the registered domain's too.
    pub labels: Vec<Range<usize>>,
    /// How many labels stand below the registered domain.
    pub below: usize,
    /// The parts of those, in order.
    pub parts: Vec<Part>,
    /// The runs of letters of those.
    words: Vec<Word>,
    /// The country of the top-level domain; empty where it has none.
    pub country: &'static str,
    /// The name is that of a subscriber's line: of access words, or with the address in it.
    pub is_access: bool,
}

/// What stands between dots, hyphens and underscores.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    pub range: Range<usize>,
    /// Which label it is of, and which part of it.
    pub label: usize,
    pub index: usize,
    /// Which of the name's words are its own.
    words: Range<usize>,
}

impl Name {
    /// `None`: no name that could say anything.
    pub fn parse(hostname: &str) -> Option<Self> {
        let trimmed = hostname.strip_suffix('.').unwrap_or(hostname);
        if trimmed.len() > LONGEST || !trimmed.contains('.') {
            return None;
        }
        let text = trimmed.to_ascii_lowercase();
        let labels = split(&text, 0..text.len(), |byte| byte == b'.');
        let below = labels.len().saturating_sub(registered(&text, &labels));
        let mut name = Self {
            text,
            labels,
            below,
            parts: Vec::new(),
            words: Vec::new(),
            country: "",
            is_access: false,
        };
        for label in 0..below {
            name.add_parts(label);
        }
        let top = name.labels.len().saturating_sub(1);
        name.country = name.label(top).map_or("", words::country);
        name.is_access = name.has_access_word() || name.has_address();
        Some(name)
    }

    /// The text between two positions.
    pub fn at(&self, range: &Range<usize>) -> &str {
        self.text.get(range.clone()).unwrap_or_default()
    }

    /// A label, the leftmost first.
    pub fn label(&self, index: usize) -> Option<&str> {
        Some(self.at(self.labels.get(index)?))
    }

    /// The runs of letters in a part.
    pub fn words(&self, part: &Part) -> &[Word] {
        self.words.get(part.words.clone()).unwrap_or_default()
    }

    fn add_parts(&mut self, label: usize) {
        let Some(range) = self.labels.get(label).cloned() else { return };
        let is_mark = |byte| byte == b'-' || byte == b'_';
        let pieces = split(&self.text, range, is_mark).into_iter().filter(|it| !it.is_empty());
        for (index, range) in pieces.enumerate() {
            let from = self.words.len();
            self.add_words(&range);
            self.parts.push(Part { range, label, index, words: from..self.words.len() });
        }
    }

    fn add_words(&mut self, part: &Range<usize>) {
        let bytes = self.text.as_bytes().get(part.clone()).unwrap_or_default();
        let mut start = part.start;
        for run in bytes.chunk_by(|a, b| class(*a) == class(*b)) {
            let range = start..start + run.len();
            match run.first().map_or(Class::Other, |byte| class(*byte)) {
                Class::Letter => {
                    let is_first = start == part.start;
                    self.words.push(Word { range, is_first, digits: 0 });
                }
                Class::Digit => {
                    if let Some(last) = self.words.last_mut().filter(|w| w.range.end == start) {
                        last.digits = run.len();
                    }
                }
                Class::Other => {}
            }
            start += run.len();
        }
    }

    /// Whether a word stands in the name that subscribers' lines have.
    fn has_access_word(&self) -> bool {
        self.words.iter().any(|word| words::is_access(self.at(&word.range)))
    }

    /// Whether an address stands in the name: four numbers in a row, or eight hexadecimal digits
    /// that are no word. Interfaces have numbers too (`xe-0-0-1-3`): those behind their words do
    /// not count.
    fn has_address(&self) -> bool {
        let (mut numbers, mut digits) = (0, 0);
        let mut before = "";
        for part in &self.parts {
            let text = self.at(&part.range);
            let tail = text.trim_start_matches(|letter: char| letter.is_ascii_alphabetic());
            // `host25.50.237.84`: the first of the four may hang on a word.
            let is_first = numbers == 0 && tail.parse::<u8>().is_ok();
            if text.parse::<u8>().is_ok() || is_first {
                numbers += 1;
                digits += tail.len();
                let word = text.strip_suffix(tail).unwrap_or_default();
                if words::is_interface(before) || words::is_interface(word) {
                    digits = 0;
                }
            } else {
                (numbers, digits) = (0, 0);
            }
            if (numbers >= 4 && digits >= 7) || is_hex_address(text) {
                return true;
            }
            before = if numbers > 0 { before } else { text };
        }
        false
    }
}

/// A run of letters.
#[derive(Clone, Debug)]
pub(crate) struct Word {
    pub range: Range<usize>,
    /// It begins its part.
    pub is_first: bool,
    /// How many digits follow at once.
    pub digits: usize,
}

impl Word {
    /// The word with its digits.
    pub fn numbered(&self) -> Range<usize> {
        self.range.start..self.range.end + self.digits
    }
}

#[derive(PartialEq)]
enum Class {
    Letter,
    Digit,
    Other,
}

fn class(byte: u8) -> Class {
    match byte {
        b'a'..=b'z' => Class::Letter,
        b'0'..=b'9' => Class::Digit,
        _ => Class::Other,
    }
}

/// Eight or more hexadecimal digits, at least three of them decimal, with a letter between.
fn is_hex_address(text: &str) -> bool {
    let tail = text.strip_prefix(['p', 'g', 'h']).unwrap_or(text);
    let is_hex = |text: &str| {
        text.len() >= 8
            && text.bytes().all(|byte| byte.is_ascii_hexdigit())
            && text.bytes().filter(u8::is_ascii_digit).count() >= 3
    };
    is_hex(text) || is_hex(tail)
}

/// How many labels the registered domain has, by the rule of thumb that covers the public
/// suffixes under which networks register: `co.uk`, `com.au`, `ad.jp`, `net.br`.
fn registered(text: &str, labels: &[Range<usize>]) -> usize {
    let label = |from_right: usize| {
        let index = labels.len().checked_sub(from_right)?;
        text.get(labels.get(index)?.clone())
    };
    let is_country = label(1).is_some_and(|top| top.len() == 2);
    let is_suffix = label(2).is_some_and(words::is_second_level);
    if is_country && is_suffix { 3 } else { 2 }
}

fn split(text: &str, range: Range<usize>, is_mark: impl Fn(u8) -> bool) -> Vec<Range<usize>> {
    let bytes = text.as_bytes().get(range.clone()).unwrap_or_default();
    let mut start = range.start;
    let mut found = Vec::new();
    for piece in bytes.split(|byte| is_mark(*byte)) {
        found.push(start..start + piece.len());
        start += piece.len() + 1;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(hostname: &str) -> Vec<String> {
        let name = Name::parse(hostname).unwrap();
        name.parts.iter().map(|part| name.at(&part.range).to_owned()).collect()
    }

    #[test]
    fn the_registered_domain_is_not_read() {
        assert_eq!(parts("ae-1.edge3.Frankfurt1.Level3.net"), ["ae", "1", "edge3", "frankfurt1"]);
        assert_eq!(parts("pe1.akl.aarnet.net.au"), ["pe1", "akl"]);
        assert_eq!(parts("tky008.iij.ad.jp."), ["tky008"]);
        assert!(parts("paris.fr").is_empty() && parts("london.co.uk").is_empty());
        assert!(Name::parse("paris").is_none() && Name::parse("").is_none());
    }

    #[test]
    fn letters_and_digits_part() {
        let name = Name::parse("fra16s20.x.net").unwrap();
        let words = name.words(&name.parts[0]);
        let read: Vec<_> =
            words.iter().map(|w| (name.at(&w.range), w.is_first, w.digits)).collect();
        assert_eq!(read, [("fra", true, 2), ("s", false, 2)]);
        let named = name.at(&words[0].numbered());
        assert_eq!(named, "fra16");
    }

    #[test]
    fn addresses_and_access_words_are_seen() {
        for line in [
            "p3e9bf724.dip0.t-ipconnect.de",
            "host25.50.237.84.nsu.ru",
            "107-143-24-1.x.example.net",
            "a23-216-93-114.deploy.example.com",
            "static.fra.example.net",
            "dyn-12.example.net",
            "ip-10-0-0-122.fra1.example.net",
        ] {
            assert!(Name::parse(line).unwrap().is_access, "{line}");
        }
        for router in [
            "xe-0-0-0-1.fra1.example.net",
            "hu-0-17-0-1-pe04.350ecermak.il.example.net",
            "bundle-ether12-0-0-1.syd.example.net",
            "et-10-0-0.122.fra1.example.net",
            "xe10-11-12-13.fra1.example.net",
            "be2053.rcr21.b015591-1.lon13.example.com",
        ] {
            assert!(!Name::parse(router).unwrap().is_access, "{router}");
        }
    }
}
