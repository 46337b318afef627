//! The program's own listener: routes, forms of answers, and visitors that are slow, many or rude.

use std::fmt::Write as _;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::common::metrics::Metrics;
use crate::common::wire::{Wire, watched};
use crate::common::{
    Files, Program, Setup, Upstream, closed_port, eventually, http, raise_descriptor_limit,
};
use whatsapp_simulator::{MetaToken, WhapiChannel, WhapiStatus};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const GET: &str = "GET /whapi/x HTTP/1.1\r\nHost: a\r\n\r\n";

const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// A program with a channel that is well, one that is logged out, one that was never seen, and a
/// token.
fn program() -> (Upstream, Files, Program) {
    let (upstream, files) = (Upstream::start(), Files::new());
    upstream.set_channel("good", WhapiChannel::new("sales"));
    upstream.set_channel("out", WhapiChannel::new("support").with_status(WhapiStatus::QR));
    upstream.set_token("token", MetaToken::expiring_in("marketing", Duration::from_secs(500_000)));
    let mut yaml = "channels:\n".to_owned();
    for (name, secret) in [("sales", "good"), ("support", "out"), ("lost", "nobody")] {
        files.write(name, secret);
        let _ = write!(yaml, "  - name: {name}\n    token_file: {name}\n");
    }
    files.write("token", "token");
    yaml.push_str("tokens:\n  - name: marketing\n    token_file: token\n");
    let program = Setup::of(&upstream).file(&files, &yaml).start();
    program.until_is("whatsapp_channel_authorized{channel=\"sales\"}", 1.0);
    program.until_is("whatsapp_channel_authorized{channel=\"support\"}", 0.0);
    program.until_is("whatsapp_token_valid", 1.0);
    (upstream, files, program)
}

/// A program that watches one channel that cannot be reached.
fn lonely() -> Program {
    let url = format!("http://{}", closed_port());
    Setup::new().set("WHAPI_TOKEN", "t").set("WHAPI_API_URL", url).start()
}

#[test]
fn every_route_answers_with_its_status_and_type() {
    let (_upstream, _files, program) = program();
    let cases: &[(&str, u16, &str, &str)] = &[
        ("/metrics", 200, TEXT, "whatsapp_channel_status{"),
        ("/metrics?whatever=1", 200, TEXT, "whatsapp_channel_status{"),
        ("/", 200, "text/html; charset=utf-8", "sales"),
        ("/?page=2", 200, "text/html; charset=utf-8", "sales"),
        ("/?page=99999999999999999999", 200, "text/html; charset=utf-8", "sales"),
        ("/?page=-1", 200, "text/html; charset=utf-8", "sales"),
        ("/api/status", 200, "application/json", "\"name\":\"sales\""),
        ("/healthz", 200, "text/plain; charset=utf-8", "ok"),
        ("/readyz", 200, "text/plain; charset=utf-8", "ready"),
        ("/channels/sales/ready", 200, "text/plain; charset=utf-8", "AUTH"),
        ("/channels/support/ready", 503, "text/plain; charset=utf-8", "QR"),
        ("/channels/lost/ready", 503, "text/plain; charset=utf-8", "UNKNOWN"),
        ("/channels/nobody/ready", 404, "text/plain; charset=utf-8", "no channel"),
        ("/channels//ready", 404, "text/plain; charset=utf-8", "no channel"),
        ("/channels/sales", 200, "text/html; charset=utf-8", "sales: AUTH"),
        ("/channels/a/b/ready", 404, "text/plain; charset=utf-8", "nothing here"),
        ("/metrics/", 404, "text/plain; charset=utf-8", "nothing here"),
        ("/favicon.ico", 404, "text/plain; charset=utf-8", "nothing here"),
        ("/../etc/passwd", 404, "text/plain; charset=utf-8", "nothing here"),
        ("/%00", 404, "text/plain; charset=utf-8", "nothing here"),
    ];
    for (path, status, content_type, part) in cases {
        let reply = program.get(path);
        assert_eq!(reply.status, *status, "{path}");
        assert_eq!(reply.header("content-type").as_deref(), Some(*content_type), "{path}");
        assert_eq!(reply.header("x-content-type-options").as_deref(), Some("nosniff"), "{path}");
        assert_eq!(reply.header("cache-control").as_deref(), Some("no-store"), "{path}");
        assert!(reply.text().contains(part), "{path}: {}", reply.text());
        let retry_after = reply.header("retry-after").map(|seconds| seconds.parse::<u64>());
        assert_eq!(matches!(retry_after, Some(Ok(1..))), *status == 503, "{path}: {retry_after:?}");

        // HEAD is GET without the body.
        let head = http::ask(program.address, "HEAD", path, &[]).expect("a head alone");
        assert_eq!(head.status, *status, "HEAD {path}");
        for name in ["content-type", "vary", "retry-after", "cache-control"] {
            assert_eq!(head.header(name), reply.header(name), "HEAD {path}: {name}");
        }
        let length = head.header("content-length").map(|length| length.parse::<usize>());
        assert!(
            length.is_none() || length == Some(Ok(reply.body.len())),
            "HEAD {path} speaks of another length than GET: {length:?}"
        );
    }
}

