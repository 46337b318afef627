//! Requests that the gateway holds while their channel reconnects, and those that it does not.
//!
//! Not here: what passes through it otherwise (`gateway.rs`).

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::common::wire::{ByHand, Received, Wire};
use crate::common::{Program, Setup, Upstream, eventually};
use whatsapp_simulator::{WhapiChannel, WhapiStatus};

const SESSION: &str = "HTTP/1.1 401 Unauthorized\r\nContent-Length: 45\r\n\r\nneed channel \
    authorization for send message..";
const SENT: &str = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nsent";

/// Longer than any test: what ends before it was not ended by it.
const LONG: &str = "1h";

type Answers = dyn Fn(usize, &Received) -> Vec<u8> + Send + Sync;

/// What Whapi says of the channel, and how it answers messages.
#[derive(Clone)]
struct Whapi {
    status: &'static str,
    answers: Arc<Answers>,
}

/// A Whapi by hand, with a channel whose credential is `t`.
struct Gate {
    upstream: ByHand,
    whapi: Arc<Mutex<Whapi>>,
    messages: Arc<Mutex<Vec<Received>>>,
}

impl Gate {
    /// A gate whose channel has this status and whose `at`-th message is answered so.
    fn new(
        status: &'static str,
        answers: impl Fn(usize, &Received) -> Vec<u8> + Send + Sync + 'static,
    ) -> Self {
        let whapi = Arc::new(Mutex::new(Whapi { status, answers: Arc::new(answers) }));
        let messages: Arc<Mutex<Vec<Received>>> = Arc::default();
        let upstream = {
            let (whapi, messages) = (Arc::clone(&whapi), Arc::clone(&messages));
            ByHand::start(move |wire| {
                while let Some(request) = wire.message() {
                    let whapi = whapi.lock().unwrap().clone();
                    let answer = if request.line().starts_with("GET /health?wakeup=false ") {
                        let text = format!("{{\"status\":{{\"text\":\"{}\"}}}}", whapi.status);
                        let length = text.len();
                        format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{text}").into()
                    } else {
                        let mut messages = messages.lock().unwrap();
                        messages.push(request.clone());
                        let at = messages.len() - 1;
                        drop(messages);
                        (whapi.answers)(at, &request)
                    };
                    if wire.send(answer).is_err() {
                        return;
                    }
                }
            })
        };
        Self { upstream, whapi, messages }
    }

    fn becomes(&self, status: &'static str) {
        self.whapi.lock().unwrap().status = status;
    }

    fn messages(&self) -> usize {
        self.messages.lock().unwrap().len()
    }

    /// A program that holds requests for so long, and polls when it starts and when the gateway
    /// wants it to.
    fn held_for(&self, hold: &str) -> Program {
        let program = Setup::new()
            .gateway(&self.upstream)
            .pace("1h")
            .set("POLL_TIMEOUT", "30s")
            .set("WHAPI_TOKEN", "t")
            .set("GATEWAY_HOLD", hold)
            .start();
        let status = self.whapi.lock().unwrap().status;
        program.until_is(&format!("whatsapp_channel_status{{status=\"{status}\"}}"), 1.0);
        program
    }
}

fn message(body: &str) -> String {
    let length = body.len();
    format!(
        "POST /whapi/messages/text HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer t\r\n\
            Content-Length: {length}\r\n\r\n{body}"
    )
}

/// Sends a request and waits for its answer somewhere else.
fn ask(program: &Program, request: String) -> JoinHandle<Received> {
    let gateway = program.gateway();
    std::thread::spawn(move || {
        let mut wire = Wire::to(gateway);
        wire.send(request).unwrap();
        wire.message().expect("an answer")
    })
}

fn held(program: &Program, outcome: &str) -> f64 {
    let series = format!("whatsapp_gateway_held_total{{outcome=\"{outcome}\"}}");
    program.metrics().get(&series).unwrap()
}

fn polls(program: &Program) -> f64 {
    program.metrics().get("whatsapp_channel_polls_total").unwrap()
}

/// What became of requests that were held, and no more of them.
fn only_held(program: &Program, outcome: &str, count: f64) {
    // A request is counted when its answer is on its way.
    program.until_is(&format!("whatsapp_gateway_held_total{{outcome=\"{outcome}\"}}"), count);
    assert_eq!(program.metrics().sum("whatsapp_gateway_held_total"), count);
}

