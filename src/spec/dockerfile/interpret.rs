//! What a line's parts mean: one function an instruction.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::duration;
use super::error::{ParseError, nearest};
use super::flags::{Flags, Kind};
use super::heredoc;
use super::instruction::{Command, Healthcheck, Heredoc, Instruction, Transfer};
use super::node::{Form, Node, form, list, split, words};
use super::run;
use super::text::{Piece, Text, lowercase, uppercase};

const KEYWORDS: [&str; 18] = [
    "ADD",
    "ARG",
    "CMD",
    "COPY",
    "ENTRYPOINT",
    "ENV",
    "EXPOSE",
    "FROM",
    "HEALTHCHECK",
    "LABEL",
    "MAINTAINER",
    "ONBUILD",
    "RUN",
    "SHELL",
    "STOPSIGNAL",
    "USER",
    "VOLUME",
    "WORKDIR",
];

/// The shortest duration of a health check that docker takes, in nanoseconds.
const SHORTEST: i64 = 1_000_000;

/// Takes a line's parts for an instruction.
pub(super) fn interpret(
    node: &Node<'_>,
    line: Piece<'_>,
    escape: char,
    heredocs: Vec<Heredoc>,
) -> Result<Instruction, ParseError> {
    let no_flags = || Flags::parse(&node.flags, &[]);
    match &node.keyword[..] {
        "from" => from(node),
        // Docker does not look at the flags of these two.
        "arg" => arg(node, escape),
        "stopsignal" => Ok(Instruction::StopSignal(one(node)?)),
        "env" => no_flags().and_then(|_| Ok(Instruction::Env(named_pairs(node, escape)?))),
        "label" => no_flags().and_then(|_| Ok(Instruction::Label(named_pairs(node, escape)?))),
        "copy" => Ok(Instruction::Copy(copy(node, &heredocs)?)),
        "add" => Ok(Instruction::Add(add(node, &heredocs)?)),
        "run" => {
            run::check_flags(&node.flags)?;
            Ok(Instruction::Run { flags: node.flags.clone(), command: command(node.arguments)?, heredocs })
        }
        "cmd" => no_flags().and_then(|_| Ok(Instruction::Cmd(command(node.arguments)?))),
        "entrypoint" => no_flags().and_then(|_| Ok(Instruction::Entrypoint(command(node.arguments)?))),
        "shell" => no_flags().and_then(|_| shell(node)),
        "workdir" => no_flags().and_then(|_| Ok(Instruction::Workdir(one(node)?))),
        "user" => no_flags().and_then(|_| Ok(Instruction::User(one(node)?))),
        "maintainer" => no_flags().and_then(|_| Ok(Instruction::Maintainer(one(node)?))),
        "expose" => no_flags().and_then(|_| expose(node)),
        "volume" => no_flags().and_then(|_| volume(node)),
        "healthcheck" => Ok(Instruction::Healthcheck(healthcheck(node)?)),
        "onbuild" => no_flags().and_then(|_| on_build(node, line, escape, &heredocs)),
        _ => Err(unknown(node)),
    }
}

fn unknown(node: &Node<'_>) -> ParseError {
    let written: String = node.name.text.chars().take(60).collect();
    let error = ParseError::new(node.name.range(), format!("`{written}` is not an instruction"));
    match nearest(&uppercase(node.name.text), &KEYWORDS) {
        Some(name) => error.with_help(format!("did you mean `{name}`?")),
        None => error,
    }
}

/// A mistake of the whole instruction.
fn refuse(node: &Node<'_>, what: &str) -> ParseError {
    let end = node.arguments.at + node.arguments.text.len();
    let range = node.name.places.range(node.name.at..end);
    ParseError::new(range, format!("`{}` {what}", uppercase(&node.keyword)))
}

fn at_least_one(node: &Node<'_>) -> ParseError {
    refuse(node, "needs at least one argument")
}

/// The whole of the arguments as one.
fn one(node: &Node<'_>) -> Result<Text, ParseError> {
    if node.arguments.is_empty() {
        return Err(refuse(node, "needs an argument"));
    }
    Ok(node.arguments.to_text())
}

