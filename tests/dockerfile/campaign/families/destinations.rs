//! Where COPY lays what it copies.

use super::Family;

/// Slashes, working directories, links of the image.
pub fn destinations() -> Family {
    let mut family = Family::new("destinations");
    for destination in [
        "/x",
        "/x/",
        "x",
        "x/",
        "./x",
        ".",
        "./",
        "/",
        "..",
        "../x",
        "/srv/../y",
        "/srv/./y/",
        "//srv//y",
        "/srv/v1",
        "/srv/v1/",
        "/new/deep/er",
        "/new/deep/er/",
        "/tmp",
        "/tmp/",
        "/home/app",
        "/home/app/",
        "/home/app/new/x",
        "/var/mail/x/y",
    ] {
        family.add(&format!("COPY a.txt {destination}"));
    }
    for destination in ["/x", "/x/", ".", "/srv/v1", "/home/app/", "/tmp", "/srv/dir", "/new/deep"] {
        family.add(&format!("COPY dir {destination}"));
    }
    // Links of the image: merged directories, chains, ends that are not there, files.
    for destination in [
        "/lib",
        "/lib/",
        "/lib/new/",
        "/bin/x",
        "/sbin/.",
        "/opt/current",
        "/opt/current/",
        "/opt/absolute/",
        "/opt/chain/",
        "/opt/longchain/x",
        "/opt/up/x",
        "/opt/dangling",
        "/opt/dangling/",
        "/opt/dangling/x",
        "/opt/danglingfile",
        "/opt/file",
        "/opt/file/",
        "/opt/loop",
        "/opt/loop/",
        "/opt/root/x",
        "/var/run/",
        "/var/run/app/",
        "/srv/lib/x",
        "/opt/current/../x",
        "/opt/current/empty/",
        "/srv/v1/twin",
    ] {
        family.add(&format!("COPY a.txt {destination}"));
    }
    for destination in [
        "/lib",
        "/lib/",
        "/bin/",
        "/opt/current",
        "/opt/chain/",
        "/opt/absolute",
        "/opt/dangling",
        "/opt/dangling/",
        "/opt/file",
        "/opt/danglingfile",
        "/opt/loop",
        "/opt/root",
        "/var/run",
        "/opt/up",
    ] {
        family.add(&format!("COPY dir {destination}"));
    }
    for workdir in ["/srv/v1", "/new/work", "/opt/current", "/opt/dangling", "srv", "/"] {
        for destination in [".", "./", "x", "sub/", "..", "../x/", "/abs"] {
            family.add(&format!("WORKDIR {workdir}\nCOPY a.txt {destination}"));
        }
        family.add(&format!("WORKDIR {workdir}\nCOPY dir ."));
    }
    family.add_each(&[
        "FROM rich\nCOPY a.txt .",
        "FROM rich\nCOPY dir sub",
        "FROM rich\nWORKDIR ..\nCOPY a.txt b.txt ./",
        "FROM scratch\nCOPY a.txt .",
        "FROM scratch\nCOPY dir /",
        "FROM scratch\nCOPY a.txt /x/y/z",
        "FROM scratch\nWORKDIR app\nCOPY a.txt b/",
        "FROM bare\nCOPY . /all/",
        "FROM layered\nCOPY a.txt /srv/plain\nCOPY b.txt /opt/chain/",
        "FROM layered\nCOPY dir /srv/dir",
        "FROM layered\nCOPY dir /opt/current/",
        "COPY . .",
        "COPY . /srv/v1",
        "COPY --link a.txt /new/x",
        "COPY --link a.txt /srv/v1/",
        "COPY --link dir /srv/v1/",
        "COPY --link=false a.txt /opt/current/",
        "COPY --link a.txt /home/app/x",
        "COPY --link a.txt /tmp/",
        "WORKDIR /srv/v1\nCOPY --link a.txt .",
        "COPY --link --chown=1000:1000 --chmod=600 dir /made/here/",
        "COPY --link a.txt /lib/",
        "COPY --link dir /opt/current",
        "COPY --chown=5:6 a.txt /var/mail/made/x/",
        "COPY --chmod=640 dir /var/mail/made",
        "COPY dir /var/mail/",
        "WORKDIR /var/mail/work/here",
        "COPY [\"a.txt\", \"/with space/\"]",
        "COPY [\"a.txt\", \"b.txt\", \"/with space/x/\"]",
        "COPY a.txt /é/ü",
        "COPY a.txt /x\\ y",
    ]);
    family
}

