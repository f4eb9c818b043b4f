use super::*;
use crate::digest::Digest;

fn member(path: &str, kind: MemberKind, link: &str) -> Member {
    Member { path: path.as_bytes().into(), kind, link: Some(link.as_bytes().into()), mode: 0o644, ..implied() }
}

fn file(path: &str, content: &str) -> Member {
    Member { digest: Some(Digest::of(content.as_bytes())), link: None, ..member(path, MemberKind::File, "") }
}

/// What lies where, after layers of entries written `path=content`, `path/`, `path>link`, `path+hard link`.
fn laid(layers: &[&[&str]]) -> Vec<String> {
    let mut paths = Paths::within(1 << 20);
    let mut contents = BTreeMap::new();
    for (place, entries) in layers.iter().enumerate() {
        let mut layer = Layer::at(place);
        for entry in *entries {
            let member = if let Some((path, content)) = entry.split_once('=') {
                contents.insert(Digest::of(content.as_bytes()), content.to_owned());
                file(path, content)
            } else if let Some((path, target)) = entry.split_once('>') {
                member(path, MemberKind::Symlink, target)
            } else if let Some((path, target)) = entry.split_once('+') {
                member(path, MemberKind::Hardlink, target)
            } else if let Some(path) = entry.strip_suffix('/') {
                Member { link: None, ..member(path, MemberKind::Directory, "") }
            } else {
                file(entry, "")
            };
            paths.take(&mut layer, member).unwrap();
        }
        paths.end(layer).unwrap();
    }
    let shown = |(path, member, layer): (&[u8], &Arc<Member>, usize)| {
        let what = match member.kind {
            MemberKind::Directory => "/".to_owned(),
            MemberKind::Symlink => format!(">{}", String::from_utf8_lossy(member.link.as_deref().unwrap())),
            MemberKind::Hardlink => "+".to_owned(),
            _ => format!("={}", contents[&member.digest.unwrap()]),
        };
        format!("{}{what} {layer}", String::from_utf8_lossy(path))
    };
    paths.iter().map(shown).collect()
}

#[test]
fn a_hard_link_is_what_was_there_when_it_came() {
    assert_eq!(laid(&[&["z=evil"], &["h+z", "z=good"], &[".wh.z"]]), ["h=evil 1"]);
    assert_eq!(laid(&[&["z=evil"], &["z=good", "h+z"]]), ["h=good 1", "z=good 1"]);
    // Its own layer hides the file only afterwards.
    assert_eq!(laid(&[&["z=evil"], &["h+z", ".wh.z", "z=good"]]), ["h=evil 1", "z=good 1"]);
    assert_eq!(laid(&[&["z=evil"], &["h+z", "z=mid", "k+z", "z=good"]]), ["h=evil 1", "k=mid 1", "z=good 1"]);
    // Only what is nowhere yet may come later.
    assert_eq!(laid(&[&["k+h", "h+z", "z=late"]]), ["h=late 0", "k=late 0", "z=late 0"]);
    assert_eq!(laid(&[&["h+nothing"]]), ["h+ 0"]);
    // By way of links.
    assert_eq!(laid(&[&["d/z=1", "l>d"], &["h+l/z"]]), ["d/ 0", "d/z=1 0", "h=1 1", "l>d 0"]);
}

#[test]
fn names_of_one_file_have_one_mode_and_owner() {
    let mut paths = Paths::within(1 << 20);
    let mut layer = Layer::at(0);
    for entry in [
        file("a", "1"),
        member("b", MemberKind::Hardlink, "a"),
        Member { mode: 0o4755, uid: 7, ..member("c", MemberKind::Hardlink, "b") },
        file(".wh.c", ""),
    ] {
        paths.take(&mut layer, entry).unwrap();
    }
    assert!(paths.iter().all(|(_, member, _)| (member.mode, member.uid) == (0o4755, 7)));
}

#[test]
fn directories_that_nobody_describes_are_replaced_like_others() {
    assert_eq!(laid(&[&["b/"], &["a/x=1"], &["a>b"]]), ["a>b 2", "b/ 0"]);
    assert_eq!(laid(&[&["a/x=1", "a=file"]]), ["a=file 0"]);
    assert_eq!(laid(&[&["a/", "a/x=1", "a>b"]]), ["a>b 0"]);
    assert_eq!(laid(&[&["b/", "a>b"], &["a/x=1"]]), ["a>b 0", "b/ 0", "b/x=1 1"]);
    assert_eq!(laid(&[&["b/", "b/x", "a>b"], &["a/.wh.x"]]), ["a>b 0", "b/ 0"]);
    assert_eq!(laid(&[&["b/", "a>b"], &["a/"]]), ["a/ 1", "b/ 0"]);
}

#[test]
fn whiteouts_hide_what_lower_layers_hold() {
    assert_eq!(laid(&[&["d/", "d/a", "d/b"], &["d/n=1", ".wh.d"]]), ["d/ 1", "d/n=1 1"]);
    assert_eq!(laid(&[&["d/", "d/a"], &["d/n=1", "d/.wh..wh..opq", "d/.wh..wh..opq"]]), ["d/ 0", "d/n=1 1"]);
    assert_eq!(laid(&[&["d/", "e"], &["f=1", ".wh..wh..opq"]]), ["f=1 1"]);
    assert_eq!(laid(&[&["f=1"], &["f=2", ".wh.f"]]), ["f=2 1"]);
}

#[test]
fn links_in_a_circle_are_an_error() {
    let mut paths = Paths::within(1 << 20);
    let mut layer = Layer::at(0);
    paths.take(&mut layer, member("a", MemberKind::Symlink, "b")).unwrap();
    paths.take(&mut layer, member("b", MemberKind::Symlink, "a")).unwrap();
    assert!(matches!(paths.take(&mut layer, file("a/x", "")), Err(TreeError::Loop(_))));
}

#[test]
fn what_may_be_kept_is_limited_in_bytes_and_while_it_is_read() {
    let attributed = |number: usize, name: usize| Member {
        attributes: BTreeMap::from([(vec![b'n'; name].into(), Box::default())]),
        ..file(&number.to_string(), "")
    };
    for (bytes, name, least, most) in [(1 << 20, 0, 1000, 3000), (1 << 20, 60_000, 10, 20), (2 << 20, 60_000, 20, 40)] {
        let mut paths = Paths::within(bytes);
        let mut layer = Layer::at(0);
        let taken = (0..10_000).take_while(|&number| paths.take(&mut layer, attributed(number, name)).is_ok()).count();
        assert!((least..most).contains(&taken), "{taken} of {name}");
    }
    // Directories that are only implied, and whiteouts, are paid for as well.
    for path in ["d/".repeat(400) + "x", ".wh.".to_owned() + &"n".repeat(200)] {
        let mut paths = Paths::within(1 << 20);
        let mut layer = Layer::at(0);
        let distinct =
            |number: usize| file(&path.replacen('d', &format!("d{number}"), 1).replace('n', &number.to_string()), "");
        assert!((0..10_000).any(|number| paths.take(&mut layer, distinct(number)).is_err()), "{path}");
    }
}
