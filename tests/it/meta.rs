//! Meta's accounts and numbers, discovered from a token, over real HTTP.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ring::hmac;
use serde_json::{Value, json};
use whatsapp_simulator::{
    Fault, GraphError, MetaAccount, MetaHalfHour, MetaNumber, MetaPaging, MetaToken,
};

use crate::common::{DEADLINE, Files, Program, Setup, Upstream, http};

const TOKEN: &str = "EAAGmetaTokenNotARealOne";
const ACCOUNT: &str = "102290129340398";
const NUMBER: &str = "106540352242922";

/// A token that may manage one account, which has one number.
fn plant(upstream: &Upstream) {
    upstream.set_token(TOKEN, MetaToken::new("meta").managing(&[ACCOUNT]));
    upstream.set_account(MetaAccount::new(ACCOUNT).with_number(NUMBER, MetaNumber::default()));
}

/// A source in the settings file, polled every second, and more of its keys.
fn from_file(upstream: &Upstream, files: &Files, more: &str) -> Setup {
    files.write("meta", TOKEN);
    let yaml = format!(
        "sources:\n  - name: shop\n    provider: meta\n    api_url: {}\n    token_file: meta\n    \
         poll_interval: 1s\n{more}",
        upstream.url()
    );
    Setup::new().file(files, &yaml)
}

/// The same from the environment.
fn from_environment(upstream: &Upstream) -> Setup {
    Setup::new().set("META_API_URL", upstream.url()).set("META_TOKEN", TOKEN)
}

fn status(channel: &str, status: &str) -> String {
    format!(
        "whatsapp_channel_status{{provider=\"meta\",channel=\"{channel}\",status=\"{status}\"}}"
    )
}

fn of_account(metric: &str, labels: &str) -> String {
    format!("whatsapp_account_{metric}{{account=\"{ACCOUNT}\"{labels}}}")
}

/// All that people and programs can see.
fn shown(program: &Program) -> String {
    let pages = ["/metrics", "/", "/api/status"].map(|path| program.get(path).text());
    pages.join("\n") + &program.printed() + &program.log()
}

#[test]
fn a_token_alone_leads_to_its_accounts_and_their_numbers() {
    let upstream = Upstream::start();
    plant(&upstream);
    let program = from_environment(&upstream).set("LOG_LEVEL", "trace").start();
    program.until_is(&status(NUMBER, "AUTH"), 1.0);
    program.until_is("whatsapp_source_channels{source=\"default\"}", 1.0);
    program.until_is("whatsapp_token_valid{token=\"default\"}", 1.0);
    program.until_is(&of_account("review_status", ",status=\"APPROVED\""), 1.0);
    let page = program.metrics();
    for (name, value) in [
        (of_account("webhook_subscribed", ""), 1.0),
        (of_account("templates", ",status=\"APPROVED\",category=\"UTILITY\""), 1.0),
        (of_account("templates", ",status=\"PAUSED\",category=\"UTILITY\""), 0.0),
        (of_account("restricted", ",reason=\"banned\""), 0.0),
        (of_account("poll_interval_seconds", ""), 300.0),
        (of_account("source_info", ",source=\"default\""), 1.0),
        (format!("whatsapp_channel_authorized{{channel=\"{NUMBER}\"}}"), 1.0),
        (format!("whatsapp_channel_quality{{channel=\"{NUMBER}\",rating=\"GREEN\"}}"), 1.0),
        (format!("whatsapp_channel_messaging_limit{{channel=\"{NUMBER}\"}}"), 2000.0),
        (
            format!(
                "whatsapp_channel_health{{channel=\"{NUMBER}\",entity=\"account\",\
                 can_send=\"AVAILABLE\"}}"
            ),
            1.0,
        ),
    ] {
        assert_eq!(page.get(&name), Some(value), "{name}\n{page}");
    }
    assert_eq!(program.get(&format!("/channels/{NUMBER}/ready")).status, 200);
    let shown = shown(&program);
    for secret in MetaAccount::SECRETS.iter().chain([&TOKEN]) {
        assert!(!shown.contains(secret), "{secret} is shown");
    }
}

#[test]
fn numbers_come_and_go_and_a_failing_list_keeps_the_last() {
    let (upstream, files) = (Upstream::start(), Files::new());
    plant(&upstream);
    let more = format!("    names: {{\"{NUMBER}\": sales, \"{ACCOUNT}\": retail}}\n");
    let program = from_file(&upstream, &files, &more).start();
    program.until_is(&status("sales", "AUTH"), 1.0);
    program.until_is("whatsapp_account_poll_success{account=\"retail\"}", 1.0);
    program.until_is("whatsapp_token_valid{token=\"shop\"}", 1.0);
    upstream.update_account(ACCOUNT, |account| {
        account.numbers.insert("107".to_owned(), MetaNumber::new("PENDING"));
        account.numbers.insert(NUMBER.to_owned(), MetaNumber::new("BANNED"));
    });
    program.until_is(&status("107", "INIT"), 1.0);
    program.until_is(&status("sales", "BLOCKED"), 1.0);
    program.until_is("whatsapp_source_channels{source=\"shop\"}", 2.0);
    upstream.update_account(ACCOUNT, |account| {
        account.numbers.remove("107");
    });
    program.until_is(&status("107", "INIT"), None);
    upstream.update_account(ACCOUNT, |account| {
        account.errors.insert("phone_numbers".to_owned(), GraphError::new(2, 0));
    });
    let failed = |of: &str| {
        format!("whatsapp_{of}_poll_failures_total{{{of}=\"retail\",reason=\"server_error\"}}")
    };
    program.until_at_least(&failed("account"), 1.0);
    let number = "whatsapp_channel_poll_failures_total{channel=\"sales\",reason=\"server_error\"}";
    program.until_at_least(number, 1.0);
    assert_eq!(program.metrics().get(&status("sales", "BLOCKED")), Some(1.0));
    // The account is gone from the token: so are its numbers.
    upstream.set_account(MetaAccount::new("103"));
    upstream.update_token(TOKEN, |token| *token = MetaToken::new("meta").managing(&["103"]));
    program.until_is(&status("sales", "BLOCKED"), None);
    program.until_is("whatsapp_account_poll_success{account=\"103\"}", 1.0);
    program.until_is("whatsapp_account_poll_success{account=\"retail\"}", None);
}

