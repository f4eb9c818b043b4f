//! Projects of a repository as layers, told by their specs and by version control what to leave out.

use super::from_nothing;
use crate::support::Sandbox;

/// A repository with a project of hatchling's and one of Poetry's.
fn sandbox(exclude: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.file("work/.git/HEAD", "ref: refs/heads/main\n").file("work/.gitignore", "*.dat\n");
    for (name, backend) in [("hatched", "hatchling.build"), ("poem", "poetry.core.masonry.api")] {
        let path = |file: &str| format!("work/{name}/{file}");
        let pyproject = format!(
            "[build-system]\nrequires = []\nbuild-backend = \"{backend}\"\n\n[project]\nname = \"{name}\"\n\
             version = \"1\"\ndescription = \"d\"\nreadme = \"README.md\"\n"
        );
        sandbox.file(&path("pyproject.toml"), pyproject).file(&path("README.md"), "").file(&path("LICENSE"), "");
        sandbox.file(&path(".dockerignore"), "README.md\nLICENSE\n").file(&path(&format!("{name}/__init__.py")), "");
        sandbox.file(&path(&format!("{name}/x.dat")), "");
    }
    let more = format!("python = \"3.12\"\ninto = \"/srv/\"\nlibc = \"musl 1.2\"\nexclude = [{exclude}]\n");
    let layers = "package = \"work/hatched\"\nMORE\n[[layer]]\nname = \"poem\"\npackage = \"work/poem\"\nMORE";
    from_nothing(&sandbox, &["amd64"], &layers.replace("MORE", &more));
    sandbox
}

#[test]
fn leave_out_what_version_control_and_the_layer_say() {
    let sandbox = sandbox("\"LICENSE\"");
    sandbox.build(&["app.toml"]);
    let paths = sandbox.unpack("app").paths();
    for name in ["hatched", "poem"] {
        let is_there = |path: &str| paths.iter().any(|there| there.ends_with(&format!("srv/{name}{path}")));
        assert!(is_there("/__init__.py") && is_there("-1.dist-info/METADATA"), "{paths:?}");
        assert!(!is_there("/x.dat") && !is_there("-1.dist-info/licenses/LICENSE"), "{paths:?}");
    }
}

#[test]
fn have_a_readme_that_the_layer_leaves() {
    let sandbox = sandbox("\"*.md\"");
    let run = sandbox.run(["build", "app.toml"]);
    let run = run.refused(2, "work/hatched/pyproject.toml:9: `project.readme` names `README.md`");
    assert!(run.stderr.contains("take it out of one of the two"), "{}", run.stderr);
}
