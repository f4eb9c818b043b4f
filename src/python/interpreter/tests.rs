use super::*;
use crate::entry::{Entry, Kind};

fn tree(paths: &[&str]) -> Tree {
    let mut tree = Tree::new();
    let mut all: Vec<(String, Kind)> = Vec::new();
    for path in paths {
        let (path, kind) = match path.split_once(" -> ") {
            Some((path, target)) => (path, Kind::Symlink { target: target.as_bytes().into() }),
            None if path.ends_with('/') => (path.trim_end_matches('/'), Kind::Directory),
            None => (*path, Kind::File { size: 0, digest: crate::digest::Digest::of(b"") }),
        };
        for parent in crate::entry::parents(path.as_bytes()) {
            all.push((String::from_utf8_lossy(parent).into_owned(), Kind::Directory));
        }
        all.push((path.to_owned(), kind));
    }
    all.sort_by(|one, two| one.0.cmp(&two.0));
    all.dedup();
    let entry = |(path, kind): (String, Kind)| Entry {
        path: path.into_bytes().into(),
        mode: 0o755,
        uid: 0,
        gid: 0,
        mtime: 0,
        kind,
    };
    let entries: Vec<Entry> = all.into_iter().map(entry).collect();
    tree.apply(&entries);
    tree
}

const VERSION: PythonVersion = PythonVersion { major: 3, minor: 12, micro: None };

/// The program, purelib and platlib of the interpreter that is found.
fn found(paths: &[&str], search_path: &str) -> Option<[String; 3]> {
    let found = Interpreter::find(&tree(paths), search_path, VERSION).unwrap()?;
    let text = |path: &[u8]| String::from_utf8_lossy(path).into_owned();
    Some([found.program, text(&found.scheme.pure), text(&found.scheme.platform)])
}

#[track_caller]
fn assert_found(paths: &[&str], search_path: &str, expected: Option<(&str, &str, &str)>) {
    let expected = expected.map(|(program, pure, platform)| [program, pure, platform].map(str::to_owned));
    assert_eq!(found(paths, search_path), expected, "{paths:?} {search_path}");
}

#[test]
fn the_interpreter_is_the_one_that_path_finds() {
    let lambda = ["var/lang/bin/python3.12", "var/lang/lib/python3.12/site-packages/"];
    let docker = ["usr/local/bin/python3.12", "usr/local/lib/python3.12/site-packages/", "usr/bin/python3 -> x"];
    let debian = ["usr/bin/python3.12", "usr/lib/python3/dist-packages/", "usr/lib/python3.12/"];
    let merged = ["bin -> usr/bin", "usr/bin/python3", "usr/lib/python3.12/site-packages/"];
    let other = ["usr/bin/python3.11", "usr/bin/python3", "usr/lib/python3.11/site-packages/"];
    // Of another version, which what is left of this one does not change.
    let left = ["usr/bin/python3 -> python3.11", "usr/bin/python3.11", "usr/lib/python3.11/", "usr/lib/python3.12/"];
    for (paths, search_path, expected) in [
        (
            &lambda[..],
            "/var/lang/bin:/usr/bin",
            Some(("/var/lang/bin/python3.12", "var/lang/lib/python3.12/site-packages")),
        ),
        (
            &docker,
            "/usr/local/bin:/usr/bin",
            Some(("/usr/local/bin/python3.12", "usr/local/lib/python3.12/site-packages")),
        ),
        (&debian, "/usr/local/bin:/usr/bin", Some(("/usr/bin/python3.12", "usr/local/lib/python3.12/dist-packages"))),
        (&merged, "/bin", Some(("/bin/python3", "usr/lib/python3.12/site-packages"))),
        (&other, "/usr/bin", None),
        (&left, "/usr/bin", None),
        (&docker, "usr/local/bin::/nowhere", None),
    ] {
        assert_found(paths, search_path, expected.map(|(program, library)| (program, library, library)));
    }
}

