//! The table, and the arithmetic of rounds.

use whatsapp_exporter_bench::statistics::{median, most};

/// What a figure is held against.
#[derive(Clone, Copy)]
pub enum Bar {
    /// Ours, in the figure's own unit.
    AtMost(f64),
    /// Ours divided by the peer's.
    Ratio(f64),
    /// The same, where more is better.
    AtLeastRatio(f64),
    /// Nothing; it is shown to be known.
    None,
}

/// One figure: a value for each round, and the peer's value of the same round.
pub struct Figure {
    /// Its place in the table.
    pub place: u32,
    pub name: String,
    pub unit: Unit,
    pub ours: Vec<f64>,
    pub peer: Vec<f64>,
    pub peer_name: &'static str,
    pub bar: Bar,
}

#[derive(Clone, Copy)]
pub enum Unit {
    Millis,
    Micros,
    Mebibytes,
    Kibibytes,
    Seconds,
    PerSecond,
}

impl Unit {
    fn show(self, value: f64) -> String {
        match self {
            Self::Millis => format!("{value:.2} ms"),
            Self::Micros => format!("{value:.1} µs"),
            Self::Mebibytes => format!("{value:.2} MiB"),
            Self::Kibibytes => format!("{value:.0} KiB"),
            Self::Seconds => format!("{value:.1} s"),
            Self::PerSecond => format!("{value:.0}/s"),
        }
    }
}

/// Figures, and what could not be measured.
#[derive(Default)]
pub struct Report {
    figures: Vec<Figure>,
    failures: Vec<String>,
    notes: Vec<String>,
}

impl Report {
    pub fn figure(&mut self, figure: Figure) {
        self.figures.push(figure);
    }

    pub fn note(&mut self, note: String) {
        self.notes.push(note);
    }

    pub fn failed(&mut self, what: &str, why: &str) {
        self.failures.push(format!("{what}: {why}"));
    }

    pub fn is_complete(&self) -> bool {
        self.failures.is_empty()
    }

    /// The table, with failures and notes below it.
    pub fn show(&mut self) -> String {
        self.figures.sort_by_key(|figure| figure.place);
        let mut rows = vec![
            ["figure", "ours", "peer", "ratio", "bar", "", "spread over rounds"].map(str::to_owned),
        ];
        rows.extend(self.figures.iter().map(Figure::row));
        let width =
            |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
        let widths: Vec<usize> = (0..7).map(width).collect();
        let mut text = String::new();
        for row in &rows {
            let cells: Vec<String> = row
                .iter()
                .zip(&widths)
                .map(|(cell, width)| format!("{cell}{}", " ".repeat(width - cell.chars().count())))
                .collect();
            text += cells.join("  ").trim_end();
            text.push('\n');
        }
        for note in &self.notes {
            text += &format!("  note: {note}\n");
        }
        for failure in &self.failures {
            text += &format!("  NOT MEASURED  {failure}\n");
        }
        text
    }
}

impl Figure {
    fn ratios(&self) -> Vec<f64> {
        self.ours.iter().zip(&self.peer).map(|(ours, peer)| ours / peer).collect()
    }

    fn row(&self) -> [String; 7] {
        let ours = median(&self.ours);
        let ratios = self.ratios();
        let has_peer = !ratios.is_empty();
        let of_rounds = || match ratios.len() {
            1 => "one round".to_owned(),
            _ => format!("{:.3}–{:.3}", least(&ratios), most(&ratios)),
        };
        let (met, bar, spread) = match self.bar {
            Bar::AtMost(limit) => (
                Some(ours <= limit),
                format!("≤ {}", self.unit.show(limit)),
                self.spread(&self.ours),
            ),
            Bar::Ratio(limit) => {
                (Some(median(&ratios) <= limit), format!("≤ {limit} ×"), of_rounds())
            }
            Bar::AtLeastRatio(limit) => {
                (Some(median(&ratios) >= limit), format!("≥ {limit} ×"), of_rounds())
            }
            Bar::None if has_peer => (None, "–".to_owned(), of_rounds()),
            Bar::None => (None, "–".to_owned(), self.spread(&self.ours)),
        };
        [
            self.name.clone(),
            self.unit.show(ours),
            if has_peer {
                format!("{} ({})", self.unit.show(median(&self.peer)), self.peer_name)
            } else {
                "–".to_owned()
            },
            if has_peer { format!("{:.3}", median(&ratios)) } else { "–".to_owned() },
            bar,
            match met {
                Some(true) => "met".to_owned(),
                Some(false) => "NOT MET".to_owned(),
                None => String::new(),
            },
            spread,
        ]
    }

    fn spread(&self, values: &[f64]) -> String {
        if values.len() == 1 {
            return "one round".to_owned();
        }
        format!("{}–{}", self.unit.show(least(values)), self.unit.show(most(values)))
    }
}

fn least(values: &[f64]) -> f64 {
    values.iter().copied().fold(f64::INFINITY, f64::min)
}
