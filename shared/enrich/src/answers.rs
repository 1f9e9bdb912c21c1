//! Look-ups that take time run on a thread of their own; their answers come back here and wake
//! the filter.

use std::io::{self, PipeReader, PipeWriter, Read, Write};
use std::net::IpAddr;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

/// Where answers are handed in; cheap to clone.
#[derive(Debug)]
pub struct Desk<A> {
    answers: Sender<(IpAddr, A)>,
    bell: Arc<Bell>,
}

#[derive(Debug)]
struct Bell {
    rung: AtomicBool,
    pipe: PipeWriter,
}

impl<A> Clone for Desk<A> {
    fn clone(&self) -> Self {
        Self { answers: self.answers.clone(), bell: Arc::clone(&self.bell) }
    }
}

impl<A> Desk<A> {
    /// Hands in the answer about an address.
    pub fn answer(&self, ip: IpAddr, answer: A) {
        // A filter that is gone needs no answers.
        if self.answers.send((ip, answer)).is_ok() && !self.bell.rung.swap(true, Ordering::AcqRel) {
            let _ = (&self.bell.pipe).write_all(&[0]);
        }
    }
}

/// Where the filter finds them.
#[derive(Debug)]
pub struct Answers<A> {
    tray: Receiver<(IpAddr, A)>,
    bell: Arc<Bell>,
    pipe: PipeReader,
}

/// A desk and the tray behind it.
pub fn desk<A>() -> io::Result<(Desk<A>, Answers<A>)> {
    let (sender, receiver) = channel();
    let (reader, writer) = io::pipe()?;
    let bell = Arc::new(Bell { rung: AtomicBool::new(false), pipe: writer });
    let answers = Answers { tray: receiver, bell: Arc::clone(&bell), pipe: reader };
    Ok((Desk { answers: sender, bell }, answers))
}

impl<A> Answers<A> {
    /// The next answer that is there.
    pub fn take(&self) -> Option<(IpAddr, A)> {
        if self.bell.rung.swap(false, Ordering::AcqRel) {
            let _ = (&self.pipe).read(&mut [0]);
        }
        self.tray.try_recv().ok()
    }
}

impl<A> AsFd for Answers<A> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.pipe.as_fd()
    }
}

/// Runs `work` on a thread of its own that can wait for many things at once.
pub fn on_thread<F: Future<Output = ()>>(
    work: impl FnOnce() -> F + Send + 'static,
) -> io::Result<JoinHandle<()>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    std::thread::Builder::new().name("look-ups".to_owned()).spawn(move || {
        runtime.block_on(async { work().await });
    })
}

#[cfg(test)]
mod tests {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};

    use super::*;

    #[test]
    fn no_answer_is_slept_through() {
        let (desk, answers) = desk::<u32>().unwrap();
        let ip: IpAddr = "192.0.2.1".parse().unwrap();
        let worker = std::thread::spawn(move || (0..1000).for_each(|n| desk.answer(ip, n)));
        let mut next = 0;
        while next < 1000 {
            if let Some((_, n)) = answers.take() {
                assert_eq!(n, next);
                next += 1;
                continue;
            }
            let long = Timespec { tv_sec: 20, tv_nsec: 0 };
            let mut fds = [PollFd::new(&answers, PollFlags::IN)];
            assert_eq!(poll(&mut fds, Some(&long)), Ok(1));
        }
        worker.join().unwrap();
    }
}
