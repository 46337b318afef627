//! The program watching tokens, inspected by an app and by themselves. Not channels: see
//! `upstream.rs`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::common::metrics::{Metrics, Series};
use crate::common::{Files, Program, Setup, Upstream};
use whatsapp_simulator::{Fault, Fields, GraphError, MetaToken, MetaTokenState, Numbers, Shape};

const DAY: Duration = Duration::from_secs(86_400);
const APP_SECRET: &str = "appSecret";

fn upstream() -> Upstream {
    let upstream = Upstream::start();
    upstream.set_app(MetaToken::APP_ID, APP_SECRET, "shop app");
    upstream
}

/// Entries for a token that an app inspects and for the same one inspecting itself.
fn both(upstream: &Upstream, files: &Files, name: &str, token: &MetaToken, yaml: &mut String) {
    for by in ["app", "self"] {
        let full = format!("{name}-{by}");
        upstream.set_token(&full, MetaToken { name: full.clone(), ..token.clone() });
        files.write(&full, &full);
        let _ = write!(yaml, "  - name: {full}\n    token_file: {full}\n");
        if by == "app" {
            let _ = write!(yaml, "    app_id: \"{}\"\n    app_secret_file: app\n", token.app_id);
        }
    }
}

/// What is known of a token; not how often or when it was asked, nor by which HTTP status it was
/// told.
fn facts(page: &Metrics, name: &str) -> BTreeMap<Series, f64> {
    let mut facts = page.of("token", name);
    facts.retain(|series, _| {
        !series.name.contains("_polls_")
            && !series.name.contains("_poll_last_success_")
            && !series.name.contains("_expires_in_")
            && !series.name.contains("_unauthorized_")
    });
    for (series, value) in &mut facts {
        if series.name.ends_with("_errors_total") {
            *value = value.min(1.0);
        }
    }
    facts
}

/// Waits until both ways of inspection see the token like this, and end in the same facts.
fn same(program: &Program, name: &str, valid: f64) -> BTreeMap<Series, f64> {
    program.until(&format!("{name} the same both ways"), |page| {
        let by_app = facts(page, &format!("{name}-app"));
        let by_itself = facts(page, &format!("{name}-self"));
        let is = by_app.get(&Series::read("whatsapp_token_valid{provider=\"meta\"}"));
        (is == Some(&valid) && by_app == by_itself).then_some(by_app)
    })
}

fn fact(facts: &BTreeMap<Series, f64>, series: &str) -> Option<f64> {
    let mut wanted = Series::read(series);
    wanted.labels.insert("provider".to_owned(), "meta".to_owned());
    facts.get(&wanted).copied()
}

#[test]
fn a_token_ends_in_the_same_facts_whoever_inspects_it() {
    let (upstream, files) = (upstream(), Files::new());
    files.write("app", APP_SECRET);
    let mut yaml = "tokens:\n".to_owned();
    let cases = [
        ("healthy", MetaToken::expiring_in("", 60 * DAY), MetaTokenState::Valid),
        ("user", MetaToken::of_user("", 60 * DAY, 90 * DAY), MetaTokenState::Valid),
        ("never", MetaToken::new(""), MetaTokenState::Valid),
        (
            "scopeless",
            MetaToken::new("").without_scope("whatsapp_business_messaging"),
            MetaTokenState::Valid,
        ),
        ("expired", MetaToken::expiring_in("", DAY), MetaTokenState::Expired),
        ("logged-out", MetaToken::expiring_in("", DAY), MetaTokenState::Revoked(467)),
        ("password", MetaToken::new(""), MetaTokenState::Revoked(460)),
        ("garbage", MetaToken::new(""), MetaTokenState::Garbage),
    ];
    for (name, token, _) in &cases {
        both(&upstream, &files, name, token, &mut yaml);
    }
    let program = Setup::of(&upstream).file(&files, &yaml).start();
    for (name, token, _) in &cases {
        let facts = same(&program, name, 1.0);
        let expiry = if token.expires_at == 0 { f64::INFINITY } else { token.expires_at as f64 };
        let is = |series: &str| fact(&facts, series);
        assert_eq!(is("whatsapp_token_expiry_timestamp_seconds"), Some(expiry), "{name}");
        assert_eq!(
            is("whatsapp_token_issued_timestamp_seconds"),
            token.issued_at.map(|at| at as f64),
            "{name}"
        );
        for scope in ["whatsapp_business_messaging", "whatsapp_business_management"] {
            let granted = is(&format!("whatsapp_token_scope_granted{{scope=\"{scope}\"}}"));
            assert_eq!(granted, Some(f64::from(token.grants(scope))), "{name} {scope}");
        }
    }
    // Those that are to die, die.
    for (name, _, state) in &cases {
        for by in ["app", "self"] {
            upstream.update_token(&format!("{name}-{by}"), |token| token.state = *state);
        }
    }
    for (name, token, state) in &cases {
        let dead = *state != MetaTokenState::Valid;
        let facts = same(&program, name, f64::from(!dead));
        let is = |series: &str| fact(&facts, series);
        let expiry = if token.expires_at == 0 { f64::INFINITY } else { token.expires_at as f64 };
        assert_eq!(is("whatsapp_token_expiry_timestamp_seconds"), Some(expiry), "{name}");
        let errors = |reason: &str| {
            is(&format!("whatsapp_token_errors_total{{source=\"poll\",reason=\"{reason}\"}}"))
        };
        let expired = f64::from(*state == MetaTokenState::Expired);
        assert_eq!(errors("token_expired"), Some(expired), "{name}");
        assert_eq!(errors("token_invalid"), Some(f64::from(dead) - expired), "{name}");
        // That a token is dead is an answer, not a failure to get one.
        let failures = facts.iter().filter(|(series, _)| series.name.contains("_poll_failures_"));
        assert_eq!(failures.map(|(_, count)| count).sum::<f64>(), 0.0, "{name}");
        let granted = facts.iter().filter(|(series, _)| series.name.contains("_scope_granted"));
        assert!(!dead || granted.into_iter().all(|(_, value)| *value == 0.0), "{name}");
    }
    // Every 401 that Meta answered is counted, and only those: an app is told of a dead token with
    // 200.
    let page = program.metrics();
    for (name, _, state) in &cases {
        let unauthorized = |by| {
            page.get(&format!(
                "whatsapp_token_unauthorized_errors_total{{token=\"{name}-{by}\",source=\"poll\"}}"
            ))
        };
        assert_eq!(unauthorized("app"), Some(0.0), "{name}");
        assert_eq!(unauthorized("self") > Some(0.0), *state != MetaTokenState::Valid, "{name}");
    }
}

