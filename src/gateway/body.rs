//! Bodies that pass through: frame by frame, as they come.
//!
//! Not here: what an error answer says; that is `error_inspector.rs`.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::runtime::Handle;

use super::error_inspector::ErrorInspector;

/// How long an application may go on sending what nobody wants any more.
const LINGER: Duration = Duration::from_secs(30);

/// The body of a request.
pub(super) enum RequestBody {
    /// As it comes from the application.
    Streamed(Upload),
    /// Kept, so that it can be sent again.
    Kept(Option<Bytes>),
}

impl Default for RequestBody {
    fn default() -> Self {
        Self::Kept(None)
    }
}

impl RequestBody {
    /// The same body once more, if it was kept.
    pub(super) fn copy(&self) -> Option<Self> {
        match self {
            Self::Streamed(_) => None,
            Self::Kept(bytes) => Some(Self::Kept(bytes.clone())),
        }
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        match self.get_mut() {
            Self::Streamed(Upload(body)) => match body {
                Some(body) => Pin::new(body).poll_frame(context),
                None => Poll::Ready(None),
            },
            Self::Kept(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Streamed(Upload(body)) => body.as_ref().is_none_or(Body::is_end_stream),
            Self::Kept(bytes) => bytes.is_none(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Streamed(Upload(body)) => body.as_ref().map(Body::size_hint).unwrap_or_default(),
            Self::Kept(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, Bytes::len) as u64),
        }
    }
}

/// A body as it comes from the application.
///
/// An upstream may answer before all of it was sent. Were the connection closed then, an application that cannot stop sending would be
/// told of a broken connection instead of the answer; so the rest is read and thrown away.
pub(super) struct Upload(Option<Incoming>);

impl From<Incoming> for RequestBody {
    fn from(body: Incoming) -> Self {
        Self::Streamed(Upload(Some(body)))
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        let unread = self.0.take().filter(|body| !body.is_end_stream());
        if let (Some(mut body), Ok(runtime)) = (unread, Handle::try_current()) {
            runtime.spawn(tokio::time::timeout(LINGER, async move {
                while let Some(Ok(_)) = body.frame().await {}
            }));
        }
    }
}

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

    /// An upstream's body of which some was read, to its end, until it broke off, or as far as was wanted.
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
            // Before the last bytes are passed on, so that what they say is known when the application has them.
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
