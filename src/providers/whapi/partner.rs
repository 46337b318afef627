//! Whapi's partner account: `GET /channels/list`, page by page, with the token and the subscription
//! of every channel.
//!
//! Not here: how a channel is; each is polled for itself (`health.rs`). `proxy` and `phone` of a
//! row are skipped unread, and no call that changes a channel is made.
//!
//! Source: Whapi's OpenAPI of its partner API, 0.1.1. Nothing was tried with a partner account.

use std::collections::HashSet;
use std::sync::Arc;

use secrecy::SecretString;
use serde::{Deserialize, Deserializer};

use super::health::Health;
use crate::domain::{Failure, FailureReason};
use crate::input::value;
use crate::upstream::lenient::{Lenient, LenientSecret};
use crate::upstream::whole_list::WholeList;
use crate::upstream::{
    Answer, Credential, Credentials, Endpoint, Exchange, Fact, ListedChannel, Next, PollContext,
    Reading, Request,
};

/// The most rows that a page may have (OpenAPI: `count`, 1 to 500).
const PAGE: usize = 500;

/// A partner with more channels is none: it would take more requests than a poll may make.
const MAX_CHANNELS: usize = 50_000;

/// The poll of a partner's channels.
#[derive(Debug, PartialEq)]
pub(super) struct ChannelList {
    /// Where channels are polled whose row names no address.
    pub(super) gate_url: Arc<str>,
}

impl Endpoint for ChannelList {
    fn poll(&self, target: PollContext<'_>, credentials: Credentials) -> Exchange {
        let pages = Pages {
            api_url: Arc::clone(target.api_url),
            token: credentials.own,
            gate_url: Arc::clone(&self.gate_url),
            offset: 0,
            seen: HashSet::new(),
            channels: Vec::new(),
            others: Vec::new(),
        };
        pages.ask()
    }
}

/// The pages so far.
struct Pages {
    api_url: Arc<str>,
    token: SecretString,
    gate_url: Arc<str>,
    offset: usize,
    seen: HashSet<Box<str>>,
    channels: Vec<ListedChannel>,
    others: Vec<(Box<str>, Fact)>,
}

impl Pages {
    fn ask(self) -> Exchange {
        let url = format!("{}/channels/list?count={PAGE}&offset={}", self.api_url, self.offset);
        let request =
            Request { url: url.into(), credential: Credential::Bearer(self.token.clone()) };
        Exchange { request, read: Box::new(move |answer| self.take(&answer)) }
    }

    /// Takes a page. A short one is the last, whatever `total` says, and so is one that brings
    /// nothing new: `offset` is then ignored. Channels that moved to the next page meanwhile are
    /// met twice and end nothing.
    fn take(mut self, answer: &Answer) -> Next {
        let rows = match rows(answer) {
            Ok(WholeList(rows)) => rows,
            Err(failure) => return Next::Done(Fact::Channels(Err(failure)).into()),
        };
        let (count, before) = (rows.len(), self.seen.len());
        if before + count > MAX_CHANNELS {
            let what = format!("the list has no end: it has more than {MAX_CHANNELS} channels");
            let failure = answer.failure(FailureReason::Decode, what);
            return Next::Done(Fact::Channels(Err(failure)).into());
        }
        for row in rows {
            if let Err(failure) = self.add(row, answer) {
                return Next::Done(Fact::Channels(Err(failure)).into());
            }
        }
        if count < PAGE || self.seen.len() == before {
            let polled = Fact::Channels(Ok(self.channels));
            return Next::Done(Reading::of_list(polled, self.others));
        }
        self.offset += count;
        Next::Ask(self.ask())
    }

    fn add(&mut self, row: PartnerChannel, answer: &Answer) -> Result<(), Failure> {
        let subscription = row.subscription();
        let PartnerChannel { id, token: LenientSecret(token), api_url, .. } = row;
        let id = id.label().ok_or_else(|| not_a_list(answer))?;
        if !self.seen.insert(id.clone()) {
            return Ok(());
        }
        if let Some(subscription) = subscription {
            self.others.push((id.clone(), Fact::Subscription(subscription)));
        }
        // Without a token of its own it must not be polled with the partner's.
        let endpoint = token.is_some().then(|| Arc::new(Health) as Arc<dyn Endpoint>);
        if token.is_none() {
            let what = "the list does not bring the channel's token";
            let failure = answer.failure(FailureReason::Decode, what);
            self.others.push((id.clone(), Fact::Channel(Err(failure))));
        }
        let api_url = api_url.raw_text().and_then(|url| value::api_url(url).ok());
        let api_url = api_url.unwrap_or_else(|| Arc::clone(&self.gate_url));
        self.channels.push(ListedChannel {
            id,
            name: None,
            credential: token,
            api_url: Some(api_url),
            endpoint,
        });
        Ok(())
    }
}

