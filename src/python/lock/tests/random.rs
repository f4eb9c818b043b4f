//! Whatever a lock holds, it is read or refused.

use proptest::prelude::*;

use super::*;

/// Reads a text as each kind, and asks what is in it.
fn read(text: &str) {
    for file in ["no/such/pylock.toml", "no/such/uv.lock", "no/such/requirements.txt", "no/such/other.toml"] {
        let Ok(lock) = parse(file, text) else { continue };
        for extras in [extras(&[], &[]), extras(&["data", "x"], &["dev"])] {
            let _ = lock.packages(&linux(), &extras);
            let _ = lock.local_projects(&linux(), &extras);
        }
        let _ = (lock.indexes(), lock.find_links(), lock.no_index());
    }
}

/// A lock's text with pieces taken out, doubled and put elsewhere.
fn mangled() -> impl Strategy<Value = String> {
    let texts = prop::sample::select(vec![UV, PYLOCK, PYLOCK_OF_PIP, REQUIREMENTS, COMPILED, MULTI_USE]);
    let edit =
        (any::<prop::sample::Index>(), 0_usize..200, any::<prop::sample::Index>(), "[\\PC\n\t\"'\\\\ ;#=-]{0,6}");
    (texts, prop::collection::vec(edit, 1..6)).prop_map(|(text, edits)| {
        let mut text: Vec<char> = text.chars().collect();
        for (from, length, to, new) in edits {
            if text.is_empty() {
                break;
            }
            let from = from.index(text.len());
            let taken: Vec<char> = text.drain(from..(from + length).min(text.len())).collect();
            let to = to.index(text.len() + 1);
            text.splice(to..to, new.chars().chain(taken));
        }
        text.into_iter().collect()
    })
}

/// Neither the stack nor an hour is enough for these, if pieces are looked at inside or for each other.
#[test]
fn long_and_deep_locks_are_read_or_refused() {
    let many = |piece: &str| piece.repeat(30_000);
    let hash = "--hash=sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa ";
    for text in [
        many("${"),
        many("x;"),
        many("\\\n"),
        many("'' "),
        many("a @ "),
        format!("packages = {}", many("[")),
        format!("packages = {}", many("{a=")),
        format!("{}a = 1", many("a.")),
        format!("[{}a]", many("a.")),
        format!("lock-version = \"1.0\"\npackages = []\n{}a = 1", many("a.")),
        format!("a==1 ; {}", many("(")),
        format!("a==1 ; {}", many("python_version > '3' and ")),
        format!("a==1 {}", many(hash)),
        format!("lock-version = \"1.0\"\npackages = [{}]", many("{ name = \"a\", wheels = [] }, ")),
        format!("version = 1\npackage = [{}]", (0..10_000).map(|at| {
            format!("{{ name = \"a{at}\", source = {{ virtual = \".\" }}, dependencies = [{{ name = \"a0\", extra = [\"{at}\"] }}] }}, ")
        }).collect::<String>()),
    ] {
        read(&text);
    }
}

/// Lines made of what lines are made of.
fn lines() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "foo",
        "==",
        "1.0",
        " ",
        "\\\n",
        "\n",
        "\r\n",
        "#",
        ";",
        "@",
        "[x]",
        "--hash=",
        "sha256:",
        "aa",
        "-r",
        "-e",
        "-",
        "'",
        "\"",
        "./",
        "https://",
        "file:",
        "é",
        "${A}",
        "python_version",
        "<",
        "'3'",
        ".whl",
        "-py3-none-any.whl",
        "%",
        "=",
    ]);
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn any_text_is_read_or_refused(text in "\\PC{0,200}") {
        read(&text);
    }

    #[test]
    fn mangled_locks_are_read_or_refused(text in mangled()) {
        read(&text);
    }

    #[test]
    fn any_line_is_read_or_refused(text in lines()) {
        read(&text);
    }

    #[test]
    fn any_bytes_are_text_or_not(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(text) = LockText::new(Path::new("a.txt"), bytes) {
            read(text.text());
        }
    }

    /// A place is where a reader would look for it.
    #[test]
    fn places_are_lines_and_columns(before in "[a-zé\r\n]{0,80}", after in "[a-zé\n]{0,20}") {
        let text = LockText::new(Path::new("a.txt"), format!("{before}{after}").into_bytes()).unwrap();
        let place = text.place(before.len());
        let last = before.rsplit('\n').next().unwrap();
        prop_assert_eq!(place.line, before.matches('\n').count() + 1);
        prop_assert_eq!(place.column, last.chars().count() + 1);
    }
}
