//! Evaluating: a stage's instructions, done one after the other, become layers and config edits.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};

use super::expand::{Environment, expand};
use super::instruction::{Command, Healthcheck, Instruction, Line};
use super::program::Program;
use super::stage::Stage;
use super::{Text, expand_words, parse_trigger, ports, signal};
use crate::entry::lexical;
use crate::image::{self, Config, ConfigEdits, DEFAULT_PATH, Platform};
use crate::layer::{Copy, CopySource, Step};
use crate::spec::error::SpecError;
use crate::spec::recipe::{Base, CopyFrom, LayerContent, LayerRecipe, Setting};

/// The longest name of a layer, in characters.
const NAME_LIMIT: usize = 200;

/// What a stage comes to.
#[derive(Debug, Clone)]
pub struct Evaluated {
    /// The layers over the base, lowest first.
    pub layers: Vec<LayerRecipe>,
    /// What changes in the base's config.
    pub config: ConfigEdits,
    /// What commands see beside files: ENV, WORKDIR, USER and SHELL, in their order.
    pub settings: Vec<Setting>,
}

/// The variables, and in a check what is not known yet: what the base brings.
pub(super) struct Variables {
    pub values: BTreeMap<String, String>,
    /// What stands for a variable that is unset, while the base is not known.
    guess: Option<&'static str>,
    /// Whether it did.
    guessed: Cell<bool>,
}

impl Environment for Variables {
    fn get(&self, name: &str) -> Option<&str> {
        let known = self.values.get(name).map(String::as_str);
        if known.is_none() && self.guess.is_some() {
            self.guessed.set(true);
        }
        known.or(self.guess)
    }
}

/// A stage, and those below it, while they are evaluated.
pub(super) struct Evaluation<'a> {
    pub stage: &'a Stage,
    /// The stage whose instructions are being done.
    pub current: usize,
    globals: BTreeMap<String, String>,
    /// ENV and ARG.
    pub environment: Variables,
    /// The ARGs that the current stage has declared.
    pub declared: BTreeMap<String, String>,
    /// ENV alone: what the config has.
    config_env: Vec<(String, String)>,
    pub workdir: String,
    pub user: String,
    pub shell: Option<Vec<String>>,
    /// Whether the current stage has said CMD.
    has_cmd: bool,
    on_build: Vec<String>,
    /// Whether the last refusal of a RUN does not depend on variables.
    pub is_certain: bool,
    edits: ConfigEdits,
    /// What was said of what commands see.
    pub settings: Vec<Setting>,
    layers: Vec<LayerRecipe>,
    errors: Vec<SpecError>,
}

/// An instruction whose place is its own, or that of the FROM whose base says it.
#[derive(Clone)]
struct Placed<'a> {
    line: &'a Line,
    place: Option<Range<usize>>,
}

