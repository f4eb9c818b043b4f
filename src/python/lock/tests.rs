//! Locks as tools write them, and as nobody should.

use super::*;

mod graph;
mod mistakes;
mod random;
mod requirements;

const UV: &str = include_str!("tests/uv.lock");
const PYLOCK: &str = include_str!("tests/pylock.toml");
const PYLOCK_OF_PIP: &str = include_str!("tests/pylock.pip.toml");
const REQUIREMENTS: &str = include_str!("tests/requirements.txt");
const COMPILED: &str = include_str!("tests/compiled.txt");

/// A target on Linux.
fn environment(python: &str, machine: &str) -> Environment {
    let minor: Vec<&str> = python.split('.').take(2).collect();
    let variables = [
        ("implementation_name", "cpython".to_owned()),
        ("implementation_version", python.to_owned()),
        ("os_name", "posix".to_owned()),
        ("platform_machine", machine.to_owned()),
        ("platform_python_implementation", "CPython".to_owned()),
        ("platform_release", String::new()),
        ("platform_system", "Linux".to_owned()),
        ("platform_version", String::new()),
        ("python_full_version", python.to_owned()),
        ("python_version", minor.join(".")),
        ("sys_platform", "linux".to_owned()),
    ];
    Environment { variables: variables.into(), ..Environment::default() }
}

fn linux() -> Environment {
    environment("3.12.8", "x86_64")
}

fn parse(file: &str, text: &str) -> Result<Lock, LockError> {
    Lock::parse(&LockText::new(Path::new(file), text.as_bytes().to_vec())?)
}

fn extras(extras: &[&str], groups: &[&str]) -> Extras {
    let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    Extras { extras: set(extras), groups: set(groups) }
}

/// `name version` of each package.
fn names(lock: &Lock, environment: &Environment, extras: &Extras) -> Result<Vec<String>, LockError> {
    let packages = lock.packages(environment, extras)?;
    Ok(packages.into_iter().map(|p| format!("{} {}", p.name, p.version.unwrap_or_default())).collect())
}

fn digests(package: &LockedPackage) -> BTreeSet<Digest> {
    match &package.files {
        LockedFiles::Wheels(wheels) => wheels.iter().map(|wheel| wheel.digest).collect(),
        LockedFiles::Digests(digests) => digests.clone(),
    }
}

fn targets() -> impl Iterator<Item = Environment> {
    let pythons = ["3.11.7", "3.12.1", "3.13.0"];
    pythons.into_iter().flat_map(|python| ["x86_64", "aarch64"].map(|machine| environment(python, machine)))
}

#[test]
fn a_project_is_the_same_in_all_three_kinds() {
    let uv = parse("uv.lock", UV).unwrap();
    let pylock = parse("pylock.toml", PYLOCK).unwrap();
    let requirements = parse("requirements.txt", REQUIREMENTS).unwrap();
    let (data, none) = (extras(&["data"], &[]), Extras::default());
    for target in targets() {
        let by_uv = uv.packages(&target, &data).unwrap();
        let by_pylock = pylock.packages(&target, &none).unwrap();
        let by_requirements = requirements.packages(&target, &none).unwrap();
        assert_eq!(names(&uv, &target, &data), names(&pylock, &target, &none));
        assert_eq!(names(&uv, &target, &data), names(&requirements, &target, &none));
        let each = by_uv.iter().zip(&by_pylock).zip(&by_requirements);
        for ((uv, pylock), requirements) in each {
            let (LockedFiles::Wheels(own), LockedFiles::Wheels(others)) = (&uv.files, &pylock.files) else { panic!() };
            // uv writes its own spelling of a file's name into a `pylock.toml`.
            let file =
                |wheel: &LockedWheel| (wheel.name.file.to_lowercase(), wheel.digest, wheel.size, wheel.url.clone());
            assert!(own.iter().map(file).eq(others.iter().map(file)), "{}", uv.name);
            assert!(digests(uv).is_subset(&digests(requirements)), "{}", uv.name);
            assert_eq!(uv.source, pylock.source);
        }
    }
}

