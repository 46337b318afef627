//! What `check` says of webhooks: whether each channel's settings at Whapi deliver them to this exporter.
//!
//! Not here: what the settings mean (`providers/whapi_webhooks.rs`).

use std::sync::Arc;

use crate::client::Client;
use crate::clock;
use crate::domain::Provider;
use crate::fleet::Fleet;
use crate::providers::whapi_webhooks::{self, Needed, Registered, SECRET_PLACE};
use crate::settings::{ChannelTarget, Webhooks};

/// So many channels are asked at a time.
const AT_A_TIME: usize = 16;

/// Asks every channel for its settings and prints what is amiss. Returns whether all is well.
pub(super) async fn check(fleet: &Fleet, client: &Client, webhooks: &Webhooks) -> bool {
    let secret = match webhooks.secret.read() {
        Ok(secret) => secret,
        Err(error) => {
            println!("\nwebhooks: WEBHOOK_SECRET_FILE: {error}, so none is received");
            return false;
        }
    };
    let needed =
        Needed { url: webhooks.url.as_deref(), header: webhooks.header.as_str(), secret: &secret };
    let channels: Vec<_> = fleet.members(clock::now()).look(|channels, _| {
        let whapi = channels.iter().filter(|c| c.target.options.provider == Provider::Whapi);
        whapi.map(|channel| Arc::clone(&channel.target)).collect()
    });
    let (mut amiss, mut to_change) = (Vec::new(), false);
    for some in channels.chunks(AT_A_TIME) {
        let asked: Vec<_> = some
            .iter()
            .map(|target| tokio::spawn(ask(Arc::clone(target), client.clone())))
            .collect();
        for (target, asked) in some.iter().zip(asked) {
            let what = match asked.await {
                Ok(Ok(webhooks)) => {
                    let Some(what) = needed.lacks(&webhooks) else { continue };
                    to_change = true;
                    what
                }
                Ok(Err(why)) => format!("its settings cannot be read: {why}"),
                Err(_) => "its settings cannot be read".to_owned(),
            };
            amiss.push(format!("channel {}: {what}", target.name));
        }
    }
    if amiss.is_empty() {
        return true;
    }
    println!(
        "\nNot every channel's webhooks are known to reach this exporter:\n{}",
        amiss.join("\n")
    );
    if to_change {
        println!(
            "\nSend this as PATCH /settings with the channel's token, with the secret in place of {SECRET_PLACE}. The list there is replaced\n\
             as a whole: put the channel's other webhooks beside this one, or they are gone.\n\n{}",
            needed.settings()
        );
    }
    false
}

async fn ask(target: Arc<ChannelTarget>, client: Client) -> Result<Vec<Registered>, String> {
    let token = target.credential.read().map_err(|error| error.to_string())?;
    let answer = client.ask(whapi_webhooks::request(&target.options.api_url, token)).await;
    answer
        .and_then(|answer| whapi_webhooks::interpret(&answer))
        .map_err(|failure| format!("{} ({})", failure.detail, failure.reason.word()))
}
