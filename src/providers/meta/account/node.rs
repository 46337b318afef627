//! The account itself: what became of its review, and whether it lets messages through.
//!
//! Not here: its name, its currency and who owns it: they are not asked for.

use serde::Deserialize;

use super::health::SendingHealth;
use super::paging::PageEnd;
use crate::domain::{AccountObservation, ReviewStatus, Told};
use crate::upstream::lenient::{Lenient, LenientObject, is_whole_object};

#[derive(Deserialize)]
struct AccountNode {
    #[serde(default)]
    account_review_status: Lenient,
    #[serde(default)]
    health_status: LenientObject<SendingHealth>,
}

/// Reads the answer into an observation; `None` when it is not one.
pub(super) fn read(
    body: &[u8],
    token: &str,
    observation: &mut AccountObservation,
) -> Option<PageEnd> {
    if !is_whole_object(body) {
        return None;
    }
    let node: AccountNode = serde_json::from_slice(body).ok()?;
    let review = node
        .account_review_status
        .raw_text()
        .map(|word| word.parse().unwrap_or(ReviewStatus::Other));
    observation.review = review.map_or(Told::Unknown, Told::Known);
    let (can_send, notices) =
        node.health_status.0.map_or((None, Vec::new()), |health| health.of_account(token));
    observation.can_send = can_send.map_or(Told::Unknown, Told::Known);
    observation.notices = notices;
    Some(PageEnd::Whole)
}
