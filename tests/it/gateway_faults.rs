//! The gateway between an upstream or an application that goes wrong: nobody is told anything that
//! is not so, and nothing hangs on.
//!
//! Not here: what passes when all is well (`gateway.rs`).

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::sync::{Arc, Barrier, Mutex};
use std::time::Duration;

use crate::common::wire::{AUTH, ByHand, Wire, watched};
use crate::common::{Files, Program, Setup, closed_port, eventually, http};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const GET: &str = "GET /whapi/x HTTP/1.1\r\nHost: a\r\n\r\n";

const FAILED: &str =
    "whatsapp_gateway_requests_total{provider=\"whapi\",channel=\"other\",code=\"failed\"}";
const ANSWERED: &str =
    "whatsapp_gateway_requests_total{provider=\"whapi\",channel=\"other\",code=\"2xx\"}";

/// A program that watches a channel elsewhere, so that the upstream gets nothing but what the
/// gateway passes on.
fn before(upstream: &ByHand) -> (Files, Program) {
    elsewhere(Setup::new().gateway(upstream))
}

fn elsewhere(setup: Setup) -> (Files, Program) {
    let files = Files::new();
    files.write("token", "elsewhere");
    let closed = closed_port();
    let yaml = format!(
        "channels:\n  - name: elsewhere\n    token_file: token\n    api_url: http://{closed}\n"
    );
    let program = setup.file(&files, &yaml).start();
    (files, program)
}

#[test]
fn an_upstream_that_cannot_be_reached_is_told_of_by_the_gateway_in_words() {
    let no_tls = ByHand::start(|wire| {
        let _ = wire.send("HTTP/1.1 400 Bad Request\r\n\r\n");
        wire.rest();
    });
    let not_http = ByHand::start(|wire| {
        let _ = wire.message();
        let _ = wire.send("SSH-2.0-OpenSSH_9.6\r\n\r\n");
    });
    let closing = ByHand::start(|wire| drop(wire.message()));
    let resetting = ByHand::owning(|mut wire| {
        let _ = wire.message();
        wire.reset();
    });
    let half_a_head = ByHand::start(|wire| {
        let _ = wire.message();
        let _ = wire.send("HTTP/1.1 200 OK\r\nContent-Le");
    });
    let two_lengths =
        ByHand::answering("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok");
    let switching = ByHand::answering("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n");
    let long = format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "x".repeat(100_000));
    let long_head = ByHand::answering(long);
    for (url, said) in [
        (format!("http://{}", closed_port()), "no connection: connection refused"),
        ("http://nowhere.invalid".to_owned(), "no address was found for the host name"),
        (no_tls.url().replace("http", "https"), "the TLS handshake failed"),
        (not_http.url(), "the answer is not HTTP"),
        (closing.url(), "closed before the answer was whole"),
        (resetting.url(), "connection reset"),
        (half_a_head.url(), "closed before the answer was whole"),
        (two_lengths.url(), "the answer is not HTTP"),
        (switching.url(), "switched protocols unexpectedly"),
        (long_head.url(), "the answer's headers are too large"),
    ] {
        let setup = Setup::new().set("GATEWAY_ADDRESS", "127.0.0.1:0").set("WHAPI_API_URL", &url);
        let (_files, program) = elsewhere(setup);
        let path = "/whapi/Sesame?token=Sesame";
        let reply =
            http::get(program.gateway(), path, &[("Authorization", "Bearer Sesame")]).unwrap();
        assert_eq!(reply.status, 502, "{url}: {reply:?}");
        let text = reply.text();
        assert!(text.starts_with("whatsapp-exporter's gateway: "), "{url}: {text}");
        assert!(text.contains(said), "{url}: {text}");
        assert!(!reply.whole().contains("Sesame") && !reply.whole().contains("invalid"), "{text}");
        program.until_is(FAILED, 1.0);
        assert_eq!(program.metrics().sum("whatsapp_gateway_requests_total"), 1.0);
    }
    assert_eq!(resetting.connections().len(), 1, "a request on a fresh connection is not repeated");
}

