//! An Evolution API server whose instances are discovered, over real HTTP.

use std::time::{SystemTime, UNIX_EPOCH};

use whatsapp_simulator::{EvolutionInstance, EvolutionServer, Fault};

use crate::common::metrics::Metrics;
use crate::common::{Files, Program, Setup, Upstream, eventually, http};

const KEY: &str = "EvolutionGlobalKeyNotARealOne";
const SECRET: &str = "webhookSecretNotARealOne";

/// One instance for each row of the table of statuses.
fn server() -> EvolutionServer {
    let word = |state: &str| EvolutionInstance {
        state: Some(state.to_owned()),
        ..EvolutionInstance::new("open")
    };
    // Linked again after a logout; its network is away for now.
    let linked_again = EvolutionInstance { reason: Some(401), ..word("close") };
    EvolutionServer::new("evolution")
        .with_instance("open", EvolutionInstance::new("open"))
        .with_instance("connecting", EvolutionInstance::new("connecting"))
        .with_instance("close", EvolutionInstance::new("close"))
        .with_instance("logged-out", EvolutionInstance::closed_by(401))
        .with_instance("forbidden", EvolutionInstance::closed_by(403))
        .with_instance("payment", EvolutionInstance::closed_by(402))
        .with_instance("not-acceptable", EvolutionInstance::closed_by(406))
        .with_instance("linked-again", linked_again)
        .with_instance("not-loaded", EvolutionInstance::not_in_memory())
        .with_instance("new-word", word("paused"))
        .with_instance("cloud", EvolutionInstance::business())
}

fn setup(upstream: &Upstream, server: EvolutionServer) -> Setup {
    upstream.set_evolution_server(KEY, server);
    Setup::new().set("EVOLUTION_URL", upstream.url()).set("EVOLUTION_API_KEY", KEY)
}

/// From the settings file, the list and its instances polled every second.
fn from_file(upstream: &Upstream, files: &Files, server: EvolutionServer, more: &str) -> Setup {
    upstream.set_evolution_server(KEY, server);
    files.write("key", KEY);
    let yaml = format!(
        "sources:\n  - name: eu\n    provider: evolution\n    api_url: {}\n    \
         token_file: key\n    poll_interval: 1s\n{more}",
        upstream.url()
    );
    Setup::new().file(files, &yaml)
}

fn status(channel: &str, status: &str) -> String {
    format!(
        "whatsapp_channel_status{{provider=\"evolution\",channel=\"{channel}\",\
            status=\"{status}\"}}"
    )
}

fn failures(channel: &str, reason: &str) -> String {
    format!("whatsapp_channel_poll_failures_total{{channel=\"{channel}\",reason=\"{reason}\"}}")
}

fn moves(page: &Metrics, channel: &str, to: &str) -> Option<f64> {
    page.get(&format!(
        "whatsapp_channel_status_transitions_total{{channel=\"{channel}\",to=\"{to}\"}}"
    ))
}

#[test]
fn every_instance_with_a_phone_is_a_channel_with_its_status() {
    let upstream = Upstream::start();
    let program = setup(&upstream, server()).set("LOG_LEVEL", "trace").start();
    for (channel, word) in [
        ("open", "AUTH"),
        ("connecting", "LAUNCH"),
        ("close", "STOP"),
        ("logged-out", "QR"),
        ("forbidden", "BLOCKED"),
        ("payment", "ERROR"),
        ("not-acceptable", "ERROR"),
        ("linked-again", "STOP"),
        ("not-loaded", "STOP"),
        ("new-word", "UNKNOWN"),
    ] {
        program
            .until_at_least(&format!("whatsapp_channel_polls_total{{channel=\"{channel}\"}}"), 1.0);
        program.until_is(&status(channel, word), 1.0);
    }
    let page = program.metrics();
    assert_eq!(page.get(&status("cloud", "AUTH")), None, "it would always claim to be open");
    let source =
        |metric: &str| page.get(&format!("whatsapp_source_{metric}{{source=\"evolution\"}}"));
    assert_eq!((source("channels"), source("poll_success")), (Some(10.0), Some(1.0)));
    assert_eq!(source("poll_interval_seconds"), Some(300.0));
    let interval = "whatsapp_channel_poll_interval_seconds{channel=\"open\"}";
    assert_eq!(page.get(interval), Some(30.0));

    let log = program.log();
    assert!(log.contains("WHATSAPP-BUSINESS"), "{log}");
    let all = [program.get("/metrics").text(), program.get("/").text(), log].join("\n");
    let all = all + &program.get("/api/status").text();
    for secret in [
        KEY,
        "EvolutionInstanceKey",
        "EvolutionChatwootToken",
        "EvolutionProxyPassword",
        "EvolutionWavoipToken",
        "EvolutionProfile",
        "EvolutionDisconnectionObject",
        "11111111111",
    ] {
        assert!(!all.contains(secret), "{secret} is shown");
    }
    assert!(all.contains("Evolution manager"), "advice is in the provider's own terms");
    assert!(upstream.requests().iter().all(|request| !request.wakes && request.method == "GET"));
}

