//! A WAHA server whose sessions are discovered, over real HTTP.

use ring::hmac;
use whatsapp_simulator::{Fault, WahaServer};

use crate::common::{Files, Program, Setup, Upstream, http};

const KEY: &str = "WahaApiKeyNotARealOne";
const SECRET: &str = "webhookSecretNotARealOne";

fn server() -> WahaServer {
    WahaServer::new("waha")
        .with_session("default", "WORKING")
        .with_session("shop", "SCAN_QR_CODE")
        .with_session("old", "STOPPED")
}

fn setup(upstream: &Upstream) -> Setup {
    upstream.set_waha_server(KEY, server());
    Setup::new().set("WAHA_URL", upstream.url()).set("WAHA_API_KEY", KEY)
}

/// With sources in the settings file, polled every second.
fn from_file(upstream: &Upstream, files: &Files, more: &str) -> Setup {
    upstream.set_waha_server(KEY, server());
    files.write("key", KEY);
    let yaml = format!(
        "sources:\n  - name: eu\n    provider: waha\n    api_url: {}\n    token_file: key\n    poll_interval: 1s\n{more}",
        upstream.url()
    );
    Setup::new().file(files, &yaml)
}

fn status(channel: &str, status: &str) -> String {
    format!(
        "whatsapp_channel_status{{provider=\"waha\",channel=\"{channel}\",status=\"{status}\"}}"
    )
}

#[test]
fn every_session_of_a_server_is_a_channel_with_its_status() {
    let upstream = Upstream::start();
    let program = setup(&upstream).start();
    program.until_is(&status("default", "AUTH"), 1.0);
    let page = program.metrics();
    assert_eq!(page.get(&status("shop", "QR")), Some(1.0));
    assert_eq!(page.get(&status("old", "STOP")), Some(1.0));
    let source = |metric: &str| page.get(&format!("whatsapp_source_{metric}{{source=\"waha\"}}"));
    assert_eq!(source("channels"), Some(3.0));
    assert_eq!(source("channels_ignored"), Some(0.0));
    assert_eq!(source("poll_success"), Some(1.0));
    assert_eq!(page.get("whatsapp_exporter_targets{kind=\"source\"}"), Some(1.0));
    let all = [program.get("/metrics").text(), program.get("/").text(), program.log()].join("\n");
    let all = all + &program.get("/api/status").text();
    for secret in [KEY, "WahaHmacKey", "WahaProxyPassword", "WahaPushName", "11111111111"] {
        assert!(!all.contains(secret), "{secret} is shown");
    }
    assert!(all.contains("WAHA dashboard"), "advice is in the provider's own terms");
}

#[test]
fn sessions_come_and_go_and_a_failing_list_keeps_the_last() {
    let (upstream, files) = (Upstream::start(), Files::new());
    let program = from_file(&upstream, &files, "").set("STALE_AFTER", "1h").start();
    program.until_is(&status("default", "AUTH"), 1.0);
    upstream.update_waha_server(KEY, |server| {
        server.sessions.remove("old");
        server.sessions.insert("new".to_owned(), "STARTING".to_owned());
        server.sessions.insert("shop".to_owned(), "WORKING".to_owned());
    });
    program.until_is(&status("new", "INIT"), 1.0);
    let page = program.metrics();
    assert_eq!(page.get(&status("old", "STOP")), None, "it is no longer listed");
    assert_eq!(page.get(&status("shop", "AUTH")), Some(1.0));
    let moved = "whatsapp_channel_status_transitions_total{channel=\"shop\",to=\"AUTH\"}";
    assert_eq!(page.get(moved), Some(1.0));

    upstream.set_fault(KEY, Some(Fault::server_error()));
    let failures = |kind: &str, name: &str| {
        format!("whatsapp_{kind}_poll_failures_total{{{kind}=\"{name}\",reason=\"server_error\"}}")
    };
    program.until_at_least(&failures("source", "eu"), 1.0);
    program.until_at_least(&failures("channel", "shop"), 1.0);
    let page = program.metrics();
    assert_eq!(page.get("whatsapp_source_poll_success{source=\"eu\"}"), Some(0.0));
    assert_eq!(page.get("whatsapp_source_channels{source=\"eu\"}"), Some(3.0));
    assert_eq!(page.get(&status("shop", "AUTH")), Some(1.0), "the last word still counts");
    upstream.set_fault(KEY, None);
    program.until_is("whatsapp_source_poll_success{source=\"eu\"}", 1.0);
}

#[test]
fn the_operator_chooses_and_names_sessions() {
    let (upstream, files) = (Upstream::start(), Files::new());
    let more = "    only: [default, \"sh*\", old]\n    except: [old]\n    names: {shop: store}\n";
    let program = from_file(&upstream, &files, more).start();
    program.until_is(&status("default", "AUTH"), 1.0);
    let page = program.metrics();
    assert_eq!(page.get(&status("store", "QR")), Some(1.0));
    assert_eq!(page.get(&status("shop", "QR")), None);
    assert_eq!(page.get(&status("old", "STOP")), None);
    assert_eq!(page.get("whatsapp_source_channels{source=\"eu\"}"), Some(2.0));
}

fn deliver(program: &Program, path: &str, session: &str, status: &str, key: &str) -> u16 {
    let body = format!(
        r#"{{"id":"e","event":"session.status","session":"{session}","timestamp":{},"payload":{{"name":"{session}","status":"{status}"}}}}"#,
        std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .expect("a time after 1970")
            .as_millis()
    );
    let key = hmac::Key::new(hmac::HMAC_SHA512, key.as_bytes());
    let signature: String = hmac::sign(&key, body.as_bytes())
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let headers = [("X-Webhook-Hmac", signature.as_str())];
    http::send(program.address, "POST", path, &headers, &body).expect("an answer").status
}

#[test]
fn a_signed_webhook_tells_what_polls_miss() {
    let upstream = Upstream::start();
    let program = setup(&upstream).set("WEBHOOK_SECRET", SECRET).start();
    program.until_is(&status("default", "AUTH"), 1.0);
    assert_eq!(deliver(&program, "/webhook/waha", "default", "STOPPED", "wrong"), 401);
    assert_eq!(deliver(&program, "/webhook/waha", "default", "STOPPED", SECRET), 200);
    program.until_is(&status("default", "STOP"), 1.0);
    assert_eq!(deliver(&program, "/webhook/waha/waha", "default", "WORKING", SECRET), 200);
    program.until_is(&status("default", "AUTH"), 1.0);
    assert_eq!(deliver(&program, "/webhook/waha/other", "default", "STOPPED", SECRET), 200);
    let page = program.metrics();
    let refused = |reason: &str| {
        page.get(&format!("whatsapp_exporter_webhooks_refused_total{{reason=\"{reason}\"}}"))
    };
    assert_eq!((refused("secret"), refused("unknown_channel")), (Some(1.0), Some(1.0)));
    assert_eq!(page.get(&status("default", "AUTH")), Some(1.0));
}

#[test]
fn check_tells_of_sources_and_their_channels() {
    let upstream = Upstream::start();
    let ended = setup(&upstream).argument("check").run();
    assert_eq!(ended.code, Some(1));
    let said = ended.stdout;
    for line in ["channel default", "channel shop", "source waha", "3 channels"] {
        assert!(said.contains(line), "{line}: {said}");
    }
}
