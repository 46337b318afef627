//! The commands as a person or a container types them: what they print, and how they end.

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::time::Duration;

use crate::common::{Files, Setup, Upstream, closed_port, http};
use whatsapp_exporter::config::variables;
use whatsapp_exporter::input::Variable;
use whatsapp_simulator::{
    EvolutionInstance, EvolutionServer, EvolutionWebhook, Fault, GreenApiInstance, MetaToken,
    MetaTokenState, WahaServer, WebhookMode, WhapiChannel, WhapiStatus, WhapiWebhook,
};

#[test]
fn help_lists_every_setting() {
    for word in ["--help", "-h", "help"] {
        let ended = Setup::bare().argument(word).run();
        assert_eq!((ended.code, &*ended.stderr), (Some(0), ""));
        for Variable { name, default, .. } in variables() {
            let line =
                ended.stdout.lines().find(|line| line.split_whitespace().next() == Some(name));
            assert!(line.is_some_and(|line| line.contains(default)), "{name}: {line:?}");
        }
        for command in [
            "demo",
            "check",
            "healthcheck",
            "completions SHELL",
            "man",
            "--help",
            "--version",
            "--config.file=FILE",
            "--web.listen-address=ADDRESS",
            "--web.config.file=FILE",
            "--log.level=WORD",
            "--log.format=WORD",
        ] {
            assert!(ended.stdout.contains(command), "{command}");
        }
    }
}

#[test]
fn the_version_is_the_packages() {
    for word in ["--version", "-V"] {
        let ended = Setup::bare().argument(word).run();
        assert_eq!(ended.code, Some(0));
        assert_eq!(ended.stdout, concat!("whatsapp-exporter ", env!("CARGO_PKG_VERSION"), "\n"));
    }
}

#[test]
fn a_word_that_is_no_command_is_refused() {
    for words in [&["--verbose"][..], &["run"], &["check", "now"], &[""], &["--help", "--version"]]
    {
        let setup = words.iter().fold(Setup::new().set("WHAPI_TOKEN", "t"), |s, w| s.argument(w));
        let ended = setup.run();
        assert_eq!(ended.code, Some(2), "{words:?}");
        assert_eq!(ended.stdout, "");
        assert!(ended.stderr.contains("--help"), "{words:?}: {}", ended.stderr);
    }
}

#[test]
fn with_nothing_to_watch_the_way_to_begin_is_told() {
    let files = Files::new();
    let empty = Setup::new().file(&files, "channels: []\ntokens:\n");
    for setup in [Setup::bare(), Setup::new(), Setup::new().set("WHAPI_TOKEN", ""), empty] {
        for setup in [setup.clone(), setup.argument("check")] {
            let ended = setup.run();
            assert_eq!(ended.code, Some(2), "{ended:?}");
            for part in ["WHAPI_TOKEN", "META_TOKEN", "CONFIG_FILE", "`whatsapp-exporter demo`"] {
                assert!(ended.stderr.contains(part), "{part}: {}", ended.stderr);
            }
        }
    }
}

#[test]
fn an_address_that_is_taken_is_told() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("an address").to_string();
    let ended = Setup::new().set("WHAPI_TOKEN", "t").set("LISTEN_ADDRESS", &*address).run();
    assert_eq!(ended.code, Some(1), "{ended:?}");
    let sentence = format!("LISTEN_ADDRESS: cannot listen on {address}");
    assert!(ended.stderr.contains(&sentence), "{}", ended.stderr);
}

#[test]
fn output_that_cannot_be_written_is_no_success() {
    for arguments in [&["--help"][..], &["check", "--offline"]] {
        let full = std::fs::File::create("/dev/full").expect("a full device");
        let mut command = std::process::Command::new(crate::common::binary());
        let command = command.args(arguments).env_clear().env("WHAPI_TOKEN", "t").stdout(full);
        let ended = command.output().expect("a program");
        assert_eq!(ended.status.code(), Some(1), "{ended:?}");
        assert!(String::from_utf8_lossy(&ended.stderr).contains("cannot be written"), "{ended:?}");
    }
}

#[test]
fn an_error_that_nobody_can_be_told_is_an_error_all_the_same() {
    for (arguments, code) in [(&["check", "--offline"][..], 2), (&["--nope"], 2)] {
        let full = std::fs::File::create("/dev/full").expect("a full device");
        let mut command = std::process::Command::new(crate::common::binary());
        let ended = command.args(arguments).env_clear().stderr(full).output().expect("a program");
        assert_eq!(ended.status.code(), Some(code), "{arguments:?}: {ended:?}");
    }
}

