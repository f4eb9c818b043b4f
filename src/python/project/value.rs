//! The values of a `pyproject.toml`, each with its line.

use toml::de::{DeTable, DeValue};

use super::fault::{Fault, quoted};

/// A value.
#[derive(Debug, Clone)]
pub(super) struct Value {
    /// The key that leads to it, for messages: `project.license`.
    pub name: String,
    /// The line that it begins in, from 1.
    pub line: usize,
    kind: Kind,
}

#[derive(Debug, Clone)]
enum Kind {
    Text(String),
    Flag(bool),
    List(Vec<Value>),
    /// In the order of the file.
    Table(Vec<(String, Value)>),
    /// A number or a date.
    Other,
}

impl Value {
    /// Reads a document.
    pub(super) fn parse(text: &str) -> Result<Value, Fault> {
        let starts = line_starts(text);
        let table = DeTable::parse(text).map_err(|error| {
            let line = error.span().map_or(0, |span| line_of(&starts, span.start));
            Fault::at(line, format!("this is no TOML: {}", error.message().escape_debug()))
        })?;
        Ok(Value { name: String::new(), line: 0, kind: table_of(table.get_ref(), "", &starts) })
    }

    /// What is below this key of a table; nothing if it is no table.
    pub(super) fn get(&self, key: &str) -> Option<&Value> {
        match &self.kind {
            Kind::Table(table) => table.iter().find(|(name, _)| name == key).map(|(_, value)| value),
            _ => None,
        }
    }

    /// What is below these keys, one after the other.
    pub(super) fn find(&self, path: &[&str]) -> Option<&Value> {
        path.iter().try_fold(self, |value, key| value.get(key))
    }

    /// The keys and values of a table, in the order of the file.
    pub(super) fn table(&self) -> Result<&[(String, Value)], Fault> {
        match &self.kind {
            Kind::Table(table) => Ok(table),
            _ => Err(self.not("a table")),
        }
    }

    pub(super) fn text(&self) -> Result<&str, Fault> {
        match &self.kind {
            Kind::Text(text) => Ok(text),
            _ => Err(self.not("a string")),
        }
    }

    pub(super) fn flag(&self) -> Result<bool, Fault> {
        match &self.kind {
            Kind::Flag(flag) => Ok(*flag),
            _ => Err(self.not("`true` or `false`")),
        }
    }

    pub(super) fn list(&self) -> Result<&[Value], Fault> {
        match &self.kind {
            Kind::List(list) => Ok(list),
            _ => Err(self.not("an array")),
        }
    }

    /// The strings of an array.
    pub(super) fn texts(&self) -> Result<Vec<String>, Fault> {
        self.list()?.iter().map(|value| value.text().map(str::to_owned)).collect()
    }

    /// The strings of an array, or the only one.
    pub(super) fn text_or_texts(&self) -> Result<Vec<String>, Fault> {
        if self.is_text() { Ok(vec![self.text()?.to_owned()]) } else { self.texts() }
    }

    pub(super) fn is_text(&self) -> bool {
        matches!(self.kind, Kind::Text(_))
    }

    pub(super) fn is_table(&self) -> bool {
        matches!(self.kind, Kind::Table(_))
    }

    /// The strings below a key; none if it is not there.
    pub(super) fn texts_at(&self, key: &str) -> Result<Option<Vec<String>>, Fault> {
        self.get(key).map(Value::texts).transpose()
    }

    /// The string below a key.
    pub(super) fn text_at(&self, key: &str) -> Result<Option<&str>, Fault> {
        self.get(key).map(Value::text).transpose()
    }

    /// The first key that is none of these, with its value.
    pub(super) fn stranger(&self, known: &[&str]) -> Result<Option<&(String, Value)>, Fault> {
        Ok(self.table()?.iter().find(|(key, _)| !known.contains(&key.as_str())))
    }

    /// Refuses a key that is none of these.
    ///
    /// # Errors
    ///
    /// The first one, with the key that was probably meant.
    pub(super) fn check_keys(&self, known: &[&str]) -> Result<(), Fault> {
        let Some((key, value)) = self.stranger(known)? else { return Ok(()) };
        let fault = value.backend("is not read here");
        Err(match (nearest(key, known), fault.help.clone()) {
            (Some(near), Some(help)) => fault.help(format!("did you mean `{near}`? if not, {help}")),
            _ => fault,
        })
    }

    /// Something that is wrong with this value.
    pub(super) fn wrong(&self, what: impl std::fmt::Display) -> Fault {
        Fault::at(self.line, format!("{} {what}", quoted(&self.name)))
    }

    /// Something about this value that takes the build backend.
    pub(super) fn backend(&self, what: impl std::fmt::Display) -> Fault {
        Fault::backend(self.line, format!("{} {what}", quoted(&self.name)))
    }

    fn not(&self, kind: &str) -> Fault {
        self.wrong(format!("is to be {kind}"))
    }
}

/// The key that was probably meant, if one is near.
pub(super) fn nearest<'a>(written: &str, known: &[&'a str]) -> Option<&'a str> {
    /// No key is longer, and the distance takes time by both lengths.
    const LONGEST: usize = 32;
    let known = known.iter().filter(|_| written.len() <= LONGEST);
    let distances = known.map(|name| (strsim::damerau_levenshtein(written, name), *name));
    distances.filter(|(distance, _)| *distance <= 2).min().map(|(_, name)| name)
}

fn line_starts(text: &str) -> Vec<usize> {
    let after = text.bytes().enumerate().filter(|&(_, byte)| byte == b'\n').map(|(at, _)| at + 1);
    std::iter::once(0).chain(after).collect()
}

fn line_of(starts: &[usize], at: usize) -> usize {
    starts.partition_point(|&start| start <= at)
}

/// The parser lets nothing nest deeper than 80 levels, so this does not either.
fn value_of(value: &DeValue<'_>, name: String, line: usize, starts: &[usize]) -> Value {
    let kind = match value {
        DeValue::String(text) => Kind::Text(text.clone().into_owned()),
        DeValue::Boolean(flag) => Kind::Flag(*flag),
        DeValue::Array(array) => {
            let item = |value: &toml::Spanned<DeValue<'_>>| {
                value_of(value.get_ref(), name.clone(), line_of(starts, value.span().start), starts)
            };
            Kind::List(array.iter().map(item).collect())
        }
        DeValue::Table(table) => table_of(table, &name, starts),
        DeValue::Integer(_) | DeValue::Float(_) | DeValue::Datetime(_) => Kind::Other,
    };
    Value { name, line, kind }
}

fn table_of(table: &DeTable<'_>, name: &str, starts: &[usize]) -> Kind {
    let mut places = Vec::with_capacity(table.len());
    for (key, value) in table {
        let dot = if name.is_empty() { "" } else { "." };
        let path = format!("{name}{dot}{}", key.get_ref());
        let line = line_of(starts, key.span().start);
        places.push((key.span().start, key.get_ref().to_string(), value_of(value.get_ref(), path, line, starts)));
    }
    places.sort_by_key(|(at, ..)| *at);
    Kind::Table(places.into_iter().map(|(_, key, value)| (key, value)).collect())
}
