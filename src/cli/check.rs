//! `whatsapp-exporter check`: asks every target once and says how it is.

use super::exit::{OK, UNHEALTHY, USAGE, complain, runtime};
use super::webhooks;
use crate::client::Client;
use crate::clock;
use crate::config::Settings;
use crate::exporter::Exporter;
use crate::report::status_report::{self, Level};

pub(super) fn run() -> u8 {
    let settings = match Settings::load(std::env::vars_os()) {
        Ok(settings) => settings,
        Err(problems) => {
            complain(problems.iter());
            return USAGE;
        }
    };
    let webhooks = settings.webhooks.clone();
    let client = Client::new(&settings.polling);
    let exporter = match Exporter::new(settings) {
        Ok(exporter) => exporter,
        Err(sentence) => {
            complain([sentence.as_str()]);
            return USAGE;
        }
    };
    let runtime = match runtime() {
        Ok(runtime) => runtime,
        Err(code) => return code,
    };
    let fleet = runtime.block_on(exporter.ask_once());
    let view = fleet.view(clock::now());
    let now = view.now;
    let (channels, tokens) = (status_report::channels(&view), status_report::tokens(&view));
    let (sources, accounts) = (status_report::sources(&view), status_report::accounts(&view));

    let mut rows = vec![["TARGET", "STATUS", "EXPIRES", "WHAT TO DO"].map(str::to_owned)];
    for view in &channels {
        let todo = view.advice.as_ref().map_or("", |advice| advice.todo);
        let mut status = failed(view.status, view.poll.failure);
        let restrictions = view.restrictions.iter().flatten();
        let standing = view.standing.iter().flat_map(|standing| standing.notices.iter());
        let reasons = restrictions.map(|one| one.words.as_str());
        let reasons: Vec<&str> =
            reasons.chain(standing.map(|notice| notice.words.as_str())).collect();
        if !reasons.is_empty() {
            status = format!("{status}: {}", reasons.join(", "));
        }
        let subscription = view.subscription.as_ref();
        let ends = subscription.map_or_else(|| "-".to_owned(), |one| one.countdown.clone());
        rows.push([format!("channel {}", view.name), status, ends, todo.to_owned()]);
    }
    for view in &tokens {
        let todo = view.advice.as_ref().map_or("", |advice| advice.todo);
        let mut status = failed(view.status, view.poll.failure);
        if !view.missing_scopes.is_empty() {
            status = format!("{status}: {}", view.missing_scopes.join(", "));
        }
        rows.push([format!("token {}", view.name), status, view.countdown(now), todo.to_owned()]);
    }
    for view in &sources {
        let todo = view.advice.as_ref().map_or("", |advice| advice.todo);
        let channels =
            view.channels.map_or_else(String::new, |count| format!(": {count} channels"));
        let status = format!("{}{channels}", failed(view.status, view.poll.failure));
        rows.push([format!("source {}", view.name), status, "-".to_owned(), todo.to_owned()]);
    }
    for view in &accounts {
        let todo = view.advice.as_ref().map_or("", |advice| advice.todo);
        let notes = view.notes();
        let mut status = failed(view.status, view.poll.failure);
        if !notes.is_empty() {
            status = format!("{status}: {}", notes.join(", "));
        }
        rows.push([format!("account {}", view.name), status, "-".to_owned(), todo.to_owned()]);
    }
    print_table(&rows);
    let levels = channels.iter().map(|view| view.level).chain(tokens.iter().map(|view| view.level));
    let levels = levels.chain(sources.iter().map(|view| view.level));
    let levels = levels.chain(accounts.iter().map(|view| view.level));
    let well = levels.into_iter().all(is_healthy);
    let told = match (webhooks, client) {
        (Some(webhooks), Ok(client)) => {
            runtime.block_on(webhooks::check(&fleet, &client, &webhooks))
        }
        _ => true,
    };
    runtime.shutdown_background();
    if well && told { OK } else { UNHEALTHY }
}

/// A warning counts too: all is not well with a token that expires this week.
fn is_healthy(level: Level) -> bool {
    level == Level::Ok
}

fn failed(status: &str, failure: Option<&str>) -> String {
    match failure {
        Some(reason) => format!("{status} ({reason})"),
        None => status.to_owned(),
    }
}

fn print_table(rows: &[[String; 4]]) {
    let width =
        |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths = [width(0), width(1), width(2)];
    for [target, status, expires, todo] in rows {
        let line = format!(
            "{target:<0$}  {status:<1$}  {expires:<2$}  {todo}",
            widths[0], widths[1], widths[2]
        );
        println!("{}", line.trim_end());
    }
}
