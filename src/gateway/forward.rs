//! The life of one request: to the upstream, and its answer back.
//!
//! Not here: connections of either side, and how long a request is held (`hold.rs`).

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::Body;
use hyper::header::{CONNECTION, CONTENT_TYPE, DATE, HeaderValue, RETRY_AFTER};
use hyper::http::request::Parts;
use hyper::{Method, Request, Response, StatusCode, Version};

use super::answer_body::AnswerBody;
use super::answer_inspector::AnswerInspector;
use super::coding::MAX_INSPECTED;
use super::context::Gateway;
use super::credential_index::CredentialOwner;
use super::error_inspector::ErrorInspector;
use super::hold::Held;
use super::request_body::RequestBody;
use super::request_metrics::RequestMetricsGuard;
use super::send_inspector::{SendInspector, SendOperation};
use super::{headers, route};
use crate::client::UpstreamBody;
use crate::clock;
use crate::domain::{Failure, FailureReason, UnauthorizedReason};
use crate::fleet::TargetRef;
use crate::http::ReceivedBody;
use crate::provider::GatewayApi;
use crate::providers;
use crate::upstream::ProviderId;

/// Bodies up to this length are kept while requests are held, so that they can be sent again. A
/// text message has less than 1 KiB.
const KEPT: u64 = 64 * 1024;
/// A 401 whose text takes longer than this is passed on without waiting for what it says.
const UNDERSTOOD: Duration = Duration::from_secs(2);

/// Answers a request of the application.
pub(super) async fn answer(
    request: Request<ReceivedBody>,
    gateway: Arc<Gateway>,
) -> Response<AnswerBody> {
    if let Some(wrong) = headers::malformed(&request) {
        // Where such a request ends may be read in two ways, so nothing more is read after it.
        let mut answer = error_response(StatusCode::BAD_REQUEST, wrong);
        answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        return answer;
    }
    let target = request.uri().path_and_query().map_or("", |target| target.as_str()).to_owned();
    let Some((provider, api, rest)) = route::split(&target) else {
        return error_response(StatusCode::NOT_FOUND, &route::nowhere());
    };
    let mut metrics = RequestMetricsGuard::begin(&gateway, provider);
    let owner = gateway.credentials.owner(provider, api, &request).await;
    let base = owner.as_ref().map(|owner| &owner.base).or_else(|| gateway.base(provider));
    let Some(base) = base else {
        return error_response(StatusCode::NOT_FOUND, &route::nowhere());
    };
    let Ok(address) = base.address(rest) else {
        return error_response(StatusCode::BAD_REQUEST, "the rest of the path is not a path");
    };
    let send = api.sends(request.method(), rest).map(|line| SendOperation { provider, line });
    let (mut head, body) = request.into_parts();
    let chunked = !body.is_end_stream() && body.size_hint().exact().is_none();
    head.headers = headers::to_upstream(head.headers, &base.host, chunked);
    head.uri = address;
    head.version = Version::HTTP_11;
    let owner = owner.as_ref().map(|owner| &owner.target);
    metrics.set_owner(owner.cloned());
    let owner = owner.and_then(CredentialOwner::watched);

    let method = head.method.clone();
    let exchange = Forwarding { gateway: &gateway, api, owner, origin: &base.origin, send };
    let answered = match exchange.may_be_held() {
        Some(held) => exchange.holding(held, head, body).await,
        None => exchange.send(head, body.into()).await.map(|answer| exchange.watched(answer)),
    };
    match answered {
        Ok(answer) => {
            metrics.answered(answer.status().as_u16());
            passed_on(&method, answer)
        }
        Err(failure) => bad_gateway(provider, &failure),
    }
}

/// What every step of a request needs to know.
struct Forwarding<'a> {
    gateway: &'a Arc<Gateway>,
    api: &'static dyn GatewayApi,
    owner: Option<TargetRef>,
    /// Where the request goes: scheme and authority.
    origin: &'a str,
    /// What the request sends, if it sends a message.
    send: Option<SendOperation>,
}

