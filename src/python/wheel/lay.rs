//! Laying a wheel: where its files go and what is written for them, as pip does it in
//! `pip/_internal/operations/install/wheel.py`.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::io::{self, Read};
use std::sync::Arc;

use super::scripts::{EntryPoint, PLACEHOLDER, shebang, with_interpreter};
use super::{Wheel, WheelMember, direct_url};
use crate::digest::Digest;
use crate::entry;
use crate::layer::{FileContent, Source};
use crate::python::distribution::{Distribution, DistributionFile};
use crate::python::record::{self, Recorded};
use crate::python::scheme::Scheme;
use crate::python::zip::shown;

/// The most bytes of a script whose first line is rewritten.
const SCRIPT: u64 = 16 << 20;

/// What is written anew into the metadata, whatever the wheel has there.
const REPLACED: [&str; 3] = ["INSTALLER", "REQUESTED", "direct_url.json"];

pub fn lay(wheel: &Wheel, scheme: &Scheme, is_local: bool) -> Result<Distribution, String> {
    let places = Places::of(wheel, scheme)?;
    let mut files = Files::default();
    for file in &*wheel.files {
        let path = &*file.member.path;
        if REPLACED.iter().any(|name| path.strip_prefix(&*wheel.info) == Some(&format!("/{name}"))) {
            continue;
        }
        let (target, is_script) = places.target(path)?;
        if is_script && is_wrapper(wheel, path) {
            continue;
        }
        let content = if is_script { script(wheel, file, scheme)? } else { member(wheel, file) };
        files.add(target, is_script || file.member.is_executable, content, path)?;
    }
    for (name, point) in scripts(wheel, scheme)? {
        let target = join(places.scripts, &name);
        files.add(target, true, text(point.script(scheme)), "its entry points")?;
    }
    let info = join(places.library, &wheel.info);
    let mut add = |name: &str, content: Vec<u8>| files.add(join(&info, name), false, text(content), name);
    add("INSTALLER", b"tarsia\n".to_vec())?;
    add("REQUESTED", Vec::new())?;
    if is_local {
        add("direct_url.json", direct_url::of_wheel(&wheel.name.file, &wheel.digest))?;
    }
    let record = join(&info, "RECORD");
    let written = files.record(places.library, &record);
    files.add(record, false, text(written), "RECORD")?;
    Ok(Distribution {
        name: wheel.name.distribution.clone(),
        version: wheel.metadata.version.clone(),
        origin: wheel.name.file.clone(),
        files: files.finish()?,
    })
}

/// The scheme as texts, for this wheel.
struct Places<'a> {
    library: &'a str,
    pure: &'a str,
    platform: &'a str,
    scripts: &'a str,
    data: &'a str,
    headers: String,
    /// The wheel's directory of what goes elsewhere than the library.
    elsewhere: Option<&'a str>,
}

impl<'a> Places<'a> {
    fn of(wheel: &'a Wheel, scheme: &'a Scheme) -> Result<Places<'a>, String> {
        let place = |path: &'a [u8]| {
            let text = std::str::from_utf8(path).ok().filter(|text| !text.contains(char::is_control));
            text.ok_or_else(|| {
                format!("it cannot be laid into `{}`, which is not UTF-8", shown(&String::from_utf8_lossy(path)))
            })
        };
        if scheme.interpreter.contains(char::is_control) {
            return Err(format!("no script can name the interpreter `{}`", shown(&scheme.interpreter)));
        }
        let (pure, platform) = (place(&scheme.pure)?, place(&scheme.platform)?);
        Ok(Places {
            library: if wheel.is_pure_library { pure } else { platform },
            pure,
            platform,
            scripts: place(&scheme.scripts)?,
            data: place(&scheme.data)?,
            headers: join(place(&scheme.headers)?, &wheel.name.distribution),
            elsewhere: wheel.data.as_deref(),
        })
    }

    /// Where a member goes, and whether it is a script.
    fn target(&self, path: &str) -> Result<(String, bool), String> {
        let in_data = self.elsewhere.and_then(|data| path.strip_prefix(data)?.strip_prefix('/'));
        let Some(in_data) = in_data else { return Ok((join(self.library, path), false)) };
        let (key, rest) =
            in_data.split_once('/').ok_or_else(|| format!("its `{}` lies in no directory of .data", shown(path)))?;
        let place = match key {
            "purelib" => self.pure,
            "platlib" => self.platform,
            "scripts" => self.scripts,
            "data" => self.data,
            "headers" => &self.headers,
            other => {
                return Err(format!(
                    "its `{}` is for `{}`, and .data has purelib, platlib, scripts, data and headers",
                    shown(path),
                    shown(other)
                ));
            }
        };
        Ok((join(place, rest), key == "scripts"))
    }
}

fn join(directory: &str, path: &str) -> String {
    if directory.is_empty() { path.to_owned() } else { format!("{directory}/{path}") }
}

/// A file that stays as it is.
fn member(wheel: &Wheel, file: &WheelMember) -> FileContent {
    let stream = wheel.archive.stream(&wheel.label, &file.member);
    FileContent { size: file.member.size, digest: file.digest, source: Source::Stream(Arc::new(stream)) }
}

/// A file that is written here.
fn text(content: Vec<u8>) -> FileContent {
    let (size, digest) = (content.len() as u64, Digest::of(&content));
    FileContent { size, digest, source: Source::Text(content.into()) }
}

