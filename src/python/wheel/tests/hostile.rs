//! Wheels that mean harm, or that two readers would take for two things.

use super::*;

mod contradictions;

/// A wheel that is refused once it is changed as it is planned.
fn planned(change: impl Fn(&mut Draft)) -> Written {
    let mut draft = Draft::demo();
    change(&mut draft);
    draft.write()
}

/// A wheel with one more member, which `RECORD` has.
fn with(entry: Entry) -> Written {
    planned(|draft| draft.entries.push(entry.clone()))
}

/// A wheel that is changed after it was written. Its last member is `de_mo/x`.
fn patched(change: impl Fn(&mut Written)) -> Written {
    let mut draft = Draft::demo();
    draft.entries.insert(0, Entry::file("de_mo/x", "some text, some text, some text"));
    let mut written = draft.write();
    change(&mut written);
    written
}

/// Bytes put in somewhere, so that all that comes after them lies elsewhere.
fn inserted(at: usize, new: &[u8]) -> Written {
    patched(|written| {
        written.bytes.splice(at..at, new.iter().copied());
    })
}

/// All numbers of the end record moved to one for zip64, with one of them changed.
fn with_long_end(change: impl Fn(&mut Written)) -> Written {
    let draft = Draft::demo();
    let mut entries = draft.entries.clone();
    entries.push(Entry::file("de_mo-1.0.dist-info/RECORD", draft.record()));
    let mut written = write(&entries, true);
    assert!(open(&draft.file, &written).is_ok());
    change(&mut written);
    written
}

fn named(name: &str) -> Written {
    with(Entry::file(name, "x"))
}

fn of_mode(mode: u32) -> Written {
    with(Entry::file("de_mo/x", "target").of_mode(mode))
}

fn recorded(change: impl Fn(String) -> String) -> Written {
    planned(|draft| draft.record = Some(change(draft.record())))
}

/// Why a wheel is refused when it is opened, laid, or read to its end.
fn why(written: &Written) -> Option<String> {
    let wheel = match open("de_mo-1.0-py3-none-any.whl", written) {
        Ok(wheel) => wheel,
        Err(why) => return Some(why),
    };
    let distribution = match wheel.lay(&scheme(), false) {
        Ok(distribution) => distribution,
        Err(error) => return Some(error.why),
    };
    distribution.files.iter().find_map(|file| {
        let mut content = Vec::new();
        let read = file.content.source.open().unwrap().read_to_end(&mut content);
        read.err().map(|error| format!("at its end: {error}"))
    })
}

fn refused(table: &[(&str, Written, &str)]) {
    for (what, written, expected) in table {
        match why(written) {
            Some(why) => {
                assert!(why.contains(expected), "{what}: {why}");
                assert!(!why.contains(char::is_control), "{what}: {why:?}");
            }
            None => panic!("{what}: not refused"),
        }
    }
}

#[test]
fn nothing_is_wrong_with_what_the_others_are_made_of() {
    assert_eq!(why(&Draft::demo().write()), None);
    assert_eq!(why(&patched(|_| {})), None);
    assert_eq!(why(&with(Entry::directory("de_mo/d/"))), None);
    assert_eq!(why(&named("de_mo/fine")), None);
}

