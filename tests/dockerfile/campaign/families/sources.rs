//! What COPY copies.

use super::{Family, Item};

/// Names, directories, several of them, missing ones.
pub fn sources() -> Family {
    let mut family = Family::new("sources");
    family.add_each(&[
        "COPY /a.txt /x/",
        "COPY ./a.txt /x/",
        "COPY ../a.txt /x/",
        "COPY ../../../a.txt /x/",
        "COPY dir/../a.txt /x/",
        "COPY dir/sub/../../b.txt /x",
        "COPY dir /x/",
        "COPY dir/ /x/",
        "COPY dir/. /x/",
        "COPY ./dir /x",
        "COPY /dir/sub/ /x",
        "COPY / /x/",
        "COPY .. /x/",
        "COPY empty /x/",
        "COPY empty /x",
        "COPY dir/void a.txt /x/",
        "COPY a.txt b.txt /x/",
        "COPY a.txt b.txt /x",
        "COPY a.txt b.txt /srv/v1",
        "COPY a.txt dir /x/",
        "COPY a.txt dir /x",
        "COPY dir a.txt /srv",
        "COPY dir other src /x/",
        "COPY missing /x",
        "COPY missing/ /x/",
        "COPY a.txt missing /x/",
        "COPY a.txt/ /x",
        "COPY a.txt/ /x/",
        "COPY a.txt/. /x/",
        "COPY a.txt/nothing /x/",
        "COPY dir/missing /x/",
        "COPY .hidden /x/",
        "COPY run.sh /x",
        "COPY dir/tool /usr/local/bin/",
        "COPY a.txt /x/.wh.a",
        "COPY twin1 twin2 /x/",
        "COPY twin2 /x/",
        "COPY pair /x/",
        "COPY pair pair /x/",
        "COPY deep/er /x/",
        "COPY",
        "COPY a.txt",
        "COPY [\"a.txt\"]",
        "COPY [\"a.txt\", \"/x/\", 3]",
        "COPY ['a.txt', '/x/']",
        "COPY \"a.txt\" /x/",
        "COPY a.txt \"/x/\"",
        "COPY --unknown a.txt /x/",
        "COPY --chown=1 --chown=2 a.txt /x/",
        "COPY --from=missing a.txt /x/",
        "copy a.txt /x/\nCoPy b.txt /x/",
        "COPY a.txt \\\n  # a comment\n  b.txt \\\n\n  /x/",
        "# escape=`\nFROM base\nCOPY a.txt `\n  b.txt /x/",
        "ADD a.txt /x/",
        "ADD dir /x/",
        "ADD a.txt b.txt /x",
        "ADD missing /x/",
        "ADD nothing* /x/",
        "ADD --chmod=600 --chown=1:2 a.txt /x/",
    ]);
    let pair = family.add("COPY [\"sp ace/f ile\", \"/x y/\"]");
    pair.context.push(Item::file("sp ace/f ile", b"spaces\n"));
    let pair = family.add("COPY sp\\ ace/f\\ ile /x/");
    pair.context.push(Item::file("sp ace/f ile", b"spaces\n"));
    let pair = family.add("COPY . /x/");
    pair.context =
        vec![Item::file("ünïcode/日本", b"text\n"), Item::file(&format!("long/{}", "n".repeat(200)), b"long\n")];
    let pair = family.add("COPY . /x/");
    pair.context = Vec::new();
    let pair = family.add("COPY .wh.a /x/");
    pair.context = Item::list(".wh.a");
    family
}

/// Patterns, as Go's `filepath.Match` reads them.
pub fn wildcards() -> Family {
    let mut family = Family::new("wildcards");
    for pattern in [
        "*",
        "*.txt",
        "*.TXT",
        "?.txt",
        "file?",
        "file[1-2]",
        "file[^1-2]",
        "file[!1]",
        "file[A-Z]",
        "file[1",
        "file\\[1\\]",
        "file[[]1]",
        "st\\*r",
        "st*r",
        "file[123",
        "[a-c].*",
        "[a-c]*",
        "dir*",
        "dir/*",
        "dir/*.md",
        "dir/.*",
        "*/x",
        "*/sub/z",
        "*/*/z",
        "**/z",
        "src/**",
        "src/*/1.py",
        "src/*",
        "src/?/*.py",
        "dir/s*/",
        "*/",
        "nothing*",
        "nothing*/x",
        "dir/nothing*",
        "./*.txt",
        "/*.txt",
        ".h*",
        ".*",
        "to*",
        "links/*",
        "links/to*",
        "chained*",
        "twin*",
        "empty*",
        "dir/../*.md",
        "deep/*/est",
        "*1",
        "a.tx[t]",
        "a\\.txt",
        "dir\\/x",
    ] {
        family.add(&format!("COPY {pattern} /x/"));
    }
    family.add_each(&[
        "COPY *.txt /x",
        "COPY a*.txt /x",
        "COPY dir* /x",
        "COPY src/* /x",
        "COPY file? /srv/v1",
        "COPY nothing* /x",
        "COPY nothing* /srv/v1",
        "COPY nothing* a.txt /x/",
        "COPY *.txt *.md run.sh /x/",
        "COPY *.txt missing /x/",
        "COPY * .",
        "COPY [\"file[[]1]\", \"*.md\", \"/x/\"]",
        "COPY twin* /x/",
        "COPY pair/* /x/",
        "WORKDIR /srv\nCOPY a* .",
        "FROM scratch\nCOPY nothing* /x/",
        "ADD *.txt /x/",
        "COPY dang* /x/",
    ]);
    family
}

/// Links of the context.
pub fn links() -> Family {
    let mut family = Family::new("links");
    for source in [
        "tofile",
        "todir",
        "todir/",
        "todir/x",
        "todir/sub",
        "dangling",
        "absolute",
        "chained",
        "chained/z",
        "up",
        "links",
        "links/tofile",
        "links/todir",
        "links/todir/x",
        "links/dangling",
        "links/absolute",
        "links/up",
        "links/plain",
        "todir/*",
        "tod*/x",
        "links/tod*/sub",
    ] {
        family.add(&format!("COPY {source} /x"));
        family.add(&format!("COPY {source} /x/"));
    }
    for (items, source) in [
        ("l->l", "l"),
        ("a->b b->a", "a"),
        ("d/l->l", "d"),
        ("a->b b->c c->d d", "a"),
        ("a->b b->c c->d d/f", "a"),
        ("d/f l->./d/../d/./f", "l"),
        ("d/e/f d/l->e m->d/l", "m"),
        ("d/f l->/d", "l"),
        ("d/f l->/d l2->/l/f", "l2"),
        ("d/f l->../../d", "l"),
        ("d/f l->d", "l/."),
        ("d/up->.. d/f g", "d/up/g"),
        ("d/up->.. d/f g", "d/up"),
        ("d/f->../g g", "d/f"),
        ("t m==t", "m"),
        ("t l1->t l2->t", "."),
    ] {
        let pair = family.add(&format!("COPY {source} /x/"));
        pair.context = Item::list(items);
    }
    family
}
