//! Settings: the environment and the settings file, read into targets and options.
//!
//! Not here: anything that acts on them. No secret is read here but those that the environment
//! holds itself.

mod environment;
mod file;
mod options;
mod proxies;
mod targets;
mod unknown;

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::domain::TargetKind;
use crate::input::{Problems, Variable, Variables};
use crate::provider::SettingsReader;
use crate::providers;
use crate::target::{Shard, Target};
pub use environment::DEFAULT_LISTEN;
use file::FileReader;
pub use options::{GatewaySettings, Log, LogFormat, Polling, Webhooks};
use targets::Collector;
pub use targets::CurrentTargets;
pub use unknown::{UnknownVariable, unknown_variables};

/// Everything the exporter is told from outside.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `LISTEN_ADDRESS`.
    pub listen: SocketAddr,
    /// `WEB_CONFIG_FILE`: TLS and authentication on the listener.
    pub web_config_file: Option<PathBuf>,
    /// `LOG_LEVEL` and `LOG_FORMAT`.
    pub log: Log,
    /// `POLL_TIMEOUT`, `POLL_CONCURRENCY` and `EXTRA_CA_FILE`.
    pub polling: Polling,
    /// Webhooks, if they are received.
    pub webhooks: Option<Webhooks>,
    /// The gateway, if there is one.
    pub gateway: Option<GatewaySettings>,
    /// `SHARD`: which part of the targets is watched; all if it is not set.
    pub shard: Option<Shard>,
    /// `STATE_FILE`: keeps statuses and counters over a restart.
    pub state_file: Option<PathBuf>,
    /// `ENABLE_LIFECYCLE`: whether `POST /-/reload` is answered to others than loopback too.
    pub lifecycle_from_anywhere: bool,
    /// The targets of the environment and of the file, those of other shards too.
    pub targets: Vec<Arc<Target>>,
}

/// Every variable, in the order in which people are shown them.
pub fn variables() -> Vec<Variable> {
    let of_providers = providers::all().flat_map(|one| providers::get(one).variables());
    environment::BASIC.iter().chain(of_providers).chain(environment::FURTHER).copied().collect()
}

impl Settings {
    /// How many of the targets of each kind this process watches.
    pub fn count_by_kind(&self) -> [usize; TargetKind::COUNT] {
        let mut counts = [0; TargetKind::COUNT];
        for target in &self.targets {
            let name = target.name.as_str();
            let own =
                self.shard.is_none_or(|one| one.watches(target.kind, target.provider(), name));
            counts[target.kind.index()] += usize::from(own);
        }
        counts
    }

    /// Reads the settings from these variables and from the file that `CONFIG_FILE` names.
    ///
    /// # Errors
    ///
    /// Every mistake found, each as a sentence that names the setting and never prints a value that
    /// could be a secret.
    pub fn load(all: impl IntoIterator<Item = (OsString, OsString)>) -> Result<Self, Problems> {
        Self::reload(all, &|_, _| None)
    }

    /// The same while targets are watched: those that are equal to a `current` one are that one.
    ///
    /// # Errors
    ///
    /// As [`Self::load`].
    pub fn reload(
        all: impl IntoIterator<Item = (OsString, OsString)>,
        current: CurrentTargets<'_>,
    ) -> Result<Self, Problems> {
        let mut problems = Problems::default();
        let all: Vec<_> = all.into_iter().collect();
        proxies::check(&all, &mut problems);
        let hostname = all.iter().find(|(name, _)| name == "HOSTNAME");
        let hostname = hostname.and_then(|(_, name)| name.to_str()).map(str::to_owned);
        let variables = Variables::pick(all, &variables(), &mut problems);
        let shard = environment::shard(&variables, hostname.as_deref(), &mut problems);
        let (listen, web_config_file) = environment::listener(&variables, &mut problems);
        let log = environment::log(&variables, &mut problems);
        let (polling, policies) = environment::polling(&variables, &mut problems);
        let webhooks = environment::webhooks(&variables, &mut problems);
        let (state_file, lifecycle_from_anywhere) = environment::rest(&variables, &mut problems);

        let mut targets = Collector::new(current);
        let mut settings = Vec::new();
        for provider in providers::all() {
            let mut found = Vec::new();
            settings.push(providers::get(provider).read_settings(SettingsReader {
                provider,
                variables: &variables,
                policies: &policies,
                problems: &mut problems,
                targets: &mut found,
            }));
            found.into_iter().for_each(|target| targets.add(target));
        }
        let webhooks = webhooks.map(|webhooks| {
            let own = providers::all()
                .filter_map(|one| Some((one, settings[one.index()].webhook_secret()?.clone())));
            Webhooks { own_secrets: own.collect(), ..webhooks }
        });
        if let Some(path) = variables.get("CONFIG_FILE") {
            let (targets, problems) = (&mut targets, &mut problems);
            let settings = &settings;
            FileReader { settings, policies: &policies, targets, problems }.read(Path::new(path));
        }
        if targets.is_empty() && problems.is_empty() {
            problems.add(nothing_to_watch());
        }
        let gateway = environment::gateway(&variables, &mut problems).map(|gateway| {
            let routes = providers::all().filter_map(|one| {
                let url = settings[one.index()].gateway_url()?;
                providers::get(one).gateway().map(|_| (one, Arc::clone(url)))
            });
            GatewaySettings { routes: routes.collect(), ..gateway }
        });
        if let Some(gateway) = &gateway {
            environment::refuse_shared_port(listen, gateway.address, &mut problems);
            targets.refuse_unknown_credentials_name(&mut problems);
        }
        let targets = targets.finish(&mut problems);
        problems.into_result(Self {
            listen,
            web_config_file,
            log,
            polling,
            webhooks,
            gateway,
            shard,
            state_file,
            lifecycle_from_anywhere,
            targets,
        })
    }
}

fn nothing_to_watch() -> String {
    let steps: Vec<_> = providers::all().map(|one| providers::get(one).first_step()).collect();
    format!(
        "nothing to watch: {}, or CONFIG_FILE for several; to see the exporter without any of \
         them, run `whatsapp-exporter demo`",
        steps.join(", ")
    )
}

/// The address that `LISTEN_ADDRESS` names and the file that `WEB_CONFIG_FILE` names, for a command
/// that needs nothing else.
///
/// # Errors
///
/// A sentence that says what is wrong with it.
pub fn listener(
    all: impl IntoIterator<Item = (OsString, OsString)>,
) -> Result<(SocketAddr, Option<PathBuf>), Problems> {
    let mut problems = Problems::default();
    let variables = Variables::pick(all, environment::BASIC, &mut problems);
    let listener = environment::listener(&variables, &mut problems);
    problems.into_result(listener)
}