#[test]
fn the_library_lies_where_the_links_of_the_program_lead_to() {
    let library = "opt/python/3.12.4/lib/python3.12/site-packages";
    let expected = Some(("/usr/local/bin/python3.12", library, library));
    let real = ["opt/python/3.12.4/bin/python3.12", "opt/python/3.12.4/lib/python3.12/site-packages/"];
    for link in [
        &["usr/local/bin/python3.12 -> /opt/python/3.12.4/bin/python3.12"][..],
        &["usr/local/bin/python3.12 -> ../../../opt/current/bin/python3.12", "opt/current -> python/3.12.4"],
        &["usr/local/bin/python3.12 -> python3", "usr/local/bin/python3 -> /opt/python/3.12.4/bin/python3.12"],
        // What lies beside the link is not looked into.
        &["usr/local/bin/python3.12 -> /opt/python/3.12.4/bin/python3.12", "usr/local/lib/python3.12/site-packages/"],
    ] {
        assert_found(&[&real[..], link].concat(), "/usr/local/bin:/usr/bin", expected);
    }
}

#[test]
fn a_name_that_is_no_program_is_passed_over() {
    let library = "usr/lib/python3.12/site-packages";
    let real = ["usr/bin/python3.12", "usr/lib/python3.12/site-packages/"];
    let expected = Some(("/usr/bin/python3.12", library, library));
    for other in [
        &["usr/local/bin/python3.12 -> /nowhere", "usr/local/lib/python3.12/"][..],
        &["usr/local/bin/python3.12 -> python3.12", "usr/local/lib/python3.12/"],
        &["usr/local/bin/python3.12/", "usr/local/lib/python3.12/"],
        &["usr/local/bin/python3.12 -> ../lib/python3.12", "usr/local/lib/python3.12/"],
        &["usr/local/bin -> bin"],
        &["usr/local/bin"],
        // A program without a library, such as a script that starts another.
        &["usr/local/bin/python3.12"],
        &["usr/local/bin/python3.12", "usr/local/lib/python3.12"],
    ] {
        assert_found(other, "/usr/local/bin", None);
        assert_found(&[&real[..], other].concat(), "/usr/local/bin:/usr/bin", expected);
    }
    // `/usr/lib/python3.12` is a folder, and no program though `/usr/lib` is in PATH.
    assert_found(&real, "/usr/lib:/usr/bin", expected);
}

#[test]
fn a_virtual_environment_has_a_library_of_its_own() {
    let base = ["usr/bin/python3.12", "usr/lib/python3.12/site-packages/"];
    let venv = [
        "opt/venv/bin/python3.12 -> python3",
        "opt/venv/bin/python3 -> /usr/bin/python3.12",
        "opt/venv/lib/python3.12/site-packages/",
        "opt/venv/lib64 -> lib",
        "opt/venv/pyvenv.cfg",
    ];
    let library = "opt/venv/lib/python3.12/site-packages";
    let all = [&base[..], &venv].concat();
    assert_found(&all, "/opt/venv/bin", Some(("/opt/venv/bin/python3.12", library, library)));
    let scheme = Interpreter::find(&tree(&all), "/opt/venv/bin", VERSION).unwrap().unwrap().scheme;
    assert_eq!(&*scheme.headers, b"opt/venv/include/site/python3.12");
    assert_eq!(&*scheme.scripts, b"opt/venv/bin");
    // Without its interpreter it is none.
    assert_found(&venv, "/opt/venv/bin", None);
    // A link into it from elsewhere is not beside its `pyvenv.cfg`: Python takes it for the base's.
    let linked = [&all[..], &["usr/local/bin/python3.12 -> /opt/venv/bin/python3.12"]].concat();
    let library = "usr/lib/python3.12/site-packages";
    assert_found(&linked, "/usr/local/bin", Some(("/usr/local/bin/python3.12", library, library)));
}

#[test]
fn platlib_is_where_the_standard_library_is() {
    let (narrow, wide) = ("usr/lib/python3.12/site-packages", "usr/lib64/python3.12/site-packages");
    for (paths, platform) in [
        (&["usr/lib64/python3.12/os.py", "usr/lib/python3.12/site-packages/"][..], wide),
        (&["usr/lib64/python3.12/site-packages/", "usr/lib/python3.12/site-packages/"], wide),
        (&["usr/lib64/python3.12/site-packages/"], wide),
        // That of another architecture beside it.
        (&["usr/lib64/python3.12/os.py", "usr/lib/python3.12/os.py"], wide),
        (&["usr/lib64 -> lib", "usr/lib/python3.12/os.py"], narrow),
        (&["usr/lib64/python3.12 -> ../lib/python3.12", "usr/lib/python3.12/"], narrow),
        (&["usr/lib64/python3.12/site-packages/", "usr/lib/python3.12/os.py"], narrow),
        (&["usr/lib64/python3.11/os.py", "usr/lib/python3.12/"], narrow),
    ] {
        let paths = [paths, &["usr/bin/python3.12"]].concat();
        assert_found(&paths, "/usr/bin", Some(("/usr/bin/python3.12", narrow, platform)));
    }
}

