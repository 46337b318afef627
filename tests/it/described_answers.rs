//! Every answer that an API's own description allows is read without a failed poll. The answers are
//! made up from `tests/schemas/`, as a mock server makes them up from the vendor's files.
//!
//! Not here: answers that were seen, and wrong ones.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde_json::{Map, Value, json};
use whatsapp_simulator::{Fault, MetaAccount, MetaToken, Response, WhapiChannel};

use crate::common::{Files, Setup, Upstream};
use crate::peers::read;

/// The description of a call's answer.
fn described(api: &str, call: &str) -> Value {
    let file = read(&format!("tests/schemas/{api}.json"));
    let file: Value = serde_json::from_str(&file).expect("a description");
    let answer = file["answers"][call].clone();
    assert!(answer.is_object(), "{api} describes no {call}");
    answer
}

/// Answers of this description: a whole one first, and each that differs from it in one place.
fn answers(of: &Value) -> Vec<Value> {
    match of {
        Value::String(kinds) => kinds.split('|').flat_map(values).collect(),
        Value::Array(words) => words.clone(),
        Value::Object(fields) => match fields.get("each") {
            Some(item) => {
                let items = answers(item);
                let lists = items.iter().map(|item| json!([item]));
                lists.chain([json!([]), json!([items[0], items[items.len() - 1]])]).collect()
            }
            None => records(fields),
        },
        other => panic!("no description: {other}"),
    }
}

/// Values of one kind, the ordinary ones first.
fn values(kind: &str) -> Vec<Value> {
    match kind.split_once('=') {
        Some(("string", example)) => vec![json!(example)],
        _ => match kind {
            "string" => vec![json!("text"), json!(""), json!("\"Ünï\"\n<&>\u{1F600}")],
            "number" => vec![
                json!(1_795_000_000),
                json!(0),
                json!(-1),
                json!(1.5),
                json!(1_795_000_000_000_u64),
                json!(9_007_199_254_740_993_u64),
                json!(-1e300),
            ],
            "integer" => vec![json!(1_795_000_000), json!(0), json!(-1), json!(i64::MAX)],
            "boolean" => vec![json!(true), json!(false)],
            "null" => vec![Value::Null],
            other => panic!("no kind of value: {other}"),
        },
    }
}

fn records(fields: &Map<String, Value>) -> Vec<Value> {
    let name = |key: &str| key.trim_end_matches('?').to_owned();
    let of_field: Vec<(String, bool, Vec<Value>)> =
        fields.iter().map(|(key, field)| (name(key), key.ends_with('?'), answers(field))).collect();
    let whole: Map<String, Value> =
        of_field.iter().map(|(name, _, values)| (name.clone(), values[0].clone())).collect();
    let required = of_field.iter().filter(|(_, optional, _)| !optional);
    let required = required.map(|(name, _, values)| (name.clone(), values[0].clone())).collect();
    let mut more = whole.clone();
    more.insert("x_added_yesterday".to_owned(), json!({ "deep": [1, null] }));
    let mut records = vec![Value::Object(whole.clone()), Value::Object(required), json!(more)];
    for (name, optional, values) in of_field {
        for value in &values[1..] {
            let mut other = whole.clone();
            other.insert(name.clone(), value.clone());
            records.push(Value::Object(other));
        }
        if optional {
            let mut without = whole.clone();
            without.remove(&name);
            records.push(Value::Object(without));
        }
    }
    records
}

#[test]
fn answers_vary_in_one_place_each() {
    let all = answers(&json!({ "a": ["x", "y"], "b?": "boolean|null", "c?": { "each": "null" } }));
    let texts: BTreeSet<String> = all.iter().map(Value::to_string).collect();
    for text in [
        r#"{"a":"x","b":true,"c":[null]}"#,
        r#"{"a":"x"}"#,
        r#"{"a":"y","b":true,"c":[null]}"#,
        r#"{"a":"x","b":null,"c":[null]}"#,
        r#"{"a":"x","c":[null]}"#,
        r#"{"a":"x","b":true,"c":[]}"#,
        r#"{"a":"x","b":true,"c":[null],"x_added_yesterday":{"deep":[1,null]}}"#,
    ] {
        assert!(texts.contains(text), "{text}: {texts:?}");
    }
}

