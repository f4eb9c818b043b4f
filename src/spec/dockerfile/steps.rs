//! `RUN` without a shell: the commands whose effect on the file system can be told from their words alone.

use super::expand::Environment;
use super::words::{NeedsShell, Word, commands};
use crate::layer::{Argument, Chmod, NewOwner, Step};

/// Why a `RUN` cannot be done without running it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// What it would have to run: a command, or a piece of a shell's language.
    pub what: String,
    /// Whether it would have to whatever its variables stand for.
    pub is_certain: bool,
}

impl Refusal {
    /// One that no variable changes.
    pub(super) fn certain(what: impl Into<String>) -> Refusal {
        Refusal { what: what.into(), is_certain: true }
    }
}

fn refuse<T>(what: impl Into<String>) -> Result<T, Refusal> {
    Err(Refusal { what: what.into(), is_certain: false })
}

/// What a script does. Relative paths begin at `folder`, which has no `/` in front.
///
/// # Errors
///
/// [`Refusal`] if anything in it has to be run.
pub fn steps(script: &str, folder: &[u8], environment: &dyn Environment) -> Result<Vec<Step>, Refusal> {
    let commands = commands(script, environment).map_err(|NeedsShell(what)| Refusal::certain(what))?;
    commands.iter().map(|words| step(words, folder)).filter_map(Result::transpose).collect()
}

/// The same for the words of the exec form, in which nothing is expanded.
///
/// # Errors
///
/// As [`steps`].
pub fn exec_steps(words: &[String], folder: &[u8]) -> Result<Vec<Step>, Refusal> {
    let words: Vec<Word> = words.iter().map(|word| Word::quoted(word)).collect();
    Ok(step(&words, folder)?.into_iter().collect())
}

/// One command; nothing for one that does nothing.
fn step(words: &[Word], folder: &[u8]) -> Result<Option<Step>, Refusal> {
    let Some((name, arguments)) = words.split_first() else { return Ok(None) };
    let text = String::from_utf8_lossy(&name.text()).into_owned();
    let name_is_literal = name.is_literal();
    let name = text.strip_prefix("/usr").unwrap_or(&text);
    let name = name.strip_prefix("/bin/").unwrap_or(&text);
    if matches!(name, "true" | ":" | "echo") {
        return Ok(None);
    }
    let mut line = Line::new(name, arguments, folder);
    match name {
        "mkdir" => line.mkdir(),
        "chmod" => line.chmod(),
        "chown" => line.chown(),
        "touch" => line.touch(),
        "ln" => line.ln(),
        "rm" => line.rm(),
        _ if text.contains('=') => refuse(format!("an assignment, `{text}`")),
        _ => Err(Refusal { what: format!("the command `{text}`"), is_certain: name_is_literal }),
    }
}

/// A command's name, its flags and its other words.
struct Line<'a> {
    name: &'a str,
    flags: Vec<String>,
    words: Vec<&'a Word>,
    folder: &'a [u8],
}

