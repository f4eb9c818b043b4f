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
            || !run.split("&&").all(known)
    })
}

/// Whether a COPY or ADD may lay several sources onto one path.
fn several_into_one(pair: &Pair) -> bool {
    copies(pair).any(|words| {
        let Some((destination, sources)) = words.split_last() else { return false };
        let several = sources.len() > 1 || sources.iter().any(|source| source.contains(['*', '?', '[']));
        several && !destination.ends_with('/') && *destination != "."
    })
}

/// Whether a `--chown` names somebody who may be in no `/etc/passwd` or `/etc/group`.
fn unknown_owner(pair: &Pair) -> bool {
    let nobody_known = ["FROM scratch", "FROM bare"].iter().any(|from| pair.dockerfile.contains(from));
    let owners = pair.dockerfile.split_ascii_whitespace().filter_map(|word| word.strip_prefix("--chown="));
    let mut names = owners.flat_map(|owner| owner.split(':'));
    names.any(|name| name.parse::<u32>().is_err() && (nobody_known || !KNOWN.contains(&name)))
}

/// The words of each COPY and ADD, without flags.
fn copies(pair: &Pair) -> impl Iterator<Item = Vec<&str>> {
    pair.dockerfile.lines().filter_map(|line| {
        let mut words = line.split_ascii_whitespace();
        let is_copy = ["COPY", "ADD"].contains(&words.next()?);
        is_copy.then(|| words.filter(|word| !word.starts_with("--")).collect())
    })
}
