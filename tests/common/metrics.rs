//! Reads a page of metrics. Not a judge of its form: names, labels and values only.

use std::collections::BTreeMap;
use std::fmt;

/// A name with its labels.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Series {
    pub name: String,
    pub labels: BTreeMap<String, String>,
}

impl Series {
    /// Reads `name{label="value"}`.
    pub fn read(text: &str) -> Self {
        let (name, rest) = text.split_once('{').unwrap_or((text, ""));
        let mut labels = BTreeMap::new();
        let mut rest = rest.strip_suffix('}').unwrap_or(rest);
        while let Some((label, value)) = rest.split_once("=\"") {
            let end = value.find('"').expect("a closing quote");
            labels.insert(label.trim_start_matches(',').to_owned(), value[..end].to_owned());
            rest = &value[end + 1..];
        }
        Self { name: name.to_owned(), labels }
    }
}

/// A page: the lines of each name, which are read when they are asked for. Tests look at pages of
/// thousands of targets again and again.
#[derive(Debug, Clone, Default)]
pub struct Metrics(BTreeMap<String, Vec<String>>);

impl Metrics {
    pub fn read(page: &str) -> Self {
        let mut names: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for line in page.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let end = line.find(['{', ' ']).expect("a value");
            match names.get_mut(&line[..end]) {
                Some(lines) => lines.push(line.to_owned()),
                None => drop(names.insert(line[..end].to_owned(), vec![line.to_owned()])),
            }
        }
        Self(names)
    }

    /// Every series with its value.
    pub fn all(&self) -> BTreeMap<Series, f64> {
        let lines = self.0.values().flatten();
        lines
            .map(|line| (Series::read(line.rsplit_once(' ').expect("a value").0), value(line)))
            .collect()
    }

    /// The values of the series with this name that have these labels, and perhaps others.
    pub fn values(&self, series: &str) -> Vec<f64> {
        let Series { name, labels } = Series::read(series);
        let labels = labels
            .iter()
            .map(|(name, value)| ["{", ","].map(|before| format!("{before}{name}=\"{value}\"")));
        let labels: Vec<_> = labels.collect();
        let lines = self.0.get(&name).into_iter().flatten();
        let found = lines.filter(|line| {
            labels.iter().all(|label| label.iter().any(|form| line.contains(&**form)))
        });
        found.map(|line| value(line)).collect()
    }

    /// The value of the only series with this name that has these labels, and perhaps others.
    pub fn get(&self, series: &str) -> Option<f64> {
        let found = self.values(series);
        assert!(found.len() <= 1, "{series} is not one series");
        found.first().copied()
    }

    /// All series of a target, without its name.
    pub fn of(&self, kind: &str, name: &str) -> BTreeMap<Series, f64> {
        let mine = self
            .all()
            .into_iter()
            .filter(|(series, _)| series.labels.get(kind).is_some_and(|other| other == name));
        mine.map(|(mut series, value)| {
            series.labels.remove(kind);
            (series, value)
        })
        .collect()
    }

    /// The sum of all series of this name that have these labels.
    pub fn sum(&self, series: &str) -> f64 {
        self.values(series).into_iter().sum()
    }
}

fn value(line: &str) -> f64 {
    let (_, value) = line.rsplit_once(' ').expect("a value");
    value.parse().expect("a number")
}

impl fmt::Display for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (Series { name, labels }, value) in self.all() {
            if value != 0.0 {
                writeln!(f, "{name} {labels:?} {value}")?;
            }
        }
        Ok(())
    }
}
