//! Named contexts: what `--build-context NAME=…` puts in the place of a stage, an image or another context.

use std::path::PathBuf;
use std::str::FromStr;

use crate::image::Location;

/// What stands for a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NamedContext {
    /// A folder: `COPY --from` copies from it.
    Folder(PathBuf),
    /// An image: a stage, a base, or what is copied from.
    Image {
        /// Where it is.
        location: Location,
        /// How it was given.
        name: String,
    },
}

impl FromStr for NamedContext {
    type Err = String;

    /// `docker-image://REFERENCE`, `oci-layout://DIR[:TAG]`, the forms of any other image argument, or a folder.
    fn from_str(text: &str) -> Result<NamedContext, String> {
        let image = |text: &str| -> Result<NamedContext, String> {
            let location: Location = text.parse().map_err(|error: crate::image::InvalidReference| error.to_string())?;
            Ok(NamedContext::Image { location, name: text.to_owned() })
        };
        if let Some(reference) = text.strip_prefix("docker-image://") {
            return image(reference);
        }
        if let Some(layout) = text.strip_prefix("oci-layout://") {
            return image(&format!("oci:{layout}"));
        }
        if ["oci:", "oci-archive:", "docker-archive:"].iter().any(|scheme| text.starts_with(scheme)) {
            return image(text);
        }
        if let Some((scheme, _)) = text.split_once("://") {
            return Err(format!(
                "`{scheme}://` is not supported: give a folder, docker-image://REFERENCE or oci-layout://DIR"
            ));
        }
        Ok(NamedContext::Folder(PathBuf::from(text)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contexts_are_folders_or_images() {
        let name = |text: &str| match text.parse::<NamedContext>() {
            Ok(NamedContext::Folder(path)) => format!("folder {}", path.display()),
            Ok(NamedContext::Image { location, .. }) => format!("image {location}"),
            Err(error) => error,
        };
        assert_eq!(name("../docs"), "folder ../docs");
        assert_eq!(name("docker-image://debian:13"), "image docker.io/library/debian:13");
        assert_eq!(name("oci-layout://out:base"), "image oci:out:base");
        assert!(name("https://github.com/x/y.git").contains("not supported"));
    }
}
