//! Delivers webhooks: each until it is answered 200, later every time, as Whapi does. Knows nothing of what they say.
//! Written by hand over a socket, like everything else on this side.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::webhook::{Delivering, Event, Mode, Webhook};
use super::world::World;

/// Whapi's own limit is not documented; it recommends to answer within 5 s.
const PATIENCE: Duration = Duration::from_secs(10);

/// One attempt to deliver an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// The channel's name.
    pub channel: Arc<str>,
    /// The event's type and method, such as `channel.post`.
    pub event: String,
    /// The HTTP status it was answered with; none when it was not answered.
    pub answer: Option<u16>,
}

/// An event on its way.
#[derive(Debug)]
pub(super) struct Parcel {
    pub(super) channel: Arc<str>,
    pub(super) channel_id: String,
    pub(super) webhook: Webhook,
    pub(super) delivering: Delivering,
    pub(super) event: Event,
}

/// Delivers what the world's channels have to tell, until this is dropped.
pub(super) async fn run(world: Arc<World>) {
    let mut parcels = JoinSet::new();
    loop {
        let moved = world.moved.notified();
        tokio::pin!(moved);
        // From here on no move is missed.
        moved.as_mut().enable();
        let now = SystemTime::now();
        let (due, next) = world.lock().due(now);
        for parcel in due {
            for _ in 0..=parcel.delivering.repeats {
                parcels.spawn(deliver(Arc::clone(&world), parcel.clone()));
            }
        }
        let wait = next.map(|at| at.duration_since(now).unwrap_or_default());
        tokio::select! {
            () = moved => {}
            () = tokio::time::sleep(wait.unwrap_or_default()), if wait.is_some() => {}
            Some(_) = parcels.join_next() => {}
        }
    }
}

async fn deliver(world: Arc<World>, parcel: Arc<Parcel>) {
    let Delivering { backoff, longest_backoff, scatter, .. } = parcel.delivering;
    if !scatter.is_zero() {
        tokio::time::sleep(scatter.mul_f64(fastrand::f64())).await;
    }
    for attempt in 1_u32.. {
        let answer = tokio::time::timeout(PATIENCE, send(&parcel)).await.ok().flatten();
        let event = format!("{}.{}", parcel.event.kind, parcel.event.method);
        let delivery = Delivery { channel: Arc::clone(&parcel.channel), event, answer };
        world.lock().ledger.delivered(delivery);
        // Nothing but 200 is delivered.
        if answer == Some(200) {
            return;
        }
        tokio::time::sleep(backoff.saturating_mul(attempt).min(longest_backoff)).await;
    }
}

/// Sends it once; the status of the answer, if there was one.
async fn send(parcel: &Parcel) -> Option<u16> {
    let Parcel { webhook, event, .. } = parcel;
    let (host, path) = split(&webhook.url)?;
    let (kind, method) = (event.kind, event.method);
    let (http, path) = match webhook.mode {
        Mode::Body => ("POST".to_owned(), path),
        Mode::Path => ("POST".to_owned(), format!("{path}/{kind}/{method}")),
        Mode::Method => (method.to_ascii_uppercase(), format!("{path}/{kind}")),
    };
    let mut body = event.content.clone();
    body["event"] = json!({ "type": kind, "event": method });
    body["channel_id"] = json!(parcel.channel_id);
    let body = body.to_string();
    let mut request = format!(
        "{http} {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n",
        body.len()
    );
    for (name, value) in &webhook.headers {
        request += &format!("{name}: {value}\r\n");
    }
    request += &format!("\r\n{body}");
    let mut stream = TcpStream::connect(host).await.ok()?;
    stream.write_all(request.as_bytes()).await.ok()?;
    let mut answer = Vec::new();
    // The head alone counts; what follows is read so that the other side can end in order.
    let _ = stream.read_to_end(&mut answer).await;
    let line = answer.strip_prefix(b"HTTP/1.1 ")?.get(..3)?;
    std::str::from_utf8(line).ok()?.parse().ok()
}

/// The host with its port, and the path. Only plain HTTP, and only with a port: it never leaves this machine.
fn split(url: &str) -> Option<(&str, String)> {
    let rest = url.strip_prefix("http://")?;
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    Some((host, format!("/{}", path.trim_end_matches('/'))))
}
