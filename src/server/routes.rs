//! The routes.
//!
//! | path | answers |
//! | --- | --- |
//! | `GET /metrics` | the metrics, in text 0.0.4 or OpenMetrics 1.0 |
//! | `GET /` | the page for people; `?q=` finds, `?page=` turns, `?refresh=` renews it |
//! | `GET /page.js` | the script that renews it |
//! | `GET /channels/{channel}` | the page of one channel; 421 at another shard |
//! | `GET /api/status` | the same as JSON |
//! | `GET /channels/{channel}/ready` | 200 while it can send, else 503; 421 at another shard |
//! | `…/ready?witness=delivery` | 503 also while messages are not acknowledged |
//! | `GET /healthz` | 200 while the process turns |
//! | `POST /-/reload` | reloads the settings; from loopback only, without `ENABLE_LIFECYCLE` |
//! | `POST /webhook/{provider}` | takes a provider's webhooks, if `WEBHOOK_SECRET` is set |
//! | `POST /shard/{n}/webhook/{provider}` | the same; the path is for whoever routes to shards |
//! | `GET /readyz` | 200 once the settings are loaded; never depends on an upstream |

use std::net::IpAddr;

use hyper::header::{
    ALLOW, CONNECTION, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, REFERRER_POLICY, RETRY_AFTER,
    VARY, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS,
};
use hyper::{Method, Request, StatusCode};

use super::body::{Blocks, ReplyBody};
use super::page::{PageQuery, Which};
use super::reply::{Reply, ok, text, with};
use super::state::State;
use super::{negotiate, page, status_json, webhook};
use crate::clock;
use crate::domain::{Availability, TargetKind};
use crate::http::{Access, ConnectionRefusal, ListenerKind, Peer, ReceivedBody};
use crate::metrics::exposition::Exposition;
use crate::report::delivery;

