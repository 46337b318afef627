//! Reloading: all or nothing, with what is kept and what is gone.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::time::Duration;

use crate::common::{Files, Program, Setup, Upstream, eventually};
use tokio::net::TcpListener;
use whatsapp_exporter::config::Settings;
use whatsapp_exporter::exporter::Exporter;
use whatsapp_exporter::tasks::TaskEnded;
use whatsapp_simulator::{Simulator, WhapiChannel, WhapiStatus};

struct Running {
    simulator: Simulator,
    directory: tempfile::TempDir,
    url: String,
    http: reqwest::Client,
    _task: tokio::task::JoinHandle<Result<(), TaskEnded>>,
}

impl Running {
    async fn start(channels: &[&str]) -> Self {
        let simulator = Simulator::start().await.unwrap();
        let directory = tempfile::tempdir().unwrap();
        for name in ["sales", "support", "orders"] {
            fs::write(directory.path().join(name), format!("secret-of-{name}\n")).unwrap();
            simulator.set_channel(&format!("secret-of-{name}"), WhapiChannel::new(name));
        }
        let file = directory.path().join("settings.yaml");
        fs::write(&file, settings(channels)).unwrap();
        let variables: Vec<(OsString, OsString)> = [
            ("CONFIG_FILE", file.into_os_string()),
            ("WHAPI_API_URL", simulator.url().into()),
            ("WHAPI_POLL_INTERVAL", "100ms".into()),
            ("POLL_TIMEOUT", "100ms".into()),
        ]
        .map(|(name, value)| (name.into(), value))
        .into();
        let mut settings = Settings::load(variables.clone()).unwrap();
        settings.polling.use_proxy = false;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let exporter = Exporter::new(settings).unwrap().reloading(variables);
        let task = tokio::spawn(exporter.run(listener, std::future::pending()));
        // A client of the exporter's own kind: TLS is set up although it is not used.
        let tls = rustls::ClientConfig::builder_with_provider(
            rustls::crypto::ring::default_provider().into(),
        )
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
        let http =
            reqwest::Client::builder().no_proxy().tls_backend_preconfigured(tls).build().unwrap();
        Self { simulator, directory, url, http, _task: task }
    }

    fn write(&self, text: &str) {
        fs::write(self.directory.path().join("settings.yaml"), text).unwrap();
    }

    async fn reload(&self) -> (u16, String) {
        let answer = self.http.post(format!("{}/-/reload", self.url)).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }

    async fn metrics(&self) -> String {
        self.http.get(format!("{}/metrics", self.url)).send().await.unwrap().text().await.unwrap()
    }

    /// The value of a sample, by the beginning of its line.
    async fn value(&self, sample: &str) -> Option<f64> {
        let page = self.metrics().await;
        let line = page.lines().find(|line| line.starts_with(sample))?;
        line.rsplit(' ').next()?.parse().ok()
    }

