//! Webhooks as Whapi delivers them: real HTTP to the real program, in every mode, in any order,
//! again and again, and by the thousands.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::common::http::{self, Line, Reply};
use crate::common::metrics::{Metrics, Series};
use crate::common::{Files, Program, Setup, Upstream, closed_port, eventually};
use serde_json::{Value, json};
use whatsapp_exporter::domain::WebhookRefusal;
use whatsapp_simulator::{Fault, WebhookMode, WhapiChannel, WhapiWebhook};

const SECRET: &str = "webhookSecretOfTheseTests";
const HEADER: (&str, &str) = ("X-Webhook-Secret", SECRET);
const PATH: &str = "/webhook/whapi";
const LARGEST: usize = 1024 * 1024;

/// The ways Whapi delivers an event.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Mode {
    Body,
    Path,
    Method,
}

const MODES: [Mode; 3] = [Mode::Body, Mode::Path, Mode::Method];

/// An event: its type, its method, and what it carries beside them.
#[derive(Debug, Clone)]
struct Event(&'static str, &'static str, Value);

impl Event {
    fn status(text: &str, started: u64, uptime: u64) -> Self {
        let health = json!({ "start_at": started, "uptime": uptime, "status": { "text": text } });
        Self("channel", "post", json!({ "health": health }))
    }

    fn qr(image: &str) -> Self {
        let qr = json!({ "status": "OK", "base64": image, "rowdata": image, "expire": 20 });
        Self("channel", "patch", json!({ "qr": qr }))
    }

    fn user(method: &'static str) -> Self {
        Self("users", method, json!({ "user": { "id": "61371989950", "name": "Jonathan" } }))
    }

    fn message() -> Self {
        let text = json!({ "id": "p.w30M7", "type": "text", "text": { "body": "hi" } });
        Self("messages", "post", json!({ "messages": [text] }))
    }

    /// The HTTP method, the path and the body of its delivery. Only the mode `body` names the event
    /// in the body here, so that the others must be read from the address.
    fn delivery(&self, mode: Mode, channel_id: &str) -> (String, String, String) {
        let Self(kind, method, content) = self;
        let mut body = content.clone();
        body["channel_id"] = json!(channel_id);
        let (http, path) = match mode {
            Mode::Body => {
                body["event"] = json!({ "type": kind, "event": method });
                ("POST".to_owned(), PATH.to_owned())
            }
            Mode::Path => ("POST".to_owned(), format!("{PATH}/{kind}/{method}")),
            Mode::Method => (method.to_ascii_uppercase(), format!("{PATH}/{kind}")),
        };
        (http, path, body.to_string())
    }
}

fn deliver(program: &Program, mode: Mode, channel_id: &str, event: &Event) -> Reply {
    let (method, path, body) = event.delivery(mode, channel_id);
    http::send(program.address, &method, &path, &[HEADER], body).expect("an answer")
}

fn taken(program: &Program, mode: Mode, channel_id: &str, event: &Event) {
    let reply = deliver(program, mode, channel_id, event);
    assert_eq!((reply.status, &*reply.text()), (200, "ok\n"), "{mode:?} {event:?}");
}

/// Seconds since 1970.
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock").as_secs()
}

/// A program that watches so many channels which cannot be reached, so that webhooks alone tell of
/// them: `c0` with the id `CHANNEL-0`, and so on.
fn listening(count: usize, files: &Files) -> Setup {
    let mut yaml = "channels:\n".to_owned();
    for at in 0..count {
        let _ =
            write!(yaml, "  - name: c{at}\n    token_file: token\n    channel_id: CHANNEL-{at}\n");
    }
    files.write("token", "aMadeUpToken");
    Setup::new()
        .pace("1h")
        .set("WHAPI_API_URL", format!("http://{}", closed_port()))
        .set("WEBHOOK_SECRET", SECRET)
        .file(files, &yaml)
}

fn refused(program: &Program) -> Vec<(&'static str, f64)> {
    let page = program.metrics();
    let count = |reason: &&'static str| {
        let series = format!("whatsapp_exporter_webhooks_refused_total{{reason=\"{reason}\"}}");
        (*reason, page.get(&series).expect("a count"))
    };
    WebhookRefusal::LABELS.iter().map(count).filter(|(_, count)| *count > 0.0).collect()
}

/// What is known of a channel, but for its polls and for when its last webhook came.
fn known(page: &Metrics, channel: &str) -> Vec<(Series, f64)> {
    let all = page.of("channel", channel).into_iter();
    all.filter(|(series, _)| {
        !series.name.contains("_poll") && !series.name.contains("_last_webhook")
    })
    .collect()
}

