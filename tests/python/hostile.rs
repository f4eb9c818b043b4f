//! Wheels that mean harm, or contradict themselves: each is refused, and nothing is left of it.

use super::{assert_nothing_left, from_nothing};
use crate::support::wheels::{SmallWheel, row};
use crate::support::zip::{Member, zip, zip_with};
use crate::support::{Run, Sandbox};

const LAYER: &str = "wheels = \"wheelhouse/\"\npython = \"3.11\"\ninto = \"/var/task/\"\nlibc = \"glibc 2.34\"\n";

/// The wheel that is changed: some modules, a script and data.
fn honest() -> SmallWheel {
    SmallWheel::new("evil", "1.0")
        .file("pkg/__init__.py", "")
        .file("pkg/data.bin", vec![7; 5000])
        .script("evil = evil:main")
        .data("scripts/tool", "#!python\nprint(1)\n")
}

/// Builds from these wheels, by file name and bytes.
fn build(wheels: &[(String, Vec<u8>)]) -> (Sandbox, Run) {
    let sandbox = Sandbox::new();
    for (name, bytes) in wheels {
        sandbox.file(&format!("wheelhouse/{name}"), bytes);
    }
    from_nothing(&sandbox, &["amd64"], LAYER);
    let run = sandbox.run(["build", "app.toml"]);
    (sandbox, run)
}

/// Makes sure that these wheels are refused and that the message names the first of them; what is left is nothing.
#[track_caller]
fn refused(what: &str, wheels: &[(String, Vec<u8>)]) {
    let (sandbox, run) = build(wheels);
    assert_eq!(run.code, 2, "{what}: {}\n{}", run.stdout, run.stderr);
    let named = run.stderr.split_whitespace().collect::<String>();
    assert!(named.contains(&wheels[0].0), "{what}: `{}` is not named:\n{}", wheels[0].0, run.stderr);
    assert!(!run.stderr.contains("panicked"), "{what}: {}", run.stderr);
    assert!(!run.stderr.contains(['\x1b', '\x07', '\u{202e}']), "{what}: {:?}", run.stderr);
    assert!(run.stderr.len() < 20_000, "{what}: {} bytes", run.stderr.len());
    assert_nothing_left(&sandbox);
    assert_eq!(sandbox.names("").iter().filter(|name| *name != "cache").count(), 2, "{what}");
}

/// The honest wheel with other members, of which `RECORD` is true.
fn members(change: impl FnOnce(&mut Vec<Member>)) -> Vec<(String, Vec<u8>)> {
    let wheel = honest();
    let mut members = wheel.members();
    change(&mut members);
    vec![(wheel.file_name(), wheel.bytes_of(members))]
}

/// The honest wheel, of whose members `RECORD` is true until they are changed.
fn after_record(change: impl FnOnce(&mut Vec<Member>)) -> Vec<(String, Vec<u8>)> {
    let wheel = honest();
    let mut members = wheel.members();
    members.push(wheel.record(&SmallWheel::rows(&members)));
    change(&mut members);
    vec![(wheel.file_name(), zip(&members))]
}

/// The honest wheel with other rows in `RECORD`.
fn rows(change: impl FnOnce(&mut Vec<String>)) -> Vec<(String, Vec<u8>)> {
    let wheel = honest();
    let mut members = wheel.members();
    let mut rows = SmallWheel::rows(&members);
    change(&mut rows);
    members.push(wheel.record(&rows));
    vec![(wheel.file_name(), zip(&members))]
}

/// The honest wheel in another form.
fn wheel(change: impl FnOnce(&mut SmallWheel)) -> Vec<(String, Vec<u8>)> {
    let mut wheel = honest();
    change(&mut wheel);
    vec![(honest().file_name(), wheel.bytes())]
}

/// The honest wheel's bytes, changed.
fn bytes(change: impl FnOnce(&mut Vec<u8>)) -> Vec<(String, Vec<u8>)> {
    let mut bytes = honest().bytes();
    change(&mut bytes);
    vec![(honest().file_name(), bytes)]
}

#[test]
fn the_honest_wheel_is_laid() {
    let (sandbox, run) = build(&[(honest().file_name(), honest().bytes())]);
    run.ok();
    let image = sandbox.unpack("app");
    assert_eq!(image.text("var/task/evil.py"), "version = \"1.0\"\n");
    assert!(image.text("var/task/bin/tool").ends_with("\nprint(1)\n"));
    assert_eq!(image.line("var/task/bin/evil"), "f 0755 0:0");
}

