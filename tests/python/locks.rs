//! Locks: whatever kind says it, the layers are the same; what a lock does not say is not there.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use super::{assert_nothing_left, from_nothing, layers, moved};
use crate::support::lockfiles::{KINDS, Pinned, lock};
use crate::support::material::{AMD64, ARM64, MUSL, gather, host};
use crate::support::package_index::PackageIndex;
use crate::support::wheels::SmallWheel;
use crate::support::{Run, Sandbox};

/// The layer's lines but for what it is made of.
const LAYER: &str = "python = \"3.11\"\ninto = \"/var/task/\"\nlibc = \"glibc 2.34\"\n";

/// Writes the lock of a kind that pins what an index has, and a spec that is made of it.
fn locked(sandbox: &Sandbox, kind: &str, index: &PackageIndex, wheels: &[PathBuf], more: &str) {
    let pinned: Vec<Pinned> = wheels.iter().map(|wheel| Pinned::of(wheel)).collect();
    sandbox.file(kind, lock(kind, &pinned, &index.simple(), &|file| index.url(file)));
    from_nothing(sandbox, &["amd64"], &format!("wheels = \"{kind}\"\n{LAYER}{more}"));
}

/// Builds with a store of its own, or the one of a run before.
fn build(sandbox: &Sandbox, store: &str, flags: &[&str]) -> Run {
    let store = format!("stores/{store}");
    sandbox.run(["build", "app.toml", "--json", "--cache-dir", &store].iter().chain(flags))
}

/// Small wheels, of which some are for one platform of several.
fn small(sandbox: &Sandbox) -> Vec<PathBuf> {
    let names = ["alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa", "lambda", "mu"];
    let mut wheels: Vec<SmallWheel> = names.iter().map(|name| SmallWheel::new(name, "1.0")).collect();
    for platform in ["manylinux_2_17_x86_64", "manylinux_2_17_aarch64", "musllinux_1_2_x86_64"] {
        for python in ["cp311", "cp312"] {
            wheels.push(SmallWheel::new("nu", "1.0").binary(&format!("{python}-{python}-{platform}")));
        }
    }
    wheels.iter().map(|wheel| wheel.write(&sandbox.path("small"))).collect()
}

/// The wheels of a real set below a megabyte, with all their other platforms.
fn real() -> Vec<PathBuf> {
    let all = [AMD64, ARM64, MUSL].into_iter().flat_map(|set| set.wheels());
    let mut wheels: Vec<PathBuf> = all.filter(|wheel| fs::metadata(wheel).unwrap().len() < 1 << 20).collect();
    wheels.sort();
    let mut seen = BTreeSet::new();
    wheels.retain(|wheel| seen.insert(crate::support::material::file_name(wheel).to_owned()));
    // Only what the platform that is built for has is locked.
    let here: BTreeSet<String> = AMD64.wheels().iter().map(|wheel| Pinned::of(wheel).name).collect();
    let small: BTreeSet<String> = AMD64
        .wheels()
        .iter()
        .filter(|wheel| fs::metadata(wheel).unwrap().len() < 1 << 20)
        .map(|wheel| Pinned::of(wheel).name)
        .collect();
    wheels.retain(|wheel| {
        let name = Pinned::of(wheel).name;
        here.contains(&name) && small.contains(&name)
    });
    wheels
}

#[test]
fn all_kinds_give_the_same_layers() {
    let sandbox = Sandbox::new();
    for wheels in [small(&sandbox), real()] {
        assert!(wheels.len() > 16);
        let index = PackageIndex::of(&wheels);
        gather(&wheels, &sandbox.path("wheelhouse"));
        let mut all = Vec::new();
        for kind in KINDS {
            for more in ["", "wheelhouse = \"wheelhouse/\"\n"] {
                locked(&sandbox, kind, &index, &wheels, &format!("{more}split = \"each\"\n"));
                let store = format!("store-{kind}-{}", more.len());
                let _ = fs::remove_dir_all(sandbox.path("stores").join(&store));
                all.push((kind, more, layers(&build(&sandbox, &store, &[]).ok())));
                let downloads = index.downloads();
                let projects: BTreeSet<String> = wheels.iter().map(|wheel| Pinned::of(wheel).name).collect();
                // Each project's best wheel alone, and nothing of what lies in the wheelhouse.
                let expected = if more.is_empty() { projects.len() } else { 0 };
                assert_eq!(downloads.len(), expected, "{kind}: {downloads:#?}");
                assert_eq!(all[all.len() - 1].2.len(), projects.len());
            }
        }
        for (kind, more, layers) in &all {
            assert_eq!(*layers, all[0].2, "{kind} {more}");
        }
    }
}

