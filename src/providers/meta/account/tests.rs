//! An account's polls: answers in, facts out.
//!
//! Not here: HTTP.

mod analytics;

use super::*;
use crate::domain::{
    CanSend, ChannelObservation, HealthEntity, Now, QualityRating, QuotaLimit, Reported,
    RestrictionReason, ReviewStatus, Status, Subscribers, TemplateStatus, Timestamp,
};

fn account() -> AccountPoll {
    AccountPoll::new("102".into(), &"v25.0".into(), None, Some("app".into()))
}

fn answer(status: u16, body: &str) -> Answer {
    let body = body.to_owned().into();
    Answer { status, retry_after: None, headers: Default::default(), body }
}

/// A poll that is answered by `meta`, with the paths that were asked for.
fn poll(account: &AccountPoll, meta: impl Fn(&str) -> Answer) -> (Reading, Vec<String>) {
    poll_at(account, 0, meta)
}

fn at(secs: i64) -> Now {
    Now { unix: Timestamp::from_secs(NOON + secs), steady: secs * 1000 }
}

/// Noon of a day.
const NOON: i64 = 1_794_916_800;

/// The same so many seconds after noon.
fn poll_at(
    account: &AccountPoll,
    secs: i64,
    meta: impl Fn(&str) -> Answer,
) -> (Reading, Vec<String>) {
    let context = PollContext { api_url: &"https://graph".into(), id: Some("102"), now: at(secs) };
    let credentials = Credentials { own: "EAAGtoken".to_owned().into(), second: None };
    let mut exchange = account.poll(context, credentials);
    let (mut known, mut asked) = (None::<Reading>, Vec::new());
    for _ in 0..100 {
        let url = exchange.request.url.expose_secret();
        let path = url.strip_prefix("https://graph/v25.0/102").unwrap().to_owned();
        let next = (exchange.read)(meta(&path));
        asked.push(path);
        match next {
            Next::Ask(next) => exchange = next,
            Next::Partly(part, next) => {
                known = Some(part);
                exchange = next;
            }
            Next::Done(done) => {
                let reading = match known {
                    Some(before) => done.after(before),
                    None => done,
                };
                return (reading, asked);
            }
        }
    }
    panic!("the poll has no end: {asked:?}");
}

const NUMBERS: &str = r#"{"data":[{"id":"106","status":"CONNECTED","quality_rating":"GREEN",
    "display_phone_number":"+1 555-078-3881","verified_name":"Lucky Shrub",
    "whatsapp_business_manager_messaging_limit":"TIER_2K",
    "health_status":{"can_send_message":"BLOCKED","entities":[
    {"entity_type":"PHONE_NUMBER","id":"106","can_send_message":"LIMITED",
    "additional_info":["Your display name has not been approved yet."]},
    {"entity_type":"WABA","id":"102","can_send_message":"AVAILABLE"},
    {"entity_type":"APP","id":"634","can_send_message":"AVAILABLE","can_receive_call_sip":"BLOCKED",
     "errors":[{"error_code":138025,"error_description":"SIP",
     "possible_solution":"Enable SIP"}]}]}}],
    "paging":{"cursors":{"before":"a","after":"b"}}}"#;
const NODE: &str = r#"{"id":"102","account_review_status":"APPROVED",
    "health_status":{"can_send_message":"AVAILABLE",
    "entities":[{"entity_type":"WABA","id":"102","can_send_message":"AVAILABLE"}]}}"#;
const APPS: &str =
    r#"{"data":[{"whatsapp_business_api_data":{"id":"app","name":"Shop","link":"https://x"}}]}"#;
const TEMPLATES: &str = r#"{"data":[{"id":"1","status":"APPROVED","category":"MARKETING"},
    {"status":"PAUSED","category":"UTILITY"},{"status":"NEW_WORD","category":null}]}"#;
/// Two half hours of the only number, out of order: 10:30 and 11:00 UTC.
const ANALYTICS: &str = r#"{"analytics":{"phone_numbers":["15550783881"],"granularity":"HALF_HOUR",
    "data_points":[{"start":1794913200,"end":1794915000,"sent":100,"delivered":90},
    {"start":1794911400,"end":1794913200,"sent":7,"delivered":7}]},"id":"102"}"#;

/// An account that is well.
fn well(path: &str) -> Answer {
    let body = match path.split('?').next() {
        _ if path.starts_with("?fields=analytics") => ANALYTICS,
        Some("/phone_numbers") => NUMBERS,
        Some("/subscribed_apps") => APPS,
        Some("/message_templates") => TEMPLATES,
        _ => NODE,
    };
    answer(200, body)
}

