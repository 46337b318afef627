//! A poll as a sequence of requests: each answer is either read to the end or asks for another.
//!
//! Not here: I/O. Whoever sends the requests bounds their number and their time.

use super::{Answer, Reading, Request};

/// A request, and how its answer is read.
pub struct Exchange {
    /// What to send.
    pub request: Request,
    /// Reads the answer.
    pub read: Box<dyn FnOnce(Answer) -> Next + Send>,
}

/// What follows an answer.
pub enum Next {
    /// There is more to ask: the next page, or the same with fewer fields.
    Ask(Exchange),
    /// The poll is complete.
    Done(Reading),
}

impl Exchange {
    /// A request whose answer completes the poll.
    pub fn single(request: Request, read: impl FnOnce(Answer) -> Reading + Send + 'static) -> Self {
        Self { request, read: Box::new(|answer| Next::Done(read(answer))) }
    }
}
