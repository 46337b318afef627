//! Many, slow and rude connections at both listeners: bounded, counted, and harmless to everybody
//! else.
//!
//! Not here: what a request is answered (`server.rs`, `gateway.rs`).
#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "tests may block")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

mod common;

use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use common::wire::{ByHand, Wire};
use common::{Files, Program, Setup, closed_port, eventually, http};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const GET: &str = "GET /whapi/x HTTP/1.1\r\nHost: a\r\n\r\n";

/// A scrape's timeout in Prometheus, unless it is told otherwise.
const PATIENCE: Duration = Duration::from_secs(10);

/// A program that watches so many channels, of which none can be reached, and hardly ever asks.
fn fleet(files: &Files, count: usize) -> Setup {
    let mut yaml = "channels:\n".to_owned();
    let mut dice = 1_u64;
    for at in 0..count {
        // Names that cannot be compressed.
        dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let name = format!("c{at}-{:x}{dice:x}", dice.rotate_left(29));
        let _ = write!(yaml, "  - name: {name}\n    token_file: token\n");
    }
    files.write("token", "token");
    Setup::new()
        .file(files, &yaml)
        .pace("30days")
        .set("WHAPI_API_URL", format!("http://{}", closed_port()))
}

/// A program with a gateway to this address, that watches a channel elsewhere.
fn gateway(upstream: SocketAddr) -> Setup {
    Setup::new()
        .pace("30days")
        .set("WHAPI_TOKEN", "t")
        .set("WHAPI_API_URL", format!("http://{upstream}"))
        .set("META_API_URL", format!("http://{upstream}"))
        .set("GATEWAY_ADDRESS", "127.0.0.1:0")
}

/// Held by tests with thousands of connections, which run one after the other: all at once they
/// would need more descriptors than some systems allow a process.
fn crowd() -> MutexGuard<'static, ()> {
    static CROWD: Mutex<()> = Mutex::new(());
    CROWD.lock().unwrap_or_else(PoisonError::into_inner)
}

fn runtime() -> tokio::runtime::Runtime {
    common::raise_descriptor_limit();
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
}

/// Takes requests without a body, and answers each; or none, when it hangs.
fn upstream(runtime: &tokio::runtime::Runtime, hangs: bool) -> SocketAddr {
    let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
    let address = listener.local_addr().unwrap();
    runtime.spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut seen, mut some) = (Vec::new(), [0; 2048]);
                while let Ok(size @ 1..) = stream.read(&mut some).await {
                    seen.extend_from_slice(&some[..size]);
                    while let Some(end) = seen.windows(4).position(|four| four == b"\r\n\r\n") {
                        seen.drain(..end + 4);
                        if !hangs && stream.write_all(OK.as_bytes()).await.is_err() {
                            return;
                        }
                    }
                }
            });
        }
    });
    address
}

/// A number of `/proc/…/status`.
fn status(program: &Program, name: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", program.id())).unwrap();
    let line = status.lines().find(|line| line.starts_with(name)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

fn resident_mib(program: &Program) -> u64 {
    status(program, "VmRSS:") / 1024
}

fn descriptors(program: &Program) -> usize {
    std::fs::read_dir(format!("/proc/{}/fd", program.id())).unwrap().count()
}

/// A whole page of metrics, read on a connection of its own, with little patience.
fn scrape(address: SocketAddr) -> std::io::Result<http::Reply> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes)?;
    http::read(&bytes, false).ok_or_else(|| {
        let begun = String::from_utf8_lossy(&bytes[..bytes.len().min(100)]).into_owned();
        std::io::Error::other(format!("{} bytes: {begun}", bytes.len()))
    })
}

/// A reader that asks and takes nothing, with so little room that the answer stays with the
/// program.
fn stalled(address: SocketAddr, path: &str, coding: &str, times: usize) -> TcpStream {
    use socket2::{Domain, Protocol, Socket, Type};
    let socket = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP)).unwrap();
    socket.set_recv_buffer_size(2048).unwrap();
    socket.connect(&address.into()).unwrap();
    let mut stream: TcpStream = socket.into();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let head = format!("GET {path} HTTP/1.1\r\nHost: x\r\nAccept-Encoding: {coding}\r\n\r\n");
    // Asked for so often that no buffer of the system holds all answers.
    stream.write_all(head.repeat(times).as_bytes()).unwrap();
    stream
}