#[test]
fn an_answer_that_breaks_off_never_looks_whole() {
    let head = "HTTP/1.1 200 OK\r\n";
    let beginnings = [
        format!("{head}Content-Length: 10\r\n\r\nhello"),
        format!("{head}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"),
        format!("{head}Transfer-Encoding: chunked\r\n\r\n5\r\nhel"),
        format!("{head}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nzz\r\n"),
        format!("{head}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n"),
    ];
    for beginning in beginnings {
        for rude in [false, true] {
            let answer = beginning.clone();
            let (told, tell) = mpsc::channel::<()>();
            let tell = Mutex::new(tell);
            let upstream = ByHand::owning(move |mut wire| {
                let _ = wire.message();
                let _ = wire.send(&answer);
                // Only once the application has the beginning.
                let _ = tell.lock().unwrap().recv();
                if rude {
                    wire.reset();
                }
            });
            let (_files, program) = before(&upstream);
            let mut wire = Wire::to(program.gateway());
            wire.send(GET).unwrap();
            assert!(wire.head().unwrap()[0].starts_with("HTTP/1.1 200"), "{beginning}");
            let mut got = wire.until(b"hel").unwrap();
            told.send(()).unwrap();
            got.extend(wire.rest());
            let got = String::from_utf8(got).unwrap();
            assert!(!got.ends_with("0\r\n\r\n") && got.len() < 15, "{beginning}: {got:?}");
            program.until_is(ANSWERED, 1.0);
        }
    }
}

/// A signal between the two ends of a test, so that nothing depends on time.
struct Signal(mpsc::Sender<()>, Mutex<mpsc::Receiver<()>>);

impl Signal {
    fn new() -> Arc<Self> {
        let (send, receive) = mpsc::channel();
        Arc::new(Self(send, Mutex::new(receive)))
    }

    fn give(&self) {
        self.0.send(()).unwrap();
    }

    fn wait(&self, what: &str) {
        let got = self.1.lock().unwrap().recv_timeout(crate::common::DEADLINE);
        assert!(got.is_ok(), "not in time: {what}");
    }
}

#[test]
fn bytes_pass_as_they_come_both_ways() {
    let (sent, got) = (Signal::new(), Signal::new());
    let upstream = {
        let (sent, got) = (Arc::clone(&sent), Arc::clone(&got));
        ByHand::start(move |wire| {
            assert_eq!(wire.head().unwrap()[0], "POST /x HTTP/1.1");
            for word in ["abc", "def", "ghi"] {
                wire.until(word.as_bytes()).unwrap();
                sent.give();
            }
            wire.until(b"0\r\n\r\n").unwrap();
            wire.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").unwrap();
            for word in ["one", "two", "six"] {
                wire.send(format!("3\r\n{word}\r\n")).unwrap();
                got.wait("the application has the word");
            }
            wire.send("0\r\n\r\n").unwrap();
        })
    };
    let (_files, program) = before(&upstream);
    let mut wire = Wire::to(program.gateway());
    wire.send("POST /whapi/x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n").unwrap();
    for word in ["abc", "def", "ghi"] {
        wire.send(format!("3\r\n{word}\r\n")).unwrap();
        sent.wait("the upstream has the word");
    }
    wire.send("0\r\n\r\n").unwrap();
    wire.head().unwrap();
    for word in ["one", "two", "six"] {
        wire.until(word.as_bytes()).unwrap();
        got.give();
    }
    wire.until(b"0\r\n\r\n").unwrap();
}

