//! Remembered distributions: what wheels lay, so that a machine that has none of them knows the layers all the same.
//!
//! A wheel's digest, where it goes and the program that its scripts name decide which files it lays. Who has that written down
//! needs the wheel only if a layer has to be made.

use std::collections::{BTreeMap, BTreeSet};

use super::distribution::{Distribution, DistributionFile};
use super::scheme::Scheme;
use crate::binary::{Reader, put_number, put_text};
use crate::digest::{Digest, Hasher};
use crate::layer::{FileContent, Source};

const MAGIC: &[u8] = b"tarsia distributions 1\n";
/// The most bytes that are read back, before compression.
const SIZE_LIMIT: usize = 128 << 20;
/// The most files that are read back: as many as a layer may have.
const FILE_LIMIT: usize = 1_000_000;
/// The longest text that is read back, in bytes.
const TEXT_LIMIT: usize = 16 << 10;

/// Counts up when wheels are laid otherwise: what was remembered before is forgotten then.
const LAYING: u64 = 1;

/// What tells one way of laying a wheel from every other.
pub fn wheel_id(wheel: &Digest, file: &str, scheme: &Scheme, is_local: bool) -> Digest {
    let mut id = Hasher::new();
    id.field(b"a wheel as it is laid");
    id.field(&LAYING.to_le_bytes());
    id.field(wheel.as_bytes());
    id.field(file.as_bytes());
    for path in [&scheme.pure, &scheme.platform, &scheme.scripts, &scheme.data, &scheme.headers] {
        id.field(path);
    }
    id.field(scheme.python.program().as_bytes());
    id.field(scheme.interpreter.as_bytes());
    id.field(&[u8::from(is_local)]);
    id.finish()
}

/// A wheel that was laid, or is known to be laid so.
#[derive(Debug, Clone)]
pub struct Laid {
    /// What tells this way of laying it from every other: [`wheel_id`].
    pub id: Digest,
    /// The wheel's file name.
    pub file: String,
    /// Its digest.
    pub digest: Digest,
    /// Its size in bytes.
    pub size: u64,
    /// Where it was downloaded, if it was.
    pub url: Option<String>,
    /// The questions that an index answered with it.
    pub questions: BTreeSet<Digest>,
    /// The interpreters that it says it is for.
    pub requires_python: Option<String>,
    /// What it lays.
    pub distribution: Distribution,
    /// Whether it had to be downloaded because nobody remembered it.
    pub is_news: bool,
}

impl Laid {
    /// Whether both lay the same.
    pub fn is_same(&self, other: &Laid) -> bool {
        let file = |file: &DistributionFile| (file.executable, file.content.size, file.content.digest);
        let (own, others) = (&self.distribution, &other.distribution);
        (&self.file, self.size, &self.requires_python) == (&other.file, other.size, &other.requires_python)
            && (&own.name, &own.version) == (&others.name, &others.version)
            && own.files.len() == others.files.len()
            && own.files.iter().zip(&others.files).all(|(one, two)| one.path == two.path && file(one) == file(two))
    }

    /// Whether it is read back as it is written down.
    fn is_plain(&self) -> bool {
        let distribution = &self.distribution;
        let texts = [&self.file, &distribution.name, &distribution.version, &distribution.origin];
        let more = self.url.iter().chain(&self.requires_python);
        texts.into_iter().chain(more).all(|text| is_plain(text)) && !distribution.files.is_empty()
    }
}

/// The files of an old version that an image has, known without reading the image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replacement {
    /// What tells it from every other: [`Old::id`](super::Old::id).
    pub id: Digest,
    /// Its files, sorted.
    pub files: Vec<Box<[u8]>>,
    /// Whether the image had to be read because nobody remembered it.
    pub is_news: bool,
}

/// What is written down of the distributions of an image.
#[derive(Debug, Clone, Default)]
pub struct Remembered {
    replacements: BTreeMap<Digest, Replacement>,
    wheels: BTreeMap<Digest, Laid>,
    answers: BTreeMap<Digest, Digest>,
}

impl Remembered {
    /// The wheel laid in this way. Its files have no contents.
    pub fn find(&self, id: &Digest) -> Option<&Laid> {
        self.wheels.get(id)
    }

