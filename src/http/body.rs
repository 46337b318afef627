//! The body of an answer on its way through the listener: while it lives, its connection has a
//! request.
//!
//! Not here: what is in it.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use hyper::header::CONTENT_LENGTH;
use hyper::{Response, StatusCode};

use super::connections::Answering;
use super::handler::AnyBody;

/// A body, and the request that it answers.
pub(super) struct ServedBody {
    content: ServedContent,
    /// An error to be told at the next poll: hyper drops what it has not written when a body
    /// fails.
    broken: Option<<AnyBody as Body>::Error>,
    _answering: Option<Answering>,
}

enum ServedContent {
    /// As the handler gave it.
    Given(AnyBody),
    /// A sentence of the listener's own.
    Sentence(Bytes),
    /// There is none, but the head says how long it would be. hyper drops that length from an
    /// answer that it knows to be empty.
    Described,
}

impl ServedBody {
    /// A handler's answer.
    pub(super) fn given(answer: Response<AnyBody>, answering: Answering) -> Response<Self> {
        let described = answer.status() == StatusCode::NOT_MODIFIED
            && answer.headers().contains_key(CONTENT_LENGTH);
        answer.map(|body| {
            let content =
                if described { ServedContent::Described } else { ServedContent::Given(body) };
            Self { content, broken: None, _answering: Some(answering) }
        })
    }

    /// A sentence of the listener's own.
    pub(super) const fn sentence(text: &'static str) -> Self {
        Self {
            content: ServedContent::Sentence(Bytes::from_static(text.as_bytes())),
            broken: None,
            _answering: None,
        }
    }
}

impl Body for ServedBody {
    type Data = Bytes;
    type Error = <AnyBody as Body>::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let this = self.get_mut();
        if let Some(error) = this.broken.take() {
            return Poll::Ready(Some(Err(error)));
        }
        match &mut this.content {
            ServedContent::Given(body) => match Pin::new(body).poll_frame(cx) {
                Poll::Ready(Some(Err(error))) => {
                    this.broken = Some(error);
                    cx.waker().wake_by_ref();
                    Poll::Pending
                }
                polled => polled,
            },
            ServedContent::Sentence(text) if text.is_empty() => Poll::Ready(None),
            ServedContent::Sentence(text) => {
                Poll::Ready(Some(Ok(Frame::data(std::mem::take(text)))))
            }
            ServedContent::Described => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.content {
            _ if self.broken.is_some() => false,
            ServedContent::Given(body) => body.is_end_stream(),
            ServedContent::Sentence(text) => text.is_empty(),
            ServedContent::Described => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.content {
            ServedContent::Given(body) => body.size_hint(),
            ServedContent::Sentence(text) => SizeHint::with_exact(text.len() as u64),
            ServedContent::Described => SizeHint::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;
    use hyper::server::conn::http1;
    use hyper::service::service_fn;
    use hyper_util::rt::TokioIo;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    /// Some bytes, and at once an error.
    #[derive(Default)]
    struct Failing {
        begun: bool,
    }

    impl Body for Failing {
        type Data = Bytes;
        type Error = Box<dyn std::error::Error + Send + Sync>;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
            let begun = std::mem::replace(&mut self.begun, true);
            let frame = Frame::data(Bytes::from_static(b"the first bytes"));
            Poll::Ready(Some(if begun { Err("the upstream is gone".into()) } else { Ok(frame) }))
        }
    }

    #[tokio::test]
    async fn what_came_before_an_error_is_sent() {
        let (mut reader, served) = tokio::io::duplex(1024);
        let answer = service_fn(|_| async {
            let content = ServedContent::Given(Failing::default().boxed_unsync());
            let body = ServedBody { content, broken: None, _answering: None };
            Ok::<_, std::convert::Infallible>(Response::new(body))
        });
        let serving = http1::Builder::new().serve_connection(TokioIo::new(served), answer);
        reader.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
        let mut answered = Vec::new();
        let (served, read) = tokio::join!(serving, reader.read_to_end(&mut answered));
        assert!(served.is_err());
        read.unwrap();
        let answered = String::from_utf8(answered).unwrap();
        assert!(answered.contains("the first bytes"), "{answered}");
        assert!(!answered.ends_with("0\r\n\r\n"), "not ended as if it were whole: {answered}");
    }
}