#[test]
fn instances_come_and_go_and_a_failing_list_keeps_the_last() {
    let (upstream, files) = (Upstream::start(), Files::new());
    let instance = EvolutionInstance::new;
    let server = EvolutionServer::new("evolution")
        .with_instance("shop", instance("open"))
        .with_instance("cloud", EvolutionInstance::business())
        .with_instance("old", instance("close"));
    let program = from_file(&upstream, &files, server, "").set("STALE_AFTER", "1h").start();
    program.until_is(&status("shop", "AUTH"), 1.0);
    program.until_is(&status("old", "STOP"), 1.0);
    upstream.update_evolution_server(KEY, |server| {
        server.instances.remove("old");
        server.instances.insert("new".to_owned(), instance("connecting"));
    });
    program.until_is(&status("new", "LAUNCH"), 1.0);
    program.until_is(&status("old", "STOP"), None);

    // The database is gone: the list fails, and states still come from memory.
    upstream.update_evolution_server(KEY, |server| server.database_down = true);
    program.until_is("whatsapp_source_poll_success{source=\"eu\"}", 0.0);
    let failed = "whatsapp_source_poll_failures_total{source=\"eu\",reason=\"server_error\"}";
    program.until_at_least(failed, 1.0);
    upstream.update_evolution_server(KEY, |server| {
        server.instances.insert("shop".to_owned(), instance("close"));
    });
    program.until_is(&status("shop", "STOP"), 1.0);
    upstream.update_evolution_server(KEY, |server| server.database_down = false);
    program.until_is("whatsapp_source_poll_success{source=\"eu\"}", 1.0);
    program.until_at_least("whatsapp_source_polls_total{source=\"eu\"}", 4.0);
    let log = program.log();
    let told = log.lines().filter(|line| line.contains("WHATSAPP-BUSINESS")).count();
    assert_eq!(told, 1, "each list had the instance that is not watched: {log}");
}

#[test]
fn a_logout_is_known_by_the_list_and_stays_until_the_phone_is_linked_again() {
    let (upstream, files) = (Upstream::start(), Files::new());
    let server =
        EvolutionServer::new("evolution").with_instance("shop", EvolutionInstance::new("open"));
    let program = from_file(&upstream, &files, server, "").start();
    let set = |instance: EvolutionInstance| {
        upstream.update_evolution_server(KEY, |server| {
            server.instances.insert("shop".to_owned(), instance);
        });
    };
    program.until_is(&status("shop", "AUTH"), 1.0);
    set(EvolutionInstance::closed_by(401));
    program.until_is(&status("shop", "QR"), 1.0);
    let polls = "whatsapp_channel_polls_total{channel=\"shop\"}";
    let seen = program.metrics().get(polls).unwrap_or_default();
    program.until_at_least(polls, seen + 3.0);
    let page = program.metrics();
    assert_eq!(page.get(&status("shop", "QR")), Some(1.0));
    assert_eq!(moves(&page, "shop", "QR"), Some(1.0), "no poll of its own moved it back");

    // The row keeps the old reason; a lost network is no logout.
    set(EvolutionInstance { reason: Some(401), ..EvolutionInstance::new("open") });
    program.until_is(&status("shop", "AUTH"), 1.0);
    let lists = "whatsapp_source_polls_total{source=\"eu\"}";
    let seen = program.metrics().get(lists).unwrap_or_default();
    program.until_at_least(lists, seen + 2.0);
    upstream.update_evolution_server(KEY, |server| {
        let shop = server.instances.get_mut("shop").expect("it is there");
        shop.state = Some("close".to_owned());
    });
    program.until_is(&status("shop", "STOP"), 1.0);
    assert_eq!(moves(&program.metrics(), "shop", "QR"), Some(1.0));
}

