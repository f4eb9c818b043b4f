//! `tarsia inspect`: what is in an image, and which layer put it there.

mod documents;
mod files;
mod path;
mod table;
mod terminal;
mod told;
mod tree;

use serde_json::json;

use crate::support::Sandbox;
use crate::support::images::{HandMade, Tar};

/// An image whose upper layers overwrite, delete and go through links, as a layout `made:app`.
///
/// The lowest layer holds a small system; the second puts another `motd` there, deletes `etc/gone` and `opt/app`; the third
/// makes `var` opaque and puts a file behind the link `lib`; the fourth puts a file where the directory `srv` was.
fn made() -> Sandbox {
    let sandbox = Sandbox::new();
    image().write(&sandbox.path("made"), "app");
    sandbox
}

fn image() -> HandMade {
    let mut system = Tar::default();
    system.folder("etc/", 0o755).file("etc/motd", b"base\n").file("etc/gone", b"x").symlink("lib", "usr/lib");
    system.folder("usr/", 0o755).folder("usr/lib/", 0o755).file("usr/lib/libc.so", &[7; 2000]);
    system.folder("opt/", 0o755).folder("opt/app/", 0o755).file("opt/app/old", b"old");
    system.folder("var/", 0o755).file("var/log", b"log").folder("srv/", 0o755).file("srv/data", b"data");
    let mut second = Tar::default();
    second.folder("etc/", 0o755).file("etc/motd", b"mine").file("etc/.wh.gone", b"").file("opt/.wh.app", b"");
    let mut third = Tar::default();
    third.folder("var/", 0o700).file("var/.wh..wh..opq", b"").file("var/new", b"new").file("lib/mine.so", &[7; 500]);
    let mut fourth = Tar::default();
    fourth.file("srv", b"a file now");
    let mut image = HandMade::new();
    for tar in [system, second, third, fourth] {
        image = image.layer(&tar.end());
    }
    image.config["history"] = json!([
        {"created_by": "/bin/sh -c #(nop) ADD file:0123 in / "},
        {"created_by": "/bin/sh -c #(nop)  CMD [\"sh\"]", "empty_layer": true},
        {"created_by": "RUN /bin/sh -c rm -r /etc/gone /opt/app # buildkit"},
        {"created_by": "COPY var /var # buildkit"},
        {"created_by": "|1 A=b /bin/sh -c rm -r /srv &&   touch /srv"},
    ]);
    image
}
