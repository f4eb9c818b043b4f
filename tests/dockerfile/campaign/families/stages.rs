//! Stages, `--from`, `--target`, named contexts.

use super::{Family, Item};

pub fn from() -> Family {
    let mut family = Family::new("from");
    for copy in [
        "/srv/v1 /x/",
        "/srv/v1/ /x",
        "srv/v1/file /x/",
        "/srv/v1/file /x",
        "/opt/current /x/",
        "/opt/current/file /x/",
        "/opt/absolute/file /x/",
        "/opt/longchain/ /x/",
        "/opt/up /x/",
        "/opt/dangling /x/",
        "/opt /x/",
        "/opt/file /x",
        "/opt/loop /x",
        "/opt/root/srv/plain /x/",
        "/lib/libc.so /x/",
        "/lib /x/",
        "/lib/* /x/",
        "/bin/su /x/",
        "/srv/*/file /x/",
        "/opt/cur* /x/",
        "/srv/v1/t* /x/",
        "/etc/passwd /etc/group /x/",
        "/home /x/",
        "/home/app /x/",
        "/tmp /x/",
        "/tmp /tmp",
        "/var/mail /x",
        "/ /x/",
        "../srv/plain /x/",
        "/missing /x/",
        "/missing* /x/",
        "/srv/v1/empty /x/",
        "/srv/dir /srv/v1",
        "/srv/taken /srv/",
        "/srv/lib /x/",
        "/srv/v1/twin /srv/v1/twin-too /x/",
        "/root /x/",
        ". /x/",
        "/srv/v1 .",
    ] {
        family.add(&format!("COPY --from=base {copy}"));
    }
    family.add_each(&[
        "FROM base AS one\nCOPY dir /made/\nFROM bare\nCOPY --from=one /made /x/",
        "FROM base AS one\nCOPY --chown=5:6 --chmod=4711 dir /made/\nFROM bare\nCOPY --from=0 /made/x /x/",
        "FROM base AS One\nCOPY dir /made/\nFROM bare\nCOPY --from=oNE /made/sub /x/",
        "FROM base\nCOPY a.txt /made/\nFROM base\nCOPY b.txt /made/\nFROM scratch\nCOPY --from=0 /made /zero/\nCOPY --from=1 /made /one/",
        "FROM base AS one\nFROM scratch\nCOPY --from=1 / /",
        "FROM base AS one\nFROM scratch\nCOPY --from=2 / /",
        "FROM base AS one\nFROM scratch AS two\nCOPY --from=two / /",
        "FROM scratch AS two\nCOPY --from=later /a.txt /\nFROM base AS later\nCOPY a.txt /",
        "FROM base AS one\nWORKDIR /deep\nCOPY a.txt .\nFROM bare\nCOPY --from=one a.txt /x/\nCOPY --from=one deep/a.txt /x/",
        "FROM base AS one\nCOPY links /made/\nFROM bare\nCOPY --from=one /made /x/",
        "FROM base AS one\nCOPY links /made/\nFROM bare\nCOPY --from=one /made/tofile /x/",
        "FROM base AS one\nCOPY pair twin1 twin2 /made/\nFROM bare\nCOPY --from=one /made /x/",
        "FROM scratch AS files\nCOPY dir /\nFROM base\nCOPY --from=files . /srv/v1/",
        "FROM scratch AS files\nCOPY dir /\nFROM base\nCOPY --from=files / /srv/dir/",
        "COPY --from=bare /etc /x/\nCOPY --from=layered /srv /y/",
        "COPY --from=layered /opt/chain/ /x/",
        "COPY --from=layered /srv/plain /srv/dir /x/",
        "ARG FROM=bare\nCOPY --from=$FROM /etc /x/",
        "COPY --from=bare:latest /etc /x/",
        "COPY --from=base --chown=0 --chmod=a+r /home/app /x/",
        "FROM --platform=linux/arm64 arm\nCOPY --from=base /srv/v1 /x/",
        "COPY --from=\"base\" /srv/v1 /x/",
        "ADD --from=base /srv/v1 /x/",
    ]);
    family
}