fn from(node: &Node<'_>) -> Result<Instruction, ParseError> {
    let mut arguments = split(node.arguments).into_iter();
    let (image, name) = match (arguments.next(), arguments.next(), arguments.next(), arguments.next()) {
        (Some(image), None, ..) => (image, None),
        // The long s is an s to Go where case does not matter.
        (Some(image), Some(word), Some(name), None) if matches!(&*lowercase(&word), "as" | "aſ") => {
            (image, Some(stage_name(name)?))
        }
        _ => return Err(refuse(node, "is followed by an image, or by an image, `AS` and a name")),
    };
    let flags = Flags::parse(&node.flags, &[("platform", Kind::Value)])?;
    Ok(Instruction::From { image, platform: flags.value("platform"), name })
}

fn stage_name(written: Text) -> Result<Text, ParseError> {
    let value = lowercase(&written);
    let is_valid = value.starts_with(|c: char| c.is_ascii_lowercase())
        && value.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_.".contains(&byte));
    if !is_valid {
        return Err(ParseError::new(written.range.clone(), format!("`{written}` cannot name a stage"))
            .with_help("a name begins with a letter and holds letters, digits, `-`, `_` and `.`"));
    }
    Ok(Text { value, range: written.range })
}

fn arg(node: &Node<'_>, escape: char) -> Result<Instruction, ParseError> {
    let words = words(node.arguments, escape);
    if words.is_empty() {
        return Err(at_least_one(node));
    }
    let pair = |word: Text| match word.value.split_once('=') {
        Some(("", _)) => Err(ParseError::new(word.range, "a variable has no name")),
        Some((name, value)) => {
            let text = |value: &str| Text { value: value.to_owned(), range: word.range.clone() };
            Ok((text(name), Some(text(value))))
        }
        None => Ok((word, None)),
    };
    Ok(Instruction::Arg(words.into_iter().map(pair).collect::<Result<_, _>>()?))
}

fn named_pairs(node: &Node<'_>, escape: char) -> Result<Vec<(Text, Text)>, ParseError> {
    let pairs = pairs(node, escape)?;
    if pairs.is_empty() {
        return Err(at_least_one(node));
    }
    match pairs.iter().find(|(name, _)| name.is_empty()) {
        Some((name, _)) => Err(ParseError::new(name.range.clone(), "a value has no name")),
        None => Ok(pairs),
    }
}

/// `name=value …`, or the old `name value`.
fn pairs(node: &Node<'_>, escape: char) -> Result<Vec<(Text, Text)>, ParseError> {
    let words = words(node.arguments, escape);
    let Some(first) = words.first() else { return Ok(Vec::new()) };
    if !first.contains('=') {
        return match node.arguments.split() {
            (name, Some(value)) => Ok(vec![(name.to_text(), value.to_text())]),
            (_, None) => Err(refuse(node, "needs a name and a value: write `name=value`")),
        };
    }
    let pair = |word: Text| {
        let text = |value: &str| Text { value: value.to_owned(), range: word.range.clone() };
        match word.value.split_once('=') {
            Some((name, value)) => Ok((text(name), text(value))),
            None => Err(ParseError::new(word.range.clone(), format!("`{word}` is not of the form `name=value`"))
                .with_help("put a value with white space in quotes")),
        }
    };
    words.into_iter().map(pair).collect()
}

/// The JSON form, or a line for the shell.
fn command(arguments: Piece<'_>) -> Result<Command, ParseError> {
    Ok(match form(arguments)? {
        Form::Json(strings) => Command::Exec(strings),
        Form::Plain => Command::Shell(arguments.to_text()),
    })
}

fn shell(node: &Node<'_>) -> Result<Instruction, ParseError> {
    match form(node.arguments)? {
        Form::Json(strings) if !strings.is_empty() => Ok(Instruction::Shell(strings)),
        Form::Plain if !node.arguments.is_empty() => {
            Err(refuse(node, "has its arguments in JSON form only: write `SHELL [\"/bin/sh\", \"-c\"]`"))
        }
        _ => Err(at_least_one(node)),
    }
}