fn outcome(page: &Metrics, channel: &str, event: &str, outcome: &str) -> f64 {
    let labels = format!("channel=\"{channel}\",event=\"{event}\",outcome=\"{outcome}\"");
    page.get(&format!("whatsapp_channel_webhook_events_total{{{labels}}}")).expect("a count")
}

fn transitions(page: &Metrics, channel: &str, to: &str) -> f64 {
    let labels = format!("channel=\"{channel}\",to=\"{to}\"");
    page.get(&format!("whatsapp_channel_status_transitions_total{{{labels}}}")).expect("a count")
}

#[test]
fn the_three_modes_say_the_same() {
    let files = Files::new();
    let program = listening(3, &files).start();
    let start = now() - 100;
    let life = [
        Event::status("AUTH", start - 500, 510),
        Event::status("INIT", start + 20, 0),
        Event::status("LAUNCH", start + 20, 1),
        Event::status("QR", start + 20, 3),
        Event::user("delete"),
        Event::qr("aW1hZ2U="),
        Event::user("post"),
        Event::status("AUTH", start + 20, 9),
        Event::message(),
    ];
    for (at, mode) in MODES.into_iter().enumerate() {
        for event in &life {
            taken(&program, mode, &format!("CHANNEL-{at}"), event);
        }
    }
    let page = program.metrics();
    for status in ["INIT", "LAUNCH", "QR", "AUTH"] {
        assert_eq!(transitions(&page, "c0", status), 1.0, "{status}");
    }
    assert_eq!(page.get("whatsapp_channel_authorized{channel=\"c0\"}"), Some(1.0));
    assert_eq!(page.get("whatsapp_channel_restarts_total{channel=\"c0\"}"), Some(1.0));
    assert_eq!(page.get("whatsapp_channel_logins_total{channel=\"c0\"}"), Some(1.0));
    assert_eq!(page.get("whatsapp_channel_logouts_total{channel=\"c0\"}"), Some(1.0));
    assert_eq!(outcome(&page, "c0", "channel.post", "applied"), 5.0);
    assert_eq!(outcome(&page, "c0", "channel.patch", "ignored"), 1.0);
    assert_eq!(outcome(&page, "c0", "users.delete", "applied"), 1.0);
    assert_eq!(outcome(&page, "c0", "users.post", "applied"), 1.0);
    assert_eq!(outcome(&page, "c0", "other", "ignored"), 1.0);
    assert_eq!(known(&page, "c0"), known(&page, "c1"));
    assert_eq!(known(&page, "c0"), known(&page, "c2"));
    assert_eq!(refused(&program), []);
}

#[test]
fn the_body_is_believed_before_the_address() {
    let files = Files::new();
    let program = listening(1, &files).start();
    let body =
        json!({ "event": { "type": "users", "event": "delete" }, "channel_id": "CHANNEL-0" });
    for (method, path) in [
        ("PUT", "/channel/post"),
        ("PATCH", "/channel"),
        ("POST", "/messages/post/"),
        ("POST", "/"),
    ] {
        let path = format!("{PATH}{path}");
        let reply = http::send(program.address, method, &path, &[HEADER], body.to_string());
        assert_eq!(reply.expect("an answer").status, 200);
    }
    let page = program.metrics();
    assert_eq!(outcome(&page, "c0", "users.delete", "applied"), 1.0);
    assert_eq!(outcome(&page, "c0", "users.delete", "duplicate"), 3.0);
}

