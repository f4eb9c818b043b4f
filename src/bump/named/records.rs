//! `RECORD`s in layers of the image: the only files of theirs that the laying of distributions looks into.

use std::fmt;
use std::io::{self, Read};
use std::sync::Arc;

use super::super::below::Below;
use crate::layer::{Contents, Item, Source, SourceTree, Stream};

/// The file that says which files a distribution has.
const RECORD: &[u8] = b".dist-info/RECORD";

/// What the topmost of these layers holds, with the contents of `RECORD`s, each read when it is asked for.
///
/// # Errors
///
/// If what it holds makes no layer.
pub(super) fn with_records(outline: Contents, below: &Below) -> Result<Contents, crate::layer::Error> {
    let item = |item: &Item| match item.entry.path.ends_with(RECORD) {
        true => {
            let record = Record { below: below.clone(), path: item.entry.path.clone() };
            Item { entry: item.entry.clone(), source: Source::Stream(Arc::new(record)) }
        }
        false => item.clone(),
    };
    Contents::new(outline.items().iter().map(item).collect())
}

/// A `RECORD` of a layer that is the topmost here.
struct Record {
    below: Below,
    path: Box<[u8]>,
}

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name())
    }
}

impl Stream for Record {
    fn open(&self) -> io::Result<Box<dyn Read + Send>> {
        let stack = self.below.clone().stack();
        let entry = stack.look(&self.path).map_err(io::Error::other)?;
        let content = match &entry {
            Some(entry) => stack.contents(&[entry]).map_err(io::Error::other)?.pop(),
            None => None,
        };
        let content = content.ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "the image has it no more"))?;
        content.source.open().map_err(io::Error::other)
    }

    fn name(&self) -> String {
        format!("`/{}` of the image", String::from_utf8_lossy(&self.path).escape_debug())
    }
}
