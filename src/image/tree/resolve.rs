//! Following links.

use super::{Node, TreeError};

/// How many symlinks may be followed to find one path: Linux's own limit.
const LINK_LIMIT: usize = 40;

/// Where a path really lies once all symlinks in it are followed within the root, given what lies at each path.
pub(crate) fn resolve(
    path: &[u8],
    get: impl Fn(&[u8]) -> Result<Option<Node>, TreeError>,
) -> Result<Box<[u8]>, TreeError> {
    let target = |path: &[u8]| match get(path)? {
        Some(Node::Symlink { target }) => Ok(Some(target)),
        _ => Ok(None),
    };
    follow(path, target, || TreeError::Loop(String::from_utf8_lossy(path).into_owned()))
}

/// The same given where each link points; `circle` says that there are too many.
pub(crate) fn follow<E>(
    path: &[u8],
    target: impl Fn(&[u8]) -> Result<Option<Box<[u8]>>, E>,
    circle: impl FnOnce() -> E,
) -> Result<Box<[u8]>, E> {
    let mut todo: Vec<Box<[u8]>> = split(path).map(Box::from).rev().collect();
    let mut done: Vec<u8> = Vec::new();
    let mut followed = 0;
    while let Some(part) = todo.pop() {
        if &*part == b".." {
            done.truncate(done.iter().rposition(|&byte| byte == b'/').unwrap_or(0));
            continue;
        }
        let before = done.len();
        if !done.is_empty() {
            done.push(b'/');
        }
        done.extend_from_slice(&part);
        if let Some(target) = target(&done)? {
            followed += 1;
            if followed > LINK_LIMIT {
                return Err(circle());
            }
            done.truncate(if target.starts_with(b"/") { 0 } else { before });
            todo.extend(split(&target).map(Box::from).rev());
        }
    }
    Ok(done.into())
}

fn split(path: &[u8]) -> impl DoubleEndedIterator<Item = &[u8]> {
    path.split(|&byte| byte == b'/').filter(|part| !part.is_empty() && part != b".")
}
