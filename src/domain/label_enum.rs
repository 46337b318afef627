//! A macro for the closed lists that label values come from.
//!
//! Not for words that come from outside: those are parsed into one of these or dropped.

/// Declares an enum whose variants each have one constant label value.
macro_rules! label_enum {
    ($(#[$list_doc:meta])* $name:ident {
        $($(#[$doc:meta])* $variant:ident = $label:literal),+ $(,)?
    }) => {
        $(#[$list_doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $name { $($(#[$doc])* $variant),+ }

        impl $name {
            /// Every member, in the order of the list.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];
            /// The members' label values, in the same order.
            pub const LABELS: &'static [&'static str] = &[$($label),+];
            /// How many members there are.
            pub const COUNT: usize = Self::LABELS.len();

            /// The member's label value.
            pub const fn as_str(self) -> &'static str {
                Self::LABELS[self as usize]
            }

            /// The member's position in [`Self::ALL`].
            pub const fn index(self) -> usize {
                self as usize
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::domain::UnknownLabel;

            fn from_str(label: &str) -> Result<Self, Self::Err> {
                let at = Self::LABELS.iter().position(|known| *known == label);
                at.map(|at| Self::ALL[at]).ok_or($crate::domain::UnknownLabel)
            }
        }
    };
}

pub(crate) use label_enum;

/// A text that is not in a closed list. It is not repeated: it may hold anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnknownLabel;
