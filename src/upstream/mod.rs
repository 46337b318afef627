//! What passes between the exporter and any upstream API: a request, an answer, and what it says.
//!
//! Not here: connections (`client/`), any provider's words (`providers/`), timers (`poller/`).

mod answer;
mod endpoint;
pub(crate) mod lenient;
mod message_id;
pub(crate) mod message_list;
mod provider_id;
mod request;
pub(crate) mod signature;
mod url_text;
pub(crate) mod whole_list;

pub use answer::{Answer, LONG_ANSWER_BYTES, MAX_ANSWER_BYTES, MAX_LIST_BYTES};
pub use endpoint::{
    Credentials, Endpoint, Exchange, Fact, ListedAccount, ListedChannel, Next, PollContext, Reading,
};
pub(crate) use message_id::lenient_message_id;
pub use message_id::message_id;
pub use provider_id::{ProviderId, ProviderRow};
pub use request::{Credential, Request};
pub(crate) use url_text::url_text;