#[test]
fn names_that_lie_elsewhere_are_refused() {
    let long = format!("de_mo/{}", "n".repeat(256));
    let deep = format!("de_mo/{}x", "d/".repeat(256));
    refused(&[
        ("up", named("../x"), "the member `../x` leaves its directory through `..`"),
        ("up within", named("de_mo/../../x"), "leaves its directory through `..`"),
        ("up at the end", named("de_mo/.."), "leaves its directory through `..`"),
        ("absolute", named("/etc/passwd"), "the member `/etc/passwd` has an absolute path"),
        ("backslash", named("..\\x"), "has a backslash in its name"),
        ("drive", named("C:x"), "names a drive"),
        ("NUL", named("de_mo/x.py\0.txt"), "has a control character in its name"),
        ("escape", named("de_mo/\x1b[2Jx"), "the member `de_mo/\u{fffd}[2Jx` has a control character in its name"),
        ("newline", named("de_mo/a\nb"), "has a control character in its name"),
        ("empty part", named("de_mo//x"), "its parts have to be names"),
        ("dot", named("./x"), "its parts have to be names"),
        ("nothing", named(""), "its parts have to be names"),
        ("long", named(&long), "names have no more than 255 bytes"),
        ("deep", named(&deep), "paths have no more than 256 parts"),
        ("whiteout", named("de_mo/.wh.x"), "which would be a whiteout"),
        ("opaque", named(".wh..wh..opq"), "which would be a whiteout"),
        ("not UTF-8", with(Entry::file(b"de_mo/\xff\xfe".to_vec(), "")), "has a name that is not UTF-8"),
    ]);
    // A name that is UTF-8 but does not say so is read as another by Python.
    let mut draft = Draft::demo();
    draft.entries.insert(0, Entry::file("de_mo/é", ""));
    let mut written = draft.write();
    written.in_both(6, &[0, 0]);
    let expected = "of which it is not said that it is UTF-8";
    let last = open(&draft.file, &written).map(|_| ()).unwrap_err();
    assert!(last.contains(expected), "{last}");
}

#[test]
fn what_is_no_plain_file_is_refused() {
    refused(&[
        ("symlink", of_mode(0o120_777), "the member `de_mo/x` is a symbolic link"),
        ("FIFO", of_mode(0o010_644), "is a special file"),
        ("device", of_mode(0o020_644), "is a special file"),
        ("block device", of_mode(0o060_644), "is a special file"),
        ("socket", of_mode(0o140_644), "is a special file"),
        ("directory by its mode", of_mode(0o040_755), "is a directory by its attributes alone"),
        (
            "directory by MS-DOS",
            patched(|w| w.in_central(38, &[0x10, 0, 0, 0])),
            "is a directory by its attributes alone",
        ),
        (
            "file by its mode",
            with(Entry::directory("de_mo/d/").of_mode(0o100_644)),
            "is a file with the name of a directory",
        ),
        ("full directory", with(Entry::file("de_mo/d/", "x").of_mode(0o040_755)), "is a directory with contents"),
        ("encrypted", patched(|w| w.in_both(6, &[1, 0])), "the member `de_mo/x` is encrypted"),
        ("strongly encrypted", patched(|w| w.in_both(6, &[0x41, 0])), "is encrypted"),
        ("patch", patched(|w| w.in_both(6, &[0x20, 0])), "is a patch of something else"),
        ("bzip2", patched(|w| w.in_both(8, &[12, 0])), "is packed by method 12, and only stored and deflated"),
        ("deflate64", patched(|w| w.in_both(8, &[9, 0])), "is packed by method 9"),
    ]);
}

#[test]
fn names_that_are_too_much_alike_are_refused() {
    let two = |one: Entry, other: Entry| planned(|draft| draft.entries.extend([one.clone(), other.clone()]));
    refused(&[
        ("twice", named("de_mo/__init__.py"), "it has two members of the name `de_mo/__init__.py`"),
        ("case", named("De_mo/__INIT__.py"), "differ in case alone"),
        ("case beyond ASCII", two(Entry::file("é", ""), Entry::file("É", "")), "`É` and `é` differ in case alone"),
        (
            "case of a folder",
            two(Entry::file("Odd2/a.py", ""), Entry::file("odd2/b.py", "")),
            "its folders `Odd2` and `odd2` differ in case alone",
        ),
        ("case of a folder that is there", named("De_Mo/a.py"), "its folders `de_mo` and `De_Mo` differ in case alone"),
        (
            "case of a folder in others",
            two(Entry::file("x/É/deep/a", ""), Entry::file("x/é/deep/b", "")),
            "its folders `x/É` and `x/é` differ in case alone",
        ),
        (
            "case of a folder that is a member",
            two(Entry::directory("x/odd/"), Entry::file("x/Odd/a.py", "")),
            "its folders `x/odd` and `x/Odd` differ in case alone",
        ),
        (
            "case of a folder with others between",
            planned(|draft| {
                draft.entries.extend(["y/a", "y/B/a", "y-b", "y.c", "y/c/d", "Y/d"].map(|name| Entry::file(name, "")));
            }),
            "its folders `y` and `Y` differ in case alone",
        ),
        ("file and directory", with(Entry::directory("de_mo/__init__.py/")), "is a file and a directory"),
        (
            "file in a file",
            named("de_mo/__init__.py/x"),
            "`de_mo/__init__.py` is a file, and `de_mo/__init__.py/x` lies in it",
        ),
        ("file in a file by case", named("de_mo/__INIT__.py/x"), "lies in it"),
        (
            "file in a file with others between",
            planned(|draft| {
                draft.entries.extend(["a", "a-b", "a.b", "a/c"].map(|name| Entry::file(name, "")));
            }),
            "its `a` is a file, and `a/c` lies in it",
        ),
    ]);
}

