//! HMACs in hexadecimal digits, in which upstreams write signatures.
//!
//! Not here: where a signature stands, and by which algorithm an upstream makes it.

use ring::hmac::{self, Algorithm, Key};
use secrecy::{ExposeSecret, SecretString};

/// What is signed with a secret has this signature, in small letters.
pub(crate) fn sign(algorithm: Algorithm, secret: &SecretString, signed: &[u8]) -> String {
    let tag = hmac::sign(&key(algorithm, secret), signed);
    tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Whether this is that signature, in letters of either case. Compared in constant time.
pub(crate) fn is_signed(
    algorithm: Algorithm,
    secret: &SecretString,
    signed: &[u8],
    signature: &[u8],
) -> bool {
    let signature = decode(signature);
    signature.is_some_and(|tag| hmac::verify(&key(algorithm, secret), signed, &tag).is_ok())
}

fn key(algorithm: Algorithm, secret: &SecretString) -> Key {
    Key::new(algorithm, secret.expose_secret().as_bytes())
}

/// The bytes that a text of hexadecimal digits stands for; `None` if it has others.
fn decode(text: &[u8]) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let pairs = text.chunks(2).map(|pair| match pair {
        [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
        _ => None,
    });
    pairs.collect()
}

#[cfg(test)]
mod tests {
    use ring::hmac::HMAC_SHA256;

    use super::*;

    #[test]
    fn digits_are_read_in_pairs() {
        assert_eq!(decode(b"00fFa1"), Some(vec![0, 255, 161]));
        assert_eq!(decode(b""), Some(Vec::new()));
        for none in [&b"0"[..], b"zz", b"0g", b"+1"] {
            assert_eq!(decode(none), None, "{none:?}");
        }
    }

    /// The second example of RFC 4231.
    #[test]
    fn a_signature_is_that_of_its_text_and_its_secret_alone() {
        let (secret, text) = (SecretString::from("Jefe"), b"what do ya want for nothing?");
        let expected = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        assert_eq!(sign(HMAC_SHA256, &secret, text), expected);
        let is_signed = |secret, signature: &str| {
            is_signed(HMAC_SHA256, &SecretString::from(secret), text, signature.as_bytes())
        };
        assert!(is_signed("Jefe", expected) && is_signed("Jefe", &expected.to_uppercase()));
        for (secret, signature) in [("Jeff", expected), ("Jefe", ""), ("Jefe", &expected[2..])] {
            assert!(!is_signed(secret, signature), "{secret} {signature}");
        }
    }
}
