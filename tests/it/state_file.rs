//! `STATE_FILE`: what is known survives a restart, whatever happens to the exporter or to the file.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use crate::common::{DEADLINE, Files, Program, Setup, Upstream, closed_port, eventually, http};
use whatsapp_simulator::{Fault, WahaServer, WhapiChannel, WhapiStatus};

const SECRET: &str = "a-webhook-secret";

struct Stage {
    upstream: Upstream,
    files: Files,
}

impl Stage {
    fn new() -> Self {
        let stage = Self { upstream: Upstream::start(), files: Files::new() };
        stage.upstream.set_channel("s3cret", WhapiChannel::new("sales"));
        stage
    }

    fn setup(&self) -> Setup {
        Setup::of(&self.upstream)
            .set("WHAPI_TOKEN", "s3cret")
            .set("WHAPI_CHANNEL", "sales")
            .set("WEBHOOK_SECRET", SECRET)
            .set("STATE_FILE", self.path())
    }

    fn path(&self) -> std::path::PathBuf {
        self.files.path("state.json")
    }
}

fn transitions(to: &str) -> String {
    format!("whatsapp_channel_status_transitions_total{{channel=\"sales\",to=\"{to}\"}}")
}

fn stop(mut program: Program) {
    program.signal("TERM");
    assert_eq!(program.wait(DEADLINE).code(), Some(0));
}

fn webhook(program: &Program, body: &str) {
    let reply = http::send(
        program.address,
        "POST",
        "/webhook/whapi",
        &[("X-Webhook-Secret", SECRET), ("Content-Type", "application/json")],
        body.as_bytes(),
    )
    .expect("an answer");
    assert_eq!(reply.status, 200, "{}", reply.text());
}

#[test]
fn requests_through_the_gateway_go_on_counting_after_a_restart() {
    let stage = Stage::new();
    let setup = stage.setup().set("GATEWAY_ADDRESS", "127.0.0.1:0");
    let ask = |program: &Program| {
        for bearer in ["Bearer s3cret", "Bearer unknown"] {
            let path = "/whapi/health?wakeup=false";
            http::get(program.gateway(), path, &[("Authorization", bearer)]).expect("an answer");
        }
    };
    let count = |program: &Program, channel: &str| {
        program.metrics().sum(&format!("whatsapp_gateway_requests_total{{channel=\"{channel}\"}}"))
    };
    let counts = |program: &Program| (count(program, "sales"), count(program, "other"));
    let program = setup.start();
    ask(&program);
    assert_eq!(counts(&program), (1.0, 1.0));
    stop(program);
    let program = setup.start();
    assert_eq!(counts(&program), (1.0, 1.0));
    ask(&program);
    assert_eq!(counts(&program), (2.0, 2.0));
    stop(program);
    // As the first version named them.
    let old = fs::read_to_string(stage.path()).expect("a file").replace("requests/", "traffic/");
    assert!(old.contains("traffic/"), "{old}");
    fs::write(stage.path(), old).expect("a written file");
    assert_eq!(counts(&setup.start()), (2.0, 2.0));
}

#[test]
fn a_logout_that_happened_while_the_exporter_was_away_is_counted() {
    let stage = Stage::new();
    let program = stage.setup().start();
    program.until_is("whatsapp_channel_authorized", 1.0);
    let polls = program.metrics().get("whatsapp_channel_polls_total").unwrap_or_default();
    let since = program.metrics().get("whatsapp_channel_status_since_timestamp_seconds");
    stop(program);

    stage.upstream.update_channel("s3cret", |channel| channel.show(WhapiStatus::QR));
    let program = stage.setup().start();
    program.until_is(&transitions("QR"), 1.0);
    let page = program.metrics();
    assert!(page.get("whatsapp_channel_polls_total") > Some(polls), "{page}");
    stop(program);

    // Nothing happened meanwhile, so nothing is counted, and the status is as old as it is.
    let before = program_since(&stage);
    let program = stage.setup().start();
    program.until("a poll", |page| page.get("whatsapp_channel_poll_success").filter(|v| *v == 1.0));
    let page = program.metrics();
    assert_eq!(page.get(&transitions("QR")), Some(1.0));
    assert_eq!(page.get("whatsapp_channel_status_since_timestamp_seconds"), before);
    assert!(before > since);
}

/// `since` in the file, in seconds.
fn program_since(stage: &Stage) -> Option<f64> {
    let text = fs::read_to_string(stage.path()).expect("the state file");
    let document: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    Some(document["channels"][0]["since"].as_f64()? / 1000.0)
}

