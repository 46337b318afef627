//! Looks at error answers as they pass: their first 64 KiB, for the class of the error and nothing
//! else.
//!
//! Not here: what a text means; that is `providers/`. Nothing of an answer is kept once it has been
//! told.

use std::io::Read;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use flate2::read::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};
use hyper::Response;
use hyper::body::Incoming;
use hyper::header::CONTENT_ENCODING;

use super::context::Gateway;
use crate::clock;
use crate::domain::UnauthorizedReason;
use crate::fleet::TargetRef;
use crate::provider::{ErrorMeaning, GatewayApi};

/// The most that is looked at, compressed or not: real error answers have a few hundred bytes.
pub(super) const MOST: usize = 64 * 1024;

/// Looks at one answer, and tells what it said, at the latest when it is dropped.
pub(super) struct ErrorInspector {
    gateway: Arc<Gateway>,
    api: &'static dyn GatewayApi,
    /// `None` once it was told.
    owner: Option<TargetRef>,
    status: u16,
    coding: Coding,
    seen: BytesMut,
}

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
    fn decode(self, bytes: &[u8]) -> Vec<u8> {
        let read = |decoder: &mut dyn Read| {
            let mut text = Vec::new();
            // What came before a mistake or before the end of what was kept is worth reading.
            let _ = decoder.take(MOST as u64).read_to_end(&mut text);
            text
        };
        match self {
            Self::Plain => bytes.to_vec(),
            Self::Gzip => read(&mut MultiGzDecoder::new(bytes)),
            // RFC 9110 §8.4.1.2: some send it without the zlib format around it.
            Self::Deflate if bytes.first().is_some_and(|first| first & 0x0f == 8) => {
                read(&mut ZlibDecoder::new(bytes))
            }
            Self::Deflate => read(&mut DeflateDecoder::new(bytes)),
            Self::Unreadable => Vec::new(),
        }
    }
}

impl ErrorInspector {
    /// A error_inspector of this answer, if it is an error that somebody counts.
    pub(super) fn of(
        gateway: &Arc<Gateway>,
        api: &'static dyn GatewayApi,
        owner: Option<TargetRef>,
        answer: &Response<Incoming>,
    ) -> Option<Self> {
        let status = answer.status().as_u16();
        Some(Self {
            owner: Some(owner.filter(|_| api.inspects(status))?),
            gateway: Arc::clone(gateway),
            api,
            status,
            coding: Coding::of(answer),
            seen: BytesMut::new(),
        })
    }

    /// Sees a piece of the body.
    pub(super) fn see(&mut self, data: &Bytes) {
        let room = MOST - self.seen.len();
        self.seen.extend_from_slice(data.get(..room).unwrap_or(data));
    }

    /// Tells what was seen, now and not once more. Why a channel refused the request, if it did.
    pub(super) fn report(&mut self) -> Option<UnauthorizedReason> {
        let owner = self.owner.take()?;
        let text = self.coding.decode(&self.seen);
        let fleet = &self.gateway.fleet;
        match self.api.error(self.status, &text) {
            ErrorMeaning::Channel(reason) => {
                fleet.count_unauthorized(owner, clock::now(), reason);
                if reason == UnauthorizedReason::Session {
                    self.gateway.poll_now.poll(owner);
                }
                Some(reason)
            }
            ErrorMeaning::Token { error, unauthorized } => {
                fleet.count_token_error(owner, error, unauthorized);
                None
            }
        }
    }
}

impl Drop for ErrorInspector {
    fn drop(&mut self) {
        self.report();
    }
}
