//! How an answer is compressed, and its beginning as text.
//!
//! Not here: passing answers on; they pass as they come.

use std::borrow::Cow;
use std::io::Read;

use bytes::{Bytes, BytesMut};
use flate2::read::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};
use hyper::Response;
use hyper::header::CONTENT_ENCODING;

/// The most that is looked at, compressed or not: real answers have a few hundred bytes, and those
/// to messages with media a few thousand.
pub(super) const MAX_INSPECTED: usize = 64 * 1024;

/// A way to compress answers.
#[derive(Clone, Copy)]
enum Coding {
    Plain,
    Gzip,
    Deflate,
    /// Brotli and the like: only the HTTP status is known.
    Unreadable,
}

impl Coding {
    fn of<B>(answer: &Response<B>) -> Self {
        match answer.headers().get(CONTENT_ENCODING).map(|coding| coding.as_bytes()) {
            None | Some(b"identity") => Self::Plain,
            Some(b"gzip" | b"x-gzip") => Self::Gzip,
            Some(b"deflate") => Self::Deflate,
            Some(_) => Self::Unreadable,
        }
    }

    /// The text, as far as it can be read.
    fn decode(self, bytes: &[u8]) -> Cow<'_, [u8]> {
        let read = |decoder: &mut dyn Read| {
            let mut text = Vec::new();
            // What came before a mistake or before the end of what was kept is worth reading.
            let _ = decoder.take(MAX_INSPECTED as u64).read_to_end(&mut text);
            Cow::Owned(text)
        };
        match self {
            Self::Plain => Cow::Borrowed(bytes),
            Self::Gzip => read(&mut MultiGzDecoder::new(bytes)),
            // RFC 9110 §8.4.1.2: some send it without the zlib format around it.
            Self::Deflate if bytes.first().is_some_and(|first| first & 0x0f == 8) => {
                read(&mut ZlibDecoder::new(bytes))
            }
            Self::Deflate => read(&mut DeflateDecoder::new(bytes)),
            Self::Unreadable => Cow::default(),
        }
    }
}

/// The beginning of an answer's body, as far as it has passed.
pub(super) struct BodyBeginning {
    coding: Coding,
    bytes: BytesMut,
}

impl BodyBeginning {
    /// Of an answer of which nothing has passed yet.
    pub(super) fn of<B>(answer: &Response<B>) -> Self {
        Self { coding: Coding::of(answer), bytes: BytesMut::new() }
    }

    /// Sees a piece of the body.
    pub(super) fn see(&mut self, data: &Bytes) {
        let room = MAX_INSPECTED - self.bytes.len();
        self.bytes.extend_from_slice(data.get(..room).unwrap_or(data));
    }

    /// The text, as far as it can be read.
    pub(super) fn text(&self) -> Cow<'_, [u8]> {
        self.coding.decode(&self.bytes)
    }

    /// Writes over what was seen.
    pub(super) fn wipe(&mut self) {
        self.bytes.fill(0);
        std::hint::black_box(&self.bytes);
    }
}
