use proptest::prelude::*;

use super::*;
use crate::python::target::Target;

/// The environments that the recorded table begins with, by their letter.
fn environments(table: &'static str) -> Vec<Environment> {
    let mut environments = Vec::new();
    for line in table.lines().filter_map(|line| line.strip_prefix("= ")) {
        let mut environment = Environment::default();
        for (name, value) in line.split(' ').filter_map(|field| field.split_once('=')) {
            let several = || value.split(',').filter(|each| !each.is_empty()).map(str::to_owned).collect();
            match name {
                "extras" => environment.extras = several(),
                "groups" => environment.groups = several(),
                _ => drop(environment.variables.insert(name, value.to_owned())),
            }
        }
        environments.push(environment);
    }
    environments
}

#[test]
fn markers_are_what_packaging_makes_of_them() {
    let table = include_str!("recorded.txt");
    let environments = environments(table);
    assert_eq!(environments.len(), 3);
    let mut count = 0;
    for line in table.lines().filter(|line| !line.starts_with(['#', '='])) {
        let (expected, text) = line.split_once(' ').unwrap();
        let text = text.replace("\\n", "\n").replace("\\t", "\t");
        let marker = Marker::parse(&text);
        let answer = |environment: &Environment| match marker.as_ref().map(|marker| marker.holds(environment)) {
            Ok(Ok(true)) => '+',
            Ok(Ok(false)) => '-',
            Ok(Err(_)) => '?',
            Err(_) => '!',
        };
        let found: String = environments.iter().map(answer).collect();
        assert_eq!(found, expected, "{text}");
        count += 1;
    }
    assert!(count > 800, "{count}");
}

#[test]
fn the_recorded_environments_are_those_of_targets() {
    let recorded = environments(include_str!("recorded.txt"));
    let targets = ["3.12.8 linux/amd64 glibc 2.34", "3.9.0 linux/arm64 glibc 2.34", "3.13.1 linux/arm/v7 musl 1.2"];
    for (environment, target) in recorded.iter().zip(targets) {
        assert_eq!(environment.variables, Target::of(target).environment().variables, "{target}");
    }
}

#[test]
fn what_depends_on_an_unknown_micro_is_an_error() {
    let environment = Target::of("3.12 linux/amd64 glibc 2.34").environment();
    let holds = |text: &str| Marker::parse(text).unwrap().holds(&environment);
    for (text, expected) in [
        ("python_version >= '3.12'", true),
        ("python_full_version < '3.13'", true),
        ("python_full_version >= '3.11.4'", true),
        ("python_full_version != '3.9.7'", true),
        ("python_full_version == '3.12.*'", true),
        ("implementation_version > '3.13.0'", false),
        ("'3.12' <= python_full_version", true),
        // One part depends on it, the whole does not.
        ("python_full_version >= '3.12.4' or sys_platform == 'linux'", true),
        ("python_full_version >= '3.12.4' and sys_platform == 'win32'", false),
        ("python_full_version >= '3.12.4' or python_full_version < '3.12.4'", true),
    ] {
        assert_eq!(holds(text), Ok(expected), "{text}");
    }
    for text in [
        "python_full_version >= '3.12.4'",
        "python_full_version == '3.12.7'",
        "python_full_version != '3.12.50'",
        "implementation_version <= '3.12'",
        "python_full_version in '3.12.3 3.12.4'",
        "python_full_version === '3.12.3'",
        "sys_platform == 'linux' and (extra == 'x' or '3.12.1' < python_full_version)",
    ] {
        let refused = holds(text).unwrap_err();
        assert!(refused.contains(text) && refused.contains("write `python = \"3.12.N\"`"), "{refused}");
    }
    let known = Target::of("3.12.5 linux/amd64 glibc 2.34").environment();
    let marker = Marker::parse("python_full_version >= '3.12.4'").unwrap();
    assert_eq!(marker.holds(&known), Ok(true));
}

#[test]
fn extra_is_each_of_the_extras() {
    let mut environment = Target::of("3.12 linux/amd64 glibc 2.34").environment();
    let holds = |text: &str, environment: &Environment| Marker::parse(text).unwrap().holds(environment);
    assert_eq!(holds("extra == ''", &environment), Ok(true));
    assert_eq!(holds("extra == 'socks'", &environment), Ok(false));
    environment.extras = ["Secure_Socks".to_owned(), "tls".to_owned()].into();
    assert_eq!(holds("extra == 'secure.socks'", &environment), Ok(true));
    assert_eq!(holds("extra == 'tls'", &environment), Ok(true));
    assert_eq!(holds("extra != 'tls'", &environment), Ok(true), "it is not for the other one");
    assert_eq!(holds("extra == 'tls' and extra == 'secure-socks'", &environment), Ok(false), "each in turn");
    assert_eq!(holds("extra == ''", &environment), Ok(false));
    assert_eq!(holds("'secure-socks' in extras and 'TLS' in extras", &environment), Ok(true));
    assert_eq!(holds("'tls' in dependency_groups", &environment), Ok(false));
}

#[test]
fn malformed_markers_say_where() {
    let deep = format!("{}os_name == 'posix'{}", "(".repeat(65), ")".repeat(65));
    let long = format!("os_name == '{}'", "x".repeat(70_000));
    for (text, why) in [
        ("", "a variable or a quoted text is expected before ``"),
        ("os_name = 'posix'", "an operator is expected before `= 'posix'`"),
        ("python_version >= 3.8", "a variable or a quoted text is expected before `3.8`"),
        ("os_name == 'posix", "a quoted text does not end"),
        ("(os_name == 'posix'", "a parenthesis is not closed"),
        ("os_name == 'posix' xor", "`and`, `or` or its end is expected before `xor`"),
        ("'a' == 'b'", "it compares two texts"),
        ("os_name == sys_platform", "it compares two variables"),
        ("extras == 'x'", "can only be asked whether"),
        ("'x' == dependency_groups", "can only be asked whether"),
        ("os_name == '\u{1b}[2J'", "a backslash or a control character"),
        (&deep, "deeper than 64"),
        (&long, "longer than 65536 bytes"),
    ] {
        let refused = Marker::parse(text).unwrap_err();
        assert!(refused.contains(why), "{refused}");
        assert!(!refused.contains(char::is_control) && refused.chars().count() < 600, "{refused}");
    }
    assert!(Marker::parse(&format!("{}os_name == 'posix'{}", "(".repeat(64), ")".repeat(64))).is_ok());
    let lacking = Marker::parse("os_name == 'x'").unwrap().holds(&Environment::default()).unwrap_err();
    assert!(lacking.contains("`os_name`"), "{lacking}");
}

fn marker() -> impl Strategy<Value = String> {
    let words = [
        "python_version",
        "python_full_version",
        "os.name",
        "extra",
        "extras",
        "==",
        "<",
        "~=",
        "===",
        "in",
        "not in",
        "not",
        "'3.12'",
        "\"x\"",
        "'3.12.*'",
        "''",
        "(",
        ")",
        "and",
        "or",
        "\\",
        "é",
    ];
    prop::collection::vec(prop::sample::select(words.to_vec()), 0..12).prop_map(|words| words.join(" "))
}

proptest! {
    #[test]
    fn markers_never_panic(text in any::<String>(), near in marker()) {
        let mut environment = Target::of("3.12 linux/amd64 glibc 2.34").environment();
        environment.extras.insert("x".to_owned());
        for text in [text, near] {
            if let Ok(marker) = Marker::parse(&text) {
                let _ = marker.holds(&environment);
                prop_assert_eq!(&Marker::parse(&marker.to_string()), &Ok(marker));
            }
        }
    }
}
