//! The gateway passes on what it gets, byte for byte, and counts it: with an HTTP client by hand,
//! curl, and an upstream by hand.
//!
//! Not here: what goes wrong on the way (`gateway_faults.rs`), and requests that are held
//! (`gateway_hold.rs`).

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

use std::cell::RefCell;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};

use crate::common::wire::{ByHand, Received, Wire, watched};
use crate::common::{Files, Program, Setup, Upstream, closed_port, http};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use whatsapp_simulator::{MetaToken, WhapiChannel};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
/// A program that watches a channel elsewhere, so that the upstream gets nothing but what the
/// gateway passes on.
fn before(upstream: &ByHand) -> (Files, Program) {
    let files = Files::new();
    files.write("token", "elsewhere");
    let yaml = format!(
        "channels:\n  - name: elsewhere\n    token_file: token\n    api_url: http://{}\n",
        closed_port()
    );
    let program = Setup::new().gateway(upstream).file(&files, &yaml).start();
    (files, program)
}

fn requests(channel: &str, code: &str) -> String {
    format!("whatsapp_gateway_requests_total{{channel=\"{channel}\",code=\"{code}\"}}")
}

#[derive(Debug, Clone)]
enum Framing {
    None,
    Length(Vec<u8>),
    Chunks(Vec<Vec<u8>>),
}

impl Framing {
    fn body(&self) -> Vec<u8> {
        match self {
            Self::None => Vec::new(),
            Self::Length(body) => body.clone(),
            Self::Chunks(chunks) => chunks.concat(),
        }
    }

    fn write(&self, message: &mut Vec<u8>) {
        match self {
            Self::None => message.extend(b"\r\n"),
            Self::Length(body) => {
                let _ = write!(message, "Content-Length: {}\r\n\r\n", body.len());
                message.extend(body);
            }
            Self::Chunks(chunks) => {
                message.extend(b"Transfer-Encoding: chunked\r\n\r\n");
                for chunk in chunks.iter().filter(|chunk| !chunk.is_empty()) {
                    let _ = write!(message, "{:x}\r\n", chunk.len());
                    message.extend(chunk);
                    message.extend(b"\r\n");
                }
                message.extend(b"0\r\n\r\n");
            }
        }
    }
}

fn framing() -> impl Strategy<Value = Framing> {
    let bytes = || prop::collection::vec(any::<u8>(), 0..300);
    prop_oneof![
        Just(Framing::None),
        bytes().prop_map(Framing::Length),
        prop::collection::vec(bytes(), 0..4).prop_map(Framing::Chunks),
    ]
}

/// Headers that are nobody's but the application's, in any case, some of them several times.
fn headers() -> impl Strategy<Value = Vec<(String, String)>> {
    let name = prop_oneof!["[Xx]-[a-zA-Z0-9]{1,2}", "[A-Za-z!#$%&'*+.^_`|~0-9]{1,20}"];
    let value = "([!-~]([ -~\t]{0,30}[!-~])?)?";
    let ours = ["content-length", "te", "trailer", "upgrade", "host", "expect", "connection"];
    let header = (name, value).prop_filter("a header of its own", move |(name, _)| {
        !ours.contains(&&*name.to_ascii_lowercase())
    });
    prop::collection::vec(header, 0..12)
}