/// A script of the wheel, with the target's interpreter where it is for any. Only those are read, of others the beginning.
fn script(wheel: &Wheel, file: &WheelMember, scheme: &Scheme) -> Result<FileContent, String> {
    let path = &file.member.path;
    let mut beginning = Vec::new();
    let length = PLACEHOLDER.len() as u64;
    let read = wheel.archive.open_member(&file.member).take(length).read_to_end(&mut beginning);
    read.map_err(|error: io::Error| format!("its member `{}` cannot be read: {error}", shown(path)))?;
    if beginning != PLACEHOLDER {
        return Ok(member(wheel, file));
    }
    let content = wheel.archive.read(&file.member, SCRIPT)?;
    if Digest::of(&content) != file.digest {
        return Err(format!("its member `{}` is not what RECORD says", shown(path)));
    }
    Ok(text(with_interpreter(&content, &scheme.interpreter).unwrap_or(content)))
}

/// Whether a script is one that setuptools once made for an entry point: pip lays its own in its place.
fn is_wrapper(wheel: &Wheel, path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    let lower = name.to_ascii_lowercase();
    let ending = [".exe", "-script.py", ".pya"].into_iter().find(|ending| lower.ends_with(ending));
    let stem = name.get(..name.len() - ending.map_or(0, str::len)).unwrap_or(name);
    wheel.entry_points.has(stem)
}

/// The scripts for entry points, by name. Two kinds of one name: pip writes the console's first, then the other over it.
fn scripts(wheel: &Wheel, scheme: &Scheme) -> Result<BTreeMap<String, EntryPoint>, String> {
    let mut scripts = wheel.entry_points.console.clone();
    let version = format!("{}.{}", scheme.python.major, scheme.python.minor);
    // Their wheels once named scripts for the interpreter that they were built with.
    if let Some(pip) = scripts.remove("pip") {
        scripts.retain(|name, _| !name.strip_prefix("pip").is_some_and(is_version));
        let names = ["pip".to_owned(), "pip3".to_owned(), format!("pip{version}")];
        scripts.extend(names.into_iter().map(|name| (name, pip.clone())));
    }
    if let Some(easy_install) = scripts.remove("easy_install") {
        let is_versioned =
            |name: &str| name.strip_prefix("easy_install-").is_some_and(|v| v.contains('.') && is_version(v));
        scripts.retain(|name, _| !is_versioned(name));
        let names = ["easy_install".to_owned(), format!("easy_install-{version}")];
        scripts.extend(names.into_iter().map(|name| (name, easy_install.clone())));
    }
    scripts.extend(wheel.entry_points.gui.clone());
    // Nothing may be written that names no interpreter.
    if !scripts.is_empty() && shebang(&scheme.interpreter) == b"#!\n" {
        return Err("it has scripts, and the interpreter for them is not known".to_owned());
    }
    Ok(scripts)
}

/// Whether a text is `3` or `3.12`.
fn is_version(text: &str) -> bool {
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    text.split('.').count() <= 2 && text.split('.').all(is_number)
}

/// Files by where they go.
#[derive(Default)]
struct Files {
    by_path: BTreeMap<String, (DistributionFile, String)>,
}

impl Files {
    /// Adds a file; `origin` is what it is in the wheel. What is there already has to be the same.
    fn add(&mut self, path: String, executable: bool, content: FileContent, origin: &str) -> Result<(), String> {
        if let Some(why) = entry::unfit(path.as_bytes()) {
            return Err(format!("its `{}` cannot lie at `/{}`: {why}", shown(origin), shown(&path)));
        }
        let file = DistributionFile { path: path.as_bytes().into(), executable, content };
        match self.by_path.entry(path) {
            Entry::Vacant(vacant) => {
                vacant.insert((file, origin.to_owned()));
            }
            Entry::Occupied(mut occupied) => {
                let (first, other) = occupied.get_mut();
                let same = first.content.size == file.content.size && first.content.digest == file.content.digest;
                if !same {
                    let path = shown(&String::from_utf8_lossy(&file.path));
                    return Err(format!("`{}` and `{}` would both be `/{path}`", shown(other), shown(origin)));
                }
                first.executable |= executable;
            }
        }
        Ok(())
    }

    /// `RECORD`, which lies at `record`, with paths from the library's directory.
    fn record(&self, library: &str, record: &str) -> Vec<u8> {
        let row = |path: &str, content| Recorded { path: record::relative(path, library), content };
        let files =
            self.by_path.iter().map(|(path, (file, _))| row(path, Some((file.content.digest, file.content.size))));
        record::write(files.chain([row(record, None)]).collect())
    }

    /// The files, sorted by path. None may lie in another.
    fn finish(self) -> Result<Vec<DistributionFile>, String> {
        // With a NUL for `/` what lies in something comes right after it.
        let mut paths: Vec<String> = self.by_path.keys().map(|path| path.replace('/', "\0")).collect();
        paths.sort();
        for pair in paths.windows(2) {
            let [first, second] = pair else { continue };
            if second.strip_prefix(first.as_str()).is_some_and(|rest| rest.starts_with('\0')) {
                let (first, second) = (first.replace('\0', "/"), second.replace('\0', "/"));
                return Err(format!("`/{}` would be a file, and `/{}` lie in it", shown(&first), shown(&second)));
            }
        }
        Ok(self.by_path.into_values().map(|(file, _)| file).collect())
    }
}
