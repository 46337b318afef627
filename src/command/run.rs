//! `whatsapp-exporter`: runs until it is told to stop.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpListener;

use super::{OK, UNHEALTHY, USAGE, complain, runtime};
use crate::reload::Reloader;
use crate::run::Exporter;
use crate::settings::Settings;
use crate::{http, log};

pub(super) fn run() -> u8 {
    let variables: Vec<_> = std::env::vars_os().collect();
    let settings = match Settings::load(variables.iter().cloned()) {
        Ok(settings) => settings,
        Err(problems) => {
            complain(problems.iter());
            return USAGE;
        }
    };
    log::start(settings.log);
    let runtime = match runtime() {
        Ok(runtime) => runtime,
        Err(code) => return code,
    };
    let code = runtime.block_on(serve(settings, variables));
    // A DNS look-up that hangs in its thread must not keep the process.
    runtime.shutdown_background();
    code
}

/// Runs the exporter with these settings until a signal comes.
pub(super) async fn serve(settings: Settings, variables: Vec<(OsString, OsString)>) -> u8 {
    match listen(&settings) {
        Ok(listener) => serve_on(listener, settings, variables).await,
        Err(()) => UNHEALTHY,
    }
}

/// Opens the exporter's own listener, or says why it cannot be had.
pub(super) fn listen(settings: &Settings) -> Result<TcpListener, ()> {
    bind("LISTEN_ADDRESS", settings.listen)
}

/// The same on a listener that is open already.
pub(super) async fn serve_on(
    listener: TcpListener,
    settings: Settings,
    variables: Vec<(OsString, OsString)>,
) -> u8 {
    let shutdown = match shutdown() {
        Ok(shutdown) => shutdown,
        Err(error) => {
            complain([format!("signals cannot be waited for: {error}").as_str()]);
            return UNHEALTHY;
        }
    };
    let gateway = settings.gateway.as_ref().map(|gateway| bind("GATEWAY_ADDRESS", gateway.address));
    let Ok(gateway) = gateway.transpose() else { return UNHEALTHY };
    let state_file = settings.state_file.clone();
    match Exporter::new(settings).and_then(|exporter| exporter.keeping(state_file)) {
        Ok(exporter) => {
            let exporter = exporter.reloading(variables);
            let exporter = match gateway {
                Some(listener) => exporter.gateway_on(listener),
                None => exporter,
            };
            if let Some(reloader) = exporter.reloader() {
                tokio::spawn(reload_on_hangup(reloader));
            }
            exporter.run(listener, shutdown).await;
            OK
        }
        Err(sentence) => {
            complain([sentence.as_str()]);
            USAGE
        }
    }
}

/// Opens the listener that a setting names, or says why it cannot be had.
fn bind(setting: &str, address: SocketAddr) -> Result<TcpListener, ()> {
    http::bind(address).map_err(|error| {
        complain([format!("{setting}: {address} cannot be listened on: {error}").as_str()]);
    })
}

async fn reload_on_hangup(reloader: Arc<Reloader>) {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut hangup) = signal(SignalKind::hangup()) else { return };
    while hangup.recv().await.is_some() {
        // The mistakes are in the log and in a metric.
        let _ = reloader.reload().await;
    }
}

/// Ends at SIGTERM or SIGINT.
fn shutdown() -> std::io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
