//! Where a published image may be, on which machine it is verified, and for which platforms.

use std::fs;

use serde_json::{Value, json};

use crate::support::Sandbox;
use crate::support::altered::{header, new_file};
use crate::support::images::{HandMade, Tar};
use crate::support::registry::{Kind, Registry};
use crate::support::tools::tool;
use crate::support::workspace::workspace;
use crate::verify::{fields, sandbox, sources, verdicts};

/// Forgets all that this machine knows.
fn forget(sandbox: &Sandbox) {
    fs::remove_dir_all(sandbox.path("cache")).unwrap();
}

#[test]
fn wherever_it_is_on_a_machine_that_knows_nothing() {
    let sandbox = sandbox();
    sandbox.build(&["app.toml", "-o", "oci-archive:app.tar"]);
    sandbox.build(&["app.toml", "-o", "docker-archive:docker.tar"]);
    let registry = Registry::start();
    let to = format!("{}/app", registry.host());
    sandbox.run(["push", "app.toml", "--to", &to]).ok();
    for image in ["oci:out:app", "oci-archive:app.tar", "docker-archive:docker.tar", &to] {
        forget(&sandbox);
        let run = sandbox.run(["verify", "app.toml", image]);
        assert_eq!(run.code, 0, "{image}: {}{}", run.stdout, run.stderr);
        assert!(run.stdout.starts_with("linux/amd64 identical: "), "{image}: {}", run.stdout);
        // Nothing of it stays on the machine.
        assert_eq!(sandbox.names("cache/blobs/sha256"), [""; 0]);
        assert_eq!(sandbox.names("cache/temporary"), [""; 0]);
        assert_eq!(sandbox.names("cache/layers"), [""; 0]);
    }
}

#[test]
fn where_nothing_can_be_written_it_goes_to_the_temporary_folder() {
    let sandbox = sandbox();
    sandbox.file("no-folder", "");
    let run = sandbox.run(["verify", "app.toml", "oci:out:app", "--cache-dir", "no-folder/cache"]);
    assert_eq!(run.code, 0, "{}{}", run.stdout, run.stderr);
}

#[test]
fn nothing_that_anybody_remembers_is_believed() {
    let registry = Registry::start();
    let mut tar = Tar::default();
    tar.folder("var/", 0o755).folder("var/task/", 0o711);
    HandMade::new().layer(&tar.end()).put(&registry, "base", "v1");
    let sandbox = workspace(&format!("{}/base:v1", registry.host()), "");
    let set = format!("REGISTRY={}", registry.host());
    sandbox.run(["push", "specs", "--set", &set]).ok();
    let image = format!("{}/team/a", registry.host());
    sandbox.run(["verify", "specs/a.toml", &image]).ok();
    // This machine's tree of the base becomes that of another one, in which a directory has another mode.
    let mut tar = Tar::default();
    tar.folder("var/", 0o755).folder("var/task/", 0o777);
    let other = HandMade::new().layer(&tar.end()).put(&registry, "other", "v1");
    sandbox.file(
        "other.toml",
        format!(
            "name = \"other\"\nbase = \"{}/other:v1\"\n[[layer]]\nname = \"a\"\ncontext = \"a\"\nto = \"/var/task/a/\"\n",
            registry.host()
        ),
    );
    sandbox.run(["build", "other.toml"]).ok();
    let hex = |digest: &str| digest["sha256:".len()..].to_owned();
    let base = registry.resolve("base", "v1").unwrap();
    let tree = |digest: &str| sandbox.path("cache/trees").join(hex(digest));
    fs::copy(tree(&other), tree(&base)).unwrap();
    let built = |flags: &[&str]| {
        let run = sandbox.run(["build", "specs/a.toml", "--json"].iter().chain(flags)).ok();
        run.documents()[0]["digest"].as_str().unwrap().to_owned()
    };
    let published = registry.resolve("team/a", "latest").unwrap();
    assert_ne!(built(&["--no-cache"]), published, "the lie was to be believed by a build");
    registry.clear_log();
    sandbox.run(["verify", "specs/a.toml", &image]).ok();
    let log = registry.log();
    assert!(!log.0.iter().any(|request| request.path.contains("tarsia-cache")), "{log}");
    // Its own layer is read once, from where it is, and so is the base's for its tree.
    assert_eq!(log.0.iter().filter(|request| request.kind == Kind::BlobGet).count(), 4, "{log}");
}

