//! `uv.lock`: which packages of the graph are reached.

use super::*;

const CHOOSING: &str = include_str!("choosing.lock");

/// A lock with these packages, whose wheels are made up.
fn lock(head: &str, packages: &[&str]) -> String {
    let packages: String = packages.iter().map(|package| format!("[[package]]\n{package}\n\n")).collect();
    format!("version = 1\nrevision = 99\nrequires-python = \">=3.11\"\n{head}\n{packages}")
}

/// A package of a registry.
fn package(name: &str, version: &str, rest: &str) -> String {
    format!(
        "name = \"{name}\"\nversion = \"{version}\"\nsource = {{ registry = \"https://example.org/simple\" }}\n{rest}\n\
         wheels = [{{ url = \"https://example.org/{name}-{version}-py3-none-any.whl\", hash = \"sha256:{}\" }}]",
        "a".repeat(64)
    )
}

fn reached(text: &str, extras: &Extras) -> Result<Vec<String>, LockError> {
    names(&parse("uv.lock", text)?, &linux(), extras)
}

#[test]
fn extras_that_exclude_each_other_choose_for_everybody() {
    // What `uv export` gives for each, too.
    let all = |click: &str, markupsafe: &str| {
        let click = format!("click {click}");
        let markupsafe = format!("markupsafe {markupsafe}");
        let others = ["blinker 1.9.0", &click, "flask 3.0.3", "itsdangerous 2.2.0", "jinja2 3.1.6", &markupsafe];
        others.iter().map(|name| (*name).to_owned()).chain(["werkzeug 3.1.9".to_owned()]).collect::<Vec<_>>()
    };
    let reached = |asked: Extras| reached(CHOOSING, &asked);
    assert_eq!(reached(extras(&[], &[])).unwrap(), all("8.1.8", "3.0.2"));
    assert_eq!(reached(extras(&["old"], &[])).unwrap(), all("8.1.7", "3.0.2"));
    assert_eq!(reached(extras(&["new"], &["lint"])).unwrap(), all("8.1.8", "2.1.5"));
    assert_eq!(reached(extras(&["old"], &["type"])).unwrap(), all("8.1.7", "3.0.2"));
    let error = reached(extras(&["old", "new"], &[])).unwrap_err();
    assert_eq!(error.to_string(), "uv.lock: `new` and `old` exclude each other, by the lock's `conflicts`");
    let error = reached(extras(&[], &["type", "lint"])).unwrap_err();
    assert_eq!(error.to_string(), "uv.lock: `lint` and `type` exclude each other, by the lock's `conflicts`");
    let mut windows = linux();
    windows.variables.insert("sys_platform", "win32".to_owned());
    let error = names(&parse("uv.lock", CHOOSING).unwrap(), &windows, &Extras::default()).unwrap_err();
    assert!(error.to_string().starts_with("uv.lock:8:5: the target is none of the environments"), "{error}");
}

#[test]
fn groups_are_off_until_they_are_asked_for() {
    let names = |asked: Extras| reached(UV, &asked).unwrap();
    assert!(!names(extras(&[], &[])).contains(&"iniconfig 2.3.0".to_owned()));
    assert!(names(extras(&[], &["dev"])).iter().any(|name| name.starts_with("iniconfig ")));
    let error = reached(UV, &extras(&["dev"], &[])).unwrap_err();
    assert_eq!(error.to_string(), "uv.lock: the lock has no extra `dev`");
    assert_eq!(error.help.as_deref(), Some("its extras are `data`"));
}

#[test]
fn circles_end() {
    let text = lock(
        "",
        &[
            "name = \"root\"\nsource = { editable = \".\" }\ndependencies = [{ name = \"a\", extra = [\"x\"] }]\n\
             [package.optional-dependencies]\nall = [{ name = \"root\", extra = [\"all\", \"one\"] }]\none = [{ name = \"c\" }]",
            &package("a", "1", "dependencies = [{ name = \"b\" }, { name = \"a\" }]"),
            &package("b", "1", "dependencies = [{ name = \"a\", extra = [\"x\", \"no-such\"] }, { name = \"root\" }]"),
            &package("c", "1", "dependencies = [{ name = \"c\" }]"),
            &package("unreached", "1", ""),
        ],
    );
    assert_eq!(reached(&text, &Extras::default()).unwrap(), ["a 1", "b 1"]);
    assert_eq!(reached(&text, &extras(&["all"], &[])).unwrap(), ["a 1", "b 1", "c 1"]);
}

