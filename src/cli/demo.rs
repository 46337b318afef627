//! `whatsapp-exporter demo`: the exporter watching the embedded simulator, without settings or
//! network.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::net::{Ipv4Addr, SocketAddr};

use whatsapp_simulator::{DemoPlan, Simulator};

use super::arguments::Environment;
use super::exit::{UNHEALTHY, USAGE, complain, runtime, warn};
use super::logging;
use super::run::{self, Listeners, Signals};
use crate::config::{DEFAULT_LISTEN, Settings};

/// Made up, and good for nothing anywhere else.
const WEBHOOK_SECRET: &str = "demoWebhookSecretNotARealOne";

/// The settings that the demo takes.
const TAKEN: &[&str] = &["LISTEN_ADDRESS", "LOG_LEVEL", "LOG_FORMAT"];
/// Settings that somebody may expect it to take.
const IGNORED: &[&str] = &["WEB_CONFIG_FILE", "CONFIG_FILE", "GATEWAY_ADDRESS", "STATE_FILE"];

pub(super) fn run(environment: &Environment) -> u8 {
    let ignored = IGNORED.iter().filter(|name| environment.has(name));
    warn(ignored.map(|name| {
        let why = if *name == "WEB_CONFIG_FILE" {
            ": it speaks plain HTTP without passwords"
        } else {
            ""
        };
        format!("the demo ignores {name}{why}")
    }));
    let runtime = match runtime() {
        Ok(runtime) => runtime,
        Err(code) => return code,
    };
    let code = runtime.block_on(play(environment));
    runtime.shutdown_background();
    code
}

async fn play(environment: &Environment) -> u8 {
    let Ok(signals) = Signals::listen() else { return UNHEALTHY };
    let simulator = match Simulator::start().await {
        Ok(simulator) => simulator,
        Err(error) => {
            complain([format!("the simulator cannot be started: {error}").as_str()]);
            return UNHEALTHY;
        }
    };
    let mut plan = DemoPlan::play(&simulator, 1.0);
    // The simulator's made-up secrets are files, as an operator's real ones would be.
    let files = match Files::write(&plan, &simulator.url()) {
        Ok(files) => files,
        Err(error) => {
            complain([format!("the demo's settings cannot be written: {error}").as_str()]);
            return UNHEALTHY;
        }
    };
    let ours = [
        ("CONFIG_FILE", files.directory.path().join("settings.yaml").into_os_string()),
        ("WEBHOOK_SECRET", WEBHOOK_SECRET.into()),
        // Any port that is free.
        ("GATEWAY_ADDRESS", "127.0.0.1:0".into()),
        ("POLL_TIMEOUT", "2s".into()),
        ("STALE_AFTER", "1m".into()),
    ];
    let own = environment.variables.iter().cloned();
    let variables: Vec<_> = own
        .filter(|(name, _)| TAKEN.iter().any(|taken| name == taken))
        .chain(ours.map(|(name, value)| (OsString::from(name), value)))
        .chain(DemoPlan::variables(&simulator).map(|(name, value)| (name.into(), value.into())))
        .collect();
    let mut settings = match Settings::load(variables.iter().cloned()) {
        Ok(settings) => settings,
        Err(problems) => {
            complain(environment.sentences(&problems).iter().map(String::as_str));
            return USAGE;
        }
    };
    settings.polling.use_proxy = false;
    logging::start(settings.log);
    let Ok(listeners) = Listeners::open(&settings) else { return UNHEALTHY };
    let address = listeners.own.local_addr().unwrap_or(settings.listen);
    let url = format!("http://{}", from_here(address));
    plan.send_webhooks_to(&simulator, &url, ("X-Webhook-Secret", WEBHOOK_SECRET));
    let gateway = listeners.gateway.as_ref().and_then(|gateway| gateway.local_addr().ok());
    if let Some(gateway) = gateway {
        plan.send_through(gateway);
    }
    introduce(&plan, address.port(), gateway);
    run::serve_on(listeners, signals, settings, variables).await
}

/// Where a listener on this address is reached from this machine.
fn from_here(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        ip if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

fn introduce(plan: &DemoPlan, port: u16, gateway: Option<SocketAddr>) {
    println!("The demo plays a day of channel life in three minutes, over and over. Open:\n");
    println!("  page     http://localhost:{port}/");
    println!("  metrics  http://localhost:{port}/metrics");
    println!("  JSON     http://localhost:{port}/api/status");
    if let Some(gateway) = gateway {
        println!("  gateway  http://{gateway}, through which an application sends");
    }
    println!();
    println!("Channels, polled every 10 s; their webhooks tell what happens in between:");
    for channel in plan.channels {
        println!("  {:<11} {}", channel.name, channel.story);
    }
    println!("Lines that a server or a partner account lists, polled every 10 s:");
    for source in plan.sources {
        println!("  {:<11} {}: {}", source.line.name, source.name, source.line.story);
    }
    println!("Tokens:");
    for token in plan.tokens {
        println!("  {:<11} {}", token.name, token.story);
    }
    println!(
        "\nStop it with Ctrl-C. (Usually it listens on {DEFAULT_LISTEN}; LISTEN_ADDRESS changes \
         that.)\n"
    );
}

/// The demo's settings file and secret files, removed at the end.
struct Files {
    directory: tempfile::TempDir,
}

impl Files {
    fn write(plan: &DemoPlan, api_url: &str) -> std::io::Result<Self> {
        let directory = tempfile::Builder::new().prefix("whatsapp-exporter-demo-").tempdir()?;
        let files = Self { directory };
        let mut yaml = "channels:\n".to_owned();
        for channel in plan.channels {
            let file = files.secret("channel", channel.name, channel.secret)?;
            let _ = write!(yaml, "  - name: {}\n    token_file: {file}\n", channel.name);
        }
        yaml.push_str("tokens:\n");
        for token in plan.tokens {
            let file = files.secret("token", token.name, token.secret)?;
            let _ = write!(yaml, "  - name: {}\n    token_file: {file}\n", token.name);
            if let Some(app) = token.app {
                let file = files.secret("app", app.id, app.secret)?;
                let _ = write!(yaml, "    app_id: \"{}\"\n    app_secret_file: {file}\n", app.id);
            }
        }
        yaml.push_str("sources:\n");
        for source in plan.sources {
            let file = files.secret("source", source.name, source.secret)?;
            let (name, provider, line) = (source.name, source.provider, &source.line);
            let _ = write!(
                yaml,
                "  - name: {name}\n    provider: {provider}\n    api_url: {api_url}\n    \
                 token_file: {file}\n    poll_interval: {}\n    names: {{\"{}\": {}}}\n",
                DemoPlan::SOURCE_INTERVAL,
                line.id,
                line.name
            );
            yaml.push_str(source.settings());
        }
        std::fs::write(files.directory.path().join("settings.yaml"), yaml)?;
        Ok(files)
    }

    fn secret(&self, kind: &str, name: &str, secret: &str) -> std::io::Result<String> {
        let file = format!("{kind}-{name}");
        std::fs::write(self.directory.path().join(&file), secret)?;
        Ok(file)
    }
}
