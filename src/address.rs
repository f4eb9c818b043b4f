//! Addresses: where the images of a run go.

use std::collections::BTreeMap;

use crate::error::Error;
use crate::image::{self, Repository};
use crate::spec::{Recipe, SpecError, Unset, Variables, Workspace};

/// Where images go, beside what their recipes say.
#[derive(Debug, Clone, Default)]
pub struct Destination {
    /// Instead of the recipes' repositories; with several images a prefix of theirs.
    pub to: Option<Repository>,
    /// Instead of the recipes' tags; `{digest}` stands for 12 digits of the digest.
    pub tags: Vec<String>,
    /// The values of variables in repositories and tags.
    pub variables: Variables,
    /// Creates the repositories that do not exist, where the registry does not do so by itself (Amazon ECR).
    pub create_repository: bool,
}

/// Repository and tags of an image; `{digest}` still stands in the tags.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// The repository.
    pub repository: Repository,
    /// The tags.
    pub tags: Vec<String>,
}

impl Destination {
    /// The address of each image that was asked for, by its place in the workspace.
    ///
    /// # Errors
    ///
    /// If a recipe names no repository, a variable has no value, a tag is none, or two images go to one tag.
    pub fn addresses(&self, workspace: &Workspace) -> Result<BTreeMap<usize, Address>, Error> {
        let requested = workspace.requested.iter().filter(|&&requested| requested).count();
        let mut addresses = BTreeMap::new();
        let mut taken: BTreeMap<String, &str> = BTreeMap::new();
        for (place, recipe) in workspace.recipes.iter().enumerate() {
            if !workspace.requested[place] {
                continue;
            }
            let repository = match &self.to {
                Some(to) if requested > 1 => to.join(&recipe.name),
                Some(to) => to.clone(),
                None => self.repository_of(recipe)?,
            };
            let tags = if self.tags.is_empty() {
                recipe.expand_tags(&self.variables).map_err(|unset| unset_in(recipe, unset))?
            } else {
                self.tags.clone()
            };
            if let Some(tag) = tags.iter().find(|tag| !image::is_tag(&tag.replace("{digest}", "0123456789ab"))) {
                let help = "tags are up to 128 letters, digits, `_`, `.` and `-`; `{digest}` may stand in them";
                return Err(Error::request(format!("`{tag}` is not a tag"), help));
            }
            // Two images under one tag would take it from each other with every run.
            for tag in tags.iter().filter(|tag| !tag.contains("{digest}")) {
                let name = format!("{repository}:{tag}");
                if let Some(other) = taken.get(&name) {
                    let message = format!("`{other}` and `{}` both go to `{name}`", recipe.name);
                    return Err(Error::request(message, "give each a repository or a tag of its own"));
                }
                taken.insert(name, &recipe.name);
            }
            addresses.insert(place, Address { repository, tags });
        }
        Ok(addresses)
    }

    fn repository_of(&self, recipe: &Recipe) -> Result<Repository, Error> {
        let Some(template) = &recipe.repository else {
            let help = match &recipe.stage {
                // A Dockerfile has no place to say it.
                Some(_) => "use --to REPOSITORY",
                None => "add `repository = \"…\"` to it, or use --to REPOSITORY",
            };
            let message = format!("the spec of `{}` does not say where to push the image", recipe.name);
            return Err(Error::request(message, help));
        };
        let text = template.expand(&self.variables).map_err(|unset| unset_in(recipe, unset))?;
        text.parse().map_err(|error| Error::request(format!("{error}"), "see `repository` in the spec"))
    }
}

fn unset_in(recipe: &Recipe, unset: Unset) -> Error {
    let file = recipe.file.as_ref().map_or_else(|| recipe.name.clone(), |file| file.display().to_string());
    SpecError::Unset { file, unset }.into()
}
