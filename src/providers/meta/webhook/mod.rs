//! Meta's webhooks: the question that Meta asks before it sends any, and signed deliveries of
//! several changes at once.
//!
//! Not here: receiving them. What a change says is in the files beside.
//!
//! Source: Meta's "Webhooks: getting started" (`hub.challenge`, `X-Hub-Signature-256`, bodies of up
//! to 3 MB), and the fields' pages of the Cloud API.

mod account_update;
mod changes;

use std::borrow::Cow;

use hyper::Method;
use percent_encoding::percent_decode_str;
use ring::hmac::HMAC_SHA256;
use secrecy::{ExposeSecret, SecretString};
use subtle::ConstantTimeEq;

use crate::provider::{
    AccountWebhook, HandshakeAnswer, HeadVerdict, Needed, SECRET_PLACEHOLDER, Webhook, WebhookApi,
    WebhookHead,
};
use crate::upstream::lenient::is_whole_object;
use crate::upstream::signature::is_signed;

/// Where the receiver is, behind whatever address leads to the exporter.
const PATH: &str = "/webhook/meta";

const SIGNATURE: &str = "x-hub-signature-256";

pub(super) struct MetaWebhooks;

impl WebhookApi for MetaWebhooks {
    fn methods(&self) -> &'static [Method] {
        const METHODS: &[Method] = &[Method::GET, Method::POST];
        METHODS
    }

    fn has_path(&self, rest: &str) -> bool {
        rest.is_empty()
    }

    fn max_body_bytes(&self) -> usize {
        3 * 1024 * 1024
    }

    fn handshake(
        &self,
        method: &Method,
        query: Option<&str>,
        secret: &SecretString,
    ) -> Option<HandshakeAnswer> {
        if method != Method::GET {
            return None;
        }
        let parameter = |name: &str| -> Option<Cow<'_, str>> {
            let mut pairs = query?.split('&').filter_map(|pair| pair.split_once('='));
            let (_, value) = pairs.find(|(key, _)| *key == name)?;
            percent_decode_str(value).decode_utf8().ok()
        };
        let token = parameter("hub.verify_token").unwrap_or_default();
        let knows = token.as_bytes().ct_eq(secret.expose_secret().as_bytes()).into();
        // Meta's are numbers; what else somebody may want to have repeated is not.
        let is_challenge = |text: &str| {
            (1..=128).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
        };
        let challenge = parameter("hub.challenge").filter(|text| is_challenge(text));
        Some(match challenge {
            Some(challenge) if knows && parameter("hub.mode").as_deref() == Some("subscribe") => {
                HandshakeAnswer::Text(challenge.into_owned())
            }
            _ => HandshakeAnswer::Refused,
        })
    }

    fn has_own_secret(&self) -> bool {
        true
    }

    fn authorize(&self, head: WebhookHead<'_>, _: &SecretString) -> HeadVerdict {
        match head.headers.contains_key(SIGNATURE) {
            true => HeadVerdict::NeedsBody,
            false => HeadVerdict::Refuse,
        }
    }

    fn refusal(&self) -> &'static str {
        "the webhook must be signed by the app whose secret is in META_WEBHOOK_APP_SECRET; a \
         verification must carry WEBHOOK_SECRET as its verify token"
    }

    fn authorize_body(&self, head: WebhookHead<'_>, body: &[u8], secret: &SecretString) -> bool {
        let given = head.headers.get(SIGNATURE).map(|value| value.as_bytes());
        let given = given.and_then(|text| text.strip_prefix(b"sha256="));
        given.is_some_and(|given| is_signed(HMAC_SHA256, secret, body, given))
    }

    fn events(&self, _: WebhookHead<'_>, body: &[u8]) -> Option<Vec<Webhook>> {
        is_whole_object(body).then(|| changes::of_numbers(body))
    }

    fn account_events(&self, body: &[u8]) -> Vec<AccountWebhook> {
        changes::of_accounts(body)
    }

    fn instructions(&self, needed: &Needed<'_>) -> String {
        format!(
            "In the dashboard of the app that is for monitoring (docs/providers/meta.md), under \
             WhatsApp, Configuration:\n\
             callback URL   {}\n\
             verify token   {SECRET_PLACEHOLDER}\n\
             fields         account_update, account_alerts, account_review_update, \
             phone_number_quality_update,\n\
             \x20              business_capability_update, message_template_status_update, \
             security\n\
             Set META_WEBHOOK_APP_SECRET to that app's secret, and subscribe the app to each \
             account: POST /<account>/subscribed_apps.",
            needed.address(PATH)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::hears;
    use crate::upstream::signature::sign;

    fn authorized(signature: Option<&str>, body: &str) -> bool {
        hears(&MetaWebhooks, signature.map(|it| (SIGNATURE, it)), body, "appsecret")
    }

    #[test]
    fn only_a_right_signature_over_the_raw_bytes_is_accepted() {
        let body = r#"{"object":"whatsapp_business_account","entry":[{"id":"\u00fc"}]}"#;
        let hex = sign(HMAC_SHA256, &SecretString::from("appsecret"), body.as_bytes());
        let right = format!("sha256={hex}");
        assert!(authorized(Some(&right), body));
        let unescaped = body.replace("\\u00fc", "ü");
        assert!(!authorized(Some(&right), &unescaped), "escaped as it was sent");
        let wrong = format!("sha256={}", "0".repeat(64));
        for signature in [Some(&*hex), Some("sha256="), Some("sha256=zz"), Some(&*wrong), None] {
            assert!(!authorized(signature, body), "{signature:?}");
        }
    }

    #[test]
    fn metas_question_is_answered_to_who_knows_the_verify_token() {
        let secret = SecretString::from("verify token+1");
        let ask = |query: Option<&str>| MetaWebhooks.handshake(&Method::GET, query, &secret);
        let right =
            "hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token=verify%20token%2B1";
        assert_eq!(ask(Some(right)), Some(HandshakeAnswer::Text("1158201444".to_owned())));
        for wrong in [
            right.replace("subscribe", "unsubscribe"),
            right.replace("verify%20token", "other"),
            right.replace("1158201444", "%3Cscript%3E"),
            right.replace("hub.challenge=1158201444&", ""),
            right.replace("hub.verify_token=verify%20token%2B1", "hub.verify_token="),
            String::new(),
        ] {
            assert_eq!(ask(Some(&wrong)), Some(HandshakeAnswer::Refused), "{wrong}");
        }
        assert_eq!(ask(None), Some(HandshakeAnswer::Refused));
        assert_eq!(MetaWebhooks.handshake(&Method::POST, Some(right), &secret), None);
    }
}
