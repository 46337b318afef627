//! A WAHA server whose sessions are discovered, over real HTTP.

use ring::hmac;
use whatsapp_simulator::{Fault, WahaCapping, WahaLimits, WahaServer, WahaTimelock};

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
        "sources:\n  - name: eu\n    provider: waha\n    api_url: {}\n    token_file: key\n    \
         poll_interval: 1s\n{more}",
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
    let source = "whatsapp_channel_source_info{channel=\"shop\",source=\"eu\",account=\"\"}";
    assert_eq!(page.get(source), Some(1.0));
    let found = program.get("/?q=eu").text();
    assert!(found.contains("/channels/shop"), "a channel is found by its source: {found}");
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

    let log = program.log();
    let told = |what: &str, name: &str| {
        log.lines().any(|line| line.contains(what) && line.contains(&format!("channel {name}")))
    };
    assert!(told("targets are no longer watched", "old of source eu"), "{log}");
    let unauthorized = "channels that could not send are no longer watched";
    assert!(told(unauthorized, "old of source eu (STOP)"), "{log}");
    assert!(log.contains("todo=\"Make sure that they were deleted at the provider"), "{log}");
    assert!(!told(unauthorized, "shop"), "{log}");
    assert!(told("watching new targets", "shop of source eu"), "{log}");
    assert!(!told("targets are no longer watched", "shop"), "{log}");
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

#[test]
fn filters_that_leave_no_session_are_logged_once() {
    let (upstream, files) = (Upstream::start(), Files::new());
    let program = from_file(&upstream, &files, "    only: [\"Default\"]\n").start();
    let polls = "whatsapp_source_polls_total{source=\"eu\"}";
    program.until_at_least(polls, 3.0);
    let log = program.log();
    assert_eq!(log.matches("the filters of a list leave no channel").count(), 1, "{log}");
    let status = program.get("/api/status").text();
    assert!(status.contains("\"name\":\"eu\",\"level\":\"warning\""), "{status}");
}

fn deliver(program: &Program, path: &str, session: &str, status: &str, key: &str) -> u16 {
    let body = format!(
        r#"{{"id":"e","event":"session.status","session":"{session}","timestamp":{},
            "payload":{{"name":"{session}","status":"{status}"}}}}"#,
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
fn a_webhook_that_may_be_of_two_servers_is_of_neither() {
    let (upstream, files) = (Upstream::start(), Files::new());
    upstream.set_waha_server("anotherKeyNotARealOne", server());
    files.write("other", "anotherKeyNotARealOne");
    let more = format!(
        "  - {{name: us, provider: waha, api_url: {}, token_file: other, poll_interval: 1s}}\n",
        upstream.url()
    );
    let program = from_file(&upstream, &files, &more).set("WEBHOOK_SECRET", SECRET).start();
    for channel in ["default", "us.default"] {
        program.until_is(&status(channel, "AUTH"), 1.0);
    }
    for _ in 0..2 {
        assert_eq!(deliver(&program, "/webhook/waha", "default", "STOPPED", SECRET), 200);
    }
    let refused = "whatsapp_exporter_webhooks_refused_total{reason=\"unknown_channel\"}";
    let to_stop = |channel: &str| {
        format!("whatsapp_channel_status_transitions_total{{channel=\"{channel}\",to=\"STOP\"}}")
    };
    let page = program.metrics();
    assert_eq!(page.get(refused), Some(2.0));
    for channel in ["default", "us.default"] {
        assert_eq!(page.get(&to_stop(channel)), Some(0.0), "{channel}");
    }
    let log = program.log();
    assert_eq!(log.matches("webhooks that name no source are not taken").count(), 1, "{log}");
    assert_eq!(deliver(&program, "/webhook/waha/us", "default", "STOPPED", SECRET), 200);
    program.until_is(&to_stop("us.default"), 1.0);
    assert_eq!(program.metrics().get(&to_stop("default")), Some(0.0));
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

fn seconds_from_now(seconds: u64) -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.expect("a time after 1970").as_secs() + seconds
}

fn of_default(metric: &str) -> String {
    format!("whatsapp_channel_{metric}{{channel=\"default\"}}")
}

fn restricted(channel: &str, reason: &str) -> String {
    format!(
        "whatsapp_channel_restricted{{provider=\"waha\",channel=\"{channel}\",reason=\"{reason}\"}}"
    )
}

