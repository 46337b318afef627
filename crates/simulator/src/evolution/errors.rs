//! Evolution's error answers, as a running 2.3.7 gave them. Not when they are given. `message` is a
//! text in some and a list in others.

use serde_json::{Value, json};

use crate::fault::Fault;
use crate::http::response::Response;

fn error(status: u16, title: &str, message: Value) -> Response {
    let response = json!({ "message": message });
    Response::json(status, &json!({ "status": status, "error": title, "response": response }))
}

pub(super) fn unauthorized() -> Response {
    error(401, "Unauthorized", json!("Unauthorized"))
}

pub(super) fn no_instance(name: &str) -> Response {
    error(404, "Not Found", json!([format!("The \"{name}\" instance does not exist")]))
}

pub(super) fn no_route(method: &str, path: &str) -> Response {
    error(404, "Not Found", json!([format!("Cannot {method} {path}")]))
}

const NO_DATABASE: &str = "PrismaClientKnownRequestError: Can't reach database server";

pub(super) fn no_database_text() -> Response {
    error(500, "Internal Server Error", json!(NO_DATABASE))
}

pub(super) fn no_database_list() -> Response {
    error(500, "Internal Server Error", json!([NO_DATABASE]))
}

impl Fault {
    /// 404 "instance does not exist", as between an instance's deletion and the next list.
    pub fn evolution_no_instance() -> Fault {
        Fault::response(no_instance("shop"))
    }

    /// 500 while the database is down.
    pub fn evolution_no_database() -> Fault {
        Fault::response(no_database_list())
    }

    /// 200 with Evolution's `"error": true`.
    pub fn evolution_error_with_200() -> Fault {
        Fault::response(Response::json(
            200,
            &json!({ "error": true, "message": "[object Object]" }),
        ))
    }
}