#[test]
fn an_application_that_goes_away_takes_its_request_along() {
    let gone = Signal::new();
    let begun = Signal::new();
    let upstream = {
        let (gone, begun) = (Arc::clone(&gone), Arc::clone(&begun));
        ByHand::start(move |wire| {
            let head = wire.head().unwrap();
            if head[0].contains("/body") {
                wire.send("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nhello").unwrap();
            }
            begun.give();
            // The end of the connection, while nothing more is sent.
            wire.rest();
            gone.give();
        })
    };
    let (_files, program) = before(&upstream);
    for (path, request) in [
        ("/whapi/head", "GET /whapi/head HTTP/1.1\r\nHost: a\r\n\r\n"),
        ("/whapi/body", "GET /whapi/body HTTP/1.1\r\nHost: a\r\n\r\n"),
        (
            "/whapi/upload",
            "POST /whapi/upload HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nhello",
        ),
        (
            "/whapi/chunks",
            "POST /whapi/chunks HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n\
                hello\r\n",
        ),
    ] {
        for rude in [false, true] {
            let mut wire = Wire::to(program.gateway());
            wire.send(request).unwrap();
            begun.wait(path);
            if path == "/whapi/body" {
                wire.until(b"hello").unwrap();
            }
            if rude {
                wire.reset();
            } else {
                drop(wire);
            }
            gone.wait(path);
        }
    }
    // Where there was no answer yet, there is none; the other had begun.
    program.until_is(FAILED, 6.0);
    program.until_is(ANSWERED, 2.0);
    assert_eq!(program.metrics().sum("whatsapp_gateway_requests_total"), 8.0);
    for bytes in upstream.connections() {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        assert!(!text.ends_with("0\r\n\r\n"), "a broken upload looks whole: {text}");
    }
}

#[test]
fn an_answer_before_the_upload_is_done_reaches_the_application() {
    let too_large =
        "HTTP/1.1 413 Payload Too Large\r\nContent-Length: 3\r\nConnection: close\r\n\r\nno\n";
    for chunked in [false, true] {
        for reads_on in [false, true] {
            let upstream = ByHand::start(move |wire| {
                wire.head().unwrap();
                wire.send(too_large).unwrap();
                if reads_on {
                    wire.rest();
                }
            });
            let (_files, program) = before(&upstream);
            let mut wire = Wire::to(program.gateway());
            let framing =
                if chunked { "Transfer-Encoding: chunked" } else { "Content-Length: 1000000000" };
            wire.send(format!("POST /whapi/x HTTP/1.1\r\nHost: a\r\n{framing}\r\n\r\n")).unwrap();
            wire.send(if chunked { "5\r\nhello\r\n" } else { "hello" }).unwrap();
            let reply = wire.message().expect("an answer");
            assert_eq!(
                (reply.line(), &*reply.body),
                ("HTTP/1.1 413 Payload Too Large", &b"no\n"[..])
            );
            let counted = "whatsapp_gateway_requests_total{provider=\"whapi\",channel=\"other\",\
                code=\"4xx\"}";
            program.until_is(counted, 1.0);
        }
    }
}

#[test]
fn an_application_may_send_everything_before_it_reads_a_long_answer_that_came_early() {
    // More than all buffers of the system between the two hold.
    let size = 64 << 20;
    let block = vec![b'x'; 64 * 1024];
    let upstream = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", upstream.local_addr().unwrap());
    let answer = block.clone();
    std::thread::spawn(move || {
        let (mut stream, _) = upstream.accept().unwrap();
        let mut reader = stream.try_clone().unwrap();
        // It answers a request, of which this is the beginning.
        reader.read_exact(&mut [0; 64]).unwrap();
        std::thread::spawn(move || std::io::copy(&mut reader, &mut std::io::sink()));
        write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {size}\r\n\r\n").unwrap();
        for _ in 0..size / answer.len() {
            stream.write_all(&answer).unwrap();
        }
    });
    let setup = Setup::new().set("GATEWAY_ADDRESS", "127.0.0.1:0").set("WHAPI_API_URL", &url);
    let (_files, program) = elsewhere(setup);
    let mut wire = Wire::to(program.gateway());
    wire.send(format!("POST /whapi/x HTTP/1.1\r\nHost: a\r\nContent-Length: {size}\r\n\r\n"))
        .unwrap();
    for _ in 0..size / block.len() {
        wire.send(&block).expect("the gateway takes what is sent while the answer waits");
    }
    assert!(wire.head().unwrap()[0].starts_with("HTTP/1.1 200"));
    assert_eq!(wire.take(size).expect("the whole answer").len(), size);
}

