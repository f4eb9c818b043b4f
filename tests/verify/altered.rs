//! Every way in which an image can differ from its sources, its verdict and its exit code.

use std::fs;

use serde_json::Value;

use crate::support::altered::{header, new_file, position};
use crate::support::judge::skopeo_copy;
use crate::support::registry::{Registry, digest_of};
use crate::support::tools::tool;
use crate::support::{DockerRegistry, Sandbox};
use crate::verify::{fields, file, files, sandbox, verdicts};

/// Verifies `app` in the layout and, as `skopeo` copied it, in a real registry: both say the same.
#[track_caller]
fn verify(sandbox: &Sandbox) -> Value {
    let here = sandbox.run(["verify", "app.toml", "oci:out:app", "--json"]).differs();
    let registry = DockerRegistry::start();
    let published = format!("{}/app:v1", registry.host());
    skopeo_copy(&sandbox.image("app"), &format!("docker://{published}"), &["--preserve-digests"]);
    let mut there = sandbox.run(["verify", "app.toml", &published, "--json"]).differs();
    there["right"]["ref"] = here["right"]["ref"].clone();
    assert_eq!(there, here);
    here
}

/// What the layers but one are.
fn only(layer: &str, verdict: &str) -> Vec<String> {
    let base = "identical umoci insert".to_owned();
    let named = ["skeleton", "code", "data"].map(|name| match name == layer {
        true => format!("{verdict} {name}"),
        false => format!("identical {name}"),
    });
    [base].into_iter().chain(named).collect()
}

#[test]
fn the_same_is_identical_by_its_digest() {
    let sandbox = sandbox();
    let run = sandbox.run(["verify", "app.toml", "oci:out:app"]).ok();
    let digest = tool("skopeo", ["inspect", "--format", "{{.Digest}}", &sandbox.image("app")]);
    let lines: Vec<&str> = run.stdout.lines().collect();
    assert_eq!(lines[0], format!("linux/amd64 identical: {}", digest.trim()));
    assert!(lines.len() == 2 && lines[1].starts_with("  base: oci:bases:base sha256:"), "{}", run.stdout);
    let document = sandbox.run(["verify", "app.toml", "oci:out:app", "--json"]).ok().documents().remove(0);
    assert_eq!((&document["equal"], &document["platform"]), (&true.into(), &"linux/amd64".into()));
    assert_eq!(document["left"]["digest"], document["right"]["digest"]);
    assert_eq!((&document["left"]["ref"], &document["right"]["ref"]), (&"app.toml".into(), &"oci:out:app".into()));
    assert_eq!(verdicts(&document), only("", ""));
}

#[test]
fn a_content_byte_changed() {
    let sandbox = sandbox();
    sandbox.alter_layer("app", "code", |members| {
        let at = position(members, "srv/main.py");
        members[at].1[0] = b'P';
    });
    let document = verify(&sandbox);
    assert_eq!(verdicts(&document), only("code", "content differs"));
    assert_eq!(files(&document, "code"), ["/srv/main.py content"]);
    let found = file(&document, "code", "/srv/main.py");
    assert_eq!(found["left"]["digest"], digest_of(b"print('hello')\n"));
    assert_eq!(found["right"]["digest"], digest_of(b"Print('hello')\n"));
    assert_eq!((&found["left"]["size"], &found["right"]["size"]), (&15.into(), &15.into()));
}

#[test]
fn a_file_added_and_another_removed() {
    let sandbox = sandbox();
    sandbox.alter_layer("app", "code", |members| {
        let at = position(members, "srv/lib/b.py");
        members[at] = new_file("srv/lib/c.py", b"c = 1\n");
    });
    let document = verify(&sandbox);
    assert_eq!(verdicts(&document), only("code", "content differs"));
    assert_eq!(files(&document, "code"), ["/srv/lib/b.py removed", "/srv/lib/c.py added"]);
    assert_eq!(file(&document, "code", "/srv/lib/b.py")["right"], Value::Null);
    assert_eq!(file(&document, "code", "/srv/lib/c.py")["right"]["digest"], digest_of(b"c = 1\n"));
}

