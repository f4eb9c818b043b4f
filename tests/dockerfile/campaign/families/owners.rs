//! `--chown` and `--chmod`.

use super::Family;

pub fn owners() -> Family {
    let mut family = Family::new("owners");
    for owner in [
        "1000",
        "0",
        "1000:50",
        "app",
        "app:staff",
        "app:1",
        "5:staff",
        "builder",
        "loner",
        "www-data:app",
        ":staff",
        ":50",
        "app:",
        "nobody",
        "nobody:staff",
        "app:nogroup",
        "nogroup",
        "4294967294",
        "4294967296",
        "-1",
        "1:2:3",
        "root:root",
        "70000:70001",
        "3000000:3000001",
        "1.5",
        "\"app\"",
        "App",
    ] {
        family.add(&format!("COPY --chown={owner} a.txt /x/"));
    }
    family.add_each(&[
        "COPY --chown=app:staff dir /srv/made/by/copy",
        "COPY --chown=app dir /srv/dir",
        "COPY --chown=app links /x/",
        "COPY --chown=app links/dangling links/plain /home/app/",
        "COPY --chown=5 a.txt /home/builder/sub/",
        "USER app\nCOPY a.txt /home/app/",
        "USER app\nWORKDIR /home/app/work\nCOPY a.txt .",
        "USER 1000:50\nWORKDIR new\nCOPY dir .",
        "WORKDIR /w\nUSER app\nCOPY --chown=app . sub/",
        "ARG OWNER=app\nCOPY --chown=$OWNER:${GROUP:-staff} a.txt /x/",
        "FROM scratch\nCOPY --chown=app a.txt /x/",
        "FROM scratch\nCOPY --chown=7 a.txt /x/",
        "FROM scratch\nCOPY --chown=7:8 dir /x/y/",
        "FROM bare\nCOPY --chown=root a.txt /x/",
        "COPY a.txt /etc/group\nCOPY --chown=app:staff a.txt /x/",
        "COPY --chown=twin twin1 twin2 /x/",
        "COPY --chown=3:4 twin1 twin2 pair /x/",
        "COPY --chown a.txt /x/",
        "COPY --chown= a.txt /x/",
        "COPY --from=base --chown=app /srv/v1 /x/",
        "COPY --from=base --chown=1 /srv/v1/twin /srv/v1/twin-too /x/",
        "ADD --chown=app:app a.txt dir /x/",
        "COPY --link --chown=app a.txt /new/",
    ]);
    let pair = family.add("COPY etc /etc/\nCOPY --chown=fresh:team a.txt /x/");
    pair.context.push(super::Item::file("etc/passwd", b"root:x:0:0::/:/bin/sh\nfresh:x:4242:4343::/:/bin/sh\n"));
    pair.context.push(super::Item::file("etc/group", b"root:x:0:\nteam:x:77:\n"));
    let pair = family.add("COPY --chown=odd a.txt /x/\nCOPY --chown=late b.txt /x/\nCOPY --chown=12 c.md /x/");
    pair.dockerfile = format!("FROM base\nCOPY etc /etc/\n{}", pair.dockerfile.replace("FROM base\n", ""));
    let passwd = b"# comment\n\nodd:x:12:13\nlate:x:14:15::/:/bin/sh\nlate:x:16:17::/:/bin/sh\n";
    pair.context.push(super::Item::file("etc/passwd", passwd));
    family
}

pub fn modes() -> Family {
    let mut family = Family::new("modes");
    for mode in [
        "0",
        "7",
        "644",
        "0600",
        "755",
        "0755",
        "1777",
        "2755",
        "4755",
        "6711",
        "7777",
        "07777",
        "10000",
        "888",
        "-1",
        "0o644",
        "u+x",
        "u=rwX,go=rX",
        "a-w",
        "+x",
        "g+s",
        "u+s,g=",
        "o=u",
        "go-rwx",
        "a=r,u+w",
        "+t",
        "u=rw,go=r",
        "X",
        "u+",
        "u=rwx,g=rx,o=",
        "a+rwX",
        "u+q",
        "ug+rw,",
        "=",
        "a=",
        "u=g",
        "-x",
        "+X",
        "-X",
    ] {
        family.add(&format!("COPY --chmod={mode} a.txt run.sh dir links /x/"));
    }
    family.add_each(&[
        "COPY --chmod=640 a.txt /srv/made/x",
        "COPY --chmod=700 dir /srv/made",
        "COPY --chmod=640 dir /srv/dir",
        "COPY --chmod=640 tofile /x",
        "COPY --chmod=640 links/dangling links/plain /x/",
        "ARG MODE=751\nCOPY --chmod=$MODE a.txt /x/",
        "ENV MODE=u=rw\nCOPY --chmod=${MODE} run.sh /x",
        "COPY --chmod=$NOTHING a.txt /x/",
        "COPY --chmod=600 twin1 twin2 /x/",
        "COPY --chmod=g+w --from=base /srv/v1 /x/",
        "COPY --chmod=u+x --from=base /srv/v1/twin /srv/dir/own /x/",
        "COPY --chmod=a-s --from=base /usr/bin/su /usr/lib/sub /x/",
        "COPY --from=base /usr /x/",
        "ADD --chmod=4711 a.txt dir /x/",
        "COPY --chmod a.txt /x/",
        "COPY --chmod=644 --chown=1000:50 dir /home/app/",
        "COPY --chmod=4755 --chown=1000 run.sh /x/",
    ]);
    family
}