fn refused(program: &Program, listener: &str, reason: &str) -> Option<f64> {
    program.metrics().get(&format!(
        "whatsapp_exporter_connections_refused_total{{listener=\"{listener}\",reason=\"{reason}\"}}"
    ))
}

#[test]
fn two_thousand_kept_connections_through_the_gateway_lose_no_request() {
    let _crowd = crowd();
    let runtime = runtime();
    let upstream = upstream(&runtime, false);
    let program = gateway(upstream).start();
    let address = program.gateway();
    let answered = runtime.block_on(async {
        let everybody = Arc::new(tokio::sync::Barrier::new(2000));
        let workers: Vec<_> = (0..2000)
            .map(|_| {
                let everybody = Arc::clone(&everybody);
                tokio::spawn(async move {
                    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
                    let mut answered = 0;
                    for _ in 0..3 {
                        everybody.wait().await;
                        let mut answer = vec![0; 512];
                        let _ = stream.write_all(GET.as_bytes()).await;
                        let Ok(size) = stream.read(&mut answer).await else { continue };
                        answered += u32::from(answer[..size].starts_with(b"HTTP/1.1 200"));
                    }
                    answered
                })
            })
            .collect();
        let mut answered = 0;
        for worker in workers {
            answered += worker.await.unwrap();
        }
        answered
    });
    assert_eq!(answered, 6000);
    let page = program.metrics();
    assert_eq!(page.sum("whatsapp_gateway_requests_total{code=\"2xx\"}"), 6000.0);
    assert_eq!(page.sum("whatsapp_gateway_requests_total"), 6000.0);
}

#[test]
fn beyond_its_limit_the_gateway_answers_503_and_counts_it_and_those_at_work_stay() {
    let (go, asked) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let slow = {
        let (go, asked) = (Arc::clone(&go), Arc::clone(&asked));
        ByHand::start(move |wire| {
            while wire.message().is_some() {
                asked.store(true, Ordering::SeqCst);
                eventually("the end", || go.load(Ordering::SeqCst).then_some(()));
                wire.send(OK).unwrap();
            }
        })
    };
    let program = gateway(slow.address).set("GATEWAY_MAX_CONNECTIONS", "20").start();
    let mut busy: Vec<Wire> = (0..20)
        .map(|_| {
            let mut wire = Wire::to(program.gateway());
            wire.send(GET).unwrap();
            wire
        })
        .collect();
    slow.until_connections(21);
    for _ in 0..30 {
        let reply = http::get(program.gateway(), "/whapi/x", &[]).unwrap();
        assert_eq!(reply.status, 503);
        assert_eq!(reply.header("connection").as_deref(), Some("close"));
        assert!(reply.text().contains("GATEWAY_MAX_CONNECTIONS"), "{}", reply.text());
    }
    assert_eq!(refused(&program, "gateway", "full"), Some(30.0));
    assert_eq!(refused(&program, "metrics", "full"), Some(0.0));
    go.store(true, Ordering::SeqCst);
    for wire in &mut busy {
        assert_eq!(wire.message().unwrap().line(), "HTTP/1.1 200 OK");
    }
    // Those that have answered make room once they have been idle for a while.
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!(http::get(program.gateway(), "/whapi/x", &[]).unwrap().status, 200);
    // And only as many as are needed.
    let mut closed = 0;
    for wire in &mut busy {
        if wire.send(GET).is_err() || wire.message().is_none() {
            closed += 1;
        }
    }
    assert_eq!(closed, 1);
    let log = program.log();
    let lines = log.lines().filter(|line| line.contains("refused")).count();
    assert_eq!(lines, 1, "{log}");
}

#[test]
fn ten_thousand_half_requests_take_little_memory_and_few_places() {
    let _crowd = crowd();
    let runtime = runtime();
    let upstream = upstream(&runtime, false);
    let program = gateway(upstream).start();
    let (address, before) = (program.gateway(), resident_mib(&program));
    let half: Vec<_> = (0..10_000)
        .map(|_| {
            let mut stream = http::connect(address).unwrap();
            let _ = stream.write_all(b"GET /whapi/x HTTP/1.1\r\nHost: a\r\nX: x");
            stream
        })
        .collect();
    assert_eq!(program.get("/healthz").status, 200);
    let grown = resident_mib(&program) - before;
    assert!(grown < 20, "{grown} MiB for half requests");
    let open = descriptors(&program);
    assert!(open < 4096 + 300, "{open} descriptors");
    // The half heads make room for a whole one.
    eventually("a request of the application", || {
        let reply = http::get(address, "/whapi/x", &[]).ok()?;
        (reply.status == 200).then_some(())
    });
    drop(half);
}

