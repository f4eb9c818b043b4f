//! Several platforms at once, and the best of several wheels for each.

use std::collections::BTreeMap;
use std::fs;

use super::{from_nothing, into_task, layers};
use crate::support::Sandbox;
use crate::support::lockfiles::Pinned;
use crate::support::material::{AMD64, ARM64, PYTHON, SETS, Set, gather};
use crate::support::wheels::SmallWheel;

/// The projects of which a set has a wheel that is for every platform.
fn pure(set: Set) -> Vec<String> {
    let wheels = set.wheels();
    let pure = wheels.iter().filter(|wheel| wheel.to_str().unwrap().ends_with("-none-any.whl"));
    pure.map(|wheel| Pinned::of(wheel).name).collect()
}

#[test]
fn platforms_share_what_is_for_all() {
    let sandbox = Sandbox::new();
    // All that there is in one folder: for two Pythons, two architectures and two C libraries.
    for set in SETS {
        gather(&set.wheels(), &sandbox.path("wheelhouse"));
    }
    from_nothing(&sandbox, &["amd64", "arm64"], &(into_task("wheelhouse/", AMD64) + "split = \"each\"\n"));
    let both = sandbox.build(&["app.toml", "--json"]);
    let document = &both.documents()[0];
    let of = |platform: &str| -> BTreeMap<String, String> {
        let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
        let all = document["layers"].as_array().unwrap().iter().filter(|layer| layer["platform"] == platform);
        all.map(|layer| (text(&layer["name"]), text(&layer["digest"]))).collect()
    };
    let (amd64, arm64) = (of("linux/amd64"), of("linux/arm64"));
    let count = AMD64.wheels().len();
    assert_eq!((amd64.len(), arm64.len()), (count, count));
    assert!(amd64.keys().eq(arm64.keys()));
    let (pure_amd64, pure_arm64) = (pure(AMD64), pure(ARM64));
    for (name, digest) in &amd64 {
        let project = name.strip_prefix("dependencies/").unwrap().to_owned();
        let is_shared = pure_amd64.contains(&project) && pure_arm64.contains(&project);
        assert_eq!(*digest == arm64[name], is_shared, "{name}");
    }
    // Each is what it would be by itself, of the wheels alone that pip chose for it.
    for (set, together) in [(AMD64, amd64), (ARM64, arm64)] {
        let folder = format!("{}/", set.name);
        gather(&set.wheels(), &sandbox.path(&folder));
        from_nothing(&sandbox, &[set.architecture], &(into_task(&folder, set) + "split = \"each\"\n"));
        let alone = layers(&sandbox.build(&["app.toml", "--json", "-o", &format!("oci:{}-out", set.name)]));
        assert!(alone.into_iter().eq(together), "{}", set.name);
    }
}

#[test]
fn another_python_and_another_libc_have_other_wheels() {
    let sandbox = Sandbox::new();
    let tags = [
        "py3-none-any",
        "cp311-cp311-manylinux_2_17_x86_64",
        "cp311-cp311-manylinux_2_34_x86_64",
        "cp311-cp311-manylinux_2_39_x86_64",
        "cp311-cp311-musllinux_1_2_x86_64",
        "cp310-abi3-manylinux_2_17_x86_64",
        "cp312-cp312-manylinux_2_17_x86_64",
        "cp312-cp312-manylinux_2_17_aarch64",
    ];
    for tags in tags {
        SmallWheel::new("pick", "1.0").binary(tags).write(&sandbox.path("wheels"));
    }
    for (architecture, python, libc, best) in [
        ("amd64", "3.11", "glibc 2.36", "cp311-cp311-manylinux_2_34_x86_64"),
        ("amd64", "3.11", "glibc 2.39", "cp311-cp311-manylinux_2_39_x86_64"),
        ("amd64", "3.11", "glibc 2.33", "cp311-cp311-manylinux_2_17_x86_64"),
        ("amd64", "3.11", "glibc 2.12", "py3-none-any"),
        ("amd64", "3.11", "musl 1.2", "cp311-cp311-musllinux_1_2_x86_64"),
        ("amd64", "3.11", "musl 1.1", "py3-none-any"),
        ("amd64", "3.12", "glibc 2.34", "cp312-cp312-manylinux_2_17_x86_64"),
        ("amd64", "3.13", "glibc 2.34", "cp310-abi3-manylinux_2_17_x86_64"),
        ("amd64", "3.9", "glibc 2.34", "py3-none-any"),
        ("arm64", "3.12", "glibc 2.34", "cp312-cp312-manylinux_2_17_aarch64"),
        ("arm64", "3.11", "glibc 2.34", "py3-none-any"),
    ] {
        let layer = format!(
            "wheels = \"wheels/\"\npython = \"{python}\"\nlibc = \"{libc}\"\ninto = \"/p/\"\ninterpreter = \"{PYTHON}\"\n"
        );
        from_nothing(&sandbox, &[architecture], &layer);
        sandbox.build(&["app.toml"]);
        let said = sandbox.unpack("app").text("p/_pick.so");
        assert_eq!(said, format!("\x7fELF of {best}\n"), "{architecture} {python} {libc}");
    }
}

#[test]
fn the_image_for_a_platform_has_its_wheels() {
    let sandbox = Sandbox::new();
    for (tags, architecture) in [("manylinux_2_17_x86_64", "amd64"), ("manylinux_2_17_aarch64", "arm64")] {
        let wheel = SmallWheel::new("pick", "1.0").binary(&format!("cp311-cp311-{tags}"));
        wheel.file(&format!("pick_{architecture}.py"), "").write(&sandbox.path("wheels"));
    }
    from_nothing(&sandbox, &["amd64", "arm64"], &into_task("wheels/", AMD64));
    sandbox.build(&["app.toml"]);
    for (architecture, other) in [("amd64", "arm64"), ("arm64", "amd64")] {
        let layout = sandbox.path(architecture);
        let to = format!("oci:{}:x", layout.display());
        crate::support::tools::tool(
            "skopeo",
            ["--override-arch", architecture, "--insecure-policy", "copy", "--quiet", &sandbox.image("app"), &to],
        );
        let image = crate::support::Unpacked::of(&layout, "x");
        assert_eq!(image.line(&format!("var/task/pick_{architecture}.py")), "f 0644 0:0");
        assert_eq!(image.line(&format!("var/task/pick_{other}.py")), "-");
    }
}

#[test]
fn the_same_wheels_give_the_same_layers_wherever_they_lie() {
    let mut all = Vec::new();
    for folder in ["wheels", "deep/er/wheelhouse"] {
        let sandbox = Sandbox::new();
        for name in ["one", "two"] {
            SmallWheel::new(name, "1.0").script(&format!("{name} = {name}:main")).write(&sandbox.path(folder));
        }
        for pattern in [format!("{folder}/"), format!("{folder}/*.whl")] {
            from_nothing(&sandbox, &["arm64"], &into_task(&pattern, ARM64));
            let store = format!("store{}", all.len());
            let flags = ["app.toml", "--json", "--cache-dir", &store, "--jobs", if all.is_empty() { "1" } else { "4" }];
            all.push(layers(&sandbox.build(&flags)));
        }
        // A file that is no wheel is nobody's concern; one that is not for the target is an error.
        fs::write(sandbox.path(folder).join("README.txt"), "wheels\n").unwrap();
        all.push(layers(&sandbox.build(&["app.toml", "--json"])));
    }
    assert!(all.iter().all(|layers| *layers == all[0]), "{all:#?}");
}
