//! docker's ignore rules: reading `.dockerignore`, and which paths of a context it leaves.
//!
//! It is not gitignore: patterns are anchored at the context's root, the last match wins, and a file below an
//! ignored directory can come back. The rules and their authority are those of
//! [moby/patternmatcher](https://github.com/moby/patternmatcher); `tests/context/ignore_cases.toml` holds what that
//! code answered for a few hundred cases.

use super::pattern::Pattern;

/// The longest line of an ignore file, in bytes: what docker's reader holds.
pub const LINE_LIMIT: usize = 64 * 1024;

/// An ignore file, or a list of patterns from elsewhere, ready to be asked.
///
/// ```
/// use tarsia::context::IgnoreRules;
///
/// let rules = IgnoreRules::parse(b"# caches\n**/__pycache__\n*.log\n!keep.log\n").unwrap();
/// assert!(rules.ignores(b"pkg/__pycache__/a.pyc").unwrap());
/// assert!(!rules.ignores(b"keep.log").unwrap());
/// assert!(!rules.ignores(b"deep/other.log").unwrap()); // anchored at the root
/// ```
#[derive(Debug, Default)]
pub struct IgnoreRules {
    rules: Vec<Rule>,
}

#[derive(Debug)]
struct Rule {
    pattern: Pattern,
    /// Written with `!`: what it matches comes back.
    negated: bool,
    /// As the user wrote it, for messages.
    written: String,
    /// The line it stands on, from 1; 0 for a pattern that came from no file.
    line: usize,
}

/// A pattern that docker would refuse.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the ignore pattern `{pattern}` is malformed: {reason}")]
pub struct InvalidPattern {
    /// The pattern as written.
    pub pattern: String,
    /// Its line in the ignore file, from 1; 0 if it came from no file.
    pub line: usize,
    /// What is wrong with it.
    pub reason: String,
}

/// What the rules say about a directory, to be handed on to what lies in it.
#[derive(Debug, Clone)]
pub struct Verdict {
    /// Whether the path is left out.
    pub ignored: bool,
    /// Which of the rules matched it or a directory above.
    matched: Marks,
}

/// One bit for each rule. A file with more than 64 rules is rare.
#[derive(Debug, Clone, Default)]
struct Marks {
    first: u64,
    more: Vec<u64>,
}

impl Marks {
    fn get(&self, index: usize) -> bool {
        let word = if index < 64 { self.first } else { self.more.get(index / 64 - 1).copied().unwrap_or(0) };
        word >> (index % 64) & 1 == 1
    }

    fn set(&mut self, index: usize) {
        let word = if index < 64 {
            &mut self.first
        } else {
            self.more.resize(self.more.len().max(index / 64), 0);
            &mut self.more[index / 64 - 1]
        };
        *word |= 1 << (index % 64);
    }
}

