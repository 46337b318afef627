//! What Meta says against a number or an account, made fit to be shown to people: printable, short,
//! and without anything that could be a credential or a phone number.
//!
//! Not here: other texts of Meta's. Messages of errors are never read: they may repeat the token.

use crate::domain::Notice;
use crate::upstream::lenient::Lenient;

const MAX_CHARS: usize = 240;

/// So many letters and digits in a row are no word.
const LONGEST_WORD: usize = 24;

/// So many digits are no number of an error.
const LONGEST_NUMBER: usize = 7;

/// A notice of this text, if it is one.
pub(super) fn notice(code: &Lenient, text: &Lenient, token: &str) -> Option<Notice> {
    let text = text.raw_text().filter(|text| !text.contains(token))?;
    let shown = shown(text);
    (!shown.is_empty()).then(|| Notice { code: code.integer(), text: shown.into() })
}

fn shown(text: &str) -> String {
    let mut shown = String::new();
    let is_word =
        |letter: char| letter.is_alphanumeric() || matches!(letter, '_' | '-' | '|' | '=');
    let text = text.trim();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let end = match is_word(first) {
            true => rest.find(|letter| !is_word(letter)).unwrap_or(rest.len()),
            false => first.len_utf8(),
        };
        let (part, after) = rest.split_at(end);
        let digits = part.chars().filter(char::is_ascii_digit).count();
        if part.chars().count() > LONGEST_WORD || digits > LONGEST_NUMBER {
            shown.push('…');
        } else if first.is_whitespace() {
            shown.push(' ');
        } else if !first.is_control() {
            shown.push_str(part);
        }
        rest = after;
    }
    shown.chars().take(MAX_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_notice_is_short_and_says_nothing_of_anybody() {
        let told = shown("Visit https://business.facebook.com/wa/manage\nto add a payment method.");
        assert_eq!(told, "Visit https://business.facebook.com/wa/manage to add a payment method.");
        let hidden = "of +4915112345678: EAAGxyzEAAGxyzEAAGxyzEAAGxyz\u{0} app 634974688087057|x";
        assert_eq!(shown(hidden), "of +…: … app …");
        assert_eq!(shown("error 131042").as_str(), "error 131042");
        assert_eq!(shown(&"word ".repeat(500)).chars().count(), 240);
    }

    #[test]
    fn a_text_that_repeats_the_token_is_not_shown() {
        let text: Lenient = serde_json::from_str(r#""bad token shortone""#).unwrap();
        let code: Lenient = serde_json::from_str("131042").unwrap();
        assert_eq!(notice(&code, &text, "shortone"), None);
        assert_eq!(notice(&code, &text, "other").unwrap().code, Some(131_042));
    }
}