impl Forwarding<'_> {
    fn may_be_held(&self) -> Option<Held> {
        if self.api.may_hold() { Held::of(self.gateway, self.owner?) } else { None }
    }

    /// Sends a request, and returns when an answer has begun.
    async fn send(
        &self,
        head: Parts,
        body: RequestBody,
    ) -> Result<Response<UpstreamBody>, Failure> {
        let answer = self.gateway.client.send(self.origin, Request::from_parts(head, body)).await?;
        if answer.status().is_informational() {
            let what = "the upstream switched protocols unexpectedly";
            return Err(Failure::new(FailureReason::Decode, what));
        }
        Ok(answer)
    }

    /// The answer, looked at as it passes.
    fn watched(&self, answer: Response<UpstreamBody>) -> Response<AnswerBody> {
        let inspector = ErrorInspector::of(self.gateway, self.api, self.owner, &answer);
        let inspector = match inspector {
            Some(inspector) => Some(AnswerInspector::Error(inspector)),
            None => self.send_inspector(&answer),
        };
        answer.map(|body| AnswerBody::passed(body, inspector))
    }

    fn send_inspector(&self, answer: &Response<UpstreamBody>) -> Option<AnswerInspector> {
        let send = self.send.as_ref()?;
        SendInspector::of(self.gateway, self.api, send, self.owner, answer)
            .map(AnswerInspector::Send)
    }

    /// Sends a request when its channel is back, if that is soon, and once more if the channel
    /// refuses it.
    async fn holding(
        &self,
        mut held: Held,
        head: Parts,
        body: ReceivedBody,
    ) -> Result<Response<AnswerBody>, Failure> {
        let body = kept(body).await?;
        let again = body.copy().map(|body| (head.clone(), body));
        held.before_sending().await;
        let sent = self.send_held(&mut held, head, body).await?;
        let (mut answer, mut session) = self.understood(sent).await;
        if session {
            match again {
                None => held.too_large(),
                Some((head, body)) if held.after_refusal().await => {
                    let sent = self.send_held(&mut held, head, body).await?;
                    (answer, session) = self.understood(sent).await;
                }
                Some(_) => {}
            }
        }
        if session {
            let seconds = HeaderValue::from(held.retry_after());
            answer.headers_mut().entry(RETRY_AFTER).or_insert(seconds);
        }
        Ok(answer)
    }

    /// Sends a request that may have been held, and records that it was, unless the application
    /// broke off.
    async fn send_held(
        &self,
        held: &mut Held,
        head: Parts,
        body: RequestBody,
    ) -> Result<Response<UpstreamBody>, Failure> {
        let broken_off = body.broken_off();
        let answer = self.send(head, body).await;
        if !broken_off.has_happened() {
            held.sent();
        }
        answer
    }

    /// Reads what a 401 says before it is passed on. Whether it says that the session is gone.
    async fn understood(&self, answer: Response<UpstreamBody>) -> (Response<AnswerBody>, bool) {
        let error_inspector = ErrorInspector::of(self.gateway, self.api, self.owner, &answer);
        let Some(mut error_inspector) = error_inspector else {
            let inspector = self.send_inspector(&answer);
            return (answer.map(|body| AnswerBody::passed(body, inspector)), false);
        };
        let (head, mut body) = answer.into_parts();
        let mut begun = BytesMut::new();
        let reading = async {
            while begun.len() < MAX_INSPECTED {
                match body.frame().await {
                    Some(Ok(frame)) => frame.data_ref().into_iter().for_each(|data| {
                        error_inspector.see(data);
                        begun.extend_from_slice(data);
                    }),
                    Some(Err(error)) => return Some(error),
                    None => return None,
                }
            }
            None
        };
        let Ok(broken) = tokio::time::timeout(UNDERSTOOD, reading).await else {
            let inspector = Some(AnswerInspector::Error(error_inspector));
            let answered = AnswerBody::begun(begun.freeze(), None, body, inspector);
            return (Response::from_parts(head, answered), false);
        };
        let session = error_inspector.report() == Some(UnauthorizedReason::Session);
        let answered = AnswerBody::begun(begun.freeze(), broken, body, None);
        (Response::from_parts(head, answered), session)
    }
}

/// The body of a request, whole if it is small enough to be kept.
async fn kept(body: ReceivedBody) -> Result<RequestBody, Failure> {
    if body.is_end_stream() {
        return Ok(RequestBody::default());
    }
    if body.size_hint().exact().is_none_or(|length| length > KEPT) {
        return Ok(body.into());
    }
    match body.collect().await {
        Ok(body) => Ok(RequestBody::Kept(Some(body.to_bytes()))),
        Err(_) => Err(Failure::new(FailureReason::Connect, "the request broke off")),
    }
}

/// An answer as it goes back to the application.
fn passed_on(method: &Method, answer: Response<AnswerBody>) -> Response<AnswerBody> {
    let (mut head, body) = answer.into_parts();
    let bodiless = *method == Method::HEAD
        || matches!(head.status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    head.headers = headers::to_application(head.headers, bodiless, body.size_hint().exact());
    head.version = Version::HTTP_11;
    Response::from_parts(head, body)
}

/// An answer of the gateway's own when the upstream gave none.
fn bad_gateway(provider: ProviderId, failure: &Failure) -> Response<AnswerBody> {
    let upstream = providers::get(provider).display_name();
    error_response(
        StatusCode::BAD_GATEWAY,
        &format!("{upstream} gave no answer: {}", failure.detail),
    )
}

/// A sentence of the gateway's own.
fn error_response(status: StatusCode, sentence: &str) -> Response<AnswerBody> {
    let text: Bytes = format!("whatsapp-exporter's gateway: {sentence}\n").into();
    let mut answer = Response::new(AnswerBody::text(text));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    // hyper, left to add it, would add it to the upstream's answers too.
    if let Ok(date) = HeaderValue::from_str(&httpdate::fmt_http_date(clock::system_time())) {
        headers.insert(DATE, date);
    }
    answer
}
