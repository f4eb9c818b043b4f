//! What lies above a layer that is bumped stays only if a push would make the same of it.

use std::fs;

use crate::support::images::{HandMade, Tar};
use crate::support::registry::Registry;
use crate::support::wheels::SmallWheel;
use crate::support::{Run, Sandbox};

const SITE: &str = "/var/lang/lib/python3.12/site-packages";

/// An image from nothing with an interpreter, and layers upon it.
const SKELETON: &str = r#"
[config]
env = { PATH = "/var/lang/bin:/usr/bin:/bin" }

[[layer]]
name = "skeleton"
entries = [
  { path = "/etc/passwd", text = "root:x:0:0:root:/root:/bin/sh\n" },
  { path = "/lib64/libc.so.6", text = "" },
  { path = "/opt/real/" },
  { path = "/opt/link", link = "real" },
  { path = "/var/lang/bin/python3.12", text = "", mode = "0755" },
  { path = "/var/lang/lib/python3.12/site-packages/" },
]
"#;

/// A registry, and a folder with the spec `app.toml` of what is in it.
pub(super) struct Scene {
    pub registry: Registry,
    pub sandbox: Sandbox,
}

impl Scene {
    /// An image from nothing with these layers over an interpreter.
    pub fn from_nothing(layers: &str) -> Scene {
        let scene = Scene { registry: Registry::start(), sandbox: Sandbox::new() };
        scene.spec("scratch", &format!("{SKELETON}{layers}"));
        scene
    }

    /// An image with these layers over one that somebody published: with an interpreter, a command and an old version of
    /// `ledger`, of which nothing else is left in the new one.
    pub fn on_a_base(layers: &str) -> Scene {
        let mut tar = Tar::default();
        let site = format!("{}/", &SITE[1..]);
        for folder in ["var/", "var/lang/", "var/lang/bin/", "var/lang/lib/", "var/lang/lib/python3.12/", &site] {
            tar.folder(folder, 0o755);
        }
        for folder in ["ledger/", "ledger/books/", "ledger-1.0.dist-info/"] {
            tar.folder(&format!("{site}{folder}"), 0o755);
        }
        for file in ["ledger/__init__.py", "ledger/gone.py", "ledger/books/__init__.py", "ledger-1.0.dist-info/RECORD"]
        {
            tar.file(&format!("{site}{file}"), b"");
        }
        tar.file("var/lang/bin/python3.12", b"").file("var/lang/bin/tool", b"");
        let mut base = HandMade::new().layer(&tar.end());
        base.config["config"]["Env"][0] = "PATH=/var/lang/bin:/usr/bin".into();
        let scene = Scene { registry: Registry::start(), sandbox: Sandbox::new() };
        base.put(&scene.registry, "bases/python", "3.12");
        scene.spec(&format!("{}/bases/python:3.12", scene.registry.host()), layers);
        scene
    }

    pub fn spec(&self, base: &str, layers: &str) {
        let host = self.registry.host();
        let head = format!(
            "name = \"app\"\nbase = {base:?}\nplatforms = [\"linux/arm64\"]\nrepository = \"{host}/app\"\ntags = [\"t\"]\n"
        );
        self.sandbox.file("app.toml", head + layers);
    }

    /// Puts something into the spec in the place of something that is there.
    pub fn alter(&self, old: &str, new: &str) {
        let text = fs::read_to_string(self.sandbox.path("app.toml")).unwrap();
        assert!(text.contains(old), "no {old} in {text}");
        self.sandbox.file("app.toml", text.replace(old, new));
    }

    /// Wheels in a folder, each of a package of its name, instead of what is there.
    pub fn wheels(&self, folder: &str, wheels: &[(&str, &str)]) {
        let folder = self.sandbox.path(folder);
        let _ = fs::remove_dir_all(&folder);
        for (name, version) in wheels {
            let text = format!("version = {version:?}\n");
            let wheel = SmallWheel { files: Vec::new(), ..SmallWheel::new(name, version) };
            wheel.file(&format!("{name}/__init__.py"), text).write(&folder);
        }
    }

    /// A project in a folder, instead of what is there: a package of its name with these files, and more of its table.
    pub fn project(&self, folder: &str, name: &str, version: &str, files: &[&str], more: &str) {
        let _ = fs::remove_dir_all(self.sandbox.path(folder));
        let text = format!("[project]\nname = \"{name}\"\nversion = \"{version}\"\n{more}\n");
        self.sandbox.file(&format!("{folder}/pyproject.toml"), text);
        for file in files {
            self.sandbox.file(&format!("{folder}/{file}"), format!("version = {version:?}\n"));
        }
    }

