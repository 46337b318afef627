//! Variables that look like settings and are none: a slip in a name would otherwise be silent.
//!
//! Not here: their values, which are never looked at. They are no mistakes, since Kubernetes and
//! other programs set variables too.

use std::ffi::OsString;
use std::fmt;

use super::environment::{BASIC, FURTHER};
use crate::input::{Variable, nearest};
use crate::providers;

/// So many of our own variables that begin alike make their beginning a prefix that nobody else
/// uses; `LOG_` and `WEB_` are everybody's.
const ALIKE: usize = 3;
/// A variable with a longer name is not ours.
const MAX_NAME_LENGTH: usize = 64;
/// One of any prefix is told when it is so near to a setting.
const SLIP: usize = 2;

/// A variable that looks like a setting but is not one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownVariable {
    /// Its name.
    pub name: String,
    /// The setting that was meant, if any is near.
    pub nearest: Option<&'static str>,
}

impl fmt::Display for UnknownVariable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the variable {} is not a setting", self.name)?;
        match self.nearest {
            Some(nearest) => write!(f, "; did you mean {nearest}?"),
            None => f.write_str("; `whatsapp-exporter --help` lists the settings"),
        }
    }
}

/// The variables among these that look like settings and are none, in alphabetical order.
pub fn unknown_variables(all: &[(OsString, OsString)]) -> Vec<UnknownVariable> {
    let known: Vec<&'static str> = super::variables().iter().map(|known| known.name).collect();
    let prefixes = prefixes();
    let names = all.iter().filter_map(|(name, _)| name.to_str());
    let mut unknown: Vec<UnknownVariable> = names
        .filter(|name| is_plain(name) && !known.contains(name) && !is_of_kubernetes(name))
        .filter_map(|name| {
            let nearest = nearest(name, known.iter().copied());
            let is_slip = nearest.is_some_and(|known| strsim::osa_distance(name, known) <= SLIP);
            let is_ours = prefixes.iter().any(|prefix| name.starts_with(prefix));
            (is_slip || is_ours).then(|| UnknownVariable { name: name.to_owned(), nearest })
        })
        .collect();
    unknown.sort_by(|one, other| one.name.cmp(&other.name));
    unknown
}

/// What the names of settings begin with, as far as nobody else's do: what each provider's have in
/// common, and what several of the exporter's own have.
fn prefixes() -> Vec<&'static str> {
    let mut prefixes: Vec<&'static str> =
        providers::all().filter_map(|one| common(providers::get(one).variables())).collect();
    let own = || BASIC.iter().chain(FURTHER);
    for Variable { name, .. } in own() {
        let Some(end) = name.find('_') else { continue };
        let prefix = &name[..=end];
        let alike = own().filter(|other| other.name.starts_with(prefix)).count();
        if alike >= ALIKE && !prefixes.contains(&prefix) {
            prefixes.push(prefix);
        }
    }
    prefixes
}

/// What the names of these variables have in common, up to an underscore.
fn common(variables: &'static [Variable]) -> Option<&'static str> {
    let first = variables.first()?.name;
    let ends = first.char_indices().filter(|(_, letter)| *letter == '_').map(|(at, _)| at);
    let shared = |prefix: &&str| variables.iter().all(|one| one.name.starts_with(prefix));
    ends.map(|end| &first[..=end]).rfind(shared)
}

/// Whether a name can be shown: it is as short as ours, and of their letters.
fn is_plain(name: &str) -> bool {
    let letters = name.bytes();
    let is_plain = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
    name.len() <= MAX_NAME_LENGTH && letters.into_iter().all(is_plain)
}

/// Whether Kubernetes sets variables of this shape, for a Service that is called like a provider:
/// `X_SERVICE_HOST`, `X_SERVICE_PORT_HTTP`, `X_PORT`, `X_PORT_3000_TCP_ADDR`.
fn is_of_kubernetes(name: &str) -> bool {
    if name.ends_with("_SERVICE_HOST") || name.ends_with("_PORT") || name.contains("_SERVICE_PORT")
    {
        return true;
    }
    let number = name.rsplit_once("_PORT_").map(|(_, rest)| rest);
    let protocol = number.and_then(|rest| rest.split_once('_'));
    protocol.is_some_and(|(number, rest)| {
        let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
        let protocol = rest.split('_').next().unwrap_or_default();
        is_number && ["TCP", "UDP", "SCTP"].contains(&protocol)
    })
}
