//! `whatsapp-exporter`: runs until it is told to stop.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing::error;

use super::arguments::Environment;
use super::exit::{OK, UNHEALTHY, USAGE, complain, runtime, warn};
use super::{logging, start_log};
use crate::config::{Settings, unknown_variables};
use crate::exporter::Exporter;
use crate::http;
use crate::reload::Reloader;

pub(super) fn run(environment: &Environment) -> u8 {
    let runtime = match runtime() {
        Ok(runtime) => runtime,
        Err(code) => return code,
    };
    let context = runtime.enter();
    // A SIGHUP that comes while the settings are read must not end the process.
    let Ok(signals) = Signals::listen() else { return UNHEALTHY };
    drop(context);
    let variables = environment.variables.clone();
    let settings = match Settings::load(variables.iter().cloned()) {
        Ok(settings) => settings,
        Err(problems) => {
            // A slip in a name is often why something is missing.
            warn(unknown_variables(&variables));
            complain(environment.sentences(&problems).iter().map(String::as_str));
            return USAGE;
        }
    };
    logging::start(settings.log);
    start_log::unknown(&unknown_variables(&variables));
    let code = runtime.block_on(serve(signals, settings, variables));
    // A DNS look-up that hangs in its thread must not keep the process.
    runtime.shutdown_background();
    code
}

/// Runs the exporter with these settings until a signal comes.
async fn serve(signals: Signals, settings: Settings, variables: Vec<(OsString, OsString)>) -> u8 {
    match Listeners::open(&settings) {
        Ok(listeners) => serve_on(listeners, signals, settings, variables).await,
        Err(()) => UNHEALTHY,
    }
}

/// The signals that the exporter listens to. Those that come before anyone waits are kept.
pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Signals {
    /// Takes them over from the system, whose own answer to each is to end the process. Says why
    /// that fails.
    pub(super) fn listen() -> Result<Self, ()> {
        let listen = || {
            Ok(Self {
                terminate: signal(SignalKind::terminate())?,
                interrupt: signal(SignalKind::interrupt())?,
                hangup: signal(SignalKind::hangup())?,
            })
        };
        listen().map_err(|error: std::io::Error| {
            complain([format!("cannot install signal handlers: {error}").as_str()]);
        })
    }
}

/// Where the exporter is reached.
pub(super) struct Listeners {
    /// Its own listener.
    pub(super) own: TcpListener,
    /// The gateway's, if there is one.
    pub(super) gateway: Option<TcpListener>,
}

impl Listeners {
    /// Opens those that the settings name, or says why one cannot be had.
    pub(super) fn open(settings: &Settings) -> Result<Self, ()> {
        let own = bind("LISTEN_ADDRESS", settings.listen)?;
        let gateway = settings.gateway.as_ref();
        let gateway =
            gateway.map(|gateway| bind("GATEWAY_ADDRESS", gateway.address)).transpose()?;
        Ok(Self { own, gateway })
    }
}

/// The same on listeners that are open already.
pub(super) async fn serve_on(
    listeners: Listeners,
    Signals { terminate, interrupt, hangup }: Signals,
    settings: Settings,
    variables: Vec<(OsString, OsString)>,
) -> u8 {
    start_log::settings(&settings);
    let state_file = settings.state_file.clone();
    match Exporter::new(settings).and_then(|exporter| exporter.keeping(state_file)) {
        Ok(exporter) => {
            let exporter = exporter.reloading(variables);
            let exporter = match listeners.gateway {
                Some(listener) => exporter.gateway_on(listener),
                None => exporter,
            };
            let exporter = match exporter.reloader() {
                Some(reloader) => {
                    exporter.with_task("reload at SIGHUP", reload_on_hangup(reloader, hangup))
                }
                None => exporter,
            };
            match exporter.run(listeners.own, either(terminate, interrupt)).await {
                Ok(()) => OK,
                // It is in the log.
                Err(_) => UNHEALTHY,
            }
        }
        Err(sentence) => {
            error!("{sentence}");
            USAGE
        }
    }
}

/// Opens the listener that a setting names, or says why it cannot be had.
fn bind(setting: &str, address: SocketAddr) -> Result<TcpListener, ()> {
    http::bind(address).map_err(|error| {
        error!("{setting}: cannot listen on {address}: {error}");
    })
}

async fn reload_on_hangup(reloader: Arc<Reloader>, mut hangup: Signal) {
    while hangup.recv().await.is_some() {
        // The mistakes are in the log and in a metric.
        let _ = reloader.reload().await;
    }
}

/// Ends when one of the signals comes.
async fn either(mut one: Signal, mut other: Signal) {
    tokio::select! {
        _ = one.recv() => {}
        _ = other.recv() => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::sync::atomic::{AtomicBool, Ordering};

    /// A log that panics the first time that polls fail, which the poller's own task logs.
    struct Trap(Arc<AtomicBool>);

    impl Write for Trap {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            let springs = String::from_utf8_lossy(bytes).contains("polls fail");
            assert!(!springs || self.0.swap(true, Ordering::SeqCst), "on purpose");
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[tokio::test]
    async fn a_panic_of_the_poller_ends_the_program_with_exit_code_1() {
        let sprung = Arc::default();
        let trap =
            tracing_subscriber::fmt().with_writer(move || Trap(Arc::clone(&sprung))).finish();
        let _trap = tracing::subscriber::set_default(trap);
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("settings.yaml");
        let entry = "{name: a, token_file: settings.yaml, api_url: 'http://127.0.0.1:1'}";
        std::fs::write(&file, format!("channels: [{entry}]")).unwrap();
        let variables = [(OsString::from("CONFIG_FILE"), file.into_os_string())];
        let mut settings = Settings::load(variables.clone()).unwrap();
        settings.polling.use_proxy = false;
        let own = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let listeners = Listeners { own, gateway: None };
        let signals = Signals::listen().unwrap();
        let code = serve_on(listeners, signals, settings, variables.into()).await;
        assert_eq!(code, UNHEALTHY);
    }
}