    pub fn push(&self) -> String {
        let run = self.sandbox.run(["push", "app.toml", "--json"]).ok();
        run.documents()[0]["digest"].as_str().unwrap().to_owned()
    }

    pub fn bump(&self, names: &[&str]) -> Run {
        let named = names.iter().flat_map(|name| ["--layer", name]);
        self.sandbox.run(["bump", "app.toml", "--json"].into_iter().chain(named))
    }

    /// A bump of these layers is a push of everything: to the byte, with nothing to do afterwards.
    #[track_caller]
    pub fn is_a_push(&self, names: &[&str]) {
        let before = self.registry.resolve("app", "t");
        let bumped = self.bump(names).ok().documents()[0]["digest"].as_str().unwrap().to_owned();
        assert_ne!(Some(&bumped), before.as_ref(), "nothing was bumped");
        self.sandbox.run(["plan", "app.toml", "--exit-code"]).ok();
        let verify = ["verify", "app.toml", &format!("{}/app:t", self.registry.host())].map(str::to_owned);
        self.sandbox.run(verify).ok();
        let fresh = self.sandbox.run(["push", "app.toml", "--json", "--cache-dir", "empty", "--no-remote-cache"]).ok();
        assert_eq!(fresh.documents()[0]["digest"], bumped.as_str(), "a push gives something else");
    }

    /// A bump of these layers is refused because of the layer `above`, and nothing is changed by it. With that named as
    /// well it is a push.
    #[track_caller]
    pub fn needs(&self, names: &[&str], above: &str) {
        let before = self.registry.resolve("app", "t");
        let run = self.bump(names).refused(2, &format!("the layer `{above}` above would have to be made anew"));
        assert!(run.stderr.contains(&format!("--layer {above}")), "{}", run.stderr);
        assert_eq!(self.registry.resolve("app", "t"), before);
        self.is_a_push(&[names, &[above]].concat());
    }
}

pub(super) fn wheels(name: &str, folder: &str, more: &str) -> String {
    format!("\n[[layer]]\nname = \"{name}\"\nwheels = \"{folder}/\"\npython = \"3.12\"\n{more}\n")
}

pub(super) fn package(name: &str, folder: &str, more: &str) -> String {
    format!("\n[[layer]]\nname = \"{name}\"\npackage = \"{folder}\"\npython = \"3.12\"\n{more}\n")
}

const SCRIPT: &str = "[project.scripts]\ntool = \"ledger:main\"";

#[test]
fn another_version_below_a_package() {
    for (split, name) in [("one", "deps"), ("each", "deps"), ("each", "deps/ledger")] {
        let layers = wheels("deps", "wheels", &format!("split = {split:?}")) + &package("package", "app", "");
        let scene = Scene::from_nothing(&layers);
        scene.wheels("wheels", &[("alpha", "1.0"), ("ledger", "1.4")]);
        scene.project("app", "ledger", "9.0", &["ledger/__init__.py"], "");
        scene.push();
        // Nothing of the one above lies where that of another name is.
        scene.wheels("wheels", &[("alpha", "1.1"), ("ledger", "1.4")]);
        if split == "each" {
            scene.is_a_push(&["deps/alpha"]);
        }
        scene.wheels("wheels", &[("alpha", "1.1"), ("ledger", "1.5")]);
        // Also if the spec has changed since, so that nobody knows for sure what is there.
        let text = fs::read_to_string(scene.sandbox.path("app.toml")).unwrap();
        let more = "\n[[layer]]\nname = \"more\"\nentries = [{ path = \"/x\", text = \"\" }]\n";
        scene.sandbox.file("app.toml", text.clone() + more);
        scene.bump(&[name]).refused(2, "the layer `package` above would have to be made anew");
        scene.sandbox.file("app.toml", text);
        scene.needs(&[name], "package");
    }
}

