//! `requirements.txt`: what pip's format allows.

use super::*;

fn hash(digit: char) -> String {
    format!("--hash=sha256:{}", digit.to_string().repeat(64))
}

fn packages(text: &str) -> Result<Vec<LockedPackage>, LockError> {
    parse("requirements.txt", text)?.packages(&linux(), &Extras::default())
}

#[test]
fn a_pin_is_written_in_many_ways() {
    let (a, b) = (hash('a'), hash('b'));
    let same = [
        format!("Foo.Bar==1.0 {a} {b}"),
        format!("foo_bar == 1.0 \\\n  {a} \\\n  {b}\n    # via something"),
        format!("  foo-bar[one, two]==1.0 {b} {a}  # a remark"),
        format!("foo-bar (==1.0) {a} {b}"),
        format!("foo-bar===1.0 {a} {b}"),
        format!("foo-bar==1.0;python_version>'3' {a} {b}"),
        format!("foo-bar == 1.0 ; python_version > '3' \\\r\n {a} \\\r\n {b}\r\n"),
        format!("foo-bar==1.0 --hash {} --hash='{}'", &a[7..], &b[7..]),
        format!("foo-bar==1.0 {a} --hash=sha512:00 \\\n# a remark in between\n\nfoo_bar==1.0.0 {a}\n")
            .replace("\\\n#", "#"),
    ];
    for (at, text) in same.iter().enumerate() {
        let packages = packages(text).unwrap();
        assert_eq!(packages.len(), 1, "{text}");
        assert_eq!((packages[0].name.as_str(), packages[0].version.as_deref()), ("foo-bar", Some("1.0")), "{text}");
        assert_eq!(digests(&packages[0]).len(), if at == 8 { 1 } else { 2 }, "{text}");
    }
}

#[test]
fn files_may_be_named() {
    let a = hash('a');
    let fragment = "a".repeat(64);
    let wheel = "foo-1.0-py3-none-any.whl";
    let url = format!("https://example.org/{wheel}");
    let of = |text: &str| {
        let packages = packages(text).unwrap();
        let [package] = packages.as_slice() else { panic!("{text}") };
        assert_eq!((package.name.as_str(), package.version.as_deref()), ("foo", Some("1.0")), "{text}");
        let LockedFiles::Wheels(wheels) = &package.files else { panic!("{text}") };
        assert_eq!(wheels[0].digest.hex(), fragment);
        wheels[0].url.clone().or(wheels[0].path.clone()).unwrap()
    };
    assert_eq!(of(&format!("foo @ {url} {a}")), url);
    assert_eq!(of(&format!("foo[x]@{url}#sha256={fragment}&egg=foo")), url);
    assert_eq!(of(&format!("{url} {a}")), url);
    assert_eq!(of(&format!("foo @ {url} ; sys_platform == 'linux' {a}")), url);
    assert_eq!(of(&format!("foo @ {url}#sha256={fragment} {a}")), url);
    assert_eq!(of(&format!("foo @ file:///a%20b/{wheel} {a}")), format!("/a b/{wheel}"));
    assert_eq!(of(&format!("foo @ file:/wheels/{wheel} {a}")), format!("/wheels/{wheel}"));
    assert_eq!(of(&format!("./{wheel} ; sys_platform == 'linux' {a}")), wheel);
    assert_eq!(of(&format!("../wheels/{wheel} {a}")), format!("../wheels/{wheel}"));
    assert_eq!(of(&format!("{wheel} {a}")), wheel);
    let source = packages(&format!("foo @ https://example.org/foo-1.0.tar.gz {a}")).unwrap();
    assert_eq!(source[0].source.as_deref(), Some("foo-1.0.tar.gz"));
    assert!(digests(&source[0]).is_empty());
}

#[test]
fn a_marker_leaves_lines_out() {
    let text = format!("a==1 ; sys_platform == 'win32' {0}\na==2 ; sys_platform == 'linux' {0}\n", hash('a'));
    assert_eq!(names(&parse("a.txt", &text).unwrap(), &linux(), &Extras::default()).unwrap(), ["a 2"]);
}