/// Answers a request.
pub(super) async fn answer(request: Request<ReceivedBody>, state: &State, peer: Peer) -> Reply {
    // Webhooks have a secret of their own: upstreams have neither our password nor a certificate of
    // ours.
    if let Some((provider, _)) = webhook::addressed(request.uri().path()) {
        let answer = webhook::receive(request, provider, state).await;
        return with(answer, X_CONTENT_TYPE_OPTIONS, "nosniff");
    }
    let path = request.uri().path();
    let known =
        matches!(path, "/" | "/page.js" | "/metrics" | "/api/status" | "/healthz" | "/readyz")
            || ready_channel(path).is_some()
            || channel(path).is_some();
    // Kubernetes' probes have neither a certificate nor a password.
    let open = matches!(path, "/healthz" | "/readyz");
    let access = match open {
        true => Access::Granted,
        false => state.auth.authorize(request.headers(), &peer).await,
    };
    let answer = match *request.method() {
        _ if access != Access::Granted => denied(access, state),
        Method::POST if path == "/-/reload" => reload(state, peer.ip).await,
        _ if path == "/-/reload" => with(
            text(StatusCode::METHOD_NOT_ALLOWED, "only POST is answered here\n"),
            ALLOW,
            "POST",
        ),
        _ if !known => text(
            StatusCode::NOT_FOUND,
            "there is nothing here; see / for the page and /metrics for the metrics\n",
        ),
        Method::GET | Method::HEAD => get(&request, state, &peer).await,
        _ => with(
            text(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD are answered here\n"),
            ALLOW,
            "GET, HEAD",
        ),
    };
    let answer = with(answer, X_CONTENT_TYPE_OPTIONS, "nosniff");
    if *request.method() == Method::HEAD {
        // The length of a GET's body is not known without writing it; hyper sends no body for HEAD.
        return answer.map(|_| ReplyBody::whole(""));
    }
    answer
}

fn denied(access: Access, state: &State) -> Reply {
    match access {
        Access::Busy => {
            state.metrics.connection_refused(ListenerKind::Metrics, ConnectionRefusal::Passwords);
            let sentence = "too many passwords wait to be checked; try again in a moment\n";
            let answer = text(StatusCode::SERVICE_UNAVAILABLE, sentence);
            with(with(answer, RETRY_AFTER, "1"), CONNECTION, "close")
        }
        Access::CertificateNeeded => {
            text(StatusCode::FORBIDDEN, "a client certificate is needed\n")
        }
        Access::PasswordNeeded | Access::Granted => with(
            text(StatusCode::UNAUTHORIZED, "a user name and a password are needed\n"),
            WWW_AUTHENTICATE,
            "Basic realm=\"whatsapp-exporter\", charset=\"UTF-8\"",
        ),
    }
}

async fn get(request: &Request<ReceivedBody>, state: &State, peer: &Peer) -> Reply {
    match request.uri().path() {
        "/metrics" => metrics(request, state, peer),
        "/" => page(request, state, peer, Which::Front).await,
        "/page.js" => ok("text/javascript; charset=utf-8", ReplyBody::whole(page::SCRIPT)),
        "/api/status" => {
            let blocks = status_json::StatusJson::new(state.fleet.view(clock::now()));
            let answer = ok("application/json", ReplyBody::whole(""));
            streamed(request, state, peer, answer, blocks)
        }
        "/healthz" => text(StatusCode::OK, "ok\n"),
        "/readyz" => text(StatusCode::OK, "ready\n"),
        path => match (ready_channel(path), channel(path)) {
            (Some(name), _) => ready(name, Witness::of(request), state),
            (None, Some(name)) => page(request, state, peer, Which::Channel(name)).await,
            (None, None) => text(StatusCode::NOT_FOUND, "there is nothing here\n"),
        },
    }
}

fn metrics(request: &Request<ReceivedBody>, state: &State, peer: &Peer) -> Reply {
    let format = negotiate::format(request.headers());
    let page = Exposition::new(state.fleet.view(clock::now()), &state.metrics, format);
    let answer = with(ok(format.content_type(), ReplyBody::whole("")), VARY, "Accept");
    streamed(request, state, peer, answer, page)
}

/// The answer with these blocks as its body, compressed if its reader takes that and there is
/// memory for it.
fn streamed(
    request: &Request<ReceivedBody>,
    state: &State,
    peer: &Peer,
    answer: Reply,
    blocks: impl Blocks + 'static,
) -> Reply {
    let wanted = negotiate::gzip(request.headers());
    let encoder = if wanted { state.memory.encoder() } else { None };
    if wanted && encoder.is_none() {
        peer.drop_stalled_reader();
    }
    let answer = with(answer, VARY, "Accept-Encoding");
    let answer = if encoder.is_some() { with(answer, CONTENT_ENCODING, "gzip") } else { answer };
    answer.map(|_| state.memory.stream(Box::new(blocks), encoder))
}

async fn page(
    request: &Request<ReceivedBody>,
    state: &State,
    peer: &Peer,
    which: Which<'_>,
) -> Reply {
    let query = PageQuery::parse(request.uri().query());
    let gzip = negotiate::gzip(request.headers());
    let render = || page::render(&state.fleet.view(clock::now()), which, &query);
    let address = format!("{which:?} {query:?}");
    let rendered = state.memory.page((address, gzip), render, || peer.drop_stalled_reader()).await;
    let Some(rendered) = rendered else {
        let sentence = "too many pages are being read; try again in a moment\n";
        let answer = text(StatusCode::SERVICE_UNAVAILABLE, sentence);
        return with(answer, RETRY_AFTER, "1");
    };
    match rendered {
        Ok(Some(body)) => {
            let answer = with(ok("text/html; charset=utf-8", body), VARY, "Accept-Encoding");
            let answer = if gzip { with(answer, CONTENT_ENCODING, "gzip") } else { answer };
            let policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; script-src \
                'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors \
                'none'";
            with(with(answer, CONTENT_SECURITY_POLICY, policy), REFERRER_POLICY, "no-referrer")
        }
        Ok(None) => match which {
            Which::Channel(name) => not_here(name, state),
            Which::Front => text(StatusCode::NOT_FOUND, "there is nothing here\n"),
        },
        Err(_) => text(StatusCode::INTERNAL_SERVER_ERROR, "the page could not be rendered\n"),
    }
}

async fn reload(state: &State, peer: IpAddr) -> Reply {
    // A listener for both IP versions sees IPv4 peers as mapped addresses.
    if !peer.to_canonical().is_loopback() && !state.lifecycle_from_anywhere {
        return text(
            StatusCode::FORBIDDEN,
            "reload requests are accepted from loopback only; set ENABLE_LIFECYCLE=true to allow \
             all clients\n",
        );
    }
    let Some(reloader) = &state.reloader else {
        return text(StatusCode::NOT_FOUND, "there is nothing to reload\n");
    };
    match reloader.reload().await {
        Ok(()) => text(StatusCode::OK, "reloaded\n"),
        Err(problems) => text(
            StatusCode::INTERNAL_SERVER_ERROR,
            format!("invalid settings; keeping the current ones\n{problems}\n"),
        ),
    }
}

/// The name in `/channels/{name}/ready`. Names need no escaping, so none is undone.
fn ready_channel(path: &str) -> Option<&str> {
    path.strip_prefix("/channels/")?.strip_suffix("/ready").filter(|name| !name.contains('/'))
}

/// What is said of a channel that is not watched here.
fn not_here(name: &str, state: &State) -> Reply {
    if state.fleet.other_shards().has_name(TargetKind::Channel, name) {
        let sentence = "this channel is watched by another shard\n";
        return text(StatusCode::MISDIRECTED_REQUEST, sentence);
    }
    text(StatusCode::NOT_FOUND, "no channel of this name is configured\n")
}

/// The name in `/channels/{name}`.
fn channel(path: &str) -> Option<&str> {
    let name = path.strip_prefix("/channels/")?;
    (!name.is_empty() && !name.contains('/')).then_some(name)
}

/// Who is asked whether a channel can send.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Witness {
    /// Its status alone.
    Status,
    /// `?witness=delivery`: whether messages are acknowledged, too.
    Delivery,
}

