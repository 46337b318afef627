//! Meta's errors: code, subcode, documented HTTP status and body, in the forms seen in the wild.
//! Not when they are given: see `mod.rs`.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value, json};

use crate::http::response::{Response, ResponseClass};

/// One error of the Graph or Cloud API.
#[derive(Debug, Clone)]
pub struct GraphError {
    code: i64,
    subcode: i64,
    status: u16,
    message: String,
    kind: &'static str,
    details: ErrorDetails,
    form: ErrorForm,
}

/// `error_data`, which is an object or a string.
#[derive(Debug, Clone, PartialEq)]
enum ErrorDetails {
    None,
    Object(String),
    Text(String),
}

/// The form of the body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ErrorForm {
    Usual,
    /// Only `message` and `code`; all else is optional.
    Bare,
    /// Codes as strings, as proxies write them.
    Strings,
}

impl GraphError {
    /// The error with this code (and subcode; 0 for none) in its documented form. An unlisted code
    /// gets HTTP 400.
    pub fn new(code: i64, subcode: i64) -> GraphError {
        let (status, message) = match code {
            0 => (401, "Unable to authenticate the app user"),
            1 => (400, "An unknown error occurred"),
            2 => (503, "Service temporarily unavailable"),
            3 => (500, "(#3) Application does not have the capability to make this API call."),
            4 => (429, "(#4) Application request limit reached"),
            10 => (403, "(#10) Application does not have permission for this action"),
            17 => (400, "(#17) User request limit reached"),
            32 => (400, "(#32) Page request limit reached"),
            33 => (400, "(#33) Parameter value is not valid"),
            100 => (400, "(#100) Invalid parameter"),
            101 => (
                400,
                "Error validating application. Cannot get application info due to a system error.",
            ),
            102 => (400, "Session key invalid or no longer valid"),
            190 => (401, revocation(subcode)),
            200..=299 => (
                403,
                "(#200) You do not have the necessary permissions required on behalf of this \
                 WhatsApp Business Account",
            ),
            341 => (400, "(#341) Application limit reached"),
            368 => (403, "(#368) Temporarily blocked for policies violations"),
            613 => (400, "(#613) Calls to this api have exceeded the rate limit."),
            803 => (404, "(#803) Some of the aliases you requested do not exist"),
            2500 => (
                400,
                "An active access token must be used to query information about the current user.",
            ),
            80007 => (
                429,
                "(#80007) There have been too many calls to this WhatsApp Business account. Wait a \
                 bit and try again.",
            ),
            80008 => (
                400,
                "(#80008) There have been too many calls to this WhatsApp Business account. Wait a \
                 bit and try again.",
            ),
            130429 => (429, "(#130429) Rate limit hit"),
            130497 => (
                403,
                "(#130497) Business account is restricted from messaging users in this country.",
            ),
            131005 => (403, "(#131005) Access denied"),
            131031 => (403, "(#131031) Business Account locked"),
            131048 => (400, "(#131048) Spam rate limit hit"),
            131056 => (400, "(#131056) (Business Account, Consumer Account) pair rate limit hit"),
            133010 => (400, "(#133010) Phone number Not Registered"),
            133016 => (400, "(#133016) Account register/deregister rate limit exceeded"),
            _ => (400, "An unknown error has occurred."),
        };
        // Cloud API errors say more in `error_data`; plain Graph ones do not.
        let details = if code >= 130_000 {
            ErrorDetails::Object(message.to_owned())
        } else {
            ErrorDetails::None
        };
        GraphError {
            code,
            subcode,
            status,
            message: message.to_owned(),
            kind: "OAuthException",
            details,
            form: ErrorForm::Usual,
        }
    }

    /// Another HTTP status, since mirrors of the documents disagree about several.
    pub fn status(mut self, status: u16) -> GraphError {
        self.status = status;
        self
    }

    /// Another text.
    pub fn message(mut self, message: impl Into<String>) -> GraphError {
        self.message = message.into();
        self
    }

    /// `error_data` as an object with this `details`.
    pub fn details(mut self, details: &str) -> GraphError {
        self.details = ErrorDetails::Object(details.to_owned());
        self
    }

    /// `error_data` as a string.
    pub fn text_details(mut self, details: &str) -> GraphError {
        self.details = ErrorDetails::Text(details.to_owned());
        self
    }

    /// Only `message` and `code`.
    pub fn bare(mut self) -> GraphError {
        self.form = ErrorForm::Bare;
        self
    }

    /// `code` and `error_subcode` as strings.
    pub fn stringified(mut self) -> GraphError {
        self.form = ErrorForm::Strings;
        self
    }

    /// 190/463.
    pub(super) fn session_expired(expires_at: u64, now: SystemTime) -> GraphError {
        let then = httpdate::fmt_http_date(
            UNIX_EPOCH + Duration::from_secs(expires_at.min(u64::from(u32::MAX))),
        );
        let now = httpdate::fmt_http_date(now);
        GraphError::new(190, 463).message(format!(
            "Error validating access token: Session has expired on {then}. \
             The current time is {now}."
        ))
    }

    /// 190 with the subcode that says why it was invalidated before its expiry.
    pub(super) fn revoked(subcode: i64, app_id: &str) -> GraphError {
        let error = GraphError::new(190, subcode);
        match subcode {
            458 => error.message(format!(
                "Error validating access token: The user has not authorized application {app_id}."
            )),
            _ => error,
        }
    }