#[test]
fn another_version_below_other_wheels() {
    for (split, name, above) in
        [("one", "deps", "dev"), ("each", "deps", "dev/ledger"), ("each", "deps/ledger", "dev/ledger")]
    {
        let split = format!("split = {split:?}");
        let scene = Scene::from_nothing(&(wheels("deps", "wheels", &split) + &wheels("dev", "newer", &split)));
        scene.wheels("wheels", &[("alpha", "1.0"), ("ledger", "1.4")]);
        scene.wheels("newer", &[("beta", "1.0"), ("ledger", "2.0")]);
        scene.push();
        scene.wheels("wheels", &[("alpha", "1.0"), ("ledger", "1.5")]);
        scene.needs(&[name], above);
        // The upper one alone is laid over the lower as it is.
        scene.wheels("newer", &[("beta", "1.0"), ("ledger", "2.1")]);
        scene.is_a_push(&["dev"]);
    }
}

#[test]
fn a_package_that_comes_to_be_called_as_the_one_above() {
    let layers = package("lower", "one", "") + &package("upper", "two", "");
    let scene = Scene::from_nothing(&layers);
    scene.project("one", "other", "8.0", &["other/__init__.py"], "");
    scene.project("two", "ledger", "9.0", &["ledger/__init__.py"], "");
    scene.push();
    scene.project("one", "ledger", "8.0", &["ledger/__init__.py", "ledger/low.py"], "");
    scene.needs(&["lower"], "upper");
    // What is taken away of the same version is another file now.
    scene.project("one", "ledger", "8.0", &["ledger/__init__.py", "ledger/lower.py"], "");
    scene.needs(&["lower"], "upper");
}

#[test]
fn a_version_that_comes_to_have_a_package() {
    let scene = Scene::from_nothing(&(wheels("lower", "wheels", "") + &package("upper", "two", "")));
    SmallWheel::new("ledger", "8.0").write(&scene.sandbox.path("wheels"));
    scene.project("two", "ledger", "9.0", &["ledger/__init__.py"], "");
    scene.push();
    let wheel = SmallWheel::new("ledger", "8.0").file("ledger/__init__.py", "").file("ledger/low.py", "");
    wheel.write(&scene.sandbox.path("wheels"));
    scene.needs(&["lower"], "upper");
}

#[test]
fn metadata_in_a_context_below() {
    let context = format!("\n[[layer]]\nname = \"context\"\ncontext = \"files\"\nto = \"{SITE}/\"\n");
    let scene = Scene::from_nothing(&(context + &package("package", "app", "")));
    scene.sandbox.file("files/a.txt", "a");
    scene.project("app", "ledger", "9.0", &["ledger/__init__.py"], "");
    scene.push();
    // Files there are in nobody's way.
    scene.sandbox.file("files/b.txt", "b");
    scene.is_a_push(&["context"]);
    scene.sandbox.file("files/ledger-3.0.dist-info/RECORD", "");
    scene.needs(&["context"], "package");
}

#[test]
fn an_interpreter_that_moves() {
    for (more, also) in [("", true), ("into = \"/var/task/\"", false)] {
        let scene = Scene::from_nothing(&package("package", "app", more));
        scene.project("app", "ledger", "9.0", &["ledger/__init__.py"], SCRIPT);
        scene.push();
        scene.alter("/var/lang/bin/python3.12", "/usr/bin/python3.12");
        if also {
            scene.alter(SITE, "/usr/lib/python3.12/site-packages");
        }
        scene.needs(&["skeleton"], "package");
    }
}

#[test]
fn another_c_library() {
    let scene = Scene::from_nothing(&wheels("deps", "wheels", ""));
    for system in ["manylinux_2_17", "musllinux_1_1"] {
        let wheel = SmallWheel::new("swift", "2.0").binary(&format!("cp312-cp312-{system}_aarch64"));
        wheel.write(&scene.sandbox.path("wheels"));
    }
    scene.push();
    scene.alter("/lib64/libc.so.6", "/lib/ld-musl-aarch64.so.1");
    scene.needs(&["skeleton"], "deps");
}

#[test]
fn a_link_on_the_way_into_a_folder() {
    for layer in [package("top", "app", "into = \"/opt/link/\""), wheels("top", "wheels", "into = \"/opt/link/\"")] {
        let scene = Scene::from_nothing(&layer);
        scene.project("app", "ledger", "9.0", &["ledger/__init__.py"], "");
        scene.wheels("wheels", &[("alpha", "1.0")]);
        scene.push();
        scene.alter("link = \"real\"", "link = \"other\"");
        scene.alter("{ path = \"/opt/real/\" }", "{ path = \"/opt/other/\" }");
        scene.needs(&["skeleton"], "top");
    }
}

