//! What an ignore file leaves of a context.

use super::{Family, Item};

pub fn ignore() -> Family {
    let mut family = Family::new("ignore");
    for rules in [
        "*.txt",
        "**/*.py",
        "dir",
        "dir/",
        "/dir",
        "dir/*",
        "dir/**",
        "dir\n!dir/sub",
        "dir\n!dir/sub/z",
        "*\n!a.txt\n!dir/x",
        "*\n!dir",
        "*\n!src/*/1.py",
        "**\n!**/z",
        "!a.txt\na.txt",
        "# a comment\n\n  b.txt  \n",
        " #odd\n\\#odd",
        ".*",
        "**/.*",
        "Dockerfile\n.dockerignore",
        "links\n!links/tofile",
        "todir",
        "dir/sub/..",
        "src/b/../a",
        "file[1-2]",
        "file?",
        "s**",
        "\u{feff}a.txt\r\nb.txt\r\n",
        "empty",
        "**/sub",
        "../dir",
        ".",
        "/",
        "twin1",
        "pair/one",
        "*/x\n!dir/x",
        "src/*\n!src/b\nsrc/b/sub",
    ] {
        let pair = family.add("COPY . /x/");
        pair.context.push(Item::file(".dockerignore", rules.as_bytes()));
    }
    for (rules, instructions) in [
        ("a.txt", "COPY a.txt /x/"),
        ("a.txt", "COPY tofile /x/"),
        ("a.txt", "COPY links/tofile /x/"),
        ("*.txt", "COPY *.txt /x/"),
        ("a.txt", "COPY *.txt /x/"),
        ("dir", "COPY dir /x/"),
        ("dir", "COPY todir /x/"),
        ("dir/*", "COPY dir /x/"),
        ("dir/sub", "COPY dir/sub /x/"),
        ("dir\n!dir/sub/z", "COPY dir /x/"),
        ("dir\n!dir/sub/z", "COPY dir/* /x/"),
        ("dir/x", "COPY todir/x /x/"),
        ("*", "COPY . /x/"),
        ("*", "COPY a.txt /x/"),
        ("*\n!*.md", "COPY *.md *.txt /x/"),
        ("[", "COPY . /x/"),
        ("!", "COPY . /x/"),
        ("a[", "COPY a.txt /x/"),
        ("etc", "COPY --from=base /etc/passwd /x/"),
        ("dir", "ADD dir /x/"),
        ("twin1", "COPY twin2 /x/"),
        ("links/*\n!links/plain", "COPY links /x/"),
    ] {
        let pair = family.add(instructions);
        pair.context.push(Item::file(".dockerignore", rules.as_bytes()));
    }
    // A file beside the Dockerfile replaces the one at the root.
    for (file, own) in [
        ("Dockerfile", "Dockerfile.dockerignore"),
        ("app.Dockerfile", "app.Dockerfile.dockerignore"),
        ("docker/Dockerfile", "docker/Dockerfile.dockerignore"),
        ("docker/app.Dockerfile", "docker/app.Dockerfile.dockerignore"),
        ("docker/Dockerfile", "docker/.dockerignore"),
        ("docker/Dockerfile", "Dockerfile.dockerignore"),
    ] {
        let pair = family.add("COPY . /x/");
        pair.file = file.to_owned();
        pair.context.push(Item::file(".dockerignore", b"*.md\n"));
        pair.context.push(Item::file(own, b"*.txt\n**/sub\n"));
    }
    let pair = family.add("COPY . /x/");
    pair.context.push(Item::file(".dockerignore", b"*.md\n"));
    pair.context.push(Item::file("Dockerfile.dockerignore", b""));
    family
}
