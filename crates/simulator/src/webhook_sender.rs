//! Sends webhooks: each until it is answered 200, later every time. Not what they say.
//! Written by hand over a socket, like the other side of this crate.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::delivery::{DeliveryAttempt, DeliveryPolicy, WebhookDelivery};
use crate::state::SharedState;

/// Whapi does not document its limit; it recommends to answer within 5 s.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Sends what is due, until this is dropped.
pub(crate) async fn run(state: Arc<SharedState>) {
    let mut sending = JoinSet::new();
    loop {
        let changed = state.changed.notified();
        tokio::pin!(changed);
        // From here on no change is missed.
        changed.as_mut().enable();
        let now = SystemTime::now();
        let (due, next) = state.lock().due(now);
        for delivery in due.into_iter().map(Arc::new) {
            for _ in 0..=delivery.policy.repeats {
                sending.spawn(deliver(Arc::clone(&state), Arc::clone(&delivery)));
            }
        }
        let wait = next.map(|at| at.duration_since(now).unwrap_or_default());
        tokio::select! {
            () = changed => {}
            () = tokio::time::sleep(wait.unwrap_or_default()), if wait.is_some() => {}
            Some(_) = sending.join_next() => {}
        }
    }
}

async fn deliver(state: Arc<SharedState>, delivery: Arc<WebhookDelivery>) {
    let DeliveryPolicy { backoff, longest_backoff, scatter, .. } = delivery.policy;
    if !scatter.is_zero() {
        tokio::time::sleep(scatter.mul_f64(fastrand::f64())).await;
    }
    for attempt in 1_u32.. {
        let answer = tokio::time::timeout(TIMEOUT, send(&delivery)).await.ok().flatten();
        state.lock().log.attempted(DeliveryAttempt {
            target: Arc::clone(&delivery.target),
            event: delivery.event.clone(),
            answer,
        });
        if answer == Some(200) {
            return;
        }
        tokio::time::sleep(backoff.saturating_mul(attempt).min(longest_backoff)).await;
    }
}

/// Sends it once; the status of the answer, if there was one.
async fn send(delivery: &WebhookDelivery) -> Option<u16> {
    let (host, path) = split(&delivery.url)?;
    let WebhookDelivery { method, headers, body, .. } = delivery;
    let mut request = format!(
        "{method} /{path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\nConnection: close\r\n",
        body.len()
    );
    for (name, value) in headers {
        request += &format!("{name}: {value}\r\n");
    }
    request += "\r\n";
    request += body;
    let mut stream = TcpStream::connect(host).await.ok()?;
    stream.write_all(request.as_bytes()).await.ok()?;
    let mut answer = Vec::new();
    // The head alone counts; the rest is read so that the other side can close in order.
    let _ = stream.read_to_end(&mut answer).await;
    let line = answer.strip_prefix(b"HTTP/1.1 ")?.get(..3)?;
    std::str::from_utf8(line).ok()?.parse().ok()
}

/// The host with its port, and the path without its first slash.
fn split(url: &str) -> Option<(&str, &str)> {
    let rest = url.strip_prefix("http://")?;
    Some(rest.split_once('/').unwrap_or((rest, "")))
}
