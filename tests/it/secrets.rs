//! Secrets: files that hold them or do not, their rotation, and that none of them ever gets out.

use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::symlink;
use std::process::Command;
use std::time::Duration;

use crate::common::{Files, Program, Setup, Upstream, closed_port, eventually, http, within};
use crate::secret_hunt::{Hunt, PlantedSources, base64, faults, secret};
use ring::hmac;
use whatsapp_simulator::{EvolutionInstance, MetaToken, MetaTokenState, WhapiChannel};

const GOOD: &str = "Ab3dEf6hIj9lMn2pQr5tUv8xYz1bCd4f";

#[test]
fn a_secret_file_that_holds_no_secret_is_a_failure_in_words_and_stops_nothing_else() {
    let (upstream, files) = (Upstream::start(), Files::new());
    upstream.set_channel(GOOD, WhapiChannel::new("sales"));
    /// A name, what its file holds, and what is wrong with it.
    type Case = (&'static str, Option<&'static [u8]>, Option<&'static str>);
    let cases: &[Case] = &[
        ("plain", Some(GOOD.as_bytes()), None),
        ("newline", Some(b"Ab3dEf6hIj9lMn2pQr5tUv8xYz1bCd4f\n"), None),
        ("windows", Some(b"\xef\xbb\xbfAb3dEf6hIj9lMn2pQr5tUv8xYz1bCd4f\r\n"), None),
        ("blanks", Some(b"  Ab3dEf6hIj9lMn2pQr5tUv8xYz1bCd4f \n\n"), None),
        ("missing", None, Some("does not exist")),
        ("dangling", None, Some("does not exist")),
        ("directory", None, Some("is not a regular file")),
        ("fifo", None, Some("is not a regular file")),
        ("loop", None, Some("cannot be read")),
        ("empty", Some(b""), Some("is empty")),
        ("newline-only", Some(b"\n"), Some("is empty")),
        ("two-words", Some(b"Ab3dEf6hIj9l Mn2pQr5tUv8x"), Some("character 13 is white space")),
        ("bytes", Some(b"\xff\xfe\x00A"), Some("is not text")),
        ("huge", Some(&[b'x'; 100_000]), Some("longer than")),
    ];
    symlink("nowhere", files.path("dangling")).expect("a link");
    symlink("loop", files.path("loop")).expect("a link");
    std::fs::create_dir(files.path("directory")).expect("a directory");
    let made = Command::new("mkfifo").arg(files.path("fifo")).status();
    assert!(made.expect("the command mkfifo").success());
    let mut yaml = "channels:\n".to_owned();
    for (name, content, _) in cases {
        if let Some(content) = content {
            files.write(name, content);
        }
        let _ = write!(yaml, "  - name: {name}\n    token_file: {name}\n");
    }
    let program = Setup::of(&upstream).file(&files, &yaml).start();
    for (name, _, problem) in cases {
        let failures =
            format!("whatsapp_channel_poll_failures_total{{channel=\"{name}\",reason=\"secret\"}}");
        let Some(problem) = problem else {
            program.until_is(&format!("whatsapp_channel_authorized{{channel=\"{name}\"}}"), 1.0);
            assert_eq!(program.metrics().get(&failures), Some(0.0), "{name}");
            continue;
        };
        program.until_at_least(&failures, 1.0);
        let log = program.log();
        let told = log
            .lines()
            .any(|line| line.contains(&format!("name=\"{name}\"")) && line.contains(problem));
        assert!(told, "{name}: {problem}: {log}");
    }
    // A file that appears is used without anything else being done.
    files.write("missing", GOOD);
    program.until_is("whatsapp_channel_authorized{channel=\"missing\"}", 1.0);
    assert!(program.log().contains("polls succeed again"));
    assert!(!program.printed().contains(&GOOD[..16]));
    assert!(!program.printed().contains("Mn2pQr5tUv8x"));
}

#[test]
fn a_rotated_secret_is_used_by_the_next_poll() {
    let (upstream, files) = (Upstream::start(), Files::new());
    upstream.set_channel("first", WhapiChannel::new("before"));
    upstream.set_channel("second", WhapiChannel::new("after"));
    // As Kubernetes mounts secrets: a link to a link to a directory, the middle of which is
    // replaced.
    for (version, secret) in [("..v1", "first"), ("..v2", "second")] {
        std::fs::create_dir(files.path(version)).expect("a directory");
        std::fs::write(files.path(version).join("token"), secret).expect("a file");
    }
    symlink("..v1", files.path("..data")).expect("a link");
    symlink("..data/token", files.path("token")).expect("a link");
    let program = Setup::of(&upstream).set("WHAPI_TOKEN_FILE", files.path("token")).start();
    eventually("a poll with the first", || (upstream.asked(Some("before")) > 0).then_some(()));
    assert_eq!(upstream.asked(Some("after")), 0);
    symlink("..v2", files.path("..data.new")).expect("a link");
    std::fs::rename(files.path("..data.new"), files.path("..data")).expect("a rename");
    eventually("a poll with the second", || (upstream.asked(Some("after")) > 0).then_some(()));
    let before = upstream.asked(Some("before"));
    eventually("more with the second", || (upstream.asked(Some("after")) > 3).then_some(()));
    assert_eq!(upstream.asked(Some("before")), before, "the first is never used again");
    assert_eq!(program.metrics().sum("whatsapp_channel_poll_failures_total"), 0.0);
}

#[test]
fn a_refused_target_is_tried_at_once_when_its_secret_file_changes() {
    let (upstream, files) = (Upstream::start(), Files::new());
    upstream.set_channel("right", WhapiChannel::new("sales"));
    upstream.set_token("alive", MetaToken::new("marketing"));
    upstream.set_app(MetaToken::APP_ID, "appSecret", "shop app");
    files.write("channel", "wrong");
    files.write("token", "alive");
    files.write("app", "wrongToo");
    let yaml = format!(
        "channels:\n  - name: sales\n    token_file: channel\ntokens:\n  - name: marketing\n    \
         token_file: token\n    app_id: \"{}\"\n    app_secret_file: app\n",
        MetaToken::APP_ID
    );
    // After a refusal the next poll is at least an hour and a half away.
    let program = Setup::of(&upstream).file(&files, &yaml).pace("1h").start();
    program
        .until_at_least("whatsapp_channel_poll_failures_total{reason=\"channel_not_found\"}", 1.0);
    program.until_at_least(
        "whatsapp_token_poll_failures_total{reason=\"credential_unauthorized\"}",
        1.0,
    );
    files.write("channel", "right");
    files.write("app", "appSecret");
    program.until_is("whatsapp_channel_authorized", 1.0);
    program.until_is("whatsapp_token_valid", 1.0);
    assert_eq!(program.metrics().get("whatsapp_channel_polls_total"), Some(2.0));
    assert_eq!(program.metrics().get("whatsapp_token_polls_total"), Some(2.0));
}

#[test]
fn the_hunter_finds_what_it_hunts() {
    assert_eq!(base64(b"user:pass"), "dXNlcjpwYXNz");
    assert_eq!(base64(b"a"), "YQ==");
    let secret = secret("whapi", 1);
    for leak in [
        secret.clone(),
        secret.to_uppercase(),
        format!("token={}", &secret[..16]),
        base64(secret.as_bytes()),
        base64(format!("u:{secret}").as_bytes()),
        base64(format!("user:{secret}").as_bytes()),
    ] {
        let caught = std::panic::catch_unwind(|| {
            Hunt::new(std::slice::from_ref(&secret)).search("here", &format!("x {leak} y"));
        });
        assert!(caught.is_err(), "{leak}");
    }
}

/// Sends every secret through the gateway in every place that may carry one, and waits a moment for
/// each answer, since some never end. Returns the answers that are the gateway's own; an upstream's
/// may repeat what they like.
fn through_the_gateway(program: &Program, secrets: &[String]) -> Vec<String> {
    let gateway = program.gateway();
    let mut own = Vec::new();
    for secret in secrets {
        let encoded = secret.replace('|', "%7C");
        let body = format!("{{\"token\":\"{secret}\"}}");
        for request in [
            format!(
                "POST /whapi/messages/{encoded}?token={encoded} HTTP/1.1\r\nAuthorization: Bearer \
                    {secret}"
            ),
            format!(
                "POST /meta/v25.0/debug_token?input_token={encoded} HTTP/1.1\r\nAuthorization: \
                    Bearer {secret}"
            ),
            format!("POST /{encoded}?token={encoded} HTTP/1.1\r\nX: {secret}"),
            format!(
                "POST /meta/x?access_token={encoded} HTTP/1.1\r\nHost: {secret}\r\nX-A: {secret}"
            ),
            format!("POST http://{encoded}/ HTTP/1.1\r\nX: {secret}\r\n{secret}: x"),
        ] {
            let length = body.len();
            let whole = format!(
                "{request}\r\nHost: a\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n\
                    {body}"
            );
            let mut stream = http::connect(gateway).expect("a connection");
            stream.write_all(whole.as_bytes()).expect("sent");
            stream.set_read_timeout(Some(Duration::from_millis(300))).expect("an option");
            let mut answer = vec![0; 4096];
            let size = stream.read(&mut answer).unwrap_or(0);
            let answer = String::from_utf8_lossy(&answer[..size]).into_owned();
            if answer.contains("whatsapp-exporter's gateway: ") {
                own.push(answer);
            }
        }
    }
    assert!(own.len() > secrets.len(), "only {} answers were the gateway's own", own.len());
    own
}

/// The fault that repeats the secret with a status that is about nothing.
const ECHO: usize = 24;

#[test]
fn no_secret_leaves_whatever_goes_wrong_and_is_logged_as_text() {
    no_secret_leaves_whatever_goes_wrong("text");
}

#[test]
fn no_secret_leaves_whatever_goes_wrong_and_is_logged_as_json() {
    no_secret_leaves_whatever_goes_wrong("json");
}

fn no_secret_leaves_whatever_goes_wrong(log_format: &str) {
    let (upstream, files) = (Upstream::start(), Files::new());
    let mut secrets = Vec::new();
    let mut make = |kind: &str| {
        secrets.push(secret(kind, secrets.len()));
        secrets[secrets.len() - 1].clone()
    };
    let (own_channel, own_token, own_app) = (make("whapi"), make("meta"), make("app"));
    let (proxy_user, file_app) = (make("proxy"), make("app"));
    upstream.set_channel(&own_channel, WhapiChannel::new("default"));
    upstream.set_token(&own_token, MetaToken::expiring_in("default", Duration::from_secs(3)));
    upstream.set_app(MetaToken::APP_ID, &own_app, "shop app");
    files.write("app", &file_app);
    files.write("wrong", make("app"));

    let closed = format!("http://{}", closed_port());
    let not_tls = upstream.url().replace("http", "https");
    let (mut channels, mut tokens) = ("channels:\n".to_owned(), "tokens:\n".to_owned());
    let count = faults("").len();
    for at in 0..count {
        let (channel, token) = (make("whapi"), make("meta"));
        files.write(&format!("c{at}"), format!("{channel}\n"));
        files.write(&format!("t{at}"), &token);
        upstream.set_channel(&channel, WhapiChannel::new("x"));
        upstream.set_token(&token, MetaToken::new("x"));
        upstream.set_fault(&channel, Some(faults(&channel)[at].clone()));
        upstream.set_fault(&token, Some(faults(&token)[at].clone()));
        let _ = write!(channels, "  - name: c{at}\n    token_file: c{at}\n");
        let _ = write!(tokens, "  - name: t{at}\n    token_file: t{at}\n");
        if at % 2 == 0 {
            let _ =
                write!(tokens, "    app_id: \"{}\"\n    app_secret_file: app\n", MetaToken::APP_ID);
        }
    }
    // Trouble before any answer, and secrets that cannot be used.
    for (name, url) in
        [("closed", &*closed), ("no-tls", &not_tls), ("no-name", "http://nowhere.invalid")]
    {
        let (channel, token) = (make("whapi"), make("meta"));
        files.write(&format!("c-{name}"), &channel);
        files.write(&format!("t-{name}"), &token);
        let _ =
            write!(channels, "  - name: {name}\n    token_file: c-{name}\n    api_url: {url}\n");
        let _ = write!(tokens, "  - name: {name}\n    token_file: t-{name}\n    api_url: {url}\n");
    }
    for (name, file) in [
        ("two-lines", format!("{}\n{}\n", make("whapi"), make("whapi"))),
        ("not-ascii", format!("{}\u{e9}", make("whapi"))),
        ("too-long", make("whapi").repeat(1000)),
        // A careless hand puts the secret where its file's name belongs.
        ("instead", String::new()),
    ] {
        let path = if name == "instead" { make("whapi") } else { name.to_owned() };
        if !file.is_empty() {
            files.write(name, file);
        }
        let _ = write!(channels, "  - name: {name}\n    token_file: {path}\n");
    }
    let revoked = make("meta");
    files.write("revoked", &revoked);
    upstream.set_token(
        &revoked,
        MetaToken { state: MetaTokenState::Revoked(460), ..MetaToken::new("x") },
    );
    let _ = write!(tokens, "  - name: revoked\n    token_file: revoked\n");
    let _ = write!(
        tokens,
        "  - name: refused\n    token_file: revoked\n    app_id: \"1\"\n    \
         app_secret_file: wrong\n"
    );

    let planted = PlantedSources::plant(&upstream, &files);
    let sent_through_the_gateway = secrets.clone();
    secrets.extend(planted.secrets.iter().cloned());

    let setup = Setup::of(&upstream)
        .file(&files, &(channels + &tokens + &planted.yaml))
        .set("STATE_FILE", files.path("state"))
        .pace("2s")
        .set("STALE_AFTER", "3s")
        .set("LOG_LEVEL", "trace")
        .set("LOG_FORMAT", log_format)
        .set("GATEWAY_ADDRESS", "127.0.0.1:0")
        .set("GATEWAY_HOLD", "100ms")
        .set("WHAPI_TOKEN", &own_channel)
        .set("META_TOKEN", &own_token)
        .set("META_APP_ID", MetaToken::APP_ID)
        .set("META_APP_SECRET", &own_app);
    let by_proxy = |setup: &Setup| {
        setup
            .clone()
            .set("HTTP_PROXY", format!("http://user:{proxy_user}@{}", closed_port()))
            .set("HTTPS_PROXY", format!("http://user:{proxy_user}@{}", closed_port()))
    };
    let mut hunt = Hunt::new(&secrets);

    for (way, setup) in [("directly", setup.clone()), ("by a proxy", by_proxy(&setup))] {
        let mut program = setup.start();
        // Every target has been asked twice, so that also a failure that repeats itself is
        // told.
        program.until("every target asked twice", |page| {
            let polls: Vec<_> = page
                .all()
                .into_iter()
                .filter(|(series, _)| series.name.ends_with("_polls_total"))
                .collect();
            (polls.len() > 5 * count && polls.iter().all(|(_, polls)| *polls >= 2.0)).then_some(())
        });
        // What is listed is known by now; a server's key also asks for the states of its lines.
        let directly = way == "directly";
        for key in planted.well.iter().filter(|_| directly) {
            let echo = faults(key).swap_remove(ECHO);
            upstream.set_fault(key, Some(echo));
        }
        let listed = ["1101000031", "MANTIS-00031", "well-waha", "well-evolution"];
        for name in listed.iter().filter(|_| directly) {
            program.until_at_least(
                &format!("whatsapp_channel_polls_total{{channel=\"{name}\"}}"),
                2.0,
            );
        }
        for name in listed[2..].iter().filter(|_| directly) {
            let failures = format!(
                "whatsapp_channel_poll_failures_total{{channel=\"{name}\",\
                    reason=\"http_other\"}}"
            );
            program.until_at_least(&failures, 1.0);
        }
        for key in &planted.well {
            upstream.set_fault(key, None);
        }
        for path in [
            "/",
            "/?page=2",
            "/?page=3",
            "/?q=c",
            "/channels/default",
            "/channels/c0",
            "/metrics",
            "/api/status",
            "/healthz",
            "/readyz",
            "/channels/default/ready",
            "/channels/c0/ready",
            "/nowhere",
        ] {
            for accept in ["*/*", "application/openmetrics-text;version=1.0.0"] {
                for coding in ["identity", "gzip"] {
                    let headers = [("Accept", accept), ("Accept-Encoding", coding)];
                    let reply = http::get(program.address, path, &headers).expect("an answer");
                    hunt.search(&format!("{way} {path} {accept} {coding}"), &reply.whole());
                }
            }
        }
        // Secrets that a visitor sends are not repeated either.
        let path = format!("/{}?token={}", secrets[0], secrets[1].replace('|', "%7C"));
        for method in ["GET", "POST", "HEAD"] {
            let bearer = format!("Bearer {}", secrets[0]);
            let reply = http::ask(program.address, method, &path, &[("Authorization", &bearer)]);
            hunt.search(&format!("{way} {method}"), &reply.expect("an answer").whole());
        }
        for sentence in through_the_gateway(&program, &sent_through_the_gateway) {
            hunt.search(&format!("{way}: the gateway's own words"), &sentence);
        }
        assert!(program.log().contains("gateway request"), "{}", program.log());
        let health = Setup::bare()
            .argument("healthcheck")
            .set("LISTEN_ADDRESS", program.address.to_string())
            .set("WHAPI_TOKEN", &own_channel)
            .run();
        assert_eq!(health.code, Some(0));
        hunt.search(way, &format!("{health:?}"));
        program.signal("TERM");
        program.wait(Duration::from_secs(30));
        hunt.search(&format!("{way}: its log"), &program.printed());
        let state = std::fs::read(files.path("state")).expect("a state file");
        hunt.search(&format!("{way}: its state"), &String::from_utf8_lossy(&state));
        // What was counted before would pass for what is waited for.
        std::fs::remove_file(files.path("state")).expect("a removed file");
    }
    for (way, setup) in [("directly", setup.clone()), ("by a proxy", by_proxy(&setup))] {
        for form in ["--verbose", "--json"] {
            let checked = setup.clone().argument("check").argument(form).run();
            assert_eq!(checked.code, Some(1), "{checked:?}");
            hunt.search(&format!("check {form} {way}"), &format!("{checked:?}"));
        }
    }
    assert!(hunt.seen > 1_000_000, "only {} bytes were looked through", hunt.seen);
}

/// Deliveries of the other providers: each with an image of a QR code, Evolution's with a key too.
fn of_others(image: &str) -> [String; 4] {
    let key = EvolutionInstance::key("desk");
    [
        format!(
            r#"{{"event":"session.status","session":"desk","payload":{{"name":"desk",
                "status":"SCAN_QR_CODE","qr":"{image}"}}}}"#
        ),
        format!(
            r#"{{"event":"qrcode.updated","instance":"desk","apikey":"{key}",
                "data":{{"qrcode":{{"code":"{image}","base64":"{image}"}}}}}}"#
        ),
        format!(
            r#"{{"event":"connection.update","instance":"desk","apikey":"{key}",
                "data":{{"state":"{image}"}}}}"#
        ),
        format!(
            r#"{{"typeWebhook":"stateInstanceChanged","instanceData":{{"idInstance":7,
                "wid":"{image}"}},"stateInstance":"notAuthorized","qr":"{image}"}}"#
        ),
    ]
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn the_secret_of_webhooks_leaves_no_more_than_others() {
    let (upstream, files) = (Upstream::start(), Files::new());
    let [ours, second, wrong, image] =
        ["ours", "second", "wrong", "image"].map(|kind| secret(kind, 9));
    let key = EvolutionInstance::key("desk");
    let mut hunt = Hunt::new(&[ours.clone(), second.clone(), wrong.clone(), image.clone(), key]);
    upstream.set_channel("t", WhapiChannel::new("sales"));
    let path = files.write("secret", format!("{ours}\n"));
    let setup = Setup::of(&upstream)
        .set("WHAPI_TOKEN", "t")
        .set("LOG_LEVEL", "trace")
        .set("WEBHOOK_URL", "https://exporter.example.com/webhook/whapi");
    let event = format!(
        r#"{{"qr":{{"base64":"{image}","rowdata":"{image}"}},"event":{{"type":"channel",
            "event":"patch"}},"channel_id":"MANTIS-M72HC"}}"#
    );
    for format in ["text", "json"] {
        for setup in [
            setup.clone().set("WEBHOOK_SECRET", &ours),
            setup.clone().set("WEBHOOK_SECRET_FILE", &path),
        ] {
            let setup = setup.set("LOG_FORMAT", format);
            let mut program = setup.start();
            program.until_is("whatsapp_channel_authorized", 1.0);
            for (secret, body) in [
                (&ours, &*event),
                (&ours, "<html>"),
                (&ours, &*image),
                (&wrong, &*event),
                (&second, ""),
            ] {
                let headers = [("X-Webhook-Secret", &**secret), ("X-Other", &**secret)];
                for path in
                    ["/webhook/whapi", "/webhook/whapi/channel/patch", "/webhook/whapi/a/b/c"]
                {
                    let reply = http::send(program.address, "POST", path, &headers, body);
                    hunt.search(path, &reply.expect("an answer").whole());
                }
            }
            for by in [&ours, &wrong] {
                let key = hmac::Key::new(hmac::HMAC_SHA512, by.as_bytes());
                for body in of_others(&image) {
                    let signature = hex(hmac::sign(&key, body.as_bytes()).as_ref());
                    let bearer = format!("Bearer {by}");
                    let headers = [
                        ("X-Webhook-Hmac", &*signature),
                        ("X-Webhook-Secret", by),
                        ("Authorization", &bearer),
                    ];
                    for path in ["/webhook/waha", "/webhook/evolution/x", "/webhook/green_api"] {
                        let reply = http::send(program.address, "POST", path, &headers, &body);
                        let reply = reply.expect("an answer");
                        assert_eq!(reply.status, if by == &ours { 200 } else { 401 }, "{path}");
                        hunt.search(path, &reply.whole());
                    }
                }
            }
            for path in ["/", "/metrics", "/api/status"] {
                hunt.search(path, &program.get(path).whole());
            }
            program.signal("TERM");
            program.wait(Duration::from_secs(30));
            hunt.search("the log", &program.printed());
            hunt.search("check", &format!("{:?}", setup.argument("check").run()));
        }
    }
    // In a wrong place: in place of the header's name, of its file's name, in the address.
    for (name, value) in [
        ("WEBHOOK_SECRET_HEADER", ours.clone()),
        ("WEBHOOK_SECRET_HEADER", format!("{ours} and more")),
        ("WEBHOOK_URL", ours.clone()),
        ("WEBHOOK_URL", format!("https://exporter.example.com/?secret={ours}")),
        ("WEBHOOK_URL", format!("https://u:{ours}@exporter.example.com/")),
        ("WEBHOOK_SECRET", format!("{ours} {second}")),
        ("WEBHOOK_SECRET_FILE", ours.clone()),
    ] {
        let setup = setup.clone().set("WEBHOOK_SECRET", &ours).set(name, value);
        let ended = setup.run();
        assert_eq!(ended.code, Some(2), "{name}: {ended:?}");
        assert!(ended.stderr.contains(name), "{ended:?}");
        hunt.search(name, &format!("{ended:?}"));
    }
    let program = setup.clone().set("WEBHOOK_SECRET_FILE", &second).start();
    let headers = [("X-Webhook-Secret", &*second)];
    let reply = http::send(program.address, "POST", "/webhook/whapi", &headers, &event);
    hunt.search("the answer", &reply.expect("an answer").whole());
    eventually("it is told", || program.log().contains("cannot be used").then_some(()));
    hunt.search("the log", &program.printed());
}

