//! Platforms that a spec is for and its base is not: a mistake to be told with the others, which are found by taking
//! what the base does have instead.

use std::collections::BTreeSet;

use super::finding::{FilePlace, Finding, Place};
use crate::build::{self, Options, Prepared};
use crate::error::Error;
use crate::image::{ImageError, Platform};
use crate::spec::{Base, CopyFrom, LayerContent, Recipe, Rule, Workspace};
use crate::workshop::Workshop;

/// A platform that a recipe is for and its base is not.
pub(super) struct Mismatch {
    /// The recipe's name.
    pub name: String,
    pub platform: Platform,
    pub finding: Finding,
    /// Whether what was prepared of the recipe stands for this platform, made for one that its base has.
    pub is_prepared: bool,
}

/// Recipes prepared for those of their platforms that their bases have.
pub(super) struct Preparation {
    pub workspace: Workspace,
    pub prepared: Vec<Prepared>,
    pub mismatches: Vec<Mismatch>,
}

/// Prepares what can be prepared.
///
/// # Errors
///
/// As [`build::prepare`], but for platforms that bases do not have.
pub(super) fn prepare(workshop: &Workshop, workspace: &Workspace, options: &Options) -> Result<Preparation, Error> {
    let Workspace { recipes, requested } = workspace;
    let mut workspace = Workspace { recipes: recipes.clone(), requested: requested.clone() };
    let mut options = options.clone();
    if !options.platforms.is_empty() {
        let platforms = std::mem::take(&mut options.platforms);
        workspace.recipes.iter_mut().for_each(|recipe| recipe.platforms.clone_from(&platforms));
    }
    let mut mismatches: Vec<Mismatch> = Vec::new();
    loop {
        let error = match build::prepare(workshop, &workspace, &options) {
            Ok(prepared) => return Ok(Preparation { workspace, prepared, mismatches }),
            Err(error) => error,
        };
        // Each turn takes a platform away, or recipes.
        let is_less = match Missing::of(&error) {
            Some(missing) => missing.take_from(&mut workspace, &mut mismatches),
            // What stands for a platform may need what is there for that platform only, such as a context.
            None => drop_stand_ins(&mut workspace, &mut mismatches),
        };
        if !is_less {
            return Err(error);
        }
    }
}

/// What an error says that a base does not have.
struct Missing<'a> {
    recipe: &'a str,
    base: &'a str,
    wanted: &'a str,
    offered: &'a str,
}

impl<'a> Missing<'a> {
    fn of(error: &'a Error) -> Option<Missing<'a>> {
        let Error::Base { image, base, source } = error else { return None };
        let Error::Image(ImageError::Platform { wanted, offered }) = &**source else { return None };
        Some(Missing { recipe: image, base, wanted, offered })
    }

    /// Takes the platform from the recipe and from those built on it; answers false if none of them names it, or there is
    /// nothing to take instead.
    fn take_from(&self, workspace: &mut Workspace, mismatches: &mut Vec<Mismatch>) -> bool {
        let concerned = above(workspace, |recipe| recipe.name == self.recipe);
        let mut is_less = false;
        for place in concerned {
            let (Some(recipe), Some(requested)) = (workspace.recipes.get_mut(place), workspace.requested.get(place))
            else {
                continue;
            };
            let Some(at) = recipe.platforms.iter().position(|platform| platform.to_string() == self.wanted) else {
                continue;
            };
            // What stands for another platform is not there either: nothing is left to take.
            let is_stand_in = mismatches.iter().any(|known| known.name == recipe.name && known.is_prepared);
            let instead: Option<Platform> = self.offered.split(", ").next().and_then(|offered| offered.parse().ok());
            let is_last = recipe.platforms.len() == 1;
            if is_last && (is_stand_in || instead.is_none()) {
                return false;
            }
            let platform = recipe.platforms.remove(at);
            if is_last {
                recipe.platforms.extend(instead);
            }
            is_less = true;
            if *requested {
                let finding = self.finding(recipe, &platform);
                mismatches.push(Mismatch { name: recipe.name.clone(), platform, finding, is_prepared: is_last });
            }
        }
        is_less
    }

    fn finding(&self, recipe: &Recipe, platform: &Platform) -> Finding {
        let below = if recipe.name == self.recipe { String::new() } else { format!(" of `{}` below it", self.recipe) };
        let why = format!("the image is for {platform}, and the base `{}`{below} is for {}", self.base, self.offered);
        let file = recipe.file.clone().map(|file| FilePlace { file, line: None, column: None });
        let place = Place { file, ..Place::field("platforms") };
        let help = "name a base that is made for the platform, or one that there is with --platform or in `platforms`";
        Finding { rule: Rule::PlatformMismatch, place, why, help: help.to_owned() }
    }
}

/// Drops the recipes of which something else stands for their platform, and what needs them.
fn drop_stand_ins(workspace: &mut Workspace, mismatches: &mut [Mismatch]) -> bool {
    let mut names: BTreeSet<String> = BTreeSet::new();
    for mismatch in mismatches.iter_mut().filter(|mismatch| mismatch.is_prepared) {
        mismatch.is_prepared = false;
        names.insert(mismatch.name.clone());
    }
    let dropped = above(workspace, |recipe| names.contains(&recipe.name));
    let is_kept = |place: usize| !dropped.contains(&place);
    // Whoever needs one of them and has that platform cannot be checked, and nobody would be told.
    if !dropped.iter().all(|place| workspace.recipes.get(*place).is_some_and(|recipe| names.contains(&recipe.name))) {
        return false;
    }
    let recipes = std::mem::take(&mut workspace.recipes).into_iter().enumerate();
    workspace.recipes = recipes.filter(|(place, _)| is_kept(*place)).map(|(_, recipe)| recipe).collect();
    let requested = std::mem::take(&mut workspace.requested).into_iter().enumerate();
    workspace.requested = requested.filter(|(place, _)| is_kept(*place)).map(|(_, requested)| requested).collect();
    !names.is_empty()
}

/// The places of recipes and of those that are built on them or copy from them: whoever needs an image comes after it.
fn above(workspace: &Workspace, is_meant: impl Fn(&Recipe) -> bool) -> BTreeSet<usize> {
    let mut names: BTreeSet<&str> = BTreeSet::new();
    let mut places = BTreeSet::new();
    for (place, recipe) in workspace.recipes.iter().enumerate() {
        let is_on = matches!(&recipe.base, Base::Recipe(base) if names.contains(base.as_str()));
        let copies = recipe.layers.iter().any(|layer| {
            matches!(&layer.content, LayerContent::Copy { from: CopyFrom::Recipe { name, .. }, .. } if names.contains(name.as_str()))
        });
        if is_on || copies || is_meant(recipe) {
            names.insert(&recipe.name);
            places.insert(place);
        }
    }
    places
}
