//! Where tarsia differs from docker on purpose: rules about what a pair asks, each with its reason.

use super::outcome::Outcome;
use super::pair::{Item, Pair};

/// The names that the bases' files hold.
const KNOWN: [&str; 9] = ["root", "daemon", "www-data", "app", "builder", "loner", "staff", "users", ""];

/// Why these outcomes may differ, if they may.
pub fn reason(pair: &Pair, docker: &Outcome, tarsia: &Outcome) -> Option<&'static str> {
    // Modes of a context are normalised too, but no pair has others than the normal ones.
    match (docker, tarsia) {
        (Outcome::Image(_), Outcome::Refused(_)) if several_into_one(pair) => {
            Some("several sources for a destination without a slash at its end: docker lets the last one win")
        }
        (Outcome::Image(_), Outcome::Refused(_)) if unknown_owner(pair) => {
            Some("an owner that the image does not know: docker takes 0 for it")
        }
        (Outcome::Image(_), Outcome::Refused(_)) if runs_as_a_user(pair) => {
            Some("a RUN after USER: what the user may do is not known without running it")
        }
        (Outcome::Image(_), Outcome::Refused(why))
            if pair.dockerfile.contains("COPY --parents --from=") && why.contains("has no `") =>
        {
            Some("--parents through a link: docker finds the path and copies nothing")
        }
        (Outcome::Refused(why), Outcome::Image(_)) if is_about_a_dangling_link(pair, why) => {
            Some("a link that leads nowhere, beside --exclude or --parents: docker cannot compute its cache key")
        }
        (Outcome::Image(_), Outcome::Refused(why)) if why.contains("but its FROM names") => {
            Some("a FROM for another platform than the image: docker labels the one as the other")
        }
        (Outcome::Image(_), Outcome::Refused(why)) if why.contains("is a link to a directory") => {
            Some("rm of a link with a slash at its end: busybox takes the link away, GNU empties the directory")
        }
        (Outcome::Image(docker), Outcome::Image(tarsia)) if !docker.config.contains_key("architecture") => {
            let same = |key: &&String| docker.config.get(*key) == tarsia.config.get(*key);
            let differs = tarsia.config.keys().filter(|key| !same(key)).count();
            (docker.tree == tarsia.tree && differs == 1).then_some("an image for no architecture at all")
        }
        (Outcome::Image(docker), Outcome::Image(tarsia)) if pair.dockerfile.contains("--chmod=1777") => {
            let written = |mode: &str| mode.replacen("d 0777", "d 0755", 1);
            let same = |(path, mode): (&String, &String)| tarsia.tree.get(path) == Some(&written(mode));
            let is_same = docker.config == tarsia.config && docker.tree.len() == tarsia.tree.len();
            (is_same && docker.tree.iter().all(same))
                .then_some("directories made on the way: docker's umask counts, that of a buildkit of its own is 0")
        }
        (Outcome::Refused(why), Outcome::Image(_)) if why.starts_with("lstat /") && pair.dockerfile.contains('*') => {
            Some("a wildcard in a folder that matches nothing: docker's client does not send the folder")
        }
        (Outcome::Image(_), Outcome::Refused(_)) if names_a_whiteout(pair) => {
            Some("a name that says whiteout: docker takes it for one, or loses the file")
        }
        (Outcome::Image(_), Outcome::Refused(_)) if needs_a_shell(pair) => {
            Some("a command that is not one of those that tarsia knows without a shell")
        }
        _ => None,
    }
}

/// Whether a file in the pair, or in an archive of it, has a whiteout's name.
fn names_a_whiteout(pair: &Pair) -> bool {
    let holds = |bytes: &[u8]| bytes.windows(4).any(|window| window == b".wh.");
    let item = |item: &Item| match item {
        Item::File { path, content, .. } => holds(path.as_bytes()) || holds(content),
        Item::Directory(path) | Item::Link { path, .. } | Item::Same { path, .. } => holds(path.as_bytes()),
    };
    holds(pair.dockerfile.as_bytes()) || pair.context.iter().any(item)
}

/// Whether a RUN is more than `mkdir`, `chmod`, `chown`, `touch`, `ln -s`, `rm`, `echo` and `true`, joined by `&&`.
fn needs_a_shell(pair: &Pair) -> bool {
    const KNOWN: [&str; 8] = ["mkdir", "chmod", "chown", "touch", "ln", "rm", "echo", "true"];
    let text = pair.dockerfile.replace("\\\n", " ");
    let mut runs = text.lines().filter_map(|line| line.strip_prefix("RUN "));
    runs.any(|run| {
        let known = |command: &str| {
            let first = command.split_ascii_whitespace().next().unwrap_or_default();
            KNOWN.contains(&first) && (first != "ln" || command.contains(" -s"))
        };
        run.contains([';', '>', '<', '`'])
            || run.contains("$(")
            || run.starts_with(['-', '['])
            || run.replace("${", "").contains('{')
            || !run.split("&&").all(known)
    })
}

/// Whether docker stumbled over a link that the Dockerfile does not name.
fn is_about_a_dangling_link(pair: &Pair, why: &str) -> bool {
    let stumbled = why.contains("cache key") && why.contains("not found");
    let name = why.rsplit('"').nth(1).unwrap_or_default().trim_start_matches('/');
    let is_named = pair.dockerfile.split_ascii_whitespace().any(|word| word.trim_matches('/') == name);
    stumbled
        && (!is_named || name == "dangling")
        && ["--exclude", "--parents"].iter().any(|flag| pair.dockerfile.contains(flag))
}

/// Whether a RUN comes after a USER that is not root.
fn runs_as_a_user(pair: &Pair) -> bool {
    let mut lines =
        pair.dockerfile.lines().skip_while(|line| !line.starts_with("USER ") || line.starts_with("USER root"));
    lines.any(|line| line.starts_with("RUN "))
}

/// Whether a COPY or ADD may lay several sources onto one path.
fn several_into_one(pair: &Pair) -> bool {
    copies(pair).any(|words| {
        let Some((destination, sources)) = words.split_last() else { return false };
        let several = sources.len() > 1 || sources.iter().any(|source| source.contains(['*', '?', '[']));
        several && !destination.ends_with('/') && *destination != "."
    })
}

/// Whether a `--chown`, or the USER of a WORKDIR, names somebody who may be in no `/etc/passwd` or `/etc/group`, or no
/// number that can be one.
fn unknown_owner(pair: &Pair) -> bool {
    let file = &pair.dockerfile;
    let is_replaced = file.contains("/etc/group") || file.contains("/etc/passwd");
    let nobody_known = is_replaced || ["FROM scratch", "FROM bare"].iter().any(|from| file.contains(from));
    let owners = file.split_ascii_whitespace().filter_map(|word| word.strip_prefix("--chown="));
    let users = file.lines().filter_map(|line| line.strip_prefix("USER ")).filter(|_| file.contains("WORKDIR"));
    owners.chain(users).any(|owner| {
        let unknown = |name: &str| match name.parse::<u64>() {
            Ok(number) => number > i32::MAX as u64,
            Err(_) => nobody_known || !KNOWN.contains(&name),
        };
        owner.matches(':').count() > 1 || owner.split(':').any(unknown)
    })
}

/// The words of each COPY and ADD, without flags.
fn copies(pair: &Pair) -> impl Iterator<Item = Vec<&str>> {
    pair.dockerfile.lines().filter_map(|line| {
        let mut words = line.split_ascii_whitespace();
        let is_copy = ["COPY", "ADD"].contains(&words.next()?);
        is_copy.then(|| words.filter(|word| !word.starts_with("--")).collect())
    })
}
