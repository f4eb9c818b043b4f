use super::*;

fn stream(paths: &[(&str, Option<&str>)]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (path, link) in paths {
        let mut header = tar::Header::new_ustar();
        header.set_size(0);
        header.set_uid(7);
        header.set_gid(8);
        header.set_mode(0o1777);
        header.as_mut_bytes()[..path.len()].copy_from_slice(path.as_bytes());
        if let Some(target) = link {
            header.set_entry_type(tar::EntryType::Symlink);
            header.set_link_name(target).unwrap();
        } else if path.ends_with('/') {
            header.set_entry_type(tar::EntryType::Directory);
        }
        header.set_cksum();
        builder.append(&header, &[][..]).unwrap();
    }
    builder.into_inner().unwrap()
}

fn tree(layers: &[&[(&str, Option<&str>)]]) -> Nodes {
    let mut tree = Nodes::new();
    for layer in layers {
        tree.apply_tar(&stream(layer)[..]).unwrap();
    }
    tree
}

#[test]
fn whiteouts_hide_lower_layers_only() {
    let tree = tree(&[
        &[("d/", None), ("d/old", None), ("e/", None), ("e/f", None), ("g", None)],
        &[("d/new", None), ("d/.wh..wh..opq", None), (".wh.e", None), ("g/", None), ("g/h", None)],
    ]);
    assert_eq!(tree.get(b"d/old"), None);
    assert_eq!(tree.get(b"d/new"), Some(&Node::File));
    assert_eq!(tree.get(b"e/f"), None);
    assert_eq!(tree.get(b"e"), None);
    assert_eq!(tree.get(b"g"), Some(&Node::Directory { mode: 0o1777, uid: 7, gid: 8 }));
}

#[test]
fn what_is_written_through_a_link_lies_where_the_link_leads() {
    let tree = tree(&[
        &[("usr/", None), ("usr/lib/", None), ("lib", Some("usr/lib"))],
        &[("lib/x/", None), ("lib/x/y", None)],
        &[("lib/x/.wh.y", None)],
    ]);
    assert_eq!(tree.get(b"usr/lib/x"), Some(&Node::Directory { mode: 0o1777, uid: 7, gid: 8 }));
    assert_eq!(tree.get(b"usr/lib/x/y"), None);
    assert_eq!(tree.get(b"lib/x"), None);
}

#[test]
fn paths_outside_the_root_are_refused() {
    let mut tree = Nodes::new();
    let error = tree.apply_tar(&stream(&[("../etc/passwd", None)])[..]).unwrap_err();
    assert!(matches!(error, TreeError::Outside(_)));
}

#[test]
fn the_compact_form_comes_back_and_rubbish_does_not() {
    let tree = tree(&[&[("usr/lib/", None), ("lib", Some("usr/lib")), ("f", None)]]);
    let bytes = tree.encode().unwrap();
    assert_eq!(Nodes::decode(&bytes).unwrap(), tree);
    for cut in 0..bytes.len() {
        assert!(Nodes::decode(&bytes[..cut]).is_err());
    }
}

/// A layer's stream, written entry by entry.
#[derive(Default)]
struct Stream(Vec<u8>);

impl Stream {
    fn entry(mut self, kind: tar::EntryType, path: &str, link: &str, content: &[u8]) -> Stream {
        let mut header = tar::Header::new_ustar();
        header.set_entry_type(kind);
        header.set_size(content.len() as u64);
        header.set_mode(0o640);
        header.set_uid(7);
        header.set_gid(8);
        header.as_mut_bytes()[..path.len()].copy_from_slice(path.as_bytes());
        header.as_mut_bytes()[157..157 + link.len()].copy_from_slice(link.as_bytes());
        header.set_cksum();
        self.0.extend_from_slice(header.as_bytes());
        self.0.extend_from_slice(content);
        self.0.resize(self.0.len().next_multiple_of(512), 0);
        self
    }

    fn file(self, path: &str, content: &[u8]) -> Stream {
        self.entry(tar::EntryType::Regular, path, "", content)
    }

    fn folder(self, path: &str) -> Stream {
        self.entry(tar::EntryType::Directory, path, "", b"")
    }

    fn link(self, path: &str, target: &str) -> Stream {
        self.entry(tar::EntryType::Symlink, path, target, b"")
    }

    fn hard_link(self, path: &str, target: &str) -> Stream {
        self.entry(tar::EntryType::Link, path, target, b"")
    }
}

fn lay(layers: &[Stream]) -> Nodes {
    let mut tree = Nodes::new();
    layers.iter().for_each(|layer| tree.apply_tar(&layer.0[..]).unwrap());
    tree
}

