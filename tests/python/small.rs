//! The small wheels that tests write are such as pip lays, and the zips say of themselves what they should.

use std::fs;

use crate::support::Sandbox;
use crate::support::judge::python;
use crate::support::material::Pip;
use crate::support::wheels::SmallWheel;
use crate::support::zip::{Member, zip};

#[test]
fn pip_lays_small_wheels() {
    let sandbox = Sandbox::new();
    let wheel = SmallWheel::new("Some.Project", "1.0")
        .file("pkg/a,b.py", "x = 1\n")
        .file("pkg/ü.py", "")
        .script("run = some_project:main")
        .data("scripts/tool", "#!python\n")
        .data("data/etc/some.conf", "1\n")
        .data("headers/some.h", "int some;\n")
        .requires("attrs>=2; extra == \"x\"");
    assert_eq!(wheel.file_name(), "some_project-1.0-py3-none-any.whl");
    let pip = Pip::new();
    pip.install(&[wheel.write(&sandbox.path("wheels"))], &["--prefix=/usr/local"]);
    let record =
        fs::read_to_string(pip.path("usr/local/lib/python3.11/site-packages/some_project-1.0.dist-info/RECORD"));
    let mut paths: Vec<String> =
        record.unwrap().lines().map(|row| row.rsplitn(3, ',').last().unwrap().to_owned()).collect();
    paths.sort();
    assert_eq!(
        paths,
        [
            "\"pkg/a,b.py\"",
            "../../../bin/run",
            "../../../bin/tool",
            "../../../etc/some.conf",
            "../../../include/python3.11/some-project/some.h",
            "pkg/ü.py",
            "some_project-1.0.dist-info/INSTALLER",
            "some_project-1.0.dist-info/METADATA",
            "some_project-1.0.dist-info/RECORD",
            "some_project-1.0.dist-info/REQUESTED",
            "some_project-1.0.dist-info/WHEEL",
            "some_project-1.0.dist-info/direct_url.json",
            "some_project-1.0.dist-info/entry_points.txt",
            "some_project.py",
        ]
    );
}

/// What Python finds in a zip: each member's name, and what reading it says.
const READ: &str = r#"
import sys, zipfile
try:
    archive = zipfile.ZipFile(sys.argv[1])
except Exception as error:
    print(type(error).__name__)
    sys.exit()
for info in archive.infolist():
    try:
        said = f"{len(archive.read(info))} bytes"
    except Exception as error:
        said = type(error).__name__
    print(f"{info.filename!r} {oct(info.external_attr >> 16)} {said}")
"#;

#[test]
fn zips_lie_only_where_they_are_told_to() {
    let sandbox = Sandbox::new();
    let said = |members: &[Member]| {
        sandbox.file("x.zip", zip(members));
        python(READ, &sandbox.path("x.zip"))
    };
    let one = Member::new("one", "content\n");
    let changed = |change: &dyn Fn(&mut Member)| {
        let mut changed = one.clone();
        change(&mut changed);
        said(&[Member::stored("zero", "0"), changed])
    };
    let expect = |line: &str| format!("'zero' 0o100644 1 bytes\n{line}\n");
    assert_eq!(changed(&|_| {}), expect("'one' 0o100644 8 bytes"));
    assert_eq!(changed(&|one| one.mode = 0o120_777), expect("'one' 0o120777 8 bytes"));
    assert_eq!(changed(&|one| one.name = b"../one".to_vec()), expect("'../one' 0o100644 8 bytes"));
    assert_eq!(changed(&|one| one.local_name = Some(b"two".to_vec())), expect("'one' 0o100644 BadZipFile"));
    assert_eq!(changed(&|one| one.crc ^= 1), expect("'one' 0o100644 BadZipFile"));
    assert_eq!(changed(&|one| one.flags |= 1), expect("'one' 0o100644 RuntimeError"));
    assert_eq!(changed(&|one| one.method = 97), expect("'one' 0o100644 NotImplementedError"));
    assert_eq!(changed(&|one| one.bytes.fill(0xff)), expect("'one' 0o100644 error"));
    assert_eq!(changed(&|one| one.offset = Some(1)), expect("'one' 0o100644 BadZipFile"));
    assert_eq!(said(&[one.clone(), one.clone()]).lines().count(), 2);
}
