//! Histories: which layer which instruction made, by what builders write into a config.

use super::super::Run;
use super::super::replace::shown;
use super::super::subject::SubjectImage;
use serde_json::Value;

use crate::error::Error;
use crate::image::Config;
use crate::spec::{LayerContent, LayerRecipe, Ran, Setting};

/// Finds the layer of each instruction, the base's `below` layers left out. An instruction that made no layer has none:
/// some builders make one for a working directory, some do not.
///
/// # Errors
///
/// If the image was built by other instructions, or all of its layers are one.
pub(super) fn align<'a>(
    run: &Run<'_>,
    image: &SubjectImage,
    below: usize,
    instructions: &'a [LayerRecipe],
) -> Result<Vec<(&'a LayerRecipe, Option<usize>)>, Error> {
    let count = image.manifest.layers.len();
    let mut aligned = Vec::new();
    let mut at = below;
    for layer in instructions {
        let made = (at < count).then(|| image.created_by(at)).flatten();
        let is_its = made.is_some_and(|made| is_made_by(layer, made));
        if !is_its && is_optional(layer) {
            aligned.push((layer, None));
            continue;
        }
        if !is_its {
            let said = match made {
                Some(made) => format!("layer {at} of `{}` was made by `{}`", run.subject.location, printable(made)),
                None if at < count => format!("nothing tells what made layer {at} of `{}`", run.subject.location),
                None => format!("`{}` has no layer of it", run.subject.location),
            };
            let message = format!("the image was not built by `{}`: {said}", layer.name);
            let help = "the Dockerfile is another, or the image was built in one layer (buildah: use --layers): build it again";
            return Err(super::at_line_with(layer, message, help));
        }
        aligned.push((layer, Some(at)));
        at += 1;
    }
    if at < count {
        let made = image.created_by(at).map_or_else(|| "nobody knows what".to_owned(), printable);
        let message =
            format!("layer {at} of `{}` was made by {made}, which the Dockerfile does not say", run.subject.location);
        let help = "the Dockerfile is another, or the image was built in one layer (buildah: use --layers)";
        return Err(Error::request(message, help));
    }
    Ok(aligned)
}

fn printable(text: &str) -> String {
    shown(text).chars().map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c }).take(200).collect()
}

/// Whether an instruction may have made no layer.
fn is_optional(layer: &LayerRecipe) -> bool {
    layer.ran.is_none() && matches!(layer.content, LayerContent::Steps { .. })
}

/// Makes sure that what a RUN saw beside files is what it would see now.
///
/// # Errors
///
/// If it is not, or the history does not tell.
pub(super) fn saw_the_same(
    run: &Run<'_>,
    image: &SubjectImage,
    base: &Config,
    (layer, at): (&LayerRecipe, usize),
    settings: &[Setting],
) -> Result<(), Error> {
    let Some(ran) = &layer.ran else { return Ok(()) };
    let text = |entry: &Value| entry.get("created_by").and_then(Value::as_str).unwrap_or_default().to_owned();
    let history: Vec<String> = image.config.history().iter().map(text).collect();
    let below: Vec<String> = base.history().iter().map(text).collect();
    let end = image.history_places().and_then(|places| places.get(at).copied());
    let (true, Some(end)) = (history.starts_with(&below), end) else {
        let message = format!("the history of `{}` does not tell what `{}` saw", run.subject.location, layer.name);
        return Err(super::at_line(layer, message));
    };
    let is_setting = |text: &&String| matches!(&*keyword(&shown(text)), "ENV" | "WORKDIR" | "USER" | "SHELL");
    let mut said = history.get(below.len()..end).unwrap_or_default().iter().filter(is_setting);
    let mut wanted = settings.iter().take(ran.settings);
    loop {
        let (then, now) = (said.next(), wanted.next());
        let differs = match (then, now) {
            (None, None) => return Ok(()),
            (Some(then), Some(now)) if says(then, now) => continue,
            (Some(then), Some(now)) => {
                format!("`{} {}` stands before it, and `{}` did", now.keyword, now.forms[0], shown(then))
            }
            (Some(then), None) => format!("`{}` stood before it", shown(then)),
            (None, Some(now)) => format!("`{} {}` stands before it, and did not", now.keyword, now.forms[0]),
        };
        return Err(super::at_line(layer, format!("`{}` would have to be run again: {differs}", layer.name)));
    }
}

/// Whether this is what a builder writes for an instruction.
fn says(created_by: &str, setting: &Setting) -> bool {
    let text = shown(created_by);
    let (keyword, rest) = text.split_once(' ').unwrap_or((&text, ""));
    keyword.eq_ignore_ascii_case(&setting.keyword) && setting.forms.iter().any(|form| shown(form) == rest.trim())
}

/// The instruction's own word.
fn keyword(text: &str) -> String {
    text.split_whitespace().next().unwrap_or_default().to_ascii_uppercase()
}

