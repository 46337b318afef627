//! Several real processes that share one fleet: who watches what, what the others answer, and what
//! a rolling restart and a change of their number do.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::common::wire::watched;
use crate::common::{Files, Program, Setup, Upstream, closed_port, eventually, http};
use crate::peers::prometheus::Prometheus;
use whatsapp_simulator::{MetaToken, WahaServer, WhapiChannel};

const SECRET: &str = "webhookSecretOfTheseTests";
const CHANNELS: usize = 30;
const SESSIONS: usize = 20;

fn channel(at: usize) -> String {
    format!("channel-{at:02}")
}

/// A fleet of channels, tokens and a source's sessions, as every shard is told of it.
struct ShardedFleet {
    upstream: Upstream,
    files: Files,
    yaml: String,
}

impl ShardedFleet {
    fn new() -> Self {
        let (upstream, files) = (Upstream::start(), Files::new());
        let mut yaml = "channels:\n".to_owned();
        for name in (0..CHANNELS).map(channel) {
            let mut line = WhapiChannel::new(&name);
            line.channel_id = id_of(&name);
            upstream.set_channel(&name, line);
            files.write(&name, &name);
            // One half has its id told beforehand.
            let id = if name.ends_with(['0', '2', '4', '6', '8']) {
                format!(", channel_id: {}", id_of(&name))
            } else {
                String::new()
            };
            let _ = writeln!(yaml, "  - {{name: {name}, token_file: {name}{id}}}");
        }
        yaml.push_str("tokens:\n");
        for name in (0..6).map(|at| format!("token-{at}")) {
            upstream.set_token(&name, MetaToken::new(&name));
            files.write(&name, &name);
            let _ = writeln!(yaml, "  - {{name: {name}, token_file: {name}}}");
        }
        let mut server = WahaServer::new("server");
        for at in 0..SESSIONS {
            server = server.with_session(&format!("session-{at:02}"), "WORKING");
        }
        // Contends for a name with a channel of the settings, which may be another shard's.
        server = server.with_session(&channel(7), "WORKING");
        upstream.set_waha_server("key", server);
        files.write("key", "key");
        let _ = write!(
            yaml,
            "sources:\n  - {{name: waha, provider: waha, token_file: key, api_url: '{}', \
             poll_interval: 1s}}\n",
            upstream.url()
        );
        Self { upstream, files, yaml }
    }

    fn setup(&self, shard: &str) -> Setup {
        Setup::of(&self.upstream)
            .file(&self.files, &self.yaml)
            .set("SHARD", shard)
            .set("WEBHOOK_SECRET", SECRET)
    }

    fn start(&self, shards: usize) -> Vec<Program> {
        let started: Vec<_> =
            (1..=shards).map(|number| self.setup(&format!("{number}/{shards}")).start()).collect();
        for program in &started {
            program.until_is("whatsapp_source_channels{source=\"waha\"}", (SESSIONS + 1) as f64);
        }
        started
    }
}

fn id_of(name: &str) -> String {
    name.to_uppercase()
}

/// Whose each channel is, by the programs' own pages; every one is somebody's and nobody else's.
fn watchers(programs: &[Program]) -> BTreeMap<String, usize> {
    let mut watchers = BTreeMap::new();
    for (at, program) in programs.iter().enumerate() {
        for series in program.metrics().all().keys() {
            if series.name == "whatsapp_channel_status_code" {
                let name = series.labels["channel"].clone();
                let other = watchers.insert(name.clone(), at);
                assert_eq!(other, None, "{name} is watched twice");
            }
        }
    }
    assert_eq!(watchers.len(), CHANNELS + SESSIONS + 1, "{watchers:?}");
    watchers
}

