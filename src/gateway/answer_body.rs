//! An answer's body, frame by frame as it comes from the upstream.
//!
//! Not here: what an answer says; that is for its inspector.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};

use super::answer_inspector::AnswerInspector;
use crate::client::UpstreamBody;

/// The body of an answer.
pub(crate) struct AnswerBody {
    /// What was read of it before it was passed on, or all of an answer of the gateway's own.
    begun: Option<Bytes>,
    /// How the upstream broke off, which the application must see too.
    broken: Option<hyper::Error>,
    rest: Option<UpstreamBody>,
    /// Who looks at it as it passes.
    inspector: Option<AnswerInspector>,
}

impl AnswerBody {
    /// A text of the gateway's own.
    pub(super) const fn text(text: Bytes) -> Self {
        Self { begun: Some(text), broken: None, rest: None, inspector: None }
    }

    /// An upstream's body.
    pub(super) const fn passed(rest: UpstreamBody, inspector: Option<AnswerInspector>) -> Self {
        Self { begun: None, broken: None, rest: Some(rest), inspector }
    }

    /// An upstream's body of which some was read, to its end, until it broke off, or as far as was
    /// wanted.
    pub(super) fn begun(
        begun: Bytes,
        broken: Option<hyper::Error>,
        rest: UpstreamBody,
        inspector: Option<AnswerInspector>,
    ) -> Self {
        let begun = Some(begun).filter(|begun| !begun.is_empty());
        Self { begun, broken, rest: Some(rest), inspector }
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
        if let Some(inspector) = &mut this.inspector
            && let Poll::Ready(frame) = &polled
        {
            let data = frame.as_ref().and_then(|frame| frame.as_ref().ok()?.data_ref());
            data.inspect(|data| inspector.see(data));
            // Before the last bytes are passed on, so that what they say is known when the
            // application has them.
            if data.is_none() || rest.is_end_stream() {
                this.inspector = None;
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
