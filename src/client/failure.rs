//! What lies at the root of a connection's error, whichever library wrapped it.
//!
//! Not here: the libraries' own texts. They hold addresses, so only the kind of an error is used.

use std::error::Error;
use std::io;

use rustix::io::Errno;

use super::tls;
use crate::domain::{Failure, FailureReason};

/// Why there is no whole answer.
#[derive(Debug)]
pub(super) enum Cause {
    /// TLS failed, in these words.
    Tls(&'static str),
    /// What came is not HTTP.
    NotHttp,
    /// The head of what came is larger than is read.
    HeadTooLarge,
    /// The connection ended in the middle.
    CutOff,
    /// The operating system said so.
    Io(io::ErrorKind),
    /// No address was found for the host's name.
    HostName,
}

impl Cause {
    /// The cause of an error, if it is one of these.
    pub(super) fn of(error: &(dyn Error + 'static)) -> Option<Self> {
        let mut source = error.source();
        let mut io = None;
        while let Some(cause) = source {
            let cause = innermost(cause);
            if let Some(error) = cause.downcast_ref::<rustls::Error>() {
                return Some(Self::Tls(tls::words(error)));
            }
            if let Some(http) = cause.downcast_ref::<hyper::Error>() {
                if http.is_parse_too_large() {
                    return Some(Self::HeadTooLarge);
                }
                if http.is_parse() {
                    return Some(Self::NotHttp);
                }
                if http.is_incomplete_message() {
                    return Some(Self::CutOff);
                }
            }
            if let Some(cause) = cause.downcast_ref::<io::Error>() {
                io = Some(cause);
            }
            source = cause.source();
        }
        io.map(Self::of_io)
    }

    fn of_io(error: &io::Error) -> Self {
        // Rust has no kind for a failed look-up, and it is no error of a system call.
        let look_up =
            error.raw_os_error().is_none() && error.kind().to_string() == "uncategorized error";
        if look_up { Self::HostName } else { Self::Io(error.kind()) }
    }
}

impl From<Cause> for Failure {
    fn from(cause: Cause) -> Self {
        let connect = |detail: &str| Self::new(FailureReason::Connect, detail);
        match cause {
            Cause::Tls(words) => Self::new(FailureReason::Tls, words),
            Cause::NotHttp => Self::new(FailureReason::Decode, "the answer is not HTTP"),
            Cause::HeadTooLarge => {
                Self::new(FailureReason::Decode, "the answer's headers are too large")
            }
            Cause::CutOff => connect("the connection was closed before the answer was whole"),
            Cause::HostName => connect("no connection: no address was found for the host name"),
            Cause::Io(kind) => connect(&format!("no connection: {kind}")),
        }
    }
}

/// Whether there was no descriptor left for a connection.
pub(super) fn lacks_descriptors(error: &(dyn Error + 'static)) -> bool {
    let causes = std::iter::successors(Some(error), |error| (*error).source());
    causes.filter_map(|cause| innermost(cause).downcast_ref()).any(|error: &io::Error| {
        matches!(Errno::from_io_error(error), Some(Errno::MFILE | Errno::NFILE))
    })
}

/// What an I/O error is wrapped around, be it in several layers: `source` leads past it, so rustls'
/// errors would never be met.
fn innermost<'a>(error: &'a (dyn Error + 'static)) -> &'a (dyn Error + 'static) {
    match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
        Some(inner) if inner.is::<io::Error>() || inner.is::<rustls::Error>() => innermost(inner),
        _ => error,
    }
}
