//! The known word that is nearest to one that is not known.
//!
//! Not here: which words are known.

/// The known word that a person most likely meant, if any is near enough.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // A third of the letters may differ: enough for a word that was left out, and too few for
    // another one of the same kind.
    let furthest = (word.len() / 3).max(1);
    let distances = known.into_iter().map(|known| (strsim::osa_distance(word, known), known));
    let near = distances.filter(|(distance, _)| *distance <= furthest);
    near.min_by_key(|(distance, _)| *distance).map(|(_, known)| known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_finds_the_word_and_another_word_finds_none() {
        let known = ["LISTEN_ADDRESS", "POLL_CONCURRENCY", "STATE_FILE", "LOG_LEVEL"];
        for (word, found) in [
            ("LISTEN_ADRESS", Some("LISTEN_ADDRESS")),
            ("STATE_FLIE", Some("STATE_FILE")),
            ("LOGLEVEL", Some("LOG_LEVEL")),
            ("DASHBOARD_PASSWORD", None),
            ("", None),
        ] {
            assert_eq!(nearest(word, known), found, "{word}");
        }
    }
}
