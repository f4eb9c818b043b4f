//! Handlers: how Lambda's runtimes name code.

use super::files::{Files, Lying};
use crate::error::Error;
use crate::image::Config;

/// The entry point of Lambda's base images, which takes the handler as its argument.
const ENTRYPOINT: &str = "lambda-entrypoint.sh";
/// The runtime interface clients of Python, Node and Ruby, which take it as well.
const CLIENTS: [&str; 3] = ["awslambdaric", "aws-lambda-ric", "aws_lambda_ric"];
/// Where Python's packages are installed, below a folder named for the version.
const LIBRARIES: [&str; 3] = ["/var/lang/lib", "/usr/local/lib", "/usr/lib"];

/// Where a function's code lies.
pub(super) fn task_root(config: &Config) -> &str {
    config.variable("LAMBDA_TASK_ROOT").filter(|root| root.starts_with('/')).unwrap_or("/var/task")
}

/// Whether the image's entry point takes a handler.
pub(super) fn is_taken(config: &Config) -> bool {
    config.words("Entrypoint").iter().any(|word| {
        let name = word.rsplit('/').next().unwrap_or_default();
        name == ENTRYPOINT || CLIENTS.contains(&name)
    })
}

/// The handler: the first word of the command, where the entry point takes one.
pub(super) fn handler(config: &Config) -> Option<&str> {
    let first = config.words("Cmd").first().copied().filter(|handler| !handler.is_empty());
    first.filter(|_| is_taken(config))
}

/// Whether the code that a handler names is in the image, or where it was looked for.
///
/// A handler is `module.function`, of Python also with dots or slashes in the module. Those of compiled languages
/// (`package.Class::method`, and anything on a base with Java or .NET or without a runtime) are nothing to look for.
pub(super) fn find(handler: &str, config: &Config, files: &dyn Files) -> Result<Result<(), Vec<String>>, Error> {
    if handler.contains("::") || !files.is_complete() {
        return Ok(Ok(()));
    }
    for runtime in ["/var/lang/bin/java", "/var/lang/bin/dotnet"] {
        if files.find(runtime.as_bytes())?.is_some() {
            return Ok(Ok(()));
        }
    }
    let root = task_root(config).trim_end_matches('/');
    if let Some(module) = script(handler) {
        for end in [".js", ".mjs", ".cjs", ".rb"] {
            if is_file(&format!("{root}/{module}{end}"), files)? {
                return Ok(Ok(()));
            }
        }
    }
    let Some(module) = module(handler) else { return Ok(Err(vec![format!("{root}/{handler}")])) };
    let mut looked = Vec::new();
    for root in roots(config).into_iter().chain(libraries(files)?) {
        let path = format!("{}/{module}", root.trim_end_matches('/'));
        if is_module(&path, files)? {
            return Ok(Ok(()));
        }
        looked.push(path);
    }
    Ok(Err(looked))
}

/// The module of a Python handler as a path: what stands before the last dot.
fn module(handler: &str) -> Option<String> {
    let module = handler.rsplit_once('.')?.0.replace('.', "/");
    Some(module.trim_matches('/').to_owned()).filter(|module| !module.is_empty())
}

/// The file of a handler of Node or Ruby, without its end: what stands before the first dot of the last part.
fn script(handler: &str) -> Option<String> {
    let (folder, name) = handler.rsplit_once('/').unwrap_or(("", handler));
    let (script, _) = name.split_once('.').filter(|(script, _)| !script.is_empty())?;
    Some(format!("{folder}/{script}").trim_matches('/').to_owned())
}

/// Where Python's own packages are.
fn libraries(files: &dyn Files) -> Result<Vec<String>, Error> {
    let mut found = Vec::new();
    for library in LIBRARIES {
        let Some((real, Lying::Directory { .. })) = files.find(library.as_bytes())? else { continue };
        for name in files.names(&real)?.iter().filter(|name| name.starts_with(b"python")) {
            found.push(format!("{library}/{}/site-packages", String::from_utf8_lossy(name)));
        }
    }
    Ok(found)
}

/// Where else Python looks for modules.
fn roots(config: &Config) -> Vec<String> {
    let workdir = config.setting("WorkingDir").and_then(serde_json::Value::as_str).unwrap_or_default();
    let search = config.variable("PYTHONPATH").unwrap_or_default().split(':');
    let mut roots: Vec<String> = Vec::new();
    for root in [task_root(config), workdir].into_iter().chain(search).chain(["/opt/python", "/var/runtime"]) {
        if root.starts_with('/') && !roots.iter().any(|other| other == root) {
            roots.push(root.to_owned());
        }
    }
    roots
}

fn is_file(path: &str, files: &dyn Files) -> Result<bool, Error> {
    Ok(matches!(files.find(path.as_bytes())?, Some((_, Lying::File { .. }))))
}

fn is_module(path: &str, files: &dyn Files) -> Result<bool, Error> {
    for end in [".py", ".pyc", "/__init__.py", "/__init__.pyc"] {
        if is_file(&format!("{path}{end}"), files)? {
            return Ok(true);
        }
    }
    // An extension's name says what it was compiled for: `handler.cpython-312-aarch64-linux-gnu.so`.
    let Some((folder, name)) = path.rsplit_once('/') else { return Ok(false) };
    let Some((folder, Lying::Directory { .. })) = files.find(folder.as_bytes())? else { return Ok(false) };
    let begins = format!("{name}.");
    let names = files.names(&folder)?;
    Ok(names.iter().any(|name| name.starts_with(begins.as_bytes()) && name.ends_with(b".so")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handler_names_code_as_each_runtime_reads_it() {
        for (handler, python, node) in [
            ("handler.handler", Some("handler"), Some("handler")),
            ("pkg.sub.handler.main", Some("pkg/sub/handler"), Some("pkg")),
            ("src/index.routes.get", Some("src/index/routes"), Some("src/index")),
            ("bootstrap", None, None),
            (".x", None, None),
        ] {
            assert_eq!((module(handler).as_deref(), script(handler).as_deref()), (python, node), "{handler}");
        }
    }
}
