//! `whatsapp-exporter healthcheck`: asks the exporter that runs here for `/healthz`.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::time::Duration;

use super::arguments::Environment;
use super::exit::{OK, UNHEALTHY, USAGE, complain, runtime, warn};
use crate::config::listener;
use crate::http::WebConfig;

const TIMEOUT: Duration = Duration::from_secs(3);

pub(super) fn run(environment: &Environment) -> u8 {
    let (listen, web_config_file) = match listener(environment.variables.iter().cloned()) {
        Ok(listener) => listener,
        Err(problems) => {
            complain(environment.sentences(&problems).iter().map(String::as_str));
            return USAGE;
        }
    };
    let ask = match web_config_file.as_deref().map(WebConfig::read).transpose() {
        Ok(config) if config.as_ref().is_some_and(WebConfig::speaks_tls) => ask_tls,
        Ok(_) => ask,
        // The exporter goes on with what it read before, which may be either.
        Err(sentence) => {
            warn([sentence]);
            |address| ask_tls(address).or_else(|_| ask(address))
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

/// The certificate is not checked: it is for other names than this machine's own, and nothing
/// secret is sent.
fn ask_tls(address: SocketAddr) -> Result<(), String> {
    // Only a second start could find one installed.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let exchange = async {
        let client = reqwest::Client::builder()
            .no_proxy()
            .timeout(TIMEOUT)
            .tls_danger_accept_invalid_certs(true)
            .build()?;
        client.get(format!("https://{address}/healthz")).send().await?.error_for_status()
    };
    let runtime = runtime().map_err(|_| "cannot be asked".to_owned())?;
    match runtime.block_on(exchange) {
        Ok(_) => Ok(()),
        Err(error) => Err(format!("does not answer: {}", error.without_url())),
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
        Ok(_) => Err("the listener did not answer 200".to_owned()),
        Err(error) => Err(format!("does not answer: {error}")),
    }
}