#[test]
fn paths_that_are_none() {
    for path in [
        "../escaped.py",
        "pkg/../../escaped.py",
        "/etc/passwd",
        "pkg/./a.py",
        "pkg//a.py",
        "..",
        ".",
        "",
        "pkg\\..\\..\\escaped.py",
        "nul\0.py",
        "bell\x07.py",
        "escape\x1b[31m.py",
        "new\nline.py",
        "pkg/.wh.data.bin",
        ".wh..wh..opq",
        "evil-1.0.data/scripts/../../../usr/bin/python3",
        "evil-1.0.data/data/../../etc/passwd",
    ] {
        refused(&format!("the path {path:?}"), &members(|all| all.push(Member::new(path, "x"))));
    }
    refused("a path that is no UTF-8", &after_record(|all| all.insert(0, Member::new(b"\xff\xfe.py", "x"))));
    let long = "n".repeat(5000);
    refused("a path of 5000 bytes", &members(|all| all.push(Member::new(&long, "x"))));
    refused("a path of 5000 folders", &members(|all| all.push(Member::new("d/".repeat(5000) + "f", "x"))));
}

#[test]
fn kinds_that_no_wheel_holds() {
    for (what, mode) in [("link", 0o120_777), ("device", 0o060_644), ("FIFO", 0o010_644), ("socket", 0o140_644)] {
        refused(&format!("a {what}"), &members(|all| all.push(Member::stored("pkg/x", "/etc/passwd").mode(mode))));
    }
    refused("a folder with content", &members(|all| all.push(Member::stored("pkg/folder/", "x").mode(0o040_755))));
}

#[test]
fn paths_that_stand_for_two_files() {
    refused("twice the same", &members(|all| all.push(all[0].clone())));
    refused("twice the same path", &members(|all| all.push(Member::new("evil.py", "version = \"2.0\"\n"))));
    refused("a case that differs", &members(|all| all.push(Member::new("PKG/__INIT__.py", "x"))));
    refused("a folder's case that differs", &members(|all| all.push(Member::new("PKG/other.py", "x"))));
    refused("a file below a file", &members(|all| all.push(Member::new("evil.py/x", "x"))));
    refused(
        "a module of two schemes",
        &members(|all| {
            all.push(Member::new("evil-1.0.data/purelib/evil.py", "other\n"));
        }),
    );
    // Another distribution's.
    let mut thief = SmallWheel::new("thief", "1.0");
    thief.files.push(Member::new("pkg/data.bin", "other"));
    let two = [(honest().file_name(), honest().bytes()), (thief.file_name(), thief.bytes())];
    refused("two wheels and one path", &two);
    let (_, run) = build(&two);
    for words in ["evil-1.0-py3-none-any.whl", "thief-1.0-py3-none-any.whl", "pkg/data.bin"] {
        assert!(run.stderr.split_whitespace().collect::<String>().contains(words), "{}", run.stderr);
    }
    let tool = SmallWheel::new("thief", "1.0").data("scripts/tool", "#!python\nprint(2)\n");
    refused("two wheels and one script", &[(honest().file_name(), honest().bytes()), (tool.file_name(), tool.bytes())]);
    let again = honest().file("more.py", "");
    let name = "evil-1.0-1-py3-none-any.whl".to_owned();
    // The same version twice is no conflict: the greater build wins.
    build(&[(honest().file_name(), honest().bytes()), (name, again.bytes())]).1.ok();
    let mut other = honest();
    other.version = "2.0".to_owned();
    refused("two versions", &[(honest().file_name(), honest().bytes()), (other.file_name(), other.bytes())]);
    // The same content at one path is no conflict.
    let mut friend = SmallWheel::new("friend", "1.0");
    friend.files.push(Member::new("pkg/__init__.py", ""));
    build(&[(honest().file_name(), honest().bytes()), (friend.file_name(), friend.bytes())]).1.ok();
}

#[test]
fn bombs() {
    // Some 200 KiB that say, and are, 200 MiB of zeros: a ratio that no file of a wheel has.
    let zeros = vec![0; 200 << 20];
    refused("a bomb", &members(|all| all.push(Member::new("pkg/zeros", &zeros))));
    // One that says that it is small, and goes on.
    refused(
        "a bomb that lies",
        &after_record(|all| {
            let mut bomb = Member::new("pkg/zeros", &zeros);
            bomb.size = 100;
            bomb.crc = crc32fast::hash(&[0; 100]);
            all.push(bomb);
            let honest = honest();
            let mut rows = SmallWheel::rows(&honest.members());
            rows.push(row("pkg/zeros", &[0; 100]));
            let record = all.iter().position(|member| member.name.ends_with(b"/RECORD")).unwrap();
            all[record] = honest.record(&rows);
        }),
    );
    // Many members of the same bytes.
    refused(
        "members that overlap",
        &after_record(|all| {
            let mut one = all[2].clone();
            one.name = b"pkg/again.bin".to_vec();
            one.local_name = Some(all[2].name.clone());
            one.bytes = Vec::new();
            let before: usize = all[..2].iter().map(|member| 30 + member.name.len() + member.bytes.len()).sum();
            one.offset = Some(u32::try_from(before).unwrap());
            all.push(one);
        }),
    );
}

