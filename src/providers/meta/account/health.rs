//! `health_status`: whether each thing that a message needs lets it through, and why not.
//!
//! Not here: what follows for a number's status. Meta's own overall counts calling over SIP too
//! (its health page has a sample that is BLOCKED for that alone), so it is only kept beside.

use serde::Deserialize;

use super::notice::notice;
use crate::domain::{CanSend, HealthEntity, MAX_NOTICES, Notice, Standing};
use crate::upstream::lenient::{Lenient, LenientList, ListItem};

#[derive(Deserialize)]
pub(super) struct SendingHealth {
    #[serde(default)]
    can_send_message: Lenient,
    #[serde(default)]
    entities: LenientList<Entity>,
}

#[derive(Deserialize)]
struct Entity {
    #[serde(default)]
    entity_type: Lenient,
    #[serde(default)]
    can_send_message: Lenient,
    #[serde(default)]
    additional_info: Lenient,
    #[serde(default)]
    errors: LenientList<HealthError>,
}

#[derive(Deserialize)]
struct HealthError {
    #[serde(default)]
    error_code: Lenient,
    #[serde(default)]
    error_description: Lenient,
    #[serde(default)]
    possible_solution: Lenient,
}

impl ListItem for Entity {
    fn says_anything(&self) -> bool {
        [&self.entity_type, &self.can_send_message]
            .iter()
            .any(|field| **field != Lenient::default())
    }
}

impl ListItem for HealthError {
    fn says_anything(&self) -> bool {
        [&self.error_code, &self.error_description, &self.possible_solution]
            .iter()
            .any(|field| **field != Lenient::default())
    }
}

impl SendingHealth {
    /// What it says, into a standing.
    pub(super) fn put_into(&self, standing: &mut Standing, token: &str) {
        standing.overall = can_send(&self.can_send_message);
        let LenientList(entities) = &self.entities;
        for entity in entities {
            let Some(can_send) = can_send(&entity.can_send_message) else { continue };
            let known = match entity.entity_type.raw_text() {
                Some("PHONE_NUMBER") => HealthEntity::PhoneNumber,
                Some("WABA") => HealthEntity::Account,
                Some("BUSINESS") => HealthEntity::Business,
                Some("APP") => HealthEntity::App,
                // Such as a template, whose health is its own.
                _ => continue,
            };
            let told = &mut standing.health[known.index()];
            *told = (*told).max(Some(can_send));
            // Errors of an entity that lets messages through are about calls.
            if can_send > CanSend::Available {
                entity.add_notices(&mut standing.notices, token);
            }
        }
    }

    /// What it says of the account itself, and against it.
    pub(super) fn of_account(&self, token: &str) -> (Option<CanSend>, Vec<Notice>) {
        let mut standing = Standing::default();
        self.put_into(&mut standing, token);
        (standing.health[HealthEntity::Account.index()], standing.notices)
    }
}

impl Entity {
    fn add_notices(&self, notices: &mut Vec<Notice>, token: &str) {
        let LenientList(errors) = &self.errors;
        let of_error = |error: &HealthError| {
            let solution = notice(&error.error_code, &error.possible_solution, token);
            solution.or_else(|| notice(&error.error_code, &error.error_description, token))
        };
        let infos = self.additional_info.parts();
        let of_info = infos.iter().filter_map(|info| notice(&Lenient::default(), info, token));
        for told in errors.iter().filter_map(of_error).chain(of_info) {
            if notices.len() < MAX_NOTICES && !notices.contains(&told) {
                notices.push(told);
            }
        }
    }
}

fn can_send(told: &Lenient) -> Option<CanSend> {
    told.raw_text()?.parse().ok()
}
