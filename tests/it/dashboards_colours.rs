//! The colours of the dashboards: text on them can be read, and whoever sees some colours alike
//! still tells the statuses apart.
//!
//! Not here: what the colours mean, which `grafana/README.md` says.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::peers::assert_none;
use crate::peers::dashboards::{self, Dashboard, text};

/// What WCAG 2 asks of text.
const CONTRAST: f64 = 4.5;
/// CIE 76; from about 2 on a difference is seen, and areas far apart need more.
const DISTANCE: f64 = 15.0;

type Linear = [f64; 3];

fn rgb(colour: &str) -> [f64; 3] {
    let part = |at: usize| u8::from_str_radix(&colour[at..at + 2], 16).expect("#RRGGBB");
    [part(1), part(3), part(5)].map(f64::from)
}

fn linear(colour: &str) -> Linear {
    rgb(colour).map(|part| {
        let part = part / 255.0;
        if part <= 0.04045 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
    })
}

fn luminance(colour: &str) -> f64 {
    let [red, green, blue] = linear(colour);
    0.2126 * red + 0.7152 * green + 0.0722 * blue
}

fn contrast(one: &str, other: &str) -> f64 {
    let (one, other) = (luminance(one) + 0.05, luminance(other) + 0.05);
    one.max(other) / one.min(other)
}

/// The text that Grafana puts on a colour: dark on what is bright, light on all else, in both
/// themes.
fn text_on(colour: &str) -> &'static str {
    let [red, green, blue] = rgb(colour);
    let brightness = (299.0 * red + 587.0 * green + 114.0 * blue) / 1000.0;
    if brightness > 180.0 { "#202226" } else { "#F7F8FA" }
}

/// The colours of mappings and thresholds, which fill cells, boxes and bars.
fn fills<'a>(value: &'a Value, found: &mut BTreeSet<&'a str>) {
    match value {
        Value::Object(fields) => {
            if let Some(colour) = fields.get("color").and_then(Value::as_str)
                && colour.starts_with('#')
            {
                found.insert(colour);
            }
            fields.values().for_each(|value| fills(value, found));
        }
        Value::Array(values) => values.iter().for_each(|value| fills(value, found)),
        _ => {}
    }
}

/// The colours of all panels but bars, on which there is no text, or of bars alone.
fn fills_of(dashboard: &Dashboard, bars: bool) -> BTreeSet<&str> {
    let mut found = BTreeSet::new();
    for panel in dashboard.panels() {
        if (panel["type"] == "bargauge") == bars {
            fills(&panel["fieldConfig"], &mut found);
        }
    }
    found
}

#[test]
fn text_on_every_colour_can_be_read() {
    let mut mistakes = Vec::new();
    for dashboard in dashboards::all() {
        let found = fills_of(&dashboard, false);
        assert!(found.len() > 2, "{}: {found:?}", dashboard.file);
        for colour in found {
            let contrast = contrast(colour, text_on(colour));
            if contrast < CONTRAST {
                mistakes.push(format!("{}: {colour}: {contrast:.1}", dashboard.file));
            }
        }
    }
    assert_none(&mistakes);
}

/// Grafana 9.4 gives the number beside a bar the colour of the bar. No colour can have more than
/// 4.15:1 on the grounds of both themes.
#[test]
fn numbers_beside_bars_can_be_read_in_both_themes() {
    let mut mistakes = Vec::new();
    for dashboard in dashboards::all() {
        for colour in fills_of(&dashboard, true) {
            for ground in ["#FFFFFF", "#181B1F"] {
                let contrast = contrast(colour, ground);
                if contrast < 3.9 {
                    let file = &dashboard.file;
                    mistakes.push(format!("{file}: {colour} on {ground}: {contrast:.1}"));
                }
            }
        }
    }
    assert_none(&mistakes);
}

