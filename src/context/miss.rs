//! Ignore patterns that miss what they were written for: docker anchors them at the root.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::ignore::IgnoreRules;

/// How many paths are looked at to find out whether a pattern matches any; a context of more is taken to have one.
const WALK_LIMIT: usize = 1_000_000;

/// A directory that rules are asked about, and the files of it that they leave.
#[derive(Debug)]
pub struct Ground<'a> {
    /// The directory.
    pub root: &'a Path,
    /// The files, relative to it, each with its size in bytes.
    pub left: Vec<(Box<[u8]>, u64)>,
}

/// A pattern that matches nothing, although it would below other directories.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Miss {
    /// The pattern as written.
    pub pattern: String,
    /// The one that would match.
    pub anywhere: String,
    /// Its line in the ignore file, from 1; 0 if it came from no file.
    pub line: usize,
    /// How many rules of no file stand before it.
    pub place: usize,
    /// The files that would be left out, each with its size in bytes.
    pub files: Vec<(Box<[u8]>, u64)>,
}

/// The patterns that match nothing at all in the directories, and would leave out files of them if `**/` stood in front.
/// Those that the user has anchored with a `/` are meant so.
pub fn misses(rules: &IgnoreRules, grounds: &[Ground<'_>]) -> Vec<Miss> {
    let mut found = Vec::new();
    for candidate in rules.anchored() {
        let mut files = Vec::new();
        for ground in grounds {
            let gone = ground.left.iter().filter(|(path, _)| candidate.would_ignore(path));
            files.extend(gone.cloned());
        }
        // Most patterns end here, and nothing has to be walked.
        if files.is_empty() || grounds.iter().any(|ground| matches_any(ground.root, &|path| candidate.matches(path))) {
            continue;
        }
        files.sort();
        files.dedup();
        let (pattern, line, place) = (candidate.written.clone(), candidate.line, candidate.place);
        found.push(Miss { anywhere: format!("**/{pattern}"), pattern, line, place, files });
    }
    found
}

/// Whether anything in a directory matches, whatever the ignore rules say of it.
fn matches_any(root: &Path, matches: &dyn Fn(&[u8]) -> bool) -> bool {
    let mut seen = 0;
    let mut todo: Vec<Vec<u8>> = vec![Vec::new()];
    while let Some(folder) = todo.pop() {
        // What cannot be read may be ignored, and then it is no error.
        let Ok(entries) = fs::read_dir(root.join(std::ffi::OsStr::from_bytes(&folder))) else { continue };
        for entry in entries.flatten() {
            let mut path = folder.clone();
            if !path.is_empty() {
                path.push(b'/');
            }
            path.extend_from_slice(entry.file_name().as_bytes());
            seen += 1;
            if seen > WALK_LIMIT || matches(&path) {
                return true;
            }
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                todo.push(path);
            }
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(file: &str, exists: &[&str]) -> Vec<(String, usize, Vec<String>)> {
        let folder = tempfile::tempdir().unwrap();
        for path in exists {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "12345").unwrap();
        }
        let rules = IgnoreRules::parse(file.as_bytes()).unwrap();
        let left = exists.iter().filter(|path| !rules.ignores(path.as_bytes()).unwrap());
        let left = left.map(|path| (path.as_bytes().into(), 5)).collect();
        let misses = misses(&rules, &[Ground { root: folder.path(), left }]);
        let text = |path: &[u8]| String::from_utf8_lossy(path).into_owned();
        misses
            .into_iter()
            .map(|miss| (miss.anywhere, miss.line, miss.files.iter().map(|(path, _)| text(path)).collect()))
            .collect()
    }

    #[test]
    fn a_pattern_misses_if_it_matches_nothing_and_would_elsewhere() {
        let cache = ["app.py", "pkg/__pycache__/a.pyc", "pkg/deep/__pycache__/b.pyc"];
        let files = vec![cache[1].to_owned(), cache[2].to_owned()];
        assert_eq!(told("# caches\n__pycache__/\n", &cache), [("**/__pycache__/".to_owned(), 2, files.clone())]);
        assert_eq!(told("*.pyc\n", &cache)[0].2, files);
        assert_eq!(told("deep/__pycache__", &cache), [("**/deep/__pycache__".to_owned(), 1, files[1..].to_vec())]);
    }

    #[test]
    fn a_pattern_that_matches_something_or_is_meant_so_is_fine() {
        for (file, exists) in [
            ("__pycache__\n", &["__pycache__/a.pyc", "pkg/__pycache__/b.pyc"][..]),
            ("**/__pycache__\n__pycache__\n", &["pkg/__pycache__/b.pyc"]),
            ("/build\n", &["pkg/build/x"]),
            ("build\n", &["src/x"]),
            ("!build\n", &["pkg/build/x"]),
            ("build\n!**/build\n", &["pkg/build/x"]),
            // It matches what another pattern leaves out.
            ("build\ntarget\n", &["build/target/x", "target", "pkg/target/y"]),
        ] {
            assert_eq!(told(file, exists), [], "{file}");
        }
    }
}