#[test]
fn folders_of_a_search_path_may_lead_upwards() {
    let library = "usr/lib/python3.12/site-packages";
    let paths = ["usr/bin/python3.12", "usr/lib/python3.12/site-packages/", "opt/far -> /usr/lib/python3.12"];
    for (folder, program) in [
        ("/usr/bin/../bin//", Some("/usr/bin/../bin/python3.12")),
        ("/usr/lib/.././bin", Some("/usr/lib/../bin/python3.12")),
        ("/../usr/bin", Some("/../usr/bin/python3.12")),
        // By what is there, not by the text.
        ("/opt/far/../../bin", Some("/opt/far/../../bin/python3.12")),
        ("/opt/../bin", None),
        ("/nowhere/../usr/bin", None),
        ("/usr/bin/python3.12/../../bin", None),
    ] {
        assert_found(&paths, folder, program.map(|program| (program, library, library)));
    }
    let far = "/usr/bin/..".to_owned() + &"/bin/..".repeat(5000) + "/bin";
    assert_found(&paths, &far, None);
}

#[test]
fn where_none_is_found_the_others_are_named() {
    let missing = |paths: &[&str], search_path| Interpreter::missing(&tree(paths), search_path, VERSION).unwrap();
    let place = "say where the distributions go, for example into = \"/var/task/\"";
    let (what, help) = missing(&["usr/bin/sh"], "/usr/bin:/bin");
    assert_eq!(what, "the image has no python3.12 in its PATH, `/usr/bin:/bin`");
    assert_eq!(help, place);
    let others = [
        "usr/local/bin/python3.11",
        "usr/local/bin/python3.11-config",
        "usr/local/bin/python3 -> python3.11",
        "usr/local/bin/python3.10 -> /nowhere",
        "usr/local/bin/python3.9/",
        "usr/bin/python3.13 -> ../lib/python",
        "usr/lib/python",
        "opt/python3.8",
    ];
    let (what, help) = missing(&others, "/usr/local/bin:/usr/bin");
    assert_eq!(
        what,
        "the image has no python3.12 in its PATH, `/usr/local/bin:/usr/bin`; it has `/usr/local/bin/python3.11`, \
         `/usr/bin/python3.13`"
    );
    assert_eq!(help, format!("write python = \"3.11\", or {place}"));
    let (what, help) = missing(&["usr/bin/python3.12"], "/usr/bin");
    assert_eq!(
        what,
        "the image has no python3.12 in its PATH, `/usr/bin`, that has a library: `lib/python3.12` does not lie beside \
         the folder of `/usr/bin/python3.12`"
    );
    assert_eq!(help, place);
    let (what, _) = missing(&[], "/usr/bin\x1b[31m");
    assert!(!what.contains('\x1b'), "{what:?}");
}

#[test]
fn the_c_library_shows_in_paths() {
    let amd64 = Platform::new("linux", "amd64");
    for (paths, expected) in [
        (&["lib64/libc.so.6 -> libc-2.26.so"][..], Some(Libc::Glibc(2, 26))),
        (&["lib -> usr/lib", "usr/lib/x86_64-linux-gnu/libc.so.6"], Some(Libc::Glibc(2, 34))),
        (&["usr/lib/x86_64-linux-gnu/libc.so.6 -> odd"], Some(Libc::Glibc(2, 34))),
        (&["lib/ld-musl-x86_64.so.1"], Some(Libc::Musl(1, 2))),
        (&["lib/ld-musl-aarch64.so.1", "lib/aarch64-linux-gnu/libc.so.6"], None),
    ] {
        assert_eq!(find_libc(&tree(paths), &amd64).unwrap(), expected, "{paths:?}");
    }
    assert_eq!(find_libc(&tree(&["lib/libc.so.6"]), &Platform::new("windows", "amd64")).unwrap(), None);
}
