//! The simulated partner API of Whapi: `GET /channels/list`. Not the channels: each is one of the
//! gate's, and a partner has their tokens.

use serde_json::{Value, json};

use super::channel::WhapiChannel;
use super::errors;
use crate::http::request::Request;
use crate::http::response::Response;

/// Where the list of channels is within the answer: clients of the real API expect all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhapiListShape {
    /// The answer is the list.
    Bare,
    /// `channels`, as documented.
    Channels,
    /// `results`.
    Results,
    /// `data`.
    Data,
    /// `data.channels`.
    DataChannels,
}

/// A partner account: its name in the log, and the bearer tokens of its channels.
#[derive(Debug, Clone)]
pub struct WhapiPartner {
    /// The name in the log.
    pub name: String,
    /// The tokens of its channels, in the order of the list.
    pub channels: Vec<String>,
    /// Tokens that the list leaves out, though it has their channels.
    pub withheld: Vec<String>,
    /// The `apiUrl` of each channel, with a trailing slash; none leaves it out.
    pub api_url: Option<String>,
    /// The shape of the list.
    pub shape: WhapiListShape,
    /// Whether `offset` is ignored, so that every page is the first one.
    pub ignores_offset: bool,
}

const PROXY_AUTH: &str = "PartnerProxyNotARealOne";
const NAME: &str = "WhapiNameOfAPerson";

impl WhapiPartner {
    /// What its list carries beside the channels' ids and tokens, and nobody may see.
    pub const SECRETS: [&'static str; 2] = [PROXY_AUTH, NAME];

    /// A partner without channels.
    pub fn new(name: &str) -> WhapiPartner {
        WhapiPartner {
            name: name.to_owned(),
            channels: Vec::new(),
            withheld: Vec::new(),
            api_url: None,
            shape: WhapiListShape::Channels,
            ignores_offset: false,
        }
    }

    /// The answer to `GET /channels/list`.
    pub(super) fn list<'a>(
        &self,
        request: &Request,
        channel: impl Fn(&str) -> Option<&'a WhapiChannel>,
    ) -> Response {
        let number = |name: &str, default: usize| match request.parameter(name) {
            None => Some(default),
            Some(text) => text.parse().ok(),
        };
        let (count, offset) = (number("count", 100), number("offset", 0));
        let (Some(count @ 1..=500), Some(offset)) = (count, offset) else {
            return errors::error(400, "Wrong request parameters");
        };
        let from = if self.ignores_offset { 0 } else { offset };
        let page = self.channels.iter().skip(from).take(count);
        let rows: Vec<Value> =
            page.filter_map(|token| Some(self.row(token, channel(token)?))).collect();
        // The real one's `total` is what was returned, not how many there are.
        let total = rows.len();
        let rows = Value::from(rows);
        let body = match self.shape {
            WhapiListShape::Bare => rows,
            WhapiListShape::Channels => {
                json!({ "channels": rows, "count": count, "total": total, "offset": offset })
            }
            WhapiListShape::Results => json!({ "results": rows }),
            WhapiListShape::Data => json!({ "data": rows }),
            WhapiListShape::DataChannels => json!({ "data": { "channels": rows } }),
        };
        Response::json(200, &body)
    }

    fn row(&self, token: &str, channel: &WhapiChannel) -> Value {
        let mut row = json!({
            "id": channel.channel_id,
            "name": NAME,
            "phone": channel.phone,
            "projectId": "kpSv3OFq9PkP1W1Ogv7p",
            "ownerId": "aaaaaaaaaaaaaaaaaaaaaaaaaaaa",
            "server": 6,
            "creationTS": 1_712_598_267_389_u64,
            "activeTill": channel.active_till_millis,
            "token": Some(token).filter(|token| !self.withheld.iter().any(|one| one == token)),
            "trial": null,
            "mode": if channel.trial { "trial" } else { "live" },
            "status": "active",
            "stopped": false,
            "blocked": null,
            "proxy": { "host": "203.0.113.9", "port": 1080, "auth": PROXY_AUTH },
        });
        if let Some(id) = &channel.recurrent_payment {
            row["recurrentPaymentId"] = json!(id);
        }
        if let Some(url) = &self.api_url {
            row["apiUrl"] = json!(url);
        }
        row
    }
}
