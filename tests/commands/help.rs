//! `--help`, `--version` and `completions`.

use std::process::{Command, Stdio};

use crate::support::Sandbox;

#[test]
fn help_names_every_command() {
    let sandbox = Sandbox::new();
    let help = sandbox.run(["--help"]).ok();
    assert_eq!(help.stderr, "");
    for command in ["build", "push", "init", "inspect", "cache", "schema", "completions"] {
        assert!(help.stdout.lines().any(|line| line.trim_start().starts_with(command)), "{command}\n{}", help.stdout);
        let own = sandbox.run([command, "--help"]).ok().stdout;
        assert!(own.contains("Usage: tarsia"), "{own}");
    }
    assert!(sandbox.names("").is_empty(), "help leaves something behind");
}

#[test]
fn help_of_a_command_names_its_flags() {
    let sandbox = Sandbox::new();
    for (command, flags) in [
        ("build", &["--output", "--platform", "--set", "--epoch", "--no-cache", "--jobs", "--json", "--offline"][..]),
        ("push", &["--to", "--tag", "--plain-http", "--ca-file", "--cache-dir", "--progress"]),
        ("inspect", &["--files", "--json", "--platform"]),
    ] {
        let help = sandbox.run([command, "--help"]).ok().stdout;
        for flag in flags {
            assert!(help.contains(flag), "{command} {flag}");
        }
    }
}

#[test]
fn a_mistake_on_the_command_line_is_the_user_s() {
    let sandbox = Sandbox::new();
    sandbox.run([] as [&str; 0]).refused(2, "Usage");
    sandbox.run(["biuld", "x.toml"]).refused(2, "build");
    sandbox.run(["build"]).refused(2, "SPEC");
    sandbox.run(["build", "x.toml", "--platform", "arm"]).refused(2, "not a platform");
    sandbox.run(["build", "x.toml", "--set", "novalue"]).refused(2, "NAME=VALUE");
}

#[test]
fn the_version_is_the_package_s() {
    let version = Sandbox::new().run(["--version"]).ok().stdout;
    assert_eq!(version, format!("tarsia {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn completions_are_scripts_that_the_shell_can_read() {
    let sandbox = Sandbox::new();
    let script = sandbox.run(["completions", "bash"]).ok().stdout;
    assert!(script.contains("complete -F _tarsia"), "{script}");
    sandbox.file("tarsia.bash", &script);
    let bash = Command::new("bash").arg("-n").arg(sandbox.path("tarsia.bash")).stderr(Stdio::piped()).output().unwrap();
    assert!(bash.status.success(), "{}", String::from_utf8_lossy(&bash.stderr));
    for shell in ["zsh", "fish", "elvish", "powershell"] {
        assert!(sandbox.run(["completions", shell]).ok().stdout.contains("tarsia"), "{shell}");
    }
    sandbox.run(["completions", "csh"]).refused(2, "bash");
}
