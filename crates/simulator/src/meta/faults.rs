//! Meta's errors as faults. Not the errors themselves: see `graph_error.rs`.

use super::graph_error::GraphError;
use crate::fault::Fault;

impl Fault {
    /// An error of Meta's, in its documented form; subcode 0 for none.
    pub fn graph(code: i64, subcode: i64) -> Fault {
        Fault::graph_error(&GraphError::new(code, subcode))
    }

    /// An error of Meta's, in any form.
    pub fn graph_error(error: &GraphError) -> Fault {
        Fault::response(error.response())
    }
}