#[test]
fn what_an_account_may_not_do_is_shown_until_it_may() {
    let (upstream, files) = (Upstream::start(), Files::new());
    let program = from_file(&upstream, &files, "").start();
    program.until_is(&status("default", "AUTH"), 1.0);
    let page = program.metrics();
    for channel in ["default", "shop", "old"] {
        assert_eq!(page.get(&restricted(channel, "new_chats")), None, "nothing was told of it");
    }
    let (ends, resets) = (seconds_from_now(604_830), seconds_from_now(864_000));
    let capping = WahaCapping {
        status: "SECOND_WARNING".to_owned(),
        total: 1000,
        used: 640,
        cycle_end: resets,
    };
    let locked = WahaLimits {
        timelock: Some(WahaTimelock { active: true, ends }),
        capping: Some(capping.clone()),
    };
    upstream.update_waha_server(KEY, |server| {
        server.limits.insert("default".to_owned(), locked);
    });
    program.until_is(&restricted("default", "new_chats"), 1.0);
    let page = program.metrics();
    for reason in ["quota", "rate", "policy"] {
        assert_eq!(page.get(&restricted("default", reason)), Some(0.0), "{reason}");
    }
    assert_eq!(page.get(&restricted("shop", "new_chats")), None);
    let end = "whatsapp_channel_restriction_end_timestamp_seconds{channel=\"default\",\
        reason=\"new_chats\"}";
    assert_eq!(page.get(end), Some(ends as f64));
    assert_eq!(page.get(&of_default("new_chat_quota_limit")), Some(1000.0));
    assert_eq!(page.get(&of_default("new_chat_quota_used")), Some(640.0));
    let reset = of_default("new_chat_quota_reset_timestamp_seconds");
    assert_eq!(page.get(&reset), Some(resets as f64));
    assert_eq!(page.get(&status("default", "AUTH")), Some(1.0), "it works all the same");
    let text = program.get("/").text();
    for words in ["may not begin new chats; ends in 7 days", "new chats: 640 of 1000; counted anew"]
    {
        assert!(text.contains(words), "{words}: {text}");
    }
    assert!(text.contains("WhatsAppChannelRestricted.md"), "{text}");
    let json = program.get("/api/status").text();
    assert!(json.contains(r#""restrictions":[{"reason":"new_chats","ends":""#), "{json}");
    assert!(json.contains(r#""new_chat_quota":{"limit":1000,"unlimited":false,"used":640,"#));
    let all = text + &json + &program.log() + &program.get("/metrics").text();
    for personal in ["WahaPushName", "11111111111", "RESTRICT_ALL", "SECOND_WARNING"] {
        assert!(!all.contains(personal), "{personal} is shown");
    }

    upstream.update_waha_server(KEY, |server| {
        let capping = WahaCapping { status: "CAPPED".to_owned(), total: -1, ..capping };
        let free = Some(WahaTimelock { active: false, ends });
        let limits = WahaLimits { timelock: free, capping: Some(capping) };
        server.limits.insert("default".to_owned(), limits);
    });
    program.until_is(&restricted("default", "quota"), 1.0);
    let page = program.metrics();
    assert_eq!(page.get(&restricted("default", "new_chats")), Some(0.0));
    assert_eq!(page.get(end), None);
    assert_eq!(page.get(&of_default("new_chat_quota_limit")), Some(f64::INFINITY));
    upstream.update_waha_server(KEY, |server| server.limits.clear());
    program.until_is(&restricted("default", "quota"), None);
}

#[test]
fn check_says_what_an_account_may_not_do() {
    let upstream = Upstream::start();
    let limits = WahaLimits {
        timelock: Some(WahaTimelock { active: true, ends: seconds_from_now(3700) }),
        capping: None,
    };
    let mut server = WahaServer::new("waha").with_session("default", "WORKING");
    server.limits.insert("default".to_owned(), limits);
    upstream.set_waha_server(KEY, server);
    let setup = Setup::new().set("WAHA_URL", upstream.url()).set("WAHA_API_KEY", KEY);
    let ended = setup.argument("check").run();
    assert_eq!(ended.code, Some(1), "a warning counts too");
    let said = ended.stdout;
    assert!(said.contains("AUTH: may not begin new chats; ends in 1 h"), "{said}");
    assert!(said.contains("Stop first messages to new contacts"), "{said}");
}