/// The order in which headers go through: those of one name stay together, at the place of the
/// first.
fn grouped(headers: &[(String, String)]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for (name, _) in headers {
        let name = name.to_ascii_lowercase();
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let mut lines = Vec::new();
    for name in &names {
        let same = headers.iter().filter(|(other, _)| other.eq_ignore_ascii_case(name));
        lines.extend(same.map(|(name, value)| format!("{name}: {value}").trim_end().to_owned()));
    }
    lines
}

/// The headers of a message that are no part of its framing.
fn end_to_end(message: &Received) -> Vec<String> {
    let framing = ["content-length", "transfer-encoding", "host"];
    let name = |line: &str| line.split(':').next().unwrap_or_default().to_ascii_lowercase();
    let lines = message.lines[1..].iter().map(|line| line.trim_end().to_owned());
    lines.filter(|line| !framing.contains(&&*name(line))).collect()
}

#[test]
fn whatever_is_sent_and_answered_passes_unchanged() {
    let exchange: Arc<Mutex<(Vec<u8>, Vec<Received>)>> = Arc::default();
    let upstream = {
        let exchange = Arc::clone(&exchange);
        ByHand::start(move |wire| {
            while let Some(request) = wire.message() {
                let answer = {
                    let mut exchange = exchange.lock().unwrap();
                    exchange.1.push(request);
                    exchange.0.clone()
                };
                if wire.send(answer).is_err() {
                    return;
                }
            }
        })
    };
    let (_files, program) = before(&upstream);
    // A case that fails leaves the connection in the middle of something.
    let kept = RefCell::new(None);
    let target = "(/[!$%&'()*+,./0-9:;=@A-Z_a-z~|{}\"^\\[\\]\\\\-]{0,40})?(\\?[!$%&'()*+,./0-9:;\
        =?@A-Z_a-z~|{}`^\\[\\]-]{0,40})?";
    let method = prop_oneof![
        Just("GET".to_owned()),
        Just("POST".to_owned()),
        Just("HEAD".to_owned()),
        Just("DELETE".to_owned()),
        "[A-Z!$_-]{1,12}".prop_filter("it is not for servers", |method| method != "CONNECT"),
    ];
    let reason = "([!-~]([ -~]{0,20}[!-~])?)?";
    let status = (200_u16..600).prop_filter("it has a body", |status| ![204, 304].contains(status));
    let request = (method, prop_oneof!["whapi", "meta"], target, headers(), framing());
    let answer = (status, reason, headers(), framing());
    let mut runner =
        TestRunner::new(Config { cases: 400, failure_persistence: None, ..Config::default() });
    let done = runner.run(&(request, answer), |(request, answer)| {
        let (method, provider, target, sent, body) = request;
        let (status, reason, answered, answer_body) = answer;
        let head_only = method == "HEAD";
        let mut message = format!("HTTP/1.1 {status} {reason}\r\n").into_bytes();
        for (name, value) in &answered {
            let _ = write!(message, "{name}: {value}\r\n");
        }
        // Without a length the answer would last as long as the connection.
        let answer_body = match answer_body {
            Framing::None => Framing::Length(Vec::new()),
            other => other,
        };
        answer_body.write(&mut message);
        if head_only {
            let end = message.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
            message.truncate(end + 4);
        }
        exchange.lock().unwrap().0 = message;

        let mut message = format!("{method} /{provider}{target} HTTP/1.1\r\n").into_bytes();
        message.extend(b"Host: localhost:10402\r\n");
        for (name, value) in &sent {
            let _ = write!(message, "{name}: {value}\r\n");
        }
        body.write(&mut message);
        let mut wire = kept.take().unwrap_or_else(|| Wire::to(program.gateway()));
        wire.send(message).unwrap();

        let reply = if head_only {
            Received { lines: wire.head().unwrap(), body: Vec::new(), trailers: Vec::new() }
        } else {
            wire.message().unwrap()
        };
        prop_assert_eq!(reply.line(), format!("HTTP/1.1 {status} {reason}"));
        prop_assert_eq!(end_to_end(&reply), grouped(&answered));
        if !head_only {
            prop_assert_eq!(&reply.body, &answer_body.body());
        }
        let received = exchange.lock().unwrap().1.pop().unwrap();
        let slash = if target.starts_with('/') { "" } else { "/" };
        prop_assert_eq!(received.line(), format!("{method} {slash}{target} HTTP/1.1"));
        prop_assert_eq!(end_to_end(&received), grouped(&sent));
        prop_assert_eq!(received.header("host"), [upstream.address.to_string()]);
        prop_assert_eq!(&received.body, &body.body());
        let length = received.header("content-length");
        let codings = received.header("transfer-encoding");
        match &body {
            Framing::None => prop_assert!(length.is_empty() && codings.is_empty()),
            Framing::Length(body) => {
                prop_assert!(length == [body.len().to_string()] && codings.is_empty());
            }
            Framing::Chunks(_) => prop_assert!(length.is_empty() && codings == ["chunked"]),
        }
        kept.replace(Some(wire));
        Ok(())
    });
    done.unwrap();
    assert_eq!(upstream.connections().len(), 1, "the connection to the upstream was not kept");
    assert!(exchange.lock().unwrap().1.is_empty());
}

#[test]
fn other_paths_are_told_where_they_are() {
    let upstream = ByHand::answering(OK);
    let (_files, program) = before(&upstream);
    for path in ["/", "/metrics", "/whapix/health", "//whapi/health", "/../whapi/", "/Meta/me"] {
        let reply = http::get(program.gateway(), path, &[]).unwrap();
        assert_eq!(reply.status, 404, "{path}");
        assert!(reply.text().contains("paths begin with /whapi/ for Whapi or /meta/"), "{path}");
    }
    assert!(upstream.connections().is_empty());
    assert_eq!(program.metrics().sum("whatsapp_gateway_requests_total"), 0.0);
}

#[test]
fn trailers_pass_both_ways() {
    let upstream = ByHand::start(|wire| {
        while let Some(request) = wire.message() {
            assert_eq!(request.trailers, ["x-sum: 1"], "{request:?}");
            let answer = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Took\r\n\r\n\
                2\r\nok\r\n0\r\nX-Took: 3\r\n\r\n";
            wire.send(answer).unwrap();
        }
    });
    let (_files, program) = before(&upstream);
    let mut wire = Wire::to(program.gateway());
    wire.send(
        "POST /whapi/x HTTP/1.1\r\nHost: a\r\nTE: trailers\r\nTrailer: X-Sum\r\n\
        Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nX-Sum: 1\r\n\r\n",
    )
    .unwrap();
    let reply = wire.message().unwrap();
    assert_eq!((&*reply.body, &*reply.trailers), (&b"ok"[..], &["x-took: 3".to_owned()][..]));
    assert!(upstream.bytes().contains("\r\nTE: trailers\r\n"), "{}", upstream.bytes());
}

#[test]
fn a_client_of_http_1_0_is_answered_in_its_way() {
    let upstream = ByHand::answering(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    );
    let (_files, program) = before(&upstream);
    let mut wire = Wire::to(program.gateway());
    wire.send("GET /whapi/x HTTP/1.0\r\n\r\n").unwrap();
    let answer = String::from_utf8(wire.rest()).unwrap();
    assert!(
        answer.starts_with("HTTP/1.0 200 OK\r\n") && answer.ends_with("\r\n\r\nok"),
        "{answer}"
    );
    assert!(upstream.bytes().starts_with("GET /x HTTP/1.1\r\n"), "{}", upstream.bytes());
}

#[test]
fn an_answer_without_a_length_lasts_as_long_as_the_connection() {
    let upstream = ByHand::start(|wire| {
        let _ = wire.message();
        let _ = wire.send("HTTP/1.0 200 OK\r\n\r\nto the end");
    });
    let (_files, program) = before(&upstream);
    let reply = http::get(program.gateway(), "/whapi/x", &[]).unwrap();
    assert_eq!(reply.text(), "to the end");
}

/// What the gateway was told of each shape of a request, and how often the upstream saw one.
#[test]
fn a_request_that_could_be_read_in_two_ways_never_becomes_two() {
    let upstream = ByHand::answering(OK);
    let (_files, program) = before(&upstream);
    let inner = "GET /admin HTTP/1.1\r\nHost: a\r\n\r\n";
    let long = inner.len();
    let post = |headers: &str, body: &str| format!("POST /whapi/x HTTP/1.1\r\n{headers}\r\n{body}");
    let refused = [
        post("Host: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n", "hello"),
        post("Host: a\r\nContent-Length: 5, 6\r\n", "hello"),
        post("Host: a\r\nContent-Length: 5, 5\r\n", "hello"),
        post("Host: a\r\nContent-Length: +5\r\n", "hello"),
        post("Host: a\r\nContent-Length: -5\r\n", "hello"),
        post("Host: a\r\nContent-Length: 0x5\r\n", "hello"),
        post("Host: a\r\nContent-Length: 5 5\r\n", "hello"),
        post("Host: a\r\nContent-Length: \r\n", ""),
        post("Host: a\r\nContent-Length: 18446744073709551621\r\n", "hello"),
        post("Host: a\r\nContent-Length : 5\r\n", "hello"),
        post("Host: a\r\nTransfer-Encoding: xchunked\r\n", &format!("0\r\n\r\n{inner}")),
        post("Host: a\r\nTransfer-Encoding: chunked, identity\r\n", &format!("0\r\n\r\n{inner}")),
        post("Host: a\r\nTransfer-Encoding: gzip, chunked\r\n", "0\r\n\r\n"),
        post("Host: a\r\nTransfer-Encoding: chunked, chunked\r\n", "0\r\n\r\n"),
        post(
            "Host: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
            "0\r\n\r\n",
        ),
        post(
            "Host: a\r\nTransfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n",
            "0\r\n\r\n",
        ),
        post("Host: a\r\nTransfer-Encoding: \"chunked\"\r\n", "0\r\n\r\n"),
        post("Host: a\r\nTransfer-Encoding: \u{b}chunked\r\n", "0\r\n\r\n"),
        post("Host: a\r\nTransfer-Encoding : chunked\r\n", "0\r\n\r\n"),
        post("Host: a\r\nTransfer-Encoding:\r\n chunked\r\n", "0\r\n\r\n"),
        post("Host: a\r\nX: a\r\n folded\r\n", ""),
        post("Host: a\r\n Content-Length: 5\r\n", "hello"),
        post("Host: a\r\nX: a\0b\r\n", ""),
        post("Host: a\r\nX: a\rContent-Length: 5\r\n", "hello"),
        post("Host: a\r\nX\0Y: a\r\n", ""),
        post("Host: a\r\nContent-Length\t: 5\r\n", "hello"),
        post("Host: a\r\n: a\r\n", ""),
        post("Host: a\r\nHost: b\r\n", ""),
        post("", ""),
        "POST /whapi/x HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
            .to_owned(),
        "GET http://gate.whapi.cloud/whapi/x HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(),
        "CONNECT gate.whapi.cloud:443 HTTP/1.1\r\nHost: gate.whapi.cloud:443\r\n\r\n".to_owned(),
        "GET /whapi/a b HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(),
        "GET /whapi/a\tb HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(),
        "GET /whapi/x HTTP/2.0\r\nHost: a\r\n\r\n".to_owned(),
        "GET /whapi/x\r\nHost: a\r\n\r\n".to_owned(),
        "GE\0T /whapi/x HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(),
    ];
    for request in &refused {
        let mut wire = Wire::to(program.gateway());
        wire.send(request).unwrap();
        wire.send(inner).ok();
        wire.finish();
        let answer = String::from_utf8_lossy(&wire.rest()).into_owned();
        assert!(
            answer.starts_with("HTTP/1.1 400 ") || answer.starts_with("HTTP/1.0 400 "),
            "{request:?}: {answer}"
        );
        assert!(upstream.connections().is_empty(), "{request:?} reached the upstream");
    }

    // These can only be read in one way by the time they are passed on, and end the connection.
    let reframed = [
        post(
            &format!("Host: a\r\nContent-Length: {}\r\nTransfer-Encoding: chunked\r\n", 5 + long),
            &format!("0\r\n\r\n{inner}"),
        ),
        post(
            &format!("Host: a\r\nTransfer-Encoding: chunked\r\nContent-Length: {}\r\n", 5 + long),
            &format!("0\r\n\r\n{inner}"),
        ),
    ];
    for request in &reframed {
        let seen = upstream.connections().concat().len();
        let mut wire = Wire::to(program.gateway());
        wire.send(request).unwrap();
        let answers = String::from_utf8_lossy(&wire.rest()).into_owned();
        assert_eq!(answers.matches("HTTP/1.1 ").count(), 1, "{request:?}: {answers}");
        let passed = String::from_utf8_lossy(&upstream.connections().concat()[seen..]).into_owned();
        assert!(
            !passed.contains("admin") && !passed.to_lowercase().contains("content-length"),
            "{passed}"
        );
        assert!(passed.ends_with("\r\n\r\n0\r\n\r\n"), "{passed}");
    }
}

#[test]
fn a_header_that_connection_names_ends_here_and_lengths_stay_true() {
    let upstream = ByHand::answering(OK);
    let (_files, program) = before(&upstream);
    let mut wire = Wire::to(program.gateway());
    wire.send(
        "POST /whapi/x HTTP/1.1\r\nHost: a\r\nConnection: content-length, host, x-a\r\nX-A: \
        1\r\nX-B: 2\r\nContent-Length: 5\r\nUpgrade: websocket\r\nKeep-Alive: 5\r\n\r\n\
        hello",
    )
    .unwrap();
    assert_eq!(wire.message().unwrap().body, b"ok");
    let host = upstream.address;
    let passed = upstream.bytes();
    assert!(passed.starts_with("POST /x HTTP/1.1\r\n"), "{passed}");
    let lines: std::collections::BTreeSet<String> =
        passed.lines().skip(1).map(str::to_ascii_lowercase).collect();
    let expected = [
        format!("host: {host}"),
        "x-b: 2".into(),
        "content-length: 5".into(),
        String::new(),
        "hello".into(),
    ];
    assert_eq!(lines, expected.into_iter().collect(), "{passed}");
}

#[test]
fn a_credential_is_found_wherever_it_is_carried_and_leads_to_its_own_address() {
    let (own, other) = (watched(|_| OK.into()), ByHand::answering(OK));
    let files = Files::new();
    files.write("sales", "Secret1");
    files.write("brand", "EAA|x y=z");
    let yaml = format!(
        "channels:\n  - name: sales\n    token_file: sales\n    api_url: {0}/base/\ntokens:\n  \
         - name: brand\n    token_file: brand\n    api_url: {0}\n",
        own.url()
    );
    files.write("brand", "EAA|xy=z");
    let program = Setup::new().gateway(&other).file(&files, &yaml).start();
    let gateway = program.gateway();
    let ask = |path: &str, headers: &[(&str, &str)]| {
        assert_eq!(http::get(gateway, path, headers).unwrap().status, 200, "{path}");
    };
    ask("/whapi/1", &[("Authorization", "Bearer Secret1")]);
    ask("/whapi/2", &[("authorization", "bearer   Secret1 ")]);
    ask("/whapi/3?a=b&token=Secret1", &[]);
    ask("/meta/4", &[("Authorization", "OAuth EAA|xy=z")]);
    ask("/meta/5?access_token=EAA%7Cxy%3Dz&x", &[]);
    ask("/meta/6?access_token=EAA%7cxy=z", &[("Authorization", "Bearer unknown")]);
    program.until_is(&requests("sales", "2xx"), 3.0);
    let of_token =
        "whatsapp_gateway_requests_total{provider=\"meta\",token=\"brand\",code=\"2xx\"}";
    program.until_is(of_token, 3.0);
    assert_eq!(program.metrics().get(&requests("brand", "2xx")), None, "a token is no channel");
    // None of these is one of ours at this place.
    ask("/whapi/7", &[("Authorization", "Bearer Secret2")]);
    ask("/whapi/8", &[("Authorization", "Basic Secret1")]);
    ask("/whapi/9?access_token=Secret1", &[("Authorization", "Secret1")]);
    ask("/whapi/10", &[("Authorization", "Bearer EAA|xy=z")]);
    ask("/meta/11?token=EAA%7Cxy%3Dz", &[]);
    let page = program.metrics();
    let stranger = |provider: &str| {
        page.get(&format!(
            "whatsapp_gateway_requests_total{{provider=\"{provider}\",\
            channel=\"other\",code=\"2xx\"}}"
        ))
    };
    assert_eq!((stranger("whapi"), stranger("meta")), (Some(4.0), Some(1.0)));
    let mine = String::from_utf8_lossy(&own.connections().concat()).into_owned();
    for line in [
        "GET /base/1 ",
        "GET /base/2 ",
        "GET /base/3?a=b&token=Secret1 ",
        "GET /4 ",
        "GET /5?access_token=EAA%7Cxy%3Dz&x ",
    ] {
        assert!(mine.contains(line), "{line}: {mine}");
    }
    assert_eq!(
        page.get("whatsapp_gateway_request_duration_seconds_count{provider=\"whapi\"}"),
        Some(7.0)
    );
}

#[test]
fn every_code_has_its_class_and_every_request_is_counted_once() {
    let upstream = watched(|request| {
        let code = request.line().split(['/', ' ']).nth(2).unwrap().to_owned();
        format!("HTTP/1.1 {code} Word\r\nContent-Length: 0\r\n\r\n").into_bytes()
    });
    let program = Setup::new().gateway(&upstream).set("WHAPI_TOKEN", "t").start();
    let classes = [
        ("2xx", &[200, 201, 299][..]),
        ("3xx", &[302]),
        ("401", &[401]),
        ("403", &[403]),
        ("404", &[404]),
        ("429", &[429]),
        ("4xx", &[400, 402, 418]),
        ("5xx", &[500, 503, 599]),
    ];
    for (_, codes) in classes {
        for code in codes {
            let path = format!("/whapi/{code}");
            let reply =
                http::get(program.gateway(), &path, &[("Authorization", "Bearer t")]).unwrap();
            assert_eq!(reply.status, *code);
        }
    }
    let page = program.metrics();
    for (class, codes) in classes {
        assert_eq!(page.get(&requests("default", class)), Some(codes.len() as f64), "{class}");
    }
    assert_eq!(page.get(&requests("default", "failed")), Some(0.0));
    assert_eq!(page.sum("whatsapp_gateway_requests_total{channel=\"other\"}"), 0.0);
}

#[test]
fn a_rotated_secret_and_a_reloaded_target_are_known_from_their_first_request() {
    let (old, new) = (watched(|_| OK.into()), watched(|_| OK.into()));
    let files = Files::new();
    files.write("token", "first");
    let yaml = |url: String| {
        format!("channels:\n  - name: sales\n    token_file: token\n    api_url: {url}\n")
    };
    let program = Setup::new().gateway(&old).file(&files, &yaml(old.url())).start();
    let ask = |token: &str| {
        let bearer = format!("Bearer {token}");
        let path = format!("/whapi/{token}");
        assert_eq!(
            http::get(program.gateway(), &path, &[("Authorization", &bearer)]).unwrap().status,
            200
        );
    };
    ask("first");
    assert_eq!(program.metrics().get(&requests("sales", "2xx")), Some(1.0));
    // The secrets are read again at most once a second.
    std::thread::sleep(std::time::Duration::from_millis(1100));
    files.write("token", "second");
    ask("second");
    assert_eq!(program.metrics().get(&requests("sales", "2xx")), Some(2.0));
    // The same credential leads to another place as soon as the reload is done.
    files.write("settings.yaml", yaml(new.url()));
    program.reload();
    ask("second");
    assert_eq!(program.metrics().get(&requests("sales", "2xx")), Some(3.0));
    assert!(String::from_utf8_lossy(&new.connections().concat()).contains("GET /second "));
    let before = String::from_utf8_lossy(&old.connections().concat()).into_owned();
    assert_eq!(before.matches("GET /second ").count(), 1);
}

#[test]
fn the_simulators_channel_and_token_are_reached_by_changing_one_address() {
    let upstream = Upstream::start();
    upstream.set_channel("c", WhapiChannel::new("sales"));
    upstream.set_token("m", MetaToken::new("brand"));
    let program = Setup::of(&upstream)
        .set("GATEWAY_ADDRESS", "127.0.0.1:0")
        .set("WHAPI_TOKEN", "c")
        .set("META_TOKEN", "m")
        .start();
    let health = http::get(
        program.gateway(),
        "/whapi/health?wakeup=false",
        &[("Authorization", "Bearer c")],
    )
    .unwrap();
    assert!(health.status == 200 && health.text().contains("AUTH"), "{health:?}");
    let me =
        http::get(program.gateway(), "/meta/v25.0/debug_token?input_token=m&access_token=m", &[])
            .unwrap();
    assert!(me.status == 200 && me.text().contains("is_valid"), "{me:?}");
}

#[test]
fn an_address_that_cannot_be_had_is_said() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let setup = Setup::new().set("WHAPI_TOKEN", "t").set("GATEWAY_ADDRESS", &address);
    let ended = setup.set("LOG_FORMAT", "json").run();
    assert_eq!(ended.code, Some(1), "{ended:?}");
    let mut lines = ended.stderr.lines().map(serde_json::from_str::<serde_json::Value>);
    assert!(lines.next_back().is_some_and(|line| line.is_ok()), "{ended:?}");
    let sentence = format!("GATEWAY_ADDRESS: cannot listen on {address}: ");
    assert!(ended.stderr.contains(&sentence), "{ended:?}");
}

