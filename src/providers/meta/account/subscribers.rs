//! `/subscribed_apps`: which apps get an account's webhooks.
//!
//! Not here: where those webhooks go.

use serde::Deserialize;

use crate::domain::Subscribers;
use crate::upstream::lenient::{Lenient, LenientObject};
use crate::upstream::whole_list::WholeList;

#[derive(Deserialize)]
struct AppPage {
    data: WholeList<SubscribedApp>,
}

#[derive(Deserialize)]
struct SubscribedApp {
    #[serde(default)]
    whatsapp_business_api_data: LenientObject<AppData>,
    /// Where Meta's OpenAPI file has it; its samples have it in the object above.
    #[serde(default)]
    id: Lenient,
}

#[derive(Deserialize)]
struct AppData {
    #[serde(default)]
    id: Lenient,
}

/// Reads the answer; `None` when it is not one. More apps than one page holds were never seen.
pub(super) fn read(body: &[u8], own: Option<&str>) -> Option<Subscribers> {
    let AppPage { data: WholeList(data) } = serde_json::from_slice(body).ok()?;
    let ids = data.iter().filter_map(|app| {
        let within = app.whatsapp_business_api_data.0.as_ref();
        within.and_then(|within| within.id.label()).or_else(|| app.id.label())
    });
    let own = own.is_some_and(|own| ids.into_iter().any(|id| *id == *own));
    Some(Subscribers { any: !data.is_empty(), own })
}
