//! Who looks at an answer as it passes, if anybody does.
//!
//! Not here: what they look for.

use bytes::Bytes;

use super::error_inspector::ErrorInspector;
use super::send_inspector::SendInspector;

/// An inspector of an answer. It tells what it saw at the latest when it is dropped.
pub(super) enum AnswerInspector {
    Error(ErrorInspector),
    Send(SendInspector),
}

impl AnswerInspector {
    /// Sees a piece of the body.
    pub(super) fn see(&mut self, data: &Bytes) {
        match self {
            Self::Error(inspector) => inspector.see(data),
            Self::Send(inspector) => inspector.see(data),
        }
    }
}