#[test]
fn an_account_that_two_sources_share_stays_when_the_first_of_them_goes() {
    let (upstream, files) = (Upstream::start(), Files::new());
    plant(&upstream);
    let other = "EAAGanotherTokenNotARealOne";
    upstream.set_token(other, MetaToken::new("meta").managing(&[ACCOUNT]));
    let of = |name: &str, token: &str| {
        files.write(name, token);
        format!(
            "  - {{name: {name}, provider: meta, api_url: {}, token_file: {name}, poll_interval: \
             1s}}\n",
            upstream.url()
        )
    };
    let (first, second) = (of("first", TOKEN), of("second", other));
    let file = |entries: &[&str]| format!("sources:\n{}", entries.concat());
    let setup = |entries: &[&str]| {
        Setup::new().file(&files, &file(entries)).set("STATE_FILE", files.path("state.json"))
    };
    let mut program = setup(&[&first, &second]).start();
    program.until_is(&status(NUMBER, "AUTH"), 1.0);
    program.until_is("whatsapp_source_poll_success{source=\"second\"}", 1.0);
    upstream.update_account(ACCOUNT, |account| {
        account.numbers.insert(NUMBER.to_owned(), MetaNumber::new("PENDING"));
    });
    program.until_is(&status(NUMBER, "INIT"), 1.0);
    let to_init =
        format!("whatsapp_channel_status_transitions_total{{channel=\"{NUMBER}\",to=\"INIT\"}}");
    let polls = of_account("polls_total", "");
    let well = of_account("poll_success", "");
    let approved = of_account("review_status", ",status=\"APPROVED\"");
    let subscribed = of_account("webhook_subscribed", "");
    // Nothing new is told until all that is asked was looked at.
    let slow = |token: &str| upstream.set_fault(token, Some(Fault::slow(Duration::from_secs(2))));
    let check = |program: &Program, so_far: Option<f64>, what: &str| {
        let page = program.metrics();
        for (row, value) in
            [(&to_init, 1.0), (&approved, 1.0), (&subscribed, 1.0), (&status(NUMBER, "INIT"), 1.0)]
        {
            assert_eq!(page.get(row), Some(value), "{what}: {row}\n{page}");
        }
        assert!(page.get(&polls) >= so_far, "{what}\n{page}");
    };
    for (entries, slowed, what) in [
        (&[&*second][..], other, "the first is gone"),
        (&[&*first, &*second], TOKEN, "it is back"),
        (&[&*second], other, "and gone again"),
    ] {
        let so_far = program.metrics().get(&polls);
        slow(slowed);
        setup(entries);
        program.reload();
        check(&program, so_far, what);
        upstream.set_fault(slowed, None);
        polled_again(&program, 2.0);
        check(&program, so_far, what);
    }
    // A restart that goes together with such a change loses nothing either.
    let so_far = program.metrics().get(&polls);
    program.signal("TERM");
    program.wait(DEADLINE);
    program = setup(&[&first]).start();
    program.until_is(&well, 1.0);
    program.until_is(&status(NUMBER, "INIT"), 1.0);
    check(&program, so_far, "after a restart");
}

#[test]
fn check_asks_an_account_of_two_sources_again_once_it_is_the_first_ones() {
    let (upstream, files) = (Upstream::start(), Files::new());
    plant(&upstream);
    let other = "EAAGanotherTokenNotARealOne";
    upstream.set_token(other, MetaToken::new("meta").managing(&[ACCOUNT]));
    files.write("first", TOKEN);
    files.write("second", other);
    // The first lists the account while it is polled with the second's token.
    upstream.set_fault(TOKEN, Some(Fault::slow(Duration::from_millis(600))));
    upstream.set_fault(other, Some(Fault::slow(Duration::from_millis(400))));
    let entry = |name: &str| format!("  - {{name: {name}, provider: meta, token_file: {name}}}\n");
    let file = format!("sources:\n{}{}", entry("first"), entry("second"));
    let setup = Setup::of(&upstream).file(&files, &file).argument("check");
    let ended = setup.run();
    assert!(ended.stdout.contains("All 6 targets are well"), "{ended:?}");
}