#[test]
fn wrong_answers_are_failures_with_their_reasons() {
    let (upstream, files) = (Upstream::start(), Files::new());
    let server =
        EvolutionServer::new("evolution").with_instance("shop", EvolutionInstance::new("open"));
    let more = "    names: {\"a name/with more\": named}\n";
    let program = from_file(&upstream, &files, server, more).start();
    program.until_is(&status("shop", "AUTH"), 1.0);
    for (fault, reason) in [
        (Fault::evolution_error_with_200(), "server_error"),
        (Fault::evolution_no_instance(), "channel_not_found"),
        (Fault::evolution_no_database(), "server_error"),
        (Fault::page(), "decode"),
        (Fault::wrong_shape(), "decode"),
    ] {
        let before = program.metrics().get(&failures("shop", reason)).unwrap_or_default();
        upstream.set_fault(KEY, Some(fault));
        program.until_at_least(&failures("shop", reason), before + 1.0);
        upstream.set_fault(KEY, None);
        program.until_is("whatsapp_channel_poll_success{channel=\"shop\"}", 1.0);
    }
    // A name that needs encoding is watched under the operator's name for it.
    upstream.update_evolution_server(KEY, |server| {
        let instance = EvolutionInstance::new("open");
        server.instances.insert("a name/with more".to_owned(), instance);
    });
    program.until_is(&status("named", "AUTH"), 1.0);
}

#[test]
fn an_instances_own_key_lists_that_instance_and_a_refused_key_is_told() {
    let (upstream, files) = (Upstream::start(), Files::new());
    let own = EvolutionInstance::key("shop");
    let server = EvolutionServer::new("evolution")
        .with_instance("shop", EvolutionInstance::new("open"))
        .with_instance("other", EvolutionInstance::new("open"));
    let setup = from_file(&upstream, &files, server, "");
    files.write("key", &own);
    let program = setup.start();
    program.until_is(&status("shop", "AUTH"), 1.0);
    assert_eq!(program.metrics().get(&status("other", "AUTH")), None, "the key lists its own");
    drop(program);

    upstream.update_evolution_server(KEY, |server| server.database_down = true);
    let ended = setup.clone().argument("check").run();
    assert!(ended.stdout.contains("server_error"), "{ended:?}");

    let before = upstream.requests().len();
    files.write("key", "wrong");
    upstream.update_evolution_server(KEY, |server| server.database_down = false);
    let ended = setup.argument("check").run();
    assert!(ended.stdout.contains("credential_unauthorized"), "{ended:?}");
    assert!(ended.stdout.contains("AUTHENTICATION_API_KEY"), "{ended:?}");
    assert_eq!(upstream.requests().len(), before + 1);
}

fn deliver(program: &Program, path: &str, data: &str, secret: &str) -> u16 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a time after 1970");
    // Local time called UTC, as in São Paulo.
    let written = humantime::format_rfc3339_millis(
        UNIX_EPOCH + now - std::time::Duration::from_secs(3 * 3600),
    );
    let body = format!(
        r#"{{"event":"connection.update","instance":"shop","data":{data},
            "destination":"http://127.0.0.1/","date_time":"{written}",
            "server_url":"http://127.0.0.1:8080","apikey":"EvolutionInstanceKeyOf-shop"}}"#
    );
    let headers = [("X-Webhook-Secret", secret)];
    http::send(program.address, "POST", path, &headers, &body).expect("an answer").status
}