#[test]
fn only_get_and_head_are_answered() {
    let program = lonely();
    for path in ["/", "/metrics", "/api/status", "/healthz", "/readyz", "/channels/default/ready"] {
        for method in ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "BREW"] {
            let reply = http::ask(program.address, method, path, &[]).expect("an answer");
            assert_eq!(reply.status, 405, "{method} {path}");
            assert_eq!(reply.header("allow").as_deref(), Some("GET, HEAD"), "{method} {path}");
        }
    }
    let reply = http::ask(program.address, "POST", "/nowhere", &[]).expect("an answer");
    assert_eq!(reply.status, 404);
}

#[test]
fn the_metrics_come_as_they_are_asked_for() {
    let (_upstream, _files, program) = program();
    for (accept, content_type) in [
        ("", TEXT),
        ("*/*", TEXT),
        ("application/openmetrics-text;version=1.0.0", OPEN_METRICS),
        (
            "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.2",
            OPEN_METRICS,
        ),
    ] {
        for (coding, zipped) in [
            ("", false),
            ("identity", false),
            ("gzip", true),
            ("gzip;q=0", false),
            ("deflate, gzip", true),
        ] {
            let headers = [("Accept", accept), ("Accept-Encoding", coding)];
            let headers: Vec<_> =
                headers.into_iter().filter(|(_, value)| !value.is_empty()).collect();
            let reply = http::get(program.address, "/metrics", &headers).expect("an answer");
            let case = format!("{accept} {coding}");
            assert_eq!(reply.header("content-type").as_deref(), Some(content_type), "{case}");
            assert_eq!(reply.header("vary").as_deref(), Some("Accept, Accept-Encoding"), "{case}");
            let encoding = zipped.then(|| "gzip".to_owned());
            assert_eq!(reply.header("content-encoding"), encoding, "{case}");
            let page = String::from_utf8(reply.plain()).expect("UTF-8");
            assert_eq!(page.ends_with("# EOF\n"), content_type == OPEN_METRICS, "{case}");
            assert_eq!(page.matches("# EOF").count(), usize::from(content_type == OPEN_METRICS));
            let page = Metrics::read(&page);
            assert_eq!(page.get("whatsapp_channel_authorized{channel=\"sales\"}"), Some(1.0));
            assert_eq!(
                page.get("whatsapp_channel_poll_failures_total{channel=\"sales\",reason=\"tls\"}"),
                Some(0.0)
            );
        }
    }
}

#[test]
fn gzip_is_the_same_page_however_large() {
    let (files, count) = (Files::new(), 2000);
    let program = fleet(&files, count).start();
    // After its first poll no channel is polled for an hour, so nothing changes between two
    // answers.
    eventually("every channel was polled", || {
        (program.metrics().sum("whatsapp_channel_polls_total") >= count as f64).then_some(())
    });
    let stable = |page: &[u8]| -> Vec<String> {
        let page = String::from_utf8(page.to_vec()).expect("UTF-8");
        page.lines().filter(|line| line.contains("channel=\"c")).map(str::to_owned).collect()
    };
    let plain = http::get(program.address, "/metrics", &[]).expect("an answer");
    let zipped =
        http::get(program.address, "/metrics", &[("Accept-Encoding", "gzip")]).expect("an answer");
    assert!(zipped.body.len() * 10 < plain.body.len());
    let plain = stable(&plain.plain());
    assert!(plain.len() > 30 * count);
    assert!(plain == stable(&zipped.plain()), "gzip changes the page");

    let zipped = http::get(program.address, "/api/status", &[("Accept-Encoding", "gzip")]);
    let json: serde_json::Value =
        serde_json::from_slice(&zipped.expect("an answer").plain()).expect("JSON");
    assert_eq!(json["channels"].as_array().map(Vec::len), Some(count));
    assert_eq!(json["tokens"].as_array().map(Vec::len), Some(0));
}