#[test]
fn a_folder_gives_the_same_but_says_where_it_came_from() {
    let sandbox = Sandbox::new();
    let wheels = small(&sandbox);
    let index = PackageIndex::of(&wheels);
    locked(&sandbox, "pylock.toml", &index, &wheels, "");
    build(&sandbox, "store", &[]).ok();
    let locked = sandbox.unpack("app").paths();
    from_nothing(&sandbox, &["amd64"], &format!("wheels = \"small/\"\n{LAYER}"));
    build(&sandbox, "store", &[]).ok();
    let mut local = sandbox.unpack("app").paths();
    local.retain(|path| !path.ends_with(".dist-info/direct_url.json"));
    assert_eq!(local, locked);
}

#[test]
fn a_second_run_downloads_nothing() {
    let sandbox = Sandbox::new();
    let wheels = small(&sandbox);
    for kind in KINDS {
        let index = PackageIndex::of(&wheels);
        locked(&sandbox, kind, &index, &wheels, "split = \"each\"\n");
        let first = build(&sandbox, kind, &[]).ok();
        assert_eq!(index.downloads().len(), 13);
        let second = build(&sandbox, kind, &[]).ok();
        assert_eq!(index.downloads(), [""; 0], "{kind}");
        assert_eq!(layers(&first), layers(&second));
        // Neither does one without the network, also if the layers have to be made anew.
        for flags in [&["--offline"][..], &["--offline", "--no-cache"]] {
            let third = build(&sandbox, kind, flags).ok();
            assert_eq!((layers(&third), index.requests()), (layers(&first), Vec::new()), "{kind} {flags:?}");
        }
        // Where nothing is known yet there is nothing to be had without it, and it is said what would be needed.
        let run = build(&sandbox, "empty", &["--offline"]);
        assert!(matches!(run.code, 2 | 3), "{}: {}", run.code, run.stderr);
        assert!(run.stderr.contains("alpha") && !run.stderr.contains("panicked"), "{}", run.stderr);
        assert_eq!(index.requests(), [""; 0]);
    }
}

#[test]
fn one_pin_moves_one_layer() {
    let sandbox = Sandbox::new();
    let wheels = small(&sandbox);
    let newer = SmallWheel::new("eta", "1.1").file("eta_more.py", "more = True\n").write(&sandbox.path("small"));
    let index = PackageIndex::of(&[&wheels[..], std::slice::from_ref(&newer)].concat());
    let mut changed = wheels.clone();
    *changed.iter_mut().find(|wheel| wheel.ends_with("eta-1.0-py3-none-any.whl")).unwrap() = newer;
    for kind in KINDS {
        let split = |split: &str| {
            let more = format!("split = {split}\n");
            locked(&sandbox, kind, &index, &wheels, &more);
            let before = layers(&build(&sandbox, kind, &[]).ok());
            locked(&sandbox, kind, &index, &changed, &more);
            (before, layers(&build(&sandbox, kind, &[]).ok()))
        };
        let (before, after) = split("\"each\"");
        assert_eq!((before.len(), moved(&before, &after)), (13, vec!["dependencies/eta".to_owned()]), "{kind}");
        let (before, after) = split("4");
        assert_eq!((before.len(), after.len(), moved(&before, &after).len()), (4, 4, 1), "{kind}");
        let (before, after) = split("\"one\"");
        assert_eq!((before.len(), moved(&before, &after)), (1, vec!["dependencies".to_owned()]), "{kind}");
    }
}