#[test]
fn a_file_is_named_as_it_is_written() {
    let setup = Setup::new().set("WHAPI_TOKEN_FILE", "secrets/whapi").argument("check");
    let ended = setup.run();
    assert!(ended.stdout.contains(" secrets/whapi: does not exist. The"), "{ended:?}");
}

#[test]
fn healthcheck_tells_whether_the_exporter_here_is_alive() {
    let check =
        |address: &str| Setup::bare().argument("healthcheck").set("LISTEN_ADDRESS", address).run();
    let url = format!("http://{}", closed_port());
    let program = Setup::new().set("WHAPI_TOKEN", "t").set("WHAPI_API_URL", url).start();
    let port = program.address.port();
    // Also where the exporter listens on every address.
    for address in [format!("127.0.0.1:{port}"), format!("0.0.0.0:{port}"), format!(":{port}")] {
        let ended = check(&address);
        assert_eq!((ended.code, &*ended.stdout, &*ended.stderr), (Some(0), "", ""), "{address}");
    }
    drop(program);
    let nobody = check(&closed_port().to_string());
    assert_eq!(nobody.code, Some(1));
    assert!(nobody.stderr.contains("does not answer"), "{}", nobody.stderr);
    assert_eq!(check("nonsense").code, Some(2));
    // What else may answer there.
    for answer in ["HTTP/1.1 503 Service Unavailable\r\n\r\n", "HTTP/1.1 200", "SSH-2.0\r\n", ""] {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address").to_string();
        let server = std::thread::spawn(move || {
            let (mut io, _) = listener.accept().expect("a visitor");
            let _ = io.read(&mut [0; 1024]);
            let _ = io.write_all(answer.as_bytes());
        });
        let expected = if answer == "HTTP/1.1 200" { 0 } else { 1 };
        assert_eq!(check(&address).code, Some(expected), "{answer:?}");
        server.join().expect("a server");
    }
}

#[test]
fn healthcheck_does_not_wait_for_ever() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address").to_string();
    let ended = Setup::bare().argument("healthcheck").set("LISTEN_ADDRESS", address).run();
    assert_eq!(ended.code, Some(1));
    drop(listener);
}

/// A row of the table, its columns parted by two blanks at least.
fn row(table: &str, target: &str) -> Vec<String> {
    let line = table
        .lines()
        .find(|line| line.strip_prefix(target).is_some_and(|rest| rest.starts_with(' ')));
    let line = line.unwrap_or_else(|| panic!("no {target} in\n{table}"));
    line.split("  ")
        .filter(|part| !part.trim().is_empty())
        .map(|part| part.trim().to_owned())
        .collect()
}

#[test]
fn check_says_that_all_is_well() {
    let upstream = Upstream::start();
    upstream.set_channel("c", WhapiChannel::new("sales"));
    upstream.set_token("t", MetaToken::new("marketing"));
    let setup = Setup::of(&upstream)
        .set("WHAPI_TOKEN", "c")
        .set("WHAPI_CHANNEL", "sales")
        .set("META_TOKEN", "t")
        .set("META_TOKEN_NAME", "marketing")
        // It neither listens nor logs.
        .set("LISTEN_ADDRESS", "203.0.113.1:1")
        .argument("check");
    let ended = setup.run();
    assert_eq!((ended.code, &*ended.stderr), (Some(0), ""), "{ended:?}");
    assert_eq!(row(&ended.stdout, "channel sales"), ["channel sales", "AUTH", "-"]);
    assert_eq!(row(&ended.stdout, "token marketing"), ["token marketing", "valid", "never"]);
    let source = row(&ended.stdout, "source marketing");
    assert_eq!(source[1], "listed: 0 channels");
    assert!(source[3].contains("META_WABA_IDS"), "what to do, and no fault");
    // The token is asked whether it works, and which accounts it may see.
    assert_eq!((upstream.asked(Some("sales")), upstream.asked(Some("marketing"))), (1, 2));
    assert_eq!(upstream.woken("c"), 0);
}

