//! `tarsia diff`: the same report between two images, wherever they are.

use serde_json::{Value, json};

use crate::support::Sandbox;
use crate::support::altered::{header, new_file, position};
use crate::support::images::{HandMade, Tar};
use crate::support::judge::skopeo_copy;
use crate::support::registry::{Kind, Registry};
use crate::support::tools::tool;
use crate::support::workspace::noise;
use crate::verify::{fields, file, files, sandbox, verdicts};

/// The layout `out` with `app`, and with `next`, in which one file changed.
fn two() -> Sandbox {
    let sandbox = sandbox();
    let layout = sandbox.path("out");
    tool("umoci", ["tag", "--image", &format!("{}:app", layout.display()), "next"]);
    sandbox.alter_layer("next", "code", |members| {
        let at = position(members, "srv/main.py");
        members[at].1 = b"print('other')\n".to_vec();
        header(members, "srv/run").set_mode(0o700);
        header(members, "srv/run").set_gid(5);
    });
    sandbox
}

#[test]
fn both_values_of_all_that_differs() {
    let sandbox = two();
    let run = sandbox.run(["diff", "oci:out:app", "oci:out:next"]);
    assert_eq!(run.code, 1, "{}{}", run.stdout, run.stderr);
    let digests = |digest: &str| digest.len() == 12 && digest.bytes().all(|byte| byte.is_ascii_hexdigit());
    let lines: Vec<&str> = run.stdout.lines().collect();
    assert!(lines[0].starts_with("linux/amd64 differs: oci:out:app "), "{}", run.stdout);
    assert!(lines[1].starts_with("  identical ") && lines[1].ends_with("  umoci insert"), "{}", run.stdout);
    assert!(lines[3].starts_with("  content differs ") && lines[3].ends_with("  code"), "{}", run.stdout);
    let words: Vec<&str> = lines[5].split_whitespace().collect();
    assert_eq!([words[0], words[1], words[3], words[4], words[5]], ["/srv/main.py:", "content", "15", "B", "→"]);
    assert!(digests(words[2]) && digests(words[6]) && words[2] != words[6], "{}", lines[5]);
    assert_eq!(lines[6].trim(), "/srv/run: mode 0755 → 0700; owner 0:0 → 0:5");
    assert!(lines[7].ends_with("  data") && lines.len() == 8, "{}", run.stdout);
}

#[test]
fn an_image_is_the_same_wherever_it_is() {
    let sandbox = two();
    let registry = Registry::start();
    let published = format!("{}/app:v1", registry.host());
    for to in [&format!("docker://{published}"), "oci-archive:app.tar:app", "docker-archive:docker.tar:app:v1"] {
        let (scheme, rest) = to.split_once(':').unwrap();
        let place = match scheme {
            "docker" => to.to_owned(),
            _ => format!("{scheme}:{}", sandbox.path(rest).display()),
        };
        skopeo_copy(&sandbox.image("app"), &place, &[]);
    }
    for place in ["oci:out:app", "oci-archive:app.tar:app", &published] {
        for other in ["oci:out:app", "oci-archive:app.tar", &published] {
            let run = sandbox.run(["diff", place, other]).ok();
            assert!(run.stdout.starts_with("linux/amd64 identical: sha256:"), "{}", run.stdout);
        }
        let document = sandbox.run(["diff", place, "oci:out:next", "--json"]).differs();
        assert_eq!(files(&document, "code"), ["/srv/main.py content", "/srv/run mode,owner"], "{place}");
        assert_eq!((&document["left"]["ref"], &document["right"]["ref"]), (&json!(place), &json!("oci:out:next")));
        // And the other way round.
        let back = sandbox.run(["diff", "oci:out:next", place, "--json"]).differs();
        let (there, here) = (file(&document, "code", "/srv/run"), file(&back, "code", "/srv/run"));
        assert_eq!((&there["left"], &there["right"]), (&here["right"], &here["left"]));
    }
    // skopeo unpacks the layers into docker's archive, which has neither names nor a manifest.
    let document = sandbox.run(["diff", "oci:out:app", "docker-archive:docker.tar", "--json"]).differs();
    assert!(verdicts(&document).iter().all(|verdict| verdict.starts_with("recompressed ")), "{document}");
    assert_eq!((fields(&document, "manifest"), fields(&document, "config")), (Vec::new(), Vec::new()));
    sandbox.run(["diff", "oci:out:app", "docker-archive:docker.tar", "--tree"]).ok();
}

