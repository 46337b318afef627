//! A long answer, written block by block as its reader takes it, and compressed if it asked for
//! that. Compression takes four times as long as the rest, so all but the first block of it is left
//! to another thread: polls and other readers do not wait for it.
//!
//! Not here: what is in the blocks, and how many answers there may be (`body.rs`).

use std::future::Future;
use std::io::Write;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::blocking;

/// The longest block: enough to keep the socket busy, little enough to let others have their turn.
/// Half of it was measured to be slower.
const BLOCK: usize = 112 * 1024;
/// The shortest, when many readers are to be waited for.
const SHORT_BLOCK: usize = 8 * 1024;
/// What all blocks together should take.
const BLOCKS: usize = 1024 * 1024;
/// Up to so many answers have the next block written while one is sent.
const AHEAD: usize = 4;
/// What another thread is asked for at a time.
const COMPRESSED: usize = 16 * 1024;

/// However many readers there are, one compressed block is written at a time.
static COMPRESSING: Semaphore = Semaphore::const_new(1);

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

/// Level 1: the levels above 2 were measured to cost more than they save.
fn gzip_encoder() -> GzEncoder<Vec<u8>> {
    GzEncoder::new(Vec::new(), Compression::new(1))
}

/// The same bytes, compressed.
pub(super) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = gzip_encoder();
    // Writing to a vector cannot fail.
    let _ = encoder.write_all(bytes);
    encoder.finish().unwrap_or_default()
}

/// How many answers are on their way.
#[derive(Clone, Default)]
pub(super) struct StreamCount(Arc<AtomicUsize>);

impl StreamCount {
    fn get(&self) -> usize {
        self.0.load(Ordering::Relaxed).max(1)
    }
}

/// An answer on its way.
pub(super) struct BlockStream {
    next: NextBlock,
    /// Between two blocks everybody else has a turn; `wake_by_ref` would not let the I/O driver
    /// run.
    pause: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    streams: StreamCount,
}

enum NextBlock {
    /// To be written here: the first, since most answers have no more, and each that is not
    /// compressed, which takes less time than to change threads.
    Here(BlockWriter),
    /// Being written on another thread.
    Elsewhere(Pin<Box<dyn Future<Output = Block> + Send>>),
    Written(Block),
    /// There is none.
    End,
}

/// Bytes to send, none if compression has kept all to itself; and who writes the next.
struct Block {
    bytes: Vec<u8>,
    rest: Option<BlockWriter>,
}

struct BlockWriter {
    blocks: Box<dyn Blocks>,
    gzip: Option<Gzip>,
    streams: StreamCount,
}

struct Gzip {
    encoder: GzEncoder<Vec<u8>>,
    _place: OwnedSemaphorePermit,
}

impl BlockStream {
    /// One more of these answers; compressed, if there is a place for that.
    pub(super) fn new(
        blocks: Box<dyn Blocks>,
        encoder: Option<OwnedSemaphorePermit>,
        streams: StreamCount,
    ) -> Self {
        let gzip = encoder.map(|place| Gzip { encoder: gzip_encoder(), _place: place });
        streams.0.fetch_add(1, Ordering::Relaxed);
        let writer = BlockWriter { blocks, gzip, streams: streams.clone() };
        // Also before the first, for the sake of others where many answers are asked for at once.
        let pause = Some(turn_of_others());
        Self { next: NextBlock::Here(writer), pause, streams }
    }

    /// The next bytes to send; `None` at the end.
    pub(super) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        loop {
            if let Some(pause) = &mut self.pause {
                ready!(pause.as_mut().poll(cx));
                self.pause = None;
            }
            let block = match std::mem::replace(&mut self.next, NextBlock::End) {
                NextBlock::Here(writer) => writer.write(0),
                NextBlock::Elsewhere(mut writing) => match writing.as_mut().poll(cx) {
                    Poll::Ready(block) => block,
                    Poll::Pending => {
                        self.next = NextBlock::Elsewhere(writing);
                        return Poll::Pending;
                    }
                },
                NextBlock::Written(block) => block,
                NextBlock::End => return Poll::Ready(None),
            };
            self.pause = Some(turn_of_others());
            if let Some(rest) = block.rest {
                self.next = self.begin(rest, cx);
            }
            if !block.bytes.is_empty() {
                return Poll::Ready(Some(block.bytes.into()));
            }
        }
    }

    /// What writes the next block: another thread begins at once, or where there are many answers,
    /// when it is asked for.
    fn begin(&self, writer: BlockWriter, cx: &mut Context<'_>) -> NextBlock {
        if writer.gzip.is_none() {
            return NextBlock::Here(writer);
        }
        let mut writing = Box::pin(writer.write_elsewhere());
        if self.streams.get() > AHEAD {
            return NextBlock::Elsewhere(writing);
        }
        match writing.as_mut().poll(cx) {
            Poll::Ready(block) => NextBlock::Written(block),
            Poll::Pending => NextBlock::Elsewhere(writing),
        }
    }

    /// Whether nothing more comes.
    pub(super) const fn is_over(&self) -> bool {
        matches!(self.next, NextBlock::End)
    }
}