#[test]
fn check_says_what_is_wrong_and_what_to_do() {
    let (upstream, files) = (Upstream::start(), Files::new());
    let day = Duration::from_secs(86_400);
    let channels = [
        ("good", WhapiChannel::new("x"), None, "AUTH", ""),
        (
            "out",
            WhapiChannel::new("x").with_status(WhapiStatus::QR),
            None,
            "QR",
            "scan the QR code",
        ),
        ("stopped", WhapiChannel::new("x").with_status(WhapiStatus::STOP), None, "STOP", "billing"),
        (
            "strange",
            WhapiChannel::new("x").with_status(WhapiStatus::new("HIBERNATING", None)),
            None,
            "UNKNOWN",
            "update the exporter",
        ),
        (
            "session",
            WhapiChannel::new("x"),
            Some(Fault::session_unauthorized()),
            "UNKNOWN (session_unauthorized)",
            "session is not authorized",
        ),
        (
            "deleted",
            WhapiChannel::new("x"),
            Some(Fault::channel_not_found()),
            "UNKNOWN (channel_not_found)",
            "does not know this token",
        ),
        (
            "hanging",
            WhapiChannel::new("x"),
            Some(Fault::hang()),
            "UNKNOWN (timeout)",
            "o whole answer within 1s. Check the network",
        ),
    ];
    let user = MetaToken::of_user("x", 60 * day, 3 * day);
    let tokens = [
        ("healthy", MetaToken::expiring_in("x", 60 * day), "valid", "in 59 days 23 h", ""),
        ("never", MetaToken::new("x"), "valid", "never", ""),
        (
            "expiring",
            MetaToken::expiring_in("x", 6 * day + day / 2),
            "expiring",
            "in 6 days 11 h",
            "Refresh or replace",
        ),
        ("soon", MetaToken::expiring_in("x", day + day / 2), "expiring", "in 1 day 11 h", "now"),
        ("data", user, "data access expiring", "in 59 days 23 h", "log in to the app again"),
        (
            "revoked",
            MetaToken { state: MetaTokenState::Revoked(460), ..MetaToken::new("x") },
            "invalid",
            "not known",
            "Create a new token",
        ),
        (
            "scopeless",
            MetaToken::new("x").without_scope("whatsapp_business_messaging"),
            "scope missing: whatsapp_business_messaging",
            "never",
            "Grant the missing permission",
        ),
    ];
    let mut yaml = "channels:\n".to_owned();
    for (name, channel, fault, ..) in &channels {
        upstream.set_channel(name, channel.clone());
        upstream.set_fault(name, fault.clone());
        files.write(name, name);
        let _ = write!(yaml, "  - name: {name}\n    token_file: {name}\n");
    }
    yaml.push_str("  - name: unmounted\n    token_file: nowhere\ntokens:\n");
    for (name, token, ..) in &tokens {
        upstream.set_token(name, token.clone());
        files.write(name, name);
        let _ = write!(yaml, "  - name: {name}\n    token_file: {name}\n");
    }
    let setup = Setup::of(&upstream).file(&files, &yaml).argument("check");
    let ended = setup.run();
    assert_eq!((ended.code, &*ended.stderr), (Some(1), ""), "{ended:?}");
    let table = &ended.stdout;
    assert!(table.starts_with("TARGET "), "{table}");
    let secret = row(table, "channel unmounted");
    assert_eq!(secret[1], "UNKNOWN (secret)");
    assert!(secret[3].contains("mounted"));
    for (name, _, _, status, todo) in &channels {
        let row = row(table, &format!("channel {name}"));
        assert_eq!(row[1], *status, "{table}");
        let told = row.get(3).map_or("", String::as_str);
        assert!(told.contains(todo) && told.is_empty() == todo.is_empty(), "{name}: {table}");
    }
    for (name, _, status, expires, todo) in &tokens {
        let row = row(table, &format!("token {name}"));
        assert_eq!((&*row[1], &*row[2]), (*status, *expires), "{table}");
        let told = row.get(3).map_or("", String::as_str);
        assert!(told.contains(todo) && told.is_empty() == todo.is_empty(), "{name}: {table}");
    }
}

#[test]
fn check_ends_with_two_when_the_settings_are_wrong() {
    let ended =
        Setup::new().set("WHAPI_TOKEN", "t").set("LOG_LEVEL", "loud").argument("check").run();
    assert_eq!((ended.code, &*ended.stdout), (Some(2), ""));
    assert!(ended.stderr.contains("LOG_LEVEL: must be one of"), "{}", ended.stderr);
}