/// The blobs of layers that were read.
fn read(registry: &Registry) -> Vec<String> {
    let log = registry.log();
    registry.clear_log();
    let gets = log.0.iter().filter(|request| request.kind == Kind::BlobGet && request.bytes_down > 5000);
    gets.map(|request| request.path.rsplit('/').next().unwrap().to_owned()).collect()
}

#[test]
fn only_layers_of_other_digests_are_read() {
    let registry = Registry::start();
    let layer = |seed: u32| {
        let mut tar = Tar::default();
        tar.file(&format!("noise{seed}"), &noise(seed, 10_000));
        tar.end()
    };
    let image = |seeds: &[u32]| seeds.iter().fold(HandMade::new(), |image, &seed| image.layer(&layer(seed)));
    image(&[1, 2, 3]).put(&registry, "app", "one");
    image(&[1, 4, 3]).put(&registry, "app", "two");
    let sandbox = Sandbox::new();
    let [one, two] = ["one", "two"].map(|tag| format!("{}/app:{tag}", registry.host()));
    sandbox.run(["diff", &one, &one]).ok();
    assert_eq!(read(&registry), [""; 0]);
    let run = sandbox.run(["diff", &one, &two]);
    assert_eq!(run.code, 1);
    let mut expected: Vec<String> =
        [2, 4].map(|seed| crate::support::registry::digest_of(&crate::support::images::gzip(&layer(seed)))).into();
    expected.sort();
    let mut found = read(&registry);
    found.sort();
    assert_eq!(found, expected);
    // It is where the image is that they are read, however often.
    sandbox.run(["diff", &one, &two]);
    assert_eq!(read(&registry).len(), 2);
}

#[test]
fn a_layer_that_is_not_what_its_digest_says_is_damaged_on_either_side() {
    let sandbox = two();
    let digest = sandbox.manifest("next")["layers"][2]["digest"].as_str().unwrap().to_owned();
    let blob = sandbox.blob("out", &digest);
    let mut bytes = std::fs::read(&blob).unwrap();
    let end = bytes.len() - 1;
    bytes[end] ^= 1;
    std::fs::write(blob, bytes).unwrap();
    for (left, right, said) in [("app", "next", ""), ("next", "app", "oci:out:next: ")] {
        let [left, right] = [left, right].map(|name| format!("oci:out:{name}"));
        let document = sandbox.run(["diff", &left, &right, "--json"]).differs();
        assert_eq!(verdicts(&document)[2], "damaged code");
        let why = document["layers"][2]["why"].as_str().unwrap();
        assert!(why.starts_with(said) && why.contains(&digest), "{why}");
    }
}

#[test]
fn a_layer_that_was_put_in_between_shifts_no_other() {
    let layer = |name: &str| Tar::default().file(name, b"x").end();
    let image = |names: &[&str]| names.iter().fold(HandMade::new(), |image, name| image.layer(&layer(name)));
    let sandbox = Sandbox::new();
    image(&["a", "b", "c"]).write(&sandbox.path("left"), "image");
    image(&["a", "new", "b", "c"]).write(&sandbox.path("right"), "image");
    let document = sandbox.run(["diff", "oci:left", "oci:right", "--json"]).differs();
    assert_eq!(verdicts(&document), ["identical -", "extra -", "identical -", "identical -"]);
    let document = sandbox.run(["diff", "oci:right", "oci:left", "--json"]).differs();
    assert_eq!(verdicts(&document), ["identical -", "missing -", "identical -", "identical -"]);
    assert_eq!(document["layers"][2]["left"]["place"], 2);
    assert_eq!(document["layers"][2]["right"]["place"], 1);
}