#[test]
fn markers_are_of_the_target() {
    let uv = parse("uv.lock", UV).unwrap();
    let data = extras(&["data"], &[]);
    let chosen = |python, machine| {
        let names = names(&uv, &environment(python, machine), &data).unwrap();
        names
            .into_iter()
            .filter(|name| name.starts_with("markupsafe") || name.starts_with("greenlet"))
            .collect::<Vec<_>>()
    };
    assert_eq!(chosen("3.12.8", "x86_64"), ["markupsafe 2.1.5"]);
    assert_eq!(chosen("3.13.0", "aarch64"), ["greenlet 3.5.6", "markupsafe 3.0.2"]);
    let names = names(&uv, &linux(), &Extras::default()).unwrap();
    assert_eq!(
        names,
        [
            "anyio 4.16.0",
            "certifi 2026.10.19.post1",
            "click 8.5.1",
            "h11 0.16.0",
            "h2 4.4.1",
            "hpack 4.2.0",
            "httpcore 1.0.9",
            "httpx 0.28.1",
            "hyperframe 6.1.0",
            "idna 3.20",
            "typing-extensions 4.16.0",
        ]
    );
}

#[test]
fn locks_of_one_platform_say_what_those_of_all_do() {
    let uv = parse("uv.lock", UV).unwrap();
    let of_all = uv.packages(&linux(), &extras(&["data"], &[])).unwrap();
    for (file, text) in [("compiled.txt", COMPILED), ("pylock.pip.toml", PYLOCK_OF_PIP)] {
        let lock = parse(file, text).unwrap();
        let of_one = lock.packages(&linux(), &Extras::default()).unwrap();
        let name = |package: &LockedPackage| (package.name.clone(), package.version.clone());
        assert!(of_one.iter().map(name).eq(of_all.iter().map(name)), "{file}");
        for (one, all) in of_one.iter().zip(&of_all) {
            assert!(!digests(one).is_disjoint(&digests(all)), "{file}: {}", one.name);
        }
    }
}

#[test]
fn the_name_tells_the_kind() {
    let pylock = "lock-version = \"1.0\"\npackages = []\n";
    for file in ["pylock.toml", "pylock.dev.toml", "deploy/locked.toml"] {
        assert!(matches!(parse(file, pylock).unwrap().kind, Kind::Pylock(_)), "{file}");
    }
    for file in ["requirements.txt", "dev.txt"] {
        assert!(matches!(parse(file, "").unwrap().kind, Kind::Requirements(_)), "{file}");
    }
    assert!(matches!(parse("a/uv.lock", UV).unwrap().kind, Kind::Uv(_)));
    for (file, text) in [("poetry.lock", ""), ("pyproject.toml", "[project]\n"), ("requirements.in", "")] {
        let error = parse(file, text).unwrap_err();
        assert!(error.to_string().contains("`pylock.toml` or `pylock.*.toml`, `uv.lock`, or a `*.txt`"), "{error}");
    }
}

#[test]
fn a_byte_order_mark_is_nothing() {
    let lock = parse("pylock.toml", &format!("\u{feff}{PYLOCK}")).unwrap();
    assert_eq!(lock.packages(&linux(), &Extras::default()).unwrap().len(), 12);
}

#[test]
fn what_is_no_text_is_refused_with_its_line() {
    let text = LockText::new(Path::new("a.txt"), b"a==1\n\n\xff\xfe".to_vec());
    assert_eq!(text.unwrap_err().to_string(), "a.txt:3: it is not UTF-8");
}

#[test]
fn only_files_of_a_bounded_size_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("requirements.txt");
    std::fs::write(&file, "a==1 --hash=sha256:").unwrap();
    assert!(LockText::read(&file, 19).is_ok());
    assert!(LockText::read(&file, 18).unwrap_err().to_string().contains("at most 64 MiB"));
    let error = Lock::read(&folder.path().join("folder.txt")).unwrap_err();
    assert!(error.to_string().contains("cannot be read"), "{error}");
    std::fs::create_dir(folder.path().join("folder.txt")).unwrap();
    let error = Lock::read(&folder.path().join("folder.txt")).unwrap_err();
    assert!(error.to_string().contains("it is not a file"), "{error}");
}

const MULTI_USE: &str = r#"
lock-version = "1.7"
created-by = "hand"
requires-python = ">=3.11"
environments = ["sys_platform == 'darwin'", "sys_platform == 'linux'"]
extras = ["Fast_er"]
dependency-groups = ["test", "docs"]
default-groups = ["docs", "internal"]
unknown = true