#[test]
fn no_secret_leaves_from_a_wrong_place_in_the_settings() {
    let (whapi, meta) = (secret("whapi", 1), secret("meta", 2));
    let mut hunt = Hunt::new(&[whapi.clone(), meta.clone()]);
    let both = |text: &str| [text.replace("SECRET", &whapi), text.replace("SECRET", &meta)];
    // Each is refused, whichever of the two secrets it holds; where a file is one, it is refused
    // for the secret alone.
    let files = Files::new();
    let yaml = [
        "SECRET",
        "SECRET: []\n",
        "channels: SECRET\n",
        "channels:\n  - SECRET\n",
        "channels:\n  SECRET:\n    token_file: x\n",
        "channels:\n  - name: a\n    SECRET: x\n",
        "channels:\n  - name: a\n    token: SECRET\n",
        "channels:\n  - name: a\n    token: {SECRET: SECRET}\n",
        "channels:\n  - name: \"SECRET \"\n    token_file: x\n",
        "channels:\n  - name: [SECRET]\n    token_file: x\n",
        "channels:\n  - name: a\n    token_file: [SECRET]\n",
        "channels:\n  - name: a\n    token_file: {SECRET: SECRET}\n",
        "channels:\n  - name: a\n    token_file: x\n    poll_interval: SECRET\n",
        "channels:\n  - name: a\n    token_file: x\n    provider: SECRET\n",
        "channels:\n  - name: a\n    token_file: x\n    api_url: SECRET\n",
        "channels:\n  - name: a\n    token_file: x\n    \
         api_url: https://u:SECRET@gate.whapi.cloud\n",
        "channels:\n  - name: a\n    token_file: x\n    \
         api_url: https://gate.whapi.cloud/?token=SECRET\n",
        "channels:\n  - name: a\n    token_file: x\n    token_file: SECRET\n",
        "channels:\n  - name: a\n    token_file: !SECRET x\n    poll_interval: x\n",
        "channels:\n  - name: a\n    token_file: *SECRET\n",
        "channels:\n  - name: a\n    token_file: \"SECRET\n",
        "channels:\n  - name: a\n\ttoken_file: SECRET\n",
        "channels: [SECRET\n",
        "channels: &SECRET [*SECRET]\n",
        "tokens:\n  - name: a\n    token_file: x\n    app_id: SECRET\n    app_secret_file: x\n",
        "tokens:\n  - name: a\n    token_file: x\n    required_scopes: [SECRET]\n",
        "tokens:\n  - name: a\n    token_file: x\n    required_scopes: SECRET\n",
        "tokens:\n  - name: a\n    token_file: x\n    required_scopes: {SECRET: 1}\n",
        "tokens:\n  - name: a\n    token_file: x\n    api_version: SECRET\n",
        "tokens:\n  - name: a\n    token_file: x\n    app_secret: SECRET\n",
        "sources: SECRET\n",
        "sources:\n  - SECRET\n",
        "sources:\n  - name: a\n    provider: SECRET\n    token_file: x\n",
        "sources:\n  - name: a\n    provider: meta\n    token_file: x\n    waba_ids: [SECRET]\n",
    ];
    // The same mistakes in a source of each provider, and a channel of one.
    let providers = ["waha", "evolution", "green_api", "whapi", "meta"];
    let of_each = providers.into_iter().flat_map(|provider| {
        [
            "api_key: SECRET",
            "token: SECRET",
            "SECRET: x",
            "api_url: SECRET",
            "api_url: https://u:SECRET@waha.example.com",
            "api_url: http://waha:3000/?key=SECRET",
            "poll_interval: SECRET",
            "only: {SECRET: SECRET}",
            "except: [[SECRET]]",
            "names: SECRET",
            "names: {x: SECRET and more}",
            "names: {x: [SECRET]}",
            "max_channels: SECRET",
            "app_id: SECRET",
        ]
        .map(|line| {
            let url = match line.starts_with("api_url") {
                true => String::new(),
                false => "    api_url: http://waha:3000\n".to_owned(),
            };
            format!(
                "sources:\n  - name: a\n    provider: {provider}\n    token_file: x\n\
                {url}    {line}\n"
            )
        })
    });
    let of_each: Vec<String> = of_each
        .chain(["channel_id: SECRET and more", "channel_id: [SECRET]", "token: SECRET"].map(
            |line| {
                format!(
                    "channels:\n  - name: a\n    provider: green_api\n    token_file: x\n    \
                {line}\n"
                )
            },
        ))
        .collect();
    let texts = yaml.iter().copied().chain(of_each.iter().map(String::as_str));
    for text in texts.flat_map(both) {
        for command in ["", "check"] {
            let setup = Setup::new().file(&files, &text).set("LOG_LEVEL", "trace");
            let setup = if command.is_empty() { setup } else { setup.argument(command) };
            let ended = setup.run();
            assert_eq!(ended.code, Some(2), "{text}: {ended:?}");
            assert!(ended.stderr.starts_with("error: CONFIG_FILE "), "{text}: {ended:?}");
            hunt.search(&text, &format!("{ended:?}"));
        }
    }
    let variables = [
        ("LISTEN_ADDRESS", "SECRET"),
        ("LOG_LEVEL", "SECRET"),
        ("LOG_FORMAT", "SECRET"),
        ("WHAPI_TOKEN", "SECRET and more"),
        ("WHAPI_CHANNEL", "SECRET/"),
        ("WHAPI_API_URL", "SECRET"),
        ("WHAPI_API_URL", "https://u:SECRET@gate.whapi.cloud"),
        ("WHAPI_API_URL", "https://gate.whapi.cloud?SECRET"),
        ("WHAPI_API_URL", "https://gate.whapi.cloud:SECRET"),
        ("WHAPI_API_URL", "SECRET://gate.whapi.cloud"),
        ("WHAPI_POLL_INTERVAL", "SECRET"),
        ("META_TOKEN_NAME", "-SECRET"),
        ("META_APP_ID", "SECRET"),
        ("META_API_VERSION", "SECRET"),
        ("META_REQUIRED_SCOPES", "SECRET"),
        ("POLL_TIMEOUT", "SECRET"),
        ("POLL_CONCURRENCY", "SECRET"),
        ("STALE_AFTER", "SECRET"),
        ("WHAPI_PARTNER_URL", "https://u:SECRET@manager.whapi.cloud"),
        ("WHAPI_PARTNER_TOKEN", "SECRET and more"),
        ("WAHA_URL", "SECRET"),
        ("WAHA_URL", "http://waha:3000/?key=SECRET"),
        ("WAHA_API_KEY", "SECRET"),
        ("EVOLUTION_URL", "http://u:SECRET@evolution:8080"),
        ("EVOLUTION_API_KEY", "SECRET and more"),
        ("GREEN_API_INSTANCE_ID", "SECRET"),
        ("GREEN_API_TOKEN", "SECRET"),
        ("GREEN_API_PARTNER_TOKEN", "SECRET and more"),
        ("GREEN_API_URL", "https://api.green-api.com/waInstance1/getStateInstance/SECRET?x"),
    ];
    for (name, value) in variables {
        for value in both(value) {
            let ended = Setup::new().set("WHAPI_TOKEN", "t").set(name, &value).run();
            assert_eq!(ended.code, Some(2), "{name}={value}: {ended:?}");
            assert!(ended.stderr.contains(name), "{name}={value}: {ended:?}");
            hunt.search(name, &format!("{ended:?}"));
        }
    }
    // A name that is the secret itself would be a label on every series.
    for (token, name, value) in
        [("WHAPI_TOKEN", "WHAPI_CHANNEL", &whapi), ("META_TOKEN", "META_TOKEN_NAME", &whapi)]
    {
        let ended = Setup::new().set(token, value).set(name, value).run();
        assert_eq!(ended.code, Some(2), "{ended:?}");
        hunt.search(name, &format!("{ended:?}"));
    }
    // The command line is no place for one either.
    let ended = Setup::new().argument(&whapi).run();
    assert_eq!(ended.code, Some(2));
    hunt.search("arguments", &format!("{ended:?}"));
    let ended = Setup::new().argument("check").argument("--token").argument(&whapi).run();
    assert_eq!(ended.code, Some(2));
    hunt.search("arguments", &format!("{ended:?}"));
}

#[test]
fn a_secret_in_place_of_its_files_name_is_not_repeated() {
    let upstream = Upstream::start();
    let (whapi, meta, app) = (secret("whapi", 5), secret("meta", 6), secret("app", 7));
    let mut hunt = Hunt::new(&[whapi.clone(), meta.clone(), app.clone()]);
    let setup = Setup::of(&upstream)
        .set("WHAPI_TOKEN_FILE", whapi)
        .set("META_TOKEN_FILE", meta)
        .set("META_APP_ID", MetaToken::APP_ID)
        .set("META_APP_SECRET_FILE", app)
        .set("LOG_LEVEL", "trace");
    let program = setup.start();
    program.until_at_least("whatsapp_channel_poll_failures_total{reason=\"secret\"}", 1.0);
    program.until_at_least("whatsapp_token_poll_failures_total{reason=\"secret\"}", 1.0);
    let told = within(Duration::from_secs(30), || {
        (program.log().matches("does not exist").count() >= 2).then_some(())
    });
    assert!(told.is_some(), "{}", program.log());
    hunt.search("the log", &program.printed());
    hunt.search("check", &format!("{:?}", setup.argument("check").run()));
}
