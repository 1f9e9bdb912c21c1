//! Capabilities (capabilities(7)): none is in force but while raw sockets are opened, and none that
//! opens them is left thereafter.
//!
//! Capabilities belong to threads: [`reduce`] comes before any other thread is there, [`shed`]
//! before those that read names and files.

use std::io;

use rustix::process::{getegid, geteuid, getgid, getuid};
use rustix::thread::{
    CapabilitySet, CapabilitySets, capabilities, set_capabilities, set_keep_capabilities,
    set_thread_res_gid, set_thread_res_uid,
};

/// To open raw sockets, and to give them more room than the system's limit.
const RAW: CapabilitySet = CapabilitySet::NET_RAW.union(CapabilitySet::NET_ADMIN);

/// Gives up all but raw sockets, and whose file the program is (set-user-ID): from here on, what is
/// read and written is what the user could read and write without this program. Root keeps the
/// right to write to files of others and to bind low ports.
pub fn reduce() -> io::Result<()> {
    let user = getuid();
    let as_another = geteuid() != user || getegid() != getgid();
    if as_another {
        set_keep_capabilities(true)?;
        set_thread_res_gid(getgid(), getgid(), getgid())?;
        set_thread_res_uid(user, user, user)?;
    }
    let of_root = CapabilitySet::DAC_OVERRIDE | CapabilitySet::NET_BIND_SERVICE;
    let stays = if user.is_root() { of_root } else { CapabilitySet::empty() };
    let held = capabilities(None)?.permitted;
    set(CapabilitySets {
        effective: held & stays,
        permitted: held & (stays | RAW),
        inheritable: CapabilitySet::empty(),
    })
}

/// Whether raw sockets may be opened.
pub fn may_open_raw() -> bool {
    capabilities(None).is_ok_and(|sets| sets.permitted.contains(CapabilitySet::NET_RAW))
}

/// Gives up raw sockets; those that are open stay.
pub fn shed() -> io::Result<()> {
    let sets = capabilities(None)?;
    set(CapabilitySets {
        effective: sets.effective - RAW,
        permitted: sets.permitted - RAW,
        inheritable: sets.inheritable - RAW,
    })
}

/// Does what needs raw sockets, with the right to open them in force if it is held.
pub(crate) fn raised<T>(open: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    let before = capabilities(None)?;
    let effective = before.effective | (before.permitted & RAW);
    if effective == before.effective {
        return open();
    }
    set(CapabilitySets { effective, ..before })?;
    let opened = open();
    set(before)?;
    opened
}

fn set(sets: CapabilitySets) -> io::Result<()> {
    Ok(set_capabilities(None, sets)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_given_up_does_not_come_back() {
        // Capabilities are a thread's, so this one's are nobody else's.
        let thread = std::thread::spawn(|| {
            reduce()?;
            let reduced = capabilities(None)?;
            raised(|| Ok(()))?;
            assert_eq!(capabilities(None)?, reduced, "lowered again");
            assert!(!reduced.effective.intersects(RAW) && reduced.inheritable.is_empty());
            shed()?;
            assert!(!may_open_raw());
            assert!(set(CapabilitySets { permitted: RAW, ..capabilities(None)? }).is_err());
            io::Result::Ok(())
        });
        thread.join().unwrap().unwrap();
    }
}
