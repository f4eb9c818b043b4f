//! `ADD`: archives of all kinds, made with other people's programs, and files from elsewhere.

use std::fs;

use crate::support::images::{Tar, gzip};
use crate::support::judge::python;
use crate::support::registry::{Action, Fault, Kind, Registry, digest_of};
use crate::support::tools::tool;
use crate::support::{Run, Sandbox};

/// A tree with owners, modes, links and nested directories, and a tar program to pack it.
fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox
        .file("tree/top.txt", "top\n")
        .file("tree/one/two/three.txt", "three\n")
        .executable("tree/one/run", "#!/bin/sh\n")
        .link("tree/one/link", "two/three.txt")
        .link("tree/outside", "/etc/passwd")
        .folder("tree/empty");
    fs::hard_link(sandbox.path("tree/top.txt"), sandbox.path("tree/one/same.txt")).unwrap();
    sandbox
}

/// Packs the tree; the owners are those that `tar` is told.
fn tar(sandbox: &Sandbox, name: &str, flags: &[&str]) {
    let file = sandbox.path(&format!("app/{name}"));
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    let tree = sandbox.path("tree");
    let fixed = ["-C", tree.to_str().unwrap(), "--owner=:7", "--group=:8", "--mode=u=rwX,g=rX,o=", "--sort=name"];
    let last = ["-cf", file.to_str().unwrap(), "."];
    tool("tar", fixed.iter().chain(flags).chain(&last));
}

/// What the tree is once it is unpacked in `/x`. What the archive says of its own root, `./`, is not said of `/x`.
const TREE: [&str; 9] = [
    "x/empty: d 0750 7:8",
    "x/one: d 0750 7:8",
    "x/one/link: l 7:8 -> two/three.txt",
    "x/one/run: f 0750 7:8 = #!/bin/sh",
    "x/one/same.txt: f 0640 7:8 = top",
    "x/one/two: d 0750 7:8",
    "x/one/two/three.txt: f 0640 7:8 = three",
    "x/outside: l 7:8 -> /etc/passwd",
    "x/top.txt: f 0640 7:8 = top",
];

#[test]
fn archives_of_all_kinds_are_unpacked() {
    let sandbox = sandbox();
    for (name, flags) in [
        ("plain.tar", &["--format=gnu"][..]),
        ("pax.tar", &["--format=posix"]),
        ("ustar.tar", &["--format=ustar"]),
        ("v7.tar", &["--format=v7"]),
        ("a.tar.gz", &["--gzip"]),
        ("a.tar.bz2", &["--bzip2"]),
        ("a.tar.xz", &["--xz"]),
        ("a.tar.zst", &["--zstd"]),
        // What counts is what is in it.
        ("no-archive.txt", &["--gzip"]),
    ] {
        tar(&sandbox, name, flags);
        let image = sandbox.built(&format!("FROM scratch\nADD {name} /x/\n"), &[]);
        assert_eq!(image.shown(), TREE, "{name}");
        assert_eq!(image.inode("x/top.txt"), image.inode("x/one/same.txt"), "{name}");
        assert_eq!(image.time("x/top.txt"), 0, "{name}");
    }
}

#[test]
fn several_streams_one_after_the_other_are_one_archive() {
    let sandbox = sandbox();
    let mut first = Tar::default();
    first.file("a", &[b'a'; 700]);
    let whole = first.end();
    let (one, two) = whole.split_at(600);
    sandbox.file("app/a.tar.gz", [gzip(one), gzip(two)].concat());
    assert_eq!(sandbox.built("FROM scratch\nADD a.tar.gz /\n", &[]).text("a").len(), 700);
}

#[test]
fn an_archive_s_owners_give_way_to_chown() {
    let sandbox = sandbox();
    tar(&sandbox, "a.tar.gz", &["--gzip"]);
    let image = sandbox.built("FROM scratch\nADD --chown=1:2 a.tar.gz /x/\n", &[]);
    assert!(image.listing().values().all(|line| line.contains(" 1:2")), "{:?}", image.listing());
    assert_eq!(image.line("x/one/run"), "f 0750 1:2");
}

