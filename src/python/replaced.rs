//! Replacing: what of an image goes when another version of a distribution is laid: the files that the old version's
//! `RECORD` names, as for an installer, and its metadata. Of a version without one only the metadata are known.

use std::collections::BTreeSet;
use std::io::Read;

use super::name::normalise_name;
use super::scheme::Scheme;
use crate::digest::{Digest, Hasher};
use crate::entry::{lexical, parents};
use crate::image::{Node, TreeError};
use crate::layer::{self, SourceTree, Stack};

/// The largest `RECORD` of an image that is read, in bytes.
const RECORD_LIMIT: u64 = 32 << 20;

/// An old version of a distribution in an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Old {
    /// The folder, or the file, of its metadata.
    pub metadata: Box<[u8]>,
    /// The library folder it lies in, links followed.
    pub library: Box<[u8]>,
}

impl Old {
    /// The old versions of the distribution of this name.
    ///
    /// # Errors
    ///
    /// If the tree cannot be had.
    pub fn find(name: &str, scheme: &Scheme, stack: &Stack) -> Result<Vec<Old>, TreeError> {
        let mut all = Vec::new();
        for library in BTreeSet::from([&scheme.pure, &scheme.platform]) {
            let library = stack.tree().resolve(library)?;
            let files = stack.tree().children(&library)?.into_iter();
            all.extend(
                files
                    .filter(|file| metadata_name(file).as_deref() == Some(name))
                    .map(|file| Old { metadata: join(&library, &file), library: library.clone() }),
            );
        }
        Ok(all)
    }

    /// What tells which files it has in the image with this digest at the bottom.
    pub fn id(&self, ground: &Digest, scheme: &Scheme) -> Digest {
        let mut id = Hasher::new();
        id.field(b"files of an old version");
        for field in [&ground.as_bytes()[..], &self.metadata, &self.library, &scheme.data] {
            id.field(field);
        }
        id.finish()
    }

    /// Whether the image at the bottom has it, and no layer of ours.
    pub fn is_grounds(&self, stack: &Stack) -> bool {
        let record = join(&self.metadata, b"RECORD");
        stack.tree().own_layer(&record).is_none() && stack.tree().own_layer(&self.metadata).is_none()
    }

    /// The files that it has, its metadata left out, sorted: what its `RECORD` names and lies in the scheme's folders, and the
    /// bytecode of modules among them.
    ///
    /// # Errors
    ///
    /// If the image's files cannot be had.
    pub fn files(&self, scheme: &Scheme, stack: &Stack) -> Result<Vec<Box<[u8]>>, layer::Error> {
        let Some(record) = stack.look(&join(&self.metadata, b"RECORD"))? else { return Ok(Vec::new()) };
        let Some(content) = stack.contents(&[&record])?.pop() else { return Ok(Vec::new()) };
        if content.size > 0 && matches!(content.source, layer::Source::Nothing) {
            return Err(layer::Error::Vanished(String::from_utf8_lossy(&record.path).into_owned()));
        }
        let mut text = Vec::new();
        let failed = |source| layer::Error::Stream { what: String::from_utf8_lossy(&record.path).into_owned(), source };
        content.source.open()?.take(RECORD_LIMIT).read_to_end(&mut text).map_err(failed)?;
        let present: BTreeSet<Box<[u8]>> = stack
            .tree()
            .below(&self.library)?
            .into_iter()
            .filter(|(_, node, _)| is_file(node))
            .map(|(path, ..)| path)
            .collect();
        let mut rows = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(&text[..]);
        let mut row = csv::ByteRecord::new();
        let mut files: BTreeSet<Box<[u8]>> = BTreeSet::new();
        while rows.read_byte_record(&mut row).unwrap_or(false) {
            let Some(path) = row.get(0).filter(|path| !path.is_empty()) else { continue };
            let path = match path.strip_prefix(b"/") {
                Some(absolute) => lexical(absolute),
                None => lexical(&[&self.library, &b"/"[..], path].concat()),
            };
            if is_below(&path, &self.metadata) {
                continue;
            }
            if is_below(&path, &self.library) {
                if present.contains(&path[..]) {
                    files.extend(bytecode(&path, &present));
                    files.insert(path.into());
                }
            } else if is_below(&path, &scheme.data) || is_below(&path, &scheme.scripts) {
                // It is no more than its rows say: nothing else of the image is its.
                if stack.tree().get(&path)?.as_ref().is_some_and(is_file) {
                    files.insert(path.into());
                }
            }
        }
        Ok(files.into_iter().collect())
    }
}