#[test]
fn an_upload_that_is_answered_early_may_go_on_for_as_long_as_the_upstream_reads() {
    // Longer than the head of a request may take.
    const SECONDS: usize = 14;
    let whole = Arc::new(AtomicUsize::new(0));
    let upstream = {
        let whole = Arc::clone(&whole);
        ByHand::start(move |wire| {
            while let Some(head) = wire.head() {
                wire.send(OK).unwrap();
                let chunked = head.iter().any(|line| line.ends_with("chunked"));
                let end = if chunked { "0\r\n\r\n" } else { "end" };
                if head[0].starts_with("POST") && wire.until(end.as_bytes()).is_some() {
                    whole.fetch_add(1, Ordering::SeqCst);
                }
            }
        })
    };
    let (_files, program) = before(&upstream);
    let uploads = [true, false].map(|chunked| {
        let mut wire = Wire::to(program.gateway());
        std::thread::spawn(move || {
            let (framing, piece, end) = match chunked {
                true => ("Transfer-Encoding: chunked".to_owned(), "1\r\nx\r\n", "0\r\n\r\n"),
                false => (format!("Content-Length: {}", SECONDS + 3), "x", "end"),
            };
            let head = format!("POST /whapi/x HTTP/1.1\r\nHost: a\r\n{framing}\r\n\r\n");
            wire.send(head).unwrap();
            assert_eq!(wire.message().expect("an early answer").body, b"ok");
            for _ in 0..SECONDS {
                std::thread::sleep(Duration::from_secs(1));
                wire.send(piece).expect("the gateway takes what is sent");
            }
            wire.send(end).unwrap();
            wire.send(GET).unwrap();
            assert_eq!(wire.message().expect("the next answer").body, b"ok");
        })
    });
    for upload in uploads {
        upload.join().unwrap();
    }
    eventually("both uploads", || (whole.load(Ordering::SeqCst) == 2).then_some(()));
}

#[test]
fn a_client_that_cannot_stop_sending_still_gets_an_early_answer() {
    let upstream = ByHand::start(|wire| {
        wire.head().unwrap();
        wire.send("HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno")
            .unwrap();
    });
    let (_files, program) = before(&upstream);
    let mut wire = Wire::to(program.gateway());
    let size = 16 << 20;
    wire.send(format!("POST /whapi/x HTTP/1.1\r\nHost: a\r\nContent-Length: {size}\r\n\r\n"))
        .unwrap();
    let block = vec![b'x'; 64 * 1024];
    for _ in 0..size / block.len() {
        wire.send(&block).expect("the gateway takes what is sent, though nobody wants it");
    }
    let reply = wire.message().expect("an answer");
    assert_eq!((reply.line(), &*reply.body), ("HTTP/1.1 401 Unauthorized", &b"no"[..]));
}

