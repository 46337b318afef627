//! The way to an upstream: TLS and proxies. Not what the upstream answers: see `upstream.rs`.

use std::io::{Read as _, Write as _};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::common::{Files, Program, Setup, Upstream, closed_port, eventually, http};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use whatsapp_simulator::WhapiChannel;

/// The simulator behind TLS, with a certificate of its own for `localhost`. Returns the port and
/// the certificate.
fn tls(upstream: &Upstream) -> (u16, String) {
    let key = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let private =
        rustls::pki_types::PrivateKeyDer::try_from(key.signing_key.serialize_der()).expect("a key");
    let ring = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(ring)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![key.cert.der().clone()], private)
        .expect("a configuration");
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener =
        upstream.runtime.block_on(TcpListener::bind("127.0.0.1:0")).expect("a free port");
    let port = listener.local_addr().expect("an address").port();
    let simulator = upstream.simulator.clone();
    upstream.runtime.spawn(async move {
        while let Ok((io, _)) = listener.accept().await {
            let (acceptor, simulator) = (acceptor.clone(), simulator.clone());
            tokio::spawn(async move {
                if let Ok(io) = acceptor.accept(io).await {
                    simulator.serve_connection(io).await;
                }
            });
        }
    });
    (port, key.cert.pem())
}

/// What the gateway of this program answers to a request with the watched channel's credential.
fn through_the_gateway(program: &Program) -> http::Reply {
    let bearer = [("Authorization", "Bearer s")];
    http::get(program.gateway(), "/whapi/health?wakeup=false", &bearer).expect("an answer")
}

/// A proxy that sends everything to one place, whatever it is asked for, and remembers what it was
/// asked.
struct Proxy {
    port: u16,
    heads: Arc<Mutex<Vec<String>>>,
    connections: Arc<AtomicUsize>,
}