#[test]
fn the_last_known_status_counts_no_longer_than_it_would_have() {
    let stage = Stage::new();
    let setup = stage.setup().set("STALE_AFTER", "3s");
    let program = setup.start();
    program.until_is("whatsapp_channel_authorized", 1.0);
    stop(program);
    // Nobody can be asked, so all there is is what was known.
    let away = setup.set("WHAPI_API_URL", format!("http://{}", closed_port()));
    let program = away.start();
    program.until_is("whatsapp_channel_authorized", None);
    program.until_is("whatsapp_channel_status{status=\"UNKNOWN\"}", 1.0);
    assert_eq!(program.metrics().get(&transitions("AUTH")), Some(0.0));
}

#[test]
fn a_damaged_file_is_put_aside_and_told() {
    for damage in ["{\"version\":1,\"channels\":[{", "", "[]", "{\"version\":99}", "\u{0}\u{1}"] {
        let stage = Stage::new();
        fs::write(stage.path(), damage).expect("a written file");
        let program = stage.setup().start();
        program.until_is("whatsapp_channel_authorized", 1.0);
        assert!(program.log().contains("was moved aside"), "{}", program.log());
        let aside = fs::read_to_string(stage.files.path("state.json.damaged"));
        assert_eq!(aside.expect("the old file"), damage);
        stop(program);
        assert!(program_since(&stage).is_some());
    }
}

#[test]
fn a_file_that_cannot_be_used_stops_the_start_with_a_sentence() {
    let stage = Stage::new();
    let ended = stage.setup().set("STATE_FILE", "/nonexistent/state.json").run();
    assert_eq!(ended.code, Some(2));
    let said = ended.stderr;
    assert!(said.contains("STATE_FILE /nonexistent/state.json: cannot be written"), "{said}");
    let ended = stage.setup().set("STATE_FILE", stage.files.directory()).run();
    assert_eq!(ended.code, Some(2));
    assert!(ended.stderr.contains("is not a regular file"), "{}", ended.stderr);
}

#[test]
fn a_kill_at_any_moment_leaves_a_whole_file() {
    let stage = Stage::new();
    let mut counted = 0.0;
    let saved = || -> Option<f64> {
        let text = fs::read_to_string(stage.path()).expect("the state file");
        let document: serde_json::Value = serde_json::from_str(&text).expect("a whole file");
        document["channels"][0]["counters"]["polls"].as_f64()
    };
    const ROUNDS: u64 = 8;
    for round in 0..ROUNDS {
        let mut program = stage.setup().start();
        program.until_is("whatsapp_channel_authorized", 1.0);
        assert!(!program.log().contains("moved aside"), "{}", program.log());
        let polls = program.metrics().get("whatsapp_channel_polls_total").unwrap_or_default();
        assert!(polls >= counted, "round {round}: {polls} polls after {counted}");
        for number in 0..200 {
            let status = ["INIT", "LAUNCH", "AUTH"][number % 3];
            let uptime = 10_000 * round + 10 * number as u64;
            webhook(
                &program,
                &format!(
                    r#"{{"health":{{"start_at":1795000000,"uptime":{uptime},
                        "status":{{"text":"{status}"}}}},"event":{{"type":"channel",
                        "event":"post"}},"channel_id":"{}"}}"#,
                    stage.channel_id()
                ),
            );
        }
        // Not at the same moment of its five seconds in each round.
        std::thread::sleep(Duration::from_millis(700 * round));
        if round + 1 == ROUNDS {
            eventually("something was written", saved);
        }
        program.signal("KILL");
        program.wait(DEADLINE);
        counted = saved().unwrap_or_default();
    }
    assert!(counted > 0.0, "nothing outlived the last kill");
}

impl Stage {
    /// As the simulator gives it.
    fn channel_id(&self) -> String {
        let reply = http::get(
            self.upstream.address(),
            "/health?wakeup=false",
            &[("Authorization", "Bearer s3cret")],
        );
        let health: serde_json::Value =
            serde_json::from_slice(&reply.expect("an answer").body).expect("JSON");
        health["channel_id"].as_str().expect("an id").to_owned()
    }
}

#[test]
fn the_file_is_written_while_the_exporter_runs_and_holds_no_secret() {
    let stage = Stage::new();
    let program = stage.setup().start();
    program.until_is("whatsapp_channel_authorized", 1.0);
    eventually("the file has polls", || {
        let document: serde_json::Value =
            serde_json::from_str(&fs::read_to_string(stage.path()).ok()?).ok()?;
        document["channels"][0]["counters"]["polls"].as_u64().filter(|polls| *polls > 0)
    });
    assert_eq!(
        program.metrics().get("whatsapp_exporter_state_file_last_write_successful"),
        Some(1.0)
    );
    let text = fs::read_to_string(stage.path()).expect("the state file");
    assert!(!text.contains("s3cret") && !text.contains(SECRET), "{text}");
    let mode = fs::metadata(stage.path()).expect("the state file").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert!(!stage.files.path("state.json.new").exists());

    // The directory is gone: said in the metric and in the log, and the exporter goes on.
    fs::remove_dir_all(stage.files.directory()).expect("a removed directory");
    program.until_is("whatsapp_exporter_state_file_last_write_successful", 0.0);
    assert!(program.log().contains("cannot write STATE_FILE"), "{}", program.log());
    assert_eq!(program.get("/healthz").status, 200);
}