impl IgnoreRules {
    /// Reads an ignore file's bytes as docker does.
    pub fn parse(file: &[u8]) -> Result<IgnoreRules, InvalidPattern> {
        let mut rules = IgnoreRules::default();
        for (index, line) in file.split(|&byte| byte == b'\n').enumerate() {
            let refuse = |reason: &str| InvalidPattern {
                pattern: String::from_utf8_lossy(&line[..line.len().min(40)]).into_owned(),
                line: index + 1,
                reason: reason.to_owned(),
            };
            if line.len() >= LINE_LIMIT {
                return Err(refuse("the line is longer than 64 KiB"));
            }
            let mut line = line.strip_suffix(b"\r").unwrap_or(line);
            if index == 0 {
                line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line);
            }
            if line.starts_with(b"#") {
                continue;
            }
            if let Some(pattern) = normalise(trim(line)) {
                rules.add(&pattern, line, index + 1)?;
            }
        }
        Ok(rules)
    }

    /// Adds one pattern after all others, in the same notation as a line of the file.
    pub fn push(&mut self, pattern: &str) -> Result<(), InvalidPattern> {
        match normalise(trim(pattern.as_bytes())) {
            Some(normal) => self.add(&normal, pattern.as_bytes(), 0),
            None => Ok(()),
        }
    }

    /// The same without what only the file's reader does: a `/` in front stays, and matches nothing. So docker reads
    /// `COPY --exclude` and `--parents`.
    pub fn push_raw(&mut self, pattern: &str) -> Result<(), InvalidPattern> {
        self.add(pattern.as_bytes(), pattern.as_bytes(), 0)
    }

    /// Whether there is no rule at all.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    fn add(&mut self, pattern: &[u8], written: &[u8], line: usize) -> Result<(), InvalidPattern> {
        let written = String::from_utf8_lossy(trim(written)).into_owned();
        let refuse = |reason: String| InvalidPattern { pattern: written.clone(), line, reason };
        // patternmatcher cleans again what the file's reader cleaned, now with the `!` in front: `!/` becomes a
        // lone `!` there.
        let pattern = trim(pattern);
        if pattern.is_empty() {
            return Ok(());
        }
        let cleaned = clean(pattern);
        let (negated, body) = match cleaned.strip_prefix(b"!") {
            Some([]) => return Err(refuse("a `!` alone names nothing to bring back".into())),
            Some(body) => (true, body),
            None => (false, &cleaned[..]),
        };
        let pattern = Pattern::new(body).map_err(refuse)?;
        self.rules.push(Rule { pattern, negated, written, line });
        Ok(())
    }

    /// Whether a path relative to the context is left out, by itself or with a directory above it.
    ///
    /// Walks need [`IgnoreRules::judge`]: docker's walk and this answer differ where a rule that was skipped for a
    /// directory would have matched it, and the walk is the authority.
    pub fn ignores(&self, path: &[u8]) -> Result<bool, InvalidPattern> {
        self.ignores_with(path, None)
    }

    fn ignores_with(&self, path: &[u8], otherwise: Option<(usize, &Pattern)>) -> Result<bool, InvalidPattern> {
        let mut verdict: Option<Verdict> = None;
        let ends = path.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(at, _)| at);
        for end in ends.chain([path.len()]) {
            verdict = Some(self.judge_with(&path[..end], verdict.as_ref(), otherwise)?);
        }
        Ok(verdict.is_some_and(|verdict| verdict.ignored))
    }

    /// What the rules say about `path`, given what they said about the directory it lies in (`None` at the root).
    pub fn judge(&self, path: &[u8], parent: Option<&Verdict>) -> Result<Verdict, InvalidPattern> {
        self.judge_with(path, parent, None)
    }

    /// The same if one of the rules, by its place, had another pattern.
    fn judge_with(
        &self,
        path: &[u8],
        parent: Option<&Verdict>,
        otherwise: Option<(usize, &Pattern)>,
    ) -> Result<Verdict, InvalidPattern> {
        let mut ignored = false;
        let mut matched = Marks::default();
        for (index, rule) in self.rules.iter().enumerate() {
            let mut matches = parent.is_some_and(|parent| parent.matched.get(index));
            if !matches {
                // A rule that could not change the answer is not tried, and then counts as unmatched for what lies
                // below as well. That is docker's way, so it is ours.
                if rule.negated != ignored {
                    continue;
                }
                let pattern = otherwise.filter(|(at, _)| *at == index).map_or(&rule.pattern, |(_, pattern)| pattern);
                matches = pattern.matches(path).map_err(|reason| InvalidPattern {
                    pattern: rule.written.clone(),
                    line: rule.line,
                    reason,
                })?;
            }
            if matches {
                matched.set(index);
                ignored = !rule.negated;
            }
        }
        Ok(Verdict { ignored, matched })
    }

    /// Whether something below the ignored directory `path` could come back, so that it must be walked.
    ///
    /// Docker walks no ignored directory if every `!` names a plain path that lies elsewhere. (It forgets that
    /// `!a/*/**` reaches below `a/b`: what it does not walk it does not send, so neither do we.) Beyond that, only a
    /// `!` after the last rule that ignores the directory counts: those before are overruled for all that lies in it.
    pub fn may_return_below(&self, path: &[u8], verdict: &Verdict) -> bool {
        let mut negated = self.rules.iter().filter(|rule| rule.negated).map(|rule| &rule.pattern);
        if negated.clone().all(Pattern::is_plain_stem) && !negated.any(|pattern| pattern.stem_lies_below(path)) {
            return false;
        }
        self.rules
            .iter()
            .enumerate()
            .rev()
            .take_while(|(index, rule)| rule.negated || !verdict.matched.get(*index))
            .any(|(_, rule)| rule.negated && rule.pattern.may_match_below(path))
    }
}