#[test]
fn bytes_that_are_not_what_is_said() {
    let data = |all: &mut Vec<Member>| all.iter().position(|member| member.name == b"pkg/data.bin").unwrap();
    refused(
        "a wrong checksum",
        &after_record(|all| {
            let at = data(all);
            all[at].crc ^= 1;
        }),
    );
    refused(
        "another content than its record's",
        &after_record(|all| {
            let at = data(all);
            all[at] = all[at].with(vec![8; 5000]);
        }),
    );
    refused(
        "a size that is too small",
        &after_record(|all| {
            let at = data(all);
            all[at].size -= 1;
        }),
    );
    refused(
        "a size that is too large",
        &after_record(|all| {
            let at = data(all);
            all[at].size += 1;
        }),
    );
    refused(
        "a compressed size beyond the file",
        &after_record(|all| {
            let at = data(all);
            all[at].compressed_size = u32::MAX - 1;
        }),
    );
    refused(
        "a stream that breaks off",
        &after_record(|all| {
            let at = data(all);
            let half = all[at].bytes.len() / 2;
            all[at].bytes.truncate(half);
            all[at].compressed_size = u32::try_from(half).unwrap();
        }),
    );
    refused(
        "noise for a stream",
        &after_record(|all| {
            let at = data(all);
            all[at].bytes.fill(0xff);
        }),
    );
    refused(
        "another name in front of the bytes",
        &after_record(|all| {
            let at = data(all);
            all[at].local_name = Some(b"pkg/dat4.bin".to_vec());
        }),
    );
    refused("an offset into nothing", &after_record(|all| all[0].offset = Some(u32::MAX - 1)));
    refused("an offset into another member", &after_record(|all| all[0].offset = Some(7)));
    refused(
        "an encrypted member",
        &after_record(|all| {
            let at = data(all);
            all[at].flags |= 1;
        }),
    );
    for method in [1, 9, 12, 14, 93, 99] {
        refused(
            &format!("compression {method}"),
            &after_record(|all| {
                let at = data(all);
                all[at].method = method;
            }),
        );
    }
}

#[test]
fn a_content_that_is_not_what_record_says_is_told() {
    let (_, run) = build(&after_record(|all| {
        let at = all.iter().position(|member| member.name == b"pkg/data.bin").unwrap();
        all[at] = all[at].with(vec![8; 5000]);
    }));
    let words = run.stderr.split_whitespace().filter(|word| *word != "│").collect::<Vec<_>>().join(" ");
    for told in
        ["`pkg/data.bin` of `evil-1.0-py3-none-any.whl` is not what the wheel's RECORD says", "get the wheel again"]
    {
        assert!(words.contains(told), "{told}: {}", run.stderr);
    }
}

#[test]
fn archives_that_are_none() {
    refused("nothing", &bytes(Vec::clear));
    refused("a page", &bytes(|bytes| *bytes = b"<html>not found</html>".to_vec()));
    refused("a half", &bytes(|bytes| bytes.truncate(bytes.len() / 2)));
    refused("one byte less", &bytes(|bytes| bytes.truncate(bytes.len() - 1)));
    refused("bytes behind its end", &bytes(|bytes| bytes.extend([0; 40])));
    let with_end = |change: &dyn Fn(&mut [u8; 22])| {
        let wheel = honest();
        let mut members = wheel.members();
        members.push(wheel.record(&SmallWheel::rows(&members)));
        vec![(wheel.file_name(), zip_with(&members, |end| change(end)))]
    };
    refused("more members than there are", &with_end(&|end| end[8..12].copy_from_slice(&[99, 0, 99, 0])));
    refused("fewer members than there are", &with_end(&|end| end[8..12].copy_from_slice(&[1, 0, 1, 0])));
    refused("several disks", &with_end(&|end| end[4] = 1));
    refused("a directory beyond the file", &with_end(&|end| end[16..20].copy_from_slice(&[0xfe; 4])));
    refused("a directory that is too large", &with_end(&|end| end[12..16].copy_from_slice(&[0xfe; 4])));
}