#[test]
fn indexes_and_folders_are_kept() {
    let text = "--extra-index-url=https://example.org/extra\n-i https://example.org/simple  # this one first\n\
                --find-links ./wheels\n-f file:///srv/wheels\n--trusted-host example.org\n--pre\n--require-hashes\n\
                --only-binary :all:\n--no-binary :none:\n-c constraints.txt\n--prefer-binary\n";
    let lock = parse("requirements.txt", text).unwrap();
    assert_eq!(lock.indexes(), ["https://example.org/simple", "https://example.org/extra"]);
    assert_eq!(lock.find_links(), [Path::new("wheels"), Path::new("/srv/wheels")]);
    assert!(!lock.no_index());
    let lock = parse("requirements.txt", &format!("{text}--no-index\n")).unwrap();
    assert!(lock.no_index() && lock.indexes().is_empty());
}

#[test]
fn files_include_each_other_but_not_in_a_circle() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let file = folder.path().join(name);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, text).unwrap();
        file
    };
    let a = hash('a');
    write("deep/base.txt", &format!("-f wheels\n\nbase==1 {a}\n./foo-1.0-py3-none-any.whl {a}\n"));
    write("twice.txt", &format!("-rdeep/base.txt\nsecond==1 {a}\n"));
    let main = write("main.txt", &format!("main==1 {a}\n--requirement deep/base.txt\n-r twice.txt\n"));
    let lock = Lock::read(&main).unwrap();
    let packages = lock.packages(&linux(), &Extras::default()).unwrap();
    let lines: Vec<String> = packages.iter().map(|package| format!("{} {}", package.name, package.line)).collect();
    assert_eq!(lines, ["base 2", "foo 2", "main 1", "second 3"]);
    let LockedFiles::Wheels(wheels) = &packages[1].files else { panic!() };
    assert_eq!(wheels[0].path.as_deref(), Some("deep/foo-1.0-py3-none-any.whl"));
    assert_eq!(lock.find_links()[0], Path::new("deep/wheels"));

    let circle = write("circle.txt", "-r deep/back.txt\n");
    write("deep/back.txt", "\n-r ../circle.txt\n");
    let error = Lock::read(&circle).unwrap_err();
    assert!(error.file.ends_with("deep/back.txt") && error.line == 2 && error.column == 1, "{error:?}");
    assert!(error.to_string().contains("the files include each other in a circle: "), "{error}");

    for at in 0..20 {
        write(&format!("chain{at}.txt"), &format!("-r chain{}.txt\n", at + 1));
    }
    let error = Lock::read(&folder.path().join("chain0.txt")).unwrap_err();
    assert!(error.to_string().ends_with("at most 256 files are included, 16 deep"), "{error}");
    for at in 0..15 {
        write(&format!("tree{at}.txt"), &format!("-r tree{0}.txt\n-r tree{0}.txt\n", at + 1));
    }
    write("tree15.txt", "");
    let error = Lock::read(&folder.path().join("tree0.txt")).unwrap_err();
    assert!(error.to_string().ends_with("at most 256 files are included, 16 deep"), "{error}");

    let error = Lock::read(&write("missing.txt", "\n  -r no/such.txt\n")).unwrap_err();
    assert!(error.file.ends_with("missing.txt") && (error.line, error.column) == (2, 3), "{error:?}");
    let two = write("two.txt", &format!("-r deep/base.txt\nbase==2 {a}\n"));
    let error = Lock::read(&two).unwrap().packages(&linux(), &Extras::default()).unwrap_err();
    assert!(error.to_string().contains("two.txt:2:1: `base` 2 is pinned here, and 1 at "), "{error}");
    assert!(error.to_string().ends_with("deep/base.txt:3: both are for the target"), "{error}");
}

#[test]
fn a_wheel_is_of_the_version_that_is_pinned_or_not() {
    for (pinned, wheel, expected) in [
        ("==1.0", "1.0", true),
        ("==1.0", "1.0.0", true),
        ("==1.0", "1.0+cpu", true),
        ("==1.0+cpu", "1.0+cpu", true),
        ("==1.0+cpu", "1.0", false),
        ("==1.0+cpu", "1.0+gpu", false),
        ("==1.0", "2.0", false),
        ("==1.0", "1.0.post1", false),
        ("==1.0", "1.0rc1", false),
        ("===1.0", "1.0", true),
        ("===odd", "1.0", false),
    ] {
        let package = &packages(&format!("foo{pinned} {}", hash('a'))).unwrap()[0];
        let wheel = WheelName::parse(&format!("foo-{wheel}-py3-none-any.whl")).unwrap();
        assert_eq!(package.is_of(&wheel), expected, "{pinned} {}", wheel.file);
    }
}