#[test]
fn a_token_that_may_manage_nothing_is_no_failure_and_says_so_once() {
    for (token, waba_ids) in [
        (MetaToken::new("meta").without_scope("whatsapp_business_management"), ACCOUNT),
        (MetaToken::new("meta"), ""),
    ] {
        let upstream = Upstream::start();
        plant(&upstream);
        upstream.set_token(TOKEN, token);
        let setup = || {
            from_environment(&upstream)
                .set("META_WABA_IDS", waba_ids)
                .set("META_POLL_INTERVAL", "1s")
                .set("META_REQUIRED_SCOPES", "whatsapp_business_messaging")
        };
        let program = setup().start();
        program.until_at_least("whatsapp_source_polls_total{source=\"default\"}", 3.0);
        let page = program.metrics();
        assert_eq!(page.get("whatsapp_source_channels{source=\"default\"}"), Some(0.0));
        assert_eq!(page.sum("whatsapp_source_poll_failures_total"), 0.0, "{page}");
        assert_eq!(page.get("whatsapp_token_valid{token=\"default\"}"), Some(1.0));
        let told = program.log().matches("names no account that it may manage").count();
        assert_eq!(told, 1, "{}", program.log());
        let ended = setup().argument("check").run();
        assert_eq!(ended.code, Some(0), "{ended:?}");
        assert!(ended.stdout.contains("META_WABA_IDS"), "{ended:?}");
    }
}

#[test]
fn accounts_of_the_settings_are_watched_where_the_token_names_none() {
    let upstream = Upstream::start();
    plant(&upstream);
    upstream.set_token(TOKEN, MetaToken::new("meta"));
    let program = from_environment(&upstream).set("META_WABA_IDS", ACCOUNT).start();
    program.until_is(&status(NUMBER, "AUTH"), 1.0);
    drop(program);
    let program = from_environment(&upstream)
        .set("META_WABA_IDS", ACCOUNT)
        .set("META_DISCOVER", "false")
        .start();
    program.until_is("whatsapp_token_valid{token=\"default\"}", 1.0);
    let page = program.metrics();
    assert_eq!(page.get("whatsapp_source_channels{source=\"default\"}"), None);
    assert_eq!(page.get(&status(NUMBER, "AUTH")), None);
}

#[test]
fn what_meta_says_against_a_number_is_told_with_what_to_do() {
    let (upstream, files) = (Upstream::start(), Files::new());
    plant(&upstream);
    let solution = "Visit Business Manager to add a payment method for +4915550783881.";
    upstream.update_account(ACCOUNT, |account| {
        let mut blocked = MetaNumber::default().blocked("BUSINESS", 141_010, solution);
        "RED".clone_into(&mut blocked.quality);
        account.numbers.insert(NUMBER.to_owned(), blocked);
        account.review = "REJECTED".to_owned();
        account.templates.push(("PAUSED".to_owned(), "MARKETING".to_owned()));
        account.templates.push(("A_NEW_WORD".to_owned(), "A_NEW_WORD".to_owned()));
    });
    let program = from_file(&upstream, &files, "").start();
    program.until_is(&status(NUMBER, "BLOCKED"), 1.0);
    program.until_is(&of_account("review_status", ",status=\"REJECTED\""), 1.0);
    program.until_is(&of_account("templates", ",status=\"other\",category=\"other\""), 1.0);
    program.until_is(&of_account("templates", ",status=\"PAUSED\",category=\"MARKETING\""), 1.0);
    let words = "141010: Visit Business Manager to add a payment method for +….";
    for path in ["/".to_owned(), format!("/channels/{NUMBER}")] {
        let page = program.get(&path).text();
        assert!(page.contains(words), "{path}: {page}");
    }
    let json = program.get("/api/status").text();
    assert!(json.contains("\"code\":141010,\"text\":\"Visit Business Manager"), "{json}");
    assert!(json.contains("\"health\":{\"account\":\"AVAILABLE\""), "{json}");
    let ended = from_file(&upstream, &files, "").argument("check").run();
    assert_ne!(ended.code, Some(0));
    for told in [words, "account 102290129340398", "review REJECTED", "1 templates paused"] {
        assert!(ended.stdout.contains(told), "{told}: {ended:?}");
    }
}

#[test]
fn wrong_answers_never_become_a_wrong_status() {
    let (upstream, files) = (Upstream::start(), Files::new());
    plant(&upstream);
    let program = from_file(&upstream, &files, "").set("POLL_TIMEOUT", "1s").start();
    program.until_is(&status(NUMBER, "AUTH"), 1.0);
    let polls = of_account("polls_total", "");
    let polled = || {
        let before = program.metrics().get(&polls).unwrap_or_default();
        program.until_at_least(&polls, before + 2.0);
    };
    // A field that this account does not have.
    upstream.update_account(ACCOUNT, |account| {
        account.unknown_fields = ["health_status".to_owned()].into();
    });
    polled();
    assert_eq!(program.metrics().get(&of_account("poll_success", "")), Some(1.0));
    assert_eq!(program.metrics().get(&status(NUMBER, "AUTH")), Some(1.0));
    // Pages that lead in a circle.
    upstream.update_account(ACCOUNT, |account| {
        account.unknown_fields.clear();
        account.page = 1;
        account.paging = MetaPaging::Loops;
        account.numbers.insert("107".to_owned(), MetaNumber::default());
    });
    program.until_is(&status("107", "AUTH"), 1.0);
    let reason = |reason: &str| of_account("poll_failures_total", &format!(",reason=\"{reason}\""));
    upstream.update_account(ACCOUNT, |account| account.paging = MetaPaging::Endless);
    program.until_at_least(&reason("decode"), 1.0);
    upstream.update_account(ACCOUNT, |account| {
        account.paging = MetaPaging::Right;
        account.page = usize::MAX;
    });
    drop(program);
    for (error, failure) in [
        (GraphError::new(803, 0), "channel_not_found"),
        (GraphError::new(200, 1_349_175), "forbidden"),
        (GraphError::new(4, 0), "rate_limited"),
    ] {
        upstream.update_account(ACCOUNT, |account| {
            account.errors.insert("phone_numbers".to_owned(), error);
        });
        let program = from_file(&upstream, &files, "").start();
        program.until_at_least(&reason(failure), 1.0);
        assert_eq!(program.metrics().sum("whatsapp_channel_status"), 0.0, "{failure}");
    }
    upstream.update_account(ACCOUNT, |account| account.errors.clear());
    for fault in [Fault::truncated(), Fault::garbage(), Fault::page(), Fault::wrong_shape()] {
        upstream.set_fault(TOKEN, Some(fault));
        let program = from_file(&upstream, &files, "").start();
        program.until_at_least("whatsapp_source_polls_total{source=\"shop\"}", 1.0);
        let page = program.metrics();
        assert_eq!(page.sum("whatsapp_channel_status"), 0.0, "{page}");
        assert_eq!(page.get("whatsapp_source_channels{source=\"shop\"}"), None);
    }
}

