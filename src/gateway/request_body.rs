//! A request's body, as it comes from the application or kept to be sent again.
//!
//! Not here: the body of the answer.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, SizeHint};
use tokio::runtime::Handle;

use crate::http::ReceivedBody;

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
    /// Tells whether the application breaks off while this is sent.
    pub(super) fn broken_off(&self) -> BrokenOff {
        match self {
            Self::Streamed(upload) => upload.broken_off.clone(),
            Self::Kept(_) => BrokenOff::default(),
        }
    }

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
            Self::Streamed(Upload { body: Some(body), broken_off }) => {
                let frame = Pin::new(body).poll_frame(context);
                if let Poll::Ready(Some(Err(_))) = &frame {
                    broken_off.0.store(true, Ordering::Relaxed);
                }
                frame
            }
            Self::Streamed(Upload { body: None, .. }) => Poll::Ready(None),
            Self::Kept(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Streamed(Upload { body, .. }) => body.as_ref().is_none_or(Body::is_end_stream),
            Self::Kept(bytes) => bytes.is_none(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Streamed(Upload { body, .. }) => {
                body.as_ref().map(Body::size_hint).unwrap_or_default()
            }
            Self::Kept(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, Bytes::len) as u64),
        }
    }
}

/// A body as it comes from the application.
///
/// An upstream may answer before all of it was sent. Were the connection closed then, an
/// application that cannot stop sending would be told of a broken connection instead of the answer;
/// so the rest is read and thrown away.
pub(super) struct Upload {
    body: Option<ReceivedBody>,
    broken_off: BrokenOff,
}

/// Whether the application went away in the middle of its request.
#[derive(Clone, Default)]
pub(super) struct BrokenOff(Arc<AtomicBool>);

impl BrokenOff {
    pub(super) fn has_happened(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

impl From<ReceivedBody> for RequestBody {
    fn from(body: ReceivedBody) -> Self {
        Self::Streamed(Upload { body: Some(body), broken_off: BrokenOff::default() })
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        let unread = self.body.take().filter(|body| !body.is_end_stream());
        if let (Some(mut body), Ok(runtime)) = (unread, Handle::try_current()) {
            runtime.spawn(tokio::time::timeout(LINGER, async move {
                while let Some(Ok(_)) = body.frame().await {}
            }));
        }
    }
}
