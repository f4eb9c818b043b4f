use std::collections::BTreeMap;
use std::io::Read;

use proptest::prelude::*;

use super::writer::{Descriptor, Entry, Written, write};
use super::*;

fn open(written: &Written, offset: u64) -> Result<Archive, String> {
    Archive::open(written.file(offset), offset, written.bytes.len() as u64)
}

/// The bytes of all files, by path.
fn contents(archive: &Archive) -> Result<BTreeMap<String, Vec<u8>>, String> {
    let files = archive.members().iter().filter(|member| !member.is_directory);
    files.map(|member| Ok((member.path.to_string(), archive.read(member, 1 << 30)?))).collect()
}

#[test]
fn every_form_that_writers_use_is_read() {
    let text = b"one and one and one and one".repeat(50);
    let mut entries = vec![Entry::directory("d/"), Entry::file("d/plain", text.clone())];
    for is_long in [false, true] {
        for (is_signed, long) in [(false, false), (true, false), (false, true), (true, true)] {
            let name = format!("d/{is_long}{is_signed}{long}");
            let descriptor = Some(Descriptor { is_signed, is_long: long });
            entries.push(Entry { descriptor, is_long, ..Entry::file(name, text.clone()) });
        }
        entries.push(Entry { is_long, ..Entry::file(format!("long {is_long}"), text.clone()).stored() });
    }
    // An access time, and fill up to four bytes.
    entries.push(Entry { extra: b"UT\x05\0\x01abcd\0\0".to_vec(), ..Entry::file("é.py", "") });
    entries.push(Entry { extra: b"xx\x64\0".iter().copied().chain([0; 100]).collect(), ..Entry::file("wide", "w") });
    entries.push(Entry::file("run", "#!/bin/sh").of_mode(0o100_755));
    entries.push(Entry::file("modeless", "").of_mode(0));
    for has_long_end in [false, true] {
        let archive = open(&write(&entries, has_long_end), 100).unwrap();
        let expected: BTreeMap<String, Vec<u8>> = entries
            .iter()
            .skip(1)
            .map(|entry| (String::from_utf8(entry.name.clone()).unwrap(), entry.content.clone()))
            .collect();
        assert_eq!(contents(&archive).unwrap(), expected);
        assert!(archive.find("run").unwrap().is_executable && !archive.find("wide").unwrap().is_executable);
        assert!(archive.find("d").unwrap().is_directory);
        assert_eq!(
            archive.members.iter().map(|member| member.size).sum::<u64>(),
            expected.values().map(|content| content.len() as u64).sum::<u64>()
        );
    }
}

#[test]
fn an_empty_zip_and_a_comment_are_read() {
    let mut written = write(&[], false);
    written.in_end(20, &[5, 0]);
    written.bytes.extend(b"hello");
    assert_eq!(open(&written, 0).unwrap().members(), []);
}

#[test]
fn a_deflated_member_of_nothing_may_have_no_bytes() {
    let mut written = write(&[Entry::file("a", "").stored()], false);
    written.in_both(8, &[8, 0]);
    assert_eq!(contents(&open(&written, 0).unwrap()).unwrap()["a"], b"");
}

#[test]
fn members_that_are_not_what_the_directory_says_fail_at_their_end() {
    let text = b"some text that can be packed, packed, packed".repeat(3);
    let spoilt = |change: &dyn Fn(&mut Written)| {
        let mut written = write(&[Entry::file("a", text.clone())], false);
        change(&mut written);
        contents(&open(&written, 0).unwrap()).unwrap_err()
    };
    let size = text.len() as u32;
    let shorter = spoilt(&|written| written.in_both(22, &(size - 1).to_le_bytes()));
    assert_eq!(shorter, "its member `a` cannot be read: it has more bytes than the directory says");
    let longer = spoilt(&|written| written.in_both(22, &(size + 1).to_le_bytes()));
    assert_eq!(longer, "its member `a` cannot be read: it has fewer bytes than the directory says");
    let crc = spoilt(&|written| written.in_both(14, &[1, 2, 3, 4]));
    assert_eq!(crc, "its member `a` cannot be read: its checksum is not what the directory says");
    let rubbish = spoilt(&|written| {
        let at = written.datas[0];
        written.put(at, &[0xff; 8]);
    });
    assert!(rubbish.starts_with("its member `a` cannot be read: "), "{rubbish}");

    // What comes after the end of the packed bytes is no part of the member, and of no other.
    let mut packed = writer::deflated(&text);
    let crc = crc32fast::hash(&text).to_le_bytes();
    packed.extend(b"hidden");
    let mut written = write(&[Entry::file("a", packed).stored()], false);
    written.in_both(8, &[8, 0]);
    written.in_both(14, &crc);
    written.in_both(22, &size.to_le_bytes());
    let hidden = contents(&open(&written, 0).unwrap()).unwrap_err();
    assert_eq!(hidden, "its member `a` cannot be read: its packed bytes end before the directory says");
}

