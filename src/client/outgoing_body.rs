//! The body of a request to an upstream.
//!
//! Not here: what is in it.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::{Body, Frame, SizeHint};

/// A body of any kind, so that connections are of one kind. None by default.
#[derive(Default)]
pub(super) struct OutgoingBody {
    body: Option<UnsyncBoxBody<Bytes, hyper::Error>>,
    /// True until the connection drops the body, which it does once all of it was sent.
    sending: Option<Arc<AtomicBool>>,
}

impl OutgoingBody {
    pub(super) fn new<B>(body: B) -> Self
    where
        B: Body<Data = Bytes, Error = hyper::Error> + Send + 'static,
    {
        let body = (!body.is_end_stream()).then(|| UnsyncBoxBody::new(body));
        Self { body, sending: None }
    }

    /// Has this flag be true for as long as the body is sent.
    pub(super) fn is_sent_while(&mut self, sending: Arc<AtomicBool>) {
        sending.store(true, Ordering::Relaxed);
        self.sending = Some(sending);
    }
}

impl Drop for OutgoingBody {
    fn drop(&mut self) {
        if let Some(sending) = &self.sending {
            sending.store(false, Ordering::Relaxed);
        }
    }
}

impl Body for OutgoingBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        match &mut self.get_mut().body {
            Some(body) => Pin::new(body).poll_frame(context),
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
    }
}
