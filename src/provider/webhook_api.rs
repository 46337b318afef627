//! How a provider's webhooks are received: who may post them, and what they say.
//!
//! Not here: receiving them (`server/webhook.rs`).

use hyper::header::HeaderName;
use hyper::{HeaderMap, Method};
use reqwest::Url;
use secrecy::{ExposeSecret, SecretString};
use subtle::ConstantTimeEq;

use crate::domain::{AccountEvent, ChannelEvent, Failure, MessageEvent};
use crate::upstream::{Answer, PollContext, Request};

/// What stands for the secret in what is shown.
pub const SECRET_PLACEHOLDER: &str = "<WEBHOOK_SECRET>";

/// The head of a delivery.
#[derive(Debug, Clone, Copy)]
pub struct WebhookHead<'a> {
    /// The method.
    pub method: &'a Method,
    /// What follows `/webhook/<provider>` in the path, without slashes around it.
    pub rest: &'a str,
    /// The headers.
    pub headers: &'a HeaderMap,
    /// The header that `WEBHOOK_SECRET_HEADER` names.
    pub secret_header: &'a HeaderName,
}

impl WebhookHead<'_> {
    /// Whether the header that `WEBHOOK_SECRET_HEADER` names holds the secret.
    pub fn has_secret(&self, secret: &SecretString) -> bool {
        let secret = secret.expose_secret().as_bytes();
        let mut given = self.headers.get_all(self.secret_header).iter();
        // The time that takes tells at most the length.
        given.any(|given| bool::from(given.as_bytes().ct_eq(secret)))
    }
}

/// Whether a delivery may be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeadVerdict {
    /// Its head proves who sent it.
    Accept,
    /// It does not.
    Refuse,
    /// Only its body can prove it.
    NeedsBody,
}

impl HeadVerdict {
    /// What follows when the head alone decides.
    pub const fn by_head(proves: bool) -> Self {
        if proves { Self::Accept } else { Self::Refuse }
    }
}

/// One event of a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    /// The source whose channel it is, where ids are unique within a source alone.
    pub source: Option<Box<str>>,
    /// The upstream's id of the channel.
    pub channel_id: Option<Box<str>>,
    /// What happened.
    pub event: ChannelEvent,
}

impl Webhook {
    /// One event for each message of a delivery; one without content if it has no message.
    pub fn of_messages(
        source: Option<&str>,
        channel_id: Option<&str>,
        messages: Vec<MessageEvent>,
    ) -> Vec<Self> {
        let (source, channel_id) = (source.map(Box::from), channel_id.map(Box::from));
        if messages.is_empty() {
            return vec![Self { source, channel_id, event: ChannelEvent::Other }];
        }
        let webhook = |message| Self {
            source: source.clone(),
            channel_id: channel_id.clone(),
            event: ChannelEvent::Message(message),
        };
        messages.into_iter().map(webhook).collect()
    }
}

/// One event of a delivery that is about an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountWebhook {
    /// The upstream's id of the account.
    pub account_id: Option<Box<str>>,
    /// What happened.
    pub event: AccountEvent,
}

/// What an upstream is answered that asks, before it sends anything, whether it may.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HandshakeAnswer {
    /// This text: it may.
    Text(String),
    /// It may not.
    Refused,
}

