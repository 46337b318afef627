//! The body of an answer on its way through the listener: while it lives, its connection has a request.
//!
//! Not here: what is in it.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use hyper::header::CONTENT_LENGTH;
use hyper::{Response, StatusCode};

use super::connections::Answering;

/// A body, and the request that it answers.
pub(super) struct AnswerBody<B> {
    content: Content<B>,
    _answering: Option<Answering>,
}

enum Content<B> {
    /// As the handler gave it.
    Given(B),
    /// A sentence of the listener's own.
    Sentence(Bytes),
    /// There is none, but the head says how long it would be. hyper drops that length from an answer that it knows to be empty.
    Described,
}

impl<B: Body> AnswerBody<B> {
    /// A handler's answer.
    pub(super) fn given(answer: Response<B>, answering: Answering) -> Response<Self> {
        let described = answer.status() == StatusCode::NOT_MODIFIED
            && answer.headers().contains_key(CONTENT_LENGTH);
        answer.map(|body| {
            let content = if described { Content::Described } else { Content::Given(body) };
            Self { content, _answering: Some(answering) }
        })
    }

    /// A sentence of the listener's own.
    pub(super) const fn sentence(text: &'static str) -> Self {
        Self { content: Content::Sentence(Bytes::from_static(text.as_bytes())), _answering: None }
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for AnswerBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        match &mut self.get_mut().content {
            Content::Given(body) => Pin::new(body).poll_frame(cx),
            Content::Sentence(text) if text.is_empty() => Poll::Ready(None),
            Content::Sentence(text) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(text))))),
            Content::Described => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.content {
            Content::Given(body) => body.is_end_stream(),
            Content::Sentence(text) => text.is_empty(),
            Content::Described => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.content {
            Content::Given(body) => body.size_hint(),
            Content::Sentence(text) => SizeHint::with_exact(text.len() as u64),
            Content::Described => SizeHint::default(),
        }
    }
}
