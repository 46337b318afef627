//! Visitors nobody asked for: connections that say nothing or only the half, and readers that take
//! a page slowly or not at all.
//!
//! Not here: those who scrape as they should.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread::sleep;
use std::time::{Duration, Instant};

use socket2::SockRef;

use super::Storm;
use whatsapp_exporter_bench::Result;
use whatsapp_exporter_bench::exporter::ExporterProcess;

/// More than the listener keeps with 1,024 descriptors (212), so that it always has to choose.
const HELD: usize = 560;
const REPLACE_EVERY: Duration = Duration::from_millis(40);

const HALVES: [&str; 4] = [
    "",
    "GET",
    "GET /metrics HTTP/1.1\r\nHost: loc",
    "POST /nowhere HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n{",
];

/// Keeps half-open connections until the storm is over; returns how many there were.
pub fn half_open(storm: &Storm, address: SocketAddr) -> Result<u64> {
    let mut held: Vec<TcpStream> = Vec::new();
    let mut opened = 0;
    while !storm.is_over() {
        let mut stream = TcpStream::connect(address)?;
        stream.write_all(HALVES[fastrand::usize(..HALVES.len())].as_bytes())?;
        opened += 1;
        if held.len() < HELD {
            held.push(stream);
            sleep(REPLACE_EVERY);
            continue;
        }
        let left = std::mem::replace(&mut held[fastrand::usize(..HELD)], stream);
        // Half of them go with a reset instead of a goodbye.
        if fastrand::bool() {
            let _ = SockRef::from(&left).set_linger(Some(Duration::ZERO));
        }
        drop(left);
        sleep(REPLACE_EVERY);
    }
    Ok(opened)
}

/// What slow readers came to.
#[derive(Default)]
pub struct SlowReaders {
    /// Took a page in small pieces, to its end.
    pub patient: u64,
    /// Took nothing more, and were closed.
    pub closed: u64,
}

/// A listener gives up on a reader that takes nothing for 10 s.
const STALLS_FOR: Duration = Duration::from_secs(15);
/// So many pages are more than the kernel takes off the exporter's hands.
const PAGES: usize = 20;
const END: &[u8] = b"0\r\n\r\n";

fn ask(exporter: &ExporterProcess, pages: usize) -> Result<TcpStream> {
    let mut stream = TcpStream::connect(exporter.address)?;
    stream.set_read_timeout(Some(Duration::from_secs(60)))?;
    // Otherwise the kernel would take most of a page.
    SockRef::from(&stream).set_recv_buffer_size(32 * 1024)?;
    let page = format!("GET /metrics HTTP/1.1\r\nHost: localhost\r\n{}", exporter.headers);
    let last = format!("{page}Connection: close\r\n\r\n");
    stream.write_all((format!("{page}\r\n").repeat(pages - 1) + &last).as_bytes())?;
    Ok(stream)
}

/// Takes page after page, a little at a time.
pub fn read_slowly(storm: &Storm, exporter: &ExporterProcess) -> Result<SlowReaders> {
    let mut done = SlowReaders::default();
    let mut piece = vec![0; 16 * 1024];
    while !storm.is_over() {
        let mut stream = ask(exporter, 1)?;
        let mut end = Vec::new();
        loop {
            let size = stream.read(&mut piece)?;
            if size == 0 {
                break;
            }
            end.extend_from_slice(&piece[..size]);
            end.drain(..end.len().saturating_sub(END.len()));
            sleep(Duration::from_millis(20));
        }
        if end != END {
            return Err("a slow reader did not get its page to the end".into());
        }
        done.patient += 1;
    }
    Ok(done)
}

/// Asks for many pages, takes nothing of them for a while, and finds itself closed.
pub fn stall(storm: &Storm, exporter: &ExporterProcess) -> Result<SlowReaders> {
    let mut done = SlowReaders::default();
    loop {
        let mut stream = ask(exporter, PAGES)?;
        let began = Instant::now();
        while began.elapsed() < STALLS_FOR {
            if storm.is_over() {
                return Ok(done);
            }
            sleep(Duration::from_millis(200));
        }
        // What was on its way can still be read; how the rest ends depends on what the kernel had
        // left.
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest);
        let pages = rest.windows(END.len()).filter(|bytes| *bytes == END).count();
        if pages >= PAGES {
            return Err("a reader that took nothing for 15 s was still served".into());
        }
        done.closed += 1;
    }
}
