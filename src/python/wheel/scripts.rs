//! Scripts: what pip writes for entry points, and the line that names their interpreter.

use crate::python::scheme::Scheme;
use crate::python::zip::shown;

/// What a script calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryPoint {
    /// The module.
    pub module: String,
    /// What of it, with dots.
    pub function: String,
}

impl EntryPoint {
    /// Reads `module:function`. Extras in brackets after it are left out: they say what else should be installed.
    ///
    /// # Errors
    ///
    /// Why it is none, in words that follow what it is called.
    pub fn parse(text: &str) -> Result<EntryPoint, String> {
        let call = match text.split_once('[') {
            Some((_, extras)) if extras.find(']') != Some(extras.len().wrapping_sub(1)) => {
                return Err("has extras that do not end".to_owned());
            }
            Some((call, _)) => call.trim_end(),
            None => text,
        };
        let is_name = |part: &str| !part.is_empty() && part.chars().all(|c| c.is_alphanumeric() || c == '_');
        let are_names = |text: &str| text.split('.').all(is_name);
        match call.split_once(':').filter(|(module, function)| are_names(module) && are_names(function)) {
            Some((module, function)) => Ok(EntryPoint { module: module.to_owned(), function: function.to_owned() }),
            None => Err(format!("has no function: `{}` is not of the form `module:function`", shown(call))),
        }
    }

    /// The script that calls it, as pip 26 writes it: the template of `PipScriptMaker` in
    /// `pip/_internal/operations/install/wheel.py`. Interpreters that pip 26 does not know get what pip 23 writes for them.
    pub fn script(&self, scheme: &Scheme) -> Vec<u8> {
        let EntryPoint { module, function } = self;
        let import = function.split('.').next().unwrap_or(function);
        let mut script = shebang(&scheme.interpreter);
        let (imports, name) = match (scheme.python.major, scheme.python.minor) {
            (3, ..9) => (
                "# -*- coding: utf-8 -*-\nimport re\nimport sys",
                r"re.sub(r'(-script\.pyw|\.exe)?$', '', sys.argv[0])",
            ),
            _ => ("import sys", "sys.argv[0].removesuffix('.exe')"),
        };
        script.extend_from_slice(
            format!(
                "{imports}\nfrom {module} import {import}\nif __name__ == '__main__':\n    \
                 sys.argv[0] = {name}\n    sys.exit({function}())\n"
            )
            .as_bytes(),
        );
        script
    }
}

/// The longest first line that Linux takes, with `#!` and its end: what distlib reckons with.
const LONGEST: usize = 127;

/// The first line that names the interpreter, as `ScriptMaker` in `pip/_vendor/distlib/scripts.py` writes it. One that
/// is too long or has blanks is called by a shell, in lines that are a text to Python.
pub fn shebang(interpreter: &str) -> Vec<u8> {
    let has_blank = interpreter.contains(' ');
    let quoted = match interpreter.strip_prefix("/usr/bin/env ") {
        Some(rest) if has_blank && rest.contains(' ') && !rest.starts_with('"') => format!("/usr/bin/env \"{rest}\""),
        None if has_blank && !interpreter.starts_with('"') => format!("\"{interpreter}\""),
        _ => interpreter.to_owned(),
    };
    if !has_blank && quoted.len() + 3 <= LONGEST {
        return format!("#!{quoted}\n").into_bytes();
    }
    format!("#!/bin/sh\n'''exec' {quoted} \"$0\" \"$@\"\n' '''\n").into_bytes()
}

/// A script of a wheel with the interpreter's line, if its first is the placeholder for it: `#!python` or `#!pythonw`
/// with whatever follows.
pub fn with_interpreter(script: &[u8], interpreter: &str) -> Option<Vec<u8>> {
    if !script.starts_with(PLACEHOLDER) {
        return None;
    }
    let end = script.iter().position(|&byte| byte == b'\n').map_or(script.len(), |at| at + 1);
    let mut out = shebang(interpreter);
    out.extend_from_slice(script.get(end..).unwrap_or_default());
    Some(out)
}

/// What the first line of a script begins with that is for whichever interpreter it is installed for.
pub const PLACEHOLDER: &[u8] = b"#!python";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::python::PythonVersion;

    /// Recorded from `pip._vendor.distlib.scripts.ScriptMaker._get_shebang` of pip 26.3 with `executable` unset and
    /// `get_executable` giving these.
    #[test]
    fn first_lines_are_those_of_distlib() {
        let fits = format!("/{}", "p".repeat(123));
        let long = format!("/{}", "p".repeat(124));
        for (interpreter, line) in [
            ("/var/lang/bin/python3.12", "#!/var/lang/bin/python3.12\n"),
            (&fits, &format!("#!{fits}\n")),
            (&long, &format!("#!/bin/sh\n'''exec' {long} \"$0\" \"$@\"\n' '''\n")),
            ("/a b/python", "#!/bin/sh\n'''exec' \"/a b/python\" \"$0\" \"$@\"\n' '''\n"),
            ("/usr/bin/env python", "#!/bin/sh\n'''exec' /usr/bin/env python \"$0\" \"$@\"\n' '''\n"),
            ("/usr/bin/env /a b/p", "#!/bin/sh\n'''exec' /usr/bin/env \"/a b/p\" \"$0\" \"$@\"\n' '''\n"),
        ] {
            assert_eq!(String::from_utf8(shebang(interpreter)).unwrap(), line);
        }
    }

    #[test]
    fn scripts_are_those_of_pip() {
        let point = EntryPoint::parse("black.cli:Main.run [d]").unwrap();
        let script = |minor: u32| {
            let version = PythonVersion { major: 3, minor, micro: None };
            String::from_utf8(point.script(&Scheme::into_folder(b"x", version, "/usr/bin/python3"))).unwrap()
        };
        assert_eq!(
            script(8),
            "#!/usr/bin/python3\n# -*- coding: utf-8 -*-\nimport re\nimport sys\nfrom black.cli import Main\n\
             if __name__ == '__main__':\n    sys.argv[0] = re.sub(r'(-script\\.pyw|\\.exe)?$', '', sys.argv[0])\n    \
             sys.exit(Main.run())\n"
        );
        assert_eq!(
            script(9),
            "#!/usr/bin/python3\nimport sys\nfrom black.cli import Main\nif __name__ == '__main__':\n    \
             sys.argv[0] = sys.argv[0].removesuffix('.exe')\n    sys.exit(Main.run())\n"
        );
    }

    #[test]
    fn the_placeholder_alone_is_replaced() {
        let rewritten =
            |script: &str| with_interpreter(script.as_bytes(), "/p").map(|script| String::from_utf8(script).unwrap());
        for (script, expected) in [
            ("#!python\nx", Some("#!/p\nx")),
            ("#!pythonw -E\r\nx\n", Some("#!/p\nx\n")),
            ("#!python", Some("#!/p\n")),
            ("#!/usr/bin/python\nx", None),
            ("#! python\n", None),
            ("", None),
        ] {
            assert_eq!(rewritten(script).as_deref(), expected, "{script:?}");
        }
    }
}
