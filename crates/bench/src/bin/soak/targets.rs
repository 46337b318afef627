//! Who is watched: channels and tokens, each with its secret in a file, its place in the settings,
//! and its lives.
//!
//! A target that is removed and comes back begins a new life, under another name in the simulator's
//! books: what was counted for one life can then be told from what was counted for the next.
//!
//! Not here: when they change; see `reloads.rs` and `rotations.rs`.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use whatsapp_simulator::{MetaToken, Simulator, WhapiChannel};

use whatsapp_exporter_bench::Result;

pub const CHANNELS: usize = 1_000;
pub const TOKENS: usize = 10;

/// Short, so that there are many polls; the longest wait after a refusal is eight of them.
pub const INTERVAL: &str = "2s";

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Channel,
    Token,
}

impl Kind {
    /// The label of a metric.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Channel => "channel",
            Self::Token => "token",
        }
    }
}

/// A channel or a token.
pub struct Target {
    pub kind: Kind,
    pub name: String,
    /// Whether the settings name it.
    pub is_watched: bool,
    /// The secret in use.
    pub secret: String,
    life: u32,
    secrets: u32,
}

impl Target {
    fn new(kind: Kind, number: usize) -> Self {
        let name = match kind {
            Kind::Channel => format!("shop-{number:04}"),
            Kind::Token => format!("campaign-{number}"),
        };
        Self { kind, name, is_watched: true, secret: String::new(), life: 1, secrets: 0 }
    }

    /// Its name in the simulator's books, for as long as it lives.
    pub fn name_in_books(&self) -> String {
        format!("{}/{}", self.name, self.life)
    }

    /// Puts another secret into use at the upstream. The file still holds the one before, which is
    /// returned.
    pub fn replace_secret(&mut self, simulator: &Simulator) -> String {
        self.secrets += 1;
        let fresh = format!("secret-{}-of-{}", self.secrets, self.name);
        match self.kind {
            Kind::Channel => {
                simulator.set_channel(&fresh, WhapiChannel::new(&self.name_in_books()))
            }
            Kind::Token => simulator.set_token(&fresh, MetaToken::new(&self.name_in_books())),
        }
        std::mem::replace(&mut self.secret, fresh)
    }

    /// Begins its next life.
    pub fn is_born_again(&mut self, simulator: &Simulator) {
        let before = std::mem::take(&mut self.secret);
        self.life += 1;
        self.is_watched = true;
        self.replace_secret(simulator);
        // Its books stay.
        simulator.remove(&before);
    }

    /// Whoever reads the file sees one secret or the other, never a part.
    pub fn write_secret(&self, directory: &Path) -> Result<()> {
        write_whole(&self.file(directory), &self.secret)
    }

    pub fn file(&self, directory: &Path) -> PathBuf {
        directory.join(&self.name)
    }
}

/// All of them.
pub struct Targets {
    pub directory: PathBuf,
    pub all: Vec<Target>,
    /// The order they have in the settings.
    order: Vec<usize>,
    /// How often each is asked.
    pub interval: &'static str,
    /// Channels of others, which no reload touches: lines of the settings, without an interval.
    pub others: Vec<String>,
}

impl Targets {
    /// With secrets that the upstream knows, in files.
    pub fn new(directory: &Path, simulator: &Simulator) -> Result<Self> {
        let channels = (0..CHANNELS).map(|number| Target::new(Kind::Channel, number));
        let tokens = (0..TOKENS).map(|number| Target::new(Kind::Token, number));
        let mut all: Vec<_> = channels.chain(tokens).collect();
        for target in &mut all {
            target.replace_secret(simulator);
            target.write_secret(directory)?;
        }
        let order = (0..all.len()).collect();
        Ok(Self {
            directory: directory.to_owned(),
            all,
            order,
            interval: INTERVAL,
            others: Vec::new(),
        })
    }

    pub fn watched(&self) -> impl Iterator<Item = &Target> {
        self.all.iter().filter(|target| target.is_watched)
    }

    /// The place of a random target.
    pub fn any(&self) -> usize {
        fastrand::usize(..self.all.len())
    }

    pub fn settings_file(&self) -> PathBuf {
        self.directory.join("settings.yaml")
    }

    /// Gives everybody another place.
    pub fn shuffle(&mut self) {
        fastrand::shuffle(&mut self.order);
    }

    /// Writes the settings; with `mistake` they cannot be taken.
    pub fn write_settings(&self, mistake: bool) -> Result<()> {
        let mut text = String::new();
        for (kind, list) in [(Kind::Channel, "channels"), (Kind::Token, "tokens")] {
            writeln!(text, "{list}:")?;
            let targets = self.order.iter().map(|place| &self.all[*place]);
            for target in targets.filter(|target| target.is_watched && target.kind == kind) {
                let (name, interval) = (&target.name, self.interval);
                writeln!(
                    text,
                    "- {{name: {name}, token_file: {name}, poll_interval: {interval}}}"
                )?;
            }
        }
        for other in &self.others {
            let at = text.find('\n').map_or(0, |end| end + 1);
            text.insert_str(at, &format!("- {{{other}, poll_interval: {}}}\n", self.interval));
        }
        if mistake {
            text += "- {name: without-a-file}\n";
        }
        write_whole(&self.settings_file(), &text)
    }
}

fn write_whole(path: &Path, text: &str) -> Result<()> {
    let fresh = path.with_extension("fresh");
    fs::write(&fresh, text)?;
    Ok(fs::rename(fresh, path)?)
}
