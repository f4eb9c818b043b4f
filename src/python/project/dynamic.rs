//! Dynamic metadata that is static by nature: a literal in a module, the text of a file. All the rest takes the build
//! backend.

use regex::RegexBuilder;

use super::backend::Backend;
use super::fault::{Fault, quoted};
use super::folder::{Folder, inside};
use super::literal;
use super::value::Value;

/// The most keys that are dynamic; `[project]` has no more.
const MOST: usize = 20;

/// The values of what `project.dynamic` lists.
#[derive(Debug, Default)]
pub(super) struct Dynamic {
    pub version: Option<String>,
    pub description: Option<String>,
    /// The long description and its content type.
    pub readme: Option<(String, String)>,
    pub dependencies: Option<Vec<String>>,
    pub optional_dependencies: Vec<(String, Vec<String>)>,
    pub classifiers: Option<Vec<String>>,
}

/// Where the modules of a project are looked for: a module's dotted name becomes the paths, relative to the folder and
/// without their suffix, that it may have.
pub(super) type Modules<'a> = &'a dyn Fn(&str) -> Vec<String>;

impl Dynamic {
    /// The values of what is dynamic.
    ///
    /// # Errors
    ///
    /// If one of them takes the build backend, or cannot be read.
    pub(super) fn read(
        document: &Value,
        backend: Backend,
        folder: &Folder,
        modules: Modules<'_>,
    ) -> Result<Dynamic, Fault> {
        let mut values = Dynamic::default();
        let Some(list) = document.find(&["project", "dynamic"]) else { return Ok(values) };
        let keys = list.texts()?;
        if keys.len() > MOST {
            return Err(list.wrong(format!("lists more than {MOST} keys")));
        }
        for key in keys {
            if document.find(&["project", &key]).is_some() && key != "optional-dependencies" {
                return Err(list.wrong(format!("lists {}, which is written down as well", quoted(&key))));
            }
            if key == "name" {
                return Err(list.wrong("lists `name`, which is never dynamic"));
            }
            let source = Source { document, list, folder, modules, key: &key };
            match backend {
                Backend::Setuptools => source.setuptools(&mut values)?,
                Backend::Hatch if key == "version" => values.version = Some(source.hatch_version()?),
                Backend::Flit if key == "version" => values.version = Some(source.flit_version()?),
                Backend::Flit if key == "description" => values.description = Some(source.flit_description()?),
                Backend::Pdm if key == "version" => values.version = Some(source.pdm_version()?),
                Backend::Poetry if key == "version" => values.version = Some(source.poetry_version()?),
                _ => return Err(source.needs_backend()),
            }
        }
        Ok(values)
    }
}

/// Where the value of one key comes from.
struct Source<'a> {
    document: &'a Value,
    list: &'a Value,
    folder: &'a Folder,
    modules: Modules<'a>,
    key: &'a str,
}