#[test]
fn dockers_media_types_are_a_difference_and_its_layers_none() {
    let sandbox = two();
    let registry = Registry::start();
    let published = format!("{}/app:docker", registry.host());
    skopeo_copy(&sandbox.image("app"), &format!("docker://{published}"), &["--format", "v2s2"]);
    let document = sandbox.run(["diff", "oci:out:app", &published, "--json"]).differs();
    assert!(verdicts(&document).iter().all(|verdict| verdict.starts_with("identical ")), "{document}");
    let named = fields(&document, "manifest");
    let media_types = r#"manifest.mediaType "application/vnd.oci.image.manifest.v1+json" "application/vnd.docker.distribution.manifest.v2+json""#;
    assert!(named.iter().any(|field| field == media_types), "{named:?}");
    sandbox.run(["diff", "oci:out:app", &published, "--tree"]).ok();
}

#[test]
fn whiteouts_are_entries_too() {
    let (mut one, mut other) = (Tar::default(), Tar::default());
    one.folder("d/", 0o755).file("d/.wh.gone", b"").file("d/.wh..wh..opq", b"");
    other.folder("d/", 0o755).file("d/.wh.other", b"");
    let sandbox = Sandbox::new();
    HandMade::new().layer(&one.end()).write(&sandbox.path("left"), "image");
    HandMade::new().layer(&other.end()).write(&sandbox.path("right"), "image");
    let document = sandbox.run(["diff", "oci:left", "oci:right", "--json"]).differs();
    let found = crate::verify::lines(&document["layers"][0]["files"]);
    assert_eq!(found, ["/d/.wh..wh..opq removed", "/d/.wh.gone removed", "/d/.wh.other added"]);
}

#[test]
fn every_kind_of_entry_is_compared() {
    let entries = |device: u32, link: &str| {
        let mut tar = Tar::default();
        tar.file("f", b"").header(b'1', b"h", 0o644, 0, link).header(b'6', b"pipe", 0o644, 0, "");
        let mut header = tar::Header::new_ustar();
        header.set_path("null").unwrap();
        header.set_entry_type(tar::EntryType::Char);
        header.set_size(0);
        header.set_mode(0o666);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        header.set_device_major(1).unwrap();
        header.set_device_minor(device).unwrap();
        header.set_cksum();
        let mut bytes = tar.open_end();
        bytes.extend_from_slice(header.as_bytes());
        bytes.resize(bytes.len() + 1024, 0);
        bytes
    };
    let sandbox = Sandbox::new();
    HandMade::new().layer(&entries(3, "f")).write(&sandbox.path("left"), "image");
    HandMade::new().layer(&entries(5, "null")).write(&sandbox.path("right"), "image");
    let document = sandbox.run(["diff", "oci:left", "oci:right", "--json"]).differs();
    assert_eq!(crate::verify::lines(&document["layers"][0]["files"]), ["/h link", "/null device"]);
    assert_eq!(document["layers"][0]["files"][1]["right"]["device"], "1:5");
}

/// A tar stream as Python's library writes it; the script has a `tar` to add to.
fn written(sandbox: &Sandbox, format: &str, script: &str) -> Vec<u8> {
    let whole = format!(
        "import io, sys, tarfile\n\
         tar = tarfile.open(sys.argv[1], 'w', format=tarfile.{format})\n\
         def add(name, content=b'', **fields):\n    \
             info = tarfile.TarInfo(name)\n    \
             info.size = len(content)\n    \
             for key, value in fields.items(): setattr(info, key, value)\n    \
             tar.addfile(info, io.BytesIO(content))\n\
         {script}\ntar.close()\n"
    );
    let path = sandbox.path(&format!("{format}.tar"));
    crate::support::judge::python(&whole, &path);
    std::fs::read(path).unwrap()
}

