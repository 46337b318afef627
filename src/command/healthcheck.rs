//! `whatsapp-exporter healthcheck`: asks the exporter that runs here for `/healthz`.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::time::Duration;

use super::{OK, UNHEALTHY, USAGE, complain};
use crate::settings::listen_address;

const TIMEOUT: Duration = Duration::from_secs(3);

pub(super) fn run() -> u8 {
    let listen = match listen_address(std::env::vars_os()) {
        Ok(listen) => listen,
        Err(problems) => {
            complain(problems.iter());
            return USAGE;
        }
    };
    match addresses(listen).into_iter().map(ask).reduce(Result::or) {
        Some(Ok(())) => OK,
        Some(Err(what)) => {
            complain([format!("{listen}: {what}").as_str()]);
            UNHEALTHY
        }
        None => UNHEALTHY,
    }
}

/// Where a listener on this address can be reached from here.
fn addresses(listen: SocketAddr) -> Vec<SocketAddr> {
    let port = listen.port();
    let v4 = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port);
    match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => vec![v4],
        IpAddr::V6(ip) if ip.is_unspecified() => {
            vec![SocketAddr::new(IpAddr::V6(Ipv6Addr::LOCALHOST), port), v4]
        }
        _ => vec![listen],
    }
}

/// One request by hand: a client library would take longer to start than the answer takes to come.
fn ask(address: SocketAddr) -> Result<(), String> {
    let exchange = || -> std::io::Result<Vec<u8>> {
        let mut stream = TcpStream::connect_timeout(&address, TIMEOUT)?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        stream.set_write_timeout(Some(TIMEOUT))?;
        stream
            .write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
        let mut answer = vec![0; 12];
        stream.read_exact(&mut answer)?;
        Ok(answer)
    };
    match exchange() {
        Ok(answer) if answer == b"HTTP/1.1 200" => Ok(()),
        Ok(_) => Err("something answers, but not with 200".to_owned()),
        Err(error) => Err(format!("does not answer: {error}")),
    }
}
