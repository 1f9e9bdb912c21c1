//! Whether the clock is set by somebody: records of several machines are compared by time.

use tm_stream::finding::{Finding, State};

/// Asks the kernel whether the clock follows a time server (adjtimex(2)).
#[allow(unsafe_code)]
pub(super) fn check() -> Finding {
    // SAFETY: the structure is plain old data, for which zeros are valid, and with `modes` 0 the
    // kernel only fills it in.
    let (state, query) = unsafe {
        let mut query: libc::timex = std::mem::zeroed();
        (libc::adjtimex(&raw mut query), query)
    };
    let subject = "clock";
    match state {
        -1 => Finding::new(subject, State::Warning, "the kernel does not tell how it is kept"),
        libc::TIME_ERROR => Finding::new(subject, State::Warning, "no time server keeps it")
            .with_remedy("start an NTP client (systemd-timesyncd, chrony); RTTs are right without"),
        _ => {
            let milliseconds = query.maxerror as f64 / 1e3;
            let detail = format!("kept by a time server, to within {milliseconds:.0} ms");
            Finding::new(subject, State::Ok, detail)
        }
    }
}