#[test]
fn a_stream_that_is_read_in_part_is_no_more_than_that() {
    let text = vec![7; 100_000];
    let archive = open(&write(&[Entry::file("a", text.clone())], false), 3).unwrap();
    let stream = archive.stream(&"x.whl".into(), archive.find("a").unwrap());
    let open = || crate::layer::Stream::open(&stream).unwrap();
    let mut part = vec![0; 10];
    open().read_exact(&mut part).unwrap();
    let mut whole = Vec::new();
    open().read_to_end(&mut whole).unwrap();
    assert_eq!((&part[..], &whole), (&text[..10], &text));
    assert_eq!(crate::layer::Stream::name(&stream), "`a` of `x.whl`");
}

#[test]
fn a_file_that_is_cut_off_after_it_was_opened_is_an_error() {
    let written = write(&[Entry::file("a", vec![7; 100])], false);
    let file = written.file(0);
    let archive = Archive::open(Arc::clone(&file), 0, written.bytes.len() as u64).unwrap();
    file.set_len(33).unwrap();
    assert!(contents(&archive).unwrap_err().starts_with("its member `a` cannot be read: "));
}

#[test]
fn more_members_than_there_may_be_are_refused_before_they_are_read() {
    let mut written = write(&[Entry::file("a", "")], true);
    let record = written.end - 20 - 56;
    for at in [24, 32] {
        written.put(record + at, &200_001u64.to_le_bytes());
    }
    assert_eq!(open(&written, 0).unwrap_err(), "it has 200001 members, and 200000 are the most that are read");
}

/// Members of one way to be written each, with names of which none is in another.
fn entries() -> impl Strategy<Value = Vec<Entry>> {
    let entry = (
        prop::collection::vec("[a-zé]{1,8}", 1..4),
        prop_oneof![
            prop::collection::vec(any::<u8>(), 0..2000),
            (any::<u8>(), 0..200_000usize).prop_map(|(b, n)| vec![b; n])
        ],
        any::<[bool; 4]>(),
        prop::option::of(any::<(bool, bool)>()),
    );
    prop::collection::vec(entry, 0..12).prop_map(|entries| {
        let numbered = entries.into_iter().enumerate();
        numbered
            .map(|(at, (parts, content, [is_deflated, is_long, runs, filled], descriptor))| Entry {
                is_deflated,
                is_long,
                mode: if runs { 0o100_755 } else { 0o100_644 },
                descriptor: descriptor.map(|(is_signed, is_long)| Descriptor { is_signed, is_long }),
                extra: if filled { b"UT\x05\0\x01abcd".to_vec() } else { Vec::new() },
                ..Entry::file(format!("{}{at}", parts.join("/")), content)
            })
            .collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_written_is_read(entries in entries(), has_long_end: bool, offset in 0..1000u64) {
        let written = write(&entries, has_long_end);
        let size: usize = entries.iter().map(|entry| entry.content.len()).sum();
        let archive = open(&written, offset).unwrap();
        let expected: BTreeMap<String, Vec<u8>> =
            entries.into_iter().map(|entry| (String::from_utf8(entry.name).unwrap(), entry.content)).collect();
        prop_assert_eq!(contents(&archive).unwrap(), expected);
        prop_assert_eq!(archive.members.iter().map(|member| member.size).sum::<u64>(), size as u64);
    }

    #[test]
    fn rubbish_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let written = Written { bytes, locals: vec![], datas: vec![], centrals: vec![], end: 0 };
        let _ = open(&written, 0).map(|archive| contents(&archive));
    }
}
