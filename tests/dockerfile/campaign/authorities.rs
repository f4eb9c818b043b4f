//! Those that are asked: docker, whose word counts; buildkit by itself, for what docker's own does not know yet;
//! buildah, to see where it differs.

use std::collections::BTreeMap;
use std::fs;
use std::process::Output;

use serde_json::{Value, json};

use super::bases::Bases;
use super::flatten;
use super::house::{Daemon, House, well};
use super::outcome::{Image, Outcome};
use super::pair::Pair;

/// Where the campaign works in the house.
const BASES: &str = "/campaign/bases";

pub struct Docker<'a> {
    house: &'a House,
    _daemon: Daemon,
}

pub struct Buildkit<'a> {
    house: &'a House,
    digests: Vec<(&'static str, String)>,
    _daemon: Daemon,
}

pub struct Buildah<'a> {
    house: &'a House,
    store: String,
}

impl<'a> Docker<'a> {
    /// Starts `dockerd` and gives it the bases.
    pub fn start(house: &'a House, bases: &Bases) -> Docker<'a> {
        let data = house.memory("docker");
        let daemon = house.daemon(
            "docker",
            &[
                "dockerd",
                &format!("--data-root={data}"),
                "--exec-root=/run/campaign-docker",
                "--pidfile=/run/campaign-docker.pid",
                "--host=unix:///run/campaign-docker.sock",
                "--iptables=false",
                "--ip6tables=false",
                "--bridge=none",
            ],
            &["docker", "version"],
        );
        for (name, _) in &bases.images {
            well(&mut house.client(["docker", "load", "--input", &format!("{BASES}/{name}.tar")]));
        }
        Docker { house, _daemon: daemon }
    }

    pub fn version(&self) -> String {
        let output = well(&mut self.house.client(["docker", "version", "--format", "{{.Server.Version}}"]));
        format!("docker {}", String::from_utf8_lossy(&output.stdout).trim())
    }

    /// Builds a pair that lies in `folder` of the house.
    pub fn build(&self, pair: &Pair, folder: &str) -> Outcome {
        let tag = format!("campaign-{}", pair.id.replace('/', "-"));
        let mut arguments: Vec<String> =
            ["docker", "build", "--progress=plain", "--network=none", "--no-cache"].map(str::to_owned).to_vec();
        arguments.push(format!("--tag={tag}"));
        arguments.push(format!("--file={folder}/context/{}", pair.file));
        for (name, _) in &pair.folders {
            arguments.push(format!("--build-context={name}={folder}/folders/{name}"));
        }
        for (name, base) in &pair.images {
            arguments.push(format!("--build-context={name}=docker-image://{base}"));
        }
        arguments.extend(common(pair));
        arguments.push(format!("{folder}/context"));
        let output = self.house.client(&arguments).output().unwrap();
        if !output.status.success() {
            return refused(&output, "ERROR: failed to build: ");
        }
        let saved = self.house.client(["docker", "save", &tag]).output().unwrap();
        let image = if String::from_utf8_lossy(&saved.stderr).contains("empty export") {
            // An image without layers is one that docker cannot save; it has no tree either.
            let told = well(&mut self.house.client(["docker", "image", "inspect", "--format={{json .}}", &tag]));
            Image::new(BTreeMap::new(), &inspected(&told.stdout))
        } else {
            flatten::docker_archive(&saved.stdout)
        };
        // The image stays: another thread's may be the same one, and go with it.
        Outcome::Image(image)
    }
}

impl<'a> Buildkit<'a> {
    /// Starts `buildkitd`.
    pub fn start(house: &'a House, bases: &Bases) -> Buildkit<'a> {
        let data = house.memory("buildkit");
        let daemon = house.daemon(
            "buildkit",
            &[
                "buildkitd",
                &format!("--root={data}"),
                "--addr=unix:///run/campaign-buildkit.sock",
                "--oci-worker-net=host",
                "--containerd-worker=false",
            ],
            &["buildctl", "debug", "workers"],
        );
        Buildkit { house, digests: bases.images.clone(), _daemon: daemon }
    }

    pub fn version(&self) -> String {
        let output = well(&mut self.house.client(["buildctl", "debug", "info"]));
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let line = text.lines().find(|line| line.starts_with("BuildKit:")).unwrap_or("BuildKit: unknown");
        line.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase().replacen(':', "", 1)
    }

    /// Builds a pair that lies in `folder` of the house.
    pub fn build(&self, pair: &Pair, folder: &str) -> Outcome {
        let mut arguments: Vec<String> =
            ["buildctl", "build", "--progress=plain", "--no-cache", "--frontend=dockerfile.v0"]
                .map(str::to_owned)
                .to_vec();
        let (directory, name) = pair.file.rsplit_once('/').unwrap_or((".", &pair.file));
        arguments.push(format!("--local=context={folder}/context"));
        arguments.push(format!("--local=dockerfile={folder}/context/{directory}"));
        arguments.push(format!("--opt=filename={name}"));
        arguments.push("--opt=force-network-mode=none".to_owned());
        arguments.push(format!("--oci-layout=bases={BASES}/bases"));
        let mut image = |name: &str, base: &str| {
            let (_, digest) = self.digests.iter().find(|(other, _)| *other == base).unwrap();
            arguments.push(format!("--opt=context:{name}=oci-layout://bases@{digest}"));
        };
        for (name, _) in self.digests.iter().filter(|(name, _)| !pair.has_stage(name)) {
            image(name, name);
        }
        for (name, base) in &pair.images {
            image(name, base);
        }
        for (name, _) in &pair.folders {
            arguments.push(format!("--local={name}={folder}/folders/{name}"));
            arguments.push(format!("--opt=context:{name}=local:{name}"));
        }
        for (name, value) in &pair.arguments {
            arguments.push(format!("--opt=build-arg:{name}={value}"));
        }
        arguments.extend(pair.target.iter().map(|target| format!("--opt=target={target}")));
        arguments.extend(pair.platform.iter().map(|platform| format!("--opt=platform={platform}")));
        arguments.push(format!("--output=type=docker,name=campaign,dest={folder}/buildkit.tar"));
        let output = self.house.client(&arguments).output().unwrap();
        if !output.status.success() {
            return refused(&output, "error: ");
        }
        Outcome::Image(flatten::docker_archive(
            &fs::read(self.house.outside(&format!("{folder}/buildkit.tar"))).unwrap(),
        ))
    }
}

impl<'a> Buildah<'a> {
    /// Gives the bases to buildah's store.
    pub fn start(house: &'a House, bases: &Bases) -> Buildah<'a> {
        let buildah = Buildah { house, store: house.memory("buildah") };
        for (name, _) in &bases.images {
            well(&mut buildah.command(&["pull".to_owned(), format!("docker-archive:{BASES}/{name}.tar")]));
        }
        buildah
    }

    pub fn version(&self) -> String {
        let output = well(&mut self.house.client(["buildah", "--version"]));
        String::from_utf8_lossy(&output.stdout).split(" (").next().unwrap().replace(" version", "")
    }

    fn command(&self, arguments: &[String]) -> std::process::Command {
        let store = [
            "buildah".to_owned(),
            format!("--root={}/root", self.store),
            format!("--runroot={}/run", self.store),
            "--storage-driver=vfs".to_owned(),
        ];
        self.house.tenant(store.iter().chain(arguments))
    }

    /// Builds a pair that lies in `folder` of the house.
    pub fn build(&self, pair: &Pair, folder: &str) -> Outcome {
        let tag = format!("campaign-{}", pair.id.replace('/', "-"));
        let mut arguments: Vec<String> = [
            "build",
            "--isolation=chroot",
            "--format=docker",
            "--identity-label=false",
            "--ulimit=nofile=1024:1024",
            "--ulimit=nproc=1024:1024",
            "--no-cache",
            "--pull=never",
        ]
        .map(str::to_owned)
        .to_vec();
        arguments.push(format!("--tag={tag}"));
        arguments.push(format!("--file={folder}/context/{}", pair.file));
        for (name, _) in &pair.folders {
            arguments.push(format!("--build-context={name}={folder}/folders/{name}"));
        }
        for (name, base) in &pair.images {
            arguments.push(format!("--build-context={name}=docker-image://{base}"));
        }
        arguments.extend(common(pair));
        arguments.push(format!("{folder}/context"));
        let output = self.command(&arguments).output().unwrap();
        if !output.status.success() {
            return refused(&output, "Error: ");
        }
        let archive = format!("{folder}/buildah.tar");
        let push = ["push".to_owned(), "--quiet".to_owned(), tag.clone(), format!("docker-archive:{archive}")];
        let pushed = self.command(&push).output().unwrap();
        if !pushed.status.success() {
            // It makes images that it cannot write.
            return Outcome::Broken(String::from_utf8_lossy(&pushed.stderr).trim_end().to_owned());
        }
        let _ = self.command(&["rmi".to_owned(), "--force".to_owned(), tag]).output();
        Outcome::Image(flatten::docker_archive(&fs::read(self.house.outside(&archive)).unwrap()))
    }
}

/// What `docker image inspect` tells, as a config document tells it.
fn inspected(told: &[u8]) -> Value {
    let told: Value = serde_json::from_slice(told).unwrap();
    json!({
        "config": told["Config"],
        "os": told["Os"],
        "architecture": told["Architecture"],
        "variant": told["Variant"],
        "author": told["Author"],
    })
}

/// The flags that docker and buildah name alike.
fn common(pair: &Pair) -> Vec<String> {
    let arguments = pair.arguments.iter().map(|(name, value)| format!("--build-arg={name}={value}"));
    let target = pair.target.iter().map(|target| format!("--target={target}"));
    let platform = pair.platform.iter().map(|platform| format!("--platform={platform}"));
    arguments.chain(target).chain(platform).collect()
}

/// A refusal with what it says after `mark`.
fn refused(output: &Output, mark: &str) -> Outcome {
    let said = String::from_utf8_lossy(&output.stderr);
    let answers = |line: &&str| line.starts_with(mark) && !line.contains("connection error:");
    let Some(line) = said.lines().rev().find(answers) else {
        // Nothing was refused: something broke.
        panic!("no answer, but:\n{}{said}", String::from_utf8_lossy(&output.stdout));
    };
    Outcome::Refused(settled(line.trim_start_matches(mark).trim_start_matches("failed to solve: ")))
}

/// A message without what is another in every run.
fn settled(line: &str) -> String {
    let mut words: Vec<String> = Vec::new();
    for word in line.split(' ') {
        let merged = word.split_once("/merged/").filter(|(store, _)| store.contains("overlay2"));
        words.push(match merged {
            Some((_, path)) => format!("/{path}"),
            None if word.contains("::") => "…:".to_owned(),
            None => word.to_owned(),
        });
    }
    words.join(" ")
}
