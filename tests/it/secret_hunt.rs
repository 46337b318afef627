//! Looks for secrets where none may be, and plants those that sources and their answers carry.
//!
//! Not here: what gets out, and how it is made to; see `secrets.rs`.

use std::collections::HashMap;
use std::fmt::Write as _;

use whatsapp_simulator::{
    EvolutionInstance, EvolutionServer, Fault, GraphError, GreenApiInstance, GreenApiPartner,
    MetaAccount, MetaNumber, MetaToken, Response, WahaServer, WhapiChannel, WhapiPartner,
};

use crate::common::{Files, Upstream};

/// Looks for secrets in everything that gets out.
pub struct Hunt {
    /// What to look for with the secret that it is part of, by its first eight bytes.
    needles: HashMap<Vec<u8>, Vec<(String, String)>>,
    /// Whether any begins with these two bytes: most places of a text are passed by that.
    begins: Vec<bool>,
    /// What was looked through, in bytes.
    pub seen: usize,
}

/// No shorter part of a secret is looked for.
const SHORTEST: usize = 8;

impl Hunt {
    pub fn new(secrets: &[String]) -> Self {
        let mut needles: HashMap<Vec<u8>, Vec<(String, String)>> = HashMap::new();
        let mut begins = vec![false; 1 << 16];
        for secret in secrets {
            for form in forms(secret) {
                let form = form.to_ascii_lowercase();
                let middle = form.len() / 2;
                for part in [&form[..], &form[..middle], &form[middle..]] {
                    if let Some(first) = part.as_bytes().get(..SHORTEST) {
                        begins[beginning(first)] = true;
                        let alike = needles.entry(first.to_vec()).or_default();
                        alike.push((part.to_owned(), secret.clone()));
                    }
                }
            }
        }
        Self { needles, begins, seen: 0 }
    }

    pub fn search(&mut self, place: &str, text: &str) {
        self.seen += text.len();
        let text = text.to_ascii_lowercase();
        let bytes = text.as_bytes();
        for (at, first) in bytes.windows(SHORTEST).enumerate() {
            if !self.begins[beginning(first)] {
                continue;
            }
            let alike = self.needles.get(first).into_iter().flatten();
            for (needle, secret) in alike {
                if bytes[at..].starts_with(needle.as_bytes()) {
                    let start = text[..at].rfind('\n').map_or(0, |line| line + 1);
                    let line = text[start..].lines().next().unwrap_or_default();
                    panic!("{place} shows {secret} as {needle}: {line}");
                }
            }
        }
    }
}

fn beginning(bytes: &[u8]) -> usize {
    usize::from(bytes[0]) << 8 | usize::from(bytes[1])
}

/// A secret as it is, percent-encoded, and in base64 wherever it begins in what is encoded.
fn forms(secret: &str) -> Vec<String> {
    let mut forms = vec![secret.to_owned()];
    let encoded: String = secret
        .bytes()
        .map(|byte| match byte {
            b if b.is_ascii_alphanumeric() => char::from(b).to_string(),
            b => format!("%{b:02X}"),
        })
        .collect();
    forms.push(encoded);
    for before in 0..3 {
        let text = base64(&[&b"\0\0\0"[..before], secret.as_bytes()].concat());
        // The first and last letters also depend on the neighbours.
        let inner = text.trim_end_matches('=');
        forms.push(inner[[0, 2, 3][before]..inner.len() - 1].to_owned());
    }
    forms
}

pub fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let number = three.iter().chain(&[0, 0]).take(3).fold(0, |n, b| n << 8 | usize::from(*b));
        for place in 0..=three.len() {
            text.push(char::from(LETTERS[number >> (18 - 6 * place) & 63]));
        }
    }
    text + &"=".repeat(3 - bytes.chunks(3).last().map_or(3, <[u8]>::len))
}

