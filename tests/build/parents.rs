//! What a layer says about paths that the image below already has.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};

use crate::support::Sandbox;
use crate::support::tools::tool;

fn directory(sandbox: &Sandbox, path: &str, mode: u32, owner: u32) {
    sandbox.folder(path);
    fs::set_permissions(sandbox.path(path), fs::Permissions::from_mode(mode)).unwrap();
    chown(sandbox.path(path), Some(owner), Some(owner)).unwrap();
}

/// A base `bases:base` with a merged `/usr` and directories that are not 0755 and root's.
fn sandbox_with_base() -> Sandbox {
    let sandbox = Sandbox::new();
    directory(&sandbox, "tree/tmp", 0o1777, 0);
    directory(&sandbox, "tree/home/app", 0o700, 1000);
    directory(&sandbox, "tree/var/mail", 0o2775, 8);
    sandbox
        .file("tree/usr/lib/libc.so", "libc")
        .link("tree/lib", "usr/lib")
        .link("tree/lib64", "lib")
        .link("tree/var/run", "/run")
        .link("tree/opt/current", "../srv/v1")
        .link("tree/up", "../../../../usr")
        .link("tree/loop", "loop")
        .folder("tree/run")
        .folder("tree/srv/v1")
        .file("tree/etc/motd", "base")
        .link("tree/etc/mtab", "/proc/mounts");
    sandbox.base("base", "tree");
    sandbox.file("app/x/file", "mine");
    sandbox
}

/// A spec on the base whose only layer goes to `to`.
fn spec(context: &str, to: &str) -> String {
    format!(
        r#"
        name = "app"
        base = "oci:bases:base"
        [[layer]]
        name = "app"
        context = "{context}"
        to = "{to}"
        "#
    )
}

#[test]
fn directories_of_the_base_keep_their_mode_and_owner() {
    let sandbox = sandbox_with_base();
    for (to, parent, line) in [
        ("/tmp/", "tmp", "d 1777 0:0"),
        ("/home/app/", "home/app", "d 0700 1000:1000"),
        ("/home/app/deep/er/", "home/app", "d 0700 1000:1000"),
        ("/var/mail/", "var/mail", "d 2775 8:8"),
    ] {
        let owner = spec("app", to) + "owner = \"5:6\"\nmodes = { dir = \"0750\", file = \"0640\" }\n";
        sandbox.file("app.toml", owner);
        sandbox.build(&["app.toml"]);
        let image = sandbox.unpack("app");
        assert_eq!(image.line(parent), line, "{to}");
        assert_eq!(image.line(&format!("{}x/file", &to[1..])), "f 0640 5:6", "{to}");
    }
}

#[test]
fn a_directory_of_the_context_does_not_change_the_base_s() {
    let sandbox = sandbox_with_base();
    sandbox.file("root/tmp/a", "").file("root/home/app/b", "").file("root/new/c", "");
    sandbox.file("app.toml", spec("root", "/"));
    sandbox.build(&["app.toml"]);
    let image = sandbox.unpack("app");
    assert_eq!(image.line("tmp"), "d 1777 0:0");
    assert_eq!(image.line("home/app"), "d 0700 1000:1000");
    assert_eq!(image.line("new"), "d 0755 0:0");
}

#[test]
fn a_spec_may_change_a_directory_by_naming_it() {
    let sandbox = sandbox_with_base();
    sandbox.file(
        "app.toml",
        r#"
        name = "app"
        base = "oci:bases:base"
        [[layer]]
        name = "entries"
        entries = [
          { path = "/tmp/", mode = "0700" },
          { path = "/home/app/", owner = "7:7" },
          { path = "/var/mail/" },
        ]
        "#,
    );
    sandbox.build(&["app.toml"]);
    let image = sandbox.unpack("app");
    assert_eq!(image.line("tmp"), "d 0700 0:0");
    assert_eq!(image.line("home/app"), "d 0700 7:7");
    assert_eq!(image.line("var/mail"), "d 2775 8:8");
}