    async fn eventually(&self, sample: &str, good: impl Fn(Option<f64>) -> bool) {
        for _ in 0..300 {
            if good(self.value(sample).await) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("{sample} never came to what it should be:\n{}", self.metrics().await);
    }
}

fn settings(channels: &[&str]) -> String {
    let entry = |name: &&str| format!("  - name: {name}\n    token_file: {name}\n");
    format!("channels:\n{}", channels.iter().map(entry).collect::<String>())
}

fn sample(metric: &str, channel: &str) -> String {
    format!("whatsapp_channel_{metric}{{provider=\"whapi\",channel=\"{channel}\"")
}

#[tokio::test]
async fn a_removed_channel_is_gone_from_the_next_scrape_and_a_kept_one_keeps_all() {
    let running = Running::start(&["sales", "support"]).await;
    running.eventually(&sample("polls_total", "sales"), |polls| polls >= Some(3.0)).await;
    running
        .eventually(&sample("authorized", "support"), |authorized| authorized == Some(1.0))
        .await;
    running.simulator.update_channel("secret-of-sales", |channel| channel.show(WhapiStatus::QR));
    let moved = format!("{},to=\"QR\"}}", sample("status_transitions_total", "sales"));
    running.eventually(&moved, |count| count == Some(1.0)).await;

    running.write(&settings(&["orders", "sales"]));
    assert_eq!(running.reload().await, (200, "reloaded\n".to_owned()));
    let page = running.metrics().await;
    assert!(!page.contains("channel=\"support\""), "{page}");
    assert!(running.value(&sample("polls_total", "sales")).await >= Some(3.0));
    assert_eq!(running.value(&moved).await, Some(1.0));
    running.eventually(&sample("authorized", "orders"), |authorized| authorized == Some(1.0)).await;
    let before = running.value(&sample("polls_total", "sales")).await;
    running.eventually(&sample("polls_total", "sales"), |polls| polls > before).await;
}

#[tokio::test]
async fn a_file_with_a_mistake_leaves_everything_as_it_is() {
    let running = Running::start(&["sales"]).await;
    running.eventually(&sample("authorized", "sales"), |authorized| authorized == Some(1.0)).await;
    running.write(
        "channels:\n  - name: sales\n    token_file: sales\n  - name: sales\n    \
        token_file: support\n",
    );
    let (status, words) = running.reload().await;
    assert_eq!(status, 500);
    assert!(words.contains("two channels are named `sales`"), "{words}");
    assert_eq!(running.value("whatsapp_exporter_config_last_reload_successful").await, Some(0.0));
    assert_eq!(running.value(&sample("authorized", "sales")).await, Some(1.0));
    running.write(&settings(&["sales"]));
    assert_eq!(running.reload().await.0, 200);
    assert_eq!(running.value("whatsapp_exporter_config_last_reload_successful").await, Some(1.0));
}

/// Kubernetes swaps a link to a folder, and writes no file.
#[tokio::test]
async fn a_swapped_link_is_seen_by_its_content() {
    let running = Running::start(&["sales"]).await;
    let link = running.directory.path().join("settings.yaml");
    let newer = running.directory.path().join("newer.yaml");
    fs::write(&newer, settings(&["sales", "orders"])).unwrap();
    let next = running.directory.path().join("next");
    std::os::unix::fs::symlink(&newer, &next).unwrap();
    fs::rename(&next, Path::new(&link)).unwrap();
    running.eventually(&sample("authorized", "orders"), |authorized| authorized == Some(1.0)).await;
}

#[tokio::test]
async fn a_hundred_reloads_leave_one_poll_of_each_target() {
    let running = Running::start(&["sales", "support"]).await;
    running.eventually(&sample("authorized", "sales"), |authorized| authorized == Some(1.0)).await;
    for round in 0..100 {
        let orders = if round % 2 == 0 { ["sales", "orders"] } else { ["support", "sales"] };
        running.write(&settings(&orders));
        assert_eq!(running.reload().await.0, 200);
    }
    running.simulator.forget_requests();
    tokio::time::sleep(Duration::from_secs(2)).await;
    // Every 100 ms makes 20 polls in 2 s; a second chain of polls would make 40.
    let asked =
        running.simulator.requests().iter().filter(|request| &*request.target == "sales").count();
    assert!((5..30).contains(&asked), "{asked} polls in 2 s");
    assert_eq!(running.simulator.max_in_flight_per_target(), 1);
}

#[tokio::test]
async fn a_hundred_reloads_leave_no_task_behind() {
    let running = Running::start(&["sales", "support"]).await;
    running.eventually(&sample("authorized", "sales"), |authorized| authorized == Some(1.0)).await;
    // The exporter's, the simulator's and the client's: a few for each connection.
    let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let before = tasks();
    for round in 0..100 {
        let orders = if round % 2 == 0 { ["sales", "orders"] } else { ["support", "sales"] };
        running.write(&settings(&orders));
        assert_eq!(running.reload().await.0, 200);
    }
    for _ in 0..300 {
        // Connections come and go.
        if tasks() <= before + 4 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{before} tasks before a hundred reloads, {} after", tasks());
}

/// Connections come and go; one thing lost with each of a hundred reloads would make a hundred.
const FEW: usize = 10;

/// What the program holds.
struct Held {
    /// In MiB.
    memory: f64,
    descriptors: usize,
    threads: usize,
}

impl Held {
    /// As the kernel says; the program's own word must not be far from it.
    fn by(program: &Program) -> Self {
        let count = |what: &str| {
            let entries = fs::read_dir(format!("/proc/{}/{what}", program.id())).unwrap();
            entries.count()
        };
        let status = fs::read_to_string(format!("/proc/{}/status", program.id())).unwrap();
        let kib = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        let kib: f64 = kib.trim().trim_end_matches(" kB").parse().unwrap();
        let held = Self { memory: kib / 1024.0, descriptors: count("fd"), threads: count("task") };
        let page = program.metrics();
        let says = |metric: &str| page.get(metric).unwrap();
        let memory = says("process_resident_memory_bytes") / 1_048_576.0;
        assert!((memory - held.memory).abs() < MOST_MIB, "{memory} and {} MiB", held.memory);
        let near = |metric: &str, real: usize| {
            let said = says(metric) as usize;
            assert!(said.abs_diff(real) <= FEW, "{metric} is {said}, and {real} by the kernel");
        };
        near("process_open_fds", held.descriptors);
        near("process_threads", held.threads);
        held
    }
}

/// A fleet of 1,000 channels takes about half a MiB: one lost with each of a hundred reloads was
/// measured to make 43.
const MOST_MIB: f64 = 12.0;

#[test]
fn a_hundred_reloads_leave_memory_descriptors_and_threads_as_they_were() {
    let upstream = Upstream::start();
    upstream.set_channel("secret", WhapiChannel::new("any"));
    let files = Files::new();
    files.write("token", "secret");
    let fleet = |first: usize| {
        let entry = |number| format!("- {{name: shop-{number}, token_file: token}}\n");
        format!("channels:\n{}", (first..first + 1000).map(entry).collect::<String>())
    };
    // With few polls at a time the number of connections hardly varies.
    let program = Setup::of(&upstream)
        .pace("10s")
        .set("POLL_CONCURRENCY", "8")
        .file(&files, &fleet(0))
        .start();
    // Half of the channels stay, the others go and come.
    let reload = |round: usize| {
        files.write("settings.yaml", fleet(500 * (round % 2)));
        program.reload();
    };
    // With these everything is as large as it gets.
    (0..20).for_each(reload);
    let before = Held::by(&program);
    (0..100).for_each(reload);
    let after = Held::by(&program);
    let grown = after.memory - before.memory;
    assert!(grown < MOST_MIB, "from {} to {} MiB", before.memory, after.memory);
    assert!(
        after.descriptors <= before.descriptors + FEW,
        "from {} to {} descriptors",
        before.descriptors,
        after.descriptors
    );
    // Files are read on threads that end when there is nothing to read for a while.
    eventually("about as many threads as before", || {
        (Held::by(&program).threads <= before.threads + FEW).then_some(())
    });
}