#[test]
fn forms_of_tar_streams_are_told_apart() {
    let sandbox = Sandbox::new();
    let long = format!("d/{}", "n".repeat(150));
    let compare = |left: Vec<u8>, right: Vec<u8>, flags: &[&str]| {
        HandMade::new().layer(&left).write(&sandbox.path("left"), "image");
        HandMade::new().layer(&right).write(&sandbox.path("right"), "image");
        sandbox.run(["diff", "oci:left", "oci:right", "--json"].iter().chain(flags))
    };
    let entries = format!("add({long:?}, b'x', mtime=5); add('./e', b'y')");
    let [pax, gnu] = ["PAX_FORMAT", "GNU_FORMAT"].map(|format| written(&sandbox, format, &entries));
    let document = compare(pax.clone(), gnu.clone(), &[]).differs();
    assert_eq!(verdicts(&document), ["metadata only -"]);
    let layer = &document["layers"][0]["files"];
    assert_eq!(crate::verify::lines(layer), [format!("/{long} tar form"), "/e tar form".to_owned()]);
    assert_eq!(
        (&layer[0]["left"]["form"], &layer[0]["right"]["form"]),
        (&json!("ustar, PAX path"), &json!("GNU, long names"))
    );
    assert_eq!(layer[1]["left"]["form"], "ustar, begins with ./");
    assert_eq!(layer[1]["header"], json!(["magic or padding"]));
    // No form is a time.
    assert_eq!(compare(pax.clone(), gnu, &["--ignore", "time"]).code, 1);
    let fine = written(&sandbox, "PAX_FORMAT", &entries.replace("mtime=5", "mtime=5.25"));
    let document = compare(pax.clone(), fine.clone(), &[]).differs();
    let layer = &document["layers"][0]["files"];
    assert_eq!(crate::verify::lines(layer), [format!("/{long} time,tar form")]);
    assert_eq!(layer[0]["right"]["time"], "1970-01-01T00:00:05.250000000Z");
    // The record that only the fraction needs goes with the time.
    compare(pax.clone(), fine, &["--ignore", "time"]).ok();
    let global = written(
        &sandbox,
        "PAX_FORMAT",
        &format!("tar.fileobj.write(tar.tarinfo.create_pax_global_header({{'comment': 'x'}})); {entries}"),
    );
    let document = compare(pax, global, &["--ignore", "time"]).differs();
    assert_eq!(document["layers"][0]["files"][0]["right"]["kind"], "global records");
}

/// Compares two images of one layer.
fn streams(left: &[u8], right: &[u8], flags: &[&str]) -> crate::support::Run {
    let sandbox = Sandbox::new();
    HandMade::new().layer(left).write(&sandbox.path("left"), "image");
    HandMade::new().layer(right).write(&sandbox.path("right"), "image");
    sandbox.run(["diff", "oci:left", "oci:right", "--json"].iter().chain(flags))
}

/// A program with a capability, which is an attribute of bytes.
fn capable(value: &str, path: Option<&str>, time: u64) -> Vec<u8> {
    let mut records = record("SCHILY.xattr.security.capability", value);
    path.iter().for_each(|path| records.push_str(&record("path", path)));
    records.push_str(&record("mtime", &time.to_string()));
    let mut tar = Tar::default();
    tar.header(b'x', b"PaxHeader", 0o644, records.len() as u64, "").content(records.as_bytes());
    tar.file("bin/ping", b"x").end()
}

fn record(key: &str, value: &str) -> String {
    let rest = key.len() + value.len() + 3;
    let length = (rest..).find(|length| length.to_string().len() + rest == *length).unwrap();
    format!("{length} {key}={value}\n")
}

