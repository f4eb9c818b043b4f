//! tarsia, as it is asked.

use std::path::Path;

use super::bases::Bases;
use super::flatten;
use super::outcome::Outcome;
use super::pair::Pair;
use crate::support::{Run, Sandbox};

/// The program with a store of its own, and the bases that it may use.
pub struct Subject<'a> {
    sandbox: Sandbox,
    bases: &'a Bases,
}

impl<'a> Subject<'a> {
    pub fn new(bases: &'a Bases) -> Subject<'a> {
        Subject { sandbox: Sandbox::new(), bases }
    }

    /// Builds a pair that was written into `folder`.
    pub fn build(&self, pair: &Pair, folder: &Path) -> Outcome {
        let output = folder.join("tarsia");
        let mut arguments = self.arguments("build", pair, folder);
        arguments.push(format!("--output=oci:{}", output.display()));
        let run = Run::of(self.sandbox.command(&arguments).output().unwrap());
        match run.code {
            0 => Outcome::Image(flatten::layout(&output, None)),
            // The input's fault, or that of a registry that was not to be asked.
            2 | 3 => Outcome::Refused(run.stderr),
            code => Outcome::Broken(format!("exit code {code}: {}", run.stderr)),
        }
    }

    /// Builds a pair from its Dockerfile and from the spec that `init` makes of it: what the two say, or why there is
    /// no spec. Nothing for a pair that cannot be built.
    pub fn build_both_ways(&self, pair: &Pair, folder: &Path) -> Option<Result<[String; 2], String>> {
        let build = |arguments: &[String], name: &str| {
            let output = format!("--output=oci:{}", folder.join(name).display());
            let flags = [output, "--json".to_owned()];
            Run::of(self.sandbox.command(arguments.iter().chain(&flags)).output().unwrap())
        };
        let built = build(&self.arguments("build", pair, folder), "from-dockerfile");
        if built.code != 0 {
            return None;
        }
        let spec = folder.join("spec/campaign.toml").display().to_string();
        std::fs::create_dir(folder.join("spec")).unwrap();
        let mut arguments = self.arguments("init", pair, folder);
        arguments.push(format!("--output={spec}"));
        let written = Run::of(self.sandbox.command(&arguments).output().unwrap());
        if written.code != 0 {
            return Some(Err(written.stderr));
        }
        let again = build(&["build".to_owned(), spec, "--offline".to_owned()], "from-spec").ok();
        let digest = |run: &Run| run.documents()[0]["digest"].as_str().unwrap().to_owned();
        Some(Ok([digest(&built), digest(&again)]))
    }

    /// The arguments of a command over the pair's Dockerfile.
    fn arguments(&self, command: &str, pair: &Pair, folder: &Path) -> Vec<String> {
        let context = folder.join("context");
        let text = |path: &Path| path.to_str().unwrap().to_owned();
        let mut arguments = vec![
            command.to_owned(),
            text(&context.join(&pair.file)),
            format!("--context={}", text(&context)),
            "--name=campaign".to_owned(),
            // Every image is here; one that is not is no reason to ask for it elsewhere.
            "--offline".to_owned(),
            format!("--platform={}", pair.platform.as_deref().unwrap_or("linux/amd64")),
        ];
        let image = |name: &str, base: &str| {
            format!("--build-context={name}=oci-layout://{}:{base}", text(&self.bases.layout()))
        };
        let replaced = |name: &str| pair.has_stage(name) || pair.images.iter().any(|(other, _)| other == name);
        for (name, _) in self.bases.images.iter().filter(|(name, _)| !replaced(name)) {
            arguments.push(image(name, name));
        }
        arguments.extend(pair.images.iter().map(|(name, base)| image(name, base)));
        for (name, _) in &pair.folders {
            arguments.push(format!("--build-context={name}={}", text(&folder.join("folders").join(name))));
        }
        arguments.extend(pair.arguments.iter().map(|(name, value)| format!("--build-arg={name}={value}")));
        arguments.extend(pair.target.iter().map(|target| format!("--target={target}")));
        arguments
    }
}
