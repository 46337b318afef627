//! The poll of an account: its numbers, its review and health, who gets its webhooks, its
//! templates. Each is one list call for all of the account, never one for each number.
//!
//! Not here: which accounts there are (`accounts.rs`). How many calls that makes in an hour is in
//! `docs/providers/meta.md`, and kept by a test.

mod analytics;
mod fields;
mod health;
mod node;
mod notice;
mod number_status;
mod numbers;
mod paging;
mod part;
mod subscribers;
mod templates;
mod usage;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use ring::hmac::HMAC_SHA256;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use tracing::warn;

use super::graph_error::{self, GraphError};
use crate::domain::{
    AccountObservation, ApiUsage, Failure, FailureReason, Now, TokenErrorReason, Told,
};
use crate::lock::lock;
use crate::secret::SecretSource;
use crate::upstream::signature::sign;
use crate::upstream::{
    Answer, Credential, Credentials, Endpoint, Exchange, Fact, Next, PollContext, Reading, Request,
};
use analytics::{AnalyticsMemory, Line, Question};
use fields::FieldMemory;
use numbers::NumberList;
use paging::{Cursors, PageEnd};
use part::Part;
use templates::TemplateList;

/// The poll of one account.
#[derive(Debug)]
pub(super) struct AccountPoll {
    account: Box<str>,
    api_version: Arc<str>,
    /// The secret of the token's app, which proves that the caller is the app.
    app_secret: Option<SecretSource>,
    /// The token's app.
    app_id: Option<Box<str>>,
    /// Whether analytics are asked for.
    analytics: bool,
    memory: Arc<Mutex<Memory>>,
}

/// What one poll leaves for the next.
#[derive(Debug, Default)]
struct Memory {
    polls: u32,
    fields: FieldMemory,
    /// Parts that were refused when they were last asked, so that it is logged once.
    refused: Vec<Part>,
    analytics: AnalyticsMemory,
}

impl Memory {
    /// Counts a poll, and says what it asks. The first asks for everything; later ones take turns
    /// with what seldom changes.
    fn begin(&mut self, now: Now, analytics: bool) -> VecDeque<Part> {
        let at = self.polls;
        self.polls = self.polls.wrapping_add(1);
        self.fields.begin();
        let mut parts = VecDeque::from([Part::Numbers, Part::Node]);
        if at.is_multiple_of(2) {
            parts.push_back(Part::Subscribers);
        }
        if at == 0 || !at.is_multiple_of(2) {
            parts.push_back(Part::Templates);
        }
        if analytics && self.analytics.is_due(now) {
            parts.push_back(Part::Analytics);
        }
        parts
    }
}

impl AccountPoll {
    pub(super) fn new(
        account: Box<str>,
        api_version: &Arc<str>,
        app_secret: Option<SecretSource>,
        app_id: Option<Box<str>>,
    ) -> Self {
        let (api_version, memory) = (Arc::clone(api_version), Arc::default());
        Self { account, api_version, app_secret, app_id, analytics: false, memory }
    }

    /// The same, which asks for analytics or does not.
    pub(super) fn with_analytics(self, analytics: bool) -> Self {
        Self { analytics, ..self }
    }
}

/// What is remembered makes no difference to what an account is.
impl PartialEq for AccountPoll {
    fn eq(&self, other: &Self) -> bool {
        self.account == other.account
            && self.api_version == other.api_version
            && self.app_secret == other.app_secret
            && self.app_id == other.app_id
            && self.analytics == other.analytics
    }
}

impl Endpoint for AccountPoll {
    fn poll(&self, target: PollContext<'_>, credentials: Credentials) -> Exchange {
        let Credentials { own: token, second } = credentials;
        let memory = Arc::clone(&self.memory);
        let mut parts = lock(&memory).begin(target.now, self.analytics);
        let part = parts.pop_front().unwrap_or(Part::Numbers);
        let with_phones = parts.contains(&Part::Analytics);
        let chain = Chain {
            url: format!("{}/{}/{}", target.api_url, self.api_version, self.account),
            account: self.account.clone(),
            proof: second.map(|secret| proof(&secret, &token)),
            token,
            app_id: self.app_id.clone(),
            memory,
            part,
            parts,
            cursors: Cursors::default(),
            now: target.now,
            numbers: NumberList::new(with_phones),
            lines: Vec::new(),
            question: None,
            counted: Vec::new(),
            templates: TemplateList::default(),
            observation: AccountObservation::default(),
            usage: None,
        };
        chain.ask()
    }

    fn second_secret(&self) -> Option<&SecretSource> {
        self.app_secret.as_ref()
    }
}

/// `appsecret_proof`, which apps may require (Meta: "Securing Graph API calls").
fn proof(secret: &SecretString, token: &SecretString) -> String {
    sign(HMAC_SHA256, secret, token.expose_secret().as_bytes())
}

