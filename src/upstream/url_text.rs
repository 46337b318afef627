//! Any text as a part of a URL.
//!
//! Not here: which text, and of which URL.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, PercentEncode, utf8_percent_encode};

/// All but what RFC 3986 calls unreserved is encoded.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The text as one segment of a path, or one value in a query.
pub(crate) fn url_text(text: &str) -> PercentEncode<'_> {
    utf8_percent_encode(text, UNRESERVED)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_a_text_ends_its_part_of_the_url() {
        assert_eq!(url_text("aZ0-._~").to_string(), "aZ0-._~");
        assert_eq!(url_text("a/b?c=d&e%#ü ").to_string(), "a%2Fb%3Fc%3Dd%26e%25%23%C3%BC%20");
    }
}
