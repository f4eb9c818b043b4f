//! Owners: users and groups by name, as the image's topmost `/etc/passwd` and `/etc/group` know them.

use std::error::Error;

use super::{Node, Tree, TreeError};
use crate::entry::Owner;
use crate::image::accounts::{self, ACCOUNTS_LIMIT, AccountFile, InvalidId, OwnerName};

/// How the content of a file is had that a layer laid over the base wrote: by the layer's number
/// ([`Tree::own_layer`]) and the path.
pub type OwnFile<'a> = dyn Fn(usize, &[u8]) -> Result<Vec<u8>, Box<dyn Error + Send + Sync>> + 'a;

/// Where the topmost file lies.
enum Top {
    Nowhere,
    Own(usize),
    Ground,
}

impl Tree {
    /// The numbers of an owner.
    ///
    /// # Errors
    ///
    /// [`TreeError::Unknown`], and as [`Tree::user`].
    pub fn owner(&self, owner: &OwnerName, own: &OwnFile<'_>) -> Result<Owner, TreeError> {
        let unknown = |what, name: &str, file: AccountFile| {
            let name = name.chars().take(100).collect();
            TreeError::Unknown { what, name, path: file.path() }
        };
        owner.resolve(
            |name| self.user(name, own)?.ok_or_else(|| unknown("user", name, AccountFile::Passwd)),
            |name| self.group(name, own)?.ok_or_else(|| unknown("group", name, AccountFile::Group)),
        )
    }

    /// The number and the primary group of the user of this name, if there is one.
    ///
    /// # Errors
    ///
    /// [`TreeError::Accounts`] if the file lies behind a link, is too large or gives no number that can be one;
    /// [`TreeError::Own`], [`TreeError::Unavailable`].
    pub fn user(&self, name: &str, own: &OwnFile<'_>) -> Result<Option<(u64, u64)>, TreeError> {
        match self.top(AccountFile::Passwd)? {
            Top::Nowhere => Ok(None),
            Top::Own(layer) => look_up(AccountFile::Passwd, layer, own, |text| accounts::user(text, name)),
            Top::Ground => {
                let mut asked = self.asked();
                if let Some(fact) = asked.users.get(name) {
                    return Ok(*fact);
                }
                let found = self.ground.user(name)?;
                asked.users.insert(name.to_owned(), found);
                Ok(found)
            }
        }
    }

    /// The number of the group of this name, if there is one.
    ///
    /// # Errors
    ///
    /// As [`Tree::user`].
    pub fn group(&self, name: &str, own: &OwnFile<'_>) -> Result<Option<u64>, TreeError> {
        match self.top(AccountFile::Group)? {
            Top::Nowhere => Ok(None),
            Top::Own(layer) => look_up(AccountFile::Group, layer, own, |text| accounts::group(text, name)),
            Top::Ground => {
                let mut asked = self.asked();
                if let Some(fact) = asked.groups.get(name) {
                    return Ok(*fact);
                }
                let found = self.ground.group(name)?;
                asked.groups.insert(name.to_owned(), found);
                Ok(found)
            }
        }
    }

    /// Whose the topmost file is. The base is not asked: who knows the name needs no path.
    fn top(&self, file: AccountFile) -> Result<Top, TreeError> {
        let path = file.path().as_bytes();
        let refuse = |why: &str| Err(TreeError::Accounts { path: file.path(), why: why.to_owned() });
        match self.own.get(&b"etc"[..]).map(|own| &own.node) {
            Some(Node::Symlink { .. }) => return refuse("it lies behind a link"),
            Some(Node::File) => return Ok(Top::Nowhere),
            Some(Node::Directory { .. }) | None => {}
        }
        match self.own.get(path).map(|own| (&own.node, own.layer)) {
            Some((Node::File, layer)) => Ok(Top::Own(layer)),
            Some((Node::Symlink { .. }, _)) => refuse("it lies behind a link"),
            Some((Node::Directory { .. }, _)) => refuse("it is a directory"),
            None if self.is_hidden(path) => Ok(Top::Nowhere),
            None => Ok(Top::Ground),
        }
    }
}

fn look_up<T>(
    file: AccountFile,
    layer: usize,
    own: &OwnFile<'_>,
    find: impl FnOnce(&[u8]) -> Result<Option<T>, InvalidId>,
) -> Result<Option<T>, TreeError> {
    let refuse = |why: String| TreeError::Accounts { path: file.path(), why };
    let text = own(layer, file.path().as_bytes()).map_err(|source| TreeError::Own { path: file.path(), source })?;
    if text.len() as u64 > ACCOUNTS_LIMIT {
        return Err(refuse("it is larger than 1 MiB".to_owned()));
    }
    find(&text).map_err(|invalid| refuse(invalid.to_string()))
}