#[test]
fn a_file_that_looks_as_it_did_is_read_all_the_same() {
    let sandbox = sources();
    // A file that has just been written is not remembered.
    std::thread::sleep(std::time::Duration::from_millis(100));
    let built = || {
        let run = sandbox.run(["build", "app.toml", "--no-cache", "--json"]).ok();
        run.documents()[0]["digest"].as_str().unwrap().to_owned()
    };
    let digest = built();
    // What this machine remembers of the contexts' files is of others.
    for index in sandbox.names("cache/contexts") {
        let path = sandbox.path("cache/contexts").join(index);
        let mut bytes = fs::read(&path).unwrap();
        // After the version and the number of records, the only block: its length, its checksum, and at its end a digest.
        let block = b"tarsia file digests 2\n".len() + 8;
        *bytes.last_mut().unwrap() ^= 1;
        let checksum = crc32fast::hash(&bytes[block + 8..]).to_le_bytes();
        bytes[block + 4..block + 8].copy_from_slice(&checksum);
        fs::write(path, bytes).unwrap();
    }
    assert_ne!(built(), digest, "the lie was to be believed by a build");
    sandbox.run(["build", "app.toml", "--cache-dir", "another"]).ok();
    let run = sandbox.run(["verify", "app.toml", "oci:out:app"]);
    assert_eq!(run.code, 0, "{}{}", run.stdout, run.stderr);
}

#[test]
fn a_file_that_changed_is_named() {
    let sandbox = sandbox();
    sandbox.file("code/main.py", "print('HELLO')\n");
    let text = sandbox.run(["verify", "app.toml", "oci:out:app"]).stdout;
    assert!(text.lines().any(|line| line.starts_with("  content differs ") && line.ends_with("  code")), "{text}");
    assert!(text.lines().any(|line| line.starts_with("    /srv/main.py: content ")), "{text}");
    assert!(text.starts_with("linux/amd64 differs: app.toml "), "{text}");
}

/// Two platforms with a layer of one of them.
fn two_platforms() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.file(
        "two.toml",
        "name = \"two\"\nbase = \"scratch\"\nplatforms = [\"linux/amd64\", \"linux/arm64\"]\n\
         [[layer]]\nname = \"code\"\ncontext = \"code-{arch}\"\nto = \"/srv/\"\n",
    );
    sandbox.file("code-amd64/x", "amd64\n").file("code-arm64/x", "arm64\n");
    sandbox.build(&["two.toml"]);
    sandbox
}

fn platforms(documents: &[Value]) -> Vec<String> {
    let word = |document: &Value| {
        let platform = document["platform"].as_str().unwrap_or("index");
        format!("{platform} {}", document["equal"])
    };
    documents.iter().map(word).collect()
}

#[test]
fn several_platforms_have_a_document_each_and_one_for_the_index() {
    let sandbox = two_platforms();
    let run = sandbox.run(["verify", "two.toml", "oci:out:two", "--json"]).ok();
    assert_eq!(platforms(&run.documents()), ["linux/amd64 true", "linux/arm64 true", "index true"]);
    let text = sandbox.run(["verify", "two.toml", "oci:out:two"]).ok().stdout;
    let digest = tool("skopeo", ["inspect", "--raw", &sandbox.image("two")]);
    let digest = crate::support::registry::digest_of(digest.as_bytes());
    assert!(text.ends_with(&format!("index identical: {digest}\n")), "{text}");
    let run = sandbox.run(["verify", "two.toml", "oci:out:two", "--platform", "linux/arm64", "--json"]).ok();
    assert_eq!(platforms(&run.documents()), ["linux/arm64 true"]);
    sandbox.file("code-arm64/x", "changed\n");
    let run = sandbox.run(["verify", "two.toml", "oci:out:two", "--json"]);
    assert_eq!(
        (run.code, platforms(&run.documents())),
        (1, vec!["linux/amd64 true".to_owned(), "linux/arm64 false".to_owned(), "index false".to_owned(),])
    );
    sandbox.run(["verify", "two.toml", "oci:out:two", "--platform", "linux/amd64"]).ok();
}

