//! An embedded Whapi.Cloud and Meta Graph on loopback, wrong answers included, for `demo` and for tests.
//! It is no mock of the exporter's expectations: it knows the upstream contracts alone and uses nothing else of this crate,
//! not even its HTTP library, so that a mistake there cannot hide behind the same mistake here.
//!
//! One rule for names: what goes **in** is a secret (the bearer token of a channel, a Meta access token), since that is all the
//! real APIs see; what comes **out** is the name the target was given, never the secret.
//!
//! | file | holds |
//! | --- | --- |
//! | `mod.rs` | [`Simulator`], the handle |
//! | `channel.rs`, `token.rs` | what is simulated: [`Channel`], [`MetaToken`] |
//! | `shape.rs` | how an answer's fields look: [`Shape`] |
//! | `fault.rs`, `graph_error.rs` | wrong answers: [`Fault`], [`GraphError`] |
//! | `whapi.rs`, `meta.rs` | the routes of either API: a request in, an [`Answer`] out |
//! | `webhook.rs`, `courier.rs` | what a channel tells by [`Webhook`]s, and how they travel |
//! | `world.rs` | all of it behind one lock |
//! | `ledger.rs` | what was asked and answered: [`Recorded`], [`Tally`] |
//! | `request.rs`, `http.rs` | bytes to requests, answers to bytes |
//! | `scenario.rs`, `demo.rs` | a day of channel life in minutes: the script, and its player |

mod answer;
mod channel;
mod courier;
mod demo;
mod fault;
mod graph_error;
mod http;
mod ledger;
mod meta;
mod request;
pub mod scenario;
mod shape;
mod token;
mod webhook;
mod whapi;
mod world;

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::task::{AbortHandle, JoinSet};

pub use answer::{Answer, Class};
pub use channel::{Channel, Status};
pub use courier::Delivery;
pub use demo::DemoPlan;
pub use fault::Fault;
pub use graph_error::GraphError;
pub use ledger::{Authorised, Recorded, Tally};
pub use shape::{Fields, Numbers, Shape};
pub use token::{MetaToken, TokenState};
pub use webhook::{Delivering, Mode, Wanted, Webhook};
use world::World;

/// A running simulator. Clones share it; when the last clone is dropped, it stops listening and closes its connections.
#[derive(Clone)]
pub struct Simulator {
    world: Arc<World>,
    server: Arc<Server>,
}

/// The listening side: ends with the last handle.
struct Server {
    address: SocketAddr,
    accepting: AbortHandle,
    delivering: AbortHandle,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.accepting.abort();
        self.delivering.abort();
    }
}

