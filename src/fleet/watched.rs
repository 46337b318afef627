//! A target with all that is known of it.
//!
//! Not here: where it is among the others.

use std::sync::Arc;

use crate::domain::{
    AccountState, ChannelState, FailureReason, Now, PollPolicy, PollStats, RequestCounts,
    ShortText, SourceState, TargetKind, Timestamp, TokenState,
};
use crate::target::{Target, TargetOptions};
use crate::upstream::ProviderId;

/// A target and what is known of it.
#[derive(Debug)]
// A scrape fetches the rows of a large fleet anew for each family. So what it reads most often
// stands at the front, what follows is in the order of the page, and a row begins where one of the
// processor's cache lines does: that saves a fortieth of its time.
#[repr(C, align(64))]
pub struct Watched {
    /// The target's options. Many targets share them, so that a scrape has them at hand, and the
    /// target itself it would have to fetch.
    options: Arc<TargetOptions>,
    /// As known.
    pub state: TargetState,
    /// As configured or listed.
    pub target: Arc<Target>,
    /// The application's requests with its credential; `None` before the first.
    pub requests: Option<Box<RequestCounts>>,
    /// Since when its counters count.
    pub created: Timestamp,
}

/// What is known of a target, by its kind.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "nearly all are channels, and a scrape reads them")]
pub enum TargetState {
    /// Of a channel.
    Channel(ChannelState),
    /// Of a token. These and the others are seldom many.
    Token(Box<TokenState>),
    /// Of a source.
    Source(Box<SourceState>),
    /// Of an account.
    Account(Box<AccountState>),
}

impl Watched {
    /// A target that was never polled.
    pub(super) fn new(target: Arc<Target>, now: Now, receives_webhooks: bool) -> Self {
        let state = match target.kind {
            TargetKind::Channel => {
                let state = ChannelState::new(now);
                TargetState::Channel(if receives_webhooks { state.with_webhooks() } else { state })
            }
            TargetKind::Token => {
                let state = TokenState::new(target.options.required_scopes.len());
                TargetState::Token(Box::new(state))
            }
            TargetKind::Source => TargetState::Source(Box::default()),
            TargetKind::Account => TargetState::Account(Box::new(match receives_webhooks {
                true => AccountState::with_webhooks(),
                false => AccountState::default(),
            })),
        };
        let options = Arc::clone(&target.options);
        Self { target, options, state, requests: None, created: now.unix }
    }

    /// The provider.
    #[inline]
    pub fn provider(&self) -> ProviderId {
        self.options.provider
    }

    /// How often it is polled, and how long answers count.
    #[inline]
    pub fn policy(&self) -> PollPolicy {
        self.options.policy
    }

    /// Puts new settings in the place of the old ones.
    pub(super) fn set_target(&mut self, target: Arc<Target>) {
        self.options = Arc::clone(&target.options);
        self.target = target;
    }

    /// The channel's state, if it is one.
    pub const fn channel(&self) -> Option<&ChannelState> {
        match &self.state {
            TargetState::Channel(state) => Some(state),
            _ => None,
        }
    }

    /// Whether it is a channel of whose terms anything was told.
    pub fn has_terms(&self) -> bool {
        self.channel().is_some_and(ChannelState::has_terms)
    }

    /// The token's state, if it is one.
    pub const fn token(&self) -> Option<&TokenState> {
        match &self.state {
            TargetState::Token(state) => Some(state),
            _ => None,
        }
    }

    /// The source's state, if it is one.
    pub const fn source(&self) -> Option<&SourceState> {
        match &self.state {
            TargetState::Source(state) => Some(state),
            _ => None,
        }
    }

    /// The account's state, if it is one.
    pub const fn account(&self) -> Option<&AccountState> {
        match &self.state {
            TargetState::Account(state) => Some(state),
            _ => None,
        }
    }

    /// The statistics of its polls.
    #[inline]
    pub const fn polls(&self) -> &PollStats {
        match &self.state {
            TargetState::Channel(state) => state.polls(),
            TargetState::Token(state) => state.polls(),
            TargetState::Source(state) => state.polls(),
            TargetState::Account(state) => state.polls(),
        }
    }

    /// The upstream's id of a channel: as configured, else as learnt.
    pub fn id(&self) -> Option<&ShortText> {
        let learnt = self.channel().and_then(ChannelState::channel_id);
        self.target.id.as_ref().or(learnt)
    }

    /// Whether a channel's id is not known because it could not be asked yet. Of one that has
    /// answered without an id, or whose credential is refused, none is to be expected soon.
    pub(super) fn may_yet_report_its_id(&self) -> bool {
        let polls = self.polls();
        let refused = matches!(
            polls.last_failure(),
            Some(FailureReason::ChannelNotFound | FailureReason::CredentialUnauthorized)
        );
        self.channel().is_some()
            && self.id().is_none()
            && polls.last_success().is_none()
            && !refused
    }
}

impl Watched {
    /// Whether a source's channels are not known because it has not listed them yet. One that is
    /// refused will not soon.
    pub(super) fn may_yet_list(&self) -> bool {
        let refused = self.polls().last_failure() == Some(FailureReason::CredentialUnauthorized);
        self.source().is_some_and(|source| source.listed().is_none()) && !refused
    }
}

/// All credentials of a provider that are not configured, taken together.
#[derive(Debug, Clone)]
pub struct Unattributed {
    /// Whose credentials they claim to be.
    pub provider: ProviderId,
    /// The application's requests with them.
    pub requests: RequestCounts,
    /// Since when they are counted.
    pub created: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_takes_five_cache_lines() {
        assert_eq!(size_of::<Option<Watched>>(), 320);
    }
}
