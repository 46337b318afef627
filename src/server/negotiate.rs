//! What a client accepts: the format of the metrics, and compression.
//!
//! Not here: what it gets.

use hyper::HeaderMap;
use hyper::header::{ACCEPT, ACCEPT_ENCODING};

use crate::metrics::format::Format;

/// The parts of a header that is a list, over all its lines.
fn parts<'a>(
    headers: &'a HeaderMap,
    name: &hyper::header::HeaderName,
) -> impl Iterator<Item = (&'a str, Vec<&'a str>)> {
    headers
        .get_all(name)
        .into_iter()
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(','))
        .map(|part| {
            let mut pieces = part.split(';').map(str::trim);
            (pieces.next().unwrap_or_default(), pieces.collect())
        })
}

fn parameter<'a>(parameters: &[&'a str], name: &str) -> Option<&'a str> {
    parameters.iter().find_map(|parameter| {
        let (key, value) = parameter.split_once('=')?;
        key.trim().eq_ignore_ascii_case(name).then(|| value.trim().trim_matches('"'))
    })
}

/// The weight, in thousandths.
fn weight(parameters: &[&str]) -> u16 {
    let weight = parameter(parameters, "q").map_or(Some(1.0), |q| q.parse::<f32>().ok());
    (weight.unwrap_or(0.0).clamp(0.0, 1.0) * 1000.0) as u16
}

/// The format a client likes best; the text format when it has no opinion.
pub(super) fn format(headers: &HeaderMap) -> Format {
    let (mut text, mut open_metrics) = (0, 0);
    for (media, parameters) in parts(headers, &ACCEPT) {
        let weight = weight(&parameters);
        let version = parameter(&parameters, "version");
        match media.to_ascii_lowercase().as_str() {
            "application/openmetrics-text" if matches!(version, None | Some("1.0.0")) => {
                open_metrics = open_metrics.max(weight);
            }
            "text/plain" if matches!(version, None | Some("0.0.4")) => text = text.max(weight),
            "text/*" => text = text.max(weight),
            _ => {}
        }
    }
    if open_metrics > 0 && open_metrics >= text { Format::OpenMetrics } else { Format::Text }
}

/// Whether a client takes gzip.
pub(super) fn gzip(headers: &HeaderMap) -> bool {
    let mut any = None;
    for (coding, parameters) in parts(headers, &ACCEPT_ENCODING) {
        let accepted = weight(&parameters) > 0;
        match coding.to_ascii_lowercase().as_str() {
            "gzip" | "x-gzip" => return accepted,
            "*" => any = Some(accepted),
            _ => {}
        }
    }
    any.unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: hyper::header::HeaderName, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name, value.parse().unwrap())])
    }

    #[test]
    fn the_format_follows_accept() {
        use Format::{OpenMetrics, Text};
        for (accept, expected) in [
            ("", Text),
            ("*/*", Text),
            ("text/plain", Text),
            ("text/html,application/xhtml+xml,*/*;q=0.8", Text),
            ("application/openmetrics-text", OpenMetrics),
            ("application/openmetrics-text; version=1.0.0; charset=utf-8", OpenMetrics),
            // Prometheus 2.42.
            (
                "application/openmetrics-text;version=1.0.0,application/openmetrics-text;\
                    version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
                OpenMetrics,
            ),
            // Prometheus 3.
            (
                "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,application/\
                    openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;\
                    escaping=allow-utf-8;q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1",
                OpenMetrics,
            ),
            ("application/openmetrics-text;q=0.1,text/plain;q=0.9", Text),
            ("application/openmetrics-text;version=0.0.1", Text),
            ("application/openmetrics-text;q=0", Text),
        ] {
            assert_eq!(format(&headers(ACCEPT, accept)), expected, "{accept}");
        }
        assert_eq!(format(&HeaderMap::new()), Text);
    }

    #[test]
    fn gzip_follows_accept_encoding() {
        for (accept, expected) in [
            ("gzip", true),
            ("GZIP", true),
            ("deflate, gzip;q=0.5, br", true),
            ("gzip;q=0", false),
            ("*;q=0.1", true),
            ("gzip;q=0, *", false),
            ("identity", false),
            ("", false),
        ] {
            assert_eq!(gzip(&headers(ACCEPT_ENCODING, accept)), expected, "{accept}");
        }
    }
}