impl<'a> Evaluation<'a> {
    /// Does all instructions, from the lowest stage on. Mistakes are collected.
    pub fn new(stage: &'a Stage, platform: &Platform, base: &Config) -> Result<Evaluation<'a>, SpecError> {
        Evaluation::walk(stage, platform, base, None)
    }

    /// The mistakes that there are whatever the base is.
    pub fn check(stage: &'a Stage, platform: &Platform) -> Result<Vec<SpecError>, SpecError> {
        Ok(Evaluation::walk(stage, platform, &Config::scratch(platform), Some("x"))?.errors)
    }

    fn walk(
        stage: &'a Stage,
        platform: &Platform,
        base: &Config,
        guess: Option<&'static str>,
    ) -> Result<Evaluation<'a>, SpecError> {
        let program: &Program = &stage.program;
        let globals = program.globals(platform)?;
        let chain = program.chain(stage.index, &globals)?;
        let text = |key: &str| base.setting(key).and_then(|value| value.as_str()).unwrap_or_default().to_owned();
        let texts = |key: &str| -> Vec<String> {
            let list = base.setting(key).and_then(|value| value.as_array());
            list.into_iter().flatten().filter_map(|value| value.as_str()).map(str::to_owned).collect()
        };
        let mut evaluation = Evaluation {
            stage,
            current: stage.index,
            globals,
            environment: Variables { values: BTreeMap::new(), guess, guessed: Cell::new(false) },
            declared: BTreeMap::new(),
            config_env: Vec::new(),
            workdir: text("WorkingDir"),
            user: text("User"),
            shell: Some(texts("Shell")).filter(|shell| !shell.is_empty()),
            has_cmd: false,
            on_build: Vec::new(),
            is_certain: false,
            edits: ConfigEdits::default(),
            settings: Vec::new(),
            layers: Vec::new(),
            errors: Vec::new(),
        };
        for line in texts("Env") {
            let (name, value) = line.split_once('=').unwrap_or((&line, ""));
            evaluation.config_env.push((name.to_owned(), value.to_owned()));
        }
        if !evaluation.config_env.iter().any(|(name, _)| name == "PATH") && platform.os != "windows" {
            evaluation.config_env.push(("PATH".to_owned(), DEFAULT_PATH.to_owned()));
            evaluation.edits.env.push(("PATH".to_owned(), DEFAULT_PATH.to_owned()));
        }
        if let Some((folder, name)) = &chain.folder {
            evaluation.lay_folder(folder, name, &chain.place);
        }
        if matches!(chain.base, Base::Scratch) {
            // Nothing brings variables.
            evaluation.environment.guess = None;
        }
        if matches!(chain.base, Base::Scratch) && !chain.is_replaced {
            evaluation.workdir = "/".to_owned();
            evaluation.edits.workdir = Some("/".to_owned());
        }
        let mut triggers = texts("OnBuild");
        if !triggers.is_empty() {
            evaluation.edits.on_build = Some(Vec::new());
        }
        if chain.is_replaced {
            triggers.clear();
        }
        for current in chain.stages {
            evaluation.current = current;
            evaluation.has_cmd = false;
            evaluation.declared.clear();
            // An ARG of the stage below does not hide what the config says.
            let names = evaluation.config_env.clone();
            evaluation.environment.values.extend(names);
            for trigger in std::mem::take(&mut triggers) {
                evaluation.trigger(&trigger, &chain.place);
            }
            evaluation.on_build.clear();
            for line in program.lines(current) {
                evaluation.line(&Placed { line, place: None });
            }
            triggers = evaluation.on_build.clone();
        }
        if !evaluation.on_build.is_empty() {
            evaluation.edits.on_build = Some(evaluation.on_build.clone());
        }
        evaluation.name_layers();
        Ok(evaluation)
    }

    /// The layer of a folder that stands for an image.
    fn lay_folder(&mut self, folder: &Path, name: &str, place: &Range<usize>) {
        let path = folder.to_string_lossy().into_owned();
        let from = CopyFrom::Context { folder: PathBuf::new(), path, ignore: None };
        let copy = Copy { sources: vec![CopySource::Path(b"/".to_vec())], to: b"/".to_vec(), ..Copy::default() };
        let mut layer = LayerRecipe::new(&format!("FROM {name}"), LayerContent::Copy { from, copy, owner: None });
        layer.span = Some(self.program().span(place.clone()));
        self.layers.push(layer);
    }

    pub fn finish(self) -> Result<Evaluated, SpecError> {
        if self.errors.is_empty() {
            Ok(Evaluated { layers: self.layers, config: self.edits, settings: self.settings })
        } else {
            Err(SpecError::all(self.errors))
        }
    }

