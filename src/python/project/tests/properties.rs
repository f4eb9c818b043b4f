//! What holds of any text.

use proptest::prelude::*;

use super::*;

/// The fields that the projects below may have.
const FIELDS: [&str; 10] = [
    "Metadata-Version",
    "Name",
    "Version",
    "Summary",
    "Author",
    "License",
    "Project-URL",
    "Keywords",
    "Classifier",
    "Description-Content-Type",
];

/// Texts with much that means something in headers, in TOML and in Python.
fn texts() -> impl Strategy<Value = String> {
    let pieces = prop_oneof![
        4 => any::<char>().prop_map(String::from),
        2 => prop::sample::select(vec!["\n", "\r", "\r\n", "\n\n", "\u{85}", "\u{2028}", "\u{c}", "\u{1c}", ": ", "\nName: x"]).prop_map(str::to_owned),
        2 => prop::sample::select(vec!["'", "\"", "\"\"\"", "\\", "#", "=", "(", "]", "*", "**", "!", "__version__", ";", " or "])
            .prop_map(str::to_owned),
    ];
    prop::collection::vec(pieces, 0..12).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn no_value_begins_a_header(text in texts(), which in 0..6_usize) {
        let value = toml::Value::String(text);
        let line = match which {
            0 => format!("description = {value}"),
            1 => format!("authors = [{{name = {value}}}]"),
            2 => format!("license = {{text = {value}}}"),
            3 => format!("urls = {{{value} = \"x\"}}"),
            4 => format!("keywords = [{value}]"),
            _ => format!("readme = {{text = {value}, content-type = \"text/plain\"}}"),
        };
        let folder = project(&[("pyproject.toml", &format!("{MINI}{line}\n")), ("mini_mod.py", "")]);
        if let Ok(project) = Project::read(folder.path(), &[]) {
            let text = project.metadata.text();
            let head = text.split("\n\n").next().unwrap_or_default().trim_end_matches('\n');
            // As Python's parser takes lines apart: any of these ends one.
            for line in head.split(['\n', '\r', '\u{b}', '\u{c}', '\u{1c}', '\u{1d}', '\u{1e}', '\u{85}', '\u{2028}', '\u{2029}']) {
                let field = line.split(':').next().unwrap_or_default();
                prop_assert!(line.starts_with("        ") || FIELDS.contains(&field), "{line:?} in {text:?}");
            }
        }
    }

    #[test]
    fn no_text_is_too_odd_to_be_read(text in texts()) {
        let _ = literal::assigned(&text, "__version__");
        let _ = literal::assigned(&format!("__version__ = {text}"), "__version__");
        let _ = literal::summary(&text);
        let _ = license::expression(&text);
        let _ = folder::inside(&text);
        for notation in [glob::Notation::Name, glob::Notation::Path, glob::Notation::Dotted] {
            if let Ok(pattern) = glob::compile(&text, notation) {
                let _ = pattern.is_match(&text);
            }
        }
        let _ = Value::parse(&text);
        prop_assert!(fault::quoted(&text).chars().all(fault::is_plain));
    }

    #[test]
    fn a_requirement_is_written_as_it_is_read(
        text in "[a-c]{1,2}(\\[[a-c]{1,2}(,[a-c])?\\])? ?((>=|<|==|~=)[0-9]\\.[0-9](, ?!=[0-9])?)?( ?; ?\\(?os_name *== *'[a-z \"]{0,3}'( (and|or) extra in \"x\")?\\)?)?"
    ) {
        if let Ok(requirement) = requirement::Requirement::parse(&text) {
            prop_assert_eq!(requirement::Requirement::parse(&requirement.text()), Ok(requirement));
        }
    }
}
