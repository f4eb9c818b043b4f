//! Where the wheels of a `requirements.txt` are looked for.

use std::fs;
use std::path::{Path, PathBuf};

use super::{from_nothing, layers};
use crate::support::Sandbox;
use crate::support::lockfiles::{KINDS, Pinned, lock};
use crate::support::material::gather;
use crate::support::package_index::PackageIndex;
use crate::support::registry::Registry;
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

/// A `requirements.txt` that pins these wheels, and a spec that is made of it.
fn required(sandbox: &Sandbox, wheels: &[PathBuf], options: &str, more: &str) {
    let pinned: Vec<Pinned> = wheels.iter().map(|wheel| Pinned::of(wheel)).collect();
    let text = lock("requirements.txt", &pinned, "SIMPLE", &|_| String::new());
    sandbox.file("requirements.txt", text.replace("--index-url SIMPLE\n", options));
    from_nothing(sandbox, &["amd64"], &format!("{LAYER}{more}"));
}

const PURE: &str = "alpha-1.0-py3-none-any.whl";
const BETTER: &str = "alpha-1.0-cp311-cp311-manylinux_2_17_x86_64.whl";

/// A wheel for any platform and one for the target, which is the better.
fn two(folder: &Path) -> [PathBuf; 2] {
    let better = SmallWheel::new("alpha", "1.0").file("better.py", "").binary("cp311-cp311-manylinux_2_17_x86_64");
    [SmallWheel::new("alpha", "1.0").write(folder), better.write(folder)]
}

fn is_better(sandbox: &Sandbox) -> bool {
    sandbox.unpack("app").line("p/better.py") != "-"
}

#[test]
fn a_locked_digest_of_another_version_is_refused() {
    let sandbox = Sandbox::new();
    let wheels = ["1.0", "2.0"].map(|version| SmallWheel::new("beta", version).write(&sandbox.path("small")));
    let index = PackageIndex::of(&wheels);
    let second = Pinned { version: "1.0".to_owned(), ..Pinned::of(&wheels[1]) };
    let text = lock("requirements.txt", &[second], &index.simple(), &|_| String::new());
    sandbox.file("requirements.txt", text);
    for more in ["", "wheelhouse = \"small/\"\n"] {
        from_nothing(&sandbox, &["amd64"], &format!("{LAYER}{more}"));
        let run = sandbox.run(["build", "app.toml"]).refused(2, "beta-2.0-py3-none-any.whl");
        assert!(run.stderr.contains("1.0") && index.downloads().is_empty(), "{}", run.stderr);
    }
}

#[test]
fn what_is_remembered_is_of_the_locked_version_too() {
    let home = Sandbox::new();
    let registry = Registry::start();
    let wheel = SmallWheel::new("beta", "2.0").write(&home.path("small"));
    let index = PackageIndex::of(std::slice::from_ref(&wheel));
    let machine = |version: &str| {
        let sandbox = Sandbox::new();
        let pinned = Pinned { version: version.to_owned(), ..Pinned::of(&wheel) };
        sandbox.file("requirements.txt", lock("requirements.txt", &[pinned], &index.simple(), &|_| String::new()));
        from_nothing(&sandbox, &["amd64"], LAYER);
        let spec = fs::read_to_string(sandbox.path("app.toml")).unwrap();
        sandbox.file("app.toml", format!("repository = \"{}/app\"\n{spec}", registry.host()));
        sandbox
    };
    machine("2.0").run(["push", "app.toml"]).ok();
    index.requests();
    machine("2.0").run(["push", "app.toml"]).ok();
    assert_eq!(index.requests(), [""; 0]);
    // The same digest, and so the same question.
    machine("1.0").run(["push", "app.toml"]).refused(2, "beta-2.0-py3-none-any.whl");
}