#[test]
fn large_half_heads_take_little_memory_too() {
    let _crowd = crowd();
    let runtime = runtime();
    let upstream = upstream(&runtime, false);
    let program = gateway(upstream).start();
    let (address, before) = (program.gateway(), resident_mib(&program));
    let head = format!("GET /whapi/x HTTP/1.1\r\nHost: a\r\nX: {}", "x".repeat(30_000));
    let half: Vec<_> = (0..2000)
        .map(|_| {
            let mut stream = http::connect(address).unwrap();
            let _ = stream.write_all(head.as_bytes());
            stream
        })
        .collect();
    assert_eq!(program.get("/healthz").status, 200);
    let grown = resident_mib(&program) - before;
    assert!(grown < 12, "{grown} MiB for half requests");
    // A large head that is whole gets through between them.
    let large = "x".repeat(20_000);
    let reply = http::get(address, "/whapi/x", &[("X", &large)]).unwrap();
    assert_eq!(reply.status, 200);
    drop(half);
}

#[test]
fn readers_that_take_nothing_or_little_keep_no_scrape_out() {
    let files = Files::new();
    let program = fleet(&files, 100).start();
    for trickle in [false, true] {
        let readers: Vec<TcpStream> =
            (0..100).map(|_| stalled(program.address, "/metrics", "identity", 20)).collect();
        let (done, mut readers) = (Arc::new(AtomicBool::new(false)), readers);
        let stop = Arc::clone(&done);
        let reading = std::thread::spawn(move || {
            while !stop.load(Ordering::SeqCst) {
                for reader in &mut readers {
                    if trickle {
                        let _ = reader.read(&mut [0; 1]);
                    }
                }
                std::thread::sleep(Duration::from_millis(100));
            }
        });
        for _ in 0..4 {
            let reply = scrape(program.address).expect("a scrape");
            assert!(reply.text().contains("channel=\"c99-"));
            std::thread::sleep(Duration::from_millis(300));
        }
        done.store(true, Ordering::SeqCst);
        reading.join().unwrap();
    }
}

#[test]
fn stalled_readers_of_every_page_take_little_memory_and_keep_nobody_out() {
    common::raise_descriptor_limit();
    let files = Files::new();
    for (path, times) in [("/api/status", 5), ("/metrics", 5), ("/", 20)] {
        let program = fleet(&files, 1000).start();
        let before = resident_mib(&program);
        let readers: Vec<TcpStream> =
            (0..520).map(|_| stalled(program.address, path, "gzip", times)).collect();
        let reply = scrape(program.address).unwrap_or_else(|error| panic!("{path}: {error}"));
        assert!(reply.text().contains("channel=\"c999-"));
        let (healthy, grown) = (program.get("/healthz").status, resident_mib(&program) - before);
        assert_eq!(healthy, 200);
        assert!(grown < 45, "{path}: {grown} MiB for stalled readers");
        // A person still gets a page.
        eventually("the page", || {
            let reply = http::get(program.address, path, &[]).ok()?;
            (reply.status == 200).then_some(())
        });
        drop(readers);
    }
}

