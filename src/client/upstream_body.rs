//! The body of an upstream's answer: whoever reads it drives its connection.
//!
//! Not here: what is in it.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::Response;
use hyper::body::{Body, Frame, Incoming, SizeHint};

use super::pool::{Pool, PooledConnection};

/// The body of an answer. A connection whose answer is dropped before its end is closed.
pub struct UpstreamBody {
    body: Incoming,
    /// `None` when somebody else drives the connection, or it is needed no more.
    connection: Option<(Box<PooledConnection>, Arc<Pool>)>,
    /// How it broke off, until that is told.
    broken: Option<hyper::Error>,
}

impl UpstreamBody {
    /// An answer that has begun on this connection.
    pub(super) fn begun(
        answer: Response<Incoming>,
        connection: Box<PooledConnection>,
        pool: &Arc<Pool>,
    ) -> Response<Self> {
        let connection = if connection.is_sending() {
            // An application may read no answer before it has sent everything, and then nobody
            // would drive the connection.
            pool.keep_later(connection);
            None
        } else {
            Some((connection, Arc::clone(pool)))
        };
        answer.map(|body| {
            let mut begun = Self { body, connection, broken: None };
            if begun.body.is_end_stream() {
                begun.ended();
            }
            begun
        })
    }

    fn ended(&mut self) {
        if let Some((connection, pool)) = self.connection.take() {
            pool.keep(connection);
        }
    }
}

impl Body for UpstreamBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let this = self.get_mut();
        if let Some(broken) = this.broken.take() {
            return Poll::Ready(Some(Err(broken)));
        }
        let mut body = Pin::new(&mut this.body);
        let polled = match &mut this.connection {
            Some((connection, _)) => {
                connection.poll_driving(context, |context| body.as_mut().poll_frame(context))
            }
            None => body.poll_frame(context),
        };
        match polled {
            Poll::Ready(Some(Err(broken))) => {
                // hyper throws away what it has not sent yet when a body breaks off, so it may send
                // that first.
                (this.connection, this.broken) = (None, Some(broken));
                context.waker().wake_by_ref();
                Poll::Pending
            }
            Poll::Ready(Some(Ok(frame))) => {
                if this.body.is_end_stream() {
                    this.ended();
                }
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(None) => {
                this.ended();
                Poll::Ready(None)
            }
            Poll::Pending => Poll::Pending,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.broken.is_none() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