#[test]
fn what_an_incomplete_index_answered_is_not_remembered_for_others() {
    let home = Sandbox::new();
    let registry = Registry::start();
    let wheels = two(&home.path("small"));
    let index = PackageIndex::of(&wheels);
    let push = || {
        let sandbox = Sandbox::new();
        required(&sandbox, &wheels, &format!("--index-url {}\n", index.simple()), "");
        let spec = fs::read_to_string(sandbox.path("app.toml")).unwrap();
        sandbox.file("app.toml", format!("repository = \"{}/app\"\n{spec}", registry.host()));
        sandbox.run(["push", "app.toml"]).ok();
        index.downloads()
    };
    index.hide(&[BETTER]);
    assert_eq!(push(), [PURE]);
    index.hide(&[]);
    assert_eq!(push(), [BETTER]);
    assert_eq!(push(), [""; 0]);
}

#[test]
fn a_local_version_is_of_the_version() {
    // As pip has it: `==1.0` is `1.0+cpu` too.
    let sandbox = Sandbox::new();
    let wheel = SmallWheel::new("alpha", "1.0+cpu").write(&sandbox.path("small"));
    let index = PackageIndex::of(std::slice::from_ref(&wheel));
    let pinned = Pinned { version: "1.0.0".to_owned(), ..Pinned::of(&wheel) };
    sandbox.file("requirements.txt", lock("requirements.txt", &[pinned], &index.simple(), &|_| String::new()));
    from_nothing(&sandbox, &["amd64"], LAYER);
    sandbox.run(["build", "app.toml"]).ok();
}

#[test]
fn a_wheelhouse_does_not_change_which_wheel_is_laid() {
    let sandbox = Sandbox::new();
    let wheels = two(&sandbox.path("small"));
    let index = PackageIndex::of(&wheels);
    let pinned: Vec<Pinned> = wheels.iter().map(|wheel| Pinned::of(wheel)).collect();
    gather(&wheels[..1], &sandbox.path("pure"));
    gather(&wheels[1..], &sandbox.path("better"));
    gather(&wheels, &sandbox.path("both"));
    for kind in KINDS {
        sandbox.file(kind, lock(kind, &pinned, &index.simple(), &|file| index.url(file)));
        for (house, downloads) in [("pure", &[BETTER][..]), ("better", &[]), ("both", &[])] {
            let layer = LAYER.replace("requirements.txt", kind);
            from_nothing(&sandbox, &["amd64"], &format!("{layer}wheelhouse = \"{house}/\"\n"));
            sandbox.run(["build", "app.toml", "--cache-dir", &format!("stores/{kind}-{house}")]).ok();
            assert!(is_better(&sandbox), "{kind} {house}");
            let requests = index.requests();
            let asked: Vec<&str> = requests.iter().filter_map(|path| path.strip_prefix("/files/")).collect();
            assert_eq!(asked, downloads, "{kind} {house}");
            // All that is locked is there, so nobody is asked.
            assert!(house != "both" || requests.is_empty(), "{requests:?}");
        }
    }
}

#[test]
fn what_an_index_lacks_is_asked_for_again() {
    let sandbox = Sandbox::new();
    let wheels = two(&sandbox.path("small"));
    let index = PackageIndex::of(&wheels);
    required(&sandbox, &wheels, &format!("--index-url {}\n", index.simple()), "");
    index.hide(&[BETTER]);
    sandbox.run(["build", "app.toml"]).ok();
    assert!(!is_better(&sandbox));
    index.requests();
    // Without the network what it said has to do.
    sandbox.run(["build", "app.toml", "--offline"]).ok();
    assert_eq!(index.requests(), [""; 0]);
    index.hide(&[]);
    sandbox.run(["build", "app.toml"]).ok();
    assert!(is_better(&sandbox));
    assert_eq!(index.requests(), ["/simple/alpha/".to_owned(), format!("/files/{BETTER}")]);
    // It has all that is locked now.
    sandbox.run(["build", "app.toml"]).ok();
    assert_eq!(index.requests(), [""; 0]);
    sandbox.run(["build", "app.toml", "--no-cache"]).ok();
    assert_eq!(index.requests(), ["/simple/alpha/"]);
}

