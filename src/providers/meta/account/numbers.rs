//! `/phone_numbers`: the numbers of an account, each with its status, rating, limit and health.
//!
//! Not here: a number's display name and the phone number itself, which are nobody's business. They
//! are not asked for, and skipped when they come all the same; but analytics name a number by its
//! phone number, which is asked for with them and kept until they have come.

use serde::Deserialize;

use super::analytics::Line;
use super::health::SendingHealth;
use super::number_status::{reported, restrictions};
use super::paging::{Cursors, PageEnd, Paging};
use crate::domain::{
    ChannelObservation, Failure, FailureReason, QualityRating, QuotaLimit, Standing,
};
use crate::upstream::lenient::{Lenient, LenientObject};
use crate::upstream::whole_list::WholeList;
use crate::upstream::{Fact, ListedChannel};

/// The most numbers that a page may have.
pub(super) const PAGE: u32 = 100;

/// The numbers so far.
#[derive(Default)]
pub(super) struct NumberList {
    pub(super) listed: Vec<ListedChannel>,
    pub(super) facts: Vec<(Box<str>, Fact)>,
    /// Whether the phone numbers are wanted.
    pub(super) with_phones: bool,
    /// The phone numbers, if they are.
    pub(super) lines: Vec<Line>,
}

/// The field that tells the phone number.
pub(super) const PHONE: &str = "display_phone_number";

#[derive(Deserialize)]
struct NumberPage {
    data: WholeList<Number>,
    #[serde(default)]
    paging: LenientObject<Paging>,
}

#[derive(Deserialize)]
struct Number {
    #[serde(default)]
    id: Lenient,
    #[serde(default)]
    status: Lenient,
    #[serde(default)]
    display_phone_number: Lenient,
    #[serde(default)]
    quality_rating: Lenient,
    #[serde(default)]
    whatsapp_business_manager_messaging_limit: Lenient,
    #[serde(default)]
    health_status: LenientObject<SendingHealth>,
}

impl NumberList {
    /// No number yet.
    pub(super) fn new(with_phones: bool) -> Self {
        Self { with_phones, ..Self::default() }
    }

    /// Adds a page; `None` when it is not one.
    pub(super) fn add(
        &mut self,
        body: &[u8],
        cursors: &mut Cursors,
        token: &str,
    ) -> Option<PageEnd> {
        let NumberPage { data: WholeList(data), paging } = serde_json::from_slice(body).ok()?;
        for number in data {
            let id = number.id.label()?;
            let fact = Fact::Channel(number.observation(&id, token));
            self.listed.push(ListedChannel {
                id: id.clone(),
                name: None,
                credential: None,
                api_url: None,
                endpoint: None,
            });
            if self.with_phones {
                self.lines.push(Line::new(&id, &number.display_phone_number));
            }
            self.facts.push((id, fact));
        }
        cursors.follow(paging.0)
    }
}

impl Number {
    fn observation(&self, id: &str, token: &str) -> Result<ChannelObservation, Failure> {
        let mut standing = Standing {
            quality: self.quality_rating.raw_text().map(quality),
            messaging_limit: messaging_limit(&self.whatsapp_business_manager_messaging_limit),
            ..Standing::default()
        };
        if let LenientObject(Some(health)) = &self.health_status {
            health.put_into(&mut standing, token);
        }
        let word = self.status.raw_text();
        let status = reported(word, standing.can_send()).ok_or_else(|| {
            Failure::new(FailureReason::Decode, "the list does not say the number's status")
        })?;
        Ok(ChannelObservation {
            channel_id: Some(id.into()),
            restrictions: restrictions(word),
            standing: Some(Box::new(standing)),
            ..ChannelObservation::new(status)
        })
    }
}

/// `NA` stands for not rated yet.
fn quality(word: &str) -> QualityRating {
    word.parse().unwrap_or(QualityRating::Unknown)
}

/// `TIER_250`, `TIER_2K`, `TIER_UNLIMITED`; `UNTIERED` and `TIER_NOT_SET` are no limit that is
/// known.
fn messaging_limit(told: &Lenient) -> Option<QuotaLimit> {
    let word = told.label()?;
    let tier = word.strip_prefix("TIER_").unwrap_or(&word);
    if tier == "UNLIMITED" {
        return Some(QuotaLimit::Unlimited);
    }
    let (digits, times) = match tier.strip_suffix('K') {
        Some(digits) => (digits, 1000),
        None => (tier, 1),
    };
    digits.parse::<u32>().ok()?.checked_mul(times).map(QuotaLimit::Chats)
}