#[test]
fn a_rejected_app_says_nothing_of_the_token() {
    let (upstream, files) = (upstream(), Files::new());
    files.write("app", APP_SECRET);
    files.write("wrong", "notTheSecret");
    let mut yaml = "tokens:\n".to_owned();
    for (name, app) in [("known", "app"), ("new", "wrong")] {
        upstream.set_token(name, MetaToken::expiring_in(name, 60 * DAY));
        files.write(name, name);
        let _ = write!(
            yaml,
            "  - name: {name}\n    token_file: {name}\n    app_id: \"{}\"\n    \
             app_secret_file: {app}\n",
            MetaToken::APP_ID
        );
    }
    let program = Setup::of(&upstream).file(&files, &yaml).start();
    let failures = "whatsapp_token_poll_failures_total";
    let refused =
        |name: &str| format!("{failures}{{token=\"{name}\",reason=\"credential_unauthorized\"}}");
    program.until_is("whatsapp_token_valid{token=\"known\"}", 1.0);
    program.until_at_least(&refused("new"), 1.0);
    // A token that was never seen is not known, rather than dead.
    assert_eq!(program.metrics().get("whatsapp_token_valid{token=\"new\"}"), None);
    // The app's secret is reset at Meta; the token lives on.
    upstream.set_app(MetaToken::APP_ID, "anotherSecret", "shop app");
    program.until_at_least(&refused("known"), 1.0);
    let page = program.metrics();
    assert_eq!(page.get("whatsapp_token_valid{token=\"known\"}"), Some(1.0));
    assert_eq!(page.get("whatsapp_token_poll_success{token=\"known\"}"), Some(0.0));
    // The new secret is put in place of the old one; both are asked again at once, and the failures
    // end.
    files.write("app", "anotherSecret");
    files.write("wrong", "anotherSecret");
    for name in ["known", "new"] {
        program.until_is(&format!("whatsapp_token_poll_success{{token=\"{name}\"}}"), 1.0);
        program.until_is(&format!("whatsapp_token_valid{{token=\"{name}\"}}"), 1.0);
    }
}

#[test]
fn expiry_stays_after_the_expiry_and_while_polls_fail() {
    let (upstream, files) = (upstream(), Files::new());
    files.write("app", APP_SECRET);
    let mut yaml = "tokens:\n".to_owned();
    both(
        &upstream,
        &files,
        "short",
        &MetaToken::expiring_in("", Duration::from_secs(10)),
        &mut yaml,
    );
    let lost = MetaToken::expiring_in("", Duration::from_secs(10));
    both(&upstream, &files, "lost", &lost, &mut yaml);
    let expiry_of_lost = lost.expires_at as f64;
    let program = Setup::of(&upstream).file(&files, &yaml).set("STALE_AFTER", "25s").start();
    let expiry =
        |name: &str| format!("whatsapp_token_expiry_timestamp_seconds{{token=\"{name}\"}}");
    let valid = |name: &str| format!("whatsapp_token_valid{{token=\"{name}\"}}");
    let left = |name: &str| format!("whatsapp_token_expires_in_seconds{{token=\"{name}\"}}");
    for name in ["lost-app", "lost-self"] {
        program.until_is(&expiry(name), expiry_of_lost);
        upstream.set_fault(name, Some(Fault::hang()));
    }
    for name in ["short-app", "short-self", "lost-app", "lost-self"] {
        // Whether or not anybody can be asked: a token whose time has come is not valid.
        program.until_is(&valid(name), 0.0);
        program.until(&format!("{name} counts on"), |page| {
            page.get(&left(name)).filter(|left| *left < -1.0)
        });
        assert!(program.metrics().get(&expiry(name)).is_some(), "{name}");
    }
    for name in ["lost-app", "lost-self"] {
        // Much later nobody knows anything of the token any more, but its expiry is as sure as
        // before.
        program.until_is(&valid(name), None);
        let page = program.metrics();
        assert_eq!(page.get(&expiry(name)), Some(expiry_of_lost));
        let timeouts =
            format!("whatsapp_token_poll_failures_total{{token=\"{name}\",reason=\"timeout\"}}");
        assert!(page.get(&timeouts) >= Some(1.0));
    }
    assert_eq!(program.metrics().get(&valid("short-app")), Some(0.0));
}