#[test]
fn a_later_layer_sees_what_an_earlier_one_laid() {
    let sandbox = sandbox_with_base();
    sandbox.file(
        "app.toml",
        r#"
        name = "app"
        base = "scratch"
        [[layer]]
        name = "skeleton"
        entries = [
          { path = "/home/app/", mode = "0700", owner = "3000000:1000" },
          { path = "/usr/lib/" },
          { path = "/lib", link = "usr/lib" },
        ]
        [[layer]]
        name = "home"
        context = "app"
        to = "/home/app/"
        [[layer]]
        name = "lib"
        context = "app"
        to = "/lib/"
        "#,
    );
    sandbox.build(&["app.toml"]);
    let image = sandbox.unpack("app");
    assert_eq!(image.line("home/app"), "d 0700 3000000:1000");
    assert_eq!(image.line("home/app/x/file"), "f 0644 0:0");
    assert_eq!(image.line("lib"), "l 0:0 -> usr/lib");
    assert_eq!(image.line("usr/lib/x/file"), "f 0644 0:0");
    // The same when the lower layers come from an image.
    sandbox.file("top.toml", spec("app", "/home/app/top/").replace("bases:base", "out:app").replacen("app", "top", 1));
    sandbox.build(&["top.toml"]);
    assert_eq!(sandbox.unpack("top").line("home/app"), "d 0700 3000000:1000");
}

#[test]
fn links_of_the_base_on_the_way_to_the_destination_are_followed() {
    let sandbox = sandbox_with_base();
    for (to, link, there) in [
        ("/lib/x/", "lib", "usr/lib/x/x/file"),
        ("/lib/", "lib", "usr/lib/x/file"),
        ("/lib", "lib", "usr/lib/x/file"),
        ("/lib64/deep/", "lib64", "usr/lib/deep/x/file"),
        ("/var/run/app/", "var/run", "run/app/x/file"),
        ("/opt/current/", "opt/current", "srv/v1/x/file"),
        ("/up/share/", "up", "usr/share/x/file"),
    ] {
        sandbox.file("app.toml", spec("app", to));
        sandbox.build(&["app.toml"]);
        let image = sandbox.unpack("app");
        assert!(image.line(link).starts_with("l "), "{to}: {}", image.line(link));
        assert_eq!(image.line(there), "f 0644 0:0", "{to}");
        assert_eq!(image.text("usr/lib/libc.so"), "libc", "{to}");
    }
    // A single file, and entries without a context.
    sandbox.file(
        "app.toml",
        spec("app", "/lib64/renamed")
            + "from = \"x/file\"\n[[layer]]\nname = \"entry\"\nentries = [{ path = \"/var/run/pid\", text = \"1\" }]\n",
    );
    sandbox.build(&["app.toml"]);
    let image = sandbox.unpack("app");
    assert_eq!(image.text("usr/lib/renamed"), "mine");
    assert_eq!(image.text("run/pid"), "1");
}

#[test]
fn links_that_lead_in_a_circle_are_refused() {
    let sandbox = sandbox_with_base();
    sandbox.file("app.toml", spec("app", "/loop/x/"));
    sandbox.run(["build", "app.toml"]).refused(2, "circle");
}

#[test]
fn a_directory_does_not_replace_a_link_or_a_file() {
    let sandbox = sandbox_with_base();
    sandbox.file("root/lib/file", "x");
    sandbox.file("app.toml", spec("root", "/"));
    let run = sandbox.run(["build", "app.toml"]).refused(2, "`/lib` would be a directory");
    assert!(run.stderr.contains("symlink"), "{}", run.stderr);
    sandbox.file("other/motd/file", "x");
    sandbox.file("app.toml", spec("other", "/etc/"));
    sandbox.run(["build", "app.toml"]).refused(2, "`/etc/motd` would be a directory");
    sandbox.file("app.toml", spec("app", "/etc/motd/"));
    sandbox.run(["build", "app.toml"]).refused(2, "`/etc/motd` would be a directory");
    assert!(!sandbox.path("out").exists());
}