fn state(state: &str, reason: u16) -> String {
    format!(r#"{{"instance":"shop","state":"{state}","statusReason":{reason}}}"#)
}

#[test]
fn a_webhook_tells_what_polls_miss_and_the_same_again_is_no_transition() {
    let upstream = Upstream::start();
    let server =
        EvolutionServer::new("evolution").with_instance("shop", EvolutionInstance::new("open"));
    let setup = setup(&upstream, server).set("WEBHOOK_SECRET", SECRET).set("LOG_LEVEL", "trace");
    let program = setup.start();
    program.until_is(&status("shop", "AUTH"), 1.0);
    let path = "/webhook/evolution";
    assert_eq!(deliver(&program, path, &state("close", 401), "wrong"), 401);
    assert_eq!(program.metrics().get(&status("shop", "AUTH")), Some(1.0));

    for n in 0..20 {
        let path = if n % 2 == 0 { path } else { "/webhook/evolution/connection-update" };
        assert_eq!(deliver(&program, path, &state("connecting", 200), SECRET), 200);
    }
    let page = program.metrics();
    assert_eq!(page.get(&status("shop", "LAUNCH")), Some(1.0));
    assert_eq!(moves(&page, "shop", "LAUNCH"), Some(1.0), "twenty deliveries, one transition");

    let with_source = "/webhook/evolution/evolution/connection-update";
    assert_eq!(deliver(&program, with_source, &state("open", 200), SECRET), 200);
    assert_eq!(program.metrics().get(&status("shop", "AUTH")), Some(1.0));
    for (reason, word) in [(401, "QR"), (403, "BLOCKED"), (402, "ERROR"), (428, "STOP")] {
        let close = state("close", reason);
        assert_eq!(deliver(&program, "/webhook/evolution/evolution", &close, SECRET), 200);
        assert_eq!(program.metrics().get(&status("shop", word)), Some(1.0), "{reason}");
    }
    assert_eq!(deliver(&program, path, &state("refused", 428), SECRET), 200);
    assert_eq!(program.metrics().get(&status("shop", "QR")), Some(1.0));

    let elsewhere = "/webhook/evolution/other/connection-update";
    assert_eq!(deliver(&program, elsewhere, &state("open", 200), SECRET), 200);
    let page = program.metrics();
    assert_eq!(page.get(&status("shop", "QR")), Some(1.0), "it is another source's");
    let refused = |reason: &str| {
        page.get(&format!("whatsapp_exporter_webhooks_refused_total{{reason=\"{reason}\"}}"))
    };
    assert_eq!((refused("secret"), refused("unknown_channel")), (Some(1.0), Some(1.0)));
    eventually("the log tells of the webhook for nobody", || {
        program.log().contains("webhook for an unconfigured channel").then_some(())
    });
    let all =
        [program.log(), program.get("/").text(), program.get("/api/status").text()].join("\n");
    let all = all + &program.get("/metrics").text();
    for secret in [KEY, SECRET, "EvolutionInstanceKey"] {
        assert!(!all.contains(secret), "{secret} is shown");
    }
}

#[test]
fn check_tells_of_the_source_and_its_instances() {
    let upstream = Upstream::start();
    let ended = setup(&upstream, server()).argument("check").run();
    assert_eq!(ended.code, Some(1));
    let said = ended.stdout;
    for line in ["channel open", "channel logged-out", "source evolution", "10 channels"] {
        assert!(said.contains(line), "{line}: {said}");
    }
}

#[test]
fn a_list_of_several_mebibytes_is_read_and_one_beyond_the_bound_is_not() {
    let (upstream, files) = (Upstream::start(), Files::new());
    let mut server = EvolutionServer::new("evolution");
    for number in 0..2500 {
        server = server.with_instance(&format!("shop-{number}"), EvolutionInstance::new("open"));
    }
    upstream.set_evolution_server(KEY, server);
    files.write("key", KEY);
    let yaml = format!(
        "sources:\n  - name: eu\n    provider: evolution\n    api_url: {}\n    \
         token_file: key\n    max_channels: 3000\n    poll_interval: 1m\n",
        upstream.url()
    );
    let setup = Setup::new().file(&files, &yaml).pace("30s");
    setup.start().until_is("whatsapp_source_channels{source=\"eu\"}", 2500.0);
    upstream.set_fault(KEY, Some(Fault::oversized(9 << 20)));
    let failures = "whatsapp_source_poll_failures_total{source=\"eu\",reason=\"decode\"}";
    setup.start().until_at_least(failures, 1.0);
}

#[test]
fn an_instance_without_a_valid_name_is_counted_and_told() {
    let (upstream, files) = (Upstream::start(), Files::new());
    let server = EvolutionServer::new("evolution")
        .with_instance("shop", EvolutionInstance::new("open"))
        .with_instance("Shop 1", EvolutionInstance::new("open"));
    let program = from_file(&upstream, &files, server, "").start();
    program.until_is("whatsapp_source_channels{source=\"eu\"}", 1.0);
    program.until_at_least("whatsapp_source_polls_total{source=\"eu\"}", 3.0);
    let ignored = "whatsapp_source_channels_ignored{source=\"eu\"}";
    assert_eq!(program.metrics().get(ignored), Some(1.0));
    assert_eq!(program.log().matches("listed channels are not watched").count(), 1);
    let page = program.get("/").text();
    assert!(page.contains("Set names for them"), "{page}");
}