pub fn stages() -> Family {
    let mut family = Family::new("stages");
    family.add_each(&[
        "FROM base AS one\nENV A=1\nWORKDIR /srv/v1\nUSER app\nCOPY a.txt .\nFROM one\nCOPY b.txt $A/",
        "FROM base AS one\nENV A=1\nLABEL l=1\nCMD [\"one\"]\nFROM one AS two\nENTRYPOINT [\"two\"]\nFROM two\nLABEL m=2",
        "FROM base AS one\nCMD [\"one\"]\nFROM one\nENTRYPOINT [\"two\"]",
        "FROM base AS one\nENTRYPOINT [\"one\"]\nFROM one\nCMD [\"two\"]",
        "FROM base AS one\nARG A=1\nFROM one\nCOPY a.txt /x/$A",
        "FROM base AS one\nSHELL [\"/bin/bash\", \"-c\"]\nFROM one\nCMD run this",
        "FROM base AS one\nONBUILD COPY a.txt /on/\nFROM one\nCOPY b.txt /x/",
        "FROM base AS one\nONBUILD COPY a.txt /on/\nFROM one AS two\nFROM two\nCOPY b.txt /x/",
        "FROM base AS one\nCOPY a.txt /x\nFROM bare AS two\nCOPY b.txt /y\nFROM one\nCOPY --from=two /y /z",
        "FROM base as one\nFROM ONE AS two\nCOPY a.txt /x/",
        "FROM base AS 1st\nCOPY a.txt /x/",
        "FROM base AS one AS two\nCOPY a.txt /x/",
        "FROM base AS\nCOPY a.txt /x/",
        "FROM base AS one\nCOPY a.txt /x/\nFROM base AS one\nCOPY b.txt /x/",
        "FROM base AS one.two-three_4\nCOPY a.txt /x/\nFROM one.two-three_4",
        "FROM scratch",
        "FROM base",
        "FROM scratch\nENV A=1",
        "COPY a.txt /x/\nFROM base",
        "FROM base AS rich\nCOPY a.txt /x/\nFROM rich",
    ]);
    for (target, instructions) in [
        ("one", "FROM base AS one\nCOPY a.txt /x/\nFROM one AS two\nCOPY b.txt /x/"),
        ("two", "FROM base AS one\nCOPY a.txt /x/\nFROM one AS two\nCOPY b.txt /x/\nFROM missing"),
        ("ONE", "FROM base AS one\nCOPY a.txt /x/\nFROM one AS two\nCOPY b.txt /x/"),
        ("0", "FROM base AS one\nCOPY a.txt /x/\nFROM one AS two\nCOPY b.txt /x/"),
        ("1", "FROM base\nCOPY a.txt /x/\nFROM bare\nCOPY b.txt /x/\nFROM scratch\nCOPY c.md /"),
        ("3", "FROM base\nCOPY a.txt /x/\nFROM bare\nCOPY b.txt /x/\nFROM scratch\nCOPY c.md /"),
        ("three", "FROM base AS one\nCOPY a.txt /x/"),
        ("one", "FROM base AS one\nCOPY a.txt /x/\nFROM base AS two\nCOPY missing /x/"),
        ("two", "FROM base AS one\nCOPY missing /x/\nFROM base AS two\nCOPY a.txt /x/"),
        ("two", "FROM base AS one\nCOPY missing /x/\nFROM base AS two\nCOPY --from=one /x /x/"),
    ] {
        family.add(instructions).target = Some(target.to_owned());
    }
    for (platform, instructions) in [
        ("linux/arm64", "FROM arm\nCOPY a.txt /x/$TARGETARCH-$TARGETOS"),
        (
            "linux/arm64",
            "FROM --platform=$TARGETPLATFORM arm\nARG TARGETARCH TARGETVARIANT TARGETOS\nCOPY a.txt /x/$TARGETARCH-$TARGETOS$TARGETVARIANT",
        ),
        ("linux/arm64", "FROM scratch\nARG TARGETPLATFORM\nCOPY a.txt /x/$TARGETPLATFORM"),
        ("linux/arm/v7", "FROM scratch\nARG TARGETVARIANT\nENV V=$TARGETVARIANT\nCOPY a.txt /x/$V"),
        (
            "linux/amd64",
            "FROM --platform=$BUILDPLATFORM base AS one\nCOPY a.txt /x/\nFROM base\nCOPY --from=one /x/a.txt /y",
        ),
        (
            "linux/arm64",
            "FROM --platform=linux/amd64 base AS one\nARG TARGETARCH\nCOPY a.txt /x/$TARGETARCH\nFROM arm\nCOPY --from=one /x /y/",
        ),
        ("linux/amd64", "FROM --platform=nonsense/a/b/c/d base\nCOPY a.txt /x/"),
    ] {
        family.add(instructions).platform = Some(platform.to_owned());
    }
    family
}

pub fn contexts() -> Family {
    let mut family = Family::new("contexts");
    let extra = "file only/here/y only/x! l->only m->../../a.txt .dockerignore=file";
    for instructions in [
        "COPY --from=extra file /x/",
        "COPY --from=extra only /x/",
        "COPY --from=extra l /x/",
        "COPY --from=extra . /x/",
        "COPY --from=extra /only/*/y /x/",
        "COPY --from=extra m /x/",
        "COPY --from=extra missing /x/",
        "COPY --from=extra missing* /x/",
        "COPY --from=EXTRA file /x/",
        "COPY --from=extra --chown=app --chmod=600 only /x/",
        "COPY --from=extra --exclude=here only /x/",
        "FROM base AS extra\nCOPY a.txt /\nFROM bare\nCOPY --from=extra / /x/",
        "FROM base AS extra\nCOPY a.txt /\nFROM extra\nCOPY b.txt /",
        "FROM extra\nCOPY a.txt /x/",
    ] {
        family.add(instructions).folders = vec![("extra".to_owned(), Item::list(extra))];
    }
    for instructions in [
        "COPY --from=stage /etc /x/",
        "FROM stage\nCOPY a.txt /x/",
        "FROM base AS stage\nCOPY a.txt /x/\nFROM stage\nCOPY b.txt /x/",
        "FROM base AS stage\nCOPY missing /x/\nFROM scratch\nCOPY --from=stage /etc /x/",
        "FROM base AS stage\nENV A=1\nFROM stage AS next\nCOPY a.txt /x$A\nFROM next",
    ] {
        family.add(instructions).images = vec![("stage".to_owned(), "bare".to_owned())];
    }
    let pair = family.add("FROM stage AS one\nCOPY a.txt .\nFROM one\nCOPY b.txt .");
    pair.images = vec![("stage".to_owned(), "rich".to_owned())];
    let pair = family.add("FROM base AS stage\nCOPY missing /x/\nFROM stage\nCOPY b.txt /x/");
    pair.images = vec![("stage".to_owned(), "triggers".to_owned())];
    let pair = family.add("FROM base AS stage\nCOPY a.txt /x/\nFROM stage");
    pair.images = vec![("stage".to_owned(), "layered".to_owned())];
    pair.target = Some("stage".to_owned());
    family
}
