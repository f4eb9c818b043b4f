//! Projects: pure-Python packages laid as installed, without their build backend.
//!
//! `pyproject.toml` says which backend would build the project; its rules for files and metadata are followed, and what
//! only the backend itself can know is refused.

mod backend;
mod dynamic;
mod entry_points;
mod fault;
mod folder;
mod glob;
mod license;
mod literal;
mod metadata;
mod packages;
mod repository;
mod requirement;
#[cfg(test)]
mod tests;
mod tree;
mod value;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::distribution::{Distribution, DistributionFile};
use super::name::normalise_name;
use super::record::{self, Recorded};
use super::scheme::Scheme;
use super::wheel::scripts::EntryPoint;
use crate::context::{Context, ContextIndex, Found, Scanned, digest_files};
use crate::digest::Digest;
use crate::layer::{FileContent, FileSource, Source};
use crate::workers::Workers;
use backend::Backend;
use dynamic::Dynamic;
use entry_points::SCRIPTS;
use fault::Fault;
use folder::Folder;
use metadata::Metadata;
use packages::{Chosen, Layout};
use tree::Tree;
use value::Value;

/// The file that makes a folder a project.
const FILE: &str = "pyproject.toml";

/// The most bytes of one.
const LIMIT: u64 = 1 << 20;

/// A project's folder with a `pyproject.toml`.
#[derive(Debug)]
pub struct Project {
    folder: PathBuf,
    metadata: Metadata,
    layout: Layout,
}

/// Why a project cannot be laid.
#[derive(Debug, thiserror::Error)]
#[error("{}", message(file, *line, what))]
pub struct ProjectError {
    /// The file that says so.
    pub file: PathBuf,
    /// The line, from 1; 0 if it is about the whole.
    pub line: usize,
    /// What is wrong.
    pub what: String,
    /// What to do about it.
    pub help: Option<String>,
}

fn message(file: &Path, line: usize, what: &str) -> String {
    match line {
        0 => format!("{}: {what}", file.display()),
        line => format!("{}:{line}: {what}", file.display()),
    }
}

impl Project {
    /// Reads what `pyproject.toml` in the folder says. Of the files whose text goes into what is laid, `exclude`, in the
    /// notation of the ignore file, leaves out license files.
    ///
    /// # Errors
    ///
    /// If there is none, it is malformed, the project needs its build backend, or `exclude` leaves out its readme.
    pub fn read(folder: &Path, exclude: &[String]) -> Result<Project, ProjectError> {
        read(folder, exclude).map_err(|fault| error(folder, fault))
    }

    /// Its name as it is written.
    pub fn name(&self) -> &str {
        &self.metadata.name
    }

    /// The version specifiers of the Pythons that it is for.
    pub fn requires_python(&self) -> Option<&str> {
        self.metadata.requires_python.as_deref()
    }

    /// The project as it is laid; its files are those of `context`, the folder with its ignore rules. `index` is where
    /// their digests are remembered.
    ///
    /// # Errors
    ///
    /// If files cannot be read, or its packages cannot be found.
    pub fn lay(
        &self,
        context: &Context,
        scheme: &Scheme,
        index: Option<&ContextIndex>,
        workers: &Workers,
    ) -> Result<Distribution, ProjectError> {
        self.laid(context, scheme, index, workers).map_err(|fault| error(&self.folder, fault))
    }

    fn laid(
        &self,
        context: &Context,
        scheme: &Scheme,
        index: Option<&ContextIndex>,
        workers: &Workers,
    ) -> Result<Distribution, Fault> {
        let failed = |error: crate::context::Error| {
            let fault = Fault::at(0, error.to_string());
            error.help().into_iter().fold(fault, Fault::help)
        };
        let found = context.scan(b"", workers).map_err(failed)?;
        let tree = Tree::new(&found)?;
        let Chosen { files: choice, plain } = self.layout.choose(&tree, &self.metadata.name)?;
        let mut laying = Laying { scheme, files: Vec::new(), rows: Vec::new() };

        let targets: Vec<&String> = choice.keys().collect();
        let chosen: Vec<Found> = choice
            .values()
            .map(|path| Ok(found.get(tree.content(path)?).cloned()))
            .filter_map(Result::transpose)
            .collect::<Result<_, Fault>>()?;
        // What is remembered is in the order of the context's paths, and a link's file may be laid twice.
        let files: BTreeMap<&[u8], Found> = chosen.iter().map(|found| (&*found.path, found.clone())).collect();
        let files: Vec<Found> = files.into_values().collect();
        let digests = digest_files(context, &files, index, workers).map_err(failed)?;
        let scanned = Arc::new(Scanned::new(context, files));
        let places = scanned.found().iter().zip(digests).enumerate();
        let places: BTreeMap<&[u8], (usize, Option<Digest>)> =
            places.map(|(place, (file, digest))| (&*file.path, (place, digest))).collect();
        for (target, found) in targets.iter().zip(&chosen) {
            let place = places.get(&*found.path).copied();
            let content = place.and_then(|(place, digest)| FileSource::new(&scanned, place).zip(digest));
            let (file, digest) =
                content.ok_or_else(|| Fault::at(0, format!("{} is no file", fault::quoted(target))))?;
            let content = FileContent { size: found.identity.size, digest, source: Source::File(file) };
            laying.library(target, found.mode & 0o100 != 0 && !plain.contains(*target), content)?;
        }
        self.lay_metadata(&mut laying)?;
        laying.files.sort_by(|a, b| a.path.cmp(&b.path));
        if let Some([first, _]) = laying.files.windows(2).find(|pair| matches!(pair, [a, b] if a.path == b.path)) {
            let path = String::from_utf8_lossy(&first.path).into_owned();
            return Err(Fault::at(0, format!("two files would go to {}", fault::quoted(&path))));
        }
        Ok(Distribution {
            name: normalise_name(&self.metadata.name),
            version: self.metadata.version.clone(),
            origin: self.folder.display().to_string(),
            files: laying.files,
        })
    }

