//! Whapi through the gateway: where requests carry their token, and what a 401 means.
//!
//! Not here: passing requests on.

use hyper::Method;

use super::{messages, refusal};
use crate::domain::MessageId;
use crate::provider::{ErrorMeaning, GatewayApi, SendingLine};

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

    /// `POST /messages/…`, but for stories: nobody acknowledges them as they do messages (Whapi's
    /// OpenAPI).
    fn sends(&self, method: &Method, path: &str) -> Option<SendingLine> {
        let path = path.split('?').next().unwrap_or_default();
        let kind = path.strip_prefix("/messages/")?;
        let is_story = kind == "story" || kind.starts_with("story/");
        (*method == Method::POST && !kind.is_empty() && !is_story)
            .then_some(SendingLine::Credential)
    }

    fn accepted(&self, body: &[u8]) -> Option<MessageId> {
        messages::accepted(body)
    }

    /// A channel reconnects within seconds, and a 401 "need channel authorization" says that
    /// nothing was done (Whapi's help page on error 401).
    fn may_hold(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_sends_a_message_is_known_by_its_method_and_its_path() {
        let sends = |method, path| WhapiGateway.sends(&method, path).is_some();
        for path in ["/messages/text", "/messages/media/image?token=x", "/messages/ID1"] {
            assert!(sends(Method::POST, path), "{path}");
            assert!(!sends(Method::GET, path), "{path}");
        }
        for path in ["/messages/", "/messages", "/stories", "/messages/story/text", "/x/messages/a"]
        {
            assert!(!sends(Method::POST, path), "{path}");
        }
    }
}