#[test]
fn three_shards_watch_each_target_once_and_every_source() {
    let fleet = ShardedFleet::new();
    let programs = fleet.start(3);
    let watchers = watchers(&programs);
    // The listed channel gave way at whichever shard it is.
    assert!(watchers.contains_key("waha.channel-07"), "{watchers:?}");
    let mut tokens = BTreeSet::new();
    let mut configured = 0.0;
    for (at, program) in programs.iter().enumerate() {
        let page = program.metrics();
        let number = at + 1;
        let info = format!("whatsapp_exporter_shard_info{{shard=\"{number}\",shards=\"3\"}}");
        assert_eq!(page.get(&info), Some(1.0));
        assert_eq!(page.get("whatsapp_exporter_targets{kind=\"source\"}"), Some(1.0));
        configured += page.sum("whatsapp_exporter_targets{kind=\"channel\"}");
        for series in page.all().keys().filter(|one| one.name == "whatsapp_token_poll_success") {
            assert!(tokens.insert(series.labels["token"].clone()), "{series:?} is watched twice");
        }
        let many = watchers.values().filter(|watcher| **watcher == at).count();
        assert!(many > 5, "shard {number} has {many} channels");
    }
    assert_eq!((tokens.len(), configured), (6, CHANNELS as f64));
    // Without shards there is no such row.
    let alone = fleet.setup("1/1").unset("SHARD").start();
    assert_eq!(alone.metrics().get("whatsapp_exporter_shard_info"), None);
}

#[test]
fn another_shards_channel_is_misdirected_and_never_lost() {
    let fleet = ShardedFleet::new();
    let programs = fleet.start(2);
    let watchers = watchers(&programs);
    let post = |program: &Program, path: &str, id: &str| {
        let body = json!({
            "event": { "type": "channel", "event": "post" },
            "health": { "status": { "text": "AUTH" }, "start_at": 1, "uptime": 5 },
            "channel_id": id,
        });
        let headers = [("X-Webhook-Secret", SECRET), ("Content-Type", "application/json")];
        http::send(program.address, "POST", path, &headers, body.to_string()).expect("an answer")
    };
    let refused = "whatsapp_exporter_webhooks_refused_total{reason=\"other_shard\"}";
    for program in &programs {
        program.until("all have told their ids", |page| {
            (page.sum("whatsapp_channel_poll_success{provider=\"whapi\"}") > 0.0
                && page.all().iter().all(|(series, value)| {
                    series.name != "whatsapp_channel_poll_success" || *value == 1.0
                }))
            .then_some(())
        });
    }
    let mut expected = [0.0, 0.0];
    for name in (0..CHANNELS).map(channel) {
        let own = watchers[&name];
        for (at, program) in programs.iter().enumerate() {
            for path in ["/webhook/whapi", "/shard/1/webhook/whapi", "/shard/2/webhook/whapi"] {
                let reply = post(program, path, &id_of(&name));
                let status = if at == own { 200 } else { 421 };
                assert_eq!(reply.status, status, "{name} at {path}: {}", reply.text());
                expected[at] += f64::from(u8::from(at != own));
            }
            for path in [format!("/channels/{name}/ready"), format!("/channels/{name}")] {
                let reply = program.get(&path);
                assert_eq!(reply.status, if at == own { 200 } else { 421 }, "{path}");
            }
        }
    }
    for (program, expected) in programs.iter().zip(expected) {
        assert_eq!(program.metrics().get(refused), Some(expected));
        // Nobody's, or another shard's that has not told its id here: it is not taken for nobody's.
        assert_eq!(post(program, "/webhook/whapi", "NOBODY-00000").status, 421);
        assert_eq!(program.get("/channels/nobody/ready").status, 404);
        for path in ["/shard/x/webhook/whapi", "/shard//webhook/whapi", "/shard/1/metrics"] {
            assert_eq!(post(program, path, "NOBODY-00000").status, 404, "{path}");
        }
        // A secret is needed for a 421 too.
        let reply = http::send(program.address, "POST", "/shard/1/webhook/whapi", &[], "{}");
        assert_eq!(reply.expect("an answer").status, 401);
    }
    // Of a listed channel, with and without its source.
    for at in 0..SESSIONS {
        let name = format!("session-{at:02}");
        for (program, number) in programs.iter().zip(0..) {
            let reply = program.get(&format!("/channels/{name}/ready"));
            assert_eq!(reply.status, if number == watchers[&name] { 200 } else { 421 }, "{name}");
        }
    }
}

