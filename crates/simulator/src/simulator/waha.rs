//! The controls of the simulated WAHA. Not its routes: see `waha/`.

use super::Simulator;
use crate::waha::WahaServer;

impl Simulator {
    /// A WAHA server with this API key; replaces the one it had.
    pub fn set_waha_server(&self, api_key: &str, server: WahaServer) {
        self.state.lock().waha.servers.insert(api_key.to_owned(), server);
    }

    /// Changes a server in place; `false` when there is none with this API key.
    pub fn update_waha_server(&self, api_key: &str, change: impl FnOnce(&mut WahaServer)) -> bool {
        self.state.lock().waha.servers.get_mut(api_key).map(change).is_some()
    }
}
