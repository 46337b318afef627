//! The receiver of Whapi's webhooks: lets in whoever knows the secret, reads a bounded body, hands the event to the fleet.
//!
//! Not here: what a delivery says (`providers/webhook.rs`) and what becomes of it (`domain/`).

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use hyper::header::{ALLOW, RETRY_AFTER};
use hyper::{HeaderMap, Method, Request, StatusCode};
use secrecy::ExposeSecret;
use subtle::ConstantTimeEq;
use tokio::sync::Semaphore;
use tracing::{debug, error, info};

use super::State;
use super::routes::{Answer, text, with};
use crate::domain::{Happening, Provider, Reported, WebhookOutcome, WebhookRefusal};
use crate::fleet::Delivered;
use crate::providers::webhook::{self, Addressed};
use crate::settings::Webhooks;
use crate::{clock, news};

/// Messages may carry media inline, which nobody needs to send here; the events of a channel are about 1 KB.
const LARGEST: usize = 1024 * 1024;
/// Bodies that are read at a time; a further one waits its turn.
const READ_AT_A_TIME: usize = 16;
/// A body that takes longer is given up, so that stalled senders do not hold up the others. Whapi wants an answer within 5 s.
const BODY: Duration = Duration::from_secs(10);

/// Receives webhooks, if the settings give it a secret.
pub(super) struct Receiver {
    settings: Webhooks,
    reading: Semaphore,
    /// Whether the secret could not be read when it was last needed, so that it is logged once.
    unreadable: AtomicBool,
}

impl Receiver {
    pub(super) fn new(settings: Webhooks) -> Self {
        let reading = Semaphore::new(READ_AT_A_TIME);
        Self { settings, reading, unreadable: AtomicBool::new(false) }
    }

    /// Whether the secret is right; `None` when ours cannot be read.
    fn lets_in(&self, headers: &HeaderMap) -> Option<bool> {
        let ours = match self.settings.secret.read() {
            Ok(ours) => ours,
            Err(error) => {
                if !self.unreadable.swap(true, Ordering::Relaxed) {
                    error!(%error, "WEBHOOK_SECRET_FILE cannot be read, so no webhook can be taken");
                }
                return None;
            }
        };
        if self.unreadable.swap(false, Ordering::Relaxed) {
            info!("WEBHOOK_SECRET_FILE can be read again");
        }
        let ours = ours.expose_secret().as_bytes();
        let mut given = headers.get_all(&self.settings.header).iter();
        // How long it takes tells at most the length.
        Some(given.any(|theirs| bool::from(theirs.as_bytes().ct_eq(ours))))
    }
}

/// What the address of a webhook says; `None` for another address.
pub(super) fn addressed<'a>(path: &'a str, method: &'a Method) -> Option<Addressed<'a>> {
    let rest = path.strip_prefix("/webhook/whapi")?;
    let mut parts = match rest {
        "" | "/" => "",
        rest => rest.strip_prefix('/')?,
    }
    .split('/')
    .filter(|part| !part.is_empty());
    let addressed = Addressed { kind: parts.next(), method: parts.next(), http: method.as_str() };
    parts.next().is_none().then_some(addressed)
}