#[test]
fn late_repeated_and_shuffled_deliveries_change_nothing() {
    let files = Files::new();
    let program = listening(2, &files).start();
    let start = now() - 200;
    let words = ["AUTH", "INIT", "LAUNCH", "QR", "HIBERNATING", "AUTH", "STOP", "INIT", "AUTH"];
    let life: Vec<_> = (0_u64..)
        .zip(words)
        .map(|(step, word)| Event::status(word, start + step / 3, 10 * (step + 1)))
        .collect();
    for (at, event) in life.iter().enumerate() {
        taken(&program, MODES[at % 3], "CHANNEL-0", event);
    }
    for round in 0..3 {
        // Backwards, and then from the middle, each in another mode.
        for (at, event) in life.iter().rev().chain(&life[4..]).enumerate() {
            taken(&program, MODES[(at + round) % 3], "CHANNEL-1", event);
        }
    }
    let same = |(series, _): &(Series, f64)| !series.name.contains("webhook_events");
    let page = program.metrics();
    let (ordered, shuffled) = (known(&page, "c0"), known(&page, "c1"));
    let ordered: Vec<_> = ordered.into_iter().filter(same).collect();
    assert_eq!(ordered, shuffled.into_iter().filter(same).collect::<Vec<_>>());
    assert_eq!(transitions(&page, "c0", "AUTH"), 2.0);
    assert_eq!(transitions(&page, "c0", "INIT"), 2.0);
    assert_eq!(transitions(&page, "c0", "STOP"), 1.0);
    let events = |outcome_word| outcome(&page, "c1", "channel.post", outcome_word);
    assert_eq!((events("applied"), events("late"), events("duplicate")), (1.0, 8.0, 33.0));
    // A word that is not in the list counts once for each channel, however often it is told.
    assert_eq!(page.get("whatsapp_exporter_unknown_status_total{provider=\"whapi\"}"), Some(2.0));

    for event in &life {
        taken(&program, Mode::Body, "CHANNEL-0", event);
    }
    let again: Vec<_> = known(&program.metrics(), "c0").into_iter().filter(same).collect();
    assert_eq!(again, ordered);
}

#[test]
fn a_reconnect_between_two_polls_is_counted_as_three_moves() {
    let upstream = Upstream::start();
    upstream.set_channel("t", WhapiChannel::new("sales"));
    let program = Setup::of(&upstream)
        .pace("1h")
        .set("WHAPI_TOKEN", "t")
        .set("WEBHOOK_SECRET", SECRET)
        .start();
    program.until_is("whatsapp_channel_authorized", 1.0);
    // The id is the one that the poll has learnt.
    let start = now() + 1;
    for (status, uptime) in [("INIT", 0), ("LAUNCH", 1), ("AUTH", 3)] {
        taken(&program, Mode::Body, "MANTIS-M72HC", &Event::status(status, start, uptime));
    }
    let page = program.metrics();
    for status in ["INIT", "LAUNCH", "AUTH"] {
        assert_eq!(transitions(&page, "default", status), 1.0, "{status}");
    }
    assert_eq!(page.get("whatsapp_channel_restarts_total"), Some(1.0));
    assert_eq!(page.get("whatsapp_channel_authorized"), Some(1.0));
    assert_eq!(page.get("whatsapp_channel_polls_total"), Some(1.0));
}

#[test]
fn only_who_knows_the_secret_is_heard() {
    let files = Files::new();
    let setup = listening(1, &files);
    let program = setup.clone().start();
    let (_, _, body) = Event::status("AUTH", now(), 1).delivery(Mode::Body, "CHANNEL-0");
    let status = |program: &Program, headers: &[(&str, &str)]| {
        http::send(program.address, "POST", PATH, headers, &body).expect("an answer").status
    };
    let wrong = "webhookSecretOfTheseTestz";
    assert_eq!(wrong.len(), SECRET.len());
    let longer = format!("{SECRET}x");
    let bearer = format!("Bearer {SECRET}");
    let refusals: &[&[(&str, &str)]] = &[
        &[],
        &[("X-Webhook-Secret", "")],
        &[("X-Webhook-Secret", wrong)],
        &[("X-Webhook-Secret", &SECRET[..10])],
        &[("X-Webhook-Secret", &longer)],
        &[("X-Webhook-Secret", &SECRET.to_ascii_lowercase())],
        &[("X-Webhook-Secret", &bearer)],
        &[("X-Other-Secret", SECRET)],
        &[("Authorization", &bearer)],
        &[("X-Webhook-Secret", wrong), ("X-Webhook-Secret", "")],
    ];
    for headers in refusals {
        assert_eq!(status(&program, headers), 401, "{headers:?}");
    }
    let page = program.metrics();
    assert_eq!(refused(&program), [("secret", refusals.len() as f64)]);
    assert_eq!(page.get("whatsapp_channel_authorized"), None);
    assert_eq!(page.sum("whatsapp_channel_webhook_events_total"), 0.0);
    assert_eq!(status(&program, &[HEADER]), 200);
    assert_eq!(status(&program, &[("x-webhook-SECRET", SECRET)]), 200);
    assert_eq!(status(&program, &[("X-Webhook-Secret", wrong), HEADER]), 200);
    assert_eq!(program.metrics().get("whatsapp_channel_authorized"), Some(1.0));

    let program = setup.set("WEBHOOK_SECRET_HEADER", "X-Our-Own").start();
    assert_eq!(status(&program, &[HEADER]), 401);
    assert_eq!(status(&program, &[("X-Our-Own", SECRET)]), 200);
}

