//! Modes as people write them for `chmod`: octal, or symbolic as in POSIX.

use std::fmt;
use std::str::FromStr;

/// A change of permission bits.
///
/// Octal (`0` to `07777`), or symbolic clauses (`u+x,go=rX`) as
/// [POSIX `chmod`](https://pubs.opengroup.org/onlinepubs/9799919799/utilities/chmod.html) has them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chmod {
    written: String,
    change: Change,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Change {
    Set(u32),
    Clauses(Vec<Clause>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Clause {
    /// The bits of those meant (`u`, `g`, `o`), special bits included.
    who: u32,
    /// Whether nobody was named, so that the umask counts.
    masked: bool,
    actions: Vec<Action>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Action {
    operator: Operator,
    what: What,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Add,
    Remove,
    Set,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum What {
    /// `r`, `w`, `x` for all three, `s` and `t`; `X` apart.
    Bits { bits: u32, conditional: bool },
    /// What the user, the group or the others have: how far to shift their bits down.
    Copy(u32),
}

const USER: u32 = 0o4700;
const GROUP: u32 = 0o2070;
const OTHER: u32 = 0o1007;

/// A mode that is neither octal up to `07777` nor symbolic.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a mode: write it octal, from 0 to 07777, or symbolic, such as `u+x,go=rX`")]
pub struct InvalidMode(pub String);

impl Chmod {
    /// The octal mode, if it is one.
    pub fn octal(&self) -> Option<u32> {
        match self.change {
            Change::Set(mode) => Some(mode),
            Change::Clauses(_) => None,
        }
    }

    /// What becomes of `mode`. `umask` counts in clauses that name nobody (`+w`), as the command has it; docker's
    /// `--chmod` has none.
    pub fn apply(&self, mode: u32, is_directory: bool, umask: u32) -> u32 {
        let clauses = match &self.change {
            Change::Set(mode) => return *mode,
            Change::Clauses(clauses) => clauses,
        };
        let mut mode = mode;
        for clause in clauses {
            for action in &clause.actions {
                let bits = match action.what {
                    What::Bits { bits, conditional } => {
                        let executes = conditional && (is_directory || mode & 0o111 != 0);
                        bits | if executes { 0o111 } else { 0 }
                    }
                    What::Copy(shift) => ((mode >> shift) & 0o7) * 0o111,
                };
                let mut bits = bits & clause.who;
                if clause.masked {
                    bits &= !umask;
                }
                mode = match action.operator {
                    Operator::Add => mode | bits,
                    Operator::Remove => mode & !bits,
                    // A directory keeps the bits that make what is in it inherit, as GNU's chmod has it.
                    Operator::Set if is_directory => (mode & !(clause.who & !0o6000)) | bits,
                    Operator::Set => (mode & !clause.who) | bits,
                };
            }
        }
        mode
    }
}

impl fmt::Display for Chmod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

impl FromStr for Chmod {
    type Err = InvalidMode;

    fn from_str(text: &str) -> Result<Chmod, InvalidMode> {
        let invalid = || InvalidMode(text.to_owned());
        let change = if text.starts_with(|c: char| c.is_ascii_digit()) {
            let octal = text.bytes().all(|byte| (b'0'..=b'7').contains(&byte));
            let mode = u32::from_str_radix(text, 8).ok().filter(|&mode| octal && mode <= 0o7777);
            Change::Set(mode.ok_or_else(invalid)?)
        } else {
            Change::Clauses(text.split(',').map(|part| clause(part).ok_or_else(invalid)).collect::<Result<_, _>>()?)
        };
        Ok(Chmod { written: text.to_owned(), change })
    }
}

fn clause(text: &str) -> Option<Clause> {
    let mut rest = text.chars().peekable();
    let mut who = 0;
    while let Some(letter) = rest.next_if(|letter| "ugoa".contains(*letter)) {
        who |= match letter {
            'u' => USER,
            'g' => GROUP,
            'o' => OTHER,
            _ => USER | GROUP | OTHER,
        };
    }
    let masked = who == 0;
    if masked {
        who = USER | GROUP | OTHER;
    }
    let mut actions = Vec::new();
    while let Some(operator) = rest.next() {
        let operator = match operator {
            '+' => Operator::Add,
            '-' => Operator::Remove,
            '=' => Operator::Set,
            _ => return None,
        };
        if let Some(letter) = rest.next_if(|letter| "ugo".contains(*letter)) {
            let shift = match letter {
                'u' => 6,
                'g' => 3,
                _ => 0,
            };
            actions.push(Action { operator, what: What::Copy(shift) });
            continue;
        }
        let (mut bits, mut conditional) = (0, false);
        while let Some(letter) = rest.next_if(|letter| "rwxXst".contains(*letter)) {
            match letter {
                'r' => bits |= 0o444,
                'w' => bits |= 0o222,
                'x' => bits |= 0o111,
                'X' => conditional = true,
                's' => bits |= 0o6000,
                _ => bits |= 0o1000,
            }
        }
        actions.push(Action { operator, what: What::Bits { bits, conditional } });
    }
    (!actions.is_empty()).then_some(Clause { who, masked, actions })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_change_as_chmod_changes_them() {
        // Mode before, what is written, a directory or not, mode after with the usual umask.
        for (before, written, is_directory, after) in [
            (0o644, "755", false, 0o755),
            (0o644, "0600", false, 0o600),
            (0o644, "07777", false, 0o7777),
            (0o644, "u+x", false, 0o744),
            (0o644, "+x", false, 0o755),
            (0o644, "+w", false, 0o644),
            (0o644, "a+w", false, 0o666),
            (0o755, "go-rx", false, 0o700),
            (0o755, "go=", false, 0o700),
            (0o644, "a+X", false, 0o644),
            (0o744, "a+X", false, 0o755),
            (0o700, "a+rX", true, 0o755),
            (0o640, "o=g", false, 0o644),
            (0o640, "g=u", false, 0o660),
            (0o755, "u+s,g+s", false, 0o6755),
            (0o755, "+t", true, 0o1755),
            (0o1777, "o-t", true, 0o777),
            (0o644, "u=rwx,g=rx,o=r", false, 0o754),
            (0o600, "ug+rw-x", false, 0o660),
            (0o2755, "g=rx", true, 0o2755),
            (0o6755, "a=r", false, 0o444),
        ] {
            let chmod: Chmod = written.parse().unwrap();
            assert_eq!(chmod.apply(before, is_directory, 0o022), after, "{before:o} {written}");
        }
    }

    #[test]
    fn what_is_no_mode_is_refused() {
        for text in ["", "8", "10000", "777x", "u", "u+q", "x", "u+x,", "0o755", "-1x", "rwx", "u++x,z=r"] {
            assert!(text.parse::<Chmod>().is_err(), "{text}");
        }
    }
}
