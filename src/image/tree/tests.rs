use super::*;

fn directory() -> Node {
    Node::Directory { mode: 0o755, uid: 0, gid: 0 }
}

fn nodes(paths: &[(&str, Node)]) -> Nodes {
    let mut nodes = Nodes::new();
    paths.iter().for_each(|(path, node)| nodes.put(path.as_bytes(), node.clone()));
    nodes
}

fn link(target: &str) -> Node {
    Node::Symlink { target: target.as_bytes().into() }
}

fn linked() -> Tree {
    Tree::over(nodes(&[
        ("usr", directory()),
        ("usr/lib", directory()),
        ("lib", link("usr/lib")),
        ("abs", link("/usr/../lib")),
        ("up", link("../../../lib")),
        ("a", link("b")),
        ("b", link("a")),
        ("dangling", link("no/where")),
    ]))
}

#[test]
fn links_are_followed_within_the_root() {
    let tree = linked();
    for (path, real) in [
        ("lib/x", "usr/lib/x"),
        ("abs/x", "usr/lib/x"),
        ("up/y/z", "usr/lib/y/z"),
        ("dangling/q", "no/where/q"),
        ("new/dir", "new/dir"),
        ("lib", "usr/lib"),
    ] {
        assert_eq!(tree.resolve(path.as_bytes()).unwrap(), real.as_bytes().into(), "{path}");
    }
    assert!(matches!(tree.resolve(b"a/x"), Err(TreeError::Loop(_))));
}

#[test]
fn facts_answer_the_same_questions_without_the_base() {
    let ask = |tree: &Tree| {
        let places: Vec<_> = ["lib/x", "usr/lib", "opt/a/b", "opt/c", "été/x"]
            .iter()
            .map(|path| (tree.resolve(path.as_bytes()).unwrap(), tree.get(path.as_bytes()).unwrap()))
            .collect();
        (places, tree.facts().unwrap())
    };
    let whole = linked();
    let (answers, facts) = ask(&whole);
    assert_eq!(facts, "l:usr/lib:lib -:opt d:755:0:0:usr d:755:0:0:usr/lib -:usr/lib/x -:%C3%A9t%C3%A9");
    let never: Loader = Box::new(|| panic!("the base is not needed"));
    let partly = Tree::lazily(parse_facts(&facts).unwrap(), never);
    assert_eq!(ask(&partly), (answers, facts));
}

#[test]
fn another_question_loads_the_base() {
    let facts = parse_facts("-:opt").unwrap();
    let tree = Tree::lazily(facts.clone(), Box::new(|| Ok(nodes(&[("usr", directory())]))));
    assert_eq!(tree.get(b"usr").unwrap(), Some(directory()));
    let failing = Tree::lazily(facts, Box::new(|| Err("no network".into())));
    assert_eq!(failing.get(b"opt/x").unwrap(), None);
    assert!(matches!(failing.get(b"usr"), Err(TreeError::Unavailable(_))));
}

#[test]
fn layers_hide_what_lies_below_them() {
    let mut tree = Tree::over(nodes(&[("d", directory()), ("d/f", Node::File)]));
    let kind = Kind::Symlink { target: (*b"elsewhere").into() };
    tree.apply(&[Entry { path: (*b"d").into(), mode: 0o777, uid: 0, gid: 0, mtime: 0, kind }]);
    assert_eq!(tree.get(b"d/f").unwrap(), None);
    assert_eq!(tree.facts().unwrap(), "", "the base was not asked");
}

fn entry(path: &str, kind: Kind) -> Entry {
    Entry { path: path.as_bytes().into(), mode: 0o755, uid: 0, gid: 0, mtime: 0, kind }
}

fn file(path: &str) -> Entry {
    entry(path, Kind::File { size: 0, digest: crate::digest::Digest::of(b"") })
}

fn folder(path: &str) -> Entry {
    entry(path, Kind::Directory)
}

fn list(tree: &Tree, path: &str) -> Vec<String> {
    let found = tree.below(path.as_bytes()).unwrap();
    let show = |(path, _, place): &Listed| match place {
        Where::Own(layer) => format!("{}@{layer}", String::from_utf8_lossy(path)),
        Where::Ground => String::from_utf8_lossy(path).into_owned(),
    };
    found.iter().map(show).collect()
}

