//! What `check` prints for a person: a table, what is wrong with webhooks, and a summary.
//!
//! Not here: what was found out.

use std::fmt::Write as _;

use super::finding::{Finding, Summary};
use super::webhooks::ProviderWebhooks;

/// Up to so many targets, all have a line. Of more, those that are well are counted.
const ALL: usize = 20;

/// The table. The worst come last, where a person looks first.
pub(super) fn table(findings: &[Finding], verbose: bool) -> String {
    let whole = verbose || findings.len() <= ALL;
    let shown = findings.iter().filter(|finding| whole || !finding.is_well());
    let mut rows = vec![["TARGET", "STATUS", "EXPIRES", "WHAT TO DO"].map(str::to_owned)];
    rows.extend(shown.map(|finding| {
        let target = format!("{} {}", finding.kind, finding.name);
        let status = finding.status_and_reason();
        [target, status, finding.countdown.clone(), finding.cause_and_todo()]
    }));
    if rows.len() == 1 {
        return String::new();
    }
    let width =
        |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths = [width(0), width(1), width(2)];
    let mut table = String::new();
    for [target, status, expires, todo] in &rows {
        let line = format!(
            "{target:<0$}  {status:<1$}  {expires:<2$}  {todo}",
            widths[0], widths[1], widths[2]
        );
        let _ = writeln!(table, "{}", line.trim_end());
    }
    table
}

/// What is wrong with webhooks, and what to set.
pub(super) fn webhooks(all: &[ProviderWebhooks]) -> String {
    let mut text = String::new();
    for ProviderWebhooks { name, problems, is_asked, instructions, .. } in all {
        if !problems.is_empty() {
            text.push_str("\nWebhooks may not reach this exporter for these channels:\n");
            for problem in problems {
                let _ = writeln!(text, "channel {}: {}", problem.channel, problem.what);
            }
        } else if !is_asked {
            let _ = writeln!(
                text,
                "\nThe exporter cannot verify {name} webhooks. If they are not configured yet:"
            );
        } else {
            continue;
        }
        if let Some(instructions) = instructions {
            let _ = writeln!(text, "\n{instructions}");
        }
    }
    text
}

/// How many targets are how, in a sentence.
pub(super) fn summary(findings: &[Finding], webhooks_reach: bool) -> String {
    let counts = Summary::of(findings);
    let (all, well) = (findings.len(), counts.ok);
    let mut text = match all {
        0 => "There are no targets".to_owned(),
        _ if all == well && all == 1 => "The target is well".to_owned(),
        _ if all == well => format!("All {all} targets are well"),
        _ => {
            let parts =
                [(counts.bad, "bad"), (counts.warning, "warning"), (counts.unknown, "unknown")];
            let parts = parts.iter().filter(|(count, _)| *count > 0);
            let parts: Vec<_> = parts.map(|(count, word)| format!("{count} {word}")).collect();
            format!("{} of {all} targets not well: {}; {well} well", all - well, parts.join(", "))
        }
    };
    if !webhooks_reach {
        text.push_str("; some webhooks may not arrive");
    }
    text + ".\n"
}
