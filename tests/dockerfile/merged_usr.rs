//! A real Debian below: what is copied into it lies where its links lead, and leaves its directories as they were.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::support::tools::tool;
use crate::support::{Run, Sandbox, Unpacked, debian};

/// The base in the layout `base`, and what is copied into it.
fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    debian::base().write(&sandbox.path("base"), "debian");
    sandbox
        .file("app/lib/libours.so.1", "not really a library\n")
        .executable("app/bin/greet", "#!/bin/sh\necho \"hello, $(cat /home/app/name), from $(ls /tmp)\"\n")
        .file("app/tmp/note", "a note\n")
        .file("app/home/name", "app\n");
    sandbox
}

const DOCKERFILE: &str = "
FROM base
COPY lib/ /lib/
COPY bin/greet /bin/
COPY tmp/note /tmp/note
COPY --chown=app home/ /home/app/
COPY --chown=app:root home/name /home/app/deep/er/
COPY --chown=:app --chmod=0640 home/name /lib64/
WORKDIR /tmp/work
";

const SPEC: &str = r#"
name = "spec"
base = "oci:base:debian"
[[layer]]
name = "lib"
context = "app/lib"
to = "/lib/"
[[layer]]
name = "bin"
context = "app/bin"
to = "/bin/"
[[layer]]
name = "tmp"
context = "app/tmp"
to = "/tmp/"
[[layer]]
name = "home"
context = "app/home"
to = "/home/app/"
owner = "app:app"
"#;

/// Mode, owner and links of the base's own places, as they have to be afterwards.
#[track_caller]
fn assert_unharmed(image: &Unpacked) {
    for link in ["bin", "sbin", "lib"] {
        assert_eq!(image.line(link), format!("l 0:0 -> usr/{link}"));
    }
    assert_eq!(image.line("usr/lib"), "d 0755 0:0");
    assert_eq!(image.line("usr/bin"), "d 0755 0:0");
    assert_eq!(image.line("tmp"), "d 1777 0:0");
    assert_eq!(image.line("home"), "d 0755 0:0");
    assert_eq!(image.line("home/app"), "d 0700 1000:1000");
    // What is laid into a directory does not empty it.
    assert!(image.path("usr/bin/ls").exists() && image.path("usr/lib/os-release").exists());
}

#[track_caller]
fn assert_there(image: &Unpacked) {
    assert_eq!(image.line("usr/lib/libours.so.1"), "f 0644 0:0");
    assert_eq!(image.line("usr/bin/greet"), "f 0755 0:0");
    assert_eq!(image.line("tmp/note"), "f 0644 0:0");
    assert_eq!(image.line("home/app/name"), "f 0644 1000:1000");
}

/// Runs a program of the image in the image, as `app`.
fn chroot(image: &Unpacked, program: &[&str]) -> Run {
    let root = image.path("");
    let mut command = Command::new("chroot");
    let output = command.args(["--userspec=app:app", root.to_str().unwrap()]).args(program).output();
    Run::of(output.unwrap_or_else(|error| panic!("`chroot` cannot be run ({error}): it is part of coreutils")))
}

#[test]
fn what_a_dockerfile_copies_into_debian_leaves_debian_as_it_was() {
    let sandbox = sandbox();
    let image = sandbox.built(DOCKERFILE, &["--build-context", "base=oci-layout://base:debian"]);
    assert_unharmed(&image);
    assert_there(&image);
    assert_eq!(image.line("home/app/deep"), "d 0755 1000:0");
    assert_eq!(image.line("home/app/deep/er/name"), "f 0644 1000:0");
    assert_eq!(image.line("tmp/work"), "d 0755 0:0");
    // A link to a link, where the machine has one.
    if let Ok(lib64) = fs::read_link(image.path("lib64")) {
        assert_eq!(lib64, Path::new("usr/lib64"));
        assert_eq!(image.line("usr/lib64/name"), "f 0640 0:1000");
    }
    let ran = chroot(&image, &["/bin/greet"]).ok();
    assert_eq!(ran.stdout, "hello, app, from note\nwork\n");
    // Debian's own tools agree that nothing of theirs is amiss.
    let root = image.path("");
    let verified = tool("chroot", [root.to_str().unwrap(), "dpkg", "--verify", "base-files", "bash", "coreutils"]);
    let amiss: Vec<&str> = verified.lines().filter(|line| !line.contains("/usr/share/")).collect();
    assert_eq!(amiss, Vec::<&str>::new());
}

#[test]
fn what_a_spec_lays_into_debian_leaves_debian_as_it_was() {
    let sandbox = sandbox();
    sandbox.file("spec.toml", SPEC);
    sandbox.build(&["spec.toml"]);
    let image = sandbox.unpack("spec");
    assert_unharmed(&image);
    assert_there(&image);
    assert_eq!(chroot(&image, &["/bin/greet"]).ok().stdout, "hello, app, from note\n");
}

#[test]
fn one_liners_find_their_way_through_debian_s_links() {
    let sandbox = sandbox();
    let image = sandbox.built(
        "FROM base\n\
         COPY bin/greet /bin/\n\
         RUN mkdir -p /bin/tools && ln -s ../greet /bin/tools/hi && chmod 0700 /sbin/ldconfig && chown app:mail /lib/os-release\n\
         RUN rm -rf /lib/init /var/lib/dpkg/info/*.md5sums && rm /bin/[ && touch /var/run/mark /home/app/mark\n",
        &["--build-context", "base=oci-layout://base:debian"],
    );
    assert_unharmed(&image);
    assert_eq!(image.line("usr/bin/tools/hi"), "l 0:0 -> ../greet");
    assert_eq!(image.line("usr/sbin/ldconfig"), "f 0700 0:0");
    // `os-release` in /etc leads here.
    assert_eq!(image.line("usr/lib/os-release"), "f 0644 1000:8");
    assert_eq!(image.line("usr/lib/init"), "-");
    assert_eq!(image.line("usr/bin/["), "-");
    assert_eq!(image.line("run/mark"), "f 0644 0:0");
    assert_eq!(image.line("home/app/mark"), "f 0644 0:0");
    let info = image.paths().into_iter().filter(|path| path.starts_with("var/lib/dpkg/info/"));
    let info: Vec<String> = info.collect();
    assert!(info.len() > 50 && info.iter().all(|path| !path.ends_with(".md5sums")), "{info:?}");
    // A changed file is still what it was.
    chroot(&image, &["/bin/grep", "-q", "^ID=debian$", "/etc/os-release"]).ok();
    tool("chroot", [image.path("").to_str().unwrap(), "ldconfig", "--version"]);
}