    /// The files of an old version.
    pub fn replacement(&self, id: &Digest) -> Option<&Replacement> {
        self.replacements.get(id)
    }

    /// The wheel that an index once answered this question with.
    pub fn answer(&self, question: &Digest) -> Option<&Laid> {
        self.wheels.get(self.answers.get(question)?)
    }

    /// Those that are still of use beside `new` ones: the same versions for other platforms.
    pub fn beside<'a>(&'a self, new: &[&'a Laid]) -> Vec<&'a Laid> {
        let mut versions: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for laid in new {
            versions.entry(&laid.distribution.name).or_default().insert(&laid.distribution.version);
        }
        let is_of_use = |laid: &&Laid| {
            let version = laid.distribution.version.as_str();
            versions.get(laid.distribution.name.as_str()).is_some_and(|versions| versions.contains(version))
        };
        self.wheels.values().filter(is_of_use).collect()
    }

    /// Writes distributions down. A wheel that was laid for several platforms has the questions of all.
    ///
    /// # Errors
    ///
    /// If zstd cannot allocate its working memory.
    pub fn encode<'a>(
        wheels: impl IntoIterator<Item = &'a Laid>,
        replacements: impl IntoIterator<Item = &'a Replacement>,
    ) -> std::io::Result<Vec<u8>> {
        let replacements: BTreeMap<Digest, &Replacement> = replacements.into_iter().map(|one| (one.id, one)).collect();
        let mut sorted: BTreeMap<Digest, (&Laid, BTreeSet<Digest>)> = BTreeMap::new();
        let mut files: usize = replacements.values().map(|one| one.files.len()).sum();
        for laid in wheels.into_iter().filter(|laid| laid.is_plain()) {
            let (_, questions) = sorted.entry(laid.id).or_insert_with(|| {
                files += laid.distribution.files.len();
                (laid, BTreeSet::new())
            });
            questions.extend(&laid.questions);
        }
        let mut body = Vec::new();
        if files <= FILE_LIMIT {
            put_number(&mut body, replacements.len() as u64);
            for replacement in replacements.values() {
                body.extend_from_slice(replacement.id.as_bytes());
                put_number(&mut body, replacement.files.len() as u64);
                replacement.files.iter().for_each(|file| put_text(&mut body, file));
            }
            for (laid, questions) in sorted.values() {
                put_laid(&mut body, laid, questions);
            }
        }
        let mut bytes = MAGIC.to_vec();
        bytes.extend_from_slice(&crate::binary::compress(&body)?);
        Ok(bytes)
    }

    /// Reads back what was written down. It may come from a registry: everything in it is bounded, and nothing if anything is
    /// malformed.
    pub fn decode(bytes: &[u8]) -> Option<Remembered> {
        let frame = bytes.strip_prefix(MAGIC)?;
        let size = zstd::zstd_safe::get_frame_content_size(frame).ok().flatten()?;
        let size = usize::try_from(size).ok().filter(|&size| size <= SIZE_LIMIT)?;
        let body = zstd::bulk::decompress(frame, size).ok()?;
        let mut reader = Reader(&body);
        let mut remembered = Remembered::default();
        let mut room = FILE_LIMIT;
        if reader.0.is_empty() {
            return Some(remembered);
        }
        for _ in 0..take_count(&mut reader, &mut room)? {
            let id = reader.digest()?;
            let mut files = Vec::new();
            for _ in 0..take_count(&mut reader, &mut room)? {
                files.push(take_path(&mut reader)?);
            }
            remembered.replacements.insert(id, Replacement { id, files, is_news: false });
        }
        while !reader.0.is_empty() {
            let laid = take_laid(&mut reader, &mut room)?;
            remembered.answers.extend(laid.questions.iter().map(|question| (*question, laid.id)));
            remembered.wheels.insert(laid.id, laid);
        }
        Some(remembered)
    }
}

fn put_optional(out: &mut Vec<u8>, text: Option<&[u8]>) {
    out.push(u8::from(text.is_some()));
    if let Some(text) = text {
        put_text(out, text);
    }
}