#[test]
fn the_gateway_counts_what_it_passes_by_any_shards_credential() {
    let upstream = watched(|_| b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok".to_vec());
    let files = Files::new();
    let mut yaml = "channels:\n".to_owned();
    for name in (0..8).map(channel) {
        files.write(&name, format!("secret-of-{name}"));
        let _ = writeln!(
            yaml,
            "  - {{name: {name}, token_file: {name}, poll_interval: 1h, api_url: '{}'}}",
            upstream.url()
        );
    }
    let state = files.path("state");
    let setup = Setup::new()
        .gateway(&upstream)
        .file(&files, &yaml)
        .set("SHARD", "1/2")
        .set("STATE_FILE", &state);
    let mut program = setup.start();
    let page = program.metrics();
    let requests = |name: &str| {
        format!(
            "whatsapp_gateway_requests_total{{provider=\"whapi\",channel=\"{name}\",code=\"2xx\"}}"
        )
    };
    let others: Vec<String> =
        (0..8).map(channel).filter(|name| page.get(&requests(name)).is_none()).collect();
    assert!(!others.is_empty() && others.len() < 8, "{others:?}");
    let send = |program: &Program, name: &str| {
        let bearer = format!("Bearer secret-of-{name}");
        let headers = [("Authorization", &*bearer)];
        let reply = http::send(program.gateway(), "POST", "/whapi/messages/text", &headers, "{}");
        assert_eq!(reply.expect("an answer").status, 200);
    };
    for (times, name) in (0..8).map(channel).enumerate() {
        (0..=times).for_each(|_| send(&program, &name));
    }
    send(&program, "nobody");
    let check = |program: &Program| {
        let page = program.metrics();
        for (times, name) in (0..8).map(channel).enumerate() {
            assert_eq!(page.get(&requests(&name)), Some((times + 1) as f64), "{name}");
        }
        assert_eq!(page.get(&requests("other")), Some(1.0));
    };
    check(&program);
    // Counters are kept over a restart.
    program.signal("TERM");
    program.wait(crate::common::DEADLINE);
    let mut program = setup.start();
    check(&program);
    // The page is one that Prometheus reads, in both formats.
    for accept in ["text/plain", "application/openmetrics-text"] {
        let reply = http::get(program.address, "/metrics", &[("Accept", accept)]).expect("a page");
        let text = reply.text();
        let header = "# TYPE whatsapp_gateway_requests";
        assert_eq!(text.matches(header).count(), 1, "{accept}");
    }
    // A removed channel's requests are gone with it.
    let gone = &others[0];
    let without: String = yaml
        .lines()
        .filter(|line| !line.contains(gone.as_str()))
        .fold(String::new(), |text, line| text + line + "\n");
    files.write("settings.yaml", without);
    program.signal("HUP");
    program.until_is(&requests(gone), None);
    files.write("settings.yaml", &yaml);
    program.signal("HUP");
    eventually("it is known again", || {
        send(&program, gone);
        program.metrics().get(&requests(gone))
    });
    program.signal("TERM");
    program.wait(crate::common::DEADLINE);
}

#[test]
fn auto_takes_the_ordinal_of_the_host_name() {
    let url = format!("http://{}", closed_port());
    let setup =
        Setup::new().set("WHAPI_TOKEN", "t").set("WHAPI_API_URL", url).set("SHARD", "auto/5");
    let program = setup.clone().set("HOSTNAME", "whatsapp-exporter-3").start();
    let info = "whatsapp_exporter_shard_info{shard=\"4\",shards=\"5\"}";
    assert_eq!(program.metrics().get(info), Some(1.0));
    assert!(program.log().contains("shard=4/5"), "{}", program.log());
    for (name, told) in [
        ("laptop", "SHARD: `auto` needs a host name that ends in `-` and a number"),
        ("whatsapp-exporter-5", "SHARD: the host name ends in 5, which would be shard 6 of 5"),
    ] {
        let ended = setup.clone().set("HOSTNAME", name).run();
        assert_eq!(ended.code, Some(2));
        assert!(ended.stderr.contains(told), "{}", ended.stderr);
    }
}

#[test]
fn check_prints_the_address_of_the_shard() {
    let fleet = ShardedFleet::new();
    let check = |setup: Setup| setup.argument("check").run();
    let setup = fleet.setup("2/3").set("WEBHOOK_URL", "https://exporter.example.com/webhook/whapi");
    let ended = check(setup);
    let address = "https://exporter.example.com/shard/2/webhook/";
    for provider in ["whapi", "waha"] {
        assert!(ended.stdout.contains(&format!("{address}{provider}")), "{}", ended.stdout);
    }
    assert!(!ended.stdout.contains("example.com/webhook/"), "{}", ended.stdout);
    // Where nobody says how the exporter is reached, the path is told.
    let ended = check(fleet.setup("2/3"));
    assert!(ended.stdout.contains("/shard/2/webhook/whapi"), "{}", ended.stdout);
    let named = "https://exporter.example.com/shard/2/webhook/whapi";
    let ended = check(fleet.setup("2/3").set("WEBHOOK_URL", named));
    assert!(ended.stdout.contains(named) && !ended.stdout.contains("/shard/2/shard"), "{ended:?}");
}

#[test]
fn a_fourth_shard_takes_about_a_quarter_and_nothing_else_moves() {
    let fleet = ShardedFleet::new();
    let three = watchers(&fleet.start(3));
    let four = watchers(&fleet.start(4));
    let moved: Vec<_> = three.iter().filter(|(name, shard)| four[*name] != **shard).collect();
    assert!(moved.iter().all(|(name, _)| four[*name] == 3), "{moved:?}");
    let share = moved.len() as f64 / three.len() as f64;
    assert!((0.1..0.4).contains(&share), "{share}");
}

/// The longest time for which the channels' polls kept away, as the upstream saw it.
fn longest_silence(upstream: &Upstream, stop: &AtomicBool) -> (String, Duration) {
    let names: Vec<String> = (0..CHANNELS).map(channel).collect();
    let mut seen: Vec<_> =
        names.iter().map(|name| (upstream.asked(Some(name)), Instant::now())).collect();
    let mut longest = (String::new(), Duration::ZERO);
    while !stop.load(Ordering::Relaxed) {
        for (name, (count, since)) in names.iter().zip(&mut seen) {
            let now = upstream.asked(Some(name));
            if since.elapsed() > longest.1 {
                longest = (name.clone(), since.elapsed());
            }
            if now > *count {
                (*count, *since) = (now, Instant::now());
            }
        }
        sleep(Duration::from_millis(20));
    }
    longest
}

#[test]
fn a_rolling_restart_leaves_no_channel_unwatched_or_watched_twice_and_keeps_counters() {
    let fleet = Arc::new(ShardedFleet::new());
    let setup = |number: usize| {
        let state = fleet.files.path(&format!("state-{number}"));
        fleet.setup(&format!("{number}/3")).set("STATE_FILE", state)
    };
    let mut programs: Vec<Program> = (1..=3).map(|number| setup(number).start()).collect();
    let directory = tempfile::tempdir().expect("a directory");
    let targets: Vec<String> = programs.iter().map(|one| format!("\"{}\"", one.address)).collect();
    let settings = format!(
        "global: {{scrape_interval: 1s, scrape_timeout: 1s}}\nscrape_configs:\n  - job_name: \
         shards\n    static_configs: [{{targets: [{}]}}]\n",
        targets.join(", ")
    );
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let prometheus = runtime.block_on(Prometheus::start(directory.path(), &settings));
    let ask = |query: &str| runtime.block_on(prometheus.query(query));
    let stop = Arc::new(AtomicBool::new(false));
    let silence = {
        let (fleet, stop) = (Arc::clone(&fleet), Arc::clone(&stop));
        std::thread::spawn(move || longest_silence(&fleet.upstream, &stop))
    };
    let all = (CHANNELS + SESSIONS + 1) as f64;
    let until_whole = || {
        let query = "count(count by (channel) (whatsapp_channel_status{status=\"AUTH\"} == 1)) \
                     and count(whatsapp_exporter_shard_info) == 3";
        for _ in 0..600 {
            if ask(query).first().is_some_and(|(_, count)| *count == all) {
                return;
            }
            sleep(Duration::from_millis(100));
        }
        panic!("not all channels are watched: {:?}", ask(query));
    };
    until_whole();
    let before = watchers(&programs);
    for number in 1..=3 {
        let program = &mut programs[number - 1];
        program.signal("TERM");
        program.wait(crate::common::DEADLINE);
        let address = program.address.to_string();
        *program = setup(number).set("LISTEN_ADDRESS", address).start();
        until_whole();
    }
    stop.store(true, Ordering::Relaxed);
    let (name, silence) = silence.join().expect("a thread");
    // Polled each second, and begun anew within one; the rest is for a slow machine.
    assert!(silence < Duration::from_secs(10), "{name} was not polled for {silence:?}");
    assert_eq!(watchers(&programs), before);
    let twice = "count by (channel) (whatsapp_channel_status_code) > 1";
    assert_eq!(ask(twice), []);
    let kept = "sum(resets(whatsapp_channel_polls_total[10m]))";
    assert_eq!(ask(kept)[0].1, 0.0);
    assert_eq!(ask("count(whatsapp_channel_polls_total > 1)")[0].1, all);
}
