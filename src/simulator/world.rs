//! All that is simulated, behind one lock, and the one way a request takes through it. The routes themselves are in `whapi.rs` and `meta.rs`.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Instant, SystemTime};

use tokio::sync::Notify;

use super::answer::{Answer, Class};
use super::channel::Channel;
use super::courier::Parcel;
use super::fault::{Fault, Plan};
use super::ledger::{Authorised, Ledger, Recorded};
use super::request::Request;
use super::token::MetaToken;
use super::{meta, whapi};

/// The lock, and who waits for moves.
#[derive(Default)]
pub(super) struct World {
    state: Mutex<State>,
    /// A channel with webhooks may have moved.
    pub(super) moved: Notify,
}

/// What is behind it; all maps but `apps` are keyed by secret.
#[derive(Default)]
pub(super) struct State {
    pub(super) channels: HashMap<String, Channel>,
    pub(super) tokens: HashMap<String, MetaToken>,
    /// By app id.
    pub(super) apps: HashMap<String, App>,
    pub(super) faults: HashMap<String, Faults>,
    pub(super) everybody: Faults,
    pub(super) ledger: Ledger,
}

/// An app that may inspect tokens.
pub(super) struct App {
    pub(super) secret: String,
    pub(super) name: Arc<str>,
}

/// The faults of one target.
#[derive(Default)]
pub(super) struct Faults {
    pub(super) standing: Option<Fault>,
    pub(super) queued: VecDeque<Fault>,
}

/// What a route makes of a request.
pub(super) struct Routed<'a> {
    pub(super) answer: Answer,
    /// The secret of the target it is about, if any.
    pub(super) target: Option<&'a str>,
    /// The secret it came with, if any.
    pub(super) credential: Option<&'a str>,
    pub(super) authorised: Authorised,
    pub(super) wakes: bool,
    /// Whether the channel may have something to tell by webhooks now.
    pub(super) may_move: bool,
}

impl World {
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        // A test that panicked within a closure of `update_channel` leaves whole values behind.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Routes a request, records it, and says what the connection is to do.
    pub(super) fn receive(
        world: &Arc<World>,
        request: &Request,
        now: SystemTime,
    ) -> (Ticket, Plan) {
        let mut state = world.lock();
        let routed = if meta::is_for_meta(&request.path) {
            meta::route(&state, request, now)
        } else {
            whapi::route(&mut state, request, now)
        };
        let plan = match state.next_fault(&routed) {
            Some(fault) => fault.meet(routed.answer),
            None => Plan::usual(routed.answer),
        };
        if routed.may_move {
            world.moved.notify_waiters();
        }
        let target = state.name_of(routed.target);
        let by = state.name_of(routed.credential);
        state.ledger.arrived(Recorded {
            at: Instant::now(),
            method: request.method.clone(),
            path: request.path.clone(),
            target: Arc::clone(&target),
            by,
            authorised: routed.authorised,
            wakes: routed.wakes,
            in_flight: 0,
            in_flight_of_target: 0,
        });
        (Ticket { world: Arc::clone(world), target, class: plan.class, open: true }, plan)
    }
}

impl State {
    pub(super) fn faults_of(&mut self, secret: &str) -> &mut Faults {
        self.faults.entry(secret.to_owned()).or_default()
    }

    /// Queued before standing, the target's before its credential's before everybody's.
    fn next_fault(&mut self, routed: &Routed<'_>) -> Option<Fault> {
        let secrets = [routed.target, routed.credential];
        for secret in secrets.into_iter().flatten() {
            if let Some(fault) =
                self.faults.get_mut(secret).and_then(|faults| faults.queued.pop_front())
            {
                return Some(fault);
            }
        }
        if let Some(fault) = self.everybody.queued.pop_front() {
            return Some(fault);
        }
        let standing =
            |secret| self.faults.get(secret).and_then(|faults: &Faults| faults.standing.clone());
        secrets.into_iter().flatten().find_map(standing).or_else(|| self.everybody.standing.clone())
    }

    /// What channels have to tell until now, and when there is more.
    pub(super) fn due(&mut self, now: SystemTime) -> (Vec<Arc<Parcel>>, Option<SystemTime>) {
        let (mut due, mut next) = (Vec::new(), None::<SystemTime>);
        for channel in self.channels.values_mut().filter(|channel| !channel.webhooks.is_empty()) {
            while let Some(event) = channel.outbox.take(now) {
                for webhook in channel.webhooks.iter().filter(|webhook| webhook.wants(&event)) {
                    due.push(Arc::new(Parcel {
                        channel: channel.name.as_str().into(),
                        channel_id: channel.channel_id.clone(),
                        webhook: webhook.clone(),
                        delivering: channel.delivering.clone(),
                        event: event.clone(),
                    }));
                }
            }
            next = next.into_iter().chain(channel.outbox.next()).min();
        }
        (due, next)
    }

    fn name_of(&self, secret: Option<&str>) -> Arc<str> {
        let name = secret.and_then(|secret| {
            let channel = self.channels.get(secret).map(|channel| channel.name.as_str().into());
            let token = || self.tokens.get(secret).map(|token| token.name.as_str().into());
            let app = || self.app_of(secret).map(|(_, app)| Arc::clone(&app.name));
            channel.or_else(token).or_else(app)
        });
        name.unwrap_or_else(|| Recorded::UNKNOWN.into())
    }

    /// The app with this credential `app_id|app_secret`, with its id.
    pub(super) fn app_of<'a>(&self, credential: &'a str) -> Option<(&'a str, &App)> {
        let (id, secret) = credential.split_once('|')?;
        self.apps.get(id).filter(|app| app.secret == secret).map(|app| (id, app))
    }
}

/// One request in flight: recorded as over when it is told so, or when it is dropped.
pub(super) struct Ticket {
    world: Arc<World>,
    target: Arc<str>,
    class: Class,
    open: bool,
}

impl Ticket {
    /// The answer is about to be out in full.
    pub(super) fn delivered(&mut self) {
        self.close(true);
    }

    fn close(&mut self, delivered: bool) {
        if std::mem::take(&mut self.open) {
            self.world.lock().ledger.over(&self.target, self.class, delivered);
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.close(false);
    }
}