#[test]
fn a_dead_token_keeps_what_it_listed_and_is_told_as_what_it_is() {
    let (upstream, files) = (Upstream::start(), Files::new());
    plant(&upstream);
    let program = from_file(&upstream, &files, "").start();
    program.until_is(&status(NUMBER, "AUTH"), 1.0);
    upstream.set_fault(TOKEN, Some(Fault::graph(190, 463)));
    program.until_is("whatsapp_token_valid{token=\"shop\"}", 0.0);
    let refused = ",reason=\"credential_unauthorized\"";
    program.until_at_least(&of_account("poll_failures_total", refused), 1.0);
    let source = format!("whatsapp_source_poll_failures_total{{source=\"shop\"{refused}}}");
    program.until_at_least(&source, 1.0);
    assert_eq!(program.metrics().get(&status(NUMBER, "AUTH")), Some(1.0), "it was so when asked");
}

#[test]
fn polls_keep_away_from_the_limit_before_it_is_met() {
    let (upstream, files) = (Upstream::start(), Files::new());
    plant(&upstream);
    upstream.update_account(ACCOUNT, |account| account.usage = Some((95, 0)));
    let program = from_file(&upstream, &files, "").set("STALE_AFTER", "2s").start();
    program.until_is(&of_account("api_usage_ratio", ""), 0.95);
    program.until_at_least("whatsapp_source_polls_total{source=\"shop\"}", 5.0);
    let page = program.metrics();
    assert!(page.get(&of_account("polls_total", "")) <= Some(2.0), "{page}");
    assert_eq!(page.get(&of_account("poll_success", "")), Some(1.0), "nothing was refused");
    assert_eq!(page.get(&status(NUMBER, "AUTH")), Some(1.0), "the next poll is not due yet");
}

fn unix_now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("a time after 1970").as_secs()
}

/// A number with this phone number that sent as many messages in each of its last half hours.
fn counted(phone: &str, counts: (u32, u32)) -> MetaNumber {
    let half_hours = MetaHalfHour::last(unix_now(), &[counts; 4]);
    MetaNumber { phone: phone.to_owned(), half_hours, ..MetaNumber::default() }
}

/// The ratio of a number, of how many messages, and how old it is.
fn delivered(program: &Program, number: &str) -> Option<(f64, f64, f64)> {
    let page = program.metrics();
    let of = |metric: &str| page.get(&format!("whatsapp_channel_{metric}{{channel=\"{number}\"}}"));
    let age = unix_now() as f64 - of("delivery_ratio_timestamp_seconds")?;
    Some((of("delivery_ratio")?, of("analytics_sent_messages")?, age))
}

/// How many calls asked the account for this.
fn calls(upstream: &Upstream, field: &str) -> usize {
    let mut count = 0;
    upstream.update_account(ACCOUNT, |account| {
        let asked = account.asked.lock().expect("a whole list");
        count = asked.iter().filter(|fields| fields.contains(field)).count();
    });
    count
}

/// Waits until the account was polled as often again.
fn polled_again(program: &Program, times: f64) {
    let polls = of_account("polls_total", "");
    let before = program.metrics().get(&polls).unwrap_or_default();
    program.until_at_least(&polls, before + times);
}

const PHONES: [&str; 3] = ["+49 1555 0783881", "+1 555-078-3882", "+55 11 91234-5678"];