/// `d` with `f` and `e/g` in it, and `k`.
fn over_d() -> Tree {
    Tree::over(nodes(&[
        ("d", directory()),
        ("d/e", directory()),
        ("d/e/g", Node::File),
        ("d/f", Node::File),
        ("k", Node::File),
    ]))
}

#[test]
fn what_is_removed_stays_removed() {
    let mut tree = over_d();
    tree.apply(&[folder("d"), file("d/.wh.e"), file("d/own")]);
    assert_eq!(tree.get(b"d/e").unwrap(), None);
    assert_eq!(tree.get(b"d/e/g").unwrap(), None);
    assert_eq!(tree.get(b"d/f").unwrap(), Some(Node::File));
    assert_eq!(tree.get(b"d/.wh.e").unwrap(), None);
    assert_eq!(list(&tree, "d"), ["d/f", "d/own@0"]);
    // Its name comes back, what was below it does not.
    tree.apply(&[folder("d"), folder("d/e"), file("d/e/new"), file("d/.wh.own")]);
    assert_eq!(tree.get(b"d/e").unwrap(), Some(directory()));
    assert_eq!(tree.get(b"d/e/g").unwrap(), None);
    assert_eq!(list(&tree, "d"), ["d/e@1", "d/e/new@1", "d/f"]);
    assert_eq!(list(&tree, "d/e"), ["d/e/new@1"]);
    assert_eq!(tree.own_layer(b"d/own"), None);
    assert_eq!(tree.detail(b"d/e/g").unwrap(), None);
    tree.apply(&[file(".wh.d")]);
    assert_eq!(list(&tree, ""), ["k"]);
    assert_eq!(list(&tree, "d"), Vec::<String>::new());
}

#[test]
fn whiteouts_hide_nothing_of_their_own_layer() {
    let mut tree = over_d();
    tree.apply(&[folder("d"), file("d/.wh..wh..opq"), file("d/.wh.x"), folder("d/e"), file("d/x")]);
    assert_eq!(list(&tree, ""), ["d@0", "d/e@0", "d/x@0", "k"]);
    tree.apply(&[file(".wh..wh..opq"), file("a")]);
    assert_eq!(list(&tree, ""), ["a@1"]);
    assert_eq!(tree.get(b"k").unwrap(), None);
}

#[test]
fn a_directory_in_the_place_of_a_link_or_a_file_is_empty() {
    let mut tree = over_d();
    tree.apply(&[entry("d", Kind::Symlink { target: (*b"k").into() })]);
    assert_eq!(list(&tree, ""), ["d@0", "k"]);
    assert_eq!(tree.detail(b"d/f").unwrap(), None);
    tree.apply(&[folder("d"), file("d/x")]);
    assert_eq!(list(&tree, "d"), ["d/x@1"]);
    assert_eq!(tree.get(b"d/f").unwrap(), None);
}

#[test]
fn what_was_removed_is_not_asked_for() {
    let mut tree = Tree::lazily(Facts::new(), Box::new(|| panic!("the base is not needed")));
    tree.apply(&[file(".wh.opt"), file(".wh..wh..opq")]);
    assert_eq!(tree.get(b"opt/x").unwrap(), None);
    assert_eq!(list(&tree, ""), Vec::<String>::new());
    assert_eq!(tree.facts().unwrap(), "");
}

#[test]
fn layers_are_counted_through_clones() {
    let mut tree = over_d();
    tree.apply(&[folder("d"), file("d/own")]);
    tree.apply(&[]);
    let mut above = tree.clone();
    above.apply(&[file("top"), folder("d"), file("d/f")]);
    let layers: Vec<_> = [&b"d/own"[..], b"top", b"d/f", b"d", b"k"].iter().map(|path| above.own_layer(path)).collect();
    assert_eq!(layers, [Some(0), Some(2), Some(2), Some(2), None]);
    assert_eq!(above.detail(b"d/f").unwrap(), None);
    assert_eq!(tree.detail(b"d/f").unwrap().unwrap().kind, super::super::nodes::DetailKind::Regular);
    assert_eq!(tree.ground().unwrap().len(), 5);
}

