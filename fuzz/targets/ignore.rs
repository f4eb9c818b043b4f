//! The ignore rules: they always answer, the same to the whole path as to its parts.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tarsia::context::IgnoreRules;

/// Patterns may need time that grows with the product of both.
const RULES_LIMIT: usize = 4096;
const PATH_LIMIT: usize = 1024;

// The path on a line, then the file.
fuzz_target!(|input: &[u8]| {
    let mut parts = input.splitn(2, |&byte| byte == b'\n');
    let (Some(path), Some(file)) = (parts.next(), parts.next()) else { return };
    let Ok(rules) = IgnoreRules::parse(&file[..file.len().min(RULES_LIMIT)]) else { return };
    let path = &path[..path.len().min(PATH_LIMIT)];
    let mut parent = None;
    for end in path.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(at, _)| at).chain([path.len()]) {
        let Ok(verdict) = rules.judge(&path[..end], parent.as_ref()) else {
            assert!(rules.ignores(path).is_err());
            return;
        };
        rules.may_return_below(&path[..end], &verdict);
        parent = Some(verdict);
    }
    assert_eq!(rules.ignores(path).ok(), parent.map(|verdict| verdict.ignored));
});