#[test]
fn stalled_and_trickling_webhooks_keep_no_good_one_waiting() {
    const SECRET: (&str, &str) = ("X-Webhook-Secret", "webhookSecretOfTheseTests");
    const LARGEST: usize = 1024 * 1024;
    let files = Files::new();
    files.write("token", "token");
    let program = Setup::new()
        .file(&files, "channels:\n  - {name: a, token_file: token, channel_id: A}\n")
        .pace("30days")
        .set("WHAPI_API_URL", format!("http://{}", closed_port()))
        .set("WEBHOOK_SECRET", SECRET.1)
        .start();
    let begin = |announced: usize, size: usize| {
        let mut stream = http::connect(program.address).unwrap();
        let head = http::head("POST", "/webhook/whapi", &[SECRET], Some(announced));
        stream.write_all(head.as_bytes()).unwrap();
        // Those that hoard wait until there is room for them, and may not get it.
        let mut sending = stream.try_clone().unwrap();
        std::thread::spawn(move || sending.write_all(&vec![b' '; size]).ok());
        stream
    };
    let before = resident_mib(&program);
    let _stalled: Vec<_> = (0..60).map(|_| begin(600, 1)).collect();
    let (done, mut good) = (Arc::new(AtomicBool::new(false)), 0);
    let mut trickling: Vec<_> = (0..60).map(|_| begin(LARGEST, 1)).collect();
    let hoarding: Vec<_> = (0..60).map(|_| begin(LARGEST, LARGEST - 1000)).collect();
    trickling.extend(hoarding);
    let trickle = {
        let done = Arc::clone(&done);
        std::thread::spawn(move || {
            while !done.load(Ordering::SeqCst) {
                trickling.retain_mut(|stream| stream.write_all(b" ").is_ok());
                std::thread::sleep(Duration::from_millis(100));
            }
        })
    };
    let event = r#"{"channel_id": "A", "event": {"type": "users", "event": "post"}, "user": {}}"#;
    let large = format!("{event}{}", " ".repeat(LARGEST / 4));
    let (began, mut most) = (Instant::now(), 0);
    while began.elapsed() < Duration::from_secs(12) {
        for (body, may_fail) in [(event, false), (&*large, true)] {
            let asked = Instant::now();
            let reply = http::send(program.address, "POST", "/webhook/whapi", &[SECRET], body);
            let status = reply.map(|reply| (reply.status, reply.header("retry-after")));
            assert!(asked.elapsed() < Duration::from_secs(5), "after {:?}", asked.elapsed());
            match status {
                Ok((200, None)) => good += 1,
                Ok((503, Some(_))) if may_fail => {}
                other => panic!("{} bytes: {other:?}", body.len()),
            }
        }
        most = most.max(resident_mib(&program));
    }
    done.store(true, Ordering::SeqCst);
    trickle.join().unwrap();
    // What is told to come again is taken then.
    let reply = http::send(program.address, "POST", "/webhook/whapi", &[SECRET], &large);
    assert_eq!(reply.unwrap().status, 200);
    let page = program.metrics();
    assert_eq!(page.sum("whatsapp_channel_webhook_events_total"), f64::from(good + 1));
    assert!(most < before + 20, "{before} MiB before, {most} MiB under attack");
    assert!(good > 20, "{good}");
}

#[test]
fn wrong_passwords_whose_senders_hang_up_pile_up_no_work() {
    use base64::Engine as _;
    let files = Files::new();
    let hash = bcrypt::hash("right", 8).unwrap();
    let web = files.write("web.yaml", format!("basic_auth_users:\n  prometheus: {hash}\n"));
    // A name, so that polls need a look-up.
    let port = closed_port().port();
    let mut program = Setup::new()
        .set("WHAPI_TOKEN", "t")
        .set("WHAPI_API_URL", format!("http://localhost:{port}"))
        .set("WEB_CONFIG_FILE", web)
        .start();
    let basic = |password: &str| {
        let word = format!("prometheus:{password}");
        format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(word))
    };
    let polls = |page: &common::metrics::Metrics| page.sum("whatsapp_channel_polls_total");
    let right = basic("right");
    let metrics = || {
        let reply = http::get(program.address, "/metrics", &[("Authorization", &right)]).unwrap();
        assert_eq!(reply.status, 200);
        common::metrics::Metrics::read(&reply.text())
    };
    let before = polls(&metrics());
    for at in 0..300 {
        let mut stream = http::connect(program.address).unwrap();
        let head = http::head("GET", "/", &[("Authorization", &basic(&at.to_string()))], Some(0));
        stream.write_all(head.as_bytes()).unwrap();
        // Long enough that the request is taken, and no longer.
        std::thread::sleep(Duration::from_millis(2));
    }
    let threads = status(&program, "Threads:");
    assert!(threads < 16, "{threads} threads");
    // Who was let in before is let in at once.
    let began = Instant::now();
    eventually("polls go on", || (polls(&metrics()) > before + 1.0).then_some(()));
    assert!(began.elapsed() < Duration::from_secs(10));
    program.signal("TERM");
    assert!(program.wait(Duration::from_secs(8)).success());
}