/// A pattern that is anchored at the root without a `/` that says so, and what the rules would be if it were not.
#[derive(Debug)]
pub(super) struct Anchored<'a> {
    /// The pattern as written.
    pub written: &'a String,
    /// Its line, from 1; 0 if it came from no file.
    pub line: usize,
    /// How many rules of no file stand before it.
    pub place: usize,
    rules: &'a IgnoreRules,
    index: usize,
    anywhere: Pattern,
}

impl Anchored<'_> {
    /// Whether the pattern as it is matches this path.
    pub fn matches(&self, path: &[u8]) -> bool {
        self.rules.rules.get(self.index).is_some_and(|rule| rule.pattern.matches(path).unwrap_or(false))
    }

    /// Whether the rules would leave out this path if the pattern were not anchored.
    pub fn would_ignore(&self, path: &[u8]) -> bool {
        self.rules.ignores_with(path, Some((self.index, &self.anywhere))).unwrap_or(false)
    }
}

impl IgnoreRules {
    /// The patterns that leave something out and are anchored only because docker anchors all.
    pub(super) fn anchored(&self) -> Vec<Anchored<'_>> {
        let mut found = Vec::new();
        let mut place = 0;
        for (index, rule) in self.rules.iter().enumerate() {
            if !rule.negated
                && !rule.written.starts_with('/')
                && let Some(anywhere) = rule.pattern.anywhere()
            {
                found.push(Anchored { written: &rule.written, line: rule.line, place, rules: self, index, anywhere });
            }
            place += usize::from(rule.line == 0);
        }
        found
    }
}

/// What docker's file reader makes of a trimmed line: a `!` set apart, the rest cleaned and without its leading `/`.
fn normalise(line: &[u8]) -> Option<Vec<u8>> {
    if line.is_empty() {
        return None;
    }
    let (negated, body) = match line.strip_prefix(b"!") {
        Some(body) => (true, trim(body)),
        None => (false, line),
    };
    let mut pattern = if negated { b"!".to_vec() } else { Vec::new() };
    if !body.is_empty() {
        let cleaned = clean(body);
        pattern.extend_from_slice(match cleaned.strip_prefix(b"/") {
            Some(rest) if !rest.is_empty() => rest,
            _ => &cleaned,
        });
    }
    Some(pattern)
}

fn trim(bytes: &[u8]) -> &[u8] {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.trim().as_bytes(),
        Err(_) => bytes.trim_ascii(),
    }
}

/// Go's `filepath.Clean`: `.` and double slashes dropped, `..` resolved by its text alone, no slash at the end.
fn clean(path: &[u8]) -> Vec<u8> {
    let rooted = path.starts_with(b"/");
    let mut parts: Vec<&[u8]> = Vec::new();
    for part in path.split(|&byte| byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." => match parts.last() {
                Some(&last) if last != b".." => {
                    parts.pop();
                }
                _ if rooted => {}
                _ => parts.push(part),
            },
            _ => parts.push(part),
        }
    }
    let joined = parts.join(&b'/');
    match (rooted, joined.is_empty()) {
        (true, _) => [b"/", &joined[..]].concat(),
        (false, true) => b".".to_vec(),
        (false, false) => joined,
    }
}