/// A fleet that is hardly ever asked.
fn fleet(files: &Files, count: usize) -> Setup {
    let mut yaml = "channels:\n".to_owned();
    for at in 0..count {
        let _ = write!(yaml, "  - name: c{at}\n    token_file: token\n");
    }
    files.write("token", "token");
    Setup::new()
        .file(files, &yaml)
        .pace("30days")
        .set("WHAPI_API_URL", format!("http://{}", closed_port()))
}

#[test]
fn a_connection_serves_many_requests_also_pipelined() {
    let program = lonely();
    let mut stream = http::connect(program.address).expect("a connection");
    let one = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";
    stream.write_all(one.repeat(50).as_bytes()).expect("sent");
    let end = "GET /readyz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    stream.write_all(end.as_bytes()).expect("sent");
    let mut answers = String::new();
    stream.read_to_string(&mut answers).expect("answers");
    assert_eq!(answers.matches("\r\n\r\nok\n").count(), 50);
    assert!(answers.ends_with("\r\n\r\nready\n"));
}

#[test]
fn a_thousand_idle_visitors_keep_nobody_out() {
    raise_descriptor_limit();
    let program = lonely();
    let idle: Vec<TcpStream> =
        (0..1000).map(|_| http::connect(program.address).expect("a connection")).collect();
    for _ in 0..5 {
        assert_eq!(program.get("/healthz").status, 200);
        assert_eq!(program.get("/readyz").status, 200);
        assert_eq!(program.get("/metrics").status, 200);
    }
    // Those of the last come that were answered once and kept open do not count for more.
    let mut kept = Vec::new();
    for _ in 0..600 {
        let mut stream = http::connect(program.address).expect("a connection");
        stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").expect("sent");
        kept.push(stream);
    }
    assert_eq!(program.get("/metrics").status, 200);
    drop((idle, kept));
    program.until("the descriptors given back", |page| {
        page.get("process_open_fds").filter(|open| *open < 60.0)
    });
}

#[test]
fn idle_visitors_are_bounded_and_make_room_for_those_who_ask() {
    raise_descriptor_limit();
    let program = lonely();
    let idle: Vec<TcpStream> =
        (0..3000).map(|_| http::connect(program.address).expect("a connection")).collect();
    // After their first chance to ask.
    std::thread::sleep(Duration::from_millis(1500));
    for _ in 0..20 {
        assert_eq!(program.get("/healthz").status, 200);
        let open = program.metrics().get("process_open_fds").expect("a number");
        assert!(open < 2200.0, "{open} descriptors: idle connections are not bounded");
    }
    drop(idle);
    program.until("the descriptors given back", |page| {
        page.get("process_open_fds").filter(|open| *open < 60.0)
    });
}

#[test]
fn a_huge_head_is_refused_and_kept_nowhere() {
    let program = lonely();
    let resident = |program: &Program| {
        program.metrics().get("process_resident_memory_bytes").expect("a number")
    };
    let before = resident(&program);
    let filler = vec![b'x'; 64 * 1024];
    for beginning in [
        "GET /metrics HTTP/1.1\r\nHost: x\r\nX-Large: ",
        "GET /",
        "GET /metrics HTTP/1.1\r\nHost: x\r\nA: b\r\n",
    ] {
        let streams: Vec<TcpStream> = (0..20)
            .map(|_| {
                let mut stream = http::connect(program.address).expect("a connection");
                let mut sent = stream.write_all(beginning.as_bytes());
                for _ in 0..64 {
                    sent = sent.and_then(|()| stream.write_all(&filler));
                }
                let mut answer = Vec::new();
                // The answer may be lost when the connection is closed in the face of what is still
                // sent.
                let read = stream.read_to_end(&mut answer);
                let answer = String::from_utf8_lossy(&answer);
                let kept_open = |error: &io::Error| {
                    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
                };
                assert!(!read.as_ref().is_err_and(kept_open), "{beginning}: {sent:?} {read:?}");
                assert!(
                    answer.is_empty() || answer.starts_with("HTTP/1.1 4"),
                    "{beginning}: {answer}"
                );
                stream
            })
            .collect();
        assert_eq!(program.get("/healthz").status, 200);
        drop(streams);
    }
    let grown = resident(&program) - before;
    assert!(grown < 16e6, "grew by {grown} bytes");
}