#[test]
fn a_file_that_has_moved_is_found_again() {
    let sandbox = Sandbox::new();
    let wheels = [SmallWheel::new("alpha", "1.0").write(&sandbox.path("small"))];
    let index = PackageIndex::of(&wheels);
    required(&sandbox, &wheels, &format!("--index-url {}\n", index.simple()), "");
    let page = |folder: &str| {
        let link = format!("<a href=\"/{folder}/{PURE}#sha256={}\">{PURE}</a>", Pinned::of(&wheels[0]).sha256);
        index.answer("/simple/alpha/", "200 OK", "", &link);
    };
    for status in ["404 Not Found", "403 Forbidden", "410 Gone"] {
        page("old");
        index.answer(&format!("/old/{PURE}"), status, "", "");
        let run = sandbox.run(["build", "app.toml"]).refused(3, "alpha");
        for words in ["`dependencies`", "wheelhouse", PURE] {
            assert!(run.stderr.contains(words), "no `{words}` in {}", run.stderr);
        }
        assert!(!run.stderr.contains("login"), "{}", run.stderr);
        let old = format!("/old/{PURE}");
        assert_eq!(index.requests(), ["/simple/alpha/", &old, "/simple/alpha/"]);
        // The page that is remembered says the old address.
        page("files");
        sandbox.run(["build", "app.toml"]).ok();
        assert_eq!(index.requests(), [old, "/simple/alpha/".to_owned(), format!("/files/{PURE}")]);
        fs::remove_dir_all(sandbox.path("cache")).unwrap();
    }
}

#[test]
fn one_of_several_indexes_may_lack_a_project() {
    let sandbox = Sandbox::new();
    let wheels = ["alpha", "beta"].map(|name| SmallWheel::new(name, "1.0").write(&sandbox.path("small")));
    let (one, other) = (PackageIndex::of(&wheels[..1]), PackageIndex::of(&wheels[1..]));
    let options = format!("--index-url {}\n--extra-index-url {}\n", one.simple(), other.simple());
    required(&sandbox, &wheels, &options, "");
    sandbox.run(["build", "app.toml"]).ok();
    assert_eq!((one.downloads().len(), other.downloads().len()), (1, 1));
    sandbox.run(["build", "app.toml", "--no-cache", "--offline"]).ok();
    // Any other failure of one of them could hide the better file.
    fs::remove_dir_all(sandbox.path("cache")).unwrap();
    one.answer("/simple/beta/", "403 Forbidden", "", "");
    let run = sandbox.run(["build", "app.toml"]).refused(3, "beta");
    assert!(run.stderr.contains("wheelhouse") && !run.stderr.contains("login"), "{}", run.stderr);
}

#[test]
fn a_lock_names_folders_and_no_index() {
    let sandbox = Sandbox::new();
    let wheels = [SmallWheel::new("alpha", "1.0").write(&sandbox.path("locks/small"))];
    let index = PackageIndex::of(&wheels);
    let pinned = [Pinned::of(&wheels[0])];
    let text = lock("requirements.txt", &pinned, &index.simple(), &|_| String::new());
    let spec = LAYER.replace("requirements.txt", "locks/requirements.txt");
    from_nothing(&sandbox, &["amd64"], &spec);
    for options in ["--no-index\n--find-links small\n", "--find-links ./small/\n"] {
        sandbox.file("locks/requirements.txt", format!("{options}{text}"));
        sandbox.run(["build", "app.toml", "--no-cache"]).ok();
        assert_eq!(index.requests(), [""; 0]);
    }
    // Nobody is asked for what is not there.
    sandbox.file("locks/requirements.txt", format!("--no-index\n{text}"));
    let run = sandbox.run(["build", "app.toml", "--no-cache"]).refused(2, "alpha");
    assert!(run.stderr.contains("--no-index") && run.stderr.contains("wheelhouse"), "{}", run.stderr);
    from_nothing(&sandbox, &["amd64"], &format!("{spec}wheelhouse = \"locks/small\"\n"));
    sandbox.run(["build", "app.toml", "--no-cache"]).ok();
    // One says so, the other says otherwise.
    from_nothing(&sandbox, &["amd64"], &format!("{spec}index = \"{}\"\n", index.simple()));
    sandbox.run(["build", "app.toml"]).refused(2, "--no-index");
    assert_eq!(index.requests(), [""; 0]);
    from_nothing(&sandbox, &["amd64"], &spec);
    sandbox.file("locks/requirements.txt", format!("--find-links nowhere\n{text}"));
    sandbox.run(["build", "app.toml"]).refused(2, "nowhere");
}

