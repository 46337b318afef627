//! Every wrong answer: another answer, or the usual one that travels badly. Not who gets it: see `world.rs`.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use serde_json::json;

use super::answer::{Answer, Class};
use super::graph_error::GraphError;
use super::whapi;

/// One way to go wrong. `after` makes any of them slow as well.
#[derive(Debug, Clone)]
pub struct Fault {
    after: Duration,
    reply: Reply,
    travel: Travel,
}

/// What is said.
#[derive(Debug, Clone)]
enum Reply {
    AsUsual,
    Instead(Answer),
    Raw(Bytes),
    Close,
    Hang,
}

/// How an answer is put on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Travel {
    /// At once, with a `Content-Length`.
    Whole,
    /// In chunks.
    Chunked,
    /// The body byte by byte, with this pause before each.
    Drip(Duration),
    /// The first half of the head, then closed.
    CutHead,
    /// The head with the full `Content-Length`, half of the body, then closed.
    CutBody,
    /// A well-formed answer, but with only the first half of the body.
    Half,
    /// The body with blanks after it, up to this many bytes.
    Padded(usize),
    /// The body with blanks after it, for ever.
    Endless,
}

/// What the connection is to do for one request: a fault that has met the usual answer.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) after: Duration,
    pub(super) what: What,
    pub(super) class: Class,
}

/// The last part of a plan.
#[derive(Debug)]
pub(super) enum What {
    Send(Answer, Travel),
    Raw(Bytes),
    Close,
    Hang,
}

impl Plan {
    /// Nothing wrong.
    pub(super) fn usual(answer: Answer) -> Plan {
        Plan { after: Duration::ZERO, class: answer.class, what: What::Send(answer, Travel::Whole) }
    }
}

impl Fault {
    fn of(reply: Reply, travel: Travel) -> Fault {
        Fault { after: Duration::ZERO, reply, travel }
    }

    /// Any answer instead of the usual one.
    pub fn answer(answer: Answer) -> Fault {
        Fault::of(Reply::Instead(answer), Travel::Whole)
    }

    /// 401 "need channel authorization for send message": the session is gone, the token is fine.
    pub fn session_unauthorized() -> Fault {
        Fault::answer(whapi::session_unauthorized())
    }

    /// 401 with another text.
    pub fn unauthorized() -> Fault {
        Fault::answer(whapi::error(401, "Unauthorized"))
    }

    /// 404 "Channel not found": Whapi's answer to a wrong bearer token.
    pub fn channel_not_found() -> Fault {
        Fault::answer(whapi::channel_not_found())
    }

    /// 402 "Trial version limit exceeded".
    pub fn payment_required() -> Fault {
        Fault::answer(whapi::error(402, "Trial version limit exceeded"))
    }

    /// 403.
    pub fn forbidden() -> Fault {
        Fault::answer(whapi::error(403, "You do not have permissions to do this"))
    }

    /// 429, without saying for how long.
    pub fn rate_limited() -> Fault {
        Fault::answer(whapi::error(429, "Too many requests"))
    }

    /// 429 with `Retry-After` in seconds.
    pub fn rate_limited_for(wait: Duration) -> Fault {
        Fault::answer(
            whapi::error(429, "Too many requests")
                .header("Retry-After", wait.as_secs().to_string()),
        )
    }

    /// 429 with `Retry-After` as a date.
    pub fn rate_limited_until(moment: SystemTime) -> Fault {
        Fault::answer(
            whapi::error(429, "Too many requests")
                .header("Retry-After", httpdate::fmt_http_date(moment)),
        )
    }

    /// 500 with Whapi's JSON.
    pub fn server_error() -> Fault {
        Fault::answer(whapi::error(500, "Internal Error"))
    }

    /// 500 with a page of HTML.
    pub fn server_error_page() -> Fault {
        Fault::answer(Answer::html(500, "500 Internal Server Error"))
    }

    /// 502 from the edge.
    pub fn bad_gateway() -> Fault {
        Fault::answer(Answer::html(502, "502 Bad Gateway"))
    }

    /// 503 from the edge, with `Retry-After` in seconds when given.
    pub fn unavailable(retry_after: Option<Duration>) -> Fault {
        let answer = Answer::html(503, "503 Service Temporarily Unavailable");
        Fault::answer(match retry_after {
            Some(wait) => answer.header("Retry-After", wait.as_secs().to_string()),
            None => answer,
        })
    }