/// Layer, entry and kind of a path.
fn place(tree: &Nodes, path: &str) -> (u32, u32, DetailKind) {
    let detail = tree.detail(path.as_bytes()).unwrap();
    assert_eq!((detail.mode, detail.uid, detail.gid), (0o640, 7, 8));
    (detail.layer, detail.entry, detail.kind.clone())
}

fn other_name(target: &str) -> DetailKind {
    DetailKind::HardLink { target: target.as_bytes().into() }
}

#[test]
fn details_tell_where_a_content_lies() {
    let fifo = tar::EntryType::Fifo;
    let tree = lay(&[
        Stream::default().folder("usr/").folder("usr/lib/").link("lib", "usr/lib").file("lib/a", b"a").file("b", b"b"),
        Stream::default().file("b", b"new").file("usr/lib/.wh.none", b"").file("c", b"c").entry(fifo, "p", "", b""),
    ]);
    assert_eq!(tree.layers(), 2);
    assert_eq!(tree.detail(b"usr"), None);
    assert_eq!(tree.detail(b"lib/a"), None, "it lies where the link leads");
    for (path, expected) in [
        ("usr/lib/a", (0, 3, DetailKind::Regular)),
        ("lib", (0, 2, DetailKind::Symlink)),
        ("b", (1, 0, DetailKind::Regular)),
        ("c", (1, 2, DetailKind::Regular)),
        ("p", (1, 3, DetailKind::Other)),
    ] {
        assert_eq!(place(&tree, path), expected, "{path}");
    }
}

#[test]
fn hard_links_share_what_was_there_when_they_were_made() {
    let tree = lay(&[
        Stream::default()
            .folder("usr")
            .link("u", "usr")
            .file("u/f", b"f")
            .hard_link("g", "./u/f")
            .hard_link("h", "/g")
            .link("s", "usr")
            .hard_link("t", "s")
            .hard_link("lost", "nowhere"),
        Stream::default().file("usr/f", b"other").hard_link("i", "h").hard_link("j", "usr/f"),
    ]);
    let first = (0, 2, other_name("usr/f"));
    assert_eq!(place(&tree, "g"), first);
    assert_eq!(place(&tree, "h"), first);
    assert_eq!(place(&tree, "i"), first, "what lay there before");
    assert_eq!(place(&tree, "j"), (1, 0, other_name("usr/f")));
    assert_eq!(tree.get(b"t"), Some(&Node::Symlink { target: (*b"usr").into() }));
    assert_eq!(place(&tree, "t"), (0, 5, DetailKind::Symlink));
    assert_eq!(place(&tree, "lost"), (0, 7, other_name("nowhere")));
    let mut tree = Nodes::new();
    let outside = tree.apply_tar(&Stream::default().hard_link("x", "../f").0[..]);
    assert!(matches!(outside, Err(TreeError::Outside(_))));
}

#[test]
fn below_is_what_lies_below() {
    let tree =
        lay(&[Stream::default().folder("a").file("a-b", b"").file("a/x", b"").file("a/y/z", b"").file("a0", b"")]);
    let below = |path: &[u8]| -> Vec<String> {
        tree.below(path).map(|(path, _, _)| String::from_utf8_lossy(path).into_owned()).collect()
    };
    assert_eq!(below(b"a"), ["a/x", "a/y", "a/y/z"]);
    assert_eq!(below(b"a/x"), Vec::<String>::new());
    assert_eq!(below(b""), ["a", "a-b", "a/x", "a/y", "a/y/z", "a0"]);
}

#[test]
fn the_files_that_name_owners_are_those_on_top() {
    let passwd = |tree: &Nodes| tree.accounts(AccountFile::Passwd).map(|text| text.map(<[u8]>::to_vec));
    let why = |tree: &Nodes| match tree.accounts(AccountFile::Passwd) {
        Err(TreeError::Accounts { path: "etc/passwd", why }) => why,
        other => panic!("{other:?}"),
    };
    let first = || Stream::default().folder("etc").file("./etc/passwd", b"one").file("etc/group", b"group");
    let tree = lay(&[first()]);
    assert_eq!(passwd(&tree).unwrap().unwrap(), b"one");
    assert_eq!(tree.accounts(AccountFile::Group).unwrap().unwrap(), b"group");
    let tree = lay(&[first(), Stream::default().file("etc/passwd", b"two").file("etc/passwd", b"three")]);
    assert_eq!(passwd(&tree).unwrap().unwrap(), b"three");
    for gone in ["etc/.wh.passwd", ".wh.etc", "etc/.wh..wh..opq", ".wh..wh..opq"] {
        let tree = lay(&[first(), Stream::default().file(gone, b"")]);
        assert_eq!(passwd(&tree).unwrap(), None, "{gone}");
        assert!(tree.accounts.len() < 2);
    }
    assert_eq!(passwd(&Nodes::new()).unwrap(), None);
    let large = vec![b'x'; ACCOUNTS_LIMIT as usize + 1];
    assert_eq!(passwd(&lay(&[first().file("etc/passwd", &large[1..])])).unwrap().unwrap().len(), large.len() - 1);
    assert_eq!(why(&lay(&[first().file("etc/passwd", &large)])), "it is larger than 1 MiB");
    assert_eq!(why(&lay(&[first(), Stream::default().link("etc/passwd", "group")])), "it lies behind a link");
    assert_eq!(
        why(&lay(&[first(), Stream::default().hard_link("etc/passwd", "etc/group")])),
        "it is no regular file of its own"
    );
    assert_eq!(why(&lay(&[first(), Stream::default().folder("etc/passwd")])), "it is a directory");
    let behind = Stream::default().folder("usr").folder("usr/etc").file("usr/etc/passwd", b"x").link("etc", "usr/etc");
    assert_eq!(why(&lay(&[behind])), "it lies behind a link");
}