fn account_fact(reading: &Reading) -> Result<&AccountObservation, FailureReason> {
    match &reading.polled {
        Fact::Account(outcome) => outcome.as_deref().map_err(|failure| failure.reason),
        _ => panic!("not about the account"),
    }
}

fn numbers(reading: &Reading) -> Vec<(&str, &Result<ChannelObservation, Failure>)> {
    let facts = reading.others.iter();
    facts
        .map(|(id, fact)| match fact {
            Fact::Channel(outcome) => (&**id, outcome),
            other => panic!("{other:?}"),
        })
        .collect()
}

#[test]
fn one_poll_tells_of_the_account_and_of_all_of_its_numbers() {
    let (reading, asked) = poll(&account(), well);
    assert_eq!(
        asked,
        [
            "/phone_numbers?fields=id,status,quality_rating,\
                whatsapp_business_manager_messaging_limit,health_status&limit=100",
            "?fields=id,account_review_status,health_status",
            "/subscribed_apps",
            "/message_templates?fields=status,category&limit=250"
        ]
    );
    let told = account_fact(&reading).unwrap();
    assert_eq!(told.review, Told::Known(ReviewStatus::Approved));
    assert_eq!(told.can_send, Told::Known(CanSend::Available));
    assert_eq!(told.subscribers, Told::Known(Subscribers { any: true, own: true }));
    let Told::Known(templates) = told.templates else { panic!("no templates") };
    assert_eq!(templates.counts().iter().sum::<u32>(), 3);
    assert_eq!((templates.of(TemplateStatus::Paused), templates.of(TemplateStatus::Other)), (1, 1));
    let listed: Vec<&str> = reading.listed.iter().flatten().map(|one| &*one.id).collect();
    assert_eq!(listed, ["106"]);
    let [("106", Ok(number))] = numbers(&reading)[..] else { panic!("{:?}", reading.others) };
    assert_eq!(number.status, Reported::Known(Status::Auth), "SIP is no matter of messages");
    let standing = number.standing.as_ref().unwrap();
    assert_eq!(standing.quality, Some(QualityRating::Green));
    assert_eq!(standing.messaging_limit, Some(QuotaLimit::Chats(2000)));
    assert_eq!(standing.health[HealthEntity::PhoneNumber.index()], Some(CanSend::Limited));
    assert_eq!(standing.health[HealthEntity::Business.index()], None);
    assert_eq!(standing.overall, Some(CanSend::Blocked), "kept beside");
    let notices: Vec<&str> = standing.notices.iter().map(|notice| &*notice.text).collect();
    assert_eq!(notices, ["Your display name has not been approved yet."]);
}