#[test]
fn a_file_does_not_replace_a_directory() {
    let sandbox = sandbox_with_base();
    sandbox.file("root/etc", "x");
    sandbox.file("app.toml", spec("root", "/"));
    sandbox.run(["build", "app.toml"]).refused(2, "`/etc` would be a file");
    sandbox.link("links/usr", "x");
    sandbox.file("app.toml", spec("links", "/"));
    sandbox.run(["build", "app.toml"]).refused(2, "`/usr` would be a symlink");
    // Nor a link that leads to one: everything below it would be gone.
    sandbox.file("app.toml", spec("app", "/lib") + "from = \"x/file\"\n");
    sandbox.run(["build", "app.toml"]).refused(2, "`/lib`");
}

#[test]
fn a_file_replaces_a_file_or_a_link() {
    let sandbox = sandbox_with_base();
    sandbox.file("root/motd", "mine").file("root/mtab", "mine");
    sandbox.file("app.toml", spec("root", "/etc/"));
    sandbox.build(&["app.toml"]);
    let image = sandbox.unpack("app");
    assert_eq!((image.text("etc/motd"), image.text("etc/mtab")), ("mine".into(), "mine".into()));
    assert_eq!(image.line("etc/mtab"), "f 0644 0:0");
}

#[test]
fn what_the_base_has_deleted_is_not_there() {
    let sandbox = sandbox_with_base();
    // umoci writes the whiteouts.
    let image = format!("{}:base", sandbox.path("bases").display());
    let bundle = sandbox.path("bundle");
    let bundle = bundle.to_str().unwrap();
    tool("umoci", ["unpack", "--image", &image, bundle]);
    fs::remove_file(sandbox.path("bundle/rootfs/lib")).unwrap();
    fs::remove_dir_all(sandbox.path("bundle/rootfs/home")).unwrap();
    fs::remove_dir_all(sandbox.path("bundle/rootfs/tmp")).unwrap();
    fs::write(sandbox.path("bundle/rootfs/tmp"), "now a file").unwrap();
    tool("umoci", ["repack", "--image", &image, bundle]);

    sandbox.file("root/lib/file", "x").file("root/home/app/file", "x");
    sandbox.file("app.toml", spec("root", "/"));
    sandbox.build(&["app.toml"]);
    let image = sandbox.unpack("app");
    assert_eq!(image.line("lib"), "d 0755 0:0");
    assert_eq!(image.line("home/app"), "d 0755 0:0");
    assert_eq!(image.text("tmp"), "now a file");
    sandbox.file("app.toml", spec("app", "/tmp/"));
    sandbox.run(["build", "app.toml"]).refused(2, "`/tmp` would be a directory");
}

#[test]
fn a_base_that_is_assumed_is_not_read() {
    let sandbox = sandbox_with_base();
    sandbox.file("app.toml", format!("base_tree = \"assume\"\n{}", spec("app", "/home/app/")));
    sandbox.build(&["app.toml"]);
    assert_eq!(sandbox.unpack("app").line("home/app"), "d 0755 0:0");
}

#[test]
fn a_spec_without_layers_hands_on_what_its_base_has() {
    let sandbox = sandbox_with_base();
    sandbox.file("below.toml", "name = \"below\"\nbase = \"oci:bases:base\"\n[config]\nuser = \"7\"\n");
    sandbox.file("app.toml", spec("app", "/home/app/").replace("\"oci:bases:base\"", "{ spec = \"below.toml\" }"));
    sandbox.build(&["app.toml"]);
    assert_eq!(sandbox.unpack("app").line("home/app"), "d 0700 1000:1000");
}