#[test]
fn every_detail_comes_back() {
    let tree = lay(&[
        Stream::default().file("etc/passwd", b"root").file("etc/group", b"").link("l", "etc").file("z", b""),
        Stream::default().hard_link("a", "z").entry(tar::EntryType::Char, "tty", "", b"").file("b", b""),
    ]);
    let bytes = tree.encode().unwrap();
    assert!(Nodes::is_encoded(&bytes));
    let read = Nodes::decode(&bytes).unwrap();
    assert_eq!(read, tree);
    assert_eq!(read.accounts(AccountFile::Passwd).unwrap().unwrap(), b"root");
    assert_eq!(read.accounts(AccountFile::Group).unwrap().unwrap(), b"");
    let old = [b"tarsia tree 1\n", &bytes[14..]].concat();
    assert!(!Nodes::is_encoded(&old) && Nodes::decode(&old).is_err());
}

#[test]
fn every_path_knows_its_size_and_who_put_it_there() {
    let tree = lay(&[
        Stream::default().folder("d").file("d/a", b"abc").link("l", "d").file("d/b", b"b"),
        Stream::default().folder("d").file("l/c", b"four").hard_link("h", "d/a").file("new/x", b""),
    ]);
    let tree = Nodes::decode(&tree.encode().unwrap()).unwrap();
    let all: Vec<_> =
        tree.all().map(|each| (std::str::from_utf8(each.path).unwrap(), each.placed.layer, each.placed.size)).collect();
    // A hard link was put there by the upper layer, its content is the lower one's.
    assert_eq!(tree.detail(b"h").unwrap().layer, 0);
    let expected = [
        ("d", 1, 0),
        ("d/a", 0, 3),
        ("d/b", 0, 1),
        ("d/c", 1, 4),
        ("h", 1, 0),
        ("l", 0, 0),
        ("new", 1, 0),
        ("new/x", 1, 0),
    ];
    assert_eq!(all, expected);
}

#[test]
fn a_form_that_contradicts_itself_is_damaged() {
    let decode = |body: &[u8]| {
        let bytes = [&b"tarsia tree 3\n"[..], &crate::binary::compress(body).unwrap()].concat();
        Nodes::decode(&bytes)
    };
    // One layer, no account files, and the file `a`: mode 0, owner 0:0, layer 0, entry 0; put by layer 0, of size 0.
    let file = [1, 0, 0, 0, 1, b'a', b'f', 0, 0, 0, 0, 0, 0, 0];
    assert_eq!(decode(&file).unwrap().len(), 1);
    for (at, byte) in
        [(0, 0), (1, 1), (1, 2), (4, 0), (5, b'/'), (5, b'.'), (6, b'x'), (6, b'h'), (10, 1), (11, 1), (12, 1)]
    {
        let mut wrong = file;
        wrong[at] = byte;
        assert!(decode(&wrong).is_err(), "{at} {byte}");
    }
    for end in 0..file.len() {
        assert!(decode(&file[..end]).is_err() || end == 3, "{end}");
    }
    // A text of accounts without its file.
    assert!(decode(&[1, 1, 1, b'x', 0]).is_err());
    // A link that leaves the root.
    assert!(decode(&[1, 0, 0, 0, 1, b'a', b'h', 4, b'.', b'.', b'/', b'b', 0, 0, 0, 0, 0, 0, 0]).is_err());
}

proptest::proptest! {
    #[test]
    fn no_form_makes_the_reader_panic(body: Vec<u8>) {
        let bytes = [&b"tarsia tree 3\n"[..], &crate::binary::compress(&body).unwrap()].concat();
        if let Ok(tree) = Nodes::decode(&bytes) {
            let again = Nodes::decode(&tree.encode().unwrap()).unwrap();
            assert_eq!(again, tree);
        }
    }
}