#[test]
fn one_distribution_more_moves_one_group() {
    let sandbox = Sandbox::new();
    let wheels = small(&sandbox);
    let more = [&wheels[..], &[SmallWheel::new("omega", "1.0").write(&sandbox.path("small"))]].concat();
    let index = PackageIndex::of(&more);
    for (split, count) in [("\"each\"", 13), ("4", 4)] {
        locked(&sandbox, "pylock.toml", &index, &wheels, &format!("split = {split}\n"));
        let before = layers(&build(&sandbox, "store", &[]).ok());
        locked(&sandbox, "pylock.toml", &index, &more, &format!("split = {split}\n"));
        let after = layers(&build(&sandbox, "store", &[]).ok());
        assert_eq!((before.len(), moved(&before, &after).len()), (count, 1), "{split}");
    }
}

#[test]
fn what_is_downloaded_has_to_be_what_is_locked() {
    for kind in KINDS {
        let sandbox = Sandbox::new();
        let wheels = small(&sandbox);
        let index = PackageIndex::of(&wheels);
        locked(&sandbox, kind, &index, &wheels, "");
        let other = SmallWheel::new("alpha", "1.0").file("trap.py", "").bytes();
        index.send_instead("alpha-1.0-py3-none-any.whl", &other);
        // The server is at fault: who locks again would take what it sends.
        let run = sandbox.run(["build", "app.toml"]).refused(3, "alpha");
        let digest = crate::support::registry::digest_of(&other);
        for words in [&digest, &Pinned::of(&wheels[0]).sha256, "wheelhouse", "`dependencies`"] {
            assert!(run.stderr.contains(words), "no `{words}` in {}", run.stderr);
        }
        assert!(!run.stderr.contains("lock again"), "{}", run.stderr);
        assert!(!sandbox.path("out").exists());
        // What was whole may stay; of this nothing does.
        for path in sandbox.tree("cache") {
            assert!(!path.contains(&digest["sha256:".len()..]), "{path}");
            let file = sandbox.path("cache").join(&path);
            assert!(!file.is_file() || fs::read(&file).unwrap() != other, "{path}");
        }
        assert_eq!(sandbox.tree("cache/temporary"), [""; 0]);
        for half in [&other[..other.len() / 2], b""] {
            index.send_instead("alpha-1.0-py3-none-any.whl", half);
            let run = sandbox.run(["build", "app.toml"]);
            assert!(run.code == 3 && run.stderr.contains("alpha"), "{}: {}", run.code, run.stderr);
        }
        index.send_instead("alpha-1.0-py3-none-any.whl", &fs::read(&wheels[0]).unwrap());
        sandbox.run(["build", "app.toml"]).ok();
    }
}

#[test]
fn a_wheelhouse_is_believed_by_digest_alone() {
    let sandbox = Sandbox::new();
    let wheels = small(&sandbox);
    let index = PackageIndex::of(&wheels);
    gather(&wheels, &sandbox.path("wheelhouse"));
    let file = sandbox.path("wheelhouse/alpha-1.0-py3-none-any.whl");
    fs::remove_file(&file).unwrap();
    fs::write(&file, SmallWheel::new("alpha", "1.0").file("trap.py", "").bytes()).unwrap();
    locked(&sandbox, "pylock.toml", &index, &wheels, "wheelhouse = \"wheelhouse/\"\n");
    build(&sandbox, "store", &[]).ok();
    assert_eq!(index.downloads(), ["alpha-1.0-py3-none-any.whl"]);
    assert_eq!(sandbox.unpack("app").line("var/task/trap.py"), "-");
}