#[test]
fn a_platform_that_the_image_lacks_is_missing_and_one_that_the_spec_lacks_extra() {
    let sandbox = two_platforms();
    let spec = fs::read_to_string(sandbox.path("two.toml")).unwrap();
    sandbox.file("two.toml", spec.replace("\"linux/arm64\"", "\"linux/s390x\"")).file("code-s390x/x", "s390x\n");
    let run = sandbox.run(["verify", "two.toml", "oci:out:two", "--json"]);
    assert_eq!(run.code, 1);
    let documents = run.documents();
    assert_eq!(platforms(&documents), ["linux/amd64 true", "linux/s390x false", "linux/arm64 false"]);
    assert_eq!((&documents[1]["right"], &documents[2]["left"]), (&Value::Null, &Value::Null));
    let text = sandbox.run(["verify", "two.toml", "oci:out:two"]).stdout;
    assert!(text.contains("linux/s390x missing: only two.toml has it\n"), "{text}");
    assert!(text.contains("linux/arm64 extra: only oci:out:two has it\n"), "{text}");
    let run = sandbox.run(["verify", "two.toml", "oci:out:two", "--platform", "linux/riscv64"]);
    assert_eq!((run.code, run.stdout.as_str()), (1, "linux/riscv64 missing: only two.toml has it\n"));
}

/// Puts an index over images of the layout `out`, each for what is said; nothing said, no platform stated.
fn index(sandbox: &Sandbox, name: &str, images: &[(&str, &str)]) {
    let mut layout: Value = serde_json::from_slice(&fs::read(sandbox.path("out/index.json")).unwrap()).unwrap();
    let named = |name: &str| {
        let descriptors = layout["manifests"].as_array().unwrap().iter();
        let of_name = |one: &&Value| one["annotations"]["org.opencontainers.image.ref.name"] == name;
        descriptors.clone().find(of_name).unwrap_or_else(|| panic!("no {name}")).clone()
    };
    let descriptors: Vec<Value> = images
        .iter()
        .map(|(image, platform)| {
            let mut descriptor = named(image);
            let object = descriptor.as_object_mut().unwrap();
            object.remove("annotations");
            object.remove("platform");
            let parts: Vec<&str> = platform.split('/').collect();
            if let [os, architecture, variant @ ..] = &parts[..] {
                object.insert("platform".into(), json!({"os": os, "architecture": architecture}));
                variant.iter().for_each(|variant| object["platform"]["variant"] = json!(variant));
            }
            descriptor
        })
        .collect();
    const INDEX: &str = "application/vnd.oci.image.index.v1+json";
    let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": descriptors}).to_string();
    let mut top = json!({"mediaType": INDEX, "annotations": {"org.opencontainers.image.ref.name": name}, "digest": "", "size": 0});
    sandbox.put(&mut top, index.as_bytes());
    layout["manifests"].as_array_mut().unwrap().push(top);
    fs::write(sandbox.path("out/index.json"), layout.to_string()).unwrap();
}

