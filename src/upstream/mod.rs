//! What passes between the exporter and any upstream API: a request, an answer, and what it says.
//!
//! Not here: connections (`client/`), any provider's words (`providers/`), timers (`poller/`).

mod answer;
mod endpoint;
mod exchange;
pub(crate) mod lenient;
mod provider_id;
mod reading;
mod request;

pub use answer::{Answer, MAX_ANSWER_BYTES};
pub use endpoint::{Credentials, Endpoint, PollContext};
pub use exchange::{Exchange, Next};
pub use provider_id::ProviderId;
pub use reading::{Fact, ListedChannel, Reading};
pub use request::{Credential, Request};