#[test]
fn a_moody_meta_gives_the_same_gauges() {
    let shape = |numbers, fields, extras| Shape { numbers, fields, extras };
    let shapes = [
        ("plain", shape(Numbers::Integers, Fields::All, false)),
        ("floats", shape(Numbers::Floats, Fields::All, false)),
        ("strings", shape(Numbers::Strings, Fields::All, false)),
        ("milliseconds", shape(Numbers::Milliseconds, Fields::All, false)),
        ("extras", shape(Numbers::Integers, Fields::All, true)),
        ("nulls", shape(Numbers::Integers, Fields::Null, false)),
        ("required", shape(Numbers::Strings, Fields::Required, true)),
        ("bare", shape(Numbers::Integers, Fields::Bare, false)),
    ];
    let (upstream, files) = (upstream(), Files::new());
    files.write("app", APP_SECRET);
    let mut yaml = "tokens:\n".to_owned();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a time").as_secs();
    for (name, shape) in shapes {
        let token = MetaToken {
            shape,
            expires_at: now + 5_000_000,
            issued_at: Some(1_712_099_387),
            ..MetaToken::new(name)
        };
        both(&upstream, &files, name, &token, &mut yaml);
    }
    let program = Setup::of(&upstream).file(&files, &yaml).start();
    for (name, shape) in shapes {
        let facts = same(&program, name, 1.0);
        let is = |series: &str| fact(&facts, series);
        let expiry = (shape.fields != Fields::Bare).then_some((now + 5_000_000) as f64);
        assert_eq!(is("whatsapp_token_expiry_timestamp_seconds"), expiry, "{name}");
        let issued = (shape.fields == Fields::All).then_some(1_712_099_387.0);
        assert_eq!(is("whatsapp_token_issued_timestamp_seconds"), issued, "{name}");
        let data_access = (shape.fields == Fields::All).then_some(f64::INFINITY);
        assert_eq!(
            is("whatsapp_token_data_access_expiry_timestamp_seconds"),
            data_access,
            "{name}"
        );
    }
}

#[test]
fn metas_errors_are_told_by_their_code_and_not_by_their_http_status() {
    let cases = [
        ("rate-4", GraphError::new(4, 0), "rate_limited", "rate_limited"),
        ("rate-80007", GraphError::new(80_007, 0).status(400), "rate_limited", "rate_limited"),
        ("transient", GraphError::new(2, 0).status(400), "server_error", "transient"),
        ("capability", GraphError::new(3, 0), "forbidden", "capability"),
        ("denied", GraphError::new(10, 0).status(400), "forbidden", "permission_denied"),
        ("missing", GraphError::new(200, 0), "forbidden", "permission_missing"),
        ("config", GraphError::new(100, 33), "http_other", "config"),
        ("integrity", GraphError::new(368, 0), "forbidden", "integrity"),
        ("other", GraphError::new(12_345, 0), "http_other", "other"),
    ];
    let (upstream, files) = (upstream(), Files::new());
    files.write("app", APP_SECRET);
    let mut yaml = "tokens:\n".to_owned();
    for (name, ..) in &cases {
        both(&upstream, &files, name, &MetaToken::new(""), &mut yaml);
    }
    let program = Setup::of(&upstream).file(&files, &yaml).set("STALE_AFTER", "1h").start();
    for (name, ..) in &cases {
        same(&program, name, 1.0);
    }
    for (name, error, ..) in &cases {
        for by in ["app", "self"] {
            upstream.set_fault(&format!("{name}-{by}"), Some(Fault::graph_error(error)));
        }
    }
    for (name, _, failure, class) in &cases {
        for by in ["app", "self"] {
            let of =
                |metric: &str, label: &str| format!("{metric}{{token=\"{name}-{by}\"{label}}}");
            let failures = format!(",reason=\"{failure}\"");
            program.until_at_least(&of("whatsapp_token_poll_failures_total", &failures), 1.0);
            let page = program.metrics();
            let errors =
                of("whatsapp_token_errors_total", &format!(",source=\"poll\",reason=\"{class}\""));
            assert!(page.get(&errors) >= Some(1.0), "{errors}\n{page}");
            assert_eq!(page.get(&of("whatsapp_token_valid", "")), Some(1.0), "{name}");
        }
    }
}
