//! The end: whatever is under way, a signal ends the program in order and in time.

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::time::{Duration, Instant};

use crate::common::{Files, Program, Setup, Upstream, closed_port, eventually, http};
use whatsapp_simulator::{Fault, WhapiChannel};

/// The five seconds that requests under way are waited for, and what a slow machine needs beside.
const SOON: Duration = Duration::from_secs(20);

fn ends_in_order(mut program: Program, signal: &str) {
    let begun = Instant::now();
    program.signal(signal);
    let status = program.wait(SOON);
    assert_eq!(status.code(), Some(0), "{signal}: {status} after {:?}", begun.elapsed());
    let log = program.log();
    assert!(log.lines().last().is_some_and(|line| line.contains("stopped")), "{signal}: {log}");
    assert!(std::net::TcpStream::connect(program.address).is_err());
}

#[test]
fn a_signal_ends_an_idle_program() {
    for signal in ["TERM", "INT"] {
        let url = format!("http://{}", closed_port());
        let program = Setup::new().set("WHAPI_TOKEN", "t").set("WHAPI_API_URL", url).start();
        let idle = http::connect(program.address).expect("a connection");
        ends_in_order(program, signal);
        drop(idle);
    }
}

#[test]
fn a_signal_ends_a_program_whose_polls_hang() {
    for signal in ["TERM", "INT"] {
        let upstream = Upstream::start();
        upstream.set_channel("s", WhapiChannel::new("sales"));
        upstream.set_fault("s", Some(Fault::hang()));
        let setup = Setup::of(&upstream).pace("1h").set("WHAPI_TOKEN", "s");
        let program = setup.start();
        eventually("a poll under way", || (upstream.asked(Some("sales")) > 0).then_some(()));
        ends_in_order(program, signal);
    }
}

#[test]
fn a_signal_ends_a_program_whose_reader_is_slow() {
    for signal in ["TERM", "INT"] {
        let files = Files::new();
        let mut yaml = "channels:\n".to_owned();
        for at in 0..5000 {
            let _ = write!(yaml, "  - name: c{at}\n    token_file: token\n");
        }
        let program = Setup::new().file(&files, &yaml).pace("30days").start();
        let mut slow = http::connect(program.address).expect("a connection");
        slow.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n").expect("sent");
        // The page has begun, and goes on in small sips: so it is not the patience with stalled
        // readers that ends it.
        assert!(slow.peek(&mut [0; 100]).expect("a beginning") > 0);
        std::thread::spawn(move || {
            while slow.read(&mut [0; 16 * 1024]).is_ok_and(|size| size > 0) {
                std::thread::sleep(Duration::from_millis(50));
            }
        });
        ends_in_order(program, signal);
    }
}

#[test]
fn a_request_under_way_is_answered_to_its_end() {
    let files = Files::new();
    let mut yaml = "channels:\n".to_owned();
    for at in 0..2000 {
        let _ = write!(yaml, "  - name: c{at}\n    token_file: token\n");
    }
    let program = Setup::new().file(&files, &yaml).pace("30days").start();
    let mut stream = http::connect(program.address).expect("a connection");
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n").expect("sent");
    assert!(stream.peek(&mut [0; 100]).expect("a beginning") > 0);
    let reader = std::thread::spawn(move || {
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).map(|_| bytes)
    });
    ends_in_order(program, "TERM");
    let bytes = reader.join().expect("a reader").expect("a page");
    let page = http::read(&bytes, false).expect("a whole answer").text();
    assert!(page.contains("channel=\"c1999\""));
}

#[test]
fn a_signal_ends_the_demo_and_removes_its_files() {
    let temporary = Files::new();
    let demo = Setup::bare()
        .argument("demo")
        .set("LISTEN_ADDRESS", "127.0.0.1:0")
        .set("TMPDIR", temporary.directory())
        .start();
    let files = || std::fs::read_dir(temporary.directory()).expect("a directory").count();
    assert_eq!(files(), 1);
    ends_in_order(demo, "TERM");
    assert_eq!(files(), 0);
}