impl Proxy {
    fn start(upstream: &Upstream, to: String) -> Self {
        let listener =
            upstream.runtime.block_on(TcpListener::bind("127.0.0.1:0")).expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let heads = Arc::new(Mutex::new(Vec::new()));
        let connections = Arc::new(AtomicUsize::new(0));
        let (seen, count) = (Arc::clone(&heads), Arc::clone(&connections));
        upstream.runtime.spawn(async move {
            while let Ok((mut io, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::SeqCst);
                let (seen, to) = (Arc::clone(&seen), to.clone());
                tokio::spawn(async move {
                    let mut head = Vec::new();
                    while !head.ends_with(b"\r\n\r\n") {
                        head.push(io.read_u8().await.ok()?);
                    }
                    let head = String::from_utf8(head).ok()?;
                    seen.lock().unwrap_or_else(PoisonError::into_inner).push(head.clone());
                    let mut there = TcpStream::connect(to).await.ok()?;
                    if head.starts_with("CONNECT ") {
                        io.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await.ok()?;
                    } else {
                        // One request a connection: `GET http://host/path` becomes `GET /path`.
                        let (method, rest) = head.split_once(" http://")?;
                        let (_, path) = rest.split_once('/')?;
                        let plain = format!("{method} /{path}").replacen(
                            "\r\n",
                            "\r\nConnection: close\r\n",
                            1,
                        );
                        there.write_all(plain.as_bytes()).await.ok()?;
                    }
                    copy_bidirectional(&mut io, &mut there).await.ok()
                });
            }
        });
        Self { port, heads, connections }
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn upstream() -> Upstream {
    let upstream = Upstream::start();
    upstream.set_channel("s", WhapiChannel::new("sales"));
    upstream
}

const TLS_FAILURES: &str = "whatsapp_channel_poll_failures_total{reason=\"tls\"}";

#[test]
fn a_certificate_of_nobody_known_is_refused_and_with_its_ca_accepted() {
    let (upstream, files) = (upstream(), Files::new());
    let (port, certificate) = tls(&upstream);
    let setup = Setup::new()
        .set("WHAPI_TOKEN", "s")
        .set("GATEWAY_ADDRESS", "127.0.0.1:0")
        .set("WHAPI_API_URL", format!("https://localhost:{port}"));
    let program = setup.start();
    program.until_at_least(TLS_FAILURES, 1.0);
    assert!(program.log().contains("EXTRA_CA_FILE"), "{}", program.log());
    let reply = through_the_gateway(&program);
    assert!(reply.status == 502 && reply.text().contains("EXTRA_CA_FILE"), "{reply:?}");
    assert_eq!(upstream.asked(None), 0, "no token goes to a stranger");

    let setup = setup.set("EXTRA_CA_FILE", files.write("ca.pem", certificate));
    let program = setup.start();
    program.until_is("whatsapp_channel_authorized", 1.0);
    assert_eq!(program.metrics().sum("whatsapp_channel_poll_failures_total"), 0.0);
    assert!(through_the_gateway(&program).text().contains("AUTH"));

    // The same certificate under a name it does not have.
    let asked = upstream.asked(None);
    drop(program);
    let program = setup.set("WHAPI_API_URL", format!("https://127.0.0.1:{port}")).start();
    program.until_at_least(TLS_FAILURES, 1.0);
    assert!(program.log().contains("another host"), "{}", program.log());
    let reply = through_the_gateway(&program);
    assert!(reply.status == 502 && reply.text().contains("another host"), "{reply:?}");
    assert!(upstream.asked(None) <= asked + 1);
}

#[test]
fn an_upstream_that_speaks_no_tls_is_a_failure_of_tls() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("https://{}", listener.local_addr().expect("an address"));
    std::thread::spawn(move || {
        for mut io in listener.incoming().flatten() {
            let _ = io.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
            let _ = io.read(&mut [0; 4096]);
        }
    });
    let program = Setup::new().set("WHAPI_TOKEN", "s").set("WHAPI_API_URL", url).start();
    program.until_at_least(TLS_FAILURES, 1.0);
}

#[test]
fn an_extra_ca_that_cannot_be_used_is_a_mistake_in_the_settings() {
    let files = Files::new();
    let bad = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    for (content, said) in [
        (None, "cannot be read"),
        (Some("no pem"), "holds no certificate"),
        (Some(bad), "not valid"),
    ] {
        let path = files.path("ca.pem");
        if let Some(content) = content {
            files.write("ca.pem", content);
        }
        for command in [None, Some("check")] {
            let mut setup = Setup::new().set("WHAPI_TOKEN", "s").set("EXTRA_CA_FILE", &*path);
            if let Some(command) = command {
                setup = setup.argument(command);
            }
            let ended = setup.run();
            assert_eq!(ended.code, Some(2), "{ended:?}");
            assert!(ended.stderr.contains("EXTRA_CA_FILE"), "{ended:?}");
            assert!(ended.stderr.contains(said), "{ended:?}");
        }
    }
}

#[test]
fn a_proxy_is_used_where_one_is_set_and_left_out_where_it_should_be() {
    let upstream = upstream();
    let proxy = Proxy::start(&upstream, upstream.address().to_string());
    let setup = Setup::new()
        .set("WHAPI_TOKEN", "s")
        .set("GATEWAY_ADDRESS", "127.0.0.1:0")
        .set("HTTP_PROXY", proxy.url().replace("//", "//user:pass@"));
    // A name that only the proxy can reach.
    let program = setup.clone().set("WHAPI_API_URL", "http://whapi.invalid").start();
    program.until_is("whatsapp_channel_authorized", 1.0);
    assert!(through_the_gateway(&program).text().contains("AUTH"));
    let heads = proxy.heads();
    let ours = heads.iter().find(|head| !head.contains("user-agent")).expect("the gateway's");
    assert!(ours.starts_with("GET http://whapi.invalid/health?wakeup=false HTTP/1.1"), "{ours}");
    assert!(ours.contains("proxy-authorization: Basic dXNlcjpwYXNz\r\n"), "{ours}");
    assert!(
        heads[0].starts_with("GET http://whapi.invalid/health?wakeup=false HTTP/1.1"),
        "{heads:?}"
    );
    drop(program);

    let before = proxy.connections.load(Ordering::SeqCst);
    let program =
        setup.set("WHAPI_API_URL", upstream.url()).set("NO_PROXY", "example.com,127.0.0.1").start();
    program.until_is("whatsapp_channel_authorized", 1.0);
    assert!(through_the_gateway(&program).text().contains("AUTH"));
    assert_eq!(proxy.connections.load(Ordering::SeqCst), before);
}

#[test]
fn tls_goes_through_a_proxy_as_a_tunnel() {
    let (upstream, files) = (upstream(), Files::new());
    let (port, certificate) = tls(&upstream);
    let proxy = Proxy::start(&upstream, format!("127.0.0.1:{port}"));
    let program = Setup::new()
        .set("WHAPI_TOKEN", "s")
        .set("GATEWAY_ADDRESS", "127.0.0.1:0")
        .set("WHAPI_API_URL", "https://localhost:44443")
        .set("HTTPS_PROXY", format!("http://user:pass@127.0.0.1:{}", proxy.port))
        .set("EXTRA_CA_FILE", files.write("ca.pem", certificate))
        .start();
    program.until_is("whatsapp_channel_authorized", 1.0);
    assert!(through_the_gateway(&program).text().contains("AUTH"));
    let heads = proxy.heads();
    assert!(heads.len() >= 2, "polls and the gateway have a tunnel each: {heads:?}");
    for head in heads {
        assert!(head.starts_with("CONNECT localhost:44443 HTTP/1.1"), "{head}");
        let head = head.to_ascii_lowercase();
        assert!(head.contains("proxy-authorization: basic"), "{head}");
        assert!(!head.contains("bearer"), "the token is inside the tunnel");
    }
}

#[test]
fn a_malformed_proxy_stops_the_start_and_is_not_repeated() {
    let bad = "http://user:s3/cret@proxy:3128";
    let setup = Setup::new().set("WHAPI_TOKEN", "t").set("GATEWAY_ADDRESS", "127.0.0.1:0");
    for name in ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"]
    {
        for setup in [setup.clone(), setup.clone().argument("check")] {
            let ended = setup.set(name, bad).run();
            assert_eq!(ended.code, Some(2), "{name}: {ended:?}");
            assert!(ended.stderr.contains(&format!("error: {name}: ")), "{ended:?}");
            assert!(!ended.stderr.contains("s3"), "{ended:?}");
        }
    }
    for name in ["NO_PROXY", "no_proxy"] {
        let ended = setup.clone().argument("check").set(name, "10.0.0.0/99").run();
        assert_eq!(ended.code, Some(2), "{name}: {ended:?}");
        assert!(ended.stderr.contains(&format!("error: {name}: ")), "{ended:?}");
    }
}

#[test]
fn a_proxy_that_is_down_is_a_failed_connection() {
    let upstream = upstream();
    let program = Setup::of(&upstream)
        .set("WHAPI_TOKEN", "s")
        .set("HTTP_PROXY", format!("http://{}", closed_port()))
        .start();
    program.until_at_least("whatsapp_channel_poll_failures_total{reason=\"connect\"}", 1.0);
    assert_eq!(upstream.asked(None), 0);
}

#[test]
fn the_demo_needs_neither_network_nor_proxy() {
    let demo = Setup::bare()
        .argument("demo")
        .set("LISTEN_ADDRESS", "127.0.0.1:0")
        .set("HTTP_PROXY", format!("http://{}", closed_port()))
        .set("http_proxy", format!("http://{}", closed_port()))
        .start();
    for provider in ["whapi", "waha", "evolution", "green_api"] {
        eventually("a channel of the demo that is well", || {
            let well = format!("whatsapp_channel_authorized{{provider=\"{provider}\"}}");
            (demo.metrics().sum(&well) > 0.0).then_some(())
        });
    }
    eventually("a webhook of a line that is listed", || {
        let applied =
            "whatsapp_channel_webhook_events_total{channel=\"booking\",outcome=\"applied\"}";
        (demo.metrics().sum(applied) > 0.0).then_some(())
    });
    eventually("a send through the gateway, acknowledged by a webhook", || {
        let page = demo.metrics();
        let sent = page.sum("whatsapp_gateway_requests_total{channel=\"sales\",code=\"2xx\"}");
        let told = page.sum("whatsapp_channel_message_statuses_total{channel=\"sales\"}");
        (sent > 0.0 && told > 0.0).then_some(())
    });
    assert!(demo.printed().contains("/metrics"));
}
