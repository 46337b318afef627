//! The alert rules as Prometheus reads them, and how a test hurries them.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::read;

/// Where the rules are.
pub const RULES: &str = "alerts/whatsapp.rules.yaml";
/// Where the example of Alertmanager's settings is.
pub const ALERTMANAGER: &str = "alerts/alertmanager.example.yaml";

/// The rules file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rules {
    /// Its groups.
    pub groups: Vec<Group>,
}

/// A group of rules, evaluated one after the other.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Group {
    /// Its name.
    pub name: String,
    /// How often it is evaluated.
    pub interval: Option<String>,
    /// Its rules.
    pub rules: Vec<Rule>,
}

/// A recording rule or an alert.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// The name of the series, for a recording rule.
    pub record: Option<String>,
    /// The name of the alert.
    pub alert: Option<String>,
    /// The expression.
    pub expr: String,
    /// How long it must hold.
    #[serde(rename = "for")]
    pub holds_for: Option<String>,
    /// How long it fires on.
    pub keep_firing_for: Option<String>,
    /// Labels that are added.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// Texts for people.
    #[serde(default)]
    pub annotations: BTreeMap<String, String>,
}

/// The rules of the repository.
pub fn rules() -> Rules {
    serde_saphyr::from_str(&read(RULES))
        .unwrap_or_else(|error| panic!("{RULES} is not what Prometheus reads: {error}"))
}

/// Makes time pass faster in a rules file or in Alertmanager's settings: divides every duration by
/// `times`.
///
/// A duration is what follows one of the keys that hold one (`for:`, `interval:`, `group_wait:`
/// …) or the word `offset`, and what stands within square brackets, as in `[6h:30s]`; nothing
/// else is touched. Numbers of seconds in an expression, such as `7 * 86400`, stay: they are
/// compared with an upstream's clock, which a test cannot hurry.
///
/// So where a rule says "no AUTH within 2 minutes, for 1 minute, looked at every 30 s", its hurried
/// copy says the same of time that passes `times` as fast, and it is right as long as scrapes and
/// polls are hurried too.
pub fn hurried(text: &str, times: u64) -> String {
    const KEYS: &[&str] = &[
        "for:",
        "keep_firing_for:",
        "interval:",
        "group_wait:",
        "group_interval:",
        "repeat_interval:",
    ];
    let mut hurried = String::new();
    for line in text.split_inclusive('\n') {
        let trimmed = line.trim();
        let key = KEYS.iter().find(|key| trimmed.starts_with(*key));
        if let Some((key, value)) =
            key.and_then(|key| Some((key, divided(trimmed.strip_prefix(key)?.trim(), times)?)))
        {
            let indent = &line[..line.len() - line.trim_start().len()];
            hurried.push_str(&format!("{indent}{key} {value}\n"));
            continue;
        }
        let mut rest = line;
        while let Some(at) = rest.find(['[', ' ']) {
            let (before, after) = rest.split_at(at + 1);
            hurried.push_str(before);
            rest = after;
            if before.ends_with('[') {
                let Some((inside, after)) = rest.split_once(']') else { continue };
                let parts: Option<Vec<String>> =
                    inside.split(':').map(|part| divided(part, times)).collect();
                if let Some(parts) = parts {
                    hurried.push_str(&parts.join(":"));
                    hurried.push(']');
                    rest = after;
                }
            } else if before.ends_with(" offset ") || before == "offset " {
                let end =
                    rest.find(|letter: char| !letter.is_ascii_alphanumeric()).unwrap_or(rest.len());
                if let Some(duration) = divided(&rest[..end], times) {
                    hurried.push_str(&duration);
                    rest = &rest[end..];
                }
            }
        }
        hurried.push_str(rest);
    }
    hurried
}

/// A duration of Prometheus', such as `5m`, divided; `None` for what is none.
fn divided(duration: &str, times: u64) -> Option<String> {
    let digits = duration.find(|letter: char| !letter.is_ascii_digit())?;
    let (number, unit) = duration.split_at(digits);
    let seconds: u64 = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        _ => return None,
    };
    Some(format!("{}ms", number.parse::<u64>().ok()? * seconds * 1000 / times))
}