const WEBHOOK_URL: &str = "https://exporter.example.com/webhook/whapi";
const WEBHOOK_SECRET: &str = "webhookSecretOfTheseTests";

#[test]
fn check_says_whose_webhooks_do_not_reach_the_exporter_and_what_to_send() {
    let (upstream, files) = (Upstream::start(), Files::new());
    let right = || {
        WhapiWebhook::new(WEBHOOK_URL, WebhookMode::Path).header("X-Webhook-Secret", WEBHOOK_SECRET)
    };
    let elsewhere =
        || WhapiWebhook::new("https://app.example.com/?key=theirOwnSecret", WebhookMode::Body);
    let mut few = right();
    few.events.retain(|(kind, method)| kind == "channel" && method == "post");
    let wrong = WhapiWebhook::new(WEBHOOK_URL, WebhookMode::Body)
        .header("X-Webhook-Secret", "someOtherSecret");
    let cases: [(&str, Vec<WhapiWebhook>, &str); 6] = [
        ("right", vec![elsewhere(), right()], ""),
        ("none", vec![], "no webhook leads to `https://exporter.example.com/webhook/whapi`"),
        ("elsewhere", vec![elsewhere()], "no webhook leads to"),
        (
            "bare",
            vec![WhapiWebhook::new(WEBHOOK_URL, WebhookMode::Body)],
            "has no header `x-webhook-secret`",
        ),
        ("wrong", vec![wrong], "something else than the secret"),
        (
            "few",
            vec![few],
            "does not deliver channel.patch, users.post, users.delete, messages.post, \
                statuses.post",
        ),
    ];
    let mut yaml = "channels:\n".to_owned();
    for (name, webhooks, _) in &cases {
        let mut channel = WhapiChannel::new(name);
        channel.webhooks.clone_from(webhooks);
        upstream.set_channel(name, channel);
        files.write(name, name);
        let _ = write!(yaml, "  - name: {name}\n    token_file: {name}\n");
    }
    let setup = Setup::of(&upstream).file(&files, &yaml).argument("check");
    // Without a secret nobody asks for settings.
    let ended = setup.run();
    assert_eq!((ended.code, &*ended.stderr), (Some(0), ""), "{ended:?}");
    assert!(!ended.stdout.contains("webhook"), "{ended:?}");
    assert_eq!(upstream.asked(None), 6);

    let setup = setup.set("WEBHOOK_SECRET", WEBHOOK_SECRET).set("WEBHOOK_URL", WEBHOOK_URL);
    let ended = setup.run();
    assert_eq!((ended.code, &*ended.stderr), (Some(1), ""), "{ended:?}");
    let told = |name: &str| {
        let begin = format!("channel {name}: ");
        ended.stdout.lines().find_map(|line| line.strip_prefix(&begin)).unwrap_or_default()
    };
    for (name, _, expected) in &cases {
        let told = told(name);
        assert!(
            told.contains(expected) && told.is_empty() == expected.is_empty(),
            "{name}: {told}"
        );
    }
    for hidden in [WEBHOOK_SECRET, "someOtherSecret", "theirOwnSecret", "proxyPassword"] {
        assert!(!ended.stdout.contains(hidden), "{hidden}: {ended:?}");
    }

    // What it says to send is enough when it is sent.
    let begin = ended.stdout.find("{ \"webhooks\"").expect("what to send");
    let end = ended.stdout.rfind("\n\n").expect("the summary");
    let body = ended.stdout[begin..end].replace("<WEBHOOK_SECRET>", WEBHOOK_SECRET);
    for (name, ..) in &cases[1..] {
        let bearer = format!("Bearer {name}");
        let headers = [("Authorization", &*bearer)];
        let reply = http::send(upstream.address(), "PATCH", "/settings", &headers, &body);
        assert_eq!(reply.expect("an answer").status, 200);
    }
    let ended = setup.run();
    assert_eq!((ended.code, &*ended.stderr), (Some(0), ""), "{ended:?}");
    // Any address that leads to the receiver will do when none is named.
    assert_eq!(setup.clone().unset("WEBHOOK_URL").run().code, Some(0));
    assert_eq!(
        setup.clone().set("WEBHOOK_SECRET", "anotherSecretOfTheseTests").run().code,
        Some(1)
    );
    assert_eq!(setup.clone().set("WEBHOOK_SECRET_HEADER", "X-Other").run().code, Some(1));

    // Settings that cannot be read are no reason to be at ease.
    upstream.set_fault("none", Some(Fault::forbidden()));
    upstream.set_fault("few", Some(Fault::wrong_shape()));
    let ended = setup.run();
    assert_eq!(ended.code, Some(1));
    for told in [
        "channel none: its settings cannot be read: HTTP 403 (forbidden)",
        "channel few: its settings cannot be read: the answer is not a channel's settings (decode)",
    ] {
        assert!(ended.stdout.contains(told), "{told}: {ended:?}");
    }
    assert!(!ended.stdout.contains("PATCH"), "{ended:?}");
    assert_eq!(upstream.woken("right"), 0);
    // Nor is a secret of our own that cannot be read.
    let setup = setup.unset("WEBHOOK_SECRET").set("WEBHOOK_SECRET_FILE", files.path("nowhere"));
    let ended = setup.run();
    assert_eq!(ended.code, Some(1));
    assert!(ended.stdout.contains("nowhere: does not exist"), "{ended:?}");
    let setup = setup.unset("WEBHOOK_SECRET_FILE").set("WEBHOOK_SECRET", WEBHOOK_SECRET);
    let setup = setup.set("META_WEBHOOK_APP_SECRET_FILE", files.path("neither"));
    let ended = setup.run();
    assert_eq!(ended.code, Some(1));
    assert!(ended.stdout.contains("neither: does not exist, so none is received"), "{ended:?}");
}