#[test]
fn facts_of_a_base_are_those_that_a_push_asks_for() {
    let bare: &[&str] = &["app/__init__.py"];
    // A command that the base has as well.
    let scene = Scene::on_a_base(&package("package", "app", ""));
    scene.project("app", "app", "1.0", bare, "[project.scripts]\ntool = \"app:x\"\nother = \"app:x\"");
    scene.push();
    scene.project("app", "app", "1.1", bare, "");
    scene.is_a_push(&["package"]);
    scene.project("app", "app", "1.2", bare, "[project.scripts]\ntool = \"app:x\"");
    scene.is_a_push(&["package"]);
    // A name that the base has, left and taken up again.
    scene.project("app", "ledger", "9.0", &["ledger/__init__.py", "ledger/books/page.py"], "");
    scene.is_a_push(&["package"]);
    scene.project("app", "app", "1.3", bare, "");
    scene.is_a_push(&["package"]);
    // Fewer folders.
    scene.project("app", "app", "1.4", &["app/__init__.py", "app/one/two.py", "app/one/__init__.py"], "");
    scene.is_a_push(&["package"]);
    scene.project("app", "app", "1.5", bare, "");
    scene.is_a_push(&["package"]);
}

#[test]
fn facts_of_a_base_below_wheels_and_a_package() {
    for (split, name) in [("one", "deps"), ("each", "deps/ledger"), ("each", "deps"), ("each", "deps/alpha")] {
        let layers = wheels("deps", "wheels", &format!("split = {split:?}")) + &package("package", "app", "");
        let scene = Scene::on_a_base(&layers);
        scene.wheels("wheels", &[("alpha", "1.0"), ("ledger", "2.0")]);
        scene.project("app", "app", "1.0", &["app/__init__.py"], SCRIPT);
        scene.push();
        scene.wheels("wheels", &[("alpha", if name == "deps/alpha" { "1.1" } else { "1.0" })]);
        let files: &[&str] = match name {
            "deps/alpha" => &["ledger/__init__.py"],
            _ => &["ledger.py", "books/__init__.py", "ledgers/__init__.py", "ledgers/gone.py"],
        };
        let (version, files) = (if name == "deps/alpha" { "2.0" } else { "3.0" }, files);
        let wheel = SmallWheel { files: Vec::new(), ..SmallWheel::new("ledger", version) };
        let text = format!("version = {version:?}\n");
        files.iter().fold(wheel, |wheel, file| wheel.file(file, &text)).write(&scene.sandbox.path("wheels"));
        scene.is_a_push(&[name]);
    }
}

#[test]
fn facts_that_another_part_asked_for_as_well() {
    let scene = Scene::on_a_base(&wheels("deps", "wheels", "split = \"each\""));
    let write = |version: &str, files: &[&str]| {
        let wheel = SmallWheel::new("zeta", version);
        files.iter().fold(wheel, |wheel, file| wheel.file(file, "")).write(&scene.sandbox.path("wheels"));
    };
    scene.wheels("wheels", &[]);
    // A namespace that the base has, and two distributions share.
    let eta = SmallWheel::new("eta", "1.0").file("ledger/eta.py", "").data("scripts/tool", "#!python\n");
    eta.write(&scene.sandbox.path("wheels"));
    write("1.0", &["ledger/zeta.py", "ledger/books/zeta.py"]);
    scene.push();
    for (old, version, files) in [("1.0", "1.1", &["zeta/__init__.py"][..]), ("1.1", "1.2", &["ledger/zeta.py"])] {
        std::fs::remove_file(scene.sandbox.path(&format!("wheels/zeta-{old}-py3-none-any.whl"))).unwrap();
        write(version, files);
        scene.is_a_push(&["deps/zeta"]);
    }
}

#[test]
fn a_part_that_empties_what_another_comes_to_lie_in() {
    let scene = Scene::on_a_base(&wheels("deps", "wheels", "split = \"each\""));
    scene.wheels("wheels", &[("alpha", "1.0"), ("ledger", "2.0")]);
    scene.push();
    std::fs::remove_file(scene.sandbox.path("wheels/alpha-1.0-py3-none-any.whl")).unwrap();
    SmallWheel::new("alpha", "1.1").file("ledger/gone.py", "").write(&scene.sandbox.path("wheels"));
    scene.needs(&["deps/alpha"], "deps/ledger");
}
