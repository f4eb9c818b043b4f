//! The list of files.

use tarsia::Error;
use tarsia::inspect::{Changed, Files, InspectedFile, LayerChange};

use super::View;
use crate::cli::report;
use crate::cli::terminal::{Terminal, columns, cut_middle, shown, shown_path};

/// How many lines are printed at once.
const AT_ONCE: usize = 4096;

/// Prints the files of the image below the paths that were asked for.
pub fn print(view: &View<'_>, files: &Files, terminal: Terminal) -> Result<(), Error> {
    let mut lines = Lines::default();
    for directory in &view.below {
        let own = files.get(directory).map(|file| (&**directory, file));
        let below = files.below(directory).map(|(path, file)| (&**path, file));
        for (path, file) in own.into_iter().chain(below) {
            lines.add(&line(path, file, terminal))?;
        }
    }
    lines.finish()
}

/// Prints what a layer itself holds, in the order of its paths.
pub fn print_layer(view: &View<'_>, changes: &[Changed], terminal: Terminal) -> Result<(), Error> {
    let place = view.layer.unwrap_or_default();
    let mut lines = Lines::default();
    for (path, change) in sorted(view, changes) {
        lines.add(&match change {
            LayerChange::Put(file) => line(path, file, terminal),
            LayerChange::Whiteout => gone(place, 'w', path, "deleted", terminal),
            LayerChange::Opaque => gone(place, 'o', path, "all below deleted", terminal),
        })?;
    }
    lines.finish()
}

/// What a layer holds at and below the paths that were asked for, sorted.
pub fn sorted<'a>(view: &View<'_>, changes: &'a [Changed]) -> Vec<&'a Changed> {
    let is_meant = |path: &[u8]| {
        view.below.iter().any(|directory| {
            directory.is_empty()
                || path.strip_prefix(&directory[..]).is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
        })
    };
    let mut meant: Vec<&Changed> = changes.iter().filter(|(path, _)| is_meant(path)).collect();
    meant.sort_by(|(one, _), (other, _)| one.cmp(other));
    meant
}

/// Kind, mode, owner and size.
pub fn described(file: &InspectedFile) -> String {
    format!("{}{:04o} {}:{} {:>9}", file.kind, file.mode, file.uid, file.gid, file.size)
}

fn line(path: &[u8], file: &InspectedFile, terminal: Terminal) -> String {
    let before = format!("{:>3} {} ", file.layer, described(file));
    let link = file.link.as_ref().map(|link| format!(" -> {}", shown(&String::from_utf8_lossy(link))));
    let name = format!("{}{}", shown_path(path), link.unwrap_or_default());
    format!("{before}{}\n", cut_middle(&name, terminal.room(columns(&before))))
}

fn gone(place: usize, kind: char, path: &[u8], what: &str, terminal: Terminal) -> String {
    let before = format!("{place:>3} {kind}---- -:- {:>9} ", "");
    let room = terminal.room(columns(&before) + columns(what) + 3);
    format!("{before}{} {}\n", cut_middle(&shown_path(path), room), terminal.red(&format!("({what})")))
}

/// Lines that are printed some at a time.
#[derive(Default)]
struct Lines {
    text: String,
    count: usize,
}

impl Lines {
    fn add(&mut self, line: &str) -> Result<(), Error> {
        self.text.push_str(line);
        self.count += 1;
        if self.count.is_multiple_of(AT_ONCE) {
            report::print(&std::mem::take(&mut self.text))?;
        }
        Ok(())
    }

    fn finish(self) -> Result<(), Error> {
        report::print(&self.text)
    }
}
