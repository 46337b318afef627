//! What a person should do, and the runbook that says more: the provider's words, or what holds for
//! all.
//!
//! Not here: whether anything is wrong; that is `status_report.rs`.

use serde::ser::{Serialize, SerializeStruct, Serializer};

use crate::domain::{FailureReason, Listed, RestrictionReason, Status};
use crate::provider::{AccountProblem, TokenProblem};
use crate::providers;
use crate::upstream::ProviderId;

/// Where the runbooks are.
pub const RUNBOOKS: &str =
    "https://github.com/whatsapp-exporter/whatsapp-exporter/blob/main/docs/runbooks";

/// What to do about a source with channels that are not watched.
pub const fn channels_ignored(listed: Listed) -> &'static str {
    match (listed.unnamed, listed.ignored > listed.unnamed) {
        (0, _) => {
            "More channels are listed than max_channels allows. Raise max_channels, or choose with \
             only and except."
        }
        (_, false) => {
            "Some listed channels have no name that can be a label: letters, digits, `.`, `_` and \
             `-`. Set names for them, or leave them out with except."
        }
        (_, true) => {
            "More channels are listed than max_channels allows, and some have no name that can be \
             a label. Raise max_channels, choose with only and except, or use names."
        }
    }
}

/// What to do about a source of which no channel is watched.
pub const NO_CHANNEL_LISTED: &str = "No channel is watched: the source lists none, or only and \
    except leave none. Check the credential, only and except; create a channel if there is none.";

/// What to do about channels that could not send when they were no longer watched.
pub const CHANNELS_GONE: &str = "Make sure that they were deleted at the provider, or left out of \
    the settings, on purpose.";

/// What to do, and where it is explained.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Advice {
    /// The first step.
    pub todo: &'static str,
    /// The alert whose runbook explains it.
    pub alert: &'static str,
}

impl Advice {
    /// A first step, and the alert whose runbook explains it.
    pub const fn new(todo: &'static str, alert: &'static str) -> Self {
        Self { todo, alert }
    }

    /// The page that explains it.
    pub fn runbook(self) -> String {
        format!("{RUNBOOKS}/{}.md", self.alert)
    }
}

/// `{"todo": …, "runbook": …}`.
impl Serialize for Advice {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("Advice", 2)?;
        fields.serialize_field("todo", self.todo)?;
        fields.serialize_field("runbook", &self.runbook())?;
        fields.end()
    }
}

/// What to do about a channel of this status; `None` when it is well.
pub fn status(provider: ProviderId, status: Status) -> Option<&'static str> {
    providers::get(provider).advice().status(status)
}

/// What to do about a channel whose WhatsApp session is not authorized.
pub fn session_unauthorized(provider: ProviderId) -> &'static str {
    providers::get(provider).advice().session_unauthorized()
}

/// What to do about a status word that this version does not know.
pub fn unknown_word(provider: ProviderId) -> &'static str {
    providers::get(provider).advice().unknown_word()
}

/// What to do about a channel that may not do everything.
pub fn restriction(provider: ProviderId, reason: RestrictionReason) -> &'static str {
    if let Some(own) = providers::get(provider).advice().restriction(reason) {
        return own;
    }
    match reason {
        RestrictionReason::NewChats => {
            "WhatsApp lets the line begin no new chats for now. Stop first messages to new \
             contacts until that ends."
        }
        RestrictionReason::Quota => "A quota is used up. Hold messages back until it is renewed.",
        RestrictionReason::Rate => "The line is slowed down. Send fewer messages at a time.",
        RestrictionReason::Policy => {
            "The line is restricted for breaking a rule. Look at the notice in the provider's \
             console."
        }
    }
}

/// What to do about a subscription that ends soon.
pub fn subscription(provider: ProviderId) -> &'static str {
    let own = providers::get(provider).advice().subscription();
    own.unwrap_or("Renew the subscription in the provider's console.")
}

/// What to do about a channel that is rated low.
pub fn low_quality(provider: ProviderId) -> &'static str {
    let own = providers::get(provider).advice().low_quality();
    own.unwrap_or("Receivers block or report the number. Write only to people who asked for it.")
}

/// What to do about an account.
pub fn account(provider: ProviderId, problem: AccountProblem) -> &'static str {
    let own = providers::get(provider).advice().account(problem);
    own.unwrap_or("Look at the account in the provider's console.")
}

/// What to do about a source that lists nothing, where that is no fault.
pub fn nothing_listed(provider: ProviderId) -> Option<&'static str> {
    providers::get(provider).advice().nothing_listed()
}

/// What to do about a token.
pub fn token(provider: ProviderId, problem: TokenProblem) -> &'static str {
    let own = providers::get(provider).advice().token(problem);
    own.unwrap_or("Replace the token, and look at it in the provider's console.")
}

/// What to do about polls that fail for this reason.
pub fn failure(provider: ProviderId, reason: FailureReason) -> &'static str {
    if let Some(own) = providers::get(provider).advice().failure(reason) {
        return own;
    }
    match reason {
        FailureReason::SessionUnauthorized => session_unauthorized(provider),
        FailureReason::CredentialUnauthorized => {
            "The credential was refused. Check that it is complete and still valid."
        }
        FailureReason::ChannelNotFound => {
            "The upstream does not know this channel. Check the credential and that the channel \
             was not deleted."
        }
        FailureReason::PaymentRequired => {
            "The trial or the subscription is over. Check the billing in the provider's console."
        }
        FailureReason::Forbidden => {
            "The upstream refuses permission. Check what the credential may do."
        }
        FailureReason::RateLimited => {
            "The upstream says that there are too many requests. Make the poll interval longer."
        }
        FailureReason::ServerError => {
            "The upstream has trouble of its own. Look at its status page and wait."
        }
        FailureReason::HttpOther => "An unexpected answer. Check the API's address.",
        FailureReason::Timeout => {
            "No answer in time. Check the network, the proxy and the upstream's status page."
        }
        FailureReason::Connect => {
            "No connection. Check DNS, the network, the egress rules and the proxy."
        }
        FailureReason::Tls => {
            "The TLS handshake failed. Check the clock, the proxy, and EXTRA_CA_FILE for a CA of \
             your own."
        }
        FailureReason::Decode => {
            "The answer is not what the API documents. Check the API's address and whether \
             something answers in its place."
        }
        FailureReason::Secret => {
            "The credential's file cannot be read. Check that it is mounted, not empty, and \
             readable for the exporter's user."
        }
    }
}