/// A secret that looks like a real one, and in no part like another.
pub fn secret(kind: &str, number: usize) -> String {
    let mut state = number as u64 * 7919 + kind.bytes().map(u64::from).sum::<u64>() * 104_729;
    let mut text = String::new();
    while text.len() < 32 {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let letters = b"ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnpqrstuvwxyz23456789";
        text.push(char::from(letters[(state >> 33) as usize % letters.len()]));
    }
    match kind {
        // Meta's hold letters that a URL must encode only seldom, but an app's credential always
        // does.
        "meta" => format!("EAAG{text}|{}", text.chars().rev().collect::<String>()),
        _ => text,
    }
}

/// Every way to go wrong, some of which repeat the secret as careless upstreams do.
pub fn faults(secret: &str) -> Vec<Fault> {
    let echo = format!(r#"{{"error":{{"code":190,"message":"Malformed token {secret}"}}}}"#);
    let echo_data = format!(
        r#"{{"data":{{"is_valid":false,"error":{{"code":190,"message":"bad {secret}"}}}}}}"#
    );
    let location = format!("https://example.com/?access_token={secret}");
    let json = |status, body: &str| {
        Fault::response(Response::new(status, "application/json", body.to_owned()))
    };
    vec![
        Fault::session_unauthorized(),
        Fault::unauthorized(),
        Fault::channel_not_found(),
        Fault::payment_required(),
        Fault::forbidden(),
        Fault::rate_limited(),
        Fault::server_error(),
        Fault::server_error_page(),
        Fault::bad_gateway(),
        Fault::garbage(),
        Fault::empty(),
        Fault::page(),
        Fault::wrong_shape(),
        Fault::truncated(),
        Fault::oversized(2 << 20),
        Fault::endless(),
        Fault::raw(format!("{secret}\r\n\r\n")),
        Fault::raw(format!("HTTP/1.1 200 OK\r\n{secret}\r\n\r\n")),
        Fault::hang(),
        Fault::close(),
        Fault::cut_head(),
        Fault::cut_body(),
        Fault::graph_error(&GraphError::new(4, 0)),
        Fault::graph_error(&GraphError::new(190, 463)),
        json(400, &echo),
        json(401, &echo),
        json(404, &echo),
        json(200, &echo),
        json(200, &echo_data),
        Fault::response(Response::new(302, "text/html", "").header("Location", location.clone())),
        Fault::response(
            Response::new(429, "text/html", "").header("Retry-After", secret.to_owned()),
        ),
        Fault::response(Response::new(403, "text/html", echo).header("X-Debug", location)),
    ]
}

/// The sources of all providers that list channels, each going wrong in every way.
pub struct PlantedSources {
    /// Their entries in the settings file.
    pub yaml: String,
    /// Every secret that they are polled with, or that their answers carry.
    pub secrets: Vec<String>,
    /// One server of each kind that is well until it is told otherwise.
    pub well: [String; 2],
}

impl PlantedSources {
    /// Those that are well have the names `well-waha` and `well-evolution`, and channels of these
    /// names.
    pub fn plant(upstream: &Upstream, files: &Files) -> Self {
        let (mut yaml, mut secrets) = ("sources:\n".to_owned(), Vec::new());
        let mut make = |kind: &str| {
            secrets.push(secret(kind, 1000 + secrets.len()));
            secrets[secrets.len() - 1].clone()
        };
        let mut add = |name: &str, provider: &str, key: &str| {
            files.write(&format!("s-{name}"), format!("{key}\n"));
            let url = upstream.url();
            let _ = write!(
                yaml,
                "  - name: {name}\n    provider: {provider}\n    api_url: {url}\n    \
                 token_file: s-{name}\n    poll_interval: 2s\n"
            );
            if provider == "meta" {
                yaml.push_str("    analytics: true\n");
            }
        };
        let waha = |name: &str| WahaServer::new(name).with_session(name, "WORKING");
        let evolution = |name: &str| {
            EvolutionServer::new(name).with_instance(name, EvolutionInstance::closed_by(401))
        };
        let (mut instances, mut channels) = (Vec::new(), Vec::new());
        let all = faults("").len();
        for at in (0..all).filter(|at| answers(*at)) {
            let kinds = ["waha", "evolution", "green", "whapi", "meta"];
            let names = kinds.map(|kind| format!("{kind}{at}"));
            let keys = kinds.map(&mut make);
            upstream.set_waha_server(&keys[0], waha(&names[0]));
            upstream.set_evolution_server(&keys[1], evolution(&names[1]));
            upstream.set_green_api_partner(&keys[2], &names[2], &[]);
            upstream.set_whapi_partner(&keys[3], WhapiPartner::new(&names[3]));
            upstream.set_token(&keys[4], meta_token(&names[4], 5000 + at, upstream, None));
            let providers = ["waha", "evolution", "green_api", "whapi", "meta"];
            for ((name, key), provider) in names.iter().zip(&keys).zip(providers) {
                upstream.set_fault(key, Some(faults(key)[at].clone()));
                add(name, provider, key);
            }
            // One whole list whose lines have tokens of their own, each of which goes wrong.
            let (instance, channel) = (make("instance"), make("channel"));
            let id = 1_101_000_000 + at as u64;
            upstream.set_green_api_instance(&instance, GreenApiInstance::new(id, "authorized"));
            let mut of_partner = WhapiChannel::new("x");
            of_partner.channel_id = format!("MANTIS-{at:05}");
            upstream.set_channel(&channel, of_partner);
            for token in [&instance, &channel] {
                upstream.set_fault(token, Some(faults(token)[at].clone()));
            }
            instances.push(instance);
            channels.push(channel);
        }
        let well = ["waha", "evolution"].map(&mut make);
        upstream.set_waha_server(&well[0], waha("well-waha"));
        upstream.set_evolution_server(&well[1], evolution("well-evolution"));
        add("well-waha", "waha", &well[0]);
        add("well-evolution", "evolution", &well[1]);
        let (green, whapi) = (make("green"), make("whapi"));
        let instances: Vec<&str> = instances.iter().map(String::as_str).collect();
        upstream.set_green_api_partner(&green, "well-green", &instances);
        add("well-green", "green_api", &green);
        let mut partner = WhapiPartner::new("well-whapi");
        partner.api_url = Some(format!("{}/", upstream.url()));
        partner.channels = channels;
        upstream.set_whapi_partner(&whapi, partner);
        add("well-whapi", "whapi", &whapi);
        // One whose calls are refused one by one, in words that repeat the token.
        let meta = make("meta");
        upstream.set_token(&meta, meta_token("well-meta", 9000, upstream, Some(&meta)));
        add("well-meta", "meta", &meta);
        let carried = WahaServer::SECRETS.iter().chain(&EvolutionServer::SECRETS);
        let carried = carried.chain(&GreenApiPartner::SECRETS).chain(&WhapiPartner::SECRETS);
        let carried = carried.chain(&WhapiChannel::PRIVATE).chain(&MetaAccount::SECRETS);
        secrets.extend(carried.map(|carried| (*carried).to_owned()));
        secrets.push(EvolutionInstance::key("well-evolution"));
        Self { yaml, secrets, well }
    }
}

/// A token of an account whose number Meta has something to say against, repeating this text.
fn meta_token(name: &str, account: usize, upstream: &Upstream, repeats: Option<&str>) -> MetaToken {
    let id = account.to_string();
    let mut planted = MetaAccount::new(&id);
    if let Some(text) = repeats {
        let solution = format!("Replace the token {text} of +49 1555 0783881.");
        let blocked = MetaNumber::default().blocked("APP", 141_000, &solution);
        planted = planted.with_number(&format!("7{id}"), blocked);
        let error = GraphError::new(10, 0).message(format!("not with {text}")).details(text);
        planted.errors.insert("message_templates".to_owned(), error.clone());
        planted.errors.insert("analytics".to_owned(), error);
    }
    upstream.set_account(planted);
    MetaToken::new(name).managing(&[&id])
}

/// Whether a fault comes with some answer at once; what waits takes the places of the others.
fn answers(at: usize) -> bool {
    let fault = format!("{:?}", faults("")[at]);
    !["Hang", "Endless"].iter().any(|waits| fault.contains(waits))
}
