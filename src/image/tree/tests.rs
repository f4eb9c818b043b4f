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