/// A provider's webhooks.
pub trait WebhookApi: Sync {
    /// The methods that deliveries come with.
    fn methods(&self) -> &'static [Method] {
        const METHODS: &[Method] = &[Method::POST];
        METHODS
    }

    /// Whether there is a receiver at the path that ends in `rest`.
    fn has_path(&self, rest: &str) -> bool;

    /// The largest body that is read, in bytes. What tells of a status is below 2 KB; a message
    /// with media is larger, and not needed.
    fn max_body_bytes(&self) -> usize {
        1024 * 1024
    }

    /// The answer to a request that only asks whether webhooks may be sent; `None` when it is a
    /// delivery. `secret` is `WEBHOOK_SECRET`.
    fn handshake(
        &self,
        _method: &Method,
        _query: Option<&str>,
        _secret: &SecretString,
    ) -> Option<HandshakeAnswer> {
        None
    }

    /// Whether deliveries are authenticated with a secret from the provider's settings instead of
    /// `WEBHOOK_SECRET`.
    fn has_own_secret(&self) -> bool {
        false
    }

    /// Whether the head proves that the sender knows the secret. Compared in constant time.
    fn authorize(&self, head: WebhookHead<'_>, secret: &SecretString) -> HeadVerdict;

    /// What to tell a sender that could not prove it.
    fn refusal(&self) -> &'static str;

    /// Whether the body proves it. Only asked after [`HeadVerdict::NeedsBody`].
    fn authorize_body(&self, _: WebhookHead<'_>, _: &[u8], _: &SecretString) -> bool {
        false
    }

    /// The events of a delivery; `None` when the body is no JSON object.
    fn events(&self, head: WebhookHead<'_>, body: &[u8]) -> Option<Vec<Webhook>>;

    /// Those of its events that are about accounts. Only asked when [`Self::events`] found a JSON
    /// object.
    fn account_events(&self, _body: &[u8]) -> Vec<AccountWebhook> {
        Vec::new()
    }

    /// How `check` finds out whether a channel's webhooks reach the exporter, if that can be asked.
    fn check(&self) -> Option<&'static dyn WebhookCheck> {
        None
    }

    /// What to set at the provider so that they do, with [`SECRET_PLACEHOLDER`] for the secret.
    fn instructions(&self, needed: &Needed<'_>) -> String;
}

/// What a webhook must have to reach this exporter.
#[derive(Clone, Copy)]
pub struct Needed<'a> {
    /// The address of the receiver, if it is known.
    pub url: Option<&'a str>,
    /// What stands before its path for a shard, such as `/shard/2`; empty without shards.
    pub shard_path: &'a str,
    /// The header that carries the secret.
    pub header: &'a str,
    /// The secret.
    pub secret: &'a SecretString,
    /// The source that lists the channel, if one does.
    pub source: Option<&'a str>,
    /// Whether the address must name it, since another source has a channel of the same id.
    pub names_source: bool,
}

impl<'a> Needed<'a> {
    /// What all channels need; where none has to name its source.
    pub const fn new(
        url: Option<&'a str>,
        shard_path: &'a str,
        header: &'a str,
        secret: &'a SecretString,
    ) -> Self {
        Self { url, shard_path, header, secret, source: None, names_source: false }
    }

    /// Whether what is sent to this address arrives; a path is enough while ours is not known.
    pub fn is_reached_at(&self, theirs: &str, path: &str) -> bool {
        let Ok(theirs) = Url::parse(theirs.trim()) else { return false };
        match self.url.map(Url::parse) {
            // Parsed, so that a port or a host in other letters is no other address.
            Some(Ok(ours)) => {
                (theirs.scheme(), theirs.host(), theirs.port_or_known_default())
                    == (ours.scheme(), ours.host(), ours.port_or_known_default())
                    && theirs.path().trim_end_matches('/') == ours.path().trim_end_matches('/')
            }
            Some(Err(_)) => false,
            None => {
                let before = theirs.path().trim_end_matches('/').strip_suffix(path);
                before.is_some_and(|before| before.ends_with(self.shard_path))
            }
        }
    }

    /// The address to set, as far as it is known.
    pub fn address(&self, path: &str) -> String {
        self.url
            .map_or_else(|| format!("https://<exporter>{}{path}", self.shard_path), str::to_owned)
    }

    /// The same in a sentence.
    pub fn place(&self, path: &str) -> String {
        self.url.map_or_else(
            || format!("an address that ends in `{}{path}`", self.shard_path),
            |url| format!("`{url}`"),
        )
    }
}

/// Asks a channel which webhooks it has.
pub trait WebhookCheck: Sync {
    /// Asks for the channel's webhooks.
    fn request(&self, channel: PollContext<'_>, credential: SecretString) -> Request;

    /// Why the channel does not tell this exporter all that happens to it; `None` when it does.
    ///
    /// # Errors
    ///
    /// The failure that the answer speaks of.
    fn problem(&self, answer: &Answer, needed: &Needed<'_>) -> Result<Option<String>, Failure>;
}

/// Whether a delivery with this signature is heard, as the receiver finds out.
#[cfg(test)]
pub(crate) fn hears(
    api: &dyn WebhookApi,
    signature: Option<(&'static str, &str)>,
    body: &str,
    secret: &str,
) -> bool {
    let mut headers = HeaderMap::new();
    if let Some((name, signature)) = signature {
        headers.insert(name, signature.parse().unwrap());
    }
    let secret_header = HeaderName::from_static("x-webhook-secret");
    let head = WebhookHead {
        method: &Method::POST,
        rest: "",
        headers: &headers,
        secret_header: &secret_header,
    };
    let secret = SecretString::from(secret);
    match api.authorize(head, &secret) {
        HeadVerdict::NeedsBody => api.authorize_body(head, body.as_bytes(), &secret),
        verdict => verdict == HeadVerdict::Accept,
    }
}
