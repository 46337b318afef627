//! Hexadecimal digits, in which upstreams write signatures.
//!
//! Not here: what is signed.

/// The bytes that a text of hexadecimal digits stands for; `None` if it has others.
pub(crate) fn decode(text: &[u8]) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let pairs = text.chunks(2).map(|pair| match pair {
        [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
        _ => None,
    });
    pairs.collect()
}

/// The same backwards, in small letters.
pub(crate) fn encode(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_read_in_pairs() {
        assert_eq!(decode(b"00fFa1"), Some(vec![0, 255, 161]));
        assert_eq!(decode(b""), Some(Vec::new()));
        for none in [&b"0"[..], b"zz", b"0g", b"+1"] {
            assert_eq!(decode(none), None, "{none:?}");
        }
        assert_eq!(encode(&[0, 255, 161]), "00ffa1");
    }
}