#[test]
fn a_request_waits_while_its_channel_launches_and_is_sent_when_it_is_back() {
    for status in ["INIT", "LAUNCH"] {
        let gate = Gate::new(status, |_, _| SENT.into());
        let program = gate.held_for(LONG);
        let before = polls(&program);
        let asked = ask(&program, message("hello"));
        eventually("two more polls", || (polls(&program) >= before + 2.0).then_some(()));
        assert_eq!(gate.messages(), 0, "it was sent in {status}");
        gate.becomes("AUTH");
        assert_eq!(asked.join().unwrap().body, b"sent");
        assert_eq!(gate.messages(), 1);
        only_held(&program, "sent", 1.0);
        // And the next one does not wait.
        assert_eq!(ask(&program, message("hello")).join().unwrap().body, b"sent");
        only_held(&program, "sent", 1.0);
    }
}

#[test]
fn a_request_that_met_a_session_401_is_sent_once_more_when_the_channel_is_back() {
    let gate = Gate::new("AUTH", |at, _| if at == 0 { SESSION.into() } else { SENT.into() });
    let program = gate.held_for(LONG);
    gate.becomes("LAUNCH");
    let asked = ask(&program, message("hello"));
    program.until_is("whatsapp_channel_status{status=\"LAUNCH\"}", 1.0);
    assert_eq!(gate.messages(), 1);
    gate.becomes("AUTH");
    let answer = asked.join().unwrap();
    assert_eq!((&*answer.body, answer.header("retry-after").len()), (&b"sent"[..], 0));
    {
        let messages = gate.messages.lock().unwrap();
        assert_eq!(messages.len(), 2);
        assert_eq!(messages[0].lines, messages[1].lines);
        assert_eq!((&*messages[0].body, &*messages[1].body), (&b"hello"[..], &b"hello"[..]));
    }
    only_held(&program, "sent_again", 1.0);
    let page = program.metrics();
    // One request, answered well; and one 401 that Whapi gave.
    assert_eq!(page.sum("whatsapp_gateway_requests_total"), 1.0);
    assert_eq!(
        page.get("whatsapp_gateway_requests_total{channel=\"default\",code=\"2xx\"}"),
        Some(1.0)
    );
    assert_eq!(
        page.get(
            "whatsapp_channel_unauthorized_errors_total{source=\"gateway\",reason=\"session\"}"
        ),
        Some(1.0)
    );
}

#[test]
fn a_request_that_meets_two_session_401s_is_not_sent_a_third_time() {
    let gate = Gate::new("AUTH", |at, _| {
        if at == 0 {
            SESSION.into()
        } else {
            SESSION.replace("\r\n\r\n", "\r\nRetry-After: 77\r\n\r\n").into()
        }
    });
    let program = gate.held_for(LONG);
    let answer = ask(&program, message("hello")).join().unwrap();
    assert_eq!(answer.line(), "HTTP/1.1 401 Unauthorized");
    assert_eq!(answer.header("retry-after"), ["77"], "the upstream's own stays");
    assert!(answer.body.starts_with(b"need channel authorization"));
    assert_eq!(gate.messages(), 2);
    only_held(&program, "sent_again", 1.0);
    let page = program.metrics();
    assert_eq!(
        page.get(
            "whatsapp_channel_unauthorized_errors_total{source=\"gateway\",reason=\"session\"}"
        ),
        Some(2.0)
    );
    assert_eq!(
        page.get("whatsapp_gateway_requests_total{channel=\"default\",code=\"401\"}"),
        Some(1.0)
    );
}

#[test]
fn readiness_and_the_gateway_agree_on_a_401_that_no_poll_has_seen() {
    let gate = Gate::new("AUTH", |_, _| SESSION.into());
    let held = gate.held_for("100ms");
    let passed = Setup::new().gateway(&gate.upstream).pace("1h").set("WHAPI_TOKEN", "t").start();
    passed.until_is("whatsapp_channel_status{status=\"AUTH\"}", 1.0);
    let ready = |program: &Program| {
        let reply = program.get("/channels/default/ready");
        let waits = reply.headers.into_iter().find(|(name, _)| name == "retry-after");
        (reply.status, waits.map(|(_, seconds)| seconds))
    };
    // Polls from here on bring nothing that can be read.
    gate.becomes("\"");
    for (program, told) in [(&held, &["5"][..]), (&passed, &[])] {
        assert_eq!(ready(program), (200, None));
        let answer = ask(program, message("hello")).join().unwrap();
        assert_eq!(answer.line(), "HTTP/1.1 401 Unauthorized");
        assert_eq!(answer.header("retry-after"), told);
        assert_eq!(ready(program), (503, Some("5".to_owned())));
    }
    gate.becomes("AUTH");
    for program in [&held, &passed] {
        ask(program, message("hello")).join().unwrap();
        eventually("the poll that follows", || (ready(program).0 == 200).then_some(()));
    }
}