impl Source<'_> {
    fn needs_backend(&self) -> Fault {
        let tools = ["setuptools_scm", "setuptools-git-versioning", "versioningit", "poetry-dynamic-versioning", "pbr"];
        let tool = tools.iter().find(|tool| self.document.find(&["tool", tool]).is_some());
        let by = tool.map_or_else(String::new, |tool| format!(" (`{tool}`)"));
        Fault::backend(
            self.list.line,
            format!("{} is dynamic, and only its build backend works it out{by}", quoted(self.key)),
        )
    }

    fn setuptools(&self, values: &mut Dynamic) -> Result<(), Fault> {
        let directive = self.document.find(&["tool", "setuptools", "dynamic", self.key]);
        let directive = directive.ok_or_else(|| self.needs_backend())?;
        let allowed: &[&str] = match self.key {
            "version" => &["attr", "file"],
            "readme" => &["file", "content-type"],
            _ => &["file"],
        };
        if self.key == "optional-dependencies" {
            for (extra, directive) in directive.table()? {
                directive.check_keys(allowed)?;
                values.optional_dependencies.push((extra.clone(), requirements(&self.files(directive)?)));
            }
            return Ok(());
        }
        directive.check_keys(allowed)?;
        if let Some(attribute) = directive.get("attr") {
            values.version = Some(self.attribute(attribute)?);
            return Ok(());
        }
        let text = self.files(directive)?;
        let lines = || text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect();
        match self.key {
            "version" => values.version = Some(text.trim().to_owned()),
            "description" => values.description = Some(text.trim().to_owned()),
            "readme" => {
                let kind = directive.text_at("content-type")?.unwrap_or("text/x-rst");
                if !["text/x-rst", "text/markdown", "text/plain"].contains(&kind) {
                    return Err(directive.wrong(format!("has the content type {}, which is no readme's", quoted(kind))));
                }
                values.readme = Some((text, kind.to_owned()));
            }
            "dependencies" => values.dependencies = Some(requirements(&text)),
            "classifiers" => values.classifiers = Some(lines()),
            _ => return Err(self.needs_backend()),
        }
        Ok(())
    }

    /// The texts of the files that a directive names, one after the other.
    fn files(&self, directive: &Value) -> Result<String, Fault> {
        let value = directive.get("file").ok_or_else(|| directive.wrong("names no `file`"))?;
        let read = |file: &String| match self.key {
            "readme" => self.folder.laid_text(value, file),
            _ => self.folder.text(file).map_err(|why| value.wrong(format!("names {}, which {why}", quoted(file)))),
        };
        Ok(value.text_or_texts()?.iter().map(read).collect::<Result<Vec<_>, _>>()?.join("\n"))
    }

    /// `attr = "package.module.__version__"`.
    fn attribute(&self, value: &Value) -> Result<String, Fault> {
        let attribute = value.text()?;
        let (module, name) = attribute.rsplit_once('.').unwrap_or(("__init__", attribute));
        if !attribute.split('.').all(super::entry_points::is_identifier) {
            return Err(value.wrong(format!("is {}, which is no name of an attribute", quoted(attribute))));
        }
        let places = (self.modules)(module);
        let files = places.iter().flat_map(|place| [format!("{place}.py"), format!("{place}/__init__.py")]);
        let file = files.into_iter().find(|file| self.folder.is_file(file));
        let file = file
            .ok_or_else(|| value.wrong(format!("names the module {}, which is not in the folder", quoted(module))))?;
        let source = self.read_module(&file)?;
        literal::assigned(&source, name).map_err(|why| {
            Fault::backend(
                value.line,
                format!("{} in {} {why}: its value is known once it is run", quoted(name), quoted(&file)),
            )
        })
    }

    fn read_module(&self, file: &str) -> Result<String, Fault> {
        self.folder.text(file).map_err(|why| Fault::at(self.list.line, format!("{} {why}", quoted(file))))
    }

    fn hatch_version(&self) -> Result<String, Fault> {
        let table = self.document.find(&["tool", "hatch", "version"]).ok_or_else(|| self.needs_backend())?;
        table.check_keys(&["path", "pattern", "source", "scheme", "validate-bump"])?;
        if let Some(source) = table.get("source").filter(|source| source.text().is_ok_and(|text| text != "regex")) {
            return Err(source.backend(format!("is {}, which would have to be run", quoted(source.text()?))));
        }
        let path = table.get("path").ok_or_else(|| self.needs_backend())?;
        let text = self.read_named(path)?;
        let pattern = table.get("pattern").filter(|pattern| pattern.is_text());
        let found = match pattern {
            None => search(r#"(?i)^(?:__version__|VERSION) *= *(?:'v?(?<a>.+?)'|"v?(?<b>.+?)")"#, &text),
            Some(pattern) => {
                let written = pattern.text()?;
                if !written.contains("(?P<version>") {
                    return Err(pattern.backend("has no group named `version`"));
                }
                search(written, &text)
            }
        };
        match found {
            Ok(Some(version)) => Ok(version),
            Ok(None) => Err(path.wrong(format!("names {}, which says no version", quoted(path.text()?)))),
            Err(()) => Err(pattern.unwrap_or(path).backend("is a pattern of Python's that is not read here")),
        }
    }

    fn pdm_version(&self) -> Result<String, Fault> {
        let table = self.document.find(&["tool", "pdm", "version"]).ok_or_else(|| self.needs_backend())?;
        if table.text_at("source")? != Some("file") || table.stranger(&["source", "path"])?.is_some() {
            return Err(self.needs_backend());
        }
        let path = table.get("path").ok_or_else(|| self.needs_backend())?;
        let found = search(r#"^__version__\s*=\s*["'](?<a>.+?)["']\s*(?:#.*)?$"#, &self.read_named(path)?);
        found.ok().flatten().ok_or_else(|| path.wrong("names a file that says no version"))
    }

    fn poetry_version(&self) -> Result<String, Fault> {
        let value = self.document.find(&["tool", "poetry", "version"]).ok_or_else(|| self.needs_backend())?;
        Ok(value.text()?.to_owned())
    }

    fn read_named(&self, path: &Value) -> Result<String, Fault> {
        let name = path.text()?;
        self.folder.text(name).map_err(|why| path.wrong(format!("names {}, which {why}", quoted(name))))
    }

    /// The file of flit's module, and what it says.
    fn flit_module(&self) -> Result<(String, String), Fault> {
        let name = match self.document.find(&["tool", "flit", "module", "name"]) {
            Some(value) => value.text()?.to_owned(),
            None => super::metadata::read_name(self.project())?.replace('-', "_"),
        };
        let places = (self.modules)(&name);
        let files = places.iter().flat_map(|place| [format!("{place}/__init__.py"), format!("{place}.py")]);
        let missing = || self.list.wrong(format!("needs the module {}, which is not there", quoted(&name)));
        let file = files.into_iter().find(|file| self.folder.is_file(file)).ok_or_else(missing)?;
        let source = self.read_module(&file)?;
        Ok((file, source))
    }

    fn flit_version(&self) -> Result<String, Fault> {
        let (file, source) = self.flit_module()?;
        // The package's own version goes before that of these files, the last of which flit asks first.
        let package = file.strip_suffix("__init__.py");
        let mut version = literal::assigned(&source, "__version__");
        for name in ["version.py", "_version.py", "__version__.py"] {
            let beside = package.map(|package| inside(&format!("{package}{name}"))).and_then(Result::ok);
            if let Some(path) = beside.filter(|path| version.is_err() && self.folder.is_file(path)) {
                version = literal::assigned(&self.read_module(&path)?, "__version__").or(version);
            }
        }
        version.map_err(|why| Fault::backend(self.list.line, format!("`__version__` in {} {why}", quoted(&file))))
    }

    fn flit_description(&self) -> Result<String, Fault> {
        let (file, source) = self.flit_module()?;
        let wrong = |why| Fault::backend(self.list.line, format!("{} says no description: {why}", quoted(&file)));
        literal::summary(&source).map_err(wrong)
    }

    fn project(&self) -> &Value {
        self.document.get("project").unwrap_or(self.document)
    }
}

/// The lines of a file of requirements, without comments.
fn requirements(text: &str) -> Vec<String> {
    let without_comment = |line: &str| line.split(" #").next().unwrap_or_default().trim().to_owned();
    text.lines().map(without_comment).filter(|line| !line.is_empty() && !line.starts_with('#')).collect()
}

/// What the group of a pattern matches first.
fn search(pattern: &str, text: &str) -> Result<Option<String>, ()> {
    let pattern = RegexBuilder::new(pattern).multi_line(true).size_limit(1 << 20).build().map_err(|_| ())?;
    let Some(found) = pattern.captures(text) else { return Ok(None) };
    let group = ["version", "a", "b"].iter().find_map(|name| found.name(name));
    Ok(group.map(|group| group.as_str().to_owned()))
}