fn answering(answer: &Value) -> Option<Fault> {
    Some(Fault::response(Response::new(200, "application/json", answer.to_string())))
}

#[test]
fn every_health_that_whapi_describes_is_read_with_its_status() {
    let (upstream, files) = (Upstream::start(), Files::new());
    let all = answers(&described("whapi", "GET /health"));
    assert!(all.len() > 60, "only {} answers", all.len());
    let mut yaml = "channels:\n".to_owned();
    for (at, answer) in all.iter().enumerate() {
        let name = format!("h{at}");
        upstream.set_channel(&name, WhapiChannel::new(&name));
        upstream.set_fault(&name, answering(answer));
        files.write(&name, &name);
        let _ = write!(yaml, "  - name: {name}\n    token_file: {name}\n");
    }
    let program = Setup::of(&upstream).file(&files, &yaml).start();
    let page = program.until("every channel polled twice", |page| {
        let polled = |at| {
            page.get(&format!("whatsapp_channel_polls_total{{channel=\"h{at}\"}}")) >= Some(2.0)
        };
        (0..all.len()).all(polled).then(|| page.clone())
    });
    let mut seen = BTreeSet::new();
    for (at, answer) in all.iter().enumerate() {
        let word = answer["status"]["text"].as_str().expect("a word");
        let told = format!("whatsapp_channel_status{{channel=\"h{at}\",status=\"{word}\"}}");
        assert_eq!(page.get(&told), Some(1.0), "{answer}");
        seen.insert(word);
    }
    assert_eq!(seen.len(), 7, "{seen:?}");
    assert_eq!(page.sum("whatsapp_channel_poll_failures_total"), 0.0, "{page}");
    assert!(!program.log().contains("WARN a poll"), "{}", program.log());
}

#[test]
fn every_list_that_whapis_partner_api_describes_is_read() {
    let (upstream, files) = (Upstream::start(), Files::new());
    let all = answers(&described("whapi", "GET /channels/list"));
    assert!(all.len() > 40, "only {} answers", all.len());
    // The description's own example of a gate is somebody's; here it is the simulator.
    let here = |answer: &Value| {
        let text = answer.to_string().replace("https://api.mychannel.com", &upstream.url());
        serde_json::from_str::<Value>(&text).expect("still JSON")
    };
    upstream.set_channel("0123456789abcdef0123456789abcdef", WhapiChannel::new("listed"));
    let mut yaml = "sources:\n".to_owned();
    for (at, answer) in all.iter().enumerate() {
        let name = format!("p{at}");
        upstream.set_fault(&name, answering(&here(answer)));
        files.write(&name, &name);
        let url = upstream.url();
        let _ = write!(
            yaml,
            "  - name: {name}\n    provider: whapi\n    api_url: {url}\n    \
             token_file: {name}\n    poll_interval: 2s\n"
        );
    }
    let program = Setup::of(&upstream).file(&files, &yaml).start();
    let page = program.until("every list asked twice", |page| {
        let polled =
            |at| page.get(&format!("whatsapp_source_polls_total{{source=\"p{at}\"}}")) >= Some(2.0);
        (0..all.len()).all(polled).then(|| page.clone())
    });
    for (at, answer) in all.iter().enumerate() {
        let ids = answer["channels"].as_array().into_iter().flatten();
        let ids: BTreeSet<String> = ids.map(|row| row["id"].to_string()).collect();
        let listed = format!("whatsapp_source_channels{{source=\"p{at}\"}}");
        assert_eq!(page.get(&listed), Some(ids.len() as f64), "{answer}");
    }
    assert_eq!(page.sum("whatsapp_source_poll_failures_total"), 0.0, "{page}");
    assert_eq!(page.sum("whatsapp_channel_poll_failures_total"), 0.0, "{page}");
    assert!(page.sum("whatsapp_channel_authorized") > 1.0, "{page}");
}

