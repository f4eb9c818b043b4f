//! Programs: a Dockerfile with what it is built with, and its stages.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::expand::expand;
use super::instruction::{Dockerfile, Instruction, Line};
use super::named::NamedContext;
use super::stage::Stage;
use crate::image::{Location, Platform, Reference};
use crate::spec::error::{Span, SpecError};
use crate::spec::recipe::Base;

/// What a Dockerfile is built with.
#[derive(Debug, Clone, Default)]
pub struct Arguments {
    /// The context; the Dockerfile's own folder if not given.
    pub context: Option<PathBuf>,
    /// `--build-arg`.
    pub build_args: BTreeMap<String, String>,
    /// The stage to build; the last if not given.
    pub target: Option<String>,
    /// `--build-context`: what stands for stages, images and other contexts, by name.
    pub contexts: BTreeMap<String, NamedContext>,
    /// What a RUN makes that cannot be done here is not refused: an image is at hand that has its layer.
    pub keep_runs: bool,
}

/// A Dockerfile with what it is built with.
#[derive(Debug)]
pub struct Program {
    pub(super) file: PathBuf,
    text: Arc<str>,
    dockerfile: Dockerfile,
    stages: Vec<StageLines>,
    pub(super) arguments: Arguments,
}

#[derive(Debug)]
struct StageLines {
    name: Option<String>,
    /// Its lines, FROM first.
    lines: Range<usize>,
}

/// What lies at the bottom of a stage.
pub(super) struct Chain {
    pub base: Base,
    pub platform: Option<Platform>,
    /// A folder that stands for the base: what is in it lies over nothing. And its name.
    pub folder: Option<(PathBuf, String)>,
    /// Whether a stage was replaced by what lies at the bottom: then nothing is known of it but its files and config.
    pub is_replaced: bool,
    /// Where the base is named.
    pub place: Range<usize>,
    /// The stages whose instructions are done, one after the other.
    pub stages: Vec<usize>,
}

/// What `--from` names.
pub(super) enum From {
    Stage(usize),
    Named(NamedContext),
    Image { location: Location, name: String },
}

impl Program {
    /// Reads a Dockerfile and finds the stage that is asked for.
    ///
    /// # Errors
    ///
    /// Every mistake in it at once, and every instruction of the stage, and of those it needs, that cannot be done
    /// without running something.
    pub fn load(file: &Path, text: Arc<str>, arguments: Arguments) -> Result<Stage, SpecError> {
        let span = |range| Span { file: file.to_owned(), text: Arc::clone(&text), range };
        let (dockerfile, mistakes) = super::parse::parse_what_can_be(&text);
        let mistakes: Vec<SpecError> = mistakes
            .into_iter()
            .map(|error| SpecError::At { span: span(error.range), message: error.message, help: error.help })
            .collect();
        let mut stages: Vec<StageLines> = Vec::new();
        for (at, line) in dockerfile.instructions.iter().enumerate() {
            if let Instruction::From { name, .. } = &line.instruction {
                stages
                    .push(StageLines { name: name.as_ref().map(|name| name.value.to_lowercase()), lines: at..at + 1 });
            } else if let Some(stage) = stages.last_mut() {
                stage.lines.end = at + 1;
            }
        }
        let index = match &arguments.target {
            None => stages.len().checked_sub(1),
            Some(target) => {
                let name = target.to_lowercase();
                stages.iter().rposition(|stage| stage.name.as_ref() == Some(&name))
            }
        };
        let Some(index) = index else {
            // A stage may be missing because its FROM cannot be read.
            if !mistakes.is_empty() {
                return Err(SpecError::all(mistakes));
            }
            let names: Vec<String> =
                stages.iter().filter_map(|stage| Some(format!("`{}`", stage.name.as_ref()?))).collect();
            return Err(SpecError::At {
                span: span(0..0),
                message: match &arguments.target {
                    Some(target) => format!("there is no stage `{target}`"),
                    None => "there is no stage: the first instruction of one is FROM".to_owned(),
                },
                help: (!names.is_empty()).then(|| format!("the stages are {}", names.join(", "))),
            });
        };
        let program = Program { file: file.to_owned(), text: Arc::clone(&text), dockerfile, stages, arguments };
        let stage = Stage { program: Arc::new(program), index };
        match (mistakes.is_empty(), stage.check()) {
            (true, checked) => checked.map(|()| stage),
            (false, Ok(())) => Err(SpecError::all(mistakes)),
            // What has to run is told beside what cannot be read.
            (false, Err(refusals)) => Err(SpecError::all(mistakes.into_iter().chain([refusals])).in_order()),
        }
    }

    pub(super) fn escape(&self) -> char {
        self.dockerfile.escape
    }

    pub(super) fn span(&self, range: Range<usize>) -> Span {
        Span { file: self.file.clone(), text: Arc::clone(&self.text), range }
    }

