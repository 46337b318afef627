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
use crate::upstream::{Answer, PollContext};

/// So many channels are asked at a time.
const AT_A_TIME: usize = 16;

/// Asks every channel for its settings and prints what is amiss. Returns whether all is well.
pub(super) async fn check(fleet: &Fleet, client: &Client, webhooks: &Webhooks) -> bool {
    let secret = match webhooks.read_secret() {
        Ok(secret) => secret,
        Err(error) => {
            println!("\nwebhooks: WEBHOOK_SECRET_FILE: {error}, so none is received");
            return false;
        }
    };
    let needed =
        Needed { url: webhooks.url.as_deref(), header: webhooks.header.as_str(), secret: &secret };
    let (mut amiss, mut to_change) = (Vec::new(), Vec::new());
    for provider in providers::all() {
        let api = providers::get(provider).webhooks().and_then(|api| api.check());
        let Some(api) = api else { continue };
        let channels: Vec<Arc<Target>> = fleet.view(clock::now()).look(|targets| {
            let channels = targets.of(TargetKind::Channel).map(|watched| &watched.target);
            channels.filter(|target| target.provider() == provider).cloned().collect()
        });
        let before = amiss.len();
        let mut can_be_changed = false;
        for some in channels.chunks(AT_A_TIME) {
            let asked: Vec<_> = some
                .iter()
                .map(|target| tokio::spawn(ask(api, Arc::clone(target), client.clone())))
                .collect();
            for (target, asked) in some.iter().zip(asked) {
                let answer = asked.await.unwrap_or_else(|_| Err("no answer".to_owned()));
                let problem = answer.and_then(|answer| {
                    api.problem(&answer, &needed).map_err(|failure| {
                        format!("{} ({})", failure.detail, failure.reason.as_str())
                    })
                });
                let what = match problem {
                    Ok(None) => continue,
                    Ok(Some(what)) => {
                        can_be_changed = true;
                        what
                    }
                    Err(why) => format!("its settings cannot be read: {why}"),
                };
                amiss.push(format!("channel {}: {what}", target.name));
            }
        }
        if amiss.len() > before && can_be_changed {
            to_change.push(api.instructions(&needed));
        }
    }
    if amiss.is_empty() {
        return true;
    }
    println!(
        "\nNot every channel's webhooks are known to reach this exporter:\n{}",
        amiss.join("\n")
    );
    for instructions in to_change {
        println!("\n{instructions}");
    }
    false
}

async fn ask(
    api: &'static dyn WebhookCheck,
    target: Arc<Target>,
    client: Client,
) -> Result<Answer, String> {
    let token = target.credential.read().map_err(|error| error.to_string())?;
    let context = PollContext { api_url: &target.options.api_url, id: target.id.as_deref() };
    let answer = client.ask(api.request(context, token)).await;
    answer.map_err(|failure| format!("{} ({})", failure.detail, failure.reason.as_str()))
}
