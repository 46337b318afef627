//! `check`: its causes, its summary, its JSON, and what it looks at offline.

use std::fmt::Write as _;
use std::os::unix::fs::symlink;

use serde_json::{Value, json};

use crate::common::{Ended, Files, Setup, Upstream, closed_port};
use whatsapp_simulator::{MetaToken, MetaTokenState, WahaServer, WhapiChannel, WhapiStatus};

fn document(ended: &Ended) -> Value {
    let document: Value = serde_json::from_str(&ended.stdout).expect("JSON");
    assert_eq!(document["version"], 1);
    assert_eq!(document["well"], ended.code == Some(0), "{ended:?}");
    document
}

fn lines(ended: &Ended) -> Vec<&str> {
    ended.stdout.lines().collect()
}

#[test]
fn a_failure_is_told_with_its_cause() {
    let files = Files::new();
    let signed = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).expect("a key");
    files.write("tls.crt", signed.cert.pem());
    files.write("tls.key", signed.signing_key.serialize_pem());
    let web =
        files.write("web.yaml", "tls_server_config: {cert_file: tls.crt, key_file: tls.key}\n");
    let refused = format!("http://{}", closed_port());
    // An exporter is a server whose certificate nobody signed.
    let quiet = Setup::new().set("WHAPI_TOKEN", "t").set("WHAPI_API_URL", &*refused);
    let server = quiet.set("WEB_CONFIG_FILE", web).start();
    let untrusted = format!("https://{}", server.address);
    files.write("token", "t");
    let mut yaml = "channels:\n".to_owned();
    for (name, url) in
        [("refused", &*refused), ("unknown", "http://nowhere.invalid"), ("untrusted", &untrusted)]
    {
        let _ = writeln!(yaml, "  - {{name: {name}, token_file: token, api_url: '{url}'}}");
    }
    let _ = write!(
        yaml,
        "sources:\n  - {{name: list, provider: waha, token_file: token, api_url: '{refused}'}}\n"
    );
    let setup = Setup::new().file(&files, &yaml).argument("check");
    let ended = setup.run();
    assert_eq!((ended.code, &*ended.stderr), (Some(1), ""), "{ended:?}");
    for (target, told) in [
        ("channel refused", "No connection: connection refused. Check DNS"),
        ("channel unknown", "No connection: no address was found for the host name. Check DNS"),
        ("channel untrusted", "The certificate is signed by an unknown authority;"),
        ("source list", "No connection: connection refused. "),
    ] {
        let line = ended.stdout.lines().find(|line| line.starts_with(target));
        let line = line.unwrap_or_else(|| panic!("no {target}: {}", ended.stdout));
        assert!(line.contains(told), "{line}");
        assert!(line.matches("No connection").count() <= 1, "{line}");
    }
    let ended = setup.argument("--json").run();
    let document = document(&ended);
    let targets = document["targets"].as_array().expect("a list");
    let untrusted = targets.iter().find(|target| target["name"] == "untrusted").expect("it");
    assert_eq!(untrusted["reason"], "tls");
    assert!(untrusted["cause"].as_str().is_some_and(|cause| cause.contains("EXTRA_CA_FILE")));
}

#[test]
fn a_token_that_died_of_age_is_expired_and_a_revoked_one_is_not() {
    let (upstream, files) = (Upstream::start(), Files::new());
    let dead = |state| MetaToken { state, ..MetaToken::new("x") };
    upstream.set_token("old", dead(MetaTokenState::Expired));
    upstream.set_token("revoked", dead(MetaTokenState::Revoked(460)));
    files.write("old", "old");
    files.write("revoked", "revoked");
    let yaml = "tokens: [{name: old, token_file: old}, {name: revoked, token_file: revoked}]";
    let ended = Setup::of(&upstream).file(&files, yaml).argument("check").argument("--json").run();
    let document = document(&ended);
    let status = |name: &str| {
        let targets = document["targets"].as_array().expect("a list");
        targets.iter().find(|target| target["name"] == name).expect("it")["status"].clone()
    };
    assert_eq!((status("old"), status("revoked")), (json!("expired"), json!("invalid")));
}

#[test]
fn of_many_targets_those_that_are_well_are_counted_and_the_worst_come_last() {
    let (upstream, files) = (Upstream::start(), Files::new());
    let mut server = WahaServer::new("server");
    for number in 0..300 {
        server = server.with_session(&format!("line-{number:03}"), "WORKING");
    }
    upstream.set_waha_server("key", server.with_session("starting", "STARTING"));
    upstream.set_channel("out", WhapiChannel::new("out").with_status(WhapiStatus::QR));
    let setup = Setup::of(&upstream)
        .set("WAHA_URL", upstream.url())
        .set("WAHA_API_KEY", "key")
        .set("WHAPI_TOKEN", "out")
        .argument("check");
    let ended = setup.run();
    assert_eq!((ended.code, &*ended.stderr), (Some(1), ""), "{ended:?}");
    let told = lines(&ended);
    assert_eq!(told.len(), 5, "{told:?}");
    assert!(told[0].starts_with("TARGET "), "{told:?}");
    assert!(told[1].starts_with("channel starting "), "{told:?}");
    assert!(told[2].starts_with("channel default ") && told[2].contains("QR"), "{told:?}");
    assert_eq!(told[4], "2 of 303 targets not well: 1 bad, 1 warning; 301 well.");
    let all = setup.clone().argument("--verbose").run();
    assert_eq!(lines(&all).len(), 1 + 303 + 2);
    let whole = document(&setup.argument("--json").run());
    assert_eq!(whole["targets"].as_array().map(Vec::len), Some(303));
    assert_eq!(whole["summary"], json!({"ok": 301, "warning": 1, "unknown": 0, "bad": 1}));
    assert_eq!(whole["configured"]["source"], 1);
    assert_eq!(whole["configured"]["channel"], 1);
    drop(files);
}

