//! What `check` found out about a target, in words: the rows of the table and of the JSON.
//!
//! Not here: how a target is; that is the view that the page and `/api/status` show too.

use serde::Serialize;

use crate::domain::{Now, TargetKind};
use crate::fleet::{FleetView, Watched};
use crate::poller::PollCauses;
use crate::report::account_report::AccountView;
use crate::report::status_report::{ChannelView, Level, SourceView, TargetSummary, TokenView};

/// What was found out about a target. Its fields are documented in `docs/check.md`.
#[derive(Debug, Serialize)]
pub(super) struct Finding {
    pub(super) kind: &'static str,
    pub(super) provider: &'static str,
    pub(super) name: String,
    /// The source that listed it.
    source: Option<String>,
    pub(super) level: Level,
    /// Its status, and what is in its way.
    pub(super) status: String,
    /// Why the last poll failed, as counted.
    reason: Option<&'static str>,
    /// The same in the log's words.
    cause: Option<String>,
    todo: Option<&'static str>,
    runbook: Option<String>,
    /// When a token or a subscription ends.
    expires: Option<String>,
    /// The same as a person would say it.
    #[serde(skip)]
    pub(super) countdown: String,
}

/// What advice says first when it knows nothing more than the class of a failure.
const SAID_BY_THE_CAUSE: &[&str] =
    &["No connection. ", "No answer in time. ", "The TLS handshake failed. "];

impl Finding {
    fn of(watched: &Watched, now: Now, causes: &PollCauses) -> Option<Self> {
        let target = &watched.target;
        let (summary, status, expires, countdown);
        if let Some(view) = ChannelView::new(watched, now) {
            let restrictions = view.restrictions.iter().flatten().map(|one| one.words.as_str());
            let notices = view.standing.iter().flat_map(|standing| standing.notices.iter());
            let notices = notices.map(|notice| notice.words.as_str());
            let words: Vec<&str> = restrictions.chain(notices).collect();
            status = with(view.summary.status, &words);
            let subscription = view.subscription.as_ref();
            countdown = subscription.map_or_else(|| "-".to_owned(), |one| one.countdown.clone());
            expires = view.subscription.and_then(|one| one.expires);
            summary = view.summary;
        } else if let Some(view) = TokenView::new(watched, now) {
            let missing: Vec<&str> = view.missing_scopes.iter().map(String::as_str).collect();
            status = with(view.summary.status, &missing);
            countdown = view.countdown(now);
            expires = view.expires;
            summary = view.summary;
        } else if let Some(view) = AccountView::new(watched, now) {
            status = with(view.summary.status, &view.notes());
            (expires, countdown) = (None, "-".to_owned());
            summary = view.summary;
        } else {
            let view = SourceView::new(watched)?;
            let channels = view.channels.map(|count| format!("{count} channels"));
            status = with(view.summary.status, channels.as_slice());
            (expires, countdown) = (None, "-".to_owned());
            summary = view.summary;
        }
        let TargetSummary { provider, name, source, level, poll, advice, .. } = summary;
        let reason = poll.failure;
        let cause = reason.and_then(|_| causes.of(target)).map(str::to_owned);
        Some(Self {
            kind: target.kind.as_str(),
            provider,
            name,
            source,
            level,
            status,
            reason,
            cause,
            todo: advice.map(|advice| advice.todo),
            runbook: advice.map(|advice| advice.runbook()),
            expires,
            countdown,
        })
    }

    /// All targets, those that are well first and the worst last.
    pub(super) fn all(view: &FleetView, causes: &PollCauses) -> Vec<Self> {
        let mut findings: Vec<Self> = view.look(|targets| {
            let all = TargetKind::ALL.iter().flat_map(|kind| targets.of(*kind));
            all.filter_map(|watched| Self::of(watched, view.now, causes)).collect()
        });
        findings.sort_by_key(|finding| std::cmp::Reverse(finding.level));
        findings
    }

    /// A warning counts too: all is not well with a token that expires this week.
    pub(super) fn is_well(&self) -> bool {
        self.level == Level::Ok
    }

    /// The status as the table shows it.
    pub(super) fn status_and_reason(&self) -> String {
        match (self.reason, self.status.split_once(": ")) {
            (None, _) => self.status.clone(),
            (Some(reason), None) => format!("{} ({reason})", self.status),
            (Some(reason), Some((word, more))) => format!("{word} ({reason}): {more}"),
        }
    }

    /// What happened, and what to do about it.
    pub(super) fn cause_and_todo(&self) -> String {
        let todo = self.todo.unwrap_or_default();
        let Some(cause) = &self.cause else { return todo.to_owned() };
        let said = SAID_BY_THE_CAUSE.iter().find_map(|said| todo.strip_prefix(said));
        let mut cause = cause.clone();
        // It may begin with the name of a file, which is as it is.
        let is_word = |word: &str| word.bytes().all(|byte| byte.is_ascii_alphabetic());
        if cause.split(' ').next().is_some_and(is_word)
            && let Some(first) = cause.get_mut(..1)
        {
            first.make_ascii_uppercase();
        }
        format!("{cause}. {}", said.unwrap_or(todo)).trim_end().to_owned()
    }
}

/// A status, with what there is to say of it.
fn with(status: &str, more: &[impl AsRef<str>]) -> String {
    if more.is_empty() {
        return status.to_owned();
    }
    let more: Vec<&str> = more.iter().map(AsRef::as_ref).collect();
    format!("{status}: {}", more.join(", "))
}

/// How many targets are how.
#[derive(Debug, Default, Clone, Copy, Serialize)]
pub(super) struct Summary {
    pub(super) ok: usize,
    pub(super) warning: usize,
    pub(super) unknown: usize,
    pub(super) bad: usize,
}

impl Summary {
    /// Of these.
    pub(super) fn of(findings: &[Finding]) -> Self {
        let mut summary = Self::default();
        for finding in findings {
            *match finding.level {
                Level::Ok => &mut summary.ok,
                Level::Warning => &mut summary.warning,
                Level::Unknown => &mut summary.unknown,
                Level::Bad => &mut summary.bad,
            } += 1;
        }
        summary
    }
}