#[test]
fn check_says_for_each_provider_what_to_set_there() {
    let (upstream, files) = (Upstream::start(), Files::new());
    let evolution = || {
        EvolutionServer::new("evolution")
            .with_instance("front desk", EvolutionInstance::new("open"))
    };
    upstream.set_waha_server("waha", WahaServer::new("waha").with_session("kiosk", "WORKING"));
    upstream.set_evolution_server("evolution", evolution());
    upstream.set_green_api_instance("green", GreenApiInstance::new(1_101_000_001, "authorized"));
    let mut yaml = "sources:\n".to_owned();
    for name in ["waha", "evolution"] {
        files.write(name, name);
        let _ = write!(
            yaml,
            "  - name: {name}\n    provider: {name}\n    api_url: {}\n    token_file: {name}\n    \
             names: {{front desk: desk}}\n",
            upstream.url()
        );
    }
    let setup = Setup::of(&upstream)
        .file(&files, &yaml)
        .set("GREEN_API_INSTANCE_ID", "1101000001")
        .set("GREEN_API_TOKEN", "green")
        .set("GREEN_API_URL", upstream.url())
        .argument("check");
    assert!(!setup.run().stdout.contains("webhook"), "without a secret none are received");
    let setup = setup.set("WEBHOOK_SECRET", WEBHOOK_SECRET).set("WEBHOOK_URL", WEBHOOK_URL);
    let ended = setup.run();
    assert_eq!((ended.code, &*ended.stderr), (Some(1), ""), "{ended:?}");
    let at = |provider: &str| format!("\"https://exporter.example.com/webhook/{provider}\"");
    for part in [
        "channel desk: no webhook leads to `https://exporter.example.com/webhook/evolution`",
        &format!("\"url\": {}", at("evolution")),
        &format!("\"url\": {}, \"events\": [\"session.status\", \"message.any\"", at("waha")),
        &format!("\"webhookUrl\": {}, \"webhookUrlToken\"", at("green_api")),
    ] {
        assert!(ended.stdout.contains(part), "{part}: {ended:?}");
    }
    assert!(!ended.stdout.contains(WEBHOOK_SECRET), "{ended:?}");

    let webhook = |url: &str| EvolutionWebhook {
        url: url.to_owned(),
        headers: vec![("X-Webhook-Secret".to_owned(), WEBHOOK_SECRET.to_owned())],
    };
    for url in
        ["https://exporter.example.com/webhook/evolution/evolution", "https://app.example.com/"]
    {
        let mut server = evolution();
        server.webhook = Some(webhook(url));
        upstream.set_evolution_server("evolution", server);
        let ended = setup.run();
        assert_eq!((ended.code, &*ended.stderr), (Some(0), ""), "{ended:?}");
        assert!(!ended.stdout.contains("channel desk: "), "{ended:?}");
    }
}
