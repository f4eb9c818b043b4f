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

    /// `docker-image://REFERENCE`, `oci-layout://DIR[:TAG][@DIGEST]`, the forms of any other image argument, or a folder.
    fn from_str(text: &str) -> Result<NamedContext, String> {
        let image = |text: &str| -> Result<NamedContext, String> {
            let location: Location = text.parse().map_err(|error: crate::image::InvalidReference| error.to_string())?;
            Ok(NamedContext::Image { location, name: text.to_owned() })
        };
        if let Some(reference) = text.strip_prefix("docker-image://") {
            return image(reference);
        }
        if let Some(layout) = text.strip_prefix("oci-layout://") {
            let Some((path, digest)) = layout.split_once("@sha256:") else { return image(&format!("oci:{layout}")) };
            // The digest says it all: what the tag stands for now does not matter.
            let path = path.split_once(':').map_or(path, |(path, _)| path);
            return image(&format!("oci:{path}:@sha256:{digest}"));
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
        assert_eq!(name("oci-layout://out:base@sha256:12"), "image oci:out:@sha256:12");
        assert!(name("https://github.com/x/y.git").contains("not supported"));
    }
}
