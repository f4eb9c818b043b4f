//! Dockerfiles to build: each lies in the folder `app` of its sandbox, which is its context and gives the image its name.

use std::collections::BTreeMap;

use super::{Run, Sandbox, Unpacked};

/// How the tests work with Dockerfiles.
impl Sandbox {
    /// Writes `app/Dockerfile`.
    pub fn dockerfile(&self, text: &str) -> &Sandbox {
        self.file("app/Dockerfile", text)
    }

    /// Builds a Dockerfile into the layout `out`, to its end whatever that is.
    pub fn try_dockerfile(&self, text: &str, flags: &[&str]) -> Run {
        self.dockerfile(text);
        self.run(["build", "app/Dockerfile"].iter().chain(flags))
    }

    /// Builds a Dockerfile and unpacks what came of it.
    #[track_caller]
    pub fn built(&self, text: &str, flags: &[&str]) -> Unpacked {
        self.try_dockerfile(text, flags).ok();
        self.unpack("app")
    }

    /// The digest of a Dockerfile's image.
    #[track_caller]
    pub fn digest_of_dockerfile(&self, text: &str, flags: &[&str]) -> String {
        let flags: Vec<&str> = flags.iter().copied().chain(["--json"]).collect();
        let run = self.try_dockerfile(text, &flags).ok();
        run.documents()[0]["digest"].as_str().unwrap().to_owned()
    }
}

/// How the tests look at small images.
impl Unpacked {
    /// Every path that has not a directory of mode 0755 that is root's, and what is there; a file's text behind it.
    pub fn shown(&self) -> Vec<String> {
        let listing: BTreeMap<String, String> = self.listing();
        let shown = listing.into_iter().filter(|(_, line)| line != "d 0755 0:0").map(|(path, line)| {
            let text =
                if line.starts_with('f') { format!(" = {}", self.text(&path).trim_end()) } else { String::new() };
            format!("{path}: {line}{text}")
        });
        shown.collect()
    }
}