/// Whether this is what a builder writes for a layer of this instruction. For what is copied they write digests of
/// their own or the instruction's text, so the word alone has to do; the layer itself tells the rest.
fn is_made_by(layer: &LayerRecipe, created_by: &str) -> bool {
    let text = shown(created_by);
    if let Some(name) = text.strip_prefix("tarsia layer ") {
        return name == layer.name;
    }
    match (&layer.ran, keyword(&layer.name).as_str()) {
        (Some(ran), _) => is_run_of(ran, created_by),
        // A folder that stands for the base.
        (None, "FROM") => keyword(&text) == "COPY",
        (None, word) => keyword(&text) == word,
    }
}

/// Whether a builder ran this.
///
/// BuildKit writes `RUN |1 NAME=VALUE /bin/sh -c TEXT # buildkit`, docker's old builder and buildah
/// `|1 NAME=VALUE /bin/sh -c TEXT`, buildah with the flags before the text, and arrays as they are; without ARGs nothing
/// stands before the shell.
fn is_run_of(ran: &Ran, created_by: &str) -> bool {
    let text = created_by.trim();
    let text = text.strip_suffix("# buildkit").unwrap_or(text).trim_end();
    let text = text.strip_prefix("RUN ").unwrap_or(text);
    let Some(before) = forms(ran).iter().find_map(|form| before(text, form)) else { return false };
    let before = before.trim();
    let all = ran.arguments.iter();
    let shown = all.clone().filter(|(name, _)| !ran.hidden.contains(name));
    are_these(before, all) || are_these(before, shown)
}

/// Whether `|N NAME=VALUE …` has these ARGs, in any order, and nothing else. The number is not to be relied on: buildah
/// counts variables of ENV as well.
fn are_these<'a>(text: &str, arguments: impl Iterator<Item = &'a (String, String)>) -> bool {
    let mut pairs: Vec<String> = arguments.map(|(name, value)| squeezed(&format!("{name}={value}"))).collect();
    let Some(text) = text.strip_prefix('|') else { return pairs.is_empty() && text.is_empty() };
    let text = squeezed(text.trim_start_matches(|c: char| c.is_ascii_digit()).trim_start());
    let mut rest = &text[..];
    while !rest.is_empty() {
        // Names are unique, so at most one of them can stand here.
        let fits = |pair: &String| {
            let after = rest.strip_prefix(pair.as_str())?;
            if after.is_empty() { Some(after) } else { after.strip_prefix(' ') }
        };
        let Some((at, after)) = pairs.iter().enumerate().find_map(|(at, pair)| Some((at, fits(pair)?))) else {
            return false;
        };
        pairs.swap_remove(at);
        rest = after;
    }
    pairs.is_empty()
}

/// What builders write for a command.
fn forms(ran: &Ran) -> Vec<String> {
    let mut forms = vec![ran.command.join(" ")];
    let flags = ran.flags.join(" ");
    if let [program, middle @ .., text] = ran.command.as_slice()
        && !ran.flags.is_empty()
    {
        forms.push([std::slice::from_ref(program), middle, &[format!("{flags} {text}")]].concat().join(" "));
    }
    // buildah names its own shell whatever SHELL says.
    if let [_, .., text] = ran.command.as_slice() {
        forms.push(format!("/bin/sh -c {text}"));
        forms.push(format!("/bin/sh -c {flags} {text}"));
    }
    // buildah gives the array as it is to the shell that it would use.
    let array: Vec<String> =
        ran.command.iter().map(|word| serde_json::Value::from(word.as_str()).to_string()).collect();
    for array in [array.join(", "), array.join(",")] {
        forms.push(format!("/bin/sh -c [{array}]"));
        forms.push(format!("/bin/sh -c {flags} [{array}]"));
    }
    forms
}

/// What stands before `end` in `text`, white space outside of quotes counted as one blank.
fn before(text: &str, end: &str) -> Option<String> {
    squeezed(text).strip_suffix(squeezed(end).trim_end()).map(str::to_owned)
}