fn expose(node: &Node<'_>) -> Result<Instruction, ParseError> {
    let mut ports = split(node.arguments);
    if ports.is_empty() {
        return Err(at_least_one(node));
    }
    ports.sort_by(|one, other| one.value.cmp(&other.value));
    Ok(Instruction::Expose(ports))
}

fn volume(node: &Node<'_>) -> Result<Instruction, ParseError> {
    let mut paths = list(node.arguments)?;
    if paths.is_empty() {
        return Err(at_least_one(node));
    }
    for path in &mut paths {
        path.value = path.trim().to_owned();
        if path.is_empty() {
            return Err(ParseError::new(path.range.clone(), "a volume's path is empty"));
        }
    }
    Ok(Instruction::Volume(paths))
}

fn copy(node: &Node<'_>, heredocs: &[Heredoc]) -> Result<Transfer, ParseError> {
    let flags = Flags::parse(
        &node.flags,
        &[
            ("chown", Kind::Value),
            ("from", Kind::Value),
            ("chmod", Kind::Value),
            ("link", Kind::Switch),
            ("exclude", Kind::Values),
            ("parents", Kind::Switch),
        ],
    )?;
    transfer(node, &flags, heredocs)
}

fn add(node: &Node<'_>, heredocs: &[Heredoc]) -> Result<Transfer, ParseError> {
    let flags = Flags::parse(
        &node.flags,
        &[
            ("chown", Kind::Value),
            ("chmod", Kind::Value),
            ("link", Kind::Switch),
            ("keep-git-dir", Kind::Switch),
            ("checksum", Kind::Value),
            ("unpack", Kind::Switch),
            ("exclude", Kind::Values),
        ],
    )?;
    transfer(node, &flags, heredocs)
}

fn transfer(node: &Node<'_>, flags: &Flags, heredocs: &[Heredoc]) -> Result<Transfer, ParseError> {
    let mut arguments = list(node.arguments)?;
    let destination = match arguments.pop() {
        Some(destination) if !arguments.is_empty() => destination,
        _ => return Err(refuse(node, "needs a source and a destination")),
    };
    // What does not even lex is a path.
    let sign = |word: &str| heredoc::sign(word).ok().flatten();
    if sign(&destination).is_some() {
        return Err(ParseError::new(destination.range, "a heredoc cannot be the destination"));
    }
    // By name: of two that are named alike both sources get the last. Chomped once, not once for each source.
    let mut bodies: BTreeMap<&str, (&Heredoc, Option<Arc<str>>)> = BTreeMap::new();
    for heredoc in heredocs {
        bodies.insert(&heredoc.name, (heredoc, None));
    }
    let mut sources = Vec::new();
    let mut files = Vec::new();
    for source in arguments {
        let Some(heredoc::Sign { name, expand, chomp }) = sign(&source) else {
            sources.push(source);
            continue;
        };
        let (content, range) = match bodies.get_mut(&name[..]) {
            None => (Arc::from(""), source.range.end..source.range.end),
            Some((body, chomped)) if chomp => {
                (chomped.get_or_insert_with(|| heredoc::chomp(&body.content).into()).clone(), body.range.clone())
            }
            Some((body, _)) => (body.content.clone(), body.range.clone()),
        };
        files.push(Heredoc { name, content, expand, chomp, range });
    }
    Ok(Transfer {
        sources,
        heredocs: files,
        destination,
        from: flags.value("from"),
        chown: flags.value("chown"),
        chmod: flags.value("chmod"),
        link: flags.switch("link").unwrap_or(false),
        parents: flags.switch("parents").unwrap_or(false),
        exclude: flags.values("exclude"),
        keep_git_dir: flags.switch("keep-git-dir"),
        checksum: flags.value("checksum"),
        unpack: flags.switch("unpack"),
    })
}

