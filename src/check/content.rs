//! What a file's name and its first bytes give away.

/// How much of a file that may hold a secret is looked at: bundles have the key behind some certificates.
const SECRET_HEAD: usize = 64 << 10;
/// How much of a program is looked at: the beginning of its ELF header.
const PROGRAM_HEAD: usize = 20;

/// How many of the first bytes of a file are needed to judge it.
pub(super) fn head(path: &[u8], mode: u32) -> usize {
    let name = name(path);
    if suspect(path).is_some() {
        SECRET_HEAD
    } else if mode & 0o111 != 0 || name.ends_with(b".so") || contains(name, b".so.") {
        PROGRAM_HEAD
    } else {
        0
    }
}

/// What a secret may be, by a file's name alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Suspect {
    Key,
    Environment,
    AwsCredentials,
    Npm,
    Pypi,
    Netrc,
    Git,
    Docker,
}

fn suspect(path: &[u8]) -> Option<Suspect> {
    let name = name(path);
    let lies_in = |folder: &[u8]| {
        let parent = path.len().checked_sub(name.len() + 1).map_or(&b""[..], |end| &path[..end]);
        self::name(parent) == folder
    };
    Some(match name {
        b"id_rsa" | b"id_dsa" | b"id_ecdsa" | b"id_ed25519" => Suspect::Key,
        b"credentials" if lies_in(b".aws") => Suspect::AwsCredentials,
        b"config.json" if lies_in(b".docker") => Suspect::Docker,
        b".dockercfg" => Suspect::Docker,
        b".npmrc" => Suspect::Npm,
        b".pypirc" => Suspect::Pypi,
        b".netrc" | b"_netrc" => Suspect::Netrc,
        b".git-credentials" => Suspect::Git,
        b".env" => Suspect::Environment,
        _ if name.ends_with(b".pem") || name.ends_with(b".key") => Suspect::Key,
        _ if name.starts_with(b".env.") && !is_sample(name) => Suspect::Environment,
        _ => return None,
    })
}

/// Whether an environment file only shows what one looks like.
fn is_sample(name: &[u8]) -> bool {
    let end = name.rsplit(|&byte| byte == b'.').next().unwrap_or_default();
    [&b"example"[..], b"sample", b"template", b"dist", b"defaults", b"md"].contains(&end)
}

/// What secret a file holds, by its name and its first bytes. Certificates are none, nor are files whose secrets are
/// left blank.
pub(super) fn secret(path: &[u8], head: &[u8]) -> Option<&'static str> {
    let assigns = |words: &[&[u8]]| {
        lines(head).any(|(key, value)| words.iter().any(|word| contains(&key, word)) && is_given(value))
    };
    match suspect(path)? {
        Suspect::Key => (is_private_key(head) && !is_published(path)).then_some("a private key"),
        Suspect::AwsCredentials => {
            assigns(&[b"aws_secret_access_key", b"aws_session_token"]).then_some("AWS credentials")
        }
        Suspect::Npm => assigns(&[b"_authtoken", b"_password", b"_auth"]).then_some("a token for npm"),
        Suspect::Pypi => assigns(&[b"password"]).then_some("a password for PyPI"),
        Suspect::Environment => {
            let has_value = lines(head).any(|(key, value)| !key.is_empty() && is_given(value));
            has_value.then_some("an environment file")
        }
        Suspect::Netrc => words(head).any(|word| word == b"password").then_some("passwords for hosts"),
        Suspect::Git => contains(head, b"://").then_some("passwords for git"),
        Suspect::Docker => {
            (contains(head, b"\"auth\"") || contains(head, b"\"identitytoken\"")).then_some("a login for a registry")
        }
    }
}

/// Whether a file belongs to the tests or examples of a package that somebody else has published: keys in them are known
/// to everybody already.
fn is_published(path: &[u8]) -> bool {
    let mut parts = path.split(|&byte| byte == b'/');
    let is_package = |part: &[u8]| {
        [&b"node_modules"[..], b"site-packages", b"dist-packages", b"vendor"].contains(&part)
            || part.starts_with(b"python3")
    };
    let is_test =
        |part: &[u8]| [&b"test"[..], b"tests", b"testdata", b"fixtures", b"example", b"examples"].contains(&part);
    parts.any(is_package) && parts.any(is_test)
}

/// `-----BEGIN … PRIVATE KEY-----`, whatever the kind of key.
fn is_private_key(head: &[u8]) -> bool {
    head.split(|&byte| byte == b'\n').any(|line| {
        let line = line.trim_ascii();
        line.starts_with(b"-----BEGIN ")
            && (line.ends_with(b"PRIVATE KEY-----") || line.ends_with(b"PRIVATE KEY BLOCK-----"))
    })
}

/// Lines of the form `key = value`, keys in lower case; comments and `export` left out.
fn lines(text: &[u8]) -> impl Iterator<Item = (Vec<u8>, &[u8])> {
    text.split(|&byte| byte == b'\n').filter_map(|line| {
        let line = line.trim_ascii();
        if line.starts_with(b"#") || line.starts_with(b";") {
            return None;
        }
        let at = line.iter().position(|&byte| byte == b'=')?;
        let key = line[..at].trim_ascii();
        let key = key.strip_prefix(b"export ").unwrap_or(key);
        Some((key.to_ascii_lowercase(), line[at + 1..].trim_ascii()))
    })
}

