//! Takes from a process what reading strangers' octets does not need (Landlock, Linux 5.13): to
//! write anywhere but where its output goes, to run programs, to connect to anybody. A parser that
//! is led astray can then do no more than write wrong records.

use std::path::Path;

use landlock::{
    ABI, Access, AccessFs, AccessNet, PathBeneath, PathFd, Ruleset, RulesetAttr,
    RulesetCreatedAttr, RulesetError, Scope,
};

use crate::{Diagnostics, folders};

/// The newest edition of Landlock that this knows; older kernels do what they can.
const EDITION: ABI = ABI::V6;

/// Confines this thread, and those that it starts, for good: they may read files, and write beneath
/// the folder of `output` and beneath `scratch`. Where the kernel has no Landlock, nothing happens.
pub fn to_output(output: Option<&Path>, scratch: &[&Path], diagnostics: &Diagnostics) {
    // What was covered is written as the process ends, to a folder that nobody knows here.
    if cfg!(coverage) {
        return;
    }
    match restrict(output.map(folders::of).into_iter().chain(scratch.iter().copied())) {
        Ok(()) => {}
        Err(error) => diagnostics.info(format_args!("not confined: {error}")),
    }
}

fn restrict<'a>(folders: impl Iterator<Item = &'a Path>) -> Result<(), RulesetError> {
    let writing = AccessFs::from_write(EDITION);
    let mut rules = Ruleset::default()
        .handle_access(writing | AccessFs::Execute)?
        .handle_access(AccessNet::from_all(EDITION))?
        .scope(Scope::from_all(EDITION))?
        .create()?;
    // A folder that is not there is named when the output is opened.
    for folder in folders.filter_map(|folder| PathFd::new(folder).ok()) {
        rules = rules.add_rule(PathBeneath::new(folder, writing))?;
    }
    rules.restrict_self().map(drop)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::net::{TcpListener, TcpStream};
    use std::process::Command;

    use super::*;

    /// Landlock confines a thread and those that it starts, so that a test may use one up.
    fn confined<T: Send + 'static>(
        output: Option<&Path>,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        let output = output.map(Path::to_owned);
        let thread = std::thread::spawn(move || {
            to_output(output.as_deref(), &[], &Diagnostics::silent());
            fs::File::create("/dev/full").is_err().then(work)
        });
        thread.join().unwrap()
    }

    #[test]
    fn only_the_outputs_folder_may_be_written_to() {
        let folder = tempfile::tempdir().unwrap();
        let (inside, outside) = (folder.path().join("in"), folder.path().join("out"));
        fs::create_dir(&inside).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let output = inside.join("page.html");
        let found = confined(Some(&output), move || {
            fs::write(inside.join("a"), b"a").unwrap();
            fs::rename(inside.join("a"), inside.join("b")).unwrap();
            assert_eq!(fs::read(inside.join("b")).unwrap(), b"a");
            let runs = Command::new("true").status().is_ok();
            (fs::write(outside, b"x").is_ok(), runs, TcpStream::connect(address).is_ok())
        });
        // A kernel without Landlock confines nothing, and one before 6.7 lets it connect.
        if let Some((writes, runs, _)) = found {
            assert!(!writes && !runs);
        }
    }

    #[test]
    fn without_an_output_nothing_may_be_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        let written = confined(None, move || fs::write(path, b"x").is_ok());
        assert_ne!(written, Some(true));
    }
}