#[test]
fn a_channel_that_will_not_come_back_by_itself_is_not_waited_for() {
    for status in ["QR", "STOP", "ERROR", "NOT_INIT"] {
        let gate = Gate::new("AUTH", |_, _| SESSION.into());
        let program = gate.held_for(LONG);
        gate.becomes(status);
        let answer = ask(&program, message("hello")).join().unwrap();
        assert_eq!(answer.line(), "HTTP/1.1 401 Unauthorized");
        assert_eq!(answer.header("retry-after"), ["60"], "{status}");
        only_held(&program, "given_up", 1.0);
        // Now that it is known, the next one is sent at once, and its answer is understood at once.
        let answer = ask(&program, message("hello"));
        eventually("the second message", || (gate.messages() == 2).then_some(()));
        assert_eq!(answer.join().unwrap().line(), "HTTP/1.1 401 Unauthorized");
        assert_eq!(gate.messages(), 2);
    }
}

#[test]
fn patience_ends_and_the_upstreams_own_answer_is_passed_on() {
    let gate = Gate::new("LAUNCH", |_, _| SESSION.into());
    let program = gate.held_for("1500ms");
    let answer = ask(&program, message("hello")).join().unwrap();
    assert_eq!(answer.line(), "HTTP/1.1 401 Unauthorized");
    assert_eq!(answer.header("retry-after"), ["5"]);
    assert!(answer.body.starts_with(b"need channel authorization"));
    assert_eq!(gate.messages(), 1, "it was held before it was sent, and that was all its time");
    only_held(&program, "given_up", 1.0);
}

#[test]
fn what_was_not_kept_is_not_sent_again() {
    let gate = Gate::new("AUTH", |_, _| SESSION.into());
    let program = gate.held_for(LONG);
    let large = "x".repeat(64 * 1024 + 1);
    let chunked = "POST /whapi/messages/text HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer t\r\n\
        Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n";
    for (at, request) in [message(&large), chunked.to_owned()].into_iter().enumerate() {
        let before = polls(&program);
        let answer = ask(&program, request).join().unwrap();
        assert_eq!(answer.line(), "HTTP/1.1 401 Unauthorized");
        assert_eq!(answer.header("retry-after"), ["5"]);
        assert_eq!(gate.messages(), at + 1);
        // Until there is news of the channel, the next request would wait for it.
        program.until_at_least("whatsapp_channel_polls_total", before + 1.0);
    }
    only_held(&program, "too_large", 2.0);
    assert_eq!(gate.messages.lock().unwrap()[0].body, large.as_bytes());
    // The largest that is kept.
    let gate = Gate::new("AUTH", |at, _| if at == 0 { SESSION.into() } else { SENT.into() });
    let program = gate.held_for(LONG);
    let largest = "x".repeat(64 * 1024);
    assert_eq!(ask(&program, message(&largest)).join().unwrap().body, b"sent");
    assert_eq!(gate.messages.lock().unwrap()[1].body, largest.as_bytes());
    only_held(&program, "sent_again", 1.0);
}

#[test]
fn only_so_many_are_held_and_the_others_are_sent_at_once() {
    let gate = Gate::new("LAUNCH", |_, _| SENT.into());
    let program = gate.held_for(LONG);
    let asked: Vec<_> = (0..110).map(|_| ask(&program, message("hello"))).collect();
    program.until_is("whatsapp_gateway_held_total{outcome=\"no_room\"}", 10.0);
    eventually("ten messages", || (gate.messages() == 10).then_some(()));
    gate.becomes("AUTH");
    for answer in asked {
        assert_eq!(answer.join().unwrap().body, b"sent");
    }
    program.until_is("whatsapp_gateway_held_total{outcome=\"sent\"}", 100.0);
    assert_eq!((gate.messages(), held(&program, "no_room")), (110, 10.0));
}

