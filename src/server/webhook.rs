//! The receiver of webhooks: lets in whoever can prove to know the secret, has the body read, hands
//! the events to the fleet.
//!
//! Not here: reading bodies (`webhook_body.rs`), what a delivery says (`providers/`), and what
//! becomes of it (`domain/`).

use hyper::header::{ALLOW, RETRY_AFTER};
use hyper::{Method, Request, StatusCode};
use tracing::debug;

use super::reply::{Reply, text, with};
use super::state::State;
use super::webhook_body::BodyError;
use crate::clock;
use crate::domain::{AccountEvent, WebhookRefusal};
use crate::fleet::{AccountDelivery, DeliveryOutcome};
use crate::http::ReceivedBody;
use crate::provider::{
    AccountWebhook, HandshakeAnswer, HeadVerdict, Webhook, WebhookApi, WebhookHead,
};
use crate::providers;
use crate::report::log_events;
use crate::upstream::ProviderId;

/// So many events of a delivery are handed on between two turns of everybody else.
const DELIVERED_AT_A_TIME: usize = 100;

/// The provider whose receiver is at this path, and what follows its name.
pub(super) fn addressed(path: &str) -> Option<(ProviderId, &str)> {
    let path = whole_fleets(path).strip_prefix("/webhook/")?;
    let (label, rest) = path.split_once('/').unwrap_or((path, ""));
    let rest = rest.trim_matches('/');
    let provider = providers::with_label(label)?;
    let api = providers::get(provider).webhooks()?;
    api.has_path(rest).then_some((provider, rest))
}

/// A path without the `/shard/<n>` before it, which leads a delivery to one of several exporters.
/// Here the channel alone decides: one of ours is taken at any shard's path.
fn whole_fleets(path: &str) -> &str {
    let below = path.strip_prefix("/shard/").and_then(|rest| {
        let end = rest.find('/')?;
        let number = &rest[..end];
        let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then(|| &rest[end..])
    });
    below.unwrap_or(path)
}

/// Answers a delivery. Upstreams take 200 for delivered and try again otherwise.
pub(super) async fn receive(
    request: Request<ReceivedBody>,
    provider: ProviderId,
    state: &State,
) -> Reply {
    let Some(receiver) = &state.webhooks else {
        let off = "webhooks are not received: WEBHOOK_SECRET is not set\n";
        return text(StatusCode::NOT_FOUND, off);
    };
    let (parts, body) = request.into_parts();
    let Some((api, rest)) =
        providers::get(provider).webhooks().zip(addressed(parts.uri.path()).map(|(_, rest)| rest))
    else {
        return text(StatusCode::NOT_FOUND, "there is nothing here\n");
    };
    let methods = api.methods();
    if !methods.contains(&parts.method) {
        let answer = text(StatusCode::METHOD_NOT_ALLOWED, "only webhooks are answered here\n");
        let allowed: Vec<_> = methods.iter().map(Method::as_str).collect();
        return with(answer, ALLOW, &allowed.join(", "));
    }
    let Some(secret) = receiver.secret() else {
        return later("the webhooks' secret cannot be read; the exporter's log says why\n");
    };
    if let Some(handshake) = api.handshake(&parts.method, parts.uri.query(), &secret) {
        return match handshake {
            HandshakeAnswer::Text(answer) => text(StatusCode::OK, answer),
            HandshakeAnswer::Refused => {
                state.metrics.webhook_refused(WebhookRefusal::Secret);
                text(StatusCode::FORBIDDEN, format!("{}\n", api.refusal()))
            }
        };
    }
    let secret = match api.has_own_secret() {
        false => secret,
        true => match receiver.own_secret(provider) {
            Some(Ok(secret)) => secret,
            Some(Err(())) => {
                return later("the webhooks' secret cannot be read; the exporter's log says why\n");
            }
            None => return unauthorized(api, state),
        },
    };
    let head = WebhookHead {
        method: &parts.method,
        rest,
        headers: &parts.headers,
        secret_header: &receiver.settings.header,
    };
    let verdict = api.authorize(head, &secret);
    if verdict == HeadVerdict::Refuse {
        return unauthorized(api, state);
    }
    let limit = api.max_body_bytes();
    let body = match receiver.room.read(body, limit).await {
        Ok(body) => body,
        Err(BodyError::TooLarge) => {
            state.metrics.webhook_refused(WebhookRefusal::TooLarge);
            let sentence = format!("webhook bodies are limited to {limit} bytes\n");
            return text(StatusCode::PAYLOAD_TOO_LARGE, sentence);
        }
        Err(BodyError::TooSlow) => {
            debug!("timed out reading a webhook's body");
            return text(StatusCode::REQUEST_TIMEOUT, "timed out reading the body\n");
        }
        Err(BodyError::NoRoom) => {
            state.metrics.webhook_refused(WebhookRefusal::NoRoom);
            return later("too many webhooks are being read; try again in a moment\n");
        }
        Err(BodyError::Broken) => return text(StatusCode::BAD_REQUEST, "the body is incomplete\n"),
    };
    if verdict == HeadVerdict::NeedsBody && !api.authorize_body(head, &body.bytes, &secret) {
        return unauthorized(api, state);
    }
    let Some(webhooks) = api.events(head, &body.bytes) else {
        state.metrics.webhook_refused(WebhookRefusal::NotJson);
        return text(StatusCode::BAD_REQUEST, "the body is not a JSON object\n");
    };
    let of_accounts = api.account_events(&body.bytes).into_iter();
    let of_accounts = of_accounts.map(|AccountWebhook { account_id, event }| {
        deliver_to_account(provider, account_id.as_deref(), event, state)
    });
    let of_channels = webhooks.into_iter().map(|webhook| deliver(provider, webhook, state));
    let mut answer = text(StatusCode::OK, "ok\n");
    for (at, other) in of_accounts.chain(of_channels).enumerate() {
        // One that is to come again must not be lost behind another of the same delivery.
        answer = other.filter(|other| weight(other) >= weight(&answer)).unwrap_or(answer);
        if at % DELIVERED_AT_A_TIME == DELIVERED_AT_A_TIME - 1 {
            tokio::task::yield_now().await;
        }
    }
    answer
}

