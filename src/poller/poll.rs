//! One poll of one target: its secrets, its requests, and what the answers say.
//!
//! Not here: when it happens, and what becomes of what it says.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;

use crate::clock;
use crate::domain::{Failure, FailureReason, TargetKind};
use crate::secret::Fingerprint;
use crate::target::Target;
use crate::upstream::{
    Answer, Endpoint, Fact, LONG_ANSWER_BYTES, MAX_ANSWER_BYTES, MAX_LIST_BYTES, Next, PollContext,
    Reading, Request,
};

/// Sends a request whose answer may have so many bytes; [`crate::client::Client`] in the program,
/// something else in a test.
pub type Ask = Arc<
    dyn Fn(Request, usize) -> Pin<Box<dyn Future<Output = Result<Answer, Failure>> + Send>>
        + Send
        + Sync,
>;

/// A poll makes at most so many requests: pages of a list may lead in a circle.
const MAX_REQUESTS: usize = 100;

/// A poll that has ended.
pub(super) struct Completed {
    /// How long it took from the first request on; `None` when none was sent.
    pub(super) took: Option<Duration>,
    /// The secrets that were used, when they could be read.
    pub(super) secrets: Option<Fingerprint>,
    pub(super) reading: Reading,
}

/// Long answers are read one after the other: each is there already, and ten at once would take
/// the memory of ten.
static READING: Semaphore = Semaphore::const_new(1);

/// Reads an answer; a long one where nobody waits for it.
async fn read(read: Box<dyn FnOnce(Answer) -> Next + Send>, answer: Answer) -> Next {
    if answer.body.len() < LONG_ANSWER_BYTES {
        return read(answer);
    }
    let _place = READING.acquire().await;
    match tokio::task::spawn_blocking(move || read(answer)).await {
        Ok(next) => next,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // The program ends.
            Err(_) => std::future::pending().await,
        },
    }
}

/// Polls a target.
pub(super) async fn poll(target: Arc<Target>, endpoint: Arc<dyn Endpoint>, ask: Ask) -> Completed {
    let failed = |failure| Reading::from(Fact::failed(target.kind, failure));
    let credentials = match target.credentials() {
        Ok(credentials) => credentials,
        Err(error) => {
            let failure = Failure::new(FailureReason::Secret, error.to_string());
            return Completed { took: None, secrets: None, reading: failed(failure) };
        }
    };
    let secrets = Some(Fingerprint::of(&credentials.own, credentials.second.as_ref()));
    let context = PollContext {
        api_url: &target.options.api_url,
        id: target.id.as_deref(),
        now: clock::now(),
    };
    let started = clock::instant();
    let mut exchange = endpoint.poll(context, credentials);
    let max_bytes = match target.kind {
        TargetKind::Source | TargetKind::Account => MAX_LIST_BYTES,
        TargetKind::Channel | TargetKind::Token => MAX_ANSWER_BYTES,
    };
    let (mut reading, mut known) = (None, None::<Reading>);
    for _ in 0..MAX_REQUESTS {
        let next = match ask(exchange.request, max_bytes).await {
            Ok(answer) => Ok(read(exchange.read, answer).await),
            Err(failure) => Err(failure),
        };
        match next {
            Ok(Next::Ask(next)) => exchange = next,
            Ok(Next::Partly(part, next)) => {
                known = Some(match known {
                    Some(before) => part.after(before),
                    None => part,
                });
                exchange = next;
            }
            Ok(Next::Done(done)) => {
                reading = Some(done);
                break;
            }
            Err(failure) => {
                reading = Some(failed(failure));
                break;
            }
        }
    }
    let reading = reading.unwrap_or_else(|| {
        let what = format!("the list has no end: it was not whole after {MAX_REQUESTS} requests");
        failed(Failure::new(FailureReason::Decode, what))
    });
    let reading = match known {
        Some(before) => reading.after(before),
        None => reading,
    };
    let reading = match is_about_another(&target, &reading.polled) {
        true => failed(Failure::new(FailureReason::Decode, ANOTHER_CHANNEL)),
        false => reading,
    };
    Completed { took: Some(started.elapsed()), secrets, reading }
}

const ANOTHER_CHANNEL: &str =
    "the answer is about another channel than the settings' channel_id; compare it and the token";

/// Whether a channel of the settings, which has an id there, was answered by another one: two
/// tokens that changed places make a channel that is out look well. Lists are not held to it:
/// theirs are the provider's own words in both.
fn is_about_another(target: &Target, fact: &Fact) -> bool {
    let Fact::Channel(Ok(observation)) = fact else { return false };
    let told = observation.channel_id.as_deref().filter(|_| target.source().is_none());
    target.id.as_deref().zip(told).is_some_and(|(id, told)| !id.eq_ignore_ascii_case(told))
}