#[test]
fn an_application_that_goes_away_while_it_is_held_sends_nothing() {
    let gate = Gate::new("LAUNCH", |_, _| SENT.into());
    let program = gate.held_for(LONG);
    let before = polls(&program);
    let mut wire = Wire::to(program.gateway());
    wire.send(message("hello")).unwrap();
    eventually("it is held", || (polls(&program) > before).then_some(()));
    drop(wire);
    only_held(&program, "abandoned", 1.0);
    program.until_is("whatsapp_gateway_requests_total{channel=\"default\",code=\"failed\"}", 1.0);
    gate.becomes("AUTH");
    assert_eq!(ask(&program, message("hello")).join().unwrap().body, b"sent");
    assert_eq!(gate.messages(), 1);
}

#[test]
fn an_application_that_goes_away_in_the_middle_of_its_request_has_sent_nothing() {
    let head = "POST /whapi/messages/media HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer t\r\n";
    let beginning = "x".repeat(1000);
    for body in [
        format!("Transfer-Encoding: chunked\r\n\r\n3e8\r\n{beginning}\r\n"),
        // Too large to be kept.
        format!("Content-Length: 100000\r\n\r\n{beginning}"),
    ] {
        let gate = Gate::new("LAUNCH", |_, _| SENT.into());
        let program = gate.held_for(LONG);
        let before = polls(&program);
        let mut wire = Wire::to(program.gateway());
        wire.send(format!("{head}{body}")).unwrap();
        eventually("it is held", || (polls(&program) > before).then_some(()));
        drop(wire);
        gate.becomes("AUTH");
        only_held(&program, "abandoned", 1.0);
        program
            .until_is("whatsapp_gateway_requests_total{channel=\"default\",code=\"failed\"}", 1.0);
        assert_eq!(gate.messages(), 0, "a part of a request is none");
    }
}

#[test]
fn a_request_that_fails_at_the_upstream_after_it_was_held_was_sent_all_the_same() {
    let gate = Gate::new("LAUNCH", |_, _| "nonsense\r\n\r\n".into());
    let program = gate.held_for(LONG);
    let before = polls(&program);
    let asked = ask(&program, message("hello"));
    eventually("it is held", || (polls(&program) > before).then_some(()));
    gate.becomes("AUTH");
    assert_eq!(asked.join().unwrap().line(), "HTTP/1.1 502 Bad Gateway");
    only_held(&program, "sent", 1.0);
}

#[test]
fn a_signal_lets_go_of_what_is_held() {
    let gate = Gate::new("LAUNCH", |_, _| SENT.into());
    let mut program = gate.held_for(LONG);
    let before = polls(&program);
    let asked = ask(&program, message("hello"));
    eventually("it is held", || (polls(&program) > before).then_some(()));
    program.signal("TERM");
    assert_eq!(asked.join().unwrap().body, b"sent");
    assert_eq!(program.wait(crate::common::DEADLINE).code(), Some(0));
}

#[test]
fn nothing_else_is_held() {
    let credential = "HTTP/1.1 401 Unauthorized\r\nContent-Length: 9\r\n\r\nbad token";
    let gate = Gate::new("AUTH", move |_, request| {
        let session = request.line().contains("/session");
        if session { SESSION.into() } else { credential.into() }
    });
    let program = gate.held_for(LONG);
    let get = |path: &str, bearer: &str| {
        ask(
            &program,
            format!("GET {path} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {bearer}\r\n\r\n"),
        )
    };
    for (path, bearer) in
        [("/whapi/credential", "t"), ("/whapi/session", "unknown"), ("/meta/session", "t")]
    {
        let answer = get(path, bearer).join().unwrap();
        assert_eq!(answer.line(), "HTTP/1.1 401 Unauthorized");
        assert!(answer.header("retry-after").is_empty(), "{path}");
    }
    assert_eq!((gate.messages(), program.metrics().sum("whatsapp_gateway_held_total")), (3, 0.0));

    // And without GATEWAY_HOLD nothing at all.
    let gate = Gate::new("LAUNCH", |_, _| SESSION.into());
    let program = Setup::new().gateway(&gate.upstream).set("WHAPI_TOKEN", "t").start();
    program.until_is("whatsapp_channel_status{status=\"LAUNCH\"}", 1.0);
    let answer = ask(&program, message("hello")).join().unwrap();
    assert!(answer.header("retry-after").is_empty(), "{answer:?}");
    assert_eq!((gate.messages(), program.metrics().sum("whatsapp_gateway_held_total")), (1, 0.0));
}