#[test]
fn an_edge_chooses_by_version_and_source() {
    let choosing = |edge: &str| {
        let root = format!("name = \"root\"\nsource = {{ virtual = \".\" }}\ndependencies = [{edge}]");
        let other = package("a", "2", "").replace("example.org/simple", "example.org/other");
        let text = lock("", &[&root, &package("a", "1", ""), &package("a", "2", ""), &other]);
        reached(&text, &Extras::default())
    };
    assert_eq!(choosing("{ name = \"a\", version = \"1\" }").unwrap(), ["a 1"]);
    let of_other = "{ name = \"a\", version = \"2\", source = { registry = \"https://example.org/other\" } }";
    assert_eq!(choosing(of_other).unwrap(), ["a 2"]);
    let both = choosing(
        "{ name = \"a\", version = \"1\" }, { name = \"a\", version = \"2\", source = { registry = \"https://example.org/simple\" } }",
    );
    let error = both.unwrap_err().to_string();
    assert!(
        error.ends_with("two of one name are wanted at once: `a` 1 (`root` needs it, at line 8) and `a` 2 (`root` needs it, at line 8)"),
        "{error}"
    );
    let error = choosing("{ name = \"a\" }").unwrap_err().to_string();
    assert!(error.ends_with("`a` is needed, and the lock has 3 of that name"), "{error}");
    let error = choosing("{ name = \"a\", version = \"3\" }").unwrap_err().to_string();
    assert!(error.ends_with("`a` is needed, and is not in the lock"), "{error}");
}

#[test]
fn local_projects_are_left_out_and_what_they_need_is_not() {
    let text = lock(
        "[manifest]\nmembers = [\"App\", \"lib\"]",
        &[
            "name = \"app\"\nsource = { editable = \"packages/app\" }\ndependencies = [{ name = \"folder\" }]\n\
             [package.dev-dependencies]\ndev = [{ name = \"c\" }]\n[package.metadata.requires-dev]\ndev = []\nempty = []",
            "name = \"lib\"\nsource = { virtual = \"packages/lib\" }\ndependencies = [{ name = \"a\" }]",
            "name = \"folder\"\nsource = { directory = \"../folder\" }\ndependencies = [{ name = \"b\" }]",
            "name = \"elsewhere\"\nsource = { directory = \"../elsewhere\" }",
            &package("a", "1", ""),
            &package("b", "1", ""),
            &package("c", "1", ""),
        ],
    );
    assert_eq!(reached(&text, &Extras::default()).unwrap(), ["a 1", "b 1"]);
    assert_eq!(reached(&text, &extras(&[], &["dev", "empty"])).unwrap(), ["a 1", "b 1", "c 1"]);
    let local = parse("uv.lock", &text).unwrap().local_projects(&linux(), &Extras::default()).unwrap();
    let local = local.iter().map(|project| format!("{} {} {}", project.name, project.path, project.is_package));
    let local: Vec<String> = local.collect();
    assert_eq!(local, ["app packages/app true", "folder ../folder true", "lib packages/lib false"]);
}

#[test]
fn the_groups_of_a_workspace_without_project_are_its_manifest_s() {
    let head = "[manifest]\n[manifest.dependency-groups]\ndev = [{ name = \"a\", specifier = \">=1\" }]";
    let first = package("a", "1", "resolution-markers = [\"python_full_version < '3.12'\"]");
    let second = package("a", "2", "resolution-markers = [\"python_full_version >= '3.12'\"]");
    let text = lock(head, &[&first, &second]);
    assert!(reached(&text, &Extras::default()).unwrap().is_empty());
    assert_eq!(reached(&text, &extras(&[], &["dev"])).unwrap(), ["a 2"]);
}