#[test]
fn the_delivery_ratio_of_each_number_comes_with_its_age_and_shows_no_phone_number() {
    let (upstream, files) = (Upstream::start(), Files::new());
    plant(&upstream);
    upstream.update_account(ACCOUNT, |account| {
        let mut first = counted(PHONES[0], (120, 117));
        // Out of order, and the newest without a message.
        first.half_hours.reverse();
        first.half_hours.retain(|hour| hour.start + 4500 < unix_now());
        account.numbers.insert(NUMBER.to_owned(), first);
        account.numbers.insert("107".to_owned(), counted(PHONES[1], (3, 5)));
        account.numbers.insert(
            "108".to_owned(),
            MetaNumber { phone: PHONES[2].to_owned(), ..MetaNumber::default() },
        );
    });
    let settings = from_file(&upstream, &files, "    analytics: true\n");
    let program = settings.set("LOG_LEVEL", "trace").set("STATE_FILE", files.path("state")).start();
    program.until_is(&status(NUMBER, "AUTH"), 1.0);
    let (ratio, sent, age) = delivered(&program, NUMBER).expect("a ratio");
    assert_eq!((ratio, sent), (0.975, 120.0));
    assert!((2700.0..6400.0).contains(&age), "{age}");
    let (ratio, sent, age) = delivered(&program, "107").expect("a ratio");
    assert_eq!((ratio, sent), (1.0, 3.0), "more than all are all");
    assert!((1800.0..3700.0).contains(&age), "{age}");
    assert_eq!(delivered(&program, "108"), None, "it sent nothing");
    polled_again(&program, 3.0);
    assert_eq!(calls(&upstream, "analytics."), 1, "one call for all numbers, seldom");
    assert_eq!(calls(&upstream, "display_phone_number"), 1);
    let words = "97.5 % of 120 messages delivered in the half hour that ended";
    let page = program.get(&format!("/channels/{NUMBER}")).text();
    assert!(page.contains(words), "{page}");
    let json: Value = serde_json::from_str(&program.get("/api/status").text()).unwrap();
    let of = |name: &str| {
        let channels = json["channels"].as_array().expect("channels");
        let channel = channels.iter().find(|channel| channel["name"] == name);
        channel.expect("the channel")["delivery_count"].clone()
    };
    assert_eq!((&of(NUMBER)["sent"], &of(NUMBER)["delivered"]), (&json!(120), &json!(117)));
    assert!(of("108").is_null());
    let mut program = program;
    let shown = shown(&program);
    program.signal("TERM");
    program.wait(DEADLINE);
    let kept = std::fs::read_to_string(files.path("state")).expect("the state file");
    for phone in PHONES {
        let digits: String = phone.chars().filter(char::is_ascii_digit).collect();
        for personal in [phone, &digits, &digits[digits.len() - 7..]] {
            assert!(!shown.contains(personal), "{personal} is shown");
            assert!(!kept.contains(personal), "{personal} is kept");
        }
    }
}

#[test]
fn without_analytics_nothing_of_it_is_asked_or_shown() {
    let upstream = Upstream::start();
    plant(&upstream);
    upstream.update_account(ACCOUNT, |account| {
        account.numbers.insert(NUMBER.to_owned(), counted(PHONES[0], (120, 117)));
    });
    let program = from_environment(&upstream).start();
    program.until_is(&status(NUMBER, "AUTH"), 1.0);
    let page = program.get("/metrics").text();
    assert!(!page.contains("delivery_ratio") && !page.contains("analytics"), "{page}");
    assert_eq!(calls(&upstream, "analytics."), 0);
    assert_eq!(calls(&upstream, "display_phone_number"), 0);
    drop(program);
    let program = from_environment(&upstream).set("META_ANALYTICS", "true").start();
    program.until_is(&status(NUMBER, "AUTH"), 1.0);
    assert_eq!(delivered(&program, NUMBER).map(|(ratio, ..)| ratio), Some(0.975));
}

#[test]
fn wrong_analytics_leave_the_account_and_its_numbers_as_they_are() {
    let analytics = |phones: Value, points: Value| {
        let figures = json!({ "phone_numbers": phones, "data_points": points });
        json!({ "analytics": figures, "id": ACCOUNT })
    };
    let start = (unix_now() / 1800 - 4) * 1800;
    let point = json!({ "start": start, "end": start + 1800, "sent": 9, "delivered": 9 });
    let other = analytics(json!(["15550000000"]), json!([point.clone()]));
    let empty = analytics(json!(["4915550783881"]), json!([]));
    let wrong = json!({ "analytics": [1], "id": ACCOUNT });
    let half = json!([point, { "start": "x" }, null, { "end": start }]);
    let partly = analytics(json!([]), half);
    for (error, body, told, warned) in [
        (Some(GraphError::new(200, 0)), None, None, 1),
        (Some(GraphError::new(10, 0)), None, None, 1),
        (Some(GraphError::new(100, 0)), None, None, 1),
        (Some(GraphError::new(1, 0)), None, None, 1),
        (None, Some(other), None, 0),
        (None, Some(empty), None, 0),
        (None, Some(wrong), None, 0),
        (None, Some(json!([])), None, 1),
        (None, Some(partly), Some(9.0), 0),
    ] {
        let (upstream, files) = (Upstream::start(), Files::new());
        plant(&upstream);
        let case = format!("{error:?} {body:?}");
        upstream.update_account(ACCOUNT, |account| {
            account.errors.extend(error.map(|error| ("analytics".to_owned(), error)));
            account.bodies.extend(body.map(|body| ("analytics".to_owned(), body)));
        });
        let program = from_file(&upstream, &files, "    analytics: true\n").start();
        program.until_is(&status(NUMBER, "AUTH"), 1.0);
        polled_again(&program, 2.0);
        let page = program.metrics();
        assert_eq!(page.sum("whatsapp_account_poll_failures_total"), 0.0, "{case}");
        assert_eq!(page.sum("whatsapp_channel_poll_failures_total"), 0.0, "{case}");
        assert_eq!(page.get(&status(NUMBER, "AUTH")), Some(1.0), "{case}");
        assert_eq!(delivered(&program, NUMBER).map(|(_, sent, _)| sent), told, "{case}");
        assert_eq!(calls(&upstream, "analytics."), 1, "{case}");
        let words = "did not answer part of an account query";
        assert_eq!(program.log().matches(words).count(), warned, "{case}");
    }
}

