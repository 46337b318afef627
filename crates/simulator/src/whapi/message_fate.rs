//! What may become of a message.

/// What becomes of a message that the API sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MessageFate {
    /// It arrives and is read.
    Read,
    /// It fails.
    Failed,
    /// It stays `pending`, and nothing more is heard of it.
    Stuck,
}