#[test]
fn nonsense_is_refused_and_the_next_visitor_served() {
    let program = lonely();
    for nonsense in [
        &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..],
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET\r\n\r\n",
        b"\r\n\r\n\r\n\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\nx",
        b"POST /metrics HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"\0\0\0\0\0\0\0\0",
    ] {
        let mut stream = http::connect(program.address).expect("a connection");
        stream.write_all(nonsense).expect("sent");
        stream.shutdown(std::net::Shutdown::Write).expect("shut");
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        assert!(!answer.starts_with(b"HTTP/1.1 2"), "{}", String::from_utf8_lossy(nonsense));
        assert_eq!(program.get("/healthz").status, 200);
    }
    assert_eq!(program.metrics().get("whatsapp_exporter_panics_total"), Some(0.0));
}

#[test]
fn slow_heads_keep_nobody_waiting() {
    let program = lonely();
    let mut slow: Vec<TcpStream> =
        (0..200).map(|_| http::connect(program.address).expect("a connection")).collect();
    for byte in b"GET /metrics HTTP/1.1\r\nHo" {
        for stream in &mut slow {
            stream.write_all(&[*byte]).expect("sent");
        }
        assert_eq!(program.get("/healthz").status, 200);
    }
    assert_eq!(program.get("/metrics").status, 200);
}

#[test]
fn half_a_head_ends_within_seconds_and_an_idle_connection_stays() {
    let upstream = watched(|_| OK.into());
    let program = Setup::new().gateway(&upstream).set("WHAPI_TOKEN", "t").start();
    let (mut idle, mut silent) = (Wire::to(program.gateway()), Wire::to(program.gateway()));
    idle.send(GET).expect("sent");
    assert_eq!(idle.message().expect("an answer").body, b"ok");
    for address in [program.gateway(), program.address] {
        // The first request, and one after it.
        for first in ["", GET] {
            let mut half = TcpStream::connect(address).expect("a connection");
            half.set_read_timeout(Some(Duration::from_millis(500))).expect("an option");
            half.write_all(first.as_bytes()).expect("sent");
            half.write_all(b"GET /x HTTP/1.1\r\nHost: a\r\nX: ").expect("sent");
            let began = Instant::now();
            loop {
                // A byte now and then buys no time.
                let sent = half.write_all(b"x");
                match half.read(&mut [0; 1024]) {
                    Ok(0) => break,
                    Err(error) if error.kind() != io::ErrorKind::WouldBlock => break,
                    _ => {}
                }
                assert!(began.elapsed() < Duration::from_secs(25), "{address} {first}: {sent:?}");
            }
            assert!(began.elapsed() > Duration::from_secs(3), "a slow network is given no time");
        }
    }
    for wire in [&mut idle, &mut silent] {
        wire.send(GET).expect("sent");
        assert_eq!(wire.message().expect("an answer").body, b"ok");
    }
}

#[test]
fn a_head_that_does_not_end_is_given_up() {
    let program = lonely();
    let mut stream = http::connect(program.address).expect("a connection");
    stream.set_read_timeout(Some(Duration::from_millis(500))).expect("a deadline");
    stream.write_all(b"GET /metrics HTTP/1.1\r\nX: ").expect("sent");
    let begun = Instant::now();
    loop {
        // A byte now and then must not buy more time.
        let sent = stream.write_all(b"x");
        match stream.read(&mut [0; 1024]) {
            Err(error)
                if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {}
            _ => break,
        }
        assert!(begun.elapsed() < Duration::from_secs(40), "still open; {sent:?}");
    }
    assert!(begun.elapsed() > Duration::from_secs(5));
}

