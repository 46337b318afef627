//! What `check` says of webhooks: whether each channel's settings deliver them to this exporter.
//!
//! Not here: what the settings mean (`providers/`).

use std::sync::Arc;

use serde::Serialize;

use crate::client::Client;
use crate::clock;
use crate::config::Webhooks;
use crate::domain::TargetKind;
use crate::fleet::Fleet;
use crate::provider::{Needed, WebhookCheck};
use crate::providers;
use crate::target::{Name, Shard, Target};
use crate::upstream::{Answer, MAX_ANSWER_BYTES, PollContext, ProviderId};

/// So many channels are asked at a time.
const AT_A_TIME: usize = 16;

/// What is known of the webhooks of a fleet.
#[derive(Debug, Default)]
pub(super) struct WebhookReport {
    /// Secrets that cannot be read, so that none is received, or none of a provider's.
    pub(super) unreadable: Vec<WebhookProblem>,
    pub(super) providers: Vec<ProviderWebhooks>,
}

/// What is known of the webhooks of a provider's channels.
#[derive(Debug)]
pub(super) struct ProviderWebhooks {
    /// Its name for people.
    pub(super) name: &'static str,
    /// Whether it can be asked for them.
    pub(super) is_asked: bool,
    pub(super) problems: Vec<WebhookProblem>,
    /// What to set there, if that helps.
    pub(super) instructions: Option<String>,
}

/// Something that is wrong.
#[derive(Debug, Serialize)]
pub(super) struct WebhookProblem {
    provider: &'static str,
    pub(super) channel: String,
    pub(super) what: String,
}

impl WebhookReport {
    /// Everything that is wrong.
    pub(super) fn problems(&self) -> impl Iterator<Item = &WebhookProblem> {
        self.unreadable.iter().chain(self.providers.iter().flat_map(|one| &one.problems))
    }

    /// Whether nothing is known to be wrong.
    pub(super) fn all_reach(&self) -> bool {
        self.problems().next().is_none()
    }
}

/// Asks every channel for its settings.
pub(super) async fn check(
    fleet: &Fleet,
    client: &Client,
    webhooks: &Webhooks,
    shard: Option<Shard>,
) -> WebhookReport {
    let shard_path = shard.map_or_else(String::new, |shard| format!("/shard/{}", shard.number()));
    let mut report = WebhookReport::default();
    let secret = match webhooks.read_secret() {
        Ok(secret) => secret,
        Err(error) => {
            let what = format!("WEBHOOK_SECRET_FILE: {error}, so none is received");
            report.unreadable.push(WebhookProblem { provider: "", channel: String::new(), what });
            return report;
        }
    };
    for provider in providers::all() {
        let Some(api) = providers::get(provider).webhooks() else { continue };
        if let Some(Err(error)) = webhooks.read_own_secret(provider) {
            let name = providers::get(provider).display_name();
            let what = format!("the secret that {name} signs with: {error}, so none is received");
            let (provider, channel) = (provider.label(), String::new());
            report.unreadable.push(WebhookProblem { provider, channel, what });
        }
        let channels: Vec<Arc<Target>> = fleet.view(clock::now()).look(|targets| {
            let channels = targets.of(TargetKind::Channel).map(|watched| &watched.target);
            channels.filter(|target| target.provider() == provider).cloned().collect()
        });
        if channels.is_empty() {
            continue;
        }
        let url = webhooks.url.as_deref().map(|url| address_of(provider, url, &shard_path));
        let needed = Needed::new(url.as_deref(), &shard_path, webhooks.header.as_str(), &secret);
        let found = match api.check() {
            Some(check) => find_problems(check, fleet, &channels, client, &needed).await,
            None => FoundProblems { problems: Vec::new(), can_be_changed: true },
        };
        report.providers.push(ProviderWebhooks {
            name: providers::get(provider).display_name(),
            is_asked: api.check().is_some(),
            problems: found.problems,
            instructions: found.can_be_changed.then(|| api.instructions(&needed)),
        });
    }
    report
}

/// The address for a provider: that of `WEBHOOK_URL`, which names one provider's receiver, at this
/// shard's path.
fn address_of(provider: ProviderId, url: &str, shard_path: &str) -> String {
    let mut named = providers::all().filter_map(|other| url.strip_suffix(other.label()));
    match named.find_map(|before| before.strip_suffix("/webhook/")) {
        Some(base) => {
            let base = base.strip_suffix(shard_path).unwrap_or(base);
            format!("{base}{shard_path}/webhook/{}", provider.label())
        }
        None => url.to_owned(),
    }
}

/// What is known to be wrong with channels' webhooks.
struct FoundProblems {
    problems: Vec<WebhookProblem>,
    /// Whether other settings would mend any of it.
    can_be_changed: bool,
}

async fn find_problems(
    api: &'static dyn WebhookCheck,
    fleet: &Fleet,
    channels: &[Arc<Target>],
    client: &Client,
    needed: &Needed<'_>,
) -> FoundProblems {
    let mut found = FoundProblems { problems: Vec::new(), can_be_changed: false };
    // A channel whose list brings no token has its source's, which is not for the channel's API.
    let has_own = |one: &&Arc<Target>| one.options.endpoint.is_some();
    let channels: Vec<&Arc<Target>> = channels.iter().filter(has_own).collect();
    for some in channels.chunks(AT_A_TIME) {
        let asked: Vec<_> = some
            .iter()
            .map(|target| tokio::spawn(ask(api, Arc::clone(target), client.clone())))
            .collect();
        for (target, asked) in some.iter().zip(asked) {
            let answer = asked.await.unwrap_or_else(|_| Err("no answer".to_owned()));
            let source = target.source().map(Name::as_str);
            // Of several with one id the receiver takes none.
            let names_source = target.id.as_deref().is_some_and(|id| {
                source.is_some() && fleet.channel_with_id(target.provider(), id).is_none()
            });
            let needed = &Needed { source, names_source, ..*needed };
            let problem = answer.and_then(|answer| {
                api.problem(&answer, needed)
                    .map_err(|failure| format!("{} ({})", failure.detail, failure.reason.as_str()))
            });
            let what = match problem {
                Ok(None) => continue,
                Ok(Some(what)) => {
                    found.can_be_changed = true;
                    what
                }
                Err(why) => format!("its settings cannot be read: {why}"),
            };
            found.problems.push(WebhookProblem {
                provider: target.provider().label(),
                channel: target.name.to_string(),
                what,
            });
        }
    }
    found
}

async fn ask(
    api: &'static dyn WebhookCheck,
    target: Arc<Target>,
    client: Client,
) -> Result<Answer, String> {
    let token = target.credential.read().map_err(|error| error.to_string())?;
    let context = PollContext {
        api_url: &target.options.api_url,
        id: target.id.as_deref(),
        now: clock::now(),
    };
    let answer = client.ask(api.request(context, token), MAX_ANSWER_BYTES).await;
    answer.map_err(|failure| format!("{} ({})", failure.detail, failure.reason.as_str()))
}
