//! The controls of the simulated GREEN-API. Not its routes: see `green_api/`.

use super::Simulator;
use crate::green_api::{GreenApiInstance, GreenApiPartner};

impl Simulator {
    /// A GREEN-API instance with this token; replaces the one it had.
    pub fn set_green_api_instance(&self, token: &str, instance: GreenApiInstance) {
        self.state.lock().green_api.instances.insert(token.to_owned(), instance);
    }

    /// Moves an instance to another state; `false` when there is none with this token.
    pub fn set_green_api_state(&self, token: &str, state: &str) -> bool {
        let mut all = self.state.lock();
        let instance = all.green_api.instances.get_mut(token);
        instance.map(|instance| instance.state = state.to_owned()).is_some()
    }

    /// A GREEN-API partner with this token, whose instances have these tokens; replaces the one it
    /// had.
    pub fn set_green_api_partner(&self, token: &str, name: &str, instances: &[&str]) {
        let instances = instances.iter().map(|token| (*token).to_owned()).collect();
        let partner = GreenApiPartner { name: name.to_owned(), instances };
        self.state.lock().green_api.partners.insert(token.to_owned(), partner);
    }
}
