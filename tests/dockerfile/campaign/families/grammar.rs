//! Random Dockerfiles on random contexts.

use super::super::random::Random;
use super::{Family, Item};

/// How many.
const COUNT: usize = 150;

const NAMES: &[&str] = &["a", "b", "c", "lib", "srv", "v1", "x", "sub", ".dot", "plain", "opt", "current"];

const DESTINATIONS: &[&str] = &[
    "/srv/v1",
    "/srv/v1/",
    "/lib/",
    "/opt/current",
    "/opt/current/",
    "/x",
    "/x/",
    "/x/y/z",
    ".",
    "./",
    "sub/",
    "../up/",
    "/",
    "/opt/chain/",
    "/home/app/",
    "/tmp/",
    "/srv/dir",
    "/srv/taken/",
    "$ROOT/",
    "/srv/lib/",
    "/opt/absolute/new/",
    "/srv/plain",
    "/opt",
    "/var/run/x/",
];

pub fn random(seed: u64) -> Family {
    let mut family = Family::new("random");
    for number in 0..COUNT {
        let mut random = Random::new(seed.wrapping_mul(1_000_003).wrapping_add(number as u64));
        let context = context(&mut random);
        let paths: Vec<String> = context.iter().map(path_of).collect();
        let base = random.one(&["base", "base", "rich", "layered", "scratch"]);
        let mut text = format!("FROM {base}\n");
        if random.chance(30) {
            text = format!("FROM base AS first\n{}{text}", instruction(&mut random, &paths, false));
        }
        let staged = text.contains("AS first");
        for _ in 0..=random.below(4) {
            text += &instruction(&mut random, &paths, staged);
        }
        let pair = family.add(text.trim_end());
        pair.context = context;
        if random.chance(25) {
            let rules = (0..=random.below(3)).map(|_| rule(&mut random, &paths)).collect::<String>();
            pair.context.push(Item::file(".dockerignore", rules.as_bytes()));
        }
    }
    family
}

fn path_of(item: &Item) -> String {
    match item {
        Item::Directory(path) | Item::File { path, .. } | Item::Link { path, .. } | Item::Same { path, .. } => {
            path.clone()
        }
    }
}

/// A small tree of files, directories and links.
fn context(random: &mut Random) -> Vec<Item> {
    let mut directories = vec![String::new()];
    let mut items: Vec<Item> = Vec::new();
    for number in 0..4 + random.below(10) {
        let folder = directories[random.below(directories.len())].clone();
        let path = format!("{folder}{}", random.one(NAMES));
        if items.iter().any(|item| path_of(item) == path) {
            continue;
        }
        match random.below(10) {
            0..=3 => {
                directories.push(format!("{path}/"));
                items.push(Item::Directory(path));
            }
            4 => {
                let target = ["a", "../b", "sub", "/srv", "/c/x", ".", "lib/.."][random.below(7)].to_owned();
                items.push(Item::Link { path, target });
            }
            5 => items.push(Item::File { path, content: b"run\n".to_vec(), executable: true }),
            _ => items.push(Item::file(&path, format!("file {number}\n").as_bytes())),
        }
    }
    items
}

fn instruction(random: &mut Random, paths: &[String], staged: bool) -> String {
    match random.below(12) {
        0 => format!("WORKDIR {}\n", random.one(&["/srv", "sub", "/opt/current", "/new/w", "..", "/lib"])),
        1 => format!("USER {}\n", random.one(&["app", "1000:50", "root"])),
        2 => format!("ENV ROOT={}\n", random.one(&["/srv/v1", "$ROOT/sub", "/opt/current", "x"])),
        _ => copy(random, paths, staged),
    }
}

fn copy(random: &mut Random, paths: &[String], staged: bool) -> String {
    let mut line = random.one(&["COPY", "COPY", "COPY", "ADD"]).to_owned();
    let from = line == "COPY" && random.chance(25);
    if from {
        line += if staged && random.chance(50) { " --from=first" } else { " --from=base" };
    }
    if random.chance(20) {
        line += &format!(" --chown={}", random.one(&["app", "5:6", "7", ":staff", "app:50"]));
    }
    if random.chance(20) {
        line += &format!(" --chmod={}", random.one(&["640", "4755", "u+x", "go=rX,u+w", "a-w", "1777"]));
    }
    if random.chance(15) {
        line += &format!(" --exclude={}", random.one(&["a", "**/a", "*/b", "sub", "l*", "!x"]));
    }
    if random.chance(10) {
        line += " --parents";
    }
    let several = random.chance(35);
    for _ in 0..=usize::from(several) {
        line += " ";
        line += &if from { image_source(random) } else { source(random, paths) };
    }
    let destination = random.one(DESTINATIONS);
    // Several sources end in a slash: that tarsia refuses them else is shown elsewhere, and would hide the rest here.
    let slash = if several && !destination.ends_with(['/', '.']) { "/" } else { "" };
    format!("{line} {destination}{slash}\n")
}

fn image_source(random: &mut Random) -> String {
    random
        .one(&[
            "/srv/v1",
            "/srv/dir/",
            "/opt/current",
            "/opt/c*",
            "/srv/v1/f*",
            "/home/app",
            "/lib",
            "/srv/taken",
            "/etc/passwd",
            "/opt",
        ])
        .to_owned()
}

fn source(random: &mut Random, paths: &[String]) -> String {
    let path = &paths[random.below(paths.len())];
    match random.below(10) {
        0 => ".".to_owned(),
        1 => format!("/{path}"),
        2 => format!("{}*", &path[..path.len().min(1)]),
        3 => path.rsplit_once('/').map_or("*".to_owned(), |(folder, _)| format!("{folder}/*")),
        4 => path.split_once('/').map_or("?".to_owned(), |(_, rest)| format!("*/{rest}")),
        5 if random.chance(30) => format!("{path}/missing"),
        _ => path.clone(),
    }
}

fn rule(random: &mut Random, paths: &[String]) -> String {
    let path = &paths[random.below(paths.len())];
    match random.below(6) {
        0 => format!("**/{}\n", path.rsplit('/').next().unwrap()),
        1 => format!("!{path}\n"),
        2 => format!("{}/*\n", path.split('/').next().unwrap()),
        3 => "*\n!a\n!lib\n".to_owned(),
        _ => format!("{path}\n"),
    }
}
