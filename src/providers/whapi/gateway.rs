//! Whapi through the gateway: where requests carry their token, and what a 401 means.
//!
//! Not here: passing requests on.

use super::refusal;
use crate::provider::{ErrorMeaning, GatewayApi};

pub(super) struct WhapiGateway;

impl GatewayApi for WhapiGateway {
    fn credential_parameter(&self) -> &'static str {
        "token"
    }

    fn inspects(&self, status: u16) -> bool {
        status == 401
    }

    fn error(&self, _status: u16, body: &[u8]) -> ErrorMeaning {
        ErrorMeaning::Channel(refusal::unauthorized(body))
    }

    /// A channel reconnects within seconds, and a 401 "need channel authorization" says that
    /// nothing was done (Whapi's help page on error 401).
    fn may_hold(&self) -> bool {
        true
    }
}
