//! Archives that mean harm: what they hold stays in the image, or they are refused.

use std::io::{self, Read, Write};
use std::process::Command;

use flate2::Compression;
use flate2::write::GzEncoder;
use insta::assert_snapshot;

use super::refusals::said;
use crate::support::images::{Tar, gzip};
use crate::support::{Run, Sandbox};

/// An archive with such a header after a harmless file.
fn hostile(kind: u8, path: &str, target: &str) -> Vec<u8> {
    let mut tar = Tar::default();
    tar.file("fine", b"fine\n").header(kind, path.as_bytes(), 0o644, 0, target);
    tar.end()
}

fn add(archive: impl AsRef<[u8]>) -> String {
    let sandbox = Sandbox::new();
    sandbox.file("app/a.tar", archive);
    let run = sandbox.try_dockerfile("FROM scratch\nADD a.tar /x/\n", &[]);
    let text = said(&sandbox, &run);
    // The innermost reason is what differs.
    let reason = text.lines().rfind(|line| line.contains("╰─▶")).unwrap_or(&text).trim().to_owned();
    format!("{}: {reason}", run.code)
}

#[test]
fn archives_that_mean_harm() {
    let said = [
        ("a device", add(hostile(b'3', "sda", ""))),
        ("a FIFO", add(hostile(b'6', "fifo", ""))),
        ("a hard link to the outside", add(hostile(b'1', "passwd", "../../etc/passwd"))),
        ("a hard link to nothing", add(hostile(b'1', "x", "none"))),
        ("a hard link to itself", add(hostile(b'1', "x", "x"))),
        ("a path to the outside", add(hostile(b'0', "../escaped", ""))),
        ("a path to the outside, later", add(hostile(b'0', "a/../../escaped", ""))),
        ("a whiteout", add(hostile(b'0', ".wh.etc", ""))),
        (
            "an end too early",
            add({
                let mut tar = Tar::default();
                tar.file("fine", b"fine\n").header(b'0', b"half", 0o644, 5000, "").content(b"not all");
                tar.open_end()
            }),
        ),
        (
            "a checksum that is wrong",
            add({
                let mut tar = hostile(b'0', "x", "");
                tar[1024 + 148] ^= 1;
                tar
            }),
        ),
        (
            "a compressed stream that breaks off",
            add({
                let mut tar = Tar::default();
                tar.file("noise", &crate::support::workspace::noise(5, 1 << 16));
                let mut bytes = gzip(&tar.end());
                bytes.truncate(bytes.len() / 2);
                bytes
            }),
        ),
    ];
    assert_snapshot!(said.map(|(what, said)| format!("{what}: {said}")).join("\n"), @r#"
    a device: 2: ╰─▶ the archive `app/a.tar` cannot be unpacked: `sda` is a device, a FIFO or something else that no layer can hold
    a FIFO: 2: ╰─▶ the archive `app/a.tar` cannot be unpacked: `fifo` is a device, a FIFO or something else that no layer can hold
    a hard link to the outside: 2: ╰─▶ the archive `app/a.tar` cannot be unpacked: `passwd` is another name of `../../etc/passwd` outside of it
    a hard link to nothing: 2: ╰─▶ the archive `/a.tar` cannot be unpacked: `/x` is another name of `/none`, which is no file
    a hard link to itself: 2: ╰─▶ the archive `/a.tar` cannot be unpacked: `/x` is another name of `/x`, which is no file
    a path to the outside: 2: ╰─▶ the archive `app/a.tar` cannot be unpacked: it holds the path `../escaped`, which leaves the root
    a path to the outside, later: 2: ╰─▶ the archive `app/a.tar` cannot be unpacked: it holds the path `a/../../escaped`, which leaves the root
    a whiteout: 2: ╰─▶ the archive `app/a.tar` cannot be unpacked: it holds a name that begins with `.wh.`, which would be a whiteout
    an end too early: 2: ╰─▶ the archive `app/a.tar` cannot be unpacked: failed to read it: unexpected EOF during skip
    a checksum that is wrong: 2: ╰─▶ the archive `app/a.tar` cannot be unpacked: failed to read it: archive header checksum mismatch
    a compressed stream that breaks off: 2: ╰─▶ the archive `app/a.tar` cannot be unpacked: failed to read it: incomplete deflate stream
    "#);
}

#[test]
fn paths_of_archives_stay_below_the_destination() {
    let sandbox = Sandbox::new();
    let mut tar = Tar::default();
    tar.file("/absolute", b"1\n").symlink("out", "/etc").file("out/file", b"2\n");
    tar.symlink("up", "../../..").file("up/there", b"3\n").header(b'1', b"same", 0o644, 0, "/absolute");
    sandbox.file("app/a.tar", tar.end());
    let image = sandbox.built("FROM scratch\nADD a.tar /x/\n", &[]);
    // Links that the archive makes are followed below the destination, and nowhere else: docker unpacks in a root there.
    assert_eq!(
        image.shown(),
        [
            "x/absolute: f 0644 0:0 = 1",
            "x/etc/file: f 0644 0:0 = 2",
            "x/out: l 0:0 -> /etc",
            "x/same: f 0644 0:0 = 1",
            "x/there: f 0644 0:0 = 3",
            "x/up: l 0:0 -> ../../.."
        ]
    );
}

/// The most memory that a run of the program took, in bytes, by what the system says.
fn peak(sandbox: &Sandbox, arguments: &[&str]) -> u64 {
    let ours = sandbox.command(arguments);
    let script = "import resource, subprocess, sys\n\
                  subprocess.run(sys.argv[1:], check=True, stdout=2)\n\
                  print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)";
    let mut python = Command::new("python3");
    python.args(["-c", script]).arg(ours.get_program()).args(ours.get_args()).current_dir(sandbox.path(""));
    python.envs(ours.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let run = Run::of(python.output().unwrap()).ok();
    run.stdout.trim().parse::<u64>().unwrap() * 1024
}

#[test]
fn a_bomb_takes_no_memory() {
    const SIZE: u64 = 96 << 20;
    let sandbox = Sandbox::new();
    let mut tar = Tar::default();
    tar.header(b'0', b"zeros", 0o644, SIZE, "");
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(&tar.open_end()).unwrap();
    io::copy(&mut io::repeat(0).take(SIZE + 1024), &mut encoder).unwrap();
    let bomb = encoder.finish().unwrap();
    assert!(bomb.len() < 1 << 20);
    sandbox.file("app/bomb.tar.gz", bomb).dockerfile("FROM scratch\nADD bomb.tar.gz /x/\n");
    let peak = peak(&sandbox, &["build", "app/Dockerfile", "--jobs", "2"]);
    assert!(peak < SIZE * 3 / 4, "{peak} bytes of memory for {SIZE} of content");
}

#[test]
fn names_that_no_layer_may_hold_are_refused_wherever_they_come_from() {
    let sandbox = Sandbox::new();
    sandbox.file("app/a", "1\n");
    for (instruction, why) in [
        ("COPY a /.wh.a", "nothing can lie at `/.wh.a`: names that begin with `.wh.` are whiteouts"),
        ("COPY a /d/.wh..opq/x", "are whiteouts"),
        ("WORKDIR /.wh.w", "are whiteouts"),
        ("RUN touch /.wh.x", "are whiteouts"),
        ("RUN mkdir -p /h/.wh..wh..opq", "are whiteouts"),
        ("RUN ln -s x /.wh.q", "are whiteouts"),
        ("COPY <<.wh.x /d/\n1\n.wh.x", "are whiteouts"),
        ("COPY <<../../evil /d/\n1\n../../evil", "a file's name has no slash"),
        ("COPY <<.. /d/\n1\n..", "its parts have to be names"),
    ] {
        sandbox.try_dockerfile(&format!("FROM scratch\n{instruction}\n"), &[]).refused(2, why);
    }
}

#[test]
fn paths_that_no_file_system_takes_are_refused_in_time() {
    let sandbox = Sandbox::new();
    sandbox.file("app/a", "1\n");
    let deep = "d/".repeat(5000);
    let long = "n".repeat(300);
    for instruction in [
        format!("COPY a /{deep}"),
        format!("WORKDIR /{deep}"),
        format!("RUN mkdir -p /{deep}"),
        format!("RUN mkdir -p /{long}"),
        format!("COPY a /{long}"),
    ] {
        let run = sandbox.try_dockerfile(&format!("FROM scratch\n{instruction}\n"), &[]);
        assert_eq!(run.code, 2, "{}", run.stderr);
        assert!(run.stderr.len() < 100_000, "{} bytes", run.stderr.len());
    }
    let links: String = (0..30).map(|at| format!("ln -s . /d/l{at} && ")).collect();
    let text = format!("FROM scratch\nRUN mkdir /d && {links}chmod 755 /d/*/*/*/*/*\n");
    sandbox.try_dockerfile(&text, &[]).refused(2, "a pattern matches more than 100000 names");
}