/// The `_created` sample of a counter, in seconds.
fn created(program: &Program, counter: &str) -> f64 {
    let open_metrics = [("Accept", "application/openmetrics-text;version=1.0.0")];
    let page = http::get(program.address, "/metrics", &open_metrics).expect("a page").text();
    let created = format!("{}_created", counter.trim_end_matches("_total"));
    let line = page.lines().find(|line| line.starts_with(&created)).expect("a sample");
    line.rsplit(' ').next().and_then(|time| time.parse().ok()).expect("a number")
}

#[test]
fn a_file_of_version_0_1_is_taken_up_and_counters_are_as_old_as_it() {
    let stage = Stage::new();
    let saved = r#"{"version":1,"channels":[{"provider":"whapi","name":"sales","basis":"nothing",
        "webhook":false,"counters":{"polls":70,"traffic/2xx":7}}],"tokens":[],
        "strangers":[{"provider":"whapi","counters":{"traffic/401":3}}]}"#;
    fs::write(stage.path(), saved).expect("a written file");
    let written = std::time::SystemTime::now() - Duration::from_secs(3600);
    let file = fs::File::options().write(true).open(stage.path()).expect("the file");
    file.set_modified(written).expect("an older file");
    let written = written.duration_since(std::time::UNIX_EPOCH).expect("a time").as_millis();

    let setup = stage.setup().set("GATEWAY_ADDRESS", "127.0.0.1:0");
    let requests = "whatsapp_gateway_requests_total";
    for _ in 0..2 {
        let program = setup.start();
        program.until_is("whatsapp_channel_authorized", 1.0);
        let page = program.metrics();
        assert!(page.get("whatsapp_channel_polls_total") > Some(70.0), "{page}");
        assert_eq!(page.get(&format!("{requests}{{channel=\"sales\",code=\"2xx\"}}")), Some(7.0));
        let other = format!("{requests}{{provider=\"whapi\",channel=\"other\",code=\"401\"}}");
        assert_eq!(page.get(&other), Some(3.0));
        for counter in ["whatsapp_channel_polls_total", requests] {
            assert_eq!((created(&program, counter) * 1000.0).round() as u128, written, "{counter}");
        }
        assert!(created(&program, "whatsapp_exporter_panics_total") * 1000.0 > written as f64);
        stop(program);
    }
}

#[test]
fn what_is_known_of_a_listed_channel_survives_restarts_before_it_is_listed_again() {
    let (upstream, files) = (Upstream::start(), Files::new());
    let server = |status| WahaServer::new("server").with_session("shop", status);
    let setup = Setup::of(&upstream)
        .set("WAHA_URL", upstream.url())
        .set("WAHA_API_KEY", "key")
        .set("STATE_FILE", files.path("state.json"))
        .set("POLL_TIMEOUT", "1s");
    upstream.set_waha_server("key", server("WORKING"));
    let of = |metric: &str| format!("{metric}{{provider=\"waha\",channel=\"shop\"}}");
    let last = of("whatsapp_channel_last_authorized_timestamp_seconds");
    let mut program = setup.start();
    let authorized = program.until("it is authorized", |page| page.get(&last));
    let stop = |program: &mut Program| {
        program.signal("TERM");
        program.wait(DEADLINE);
    };
    stop(&mut program);
    // Twice the list does not come before the next restart.
    upstream.set_fault("key", Some(Fault::bad_gateway()));
    for _ in 0..2 {
        let mut program = setup.start();
        let failed = "whatsapp_source_poll_failures_total{source=\"waha\",reason=\"server_error\"}";
        program.until_at_least(failed, 1.0);
        assert_eq!(program.metrics().get(&last), None);
        stop(&mut program);
    }
    upstream.set_fault("key", None);
    upstream.set_waha_server("key", server("SCAN_QR_CODE"));
    let program = setup.start();
    let to_qr = "whatsapp_channel_status_transitions_total{channel=\"shop\",to=\"QR\"}";
    program.until_is(to_qr, 1.0);
    let kept = program.metrics().get(&last).expect("when it was last authorized");
    assert!(kept >= authorized && kept < authorized + 60.0, "{kept} is not {authorized}");
    eventually("the file has it once", || {
        let text = fs::read_to_string(files.path("state.json")).ok()?;
        (text.matches("\"shop\"").count() == 1 && !text.contains("unclaimed")).then_some(())
    });
}