#[test]
fn mode_owner_and_time_are_metadata() {
    type Change = fn(&mut tar::Header);
    let changes: [(&str, Change); 3] = [
        ("mode", |header| header.set_mode(0o777)),
        ("owner", |header| header.set_uid(1000)),
        ("time", |header| header.set_mtime(1_700_000_000)),
    ];
    for (what, change) in changes {
        let sandbox = sandbox();
        sandbox.alter_layer("app", "code", |members| change(header(members, "srv/run")));
        let document = verify(&sandbox);
        assert_eq!(verdicts(&document), only("code", "metadata only"), "{what}");
        assert_eq!(files(&document, "code"), [format!("/srv/run {what}")]);
        let found = file(&document, "code", "/srv/run");
        let of = |side: &str| (found[side]["mode"].clone(), found[side]["uid"].clone(), found[side]["time"].clone());
        assert_eq!(of("left"), ("0755".into(), 0.into(), "1970-01-01T00:00:00Z".into()));
        let right = match what {
            "mode" => ("0777".into(), 0.into(), "1970-01-01T00:00:00Z".into()),
            "owner" => ("0755".into(), 1000.into(), "1970-01-01T00:00:00Z".into()),
            _ => ("0755".into(), 0.into(), "2023-11-14T22:13:20Z".into()),
        };
        assert_eq!(of("right"), right);
        // What is told not to count does not; all else does.
        let ignoring = sandbox.run(["verify", "app.toml", "oci:out:app", "--ignore", what]).ok().stdout;
        assert!(ignoring.starts_with(&format!("linux/amd64 identical, ignoring {what}: app.toml")), "{ignoring}");
        let other = if what == "time" { "mode" } else { "time" };
        assert_eq!(sandbox.run(["verify", "app.toml", "oci:out:app", "--ignore", other]).code, 1);
    }
}

#[test]
fn a_link_that_points_elsewhere_is_content() {
    let sandbox = sandbox();
    sandbox.alter_layer("app", "code", |members| header(members, "srv/latest").set_link_name("run").unwrap());
    let document = verify(&sandbox);
    assert_eq!(verdicts(&document), only("code", "content differs"));
    assert_eq!(files(&document, "code"), ["/srv/latest link"]);
    let found = file(&document, "code", "/srv/latest");
    assert_eq!((&found["left"]["link"], &found["right"]["link"]), (&"main.py".into(), &"run".into()));
}

#[test]
fn a_kind_is_content() {
    let sandbox = sandbox();
    sandbox.alter_layer("app", "code", |members| {
        let at = position(members, "srv/latest");
        members[at] = new_file("srv/latest", b"print('hello')\n");
    });
    let document = verify(&sandbox);
    assert_eq!(verdicts(&document), only("code", "content differs"));
    let found = file(&document, "code", "/srv/latest");
    assert_eq!((&found["left"]["kind"], &found["right"]["kind"]), (&"symlink".into(), &"file".into()));
    assert!(files(&document, "code")[0].starts_with("/srv/latest kind"), "{document}");
}

#[test]
fn the_same_entries_in_another_order() {
    let sandbox = sandbox();
    sandbox.alter_layer("app", "code", |members| {
        let (a, b) = (position(members, "srv/lib/a.py"), position(members, "srv/lib/b.py"));
        members.swap(a, b);
    });
    let document = verify(&sandbox);
    assert_eq!(verdicts(&document), only("code", "order differs"));
    assert_eq!(files(&document, "code"), [""; 0]);
    let text = sandbox.run(["verify", "app.toml", "oci:out:app"]).stdout;
    assert!(text.contains("2 entries stand at another place in the tar stream"), "{text}");
}