fn put_laid(out: &mut Vec<u8>, laid: &Laid, questions: &BTreeSet<Digest>) {
    out.extend_from_slice(laid.id.as_bytes());
    out.extend_from_slice(laid.digest.as_bytes());
    put_number(out, laid.size);
    let distribution = &laid.distribution;
    for text in [&laid.file, &distribution.name, &distribution.version, &distribution.origin] {
        put_text(out, text.as_bytes());
    }
    // What follows a `?` may be a secret, and who may pull is not who may know it.
    let url = laid.url.as_deref().filter(|url| !url.contains(['?', '#', '@']));
    put_optional(out, url.map(str::as_bytes));
    put_optional(out, laid.requires_python.as_deref().map(str::as_bytes));
    put_number(out, questions.len() as u64);
    questions.iter().for_each(|question| out.extend_from_slice(question.as_bytes()));
    put_number(out, distribution.files.len() as u64);
    for DistributionFile { path, executable, content } in &distribution.files {
        put_text(out, path);
        out.push(u8::from(*executable));
        put_number(out, content.size);
        out.extend_from_slice(content.digest.as_bytes());
    }
}

fn take_laid(reader: &mut Reader<'_>, room: &mut usize) -> Option<Laid> {
    let (id, digest, size) = (reader.digest()?, reader.digest()?, reader.number()?);
    let (file, name, version, origin) =
        (take_text(reader)?, take_text(reader)?, take_text(reader)?, take_text(reader)?);
    let url = take_optional(reader, take_text)?;
    let requires_python = take_optional(reader, take_text)?;
    let mut questions = BTreeSet::new();
    for _ in 0..take_count(reader, room)? {
        questions.insert(reader.digest()?);
    }
    let mut files: Vec<DistributionFile> = Vec::new();
    for _ in 0..take_count(reader, room)? {
        let path = take_path(reader)?;
        let executable = reader.byte()? != 0;
        let (size, digest) = (reader.number()?, reader.digest()?);
        if files.last().is_some_and(|last| last.path >= path) {
            return None;
        }
        let content = FileContent { size, digest, source: Source::Nothing };
        files.push(DistributionFile { path, executable, content });
    }
    if files.is_empty() {
        return None;
    }
    let distribution = Distribution { name, version, origin, files };
    let is_news = false;
    Some(Laid { id, file, digest, size, url, questions, requires_python, distribution, is_news })
}

/// How many follow. There is room for no more than so many altogether.
fn take_count(reader: &mut Reader<'_>, room: &mut usize) -> Option<usize> {
    let count = usize::try_from(reader.number()?).ok()?;
    *room = room.checked_sub(count)?;
    Some(count)
}

fn take_text(reader: &mut Reader<'_>) -> Option<String> {
    let text = std::str::from_utf8(reader.text()?).ok()?;
    is_plain(text).then(|| text.to_owned())
}

fn is_plain(text: &str) -> bool {
    text.len() <= TEXT_LIMIT && !text.chars().any(char::is_control)
}

fn take_optional<T>(reader: &mut Reader<'_>, take: impl Fn(&mut Reader<'_>) -> Option<T>) -> Option<Option<T>> {
    match reader.byte()? {
        0 => Some(None),
        1 => take(reader).map(Some),
        _ => None,
    }
}

