//! All that is simulated, behind one lock, and the way of a request through it. Not the routes:
//! those are the providers'.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Instant, SystemTime};

use tokio::sync::Notify;

use crate::delivery::WebhookDelivery;
use crate::evolution::Evolution;
use crate::fault::ResponsePlan;
use crate::fault_table::FaultTable;
use crate::green_api::GreenApi;
use crate::http::request::Request;
use crate::http::response::ResponseClass;
use crate::meta::Meta;
use crate::provider::Provider;
use crate::request_log::{RecordedRequest, RequestLog};
use crate::waha::Waha;
use crate::whapi::Whapi;

/// The lock, and who waits for changes.
#[derive(Default)]
pub(crate) struct SharedState {
    inner: Mutex<SimulatorState>,
    /// A target with webhooks may have changed.
    pub(crate) changed: Notify,
}

/// What is behind the lock.
#[derive(Default)]
pub(crate) struct SimulatorState {
    pub(crate) evolution: Evolution,
    pub(crate) green_api: GreenApi,
    pub(crate) meta: Meta,
    pub(crate) waha: Waha,
    pub(crate) whapi: Whapi,
    pub(crate) faults: FaultTable,
    pub(crate) log: RequestLog,
}

impl SharedState {
    pub(crate) fn lock(&self) -> MutexGuard<'_, SimulatorState> {
        // A test that panicked within a closure of `update_channel` leaves whole values behind.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Routes a request, records it, and plans what the connection is to do.
    pub(crate) fn receive(
        shared: &Arc<SharedState>,
        request: &Request,
        is_kept: bool,
        now: SystemTime,
    ) -> (InFlightRequest, ResponsePlan) {
        let mut state = shared.lock();
        let mut providers = state.providers();
        // The last one serves what is nobody else's.
        let serving = providers.iter().position(|provider| provider.serves(&request.path));
        let serving = serving.unwrap_or(providers.len() - 1);
        let routed = providers[serving].respond(request, now);
        // A secret may be another provider's that was sent to the wrong API.
        providers.swap(0, serving);
        let name_of = |secret: Option<&str>| -> Arc<str> {
            secret
                .and_then(|secret| providers.iter().find_map(|provider| provider.name_of(secret)))
                .unwrap_or_else(|| RecordedRequest::UNKNOWN.into())
        };
        let (target, by) = (name_of(routed.target), name_of(routed.credential));
        let secrets: Vec<&str> = routed.target.into_iter().chain(routed.credential).collect();
        // A path may be where the secret is.
        let hide = |path: String, secret: &&str| path.replace(*secret, "…");
        let path = secrets.iter().fold(request.path.clone(), hide);
        let plan = match state.faults.next(&secrets) {
            Some(fault) => fault.apply_to(routed.response),
            None => ResponsePlan::usual(routed.response),
        };
        if routed.may_emit {
            shared.changed.notify_waiters();
        }
        state.log.arrived(RecordedRequest {
            at: Instant::now(),
            method: request.method.clone(),
            path,
            target: Arc::clone(&target),
            by,
            credential: routed.credential_source,
            wakes: routed.wakes,
            in_flight: 0,
            in_flight_of_target: 0,
        });
        let class = if is_kept { plan.class_when_kept() } else { plan.class };
        (InFlightRequest { shared: Arc::clone(shared), target, class, open: true }, plan)
    }
}

impl SimulatorState {
    /// All providers, in the order in which they are asked whether a path is theirs.
    fn providers(&mut self) -> [&mut dyn Provider; 5] {
        [&mut self.evolution, &mut self.green_api, &mut self.meta, &mut self.waha, &mut self.whapi]
    }

    /// Takes the webhooks that are due, and says when there are more.
    pub(crate) fn due(&mut self, now: SystemTime) -> (Vec<WebhookDelivery>, Option<SystemTime>) {
        let (mut due, mut next) = (Vec::new(), None::<SystemTime>);
        for provider in self.providers() {
            let (deliveries, later) = provider.due(now);
            due.extend(deliveries);
            next = next.into_iter().chain(later).min();
        }
        (due, next)
    }

    /// Forgets the target with this secret, and its faults.
    pub(crate) fn remove(&mut self, secret: &str) {
        for provider in self.providers() {
            provider.remove(secret);
        }
        self.faults.remove(secret);
    }
}

/// A request that is being answered: recorded as finished when its response is, or when dropped.
pub(crate) struct InFlightRequest {
    shared: Arc<SharedState>,
    target: Arc<str>,
    class: ResponseClass,
    open: bool,
}

impl InFlightRequest {
    /// Records that the response is about to be out in full.
    pub(crate) fn delivered(&mut self) {
        self.finish(true);
    }

    fn finish(&mut self, delivered: bool) {
        if std::mem::take(&mut self.open) {
            self.shared.lock().log.finished(&self.target, self.class, delivered);
        }
    }
}

impl Drop for InFlightRequest {
    fn drop(&mut self) {
        self.finish(false);
    }
}
