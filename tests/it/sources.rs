//! Sources that are changed by a reload, and whose channels contend for names.
//!
//! Not here: what each provider lists (`waha.rs`, `evolution.rs`, …).

use std::time::Duration;

use whatsapp_simulator::{Fault, WahaServer};

use crate::common::{Files, Program, Setup, Upstream, eventually};

/// An entry of the settings file for a WAHA server whose key is `key-of-<name>`.
fn entry(name: &str, url: &str, more: &str) -> String {
    format!(
        "  - name: {name}\n    provider: waha\n    api_url: {url}\n    token_file: {name}\n    \
         poll_interval: 1s\n{more}"
    )
}

/// A server with one session, behind the key of the source of this name.
fn serve(upstream: &Upstream, files: &Files, name: &str, session: &str, status: &str) {
    files.write(name, format!("key-of-{name}"));
    let server = WahaServer::new(name).with_session(session, status);
    upstream.set_waha_server(&format!("key-of-{name}"), server);
}

fn file(entries: &[String]) -> String {
    format!("sources:\n{}", entries.concat())
}

fn reload(program: &Program, files: &Files, entries: &[String]) {
    files.write("settings.yaml", file(entries));
    program.reload();
}

fn status(channel: &str, status: &str) -> String {
    format!("whatsapp_channel_status{{channel=\"{channel}\",status=\"{status}\"}}")
}

fn moves(channel: &str) -> String {
    format!("whatsapp_channel_status_transitions_total{{channel=\"{channel}\"}}")
}

#[test]
fn a_list_that_was_asked_for_before_its_source_was_removed_brings_nothing_back() {
    let (upstream, files) = (Upstream::start(), Files::new());
    serve(&upstream, &files, "gone", "shop", "WORKING");
    serve(&upstream, &files, "stays", "desk", "WORKING");
    let [gone, stays] = ["gone", "stays"].map(|name| entry(name, &upstream.url(), ""));
    let setup = Setup::new().file(&files, &file(&[gone, stays.clone()]));
    let program = setup.start();
    program.until_is(&status("shop", "AUTH"), 1.0);
    upstream.set_fault("key-of-gone", Some(Fault::slow(Duration::from_secs(1))));
    let before = upstream.asked(Some("gone"));
    eventually("a list under way", || (upstream.asked(Some("gone")) > before).then_some(()));
    reload(&program, &files, &[stays]);
    let polls = "whatsapp_source_polls_total{source=\"stays\"}";
    let so_far = program.metrics().get(polls).unwrap_or_default();
    program.until_at_least(polls, so_far + 3.0);
    assert!(!program.get("/metrics").text().contains("channel=\"shop\""));
}

#[test]
fn changed_settings_of_a_source_act_at_once() {
    let (upstream, other, files) = (Upstream::start(), Upstream::start(), Files::new());
    serve(&upstream, &files, "eu", "shop", "WORKING");
    serve(&other, &files, "eu", "desk", "WORKING");
    let rarely = |url: &str, more: &str| {
        entry("eu", url, more).replace("poll_interval: 1s", "poll_interval: 1h")
    };
    let program = Setup::new().file(&files, &file(&[rarely(&upstream.url(), "")])).start();
    program.until_is(&status("shop", "AUTH"), 1.0);
    let named = rarely(&upstream.url(), "    names: {shop: store}\n");
    reload(&program, &files, &[named]);
    program.until_is(&status("store", "AUTH"), 1.0);
    program.until_is(&status("shop", "AUTH"), None);

    // Another server, which does not answer: nothing is known of it, and the old one's sessions
    // are not its own.
    other.set_fault("key-of-eu", Some(Fault::server_error()));
    reload(&program, &files, &[rarely(&other.url(), "")]);
    program.until_is("whatsapp_source_poll_success{source=\"eu\"}", 0.0);
    let page = program.get("/metrics").text();
    assert!(!page.contains("channel=\"shop\"") && !page.contains("channel=\"store\""), "{page}");
    assert_eq!(program.metrics().get("whatsapp_source_channels{source=\"eu\"}"), None);
}