/// Answers a delivery. Whapi takes exactly 200 for delivered and tries again otherwise.
pub(super) async fn receive(request: Request<Incoming>, state: &State) -> Answer {
    let Some(receiver) = &state.webhooks else {
        let off = "webhooks are not received: WEBHOOK_SECRET is not set\n";
        return text(StatusCode::NOT_FOUND, off);
    };
    let (parts, body) = request.into_parts();
    let methods = [Method::POST, Method::PUT, Method::PATCH, Method::DELETE];
    let addressed = match addressed(parts.uri.path(), &parts.method) {
        Some(addressed) if methods.contains(&parts.method) => addressed,
        _ => {
            let answer = text(StatusCode::METHOD_NOT_ALLOWED, "only webhooks are answered here\n");
            return with(answer, ALLOW, "POST, PUT, PATCH, DELETE");
        }
    };
    match receiver.lets_in(&parts.headers) {
        Some(true) => {}
        Some(false) => {
            state.metrics.webhook_refused(WebhookRefusal::Secret);
            // The header is not named: a careless hand may have put the secret there.
            let sentence = "the header that WEBHOOK_SECRET_HEADER names must hold the secret\n";
            return text(StatusCode::UNAUTHORIZED, sentence);
        }
        None => return later("the webhooks' secret cannot be read; the exporter's log says why\n"),
    }
    let body = {
        let Ok(_permit) = receiver.reading.acquire().await else { return later("stopping\n") };
        tokio::time::timeout(BODY, read(body)).await.unwrap_or(Err(Unread::TooSlow))
    };
    let body = match body {
        Ok(body) => body,
        Err(Unread::TooLarge) => {
            state.metrics.webhook_refused(WebhookRefusal::TooLarge);
            let sentence = format!("a webhook of more than {LARGEST} bytes is not read\n");
            return text(StatusCode::PAYLOAD_TOO_LARGE, sentence);
        }
        Err(Unread::TooSlow) => {
            debug!("a webhook's body did not come in time");
            return text(StatusCode::REQUEST_TIMEOUT, "the body did not come in time\n");
        }
        Err(Unread::Broken) => return text(StatusCode::BAD_REQUEST, "the body is not whole\n"),
    };
    let Some(webhook) = webhook::interpret(&body, addressed) else {
        state.metrics.webhook_refused(WebhookRefusal::NotJson);
        return text(StatusCode::BAD_REQUEST, "the body is not a JSON object\n");
    };
    take(webhook, state)
}

fn take(webhook: webhook::Webhook, state: &State) -> Answer {
    let word = match &webhook.happening {
        Happening::Status(observation) => match &observation.status {
            Reported::Word(word) => Some(word.clone()),
            Reported::Known(_) => None,
        },
        _ => None,
    };
    let delivered = match &webhook.channel_id {
        Some(id) => state.fleet.channel_told(id, clock::now(), webhook.happening),
        None => Delivered::Unknown,
    };
    match delivered {
        Delivered::To { name, moved, outcome, said_unknown_word } => {
            let told = matches!(outcome, WebhookOutcome::Applied | WebhookOutcome::Late);
            if let Some(word) = word.filter(|_| told) {
                state.metrics.unknown_status(Provider::Whapi);
                if outcome == WebhookOutcome::Applied && !said_unknown_word {
                    news::unknown_word(&name, &word);
                }
            }
            if let Some(moved) = moved {
                news::moved(&name, moved);
            }
            text(StatusCode::OK, "ok\n")
        }
        // Whapi would deliver it again and again to no avail.
        Delivered::Unknown => {
            state.metrics.webhook_refused(WebhookRefusal::UnknownChannel);
            debug!(
                channel_id = webhook.channel_id,
                "a webhook is of no channel that is configured"
            );
            text(StatusCode::OK, "ok, but of no channel that is configured\n")
        }
        Delivered::TooEarly => later("not all channels have answered and told their ids yet\n"),
    }
}

fn later(words: &'static str) -> Answer {
    with(text(StatusCode::SERVICE_UNAVAILABLE, words), RETRY_AFTER, "5")
}

enum Unread {
    TooLarge,
    TooSlow,
    Broken,
}

async fn read<B: Body<Data = Bytes> + Unpin>(mut body: B) -> Result<Bytes, Unread> {
    if body.size_hint().lower() > LARGEST as u64 {
        return Err(Unread::TooLarge);
    }
    let mut whole = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| Unread::Broken)?.into_data() else { continue };
        if whole.len() + data.len() > LARGEST {
            return Err(Unread::TooLarge);
        }
        whole.extend_from_slice(&data);
    }
    Ok(whole.freeze())
}
