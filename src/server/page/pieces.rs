//! Advice with its addresses as links.
//!
//! Not here: the advice itself (`report/advice.rs`, `providers/`).

/// A part of a sentence.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// Words.
    Text(&'static str),
    /// An address, and what to call it: its host.
    Link(&'static str, &'static str),
}

impl Piece {
    /// How it reads in the sentence.
    pub(super) const fn text(&self) -> &'static str {
        match self {
            Self::Text(text) | Self::Link(_, text) => text,
        }
    }
}

/// A sentence in pieces. An address ends before a blank, and before what closes the sentence.
pub(super) fn of(mut sentence: &'static str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    while let Some(begin) = sentence.find("https://") {
        let (before, rest) = sentence.split_at(begin);
        let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
        let address = rest[..end].trim_end_matches(['.', ',', ';', ':', ')']);
        let host = address.trim_start_matches("https://");
        let host = host.split('/').next().unwrap_or(host);
        pieces.extend([Piece::Text(before), Piece::Link(address, host)]);
        sentence = &rest[address.len()..];
    }
    pieces.push(Piece::Text(sentence));
    pieces.retain(|piece| *piece != Piece::Text(""));
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_links_without_what_follows_them() {
        assert_eq!(
            of("Open https://panel.example.com/dashboard, scan (see https://faq.whatsapp.com)."),
            [
                Piece::Text("Open "),
                Piece::Link("https://panel.example.com/dashboard", "panel.example.com"),
                Piece::Text(", scan (see "),
                Piece::Link("https://faq.whatsapp.com", "faq.whatsapp.com"),
                Piece::Text(")."),
            ]
        );
        assert_eq!(of("Nothing to open."), [Piece::Text("Nothing to open.")]);
        assert_eq!(of("https://x"), [Piece::Link("https://x", "x")]);
    }
}
