//! What a person should know of a business account.
//!
//! Not here: its lines; each is a channel.

use serde::Serialize;

use super::advice::{self, Advice};
use super::humanize;
use super::target_view::{self, Level, NoticeView, TargetSummary};
use crate::domain::{AccountRestriction, CanSend, Expiry, Now, ReviewStatus, TemplateStatus};
use crate::fleet::Watched;
use crate::provider::AccountProblem;

/// What a person should know of an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AccountView {
    /// With its condition: `active`, `restricted`, `unsubscribed`, `templates paused`, `failing` or
    /// `unknown`.
    #[serde(flatten)]
    pub summary: TargetSummary,
    /// What became of its review; null when that is not known.
    pub review: Option<&'static str>,
    /// What it may not do, as webhooks told.
    pub restrictions: Vec<AccountRestrictionView>,
    /// Whether somebody gets its webhooks; null when that is not known.
    pub webhook_subscribed: Option<bool>,
    /// Its templates that can be sent; null when that is not known.
    pub approved_templates: Option<u32>,
    /// Those that are paused.
    pub paused_templates: Option<u32>,
    /// Those that are disabled.
    pub disabled_templates: Option<u32>,
    /// How much of the upstream's limit of requests is used, in percent; null until told.
    pub api_usage_percent: Option<u16>,
    /// What the provider says against it.
    pub notices: Vec<NoticeView>,
}

/// Something that an account may not do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AccountRestrictionView {
    /// One of the reasons of `whatsapp_account_restricted`.
    pub reason: &'static str,
    /// When it ends; null when that is not known.
    pub ends: Option<String>,
    /// The same in words.
    #[serde(skip)]
    pub words: String,
}

impl AccountView {
    /// The view of a target at `now`; `None` if it is no account.
    pub fn new(watched: &Watched, now: Now) -> Option<Self> {
        let (state, policy) = (watched.account()?, watched.policy());
        let templates = state.templates(now, policy);
        let of = |status| templates.map(|templates| templates.of(status));
        let active = AccountRestriction::ALL.iter().filter(|it| state.is_restricted(**it, now));
        Some(Self {
            summary: TargetSummary::new(watched, account_level(watched, now)?),
            review: state.review(now, policy).map(ReviewStatus::as_str),
            restrictions: active
                .map(|reason| restriction(*reason, state.restriction_end(*reason, now), now))
                .collect(),
            webhook_subscribed: state.webhook_subscribed(now, policy),
            approved_templates: of(TemplateStatus::Approved),
            paused_templates: of(TemplateStatus::Paused),
            disabled_templates: of(TemplateStatus::Disabled),
            api_usage_percent: state.usage().map(|usage| usage.percent),
            notices: target_view::notices(state.notices()),
        })
    }

    /// What is not simply well, in words.
    pub fn notes(&self) -> Vec<String> {
        let approved = ReviewStatus::Approved.as_str();
        let review = self.review.filter(|review| *review != approved);
        let mut notes: Vec<String> = review.map(|it| format!("review {it}")).into_iter().collect();
        notes.extend(self.restrictions.iter().map(|restriction| restriction.words.clone()));
        if self.webhook_subscribed == Some(false) {
            notes.push("no app gets its webhooks".to_owned());
        }
        let counts = [(self.paused_templates, "paused"), (self.disabled_templates, "disabled")];
        for (count, word) in counts {
            let some = count.filter(|count| *count > 0);
            notes.extend(some.map(|count| format!("{count} templates {word}")));
        }
        let used = self.api_usage_percent.filter(|percent| *percent >= 50);
        notes.extend(used.map(|percent| format!("{percent} % of its requests are used")));
        notes.extend(self.notices.iter().map(|notice| notice.words.clone()));
        notes
    }
}

fn restriction(
    reason: AccountRestriction,
    end: Option<Expiry>,
    now: Now,
) -> AccountRestrictionView {
    let what = match reason {
        AccountRestriction::BusinessInitiated => "may not begin conversations",
        AccountRestriction::CustomerInitiated => "may not answer customers",
        AccountRestriction::PhoneNumbers => "may not add phone numbers",
        AccountRestriction::Templates => "may not send some templates",
        AccountRestriction::Calling => "may not call",
        AccountRestriction::BanScheduled => "will be disabled",
        AccountRestriction::Banned => "is disabled",
        AccountRestriction::Other => "is restricted",
    };
    let at = match end {
        Some(Expiry::At(at)) => Some(at),
        _ => None,
    };
    let words = match at {
        Some(at) => format!("{what}; ends {}", humanize::distance(at.millis(), now)),
        None => what.to_owned(),
    };
    AccountRestrictionView { reason: reason.as_str(), ends: at.map(humanize::rfc3339), words }
}

/// How an account is, in a word, and what to do.
pub(super) fn account_level(
    watched: &Watched,
    now: Now,
) -> Option<(Level, &'static str, Option<Advice>)> {
    use AccountProblem::{Restricted, TemplatesPaused, WebhookUnsubscribed};
    let (state, policy, provider) = (watched.account()?, watched.policy(), watched.provider());
    let problem = |problem, alert| Some(Advice::new(advice::account(provider, problem), alert));
    let of_failure = || {
        let reason = state.polls().last_failure()?;
        let todo = advice::failure(provider, reason);
        Some((target_view::level_of(reason), Advice::new(todo, "WhatsAppSourceUnreachable")))
    };
    let review = state.review(now, policy);
    let refused = matches!(review, Some(ReviewStatus::Rejected | ReviewStatus::Restricted));
    let restricted = AccountRestriction::ALL.iter().any(|it| state.is_restricted(*it, now));
    let blocked = state.can_send(now, policy) == Some(CanSend::Blocked);
    if refused || restricted || blocked {
        let advice = problem(Restricted, "WhatsAppAccountRestricted");
        return Some((Level::Bad, "restricted", advice));
    }
    if state.webhook_lost(now, policy) {
        let advice = problem(WebhookUnsubscribed, "WhatsAppAccountWebhookUnsubscribed");
        return Some((Level::Bad, "unsubscribed", advice));
    }
    let templates = state.templates(now, policy);
    let paused = templates.is_some_and(|templates| templates.of(TemplateStatus::Paused) > 0);
    Some(match of_failure() {
        Some((level, advice)) => (level, "failing", Some(advice)),
        None if paused => {
            let advice = problem(TemplatesPaused, "WhatsAppTemplatesPaused");
            (Level::Warning, "templates paused", advice)
        }
        None if state.polls().last_success().is_some() => (Level::Ok, "active", None),
        None => (Level::Unknown, "unknown", None),
    })
}