#[test]
fn ready_says_what_the_gateway_would_do() {
    let upstream = Upstream::start();
    upstream.set_channel("t", WhapiChannel::new("default"));
    let program = Setup::of(&upstream).set("WHAPI_TOKEN", "t").start();
    program.until_is("whatsapp_channel_authorized", 1.0);
    for (status, code, number, retry_after) in [
        (WhapiStatus::AUTH, 200, 4.0, None),
        // Sending works; reading chats and messages does not.
        (WhapiStatus::SYNC_ERROR, 200, 6.0, None),
        // A reconnect, which is usually over in seconds.
        (WhapiStatus::INIT, 503, 1.0, Some("5")),
        (WhapiStatus::LAUNCH, 503, 2.0, Some("5")),
        // Somebody has to do something.
        (WhapiStatus::QR, 503, 3.0, Some("60")),
        (WhapiStatus::STOP, 503, 7.0, Some("60")),
    ] {
        let word = format!("{}\n", status.text());
        upstream.update_channel("t", |channel| channel.show(status));
        program.until_is("whatsapp_channel_status_code", number);
        let reply = program.get("/channels/default/ready");
        assert_eq!((reply.status, reply.text()), (code, word.clone()), "{word}");
        assert_eq!(reply.header("retry-after").as_deref(), retry_after, "{word}");
    }
}

#[test]
fn ready_expects_the_first_answer_soon() {
    let program = Setup::new().set("WHAPI_TOKEN", "t").pace("30s");
    // Nobody answers there, so the first poll does not end.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}", silent.local_addr().expect("an address"));
    let program = program.set("WHAPI_API_URL", url).start();
    let reply = program.get("/channels/default/ready");
    assert_eq!((reply.status, &*reply.text()), (503, "UNKNOWN\n"));
    assert_eq!(reply.header("retry-after").as_deref(), Some("5"));
}

#[test]
fn a_reader_that_stalls_is_closed_and_keeps_nobody_waiting() {
    let files = Files::new();
    let program = fleet(&files, 20_000).start();
    let descriptors = |program: &Program| {
        let limits = std::fs::read_dir(format!("/proc/{}/fd", program.id()));
        limits.map(Iterator::count).expect("descriptors")
    };
    let before = descriptors(&program);
    // More readers than pages are written at a time.
    let mut stalled: Vec<TcpStream> = (0..12)
        .map(|_| {
            let mut stream = http::connect(program.address).expect("a connection");
            stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n").expect("sent");
            stream
        })
        .collect();
    assert_eq!(program.get("/healthz").status, 200);
    assert_eq!(program.get("/channels/c1/ready").status, 503);
    crate::common::eventually("the stalled readers closed", || {
        (descriptors(&program) <= before).then_some(())
    });
    let mut rest = Vec::new();
    // Whatever was on its way may still be read, but it is not a whole page.
    let _ = stalled[0].read_to_end(&mut rest);
    assert!(!rest.ends_with(b"0\r\n\r\n"), "it was no stalled reader");
    assert_eq!(program.get("/healthz").status, 200);
    // And somebody who does read is served a whole page.
    let page = http::get(program.address, "/metrics", &[("Accept-Encoding", "gzip")]);
    let page = page.expect("a page").plain();
    assert!(String::from_utf8(page).expect("UTF-8").contains("channel=\"c19999\""));
}

#[test]
fn both_versions_of_ip_are_served_with_the_default_kind_of_address() {
    let program = Setup::new()
        .set("WHAPI_TOKEN", "t")
        .set("WHAPI_API_URL", format!("http://{}", closed_port()))
        .set("LISTEN_ADDRESS", "[::]:0")
        .start();
    let port = program.address.port();
    let v4 = http::get(([127, 0, 0, 1], port).into(), "/healthz", &[]).expect("an answer");
    assert_eq!(v4.status, 200);
    if program.address.is_ipv6() {
        let v6 = (std::net::Ipv6Addr::LOCALHOST, port).into();
        assert_eq!(http::get(v6, "/healthz", &[]).expect("an answer").status, 200);
    }
}