/// The layout `out` with `app` and `evil` for linux/arm64, of which the first is what `app.toml` gives.
fn good_and_evil() -> Sandbox {
    let sandbox = Sandbox::new();
    let spec = "name = \"app\"\nbase = \"scratch\"\nplatforms = [\"linux/arm64\"]\n\
                [[layer]]\nname = \"code\"\ncontext = \"code\"\nto = \"/srv/\"\n";
    sandbox.file("app.toml", spec).file("evil.toml", spec.replace("\"app\"", "\"evil\"")).file("code/x", "evil\n");
    sandbox.build(&["evil.toml"]);
    sandbox.file("code/x", "good\n");
    sandbox.build(&["app.toml"]);
    sandbox
}

#[test]
fn an_image_that_an_index_holds_twice_for_a_platform_is_extra() {
    let sandbox = good_and_evil();
    index(&sandbox, "twice", &[("app", "linux/arm64"), ("evil", "linux/arm64")]);
    index(&sandbox, "variant", &[("app", "linux/arm64"), ("evil", "linux/arm64/v8")]);
    index(&sandbox, "unsaid", &[("app", "linux/arm64"), ("evil", "")]);
    let digest = tool("skopeo", ["inspect", "--format", "{{.Digest}}", &sandbox.image("evil")]);
    let unfixed = fs::read_to_string(sandbox.path("app.toml")).unwrap().replace("platforms", "tags");
    sandbox.file("unfixed.toml", unfixed.replace("linux/arm64", "v1"));
    for image in ["twice", "variant", "unsaid"] {
        let image = format!("oci:out:{image}");
        for (spec, flags) in
            [("app.toml", &[][..]), ("app.toml", &["--platform", "linux/arm64"]), ("unfixed.toml", &[])]
        {
            let run = sandbox.run(["verify", spec, &image, "--json"].iter().chain(flags));
            let documents = run.documents();
            assert_eq!((run.code, documents.len()), (1, 2), "{image} {spec}: {}", run.stdout);
            assert_eq!((&documents[0]["equal"], &documents[1]["left"]), (&true.into(), &Value::Null), "{image} {spec}");
            assert_eq!(documents[1]["right"]["digest"], digest.trim(), "{image} {spec}");
        }
    }
    // One that says the platform in the same words is meant before one that means the same.
    index(&sandbox, "exact", &[("evil", "linux/arm64/v8"), ("app", "linux/arm64")]);
    let documents = sandbox.run(["verify", "app.toml", "oci:out:exact", "--json"]).documents();
    assert_eq!((&documents[0]["equal"], &documents[1]["left"]), (&true.into(), &Value::Null), "{documents:?}");
}

#[test]
fn each_image_of_an_index_is_compared_with_one() {
    let sandbox = good_and_evil();
    index(&sandbox, "one", &[("app", "linux/arm64")]);
    index(&sandbox, "two", &[("app", "linux/arm64"), ("evil", "linux/arm64/v8")]);
    index(&sandbox, "other", &[("evil", "linux/arm64/v8"), ("app", "linux/arm64")]);
    for flags in [&[][..], &["--platform", "linux/arm64/v8"]] {
        let run = sandbox.run(["diff", "oci:out:one", "oci:out:two", "--json"].iter().chain(flags));
        let documents = run.documents();
        assert_eq!((run.code, &documents[0]["equal"], &documents[1]["left"]), (1, &true.into(), &Value::Null));
        let run = sandbox.run(["diff", "oci:out:two", "oci:out:other", "--json"].iter().chain(flags));
        let equal: Vec<String> = platforms(&run.documents()).into_iter().take(2).collect();
        assert_eq!(equal, ["linux/arm64 true", "linux/arm64/v8 true"]);
    }
}

#[test]
fn what_an_index_holds_beside_images_is_compared_whatever_does_not_count() {
    let sandbox = good_and_evil();
    index(&sandbox, "one", &[("app", "linux/arm64"), ("app", "unknown/unknown")]);
    index(&sandbox, "two", &[("app", "linux/arm64"), ("evil", "unknown/unknown")]);
    for flags in [&[][..], &["--ignore", "time"]] {
        let run = sandbox.run(["diff", "oci:out:one", "oci:out:two", "--json"].iter().chain(flags));
        assert_eq!((run.code, platforms(&run.documents())), (1, vec!["linux/arm64 true".into(), "index false".into()]));
    }
}

