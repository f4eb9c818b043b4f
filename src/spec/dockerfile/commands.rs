//! `RUN`, evaluated: steps for what needs no shell, and for all else why not, and the ways out.

use super::evaluate::{Evaluation, Variables};
use super::expand::Environment;
use super::instruction::{Command, Heredoc, Line};
use super::run::shown_files;
use super::steps::{Refusal, exec_steps, steps};
use super::text::Text;
use crate::spec::error::SpecError;
use crate::spec::recipe::{LayerContent, Ran, Setting};

/// What a RUN sees: docker sets `HOME` for root.
struct WithHome<'a>(&'a Variables);

impl Environment for WithHome<'_> {
    fn get(&self, name: &str) -> Option<&str> {
        if name == "HOME" && !self.0.values.contains_key(name) { Some("/root") } else { self.0.get(name) }
    }
}

impl Evaluation<'_> {
    /// Does what a RUN does. Where its layer can be kept it is one layer, whatever it does.
    pub(super) fn run_or_keep(
        &mut self,
        line: &Line,
        flags: &[Text],
        command: &Command,
        heredocs: &[Heredoc],
    ) -> Result<(), SpecError> {
        let body = match (command, heredocs) {
            (Command::Shell(text), [heredoc]) if text.trim_start().starts_with("<<") => {
                Some(heredoc.content.to_string())
            }
            _ => None,
        };
        let before = self.layers().len();
        let done = match (flags.first(), heredocs) {
            (Some(flag), _) => Err(self.refuse(line, Refusal::certain(format!("the flag `{flag}`")))),
            (None, [_, ..]) if body.is_none() => {
                Err(self.refuse(line, Refusal::certain("a command that reads a heredoc")))
            }
            _ => self.run(line, command, body.clone()),
        };
        if !self.program().arguments.keep_runs {
            return done;
        }
        if done.is_err() {
            self.layer(line, LayerContent::Run);
        } else if self.layers().len() == before {
            self.layer(line, LayerContent::Steps { steps: Vec::new(), owner: None });
        }
        let mut words = self.command(command);
        if let (Some(body), Some(last)) = (body, words.last_mut()) {
            *last = body;
        }
        let ran = Ran {
            command: words,
            flags: flags.iter().map(|flag| flag.value.clone()).collect(),
            arguments: self.declared.clone().into_iter().collect(),
            hidden: self.declared.keys().filter(|name| self.is_env(name)).cloned().collect(),
            mount: shown_files(flags).map(str::to_owned),
            settings: self.settings.len(),
        };
        if let Some(layer) = self.layers().last_mut() {
            layer.ran = Some(ran);
        }
        Ok(())
    }

    /// Notes what commands see from now on: how the instruction is written, and what else builders may write of it.
    pub(super) fn say(&mut self, line: &Line, expanded: Vec<String>) {
        let (keyword, written) = line.text.split_once(char::is_whitespace).unwrap_or((&line.text, ""));
        let forms = [written.trim().to_owned()].into_iter().chain(expanded).collect();
        self.settings.push(Setting { keyword: keyword.to_ascii_uppercase(), forms });
    }

    fn run(&mut self, line: &Line, command: &Command, body: Option<String>) -> Result<(), SpecError> {
        let folder = self.workdir.trim_start_matches('/').as_bytes().to_vec();
        let environment = WithHome(&self.environment);
        let script = match (command, body) {
            (_, Some(body)) => Some(body),
            (Command::Shell(text), None) => Some(text.value.clone()),
            (Command::Exec(_), None) => None,
        };
        let shell = self.shell.as_deref().unwrap_or_default();
        let is_posix = match shell {
            [] => true,
            [program, .., last] => {
                let name = program.rsplit('/').next().unwrap_or_default();
                matches!(name, "sh" | "bash" | "ash" | "dash") && last.starts_with('-') && last.ends_with('c')
            }
            _ => false,
        };
        let done = match (&script, command) {
            (Some(_), _) if !is_posix => Err(Refusal::certain(format!("the shell `{}`", shell.join(" ")))),
            (Some(script), _) if script.starts_with("#!") => {
                Err(Refusal::certain("a script with an interpreter of its own"))
            }
            (Some(script), _) => steps(script, &folder, &environment),
            (None, Command::Exec(words)) => {
                let words: Vec<String> = words.iter().map(|word| word.value.clone()).collect();
                exec_steps(&words, &folder)
            }
            (None, Command::Shell(_)) => Ok(Vec::new()),
        };
        let done = done.map_err(|refusal| self.refuse(line, refusal))?;
        if done.is_empty() {
            return Ok(());
        }
        if !matches!(self.user.as_str(), "" | "root" | "0" | "root:root" | "0:0" | "root:0" | "0:root") {
            let what = Refusal::certain(format!("a command as the user `{}`, who may not do everything", self.user));
            return Err(self.refuse(line, what));
        }
        self.layer(line, LayerContent::Steps { steps: done, owner: None });
        Ok(())
    }

    /// Why a RUN cannot be done, and the ways out.
    pub(super) fn refuse(&mut self, line: &Line, refusal: Refusal) -> SpecError {
        self.is_certain = refusal.is_certain;
        let program = self.program();
        let message = format!("tarsia runs nothing, and this RUN needs {}", refusal.what);
        let help = match program.stage_name(self.current) {
            Some(name) if !program.is_last(self.current) => format!(
                "build the stage once where it can run (docker build --target {name}), push it, and build with \
                 --build-context {name}=docker-image://REPOSITORY@DIGEST"
            ),
            _ => "move what has to run, and all above it, into a stage of its own (FROM … AS deps; then FROM deps), build \
                  that once where it can run, and build with --build-context deps=docker-image://REPOSITORY@DIGEST"
                .to_owned(),
        };
        let installs = ["pip", "pip3", "uv"].iter().any(|command| refusal.what == format!("the command `{command}`"));
        let help = match installs {
            true => format!(
                "write a spec of it (`tarsia init`) without this RUN, and a layer of `wheels` with a lock of what it \
                 installs; or {help}"
            ),
            false => help,
        };
        program.error_with_help(line.range.clone(), message, help)
    }
}