/// What a number of this status and health is, and what it may not do.
fn number(fields: &str) -> Result<ChannelObservation, FailureReason> {
    let body = format!(r#"{{"data":[{{"id":"106",{fields}}}]}}"#);
    let (reading, _) = poll(&account(), |path| match path.starts_with("/phone_numbers") {
        true => answer(200, &body),
        false => well(path),
    });
    let (_, fact) = reading.others.into_iter().next().unwrap();
    match fact {
        Fact::Channel(outcome) => outcome.map_err(|failure| failure.reason),
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_word_of_metas_three_lists_has_a_status() {
    for (words, status) in [
        ("CONNECTED LINKED FLAGGED RESTRICTED RATE_LIMITED", Status::Auth),
        ("PENDING UNVERIFIED", Status::Init),
        ("DISCONNECTED UNLINKED UNREGISTERED MIGRATED DELETED OFFLINE", Status::Stop),
        ("BANNED", Status::Blocked),
    ] {
        for word in words.split(' ') {
            let told = number(&format!(r#""status":"{word}""#)).unwrap();
            assert_eq!(told.status, Reported::Known(status), "{word}");
        }
    }
    let unknown = number(r#""status":"UNKNOWN""#).unwrap();
    assert_eq!(unknown.status, Reported::Word("UNKNOWN".to_owned()));
    assert_eq!(number(r#""quality_rating":"GREEN""#).unwrap_err(), FailureReason::Decode);
}

#[test]
fn an_entity_that_blocks_messages_blocks_the_number_unless_it_is_known_to_be_down() {
    let health = r#""health_status":{"can_send_message":"AVAILABLE","entities":[
        {"entity_type":"PHONE_NUMBER","can_send_message":"AVAILABLE"},
        {"entity_type":"BUSINESS","can_send_message":"BLOCKED","errors":[{"error_code":"141010",
        "error_description":"x",
         "possible_solution":"Visit Business Manager to add a payment method."}]},
        {"entity_type":"MESSAGE_TEMPLATE","can_send_message":"BLOCKED"},
        {"entity_type":"WABA"},null]}"#;
    for (word, status) in [
        (r#""status":"CONNECTED","#, Status::Blocked),
        ("", Status::Blocked),
        (r#""status":"PENDING","#, Status::Init),
        (r#""status":"DISCONNECTED","#, Status::Stop),
    ] {
        let told = number(&format!("{word}{health}")).unwrap();
        assert_eq!(told.status, Reported::Known(status), "{word}");
        let notices = told.standing.unwrap().notices;
        assert_eq!(notices[0].code, Some(141_010));
        assert_eq!(&*notices[0].text, "Visit Business Manager to add a payment method.");
    }
    let available = health.replace("BLOCKED", "AVAILABLE");
    assert_eq!(number(&available).unwrap().status, Reported::Known(Status::Auth));
}

#[test]
fn a_number_at_its_limit_works_and_is_restricted() {
    let now = Now { unix: Timestamp::from_secs(1), steady: 0 };
    for (word, quota, rate) in [
        ("CONNECTED", false, false),
        ("FLAGGED", false, false),
        ("RESTRICTED", true, false),
        ("RATE_LIMITED", false, true),
    ] {
        let told = number(&format!(r#""status":"{word}""#)).unwrap().restrictions.unwrap();
        let active = |reason| told.is_active(reason, now);
        let seen = (active(RestrictionReason::Quota), active(RestrictionReason::Rate));
        assert_eq!(seen, (quota, rate), "{word}");
    }
}

#[test]
fn limits_and_ratings_come_in_any_dress() {
    let limit = |told: &str| {
        let field =
            format!(r#""status":"CONNECTED","whatsapp_business_manager_messaging_limit":{told}"#);
        number(&field).unwrap().standing.unwrap().messaging_limit
    };
    for (told, chats) in [
        (r#""TIER_50""#, Some(50)),
        (r#""TIER_250""#, Some(250)),
        (r#""TIER_100K""#, Some(100_000)),
        ("1000", Some(1000)),
        (r#""UNTIERED""#, None),
        (r#""TIER_NOT_SET""#, None),
        ("null", None),
        (r#""TIER_99999999999K""#, None),
    ] {
        assert_eq!(limit(told), chats.map(QuotaLimit::Chats), "{told}");
    }
    assert_eq!(limit(r#""TIER_UNLIMITED""#), Some(QuotaLimit::Unlimited));
    let rating = |word: &str| {
        let field = format!(r#""status":"CONNECTED","quality_rating":"{word}""#);
        number(&field).unwrap().standing.unwrap().quality
    };
    for (word, quality) in [
        ("RED", QualityRating::Red),
        ("YELLOW", QualityRating::Yellow),
        ("NA", QualityRating::Unknown),
        ("PURPLE", QualityRating::Unknown),
    ] {
        assert_eq!(rating(word), Some(quality), "{word}");
    }
}

#[test]
fn a_field_that_is_refused_is_left_out_and_not_asked_for_again_for_an_hour() {
    let account = account();
    let meta = |path: &str| match path.contains("health_status") {
        true => answer(
            400,
            r#"{"error":{"message":"Invalid field requested.","type":"OAuthException",
                "code":100}}"#,
        ),
        false => well(path),
    };
    let (reading, asked) = poll(&account, meta);
    assert_eq!(asked.len(), 6, "two are asked again: {asked:?}");
    assert_eq!(asked[1], "/phone_numbers?fields=id,status,quality_rating&limit=100");
    assert_eq!(asked[3], "?fields=id,account_review_status");
    assert_eq!(numbers(&reading).len(), 1);
    let (_, asked) = poll(&account, meta);
    assert_eq!(asked.len(), 3, "it is remembered: {asked:?}");
    (0..10).for_each(|_| drop(poll(&account, meta)));
    let (_, asked) = poll(&account, well);
    assert!(asked[0].contains("health_status"), "after an hour it is tried again: {asked:?}");
    let none = |path: &str| match path.contains("fields=") {
        true => answer(400, r#"{"error":{"code":100,"message":"x"}}"#),
        false => well(path),
    };
    let (_, asked) = poll(&self::account(), none);
    assert_eq!(asked[2], "/phone_numbers?limit=100", "at last Meta's own choice");
}

#[test]
fn pages_are_followed_to_an_end_that_always_comes() {
    let page = |ids: &str, after: &str| {
        let next = format!(r#""next":"https://graph/x?access_token=EAAGtoken&after={after}""#);
        answer(
            200,
            &format!(r#"{{"data":[{ids}],"paging":{{"cursors":{{"after":"{after}"}},{next}}}}}"#),
        )
    };
    let meta = |loops: bool| {
        move |path: &str| match path {
            path if !path.starts_with("/phone_numbers") => well(path),
            path if path.contains("after=c%3D1") && loops => {
                page(r#"{"id":"2","status":"BANNED"}"#, "c=1")
            }
            path if path.contains("after=") => {
                answer(200, r#"{"data":[{"id":2,"status":"BANNED"}]}"#)
            }
            _ => page(r#"{"id":"1","status":"CONNECTED"}"#, "c=1"),
        }
    };
    for loops in [false, true] {
        let (reading, asked) = poll(&account(), meta(loops));
        let ids: Vec<&str> = numbers(&reading).iter().map(|(id, _)| *id).collect();
        assert_eq!(ids, ["1", "2"], "{asked:?}");
    }
    let endless = |path: &str| match path.starts_with("/phone_numbers") {
        true => page("", &path.len().to_string().repeat(path.len() % 50 + 1)),
        false => well(path),
    };
    let count = std::cell::Cell::new(0);
    let never = |path: &str| {
        count.set(count.get() + 1);
        match path.starts_with("/phone_numbers") {
            true => page("", &count.get().to_string()),
            false => well(path),
        }
    };
    assert!(account_fact(&poll(&account(), endless).0).is_ok());
    // A further page that cannot be asked for.
    let next = r#""next":"https://graph/x?access_token=EAAGtoken""#;
    let long = format!(r#""cursors":{{"after":"{}"}},{next}"#, "c".repeat(5000));
    for paging in [next, &*long] {
        let lost = |path: &str| match path.starts_with("/phone_numbers") {
            true => {
                let number = r#"{"id":"1","status":"CONNECTED"}"#;
                answer(200, &format!(r#"{{"data":[{number}],"paging":{{{paging}}}}}"#))
            }
            false => well(path),
        };
        let (reading, _) = poll(&account(), lost);
        assert_eq!(account_fact(&reading).unwrap_err(), FailureReason::Decode);
        assert!(reading.listed.is_none(), "half a list removes nothing");
    }
    let (reading, _) = poll(&account(), never);
    assert_eq!(account_fact(&reading).unwrap_err(), FailureReason::Decode);
    assert!(reading.listed.is_none(), "half a list removes nothing");
}

#[test]
fn what_is_no_list_of_numbers_fails_the_poll_and_removes_nothing() {
    for (status, body, reason) in [
        (400, r#"{"error":{"code":803,"message":"x"}}"#, FailureReason::ChannelNotFound),
        (400, r#"{"error":{"code":100,"error_subcode":33}}"#, FailureReason::ChannelNotFound),
        (403, r#"{"error":{"code":200,"error_subcode":1349174}}"#, FailureReason::Forbidden),
        (200, r#"{"error":{"code":200,"error_subcode":1349175}}"#, FailureReason::Forbidden),
        (
            401,
            r#"{"error":{"code":190,"error_subcode":463}}"#,
            FailureReason::CredentialUnauthorized,
        ),
        (401, r#"{"error":{"code":104}}"#, FailureReason::CredentialUnauthorized),
        (400, r#"{"error":{"code":4,"error_subcode":2446079}}"#, FailureReason::RateLimited),
        (400, r#"{"error":{"code":17}}"#, FailureReason::RateLimited),
        (429, r#"{"error":{"code":80007}}"#, FailureReason::RateLimited),
        (500, r#"{"error":{"code":2}}"#, FailureReason::ServerError),
        (422, r#"{"error":{"code":131000}}"#, FailureReason::HttpOther),
        (500, "<html>", FailureReason::ServerError),
        (200, "<html>", FailureReason::Decode),
        (200, "{}", FailureReason::Decode),
        (200, r#"{"data":{}}"#, FailureReason::Decode),
        (200, r#"{"data":[{}]}"#, FailureReason::Decode),
        (200, r#"{"data":[{"id":"1"#, FailureReason::Decode),
    ] {
        let (reading, _) = poll(&account(), |_| answer(status, body));
        assert_eq!(account_fact(&reading).unwrap_err(), reason, "{status} {body}");
        assert!(reading.listed.is_none() && reading.others.is_empty());
    }
}

#[test]
fn a_part_that_is_refused_leaves_the_others_as_they_are() {
    let refused = |path: &str| match path.starts_with("/message_templates") {
        true => answer(403, r#"{"error":{"code":200,"message":"x"}}"#),
        false => well(path),
    };
    let (reading, _) = poll(&account(), refused);
    let told = account_fact(&reading).unwrap();
    assert_eq!(told.templates, Told::Unknown);
    assert_eq!(told.review, Told::Known(ReviewStatus::Approved));
    let limited = |path: &str| match path.starts_with("?fields") {
        true => answer(400, r#"{"error":{"code":80007,"message":"x"}}"#),
        false => well(path),
    };
    let (reading, asked) = poll(&account(), limited);
    assert_eq!(asked.len(), 2, "nothing more is asked once the limit is met");
    assert_eq!(account_fact(&reading).unwrap_err(), FailureReason::RateLimited);
    assert_eq!(numbers(&reading).len(), 1, "the numbers were told before");
    assert!(reading.listed.is_some());
}

#[test]
fn the_limit_is_read_from_headers_and_the_time_it_takes_is_waited() {
    let meta = |path: &str| {
        let mut told = match path.starts_with("?fields") {
            true => answer(400, r#"{"error":{"code":80007}}"#),
            false => well(path),
        };
        let usage = r#"{"102":[{"call_count":100,"estimated_time_to_regain_access":19}]}"#;
        told.headers.insert("x-business-use-case-usage", usage.parse().unwrap());
        told
    };
    let (reading, _) = poll(&account(), meta);
    assert_eq!(reading.usage.map(|usage| usage.percent), Some(100));
    let wait = reading.polled.failure().and_then(|failure| failure.retry_after);
    assert_eq!(wait.map(|wait| wait.as_secs()), Some(19 * 60));
}

/// The document computes what polls take of Meta's hourly limit; this holds it to its word.
#[test]
fn an_hour_of_polls_takes_what_the_documents_say() {
    let document = include_str!("../../../../docs/providers/meta.md");
    let told = |call: &str| -> usize {
        let row = document.lines().find(|line| line.starts_with(&format!("| `{call}`")));
        let row = row.unwrap_or_else(|| panic!("the document has no row of {call}"));
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        cells[3].parse().unwrap_or_else(|_| panic!("{row}"))
    };
    let calls = [
        ("/<account>/phone_numbers", "/phone_numbers"),
        ("/<account>", "?fields=id"),
        ("/<account>/subscribed_apps", "/subscribed_apps"),
        ("/<account>/message_templates", "/message_templates"),
        ("/<account>?fields=analytics", "?fields=analytics"),
    ];
    for (with_analytics, of) in [(false, "36"), (true, "40")] {
        let account = account().with_analytics(with_analytics);
        // The first poll asks for everything.
        drop(poll(&account, well));
        let asked: Vec<String> =
            (1..=12).flat_map(|round| poll_at(&account, 300 * round, well).1).collect();
        let calls = &calls[..if with_analytics { 5 } else { 4 }];
        for (call, path) in calls {
            let count = asked.iter().filter(|asked| asked.starts_with(path)).count();
            assert_eq!(count, told(call), "{call}");
        }
        let sum: usize = calls.iter().map(|(call, _)| told(call)).sum();
        assert_eq!(asked.len(), sum);
        assert_eq!(sum.to_string(), of);
        assert!(document.contains(&format!("**{sum} of 200**")), "{sum}");
    }
}

#[test]
fn a_call_proves_that_the_app_makes_it() {
    let secret = SecretSource::from_value("appsecret").unwrap();
    let account = AccountPoll::new("102".into(), &"v25.0".into(), Some(secret), None);
    let context =
        PollContext { api_url: &"https://graph".into(), id: None, now: Default::default() };
    let second = Some("appsecret".to_owned().into());
    let credentials = Credentials { own: "EAAGtoken".to_owned().into(), second };
    let exchange = account.poll(context, credentials);
    let url = exchange.request.url.expose_secret();
    let told = url.rsplit_once("appsecret_proof=").unwrap().1;
    assert_eq!(told.len(), 64);
    let key = ring::hmac::Key::new(HMAC_SHA256, b"appsecret");
    let tag: Vec<u8> =
        (0..64).step_by(2).map(|at| u8::from_str_radix(&told[at..at + 2], 16).unwrap()).collect();
    assert!(ring::hmac::verify(&key, b"EAAGtoken", &tag).is_ok());
}
