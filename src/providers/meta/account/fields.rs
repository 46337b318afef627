//! Which fields an account is asked for. One that it does not have fails the whole request, so
//! after such an answer fewer are asked for, for an hour.
//!
//! Not here: what fields mean.

use super::part::Part;

/// The fields of a part, the most first; the last are what is asked for when even few are refused,
/// where `None` means Meta's own choice.
const fn choices(part: Part) -> &'static [Option<&'static str>] {
    match part {
        Part::Numbers => &[
            Some(
                "id,status,quality_rating,whatsapp_business_manager_messaging_limit,health_status",
            ),
            Some("id,status,quality_rating"),
            None,
        ],
        Part::Node => &[
            Some("id,account_review_status,health_status"),
            Some("id,account_review_status"),
            None,
        ],
        Part::Templates => &[Some("status,category"), None],
        // What is asked of analytics changes with the time.
        Part::Subscribers | Part::Analytics => &[None],
    }
}

/// After so many polls what was refused is tried again: a number under review refuses fields too.
const KEPT_FOR: u32 = 12;

/// What was refused.
#[derive(Debug, Default)]
pub(super) struct FieldMemory {
    polls: u32,
    /// How many choices of a part were refused, and at which poll.
    refused: Vec<(Part, usize, u32)>,
}

impl FieldMemory {
    /// Counts a poll.
    pub(super) fn begin(&mut self) {
        self.polls = self.polls.wrapping_add(1);
        let now = self.polls;
        self.refused.retain(|(_, _, at)| now.wrapping_sub(*at) < KEPT_FOR);
    }

    /// The fields to ask for.
    pub(super) fn of(&self, part: Part) -> Option<&'static str> {
        choices(part).get(self.position(part)).copied().flatten()
    }

    /// Asks for fewer from now on. False when there are no fewer.
    pub(super) fn fewer(&mut self, part: Part) -> bool {
        let next = self.position(part) + 1;
        let there_are = next < choices(part).len();
        if there_are {
            self.refused.retain(|(other, ..)| *other != part);
            self.refused.push((part, next, self.polls));
        }
        there_are
    }

    fn position(&self, part: Part) -> usize {
        self.refused
            .iter()
            .find(|(other, ..)| *other == part)
            .map_or(0, |(_, position, _)| *position)
    }
}