#[test]
fn a_kept_connection_that_the_upstream_closes_costs_no_request_that_may_be_repeated() {
    let asked = Arc::new(AtomicUsize::new(0));
    let upstream = {
        let asked = Arc::clone(&asked);
        // Answers once on each connection; the second request there is read and gets no answer.
        ByHand::start(move |wire| {
            while wire.message().is_some() {
                asked.fetch_add(1, Ordering::SeqCst);
                if wire.answered() || wire.send(OK).is_err() {
                    return;
                }
            }
        })
    };
    let (_files, program) = before(&upstream);
    let mut wire = Wire::to(program.gateway());
    for _ in 0..3 {
        wire.send(GET).unwrap();
        assert_eq!(wire.message().unwrap().line(), "HTTP/1.1 200 OK");
    }
    assert_eq!((asked.load(Ordering::SeqCst), upstream.connections().len()), (5, 3));
    // What may not be repeated is not: the upstream may have done it.
    wire.send("POST /whapi/x HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n").unwrap();
    assert_eq!(wire.message().unwrap().line(), "HTTP/1.1 502 Bad Gateway");
    assert_eq!(asked.load(Ordering::SeqCst), 6);
    let page = program.metrics();
    assert_eq!((page.get(ANSWERED), page.get(FAILED)), (Some(3.0), Some(1.0)));
}

#[test]
fn a_reader_that_takes_nothing_holds_the_upstream_back() {
    let sent = Arc::new(AtomicUsize::new(0));
    let block = 64 * 1024;
    let whole = 256 << 20;
    let upstream = {
        let sent = Arc::clone(&sent);
        ByHand::start(move |wire| {
            wire.message().unwrap();
            wire.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {whole}\r\n\r\n")).unwrap();
            let block = vec![b'x'; block];
            while sent.load(Ordering::SeqCst) < whole && wire.send(&block).is_ok() {
                sent.fetch_add(block.len(), Ordering::SeqCst);
            }
        })
    };
    let (_files, program) = before(&upstream);
    let resident = || {
        let status = std::fs::read_to_string(format!("/proc/{}/status", program.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() * 1024
    };
    let resident_before = resident();
    let mut wire = Wire::to(program.gateway());
    wire.send(GET).unwrap();
    wire.head().unwrap();
    // It goes on until all buffers of the system between the two are full, and then no further.
    let mut before = usize::MAX;
    eventually("the upstream is held back", || {
        let now = sent.load(Ordering::SeqCst);
        let stands = now == before;
        before = now;
        std::thread::sleep(Duration::from_millis(500));
        stands.then_some(())
    });
    let grown = resident().saturating_sub(resident_before);
    // The system's buffers hold up to 10 MB for each of the two connections.
    assert!(before < 32 << 20, "{before} bytes are under way");
    assert!(grown < 2 << 20, "the program has grown by {grown} bytes");
}

#[test]
fn a_401_is_looked_into_however_it_comes_and_told_apart() {
    let session =
        "{\"error\":{\"code\":401,\"message\":\"Need channel authorization for send message\"}}";
    let gzip = |text: &str| {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(text.as_bytes()).unwrap();
        gzip.finish().unwrap()
    };
    let zlib = |text: &str| {
        let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
        zlib.write_all(text.as_bytes()).unwrap();
        zlib.finish().unwrap()
    };
    let raw = |text: &str| {
        let mut raw = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::fast());
        raw.write_all(text.as_bytes()).unwrap();
        raw.finish().unwrap()
    };
    let bomb = format!("{session}{}", " ".repeat(50 << 20));
    let by_length = |headers: &str, body: &[u8]| {
        let mut answer =
            format!("HTTP/1.1 401 Unauthorized\r\n{headers}Content-Length: {}\r\n\r\n", body.len())
                .into_bytes();
        answer.extend(body);
        answer
    };
    let mut bytewise = b"HTTP/1.1 401 Unauthorized\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
    session.bytes().for_each(|byte| bytewise.extend([b'1', b'\r', b'\n', byte, b'\r', b'\n']));
    bytewise.extend(b"0\r\n\r\n");
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        ("plain", by_length("", session.as_bytes()), "session"),
        ("byte by byte", bytewise, "session"),
        ("gzip", by_length("Content-Encoding: gzip\r\n", &gzip(session)), "session"),
        ("zlib", by_length("Content-Encoding: deflate\r\n", &zlib(session)), "session"),
        ("deflate", by_length("Content-Encoding: deflate\r\n", &raw(session)), "session"),
        ("a bomb", by_length("Content-Encoding: gzip\r\n", &gzip(&bomb)), "session"),
        ("large", by_length("", format!("{session}{}", " ".repeat(300_000)).as_bytes()), "session"),
        ("another", by_length("", b"{\"error\":{\"message\":\"bad token\"}}"), "credential"),
        ("empty", by_length("", b""), "credential"),
        ("brotli", by_length("Content-Encoding: br\r\n", b"\x0b\x02\x80ok\x03"), "credential"),
        ("not gzip", by_length("Content-Encoding: gzip\r\n", session.as_bytes()), "credential"),
    ];
    let answers: Vec<Vec<u8>> = cases.iter().map(|(_, answer, _)| answer.clone()).collect();
    let upstream = watched(move |request| {
        let at: usize = request.line().split(['/', ' ']).nth(2).unwrap().parse().unwrap();
        answers[at].clone()
    });
    let program = Setup::new().gateway(&upstream).set("WHAPI_TOKEN", "t").start();
    let errors = |reason: &str| {
        let series = format!(
            "whatsapp_channel_unauthorized_errors_total{{source=\"gateway\",reason=\"{reason}\"}}"
        );
        program.metrics().get(&series).unwrap()
    };
    let mut expected = [0.0, 0.0];
    for (at, (name, answer, reason)) in cases.iter().enumerate() {
        let path = format!("/whapi/{at}");
        let reply = http::get(program.gateway(), &path, &[("Authorization", "Bearer t")]).unwrap();
        assert_eq!(reply.status, 401, "{name}");
        if *name != "byte by byte" {
            assert!(answer.ends_with(&reply.body), "{name}: the answer was changed");
        }
        // Known before the application has the last byte of it.
        expected[usize::from(*reason == "credential")] += 1.0;
        assert_eq!([errors("session"), errors("credential")], expected, "{name}");
    }
    let page = program.metrics();
    assert_eq!(
        page.get("whatsapp_channel_status{channel=\"default\",status=\"AUTH\"}"),
        Some(1.0),
        "polls decide"
    );
}

