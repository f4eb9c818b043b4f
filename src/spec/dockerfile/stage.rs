//! Stages: what a Dockerfile's image, and what it copies from, is made of.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use super::evaluate::{Evaluated, Evaluation};
use super::named::NamedContext;
use super::program::{Chain, From, Program};
use crate::image::{Config, Location, Platform};
use crate::spec::error::{Span, SpecError};
use crate::spec::recipe::Base;

/// A stage of a Dockerfile, with all it is built with: what a [`Recipe`](crate::spec::Recipe) of one is made of.
#[derive(Clone)]
pub struct Stage {
    pub(super) program: Arc<Program>,
    pub(super) index: usize,
}

/// What a stage, or the first of the stages it is built on, is built on.
#[derive(Debug, Clone)]
pub struct StageBase {
    /// The image.
    pub base: Base,
    /// The platform that its FROM names.
    pub platform: Option<Platform>,
}

impl fmt::Debug for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stage").field("file", &self.program.file).field("index", &self.index).finish()
    }
}

impl Stage {
    /// What the stage is called in messages.
    pub fn name(&self) -> String {
        self.program.stage_name(self.index).map_or_else(|| self.index.to_string(), str::to_owned)
    }

    /// The context that its COPY and ADD read, and the ignore file that takes the place of the context's own.
    pub fn context(&self) -> (PathBuf, Option<PathBuf>) {
        (self.program.context(), self.program.ignore_file())
    }

    /// Another stage of the same Dockerfile.
    pub(super) fn sibling(&self, index: usize) -> Stage {
        Stage { program: Arc::clone(&self.program), index }
    }

    /// What tells stages of a run apart.
    pub fn identity(&self) -> (PathBuf, usize) {
        (self.program.file.clone(), self.index)
    }

    /// What it is built on, for `platform`.
    ///
    /// # Errors
    ///
    /// A FROM that names no image, or an ARG that cannot be expanded.
    pub fn base(&self, platform: Option<&Platform>) -> Result<StageBase, SpecError> {
        let fallback = Platform::fallback();
        let globals = self.program.globals(platform.unwrap_or(&fallback))?;
        let chain = self.program.chain(self.index, &globals)?;
        Ok(StageBase { base: chain.base, platform: chain.platform })
    }

    /// The images that it, and the stages it needs, are built on and copy from.
    ///
    /// # Errors
    ///
    /// As [`Stage::base`].
    pub fn images(&self, platform: Option<&Platform>) -> Result<Vec<(Location, String)>, SpecError> {
        let fallback = Platform::fallback();
        let globals = self.program.globals(platform.unwrap_or(&fallback))?;
        let mut images = Vec::new();
        for (_, chain) in self.needed(&globals) {
            let chain = chain?;
            if let Base::Image { location, name } = chain.base {
                images.push((location, name));
            }
            for (stage, from) in self.program.sources(&chain.stages) {
                if let From::Image { location, name } | From::Named(NamedContext::Image { location, name }) =
                    self.program.source(stage, from)?
                {
                    images.push((location, name));
                }
            }
        }
        Ok(images)
    }

    /// The stages that this one needs, itself first, each with what lies below it.
    fn needed(&self, globals: &BTreeMap<String, String>) -> Vec<(usize, Result<Chain, SpecError>)> {
        let mut todo = vec![self.index];
        let mut needed: Vec<(usize, Result<Chain, SpecError>)> = Vec::new();
        while let Some(index) = todo.pop() {
            if needed.iter().any(|(seen, _)| *seen == index) {
                continue;
            }
            let chain = self.program.chain(index, globals);
            if let Ok(chain) = &chain {
                for (stage, from) in self.program.sources(&chain.stages) {
                    if let Ok(From::Stage(from)) = self.program.source(stage, from) {
                        todo.push(from);
                    }
                }
            }
            needed.push((index, chain));
        }
        needed
    }

    /// Where its base is named.
    pub fn base_span(&self) -> Option<Span> {
        let globals = self.program.globals(&Platform::fallback()).ok()?;
        Some(self.program.span(self.program.chain(self.index, &globals).ok()?.place))
    }

    /// Its layers and its config edits for `platform`, over a base with this config.
    ///
    /// # Errors
    ///
    /// Everything in it, and in the stages it is built on, that cannot be expanded or cannot be done.
    pub fn evaluate(&self, platform: &Platform, base: &Config) -> Result<Evaluated, SpecError> {
        Evaluation::new(self, platform, base)?.finish()
    }

    /// Looks for what cannot be done whatever the base is, here and in all stages that are copied from.
    pub(super) fn check(&self) -> Result<(), SpecError> {
        let platform = Platform::fallback();
        let globals = self.program.globals(&platform)?;
        let mut errors = Vec::new();
        for (index, chain) in self.needed(&globals) {
            if let Err(error) = chain {
                errors.push(error);
                continue;
            }
            match Evaluation::check(&self.sibling(index), &platform) {
                Ok(found) => errors.extend(found),
                Err(error) => errors.push(error),
            }
        }
        // Stages that several others share are looked at once for each.
        let mut unique: Vec<SpecError> = Vec::new();
        for error in errors {
            if !unique.iter().any(|other| other.to_string() == error.to_string()) {
                unique.push(error);
            }
        }
        if unique.is_empty() { Ok(()) } else { Err(SpecError::all(unique)) }
    }
}