#[test]
fn a_rotated_secret_is_asked_for_at_once() {
    let files = Files::new();
    let path = files.write("secret", "theFirstSecretOfOurs\n");
    let setup = listening(1, &files).unset("WEBHOOK_SECRET").set("WEBHOOK_SECRET_FILE", path);
    // One that cannot be read is told at the start, before a webhook is lost.
    let program = setup.clone().set("WEBHOOK_SECRET_FILE", files.path("nowhere")).start();
    assert!(program.log().contains("WEBHOOK_SECRET_FILE cannot be used"), "{}", program.log());
    let program = setup.start();
    let (_, _, body) = Event::status("AUTH", now(), 1).delivery(Mode::Body, "CHANNEL-0");
    let status = |secret: &str| {
        let headers = [("X-Webhook-Secret", secret)];
        http::send(program.address, "POST", PATH, &headers, &body).expect("an answer").status
    };
    assert_eq!((status("theFirstSecretOfOurs"), status("theSecondSecretOfOurs")), (200, 401));
    files.write("secret", "theSecondSecretOfOurs");
    assert_eq!((status("theFirstSecretOfOurs"), status("theSecondSecretOfOurs")), (401, 200));
    // A secret that cannot be read lets nobody in, and Whapi tries again; the log says so once.
    std::fs::remove_file(files.path("secret")).unwrap();
    assert_eq!(
        (status("theSecondSecretOfOurs"), status("theSecondSecretOfOurs"), status("")),
        (503, 503, 503)
    );
    files.write("secret", "");
    assert_eq!(status(""), 503);
    files.write("secret", "theThirdSecretOfOurs");
    assert_eq!((status(""), status("theThirdSecretOfOurs")), (401, 200));
    let log = program.log();
    assert_eq!(log.matches("WEBHOOK_SECRET_FILE cannot be used").count(), 1, "{log}");
    assert_eq!(log.matches("WEBHOOK_SECRET_FILE can be used again").count(), 1, "{log}");
}

#[test]
fn a_short_secret_is_refused() {
    let files = Files::new();
    let setup = listening(1, &files).unset("WEBHOOK_SECRET");
    for (secret, fits) in [("s", false), ("fifteenLetters1", false), ("sixteenLetters16", true)] {
        let path = files.write("secret", secret);
        for setup in [
            setup.clone().set("WEBHOOK_SECRET", secret),
            setup.clone().set("WEBHOOK_SECRET_FILE", &path),
        ] {
            if fits {
                setup.start();
                continue;
            }
            let ended = setup.run();
            assert_eq!(ended.code, Some(2), "{ended:?}");
            assert!(ended.stderr.contains("error: WEBHOOK_SECRET"), "{ended:?}");
            assert!(ended.stderr.contains("openssl rand -hex 32"), "{ended:?}");
            assert!(!ended.stderr.contains("fifteen"), "{ended:?}");
        }
    }
    // One that is rotated to a short one lets nobody in.
    let program = setup.set("WEBHOOK_SECRET_FILE", files.path("secret")).start();
    files.write("secret", "short");
    let headers = [("X-Webhook-Secret", "short")];
    let reply = http::send(program.address, "POST", PATH, &headers, "{}").expect("an answer");
    assert_eq!(reply.status, 503);
    assert!(program.log().contains("openssl rand -hex 32"), "{}", program.log());
}

#[test]
fn without_a_secret_the_receiver_is_off() {
    let files = Files::new();
    let program = listening(1, &files).unset("WEBHOOK_SECRET").start();
    let (_, _, body) = Event::status("AUTH", now(), 1).delivery(Mode::Body, "CHANNEL-0");
    for method in ["POST", "GET", "PUT", "DELETE"] {
        for headers in [&[][..], &[HEADER], &[("X-Webhook-Secret", "")]] {
            let reply = http::send(program.address, method, PATH, headers, &body).unwrap();
            assert_eq!(reply.status, 404);
        }
    }
    let page = program.get("/metrics").text();
    assert!(!page.contains("webhook") && !page.contains("logouts"), "{page}");
    let ended = listening(1, &files)
        .unset("WEBHOOK_SECRET")
        .set("WEBHOOK_URL", "https://exporter.example.com/webhook/whapi")
        .run();
    assert_eq!(ended.code, Some(2));
    assert!(ended.stderr.contains("WEBHOOK_SECRET"), "{}", ended.stderr);
}