/// How a colour is seen, after Machado, Oliveira and Fernandes (2009), full severity.
const EYES: &[(&str, [[f64; 3]; 3])] = &[
    ("all colours", [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]),
    (
        "no red",
        [
            [0.152_286, 1.052_583, -0.204_868],
            [0.114_503, 0.786_281, 0.099_216],
            [-0.003_882, -0.048_116, 1.051_998],
        ],
    ),
    (
        "no green",
        [
            [0.367_322, 0.860_646, -0.227_968],
            [0.280_085, 0.672_501, 0.047_413],
            [-0.011_820, 0.042_940, 0.968_881],
        ],
    ),
    (
        "no blue",
        [
            [1.255_528, -0.076_749, -0.178_779],
            [-0.078_411, 0.930_809, 0.147_602],
            [0.004_733, 0.691_367, 0.303_900],
        ],
    ),
];

fn product(matrix: &[[f64; 3]; 3], colour: Linear) -> Linear {
    matrix.map(|row| row.iter().zip(colour).map(|(factor, part)| factor * part).sum())
}

/// CIE L*a*b* under D65.
fn lab(colour: Linear) -> [f64; 3] {
    let xyz = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]];
    let [x, y, z] = product(&xyz, colour.map(|part| part.clamp(0.0, 1.0)));
    let [x, y, z] = [x / 0.95047, y, z / 1.08883]
        .map(|part: f64| if part > 0.008_856 { part.cbrt() } else { 7.787 * part + 16.0 / 116.0 });
    [116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)]
}

fn distance(eyes: &[[f64; 3]; 3], one: &str, other: &str) -> f64 {
    let [one, other] = [one, other].map(|colour| lab(product(eyes, linear(colour))));
    one.iter().zip(other).map(|(one, other)| (one - other).powi(2)).sum::<f64>().sqrt()
}

/// The words and colours of the statuses of channels.
fn statuses(dashboard: &Dashboard) -> BTreeMap<&str, &str> {
    let mut words = BTreeMap::new();
    for panel in dashboard.panels() {
        let mappings = panel["fieldConfig"]["defaults"]["mappings"].as_array();
        for mapping in mappings.into_iter().flatten() {
            if mapping["options"]["8"]["text"] == "BLOCKED" {
                let options = mapping["options"].as_object().expect("a map").values();
                words.extend(options.map(|one| (text(one, "/text"), text(one, "/color"))));
            }
        }
    }
    words
}

#[test]
fn statuses_are_told_apart_by_every_eye() {
    let dashboards = dashboards::all();
    let channel = dashboards.iter().find(|one| one.uid() == "whatsapp-channel").expect("it");
    let statuses = statuses(channel);
    assert_eq!(statuses.len(), 11, "{statuses:?}");
    let mut mistakes = Vec::new();
    for (eyes, matrix) in EYES {
        for (one, first) in &statuses {
            for (other, second) in statuses.iter().filter(|(other, _)| *other > one) {
                let distance = distance(matrix, first, second);
                if distance < DISTANCE {
                    mistakes.push(format!("{eyes}: {one} and {other}: {distance:.0}"));
                }
            }
        }
    }
    assert_none(&mistakes);
}

#[test]
fn no_two_series_of_a_panel_have_one_colour() {
    let mut mistakes = Vec::new();
    for dashboard in dashboards::all() {
        for panel in dashboard.panels() {
            let mut taken = BTreeMap::new();
            let overrides = panel["fieldConfig"]["overrides"].as_array();
            for one in overrides.into_iter().flatten() {
                let properties = one["properties"].as_array().expect("properties");
                for property in properties.iter().filter(|property| property["id"] == "color") {
                    let (name, colour) =
                        (text(one, "/matcher/options"), text(property, "/value/fixedColor"));
                    if colour.is_empty() {
                        continue;
                    }
                    if let Some(other) = taken.insert(colour, name) {
                        let place = dashboard.place(panel);
                        mistakes.push(format!("{place}: {name} and {other} are both {colour}"));
                    }
                }
            }
        }
    }
    assert_none(&mistakes);
}