/// Only what is needed of a channel.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PartnerChannel {
    #[serde(default)]
    id: Lenient,
    #[serde(default)]
    token: LenientSecret,
    #[serde(default)]
    api_url: Lenient,
    /// Seconds in the OpenAPI's example, milliseconds in answers that were seen.
    #[serde(default)]
    pub(super) active_till: Lenient,
    /// When the trial ends.
    #[serde(default)]
    pub(super) trial: Lenient,
    #[serde(default)]
    pub(super) mode: Lenient,
    /// `None` only where it is left out: null is a value too.
    #[serde(default, deserialize_with = "present")]
    pub(super) recurrent_payment_id: Option<Lenient>,
}

fn present<'de, D: Deserializer<'de>>(field: D) -> Result<Option<Lenient>, D::Error> {
    Lenient::deserialize(field).map(Some)
}

/// `channels` is documented; clients of the API were seen to expect `results` too.
#[derive(Deserialize)]
struct Named {
    #[serde(alias = "results")]
    channels: WholeList<PartnerChannel>,
}

/// Clients of the API were seen to expect these too.
#[derive(Deserialize)]
struct Within<T> {
    data: T,
}

fn rows(answer: &Answer) -> Result<WholeList<PartnerChannel>, Failure> {
    // What a refused partner token is answered is not documented, so the status alone decides.
    if !answer.is_success() {
        return Err(answer.failure_by_status());
    }
    let body = &answer.body;
    if body.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'[') {
        return serde_json::from_slice(body).map_err(|_| not_a_list(answer));
    }
    let named = serde_json::from_slice::<Named>(body).map(|named| named.channels);
    let within = |_| {
        serde_json::from_slice::<Within<WholeList<PartnerChannel>>>(body).map(|within| within.data)
    };
    let both = |_| serde_json::from_slice::<Within<Named>>(body).map(|within| within.data.channels);
    named.or_else(within).or_else(both).map_err(|_| not_a_list(answer))
}

