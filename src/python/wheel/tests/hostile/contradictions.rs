//! Wheels whose files say different things, or something that cannot be laid.

use super::*;

#[test]
fn wheels_that_their_record_does_not_tell_of_are_refused() {
    let without = |name: &'static str| {
        recorded(move |text| text.lines().filter(|line| !line.contains(name)).map(|line| format!("{line}\n")).collect())
    };
    refused(&[
        ("a member that is not there", without("__init__"), "its member `de_mo/__init__.py` is not in its RECORD"),
        (
            "two rows that differ",
            recorded(|text| format!("{text}de_mo/__init__.py,,\n")),
            "two rows for `de_mo/__init__.py` that differ",
        ),
        (
            "no digest",
            recorded(|text| text.replace("METADATA,sha256=", "METADATA,,\nx,sha256=")),
            "no digest of `de_mo-1.0.dist-info/METADATA`",
        ),
        (
            "a weak digest",
            recorded(|text| text.replace("__.py,sha256=", "__.py,md5=")),
            "a digest is of `md5`, and only sha256",
        ),
        (
            "another size",
            recorded(|text| text.replace(",6\n", ",7\n")),
            "says that `de_mo/__init__.py` has 7 bytes, and it has 6",
        ),
        (
            "four fields",
            recorded(|text| format!("{text}a,b,c,d\n")),
            "its RECORD makes no sense: line 5: it has 4 fields",
        ),
        (
            "another digest of the metadata",
            recorded(|text| {
                let digest = "sha256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU";
                let other =
                    |line: &str| format!("de_mo-1.0.dist-info/METADATA,{digest},{}", line.rsplit(',').next().unwrap());
                text.lines()
                    .map(|line| if line.contains("METADATA") { other(line) } else { line.to_owned() } + "\n")
                    .collect()
            }),
            "its METADATA is not what RECORD says",
        ),
    ]);
}

#[test]
fn wheels_that_contradict_themselves_are_refused() {
    let wheel = |old: &'static str, new: &'static str| {
        planned(move |draft| *draft = draft.clone().but("WHEEL", &WHEEL.replace(old, new)))
    };
    let metadata = |old: &'static str, new: &'static str| {
        planned(move |draft| *draft = draft.clone().but("METADATA", &METADATA.replace(old, new)))
    };
    let renamed = |old: &'static str, new: &'static str| {
        planned(move |draft| {
            for entry in &mut draft.entries {
                entry.name = String::from_utf8_lossy(&entry.name).replace(old, new).into_bytes();
            }
        })
    };
    let points = |text: &'static str| planned(move |draft| *draft = draft.clone().with_entry_points(text));
    refused(&[
        (
            "no metadata",
            with(Entry::file("other-1.0.dist-info/x", "")),
            "it has two .dist-info directories, `de_mo-1.0.dist-info` and `other-1.0.dist-info`",
        ),
        ("no WHEEL", renamed("WHEEL", "wheel"), "it has no `de_mo-1.0.dist-info/WHEEL`"),
        ("no METADATA", renamed("METADATA", "PKG-INFO"), "it has no `de_mo-1.0.dist-info/METADATA`"),
        (
            "a later format",
            wheel("Wheel-Version: 1.0", "Wheel-Version: 2.0"),
            "it is of version 2.0, and 1 is the only one there is",
        ),
        ("no format", wheel("Wheel-Version: 1.0", "Wheel-Version: x"), "`x` is no version"),
        (
            "no version of the format",
            wheel("Wheel-Version: 1.0\n", ""),
            "its WHEEL makes no sense: it has no `wheel-version`",
        ),
        ("neither pure nor not", wheel("true", "maybe"), "Root-Is-Purelib is `maybe`, not true or false"),
        ("pure and not", wheel("Generator: test", "Root-Is-Purelib: false"), "it has `root-is-purelib` more than once"),
        ("another name", metadata("De.mo", "other"), "they are of `other`, and the file's name says `de-mo`"),
        ("another version", metadata("1.0.0", "1.0.1"), "they are of version `1.0.1`, and the file's name says `1.0`"),
        ("two names", metadata("Requires-Python: ", "Name: "), "it has `name` more than once"),
        ("an escape in the version", metadata("1.0.0", "1.0\x1b[2J"), "which has control characters"),
        (
            "data of another",
            with(Entry::file("other-1.0.data/scripts/x", "")),
            "its directory `other-1.0.data` is not of de-mo 1.0",
        ),
        (
            "an unknown scheme",
            with(Entry::file("de_mo-1.0.data/root/x", "")),
            "is for `root`, and .data has purelib, platlib, scripts, data and headers",
        ),
        (
            "data nowhere",
            with(Entry::file("de_mo-1.0.data/x", "")),
            "its `de_mo-1.0.data/x` lies in no directory of .data",
        ),
        (
            "a script elsewhere",
            points("[console_scripts]\n../../x = a:b\n"),
            "has the name `../../x`, which would lie elsewhere",
        ),
        (
            "a script that runs something",
            points("[console_scripts]\nx = a:b();import os\n"),
            "is not of the form `module:function`",
        ),
        (
            "a script in place of a file",
            planned(|draft| {
                *draft = draft
                    .clone()
                    .with_entry_points("[console_scripts]\nx = a:b\n")
                    .with("de_mo-1.0.data/data/bin/x", "");
            }),
            "would both be `/usr/bin/x`",
        ),
        (
            "a file in a file once they are laid",
            planned(|draft| {
                *draft = draft.clone().with("de_mo-1.0.data/data/bin/x", "").with("de_mo-1.0.data/scripts/x/y", "");
            }),
            "`/usr/bin/x` would be a file, and `/usr/bin/x/y` lie in it",
        ),
        (
            "a file over a record",
            with(Entry::file("de_mo-1.0.data/purelib/de_mo-1.0.dist-info/RECORD", "")),
            "would both be",
        ),
    ]);
    for (file, expected) in [
        ("other-1.0-py3-none-any.whl", "its directory `de_mo-1.0.dist-info` is not of other 1.0"),
        ("de_mo-2.0-py3-none-any.whl", "its directory `de_mo-1.0.dist-info` is not of de-mo 2.0"),
    ] {
        assert_eq!(open(file, &Draft::demo().write()).map(|_| ()).unwrap_err(), expected);
    }
    assert!(open("de_mo.zip", &Draft::demo().write()).is_err());
}