#[test]
fn pages_are_read_as_browsers_read_them() {
    let sandbox = Sandbox::new();
    let wheels = [SmallWheel::new("alpha", "1.0").write(&sandbox.path("small"))];
    let index = PackageIndex::of(&wheels);
    required(&sandbox, &wheels, &format!("--index-url {}\n", index.simple()), "");
    let file = format!("{PURE}#sha256={}", Pinned::of(&wheels[0]).sha256);
    let numbers: String = file.chars().map(|c| format!("&#{};", u32::from(c))).collect();
    let json = format!(
        "{{\"meta\":{{\"api-version\":\"1.0\"}},\"files\":[{{\"filename\":\"x\",\"url\":null,\"hashes\":3}},7,\
         {{\"filename\":\"{PURE}\",\"url\":\"../../files/{PURE}\",\"hashes\":{{\"sha256\":\"{}\",\"md5\":null}}}}]}}",
        Pinned::of(&wheels[0]).sha256
    );
    for page in [
        format!("<a data-requires-python=\">=3.8\" href=\"../../files/{file}\">x</a>"),
        format!("<a href=../../files/{file}>x</a>"),
        format!("<A\nHREF = '../../files/{file}' >x</a>"),
        format!("<base href=\"/files/\"><a href=\"{file}\">x</a>"),
        format!("<a href=\"&#x2f;files&#47;{numbers}\">x</a>"),
        format!("<!-- <a href=\"/nowhere/{file}\"> --><a href=\"/files/{file}&amp;x=y\">x</a>"),
        format!("<a href=\"/files/{}\">x</a>", file.replace("#sha256", "#egg=alpha&amp;sha256")),
        json,
    ] {
        index.answer("/simple/alpha/", "200 OK", "", &page);
        sandbox.run(["build", "app.toml"]).ok();
        assert_eq!(index.downloads(), [PURE], "{page}");
        fs::remove_dir_all(sandbox.path("cache")).unwrap();
    }
    // A page is relative to where it was found.
    index.answer("/simple/alpha/", "302 Found", "location: /a/b/c/d/\r\n", "");
    index.answer("/a/b/c/d/", "200 OK", "", &format!("<a href=\"../../../../files/{file}\">x</a>"));
    sandbox.run(["build", "app.toml"]).ok();
    fs::remove_dir_all(sandbox.path("cache")).unwrap();
    // One that is cut off is not one that has nothing.
    index.answer("/simple/alpha/", "200 OK", "", "{\"files\": [");
    let run = sandbox.run(["build", "app.toml"]).refused(3, "alpha");
    assert!(run.stderr.contains("JSON") && run.stderr.contains("wheelhouse"), "{}", run.stderr);
}

#[test]
fn an_index_is_a_plain_address() {
    let sandbox = Sandbox::new();
    for (address, words) in [
        ("https://user:secret@h.example/simple/", "user or a password"),
        ("https://h.example/simple/?token=secret", "query"),
        ("https://h.example/simple/#secret", "query"),
        ("https:///simple/", "no index"),
        ("ftp://h.example/simple/", "no index"),
    ] {
        from_nothing(&sandbox, &["amd64"], &format!("{LAYER}index = \"{address}\"\n"));
        let run = sandbox.run(["build", "app.toml"]).refused(2, words);
        assert!(run.stderr.contains("app.toml:") && run.stderr.contains("wheelhouse"), "{}", run.stderr);
        // Beside the line of the spec there is no word of it.
        let told = run.stderr.lines().filter(|line| !line.contains("index = "));
        assert!(!told.into_iter().any(|line| line.contains("secret")), "{}", run.stderr);
    }
    sandbox.file("requirements.txt", "--index-url https://h.example/simple/?token=secret\n");
    from_nothing(&sandbox, &["amd64"], LAYER);
    let run = sandbox.run(["build", "app.toml"]).refused(2, "query");
    assert!(run.stderr.contains("requirements.txt:1:") && !run.stderr.contains("secret"), "{}", run.stderr);
}
