//! Markers as they are written.

use super::{Condition, Set, Variable};
use crate::python::name::{normalise_name, shown};

/// The longest marker that is read; those of locks stay below a tenth of it.
const LONGEST: usize = 64 << 10;
/// How deep parentheses may lie in each other.
const DEEPEST: usize = 64;

/// What stands on either side of an operator.
enum Operand {
    Variable(Variable),
    Set(Set),
    Text(String),
}

/// Reads a marker whole.
pub(super) fn parse(text: &str) -> Result<Condition, String> {
    if text.len() > LONGEST {
        return Err(format!("the marker `{}` is longer than {LONGEST} bytes", shown(text)));
    }
    let mut parser = Parser { rest: text };
    let parsed = parser.any(0).and_then(|condition| match parser.rest {
        "" => Ok(condition),
        rest => Err(format!("`and`, `or` or its end is expected before `{}`", shown(rest))),
    });
    parsed.map_err(|why| format!("`{}` is not an environment marker: {why}", shown(text)))
}

struct Parser<'a> {
    /// What has not been read yet.
    rest: &'a str,
}

impl<'a> Parser<'a> {
    fn any(&mut self, depth: usize) -> Result<Condition, String> {
        let mut parts = vec![self.all(depth)?];
        while self.keyword("or") {
            parts.push(self.all(depth)?);
        }
        Ok(one_or(parts, Condition::Any))
    }

    fn all(&mut self, depth: usize) -> Result<Condition, String> {
        let mut parts = vec![self.atom(depth)?];
        while self.keyword("and") {
            parts.push(self.atom(depth)?);
        }
        Ok(one_or(parts, Condition::All))
    }

    fn atom(&mut self, depth: usize) -> Result<Condition, String> {
        self.skip_blanks();
        let condition = match self.rest.strip_prefix('(') {
            Some(_) if depth == DEEPEST => {
                return Err(format!("its parentheses lie deeper than {DEEPEST} in each other"));
            }
            Some(rest) => {
                self.rest = rest;
                let condition = self.any(depth + 1)?;
                self.rest = self.rest.strip_prefix(')').ok_or("a parenthesis is not closed")?;
                condition
            }
            None => self.comparison()?,
        };
        self.skip_blanks();
        Ok(condition)
    }

    fn comparison(&mut self) -> Result<Condition, String> {
        let left = self.operand()?;
        let operator = self.operator()?;
        let right = self.operand()?;
        let compared = |variable, text: String, is_reversed| {
            let text = if variable == Variable::Extra { normalise_name(&text) } else { text };
            Condition::Compared { variable, operator, text, is_reversed }
        };
        match (left, right) {
            (Operand::Variable(variable), Operand::Text(text)) => Ok(compared(variable, text, false)),
            (Operand::Text(text), Operand::Variable(variable)) => Ok(compared(variable, text, true)),
            (Operand::Text(name), Operand::Set(set)) if ["in", "not in"].contains(&operator) => {
                Ok(Condition::Member { name: normalise_name(&name), set, is_in: operator == "in" })
            }
            (Operand::Set(_), _) | (_, Operand::Set(_)) => {
                Err("`extras` and `dependency_groups` can only be asked whether a name is `in` them or `not in` them"
                    .to_owned())
            }
            (Operand::Text(_), Operand::Text(_)) => Err("it compares two texts".to_owned()),
            (Operand::Variable(_), Operand::Variable(_)) => Err("it compares two variables".to_owned()),
        }
    }

    fn operand(&mut self) -> Result<Operand, String> {
        self.skip_blanks();
        let operand = match self.rest.chars().next() {
            Some(quote @ ('\'' | '"')) => {
                let opened = self.rest.get(1..).unwrap_or_default();
                let (text, rest) = opened.split_once(quote).ok_or("a quoted text does not end")?;
                // The grammar has neither, and what they would mean to Python is no concern of a marker.
                if text.contains(|c: char| c == '\\' || c.is_control()) {
                    return Err(format!("`{}` contains a backslash or a control character", shown(text)));
                }
                self.rest = rest;
                Operand::Text(text.to_owned())
            }
            _ => {
                let word = self.word();
                let expected = || format!("a variable or a quoted text is expected before `{}`", shown(self.rest));
                let operand = variable(word).ok_or_else(expected)?;
                self.advance(word.len());
                operand
            }
        };
        self.skip_blanks();
        Ok(operand)
    }

    fn operator(&mut self) -> Result<&'static str, String> {
        const OPERATORS: [&str; 8] = ["===", "==", "~=", "!=", "<=", ">=", "<", ">"];
        if let Some(operator) = OPERATORS.into_iter().find(|operator| self.rest.starts_with(operator)) {
            self.advance(operator.len());
            return Ok(operator);
        }
        if self.keyword("in") {
            return Ok("in");
        }
        let before = self.rest;
        if self.keyword("not") && self.rest.starts_with([' ', '\t']) {
            self.skip_blanks();
            if self.keyword("in") {
                return Ok("not in");
            }
        }
        Err(format!("an operator is expected before `{}`", shown(before)))
    }

    /// Reads this word if it comes next.
    fn keyword(&mut self, word: &str) -> bool {
        let is_next = self.word() == word;
        if is_next {
            self.advance(word.len());
        }
        is_next
    }

    /// The letters, digits, `_` and `.` that come next.
    fn word(&self) -> &'a str {
        let end = self.rest.find(|c: char| !c.is_alphanumeric() && c != '_' && c != '.');
        self.rest.get(..end.unwrap_or(self.rest.len())).unwrap_or_default()
    }

    fn skip_blanks(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t']);
    }

    fn advance(&mut self, bytes: usize) {
        self.rest = self.rest.get(bytes..).unwrap_or_default();
    }
}

/// The part itself if it is alone.
fn one_or(mut parts: Vec<Condition>, several: fn(Vec<Condition>) -> Condition) -> Condition {
    match parts.pop() {
        Some(part) if parts.is_empty() => part,
        last => {
            parts.extend(last);
            several(parts)
        }
    }
}

/// What a word stands for. The names with dots, and `python_implementation`, are those of PEP 345.
fn variable(word: &str) -> Option<Operand> {
    let name = match word {
        "extra" => return Some(Operand::Variable(Variable::Extra)),
        "extras" => return Some(Operand::Set(Set::Extras)),
        "dependency_groups" => return Some(Operand::Set(Set::DependencyGroups)),
        "implementation_name" => "implementation_name",
        "implementation_version" => "implementation_version",
        "os_name" | "os.name" => "os_name",
        "platform_machine" | "platform.machine" => "platform_machine",
        "platform_python_implementation" | "platform.python_implementation" | "python_implementation" => {
            "platform_python_implementation"
        }
        "platform_release" => "platform_release",
        "platform_system" => "platform_system",
        "platform_version" | "platform.version" => "platform_version",
        "python_full_version" => "python_full_version",
        "python_version" => "python_version",
        "sys_platform" | "sys.platform" => "sys_platform",
        _ => return None,
    };
    Some(Operand::Variable(Variable::Named(name)))
}