/// The calls of one poll, one after the other, and what they have told so far.
struct Chain {
    /// The address of the account.
    url: String,
    account: Box<str>,
    token: SecretString,
    proof: Option<String>,
    app_id: Option<Box<str>>,
    memory: Arc<Mutex<Memory>>,
    /// What is asked now.
    part: Part,
    /// What is asked next.
    parts: VecDeque<Part>,
    /// Where in a list of several pages we are.
    cursors: Cursors,
    /// When the poll began.
    now: Now,
    numbers: NumberList,
    /// The numbers that analytics may be asked of.
    lines: Vec<Line>,
    /// What is asked of them.
    question: Option<Question>,
    /// What analytics told.
    counted: Vec<(Box<str>, Fact)>,
    templates: TemplateList,
    observation: AccountObservation,
    usage: Option<ApiUsage>,
}

impl Chain {
    fn ask(self) -> Exchange {
        let request = Request {
            url: self.address().into(),
            credential: Credential::Bearer(self.token.clone()),
        };
        Exchange { request, read: Box::new(move |answer| self.take(&answer)) }
    }

    fn address(&self) -> String {
        let known = lock(&self.memory).fields.of(self.part);
        let fields = match (self.part, known) {
            (Part::Analytics, _) => self.question.as_ref().map(Question::fields),
            (Part::Numbers, Some(fields)) if self.numbers.with_phones => {
                Some(format!("{fields},{}", numbers::PHONE))
            }
            (_, known) => known.map(str::to_owned),
        };
        let (path, limit) = match self.part {
            Part::Numbers => ("/phone_numbers", Some(numbers::PAGE)),
            Part::Node | Part::Analytics => ("", None),
            Part::Subscribers => ("/subscribed_apps", None),
            Part::Templates => ("/message_templates", Some(templates::PAGE)),
        };
        let fields = fields.map(|fields| format!("fields={fields}"));
        let limit = limit.map(|limit| format!("limit={limit}"));
        let after = self.cursors.current().map(|cursor| format!("after={cursor}"));
        let proof = self.proof.as_ref().map(|proof| format!("appsecret_proof={proof}"));
        let query: Vec<String> = [fields, limit, after, proof].into_iter().flatten().collect();
        let question = if query.is_empty() { "" } else { "?" };
        format!("{}{path}{question}{}", self.url, query.join("&"))
    }

    fn take(mut self, answer: &Answer) -> Next {
        if let Some(told) = usage::usage(&answer.headers) {
            self.usage = Some(self.usage.map_or(told, |before| before.worse(told)));
        }
        match refusal(answer) {
            None => match self.read(answer) {
                Ok(PageEnd::More) => Next::Ask(self.ask()),
                Ok(PageEnd::Whole) => self.complete(),
                Err(failure) => self.fail(failure),
            },
            Some(refusal) => {
                let fewer = refusal.is_about_fields && self.asks_for_less();
                if fewer {
                    self.begin_part();
                    return Next::Ask(self.ask());
                }
                let refused_for = self.usage.and_then(|usage| usage.refused_for);
                let retry_after = refused_for.max(refusal.failure.retry_after);
                self.fail(Failure { retry_after, ..refusal.failure })
            }
        }
    }

    /// Whether there is less to ask the present part for, which may not be refused.
    fn asks_for_less(&mut self) -> bool {
        let mut memory = lock(&self.memory);
        match &self.question {
            // It cannot be asked of several numbers at a time.
            Some(question) if self.part == Part::Analytics && question.has_names() => {
                memory.analytics.alone(self.now);
                self.question = memory.analytics.question(self.now, &self.lines);
                true
            }
            _ => memory.fields.fewer(self.part),
        }
    }

    /// Reads a page of the present part.
    fn read(&mut self, answer: &Answer) -> Result<PageEnd, Failure> {
        let (body, cursors) = (&answer.body, &mut self.cursors);
        let read = match self.part {
            Part::Numbers => self.numbers.add(body, cursors, self.token.expose_secret()),
            Part::Node => node::read(body, self.token.expose_secret(), &mut self.observation),
            Part::Subscribers => {
                let own = self.app_id.as_deref();
                subscribers::read(body, own).map(|apps| {
                    self.observation.subscribers = Told::Known(apps);
                    PageEnd::Whole
                })
            }
            Part::Templates => self.templates.add(body, cursors),
            Part::Analytics => {
                let told = self.question.as_ref().and_then(|question| question.read(body));
                told.map(|counted| {
                    self.counted = counted;
                    PageEnd::Whole
                })
            }
        };
        read.ok_or_else(|| {
            answer.failure(FailureReason::Decode, "the answer is not what the API documents")
        })
    }

    fn begin_part(&mut self) {
        self.cursors = Cursors::default();
        match self.part {
            Part::Numbers => self.numbers = NumberList::new(self.numbers.with_phones),
            Part::Templates => self.templates = TemplateList::default(),
            Part::Node | Part::Subscribers | Part::Analytics => {}
        }
    }

