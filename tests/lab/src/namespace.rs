//! A user and network namespace of our own, the TUN device in it, and the command that runs in
//! it. The only unsafe code of the lab.

#![allow(unsafe_code)]

use std::fs::{self, File};
use std::os::fd::AsRawFd;
use std::os::unix::process::ExitStatusExt;
use std::process::Command;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};

/// Our addresses in the simulated internet. With `nodad` the second is a source at once; else the kernel
/// first gets round to finding it unique, and until then lets packets leave from `::1`.
const ADDRESSES: [&str; 2] = ["10.0.0.2/24 dev tm0", "fd00::2/64 dev tm0 nodad"];

/// Enters a new network namespace; unless `real_root`, in a new user namespace, as root of it.
pub(crate) fn enter(ping_group: bool, real_root: bool) -> Result<()> {
    let (uid, gid) = (rustix::process::getuid().as_raw(), rustix::process::getgid().as_raw());
    let user = if real_root { 0 } else { libc::CLONE_NEWUSER };
    // SAFETY: the process has one thread so far, and shares nothing that the call would split.
    if unsafe { libc::unshare(user | libc::CLONE_NEWNET) } != 0 {
        return Err(std::io::Error::last_os_error()).context("unshare");
    }
    if !real_root {
        fs::write("/proc/self/setgroups", "deny")?;
        fs::write("/proc/self/uid_map", format!("0 {uid} 1"))?;
        fs::write("/proc/self/gid_map", format!("0 {gid} 1"))?;
    }
    fs::write("/proc/sys/net/ipv6/conf/default/accept_dad", "0")?;
    if ping_group {
        fs::write("/proc/sys/net/ipv4/ping_group_range", "0 0")?;
    }
    Ok(())
}

/// Opens `tm0` and routes everything to it.
pub(crate) fn open_tun() -> Result<File> {
    let tun = File::options().read(true).write(true).open("/dev/net/tun")?;
    // SAFETY: ifreq is plain data, for which all zeroes is valid.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (to, from) in request.ifr_name.iter_mut().zip(b"tm0") {
        *to = *from as libc::c_char;
    }
    request.ifr_ifru.ifru_flags = (libc::IFF_TUN | libc::IFF_NO_PI) as libc::c_short;
    // SAFETY: TUNSETIFF reads and writes the ifreq that lives here.
    if unsafe { libc::ioctl(tun.as_raw_fd(), libc::TUNSETIFF, &raw mut request) } != 0 {
        return Err(std::io::Error::last_os_error()).context("TUNSETIFF");
    }
    rustix::io::ioctl_fionbio(&tun, true)?;
    ip("link set lo up")?;
    ip("link set tm0 txqueuelen 20000 up")?;
    for address in ADDRESSES {
        ip(&format!("addr add {address}"))?;
    }
    ip("route add default dev tm0")?;
    ip("-6 route add default dev tm0")?;
    await_route()?;
    Ok(tun)
}

/// Until the kernel takes packets for our IPv6 address: it makes the route to it in its own time, and
/// on a busy machine the first answers would be there before.
fn await_route() -> Result<()> {
    const LOCAL: &str = "fd000000000000000000000000000002 80 ";
    for _ in 0..2000 {
        let routes = fs::read_to_string("/proc/thread-self/net/ipv6_route")?;
        if routes.lines().any(|route| route.starts_with(LOCAL)) {
            return Ok(());
        }
        thread::sleep(Duration::from_millis(1));
    }
    bail!("the kernel makes no route to our IPv6 address")
}

fn ip(arguments: &str) -> Result<()> {
    let status = Command::new("ip").args(arguments.split(' ')).status().context("ip (iproute2)")?;
    if !status.success() {
        bail!("ip {arguments} failed");
    }
    Ok(())
}

/// Runs the command and returns its exit code.
pub(crate) fn run(command: &[String], drop_caps: bool) -> Result<u8> {
    let without: &[&str] = match drop_caps {
        true => &[
            "setpriv",
            "--bounding-set=-all",
            "--inh-caps=-all",
            "--ambient-caps=-all",
            "--no-new-privs",
            "--",
        ],
        false => &[],
    };
    let mut words = without.iter().copied().chain(command.iter().map(String::as_str));
    let program = words.next().context("no command")?;
    // Signals of the terminal are the command's; we end when it does.
    // SAFETY: ignoring a signal installs no handler code.
    unsafe {
        libc::signal(libc::SIGINT, libc::SIG_IGN);
    }
    let mut child = Command::new(program);
    child.args(words);
    // SAFETY: signal() is async-signal-safe.
    unsafe {
        std::os::unix::process::CommandExt::pre_exec(&mut child, || {
            libc::signal(libc::SIGINT, libc::SIG_DFL);
            Ok(())
        });
    }
    let status = child.status().with_context(|| format!("cannot run {program}"))?;
    let code = status.code().or(status.signal().map(|signal| 128 + signal));
    Ok(code.unwrap_or(255) as u8)
}