fn squeezed(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut quote: Option<char> = None;
    for c in text.chars() {
        match quote {
            Some(open) if c == open => quote = None,
            None if matches!(c, '"' | '\'') => quote = Some(c),
            // A line break parts commands.
            None if c.is_whitespace() && c != '\n' => {
                if !out.ends_with(' ') {
                    out.push(' ');
                }
                continue;
            }
            _ => {}
        }
        out.push(c);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ran(command: &[&str], flags: &[&str], arguments: &[(&str, &str)]) -> Ran {
        let own = |text: &&str| (*text).to_owned();
        Ran {
            command: command.iter().map(own).collect(),
            flags: flags.iter().map(own).collect(),
            arguments: arguments.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
            hidden: Vec::new(),
            mount: None,
            settings: 0,
        }
    }

    #[test]
    fn commands_are_known_by_what_builders_write() {
        let sh = ["/bin/sh", "-c", "pip install -r requirements.txt"];
        for created_by in [
            "RUN /bin/sh -c pip install -r requirements.txt # buildkit",
            "/bin/sh -c pip install -r requirements.txt",
            "/bin/sh -c pip install   -r requirements.txt",
        ] {
            assert!(is_run_of(&ran(&sh, &[], &[]), created_by), "{created_by}");
            assert!(!is_run_of(&ran(&sh, &[], &[("V", "1")]), created_by), "{created_by}");
        }
        for created_by in [
            "RUN /bin/sh -c cd x && pip install -r requirements.txt # buildkit",
            "RUN /bin/sh -c pip install -r requirements.txt --pre # buildkit",
            "RUN |1 V=2 /bin/sh -c pip install -r requirements.txt # buildkit",
            "COPY requirements.txt . # buildkit",
        ] {
            assert!(!is_run_of(&ran(&sh, &[], &[]), created_by), "{created_by}");
        }
    }

    #[test]
    fn arguments_have_to_be_the_same() {
        let sh = ["/bin/sh", "-c", "make"];
        let both = ran(&sh, &[], &[("A", "1 2"), ("B", "")]);
        assert!(is_run_of(&both, "RUN |2 A=1 2 B= /bin/sh -c make # buildkit"));
        assert!(is_run_of(&both, "|3 B= A=1 2 /bin/sh -c make"));
        for created_by in ["|2 A=1 B= /bin/sh -c make", "|2 A=1 2 B= C=3 /bin/sh -c make", "/bin/sh -c make"] {
            assert!(!is_run_of(&both, created_by), "{created_by}");
        }
    }

    #[test]
    fn a_pair_is_not_a_part_of_another() {
        let ran = ran(&["/bin/sh", "-c", "make"], &[], &[("APP_VERSION", "1"), ("VERSION", "1")]);
        assert!(is_run_of(&ran, "|2 VERSION=1 APP_VERSION=1 /bin/sh -c make"));
        assert!(!is_run_of(&ran, "|2 APP_VERSION=1 VERSION=2 /bin/sh -c make"));
        assert!(!is_run_of(&ran, "|2 APP_VERSION=1 APP_VERSION=1 /bin/sh -c make"));
    }

    #[test]
    fn a_line_break_is_not_a_blank() {
        let lines = ran(&["/bin/sh", "-c", "echo a > /x\nrm -f /y\n"], &[], &[]);
        assert!(is_run_of(&lines, "RUN /bin/sh -c echo a > /x\nrm -f /y\n # buildkit"));
        let line = ran(&["/bin/sh", "-c", "echo a > /x rm -f /y"], &[], &[]);
        assert!(!is_run_of(&line, "RUN /bin/sh -c echo a > /x\nrm -f /y\n # buildkit"));
    }

    #[test]
    fn settings_are_known_as_written_and_as_meant() {
        let setting = |keyword: &str, forms: &[&str]| Setting {
            keyword: keyword.to_owned(),
            forms: forms.iter().map(|form| (*form).to_owned()).collect(),
        };
        let env = setting("ENV", &["A=$B C=\"d e\"", "A=b C=d e"]);
        for created_by in ["ENV A=b C=d e", "/bin/sh -c #(nop) ENV A=$B C=\"d e\""] {
            assert!(says(created_by, &env), "{created_by}");
        }
        assert!(!says("ENV A=b", &env) && !says("WORKDIR A=b C=d e", &env));
        assert!(says("WORKDIR /v/one", &setting("WORKDIR", &["one", "one", "/v/one"])));
    }

    #[test]
    fn what_an_env_hides_may_be_left_out() {
        let mut ran = ran(&["/bin/sh", "-c", "make"], &[], &[("A", "1"), ("B", "2")]);
        ran.hidden = vec!["A".to_owned()];
        assert!(is_run_of(&ran, "|2 A=1 B=2 /bin/sh -c make") && is_run_of(&ran, "|1 B=2 /bin/sh -c make"));
        assert!(!is_run_of(&ran, "|1 A=1 /bin/sh -c make"));
    }

    #[test]
    fn buildah_writes_arrays_and_flags() {
        let exec = ran(&["/bin/tool", "a b"], &[], &[]);
        assert!(is_run_of(&exec, r#"/bin/sh -c ["/bin/tool", "a b"]"#));
        assert!(is_run_of(&exec, "RUN /bin/tool a b # buildkit"));
        let cached = ran(&["/bin/sh", "-c", "make"], &["--mount=type=cache,target=/c"], &[]);
        assert!(is_run_of(&cached, "/bin/sh -c --mount=type=cache,target=/c make"));
        assert!(is_run_of(&cached, "RUN /bin/sh -c make # buildkit"));
    }

    #[test]
    fn white_space_in_quotes_counts() {
        let sh = ran(&["/bin/sh", "-c", "echo \"a  b\"   && x"], &[], &[]);
        assert!(is_run_of(&sh, "/bin/sh -c echo \"a  b\" && x"));
        assert!(!is_run_of(&sh, "/bin/sh -c echo \"a b\" && x"));
    }
}