#[test]
fn zips_that_two_readers_take_for_two_things_are_refused() {
    let whole = Draft::demo().write().bytes;
    let size = whole.len() as u32;
    let gap = |after: &[u8]| planned(|draft| draft.entries[0].after = after.to_vec());
    let hidden = write(&[Entry::file("hidden", "x")], false);
    let hidden = hidden.bytes[..hidden.centrals[0]].to_vec();
    refused(&[
        ("no zip", Written { bytes: b"hello".to_vec(), ..Draft::demo().write() }, "it is no zip: it has no end record"),
        ("nothing", Written { bytes: Vec::new(), ..Draft::demo().write() }, "it is no zip"),
        ("cut off", patched(|w| w.bytes.truncate(w.end + 20)), "its end record is cut off"),
        ("trailing bytes", patched(|w| w.bytes.extend(b"x")), "something lies after its end record"),
        ("two zips", patched(|w| w.bytes.extend(&whole)), "its directory does not lie right before its end record"),
        (
            "another end in the comment",
            patched(|w| {
                w.in_end(20, &[22, 0]);
                w.bytes.extend(b"PK\x05\x06".iter().chain(&[0; 18]));
            }),
            "its directory does not lie right before its end record",
        ),
        (
            "a member in the comment",
            patched(|w| {
                w.in_end(20, &[4, 0]);
                w.bytes.extend(b"PK\x03\x04");
            }),
            "its comment looks like a part of a zip",
        ),
        ("bytes in front", inserted(0, b"#!/bin/sh\n"), "its directory does not lie right before its end record"),
        (
            "bytes in front that are counted",
            patched(|w| {
                let start = w.centrals[0] as u32;
                for (central, local) in w.centrals.clone().into_iter().zip(w.locals.clone()) {
                    w.put(central + 42, &(local as u32 + 4).to_le_bytes());
                }
                w.in_end(16, &(start + 4).to_le_bytes());
                w.bytes.splice(0..0, *b"junk");
            }),
            "4 bytes lie before its first member",
        ),
        ("a member that the directory does not know", gap(&hidden), "bytes that belong to none"),
        ("a gap", gap(b"\0\0\0\0"), "the member `de_mo/__init__.py` is followed by 4 bytes that belong to none"),
        (
            "overlap",
            patched(|w| {
                let first = w.locals[0] as u32;
                w.in_central(42, &first.to_le_bytes());
            }),
            "the members `de_mo/__init__.py` and `de_mo/x` begin at one place",
        ),
        (
            "a header in the middle of another member",
            patched(|w| {
                let at = w.locals.last().unwrap() - 3;
                w.in_central(42, &(at as u32).to_le_bytes());
            }),
            "the member `de_mo-1.0.dist-info/RECORD` overlaps the one after it",
        ),
        (
            "beyond the end",
            patched(|w| w.in_central(42, &size.to_le_bytes())),
            "`de_mo-1.0.dist-info/RECORD` is followed by 264 bytes that belong to none",
        ),
        (
            "larger than the room",
            patched(|w| w.in_central(20, &[0, 2, 0, 0])),
            "has another packed size in its own header",
        ),
        ("larger than the room in both", patched(|w| w.in_both(18, &[0, 2, 0, 0])), "overlaps the one after it"),
        ("another name of its own", patched(|w| w.in_local(36, b"y")), "has another name in its own header"),
        ("another method of its own", patched(|w| w.in_local(8, &[0, 0])), "has another method in its own header"),
        ("another size of its own", patched(|w| w.in_local(22, &[1, 0, 0, 0])), "has another size in its own header"),
        (
            "another checksum of its own",
            patched(|w| w.in_local(14, &[1, 0, 0, 0])),
            "has another checksum in its own header",
        ),
        ("other flags of its own", patched(|w| w.in_local(6, &[8, 0])), "has other flags in its own header"),
        ("a descriptor that is none", patched(|w| w.in_both(6, &[8, 0])), "has no data descriptor after its data"),
        (
            "fewer entries than there are",
            patched(|w| w.in_end(8, &[4, 0, 4, 0])),
            "its directory has more than the 4 entries",
        ),
        (
            "more entries than there are",
            patched(|w| w.in_end(8, &[6, 0, 6, 0])),
            "the entry 6 of its directory makes no sense",
        ),
        ("several disks", patched(|w| w.in_end(4, &[1, 0])), "it is a part of a zip on several disks"),
        ("a member on another disk", patched(|w| w.in_central(34, &[1, 0])), "lies on another disk"),
        (
            "a directory elsewhere",
            patched(|w| w.in_end(12, &[1, 0, 0, 0])),
            "its directory does not lie right before its end record",
        ),
        (
            "two ends that differ",
            with_long_end(|w| w.in_end(8, &[1, 0, 1, 0])),
            "its two end records contradict each other",
        ),
        (
            "a locator that points elsewhere",
            with_long_end(|w| w.put(w.end - 12, &[0; 8])),
            "does not lie right before its locator",
        ),
        (
            "a zip64 record with more in it",
            with_long_end(|w| w.put(w.end - 72, &[45])),
            "its zip64 end record makes no sense",
        ),
        ("a size that lacks", patched(|w| w.in_central(24, &[0xff; 4])), "lacks a number of zip64"),
        (
            "another size in an extra field",
            with(Entry { extra: [&[1, 0, 8, 0][..], &[9; 8]].concat(), ..Entry::file("de_mo/x", "x") }),
            "says two things with its numbers of zip64",
        ),
        (
            "another name in an extra field",
            with(Entry { extra: b"\x75\x70\x07\0\x01abcdxy".to_vec(), ..Entry::file("de_mo/x", "x") }),
            "has another name in an extra field",
        ),
        (
            "an extra field without end",
            with(Entry { extra: b"xx\xff\0".to_vec(), ..Entry::file("de_mo/x", "x") }),
            "has an extra field that does not end",
        ),
        (
            "another content",
            patched(|w| {
                let at = *w.datas.last().unwrap();
                w.put(at, &[0x7b]);
            }),
            "at its end: ",
        ),
    ]);
}