    pub(super) fn error(&self, range: Range<usize>, message: impl Into<String>) -> SpecError {
        SpecError::At { span: self.span(range), message: message.into(), help: None }
    }

    pub(super) fn error_with_help(
        &self,
        range: Range<usize>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> SpecError {
        SpecError::At { span: self.span(range), message: message.into(), help: Some(help.into()) }
    }

    /// The lines of a stage after its FROM.
    pub(super) fn lines(&self, stage: usize) -> &[Line] {
        let lines = self.stages.get(stage).map_or(0..0, |stage| stage.lines.start + 1..stage.lines.end);
        self.dockerfile.instructions.get(lines).unwrap_or_default()
    }

    pub(super) fn stage_name(&self, stage: usize) -> Option<&str> {
        self.stages.get(stage)?.name.as_deref()
    }

    /// Whether `stage` is the last of the file.
    pub(super) fn is_last(&self, stage: usize) -> bool {
        stage + 1 == self.stages.len()
    }

    fn from(&self, stage: usize) -> Option<&Line> {
        self.dockerfile.instructions.get(self.stages.get(stage)?.lines.start)
    }

    /// Where the folder of the context is.
    pub(super) fn context(&self) -> PathBuf {
        match &self.arguments.context {
            Some(context) => context.clone(),
            None => match self.file.parent() {
                Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
                _ => PathBuf::from("."),
            },
        }
    }

    /// The ignore file beside the Dockerfile that takes the place of the context's own.
    pub(super) fn ignore_file(&self) -> Option<PathBuf> {
        let mut name = self.file.file_name()?.to_owned();
        name.push(".dockerignore");
        Some(self.file.with_file_name(name)).filter(|path| path.exists())
    }

    /// The variables that FROM lines see.
    pub(super) fn globals(&self, platform: &Platform) -> Result<BTreeMap<String, String>, SpecError> {
        let variant = |platform: &Platform| platform.variant.clone().unwrap_or_default();
        let version = |platform: &Platform| platform.os_version.clone().unwrap_or_default();
        // Not this machine's: the same Dockerfile makes the same image everywhere.
        let build = Platform::fallback();
        let last = self.stages.last().and_then(|stage| stage.name.clone());
        let stage = self.arguments.target.clone().or(last);
        let mut globals: BTreeMap<String, String> = [
            ("BUILDPLATFORM", build.to_string()),
            ("BUILDOS", build.os.clone()),
            ("BUILDOSVERSION", version(&build)),
            ("BUILDARCH", build.architecture.clone()),
            ("BUILDVARIANT", variant(&build)),
            ("TARGETPLATFORM", platform.to_string()),
            ("TARGETOS", platform.os.clone()),
            ("TARGETOSVERSION", version(platform)),
            ("TARGETARCH", platform.architecture.clone()),
            ("TARGETVARIANT", variant(platform)),
            ("TARGETSTAGE", stage.unwrap_or_else(|| "default".to_owned())),
        ]
        .map(|(name, value)| (name.to_owned(), self.arguments.build_args.get(name).cloned().unwrap_or(value)))
        .into();
        for line in &self.dockerfile.instructions {
            let Instruction::Arg(arguments) = &line.instruction else { break };
            for (name, value) in arguments {
                let value = match (self.arguments.build_args.get(&name.value), value) {
                    (Some(given), _) => Some(given.clone()),
                    (None, Some(value)) => Some(
                        expand(value, self.escape(), &globals)
                            .map_err(|error| self.error(value.range.clone(), error.to_string()))?,
                    ),
                    (None, None) => None,
                };
                if let Some(value) = value {
                    globals.insert(name.value.clone(), value);
                }
            }
        }
        Ok(globals)
    }

    /// The stage called `name` among the first `before`, the last of that name.
    fn stage_called(&self, name: &str, before: usize) -> Option<usize> {
        self.stages.iter().take(before).rposition(|stage| stage.name.as_deref() == Some(name))
    }

    /// What `--build-context` has for an image's or a stage's name.
    fn named(&self, name: &str) -> Option<&NamedContext> {
        let same = |other: &str| match (name.parse::<Reference>(), other.parse::<Reference>()) {
            (Ok(one), Ok(two)) => {
                let tag = |reference: &Reference| reference.tag.clone().or_else(|| Some("latest".to_owned()));
                one.repository == two.repository && one.digest == two.digest && tag(&one) == tag(&two)
            }
            _ => false,
        };
        let contexts = &self.arguments.contexts;
        contexts.get(name).or_else(|| contexts.iter().find(|(other, _)| same(other)).map(|(_, context)| context))
    }

    fn image(&self, name: &str, place: Range<usize>) -> Result<(Location, String), SpecError> {
        match name.parse::<Reference>() {
            Ok(reference) => Ok((Location::Registry(reference), name.to_owned())),
            Err(error) => Err(self.error(place, error.to_string())),
        }
    }

    /// What a stage is built on, down to an image.
    pub(super) fn chain(&self, stage: usize, globals: &BTreeMap<String, String>) -> Result<Chain, SpecError> {
        let mut stages = Vec::new();
        let mut at = stage;
        loop {
            let Some(Line { instruction: Instruction::From { image, platform, .. }, .. }) = self.from(at) else {
                return Err(self.error(0..0, "there is no such stage"));
            };
            let place = image.range.clone();
            if let Some(named) = self.stage_name(at).and_then(|name| self.named(name)) {
                let (base, folder) = named_base(named, self.stage_name(at).unwrap_or_default());
                let stages = reversed(stages);
                return Ok(Chain { base, platform: None, folder, is_replaced: true, place, stages });
            }
            stages.push(at);
            let name =
                expand(image, self.escape(), globals).map_err(|error| self.error(place.clone(), error.to_string()))?;
            if name.is_empty() {
                let message = format!("`{image}` names no image: it is empty once its variables are expanded");
                return Err(self.error(place, message));
            }
            if let Some(below) = self.stage_called(&name, at) {
                at = below;
                continue;
            }
            let platform = match platform {
                None => None,
                Some(text) => {
                    let error = |message: String| self.error(text.range.clone(), message);
                    let named = expand(text, self.escape(), globals).map_err(|reason| error(reason.to_string()))?;
                    Some(named.parse::<Platform>().map_err(|reason| error(reason.to_string()))?)
                }
            };
            let (base, folder) = match self.named(&name) {
                Some(named) => named_base(named, &name),
                None if name == "scratch" => (Base::Scratch, None),
                None => {
                    let (location, name) = self.image(&name, place.clone())?;
                    (Base::Image { location, name }, None)
                }
            };
            return Ok(Chain { base, platform, folder, is_replaced: false, place, stages: reversed(stages) });
        }
    }

    /// Every `--from` in these stages.
    pub(super) fn sources<'a>(&'a self, stages: &'a [usize]) -> impl Iterator<Item = (usize, &'a super::Text)> {
        let lines = stages.iter().flat_map(|&stage| self.lines(stage).iter().map(move |line| (stage, line)));
        lines.filter_map(|(stage, line)| match &line.instruction {
            Instruction::Copy(transfer) | Instruction::Add(transfer) => Some((stage, transfer.from.as_ref()?)),
            _ => None,
        })
    }