    /// The caller's credential, or the token that inspects itself, is not a token at all.
    pub(super) fn cannot_parse_token() -> GraphError {
        GraphError::new(190, 0)
            .status(400)
            .message("Invalid OAuth access token - Cannot parse access token")
    }

    /// The response with this error at its top level.
    pub fn response(&self) -> Response {
        let class = ResponseClass::Graph { code: self.code, subcode: self.subcode };
        let response =
            Response::json(self.status, &json!({ "error": self.body() })).with_class(class);
        match self.code {
            4 | 17 | 32 => {
                let usage = json!({ "call_count": 100, "total_time": 25, "total_cputime": 25 });
                response.header("X-App-Usage", usage.to_string())
            }
            80007 | 80008 => {
                let usage = json!({ "112130216863063": [{ "type": "whatsapp", "call_count": 100,
                    "total_cputime": 20, "total_time": 20,
                    "estimated_time_to_regain_access": 19 }] });
                response.header("X-Business-Use-Case-Usage", usage.to_string())
            }
            0 | 102 | 190 => {
                let value =
                    format!("OAuth \"Facebook Platform\" \"invalid_token\" \"{}\"", self.message);
                response.header("WWW-Authenticate", value)
            }
            _ => response,
        }
    }

    /// The form it takes within `debug_token`'s `data`, where the field is `subcode`, not
    /// `error_subcode`.
    pub(super) fn as_data(&self) -> Value {
        let mut data = Map::from_iter([
            ("code".to_owned(), json!(self.code)),
            ("message".to_owned(), json!(self.message)),
        ]);
        if self.subcode != 0 {
            data.insert("subcode".to_owned(), json!(self.subcode));
        }
        Value::Object(data)
    }

    fn body(&self) -> Value {
        let number = |value: i64| {
            if self.form == ErrorForm::Strings { json!(value.to_string()) } else { json!(value) }
        };
        let mut body = Map::from_iter([
            ("message".to_owned(), json!(self.message)),
            ("code".to_owned(), number(self.code)),
        ]);
        if self.form == ErrorForm::Bare {
            return Value::Object(body);
        }
        body.insert("type".to_owned(), json!(self.kind));
        body.insert("fbtrace_id".to_owned(), json!("AzSimulatedTrace000000"));
        if self.subcode != 0 {
            body.insert("error_subcode".to_owned(), number(self.subcode));
        }
        match &self.details {
            ErrorDetails::None => {}
            ErrorDetails::Text(text) => {
                body.insert("error_data".to_owned(), json!(text));
            }
            ErrorDetails::Object(details) => {
                body.insert(
                    "error_data".to_owned(),
                    json!({ "messaging_product": "whatsapp", "details": details }),
                );
                body.insert("is_transient".to_owned(), json!(false));
            }
        }
        Value::Object(body)
    }
}

/// What Meta says for a subcode of 190.
fn revocation(subcode: i64) -> &'static str {
    match subcode {
        458 => "Error validating access token: The user has not authorized the application.",
        459 => {
            "Error validating access token: You cannot access the app till you log in to \
             www.facebook.com and follow the instructions given."
        }
        460 => {
            "Error validating access token: The session has been invalidated because the user \
             changed their password or Facebook has changed the session for security reasons."
        }
        463 => "Error validating access token: Session has expired.",
        464 => {
            "Error validating access token: Sessions for the user are not allowed because the user \
             is not a confirmed user."
        }
        467 => "Error validating access token: The session is invalid because the user logged out.",
        492 => "Error validating access token: Impersonated access token is invalid.",
        _ => "Invalid OAuth access token.",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(error: GraphError, status: u16, body: &str) {
        let response = error.response();
        assert_eq!(response.status, status);
        assert_eq!(String::from_utf8_lossy(&response.body), body);
    }

    #[test]
    fn codes_come_with_their_documented_http_status() {
        for (code, status) in [
            (0, 401),
            (3, 500),
            (10, 403),
            (190, 401),
            (200, 403),
            (250, 403),
            (131005, 403),
            (2, 503),
            (100, 400),
            (7777, 400),
        ] {
            assert_eq!(GraphError::new(code, 0).response().status, status, "code {code}");
        }
    }

    #[test]
    fn every_field_but_message_and_code_may_be_missing() {
        check(
            GraphError::new(100, 33).bare(),
            400,
            r#"{"error":{"code":100,"message":"(#100) Invalid parameter"}}"#,
        );
    }

    #[test]
    fn details_are_an_object_or_a_string() {
        let object = GraphError::new(131005, 0).response().body;
        assert!(String::from_utf8_lossy(&object).contains(
            r#""error_data":{"details":"(#131005) Access denied","messaging_product":"whatsapp"}"#
        ));
        let text = GraphError::new(131005, 0).text_details("no").response().body;
        assert!(String::from_utf8_lossy(&text).contains(r#""error_data":"no""#));
    }

    #[test]
    fn numbers_may_come_as_strings() {
        let body = GraphError::new(190, 460).stringified().response().body;
        let body = String::from_utf8_lossy(&body);
        assert!(
            body.contains(r#""code":"190""#) && body.contains(r#""error_subcode":"460""#),
            "{body}"
        );
    }
}