#[test]
fn records_that_are_not_true() {
    refused("a wrong hash", &rows(|rows| rows[0] = row("evil.py", b"else")));
    refused(
        "a wrong size",
        &rows(|rows| {
            let size = rows[0].rfind(',').unwrap();
            rows[0].truncate(size + 1);
            rows[0] += "1";
        }),
    );
    refused("a file that is in none", &rows(|rows| drop(rows.remove(0))));
    refused("a row without a hash", &rows(|rows| rows[0] = "evil.py,,".to_owned()));
    refused("a weak hash", &rows(|rows| rows[0] = "evil.py,md5=1B2M2Y8AsgTpgAmY7PhCfg,16".to_owned()));
    refused("two rows of one file", &rows(|rows| rows.push(row("evil.py", b"else"))));
    refused("a row that is none", &rows(|rows| rows.push("pkg/ghost.py,,,".to_owned())));
    // It swallows the rows behind it.
    refused("a row that is open", &rows(|rows| rows.insert(0, "\"open".to_owned())));
    refused("no record", &{
        let wheel = honest();
        vec![(wheel.file_name(), zip(&wheel.members()))]
    });
}

#[test]
fn metadata_that_contradicts_itself() {
    let wheel_file = |from: &str, to: &str| wheel(|wheel| wheel.wheel = wheel.wheel.replace(from, to));
    refused("a wheel of version 2", &wheel_file("Version: 1.0", "Version: 2.0"));
    refused("a wheel without a version", &wheel_file("Wheel-Version: 1.0\n", ""));
    refused("another name", &wheel(|wheel| wheel.name = "good".to_owned()));
    refused("another version", &wheel(|wheel| wheel.version = "1.1".to_owned()));
    refused(
        "another name in METADATA",
        &members(|all| {
            let at = all.iter().position(|member| member.name.ends_with(b"/METADATA")).unwrap();
            all[at] = all[at].with("Metadata-Version: 2.1\nName: good\nVersion: 1.0\n");
        }),
    );
    refused(
        "two .dist-info",
        &members(|all| {
            all.push(Member::new("good-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: good\nVersion: 1.0\n"));
        }),
    );
    let without = |name: &str| {
        let end = format!("/{name}");
        members(|all| all.retain(|member| !member.name.ends_with(end.as_bytes())))
    };
    refused("no METADATA", &without("METADATA"));
    refused("no WHEEL", &without("WHEEL"));
    refused("an unknown scheme", &members(|all| all.push(Member::new("evil-1.0.data/stdlib/os.py", "x"))));
    refused("another one's data", &members(|all| all.push(Member::new("good-1.0.data/scripts/x", "#!python\n"))));
}

#[test]
fn scripts_that_are_none() {
    let script = |line: &str| wheel(|wheel| wheel.entry_points = format!("[console_scripts]\n{line}\n"));
    for line in [
        "tool = evil:main\n  import os",
        "tool = evil:main; import os",
        "tool = evil:main\rimport os",
        "tool = evil:main()",
        "tool = evil",
        "tool = :main",
        "tool",
        "../../../bin/sh = evil:main",
        "a/b = evil:main",
        ".. = evil:main",
        "= evil:main",
        ".wh.tool = evil:main",
        "to\x1bol = evil:main",
        "tool = evil:main\ntool = evil:other",
    ] {
        refused(&format!("the script {line:?}"), &script(line));
    }
}

#[test]
fn what_pip_passes_over() {
    let laid = |wheels: &[(String, Vec<u8>)]| {
        let (sandbox, run) = build(wheels);
        run.ok();
        sandbox.unpack("app")
    };
    // A script of the name of an entry point gives way to it.
    let image = laid(&members(|all| all.push(Member::new("evil-1.0.data/scripts/evil", "#!python\nold\n"))));
    assert!(image.text("var/task/bin/evil").contains("from evil import main"));
    // A line that stands in no section says nothing.
    let image = laid(&wheel(|wheel| wheel.entry_points = "tool = evil:main\n".to_owned()));
    assert_eq!(image.line("var/task/bin/evil"), "-");
    // Neither does a row that stands there twice.
    let image = laid(&rows(|rows| rows.push(rows[0].clone())));
    let record = image.text("var/task/evil-1.0.dist-info/RECORD");
    assert_eq!(record.lines().filter(|line| line.starts_with("evil.py,")).count(), 1);
    // Nor one without a file, wherever that would lie: wheels that were thinned out have such.
    for ghost in ["pkg/ghost.c", "../../../etc/passwd", "/etc/passwd"] {
        let image = laid(&rows(|rows| rows.push(row(ghost, b"x"))));
        let now = image.text("var/task/evil-1.0.dist-info/RECORD");
        // The address says the wheel's digest.
        let others = |record: &str| {
            record.lines().filter(|line| !line.contains("/direct_url.json,")).map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(others(&now), others(&record), "{ghost}");
        assert_eq!((image.line("var/task/pkg/ghost.c"), image.line("etc/passwd")), ("-".to_owned(), "-".to_owned()));
    }
    // Without a word about it, modules lie where those of a platform do, which is the same place.
    let image = laid(&wheel(|wheel| wheel.wheel = wheel.wheel.replace("Root-Is-Purelib: true\n", "")));
    assert_eq!(image.line("var/task/evil.py"), "f 0644 0:0");
}