#[test]
fn the_settings_that_whapi_describes_can_be_checked() {
    let (upstream, files) = (Upstream::start(), Files::new());
    let all = answers(&described("whapi", "GET /settings"));
    assert!(all.len() > 30, "only {} answers", all.len());
    let mut yaml = "channels:\n".to_owned();
    for (at, answer) in all.iter().enumerate() {
        let name = format!("s{at}");
        upstream.set_channel(&name, WhapiChannel::new(&name));
        // Asked for its health, it answers with its settings too, which `check` tells apart.
        upstream.set_fault(&name, answering(answer));
        files.write(&name, &name);
        let _ = write!(yaml, "  - name: {name}\n    token_file: {name}\n");
    }
    let setup = Setup::of(&upstream).file(&files, &yaml).argument("check");
    let ended = setup.set("WEBHOOK_SECRET", "webhookSecretOfTheseTests").run();
    let told = ended.stdout.matches(": no webhook leads to").count();
    assert_eq!(told, all.len(), "{ended:?}");
    assert!(!ended.stdout.contains("its settings cannot be read"), "{ended:?}");
    assert!(!ended.stdout.contains("user:password"), "{ended:?}");
}

/// What each of Meta's words for a number means.
const META_STATUSES: [(&str, &str); 4] = [
    ("CONNECTED LINKED RESTRICTED FLAGGED", "AUTH"),
    ("PENDING UNVERIFIED", "INIT"),
    ("UNLINKED DELETED MIGRATED DISCONNECTED", "STOP"),
    ("BANNED", "BLOCKED"),
];

#[test]
fn every_answer_that_meta_describes_of_an_account_is_read_with_its_status() {
    let (upstream, files) = (Upstream::start(), Files::new());
    let (mut ids, mut numbers) = (Vec::new(), Vec::new());
    for call in ["phone_numbers", "", "subscribed_apps", "message_templates"] {
        let all = answers(&described("meta", call));
        assert!(all.len() >= 10, "only {} answers of {call}", all.len());
        for answer in all {
            let id = (1000 + ids.len()).to_string();
            // A second number of one list has an id of its own too.
            let text = answer.to_string().replacen("\"ID\"", &format!("\"9{id}\""), 1);
            let text = text.replace("\"ID\"", &format!("\"8{id}\""));
            let answer: Value = serde_json::from_str(&text).expect("still JSON");
            let mut account = MetaAccount::new(&id);
            if call == "phone_numbers" {
                let listed = answer["data"].as_array().cloned().unwrap_or_default();
                numbers.extend(listed);
            }
            account.bodies.insert(call.to_owned(), answer);
            upstream.set_account(account);
            ids.push(id);
        }
    }
    let granted: Vec<&str> = ids.iter().map(String::as_str).collect();
    upstream.set_token("metaToken", MetaToken::new("meta").managing(&granted));
    files.write("meta", "metaToken");
    let yaml = format!(
        "sources:\n  - {{name: meta, provider: meta, api_url: {}, token_file: meta, \
         poll_interval: 2s}}\n",
        upstream.url()
    );
    let program = Setup::new().file(&files, &yaml).start();
    let page = program.until("every account polled twice", |page| {
        let polled = |id| {
            page.get(&format!("whatsapp_account_polls_total{{account=\"{id}\"}}")) >= Some(2.0)
        };
        ids.iter().all(polled).then(|| page.clone())
    });
    for number in &numbers {
        let id = number["id"].as_str().expect("an id");
        let word = number["status"].as_str().expect("a word");
        let (_, status) = META_STATUSES
            .iter()
            .find(|(words, _)| words.split(' ').any(|known| known == word))
            .unwrap_or_else(|| panic!("{word} is in no list"));
        let told = format!("whatsapp_channel_status{{channel=\"{id}\",status=\"{status}\"}}");
        assert_eq!(page.get(&told), Some(1.0), "{number}");
    }
    assert!(numbers.len() > 50, "only {} numbers", numbers.len());
    for metric in ["account_poll_failures", "channel_poll_failures", "exporter_unknown_status"] {
        assert_eq!(page.sum(&format!("whatsapp_{metric}_total")), 0.0, "{metric}");
    }
    assert_eq!(page.sum("whatsapp_exporter_panics_total"), 0.0);
    let other = page.sum("whatsapp_account_templates{status=\"other\"}");
    assert!(other > 0.0, "words that are in no list are counted as other");
}
