//! Python distributions: what a layer's `wheels` or `package` says.

use std::str::FromStr;

use toml::Spanned;

use super::Source;
use super::layer::{Key, place};
use crate::context::IgnoreRules;
use crate::python::{Extras, MOST_LAYERS, PythonVersion, Split};
use crate::spec::error::SpecError;
use crate::spec::file::{LayerTable, PythonField, SplitField, SplitWord, WheelsField};
use crate::spec::python::{Installation, Package, Wheels};
use crate::spec::recipe::LayerContent;

impl Source {
    /// Wheels, as `wheels` names them.
    pub(super) fn wheels(&self, table: &LayerTable, wheels: &Spanned<WheelsField>) -> Result<LayerContent, SpecError> {
        self.refuse_keys(table, &FILES_KEYS, "does not go with `wheels`")?;
        self.refuse_keys(table, &[("package", |table| place(&table.package))], "goes into a layer of its own")?;
        self.refuse_keys(
            table,
            &[("exclude", |table| table.exclude.first().map(Spanned::span))],
            "does not go with `wheels`",
        )?;
        let from = match wheels.get_ref() {
            WheelsField::One(path) => vec![path.clone()],
            WheelsField::Several(paths) => paths.clone(),
        };
        if from.is_empty() || from.iter().any(String::is_empty) {
            let help = "name a folder of wheels, files such as `wheels/*.whl`, or a lock";
            return Err(self.error_with_help(wheels.span(), "`wheels` names no wheels", help));
        }
        let text = |value: &Option<Spanned<String>>| value.as_ref().map(|value| value.get_ref().clone());
        if let Some(index) = &table.index {
            check_index(index.get_ref()).map_err(|(what, help)| self.error_with_help(index.span(), what, help))?;
        }
        let names = |list: &Option<Spanned<Vec<String>>>| -> std::collections::BTreeSet<String> {
            list.iter().flat_map(|list| list.get_ref()).map(|name| crate::python::normalise_name(name)).collect()
        };
        Ok(LayerContent::Wheels(Box::new(Wheels {
            folder: self.folder().to_owned(),
            from,
            wheelhouse: text(&table.wheelhouse),
            index: text(&table.index),
            extras: Extras { extras: names(&table.extras), groups: names(&table.groups) },
            split: table.split.as_ref().map(|split| self.split(split)).transpose()?.unwrap_or_default(),
            part: None,
            installation: self.installation(table, &wheels.span())?,
        })))
    }

    /// A project, as `package` names it.
    pub(super) fn package(&self, table: &LayerTable, package: &Spanned<String>) -> Result<LayerContent, SpecError> {
        self.refuse_keys(table, &FILES_KEYS, "does not go with `package`")?;
        self.refuse_keys(table, &WHEELS_KEYS, "goes with `wheels`")?;
        if package.get_ref().is_empty() {
            let help = "write `.` for the folder of the spec";
            return Err(self.error_with_help(package.span(), "a package is a directory, and this names none", help));
        }
        for pattern in &table.exclude {
            let mut rules = IgnoreRules::default();
            rules.push(pattern.get_ref()).map_err(|error| self.error(pattern.span(), format!("{error}")))?;
        }
        Ok(LayerContent::Package(Box::new(Package {
            folder: self.folder().to_owned(),
            path: package.get_ref().clone(),
            exclude: table.exclude.iter().map(|pattern| pattern.get_ref().clone()).collect(),
            installation: self.installation(table, &package.span())?,
        })))
    }

    fn installation(&self, table: &LayerTable, says: &std::ops::Range<usize>) -> Result<Installation, SpecError> {
        let Some(python) = &table.python else {
            let message = format!("the layer `{}` does not say for which Python", table.name.get_ref());
            return Err(self.error_with_help(says.clone(), message, "add `python = \"3.12\"`"));
        };
        if let Some(interpreter) = &table.interpreter {
            let text = interpreter.get_ref();
            if !text.starts_with('/') || text.chars().any(char::is_control) {
                let help = "write a path of the image such as `/usr/local/bin/python3.12`";
                return Err(self.error_with_help(interpreter.span(), format!("`{text}` is no program"), help));
            }
        }
        Ok(Installation {
            python: self.python(python)?,
            into: table.into.as_ref().map(|into| self.absolute(into)).transpose()?,
            interpreter: table.interpreter.as_ref().map(|text| text.get_ref().clone()),
            libc: table.libc.as_ref().map(|text| self.read(text)).transpose()?,
        })
    }

