//! The body of a request on its way through the listener: while it comes, its connection has a
//! request, even if that is answered already.
//!
//! Not here: what is in it.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};

use super::connections::Answering;

/// The body of a request.
pub(crate) struct ReceivedBody {
    body: Incoming,
    /// Until all of it is here.
    coming: Option<Answering>,
}

impl ReceivedBody {
    /// A body of this request.
    pub(super) fn new(body: Incoming, request: &Answering) -> Self {
        let coming = (!body.is_end_stream()).then(|| request.another());
        Self { body, coming }
    }
}

impl Body for ReceivedBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let this = self.get_mut();
        let frame = ready!(Pin::new(&mut this.body).poll_frame(context));
        if !matches!(frame, Some(Ok(_))) || this.body.is_end_stream() {
            this.coming = None;
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
