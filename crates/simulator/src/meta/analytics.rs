//! What a simulated account says of the messages of its numbers: the field `analytics`, with its
//! parameters behind it, several times under names of their own. Not the account's other fields:
//! see `account.rs`.
//!
//! The shapes are those of Meta's page on analytics and of Graph API's on aliasing fields.

use serde_json::{Map, Value, json};

use super::graph_error::GraphError;
use crate::http::response::Response;

/// What a number sent in half an hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MetaHalfHour {
    /// When it began, in seconds since the epoch.
    pub start: u64,
    /// Messages that were sent in it.
    pub sent: u32,
    /// Messages that were delivered in it.
    pub delivered: u32,
}

const HALF_HOUR: u64 = 1800;

impl MetaHalfHour {
    /// The last half hours that were over at this time, the newest first, each with these counts.
    pub fn last(now: u64, counts: &[(u32, u32)]) -> Vec<MetaHalfHour> {
        let newest = now - now % HALF_HOUR - HALF_HOUR;
        let starts = (0_u64..).map(|back| newest - back * HALF_HOUR);
        let hours = starts.zip(counts);
        hours.map(|(start, &(sent, delivered))| MetaHalfHour { start, sent, delivered }).collect()
    }
}

/// Whether fields ask for analytics.
pub(super) fn is_asked(fields: &str) -> bool {
    fields.starts_with("analytics")
}

/// A number's phone number, and what it sent.
pub(super) type Sent<'a> = (&'a str, &'a [MetaHalfHour]);

/// The fields of an account with this id and these numbers, if it takes names where there are any.
pub(super) fn respond(id: &str, numbers: &[Sent<'_>], takes_names: bool, asked: &str) -> Response {
    let mut answer = Map::from_iter([("id".to_owned(), json!(id))]);
    for field in split(asked) {
        let name = parameter(field, "as");
        if let Some(name) = name.filter(|_| !takes_names) {
            let text = format!("(#100) Unknown fields: {name}.");
            return GraphError::new(100, 0).message(text).response();
        }
        let time = |name| parameter(field, name)?.parse::<u64>().ok();
        let granularity = parameter(field, "granularity");
        let (Some(start), Some(end), Some("HALF_HOUR")) = (time("start"), time("end"), granularity)
        else {
            return GraphError::new(100, 0).response();
        };
        let phones: Vec<String> = parameter(field, "phone_numbers")
            .and_then(|list| serde_json::from_str(list).ok())
            .unwrap_or_default();
        let is_meant =
            |(phone, _): &&Sent<'_>| phones.is_empty() || phones.contains(&digits(phone));
        let meant: Vec<&Sent<'_>> = numbers.iter().filter(is_meant).collect();
        let echo: Vec<String> = meant.iter().map(|(phone, _)| digits(phone)).collect();
        let mut points: Vec<MetaHalfHour> = Vec::new();
        for hour in meant.iter().flat_map(|(_, half_hours)| *half_hours) {
            if hour.start < start || hour.start + HALF_HOUR > end {
                continue;
            }
            match points.iter_mut().find(|point| point.start == hour.start) {
                Some(point) => {
                    point.sent += hour.sent;
                    point.delivered += hour.delivered;
                }
                None => points.push(*hour),
            }
        }
        let point = |hour: &MetaHalfHour| {
            json!({ "start": hour.start, "end": hour.start + HALF_HOUR, "sent": hour.sent,
                "delivered": hour.delivered })
        };
        let points: Vec<Value> = points.iter().map(point).collect();
        let analytics = json!({ "phone_numbers": echo, "granularity": "HALF_HOUR",
            "data_points": points });
        answer.insert(name.unwrap_or("analytics").to_owned(), analytics);
    }
    Response::json(200, &Value::Object(answer))
}

fn digits(phone: &str) -> String {
    phone.chars().filter(char::is_ascii_digit).collect()
}

/// The fields, at the commas that are in no parentheses.
fn split(fields: &str) -> Vec<&str> {
    let (mut parts, mut depth, mut start) = (Vec::new(), 0_u32, 0);
    for (at, letter) in fields.char_indices() {
        match letter {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                parts.push(&fields[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&fields[start..]);
    parts
}

/// The value of a parameter behind a field.
fn parameter<'a>(field: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = field.split_once(&format!(".{name}("))?;
    rest.split_once(')').map(|(value, _)| value)
}