#[test]
fn wheels_lie_where_their_source_says() {
    let hash = format!("hash = \"sha256:{}\"", "a".repeat(64));
    let from = |source: &str, wheel: &str| {
        let root = "name = \"root\"\nsource = { virtual = \".\" }\ndependencies = [{ name = \"a\" }]";
        let package = format!("name = \"a\"\nversion = \"1.0\"\nsource = {{ {source} }}\nwheels = [{{ {wheel} }}]");
        let packages = parse("uv.lock", &lock("", &[root, &package]))?.packages(&linux(), &Extras::default())?;
        let LockedFiles::Wheels(wheels) = &packages[0].files else { panic!() };
        Ok::<_, LockError>((wheels[0].url.clone(), wheels[0].path.clone()))
    };
    let path = |path: &str| (None, Some(path.to_owned()));
    let file = "filename = \"a-1.0-py3-none-any.whl\"";
    let registry = from("registry = \"../wheels\"", &format!("path = \"a-1.0-py3-none-any.whl\", {hash}"));
    assert_eq!(registry.unwrap(), path("../wheels/a-1.0-py3-none-any.whl"));
    let direct = from("path = \"down/a-1.0-py3-none-any.whl\"", &format!("{file}, {hash}"));
    assert_eq!(direct.unwrap(), path("down/a-1.0-py3-none-any.whl"));
    let url = from("url = \"https://example.org/a-1.0-py3-none-any.whl\"", &format!("{file}, {hash}"));
    assert_eq!(url.unwrap(), (Some("https://example.org/a-1.0-py3-none-any.whl".to_owned()), None));
    let error = from("registry = \"../wheels\"", "path = \"a-1.0-py3-none-any.whl\"").unwrap_err();
    assert!(error.to_string().contains("the wheel has no hash"), "{error}");
    // uv would write none again.
    let help = error.help.unwrap_or_default();
    assert!(help.contains("wheelhouse") && help.contains("pip lock") && !help.contains("again"), "{help}");
    let error = from("registry = \"https://example.org\"", &hash).unwrap_err();
    assert!(error.to_string().contains("the lock does not say where the wheel is"), "{error}");
}

#[test]
fn what_would_have_to_be_built_is_told_by_its_source() {
    let root = "name = \"root\"\nsource = { virtual = \".\" }\ndependencies = [{ name = \"g\" }, { name = \"u\" }, { name = \"s\" }]";
    let git = "name = \"g\"\nversion = \"1\"\nsource = { git = \"https://example.org/g?rev=1#abc\" }";
    let url = "name = \"u\"\nversion = \"1\"\nsource = { url = \"https://example.org/u.tar.gz\" }\nsdist = { hash = \"sha256:00\" }";
    let sdist = "name = \"s\"\nversion = \"1\"\nsource = { registry = \"https://example.org\" }\n\
                 sdist = { url = \"https://example.org/x/s-1.tar.gz\", hash = \"sha256:00\" }";
    let lock = parse("uv.lock", &lock("", &[root, git, url, sdist])).unwrap();
    let packages = lock.packages(&linux(), &Extras::default()).unwrap();
    let sources: Vec<&str> = packages.iter().filter_map(|package| package.source.as_deref()).collect();
    assert_eq!(sources, ["git+https://example.org/g?rev=1#abc", "s-1.tar.gz", "u.tar.gz"]);
    assert!(packages.iter().all(|package| digests(package).is_empty()));
}

#[test]
fn what_is_not_wanted_may_be_broken() {
    let broken = package("broken", "1", "").replace("sha256", "md5");
    let root = |marker: &str| {
        format!(
            "name = \"root\"\nsource = {{ virtual = \".\" }}\ndependencies = [{{ name = \"broken\", marker = \"{marker}\" }}]"
        )
    };
    let of = |marker: &str| reached(&lock("", &[&root(marker), &broken]), &Extras::default());
    assert_eq!(of("sys_platform == 'win32'").unwrap(), Vec::<String>::new());
    let error = of("sys_platform == 'linux'").unwrap_err().to_string();
    assert!(error.ends_with("there are hashes of `md5` alone, and SHA-256 is needed"), "{error}");
}