#[test]
fn what_is_not_pinned_is_an_error() {
    let sandbox = Sandbox::new();
    let wheels = small(&sandbox);
    let index = PackageIndex::of(&wheels);
    let refuse = |kind: &str, change: &dyn Fn(String) -> String, words: &str| {
        locked(&sandbox, kind, &index, &wheels, "");
        let before = fs::read_to_string(sandbox.path(kind)).unwrap();
        let after = change(before.clone());
        assert_ne!(before, after);
        sandbox.file(kind, after);
        let run = sandbox.run(["build", "app.toml"]).refused(2, words);
        assert!(run.stderr.contains(kind), "{}", run.stderr);
        assert_nothing_left(&sandbox);
        assert_eq!(index.downloads(), [""; 0]);
    };
    refuse("requirements.txt", &|text| text.replace("alpha==1.0", "alpha>=1.0"), "alpha");
    refuse("requirements.txt", &|text| text.replace("alpha==1.0", "alpha"), "alpha");
    refuse("requirements.txt", &|text| text + "loose==1.0\n", "loose");
    refuse("requirements.txt", &|text| text + "./local\n", "local");
    refuse("requirements.txt", &|text| text + "-e .\n", "-e");
    refuse("requirements.txt", &|text| text + "git+https://example.org/x.git\n", "version control");
    refuse("pylock.toml", &|text| text.replace("lock-version = \"1.0\"", "lock-version = \"2.0\""), "2.0");
    refuse("pylock.toml", &|text| text.replace("hashes = ", "hashed = "), "hash");
    refuse("pylock.toml", &|text| text.replace("requires-python = \">=3.11\"", "requires-python = \">=3.13\""), "3.13");
    refuse("uv.lock", &|text| text.replacen("version = 1\n", "version = 9\n", 1), "9");
    refuse("uv.lock", &|text| text.replace("    { name = \"mu\" },\n", "    { name = \"none\" },\n"), "none");
}

#[test]
fn only_a_source_distribution_is_an_error_that_names_the_way_out() {
    let sandbox = Sandbox::new();
    let index = PackageIndex::of(&[]);
    let hash = "0".repeat(64);
    let source = "https://example.org/only-1.0.tar.gz";
    let pylock = format!(
        "lock-version = \"1.0\"\ncreated-by = \"x\"\n[[packages]]\nname = \"only\"\nversion = \"1.0\"\n\
         sdist = {{ name = \"only-1.0.tar.gz\", url = \"{source}\", hashes = {{ sha256 = \"{hash}\" }} }}\n"
    );
    let uv = format!(
        "version = 1\nrequires-python = \">=3.11\"\n[[package]]\nname = \"app\"\nversion = \"0.1.0\"\n\
         source = {{ virtual = \".\" }}\ndependencies = [{{ name = \"only\" }}]\n[[package]]\nname = \"only\"\n\
         version = \"1.0\"\nsource = {{ registry = \"{}\" }}\nsdist = {{ url = \"{source}\", hash = \"sha256:{hash}\", \
         size = 5 }}\n",
        index.simple()
    );
    for (kind, text) in [("pylock.toml", pylock), ("uv.lock", uv)] {
        sandbox.file(kind, text);
        from_nothing(&sandbox, &["amd64"], &format!("wheels = \"{kind}\"\n{LAYER}"));
        let run = sandbox.run(["build", "app.toml"]).refused(2, "only");
        assert!(run.stderr.contains("pip wheel") || run.stderr.contains("build a wheel"), "{}", run.stderr);
        assert_nothing_left(&sandbox);
    }
}

#[test]
fn no_wheel_for_the_target_is_an_error_that_says_why_for_each() {
    let sandbox = Sandbox::new();
    let wheels: Vec<PathBuf> =
        small(&sandbox).into_iter().filter(|wheel| wheel.to_str().unwrap().contains("/nu-")).collect();
    assert_eq!(wheels.len(), 6);
    let index = PackageIndex::of(&wheels);
    for kind in KINDS {
        locked(&sandbox, kind, &index, &wheels, "");
        let spec = fs::read_to_string(sandbox.path("app.toml")).unwrap();
        sandbox.file("app.toml", spec.replace("glibc 2.34", "glibc 2.12"));
        let run = sandbox.run(["build", "app.toml"]).refused(2, "nu");
        for words in ["cp312", "aarch64", "musl", "2.17"] {
            assert!(run.stderr.contains(words), "{kind}: no `{words}` in {}", run.stderr);
        }
        // What an index has is remembered, and only a `requirements.txt` makes it asked for.
        if kind != "requirements.txt" {
            assert_nothing_left(&sandbox);
        }
        assert!(index.downloads().is_empty() && !sandbox.path("out").exists());
        let _ = fs::remove_dir_all(sandbox.path("cache"));
    }
}