    /// An error of Meta's, in its documented form; subcode 0 for none.
    pub fn graph(code: i64, subcode: i64) -> Fault {
        Fault::graph_error(&GraphError::new(code, subcode))
    }

    /// An error of Meta's, in any form.
    pub fn graph_error(error: &GraphError) -> Fault {
        Fault::answer(error.answer())
    }

    /// 200 with bytes that are no JSON, nor UTF-8.
    pub fn garbage() -> Fault {
        let body: &[u8] = b"\x00\xff\xfe{\"status\": \x80 }}}";
        Fault::answer(Answer::new(200, "application/json", body).classed(Class::Nonsense))
    }

    /// 200 without a body.
    pub fn empty() -> Fault {
        Fault::answer(Answer::new(200, "application/json", "").classed(Class::Nonsense))
    }

    /// 200 with a page of HTML, as a captive portal or a login page answers.
    pub fn page() -> Fault {
        Fault::answer(Answer::html(200, "Welcome").classed(Class::Nonsense))
    }

    /// 200 with JSON that is neither vendor's.
    pub fn wrong_shape() -> Fault {
        Fault::answer(
            Answer::json(200, &json!([{ "status": 4, "data": "AUTH" }])).classed(Class::Nonsense),
        )
    }

    /// The usual answer, but only the first half of its JSON, with the `Content-Length` of that half.
    pub fn truncated() -> Fault {
        Fault::of(Reply::AsUsual, Travel::Half)
    }

    /// The usual answer after a while.
    pub fn slow(after: Duration) -> Fault {
        Fault::of(Reply::AsUsual, Travel::Whole).after(after)
    }

    /// No answer, ever; the connection stays open.
    pub fn hang() -> Fault {
        Fault::of(Reply::Hang, Travel::Whole)
    }

    /// The usual answer in chunks instead of with a `Content-Length`. Not wrong at all, and yet.
    pub fn chunked() -> Fault {
        Fault::of(Reply::AsUsual, Travel::Chunked)
    }

    /// The usual answer, its body byte by byte with this pause before each.
    pub fn drip(pause: Duration) -> Fault {
        Fault::of(Reply::AsUsual, Travel::Drip(pause))
    }

    /// The usual answer with blanks after it: good JSON, but of this many bytes.
    pub fn oversized(bytes: usize) -> Fault {
        Fault::of(Reply::AsUsual, Travel::Padded(bytes))
    }

    /// The usual answer with blanks after it, in chunks that do not end.
    pub fn endless() -> Fault {
        Fault::of(Reply::AsUsual, Travel::Endless)
    }

    /// The connection is closed without a byte.
    pub fn close() -> Fault {
        Fault::of(Reply::Close, Travel::Whole)
    }

    /// The connection is closed in the middle of the head.
    pub fn cut_head() -> Fault {
        Fault::of(Reply::AsUsual, Travel::CutHead)
    }

    /// The connection is closed in the middle of the body, short of its `Content-Length`.
    pub fn cut_body() -> Fault {
        Fault::of(Reply::AsUsual, Travel::CutBody)
    }

    /// These bytes, which need not be HTTP; then the connection is closed.
    pub fn raw(bytes: impl Into<Bytes>) -> Fault {
        Fault::of(Reply::Raw(bytes.into()), Travel::Whole)
    }

    /// The same, but only after a while.
    pub fn after(mut self, wait: Duration) -> Fault {
        self.after = wait;
        self
    }

    /// Meets the answer that would have been given without it.
    pub(super) fn meet(self, usual: Answer) -> Plan {
        let answer = match self.reply {
            Reply::AsUsual => usual,
            Reply::Instead(answer) => answer,
            Reply::Raw(bytes) => {
                return Plan { after: self.after, what: What::Raw(bytes), class: Class::Broken };
            }
            Reply::Close => {
                return Plan { after: self.after, what: What::Close, class: Class::Broken };
            }
            Reply::Hang => {
                return Plan { after: self.after, what: What::Hang, class: Class::Hung };
            }
        };
        let class = match self.travel {
            Travel::Whole | Travel::Chunked | Travel::Drip(_) => answer.class,
            Travel::CutHead | Travel::CutBody => Class::Broken,
            Travel::Half => Class::Nonsense,
            Travel::Padded(_) | Travel::Endless => Class::Oversized,
        };
        Plan { after: self.after, class, what: What::Send(answer, self.travel) }
    }
}
