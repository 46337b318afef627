//! Bodies of answers: whole, or written block by block as the reader takes them, compressed if it
//! asked for it.
//!
//! Not here: what is in the blocks.

use std::collections::HashMap;
use std::convert::Infallible;
use std::future::Future;
use std::io::Write;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use flate2::Compression;
use flate2::write::GzEncoder;
use hyper::body::{Body, Frame, SizeHint};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use crate::clock;
use crate::lock::lock;

/// The longest block: enough to keep the socket busy, little enough to let others have their turn.
/// With what a last row takes and the frame of a chunk it just fits into two segments of 64 KiB,
/// which is as much as the system sends at once; smaller blocks were measured to be slower.
const BLOCK: usize = 126 * 1024;
/// The shortest, when many readers are to be waited for.
const SHORT_BLOCK: usize = 8 * 1024;
/// What all blocks together should take.
const BLOCKS: usize = 1024 * 1024;
/// Answers that are compressed at a time: a compressor takes about 270 KiB.
const ENCODERS: usize = 16;
/// Pages for people that are in memory at a time: one takes about 150 KiB.
const PAGES: usize = 32;
/// Where many pages are in memory, one is good for others for this long.
const SHARED_FOR: Duration = Duration::from_secs(1);
/// Where there is no room for one more, an older one is better than none: as old as it is when it
/// refreshes itself.
const SHARED_FOR_WHEN_FULL: Duration = Duration::from_secs(15);
/// How long a place for a page is waited for.
const PAGE_WAIT: Duration = Duration::from_secs(5);
/// While a page is waited for, readers that are behind are closed this often.
const RETRY: Duration = Duration::from_millis(250);

/// Something long that is written in blocks.
pub(super) trait Blocks: Send {
    /// Appends about `size` bytes more; returns whether there is more to come.
    fn write_block(&mut self, size: usize, out: &mut BytesMut) -> bool;
}

impl Blocks for crate::metrics::exposition::Exposition {
    fn write_block(&mut self, size: usize, out: &mut BytesMut) -> bool {
        Self::write_block(self, size, out)
    }
}

/// Bounds what answers take while their readers are waited for.
pub(super) struct AnswerMemory {
    streams: Arc<AtomicUsize>,
    encoders: Arc<Semaphore>,
    pages: Arc<Semaphore>,
    /// When each page was last written.
    written: Mutex<HashMap<PageKey, (Instant, Weak<RenderedPage>)>>,
}

/// Which page it is, and whether it is compressed.
pub(super) type PageKey = (String, bool);

/// A page, and its place in memory, which it keeps until the last byte is sent to the last reader.
struct RenderedPage {
    bytes: Vec<u8>,
    _place: OwnedSemaphorePermit,
}

/// A reader's share of a page.
struct SharedPage(Arc<RenderedPage>);

impl AsRef<[u8]> for SharedPage {
    fn as_ref(&self) -> &[u8] {
        &self.0.bytes
    }
}

impl Default for AnswerMemory {
    fn default() -> Self {
        Self {
            streams: Arc::default(),
            encoders: Arc::new(Semaphore::new(ENCODERS)),
            pages: Arc::new(Semaphore::new(PAGES)),
            written: Mutex::default(),
        }
    }
}