fn take_path(reader: &mut Reader<'_>) -> Option<Box<[u8]>> {
    let path: Box<[u8]> = reader.text()?.into();
    let is_one = !path.is_empty() && crate::entry::normalise_path(&path).as_deref() == Some(&*path);
    is_one.then_some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn laid(name: &str) -> Laid {
        let file = |path: &str| DistributionFile {
            path: path.as_bytes().into(),
            executable: path.ends_with('x'),
            content: FileContent { size: 3, digest: Digest::of(path.as_bytes()), source: Source::Nothing },
        };
        Laid {
            id: Digest::of(name.as_bytes()),
            file: format!("{name}-1-py3-none-any.whl"),
            digest: Digest::of(b"wheel"),
            size: 7,
            url: Some("https://x.example/a".to_owned()),
            questions: [Digest::of(&[name.as_bytes(), b"?"].concat())].into(),
            requires_python: None,
            distribution: Distribution {
                name: name.to_owned(),
                version: "1".to_owned(),
                origin: format!("{name}-1-py3-none-any.whl"),
                files: vec![file("site/a/__init__.py"), file("site/bin/x")],
            },
            is_news: false,
        }
    }

    #[test]
    fn wheels_come_back_and_damaged_ones_do_not() {
        let bytes = Remembered::encode([&laid("b"), &laid("a")], []).unwrap();
        assert_eq!(bytes, Remembered::encode([&laid("a"), &laid("b")], []).unwrap());
        let remembered = Remembered::decode(&bytes).unwrap();
        let one = remembered.find(&Digest::of(b"a")).unwrap();
        assert_eq!(format!("{one:?}"), format!("{:?}", laid("a")));
        assert_eq!(remembered.answer(&Digest::of(b"b?")).unwrap().distribution.name, "b");
        assert!(remembered.find(&Digest::of(b"c")).is_none());
        let replacement = Replacement {
            id: Digest::of(b"old"),
            files: vec![(*b"site/a.py").into(), (*b"bin/a").into()],
            is_news: false,
        };
        let bytes = Remembered::encode([&laid("a")], [&replacement]).unwrap();
        assert_eq!(Remembered::decode(&bytes).unwrap().replacement(&replacement.id), Some(&replacement));
        for cut in 0..bytes.len() {
            assert!(Remembered::decode(&bytes[..cut]).is_none(), "cut at {cut}");
        }
    }

    #[test]
    fn secrets_and_what_is_not_read_back_are_not_written() {
        let mut secret = laid("a");
        secret.url = Some("https://x.example/a?token=SECRET".to_owned());
        let mut odd = laid("b");
        odd.requires_python = Some(">=3\t".to_owned());
        let mut empty = laid("c");
        empty.distribution.files.clear();
        let remembered = Remembered::decode(&Remembered::encode([&secret, &odd, &empty], []).unwrap()).unwrap();
        assert_eq!(remembered.find(&secret.id).unwrap().url, None);
        assert_eq!(remembered.wheels.len(), 1);
    }

    #[test]
    fn one_wheel_answers_several_questions_and_others_of_its_version_stay() {
        let (one, mut two) = (laid("a"), laid("a"));
        two.questions = [Digest::of(b"another")].into();
        let remembered = Remembered::decode(&Remembered::encode([&one, &two], []).unwrap()).unwrap();
        assert_eq!(remembered.answer(&Digest::of(b"another")).unwrap().id, one.id);
        assert_eq!(remembered.answer(&Digest::of(b"a?")).unwrap().id, one.id);
        let mut arm = laid("a");
        arm.id = Digest::of(b"arm");
        let mut newer = laid("a");
        newer.distribution.version = "2".to_owned();
        let old = Remembered::decode(&Remembered::encode([&one, &arm, &laid("b")], []).unwrap()).unwrap();
        let ids = |new: &Laid| old.beside(&[new]).iter().map(|laid| laid.id).collect::<BTreeSet<_>>();
        assert_eq!(ids(&one), [one.id, arm.id].into());
        assert!(ids(&newer).is_empty());
    }

    #[test]
    fn what_leads_elsewhere_or_is_unsorted_is_refused() {
        for paths in [&["../x"][..], &["/a"], &["a", "a"], &["b", "a"]] {
            let mut wrong = laid("a");
            let file = wrong.distribution.files[0].clone();
            let file = |path: &&str| DistributionFile { path: path.as_bytes().into(), ..file.clone() };
            wrong.distribution.files = paths.iter().map(file).collect();
            assert!(Remembered::decode(&Remembered::encode([&wrong], []).unwrap()).is_none(), "{paths:?}");
        }
    }

    #[test]
    fn another_place_is_another_way() {
        let scheme = |program: &str| {
            let version = crate::python::PythonVersion { major: 3, minor: 12, micro: None };
            Scheme::into_folder(b"var/task", version, program)
        };
        let id = |file, program, is_local| wheel_id(&Digest::of(b"w"), file, &scheme(program), is_local);
        let all = [id("a", "p", true), id("b", "p", true), id("a", "q", true), id("a", "p", false)];
        for (at, one) in all.iter().enumerate() {
            assert!(!all[..at].contains(one));
        }
    }
}
