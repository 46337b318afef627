//! The controls of the simulated Evolution API. Not its routes: see `evolution/`.

use super::Simulator;
use crate::evolution::EvolutionServer;

impl Simulator {
    /// An Evolution API server with this global key; replaces the one it had.
    pub fn set_evolution_server(&self, api_key: &str, server: EvolutionServer) {
        self.state.lock().evolution.servers.insert(api_key.to_owned(), server);
    }

    /// Changes a server in place, and sends its webhooks; `false` when there is none with this
    /// global key.
    pub fn update_evolution_server(
        &self,
        api_key: &str,
        change: impl FnOnce(&mut EvolutionServer),
    ) -> bool {
        let known = self.state.lock().evolution.servers.get_mut(api_key).map(change).is_some();
        self.state.changed.notify_waiters();
        known
    }
}