#[test]
fn facts_may_prove_that_nothing_lies_below() {
    let facts = parse_facts("-:opt f:srv d:755:0:0:usr").unwrap();
    let mut tree = Tree::lazily(facts, Box::new(|| Err("no network".into())));
    tree.apply(&[folder("opt"), folder("opt/a"), file("opt/a/b")]);
    assert_eq!(list(&tree, "opt"), ["opt/a@0", "opt/a/b@0"]);
    assert_eq!(list(&tree, "opt/a"), ["opt/a/b@0"]);
    assert_eq!(list(&tree, "srv"), Vec::<String>::new());
    assert!(matches!(tree.below(b"usr"), Err(TreeError::Unavailable(_))));
}

/// A base whose account files name a user and a group.
fn with_accounts() -> Nodes {
    let mut stream = tar::Builder::new(Vec::new());
    for (path, text) in [("etc/passwd", "app:x:1000:1001::/:\nbad:x:-5:0\n"), ("etc/group", "staff:x:50:\n")] {
        let mut header = tar::Header::new_ustar();
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        header.set_uid(0);
        header.set_gid(0);
        stream.append_data(&mut header, path, text.as_bytes()).unwrap();
    }
    let mut nodes = Nodes::new();
    nodes.apply_tar(&stream.into_inner().unwrap()[..]).unwrap();
    nodes
}

fn owner(tree: &Tree, name: &str, own: &OwnFile<'_>) -> Result<(u64, u64), TreeError> {
    tree.owner(&name.parse().unwrap(), own).map(|owner| (owner.uid, owner.gid))
}

#[test]
fn names_are_facts_too() {
    let never: &OwnFile<'_> = &|_, _| panic!("no layer wrote it");
    let ask = |tree: &Tree| {
        assert_eq!(owner(tree, "app", never).unwrap(), (1000, 1001));
        assert_eq!(owner(tree, "app:staff", never).unwrap(), (1000, 50));
        assert_eq!(owner(tree, "7", never).unwrap(), (7, 7));
        assert!(matches!(owner(tree, "nobody", never), Err(TreeError::Unknown { what: "user", .. })));
        let error = owner(tree, "app:no body", never).unwrap_err();
        assert_eq!(error.to_string(), "there is no group `no body` in `/etc/group` of the image");
        assert_eq!(tree.group("app", never).unwrap(), None);
        tree.facts().unwrap()
    };
    let facts = ask(&Tree::over(with_accounts()));
    assert_eq!(facts, "u:1000:1001:app -u:nobody -g:app -g:no%20body g:50:staff");
    let partly = Tree::lazily(parse_facts(&facts).unwrap(), Box::new(|| panic!("the base is not needed")));
    assert_eq!(ask(&partly), facts);
    assert!(matches!(owner(&Tree::over(with_accounts()), "bad", never), Err(TreeError::Accounts { .. })));
    assert_eq!(Tree::new().user("app", never).unwrap(), None);
}

#[test]
fn a_layers_own_accounts_win() {
    let own: &OwnFile<'_> = &|layer, path| match (layer, path) {
        (1, b"etc/passwd") => Ok(b"app:x:5:6:::".to_vec()),
        _ => Err("there is no such file".into()),
    };
    let mut tree = Tree::over(with_accounts());
    tree.apply(&[]);
    tree.apply(&[folder("etc"), file("etc/passwd")]);
    assert_eq!(owner(&tree, "app:staff", own).unwrap(), (5, 50));
    assert_eq!(tree.facts().unwrap(), "g:50:staff");
    tree.apply(&[folder("etc"), file("etc/passwd")]);
    assert!(matches!(tree.user("app", own), Err(TreeError::Own { .. })));
    tree.apply(&[folder("etc"), file("etc/.wh.passwd")]);
    assert_eq!(tree.user("app", own).unwrap(), None);
    tree.apply(&[entry("etc", Kind::Symlink { target: (*b"usr").into() })]);
    assert!(matches!(tree.user("app", own), Err(TreeError::Accounts { .. })));
    let mut hidden = Tree::over(with_accounts());
    hidden.apply(&[file(".wh.etc"), folder("etc"), file("etc/motd")]);
    assert_eq!(hidden.user("app", own).unwrap(), None);
}
