//! A real Prometheus and the questions put to it.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use reqwest::{Client, Url};
use serde_json::Value;

use super::program::{Program, client, installed};

/// A series' labels, `__name__` among them.
pub type Labels = BTreeMap<String, String>;

/// A running Prometheus.
pub struct Prometheus {
    program: Program,
    client: Client,
}

impl Prometheus {
    /// Starts one with these settings, in `directory`.
    pub async fn start(directory: &Path, settings: &str) -> Self {
        let binary = installed(&["prometheus"], "prometheus");
        let file = directory.join("prometheus.yaml");
        std::fs::write(&file, settings).expect("the settings");
        let program = Program::start("prometheus", directory, "/-/ready", |port| {
            let mut command = Command::new(&binary);
            command
                .current_dir(directory)
                .arg(format!("--config.file={}", file.display()))
                .arg(format!("--storage.tsdb.path={}", directory.join("prometheus").display()))
                .arg(format!("--web.listen-address=127.0.0.1:{port}"))
                .arg("--log.level=info");
            command
        })
        .await;
        Self { program, client: client() }
    }

    /// The data of an answer of the API's.
    ///
    /// # Panics
    ///
    /// With Prometheus' own sentence, when it refuses.
    pub async fn ask(&self, path: &str, parameters: &[(&str, &str)]) -> Value {
        let url = Url::parse_with_params(&self.program.url(path), parameters).expect("a URL");
        let answer = self.client.get(url).send().await.expect("Prometheus answers");
        let text = answer.text().await.expect("a body");
        let mut answer: Value = serde_json::from_str(&text)
            .unwrap_or_else(|_| panic!("Prometheus' answer to {parameters:?} is no JSON: {text}"));
        assert_eq!(answer["status"], "success", "{path} {parameters:?}: {answer}");
        answer["data"].take()
    }

    /// The rows that an expression has now.
    pub async fn query(&self, expr: &str) -> Vec<(Labels, f64)> {
        let data = self.ask("/api/v1/query", &[("query", expr)]).await;
        if data["resultType"] == "scalar" {
            return vec![(Labels::new(), number(&data["result"][1]))];
        }
        let rows = data["result"].as_array().expect("a list of rows");
        rows.iter().map(|row| (labels(&row["metric"]), number(&row["value"][1]))).collect()
    }

    /// The points that an expression has between two times, by series; NaN is none.
    pub async fn points(
        &self,
        expr: &str,
        from: f64,
        to: f64,
        step: f64,
    ) -> Vec<(Labels, Vec<f64>)> {
        let [from, to, step] = [from, to, step].map(|number| format!("{number:.3}"));
        let parameters = [("query", expr), ("start", &*from), ("end", &*to), ("step", &*step)];
        let data = self.ask("/api/v1/query_range", &parameters).await;
        let rows = data["result"].as_array().expect("a list of rows");
        let points = |row: &Value| {
            let values = row["values"].as_array().expect("a list of points");
            values.iter().map(|value| number(&value[1])).filter(|value| !value.is_nan()).collect()
        };
        rows.iter().map(|row| (labels(&row["metric"]), points(row))).collect()
    }
}

fn labels(value: &Value) -> Labels {
    let labels = value.as_object().expect("labels");
    labels
        .iter()
        .map(|(name, value)| (name.clone(), value.as_str().expect("a text").to_owned()))
        .collect()
}

fn number(value: &Value) -> f64 {
    value.as_str().and_then(|text| text.parse().ok()).expect("a number")
}