#[test]
fn attributes_are_compared_byte_by_byte() {
    let (one, other) = ("\u{1}\0\0\u{2}\n ", "\u{1}\0\0\u{2}\n\u{7f}");
    for flags in [&[][..], &["--tree"], &["--ignore", "time"]] {
        let document = streams(&capable(one, None, 0), &capable(other, None, 5), flags).differs();
        let files = if flags == ["--tree"] { &document["files"] } else { &document["layers"][0]["files"] };
        let expected = if flags.is_empty() { "/bin/ping time,xattrs" } else { "/bin/ping xattrs" };
        assert_eq!(crate::verify::lines(files), [expected]);
        assert_eq!(files[0]["left"]["xattrs"]["security.capability"], r"\x01\x00\x00\x02\n ");
    }
    streams(&capable(one, None, 0), &capable(one, None, 5), &["--ignore", "time"]).ok();
    // An access list is one as well.
    let list = |users: &str| Tar::default().pax("SCHILY.acl.access", users).file("f", b"").end();
    let document = streams(&list("user::rwx"), &list("user::rwx,user:evil:rwx"), &["--tree"]).differs();
    assert_eq!(crate::verify::lines(&document["files"]), ["/f xattrs"]);
}

#[test]
fn records_that_readers_understand_in_different_ways_are_no_layer() {
    let hidden = record("path", "bin/evil");
    let twice = [record("path", "bin/first"), record("path", "bin/last")].concat();
    let mut ambiguous = Tar::default();
    ambiguous.header(b'x', b"PaxHeader", 0o644, twice.len() as u64, "").content(twice.as_bytes()).file("f", b"");
    let malformed = Tar::default().header(b'x', b"PaxHeader", 0o644, 8, "").content(b"99 a=bc\n").file("f", b"").end();
    for (tar, why) in [
        (capable(&format!("x\n{hidden}y"), None, 0), "more than one path"),
        (ambiguous.end(), "more than one path"),
        (malformed, "a PAX record is malformed"),
        (Tar::default().pax("uname", &"u".repeat(2000)).file("f", b"").end(), "bytes in the name of an owner"),
    ] {
        let document = streams(&Tar::default().file("bin/ping", b"x").end(), &tar, &[]).differs();
        let layer = &document["layers"][0];
        assert_eq!(layer["verdict"], "damaged", "{why}");
        assert!(layer["why"].as_str().unwrap().contains(why), "{document}");
    }
    // The last of several counts, where it is the same.
    let document = streams(&capable("\n\n", Some("bin/ping"), 0), &capable("\n", Some("bin/ping"), 0), &[]).differs();
    assert_eq!(crate::verify::lines(&document["layers"][0]["files"]), ["/bin/ping xattrs"]);
}

#[test]
fn what_does_not_count_hides_nothing_beside_the_entries() {
    let tar = |time: &str| Tar::default().pax("mtime", time).file("f", b"1").end();
    streams(&tar("0"), &tar("7"), &["--ignore", "time"]).ok();
    let payload = [tar("7"), b"PAYLOAD".repeat(300)].concat();
    let document = streams(&tar("0"), &payload, &["--ignore", "time"]).differs();
    assert_eq!(verdicts(&document), ["metadata only -"]);
    assert!(document["layers"][0]["why"].as_str().unwrap().contains("beside"), "{document}");
    // In the padding of a file, too.
    let mut padded = tar("7");
    let at = padded.len() - 1024 - 100;
    padded[at] = b'!';
    let document = streams(&tar("0"), &padded, &["--ignore", "time"]).differs();
    assert_eq!(verdicts(&document), ["metadata only -"]);
}

#[test]
fn names_that_are_no_text_stay_apart() {
    let tar = |byte: u8| {
        let mut tar = Tar::default();
        tar.header(b'0', &[b'x', byte], 0o644, 0, "").end()
    };
    let document = streams(&tar(0xff), &tar(0xfe), &[]).differs();
    assert_eq!(crate::verify::lines(&document["layers"][0]["files"]), [r"/x\xfe added", r"/x\xff removed"]);
}