#[test]
fn other_methods_and_addresses_are_not_webhooks() {
    let files = Files::new();
    let program = listening(1, &files).start();
    for method in ["GET", "HEAD", "OPTIONS", "TRACE"] {
        for path in [PATH, "/webhook/whapi/channel", "/webhook/whapi/channel/post"] {
            let reply = http::send(program.address, method, path, &[HEADER], "").unwrap();
            assert_eq!(reply.status, 405, "{method} {path}");
            assert_eq!(reply.header("allow").as_deref(), Some("POST, PUT, PATCH, DELETE"));
        }
    }
    for path in
        ["/webhook", "/webhook/", "/webhook/whapix", "/webhook/whapi/a/b/c", "/webhook/meta/a"]
    {
        let reply = http::send(program.address, "POST", path, &[HEADER], "{}").unwrap();
        assert_eq!(reply.status, 404, "{path}");
    }
    assert_eq!(refused(&program), []);
}

/// A status event of exactly so many bytes.
fn padded(size: usize) -> String {
    let (_, _, body) = Event::status("AUTH", now(), 1).delivery(Mode::Body, "CHANNEL-0");
    format!("{body}{}", " ".repeat(size - body.len()))
}

#[test]
fn a_body_that_is_too_large_is_refused() {
    let files = Files::new();
    let program = listening(1, &files).start();
    let reply = http::send(program.address, "POST", PATH, &[HEADER], padded(LARGEST)).unwrap();
    assert_eq!(reply.status, 200);
    // By what it says of itself, before a byte of it is sent.
    let mut line = Line::open(program.address).unwrap();
    line.write(http::head("POST", PATH, &[HEADER], Some(LARGEST + 1))).unwrap();
    assert_eq!(line.reply(false).unwrap().status, 413);
    // By what comes.
    let mut line = Line::open(program.address).unwrap();
    line.write(http::head("POST", PATH, &[HEADER], None)).unwrap();
    let whole = padded(LARGEST);
    for part in whole.as_bytes().chunks(64 * 1024) {
        line.write(format!("{:x}\r\n", part.len())).unwrap();
        line.write(part).unwrap();
        line.write("\r\n").unwrap();
    }
    line.write("1\r\n \r\n").unwrap();
    assert_eq!(line.reply(false).unwrap().status, 413);
    assert_eq!(refused(&program), [("too_large", 2.0)]);
    // Who does not know the secret does not learn even that.
    let mut line = Line::open(program.address).unwrap();
    line.write(http::head("POST", PATH, &[], Some(LARGEST + 1))).unwrap();
    assert_eq!(line.reply(false).unwrap().status, 401);
}

#[test]
fn a_body_that_is_no_json_object_is_refused() {
    let files = Files::new();
    let program = listening(1, &files).start();
    let bodies =
        ["", "null", "[]", "7", "channel", "<html>", "{", "{\"a\":", "{} {}", "\u{feff}{}"];
    for body in bodies {
        let reply = http::send(program.address, "POST", PATH, &[HEADER], body).unwrap();
        assert_eq!(reply.status, 400, "{body}");
    }
    // Nor does one bring the reader down that is nested without end.
    for bytes in [&b"\xff\xfe{}"[..], &b"[".repeat(100_000), &b"{\"a\":".repeat(100_000)] {
        let reply = http::send(program.address, "POST", PATH, &[HEADER], bytes).unwrap();
        assert_eq!(reply.status, 400);
    }
    assert_eq!(refused(&program), [("not_json", bodies.len() as f64 + 3.0)]);
    // A body that ends early is none, even if what came would do.
    let whole = padded(600);
    let mut line = Line::open(program.address).unwrap();
    line.write(http::head("POST", PATH, &[HEADER], Some(whole.len() + 1))).unwrap();
    line.write(&whole).unwrap();
    line.end().unwrap();
    if let Ok(reply) = line.reply(false) {
        assert_eq!(reply.status, 400);
    }
    let page = program.metrics();
    assert_eq!(page.sum("whatsapp_channel_webhook_events_total"), 0.0);
    // And after all that it still works.
    let reply = http::send(program.address, "POST", PATH, &[HEADER], whole).unwrap();
    assert_eq!(reply.status, 200);
}

