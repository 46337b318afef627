//! The controls of the simulated Meta. Not its routes: see `meta/`.

use super::Simulator;
use crate::meta::MetaApp;
use crate::meta::account::MetaAccount;
use crate::meta::token::MetaToken;

impl Simulator {
    /// A Meta access token; replaces the one with this secret.
    pub fn set_token(&self, secret: &str, token: MetaToken) {
        self.state.lock().meta.tokens.insert(secret.to_owned(), token);
    }

    /// Changes a token in place; `false` when there is none with this secret.
    pub fn update_token(&self, secret: &str, change: impl FnOnce(&mut MetaToken)) -> bool {
        self.state.lock().meta.tokens.get_mut(secret).map(change).is_some()
    }

    /// An account; replaces the one with its id.
    pub fn set_account(&self, account: MetaAccount) {
        self.state.lock().meta.accounts.insert(account.id.clone(), account);
    }

    /// Changes an account in place; `false` when there is none with this id.
    pub fn update_account(&self, id: &str, change: impl FnOnce(&mut MetaAccount)) -> bool {
        self.state.lock().meta.accounts.get_mut(id).map(change).is_some()
    }

    /// An app, which may inspect its own tokens with the credential `app_id|app_secret`.
    pub fn set_app(&self, app_id: &str, app_secret: &str, name: &str) {
        self.state.lock().meta.apps.insert(
            app_id.to_owned(),
            MetaApp { secret: app_secret.to_owned(), name: name.into() },
        );
    }
}