impl Drop for BlockStream {
    fn drop(&mut self) {
        self.streams.0.fetch_sub(1, Ordering::Relaxed);
    }
}

fn turn_of_others() -> Pin<Box<dyn Future<Output = ()> + Send>> {
    Box::pin(tokio::task::yield_now())
}

impl BlockWriter {
    /// Writes a block on another thread.
    async fn write_elsewhere(self) -> Block {
        let turn = COMPRESSING.acquire().await;
        blocking::run(move || {
            let block = self.write(COMPRESSED);
            drop(turn);
            block
        })
        .await
    }

    /// Writes a block; a compressed one until it has so many bytes.
    fn write(mut self, compressed: usize) -> Block {
        let size = (BLOCKS / self.streams.get()).clamp(SHORT_BLOCK, BLOCK);
        let mut bytes = Vec::with_capacity(size + SHORT_BLOCK);
        let Some(mut gzip) = self.gzip.take() else {
            let more = self.blocks.write_block(size, &mut bytes);
            if size < BLOCK {
                // Many are in memory at once.
                bytes.shrink_to_fit();
            }
            return Block { bytes, rest: more.then_some(self) };
        };
        loop {
            let more = self.blocks.write_block(size, &mut bytes);
            // Writing to a vector cannot fail.
            let _ = gzip.encoder.write_all(&bytes);
            if !more {
                return Block { bytes: gzip.encoder.finish().unwrap_or_default(), rest: None };
            }
            if gzip.encoder.get_ref().len() >= compressed {
                let bytes = std::mem::take(gzip.encoder.get_mut());
                self.gzip = Some(gzip);
                return Block { bytes, rest: Some(self) };
            }
            bytes.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::sync::Mutex;
    use std::thread::{self, ThreadId};

    use flate2::read::GzDecoder;

    use super::*;

    /// Lines of numbers, in so many blocks; who wrote each is noted.
    struct Numbers {
        left: usize,
        writers: Arc<Mutex<Vec<ThreadId>>>,
    }

    impl Blocks for Numbers {
        fn write_block(&mut self, size: usize, out: &mut Vec<u8>) -> bool {
            self.writers.lock().unwrap().push(thread::current().id());
            let full = out.len() + size;
            while out.len() < full {
                out.extend_from_slice(format!("{}\n", fastrand::u64(..)).as_bytes());
            }
            self.left -= 1;
            self.left > 0
        }
    }

    /// What a stream of so many blocks sends, and how many of them were written here and elsewhere.
    async fn send(blocks: usize, gzip: bool, streams: &StreamCount) -> (Vec<u8>, usize, usize) {
        let writers = Arc::<Mutex<Vec<ThreadId>>>::default();
        let numbers = Numbers { left: blocks, writers: Arc::clone(&writers) };
        let place = Arc::new(Semaphore::new(1)).acquire_owned().await.unwrap();
        let place = gzip.then_some(place);
        let mut stream = BlockStream::new(Box::new(numbers), place, streams.clone());
        let mut sent = Vec::new();
        while let Some(bytes) = std::future::poll_fn(|cx| stream.poll_next(cx)).await {
            assert!(!bytes.is_empty(), "an empty chunk would end the answer");
            sent.extend_from_slice(&bytes);
        }
        assert!(stream.is_over());
        let writers = writers.lock().unwrap();
        let here = writers.iter().filter(|id| **id == thread::current().id()).count();
        (sent, here, writers.len() - here)
    }

    #[tokio::test]
    async fn all_but_the_first_block_is_compressed_elsewhere() {
        let streams = StreamCount::default();
        let (sent, here, elsewhere) = send(20, true, &streams).await;
        assert_eq!((here, elsewhere), (1, 19));
        let mut text = String::new();
        GzDecoder::new(&sent[..]).read_to_string(&mut text).unwrap();
        assert!(text.len() >= 20 * BLOCK && text.ends_with('\n'));
        assert!(text.lines().all(|line| line.parse::<u64>().is_ok()));
        let (_, here, elsewhere) = send(1, true, &streams).await;
        assert_eq!((here, elsewhere), (1, 0), "a short answer needs no other thread");
    }

    #[tokio::test]
    async fn what_is_not_compressed_is_written_here() {
        let streams = StreamCount::default();
        let (sent, here, elsewhere) = send(20, false, &streams).await;
        assert_eq!((here, elsewhere), (20, 0));
        assert!(sent.len() >= 20 * BLOCK);
        assert_eq!(streams.0.load(Ordering::Relaxed), 0, "it is counted no longer");
    }

    #[tokio::test]
    async fn blocks_are_short_while_there_are_many_answers() {
        let streams = StreamCount::default();
        streams.0.store(1000, Ordering::Relaxed);
        let (sent, ..) = send(20, false, &streams).await;
        assert!(sent.len() < 21 * SHORT_BLOCK, "{}", sent.len());
        let (_, here, elsewhere) = send(20, true, &streams).await;
        assert_eq!((here, elsewhere), (1, 19));
    }
}
