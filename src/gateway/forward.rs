//! The road of one request: to the upstream, and its answer back.
//!
//! Not here: connections of either side.

use std::sync::Arc;
use std::time::SystemTime;

use hyper::body::{Body, Incoming};
use hyper::header::{CONTENT_TYPE, DATE, HeaderValue};
use hyper::{HeaderMap, Method, Request, Response, StatusCode, Version};

use super::body::{Answered, Sent};
use super::tally::Tally;
use super::witness::Witness;
use super::{Gateway, headers, route};
use crate::domain::{Failure, Provider};
use crate::fleet::Handle;

const NOWHERE: &str = "nothing is at this path: paths begin with /whapi/ for Whapi or /meta/ for Meta (metrics are at LISTEN_ADDRESS)";

/// Answers a request of the application.
pub(super) async fn answer(
    request: Request<Incoming>,
    gateway: Arc<Gateway>,
) -> Response<Answered> {
    if let Some(wrong) = headers::misshapen(&request) {
        return said(StatusCode::BAD_REQUEST, wrong);
    }
    let target = request.uri().path_and_query().map(|target| target.as_str().to_owned());
    let target = target.unwrap_or_default();
    let Some((provider, rest)) = route::split(&target) else {
        return said(StatusCode::NOT_FOUND, NOWHERE);
    };
    let mut tally = Tally::begin(&gateway, provider);
    let owner = gateway.keyring.owner(provider, &request).await;
    tally.of(owner.as_ref().map(|owner| &owner.handle));
    let base = owner.as_ref().map_or_else(|| gateway.base(provider), |owner| &owner.base);
    let Ok(address) = base.address(rest) else {
        return said(StatusCode::BAD_REQUEST, "the rest of the path is not a path");
    };
    let (mut head, body) = request.into_parts();
    let chunked = !body.is_end_stream() && body.size_hint().exact().is_none();
    head.headers = headers::to_upstream(head.headers, &base.host, chunked);
    head.uri = address;
    head.version = Version::HTTP_11;
    let method = head.method.clone();
    let request = Request::from_parts(head, Sent::from(body));
    match gateway.passage.send(request).await {
        Ok(answer) => {
            passed(&gateway, provider, owner.map(|owner| owner.handle), tally, &method, answer)
        }
        Err(failure) => unanswered(provider, &failure),
    }
}

/// An upstream's answer on its way back.
fn passed(
    gateway: &Arc<Gateway>,
    provider: Provider,
    owner: Option<Handle>,
    tally: Tally,
    method: &Method,
    answer: Response<Incoming>,
) -> Response<Answered> {
    if answer.status().is_informational() {
        let wrong = "the upstream switched to another protocol, which nobody asked it for";
        return said(StatusCode::BAD_GATEWAY, wrong);
    }
    tally.answered(answer.status().as_u16());
    let witness = Witness::of(gateway, provider, owner.as_ref(), &answer);
    let (mut head, body) = answer.into_parts();
    let bodiless = *method == Method::HEAD
        || matches!(head.status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    head.headers = headers::to_application(head.headers, bodiless, body.size_hint().exact());
    head.version = Version::HTTP_11;
    Response::from_parts(head, Answered::passed(body, witness))
}

/// An answer of the gateway's own when the upstream gave none.
fn unanswered(provider: Provider, failure: &Failure) -> Response<Answered> {
    let upstream = match provider {
        Provider::Whapi => "Whapi",
        Provider::Meta => "Meta",
    };
    said(StatusCode::BAD_GATEWAY, &format!("{upstream} gave no answer: {}", failure.detail))
}

/// A sentence of the gateway's own.
fn said(status: StatusCode, sentence: &str) -> Response<Answered> {
    let mut answer =
        Response::new(Answered::text(format!("whatsapp-exporter's gateway: {sentence}\n")));
    *answer.status_mut() = status;
    let headers: &mut HeaderMap = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    // hyper would add it to the upstream's answers too.
    if let Ok(date) = HeaderValue::from_str(&httpdate::fmt_http_date(SystemTime::now())) {
        headers.insert(DATE, date);
    }
    answer
}