    fn python(&self, python: &Spanned<PythonField>) -> Result<PythonVersion, SpecError> {
        let range = python.span();
        match python.get_ref() {
            PythonField::Text(text) => text.parse().map_err(|why: String| self.error(range, why)),
            PythonField::Number => {
                let written = self.text.get(range.clone()).filter(|text| text.parse::<PythonVersion>().is_ok());
                let written = written.unwrap_or("3.12");
                let help = format!("write python = \"{written}\"");
                Err(self.error_with_help(range, "the version of Python is a text, and this is a number", help))
            }
        }
    }

    fn read<T: FromStr<Err = String>>(&self, text: &Spanned<String>) -> Result<T, SpecError> {
        text.get_ref().parse().map_err(|why: String| self.error(text.span(), why))
    }

    fn split(&self, split: &Spanned<SplitField>) -> Result<Split, SpecError> {
        match split.get_ref() {
            SplitField::Word(SplitWord::One) => Ok(Split::One),
            SplitField::Word(SplitWord::Each) => Ok(Split::Each),
            SplitField::Groups(1) => Ok(Split::One),
            SplitField::Groups(count) if (1..=MOST_LAYERS as i64).contains(count) => Ok(Split::Groups(*count as usize)),
            SplitField::Groups(count) => {
                let help = format!("write a number from 1 to {MOST_LAYERS}, or `each`");
                Err(self.error_with_help(split.span(), format!("there cannot be {count} groups"), help))
            }
        }
    }

    /// Refuses what only Python distributions have.
    pub(super) fn refuse_python_keys(&self, table: &LayerTable) -> Result<(), SpecError> {
        self.refuse_keys(table, &WHEELS_KEYS, "goes with `wheels`")?;
        self.refuse_keys(table, &INSTALLATION_KEYS, "goes with `wheels` or `package`")
    }
}

/// Refuses what is no address of an index; messages hold no secret.
fn check_index(address: &str) -> Result<(), (String, &'static str)> {
    let wheelhouse = "write an address such as `https://pypi.org/simple/`, or name a folder of wheels as `wheelhouse`";
    let shown = crate::layer::shown_url(address);
    let rest = ["https://", "http://"].iter().find_map(|scheme| address.strip_prefix(scheme));
    let authority = rest.and_then(|rest| rest.split(['/', '?', '#']).next()).unwrap_or_default();
    if authority.contains('@') {
        let help = "credentials for indexes are not supported: name a folder of wheels as `wheelhouse`";
        return Err((format!("the index `{shown}` holds a user or a password"), help));
    }
    let is_unfit = |c: char| c.is_whitespace() || c.is_control() || c == '\\';
    if authority.is_empty() || address.contains(is_unfit) {
        return Err((format!("`{}` is no index", shown.escape_debug()), wheelhouse));
    }
    match address.split_once(['?', '#']) {
        // Projects are found below the address.
        Some((address, _)) => Err((format!("the index `{address}` has a query or a fragment"), wheelhouse)),
        None => Ok(()),
    }
}

/// What says files, and so does not go with distributions, which have files of their own.
const FILES_KEYS: [Key; 13] = [
    ("context", |table| place(&table.context)),
    ("entries", |table| table.entries.as_ref().map(|entries| entries.first().map_or(table.name.span(), Spanned::span))),
    ("from", |table| place(&table.from)),
    ("to", |table| place(&table.to)),
    ("sources", |table| place(&table.sources)),
    ("image", |table| place(&table.image)),
    ("ignore_file", |table| place(&table.ignore_file)),
    ("parents", |table| place(&table.parents)),
    ("unpack", |table| place(&table.unpack)),
    ("chmod", |table| place(&table.chmod)),
    ("modes", |table| place(&table.modes)),
    ("run", |table| place(&table.run)),
    ("workdir", |table| place(&table.workdir)),
];

/// What only a layer of wheels has.
const WHEELS_KEYS: [Key; 5] = [
    ("wheelhouse", |table| place(&table.wheelhouse)),
    ("index", |table| place(&table.index)),
    ("extras", |table| place(&table.extras)),
    ("groups", |table| place(&table.groups)),
    ("split", |table| place(&table.split)),
];

/// What only layers of distributions have.
const INSTALLATION_KEYS: [Key; 4] = [
    ("python", |table| place(&table.python)),
    ("into", |table| place(&table.into)),
    ("interpreter", |table| place(&table.interpreter)),
    ("libc", |table| place(&table.libc)),
];
