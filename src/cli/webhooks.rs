//! What `check` says of webhooks: whether each channel's settings deliver them to this exporter.
//!
//! Not here: what the settings mean (`providers/`).

use std::sync::Arc;

use crate::client::Client;
use crate::clock;
use crate::config::Webhooks;
use crate::domain::TargetKind;
use crate::fleet::Fleet;
use crate::provider::{Needed, WebhookCheck};
use crate::providers;
use crate::target::Target;
use crate::upstream::{Answer, MAX_ANSWER_BYTES, PollContext, ProviderId};

/// So many channels are asked at a time.
const AT_A_TIME: usize = 16;

/// Asks every channel for its settings, and prints what is amiss and what to set. Returns whether
/// nothing is known to be amiss.
pub(super) async fn check(fleet: &Fleet, client: &Client, webhooks: &Webhooks) -> bool {
    let secret = match webhooks.read_secret() {
        Ok(secret) => secret,
        Err(error) => {
            println!("\nwebhooks: WEBHOOK_SECRET_FILE: {error}, so none is received");
            return false;
        }
    };
    let mut all_reach = true;
    for provider in providers::all() {
        let Some(api) = providers::get(provider).webhooks() else { continue };
        let channels: Vec<Arc<Target>> = fleet.view(clock::now()).look(|targets| {
            let channels = targets.of(TargetKind::Channel).map(|watched| &watched.target);
            channels.filter(|target| target.provider() == provider).cloned().collect()
        });
        if channels.is_empty() {
            continue;
        }
        let url = webhooks.url.as_deref().map(|url| address_of(provider, url));
        let needed =
            Needed { url: url.as_deref(), header: webhooks.header.as_str(), secret: &secret };
        let name = providers::get(provider).display_name();
        let amiss = match api.check() {
            Some(check) => amiss(check, &channels, client, &needed).await,
            None => Amiss { lines: Vec::new(), can_be_changed: true },
        };
        if !amiss.lines.is_empty() {
            all_reach = false;
            println!("\nNot every channel's webhooks are known to reach this exporter:");
            amiss.lines.iter().for_each(|line| println!("{line}"));
        } else if api.check().is_none() {
            println!("\n{name} is not asked for its webhooks. If you have not set them yet:");
        } else {
            continue;
        }
        if amiss.can_be_changed {
            println!("\n{}", api.instructions(&needed));
        }
    }
    all_reach
}

/// The address for a provider: that of `WEBHOOK_URL`, which names one provider's receiver.
fn address_of(provider: ProviderId, url: &str) -> String {
    let mut named = providers::all().filter_map(|other| url.strip_suffix(other.label()));
    match named.find_map(|before| before.strip_suffix("/webhook/")) {
        Some(base) => format!("{base}/webhook/{}", provider.label()),
        None => url.to_owned(),
    }
}

/// What is known to be wrong with channels' webhooks.
struct Amiss {
    lines: Vec<String>,
    /// Whether other settings would mend any of it.
    can_be_changed: bool,
}

async fn amiss(
    api: &'static dyn WebhookCheck,
    channels: &[Arc<Target>],
    client: &Client,
    needed: &Needed<'_>,
) -> Amiss {
    let mut amiss = Amiss { lines: Vec::new(), can_be_changed: false };
    for some in channels.chunks(AT_A_TIME) {
        let asked: Vec<_> = some
            .iter()
            .map(|target| tokio::spawn(ask(api, Arc::clone(target), client.clone())))
            .collect();
        for (target, asked) in some.iter().zip(asked) {
            let answer = asked.await.unwrap_or_else(|_| Err("no answer".to_owned()));
            let problem = answer.and_then(|answer| {
                api.problem(&answer, needed)
                    .map_err(|failure| format!("{} ({})", failure.detail, failure.reason.as_str()))
            });
            let what = match problem {
                Ok(None) => continue,
                Ok(Some(what)) => {
                    amiss.can_be_changed = true;
                    what
                }
                Err(why) => format!("its settings cannot be read: {why}"),
            };
            amiss.lines.push(format!("channel {}: {what}", target.name));
        }
    }
    amiss
}

async fn ask(
    api: &'static dyn WebhookCheck,
    target: Arc<Target>,
    client: Client,
) -> Result<Answer, String> {
    let token = target.credential.read().map_err(|error| error.to_string())?;
    let context = PollContext { api_url: &target.options.api_url, id: target.id.as_deref() };
    let answer = client.ask(api.request(context, token), MAX_ANSWER_BYTES).await;
    answer.map_err(|failure| format!("{} ({})", failure.detail, failure.reason.as_str()))
}