    /// Scripts and the `.dist-info` directory, `RECORD` last.
    fn lay_metadata(&self, laying: &mut Laying<'_>) -> Result<(), Fault> {
        let Metadata { name, version, entry_points, license_files, .. } = &self.metadata;
        let normal = normalise_name(name);
        let info = format!("{}-{version}.dist-info", normal.replace('-', "_"));
        for (script, object) in SCRIPTS.iter().filter_map(|group| entry_points.get(*group)).flatten() {
            // Blanks around the colon and before extras mean nothing.
            let point = EntryPoint::parse(&object.replace(' ', ""));
            let point = point.map_err(|why| Fault::at(0, format!("the script `{script}` {why}")))?;
            laying.script(script, point.script(laying.scheme))?;
        }
        let wheel = "Wheel-Version: 1.0\nGenerator: tarsia\nRoot-Is-Purelib: true\nTag: py3-none-any\n";
        let mut texts = vec![
            ("METADATA".to_owned(), self.metadata.text().as_bytes().to_vec()),
            ("WHEEL".to_owned(), wheel.as_bytes().to_vec()),
            ("INSTALLER".to_owned(), b"tarsia\n".to_vec()),
            ("REQUESTED".to_owned(), Vec::new()),
            ("direct_url.json".to_owned(), format!("{{\"dir_info\":{{}},\"url\":\"file:///{normal}\"}}").into_bytes()),
        ];
        if !entry_points.is_empty() {
            texts.push(("entry_points.txt".to_owned(), entry_points::text(entry_points).into_bytes()));
        }
        texts.extend(license_files.iter().map(|(path, text)| (format!("licenses/{path}"), text.clone())));
        for (path, text) in texts {
            laying.library(&format!("{info}/{path}"), false, content(text))?;
        }
        let record = format!("{info}/RECORD");
        laying.rows.push(Recorded { path: record.clone(), content: None });
        let text = record::write(std::mem::take(&mut laying.rows));
        laying.add(join(&laying.scheme.pure, &record), false, content(text))
    }
}

/// The files of a distribution as they are laid, and their rows.
struct Laying<'a> {
    scheme: &'a Scheme,
    files: Vec<DistributionFile>,
    rows: Vec<Recorded>,
}

impl Laying<'_> {
    fn library(&mut self, path: &str, executable: bool, content: FileContent) -> Result<(), Fault> {
        self.rows.push(Recorded { path: path.to_owned(), content: Some((content.digest, content.size)) });
        self.add(join(&self.scheme.pure, path), executable, content)
    }

    fn script(&mut self, name: &str, text: Vec<u8>) -> Result<(), Fault> {
        let (content, path) = (content(text), join(&self.scheme.scripts, name));
        let row = record::relative(&String::from_utf8_lossy(&path), &String::from_utf8_lossy(&self.scheme.pure));
        self.rows.push(Recorded { path: row, content: Some((content.digest, content.size)) });
        self.add(path, true, content)
    }

    fn add(&mut self, path: Vec<u8>, executable: bool, content: FileContent) -> Result<(), Fault> {
        if let Some(why) = crate::entry::unfit(&path) {
            let path = String::from_utf8_lossy(&path).into_owned();
            return Err(Fault::at(0, format!("nothing can lie at {}: {why}", fault::quoted(&path))));
        }
        self.files.push(DistributionFile { path: path.into(), executable, content });
        Ok(())
    }
}

fn join(directory: &[u8], path: &str) -> Vec<u8> {
    let slash: &[u8] = if directory.is_empty() { b"" } else { b"/" };
    [directory, slash, path.as_bytes()].concat()
}

fn content(text: Vec<u8>) -> FileContent {
    FileContent { size: text.len() as u64, digest: Digest::of(&text), source: Source::Text(text.into()) }
}

fn error(folder: &Path, Fault { file, line, what, help }: Fault) -> ProjectError {
    let file = folder.join(if file.is_empty() { FILE } else { &file });
    ProjectError { file, line, what, help }
}

fn read(path: &Path, exclude: &[String]) -> Result<Project, Fault> {
    let folder = Folder::open(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => Fault::at(0, "the project's folder does not exist"),
        _ => Fault::at(0, format!("the project's folder cannot be opened: {error}")),
    })?;
    let folder = folder.without(exclude).map_err(|error| Fault::at(0, error.to_string()))?;
    let text = folder.text_of(FILE, LIMIT).map_err(|why| {
        Fault::at(0, format!("it {why}"))
            .help("a `package` is a folder with a `pyproject.toml`; of others build a wheel and name it under `wheels`")
    })?;
    let document = Value::parse(&text)?;
    let backend = Backend::of(&document, &folder)?;
    let project = document.get("project").ok_or_else(|| {
        Fault::backend(0, "it has no `[project]`, so that only its build backend knows what the project is")
    })?;
    project.table()?;
    let name = metadata::read_name(project)?;
    let layout = Layout::read(&document, backend, &folder, &name)?;
    let dynamic = Dynamic::read(&document, backend, &folder, &|module| layout.module_places(module, &name, &folder))?;
    let metadata = Metadata::read(project, backend, &folder, &dynamic)?;
    Ok(Project { folder: path.to_owned(), metadata, layout })
}