#[test]
fn bombs_are_refused_before_they_are_unpacked() {
    let most = |size: u64| {
        let entry = Entry { is_long: true, ..Entry::file("de_mo/x", vec![0; 4096]).stored() };
        let mut draft = Draft::demo();
        draft.entries.insert(0, entry);
        let mut written = draft.write();
        // After the fields and the name, the field for zip64: its size is its first number.
        written.in_local(30 + 7 + 4, &size.to_le_bytes());
        written.in_central(46 + 7 + 4, &size.to_le_bytes());
        written.in_both(8, &[8, 0]);
        written
    };
    refused(&[
        (
            "more than deflate can",
            most(4096 * 1032 + 1),
            "would grow from 4096 bytes to 4227073, more than deflate can",
        ),
        ("an absurd size", most(u64::MAX), "more than deflate can"),
        ("zeros", with(Entry::file("de_mo/x", vec![0; 70 << 20])), "more than 50 times as many"),
        (
            "a great directory",
            with_long_end(|w| w.put(w.end - 36, &(65u64 << 20).to_le_bytes())),
            "67108864 are the most that are read",
        ),
        (
            "many members",
            with_long_end(|w| {
                for at in [52, 44] {
                    w.put(w.end - at, &1_000_000u64.to_le_bytes());
                }
            }),
            "it has 1000000 members, and 200000 are the most that are read",
        ),
        (
            "a great WHEEL",
            planned(|draft| {
                let text: String =
                    (0..200_000u32).map(|n| format!("Tag: {}\n", n.wrapping_mul(2_654_435_761))).collect();
                *draft = draft.clone().but("WHEEL", &format!("{WHEEL}{text}"));
            }),
            "and 1048576 are the most that are read",
        ),
    ]);
}