    /// What `--from` in `stage` names.
    pub(super) fn source(&self, stage: usize, text: &super::Text) -> Result<From, SpecError> {
        let place = || text.range.clone();
        let plain = expand(text, self.escape(), &()).ok();
        if plain.as_deref() != Some(&text.value) {
            return Err(self.error_with_help(
                place(),
                "variables are not expanded in `--from`",
                "name a stage whose FROM has the variable",
            ));
        }
        let too_late = |index: usize| {
            let name = self.stage_name(index).map_or_else(|| index.to_string(), str::to_owned);
            self.error(place(), format!("the stage `{name}` cannot be copied from: it does not stand before this one"))
        };
        if let Ok(index) = text.value.parse::<usize>() {
            return if index < stage { Ok(From::Stage(index)) } else { Err(too_late(index)) };
        }
        let lower = text.value.to_lowercase();
        if let Some(index) = self.stage_called(&lower, self.stages.len()) {
            if let Some(named) = self.named(&lower) {
                return Ok(From::Named(named.clone()));
            }
            return match self.stage_called(&lower, stage) {
                Some(index) => Ok(From::Stage(index)),
                None => Err(too_late(index)),
            };
        }
        if let Some(named) = self.named(&text.value) {
            return Ok(From::Named(named.clone()));
        }
        if text.value == "scratch" {
            return Err(self.error(place(), "there is nothing to copy from `scratch`"));
        }
        match text.value.parse::<Reference>() {
            Ok(reference) => Ok(From::Image { location: Location::Registry(reference), name: text.value.clone() }),
            Err(error) => {
                let message = format!("there is no stage `{}` before this one, and as an image: {error}", text.value);
                Err(self.error_with_help(place(), message, "name a stage above, an image or a --build-context"))
            }
        }
    }
}

/// What a named context is as a base: an image, or a folder over nothing.
fn named_base(named: &NamedContext, called: &str) -> (Base, Option<(PathBuf, String)>) {
    match named {
        NamedContext::Image { location, name } => {
            (Base::Image { location: location.clone(), name: name.clone() }, None)
        }
        NamedContext::Folder(folder) => (Base::Scratch, Some((folder.clone(), called.to_owned()))),
    }
}

fn reversed(mut stages: Vec<usize>) -> Vec<usize> {
    stages.reverse();
    stages
}
