//! A macro for the closed lists that label values come from.
//!
//! Not for words that come from outside: those are parsed into one of these or dropped.

/// Declares an enum whose variants each have one constant word.
macro_rules! closed_list {
    ($(#[$meta:meta])* $name:ident { $($(#[$vmeta:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $name { $($(#[$vmeta])* $variant),+ }

        impl $name {
            /// Every member, in the order of the list.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];
            /// The members' words, in the same order.
            pub const WORDS: &'static [&'static str] = &[$($word),+];
            /// How many members there are.
            pub const COUNT: usize = Self::WORDS.len();

            /// The member's word, as label values carry it.
            pub const fn word(self) -> &'static str {
                Self::WORDS[self as usize]
            }

            /// The member with this word.
            pub fn of_word(word: &str) -> Option<Self> {
                Self::WORDS.iter().position(|known| *known == word).map(|at| Self::ALL[at])
            }

            /// The member's place in [`Self::ALL`].
            pub const fn index(self) -> usize {
                self as usize
            }
        }
    };
}

pub(crate) use closed_list;