    /// The present part is whole.
    fn complete(mut self) -> Next {
        lock(&self.memory).refused.retain(|part| *part != self.part);
        let numbers = match self.part {
            Part::Numbers => Some(std::mem::take(&mut self.numbers)),
            Part::Templates => {
                self.observation.templates = Told::Known(self.templates.counts);
                None
            }
            Part::Node | Part::Subscribers | Part::Analytics => None,
        };
        let numbers = numbers.map(|NumberList { listed, facts, lines, .. }| {
            self.lines = lines;
            (listed, facts)
        });
        match (self.advance(), numbers) {
            // What the numbers are stands, whatever becomes of the rest.
            (Ok(exchange), Some((listed, facts))) => {
                let polled = Fact::Account(Ok(Box::default()));
                let reading = Reading { listed: Some(listed), ..Reading::of_list(polled, facts) };
                Next::Partly(reading, exchange)
            }
            (Ok(exchange), None) => Next::Ask(exchange),
            (Err(done), _) => Next::Done(*done),
        }
    }

    /// Goes on to the next part, or ends.
    fn advance(mut self) -> Result<Exchange, Box<Reading>> {
        while let Some(part) = self.parts.pop_front() {
            if part == Part::Analytics {
                self.question = lock(&self.memory).analytics.question(self.now, &self.lines);
                if self.question.is_none() {
                    continue;
                }
            }
            self.part = part;
            self.begin_part();
            return Ok(self.ask());
        }
        let usage = self.usage;
        let polled = Fact::Account(Ok(Box::new(self.observation)));
        Err(Box::new(Reading { usage, ..Reading::of_list(polled, self.counted) }))
    }

    /// The present part brought nothing. A part that is refused alone leaves the others as they
    /// are; without numbers, or while nothing is answered, the poll has failed.
    fn fail(mut self, failure: Failure) -> Next {
        let refused_alone = matches!(
            failure.reason,
            FailureReason::Forbidden
                | FailureReason::HttpOther
                | FailureReason::ChannelNotFound
                | FailureReason::Decode
        );
        // Nothing depends on analytics, which Meta at times cannot tell; but a limit that is met is
        // met for all.
        let is_extra = self.part == Part::Analytics
            && !matches!(
                failure.reason,
                FailureReason::RateLimited | FailureReason::CredentialUnauthorized
            );
        if self.part == Part::Numbers || !(refused_alone || is_extra) {
            let usage = self.usage;
            return Next::Done(Reading { usage, ..Fact::Account(Err(failure)).into() });
        }
        let mut memory = lock(&self.memory);
        if self.part == Part::Analytics && refused_alone {
            memory.analytics.refused(self.now);
        }
        if !memory.refused.contains(&self.part) {
            memory.refused.push(self.part);
            warn!(
                account = &*self.account,
                part = ?self.part,
                reason = failure.reason.as_str(),
                detail = failure.detail,
                "Meta did not answer part of an account query; that part is unknown"
            );
        }
        drop(memory);
        match self.part {
            Part::Node => {
                (self.observation.review, self.observation.can_send) =
                    (Told::Unknown, Told::Unknown);
            }
            Part::Subscribers => self.observation.subscribers = Told::Unknown,
            Part::Templates => self.observation.templates = Told::Unknown,
            // What was counted before is as old as it says.
            Part::Numbers | Part::Analytics => {}
        }
        match self.advance() {
            Ok(exchange) => Next::Ask(exchange),
            Err(done) => Next::Done(*done),
        }
    }
}

/// An answer that is an error.
struct ErrorAnswer {
    failure: Failure,
    /// Whether fewer fields may help: an unknown one fails the whole request.
    is_about_fields: bool,
}

/// 100: "Invalid parameter", which is also what is said of a field that an account does not have.
const INVALID_PARAMETER: i64 = 100;

#[derive(Deserialize)]
struct MaybeError {
    #[serde(default)]
    error: Option<GraphError>,
}

/// The error that an answer is, if it is one. Its code decides, whatever the HTTP status.
fn refusal(answer: &Answer) -> Option<ErrorAnswer> {
    let told: Option<MaybeError> = serde_json::from_slice(&answer.body).ok();
    let Some(error) = told.and_then(|told| told.error) else {
        let failure = answer.failure_by_status();
        return (!answer.is_success()).then_some(ErrorAnswer { failure, is_about_fields: false });
    };
    let reason = match error.class() {
        _ if error.is_not_found() => FailureReason::ChannelNotFound,
        // 104: no token was sent, or none that is one (Meta's OpenAPI).
        _ if error.code.integer() == Some(104) => FailureReason::CredentialUnauthorized,
        Some(class) => graph_error::failure_reason(answer, class),
        None => graph_error::failure_reason(answer, TokenErrorReason::Other),
    };
    let is_about_fields = error.code.integer() == Some(INVALID_PARAMETER) && !error.is_not_found();
    let what = format!("HTTP {}: {}", answer.status, error.describe());
    Some(ErrorAnswer { failure: answer.failure(reason, what), is_about_fields })
}

#[cfg(test)]
mod tests;