#[test]
fn the_platform_is_the_one_that_a_spec_below_fixes() {
    let sandbox = Sandbox::new();
    sandbox.file("base.toml", "name = \"base\"\nbase = \"scratch\"\nplatforms = [\"linux/arm64\"]\n");
    sandbox.file(
        "app.toml",
        "name = \"app\"\nbase = { spec = \"base.toml\" }\n[[layer]]\nname = \"code\"\ncontext = \"code\"\nto = \"/srv/\"\n",
    );
    sandbox.file("code/x", "x\n").build(&["app.toml"]);
    sandbox.run(["verify", "app.toml", "oci:out:app"]).ok();
    sandbox.alter("app", |_, config| config["architecture"] = "amd64".into());
    let run = sandbox.run(["verify", "app.toml", "oci:out:app"]);
    assert_eq!(run.code, 1, "{}{}", run.stdout, run.stderr);
    let expected = "linux/arm64 missing: only app.toml has it\nlinux/amd64 extra: only oci:out:app has it\n";
    assert_eq!(run.stdout, expected);
}

#[test]
fn a_folder_of_one_spec_is_that_spec() {
    let sandbox = sources();
    fs::create_dir(sandbox.path("specs")).unwrap();
    let spec = fs::read_to_string(sandbox.path("app.toml")).unwrap();
    sandbox
        .file("specs/app.toml", spec.replace("context = \"", "context = \"../").replace("oci:bases", "oci:../bases"));
    sandbox.build(&["specs"]);
    sandbox.run(["verify", "specs", "oci:out:app"]).ok();
}

#[test]
fn what_steers_a_terminal_is_not_shown() {
    let sandbox = sandbox();
    sandbox.alter_layer("app", "data", |members| {
        members.push(new_file("data/\u{1b}[31mred", b""));
        header(members, "data/words").set_mode(0o600);
    });
    sandbox.alter("app", |manifest, config| {
        config["config"]["Labels"]["x\u{1b}[2J"] = "\u{7}bell\u{202e}gpj.exe\u{2028}linux/amd64 identical".into();
        manifest["annotations"]["note\u{1b}"] = "x\ny".into();
    });
    let run = sandbox.run(["verify", "app.toml", "oci:out:app"]);
    assert_eq!(run.code, 1);
    let steers = |c: char| c != '\n' && (c.is_control() || matches!(c, '\u{202e}' | '\u{2028}'));
    assert!(!run.stdout.contains(steers), "{:?}", run.stdout);
    assert!(run.stdout.contains("[31mred: added file"), "{}", run.stdout);
    let document = sandbox.run(["verify", "app.toml", "oci:out:app", "--json"]).differs();
    assert_eq!(verdicts(&document)[3], "content differs data");
    assert_eq!(fields(&document, "config").len(), 1);
}

#[test]
fn what_a_killed_run_left_behind_goes_after_a_day_unless_somebody_is_at_work_in_it() {
    let sandbox = sandbox();
    let ago = std::time::SystemTime::now() - std::time::Duration::from_secs(2 * 86_400);
    let age = |name: &str| {
        sandbox.file(&format!("cache/temporary/{name}/lock"), "").file(&format!("cache/temporary/{name}/blobs/x"), "x");
        let folder = fs::File::open(sandbox.path(&format!("cache/temporary/{name}"))).unwrap();
        folder.set_modified(ago).unwrap();
    };
    age("apart-left");
    age("apart-busy");
    sandbox.file("cache/temporary/apart-new/lock", "");
    let lock = fs::File::open(sandbox.path("cache/temporary/apart-busy/lock")).unwrap();
    lock.lock_shared().unwrap();
    sandbox.run(["verify", "app.toml", "oci:out:app"]).ok();
    assert_eq!(sandbox.names("cache/temporary"), ["apart-busy", "apart-new"]);
}
