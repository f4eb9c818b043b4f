//! What ADD unpacks.

use super::super::archive::{Member, gzip, tar, zstd};
use super::{Family, Item};

const BZIP2: &[u8] = include_bytes!("../small.tar.bz2");
const XZ: &[u8] = include_bytes!("../small.tar.xz");

fn usual() -> Vec<Member> {
    let twin = Member::file("in/twin", 0o600, b"twin\n").owned(1, 2);
    vec![
        Member::directory("in", 0o750).owned(1000, 50),
        Member::file("in/file", 0o644, b"file\n"),
        Member::file("in/owned", 0o4711, b"owned\n").owned(7, 8),
        twin.clone(),
        Member::same("in/twin-too", &twin),
        Member::link("in/link", "file"),
        Member::link("in/absolute", "/etc/passwd"),
        Member::link("in/up", "../../../etc"),
        Member::directory("in/deep", 0o2770),
        Member::directory("in/deep/er", 0o1777),
        Member::file("in/deep/er/leaf", 0o400, b"leaf\n"),
        Member::file("top", 0o666, b"top\n").owned(70_000, 70_001),
    ]
}

pub fn archives() -> Family {
    let mut family = Family::new("archives");
    let plain = tar(&usual());
    let items = || {
        vec![
            Item::file("plain.tar", &plain),
            Item::file("packed.tar.gz", &gzip(&plain)),
            Item::file("packed.tgz", &gzip(&plain)),
            Item::file("packed.tar.zst", &zstd(&plain)),
            Item::file("packed.tar.bz2", BZIP2),
            Item::file("packed.tar.xz", XZ),
            Item::file("no-ending", &gzip(&plain)),
            Item::file("text.tar", b"no archive\n"),
            Item::file("text.gz", &gzip(b"no archive\n")),
            Item::file("short.tar.gz", &gzip(&plain)[..300]),
            Item::file("twice.gz", &gzip(&gzip(&plain))),
            Item::file("nothing.tar", b""),
            Item::file("zeros.tar", &[0; 1024]),
            Item::file("folder/plain.tar", &plain),
            Item::Link { path: "link.tar".to_owned(), target: "plain.tar".to_owned() },
            Item::file("a.txt", b"a.txt\n"),
        ]
    };
    for instructions in [
        "ADD plain.tar /x",
        "ADD plain.tar /x/",
        "ADD plain.tar /",
        "ADD packed.tar.gz /x/",
        "ADD packed.tgz /x/y/z",
        "ADD packed.tar.zst /x/",
        "ADD packed.tar.bz2 /x/",
        "ADD packed.tar.xz /x/",
        "ADD no-ending /x/",
        "ADD text.tar /x/",
        "ADD text.tar /x",
        "ADD text.gz /x/",
        "ADD short.tar.gz /x/",
        "ADD twice.gz /x/",
        "ADD nothing.tar /x/",
        "ADD zeros.tar /x/",
        "ADD folder /x/",
        "ADD link.tar /x/",
        "ADD plain.tar a.txt /x/",
        "ADD plain.tar packed.tar.bz2 /x/",
        "ADD *.tar /x/",
        "ADD packed.* /x/",
        "ADD plain.tar a.txt /x",
        "COPY plain.tar /x/",
        "ADD --chown=5:6 plain.tar /x/",
        "ADD --chown=app plain.tar /srv/v1",
        "ADD --chmod=640 plain.tar /x/",
        "ADD --unpack=false plain.tar /x/",
        "ADD --unpack=false packed.tar.gz /x",
        "ADD --unpack=true plain.tar /x",
        "ADD --unpack plain.tar /x",
        "ADD --unpack=false --chmod=600 plain.tar a.txt /x/",
        "ADD --unpack=true a.txt /x/",
        "ADD --unpack=maybe plain.tar /x/",
        "COPY --unpack=true plain.tar /x/",
        "ADD --link plain.tar /x/",
        "ADD --exclude=in plain.tar /x/",
        "ADD --exclude=*.tar plain.tar a.txt /x/",
        "ADD plain.tar /srv/plain",
        "ADD plain.tar /opt/current",
        "ADD plain.tar /opt/dangling",
        "ADD plain.tar /lib/",
        "WORKDIR /work\nADD plain.tar .",
        "WORKDIR /work\nADD plain.tar sub",
        "USER app\nADD plain.tar /home/app/",
        "FROM scratch\nADD plain.tar /",
        "FROM scratch\nADD packed.tar.gz /\nFROM bare\nCOPY --from=0 /in /x/",
        "ADD plain.tar /x/\nADD packed.tar.gz /x/",
        "COPY a.txt /in\nADD plain.tar /",
        "COPY a.txt /x/in/deep/er/leaf\nADD plain.tar /x/",
        "COPY a.txt /x/in/twin\nADD plain.tar /x",
        "ADD --checksum=sha256:0000000000000000000000000000000000000000000000000000000000000000 plain.tar /x/",
        "ADD --keep-git-dir=true plain.tar /x/",
    ] {
        family.add(instructions).context = items();
    }
    let twin = Member::file("srv/t", 0o644, b"t\n");
    for members in [
        // Over directories, files and links of the image.
        vec![Member::directory("srv", 0o700).owned(1, 1), Member::file("srv/x", 0o644, b"x\n")],
        vec![
            Member::directory("tmp", 0o755),
            Member::directory("home/app", 0o755),
            Member::file("tmp/x", 0o644, b"x\n"),
        ],
        vec![Member::file("tmp/x", 0o644, b"x\n"), Member::file("home/app/x", 0o644, b"x\n")],
        vec![Member::directory("lib", 0o755), Member::file("lib/x", 0o644, b"x\n")],
        vec![Member::file("lib/x", 0o644, b"x\n"), Member::file("bin/y", 0o755, b"y\n")],
        vec![Member::directory("opt/current", 0o755), Member::file("opt/current/x", 0o644, b"x\n")],
        vec![Member::file("opt/current/x", 0o644, b"x\n")],
        vec![Member::link("opt/current", "../srv/dir"), Member::file("opt/current/x", 0o644, b"x\n")],
        vec![Member::file("opt/file", 0o600, b"new\n")],
        vec![Member::file("srv/v1", 0o600, b"new\n")],
        vec![Member::link("srv/v1", "dir")],
        vec![Member::directory("srv/plain", 0o700), Member::file("srv/plain/x", 0o600, b"x\n")],
        vec![Member::file("srv/plain/x", 0o600, b"x\n")],
        // Shapes of archives.
        vec![Member::directory(".", 0o700).owned(9, 9), Member::file("./x", 0o644, b"x\n")],
        vec![Member::file("no/parents/x", 0o644, b"x\n").owned(5, 6)],
        vec![Member::file("/absolute/x", 0o644, b"x\n")],
        vec![Member::file("../above", 0o644, b"x\n")],
        vec![Member::file("a/../b", 0o644, b"x\n")],
        vec![Member::file("same", 0o644, b"1\n"), Member::file("same", 0o600, b"2\n")],
        vec![Member::file("a", 0o644, b"1\n"), Member::directory("a", 0o700), Member::file("a/b", 0o600, b"2\n")],
        vec![Member::directory("a", 0o700), Member::file("a/b", 0o600, b"2\n"), Member::file("a", 0o644, b"1\n")],
        vec![Member::link("l", "srv"), Member::file("l/x", 0o644, b"x\n")],
        vec![Member::link("l", "/etc"), Member::file("l/x", 0o644, b"x\n")],
        vec![twin.clone(), Member::same("opt/t", &twin), Member::same("t", &twin)],
        vec![Member::same("t", &twin)],
        vec![Member::file("srv/.wh.plain", 0o644, b"")],
        vec![Member::file("x/.wh..wh..opq", 0o644, b""), Member::file("x/y", 0o644, b"y\n")],
    ] {
        for destination in ["/", "/srv/v1/"] {
            family.add(&format!("ADD made.tar {destination}")).context = vec![Item::file("made.tar", &tar(&members))];
        }
    }
    family
}