fn not_a_list(answer: &Answer) -> Failure {
    answer.failure(FailureReason::Decode, "the answer is not a list of channels")
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret;

    fn begin() -> Exchange {
        let list = ChannelList { gate_url: "https://gate.example".into() };
        let context = PollContext {
            api_url: &"https://manager.example".into(),
            id: None,
            now: Default::default(),
        };
        list.poll(context, Credentials { own: "partner".into(), second: None })
    }

    fn answer(status: u16, body: String) -> Answer {
        Answer { status, retry_after: None, headers: Default::default(), body: body.into() }
    }

    /// Answers each request with a page, and returns the offsets that were asked for.
    fn all(pages: &[String]) -> (Reading, Vec<String>) {
        let (mut exchange, mut asked) = (begin(), Vec::new());
        for page in pages {
            let url = exchange.request.url.expose_secret();
            asked.push(url.rsplit_once("offset=").unwrap().1.to_owned());
            match (exchange.read)(answer(200, page.clone())) {
                Next::Ask(next) => exchange = next,
                Next::Done(reading) => return (reading, asked),
                Next::Partly(..) => panic!("nothing is told before the end"),
            }
        }
        panic!("asks for more than {} pages", pages.len());
    }

    fn page(ids: std::ops::Range<usize>) -> String {
        let rows: Vec<String> =
            ids.map(|id| format!(r#"{{"id":"C{id}","token":"t{id}"}}"#)).collect();
        format!(r#"{{"channels":[{}],"count":500,"total":1,"offset":0}}"#, rows.join(","))
    }

    fn channels(reading: Reading) -> Vec<ListedChannel> {
        match reading.polled {
            Fact::Channels(Ok(channels)) => channels,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_list_is_asked_for_with_the_partner_token_in_the_header() {
        let request = begin().request;
        let url = request.url.expose_secret();
        assert_eq!(url, "https://manager.example/channels/list?count=500&offset=0");
        assert!(matches!(request.credential, Credential::Bearer(_)));
    }

    #[test]
    fn a_row_is_a_channel_with_its_token_and_its_address() {
        let body = r#"{"channels":[{"id":"SHAZAM-3HDYQ","name":"Bot","phone":"61371989950",
            "apiUrl":"https://gate2.example/","token":"abc","activeTill":1796083200000,
            "mode":"live",
            "proxy":{"host":"h","port":1,"auth":"x"},"stopped":false,"blocked":null},
            {"id":"ABC","token":"def","apiUrl":"nonsense"}]}"#;
        let (reading, _) = all(&[body.to_owned()]);
        let [(paid, Fact::Subscription(_))] = &reading.others[..] else { panic!("{reading:?}") };
        assert_eq!(&**paid, "SHAZAM-3HDYQ");
        let listed = channels(reading);
        let [one, other] = &listed[..] else { panic!("{listed:?}") };
        assert_eq!((&*one.id, one.name.as_deref()), ("SHAZAM-3HDYQ", None));
        assert_eq!(one.credential.as_ref().unwrap().expose_secret(), "abc");
        assert_eq!(one.api_url.as_deref(), Some("https://gate2.example"));
        assert!(one.endpoint.is_some());
        assert_eq!(other.api_url.as_deref(), Some("https://gate.example"));
    }

    #[test]
    fn pages_are_asked_for_until_one_is_short_whatever_the_total() {
        let pages = [page(0..500), page(500..1000), page(1000..1003)];
        let (reading, asked) = all(&pages);
        assert_eq!(channels(reading).len(), 1003);
        assert_eq!(asked, ["0", "500", "1000"]);
        let (reading, asked) = all(&[page(0..500), page(0..0)]);
        assert_eq!((channels(reading).len(), asked.len()), (500, 2));
    }

    #[test]
    fn a_page_without_anything_new_ends_the_list() {
        let (reading, asked) = all(&[page(0..500), page(0..500)]);
        assert_eq!((channels(reading).len(), asked.len()), (500, 2));
        // A channel that was created meanwhile moved another one to the next page.
        let (reading, asked) = all(&[page(0..500), page(499..999), page(999..1001)]);
        assert_eq!((channels(reading).len(), asked.len()), (1001, 3));
    }

    #[test]
    fn a_list_of_more_than_any_partner_has_is_refused() {
        let (reading, asked) = all(&[page(0..MAX_CHANNELS), page(MAX_CHANNELS..MAX_CHANNELS + 1)]);
        assert_eq!(reading.polled.failure().map(|one| one.reason), Some(FailureReason::Decode));
        assert_eq!((reading.others.len(), asked.len()), (0, 2));
    }

    #[test]
    fn the_list_may_be_anywhere_a_client_was_seen_to_look() {
        let rows = r#"[{"id":"A","token":"a"},{"id":"B","token":"b"}]"#;
        for body in [
            rows.to_owned(),
            format!(r#"{{"channels":{rows}}}"#),
            format!(r#"{{"results":{rows},"data":null}}"#),
            format!(r#"{{"data":{rows}}}"#),
            format!(r#"{{"data":{{"channels":{rows}}}}}"#),
        ] {
            assert_eq!(channels(all(std::slice::from_ref(&body)).0).len(), 2, "{body}");
        }
        assert!(channels(all(&["[]".to_owned()]).0).is_empty());
    }

    #[test]
    fn a_channel_without_a_token_is_listed_and_not_polled() {
        let (reading, _) = all(&[r#"[{"id":"A","token":null},{"id":"B","token":" "}]"#.to_owned()]);
        let failed: Vec<&str> = reading.others.iter().map(|(id, _)| &**id).collect();
        assert_eq!(failed, ["A", "B"]);
        let listed = channels(reading);
        assert!(listed.iter().all(|one| one.credential.is_none() && one.endpoint.is_none()));
    }

    #[test]
    fn what_is_no_list_is_a_failure() {
        for (status, body, reason) in [
            (401, "", FailureReason::CredentialUnauthorized),
            (403, r#"{"error":{"code":403,"message":"x"}}"#, FailureReason::Forbidden),
            (429, "", FailureReason::RateLimited),
            (500, "<html>", FailureReason::ServerError),
            (400, "", FailureReason::HttpOther),
            (200, "{}", FailureReason::Decode),
            (200, r#"{"data":{}}"#, FailureReason::Decode),
            (200, r#"{"channels":null}"#, FailureReason::Decode),
            (200, r#"[{"token":"x"}]"#, FailureReason::Decode),
            (200, "[7]", FailureReason::Decode),
            (200, "<html>", FailureReason::Decode),
        ] {
            let Next::Done(reading) = (begin().read)(answer(status, body.to_owned())) else {
                panic!("{status} {body} asks for more");
            };
            let failure = reading.polled.failure().map(|failure| failure.reason);
            assert_eq!(failure, Some(reason), "{status} {body}");
        }
    }

    #[test]
    fn a_page_that_fails_fails_the_list() {
        let Next::Ask(second) = (begin().read)(answer(200, page(0..500))) else {
            panic!("a full page is not the last");
        };
        let Next::Done(reading) = (second.read)(answer(500, String::new())) else {
            panic!("a failure ends the poll");
        };
        assert!(reading.polled.failure().is_some());
    }
}