#[test]
fn a_401_whose_text_never_ends_is_passed_on_as_far_as_it_came() {
    let stuck = Arc::new(AtomicBool::new(true));
    let upstream = {
        let stuck = Arc::clone(&stuck);
        ByHand::start(move |wire| {
            while let Some(request) = wire.message() {
                if request.line().starts_with("GET /health") {
                    wire.send(
                        "HTTP/1.1 200 OK\r\nContent-Length: 26\r\n\r\n\
                        {\"status\":{\"text\":\"AUTH\"}} ",
                    )
                    .unwrap();
                    continue;
                }
                let broken = request.line().contains("broken");
                wire.send(
                    "HTTP/1.1 401 Unauthorized\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nneed \r\n",
                )
                .unwrap();
                if broken {
                    return;
                }
                eventually("the application has the beginning", || {
                    (!stuck.load(Ordering::SeqCst)).then_some(())
                });
                wire.send("5\r\nmore.\r\n0\r\n\r\n").unwrap();
            }
        })
    };
    let program = Setup::new()
        .gateway(&upstream)
        .pace("1h")
        .set("POLL_TIMEOUT", "30s")
        .set("WHAPI_TOKEN", "t")
        .set("GATEWAY_HOLD", LONG)
        .start();
    let request = |path: &str| {
        format!("GET /whapi/{path} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer t\r\n\r\n")
    };
    let mut wire = Wire::to(program.gateway());
    wire.send(request("slow")).unwrap();
    assert_eq!(wire.head().unwrap()[0], "HTTP/1.1 401 Unauthorized");
    wire.until(b"need ").expect("the beginning");
    stuck.store(false, Ordering::SeqCst);
    wire.until(b"more.").expect("the rest");
    wire.until(b"0\r\n\r\n").expect("its end");
    // One that breaks off does so for the application too.
    let mut wire = Wire::to(program.gateway());
    wire.send(request("broken")).unwrap();
    assert!(!wire.rest().ends_with(b"0\r\n\r\n"));
    let credential =
        "whatsapp_channel_unauthorized_errors_total{source=\"gateway\",reason=\"credential\"}";
    program.until_is(credential, 2.0);
}

#[test]
fn an_application_does_not_notice_the_daily_reconnect() {
    let upstream = Upstream::start();
    upstream.set_channel("t", WhapiChannel::new("sales"));
    let program = Setup::of(&upstream)
        .pace("1h")
        .set("POLL_TIMEOUT", "30s")
        .set("WHAPI_TOKEN", "t")
        .set("GATEWAY_ADDRESS", "127.0.0.1:0")
        .set("GATEWAY_HOLD", "30s")
        .start();
    program.until_is("whatsapp_channel_authorized", 1.0);
    let ended = Arc::new(AtomicBool::new(false));
    let application = {
        let (gateway, ended) = (program.gateway(), Arc::clone(&ended));
        std::thread::spawn(move || {
            let mut wire = Wire::to(gateway);
            let mut answers = Vec::new();
            while !ended.load(Ordering::SeqCst) {
                wire.send(message(r#"{"to":"61371989950","body":"hello"}"#)).unwrap();
                answers.push(wire.message().expect("an answer").line().to_owned());
                std::thread::sleep(Duration::from_millis(20));
            }
            answers
        })
    };
    let sent = "whatsapp_gateway_requests_total{channel=\"default\",code=\"2xx\"}";
    program.until_at_least(sent, 3.0);
    upstream.update_channel("t", WhapiChannel::reconnect);
    // The message that met the reconnect was answered when it was over, and others after it.
    program.until_is("whatsapp_gateway_held_total{outcome=\"sent_again\"}", 1.0);
    let before = program.metrics().get(sent).unwrap();
    program.until_at_least(sent, before + 3.0);
    ended.store(true, Ordering::SeqCst);
    let answers = application.join().unwrap();
    assert!(
        answers.len() > 6 && answers.iter().all(|line| line == "HTTP/1.1 200 OK"),
        "{answers:?}"
    );
    assert_eq!(upstream.status("t"), Some(WhapiStatus::AUTH));
    assert_eq!(upstream.woken("t"), 0);
}
