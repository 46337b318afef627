//! What every request through the gateway is passed on with.
//!
//! Not here: any request.

use std::sync::Arc;

use tokio::sync::watch;

use super::credential_index::CredentialIndex;
use super::hold_room::HoldRoom;
use super::route::Base;
use crate::client::ForwardClient;
use crate::config::{self, Polling};
use crate::fleet::Fleet;
use crate::metrics::exporter::ExporterMetrics;
use crate::poller::PollNow;
use crate::providers;
use crate::upstream::ProviderId;

/// The gateway: its connections to upstreams, the credentials it knows, and what it counts.
pub struct Gateway {
    pub(super) fleet: Arc<Fleet>,
    pub(super) metrics: ExporterMetrics,
    pub(super) poll_now: PollNow,
    pub(super) client: ForwardClient,
    pub(super) credentials: CredentialIndex,
    /// Where requests with an unknown credential go, by provider; `None` where there is no route.
    bases: Vec<Option<Arc<Base>>>,
    /// What is held; `None` when nothing is.
    pub(super) hold: Option<HoldRoom>,
    /// Turns true when nothing is to be waited for any more.
    pub(super) stopping: watch::Sender<bool>,
}

impl Gateway {
    /// A gateway with these settings, and at most so many connections to upstreams.
    ///
    /// # Errors
    ///
    /// A sentence, when the extra CA cannot be read or an address is not valid.
    pub fn new(
        settings: &config::GatewaySettings,
        polling: &Polling,
        connections: usize,
        fleet: Arc<Fleet>,
        metrics: ExporterMetrics,
        poll_now: PollNow,
    ) -> Result<Self, String> {
        let mut bases = vec![None; providers::COUNT];
        for (provider, url) in &settings.routes {
            let base = Base::new(url).ok_or_else(|| {
                let name = providers::get(*provider).display_name();
                format!("{name}: the gateway cannot use this API address")
            })?;
            bases[provider.index()] = Some(base);
        }
        Ok(Self {
            client: ForwardClient::new(polling, connections)?,
            credentials: CredentialIndex::new(Arc::clone(&fleet)),
            bases,
            hold: settings.hold.map(HoldRoom::new),
            stopping: watch::Sender::new(false),
            fleet,
            metrics,
            poll_now,
        })
    }

    /// Where requests to a provider go whose credential is unknown.
    pub(super) fn base(&self, provider: ProviderId) -> Option<&Arc<Base>> {
        self.bases.get(provider.index())?.as_ref()
    }
}