/// What goes, as few paths as say it: folders of which nothing is left go as a whole. What lies at `kept` stays.
///
/// # Errors
///
/// If the tree cannot be had.
pub fn compacted(
    old: &Old,
    files: &[Box<[u8]>],
    kept: &BTreeSet<Box<[u8]>>,
    stack: &Stack,
) -> Result<Vec<Box<[u8]>>, TreeError> {
    let mut gone = vec![old.metadata.clone()];
    let files: BTreeSet<&[u8]> = files.iter().map(|file| &**file).filter(|file| !kept.contains(*file)).collect();
    // Folders in which something stays, or something else is laid.
    let mut stays: BTreeSet<Box<[u8]>> = BTreeSet::new();
    let mut stay = |path: &[u8]| stays.extend(parents(path).map(Box::from));
    for (path, node, _) in stack.tree().below(&old.library)? {
        if !matches!(node, Node::Directory { .. }) && !files.contains(&path[..]) && !is_below(&path, &old.metadata) {
            stay(&path);
        }
    }
    kept.iter().for_each(|path| stay(path));
    stays.insert(old.library.clone());
    let mut whole: BTreeSet<Box<[u8]>> = BTreeSet::new();
    for file in files {
        let within = parents(file).filter(|folder| is_below(folder, &old.library) && folder.len() > old.library.len());
        match within.into_iter().find(|folder| !stays.contains(*folder)) {
            Some(folder) => whole.insert(folder.into()),
            None => whole.insert(file.into()),
        };
    }
    gone.extend(whole);
    Ok(gone)
}

/// The compiled forms of a module.
fn bytecode(path: &[u8], present: &BTreeSet<Box<[u8]>>) -> Vec<Box<[u8]>> {
    let Some(module) = path.strip_suffix(b".py") else { return Vec::new() };
    let slash = module.iter().rposition(|&byte| byte == b'/').map_or(0, |slash| slash + 1);
    let beginning: Box<[u8]> = [&module[..slash], b"__pycache__/", &module[slash..], b"."].concat().into();
    let all = present.range(beginning.clone()..).take_while(|other| other.starts_with(&beginning));
    all.filter(|other| other.ends_with(b".pyc")).cloned().collect()
}

/// The name, normalised, of the distribution whose metadata a file of a library folder holds: `NAME-VERSION.dist-info`,
/// `NAME-VERSION-py3.8.egg-info`.
pub fn metadata_name(file: &[u8]) -> Option<String> {
    let file = std::str::from_utf8(file).ok()?;
    let stem = match file.strip_suffix(".egg-info") {
        Some(stem) => stem.rsplit_once("-py").map_or(stem, |(stem, _)| stem),
        None => file.strip_suffix(".dist-info")?,
    };
    Some(normalise_name(stem.rsplit_once('-').map_or(stem, |(name, _)| name)))
}

fn is_file(node: &Node) -> bool {
    !matches!(node, Node::Directory { .. })
}

fn is_below(path: &[u8], folder: &[u8]) -> bool {
    folder.is_empty() || path == folder || path.strip_prefix(folder).is_some_and(|rest| rest.starts_with(b"/"))
}

fn join(directory: &[u8], name: &[u8]) -> Box<[u8]> {
    if directory.is_empty() { name.into() } else { [directory, b"/", name].concat().into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_are_told_by_their_names() {
        for (file, name) in [
            ("foo_bar-1.0.dist-info", Some("foo-bar")),
            ("foo-bar-1.0.dist-info", Some("foo-bar")),
            ("Foo.Bar-1.0.dist-info", Some("foo-bar")),
            ("foo-1.0-py3.8.egg-info", Some("foo")),
            ("foo-1.0.egg-info", Some("foo")),
            ("foo.egg-info", Some("foo")),
            ("foo", None),
            ("foo.py", None),
        ] {
            assert_eq!(metadata_name(file.as_bytes()).as_deref(), name, "{file}");
        }
    }

    #[test]
    fn bytecode_goes_with_its_module() {
        let present =
            ["a/__pycache__/m.cpython-312.pyc", "a/__pycache__/m.cpython-312.opt-1.pyc", "a/__pycache__/mm.x.pyc"];
        let present = present.iter().map(|path| path.as_bytes().into()).collect();
        assert_eq!(bytecode(b"a/m.py", &present).len(), 2);
        assert_eq!(bytecode(b"a/m.so", &present).len(), 0);
    }
}