#[test]
fn too_many_passwords_at_once_are_told_to_come_again() {
    use base64::Engine as _;
    let files = Files::new();
    let hash = bcrypt::hash("right", 8).unwrap();
    let web = files.write("web.yaml", format!("basic_auth_users:\n  prometheus: {hash}\n"));
    let program = Setup::new()
        .set("WHAPI_TOKEN", "t")
        .set("WHAPI_API_URL", format!("http://{}", closed_port()))
        .set("WEB_CONFIG_FILE", web)
        .start();
    let waiting: Vec<_> = (0..100)
        .map(|at| {
            let word = format!("prometheus:{at}");
            let word = base64::engine::general_purpose::STANDARD.encode(word);
            let header = ("Authorization", &*format!("Basic {word}"));
            let mut wire = Wire::to(program.address);
            wire.send(http::head("GET", "/metrics", &[header], Some(0))).unwrap();
            wire
        })
        .collect();
    let mut answers = [0; 2];
    for mut wire in waiting {
        let reply = wire.message().unwrap();
        match reply.line() {
            "HTTP/1.1 401 Unauthorized" => answers[0] += 1,
            "HTTP/1.1 503 Service Unavailable" => {
                assert_eq!(reply.header("retry-after").len(), 1);
                answers[1] += 1;
            }
            line => panic!("{line}"),
        }
    }
    assert!(answers[0] > 0 && answers[1] > 50, "{answers:?}");
}

#[test]
fn with_few_descriptors_a_hanging_upstream_stops_neither_scrapes_nor_polls() {
    let runtime = runtime();
    let (hanging, well) = (upstream(&runtime, true), upstream(&runtime, false));
    let files = Files::new();
    files.write("token", "token");
    let yaml =
        format!("channels:\n  - name: a\n    token_file: token\n    api_url: http://{well}\n");
    let program = Setup::new()
        .file(&files, &yaml)
        .set("WHAPI_API_URL", format!("http://{hanging}"))
        .set("GATEWAY_ADDRESS", "127.0.0.1:0")
        .descriptors(1024, 1024)
        .start();
    let address = program.gateway();
    let waiting: Vec<_> = (0..700)
        .map(|_| {
            let mut stream = http::connect(address).unwrap();
            stream.write_all(GET.as_bytes()).unwrap();
            stream
        })
        .collect();
    let polls = |page: &common::metrics::Metrics| page.sum("whatsapp_channel_polls_total");
    let failures = "whatsapp_channel_poll_failures_total{reason=\"connect\"}";
    let page = || common::metrics::Metrics::read(&scrape(program.address).unwrap().text());
    let before = page();
    for _ in 0..20 {
        page();
        std::thread::sleep(Duration::from_millis(200));
    }
    let after = page();
    assert!(polls(&after) > polls(&before) + 1.0, "{} polls", polls(&after));
    assert_eq!(after.sum(failures), 0.0);
    assert!(descriptors(&program) < 1024);
    let log = program.log();
    assert!(log.lines().count() < 40, "{log}");
    drop(waiting);
}

#[test]
fn the_soft_limit_of_descriptors_is_raised_to_the_hard_one() {
    let files = Files::new();
    let program = fleet(&files, 1).descriptors(512, 3000).start();
    assert_eq!(program.metrics().get("process_max_fds"), Some(3000.0));
}

#[test]
fn those_that_asked_once_and_begin_another_head_keep_no_scrape_out() {
    let _crowd = crowd();
    let files = Files::new();
    let program = fleet(&files, 10).start();
    let (runtime, address) = (runtime(), program.address);
    for _ in 0..1500 {
        runtime.spawn(async move {
            loop {
                let Ok(mut stream) = tokio::net::TcpStream::connect(address).await else {
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                };
                let _ = stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").await;
                // Once it is answered.
                let _ = stream.read(&mut [0; 1024]).await;
                let _ = stream.write_all(b"G").await;
                let _ = stream.read_to_end(&mut Vec::new()).await;
            }
        });
    }
    std::thread::sleep(Duration::from_secs(8));
    for _ in 0..3 {
        assert_eq!(scrape(address).expect("a page").status, 200);
    }
}

