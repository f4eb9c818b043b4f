//! What a Dockerfile's instructions are. Everything is as written: no variable is expanded, quotes are still there.

use std::ops::Range;
use std::sync::Arc;

use super::text::Text;

/// A Dockerfile that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dockerfile {
    /// What joins lines and takes the meaning from a character: `\` or a backtick.
    pub escape: char,
    /// The instructions in their order: ARGs for all stages, then stages, each beginning with its FROM.
    pub instructions: Vec<Line>,
}

/// An instruction and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// What it says.
    pub instruction: Instruction,
    /// Its text on one line: continuations joined, white space collapsed, without the bodies of heredocs.
    pub text: String,
    /// Its bytes in the file, without the bodies of heredocs.
    pub range: Range<usize>,
}

/// An instruction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Instruction {
    /// A stage begins.
    From {
        /// The image or stage it is built on.
        image: Text,
        /// `--platform`.
        platform: Option<Text>,
        /// The stage's name, in lower case.
        name: Option<Text>,
    },
    /// Names, and the values they have unless given otherwise.
    Arg(Vec<(Text, Option<Text>)>),
    /// Names and values.
    Env(Vec<(Text, Text)>),
    /// Names and values.
    Label(Vec<(Text, Text)>),
    /// Files of the context, of a stage or of an image.
    Copy(Transfer),
    /// Files of the context or from elsewhere, archives unpacked.
    Add(Transfer),
    /// A command to run while building.
    Run {
        /// The flags as written, with their `--`.
        flags: Vec<Text>,
        /// The command.
        command: Command,
        /// What stands below it, one for each `<<` in the command.
        heredocs: Vec<Heredoc>,
    },
    /// What a container runs, or the entry point's arguments.
    Cmd(Command),
    /// What a container runs.
    Entrypoint(Command),
    /// What runs the shell forms.
    Shell(Vec<Text>),
    /// The working directory.
    Workdir(Text),
    /// User, and group after a colon.
    User(Text),
    /// Ports, sorted bytewise as docker has them.
    Expose(Vec<Text>),
    /// Paths.
    Volume(Vec<Text>),
    /// A signal's name or number.
    StopSignal(Text),
    /// How a container's health is asked for.
    Healthcheck(Healthcheck),
    /// An instruction for images built on this one, with its heredocs.
    OnBuild(Text),
    /// An author, long out of use.
    Maintainer(Text),
}

impl Instruction {
    /// Its keyword.
    pub fn name(&self) -> &'static str {
        match self {
            Instruction::From { .. } => "FROM",
            Instruction::Arg(_) => "ARG",
            Instruction::Env(_) => "ENV",
            Instruction::Label(_) => "LABEL",
            Instruction::Copy(_) => "COPY",
            Instruction::Add(_) => "ADD",
            Instruction::Run { .. } => "RUN",
            Instruction::Cmd(_) => "CMD",
            Instruction::Entrypoint(_) => "ENTRYPOINT",
            Instruction::Shell(_) => "SHELL",
            Instruction::Workdir(_) => "WORKDIR",
            Instruction::User(_) => "USER",
            Instruction::Expose(_) => "EXPOSE",
            Instruction::Volume(_) => "VOLUME",
            Instruction::StopSignal(_) => "STOPSIGNAL",
            Instruction::Healthcheck(_) => "HEALTHCHECK",
            Instruction::OnBuild(_) => "ONBUILD",
            Instruction::Maintainer(_) => "MAINTAINER",
        }
    }
}

/// What COPY and ADD say.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Transfer {
    /// Paths, patterns or URLs.
    pub sources: Vec<Text>,
    /// Files whose content stands in the Dockerfile.
    pub heredocs: Vec<Heredoc>,
    /// Where to.
    pub destination: Text,
    /// `--from`: a stage, its number, or an image. COPY only.
    pub from: Option<Text>,
    /// `--chown`.
    pub chown: Option<Text>,
    /// `--chmod`.
    pub chmod: Option<Text>,
    /// `--link`.
    pub link: bool,
    /// `--parents`. COPY only.
    pub parents: bool,
    /// Every `--exclude`.
    pub exclude: Vec<Text>,
    /// `--keep-git-dir`. ADD only.
    pub keep_git_dir: Option<bool>,
    /// `--checksum`. ADD only.
    pub checksum: Option<Text>,
    /// `--unpack`. ADD only.
    pub unpack: Option<bool>,
}

/// A text below an instruction, between `<<NAME` and `NAME`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heredoc {
    /// The delimiter, which is the file's name.
    pub name: String,
    /// Its lines with their ends. COPY and ADD have the tabs of `<<-` taken away already, RUN has not.
    pub content: Arc<str>,
    /// Whether variables are expanded: the delimiter had no quotes.
    pub expand: bool,
    /// Whether tabs at a line's beginning are taken away: written `<<-`.
    pub chomp: bool,
    /// The bytes of its content in the file; empty if there is none.
    pub range: Range<usize>,
}

/// A command in one of its two forms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// A line for the shell; empty if nothing was written.
    Shell(Text),
    /// A program and its arguments.
    Exec(Vec<Text>),
}

/// What HEALTHCHECK says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Healthcheck {
    /// None, not even the base's.
    None,
    /// A command that tells it. Durations are in nanoseconds; 0 leaves it to the daemon.
    Cmd {
        /// The command.
        command: Command,
        /// `--interval`.
        interval: u64,
        /// `--timeout`.
        timeout: u64,
        /// `--start-period`.
        start_period: u64,
        /// `--start-interval`.
        start_interval: u64,
        /// `--retries`; 0 leaves it to the daemon.
        retries: u32,
    },
}