#[test]
fn a_session_401_has_the_channel_polled_at_once() {
    let well = Arc::new(Mutex::new(true));
    let upstream = {
        let well = Arc::clone(&well);
        ByHand::start(move |wire| {
            while let Some(request) = wire.message() {
                let well = *well.lock().unwrap();
                let answer = match (request.line().starts_with("GET /health?"), well) {
                    (true, true) => AUTH,
                    (true, false) => {
                        "HTTP/1.1 200 OK\r\nContent-Length: 24\r\n\r\n\
                            {\"status\":{\"text\":\"QR\"}}"
                    }
                    (false, true) => OK,
                    (false, false) => {
                        "HTTP/1.1 401 Unauthorized\r\nContent-Length: 26\r\n\r\nneed channel \
                            authorization"
                    }
                };
                if wire.send(answer).is_err() {
                    return;
                }
            }
        })
    };
    let program = Setup::new()
        .gateway(&upstream)
        .pace("1h")
        .set("POLL_TIMEOUT", "10s")
        .set("WHAPI_TOKEN", "t")
        .start();
    program.until_is("whatsapp_channel_authorized", 1.0);
    let ask = || {
        http::get(program.gateway(), "/whapi/x", &[("Authorization", "Bearer t")]).unwrap().status
    };
    assert_eq!(ask(), 200);
    assert_eq!(program.metrics().get("whatsapp_channel_polls_total"), Some(1.0));
    *well.lock().unwrap() = false;
    // Many requests fail in the same second, and one poll follows.
    for _ in 0..20 {
        assert_eq!(ask(), 401);
    }
    program.until_is("whatsapp_channel_status{status=\"QR\"}", 1.0);
    assert_eq!(program.metrics().get("whatsapp_channel_authorized"), Some(0.0));
    let errors =
        "whatsapp_channel_unauthorized_errors_total{source=\"gateway\",reason=\"session\"}";
    program.until_is(errors, 20.0);
    assert!(program.metrics().get("whatsapp_channel_polls_total") <= Some(3.0));
}

