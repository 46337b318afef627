//! What answers the requests of a listener.
//!
//! Not here: any answer.

use std::error::Error;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use hyper::{Request, Response};

use super::peer::Peer;
use super::received_body::ReceivedBody;

/// The body of an answer, of whatever kind.
pub(crate) type AnyBody = UnsyncBoxBody<Bytes, Box<dyn Error + Send + Sync>>;
/// An answer to come.
pub(crate) type AnswerFuture = Pin<Box<dyn Future<Output = Response<AnyBody>> + Send>>;

/// What answers requests.
pub(crate) trait Handler: Send + Sync + 'static {
    /// Answers a request of this client.
    fn answer(self: Arc<Self>, request: Request<ReceivedBody>, peer: Peer) -> AnswerFuture;
}