#[test]
fn platforms_that_one_side_lacks() {
    let sandbox = Sandbox::new();
    for (name, platforms) in [
        ("one", "[\"linux/amd64\", \"linux/arm64\"]"),
        ("two", "[\"linux/amd64\", \"linux/s390x\"]"),
        ("three", "[\"linux/amd64\"]"),
    ] {
        sandbox
            .file(&format!("{name}.toml"), format!("name = \"{name}\"\nbase = \"scratch\"\nplatforms = {platforms}\n"));
        sandbox.build(&[&format!("{name}.toml")]);
    }
    let run = sandbox.run(["diff", "oci:out:one", "oci:out:two"]);
    assert_eq!(run.code, 1);
    assert!(run.stdout.contains("linux/amd64 identical: sha256:"), "{}", run.stdout);
    assert!(run.stdout.contains("linux/arm64 missing: only oci:out:one has it\n"), "{}", run.stdout);
    assert!(run.stdout.contains("linux/s390x extra: only oci:out:two has it\n"), "{}", run.stdout);
    assert!(run.stdout.contains("index differs: "), "{}", run.stdout);
    assert!(run.stdout.contains(r#"index.manifests[1].platform.architecture: "arm64" → "s390x""#), "{}", run.stdout);
    sandbox.run(["diff", "oci:out:one", "oci:out:two", "--platform", "linux/amd64"]).ok();
    let run = sandbox.run(["diff", "oci:out:one", "oci:out:three"]);
    assert!(run.stdout.ends_with("index missing: only oci:out:one has it\n"), "{}", run.stdout);
    let run = sandbox.run(["diff", "oci:out:one", "oci:out:two", "--platform", "linux/riscv64"]);
    run.refused(
        2,
        "there is no image for linux/riscv64; there are linux/amd64, linux/arm64 and linux/amd64, linux/s390x",
    );
}

#[test]
fn images_of_different_platforms_are_compared_if_there_is_one_each() {
    let sandbox = Sandbox::new();
    HandMade::small().write(&sandbox.path("left"), "image");
    let mut other = HandMade::small();
    other.config["architecture"] = "amd64".into();
    other.write(&sandbox.path("right"), "image");
    let document = sandbox.run(["diff", "oci:left", "oci:right", "--json"]).differs();
    assert_eq!(fields(&document, "config"), [r#"architecture "arm64" "amd64""#]);
    assert_eq!(verdicts(&document), ["identical -"]);
}

#[test]
fn what_cannot_be_compared() {
    let sandbox = two();
    let registry = Registry::start();
    sandbox.run(["diff", "oci:out:app"]).refused(2, "IMAGE");
    sandbox.run(["diff", "oci:out:app", "oci:out:none"]).refused(2, "no image named `none`");
    sandbox.run(["diff", &format!("{}/none", registry.host()), "oci:out:app"]).refused(3, "none");
    sandbox.run(["diff", "oci:out:app", "oci:out:next", "--layer", "none"]).refused(2, "the layers are `code`, `data`");
    let run = sandbox.run(["diff", "oci:out:app", "oci:out:next", "--layer", "data"]).ok();
    assert!(run.stdout.starts_with("linux/amd64 identical in data: oci:out:app "), "{}", run.stdout);
}

#[test]
fn images_without_layers_are_compared_as_well() {
    let sandbox = Sandbox::new();
    HandMade::new().write(&sandbox.path("left"), "image");
    HandMade::small().write(&sandbox.path("right"), "image");
    sandbox.run(["diff", "oci:left", "oci:left"]).ok();
    let document = sandbox.run(["diff", "oci:left", "oci:right", "--json"]).differs();
    assert_eq!(verdicts(&document), ["extra -"]);
    assert_eq!(document["layers"][0]["left"], Value::Null);
}

#[test]
fn members_that_are_added_to_a_layer_are_told_by_their_kind() {
    let sandbox = two();
    sandbox.alter_layer("next", "data", |members| members.push(new_file("data/new", b"n")));
    let text = sandbox.run(["diff", "oci:out:app", "oci:out:next", "--layer", "data"]).stdout;
    assert!(text.contains("    /data/new: added file\n"), "{text}");
}