impl Simulator {
    /// Listens on a free port of 127.0.0.1, plain HTTP. Call it within a tokio runtime.
    pub async fn start() -> io::Result<Simulator> {
        Simulator::from_listener(TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0)).await?)
    }

    /// Listens on what the caller has bound.
    pub fn from_listener(listener: TcpListener) -> io::Result<Simulator> {
        let address = listener.local_addr()?;
        let world = Arc::new(World::default());
        let accepting = tokio::spawn(accept(listener, Arc::clone(&world))).abort_handle();
        let delivering = tokio::spawn(courier::run(Arc::clone(&world))).abort_handle();
        Ok(Simulator { world, server: Arc::new(Server { address, accepting, delivering }) })
    }

    /// Serves one connection that somebody else has accepted, for example a TLS stream. Returns when it is closed.
    pub async fn serve_connection<S: AsyncRead + AsyncWrite + Unpin>(&self, io: S) {
        http::serve(&self.world, io).await;
    }

    /// The base URL of both APIs, without a trailing slash: `/health` is Whapi's, `/v25.0/debug_token` is Meta's.
    pub fn url(&self) -> String {
        format!("http://{}", self.server.address)
    }

    /// The address it listens on.
    pub fn address(&self) -> SocketAddr {
        self.server.address
    }

    /// Stops listening and cuts every accepted connection: from now on a connection is refused.
    pub fn stop(&self) {
        self.server.accepting.abort();
    }

    /// A Whapi channel with this bearer token; replaces the one it had.
    pub fn set_channel(&self, secret: &str, channel: Channel) {
        self.world.lock().channels.insert(secret.to_owned(), channel);
    }

    /// Changes a channel in place; does nothing (and says so with `false`) when there is none with this bearer token.
    pub fn update_channel(&self, secret: &str, change: impl FnOnce(&mut Channel)) -> bool {
        let mut world = self.world.lock();
        let Some(channel) = world.channels.get_mut(secret) else { return false };
        change(channel);
        let tells = !channel.webhooks.is_empty();
        drop(world);
        if tells {
            self.world.moved.notify_waiters();
        }
        true
    }

    /// The last attempts to deliver webhooks, oldest first; at most [`Recorded::KEPT`].
    pub fn deliveries(&self) -> Vec<Delivery> {
        self.world.lock().ledger.deliveries()
    }

    /// The status a channel has now.
    pub fn status(&self, secret: &str) -> Option<Status> {
        self.world.lock().channels.get(secret).map(Channel::status)
    }

    /// A Meta access token; replaces the one with this secret.
    pub fn set_token(&self, secret: &str, token: MetaToken) {
        self.world.lock().tokens.insert(secret.to_owned(), token);
    }

    /// Changes a token in place; does nothing (and says so with `false`) when there is none with this secret.
    pub fn update_token(&self, secret: &str, change: impl FnOnce(&mut MetaToken)) -> bool {
        self.world.lock().tokens.get_mut(secret).map(change).is_some()
    }

    /// Forgets the channel or token with this secret, and its faults: it is then as unknown as one never set.
    pub fn remove(&self, secret: &str) {
        let mut world = self.world.lock();
        world.channels.remove(secret);
        world.tokens.remove(secret);
        world.faults.remove(secret);
    }

    /// An app, which may inspect the tokens of the same app with the credential `app_id|app_secret`.
    pub fn set_app(&self, app_id: &str, app_secret: &str, name: &str) {
        self.world.lock().apps.insert(
            app_id.to_owned(),
            world::App { secret: app_secret.to_owned(), name: name.into() },
        );
    }

    /// From now on every answer about this target is the fault's (`None`: as usual again). For an inspected token the target is the
    /// token; the credential `app_id|app_secret` can have faults of its own.
    pub fn set_fault(&self, secret: &str, fault: Option<Fault>) {
        self.world.lock().faults_of(secret).standing = fault;
    }

    /// The next answer about this target is the fault's; queued faults are used up one by one, before a standing one.
    pub fn fault_once(&self, secret: &str, fault: Fault) {
        self.world.lock().faults_of(secret).queued.push_back(fault);
    }

    /// From now on every answer to everybody is the fault's, except where a target has its own.
    pub fn set_fault_for_all(&self, fault: Option<Fault>) {
        self.world.lock().everybody.standing = fault;
    }

    /// The next answer, whoever asks, is the fault's.
    pub fn fault_once_for_all(&self, fault: Fault) {
        self.world.lock().everybody.queued.push_back(fault);
    }

    /// The last requests, oldest first; at most [`Recorded::KEPT`].
    pub fn requests(&self) -> Vec<Recorded> {
        self.world.lock().ledger.requests()
    }

    /// How many answers of which class each target got since the start (or [`Simulator::forget_requests`]), by the target's name.
    pub fn counts(&self) -> BTreeMap<(Arc<str>, Class), Tally> {
        self.world.lock().ledger.counts()
    }

    /// How many requests arrived about the target of this name (`None`: all requests).
    pub fn asked(&self, name: Option<&str>) -> u64 {
        self.world.lock().ledger.asked(name)
    }

    /// The most requests that were being answered at one moment, all targets together.
    pub fn max_in_flight(&self) -> usize {
        self.world.lock().ledger.max_in_flight()
    }

    /// The most requests that were being answered at one moment for any single target.
    pub fn max_in_flight_per_target(&self) -> usize {
        self.world.lock().ledger.max_in_flight_per_target()
    }

    /// How many connections were opened: fewer than requests shows keep-alive.
    pub fn connections(&self) -> u64 {
        self.world.lock().ledger.connections
    }

    /// How many `/health` requests for this channel lacked `wakeup=false`, each of which launches the real channel.
    pub fn woken(&self, secret: &str) -> u64 {
        self.world.lock().channels.get(secret).map_or(0, |channel| channel.woken)
    }

    /// Begins recording anew: requests, counts and maxima; what is in flight stays counted.
    pub fn forget_requests(&self) {
        self.world.lock().ledger.forget();
    }
}

/// Accepts until aborted; its connections end with it.
async fn accept(listener: TcpListener, world: Arc<World>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((io, _)) => {
                    // Answers are small and written at once: waiting for more bytes would only add 40 ms.
                    let _ = io.set_nodelay(true);
                    let world = Arc::clone(&world);
                    connections.spawn(async move { http::serve(&world, io).await });
                }
                // Out of file descriptors, most likely: let some connections end.
                Err(_) => tokio::time::sleep(std::time::Duration::from_millis(20)).await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
}