#[test]
fn the_json_of_a_channel_has_the_documented_fields() {
    let upstream = Upstream::start();
    upstream.set_channel("c", WhapiChannel::new("sales"));
    let setup = Setup::of(&upstream).set("WHAPI_TOKEN", "c").set("WHAPI_CHANEL", "x");
    let setup = setup.argument("check").argument("--json");
    let ended = setup.run();
    assert_eq!((ended.code, &*ended.stderr), (Some(0), ""), "{ended:?}");
    let expected = json!({
        "version": 1,
        "well": true,
        "offline": false,
        "problems": [],
        "warnings":
            ["the variable WHAPI_CHANEL is not a setting; did you mean WHAPI_CHANNEL?"],
        "configured": {"channel": 1, "source": 0, "token": 0, "account": 0},
        "summary": {"ok": 1, "warning": 0, "unknown": 0, "bad": 0},
        "targets": [{
            "kind": "channel",
            "provider": "whapi",
            "name": "default",
            "source": null,
            "level": "ok",
            "status": "AUTH",
            "reason": null,
            "cause": null,
            "todo": null,
            "runbook": null,
            "expires": null,
        }],
        "webhooks": [],
    });
    assert_eq!(document(&ended), expected);
    // Each field is documented.
    let page = std::fs::read_to_string("docs/check.md").expect("docs/check.md");
    let of_targets = expected["targets"][0].as_object().expect("an object").keys();
    for field in expected.as_object().expect("an object").keys().chain(of_targets) {
        assert!(page.contains(&format!("| `{field}` |")), "docs/check.md has no {field}");
    }
    let ended = setup.set("LOG_LEVEL", "loud").run();
    let document = document(&ended);
    assert_eq!((ended.code, &*ended.stderr), (Some(2), ""), "{ended:?}");
    assert_eq!(document["problems"].as_array().map(Vec::len), Some(1), "{document}");
}

#[test]
fn offline_nothing_is_asked_and_no_secret_is_read() {
    let (upstream, files) = (Upstream::start(), Files::new());
    let yaml = "channels: [{name: a, token_file: nowhere}, {name: b, token_file: nowhere}]\n\
        tokens: [{name: t, token_file: nowhere}]";
    let setup = Setup::of(&upstream)
        .file(&files, yaml)
        .set("STATE_FILE", "/nowhere/state")
        .set("WEBHOOK_SECRET_FILE", "/nowhere/secret")
        .set("WEB_CONFIG_FILE", "/nowhere/web.yaml")
        .argument("check")
        .argument("--offline");
    let ended = setup.run();
    assert_eq!((ended.code, &*ended.stderr), (Some(0), ""), "{ended:?}");
    assert_eq!(ended.stdout, "Settings are valid: 2 channels, 1 token. No requests were made.\n");
    assert_eq!(upstream.asked(None), 0);
    let whole = document(&setup.clone().argument("--json").run());
    assert_eq!((&whole["offline"], &whole["configured"]["channel"]), (&json!(true), &json!(2)));
    let wrong = setup.file(&files, "channels: [{name: a}]").run();
    assert_eq!(wrong.code, Some(2));
    assert!(wrong.stderr.contains("token_file"), "{wrong:?}");
}

#[test]
fn a_state_file_that_cannot_be_used_is_told_and_one_in_use_is_not_touched() {
    let (upstream, files) = (Upstream::start(), Files::new());
    upstream.set_channel("c", WhapiChannel::new("sales"));
    let setup = Setup::of(&upstream).set("WHAPI_TOKEN", "c").argument("check");
    let good = files.write("state", "not ours to judge");
    let ended = setup.clone().set("STATE_FILE", &good).run();
    assert_eq!((ended.code, &*ended.stderr), (Some(0), ""), "{ended:?}");
    assert_eq!(std::fs::read_to_string(&good).expect("the file"), "not ours to judge");
    let left: Vec<_> = std::fs::read_dir(files.directory()).expect("a directory").collect();
    assert_eq!(left.len(), 1, "{left:?}");
    symlink(&good, files.path("link")).expect("a link");
    std::fs::create_dir(files.path("folder")).expect("a folder");
    for (path, told) in [
        (files.path("nowhere/state"), "cannot be written"),
        (files.path("link"), "is a symbolic link"),
        (files.path("folder"), "it is not a regular file"),
    ] {
        let ended = setup.clone().set("STATE_FILE", &path).run();
        assert_eq!((ended.code, &*ended.stdout), (Some(2), ""), "{ended:?}");
        assert!(ended.stderr.contains("STATE_FILE") && ended.stderr.contains(told), "{ended:?}");
    }
}
