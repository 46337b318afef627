//! An answer's body, frame by frame as it comes from the upstream.
//!
//! Not here: what an error answer says; that is `error_inspector.rs`.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};

use super::error_inspector::ErrorInspector;

/// The body of an answer.
pub(crate) struct AnswerBody {
    /// What was read of it before it was passed on, or all of an answer of the gateway's own.
    begun: Option<Bytes>,
    /// How the upstream broke off, which the application must see too.
    broken: Option<hyper::Error>,
    rest: Option<Incoming>,
    /// Who looks at an error answer as it passes.
    error_inspector: Option<ErrorInspector>,
}

impl AnswerBody {
    /// A text of the gateway's own.
    pub(super) const fn text(text: Bytes) -> Self {
        Self { begun: Some(text), broken: None, rest: None, error_inspector: None }
    }

    /// An upstream's body.
    pub(super) const fn passed(rest: Incoming, error_inspector: Option<ErrorInspector>) -> Self {
        Self { begun: None, broken: None, rest: Some(rest), error_inspector }
    }

    /// An upstream's body of which some was read, to its end, until it broke off, or as far as was
    /// wanted.
    pub(super) fn begun(
        begun: Bytes,
        broken: Option<hyper::Error>,
        rest: Incoming,
        error_inspector: Option<ErrorInspector>,
    ) -> Self {
        let begun = Some(begun).filter(|begun| !begun.is_empty());
        Self { begun, broken, rest: Some(rest), error_inspector }
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let this = self.get_mut();
        if let Some(begun) = this.begun.take() {
            return Poll::Ready(Some(Ok(Frame::data(begun))));
        }
        if let Some(broken) = this.broken.take() {
            return Poll::Ready(Some(Err(broken)));
        }
        let Some(rest) = &mut this.rest else { return Poll::Ready(None) };
        let polled = Pin::new(&mut *rest).poll_frame(context);
        if let Some(error_inspector) = &mut this.error_inspector
            && let Poll::Ready(frame) = &polled
        {
            let data = frame.as_ref().and_then(|frame| frame.as_ref().ok()?.data_ref());
            data.inspect(|data| error_inspector.see(data));
            // Before the last bytes are passed on, so that what they say is known when the
            // application has them.
            if data.is_none() || rest.is_end_stream() {
                this.error_inspector = None;
            }
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.begun.is_none()
            && self.broken.is_none()
            && self.rest.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        let begun = self.begun.as_ref().map_or(0, Bytes::len) as u64;
        match self.rest.as_ref().map(Body::size_hint) {
            None => SizeHint::with_exact(begun),
            Some(rest) => match rest.exact() {
                Some(rest) => SizeHint::with_exact(begun + rest),
                None => SizeHint::default(),
            },
        }
    }
}
