//! Where the wheels of a `requirements.txt` are looked for.

use std::fs;

use super::{from_nothing, layers};
use crate::support::Sandbox;
use crate::support::lockfiles::{Pinned, lock};
use crate::support::package_index::PackageIndex;
use crate::support::wheels::SmallWheel;

const LAYER: &str = "wheels = \"requirements.txt\"\npython = \"3.11\"\ninto = \"/p/\"\nlibc = \"glibc 2.34\"\n";

#[test]
fn the_spec_names_an_index_that_goes_before_the_locks() {
    let sandbox = Sandbox::new();
    let wheels = [SmallWheel::new("alpha", "1.0").write(&sandbox.path("small"))];
    let (named, other) = (PackageIndex::of(&wheels), PackageIndex::of(&[]));
    let pinned = [Pinned::of(&wheels[0])];
    let text = lock("requirements.txt", &pinned, &other.simple(), &|_| String::new());
    let layer = format!("{LAYER}index = \"{}\"\n", named.simple());
    // The lock names none, or another.
    for text in [text.replace(&format!("--index-url {}\n", other.simple()), ""), text] {
        sandbox.file("requirements.txt", text);
        from_nothing(&sandbox, &["amd64"], &layer);
        let run = sandbox.run(["build", "app.toml", "--json", "--no-cache", "--cache-dir", "store"]).ok();
        assert_eq!(layers(&run).len(), 1);
        assert_eq!(named.downloads(), ["alpha-1.0-py3-none-any.whl"]);
        fs::remove_dir_all(sandbox.path("store")).unwrap();
    }
    assert_eq!(other.requests(), [""; 0]);
}

#[test]
fn an_index_that_has_it_not_is_an_error() {
    let sandbox = Sandbox::new();
    let wheels = [SmallWheel::new("alpha", "1.0").write(&sandbox.path("small"))];
    let empty = PackageIndex::of(&[]);
    sandbox.file(
        "requirements.txt",
        lock("requirements.txt", &[Pinned::of(&wheels[0])], &empty.simple(), &|_| String::new()),
    );
    from_nothing(&sandbox, &["amd64"], LAYER);
    let run = sandbox.run(["build", "app.toml"]);
    assert!(matches!(run.code, 2 | 3) && run.stderr.contains("alpha"), "{}: {}", run.code, run.stderr);
    assert_eq!(empty.requests(), ["/simple/alpha/"]);
    assert!(!sandbox.path("out").exists());
}

#[test]
fn another_file_of_that_version_is_not_taken() {
    let sandbox = Sandbox::new();
    let locked = SmallWheel::new("alpha", "1.0").file("locked.py", "").write(&sandbox.path("small"));
    let pinned = [Pinned::of(&locked)];
    // The same name and version, and a better tag, of somebody else.
    let better =
        SmallWheel::new("alpha", "1.0").binary("cp311-cp311-manylinux_2_17_x86_64").write(&sandbox.path("small"));
    let index = PackageIndex::of(&[better, locked]);
    sandbox.file("requirements.txt", lock("requirements.txt", &pinned, &index.simple(), &|_| String::new()));
    from_nothing(&sandbox, &["amd64"], LAYER);
    sandbox.run(["build", "app.toml"]).ok();
    assert_eq!(index.downloads(), ["alpha-1.0-py3-none-any.whl"]);
    assert_eq!(sandbox.unpack("app").line("p/locked.py"), "f 0644 0:0");
}