#[test]
fn what_is_not_to_be_unpacked_is_copied() {
    let sandbox = sandbox();
    tar(&sandbox, "a.tar.gz", &["--gzip"]);
    let bytes = fs::read(sandbox.path("app/a.tar.gz")).unwrap();
    for line in ["ADD --unpack=false a.tar.gz /x/", "COPY a.tar.gz /x/", "ADD --unpack=false *.gz /x/a.tar.gz"] {
        let image = sandbox.built(&format!("FROM scratch\n{line}\n"), &[]);
        assert_eq!(fs::read(image.path("x/a.tar.gz")).unwrap(), bytes, "{line}");
    }
    let image = sandbox.built("FROM scratch\nADD --unpack a.tar.gz /x/\n", &[]);
    assert_eq!(image.shown(), TREE);
}

#[test]
fn what_is_no_archive_is_copied() {
    let sandbox = Sandbox::new();
    python("import sys, zipfile\nwith zipfile.ZipFile(sys.argv[1], 'w') as z: z.writestr('a', 'a')\n", &{
        sandbox.folder("app");
        sandbox.path("app/a.zip")
    });
    sandbox
        .file("app/text.tar", "not a tar\n")
        .file("app/empty.tar", "")
        .file("app/text.gz", gzip(b"only compressed\n"))
        .file("app/broken.tar.gz", &gzip(&[0; 2000])[..12])
        .file("app/magic.xz", b"\xfd7zXZ\0");
    let image = sandbox.built("FROM scratch\nADD * /\n", &[]);
    for name in ["a.zip", "text.tar", "empty.tar", "text.gz", "broken.tar.gz", "magic.xz"] {
        assert_eq!(fs::read(image.path(name)).unwrap(), fs::read(sandbox.path("app").join(name)).unwrap(), "{name}");
    }
}

#[test]
fn archives_of_a_directory_that_is_added_are_copied() {
    let sandbox = sandbox();
    tar(&sandbox, "folder/a.tar", &[]);
    assert_eq!(sandbox.built("FROM scratch\nADD folder /x/\n", &[]).paths(), ["x", "x/a.tar"]);
}

#[test]
fn an_archive_lies_over_what_is_there() {
    let sandbox = sandbox();
    let mut tar = Tar::default();
    tar.folder("lib/", 0o700).file("lib/mine", b"mine\n").file("etc/issue", b"mine\n").symlink("srv", "opt");
    sandbox.file("app/a.tar", tar.end());
    sandbox.file("base/etc/issue", "base\n").file("base/usr/lib/theirs", "theirs\n").link("base/lib", "usr/lib");
    sandbox.file("base/srv/data", "base\n").file("base/etc/passwd", "root:x:0:0::/:/bin/sh\n");
    sandbox.base("base", "base");
    let image = sandbox.built("FROM base\nADD a.tar /\n", &["--build-context", "base=oci-layout://bases:base"]);
    assert_eq!(image.text("etc/issue"), "mine\n");
    // What is no directory takes the place of a directory, and a directory that of a link, as tar does it.
    assert_eq!(image.line("srv"), "l 0:0 -> opt");
    assert_eq!(image.line("lib"), "d 0700 0:0");
    assert_eq!(image.text("lib/mine"), "mine\n");
    assert_eq!(image.text("usr/lib/theirs"), "theirs\n");
    // In a place that is reached through a link.
    let image = sandbox.built("FROM base\nADD a.tar /lib/x/\n", &["--build-context", "base=oci-layout://bases:base"]);
    assert_eq!(image.line("lib"), "l 0:0 -> usr/lib");
    assert_eq!(image.text("usr/lib/x/etc/issue"), "mine\n");
}

#[test]
fn an_archive_is_unpacked_once_and_is_the_same_from_the_store() {
    let sandbox = sandbox();
    tar(&sandbox, "a.tar.zst", &["--zstd"]);
    let text = "FROM scratch\nADD a.tar.zst /x/\n";
    let first = sandbox.digest_of_dockerfile(text, &[]);
    assert_eq!(sandbox.digest_of_dockerfile(text, &[]), first);
    assert_eq!(sandbox.digest_of_dockerfile(text, &["--no-cache"]), first);
    // Compressed otherwise it is the same layer.
    tar(&sandbox, "a.tar.zst", &["--xz"]);
    assert_eq!(sandbox.digest_of_dockerfile(text, &[]), first);
}

fn add(checksum: &str, url: &str, flags: &str) -> String {
    format!("FROM scratch\nADD --checksum={checksum} {flags} {url} /x/\n")
}