#[test]
fn metas_errors_are_counted_by_their_class() {
    let error = |http: u16, code: i64, subcode: i64| {
        let body = format!(
            "{{\"error\":{{\"message\":\"m\",\"code\":{code},\"error_subcode\":{subcode}}}}}"
        );
        format!("HTTP/1.1 {http} X\r\nContent-Length: {}\r\n\r\n{body}", body.len())
    };
    let cases = [
        (error(400, 190, 463), Some("token_expired")),
        (error(401, 190, 460), Some("token_invalid")),
        (error(400, 0, 0), Some("auth_exception")),
        (error(403, 10, 0), Some("permission_denied")),
        (error(403, 200, 0), Some("permission_missing")),
        (error(400, 3, 0), Some("capability")),
        (error(429, 130_429, 0), Some("rate_limited")),
        (error(400, 4, 0), Some("rate_limited")),
        (error(400, 100, 33), Some("config")),
        (error(400, 368, 0), Some("integrity")),
        (error(500, 2, 0), Some("transient")),
        (error(400, 12_345, 0), Some("other")),
        ("HTTP/1.1 502 Bad Gateway\r\nContent-Length: 6\r\n\r\n<html>".to_owned(), None),
        ("HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n".to_owned(), None),
        // Only error answers are looked into.
        (error(200, 190, 0), None),
    ];
    let answers: Vec<String> = cases.iter().map(|(answer, _)| answer.clone()).collect();
    let upstream = ByHand::start(move |wire| {
        while let Some(request) = wire.message() {
            let answer = match request.line().split(['/', ' ']).nth(2).unwrap().parse::<usize>() {
                Ok(at) => answers[at].clone(),
                // A poll.
                Err(_) => {
                    "HTTP/1.1 200 OK\r\nContent-Length: 26\r\n\r\n{\"data\":{\"is_valid\":true}} "
                        .to_owned()
                }
            };
            if wire.send(answer).is_err() {
                return;
            }
        }
    });
    let program = Setup::new().gateway(&upstream).set("META_TOKEN", "EAAx").start();
    for (at, (_, class)) in cases.iter().enumerate() {
        let series = class.map(|class| {
            format!("whatsapp_token_errors_total{{source=\"gateway\",reason=\"{class}\"}}")
        });
        let count = || series.as_ref().and_then(|series| program.metrics().get(series));
        let (before, all) =
            (count(), program.metrics().sum("whatsapp_token_errors_total{source=\"gateway\"}"));
        http::get(program.gateway(), &format!("/meta/{at}"), &[("Authorization", "Bearer EAAx")])
            .unwrap();
        assert_eq!(count(), before.map(|before| before + 1.0), "{class:?}");
        let one = f64::from(u8::from(class.is_some()));
        assert_eq!(
            program.metrics().sum("whatsapp_token_errors_total{source=\"gateway\"}"),
            all + one
        );
    }
    let page = program.metrics();
    assert_eq!(page.get("whatsapp_token_unauthorized_errors_total{source=\"gateway\"}"), Some(2.0));
    assert_eq!(page.get("whatsapp_token_valid"), Some(1.0), "polls decide");
}

#[test]
fn a_signal_lets_requests_under_way_end() {
    let (asked, ended) = (Signal::new(), Signal::new());
    let upstream = {
        let (asked, ended) = (Arc::clone(&asked), Arc::clone(&ended));
        ByHand::start(move |wire| {
            wire.message().unwrap();
            asked.give();
            ended.wait("the signal");
            wire.send(OK).unwrap();
        })
    };
    let (_files, mut program) = before(&upstream);
    let idle = Wire::to(program.gateway());
    let mut wire = Wire::to(program.gateway());
    wire.send(GET).unwrap();
    asked.wait("the request");
    program.signal("TERM");
    eventually("no more connections", || {
        std::net::TcpStream::connect(program.gateway()).is_err().then_some(())
    });
    ended.give();
    let reply = wire.message().unwrap();
    assert_eq!((&*reply.body, reply.header("connection")), (&b"ok"[..], vec!["close"]));
    assert_eq!(program.wait(crate::common::DEADLINE).code(), Some(0));
    drop(idle);
}

