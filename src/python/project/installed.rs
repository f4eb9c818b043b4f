//! What an installer writes: `RECORD` and scripts.

use crate::digest::Digest;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// A row of `RECORD`: the path relative to the library directory, and the digest and size unless it is `RECORD` itself.
pub(super) struct Row {
    /// The path.
    pub path: String,
    /// The digest and the size in bytes.
    pub content: Option<(Digest, u64)>,
}

/// `RECORD`, sorted bytewise by path.
pub(super) fn record_text(mut rows: Vec<Row>) -> String {
    rows.sort_by(|a, b| a.path.cmp(&b.path));
    let line = |row: &Row| match &row.content {
        Some((digest, size)) => {
            format!("{},sha256={},{size}\n", field(&row.path), URL_SAFE_NO_PAD.encode(digest.as_bytes()))
        }
        None => format!("{},,\n", field(&row.path)),
    };
    rows.iter().map(line).collect()
}

/// A field as Python's `csv` writes it.
fn field(text: &str) -> String {
    match text.contains([',', '"', '\n', '\r']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text.to_owned(),
    }
}

/// The script that calls an entry point, `module:attribute`, as pip writes it.
pub(super) fn script_text(interpreter: &str, entry_point: &str) -> String {
    let reference = entry_point.split('[').next().unwrap_or_default();
    let (module, attribute) = reference.split_once(':').unwrap_or((reference, "main"));
    let (module, attribute) = (module.trim(), attribute.trim());
    let import = attribute.split('.').next().unwrap_or_default();
    // Linux takes 127 bytes of such a line, and no spaces in the path; then a shell looks on.
    let shebang = match interpreter.contains(' ') || interpreter.len() + 3 > 127 {
        true => format!("#!/bin/sh\n'''exec' \"{interpreter}\" \"$0\" \"$@\"\n' '''\n"),
        false => format!("#!{interpreter}\n"),
    };
    format!(
        "{shebang}# -*- coding: utf-8 -*-\nimport re\nimport sys\nfrom {module} import {import}\nif __name__ == '__main__':\n    \
         sys.argv[0] = re.sub(r'(-script\\.pyw|\\.exe)?$', '', sys.argv[0])\n    sys.exit({attribute}())\n"
    )
}

/// How a path is written from a directory: `../../bin/x`.
pub(super) fn relative(from: &str, to: &str) -> String {
    let parts = |path: &str| path.split('/').filter(|part| !part.is_empty()).map(str::to_owned).collect::<Vec<_>>();
    let (from, to) = (parts(from), parts(to));
    let common = from.iter().zip(&to).take_while(|(a, b)| a == b).count();
    let up = std::iter::repeat_n("..".to_owned(), from.len() - common);
    up.chain(to.into_iter().skip(common)).collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sorts_rows_and_quotes_fields() {
        let row = |path: &str| Row { path: path.to_owned(), content: Some((Digest::of(b"x"), 1)) };
        let record = Row { path: "a-1.dist-info/RECORD".to_owned(), content: None };
        let expected = "../bin/x,sha256=LXEWQrcmsEQBYnyp-6wy9chTD7GQPMTbAiWHF5IaSIE,1\na-1.dist-info/RECORD,,\n\
                        \"a/b,\"\"c\",sha256=LXEWQrcmsEQBYnyp-6wy9chTD7GQPMTbAiWHF5IaSIE,1\n";
        assert_eq!(record_text(vec![row("a/b,\"c"), record, row("../bin/x")]), expected);
    }

    #[test]
    fn writes_paths_from_the_library() {
        assert_eq!(relative("usr/lib/python3.12/site-packages", "usr/bin/x"), "../../../bin/x");
        assert_eq!(relative("", "bin/x"), "bin/x");
        assert_eq!(relative("a", "a/b"), "b");
    }

    #[test]
    fn writes_pips_script() {
        let text = script_text("/var/lang/bin/python3.12", "a.b : c.d [x]");
        assert!(text.starts_with("#!/var/lang/bin/python3.12\n"), "{text}");
        assert!(text.contains("from a.b import c\n") && text.ends_with("    sys.exit(c.d())\n"), "{text}");
        assert!(script_text("/a b/python", "a:b").starts_with("#!/bin/sh\n'''exec' \"/a b/python\" \"$0\" \"$@\"\n"));
    }
}
