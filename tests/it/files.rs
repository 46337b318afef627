//! Files that are not what they should be: pipes, planted links, and secrets in place of their names.

use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::common::{Files, Setup, Upstream, closed_port, http};
use whatsapp_simulator::WhapiChannel as Channel;

/// Nobody writes to it, so whoever opens it to read waits for ever.
fn pipe(path: &Path) {
    let _ = std::fs::remove_file(path);
    assert!(Command::new("mkfifo").arg(path).status().expect("mkfifo").success());
}

fn unreachable() -> Setup {
    Setup::new()
        .set("WHAPI_TOKEN", "t")
        .set("WHAPI_API_URL", format!("http://{}", closed_port()))
        .set("META_API_URL", format!("http://{}", closed_port()))
}

#[test]
fn a_pipe_in_place_of_a_file_stops_the_start_at_once() {
    let files = Files::new();
    for name in ["CONFIG_FILE", "EXTRA_CA_FILE", "STATE_FILE"] {
        let path = files.path(name);
        pipe(&path);
        let ended = unreachable().set(name, &path).run();
        assert_eq!(ended.code, Some(2), "{name}: {ended:?}");
        assert!(ended.stderr.contains(name), "{ended:?}");
        assert!(ended.stderr.contains("is not a regular file"), "{ended:?}");
    }
}

#[test]
fn a_pipe_in_place_of_a_secret_fails_polls_and_nothing_else() {
    let files = Files::new();
    let upstream = Upstream::start();
    upstream.set_channel("t", Channel::new("default"));
    let token = files.write("token", "t");
    let program = Setup::of(&upstream).set("WHAPI_TOKEN_FILE", &token).start();
    program.until_is("whatsapp_channel_authorized", 1.0);
    pipe(&token);
    program.until_at_least("whatsapp_channel_poll_failures_total{reason=\"secret\"}", 2.0);
    assert_eq!(program.get("/healthz").status, 200);
}

#[test]
fn settings_that_become_a_pipe_stay_in_force() {
    let files = Files::new();
    let setup = unreachable().file(&files, "channels:\n  - {name: sales, token_file: token}\n");
    let program = setup.start();
    let path = files.path("settings.yaml");
    pipe(&path);
    let reload = || http::send(program.address, "POST", "/-/reload", &[], "").expect("an answer");
    let answer = reload();
    assert_eq!(answer.status, 500, "{}", answer.text());
    assert!(answer.text().contains("is not a regular file"), "{}", answer.text());
    // The watch of the file meets it as well.
    std::thread::sleep(Duration::from_secs(11));
    assert_eq!(reload().status, 500);
    assert_eq!(program.metrics().get("whatsapp_exporter_targets{kind=\"channel\"}"), Some(2.0));
    files.write("settings.yaml", "channels: []\n");
    assert_eq!(reload().status, 200);
    assert_eq!(program.metrics().get("whatsapp_exporter_targets{kind=\"channel\"}"), Some(1.0));
}

#[test]
fn no_planted_link_is_followed_beside_the_state_file() {
    let files = Files::new();
    let victim = files.write("victim", "precious");
    let state = files.write("state.json", "{ damaged");
    for ending in ["new", "damaged"] {
        symlink(&victim, files.path(&format!("state.json.{ending}"))).expect("a link");
    }
    let program = unreachable().set("STATE_FILE", &state).start();
    program.until_is("whatsapp_exporter_state_file_last_write_successful", 1.0);
    assert_eq!(std::fs::read_to_string(&victim).expect("a file"), "precious");
    let is_file = |name: &str| {
        std::fs::symlink_metadata(files.path(name)).expect("a file").file_type().is_file()
    };
    assert!(is_file("state.json") && is_file("state.json.damaged"));
    // A kill may leave one behind, and so does whoever plants it while the program runs.
    symlink(&victim, files.path("state.json.new")).expect("a link");
    crate::common::eventually("the state written again", || {
        files.path("state.json.new").symlink_metadata().is_err().then_some(())
    });
    assert_eq!(std::fs::read_to_string(&victim).expect("a file"), "precious");
    assert!(is_file("state.json"));
}

#[test]
fn a_state_file_that_is_a_link_is_refused() {
    let files = Files::new();
    let elsewhere = files.write("elsewhere", "");
    for target in [elsewhere.clone(), files.path("nowhere")] {
        let link = files.path("state.json");
        let _ = std::fs::remove_file(&link);
        symlink(&target, &link).expect("a link");
        let ended = unreachable().set("STATE_FILE", &link).run();
        assert_eq!(ended.code, Some(2), "{ended:?}");
        assert!(ended.stderr.contains("is a symbolic link"), "{ended:?}");
    }
    assert_eq!(std::fs::read(&elsewhere).expect("a file"), b"");
    assert!(!files.path("nowhere").exists());
}

#[test]
fn a_secret_in_place_of_a_files_name_is_not_repeated() {
    const SECRET: &str = "EAAGm0PX4ZCpsBAKZCqqZCexampleOfAToken1ZBZA";
    for name in ["CONFIG_FILE", "EXTRA_CA_FILE", "STATE_FILE", "WEB_CONFIG_FILE"] {
        let path = format!("/nonexistent/{SECRET}");
        let ended = unreachable().set(name, path).run();
        assert_eq!(ended.code, Some(2), "{name}: {ended:?}");
        assert!(ended.stderr.contains(&format!("{name} ")), "{ended:?}");
        assert!(ended.stderr.contains("looks like a secret"), "{ended:?}");
        assert!(!format!("{ended:?}").contains(SECRET), "{ended:?}");
    }
    // One that can be written, and one whose content is wrong.
    let files = Files::new();
    let path = files.write(SECRET, "channels: [{name: ");
    let ended = unreachable().set("CONFIG_FILE", &path).run();
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert!(!format!("{ended:?}").contains(SECRET), "{ended:?}");
    let program = unreachable().set("LOG_LEVEL", "debug").set("STATE_FILE", &path).start();
    program.until_is("whatsapp_exporter_state_file_last_write_successful", 1.0);
    assert!(!program.log().contains(SECRET), "{}", program.log());
}
