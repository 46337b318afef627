//! The reference of all metrics, `docs/metrics.md`, written from the catalog.
//!
//! Not here: any fact; they are all in the catalog.

use std::fmt::Write as _;

use super::catalog::{
    DELIVERY, DELIVERY_COUNT, EXPORTER, GATEWAY, GATEWAY_REQUESTS, Label, Metric, OPTIONAL,
    PROCESS, Values, families, target_labels, webhook_families,
};
use crate::domain::TargetKind;

const INTRODUCTION: &str = "\
# Metrics

Written from the catalog in `src/metrics/catalog.rs` by `make docs`; do not edit it here.

Every counter and every 0/1 row exists, at 0, from the moment its target is configured, so that \
`increase()` sees the first
event. A gauge that is not known is absent, never a made-up number. `scope`, `channel` and `token` \
are the operator's words; every
other label value comes from a closed list, but those of the `…_info` metrics, which repeat what \
the upstream reports.

In OpenMetrics each counter and each histogram is followed by a `_created` sample, which says \
since when it counts: since the
target was first watched, before the last restart too if `STATE_FILE` kept the counter. Prometheus \
reads these samples with
`--enable-feature=created-timestamp-zero-ingestion`; otherwise it stores them as series, which a \
scrape configuration can
drop:

```yaml
metric_relabel_configs:
  - source_labels: [__name__]
    regex: whatsapp_.*_created
    action: drop
```
";

/// The text of `docs/metrics.md`.
pub fn markdown() -> String {
    let mut text = INTRODUCTION.to_owned();
    for (title, kind) in [
        ("Channels", TargetKind::Channel),
        ("Tokens", TargetKind::Token),
        ("Sources", TargetKind::Source),
        ("Accounts", TargetKind::Account),
    ] {
        let metrics = families(kind).map(|family| &family.metric);
        section(&mut text, title, target_labels(kind), metrics);
    }
    text.push_str(
        "\n## Webhooks\n\nOnly with `WEBHOOK_SECRET`. Each has the labels `provider` and \
        `channel`, or `account` as its name says.\n",
    );
    let of_webhooks = TargetKind::ALL.iter().flat_map(|kind| webhook_families(*kind));
    metrics_of(&mut text, &[], of_webhooks.map(|family| &family.metric));
    text.push_str(
        "\n## Messages\n\nOnly with `WEBHOOK_SECRET` or `GATEWAY_ADDRESS`, and of a channel from \
        its first message on. Each has the labels `provider` and `channel`.\n",
    );
    metrics_of(&mut text, &[], DELIVERY.iter().map(|family| &family.metric));
    text.push_str(
        "\n## What the provider counts\n\nOnly of channels whose provider is asked for its \
        `analytics`. Each has the labels `provider` and `channel`.\n",
    );
    metrics_of(&mut text, &[], DELIVERY_COUNT.iter().map(|family| &family.metric));
    text.push_str("\n## The gateway\n\nOnly with `GATEWAY_ADDRESS`.\n");
    let channel = target_labels(TargetKind::Channel).iter();
    let token = target_labels(TargetKind::Token).iter().filter(|label| label.name == "token");
    let labels: Vec<Label> = channel.chain(token).copied().collect();
    metrics_of(&mut text, &labels, std::iter::once(&GATEWAY_REQUESTS));
    metrics_of(&mut text, &[], GATEWAY.iter());
    section(&mut text, "The exporter", &[], EXPORTER.iter().chain(OPTIONAL));
    text.push_str(
        "\n## The process\n\nThe standard ones, on Linux.\n\n| metric | kind | meaning \
        |\n| --- | --- | --- |\n",
    );
    for metric in PROCESS {
        line(
            &mut text,
            format_args!("| `{}` | {} | {} |", metric.name, metric.kind.as_str(), metric.help),
        );
    }
    text
}

fn section<'a>(
    text: &mut String,
    title: &str,
    shared: &[Label],
    metrics: impl Iterator<Item = &'a Metric>,
) {
    line(text, format_args!("\n## {title}"));
    if !shared.is_empty() {
        let names: Vec<_> = shared.iter().map(|label| format!("`{}`", label.name)).collect();
        line(text, format_args!("\nEach has the labels {}.", names.join(" and ")));
    }
    metrics_of(text, &[], metrics);
}

/// The metrics of a section, with the labels that its heading does not tell.
fn metrics_of<'a>(text: &mut String, labels: &[Label], metrics: impl Iterator<Item = &'a Metric>) {
    for metric in metrics {
        line(
            text,
            format_args!(
                "\n### {}\n\n{}. {}",
                metric.name,
                capital(metric.kind.as_str()),
                metric.help
            ),
        );
        if !metric.notes.is_empty() {
            line(text, format_args!("\n{}", metric.notes));
        }
        if !(labels.is_empty() && metric.labels.is_empty()) {
            text.push('\n');
        }
        for label in labels.iter().chain(metric.labels) {
            let values = match label.values {
                Values::Closed(words) => {
                    words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
                }
                Values::Operator => "as configured".to_owned(),
                Values::Upstream => "as the upstream reports it".to_owned(),
                Values::Build => "of the build".to_owned(),
            };
            line(text, format_args!("- `{}`: {values}", label.name));
        }
        line(text, format_args!("\n```promql\n{}\n```", metric.query));
    }
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_uppercase().collect::<String>() + letters.as_str()
    })
}

fn line(text: &mut String, what: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{what}");
}
