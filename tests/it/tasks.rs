//! The long tasks: one that panics or ends stops the exporter in order and with an error.
//!
//! A task's panic is made by its own log line: the subscriber of the test panics at the first one
//! of a module. So no task needs a hook for tests.

use std::ffi::OsString;
use std::fs;
use std::future::pending;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::common::metrics::Metrics;
use crate::common::{DEADLINE, Files, closed_port};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tracing::field::{Field, Visit};
use tracing::subscriber::DefaultGuard;
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::{Context, SubscriberExt as _};
use whatsapp_exporter::clock;
use whatsapp_exporter::config::Settings;
use whatsapp_exporter::exporter::Exporter;
use whatsapp_exporter::fleet::Fleet;
use whatsapp_exporter::metrics::exporter::ExporterMetrics;
use whatsapp_exporter::metrics::exposition::Exposition;
use whatsapp_exporter::metrics::format::Format;
use whatsapp_exporter::tasks::TaskEnded;

/// The lines of the log, as far as this thread writes them.
static LOG: Mutex<Vec<(std::thread::ThreadId, String)>> = Mutex::new(Vec::new());

/// Panics at the first line that a module logs.
struct Trap {
    module: &'static str,
    sprung: AtomicBool,
}

impl Trap {
    /// For this thread, until the guard is dropped.
    fn set(module: &'static str) -> DefaultGuard {
        let trap = Self { module, sprung: AtomicBool::new(false) };
        tracing::subscriber::set_default(tracing_subscriber::registry().with(trap))
    }
}

impl<S: Subscriber> Layer<S> for Trap {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut line = Line(String::new());
        event.record(&mut line);
        let thread = std::thread::current().id();
        LOG.lock().expect("a log").push((thread, line.0));
        let module = event.metadata().target();
        if module == self.module && !self.sprung.swap(true, Ordering::SeqCst) {
            panic!("on purpose");
        }
    }
}

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        self.0 += &format!("{}={value:?} ", field.name());
    }
}

fn logged(words: &[&str]) -> bool {
    let thread = std::thread::current().id();
    let log = LOG.lock().expect("a log");
    let of_this_thread = log.iter().filter(|(other, _)| *other == thread);
    of_this_thread.map(|(_, line)| line).any(|line| words.iter().all(|word| line.contains(word)))
}

/// An exporter in this process, with every long task that there is.
struct Running {
    files: Files,
    address: SocketAddr,
    gateway: SocketAddr,
    fleet: Arc<Fleet>,
    metrics: ExporterMetrics,
    outcome: JoinHandle<Result<(), TaskEnded>>,
}

impl Running {
    async fn start() -> Self {
        Self::start_with(|exporter| exporter).await
    }

    async fn start_with(change: impl FnOnce(Exporter) -> Exporter) -> Self {
        let files = Files::new();
        let yaml = "channels:\n  - {name: sales, token_file: secret}\n";
        let settings = files.write("settings.yaml", yaml);
        files.write("secret", "s3cretOfTheTest");
        fs::create_dir(files.path("state")).expect("a directory");
        let variables: Vec<(OsString, OsString)> = [
            ("CONFIG_FILE", settings.into_os_string()),
            ("WHAPI_API_URL", format!("http://{}", closed_port()).into()),
            ("WHAPI_POLL_INTERVAL", "1h".into()),
            ("GATEWAY_ADDRESS", "127.0.0.1:0".into()),
        ]
        .map(|(name, value)| (name.into(), value))
        .into();
        let mut settings = Settings::load(variables.clone()).expect("good settings");
        settings.polling.use_proxy = false;
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let gateway = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let addresses = [&listener, &gateway].map(|one| one.local_addr().expect("an address"));
        let state_file = files.path("state").join("state.json");
        let exporter = Exporter::new(settings).and_then(|one| one.keeping(Some(state_file)));
        let exporter = exporter.expect("an exporter").gateway_on(gateway).reloading(variables);
        let exporter = change(exporter);
        let (fleet, metrics) = (Arc::clone(&exporter.fleet), exporter.metrics.clone());
        let outcome = tokio::spawn(exporter.run(listener, pending()));
        let [address, gateway] = addresses;
        Self { files, address, gateway, fleet, metrics, outcome }
    }

    fn state(&self) -> String {
        fs::read_to_string(self.files.path("state/state.json")).expect("the state file")
    }

    fn panics(&self) -> Option<f64> {
        let view = self.fleet.view(clock::now());
        let page = Exposition::new(view, &self.metrics, Format::Text).into_bytes();
        let page = Metrics::read(std::str::from_utf8(&page).expect("UTF-8"));
        page.get("whatsapp_exporter_panics_total")
    }

    /// Waits for the end that this task causes, and checks that it is an orderly one.
    async fn ends_by(&mut self, name: &'static str, panicked: bool) {
        let ended = tokio::time::timeout(DEADLINE, &mut self.outcome).await;
        let ended = ended.expect("it ends").expect("nothing but the task panics");
        assert_eq!(ended, Err(TaskEnded { name, panicked }));
        assert!(logged(&["a task ended", name]), "its end is logged by name");
        assert!(logged(&["stopped"]), "the exporter stops in order");
        assert_eq!(self.panics(), Some(if panicked { 1.0 } else { 0.0 }));
        for address in [self.address, self.gateway] {
            assert!(TcpStream::connect(address).await.is_err(), "nothing answers any more");
        }
    }
}

#[tokio::test]
async fn a_panic_of_the_poller_itself_ends_the_exporter() {
    // It logs the outcome of a poll outside of the poll's own task.
    let _trap = Trap::set("whatsapp_exporter::poller::poll_backoff");
    let mut running = Running::start().await;
    let before = running.state();
    running.ends_by("poller", true).await;
    assert_ne!(running.state(), before, "the outcome of the poll is in the state file");
}

#[tokio::test]
async fn a_panic_of_the_gateway_ends_the_exporter() {
    let _trap = Trap::set("whatsapp_exporter::gateway");
    Running::start().await.ends_by("gateway", true).await;
}

#[tokio::test]
async fn a_panic_of_the_state_files_writer_ends_the_exporter() {
    let _trap = Trap::set("whatsapp_exporter::state_file");
    let mut running = Running::start().await;
    // It logs that the file cannot be written.
    fs::remove_dir_all(running.files.path("state")).expect("a removed directory");
    running.ends_by("writer of the state file", true).await;
}

#[tokio::test]
async fn a_panic_of_the_settings_watch_ends_the_exporter() {
    let _trap = Trap::set("whatsapp_exporter::reload");
    let mut running = Running::start().await;
    running.files.write("settings.yaml", "channels: 7\n");
    running.ends_by("watch of the settings file", true).await;
}

#[tokio::test]
async fn a_task_that_returns_ends_the_exporter_too() {
    let _trap = Trap::set("none");
    let mut running = Running::start_with(|exporter| exporter.with_task("extra", async {})).await;
    running.ends_by("extra", false).await;
}

#[tokio::test]
async fn nothing_ends_while_every_task_runs() {
    let mut running = Running::start_with(|exporter| exporter.with_task("extra", pending())).await;
    let ended = tokio::time::timeout(Duration::from_secs(2), &mut running.outcome).await;
    assert!(ended.is_err(), "{ended:?}");
    assert!(TcpStream::connect(running.address).await.is_ok());
}