impl AnswerMemory {
    /// A place for a compressor, if there is one.
    pub(super) fn encoder(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.encoders).try_acquire_owned().ok()
    }

    /// The body of this page, which `render` writes if there is such a page; `None` when too many
    /// pages are in memory for long, though `give_way` is called again and again. Where many are,
    /// readers share one that was written just now.
    pub(super) async fn page<E>(
        &self,
        key: PageKey,
        render: impl FnOnce() -> Result<Option<String>, E>,
        give_way: impl Fn(),
    ) -> Option<Result<Option<ReplyBody>, E>> {
        let shared_for = match self.pages.available_permits() {
            0 => SHARED_FOR_WHEN_FULL,
            few if few < PAGES / 2 => SHARED_FOR,
            _ => Duration::ZERO,
        };
        if let Some(page) = self.written_within(shared_for, &key) {
            return Some(Ok(Some(ReplyBody::page(page))));
        }
        let place = async {
            loop {
                let place = Arc::clone(&self.pages).acquire_owned();
                if let Ok(place) = tokio::time::timeout(RETRY, place).await {
                    return place.ok();
                }
                give_way();
            }
        };
        let place = tokio::time::timeout(PAGE_WAIT, place).await.ok().flatten()?;
        let html = match render() {
            Ok(Some(html)) => html,
            Ok(None) => return Some(Ok(None)),
            Err(error) => return Some(Err(error)),
        };
        let bytes = if key.1 { gzip(html.as_bytes()) } else { html.into_bytes() };
        let page = Arc::new(RenderedPage { bytes, _place: place });
        let mut written = lock(&self.written);
        written.retain(|_, (_, page)| page.strong_count() > 0);
        written.insert(key, (clock::instant(), Arc::downgrade(&page)));
        Some(Ok(Some(ReplyBody::page(page))))
    }

    /// A page that was written within this time and is still in memory.
    fn written_within(&self, age: Duration, key: &PageKey) -> Option<Arc<RenderedPage>> {
        let written = lock(&self.written);
        let (at, page) = written.get(key)?;
        if at.elapsed() < age { page.upgrade() } else { None }
    }

    /// A body that is written as it is read; compressed, if there is a place for that.
    pub(super) fn stream(
        &self,
        blocks: Box<dyn Blocks>,
        encoder: Option<OwnedSemaphorePermit>,
    ) -> ReplyBody {
        let gzip = encoder.map(|place| Gzip { encoder: gzip_encoder(), _place: place });
        self.streams.fetch_add(1, Ordering::Relaxed);
        let streams = Arc::clone(&self.streams);
        ReplyBody(Content::BlockStream(Box::new(BlockStream {
            blocks: Some(blocks),
            gzip,
            // Also before the first, for the sake of others where many answers are asked for at
            // once.
            pause: Some(Box::pin(tokio::task::yield_now())),
            streams,
        })))
    }
}

/// Level 1: the levels above 2 were measured to cost more than they save.
fn gzip_encoder() -> GzEncoder<Vec<u8>> {
    GzEncoder::new(Vec::new(), Compression::new(1))
}

/// The same bytes, compressed.
fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = gzip_encoder();
    // Writing to a vector cannot fail.
    let _ = encoder.write_all(bytes);
    encoder.finish().unwrap_or_default()
}

/// The body of an answer.
pub(crate) struct ReplyBody(Content);

enum Content {
    Whole(Bytes),
    BlockStream(Box<BlockStream>),
}

struct BlockStream {
    blocks: Option<Box<dyn Blocks>>,
    gzip: Option<Gzip>,
    /// Between two blocks everybody else has a turn; `wake_by_ref` would not let the I/O driver
    /// run.
    pause: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    /// How many there are.
    streams: Arc<AtomicUsize>,
}

struct Gzip {
    encoder: GzEncoder<Vec<u8>>,
    _place: OwnedSemaphorePermit,
}

impl Drop for BlockStream {
    fn drop(&mut self) {
        self.streams.fetch_sub(1, Ordering::Relaxed);
    }
}

impl ReplyBody {
    /// A body that is there already.
    pub(super) fn whole(bytes: impl Into<Bytes>) -> Self {
        Self(Content::Whole(bytes.into()))
    }

    fn page(page: Arc<RenderedPage>) -> Self {
        Self::whole(Bytes::from_owner(SharedPage(page)))
    }
}

impl BlockStream {
    /// The next bytes to send; `None` at the end.
    fn next(&mut self) -> Option<Bytes> {
        let blocks = self.blocks.as_mut()?;
        let streams = self.streams.load(Ordering::Relaxed).max(1);
        let size = (BLOCKS / streams).clamp(SHORT_BLOCK, BLOCK);
        let mut block = BytesMut::with_capacity(size + SHORT_BLOCK);
        let more = blocks.write_block(size, &mut block);
        if !more {
            self.blocks = None;
        }
        let Some(mut gzip) = self.gzip.take() else {
            // Of short blocks many are in memory at once, so without their room to grow.
            let is_short = size < BLOCK;
            return Some(if is_short { Bytes::copy_from_slice(&block) } else { block.freeze() });
        };
        // Writing to a vector cannot fail.
        let _ = gzip.encoder.write_all(&block);
        if more {
            let bytes = std::mem::take(gzip.encoder.get_mut());
            self.gzip = Some(gzip);
            return Some(bytes.into());
        }
        Some(gzip.encoder.finish().unwrap_or_default().into())
    }
}

impl Body for ReplyBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let stream = match &mut self.0 {
            Content::Whole(bytes) if bytes.is_empty() => return Poll::Ready(None),
            Content::Whole(bytes) => {
                return Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes)))));
            }
            Content::BlockStream(stream) => stream,
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
        match &self.0 {
            Content::Whole(bytes) => bytes.is_empty(),
            Content::BlockStream(stream) => stream.blocks.is_none(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Content::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Content::BlockStream(_) => SizeHint::default(),
        }
    }
}
