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

/// A page.
#[derive(Debug, Clone, Default)]
pub struct Metrics(pub BTreeMap<Series, f64>);

impl Metrics {
    pub fn read(page: &str) -> Self {
        let lines = page.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        Self(
            lines
                .map(|line| {
                    let (series, value) = line.rsplit_once(' ').expect("a value");
                    (Series::read(series), value.parse().expect("a number"))
                })
                .collect(),
        )
    }

    /// The value of the only series with this name that has these labels, and perhaps others.
    pub fn get(&self, series: &str) -> Option<f64> {
        let wanted = Series::read(series);
        let mut found = self.0.iter().filter(|(series, _)| {
            series.name == wanted.name
                && wanted.labels.iter().all(|(name, value)| series.labels.get(name) == Some(value))
        });
        let (_, value) = found.next()?;
        assert!(found.next().is_none(), "{series} is not one series");
        Some(*value)
    }

    /// All series of a target, without its name.
    pub fn of(&self, kind: &str, name: &str) -> BTreeMap<Series, f64> {
        let mine = self
            .0
            .iter()
            .filter(|(series, _)| series.labels.get(kind).is_some_and(|other| other == name));
        mine.map(|(series, value)| {
            let mut series = series.clone();
            series.labels.remove(kind);
            (series, *value)
        })
        .collect()
    }

    /// The sum of all series of this name that have these labels.
    pub fn sum(&self, series: &str) -> f64 {
        let wanted = Series::read(series);
        let found = self.0.iter().filter(|(series, _)| {
            series.name == wanted.name
                && wanted.labels.iter().all(|(name, value)| series.labels.get(name) == Some(value))
        });
        found.map(|(_, value)| value).sum()
    }
}

impl fmt::Display for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (Series { name, labels }, value) in &self.0 {
            if *value != 0.0 {
                writeln!(f, "{name} {labels:?} {value}")?;
            }
        }
        Ok(())
    }
}
