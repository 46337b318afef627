//! Meta through the gateway: where requests carry their token, and what an error says about it.
//!
//! Not here: passing requests on.

use super::graph_error;
use crate::provider::{ErrorMeaning, GatewayApi};

pub(super) struct MetaGateway;

impl GatewayApi for MetaGateway {
    fn credential_parameter(&self) -> &'static str {
        "access_token"
    }

    fn inspects(&self, status: u16) -> bool {
        status >= 400
    }

    fn error(&self, status: u16, body: &[u8]) -> ErrorMeaning {
        ErrorMeaning::Token { error: graph_error::error(body), unauthorized: status == 401 }
    }

    fn may_hold(&self) -> bool {
        false
    }
}