#[test]
fn a_slow_body_is_waited_for_and_stalled_ones_keep_nobody_out() {
    let files = Files::new();
    let program = listening(1, &files).start();
    let whole = padded(600);
    let mut line = Line::open(program.address).unwrap();
    line.write(http::head("POST", PATH, &[HEADER], Some(whole.len()))).unwrap();
    for part in whole.as_bytes().chunks(100) {
        line.write(part).unwrap();
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(line.reply(false).unwrap().status, 200);
    // Many begin and never go on.
    let mut stalled: Vec<Line> = (0..40)
        .map(|_| {
            let mut line = Line::open(program.address).unwrap();
            line.write(http::head("POST", PATH, &[HEADER], Some(600))).unwrap();
            line.write("{").unwrap();
            line
        })
        .collect();
    let began = Instant::now();
    let reply = http::send(program.address, "POST", PATH, &[HEADER], whole).unwrap();
    assert_eq!(reply.status, 200);
    assert!(began.elapsed() < Duration::from_secs(5), "after {:?}", began.elapsed());
    // Nobody needs their room, so they have the ten seconds that everybody has.
    assert_eq!(stalled[0].reply(false).unwrap().status, 408);
    assert!(began.elapsed() > Duration::from_secs(7), "after {:?}", began.elapsed());
}

#[test]
fn a_webhook_of_no_configured_channel_is_taken_and_counted() {
    let files = Files::new();
    let program = listening(1, &files).start();
    for id in ["CHANNEL-1", "", "channel-0"] {
        let reply = deliver(&program, Mode::Body, id, &Event::status("QR", now(), 1));
        assert_eq!(reply.status, 200);
        assert!(reply.text().contains("not configured"), "{}", reply.text());
    }
    let reply = http::send(program.address, "POST", PATH, &[HEADER], "{}").unwrap();
    assert_eq!(reply.status, 200);
    assert_eq!(refused(&program), [("unknown_channel", 4.0)]);
    assert_eq!(program.metrics().sum("whatsapp_channel_webhook_events_total"), 0.0);
}

#[test]
fn whapi_is_told_to_come_again_until_the_channels_have_told_their_ids() {
    let upstream = Upstream::start();
    upstream.set_channel("t", WhapiChannel::new("sales"));
    upstream.set_fault("t", Some(Fault::server_error()));
    let setup = Setup::of(&upstream).set("WHAPI_TOKEN", "t").set("WEBHOOK_SECRET", SECRET);
    let program = setup.clone().start();
    let tell = |program: &Program| {
        deliver(program, Mode::Body, "MANTIS-M72HC", &Event::status("AUTH", now(), 1))
    };
    program.until_at_least("whatsapp_channel_poll_failures_total{reason=\"server_error\"}", 1.0);
    let reply = tell(&program);
    assert_eq!(reply.status, 503);
    assert_eq!(reply.header("retry-after").as_deref(), Some("5"));
    upstream.set_fault("t", None);
    eventually("the id is learnt", || (tell(&program).status == 200).then_some(()));
    assert_eq!(refused(&program), []);

    // A token that is refused will not bring an id, so nobody is kept waiting for it.
    upstream.set_fault("t", Some(Fault::channel_not_found()));
    let program = setup.clone().start();
    let not_found = "whatsapp_channel_poll_failures_total{reason=\"channel_not_found\"}";
    program.until_at_least(not_found, 1.0);
    assert_eq!(tell(&program).status, 200);
    assert_eq!(refused(&program), [("unknown_channel", 1.0)]);

    // With the id from the settings it works whatever the upstream does.
    upstream.stop();
    let program = setup.set("WHAPI_CHANNEL_ID", "MANTIS-M72HC").start();
    program.until_at_least("whatsapp_channel_poll_failures_total{reason=\"connect\"}", 1.0);
    assert_eq!(tell(&program).status, 200);
    assert_eq!(program.metrics().get("whatsapp_channel_authorized"), Some(1.0));
}

#[test]
fn a_password_on_the_listener_is_not_asked_of_webhooks() {
    let files = Files::new();
    // htpasswd -nbBC 4 prometheus secret
    let hash = bcrypt::hash("secret", 4).unwrap();
    let web = files.write("web.yaml", format!("basic_auth_users:\n  prometheus: {hash}\n"));
    let program = listening(1, &files).set("WEB_CONFIG_FILE", web).start();
    assert_eq!(program.get("/metrics").status, 401);
    taken(&program, Mode::Path, "CHANNEL-0", &Event::status("AUTH", now(), 1));
    let basic = [("Authorization", "Basic cHJvbWV0aGV1czpzZWNyZXQ=")];
    assert_eq!(http::send(program.address, "POST", PATH, &basic, "{}").unwrap().status, 401);
    let page = http::get(program.address, "/metrics", &basic).unwrap();
    assert_eq!(Metrics::read(&page.text()).get("whatsapp_channel_authorized"), Some(1.0));
}

#[test]
fn a_qr_code_and_a_persons_data_are_dropped_unread() {
    let files = Files::new();
    let image = "iVBORw0KGgoAAAANSUhEUgAAAQQAAAEECAYAAADOCEoK";
    for format in ["text", "json"] {
        let program =
            listening(1, &files).set("LOG_LEVEL", "trace").set("LOG_FORMAT", format).start();
        for mode in MODES {
            for event in [Event::qr(image), Event::user("post"), Event::message()] {
                taken(&program, mode, "CHANNEL-0", &event);
                deliver(&program, mode, "CHANNEL-7", &event);
            }
            // Where a status should be, and where the event should be.
            let lost = Event("channel", "post", json!({ "health": image, "event": image }));
            assert_eq!(deliver(&program, mode, "CHANNEL-0", &lost).status, 200);
        }
        assert_eq!(outcome(&program.metrics(), "c0", "channel.patch", "ignored"), 3.0);
        for path in ["/", "/metrics", "/api/status"] {
            let page = program.get(path).whole();
            for needle in [image, "iVBOR", "Jonathan", "61371989950", "p.w30M7"] {
                assert!(!page.contains(needle), "{path} shows {needle}");
                assert!(!program.printed().contains(needle), "the log shows {needle}");
            }
        }
    }
}

/// Every second of a channel's life that a burst tells of, and what follows from it.
const LIFE: [&str; 25] = [
    "AUTH",
    "INIT",
    "LAUNCH",
    "AUTH",
    "QR",
    "INIT",
    "LAUNCH",
    "QR",
    "AUTH",
    "SYNC_ERROR",
    "AUTH",
    "INIT",
    "INIT",
    "LAUNCH",
    "LAUNCH",
    "AUTH",
    "ERROR",
    "INIT",
    "LAUNCH",
    "AUTH",
    "STOP",
    "INIT",
    "LAUNCH",
    "QR",
    "AUTH",
];

#[test]
fn a_burst_of_ten_thousand_with_duplicates_loses_none_and_counts_none_twice() {
    const CHANNELS: usize = 200;
    const LINES: usize = 8;
    let files = Files::new();
    let program = listening(CHANNELS, &files).start();
    let start = now() - 1000;
    let mut deliveries = Vec::new();
    for channel in 0..CHANNELS {
        for number in 0..50 {
            let event = match number {
                // The first 15 are delivered twice.
                0..40 => {
                    let step = number % 25;
                    Event::status(LIFE[step], start, 30 * (step as u64 + 1))
                }
                40..45 => Event::qr("aW1hZ2U="),
                _ => Event::message(),
            };
            deliveries.push((channel, MODES[(channel + number) % 3], event));
        }
    }
    assert_eq!(deliveries.len(), 10_000);
    fastrand::Rng::with_seed(7).shuffle(&mut deliveries);

    let over = Arc::new(AtomicBool::new(false));
    let scraper = std::thread::spawn({
        let (over, address) = (Arc::clone(&over), program.address);
        move || {
            // Counters never go down, whatever is revealed of the past.
            let (mut before, mut scrapes) = (BTreeMap::new(), 0);
            while !over.load(Ordering::Relaxed) {
                let page = http::get(address, "/metrics", &[]).expect("a scrape");
                let page = Metrics::read(&page.text()).all();
                for (series, value) in page.iter().filter(|(s, _)| s.name.ends_with("_total")) {
                    assert!(before.get(series).is_none_or(|was| was <= value), "{series:?}");
                }
                (before, scrapes) = (page, scrapes + 1);
            }
            scrapes
        }
    });
    std::thread::scope(|scope| {
        for line in 0..LINES {
            let (deliveries, address) = (&deliveries, program.address);
            scope.spawn(move || {
                let mut connection = Line::open(address).expect("a connection");
                for (channel, mode, event) in deliveries.iter().skip(line).step_by(LINES) {
                    let (method, path, body) = event.delivery(*mode, &format!("CHANNEL-{channel}"));
                    let reply = connection.send(&method, &path, &[HEADER], body.as_bytes());
                    assert_eq!(reply.expect("an answer").status, 200);
                }
            });
        }
    });
    over.store(true, Ordering::Relaxed);
    assert!(scraper.join().expect("a scraper") > 1);

    let page = program.metrics();
    for channel in (0..CHANNELS).map(|channel| format!("c{channel}")) {
        let post = |word| outcome(&page, &channel, "channel.post", word);
        assert_eq!(post("applied") + post("late"), LIFE.len() as f64, "{channel}");
        assert_eq!(post("duplicate"), 15.0, "{channel}");
        assert_eq!(outcome(&page, &channel, "channel.patch", "ignored"), 5.0, "{channel}");
        assert_eq!(outcome(&page, &channel, "other", "ignored"), 5.0, "{channel}");
        for to in ["NOT_INIT", "INIT", "LAUNCH", "QR", "AUTH", "ERROR", "SYNC_ERROR", "STOP"] {
            let edges = LIFE.windows(2).filter(|two| two[0] != two[1] && two[1] == to).count();
            assert_eq!(transitions(&page, &channel, to), edges as f64, "{channel} {to}");
        }
    }
    assert_eq!(page.sum("whatsapp_channel_webhook_events_total"), 10_000.0);
    assert_eq!(refused(&program), []);
}

#[test]
fn a_reconnect_that_no_poll_saw_is_told_however_its_webhooks_come() {
    let (upstream, files) = (Upstream::start(), Files::new());
    let mut yaml = "channels:\n".to_owned();
    let modes = [WebhookMode::Body, WebhookMode::Path, WebhookMode::Method];
    for at in 0..modes.len() {
        let mut channel = WhapiChannel::new("x");
        channel.channel_id = format!("MANTIS-{at}");
        upstream.set_channel(&format!("secret{at}"), channel);
        files.write(&format!("token{at}"), format!("secret{at}"));
        let _ = write!(yaml, "  - name: c{at}\n    token_file: token{at}\n");
    }
    let setup = Setup::of(&upstream).pace("1h").set("WEBHOOK_SECRET", SECRET);
    let program = setup.file(&files, &yaml).start();
    for (at, mode) in modes.into_iter().enumerate() {
        program.until_is(&format!("whatsapp_channel_authorized{{channel=\"c{at}\"}}"), 1.0);
        let webhook = WhapiWebhook::new(format!("http://{}{PATH}", program.address), mode);
        upstream.update_channel(&format!("secret{at}"), |channel| {
            channel.webhooks = vec![webhook.header(HEADER.0, HEADER.1)];
            channel.delivery.repeats = 3;
            channel.delivery.scatter = Duration::from_millis(500);
            // Whole seconds are told: what is added keeps a late timer within the same one.
            (channel.init_lasts, channel.launch_lasts) =
                (Duration::from_millis(1_300), Duration::from_millis(2_300));
            channel.reconnect();
        });
    }
    for at in 0..modes.len() {
        let (channel, duplicates) = (format!("c{at}"), 9.0);
        program.until("all that was delivered", |page| {
            (outcome(page, &channel, "channel.post", "duplicate") == duplicates).then_some(())
        });
        let page = program.metrics();
        for status in ["INIT", "LAUNCH", "AUTH"] {
            assert_eq!(transitions(&page, &channel, status), 1.0, "{channel} {status}");
        }
        let labels = format!("{{channel=\"{channel}\"}}");
        assert_eq!(page.get(&format!("whatsapp_channel_restarts_total{labels}")), Some(1.0));
        assert_eq!(page.get(&format!("whatsapp_channel_polls_total{labels}")), Some(1.0));
    }
    let deliveries = upstream.deliveries();
    assert_eq!(deliveries.len(), 36);
    assert!(deliveries.iter().all(|delivery| delivery.answer == Some(200)), "{deliveries:?}");

    // People are told, on the page and as JSON.
    let page = program.get("/").text();
    assert_eq!(page.matches("away for 3 s (INIT 1 s, LAUNCH 2 s)").count(), 3, "{page}");
    let status: Value = serde_json::from_str(&program.get("/api/status").text()).unwrap();
    for channel in status["channels"].as_array().expect("channels") {
        let moves = channel["moves"].as_array().expect("moves").iter();
        let words: Vec<_> = moves.map(|told| told["status"].as_str()).collect();
        assert_eq!(words, ["AUTH", "INIT", "LAUNCH", "AUTH"].map(Some));
        assert!(channel["moves"][3]["at"].as_str().is_some_and(|at| at.ends_with('Z')));
    }
}