#[test]
fn a_storm_of_new_connections_evicts_no_scraper_that_has_not_asked_yet() {
    let _crowd = crowd();
    common::raise_descriptor_limit();
    let files = Files::new();
    let program = fleet(&files, 10).start();
    let (address, done) = (program.address, Arc::new(AtomicBool::new(false)));
    let storm = {
        let done = Arc::clone(&done);
        std::thread::spawn(move || {
            let (began, mut held) = (Instant::now(), Vec::new());
            while !done.load(Ordering::SeqCst) && held.len() < 12_000 {
                let due = began.elapsed().as_millis() as usize * 2;
                while held.len() < due {
                    if let Ok(stream) =
                        TcpStream::connect_timeout(&address, Duration::from_millis(500))
                    {
                        held.push(stream);
                    }
                }
                std::thread::sleep(Duration::from_millis(5));
            }
            held.len()
        })
    };
    std::thread::sleep(Duration::from_secs(1));
    for _ in 0..8 {
        let mut stream = http::connect(address).unwrap();
        std::thread::sleep(Duration::from_millis(400));
        stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer:?}");
    }
    done.store(true, Ordering::SeqCst);
    let held = storm.join().unwrap();
    assert!(held > 3000, "{held} connections were no storm");
    let log = program.log();
    assert!(log.lines().count() < 40, "{log}");
}

#[test]
fn after_an_odd_transfer_encoding_nothing_more_is_read_on_the_connection() {
    let runtime = runtime();
    let program = gateway(upstream(&runtime, false)).start();
    let mut wire = Wire::to(program.gateway());
    let odd = "POST /whapi/x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n";
    wire.send(format!("{odd}0\r\n\r\n{GET}")).unwrap();
    let reply = wire.message().unwrap();
    assert_eq!(reply.line(), "HTTP/1.1 400 Bad Request");
    assert_eq!(reply.header("connection"), ["close"]);
    assert_eq!(wire.rest(), b"", "the next request is not served");
}

#[test]
fn without_a_descriptor_left_an_idle_connection_to_an_upstream_makes_room_for_another() {
    use rustix::process::{Pid, Resource, Rlimit, prlimit};
    let runtime = runtime();
    let one = upstream(&runtime, false);
    let other = upstream(&runtime, false);
    let program = gateway(one).set("META_API_URL", format!("http://{other}")).start();
    let mut wire = Wire::to(program.gateway());
    wire.send(GET).unwrap();
    assert_eq!(wire.message().unwrap().line(), "HTTP/1.1 200 OK");
    let folder = format!("/proc/{}/fd", program.id());
    let is_free = |at: &u64| !std::path::Path::new(&format!("{folder}/{at}")).exists();
    let limit = (0..).find(is_free);
    let limit = Rlimit { current: limit, maximum: limit };
    prlimit(Pid::from_raw(program.id().try_into().unwrap()), Resource::Nofile, limit).unwrap();
    wire.send(GET.replace("/whapi/", "/meta/")).unwrap();
    assert_eq!(wire.message().unwrap().line(), "HTTP/1.1 200 OK");
}

#[test]
fn a_body_that_nobody_reads_keeps_no_connection() {
    let program = gateway(closed_port()).start();
    let listeners = [(program.address, "/metrics"), (program.gateway(), "/nowhere")];
    for (address, path) in listeners {
        let mut wire = Wire::to(address);
        wire.send(format!("POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: 99\r\n\r\nx"))
            .unwrap();
        let begun = Instant::now();
        assert!(wire.message().is_some(), "{path} is answered");
        assert!(wire.rest().is_empty());
        assert!(begun.elapsed() < Duration::from_secs(2), "{path} was waited for");
    }
}

#[test]
fn a_request_with_many_headers_passes() {
    let runtime = runtime();
    let program = gateway(upstream(&runtime, false)).start();
    let names: Vec<String> = (0..200).map(|at| format!("X-{at}")).collect();
    let headers: Vec<_> = names.iter().map(|name| (name.as_str(), "x")).collect();
    let reply = http::get(program.gateway(), "/whapi/x", &headers).unwrap();
    assert_eq!(reply.status, 200);
}

#[test]
fn a_304_keeps_its_length() {
    let upstream = ByHand::answering(
        "HTTP/1.1 304 Not Modified\r\nETag: \"a\"\r\nContent-Length: 1234\r\n\r\n",
    );
    let program = gateway(upstream.address).start();
    let mut wire = Wire::to(program.gateway());
    for _ in 0..2 {
        wire.send(GET).unwrap();
        let lines = wire.head().unwrap();
        assert_eq!(lines[0], "HTTP/1.1 304 Not Modified");
        assert!(lines.iter().any(|line| line.eq_ignore_ascii_case("content-length: 1234")));
    }
}