impl Witness {
    fn of(request: &Request<ReceivedBody>) -> Self {
        let mut query = request.uri().query().into_iter().flat_map(|query| query.split('&'));
        match query.any(|part| part == "witness=delivery") {
            true => Self::Delivery,
            false => Self::Status,
        }
    }
}

/// An application asks this before it sends. The gateway judges by the same rule, by the status.
fn ready(name: &str, witness: Witness, state: &State) -> Reply {
    let now = clock::now();
    let found = state.fleet.find(TargetKind::Channel, name);
    let known = found.and_then(|channel| {
        state.fleet.look(channel, |watched| {
            let (channel, policy) = (watched.channel()?, watched.policy());
            let availability = Availability::of(channel, policy, now);
            let stuck = delivery::stuck(watched, now).filter(|_| witness == Witness::Delivery);
            let wait = availability.retry_after(channel);
            Some((channel.status(now, policy), availability, wait, stuck))
        })
    });
    let Some((status, availability, wait, stuck)) = known.flatten() else {
        return not_here(name, state);
    };
    let word = format!("{}\n", status.as_str());
    match availability {
        Availability::Ready => match stuck {
            None => text(StatusCode::OK, word),
            Some(sentence) => {
                let sentence = format!("{}, but {sentence}\n", status.as_str());
                with(text(StatusCode::SERVICE_UNAVAILABLE, sentence), RETRY_AFTER, "60")
            }
        },
        Availability::Returning | Availability::Away => {
            let answer = text(StatusCode::SERVICE_UNAVAILABLE, word);
            with(answer, RETRY_AFTER, &wait.as_secs().to_string())
        }
    }
}
