//! A pair of a Dockerfile and a context: one question to docker, and to tarsia.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use sha2::{Digest, Sha256};

/// Something in a context. Files are 0644 or 0755 and directories 0755: tarsia normalises the modes of a context, and
/// says so, hence other modes would only show that.
#[derive(Clone, Debug)]
pub enum Item {
    Directory(String),
    File {
        path: String,
        content: Vec<u8>,
        executable: bool,
    },
    Link {
        path: String,
        target: String,
    },
    /// A second name of a file that comes before it.
    Same {
        path: String,
        of: String,
    },
}

/// One question: what does this Dockerfile make of this context?
#[derive(Clone, Debug)]
pub struct Pair {
    /// The family and a number in it; it names the pair in records and messages.
    pub id: String,
    pub dockerfile: String,
    /// The Dockerfile's path in the context.
    pub file: String,
    pub context: Vec<Item>,
    /// Further contexts by name, each a folder.
    pub folders: Vec<(String, Vec<Item>)>,
    /// Further contexts by name, each one of the campaign's bases.
    pub images: Vec<(String, String)>,
    pub arguments: Vec<(String, String)>,
    pub target: Option<String>,
    pub platform: Option<String>,
}

impl Pair {
    pub fn new(id: String, dockerfile: &str) -> Pair {
        Pair {
            id,
            dockerfile: dockerfile.to_owned(),
            file: "Dockerfile".to_owned(),
            context: Vec::new(),
            folders: Vec::new(),
            images: Vec::new(),
            arguments: Vec::new(),
            target: None,
            platform: None,
        }
    }

    /// Names the content of the pair: a record of another content is not a record of this pair.
    pub fn fingerprint(&self) -> String {
        let mut copy = self.clone();
        copy.id.clear();
        let digest = Sha256::digest(format!("{copy:?}"));
        digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
    }

    /// Writes the pair into a new folder: `context` with the Dockerfile in it, and `folders/NAME`.
    pub fn write(&self, folder: &Path) {
        let context = folder.join("context");
        write_items(&context, &self.context);
        write_item(&context, &Item::file(&self.file, self.dockerfile.as_bytes()));
        for (name, items) in &self.folders {
            write_items(&folder.join("folders").join(name), items);
        }
    }

    /// Whether the Dockerfile has a stage of this name: a further context of the same name would stand in for it.
    pub fn has_stage(&self, name: &str) -> bool {
        self.dockerfile.lines().any(|line| line.starts_with("FROM ") && line.ends_with(&format!(" AS {name}")))
    }

    /// The family that the pair belongs to.
    pub fn family(&self) -> &str {
        self.id.split('/').next().unwrap()
    }
}

impl Item {
    pub fn file(path: &str, content: &[u8]) -> Item {
        Item::File { path: path.to_owned(), content: content.to_owned(), executable: false }
    }

    /// Reads items as the campaign writes them, separated by spaces: `path` (a file that holds its own path), `path!`
    /// (an executable one), `path/` (an empty directory), `path->target` (a symlink), `path==other` (a hard link),
    /// `path=text` (a file that holds this).
    pub fn list(text: &str) -> Vec<Item> {
        text.split_ascii_whitespace().map(Item::read).collect()
    }

    fn read(word: &str) -> Item {
        let owned = |text: &str| text.to_owned();
        if let Some((path, target)) = word.split_once("->") {
            Item::Link { path: owned(path), target: owned(target) }
        } else if let Some((path, of)) = word.split_once("==") {
            Item::Same { path: owned(path), of: owned(of) }
        } else if let Some((path, content)) = word.split_once('=') {
            Item::file(path, format!("{content}\n").as_bytes())
        } else if let Some(path) = word.strip_suffix('/') {
            Item::Directory(owned(path))
        } else if let Some(path) = word.strip_suffix('!') {
            Item::File { path: owned(path), content: format!("{path}\n").into_bytes(), executable: true }
        } else {
            Item::file(word, format!("{word}\n").as_bytes())
        }
    }

    fn path(&self) -> &str {
        match self {
            Item::Directory(path) | Item::File { path, .. } | Item::Link { path, .. } | Item::Same { path, .. } => path,
        }
    }
}

fn write_items(root: &Path, items: &[Item]) {
    make_directory(root);
    for item in items {
        write_item(root, item);
    }
}

fn write_item(root: &Path, item: &Item) {
    let mut folder = root.to_owned();
    let components: Vec<&str> = item.path().split('/').collect();
    for component in &components[..components.len() - 1] {
        folder.push(component);
        make_directory(&folder);
    }
    let path = root.join(item.path());
    match item {
        Item::Directory(_) => make_directory(&path),
        Item::File { content, executable, .. } => {
            fs::write(&path, content).unwrap();
            let mode = if *executable { 0o755 } else { 0o644 };
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        }
        Item::Link { target, .. } => symlink(target, &path).unwrap(),
        Item::Same { of, .. } => fs::hard_link(root.join(of), &path).unwrap(),
    }
}

/// A directory of mode 0755, whatever the umask.
fn make_directory(path: &Path) {
    fs::create_dir_all(path).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}
