//! Written out: steps as a shell would read them again.

use std::fmt;

use super::{Argument, Step};

impl fmt::Display for Step {
    /// The command, as a shell would read it again.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut words: Vec<String> = vec![self.name().to_owned()];
        let mut flags = String::from("-");
        let paths: &[Argument] = match self {
            Step::MakeDirectory { paths, parents, mode } => {
                if *parents {
                    flags.push('p');
                }
                if let Some(mode) = mode {
                    words.push("-m".to_owned());
                    words.push(quote(mode.to_string().as_bytes()));
                }
                paths
            }
            Step::WorkingDirectory { path } => {
                return write!(f, "mkdir -p {}", quote(&[b"/", path.as_slice()].concat()));
            }
            Step::ChangeMode { mode, paths, recursive } => {
                if *recursive {
                    words.push("-R".to_owned());
                }
                let mode = mode.to_string();
                if mode.starts_with('-') {
                    words.push("--".to_owned());
                }
                words.push(quote(mode.as_bytes()));
                paths
            }
            Step::ChangeOwner { owner, paths, recursive, no_dereference } => {
                if *recursive {
                    flags.push('R');
                }
                if *no_dereference {
                    flags.push('h');
                }
                if flags.len() > 1 {
                    words.push(std::mem::replace(&mut flags, "-".to_owned()));
                }
                words.push(quote(owner.written.as_bytes()));
                paths
            }
            Step::Touch { paths } => paths,
            Step::Link { targets, path, force, no_dereference } => {
                flags.push('s');
                if *force {
                    flags.push('f');
                }
                if *no_dereference {
                    flags.push('n');
                }
                words.push(std::mem::replace(&mut flags, "-".to_owned()));
                if targets.iter().any(|target| target.starts_with(b"-")) {
                    words.push("--".to_owned());
                }
                words.extend(targets.iter().map(|target| quote(target)));
                std::slice::from_ref(path)
            }
            Step::Remove { paths, recursive, force } => {
                if *recursive {
                    flags.push('r');
                }
                if *force {
                    flags.push('f');
                }
                paths
            }
        };
        if flags.len() > 1 {
            words.push(flags);
        }
        words.extend(paths.iter().map(|path| {
            let whole = [b"/", path.path.as_slice()].concat();
            if path.is_pattern { pattern(&whole) } else { quote(&whole) }
        }));
        f.write_str(&words.join(" "))
    }
}

/// A word that a shell takes as it is.
fn quote(word: &[u8]) -> String {
    let text = String::from_utf8_lossy(word);
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+=:,@%".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text.into_owned()
    } else {
        format!("'{}'", text.replace('\'', "'\\''"))
    }
}

/// A pattern with all but its wildcards escaped.
fn pattern(word: &[u8]) -> String {
    let mut written = String::new();
    let text = String::from_utf8_lossy(word);
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => {
                written.push('\\');
                written.extend(characters.next());
            }
            c if c.is_ascii_alphanumeric() || "/._-+=:,@%*?[]^!".contains(c) => written.push(c),
            // After a backslash it would join lines.
            '\n' => written.push_str("'\n'"),
            c => {
                written.push('\\');
                written.push(c);
            }
        }
    }
    written
}
