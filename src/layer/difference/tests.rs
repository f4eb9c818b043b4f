use super::*;
use crate::digest::Digest;

fn file(path: &str, content: &str) -> Entry {
    Entry {
        path: path.as_bytes().into(),
        mode: 0o644,
        uid: 0,
        gid: 0,
        mtime: 0,
        kind: Kind::File { size: content.len() as u64, digest: Digest::of(content.as_bytes()) },
    }
}

fn folder(path: &str) -> Entry {
    Entry { mode: 0o755, kind: Kind::Directory, ..file(path, "") }
}

fn listing(entries: Vec<Entry>) -> Listing {
    Listing { codec: Codec::Gzip, entries, extents: Vec::new() }
}

/// A package of three files at a destination, with the directories on the way.
fn package(to: &str) -> Vec<Entry> {
    let mut entries: Vec<Entry> = crate::entry::parents(to.as_bytes())
        .map(|parent| folder(std::str::from_utf8(parent).unwrap()))
        .chain([folder(to)])
        .collect();
    entries.extend(["a", "b", "c"].map(|name| file(&format!("{to}/{name}"), name)));
    entries
}

fn summary(before: Vec<Entry>, now: &[Entry]) -> String {
    Difference::between(&listing(before), Codec::Gzip, now).summary()
}

#[test]
fn every_aspect_is_told() {
    let mut moded = file("d", "x");
    moded.mode = 0o755;
    moded.mtime = 1;
    let link = |target: &str| Entry { kind: Kind::Symlink { target: target.as_bytes().into() }, ..file("l", "") };
    let before = listing(vec![file("a", "1"), file("b", "1"), file("d", "x"), file("k", ""), link("p")]);
    let now = [file("b", "2"), file("c", "1"), moded, Entry { kind: Kind::Directory, ..file("k", "") }, link("q")];
    let difference = Difference::between(&before, Codec::Zstd, &now);
    assert_eq!(
        difference.summary(),
        "compression gzip → zstd, 1 file changed, 1 added, 1 removed, 1 kind, 1 link, 1 mode, 1 time"
    );
    assert_eq!(
        difference.named(),
        ["/a (removed)", "/b (content)", "/c (added)", "/d (mode 0644 → 0755, time 0 → 1)", "/k (kind)", "/l (link)"]
    );
    let same = Difference::between(&before, Codec::Gzip, &before.entries);
    assert_eq!(same, Difference::default());
}

#[test]
fn what_changed_of_all_is_told_once() {
    let before = package("srv/code");
    let mut now = before.clone();
    now.iter_mut().for_each(|entry| entry.mtime = 1_700_000_000);
    now.iter_mut().skip(1).for_each(|entry| entry.uid = 7);
    assert_eq!(summary(before.clone(), &now), "owner 0:0 → 7:0, time 0 → 1700000000");
    // With one that keeps its time it is told of each.
    now[3].mtime = 0;
    assert_eq!(summary(before.clone(), &now), "owner 0:0 → 7:0, 4 time");
    // And a change of something else stays beside it.
    now[3].mtime = 1_700_000_000;
    now[4].mode = 0o600;
    let difference = Difference::between(&listing(before), Codec::Gzip, &now);
    assert_eq!(difference.summary(), "owner 0:0 → 7:0, time 0 → 1700000000, 1 mode");
    assert_eq!(difference.all(), ["/srv/code/c (mode 0644 → 0600)"]);
}

#[test]
fn a_layer_that_lies_elsewhere_has_moved() {
    for (from, to, told) in [
        ("code", "srv/code", "destination /code → /srv/code"),
        ("code", "app", "destination /code → /app"),
        ("srv/code", "srv/app", "destination /srv/code → /srv/app"),
        ("opt/one/lib", "opt/two/lib", "destination /opt/one/lib → /opt/two/lib"),
        ("srv", "srv/app", "destination /srv → /srv/app"),
    ] {
        assert_eq!(summary(package(from), &package(to)), told);
    }
    let flat = || ["a", "b", "c"].map(|name| file(name, name)).to_vec();
    assert_eq!(summary(flat(), &package("app")), "destination / → /app");
    assert_eq!(summary(package("srv/app"), &flat()), "destination /srv/app → /");
}

#[test]
fn what_changed_while_it_moved_is_told_too() {
    let mut now = package("srv/code");
    now[3] = file("srv/code/b", "other");
    now.push(file("srv/code/d", "new"));
    let difference = Difference::between(&listing(package("app")), Codec::Gzip, &now);
    assert_eq!(difference.summary(), "destination /app → /srv/code, 1 file changed, 1 added");
    assert_eq!(difference.all(), ["/srv/code/b (content)", "/srv/code/d (added)"]);
}

#[test]
fn another_name_is_no_move() {
    assert_eq!(
        summary(vec![folder("srv"), file("srv/a", "1")], &[folder("srv"), file("srv/b", "1")]),
        "1 added, 1 removed"
    );
    // Nor is a directory more, or all other files.
    let mut now = package("code");
    now.insert(0, folder("bin"));
    now.insert(1, file("bin/run", ""));
    assert_eq!(summary(package("code"), &now), "2 added");
    let other = [folder("app"), file("app/x", ""), file("app/y", ""), file("app/z", "")];
    assert_eq!(summary(package("code"), &other), "4 added, 4 removed");
    assert_eq!(summary(Vec::new(), &package("code")), "4 added");
    assert_eq!(summary(package("code"), &[]), "4 removed");
}

#[test]
fn names_of_one_file_move_together() {
    let named = |to: &str| {
        let mut entries = package(to);
        let target = format!("{to}/a").into_bytes().into();
        entries.push(Entry { kind: Kind::Hardlink { target }, ..file(&format!("{to}/d"), "") });
        entries
    };
    assert_eq!(summary(named("code"), &named("app")), "destination /code → /app");
}
