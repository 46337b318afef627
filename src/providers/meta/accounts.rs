//! The accounts that a token may manage, as its own inspection tells them: the list of a source.
//!
//! Not here: whether the token works (`debug_token.rs`), and what an account is asked (`account/`).
//!
//! Source: `granular_scopes` in Meta's reference of `debug_token`. A scope without `target_ids` is
//! granted for all of a business's accounts, which it then does not name.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tracing::warn;

use super::account::AccountPoll;
use super::debug_token::{self, App, Inspection};
use crate::domain::{Failure, FailureReason};
use crate::secret::SecretSource;
use crate::upstream::{Credentials, Endpoint, Exchange, Fact, ListedAccount, PollContext};

/// The permission that lets a token see an account and its numbers.
const MANAGEMENT: &str = "whatsapp_business_management";

/// The poll of the accounts that a token may manage.
#[derive(Debug)]
pub(super) struct Accounts {
    /// The version of the Graph API, such as `v25.0`.
    pub(super) api_version: Arc<str>,
    /// The app that inspects the token; without one it inspects itself.
    pub(super) app: Option<App>,
    /// The accounts to watch when the inspection names none.
    pub(super) fallback: Arc<[Box<str>]>,
    /// Whether accounts are asked for analytics.
    pub(super) analytics: bool,
    /// Whether it was logged that there is nothing to watch.
    pub(super) told: Arc<AtomicBool>,
}

/// Whether something was logged makes no difference to polls.
impl PartialEq for Accounts {
    fn eq(&self, other: &Self) -> bool {
        self.api_version == other.api_version
            && self.app == other.app
            && self.fallback == other.fallback
            && self.analytics == other.analytics
    }
}

impl Endpoint for Accounts {
    fn poll(&self, target: PollContext<'_>, credentials: Credentials) -> Exchange {
        let app = self.app.as_ref().zip(credentials.second.as_ref());
        let app = app.map(|(app, secret)| (&*app.id, secret));
        let by_app = app.is_some();
        let request =
            debug_token::request(target.api_url, &self.api_version, &credentials.own, app);
        let (version, fallback) = (Arc::clone(&self.api_version), Arc::clone(&self.fallback));
        let app = self.app.clone();
        let (told, analytics) = (Arc::clone(&self.told), self.analytics);
        Exchange::single(request, move |answer| {
            let list = debug_token::inspect(&answer, by_app).and_then(|inspection| {
                let ids = ids(&inspection, &fallback)?;
                if ids.is_empty() && !told.swap(true, Ordering::Relaxed) {
                    warn!(
                        may_manage = inspection.scopes.iter().any(|scope| scope == MANAGEMENT),
                        "the token names no account that it may manage, so no number is \
                         discovered; grant it whatsapp_business_management for an account, name \
                         accounts in META_WABA_IDS, or set META_DISCOVER=false"
                    );
                }
                let account = |id: Box<str>| {
                    let secret = app.as_ref().map(|app| app.secret.clone());
                    let app_id = inspection.app_id.clone();
                    let poll = AccountPoll::new(id.clone(), &version, secret, app_id);
                    ListedAccount { id, endpoint: Arc::new(poll.with_analytics(analytics)) }
                };
                Ok(ids.into_iter().map(account).collect())
            });
            Fact::Accounts(list).into()
        })
    }

    fn second_secret(&self) -> Option<&SecretSource> {
        self.app.as_ref().map(|app| &app.secret)
    }
}

/// The accounts to watch. One that no permission is granted for is not asked in vain.
fn ids(inspection: &Inspection, fallback: &[Box<str>]) -> Result<Vec<Box<str>>, Failure> {
    if !inspection.valid {
        let what = "the token is not valid";
        return Err(Failure::new(FailureReason::CredentialUnauthorized, what));
    }
    let scopes = &inspection.scopes;
    if !scopes.is_empty() && !scopes.iter().any(|scope| scope == MANAGEMENT) {
        return Ok(Vec::new());
    }
    let targets = inspection.targets_of(MANAGEMENT);
    let named: Vec<Box<str>> = targets.into_iter().filter(|id| is_id(id)).collect();
    Ok(if named.is_empty() { fallback.to_vec() } else { named })
}

/// Whether a text can be the id of an object of Meta's: it becomes a part of an address.
pub(super) fn is_id(text: &str) -> bool {
    (1..=32).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::upstream::{Answer, Next};

    fn listed(body: &str, fallback: &[&str]) -> Result<Vec<String>, FailureReason> {
        let fallback = fallback.iter().map(|id| (*id).into()).collect();
        let (api_version, told) = ("v25.0".into(), Arc::default());
        let accounts = Accounts { api_version, app: None, fallback, analytics: false, told };
        let context =
            PollContext { api_url: &"https://graph".into(), id: None, now: Default::default() };
        let credentials = Credentials { own: "EAAG".to_owned().into(), second: None };
        let exchange = accounts.poll(context, credentials);
        let body = body.to_owned().into();
        let answer = Answer { status: 200, retry_after: None, headers: Default::default(), body };
        let Next::Done(reading) = (exchange.read)(answer) else { panic!("one request is enough") };
        let Fact::Accounts(list) = reading.polled else { panic!("not a list of accounts") };
        let list = list.map_err(|failure| failure.reason)?;
        Ok(list.into_iter().map(|account| account.id.into()).collect())
    }

    #[test]
    fn a_token_names_the_accounts_that_it_may_manage() {
        let body = r#"{"data":{"app_id":"1","is_valid":true,
            "scopes":["whatsapp_business_management"],
            "granular_scopes":[{"scope":"whatsapp_business_management","target_ids":["102",
            "103",104,"../me"]},
            {"scope":"whatsapp_business_messaging","target_ids":["999"]}]}}"#;
        let ids = ["102", "103", "104"].map(str::to_owned);
        assert_eq!(listed(body, &["7"]), Ok(ids.to_vec()));
    }

    #[test]
    fn accounts_of_the_settings_stand_in_where_the_token_names_none() {
        let body = r#"{"data":{"is_valid":true,"scopes":["whatsapp_business_management"],
            "granular_scopes":[{"scope":"whatsapp_business_management"}]}}"#;
        assert_eq!(listed(body, &["7"]), Ok(vec!["7".to_owned()]));
        assert_eq!(listed(body, &[]), Ok(Vec::new()));
        assert_eq!(listed(r#"{"data":{"is_valid":true}}"#, &["7"]), Ok(vec!["7".to_owned()]));
    }

    #[test]
    fn a_token_without_the_permission_lists_nothing_and_does_not_fail() {
        let body = r#"{"data":{"is_valid":true,"scopes":["whatsapp_business_messaging"],
            "granular_scopes":[{"scope":"whatsapp_business_messaging","target_ids":["999"]}]}}"#;
        assert_eq!(listed(body, &["7"]), Ok(Vec::new()));
    }

    #[test]
    fn a_dead_token_keeps_the_last_list() {
        let dead = r#"{"data":{"is_valid":false,"scopes":[],"error":{"code":190,"subcode":463}}}"#;
        let top = r#"{"error":{"code":190,"error_subcode":463,"message":"x"}}"#;
        for body in [dead, top] {
            assert_eq!(listed(body, &["7"]), Err(FailureReason::CredentialUnauthorized), "{body}");
        }
        assert_eq!(listed("<html>", &[]), Err(FailureReason::Decode));
    }
}
