//! A mistake in the exporter itself: a panic in one target's poll stays there. In-process, since no
//! upstream can cause one.
#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "tests may block")]

mod common;

use std::ffi::OsString;
use std::io::{self, Write};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use common::http;
use common::metrics::Metrics;
use secrecy::ExposeSecret;
use whatsapp_exporter::config::Settings;
use whatsapp_exporter::exporter::Exporter;
use whatsapp_exporter::poller::Ask;
use whatsapp_exporter::upstream::{Answer, Credential, Request};

/// A log to look into.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("a log").extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn bearer(request: &Request) -> &str {
    match &request.credential {
        Credential::Bearer(token) => token.expose_secret(),
        _ => panic!("the credential is not in a header"),
    }
}

#[test]
fn a_panic_in_one_targets_poll_is_counted_and_logged_and_the_target_goes_on() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone());
    tracing::subscriber::set_global_default(subscriber.finish()).expect("the only log here");

    let files = common::Files::new();
    let yaml = "channels:\n  - {name: good, token_file: secret}\n  \
        - {name: bad, token_file: secret, api_url: http://panics}\n";
    let path = files.write("settings.yaml", yaml);
    files.write("secret", "s3cretOfTheTest");
    let variables = [
        ("CONFIG_FILE", path.into_os_string()),
        ("POLL_TIMEOUT", "200ms".into()),
        ("WHAPI_POLL_INTERVAL", "200ms".into()),
    ];
    let variables = variables.map(|(name, value)| (OsString::from(name), value));
    let settings = Settings::load(variables).expect("good settings");
    // Its panic hook must not print a panic's message, which may hold anything.
    whatsapp_exporter::cli::logging::start(settings.log);

    let panics = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&panics);
    let ask: Ask = Arc::new(move |request: Request, _| {
        let counted = Arc::clone(&counted);
        Box::pin(async move {
            let url = request.url.expose_secret();
            if url.starts_with("http://panics") && counted.fetch_add(1, Ordering::SeqCst) < 3 {
                panic!("on purpose, with {}", bearer(&request));
            }
            let body = r#"{"status":{"code":4,"text":"AUTH"}}"#;
            Ok(Answer {
                status: 200,
                retry_after: None,
                headers: Default::default(),
                body: body.into(),
            })
        })
    });

    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime");
    let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0"));
    let listener = listener.expect("a free port");
    let address = listener.local_addr().expect("an address");
    let exporter = Exporter::with_ask(settings, ask).expect("an exporter");
    runtime.spawn(exporter.run(listener, std::future::pending()));

    let metrics = || Metrics::read(&http::get(address, "/metrics", &[]).expect("a page").text());
    let page = common::eventually("three panics, and answers after them", || {
        let page = metrics();
        let well = page.get("whatsapp_channel_authorized{channel=\"bad\"}") == Some(1.0);
        (well && page.get("whatsapp_exporter_panics_total") == Some(3.0)).then_some(page)
    });
    assert_eq!(page.get("whatsapp_channel_authorized{channel=\"good\"}"), Some(1.0));
    assert_eq!(
        page.sum("whatsapp_channel_poll_failures_total"),
        0.0,
        "it is nobody else's failure"
    );
    let polls = "whatsapp_channel_polls_total{channel=\"bad\"}";
    let before = page.get(polls);
    common::eventually("the target asked on", || (metrics().get(polls) > before).then_some(()));

    let log = String::from_utf8(log.0.lock().expect("a log").clone()).expect("UTF-8");
    let told = log
        .lines()
        .filter(|line| line.contains("a poll panicked") && line.contains("name=\"bad\""));
    assert_eq!(told.count(), 3, "{log}");
    assert!(log.contains("tests/panics.rs"), "the place of the panic is told: {log}");
    assert!(!log.contains("s3cret") && !log.contains("on purpose"), "{log}");
}
