//! `COPY` and `ADD`: from where, what, and how.

use super::evaluate::Evaluation;
use super::expand_raw;
use super::instruction::{Line, Transfer};
use super::program::From;
use super::{NamedContext, Text};
use crate::digest::Digest;
use crate::image::accounts::OwnerName;
use crate::layer::{Chmod, Copy, CopySource, shown_url};
use crate::spec::error::SpecError;
use crate::spec::recipe::{CopyFrom, LayerContent};

impl Evaluation<'_> {
    pub(super) fn transfer(&mut self, line: &Line, transfer: &Transfer, is_add: bool) -> Result<(), SpecError> {
        let program = self.program();
        let mut sources = Vec::new();
        if let (Some(checksum), [_, _, ..]) = (&transfer.checksum, transfer.sources.as_slice()) {
            let help = "write an ADD for each file from elsewhere";
            return Err(program.error_with_help(checksum.range.clone(), "one checksum for several sources", help));
        }
        for source in &transfer.sources {
            sources.push(self.source(transfer, source, is_add)?);
        }
        for heredoc in &transfer.heredocs {
            let text = match heredoc.expand {
                true => expand_raw(&heredoc.content, self.environment())
                    .map_err(|error| program.error(heredoc.range.clone(), error.to_string()))?,
                false => heredoc.content.to_string(),
            };
            sources.push(CopySource::Text { name: heredoc.name.clone(), text: text.into_bytes() });
        }
        let to = self.below_workdir(&self.expand(&transfer.destination)?);
        if sources.len() > 1 && !to.ends_with('/') {
            let message = format!("{} sources are copied to `{to}`, which is written as one file", sources.len());
            let help = format!("write `{to}/`");
            return Err(program.error_with_help(transfer.destination.range.clone(), message, help));
        }
        let from = match &transfer.from {
            None => CopyFrom::Context {
                folder: std::path::PathBuf::new(),
                path: program.context().to_string_lossy().into_owned(),
                ignore: program.ignore_file(),
            },
            Some(text) => match program.source(self.current, text)? {
                From::Stage(index) => CopyFrom::Stage(self.stage.sibling(index)),
                From::Named(NamedContext::Folder(folder)) => CopyFrom::Context {
                    folder: std::path::PathBuf::new(),
                    path: folder.to_string_lossy().into_owned(),
                    ignore: None,
                },
                From::Named(NamedContext::Image { location, name }) | From::Image { location, name } => {
                    CopyFrom::Image { location, name }
                }
            },
        };
        let chmod = match &transfer.chmod {
            None => None,
            Some(text) => {
                let mode = self.expand(text)?;
                let parse = |mode: &str| mode.parse::<Chmod>();
                Some(mode)
                    .filter(|mode| !mode.is_empty())
                    .map(|mode| parse(&mode))
                    .transpose()
                    .map_err(|error| program.error(text.range.clone(), error.to_string()))?
            }
        };
        let owner = match &transfer.chown {
            None => None,
            Some(text) => {
                let owner = self.expand(text)?;
                let error = |why: String| program.error(text.range.clone(), why);
                owner.parse::<OwnerName>().map_err(|reason| error(reason.to_string()))?;
                if owner.matches(':').count() > 1 {
                    return Err(error(format!("`{owner}` is no owner such as `user` or `user:group`")));
                }
                Some(owner).filter(|owner| !owner.is_empty())
            }
        };
        let exclude = transfer.exclude.iter().map(|pattern| pattern.value.clone()).collect();
        let unpack = transfer.unpack.unwrap_or(is_add);
        let copy = Copy { sources, to: to.into_bytes(), exclude, parents: transfer.parents, unpack, chmod };
        self.layer(line, LayerContent::Copy { from, copy, owner });
        Ok(())
    }

    fn source(&self, transfer: &Transfer, source: &Text, is_add: bool) -> Result<CopySource, SpecError> {
        let program = self.program();
        let expanded = self.expand(source)?;
        let refuse = |message: String, help: &str| Err(program.error_with_help(source.range.clone(), message, help));
        if is_git(&expanded) {
            return refuse(
                format!("`{}` is a git repository, which tarsia does not clone", shown_url(&expanded)),
                "check it out, and give its folder with --build-context NAME=DIR and COPY --from=NAME",
            );
        }
        if !(expanded.starts_with("http://") || expanded.starts_with("https://")) {
            if transfer.checksum.is_some() {
                return refuse(
                    format!("`{expanded}` is a path of the context, and checksums are of files from elsewhere"),
                    "leave --checksum out",
                );
            }
            return Ok(CopySource::Path(expanded.into_bytes()));
        }
        if !is_add {
            return refuse(format!("COPY does not fetch `{}`", shown_url(&expanded)), "use ADD with --checksum");
        }
        let Some(checksum) = &transfer.checksum else {
            return refuse(
                format!("what `{}` holds may be something else tomorrow", shown_url(&expanded)),
                "say what it has to be: ADD --checksum=sha256:…",
            );
        };
        let text = self.expand(checksum)?;
        match text.parse::<Digest>() {
            // Docker unpacks what comes from elsewhere where it is told to, and local archives where it is not told not to.
            Ok(checksum) => Ok(CopySource::Url { url: expanded, checksum, unpack: transfer.unpack.unwrap_or(false) }),
            Err(_) => Err(program.error(checksum.range.clone(), format!("`{text}` is no checksum such as sha256:…"))),
        }
    }
}

/// Whether docker would clone it.
fn is_git(source: &str) -> bool {
    let without_fragment = source.split('#').next().unwrap_or_default();
    let is_http = source.starts_with("http://") || source.starts_with("https://");
    source.starts_with("git://")
        || source.starts_with("ssh://")
        || source.starts_with("git@")
        || (is_http && without_fragment.split('?').next().unwrap_or_default().ends_with(".git"))
        || source.starts_with("github.com/")
}