#[test]
fn an_account_that_takes_no_names_has_its_numbers_asked_in_turn() {
    let (upstream, files) = (Upstream::start(), Files::new());
    plant(&upstream);
    upstream.update_account(ACCOUNT, |account| {
        account.takes_names = false;
        account.numbers.insert(NUMBER.to_owned(), counted(PHONES[0], (120, 117)));
        account.numbers.insert("107".to_owned(), counted(PHONES[1], (4, 2)));
    });
    let program = from_file(&upstream, &files, "    analytics: true\n").start();
    program.until_is(&status(NUMBER, "AUTH"), 1.0);
    polled_again(&program, 2.0);
    // The first whose turn it is.
    let told = [NUMBER, "107"].map(|number| delivered(&program, number).map(|(ratio, ..)| ratio));
    assert_eq!(told, [Some(0.975), None]);
    assert_eq!(program.metrics().sum("whatsapp_account_poll_failures_total"), 0.0);
    assert!(!program.log().contains("does not tell a part"), "{}", program.log());
}

const SECRET: &str = "webhookSecretOfTheseTests";
const APP_SECRET: &str = "metaAppSecretNotARealOne";

/// Posts a body that is signed with this secret of an app.
fn post(program: &Program, body: &str, app_secret: &str) -> u16 {
    let key = hmac::Key::new(hmac::HMAC_SHA256, app_secret.as_bytes());
    let tag = hmac::sign(&key, body.as_bytes());
    let hex: String = tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    let headers = [("X-Hub-Signature-256", &*format!("sha256={hex}"))];
    let path = "/webhook/meta";
    http::send(program.address, "POST", path, &headers, body).expect("an answer").status
}

/// A delivery with these changes of the account, each a field and its value.
fn delivery(changes: &[(&str, &str)]) -> String {
    let change =
        |(field, value): &(&str, &str)| format!(r#"{{"field":"{field}","value":{value}}}"#);
    let changes: Vec<String> = changes.iter().map(change).collect();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    format!(
        r#"{{"object":"whatsapp_business_account","entry":[{{"id":"{ACCOUNT}","time":{},
            "changes":[{}]}}]}}"#,
        now.expect("a time after 1970").as_secs(),
        changes.join(",")
    )
}

fn receiving(upstream: &Upstream) -> Setup {
    from_environment(upstream)
        .set("WEBHOOK_SECRET", SECRET)
        .set("META_WEBHOOK_APP_SECRET", APP_SECRET)
}

fn events(event: &str, outcome: &str) -> String {
    of_account("webhook_events_total", &format!(",event=\"{event}\",outcome=\"{outcome}\""))
}

