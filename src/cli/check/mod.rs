//! `whatsapp-exporter check`: polls every target once and says how it is; `--offline` reads the
//! settings alone.
//!
//! Not here: what a mistake or a status means, and how it is printed (`text.rs`, `json.rs`).

mod finding;
mod json;
mod text;
mod webhooks;

use std::collections::BTreeMap;

use super::arguments::Invocation;
use super::exit::{UNHEALTHY, USAGE, complain, print, runtime, warn};
use super::{flags, start_log};
use crate::client::Client;
use crate::clock;
use crate::config::{Settings, unknown_variables};
use crate::domain::TargetKind;
use crate::exporter::Exporter;
use crate::state_file;
use finding::{Finding, Summary};
use json::CheckDocument;
use webhooks::WebhookReport;

pub(super) fn run(invocation: &Invocation) -> u8 {
    let environment = &invocation.environment;
    let json = invocation.has(&flags::JSON);
    let unknown = unknown_variables(&environment.variables);
    let warnings: Vec<String> = unknown.iter().map(ToString::to_string).collect();
    if !json {
        warn(&warnings);
    }
    let refuse = |problems: &[String]| {
        if json {
            print(
                &CheckDocument { problems, warnings: &warnings, ..CheckDocument::default() }.text(),
            );
        } else {
            complain(problems.iter().map(String::as_str));
        }
        USAGE
    };
    let settings = match Settings::load(environment.variables.iter().cloned()) {
        Ok(settings) => settings,
        Err(problems) => return refuse(&environment.sentences(&problems)),
    };
    let configured = configured(&settings);
    if invocation.has(&flags::OFFLINE) {
        if json {
            let document = CheckDocument {
                well: true,
                offline: true,
                warnings: &warnings,
                configured,
                ..CheckDocument::default()
            };
            return print(&document.text());
        }
        let targets = start_log::targets(&settings);
        return print(&format!("Settings are valid: {targets}. No requests were made.\n"));
    }
    if let Some(sentence) =
        settings.state_file.as_deref().and_then(|path| state_file::probe(path).err())
    {
        return refuse(&[sentence]);
    }
    let (receiving, shard) = (settings.webhooks.clone(), settings.shard);
    let client = match Client::new(&settings.polling, settings.polling.concurrency) {
        Ok(client) => client,
        Err(sentence) => return refuse(&[sentence]),
    };
    let exporter = match Exporter::new(settings) {
        Ok(exporter) => exporter,
        Err(sentence) => return refuse(&[sentence]),
    };
    let runtime = match runtime() {
        Ok(runtime) => runtime,
        Err(code) => return code,
    };
    let (fleet, causes) = runtime.block_on(exporter.ask_once());
    let findings = Finding::all(&fleet.view(clock::now()), &causes);
    let report = match receiving {
        Some(receiving) => runtime.block_on(webhooks::check(&fleet, &client, &receiving, shard)),
        None => WebhookReport::default(),
    };
    runtime.shutdown_background();
    let well = findings.iter().all(Finding::is_well) && report.all_reach();
    let text = if json {
        let document = CheckDocument {
            well,
            warnings: &warnings,
            configured,
            summary: Summary::of(&findings),
            targets: &findings,
            webhooks: report.problems().collect(),
            ..CheckDocument::default()
        };
        document.text()
    } else {
        let table = text::table(&findings, invocation.has(&flags::VERBOSE));
        let unreadable = report.unreadable.iter();
        let unreadable: String =
            unreadable.map(|one| format!("\nwebhooks: {}\n", one.what)).collect();
        let webhooks = text::webhooks(&report.providers);
        let summary = text::summary(&findings, report.all_reach());
        format!("{table}{}{webhooks}\n{summary}", unreadable)
    };
    let printed = print(&text);
    if well { printed } else { UNHEALTHY }
}

/// How many targets of each kind are configured.
fn configured(settings: &Settings) -> BTreeMap<&'static str, usize> {
    let counts = settings.count_by_kind();
    TargetKind::ALL.iter().map(|kind| kind.as_str()).zip(counts).collect()
}
