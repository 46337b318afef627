//! Every wrong response: another response, or the usual one sent badly. Not who gets it: see
//! `fault_table.rs`; nor the errors of one API: see its provider's `faults.rs`.

use std::time::Duration;

use bytes::Bytes;
use serde_json::json;

use crate::http::response::{Response, ResponseClass};

/// One way to go wrong. `after` makes any of them slow as well.
#[derive(Debug, Clone)]
pub struct Fault {
    after: Duration,
    content: Substitute,
    transfer: Transfer,
}

/// What is sent.
#[derive(Debug, Clone)]
enum Substitute {
    AsUsual,
    Instead(Response),
    Raw(Bytes),
    Close,
    Hang,
}

/// How a response is put on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Transfer {
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
    /// A well-formed response, but with only the first half of the body.
    Half,
    /// The body with blanks after it, up to this many bytes.
    Padded(usize),
    /// The body with blanks after it, for ever.
    Endless,
}

/// What the connection is to do for one request: the usual response, or what a fault made of it.
#[derive(Debug)]
pub(crate) struct ResponsePlan {
    pub(crate) after: Duration,
    pub(crate) action: Action,
    pub(crate) class: ResponseClass,
}

/// What is done when the wait is over.
#[derive(Debug)]
pub(crate) enum Action {
    Send(Response, Transfer),
    Raw(Bytes),
    Close,
    Hang,
}

impl ResponsePlan {
    /// Nothing wrong.
    pub(crate) fn usual(response: Response) -> ResponsePlan {
        ResponsePlan {
            after: Duration::ZERO,
            class: response.class,
            action: Action::Send(response, Transfer::Whole),
        }
    }

    /// The class of this answer on a connection that had brought one before.
    pub(crate) fn class_when_kept(&self) -> ResponseClass {
        match self.action {
            Action::Close | Action::Raw(_) | Action::Send(_, Transfer::CutHead) => {
                ResponseClass::BrokenWhenKept
            }
            _ => self.class,
        }
    }
}

impl Fault {
    fn of(content: Substitute, transfer: Transfer) -> Fault {
        Fault { after: Duration::ZERO, content, transfer }
    }

    /// Any response instead of the usual one.
    pub fn response(response: Response) -> Fault {
        Fault::of(Substitute::Instead(response), Transfer::Whole)
    }

    /// 500 with a page of HTML.
    pub fn server_error_page() -> Fault {
        Fault::response(Response::html(500, "500 Internal Server Error"))
    }

    /// 502 from the edge.
    pub fn bad_gateway() -> Fault {
        Fault::response(Response::html(502, "502 Bad Gateway"))
    }

    /// 503 from the edge, with `Retry-After` in seconds when given.
    pub fn unavailable(retry_after: Option<Duration>) -> Fault {
        let response = Response::html(503, "503 Service Temporarily Unavailable");
        Fault::response(match retry_after {
            Some(wait) => response.header("Retry-After", wait.as_secs().to_string()),
            None => response,
        })
    }

    /// 200 with bytes that are no JSON, nor UTF-8.
    pub fn garbage() -> Fault {
        let body: &[u8] = b"\x00\xff\xfe{\"status\": \x80 }}}";
        Fault::response(
            Response::new(200, "application/json", body).with_class(ResponseClass::Nonsense),
        )
    }

    /// 200 without a body.
    pub fn empty() -> Fault {
        Fault::response(
            Response::new(200, "application/json", "").with_class(ResponseClass::Nonsense),
        )
    }

    /// 200 with a page of HTML, as a captive portal or a login page answers.
    pub fn page() -> Fault {
        Fault::response(Response::html(200, "Welcome").with_class(ResponseClass::Nonsense))
    }

    /// 200 with JSON that is neither vendor's.
    pub fn wrong_shape() -> Fault {
        Fault::response(
            Response::json(200, &json!([{ "status": 4, "data": "AUTH" }]))
                .with_class(ResponseClass::Nonsense),
        )
    }

    /// The usual response, but only the first half of its JSON, with the `Content-Length` of that
    /// half.
    pub fn truncated() -> Fault {
        Fault::of(Substitute::AsUsual, Transfer::Half)
    }

    /// The usual response after a while.
    pub fn slow(after: Duration) -> Fault {
        Fault::of(Substitute::AsUsual, Transfer::Whole).after(after)
    }

    /// No response, ever; the connection stays open.
    pub fn hang() -> Fault {
        Fault::of(Substitute::Hang, Transfer::Whole)
    }

    /// The usual response in chunks instead of with a `Content-Length`. Not wrong at all, and yet.
    pub fn chunked() -> Fault {
        Fault::of(Substitute::AsUsual, Transfer::Chunked)
    }

    /// The usual response, its body byte by byte with this pause before each.
    pub fn drip(pause: Duration) -> Fault {
        Fault::of(Substitute::AsUsual, Transfer::Drip(pause))
    }

    /// The usual response with blanks after it: good JSON, but of this many bytes.
    pub fn oversized(bytes: usize) -> Fault {
        Fault::of(Substitute::AsUsual, Transfer::Padded(bytes))
    }

    /// The usual response with blanks after it, in chunks that do not end.
    pub fn endless() -> Fault {
        Fault::of(Substitute::AsUsual, Transfer::Endless)
    }

    /// The connection is closed without a byte.
    pub fn close() -> Fault {
        Fault::of(Substitute::Close, Transfer::Whole)
    }

    /// The connection is closed in the middle of the head.
    pub fn cut_head() -> Fault {
        Fault::of(Substitute::AsUsual, Transfer::CutHead)
    }

    /// The connection is closed in the middle of the body, short of its `Content-Length`.
    pub fn cut_body() -> Fault {
        Fault::of(Substitute::AsUsual, Transfer::CutBody)
    }

    /// These bytes, which need not be HTTP; then the connection is closed.
    pub fn raw(bytes: impl Into<Bytes>) -> Fault {
        Fault::of(Substitute::Raw(bytes.into()), Transfer::Whole)
    }

    /// The same, but only after a while.
    pub fn after(mut self, wait: Duration) -> Fault {
        self.after = wait;
        self
    }

    /// Makes a plan out of the response that would have been given without the fault.
    pub(crate) fn apply_to(self, usual: Response) -> ResponsePlan {
        let response = match self.content {
            Substitute::AsUsual => usual,
            Substitute::Instead(response) => response,
            Substitute::Raw(bytes) => {
                return ResponsePlan {
                    after: self.after,
                    action: Action::Raw(bytes),
                    class: ResponseClass::Broken,
                };
            }
            Substitute::Close => {
                return ResponsePlan {
                    after: self.after,
                    action: Action::Close,
                    class: ResponseClass::Broken,
                };
            }
            Substitute::Hang => {
                return ResponsePlan {
                    after: self.after,
                    action: Action::Hang,
                    class: ResponseClass::Hung,
                };
            }
        };
        let class = match self.transfer {
            Transfer::Whole | Transfer::Chunked | Transfer::Drip(_) => response.class,
            Transfer::CutHead | Transfer::CutBody => ResponseClass::Broken,
            Transfer::Half => ResponseClass::Nonsense,
            Transfer::Padded(_) | Transfer::Endless => ResponseClass::Oversized,
        };
        ResponsePlan { after: self.after, class, action: Action::Send(response, self.transfer) }
    }
}