/// Whether a value is one: not empty, and no variable that is filled in elsewhere.
fn is_given(value: &[u8]) -> bool {
    let value = value.strip_prefix(b"\"").unwrap_or(value);
    let value = value.strip_suffix(b"\"").unwrap_or(value).trim_ascii();
    !value.is_empty() && value != b"''" && !(value.starts_with(b"${") && value.ends_with(b"}"))
}

fn words(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty())
}

/// The architecture that an ELF file is for, in the words of platforms; nothing for another file, or one of an
/// architecture that has no word here.
pub(super) fn elf_architecture(head: &[u8]) -> Option<&'static str> {
    if !head.starts_with(b"\x7fELF") {
        return None;
    }
    let machine = <[u8; 2]>::try_from(head.get(18..20)?).ok()?;
    let little = head.get(5) == Some(&1);
    let machine = if little { u16::from_le_bytes(machine) } else { u16::from_be_bytes(machine) };
    // The numbers of the ELF specification's `e_machine`.
    Some(match machine {
        0x03 => "386",
        0x15 if little => "ppc64le",
        0x15 => "ppc64",
        0x16 => "s390x",
        0x28 => "arm",
        0x3e => "amd64",
        0xb7 => "arm64",
        0xf3 => "riscv64",
        _ => return None,
    })
}

/// Whether a program for `architecture` runs on `platform`, or may: 64-bit kernels run 32-bit programs.
pub(super) fn runs_on(architecture: &str, platform: &str) -> bool {
    architecture == platform || matches!((architecture, platform), ("386", "amd64") | ("arm", "arm64"))
}

pub(super) fn name(path: &[u8]) -> &[u8] {
    path.rsplit(|&byte| byte == b'/').next().unwrap_or_default()
}

fn contains(text: &[u8], word: &[u8]) -> bool {
    text.windows(word.len()).any(|part| part == word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_told_by_their_contents_not_by_their_names() {
        let key = b"-----BEGIN OPENSSH PRIVATE KEY-----\nabc\n";
        let certificate = b"-----BEGIN CERTIFICATE-----\nabc\n-----END CERTIFICATE-----\n";
        let bundle = [&certificate[..], b"-----BEGIN RSA PRIVATE KEY-----\r\nabc\n"].concat();
        let cases: [(&str, &[u8], bool); 27] = [
            ("root/.ssh/id_rsa", key, true),
            ("app/id_rsa", b"ssh-rsa AAAA", false),
            ("app/server.key", key, true),
            ("app/translations.key", b"hello = world", false),
            ("etc/ssl/certs/cacert.pem", certificate, false),
            ("app/both.pem", &bundle, true),
            ("app/notes.txt", key, false),
            ("app/node_modules/agent/test/snakeoil.key", key, false),
            ("app/node_modules/agent/server.key", key, true),
            ("app/tests/server.key", key, true),
            (".env", b"TOKEN=abc\n", true),
            ("app/.env", b"# nothing\nTOKEN=\nOTHER=\"\"\n", false),
            ("app/.env.production", b"export A=b", true),
            ("app/.env.example", b"TOKEN=abc\n", false),
            ("app/.envrc", b"TOKEN=abc\n", false),
            ("root/.aws/credentials", b"[default]\naws_secret_access_key = abc\n", true),
            ("root/.aws/credentials", b"[default]\n", false),
            ("app/credentials", b"aws_secret_access_key = abc\n", false),
            (".npmrc", b"//registry.example/:_authToken=abc\n", true),
            (".npmrc", b"//registry.example/:_authToken=${NPM_TOKEN}\n", false),
            (".npmrc", b"registry=https://registry.example/\n", false),
            (".pypirc", b"[pypi]\nusername = u\npassword = p\n", true),
            (".netrc", b"machine h login l password p\n", true),
            (".netrc", b"machine h\n", false),
            (".git-credentials", b"https://u:p@h.example\n", true),
            ("root/.docker/config.json", b"{\"auths\":{\"h\":{\"auth\":\"abc\"}}}", true),
            ("app/config.json", b"{\"auth\":1}", false),
        ];
        for (path, head, expected) in cases {
            assert_eq!(secret(path.as_bytes(), head).is_some(), expected, "{path} {}", String::from_utf8_lossy(head));
        }
    }

    #[test]
    fn programs_say_what_they_are_for() {
        let elf = |class: u8, order: u8, machine: [u8; 2]| {
            let mut head = vec![0x7f, b'E', b'L', b'F', class, order, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0];
            head.extend(machine);
            head
        };
        assert_eq!(elf_architecture(&elf(2, 1, [0x3e, 0])), Some("amd64"));
        assert_eq!(elf_architecture(&elf(2, 1, [0xb7, 0])), Some("arm64"));
        assert_eq!(elf_architecture(&elf(2, 2, [0, 0x16])), Some("s390x"));
        assert_eq!(elf_architecture(&elf(2, 1, [0x3e, 0])[..19]), None);
        assert_eq!(elf_architecture(b"#!/bin/sh\nexec something"), None);
        assert!(runs_on("386", "amd64") && !runs_on("amd64", "arm64"));
    }
}
