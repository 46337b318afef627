//! Bodies of answers: whole, or written block by block as the reader takes them, compressed if it asked for it.
//!
//! Not here: what is in the blocks.

use std::convert::Infallible;
use std::future::Future;
use std::io::Write;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use hyper::body::{Body, Frame, SizeHint};
use tokio::sync::OwnedSemaphorePermit;

use super::connections::Answering;

/// A block is about this long: enough to keep the socket busy, little enough to let others have their turn.
const BLOCK: usize = 60 * 1024;

/// Something long that is written in blocks.
pub(super) trait Blocks: Send {
    /// Appends about `size` bytes more; returns whether there is more to come.
    fn write_block(&mut self, size: usize, out: &mut Vec<u8>) -> bool;
}

impl Blocks for crate::metrics::exposition::Exposition {
    fn write_block(&mut self, size: usize, out: &mut Vec<u8>) -> bool {
        Self::write_block(self, size, out)
    }
}

/// The body of an answer. While it lives, its connection counts as busy.
pub(super) struct AnswerBody {
    content: Content,
    _answering: Option<Answering>,
}

enum Content {
    Whole(Bytes),
    Stream(Box<Stream>),
}

struct Stream {
    blocks: Option<Box<dyn Blocks>>,
    gzip: Option<GzEncoder<Vec<u8>>>,
    /// Between two blocks everybody else has a turn; `wake_by_ref` would not let the I/O driver run.
    pause: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    _permit: Option<OwnedSemaphorePermit>,
}

impl AnswerBody {
    /// A body that is there already.
    pub(super) fn whole(bytes: impl Into<Bytes>) -> Self {
        Self { content: Content::Whole(bytes.into()), _answering: None }
    }

    /// A body that is written as it is read.
    pub(super) fn stream(
        blocks: Box<dyn Blocks>,
        gzip: bool,
        permit: Option<OwnedSemaphorePermit>,
    ) -> Self {
        // Level 1: the levels above 2 were measured to cost more than they save.
        let gzip = gzip.then(|| GzEncoder::new(Vec::new(), Compression::new(1)));
        let stream = Stream { blocks: Some(blocks), gzip, pause: None, _permit: permit };
        Self { content: Content::Stream(Box::new(stream)), _answering: None }
    }

    /// The same body, keeping its connection busy.
    pub(super) fn keeping(self, answering: Answering) -> Self {
        Self { _answering: Some(answering), ..self }
    }
}

impl Stream {
    /// The next bytes to send; `None` at the end.
    fn next(&mut self) -> Option<Bytes> {
        let blocks = self.blocks.as_mut()?;
        let mut block = Vec::with_capacity(BLOCK + 8 * 1024);
        let more = blocks.write_block(BLOCK, &mut block);
        if !more {
            self.blocks = None;
        }
        let Some(mut gzip) = self.gzip.take() else { return Some(block.into()) };
        // Writing to a vector cannot fail.
        let _ = gzip.write_all(&block);
        if more {
            let bytes = std::mem::take(gzip.get_mut());
            self.gzip = Some(gzip);
            return Some(bytes.into());
        }
        Some(gzip.finish().unwrap_or_default().into())
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let stream = match &mut self.content {
            Content::Whole(bytes) if bytes.is_empty() => return Poll::Ready(None),
            Content::Whole(bytes) => {
                return Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes)))));
            }
            Content::Stream(stream) => stream,
        };
        loop {
            if let Some(pause) = &mut stream.pause {
                if pause.as_mut().poll(cx).is_pending() {
                    return Poll::Pending;
                }
                stream.pause = None;
            }
            let Some(bytes) = stream.next() else { return Poll::Ready(None) };
            stream.pause = Some(Box::pin(tokio::task::yield_now()));
            if !bytes.is_empty() {
                return Poll::Ready(Some(Ok(Frame::data(bytes))));
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.content {
            Content::Whole(bytes) => bytes.is_empty(),
            Content::Stream(stream) => stream.blocks.is_none(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.content {
            Content::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Content::Stream(_) => SizeHint::default(),
        }
    }
}
