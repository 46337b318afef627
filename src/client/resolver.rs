//! Looking up the addresses of a host, with an error of its own.
//!
//! Not here: what the look-up does; the operating system does it, on a thread for blocking work.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use hyper_util::client::legacy::connect::dns::{GaiAddrs, GaiResolver, Name};
use tower_service::Service;

use super::failure::{BoxError, NoAddress};

/// Asks the operating system.
#[derive(Clone)]
pub(super) struct Resolver(GaiResolver);

impl Resolver {
    pub(super) fn new() -> Self {
        Self(GaiResolver::new())
    }
}

impl Service<Name> for Resolver {
    type Response = GaiAddrs;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<GaiAddrs, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.0.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let looking = self.0.call(name);
        Box::pin(async move {
            looking.await.map_err(|error| match error.raw_os_error() {
                // The look-up could not be made, as without a descriptor left.
                Some(_) => error.into(),
                None => NoAddress(error).into(),
            })
        })
    }
}
