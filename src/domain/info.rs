//! What an upstream says a target is, made fit for labels: bounded in length, in alphabet, and in
//! how often it changes, since each change makes a new series.
//!
//! Not here: which labels there are.

use super::{Now, ShortText};

/// The longest text that becomes a label.
const MAX_LENGTH: usize = 64;

/// After the first change, a further one waits this long.
const CHANGE_INTERVAL_MILLIS: i64 = 3_600_000;

/// A text as a label can have it: each other character becomes `_`, and the rest is cut off.
pub(super) fn label(text: &str) -> ShortText {
    let fit = |letter: char| if is_fit(letter) { letter } else { '_' };
    text.chars().take(MAX_LENGTH).map(fit).collect::<String>().as_str().into()
}

/// An id, if it is one: unlike another text it must not be changed, or it would be another's.
pub(super) fn id(text: Box<str>) -> Option<ShortText> {
    let is_id = !text.is_empty() && text.len() <= MAX_LENGTH && text.chars().all(is_fit);
    is_id.then(|| text.into())
}

const fn is_fit(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || matches!(letter, '.' | '_' | '-' | '+' | ':')
}

/// When the labels last changed. What they were first is no change.
#[derive(Debug, Clone, Copy)]
pub(super) struct InfoChanges {
    /// By the steady clock.
    last_millis: i64,
}

impl InfoChanges {
    /// As long ago as can be.
    pub(super) const NONE: Self = Self { last_millis: i64::MIN };

    /// Whether they may change now. If so, they are taken to have.
    pub(super) fn may_change(&mut self, now: Now) -> bool {
        let may = now.steady.saturating_sub(self.last_millis) >= CHANGE_INTERVAL_MILLIS;
        if may {
            self.last_millis = now.steady;
        }
        may
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_is_short_and_has_no_strange_letters() {
        assert_eq!(&*label("1.8.7-12-gabc1234"), "1.8.7-12-gabc1234");
        assert_eq!(&*label("a b\"c\\d\n{é}"), "a_b_c_d____");
        assert_eq!(label(&"x".repeat(500)).len(), 64);
    }

    #[test]
    fn an_id_is_taken_as_it_is_or_not_at_all() {
        for good in ["MANTIS-M72HC", "default", "106540352242922", "a.b_c+d:e", &"x".repeat(64)] {
            assert_eq!(id(good.into()).as_deref(), Some(good));
        }
        for bad in ["", "a b", "a\"b", "a\\b", "é", "a/b", &"x".repeat(65)] {
            assert_eq!(id(bad.into()), None, "{bad}");
        }
    }
}