#[test]
fn a_gateway_that_others_can_reach_is_warned_of() {
    let upstream = ByHand::answering(OK);
    let program = Setup::new()
        .gateway(&upstream)
        .set("WHAPI_TOKEN", "t")
        .set("GATEWAY_ADDRESS", "0.0.0.0:0")
        .start();
    program.gateway();
    assert!(
        program.log().contains("the gateway can be reached from other machines"),
        "{}",
        program.log()
    );
    let (_files, alone) = before(&upstream);
    alone.gateway();
    assert!(!alone.log().contains("other machines"), "{}", alone.log());
}

/// What curl prints, and how it ends.
fn curl(program: &Program, path: &str, arguments: &[&str]) -> (Vec<u8>, String) {
    let output = Command::new("curl")
        .args([
            "--silent",
            "--show-error",
            "--max-time",
            "60",
            "--noproxy",
            "*",
            "--write-out",
            "%{stderr}%{http_code} %{errormsg}",
        ])
        .args(arguments)
        .arg(format!("http://{}{path}", program.gateway()))
        .output()
        .expect("this test needs the program `curl`; on Debian: apt-get install curl");
    (output.stdout, String::from_utf8_lossy(&output.stderr).trim().to_owned())
}

fn text(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

#[test]
fn curl_gets_and_sends_through_the_gateway_what_it_would_directly() {
    let large: Arc<Vec<u8>> = Arc::new(
        (0..8 << 20).map(|at: u32| (at.wrapping_mul(2_654_435_761) >> 13) as u8).collect(),
    );
    let received: Arc<Mutex<Vec<Received>>> = Arc::default();
    let upstream = {
        let (large, received) = (Arc::clone(&large), Arc::clone(&received));
        ByHand::start(move |wire| {
            while let Some(lines) = wire.head() {
                let mut request = Received { lines, body: Vec::new(), trailers: Vec::new() };
                if request.header("expect") == ["100-continue"] {
                    wire.send("HTTP/1.1 100 Continue\r\n\r\n").unwrap();
                }
                if let [length] = request.header("content-length")[..] {
                    request.body = wire.take(length.parse().unwrap()).unwrap();
                } else if request.header("transfer-encoding") == ["chunked"] {
                    // Read as any chunked message is.
                    let body = wire.until(b"0\r\n\r\n").unwrap();
                    request.body = body;
                }
                let answer = if request.line().contains("/large") {
                    let mut answer =
                        format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", large.len())
                            .into_bytes();
                    answer.extend(&**large);
                    answer
                } else if request.line().contains("/gzip") {
                    let mut gzip =
                        flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
                    gzip.write_all(b"{\"compressed\":true}").unwrap();
                    let body = gzip.finish().unwrap();
                    let mut answer = format!(
                        "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n",
                        body.len()
                    )
                    .into_bytes();
                    answer.extend(body);
                    answer
                } else if request.line().starts_with("HEAD ") {
                    b"HTTP/1.1 200 OK\r\nContent-Length: 12345\r\nETag: \"x\"\r\n\r\n".to_vec()
                } else {
                    OK.into()
                };
                received.lock().unwrap().push(request);
                if wire.send(answer).is_err() {
                    return;
                }
            }
        })
    };
    let (files, program) = before(&upstream);
    let last = || received.lock().unwrap().pop().unwrap();
    let ok = |what: &str, (body, said): (Vec<u8>, String)| {
        assert_eq!(said, "200", "{what}");
        body
    };

    assert_eq!(ok("GET", curl(&program, "/whapi/a/../b?c=%20d", &["--path-as-is"])), b"ok");
    assert_eq!(last().line(), "GET /a/../b?c=%20d HTTP/1.1");

    let json = r#"{"to":"1","body":"hello"}"#;
    ok(
        "POST",
        curl(&program, "/whapi/messages/text", &["--json", json, "-H", "Authorization: Bearer x"]),
    );
    let post = last();
    assert_eq!((post.line(), &*post.body), ("POST /messages/text HTTP/1.1", json.as_bytes()));
    assert_eq!(post.header("authorization"), ["Bearer x"]);

    ok("chunks", curl(&program, "/whapi/c", &["-H", "Transfer-Encoding: chunked", "-d", json]));
    let chunked = last();
    assert_eq!(chunked.header("transfer-encoding"), ["chunked"]);
    assert!(String::from_utf8_lossy(&chunked.body).contains(json));

    ok("Expect", curl(&program, "/whapi/e", &["-H", "Expect: 100-continue", "-d", json]));
    let expected = last();
    assert_eq!(
        (expected.header("expect"), &*expected.body),
        (vec!["100-continue"], json.as_bytes())
    );

    let head = String::from_utf8(ok("HEAD", curl(&program, "/whapi/h", &["--head"]))).unwrap();
    assert!(
        head.contains("Content-Length: 12345\r\n") && head.contains("ETag: \"x\"\r\n"),
        "{head}"
    );

    assert_eq!(
        ok("gzip", curl(&program, "/whapi/gzip", &["--compressed"])),
        b"{\"compressed\":true}"
    );

    assert!(ok("a large download", curl(&program, "/whapi/large", &[])) == **large);

    let file = files.write("large", &**large);
    let data = format!("@{}", text(&file));
    ok("a large upload", curl(&program, "/whapi/up", &["--data-binary", &data]));
    assert!(last().body == **large, "the upload arrived changed");
    ok("a large upload by PUT", curl(&program, "/whapi/up", &["-T", &text(&file)]));
    let put = last();
    assert!(put.body == **large && put.line() == "PUT /up HTTP/1.1");

    let mut many = String::new();
    for at in 0..20 {
        let _ = writeln!(many, "url = \"http://{}/whapi/{at}\"", program.gateway());
    }
    let config = files.write("curl", many);
    let (body, _) = curl(&program, "/whapi/last", &["--config", &text(&config)]);
    assert_eq!(body, "ok".repeat(21).as_bytes());
    let counted =
        program.metrics().sum("whatsapp_gateway_requests_total{provider=\"whapi\",code=\"2xx\"}");
    assert_eq!(counted, 30.0);
}