fn healthcheck(node: &Node<'_>) -> Result<Healthcheck, ParseError> {
    let is_space = |c: char| c.is_ascii() && c.is_whitespace();
    let end = node.arguments.text.find(is_space).unwrap_or(node.arguments.text.len());
    let kind = node.arguments.up_to(end);
    let rest = node.arguments.from(end);
    let rest = rest.from(rest.text.find(|c| !is_space(c)).unwrap_or(rest.text.len()));
    let command = command(rest)?;
    let is_empty = match &command {
        Command::Shell(line) => line.is_empty(),
        Command::Exec(arguments) => arguments.is_empty(),
    };
    match &uppercase(kind.text)[..] {
        "NONE" if is_empty => Ok(Healthcheck::None),
        "NONE" => Err(ParseError::new(rest.range(), "`HEALTHCHECK NONE` takes no arguments")),
        "CMD" if is_empty => Err(refuse(node, "has no command after `CMD`")),
        "CMD" => {
            let flags = Flags::parse(
                &node.flags,
                &[
                    ("interval", Kind::Value),
                    ("timeout", Kind::Value),
                    ("start-period", Kind::Value),
                    ("start-interval", Kind::Value),
                    ("retries", Kind::Value),
                ],
            )?;
            Ok(Healthcheck::Cmd {
                command,
                interval: interval(&flags, "interval")?,
                timeout: interval(&flags, "timeout")?,
                start_period: interval(&flags, "start-period")?,
                start_interval: interval(&flags, "start-interval")?,
                retries: retries(&flags)?,
            })
        }
        _ => Err(refuse(node, "is followed by `CMD` and a command, or by `NONE`")),
    }
}

fn interval(flags: &Flags, name: &str) -> Result<u64, ParseError> {
    let Some(value) = flags.value(name) else { return Ok(0) };
    let refuse = |why: &str| ParseError::new(value.range.clone(), format!("`--{name}={value}` {why}"));
    match duration::parse(&value) {
        None => Err(refuse("is not a duration").with_help("write it like `30s` or `1m30s`")),
        Some(nanoseconds) if nanoseconds != 0 && nanoseconds < SHORTEST => Err(refuse("is shorter than `1ms`")),
        Some(nanoseconds) => Ok(nanoseconds.unsigned_abs()),
    }
}

fn retries(flags: &Flags) -> Result<u32, ParseError> {
    let Some(value) = flags.value("retries") else { return Ok(0) };
    let retries = value.parse::<i32>().ok().and_then(|retries| u32::try_from(retries).ok());
    retries.ok_or_else(|| ParseError::new(value.range.clone(), format!("`--retries={value}` is not a number of times")))
}

fn on_build(node: &Node<'_>, line: Piece<'_>, escape: char, heredocs: &[Heredoc]) -> Result<Instruction, ParseError> {
    if node.arguments.is_empty() {
        return Err(at_least_one(node));
    }
    let trigger = Node::new(node.arguments, escape)?;
    match &uppercase(trigger.name.text)[..] {
        "ONBUILD" => return Err(refuse(node, "cannot have another `ONBUILD` as its trigger")),
        keyword @ ("FROM" | "MAINTAINER") => {
            return Err(refuse(node, &format!("cannot have `{keyword}` as its trigger")));
        }
        _ => (),
    }
    check_form(&trigger, escape)?;
    // What docker keeps is the line without its first word, not what it understood.
    let is_space = |c| matches!(c, '\t' | '\n' | '\x0c' | '\r' | ' ');
    let keyword = line.from(line.text.find(|c| !is_space(c)).unwrap_or(0));
    let rest = keyword.from(node.name.text.len());
    let rest = rest.from(rest.text.find(|c| !is_space(c)).unwrap_or(rest.text.len()));
    let mut text = rest.to_text();
    for heredoc in heredocs {
        text.value.extend(["\n", &heredoc.content, &heredoc.name]);
    }
    Ok(Instruction::OnBuild(text))
}

/// Docker looks no closer at a trigger before it is built on.
fn check_form(trigger: &Node<'_>, escape: char) -> Result<(), ParseError> {
    match &trigger.keyword[..] {
        "env" | "label" => pairs(trigger, escape).map(drop),
        "add" | "copy" | "volume" | "cmd" | "entrypoint" | "run" | "shell" => form(trigger.arguments).map(drop),
        "healthcheck" => match trigger.arguments.split() {
            (_, Some(command)) => form(command).map(drop),
            (_, None) => Ok(()),
        },
        _ => Ok(()),
    }
}
