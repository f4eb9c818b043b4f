//! Dependencies: edges of the graph, with the conditions on which they are followed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use regex::Regex;
use toml::Spanned;

use super::super::condition::Condition;
use super::super::file::project_name;
use super::super::text::{LockText, Place, shown};
use super::tables::{EdgeTable, EdgesTable, Source};
use super::{Environment, LockError};
use crate::python::name::normalise_name;

/// A dependency.
#[derive(Debug, Clone)]
pub(super) struct Edge {
    /// The name of what is needed.
    pub name: String,
    /// Its version and its source, if there are several of the name.
    pub version: Option<String>,
    pub source: Option<Source>,
    /// Its extras that are needed too.
    pub extras: Vec<String>,
    /// Where the lock says so.
    pub place: Place,
    marker: Option<EdgeMarker>,
}

#[derive(Debug, Clone)]
enum EdgeMarker {
    Plain(Condition),
    /// It depends on what else is wanted.
    Choosing(String, Place),
}

/// How uv says that an extra or a group is wanted, where some exclude each other: as an extra that nobody has.
static CHOICE: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r#"\bextra\s*(==|!=)\s*(?:'([^'"]*)'|"([^'"]*)")"#).ok());

/// Comparisons that hold and that do not, whatever the target is.
const TRUE: &str = "sys_platform != ''";
const FALSE: &str = "sys_platform == ''";

impl Edge {
    /// Reads a dependency.
    ///
    /// # Errors
    ///
    /// If its name or its marker is malformed.
    pub fn read(text: &LockText, table: &Spanned<EdgeTable>) -> Result<Edge, LockError> {
        let table = table.get_ref();
        let place = text.of(&table.name);
        let marker = table.marker.as_ref().map(|marker| EdgeMarker::read(marker.get_ref(), text.of(marker)));
        Ok(Edge {
            name: project_name(table.name.get_ref(), &place)?,
            version: table.version.clone(),
            source: table.source.clone(),
            extras: table.extra.iter().chain(&table.extras).map(|extra| normalise_name(extra)).collect(),
            marker: marker.transpose()?,
            place,
        })
    }

    /// Whether it is to be followed, where these extras and groups are wanted.
    ///
    /// # Errors
    ///
    /// If that cannot be known.
    pub fn holds(&self, environment: &Environment, wanted: &BTreeSet<String>) -> Result<bool, LockError> {
        match &self.marker {
            None => Ok(true),
            Some(EdgeMarker::Plain(condition)) => condition.holds(environment),
            Some(EdgeMarker::Choosing(text, place)) => {
                // Its own extras count too.
                let own: BTreeSet<String> = self.extras.iter().map(|extra| extra_choice(&self.name, extra)).collect();
                let decided = decided(text, place, |choice| wanted.contains(choice) || own.contains(choice))?;
                Condition::marker(&decided, place.clone())?.holds(environment)
            }
        }
    }
}

impl EdgeMarker {
    fn read(text: &str, place: Place) -> Result<EdgeMarker, LockError> {
        if !CHOICE.as_ref().is_some_and(|choice| choice.is_match(text)) {
            return Condition::marker(text, place).map(EdgeMarker::Plain);
        }
        Condition::marker(&decided(text, &place, |_| false)?, place.clone())?;
        Ok(EdgeMarker::Choosing(text.to_owned(), place))
    }
}

/// The marker with what is wanted decided.
fn decided(text: &str, place: &Place, is_wanted: impl Fn(&str) -> bool) -> Result<String, LockError> {
    let Some(choice) = CHOICE.as_ref() else { return Ok(text.to_owned()) };
    let mut unknown = None;
    let decided = choice.replace_all(text, |found: &regex::Captures<'_>| {
        let name = found.get(2).or_else(|| found.get(3)).map_or("", |name| name.as_str());
        if !(name.starts_with("extra-") || name.starts_with("group-")) {
            unknown.get_or_insert_with(|| shown(name));
        }
        let equal = found.get(1).is_none_or(|operator| operator.as_str() == "==");
        if is_wanted(name) == equal { TRUE } else { FALSE }
    });
    match unknown {
        None => Ok(decided.into_owned()),
        Some(name) => {
            let what = format!("the marker depends on `{name}`, and only choices between extras and groups are known");
            Err(place.error(what, "export the lock: `uv export --format pylock.toml`"))
        }
    }
}

/// How a marker of uv calls an extra of a package.
pub(super) fn extra_choice(package: &str, extra: &str) -> String {
    format!("extra-{}-{package}-{extra}", package.len())
}

/// How a marker of uv calls a group of a package.
pub(super) fn group_choice(package: &str, group: &str) -> String {
    format!("group-{}-{package}-{group}", package.len())
}

/// The dependencies of extras or groups, by their names.
///
/// # Errors
///
/// If one is malformed.
pub(super) fn named(text: &LockText, tables: &EdgesTable) -> Result<BTreeMap<String, Vec<Edge>>, LockError> {
    let mut named: BTreeMap<String, Vec<Edge>> = BTreeMap::new();
    for (name, edges) in tables {
        let edges: Vec<Edge> = edges.iter().map(|edge| Edge::read(text, edge)).collect::<Result<_, _>>()?;
        named.entry(normalise_name(name)).or_default().extend(edges);
    }
    Ok(named)
}
