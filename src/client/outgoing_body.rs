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
pub(super) struct OutgoingBody(Option<UnsyncBoxBody<Bytes, hyper::Error>>);

impl OutgoingBody {
    pub(super) fn new<B>(body: B) -> Self
    where
        B: Body<Data = Bytes, Error = hyper::Error> + Send + 'static,
    {
        Self((!body.is_end_stream()).then(|| UnsyncBoxBody::new(body)))
    }
}

impl Body for OutgoingBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        match &mut self.get_mut().0 {
            Some(body) => Pin::new(body).poll_frame(context),
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.0.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.0.as_ref().map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
    }
}

/// A body that a connection was given. The connection drops it when all of it was sent.
pub(super) struct SentBody {
    body: OutgoingBody,
    sending: Arc<AtomicBool>,
}

impl SentBody {
    /// A body, and the flag that is up while it is sent.
    pub(super) fn new(body: OutgoingBody, sending: Arc<AtomicBool>) -> Self {
        sending.store(true, Ordering::Relaxed);
        Self { body, sending }
    }

    /// The body, of which nothing was sent.
    pub(super) fn unsent(mut self) -> OutgoingBody {
        std::mem::take(&mut self.body)
    }
}

impl Drop for SentBody {
    fn drop(&mut self) {
        self.sending.store(false, Ordering::Relaxed);
    }
}

impl Body for SentBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