[[packages]]
name = "A.b"
version = "1.0.0"
wheels = [{ url = "https://example.org/x/a_b-1.0-py3-none-any.whl?y=1", size = 7, hashes = { md5 = "0", SHA256 = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" } }]

[[packages]]
name = "fast"
marker = "'fast-er' in extras"
archive = { path = "wheels/fast-2-py3-none-any.whl", hashes = { sha256 = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" } }

[[packages]]
name = "docs"
marker = "'docs' in dependency_groups or 'internal' in dependency_groups"
requires-python = ">=3.12"
sdist = { url = "https://example.org/docs-1.tar.gz", hashes = { sha256 = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" } }

[[packages]]
name = "test"
marker = "'test' in dependency_groups"
vcs = { type = "git", url = "https://example.org/test", commit-id = "abc" }

[[packages]]
name = "folder"
directory = { path = "../folder", editable = true }
"#;

#[test]
fn extras_and_groups_are_those_asked_for() {
    let lock = parse("pylock.toml", MULTI_USE).unwrap();
    let names = |extras: Extras| names(&lock, &linux(), &extras).unwrap();
    assert_eq!(names(extras(&[], &[])), ["a-b 1.0.0", "docs ", "folder "]);
    assert_eq!(names(extras(&["FAST.er"], &["test"])), ["a-b 1.0.0", "fast 2", "folder ", "test "]);
    // A group that the lock has for its own use only may still be named.
    assert_eq!(names(extras(&[], &["internal"])), ["a-b 1.0.0", "docs ", "folder "]);
    let error = |extras: Extras| lock.packages(&linux(), &extras).unwrap_err();
    let unknown = error(extras(&["fast", "fast-er", "slow"], &[]));
    assert_eq!(unknown.to_string(), "pylock.toml: the lock has no extra `fast` and `slow`");
    assert_eq!(unknown.help.as_deref(), Some("its extras are `fast-er`"));
    let unknown = error(extras(&[], &["tests"]));
    assert_eq!(unknown.help.as_deref(), Some("its dependency groups are `docs`, `internal` and `test`"));
}

#[test]
fn what_a_package_may_come_from_is_told() {
    let lock = parse("pylock.toml", MULTI_USE).unwrap();
    let packages = lock.packages(&linux(), &extras(&["fast-er"], &["test", "docs"])).unwrap();
    let from = |name: &str| packages.iter().find(|package| package.name == name).unwrap();
    let LockedFiles::Wheels(wheels) = &from("a-b").files else { panic!() };
    assert_eq!(wheels[0].url.as_deref(), Some("https://example.org/x/a_b-1.0-py3-none-any.whl?y=1"));
    assert_eq!((wheels[0].size, wheels[0].digest.hex()), (Some(7), "a".repeat(64)));
    let LockedFiles::Wheels(wheels) = &from("fast").files else { panic!() };
    assert_eq!(wheels[0].path.as_deref(), Some("wheels/fast-2-py3-none-any.whl"));
    assert_eq!((from("fast").version.as_deref(), from("fast").line), (Some("2"), 17));
    assert_eq!(from("docs").source.as_deref(), Some("docs-1.tar.gz"));
    assert_eq!(from("test").source.as_deref(), Some("git+https://example.org/test@abc"));
    assert_eq!((from("folder").source.as_deref(), from("folder").folder.as_deref()), (None, Some("../folder")));
    assert!(packages.iter().filter(|p| p.source.is_some()).all(|p| digests(p).is_empty()));
}

#[test]
fn a_lock_is_for_some_targets() {
    let lock = parse("pylock.toml", MULTI_USE).unwrap();
    let error = |environment: &Environment| lock.packages(environment, &Extras::default()).unwrap_err().to_string();
    let error_of = |python| error(&environment(python, "x86_64"));
    assert_eq!(error_of("3.10.2"), "pylock.toml:4:19: the lock is for Python >=3.11, and the target has 3.10.2");
    assert_eq!(error_of("3.11.2"), "pylock.toml:24:19: `docs` is for Python >=3.12, and the target has 3.11.2");
    let mut windows = linux();
    windows.variables.insert("sys_platform", "win32".to_owned());
    assert_eq!(error(&windows), "pylock.toml:5:17: the target is none of the `environments` that the lock is for");
}

#[test]
fn an_environment_s_own_extras_do_not_count() {
    let text = "a==1 ; extra == 'x' --hash=sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n";
    let mut with_extra = linux();
    with_extra.extras.insert("x".to_owned());
    let lock = parse("a.txt", text).unwrap();
    assert!(lock.packages(&with_extra, &Extras::default()).unwrap().is_empty());
}