/// Something is already there.
pub fn collisions() -> Family {
    let mut family = Family::new("collisions");
    family.add_each(&[
        "COPY a.txt /srv/plain",
        "COPY a.txt /srv/plain/",
        "COPY a.txt /srv/plain/x",
        "COPY dir /srv/plain",
        "COPY dir /srv/plain/",
        "COPY a.txt /srv/taken/a.txt",
        "COPY a.txt /srv/taken/a.txt/",
        "COPY a.txt /srv/taken/",
        "COPY . /srv/taken/",
        "COPY dir /srv/taken/dir",
        "COPY links /srv/taken/",
        "COPY dir /srv/taken/link",
        "COPY dir /srv/dir",
        "COPY dir/y.md /srv/dir/",
        "COPY dir/x /srv/dir",
        "COPY dir/sub /srv/dir/sub",
        "COPY dir dir /srv/dir/",
        "COPY dir other /both/",
        "COPY other dir /both/",
        "COPY a.txt other/x /x/\nCOPY other/x /x/a.txt",
        "COPY dir /x\nCOPY other /x",
        "COPY dir /x\nCOPY a.txt /x",
        "COPY a.txt /x\nCOPY dir /x",
        "COPY a.txt /x\nCOPY dir /x/",
        "COPY a.txt /x\nCOPY b.txt /x/y",
        "COPY dir /x\nCOPY a.txt /x/sub",
        "COPY dir /x/sub\nCOPY a.txt b.txt /x/sub/deep",
        "COPY links /x/\nCOPY dir /x/todir",
        "COPY links /x/\nCOPY a.txt /x/tofile",
        "COPY links /x/\nCOPY a.txt /x/dangling",
        "COPY links /x/\nCOPY a.txt /x/todir/",
        "COPY dir /opt/current",
        "COPY links /lib",
        "COPY a.txt /opt/file\nCOPY b.txt /srv/v1/file",
        "COPY twin1 twin2 /x/\nCOPY a.txt /x/twin1",
        "COPY a.txt /srv/v1/twin",
        "COPY --chown=7:8 --chmod=640 dir /srv/dir",
        "COPY --chown=7:8 a.txt /srv/v1/empty/x",
        "COPY a.txt b.txt a.txt /x/",
        "COPY a.txt a.txt /etc/passwd/",
        "COPY a.txt /etc/passwd",
        "COPY dir/sub other/sub /x/",
        "COPY dir /opt/up/v1/",
        "ADD dir /srv/plain",
        "ADD a.txt /srv/taken/a.txt",
    ]);
    // A link of the context where the image has something, and the other way round.
    for (tree, destination) in [
        ("t/lib->elsewhere", "/"),
        ("t/lib/new", "/"),
        ("t/srv->v2", "/"),
        ("t/srv/plain->v1", "/"),
        ("t/srv/plain/x", "/"),
        ("t/opt/current/x", "/"),
        ("t/opt/file=new", "/"),
        ("t/opt/dangling/x", "/"),
        ("t/opt/loop/x", "/"),
        ("t/v1->elsewhere", "/srv/"),
        ("t/v1/file->twin", "/srv/"),
        ("t/current->elsewhere", "/opt"),
        ("t/tmp/x t/home/app/y t/var/mail/z", "/"),
        ("t/usr/lib/libc.so=mine t/usr/lib/sub/q", "/"),
    ] {
        let pair = family.add(&format!("COPY t {destination}"));
        pair.context = super::Item::list(tree);
    }
    family
}
