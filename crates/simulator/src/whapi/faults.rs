//! Whapi's errors as faults. Not the errors' bodies: see `errors.rs`.

use std::time::{Duration, SystemTime};

use super::errors;
use crate::fault::Fault;

impl Fault {
    /// 401 "need channel authorization for send message": the session is gone, the token is fine.
    pub fn session_unauthorized() -> Fault {
        Fault::response(errors::session_unauthorized())
    }

    /// 401 with another text.
    pub fn unauthorized() -> Fault {
        Fault::response(errors::error(401, "Unauthorized"))
    }

    /// 404 "Channel not found": Whapi's response to a wrong bearer token.
    pub fn channel_not_found() -> Fault {
        Fault::response(errors::channel_not_found())
    }

    /// 402 "Trial version limit exceeded".
    pub fn payment_required() -> Fault {
        Fault::response(errors::error(402, "Trial version limit exceeded"))
    }

    /// 403.
    pub fn forbidden() -> Fault {
        Fault::response(errors::error(403, "You do not have permissions to do this"))
    }

    /// 429, without saying for how long.
    pub fn rate_limited() -> Fault {
        Fault::response(errors::error(429, "Too many requests"))
    }

    /// 429 with `Retry-After` in seconds.
    pub fn rate_limited_for(wait: Duration) -> Fault {
        Fault::response(
            errors::error(429, "Too many requests")
                .header("Retry-After", wait.as_secs().to_string()),
        )
    }

    /// 429 with `Retry-After` as a date.
    pub fn rate_limited_until(moment: SystemTime) -> Fault {
        Fault::response(
            errors::error(429, "Too many requests")
                .header("Retry-After", httpdate::fmt_http_date(moment)),
        )
    }

    /// 500 with Whapi's JSON.
    pub fn server_error() -> Fault {
        Fault::response(errors::error(500, "Internal Error"))
    }
}