#[test]
fn a_file_from_elsewhere_is_fetched_once() {
    let registry = Registry::start();
    let sandbox = Sandbox::new();
    let content = b"from elsewhere\n".to_vec();
    let url = registry.put_file("/files/some.txt", content.clone());
    let text = add(&digest_of(&content), &url, "");
    let digest = sandbox.digest_of_dockerfile(&text, &[]);
    assert_eq!(registry.log().paths(), ["GET /files/some.txt"]);
    assert_eq!(registry.log().0[0].authorization, None);
    assert_eq!(sandbox.unpack("app").shown(), ["x/some.txt: f 0600 0:0 = from elsewhere"]);
    registry.clear_log();

    assert_eq!(sandbox.digest_of_dockerfile(&text, &[]), digest);
    assert_eq!(sandbox.digest_of_dockerfile(&text, &["--offline"]), digest);
    // What it is does not depend on where it came from.
    let elsewhere = text.replace("/files/some.txt", "/moved/some.txt");
    assert_eq!(sandbox.try_dockerfile(&elsewhere, &["--offline"]).ok().code, 0);
    assert!(registry.log().is_empty(), "{}", registry.log());
}

#[test]
fn names_modes_and_owners_of_files_from_elsewhere() {
    let registry = Registry::start();
    let sandbox = Sandbox::new();
    let content = b"x\n".to_vec();
    let checksum = digest_of(&content);
    for (path, query, to, flags, shown) in [
        ("/a/b.txt", "", "/x/", "", "x/b.txt: f 0600 0:0 = x"),
        ("/a/b.txt", "?c=/d.txt", "/x/", "", "x/b.txt: f 0600 0:0 = x"),
        ("/a/b.txt", "", "/x/named", "--chmod=755", "x/named: f 0755 0:0 = x"),
        ("/a/b.txt", "", "/named", "--chown=3:4", "named: f 0600 3:4 = x"),
    ] {
        let url = registry.put_file(path, content.clone()) + query;
        let image = sandbox.built(&format!("FROM scratch\nADD --checksum={checksum} {flags} {url} {to}\n"), &[]);
        assert_eq!(image.shown(), [shown], "{url} {to}");
    }
}

#[test]
fn an_archive_from_elsewhere_is_unpacked_where_that_is_asked_for() {
    let registry = Registry::start();
    let sandbox = sandbox();
    tar(&sandbox, "a.tar.gz", &["--gzip"]);
    let bytes = fs::read(sandbox.path("app/a.tar.gz")).unwrap();
    let url = registry.put_file("/a.tar.gz", bytes.clone());
    let image = sandbox.built(&add(&digest_of(&bytes), &url, ""), &[]);
    assert_eq!(fs::read(image.path("x/a.tar.gz")).unwrap(), bytes);
    assert_eq!(sandbox.built(&add(&digest_of(&bytes), &url, "--unpack=true"), &[]).shown(), TREE);
    assert_eq!(registry.log().count(Kind::Other), 1, "{}", registry.log());
}

#[test]
fn what_is_not_what_it_should_be_is_not_taken() {
    let registry = Registry::start();
    let sandbox = Sandbox::new();
    let url = registry.put_file("/a.txt", "not what was meant\n");
    let wrong = |run: Run, code: i32, words: &str| {
        run.refused(code, words);
        assert!(!sandbox.path("out").exists());
    };
    let checksum = digest_of(b"what was meant\n");
    let told = digest_of(b"not what was meant\n");
    wrong(sandbox.try_dockerfile(&add(&checksum, &url, ""), &[]), 2, &told);
    // It was not kept under the wrong name.
    registry.clear_log();
    wrong(sandbox.try_dockerfile(&add(&checksum, &url, ""), &[]), 2, &told);
    assert_eq!(registry.log().len(), 1);
    let missing = url.replace("/a.txt", "/b.txt");
    wrong(sandbox.try_dockerfile(&add(&checksum, &missing, ""), &[]), 3, &format!("failed to fetch `{missing}`"));
    wrong(sandbox.try_dockerfile(&add(&checksum, &url, ""), &["--offline"]), 3, "it is not on this machine");
    wrong(sandbox.try_dockerfile(&add(&checksum, &url, ""), &["--offline"]), 3, "run again without `--offline`");
    // Whose fault it is shows in the exit code.
    registry.fault(Fault::on(Kind::Other, Action::Status(403, None)));
    wrong(sandbox.try_dockerfile(&add(&told, &url, ""), &[]), 3, "403");
}