#[test]
fn two_sessions_that_contend_for_a_name_never_take_up_each_others_state() {
    let (upstream, files) = (Upstream::start(), Files::new());
    serve(&upstream, &files, "a", "default", "SCAN_QR_CODE");
    serve(&upstream, &files, "b", "default", "WORKING");
    let entries = ["a", "b"].map(|name| entry(name, &upstream.url(), ""));
    let setup = Setup::new().file(&files, &file(&entries)).set("STATE_FILE", files.path("state"));
    // The one that answers first has the name, and keeps it.
    upstream.set_fault("key-of-a", Some(Fault::server_error()));
    let mut program = setup.start();
    program.until_is(&status("default", "AUTH"), 1.0);
    program.until_is("whatsapp_source_poll_success{source=\"a\"}", 0.0);
    upstream.set_fault("key-of-a", None);
    program.until_is(&status("a.default", "QR"), 1.0);
    let keep_theirs = |program: &Program| {
        let page = program.metrics();
        assert_eq!(page.get(&status("default", "AUTH")), Some(1.0));
        assert_eq!((page.sum(&moves("default")), page.sum(&moves("a.default"))), (0.0, 0.0));
        let ever = "whatsapp_channel_last_authorized_timestamp_seconds";
        assert_eq!(page.get(&format!("{ever}{{channel=\"a.default\"}}")), None);
        assert!(page.get(&format!("{ever}{{channel=\"default\"}}")).is_some());
    };
    keep_theirs(&program);
    program.signal("TERM");
    program.wait(Duration::from_secs(30));
    // So it does after a start, whose list comes first.
    upstream.set_fault("key-of-b", Some(Fault::server_error()));
    let program = setup.start();
    program.until_is(&status("a.default", "QR"), 1.0);
    program.until_is("whatsapp_source_poll_success{source=\"b\"}", 0.0);
    assert_eq!(program.metrics().get(&status("default", "AUTH")), None);
    upstream.set_fault("key-of-b", None);
    program.until_is(&status("default", "AUTH"), 1.0);
    keep_theirs(&program);
}

#[test]
fn a_session_with_the_gateways_word_for_unknown_credentials_has_its_sources_name_before_it() {
    let (upstream, files) = (Upstream::start(), Files::new());
    serve(&upstream, &files, "eu", "other", "WORKING");
    let entries = [entry("eu", &upstream.url(), "")];
    let setup = Setup::new().file(&files, &file(&entries)).set("GATEWAY_ADDRESS", "127.0.0.1:0");
    let program = setup.start();
    program.until_is(&status("eu.other", "AUTH"), 1.0);
    assert!(!program.get("/metrics").text().contains("channel=\"other\",status"));
    let named = entry("eu", &upstream.url(), "    names: {other: other}\n");
    files.write("settings.yaml", file(&[named]));
    let ended = setup.run();
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert!(ended.stderr.contains("is named `other`"), "{ended:?}");
}

#[test]
fn a_list_that_tells_of_a_departure_from_auth_is_confirmed_before_its_interval_is_over() {
    let (upstream, files) = (Upstream::start(), Files::new());
    serve(&upstream, &files, "eu", "shop", "WORKING");
    let rarely = |more: &str| {
        entry("eu", &upstream.url(), more).replace("poll_interval: 1s", "poll_interval: 10m")
    };
    let program = Setup::new().file(&files, &file(&[rarely("")])).start();
    program.until_is(&status("shop", "AUTH"), 1.0);
    upstream.update_waha_server("key-of-eu", |server| {
        server.sessions.insert("shop".to_owned(), "STARTING".to_owned());
    });
    // Changed settings have the list asked for at once.
    reload(&program, &files, &[rarely("    names: {desk: desk}\n")]);
    program.until_is(&status("shop", "INIT"), 1.0);
    upstream.update_waha_server("key-of-eu", |server| {
        server.sessions.insert("shop".to_owned(), "WORKING".to_owned());
    });
    program.until_is(&status("shop", "AUTH"), 1.0);
}
