//! The ground: the base under a tree, of which facts are known, and a way to know all.

use std::collections::BTreeSet;
use std::error::Error;
use std::sync::OnceLock;

use super::{Facts, Node, Nodes, TreeError};
use crate::image::accounts::{self, AccountFile, InvalidId};

/// How the paths of a base are had, should they be needed.
pub type Loader = Box<dyn Fn() -> Result<Nodes, Box<dyn Error + Send + Sync>> + Send + Sync>;

/// What is known of an image's paths: some of them, and a way to know all.
pub(super) struct Ground {
    facts: Facts,
    whole: OnceLock<Nodes>,
    /// Nothing if all is known.
    load: Option<Loader>,
}

impl Ground {
    pub(super) fn known(nodes: Nodes) -> Ground {
        Ground { facts: Facts::new(), whole: OnceLock::from(nodes), load: None }
    }

    pub(super) fn lazily(facts: Facts, load: Loader) -> Ground {
        Ground { facts, whole: OnceLock::new(), load: Some(load) }
    }

    /// All paths.
    pub(super) fn whole(&self) -> Result<&Nodes, TreeError> {
        if let Some(nodes) = self.whole.get() {
            return Ok(nodes);
        }
        let nodes = self.load.as_ref().map_or_else(|| Ok(Nodes::new()), |load| load());
        let nodes = nodes.map_err(TreeError::Unavailable)?;
        Ok(self.whole.get_or_init(|| nodes))
    }

    /// The fact, if all is not known already.
    fn fact<T: Clone>(&self, fact: impl FnOnce(&Facts) -> Option<&T>) -> Option<T> {
        if self.whole.get().is_some() { None } else { fact(&self.facts).cloned() }
    }

    pub(super) fn get(&self, path: &[u8]) -> Result<Option<Node>, TreeError> {
        match self.fact(|facts| facts.paths.get(path)) {
            Some(fact) => Ok(fact),
            None if self.whole.get().is_none() && self.facts.lacks(path) => Ok(None),
            None => Ok(self.whole()?.get(path).cloned()),
        }
    }

    /// The names in a directory, sorted.
    pub(super) fn children(&self, directory: &[u8]) -> Result<BTreeSet<Box<[u8]>>, TreeError> {
        if let Some(fact) = self.fact(|facts| facts.children.get(directory)) {
            return Ok(fact);
        }
        Ok(self.whole()?.children(directory))
    }

    pub(super) fn user(&self, name: &str) -> Result<Option<(u64, u64)>, TreeError> {
        match self.fact(|facts| facts.users.get(name)) {
            Some(fact) => Ok(fact),
            None => self.look_up(AccountFile::Passwd, |text| accounts::user(text, name)),
        }
    }

    pub(super) fn group(&self, name: &str) -> Result<Option<u64>, TreeError> {
        match self.fact(|facts| facts.groups.get(name)) {
            Some(fact) => Ok(fact),
            None => self.look_up(AccountFile::Group, |text| accounts::group(text, name)),
        }
    }

    fn look_up<T>(
        &self,
        file: AccountFile,
        find: impl FnOnce(&[u8]) -> Result<Option<T>, InvalidId>,
    ) -> Result<Option<T>, TreeError> {
        let Some(text) = self.whole()?.accounts(file)? else { return Ok(None) };
        find(text).map_err(|invalid| TreeError::Accounts { path: file.path(), why: invalid.to_string() })
    }
}