/// What `uv lock` writes of a workspace: a member, a folder beside it, and a member that is no package.
const WORKSPACE: &str = "version = 1\nrequires-python = \">=3.11\"\n[manifest]\nmembers = [\"app\", \"lib\", \"plain\"]\n\
    [[package]]\nname = \"app\"\nversion = \"0.1.0\"\nsource = { editable = \".\" }\n\
    dependencies = [{ name = \"beside\" }, { name = \"lib\" }, { name = \"plain\" }]\n\
    [[package]]\nname = \"beside\"\nversion = \"1\"\nsource = { directory = \"../beside\" }\n\
    [[package]]\nname = \"lib\"\nversion = \"1\"\nsource = { editable = \"packages/lib\" }\n\
    [[package]]\nname = \"plain\"\nversion = \"1\"\nsource = { virtual = \"packages/plain\" }\n";

#[test]
fn projects_that_are_in_no_wheel_are_named() {
    let sandbox = Sandbox::new();
    let project = "[project]\nname = \"lib\"\nversion = \"1\"\n";
    sandbox.file("work/packages/lib/pyproject.toml", project).file("work/packages/lib/src/lib/__init__.py", "");
    sandbox.file("work/uv.lock", WORKSPACE);
    let layer = format!("wheels = \"work/uv.lock\"\n{LAYER}");
    from_nothing(&sandbox, &["amd64", "arm64"], &layer);
    let run = sandbox.run(["build", "app.toml"]).ok();
    for words in ["`lib`", "work/packages/lib", "`beside`", "package = "] {
        assert!(run.stderr.contains(words), "no `{words}` in {}", run.stderr);
    }
    assert!(!run.stderr.contains("`plain`"), "{}", run.stderr);
    assert_eq!(run.stderr.matches("`beside`").count(), 1, "once for all platforms: {}", run.stderr);
    // Another layer lays it.
    let more = format!("[[layer]]\nname = \"lib\"\npackage = \"./work/packages/lib/\"\n{LAYER}");
    from_nothing(&sandbox, &["amd64", "arm64"], &format!("{layer}{more}"));
    let run = sandbox.run(["build", "app.toml"]).ok();
    assert!(run.stderr.contains("`beside`") && !run.stderr.contains("`lib`"), "{}", run.stderr);
}

#[test]
fn a_folder_in_a_lock_is_laid_by_a_layer_of_its_own() {
    let sandbox = Sandbox::new();
    sandbox.file(
        "pylock.toml",
        "lock-version = \"1.0\"\ncreated-by = \"uv\"\n[[packages]]\nname = \"lib\"\n\
         directory = { path = \"packages/lib\", editable = true }\n",
    );
    from_nothing(&sandbox, &["amd64"], &format!("wheels = \"pylock.toml\"\n{LAYER}"));
    let run = sandbox.run(["build", "app.toml"]).refused(2, "`lib`");
    for words in ["packages/lib", "package = ", "uv export", "--no-emit-project"] {
        assert!(run.stderr.contains(words), "no `{words}` in {}", run.stderr);
    }
    assert!(!run.stderr.contains("pip wheel"), "{}", run.stderr);
}

/// The judge itself: pip takes these locks and this index.
#[test]
fn pip_takes_the_locks() {
    let sandbox = Sandbox::new();
    let wheels = small(&sandbox);
    // Of the same architecture as this machine.
    let index = PackageIndex::of(&wheels);
    let pinned: Vec<Pinned> = wheels.iter().map(|wheel| Pinned::of(wheel)).collect();
    let pip = crate::support::material::Pip::new();
    for kind in ["requirements.txt", "pylock.toml"] {
        fs::write(pip.path(kind), lock(kind, &pinned, &index.simple(), &|file| index.url(file))).unwrap();
        let file = format!("/{kind}");
        let target = format!("--target=/{kind}.d");
        let quiet =
            ["--quiet", "--quiet", "--disable-pip-version-check", "--no-cache-dir", "--root-user-action=ignore"];
        let install = ["install", "--no-compile", "--no-deps", "-r", &file, &target];
        pip.run(&install.iter().chain(&quiet).copied().collect::<Vec<_>>());
        assert_eq!(index.downloads().len(), 13, "{kind}");
        let nu = format!("{kind}.d/_nu.so");
        let machine = if host() == ARM64 { "aarch64" } else { "x86_64" };
        assert_eq!(
            fs::read_to_string(pip.path(&nu)).unwrap(),
            format!("\x7fELF of cp311-cp311-manylinux_2_17_{machine}\n")
        );
    }
}