/// How much an answer to one of several events counts.
fn weight(answer: &Reply) -> u8 {
    match answer.status() {
        StatusCode::SERVICE_UNAVAILABLE => 2,
        StatusCode::MISDIRECTED_REQUEST => 1,
        _ => 0,
    }
}

fn unauthorized(api: &dyn WebhookApi, state: &State) -> Reply {
    state.metrics.webhook_refused(WebhookRefusal::Secret);
    text(StatusCode::UNAUTHORIZED, format!("{}\n", api.refusal()))
}

/// Hands an event to the fleet. `None` when it was a channel's.
fn deliver(provider: ProviderId, webhook: Webhook, state: &State) -> Option<Reply> {
    let Webhook { source, channel_id, event } = webhook;
    let outcome = match &channel_id {
        Some(id) => state.fleet.deliver(provider, source.as_deref(), id, clock::now(), event),
        None => DeliveryOutcome::Unknown,
    };
    match outcome {
        DeliveryOutcome::Channel { applied, .. } => {
            if applied.unknown_word {
                state.metrics.unknown_status(provider);
            }
            log_events::log_changes(provider, &applied.changes);
            None
        }
        // It would be delivered again and again to no avail.
        DeliveryOutcome::Unknown => {
            state.metrics.webhook_refused(WebhookRefusal::UnknownChannel);
            debug!(channel_id, "webhook for an unconfigured channel");
            Some(text(StatusCode::OK, "ok, but the channel is not configured\n"))
        }
        DeliveryOutcome::Ambiguous => {
            state.metrics.webhook_refused(WebhookRefusal::UnknownChannel);
            if let Some(receiver) = &state.webhooks {
                receiver.tell_of_ambiguous(provider, channel_id.as_deref().unwrap_or_default());
            }
            let words = "ok, but several sources have this channel: add /<source> to the address\n";
            Some(text(StatusCode::OK, words))
        }
        DeliveryOutcome::OtherShard => {
            state.metrics.webhook_refused(WebhookRefusal::OtherShard);
            debug!(channel_id, "a webhook is of a channel that another shard watches");
            Some(text(
                StatusCode::MISDIRECTED_REQUEST,
                "this channel is watched by another shard; `check` there prints its address\n",
            ))
        }
        DeliveryOutcome::TooEarly => {
            Some(later("not all channel ids are known yet; try again later\n"))
        }
    }
}

/// Hands an event to an account. `None` when it is watched.
fn deliver_to_account(
    provider: ProviderId,
    id: Option<&str>,
    event: AccountEvent,
    state: &State,
) -> Option<Reply> {
    let id = id.unwrap_or_default();
    match state.fleet.deliver_to_account(provider, id, clock::now(), event) {
        AccountDelivery::Account { target, has_changed } => {
            if let Some(poll_now) = state.poll_now.as_ref().filter(|_| has_changed) {
                poll_now.poll(target);
            }
            None
        }
        AccountDelivery::Unknown => {
            state.metrics.webhook_refused(WebhookRefusal::UnknownChannel);
            debug!(account_id = id, "a webhook is of no account that is watched");
            Some(text(StatusCode::OK, "ok, but of no account that is watched\n"))
        }
        AccountDelivery::TooEarly => {
            Some(later("not all sources have listed their accounts yet; try again later\n"))
        }
    }
}

fn later(words: &'static str) -> Reply {
    with(text(StatusCode::SERVICE_UNAVAILABLE, words), RETRY_AFTER, "5")
}
