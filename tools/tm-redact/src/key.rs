//! The key: from the state folder, where it is made when it is first needed; from a file; or for
//! this run only. Whoever has it can undo addresses and test guesses of names, so nobody else may
//! read it.

use std::env;
use std::fs::{DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;
use tm_stream::{Diagnostics, Error};

/// Octets of a key.
const LENGTH: usize = 32;

/// A secret key.
#[derive(Clone)]
pub(crate) struct Key([u8; LENGTH]);

impl From<[u8; LENGTH]> for Key {
    fn from(octets: [u8; LENGTH]) -> Self {
        Self(octets)
    }
}

impl Key {
    /// A key that nobody knows, and that is forgotten with the run.
    pub(crate) fn one_time() -> Result<Self, Error> {
        let mut octets = [0; LENGTH];
        let mut rest = octets.as_mut_slice();
        while !rest.is_empty() {
            let got = rustix::rand::getrandom(&mut *rest, rustix::rand::GetRandomFlags::empty())
                .map_err(|error| Error::Failed(format!("no random numbers: {error}")))?;
            rest = rest.get_mut(got..).unwrap_or_default();
        }
        Ok(Self(octets))
    }

    /// The key in `path`.
    pub(crate) fn from_file(path: &Path) -> Result<Self, Error> {
        let file = File::open(path);
        file.and_then(|file| read(file, false)).map_err(|error| cannot("read", path, &error))
    }

    /// The user's own key, made where there is none.
    pub(crate) fn of_user(diagnostics: &Diagnostics) -> Result<Self, Error> {
        let path = state_path().ok_or_else(|| {
            Error::Failed("no home folder for the key: use --key-file or --one-time".to_owned())
        })?;
        match open_own(&path) {
            Ok(key) => return Ok(key),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(cannot("read", &path, &error)),
        }
        let key = Self::one_time()?;
        match create(&path, &key) {
            Ok(()) => {
                diagnostics.warn(format_args!("made the key {}; keep it secret", path.display()));
                Ok(key)
            }
            // Another process was faster.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                open_own(&path).map_err(|error| cannot("read", &path, &error))
            }
            Err(error) => Err(cannot("make", &path, &error)),
        }
    }

    /// The two halves.
    pub(crate) fn halves(&self) -> ([u8; 16], [u8; 16]) {
        let (mut first, mut second) = ([0; 16], [0; 16]);
        let (left, right) = self.0.split_at(16);
        first.copy_from_slice(left);
        second.copy_from_slice(right);
        (first, second)
    }

    /// All octets.
    pub(crate) fn octets(&self) -> &[u8] {
        &self.0
    }
}

/// `$XDG_STATE_HOME/tracemap/redact.key`.
fn state_path() -> Option<PathBuf> {
    let set = |name: &str| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let base = set("XDG_STATE_HOME").or_else(|| Some(set("HOME")?.join(".local/state")))?;
    Some(base.join("tracemap").join("redact.key"))
}

fn cannot(what: &str, path: &Path, error: &io::Error) -> Error {
    Error::Failed(format!("cannot {what} the key {}: {error}", path.display()))
}

/// The key in the state folder: a file of this user, and no link to anywhere.
fn open_own(path: &Path) -> io::Result<Key> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let file = OpenOptions::new().read(true).custom_flags(flags.bits() as i32).open(path)?;
    read(file, true)
}

fn read(file: File, own: bool) -> io::Result<Key> {
    let data = file.metadata()?;
    if own && !data.is_file() {
        return Err(io::Error::other("it is no file"));
    }
    if own && data.uid() != rustix::process::geteuid().as_raw() {
        return Err(io::Error::other("it belongs to somebody else"));
    }
    if data.is_file() && data.mode() & 0o077 != 0 {
        let mode = data.mode() & 0o777;
        return Err(io::Error::other(format!("others may use it (mode {mode:o}); chmod 600 it")));
    }
    let mut text = Vec::new();
    file.take(1024).read_to_end(&mut text)?;
    parse(&text).ok_or_else(|| io::Error::other("it is neither 32 octets nor 64 hex digits"))
}

fn parse(text: &[u8]) -> Option<Key> {
    let text = if text.len() == LENGTH { text } else { text.strip_suffix(b"\n").unwrap_or(text) };
    if let Ok(octets) = text.try_into() {
        return Some(Key(octets));
    }
    let digits = std::str::from_utf8(text).ok().filter(|digits| digits.len() == 2 * LENGTH)?;
    let mut octets = [0; LENGTH];
    for (octet, at) in octets.iter_mut().zip((0..).step_by(2)) {
        let pair = digits.get(at..at + 2).filter(|pair| !pair.starts_with('+'))?;
        *octet = u8::from_str_radix(pair, 16).ok()?;
    }
    Some(Key(octets))
}

/// Writes the key to a file that appears whole, and only where there is none.
fn create(path: &Path, key: &Key) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let mut file = tempfile::Builder::new()
        .prefix(".key-")
        .permissions(Permissions::from_mode(0o600))
        .tempfile_in(folder)?;
    for octet in key.0 {
        write!(file, "{octet:02x}")?;
    }
    writeln!(file)?;
    file.as_file().sync_all()?;
    file.persist_noclobber(path).map(drop).map_err(|error| error.error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn octets_and_hex_digits_are_keys() {
        let raw = b"32-char-str-for-AES-key-and-pad.";
        assert_eq!(parse(raw).unwrap().octets(), raw);
        assert_eq!(parse(&[raw.as_slice(), b"\n"].concat()).unwrap().octets(), raw);
        let hex = "0f".repeat(32);
        assert_eq!(parse(format!("{hex}\n").as_bytes()).unwrap().octets(), [15; 32]);
        for wrong in ["", "short", &"g".repeat(64), &"+f".repeat(32), &"0".repeat(66)] {
            assert!(parse(wrong.as_bytes()).is_none(), "{wrong}");
        }
        let ends_in_newline = [b'\n'; 32];
        assert_eq!(parse(&ends_in_newline).unwrap().octets(), ends_in_newline);
    }

    #[test]
    fn two_keys_made_at_once_are_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/redact.key");
        create(&path, &Key([1; 32])).unwrap();
        let second = create(&path, &Key([2; 32])).unwrap_err();
        assert_eq!(second.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(open_own(&path).unwrap().octets(), [1; 32]);
        assert_eq!(path.metadata().unwrap().mode() & 0o777, 0o600);
    }
}