#[test]
fn compressed_by_another_gzip() {
    let sandbox = sandbox();
    // skopeo compresses with its own gzip what it has taken out of ours.
    let plain = format!("dir:{}", sandbox.path("plain").display());
    skopeo_copy(&sandbox.image("app"), &plain, &["--dest-decompress"]);
    skopeo_copy(&plain, &format!("oci:{}:app", sandbox.path("packed").display()), &["--dest-compress-level", "9"]);
    let document = sandbox.run(["verify", "app.toml", "oci:packed:app", "--json"]).differs();
    // The base's layer is another blob than the base's as well.
    for verdict in verdicts(&document) {
        assert!(verdict.starts_with("recompressed "), "{verdict}");
    }
    for layer in document["layers"].as_array().unwrap() {
        assert_eq!(layer["left"]["diff_id"], layer["right"]["diff_id"]);
        assert_ne!(layer["left"]["digest"], layer["right"]["digest"]);
    }
    assert_eq!(fields(&document, "config"), [""; 0]);
    // Times that do not count are no reason for another compression.
    assert_eq!(sandbox.run(["verify", "app.toml", "oci:packed:app", "--ignore", "time"]).code, 1);
}

#[test]
fn an_environment_changed_by_umoci() {
    let sandbox = sandbox();
    let image = format!("{}:app", sandbox.path("out").display());
    tool("umoci", ["config", "--image", &image, "--config.env", "COLOUR=red", "--no-history"]);
    let document = sandbox.run(["verify", "app.toml", "oci:out:app", "--json"]).differs();
    assert_eq!(verdicts(&document), only("", ""));
    let of_env: Vec<String> =
        fields(&document, "config").into_iter().filter(|field| field.starts_with("config.")).collect();
    assert_eq!(of_env, [r#"config.Env.COLOUR "green" "red""#]);
    let text = sandbox.run(["verify", "app.toml", "oci:out:app"]).stdout;
    assert!(text.contains(r#"  config.Env.COLOUR: "green" → "red""#), "{text}");
}

#[test]
fn a_blob_that_was_tampered_with_where_the_image_is() {
    let sandbox = sandbox();
    let registry = DockerRegistry::start();
    let published = format!("{}/app:v1", registry.host());
    skopeo_copy(&sandbox.image("app"), &format!("docker://{published}"), &[]);
    sandbox.run(["verify", "app.toml", &published]).ok();
    let manifest = sandbox.manifest("app");
    let digest = manifest["layers"][2]["digest"].as_str().unwrap();
    let hex = digest.strip_prefix("sha256:").unwrap();
    let stored = registry.storage().join(format!("docker/registry/v2/blobs/sha256/{}/{hex}/data", &hex[..2]));
    for (blob, image) in [(stored, &*published), (sandbox.blob("out", digest), "oci:out:app")] {
        let mut bytes = fs::read(&blob).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(&blob, bytes).unwrap();
        // The layer lies in this machine's store as it should be: that does not help.
        assert!(sandbox.path("cache/blobs/sha256").join(hex).exists());
        let document = sandbox.run(["verify", "app.toml", image, "--json"]).differs();
        assert_eq!(verdicts(&document), only("code", "damaged"), "{image}");
        let why = document["layers"][2]["why"].as_str().unwrap();
        assert!(why.contains(digest), "{why}");
        let text = sandbox.run(["verify", "app.toml", image]).stdout;
        assert!(text.lines().any(|line| line.starts_with("  damaged ") && line.ends_with("  code")), "{text}");
    }
}

#[test]
fn a_blob_that_is_gone() {
    let sandbox = sandbox();
    let digest = sandbox.manifest("app")["layers"][3]["digest"].as_str().unwrap().to_owned();
    fs::remove_file(sandbox.blob("out", &digest)).unwrap();
    let document = sandbox.run(["verify", "app.toml", "oci:out:app", "--json"]).differs();
    assert_eq!(verdicts(&document), only("data", "damaged"));
    let registry = Registry::start();
    let to = format!("{}/app", registry.host());
    sandbox.build(&["app.toml"]);
    sandbox.run(["push", "app.toml", "--to", &to]).ok();
    registry.delete_blob("app", &digest);
    let document = sandbox.run(["verify", "app.toml", &to, "--json"]).differs();
    assert_eq!(verdicts(&document), only("data", "damaged"));
}

#[test]
fn a_layer_of_the_base_that_was_tampered_with_beside_this_machine() {
    let sandbox = sandbox();
    let digest = sandbox.manifest("app")["layers"][0]["digest"].as_str().unwrap().to_owned();
    let blob = sandbox.blob("out", &digest);
    let mut bytes = fs::read(&blob).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&blob, bytes).unwrap();
    let document = sandbox.run(["verify", "app.toml", "oci:out:app", "--json"]).differs();
    assert_eq!(verdicts(&document)[0], "damaged umoci insert");
}

#[test]
fn a_plain_stream_that_is_not_what_the_config_says() {
    let sandbox = sandbox();
    // Every digest fits its blob; only the config lies about what is in the layer.
    sandbox.alter("app", |manifest, _| {
        let plain = crate::support::images::Tar::default().file("srv/evil", b"").end();
        sandbox.put(&mut manifest["layers"][2], &crate::support::images::gzip(&plain));
    });
    let document = sandbox.run(["verify", "app.toml", "oci:out:app", "--json"]).differs();
    assert_eq!(verdicts(&document), only("code", "damaged"));
    let why = document["layers"][2]["why"].as_str().unwrap();
    assert!(why.contains("and the config says"), "{why}");
}

#[test]
fn documents_that_were_tampered_with() {
    let sandbox = sandbox();
    let manifest = sandbox.manifest("app");
    let config = sandbox.blob("out", manifest["config"]["digest"].as_str().unwrap());
    let before = fs::read(&config).unwrap();
    let text = String::from_utf8(before.clone()).unwrap();
    fs::write(&config, text.replace("green", "black")).unwrap();
    let document = sandbox.run(["verify", "app.toml", "oci:out:app", "--json"]).differs();
    assert!(document["damaged"].as_str().unwrap().contains("not what its digest says"), "{document}");
    let run = sandbox.run(["verify", "app.toml", "oci:out:app", "--platform", "linux/amd64"]);
    assert!(run.code == 1 && run.stdout.contains("image damaged: oci:out:app\n"), "{}", run.stdout);
    fs::write(&config, before).unwrap();
    sandbox.run(["verify", "app.toml", "oci:out:app"]).ok();
    let digest = tool("skopeo", ["inspect", "--format", "{{.Digest}}", &sandbox.image("app")]);
    let blob = sandbox.blob("out", digest.trim());
    let text = fs::read_to_string(&blob).unwrap().replace("skeleton", "skeletal");
    fs::write(&blob, text).unwrap();
    let document = sandbox.run(["verify", "app.toml", "oci:out:app", "--json"]).differs();
    assert!(document["damaged"].as_str().unwrap().contains("not what its digest says"), "{document}");
}

#[test]
fn extended_attributes_are_metadata() {
    let sandbox = sandbox();
    sandbox.replace_layer("app", "data", |tar| {
        let mut with = crate::support::images::Tar::default();
        with.pax("SCHILY.xattr.user.mood", "calm");
        let at = tar.chunks(512).position(|block| block.starts_with(b"data/words\0")).unwrap() * 512;
        [&tar[..at], &with.open_end(), &tar[at..]].concat()
    });
    let document = verify(&sandbox);
    assert_eq!(verdicts(&document), only("data", "metadata only"));
    assert_eq!(files(&document, "data"), ["/data/words xattrs"]);
    assert_eq!(file(&document, "data", "/data/words")["right"]["xattrs"]["user.mood"], "calm");
}

#[test]
fn written_by_another_tar() {
    let sandbox = sandbox();
    // The same entries with all they say: names of owners and the form are GNU tar's.
    sandbox.replace_layer("app", "code", |tar| {
        sandbox.file("layer.tar", tar).folder("unpacked");
        let (archive, folder) = (sandbox.path("layer.tar"), sandbox.path("unpacked"));
        let names = tool("tar", ["-tf", archive.to_str().unwrap()]);
        tool("tar", ["-C", folder.to_str().unwrap(), "-xpf", archive.to_str().unwrap()]);
        sandbox.file("names", names);
        let again = sandbox.path("again.tar");
        let list = sandbox.path("names");
        let flags = ["--no-recursion", "--format=gnu", "-C"];
        tool(
            "tar",
            flags.into_iter().chain([
                folder.to_str().unwrap(),
                "-T",
                list.to_str().unwrap(),
                "-cf",
                again.to_str().unwrap(),
            ]),
        );
        fs::read(again).unwrap()
    });
    let document = verify(&sandbox);
    assert_eq!(verdicts(&document), only("code", "metadata only"));
    for line in files(&document, "code") {
        assert!(line.ends_with(" owner names,tar form"), "{line}");
    }
    let found = file(&document, "code", "/srv/run");
    assert_eq!((&found["left"]["form"], &found["right"]["form"]), (&"ustar".into(), &"GNU".into()));
    assert_eq!((&found["left"]["user"], &found["right"]["user"]), (&"".into(), &"root".into()));
}

#[test]
fn what_is_only_written_otherwise_stands_back() {
    let sandbox = sandbox();
    // Another way to write modes, of twenty entries and all others; among them one that is another file.
    for name in 10..30 {
        sandbox.file(&format!("code/a{name}"), "x");
    }
    sandbox.build(&["app.toml"]);
    let rewritten = |order: bool| {
        sandbox.alter_layer("app", "code", |members| {
            for (header, _) in members.iter_mut() {
                header.as_mut_bytes()[107] = b' ';
            }
            let at = position(members, "srv/main.py");
            members[at].1[0] = b'P';
            header(members, "srv/run").set_mode(0o777);
            header(members, "srv/a12").set_mtime(7);
            if order {
                let last = members.len() - 1;
                members.swap(last, last - 1);
            }
        });
        sandbox.run(["verify", "app.toml", "oci:out:app"]).stdout
    };
    let text = rewritten(false);
    let lines: Vec<&str> = text.lines().skip_while(|line| !line.ends_with("  code")).skip(2).take(4).collect();
    assert!(lines[0].starts_with("    /srv/main.py: content ") && !lines[0].contains("tar form"), "{text}");
    assert!(lines[1].starts_with("    /srv/run: mode 0755 → 0777"), "{text}");
    assert!(lines[2].starts_with("    /srv/a12: time 1970-01-01T00:00:00Z → 1970-01-01T00:00:07Z"), "{text}");
    assert!(lines[3].contains("entries are written otherwise, as /srv: tar form "), "{text}");
    assert!(lines[3].ends_with(", in the header mode"), "{text}");
    assert!(rewritten(true).contains("order differs: 2 entries stand at another place"), "{text}");
}

#[test]
fn a_stream_that_only_ends_otherwise() {
    let sandbox = sandbox();
    sandbox.replace_layer("app", "data", |tar| [tar, &[0; 8192]].concat());
    let document = verify(&sandbox);
    assert_eq!(verdicts(&document), only("data", "metadata only"));
    assert!(document["layers"][3]["why"].as_str().unwrap().contains("all entries are equal"), "{document}");
}

#[test]
fn a_layer_more_and_a_layer_less() {
    let sandbox = sandbox();
    let image = format!("{}:app", sandbox.path("out").display());
    sandbox.file("more/extra", "x");
    tool("umoci", ["insert", "--image", &image, sandbox.path("more").to_str().unwrap(), "/more"]);
    let document = sandbox.run(["verify", "app.toml", "oci:out:app", "--json"]).differs();
    let mut expected = only("", "");
    expected.push("extra umoci insert".to_owned());
    assert_eq!(verdicts(&document), expected);
    sandbox.alter("app", |manifest, config| {
        manifest["layers"].as_array_mut().unwrap().remove(2);
        config["rootfs"]["diff_ids"].as_array_mut().unwrap().remove(2);
        config["history"].as_array_mut().unwrap().remove(2);
    });
    let document = sandbox.run(["verify", "app.toml", "oci:out:app", "--json"]).differs();
    // The layers that follow are still compared with their own.
    assert_eq!(
        verdicts(&document),
        ["identical umoci insert", "identical skeleton", "missing code", "identical data", "extra umoci insert"]
    );
}

#[test]
fn layers_in_another_order() {
    let sandbox = sandbox();
    sandbox.alter("app", |manifest, config| {
        manifest["layers"].as_array_mut().unwrap().swap(2, 3);
        config["rootfs"]["diff_ids"].as_array_mut().unwrap().swap(2, 3);
    });
    let document = sandbox.run(["verify", "app.toml", "oci:out:app", "--json"]).differs();
    let moved: Vec<&Value> =
        document["layers"].as_array().unwrap().iter().filter(|layer| layer["moved"] == true).collect();
    assert_eq!(moved.len(), 1, "{document}");
    assert_eq!(moved[0]["verdict"], "identical");
    assert_ne!(moved[0]["left"]["place"], moved[0]["right"]["place"]);
    let text = sandbox.run(["verify", "app.toml", "oci:out:app"]).stdout;
    assert!(text.contains("at another place among the layers: "), "{text}");
}

#[test]
fn documents_that_say_the_same_in_other_bytes() {
    let sandbox = sandbox();
    let pretty = |value: &Value| serde_json::to_vec_pretty(value).unwrap();
    let put = |manifest: &[u8]| {
        let mut index: Value = serde_json::from_slice(&fs::read(sandbox.path("out/index.json")).unwrap()).unwrap();
        sandbox.put(&mut index["manifests"][0], manifest);
        fs::write(sandbox.path("out/index.json"), index.to_string()).unwrap();
    };
    let mut manifest = sandbox.manifest("app");
    put(&pretty(&manifest));
    let document = sandbox.run(["verify", "app.toml", "oci:out:app", "--json"]).differs();
    assert_eq!(verdicts(&document), only("", ""));
    let found = fields(&document, "manifest");
    assert!(found.len() == 1 && found[0].starts_with("the bytes of the manifest "), "{found:?}");
    assert_eq!(fields(&document, "config"), [""; 0]);

    sandbox.put(&mut manifest["config"], &pretty(&sandbox.config("app")));
    put(manifest.to_string().as_bytes());
    let document = sandbox.run(["verify", "app.toml", "oci:out:app", "--json"]).differs();
    assert_eq!(verdicts(&document), only("", ""));
    let found = fields(&document, "config");
    assert!(found.len() == 1 && found[0].starts_with("the bytes of the config "), "{found:?}");
}

#[test]
fn more_files_than_text_names_are_all_in_the_document() {
    let sandbox = sandbox();
    sandbox.alter_layer("app", "data", |members| {
        for number in 10..35 {
            members.push(new_file(&format!("data/new{number}"), b""));
        }
    });
    let text = sandbox.run(["verify", "app.toml", "oci:out:app"]).stdout;
    let named = text.lines().filter(|line| line.contains("/data/new")).count();
    assert_eq!(named, 10, "{text}");
    assert!(text.contains("and 15 more (--json lists all)"), "{text}");
    let document = sandbox.run(["verify", "app.toml", "oci:out:app", "--json"]).differs();
    assert_eq!(files(&document, "data").len(), 25);
}

#[test]
fn one_layer_alone() {
    let sandbox = sandbox();
    sandbox.alter_layer("app", "code", |members| header(members, "srv/run").set_mode(0o777));
    let image = format!("{}:app", sandbox.path("out").display());
    tool("umoci", ["config", "--image", &image, "--config.env", "COLOUR=red", "--no-history"]);
    let run = sandbox.run(["verify", "app.toml", "oci:out:app", "--layer", "data", "--layer", "skeleton", "--json"]);
    assert_eq!(verdicts(&run.ok().documents()[0]), ["identical skeleton", "identical data"]);
    let run = sandbox.run(["verify", "app.toml", "oci:out:app", "--layer", "code", "--json"]);
    assert_eq!(verdicts(&run.differs()), ["metadata only code"]);
}