impl<'a> Line<'a> {
    fn new(name: &'a str, arguments: &'a [Word], folder: &'a [u8]) -> Line<'a> {
        let mut line = Line { name, flags: Vec::new(), words: Vec::new(), folder };
        let mut arguments = arguments.iter();
        while let Some(word) = arguments.next() {
            let text = word.text();
            match text.as_slice() {
                b"--" => {
                    line.words.extend(arguments.by_ref());
                }
                // `chmod -x` takes a right away.
                [b'-', rest @ ..] if name == "chmod" && is_mode(rest) => line.words.push(word),
                [b'-', b'-', long @ ..] => line.flags.push(format!("--{}", String::from_utf8_lossy(long))),
                [b'-', short @ ..] if !short.is_empty() => {
                    let short = String::from_utf8_lossy(short).into_owned();
                    if name == "mkdir"
                        && let Some((flags, mode)) = short.split_once('m')
                    {
                        line.flags.extend(flags.chars().map(String::from));
                        let mode = match mode {
                            "" => arguments.next().map(|word| String::from_utf8_lossy(&word.text()).into_owned()),
                            mode => Some(mode.to_owned()),
                        };
                        line.flags.push(format!("--mode={}", mode.unwrap_or_default()));
                    } else {
                        line.flags.extend(short.chars().map(String::from));
                    }
                }
                _ => line.words.push(word),
            }
        }
        line
    }

    /// Takes flags that are known; refuses to leave any.
    fn flags<const N: usize>(&mut self, known: [(&str, &str); N]) -> Result<[bool; N], Refusal> {
        let mut given = [false; N];
        for flag in std::mem::take(&mut self.flags) {
            let at = known.iter().position(|(short, long)| flag == *short || flag.strip_prefix("--") == Some(*long));
            match at {
                Some(at) => given[at] = true,
                None if matches!(flag.as_str(), "v" | "--verbose") => {}
                None => {
                    let dash = if flag.starts_with('-') { "" } else { "-" };
                    return refuse(format!("the flag `{dash}{flag}` of `{}`", self.name));
                }
            }
        }
        Ok(given)
    }

    fn paths(&self, words: &[&Word]) -> Result<Vec<Argument>, Refusal> {
        if words.is_empty() {
            return refuse(format!("`{}` without a path, which fails", self.name));
        }
        words.iter().map(|word| self.path(word)).collect()
    }

    fn path(&self, word: &Word) -> Result<Argument, Refusal> {
        let is_pattern = word.is_pattern();
        let written = if is_pattern { word.pattern() } else { word.text() };
        if written.is_empty() {
            return refuse(format!("an empty path for `{}`, which fails", self.name));
        }
        if written.contains(&0) {
            return refuse("a path with a NUL byte");
        }
        let path = match written.strip_prefix(b"/") {
            Some(rest) => rest.to_vec(),
            None => {
                let mut path = self.folder.to_vec();
                if is_pattern {
                    path = path
                        .iter()
                        .flat_map(|&b| if b"*?[\\".contains(&b) { vec![b'\\', b] } else { vec![b] })
                        .collect();
                }
                if !path.is_empty() {
                    path.push(b'/');
                }
                path.extend_from_slice(&written);
                path
            }
        };
        Ok(Argument { path, is_pattern })
    }

    fn mkdir(&mut self) -> Result<Option<Step>, Refusal> {
        let mut mode = None;
        for flag in &self.flags {
            if let Some(text) = flag.strip_prefix("--mode=") {
                mode = Some(text.parse().or_else(|_| refuse(format!("the mode `{text}`")))?);
            }
        }
        self.flags.retain(|flag| !flag.starts_with("--mode="));
        let [parents] = self.flags([("p", "parents")])?;
        Ok(Some(Step::MakeDirectory { paths: self.paths(&self.words)?, parents, mode }))
    }

    fn chmod(&mut self) -> Result<Option<Step>, Refusal> {
        let [recursive, _] = self.flags([("R", "recursive"), ("c", "changes")])?;
        let (mode, words) = self.first()?;
        let mode: Chmod = mode.parse().or_else(|_| refuse(format!("the mode `{mode}`")))?;
        Ok(Some(Step::ChangeMode { mode, paths: self.paths(&words)?, recursive }))
    }

    fn chown(&mut self) -> Result<Option<Step>, Refusal> {
        let [recursive, no_dereference, _] =
            self.flags([("R", "recursive"), ("h", "no-dereference"), ("c", "changes")])?;
        let (written, words) = self.first()?;
        if written.is_empty() {
            return refuse("an empty owner");
        }
        let owner = NewOwner { written };
        Ok(Some(Step::ChangeOwner { owner, paths: self.paths(&words)?, recursive, no_dereference }))
    }

    fn touch(&mut self) -> Result<Option<Step>, Refusal> {
        let [no_create] = self.flags([("c", "no-create")])?;
        let paths = self.paths(&self.words)?;
        // Times are the epoch anyway: only what has to be made is left to do.
        Ok((!no_create).then_some(Step::Touch { paths }))
    }

    fn ln(&mut self) -> Result<Option<Step>, Refusal> {
        let [symbolic, force, no_dereference] =
            self.flags([("s", "symbolic"), ("f", "force"), ("n", "no-dereference")])?;
        if !symbolic {
            return refuse("a hard link, `ln` without `-s`");
        }
        if self.words.iter().any(|word| word.is_pattern()) {
            return refuse("a pattern as the argument of `ln`");
        }
        let (targets, path) = match self.words.as_slice() {
            [] => return refuse("`ln` without a path, which fails"),
            [only] => (vec![only.text()], Argument { path: self.folder.to_vec(), is_pattern: false }),
            [targets @ .., path] => (targets.iter().map(|word| word.text()).collect(), self.path(path)?),
        };
        if targets.iter().any(|target| target.is_empty() || target.contains(&0)) {
            return refuse("an empty target for `ln`, which fails");
        }
        Ok(Some(Step::Link { targets, path, force, no_dereference }))
    }

    fn rm(&mut self) -> Result<Option<Step>, Refusal> {
        let [lower, upper, force] = self.flags([("r", "recursive"), ("R", "recursive"), ("f", "force")])?;
        if self.words.is_empty() && force {
            return Ok(None);
        }
        Ok(Some(Step::Remove { paths: self.paths(&self.words)?, recursive: lower || upper, force }))
    }

    /// The first word, which is no path, and the others.
    fn first(&self) -> Result<(String, Vec<&'a Word>), Refusal> {
        match self.words.split_first() {
            Some((first, words)) if !first.is_pattern() => {
                Ok((String::from_utf8_lossy(&first.text()).into_owned(), words.to_vec()))
            }
            Some(_) => refuse(format!("a pattern as the first argument of `{}`", self.name)),
            None => refuse(format!("`{}` without arguments, which fails", self.name)),
        }
    }
}

fn is_mode(text: &[u8]) -> bool {
    !text.is_empty() && text.iter().all(|byte| b"rwxXstugoa,+-=".contains(byte)) && text != b"-"
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Nothing;

    impl Environment for Nothing {
        fn get(&self, _: &str) -> Option<&str> {
            None
        }
    }

    fn shown(script: &str) -> String {
        match steps(script, b"srv", &Nothing) {
            Ok(steps) => steps.iter().map(Step::to_string).collect::<Vec<_>>().join(" && "),
            Err(refusal) => format!("?{}", refusal.what),
        }
    }

    #[test]
    fn one_liners_are_understood() {
        for (script, expected) in [
            ("mkdir -p /a b/", "mkdir -p /a /srv/b/"),
            ("mkdir -pm 0700 a", "mkdir -m 0700 -p /srv/a"),
            ("mkdir -m755 --parents a", "mkdir -m 755 -p /srv/a"),
            ("chmod 644 /x/*.py", "chmod 644 /x/*.py"),
            ("chmod -R a+rX,go-w /x", "chmod -R a+rX,go-w /x"),
            ("chmod -x /x", "chmod -- -x /x"),
            ("chmod +x /x && true && echo 'done; now'", "chmod +x /x"),
            ("chown -Rh app:app /x '/y z'", "chown -Rh app:app /x '/y z'"),
            ("touch a", "touch /srv/a"),
            ("ln -sf ../a /b", "ln -sf ../a /b"),
            ("ln -snf /a b", "ln -sfn /a /srv/b"),
            ("ln -s /usr/bin/x", "ln -s /usr/bin/x /srv"),
            ("rm -rf /a/* -- -b", "rm -rf /a/* /srv/-b"),
            ("/bin/rm -f x '*'", "rm -f /srv/x '/srv/*'"),
            ("rm -rf", ""),
            ("echo hello *", ""),
            (":", ""),
            ("pip install x", "?the command `pip`"),
            ("FOO=1 mkdir x", "?an assignment, `FOO=1`"),
            ("touch -d yesterday x", "?the flag `-d` of `touch`"),
            ("ln a b", "?a hard link, `ln` without `-s`"),
            ("mkdir --context=x y", "?the flag `--context=x` of `mkdir`"),
            ("mkdir", "?`mkdir` without a path, which fails"),
            ("chmod 9 x", "?the mode `9`"),
            ("echo a > b", "?a redirection, `>`"),
        ] {
            assert_eq!(shown(script), expected, "{script}");
        }
    }

    #[test]
    fn steps_written_out_are_understood_again() {
        for script in [
            "mkdir -m u=rwx,go= -p '/a b'",
            "chmod -- -x /x",
            "ln -s -- -t /b",
            "rm -r '/a*b'/c*\\[x]*",
            "chown 1:1 /x",
        ] {
            let first = steps(script, b"", &Nothing).unwrap();
            let written: Vec<String> = first.iter().map(Step::to_string).collect();
            assert_eq!(steps(&written.join(" && "), b"", &Nothing).unwrap(), first, "{script} → {written:?}");
        }
    }
}