#[test]
fn many_idle_connections_make_room_and_those_at_work_stay() {
    crate::common::raise_descriptor_limit();
    let (asked, go) = (Signal::new(), Signal::new());
    let upstream = {
        let (asked, go) = (Arc::clone(&asked), Arc::clone(&go));
        ByHand::start(move |wire| {
            while let Some(request) = wire.message() {
                if request.line().contains("/slow") {
                    asked.give();
                    go.wait("the others");
                }
                wire.send(OK).unwrap();
            }
        })
    };
    let setup = Setup::new().gateway(&upstream).set("GATEWAY_MAX_CONNECTIONS", "100");
    let (_files, program) = elsewhere(setup);
    let mut busy = Wire::to(program.gateway());
    busy.send("GET /whapi/slow HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    asked.wait("the slow request");
    let mut idle: Vec<Wire> = (0..99).map(|_| Wire::to(program.gateway())).collect();
    // They have their first chance.
    std::thread::sleep(Duration::from_millis(2500));
    let mut more: Vec<Wire> = (0..50).map(|_| Wire::to(program.gateway())).collect();
    for closed in &mut idle[..50] {
        assert!(closed.rest().is_empty(), "the longest idle ones are closed");
    }
    idle[50].send(GET).unwrap();
    assert_eq!(idle[50].message().unwrap().body, b"ok", "no more are closed than have to be");
    let mut last = more.pop().unwrap();
    last.send(GET).unwrap();
    assert_eq!(last.message().unwrap().body, b"ok");
    go.give();
    assert_eq!(busy.message().unwrap().body, b"ok");
}

#[test]
fn idle_connections_to_many_upstreams_leave_descriptors_for_others() {
    const AT_ONCE: usize = 40;
    let files = Files::new();
    let mut yaml = "channels:\n".to_owned();
    let upstreams: Vec<ByHand> = (0..8)
        .map(|number| {
            let all = Barrier::new(AT_ONCE);
            let upstream = ByHand::start(move |wire| {
                while let Some(request) = wire.message() {
                    let poll = request.line().starts_with("GET /health?");
                    if !poll {
                        all.wait();
                    }
                    let _ = wire.send(if poll { AUTH } else { OK });
                }
            });
            files.write(&format!("token{number}"), format!("token-of-number-{number}"));
            let url = upstream.url();
            yaml += &format!(
                "- name: channel{number}\n  token_file: token{number}\n  api_url: {url}\n"
            );
            upstream
        })
        .collect();
    let setup = Setup::new().set("GATEWAY_ADDRESS", "127.0.0.1:0").descriptors(300, 300);
    let program = setup.set("WHAPI_POLL_INTERVAL", "1h").file(&files, &yaml).start();
    let mut application: Vec<Wire> = (0..AT_ONCE).map(|_| Wire::to(program.gateway())).collect();
    for (number, upstream) in upstreams.iter().enumerate() {
        for wire in &mut application {
            wire.send(format!(
                "GET /whapi/x HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer \
                 token-of-number-{number}\r\n\r\n"
            ))
            .unwrap();
        }
        for wire in &mut application {
            assert_eq!(wire.message().expect("an answer").body, b"ok", "upstream {number}");
        }
        assert!(upstream.connections().len() >= AT_ONCE);
        let open = program.metrics().get("process_open_fds").expect("a value");
        assert!(open < 200.0, "{open} are open after upstream {number}");
    }
}