    pub fn program(&self) -> &'a Program {
        &self.stage.program
    }

    /// Layers are called by the text of their instructions; the second of the same text is so called.
    fn name_layers(&mut self) {
        let mut seen: BTreeMap<String, usize> = BTreeMap::new();
        for layer in &mut self.layers {
            if layer.name.chars().count() > NAME_LIMIT {
                layer.name = layer.name.chars().take(NAME_LIMIT - 1).chain(['…']).collect();
            }
            let count = seen.entry(layer.name.clone()).or_default();
            *count += 1;
            if *count > 1 {
                layer.name = format!("{} ({count})", layer.name);
            }
        }
    }

    /// An instruction that an image below, or a stage, left for what is built on it.
    fn trigger(&mut self, text: &str, place: &Range<usize>) {
        match parse_trigger(text) {
            Ok(line) => self.line(&Placed { line: &line, place: Some(place.clone()) }),
            Err(error) => {
                let message = format!("the base has the trigger `ONBUILD {text}`: {}", error.message);
                self.errors.push(self.program().error(place.clone(), message));
            }
        }
    }

    fn line(&mut self, placed: &Placed<'_>) {
        self.environment.guessed.set(false);
        self.is_certain = false;
        if let Err(error) = self.instruction(placed) {
            // What a guess led to is found out when the base is known.
            if self.environment.guessed.get() && !self.is_certain {
                return;
            }
            self.errors.push(match (&placed.place, error) {
                (Some(place), SpecError::At { message, help, .. }) => SpecError::At {
                    span: self.program().span(place.clone()),
                    message: format!("the base has the trigger `ONBUILD {}`: {message}", placed.line.text),
                    help,
                },
                (_, error) => error,
            });
        }
    }

    /// A text with its variables.
    pub fn expand(&self, text: &Text) -> Result<String, SpecError> {
        expand(text, self.program().escape(), &self.environment)
            .map_err(|error| self.program().error(text.range.clone(), error.to_string()))
    }

    pub fn environment(&self) -> &Variables {
        &self.environment
    }

    fn set_env(&mut self, name: String, value: String) {
        for list in [&mut self.config_env, &mut self.edits.env] {
            match list.iter_mut().find(|(other, _)| *other == name) {
                Some((_, old)) => old.clone_from(&value),
                None => list.push((name.clone(), value.clone())),
            }
        }
        self.environment.values.insert(name, value);
    }

    /// A path, relative to the working directory; a `/` or `/.` at its end stays.
    pub fn below_workdir(&self, path: &str) -> String {
        let whole = match path {
            _ if path.starts_with('/') => path.to_owned(),
            "" | "." => format!("{}/", self.workdir),
            _ => format!("{}/{path}", self.workdir),
        };
        let ends = if whole.ends_with('/') || whole.ends_with("/.") { "/" } else { "" };
        match clean(&whole).as_str() {
            "/" => "/".to_owned(),
            cleaned => format!("{cleaned}{ends}"),
        }
    }

    /// Whether the config has a variable, so that an ARG of the same name does not show.
    pub fn is_env(&self, name: &str) -> bool {
        self.config_env.iter().any(|(other, _)| other == name)
    }

    /// The layers so far.
    pub fn layers(&mut self) -> &mut Vec<LayerRecipe> {
        &mut self.layers
    }

    pub fn layer(&mut self, line: &Line, content: LayerContent) {
        let mut layer = LayerRecipe::new(&line.text, content);
        layer.span = Some(self.program().span(line.range.clone()));
        self.layers.push(layer);
    }

    pub fn command(&self, command: &Command) -> Vec<String> {
        match command {
            Command::Exec(words) => words.iter().map(|word| word.value.clone()).collect(),
            Command::Shell(text) => {
                let mut words = self.shell.clone().unwrap_or_else(|| vec!["/bin/sh".to_owned(), "-c".to_owned()]);
                words.push(text.value.clone());
                words
            }
        }
    }

    fn instruction(&mut self, placed: &Placed<'_>) -> Result<(), SpecError> {
        let line = placed.line;
        match &line.instruction {
            Instruction::From { .. } => {}
            Instruction::Arg(arguments) => self.arguments(arguments)?,
            Instruction::Env(pairs) => {
                let pairs = self.pairs(pairs)?;
                let said: Vec<String> = pairs.iter().map(|(name, value)| format!("{name}={value}")).collect();
                self.say(line, vec![said.join(" ")]);
                for (name, value) in pairs {
                    self.set_env(name, value);
                }
            }
            Instruction::Label(pairs) => {
                let pairs = self.pairs(pairs)?;
                self.edits.labels.extend(pairs);
            }
            Instruction::Copy(transfer) => self.transfer(line, transfer, false)?,
            Instruction::Add(transfer) => self.transfer(line, transfer, true)?,
            Instruction::Run { flags, command, heredocs } => self.run_or_keep(line, flags, command, heredocs)?,
            Instruction::Cmd(command) => {
                self.edits.cmd = Some(self.command(command));
                self.edits.args_escaped = Some(true);
                self.has_cmd = true;
            }
            Instruction::Entrypoint(command) => {
                self.edits.entrypoint = Some(self.command(command));
                if !self.has_cmd {
                    self.edits.cmd = None;
                }
            }
            Instruction::Shell(words) => {
                let words: Vec<String> = words.iter().map(|word| word.value.clone()).collect();
                self.say(line, vec![format!("[{}]", words.join(" "))]);
                self.shell = Some(words.clone()).filter(|words| !words.is_empty());
                self.edits.shell = Some(words);
            }
            Instruction::Workdir(path) => {
                let path = self.expand(path)?;
                let said = path.clone();
                self.workdir = match path.starts_with('/') {
                    true => path,
                    false => clean(&format!("/{}/{path}", self.workdir)),
                };
                self.say(line, vec![said, self.workdir.clone()]);
                self.edits.workdir = Some(self.workdir.clone());
                if self.workdir != "/" {
                    let path = clean(&self.workdir).trim_start_matches('/').as_bytes().to_vec();
                    let steps = vec![Step::WorkingDirectory { path }];
                    let owner = Some(self.user.clone()).filter(|user| !user.is_empty());
                    self.layer(line, LayerContent::Steps { steps, owner });
                }
            }
            Instruction::User(user) => {
                self.user = self.expand(user)?;
                self.say(line, vec![self.user.clone()]);
                self.edits.user = Some(self.user.clone());
            }
            Instruction::Expose(words) => {
                for word in words {
                    let expanded = expand_words(word, self.program().escape(), &self.environment)
                        .map_err(|error| self.program().error(word.range.clone(), error.to_string()))?;
                    for port in expanded {
                        let ports = ports::parse(&port).map_err(|why| self.program().error(word.range.clone(), why))?;
                        for port in ports {
                            if !self.edits.expose.contains(&port) {
                                self.edits.expose.push(port);
                            }
                        }
                    }
                }
            }
            Instruction::Volume(paths) => {
                for path in paths {
                    let volume = self.expand(path)?;
                    if volume.is_empty() {
                        return Err(self.program().error(path.range.clone(), "a volume's path is empty"));
                    }
                    if !self.edits.volumes.contains(&volume) {
                        self.edits.volumes.push(volume);
                    }
                }
            }
            Instruction::StopSignal(signal) => {
                let name = self.expand(signal)?;
                if !signal::is_signal(&name) {
                    let message = format!("`{name}` is no signal");
                    let help = "give a name such as SIGTERM, or a number";
                    return Err(self.program().error_with_help(signal.range.clone(), message, help));
                }
                self.edits.stop_signal = Some(name);
            }
            Instruction::Healthcheck(check) => self.edits.healthcheck = Some(healthcheck(check)),
            Instruction::OnBuild(trigger) => self.on_build.push(trigger.value.clone()),
            Instruction::Maintainer(author) => self.edits.author = Some(author.value.clone()),
        }
        Ok(())
    }

    fn pairs(&self, pairs: &[(Text, Text)]) -> Result<Vec<(String, String)>, SpecError> {
        pairs.iter().map(|(name, value)| Ok((self.expand(name)?, self.expand(value)?))).collect()
    }

    fn arguments(&mut self, arguments: &[(Text, Option<Text>)]) -> Result<(), SpecError> {
        for (name, value) in arguments {
            let given = self.program().arguments.build_args.get(&name.value).cloned();
            let value = match (given, value) {
                (Some(given), _) => Some(given),
                (None, Some(value)) => Some(self.expand(value)?),
                (None, None) => self.globals.get(&name.value).cloned(),
            };
            if let Some(value) = value {
                self.declared.insert(name.value.clone(), value.clone());
                self.environment.values.insert(name.value.clone(), value);
            }
        }
        Ok(())
    }
}

fn healthcheck(check: &Healthcheck) -> image::Healthcheck {
    match check {
        Healthcheck::None => image::Healthcheck { test: vec!["NONE".to_owned()], ..image::Healthcheck::default() },
        Healthcheck::Cmd { command, interval, timeout, start_period, start_interval, retries } => {
            let given = |value: u64| Some(value).filter(|&value| value != 0);
            let test = match command {
                Command::Shell(text) => vec!["CMD-SHELL".to_owned(), text.value.clone()],
                Command::Exec(words) => {
                    let words = words.iter().map(|word| word.value.clone());
                    std::iter::once("CMD".to_owned()).chain(words).collect()
                }
            };
            image::Healthcheck {
                test,
                interval: given(*interval),
                timeout: given(*timeout),
                start_period: given(*start_period),
                start_interval: given(*start_interval),
                retries: given(u64::from(*retries)),
            }
        }
    }
}

/// Go's `path.Clean` of an absolute path.
fn clean(path: &str) -> String {
    format!("/{}", String::from_utf8_lossy(&lexical(path.as_bytes())))
}