#[test]
fn metas_question_is_answered_and_only_signed_deliveries_are_heard() {
    let upstream = Upstream::start();
    plant(&upstream);
    let program = receiving(&upstream).start();
    program.until_is(&status(NUMBER, "AUTH"), 1.0);
    let ask = |token: &str| {
        let query = format!("hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token={token}");
        program.get(&format!("/webhook/meta?{query}"))
    };
    assert_eq!((ask(SECRET).status, ask(SECRET).text()), (200, "1158201444".to_owned()));
    assert_eq!(ask("wrong").status, 403);
    let body = delivery(&[("account_review_update", r#"{"decision":"REJECTED"}"#)]);
    assert_eq!(post(&program, &body, SECRET), 401, "the verify token signs nothing");
    let unsigned = http::send(program.address, "POST", "/webhook/meta", &[], &body);
    assert_eq!(unsigned.expect("an answer").status, 401);
    assert_eq!(program.metrics().sum("whatsapp_account_webhook_events_total"), 0.0);
    assert_eq!(post(&program, &body, APP_SECRET), 200);
    assert_eq!(post(&program, &body, APP_SECRET), 200);
    let page = program.metrics();
    assert_eq!(page.get(&events("account_review_update", "applied")), Some(1.0), "{page}");
    assert_eq!(page.get(&events("account_review_update", "duplicate")), Some(1.0));
    assert_eq!(post(&program, "[]", APP_SECRET), 400);
    let other = body.replace(ACCOUNT, "999");
    assert_eq!(post(&program, &other, APP_SECRET), 200);
    let refused = "whatsapp_exporter_webhooks_refused_total{reason=\"unknown_channel\"}";
    assert_eq!(program.metrics().get(refused), Some(1.0));
    drop(program);
    // Without the app's secret nothing is heard at all.
    let program = receiving(&upstream).unset("META_WEBHOOK_APP_SECRET").start();
    assert_eq!(post(&program, &body, APP_SECRET), 401);
}

#[test]
fn what_another_shard_watches_comes_again_whatever_comes_with_it() {
    let upstream = Upstream::start();
    plant(&upstream);
    let shards = ["1/2", "2/2"].map(|shard| receiving(&upstream).set("SHARD", shard).start());
    for program in &shards {
        program.until_is("whatsapp_source_channels", 1.0);
    }
    let message = |number: &str| format!(r#"{{"metadata":{{"phone_number_id":"{number}"}}}}"#);
    let (watched, unknown) = (message(NUMBER), message("999"));
    let answers = shards.each_ref().map(|program| {
        [[&watched, &unknown], [&unknown, &watched]].map(|both| {
            let body = delivery(&both.map(|one| ("messages", &**one)));
            post(program, &body, APP_SECRET)
        })
    });
    let mut answers = answers;
    answers.sort_unstable();
    assert_eq!(answers, [[200, 200], [421, 421]]);
}

#[test]
fn what_webhooks_tell_is_known_at_once_and_polled_within_bounds() {
    let upstream = Upstream::start();
    plant(&upstream);
    let program = receiving(&upstream).start();
    program.until_is(&of_account("webhook_subscribed", ""), 1.0);
    let polls = of_account("polls_total", "");
    program.until_is(&polls, 1.0);
    upstream.update_account(ACCOUNT, |account| {
        account.numbers.insert(NUMBER.to_owned(), MetaNumber::new("RESTRICTED"));
    });
    let soon = std::time::SystemTime::now() + std::time::Duration::from_secs(3600);
    let soon = soon.duration_since(std::time::UNIX_EPOCH).expect("a time after 1970").as_secs();
    let restricted = format!(
        r#"{{"event":"ACCOUNT_RESTRICTION",
            "restriction_info":[{{"restriction_type":"RESTRICTED_BIZ_INITIATED_MESSAGING",
            "expiration":{soon}}}]}}"#
    );
    let message = format!(
        r#"{{"metadata":{{"phone_number_id":"{NUMBER}","display_phone_number":"4915550783881"}},
            "contacts":[{{"profile":{{"name":"NameOfACustomer"}}}}],
            "messages":[{{"text":{{"body":"PrivateWords {}"}}}}]}}"#,
        "x".repeat(2_500_000)
    );
    let body = delivery(&[
        ("account_update", &restricted),
        ("messages", &message),
        ("account_alerts", r#"{"alert_info":{"alert_type":"OBA_APPROVED"}}"#),
        ("security", r#"{"display_phone_number":"4915550783881","event":"PIN_RESET_REQUEST"}"#),
        ("a_field_of_tomorrow", "7"),
    ]);
    assert_eq!(post(&program, &body, APP_SECRET), 200);
    let page = program.metrics();
    assert_eq!(page.get(&of_account("restricted", ",reason=\"business_initiated\"")), Some(1.0));
    for (event, outcome) in [
        ("account_update", "applied"),
        ("account_alerts", "ignored"),
        ("security", "ignored"),
        ("other", "ignored"),
    ] {
        assert_eq!(page.get(&events(event, outcome)), Some(1.0), "{event}");
    }
    let of_number = format!(
        "whatsapp_channel_webhook_events_total{{channel=\"{NUMBER}\",event=\"other\",\
         outcome=\"ignored\"}}"
    );
    assert_eq!(page.get(&of_number), Some(1.0));
    // The next poll is due in five minutes, and comes now.
    program.until_is(&polls, 2.0);
    let quota = format!("whatsapp_channel_restricted{{channel=\"{NUMBER}\",reason=\"quota\"}}");
    program.until_is(&quota, 1.0);
    for at in 0..50 {
        let paused = format!(r#"{{"event":"PAUSED","message_template_id":{at}}}"#);
        let body = delivery(&[("message_template_status_update", &paused)]);
        assert_eq!(post(&program, &body, APP_SECRET), 200);
    }
    std::thread::sleep(std::time::Duration::from_secs(3));
    assert_eq!(program.metrics().get(&polls), Some(2.0), "many events are one poll");
    let reinstated = r#"{"event":"DISABLED_UPDATE","ban_info":{"waba_ban_state":"REINSTATE"}}"#;
    assert_eq!(post(&program, &delivery(&[("account_update", reinstated)]), APP_SECRET), 200);
    program.until_is(&of_account("restricted", ",reason=\"business_initiated\""), 0.0);
    let shown = shown(&program);
    for personal in ["NameOfACustomer", "PrivateWords", "4915550783881", SECRET, APP_SECRET] {
        assert!(!shown.contains(personal), "{personal} is shown");
    }
    // By what it says of itself, before a byte of it is sent.
    let mut line = http::Line::open(program.address).expect("a connection");
    let head = [("X-Hub-Signature-256", "sha256=00")];
    line.write(http::head("POST", "/webhook/meta", &head, Some(3 * 1024 * 1024 + 1)))
        .expect("sent");
    assert_eq!(line.reply(false).expect("an answer").status, 413);
}

#[test]
fn a_restriction_that_a_webhook_told_survives_restarts_until_it_is_over() {
    let (upstream, files) = (Upstream::start(), Files::new());
    plant(&upstream);
    upstream.update_account(ACCOUNT, |account| "BLOCKED".clone_into(&mut account.can_send));
    let setup = || receiving(&upstream).set("STATE_FILE", files.path("state"));
    let listed = |program: &Program| program.until_is(&of_account("webhook_subscribed", ""), 1.0);
    let stop = |mut program: Program| {
        program.signal("TERM");
        program.wait(DEADLINE);
        std::fs::read_to_string(files.path("state")).expect("the state file")
    };
    let restricted = |program: &Program| {
        let page = program.metrics();
        let reasons = ["business_initiated", "customer_initiated", "calling", "banned"];
        let of = |reason| page.get(&of_account("restricted", &format!(",reason=\"{reason}\"")));
        reasons.map(|reason| of(reason).expect("a row") as u8)
    };
    let program = setup().start();
    listed(&program);
    let (soon, later) = (unix_now() + 5, unix_now() + 3600);
    let told = format!(
        r#"{{"event":"ACCOUNT_RESTRICTION","restriction_info":[
            {{"restriction_type":"RESTRICTED_BIZ_INITIATED_MESSAGING","expiration":{later}}},
            {{"restriction_type":"RESTRICTED_CUSTOMER_INITIATED_MESSAGING"}},
            {{"restriction_type":"RESTRICTED_BUSINESS_INITIATED_CALLING","expiration":{soon}}}]}}"#
    );
    let banned = r#"{"event":"DISABLED_UPDATE","ban_info":{"waba_ban_state":"DISABLE"}}"#;
    let body = delivery(&[("account_update", &told), ("account_update", banned)]);
    assert_eq!(post(&program, &body, APP_SECRET), 200);
    assert_eq!(restricted(&program), [1, 1, 1, 1]);
    let file = stop(program);
    assert!(file.contains("\"reason\":\"calling\""), "{file}");
    // Twice the account is not listed before the next restart.
    upstream.set_fault(TOKEN, Some(Fault::bad_gateway()));
    for _ in 0..2 {
        let program = setup().start();
        let failures = "whatsapp_source_poll_failures_total{source=\"default\",\
            reason=\"server_error\"}";
        program.until_at_least(failures, 1.0);
        let file = stop(program);
        assert_eq!(file.matches("\"reason\":\"banned\"").count(), 1, "{file}");
    }
    upstream.set_fault(TOKEN, None);
    crate::common::eventually("its end has passed", || (unix_now() > soon).then_some(()));
    let program = setup().start();
    listed(&program);
    assert_eq!(restricted(&program), [1, 1, 0, 1], "one has ended meanwhile");
    assert_eq!(program.metrics().get(&events("account_update", "applied")), Some(2.0));
    let json: Value = serde_json::from_str(&program.get("/api/status").text()).expect("JSON");
    let ends = json["accounts"][0]["restrictions"][0]["ends"].as_str().expect("an end");
    let ends = humantime::parse_rfc3339(ends).expect("a time");
    assert_eq!(ends.duration_since(UNIX_EPOCH).expect("a time").as_secs(), later);
    let file = stop(program);
    assert!(file.contains("\"reason\":\"banned\"") && !file.contains("\"calling\""), "{file}");
    // A poll finds that it can send, so the webhook that says so was lost.
    upstream.update_account(ACCOUNT, |account| "AVAILABLE".clone_into(&mut account.can_send));
    let program = setup().start();
    listed(&program);
    assert_eq!(restricted(&program), [1, 1, 0, 0]);
    let file = stop(program);
    // What a later version may write, and what an earlier one did.
    let later_version = file.replace("customer_initiated", "of_tomorrow");
    std::fs::write(files.path("state"), later_version).expect("a written file");
    let program = setup().start();
    listed(&program);
    assert_eq!(restricted(&program), [1, 0, 0, 0]);
    stop(program);
    std::fs::write(files.path("state"), &file).expect("a written file");
    let program = setup().start();
    listed(&program);
    let reinstated = r#"{"event":"DISABLED_UPDATE","ban_info":{"waba_ban_state":"REINSTATE"}}"#;
    let body = delivery(&[("account_update", reinstated)]);
    assert_eq!(post(&program, &body, APP_SECRET), 200);
    assert_eq!(restricted(&program), [0, 0, 0, 0]);
    let without = stop(program);
    assert!(!without.contains("restrictions"), "{without}");
    let program = setup().start();
    listed(&program);
    assert_eq!(restricted(&program), [0, 0, 0, 0], "as of an earlier version");
    assert!(!program.log().contains("moved aside"), "{}", program.log());
    stop(program);
    // Nobody would tell of their end.
    std::fs::write(files.path("state"), &file).expect("a written file");
    let program = setup().unset("WEBHOOK_SECRET").unset("META_WEBHOOK_APP_SECRET").start();
    listed(&program);
    assert_eq!(restricted(&program), [0, 0, 0, 0]);
}

