//! What lies at the root of a connection's error, whichever library wrapped it.
//!
//! Not here: the libraries' own texts. They hold addresses, so only the kind of an error is used.

use std::error::Error;
use std::fmt;
use std::io;

use rustix::io::Errno;

use super::tls;
use crate::domain::{Failure, FailureReason};

/// Any error of a connection.
pub(super) type BoxError = Box<dyn Error + Send + Sync>;

/// No address was found for a host's name. Rust has no kind for it.
#[derive(Debug)]
pub(super) struct NoAddress(pub(super) io::Error);

impl fmt::Display for NoAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no address was found for the host name")
    }
}

impl Error for NoAddress {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.0)
    }
}

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
            if cause.is::<NoAddress>() {
                return Some(Self::HostName);
            }
            source = cause.source();
        }
        io.map(|error| Self::Io(error.kind()))
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

#[cfg(test)]
mod tests {
    use super::*;

    /// An error that a library put around another.
    #[derive(Debug)]
    struct Around(BoxError);

    impl fmt::Display for Around {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("around")
        }
    }

    impl Error for Around {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            Some(&*self.0)
        }
    }

    fn detail(error: impl Into<BoxError>) -> Option<String> {
        let error = Around(Around(error.into()).into());
        Cause::of(&error).map(|cause| Failure::from(cause).detail.to_string())
    }

    #[test]
    fn only_a_look_up_without_an_address_is_told_as_one() {
        let uncategorized = || io::Error::from_raw_os_error(Errno::BADF.raw_os_error());
        assert_eq!(uncategorized().kind().to_string(), "uncategorized error");
        let told = detail(NoAddress(uncategorized()));
        assert_eq!(told.as_deref(), Some("no connection: no address was found for the host name"));
        let of_its_kind = io::Error::from(uncategorized().kind());
        assert_eq!(
            detail(of_its_kind).as_deref(),
            Some("no connection: uncategorized error"),
            "whoever made it"
        );
    }
}
