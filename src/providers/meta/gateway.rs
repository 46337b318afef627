//! Meta through the gateway: where requests carry their token, and what an error says about it.
//!
//! Not here: passing requests on.

use hyper::Method;

use super::{graph_error, message_statuses};
use crate::domain::MessageId;
use crate::provider::{ErrorMeaning, GatewayApi, SendingLine};

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

    /// `POST /{version}/{phone-number-id}/messages`. A receipt of reading goes there too; its
    /// answer names no message.
    fn sends(&self, method: &Method, path: &str) -> Option<SendingLine> {
        let path = path.split('?').next().unwrap_or_default();
        let (before, last) = path.rsplit_once('/')?;
        let (_, number) = before.rsplit_once('/')?;
        let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
        (*method == Method::POST && last == "messages" && is_number)
            .then(|| SendingLine::Channel(number.into()))
    }

    fn accepted(&self, body: &[u8]) -> Option<MessageId> {
        message_statuses::accepted(body)
    }

    fn may_hold(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_sends_a_message_names_its_number() {
        let sends = |method, path| MetaGateway.sends(&method, path);
        let number = || Some(SendingLine::Channel("106540352242922".into()));
        assert_eq!(sends(Method::POST, "/v25.0/106540352242922/messages"), number());
        assert_eq!(sends(Method::POST, "/106540352242922/messages?access_token=x"), number());
        for path in ["/v25.0/106540352242922/media", "/messages", "/v25.0/messages", "/1/messages/"]
        {
            assert_eq!(sends(Method::POST, path), None, "{path}");
        }
        assert_eq!(sends(Method::GET, "/v25.0/106540352242922/messages"), None);
    }
}