#[test]
fn messages_and_their_statuses_are_counted_once_at_their_number() {
    let upstream = Upstream::start();
    plant(&upstream);
    let program = receiving(&upstream).start();
    program.until_is(&of_account("webhook_subscribed", ""), 1.0);
    let value = |rest: &str| {
        format!(
            r#"{{"metadata":{{"phone_number_id":"{NUMBER}","display_phone_number":"4915550783881"}},
                {rest}}}"#
        )
    };
    let at = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let at = at.expect("a time after 1970").as_secs();
    let received = value(&format!(
        r#""contacts":[{{"profile":{{"name":"NameOfACustomer"}}}}],"messages":[{{"id":"wamid.IN",
            "from":"4915550783999","timestamp":"{at}","text":{{"body":"PrivateWords"}}}}]"#
    ));
    let sent = value(&format!(
        r#""statuses":[{{"id":"wamid.OUT","status":"sent","timestamp":"{at}",
            "recipient_id":"4915550783999"}}]"#
    ));
    let failed = value(&format!(
        r#""statuses":[{{"id":"wamid.BAD","status":"failed","timestamp":"{at}",
            "errors":[{{"code":131042}}]}}]"#
    ));
    let body = delivery(&[("messages", &received), ("messages", &sent), ("messages", &failed)]);
    // Meta delivers to all subscribed apps, and again.
    for _ in 0..3 {
        assert_eq!(post(&program, &body, APP_SECRET), 200);
    }
    let page = program.metrics();
    let of = |metric: &str, labels: &str| {
        page.get(&format!("whatsapp_channel_{metric}{{channel=\"{NUMBER}\",{labels}}}"))
    };
    assert_eq!(of("messages_total", "direction=\"inbound\",origin=\"other\""), Some(1.0));
    assert_eq!(of("messages_total", "direction=\"outbound\",origin=\"other\""), Some(2.0));
    assert_eq!(of("message_statuses_total", "status=\"sent\""), Some(1.0));
    assert_eq!(of("message_failures_total", "reason=\"payment\""), Some(1.0));
    let shown = shown(&program);
    for personal in ["NameOfACustomer", "PrivateWords", "4915550783999", "wamid."] {
        assert!(!shown.contains(personal), "{personal} is shown");
    }
}
