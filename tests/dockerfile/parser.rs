//! The parser against what BuildKit's own code answered, see `parser_cases.toml`.

use serde::Deserialize;
use serde_json::Value;
use tarsia::spec::dockerfile::{Instruction, ParseError, parse, parse_trigger};

use super::dump::dump;

#[derive(Deserialize)]
struct Table {
    case: Vec<Case>,
    random: Vec<Case>,
    trigger: Vec<Case>,
    deviation: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    why: Option<String>,
    text: Option<String>,
    repeat: Option<Vec<(String, usize)>>,
    #[serde(default = "backslash")]
    escape: char,
    instructions: Option<Vec<Value>>,
    count: Option<usize>,
    error: Option<String>,
    ours: Option<String>,
}

fn backslash() -> char {
    '\\'
}

impl Case {
    fn text(&self) -> String {
        match (&self.text, &self.repeat) {
            (Some(text), None) => text.clone(),
            (None, Some(repeat)) => repeat.iter().map(|(text, times)| text.repeat(*times)).collect(),
            _ => panic!("the case {} is malformed", self.name),
        }
    }

    /// What is wrong with an answer, if something is.
    fn mismatch(&self, answer: Result<(char, Vec<Instruction>), Vec<ParseError>>) -> Option<String> {
        let is_right = match &answer {
            Err(_) => self.error.is_some(),
            Ok((escape, instructions)) if self.error.is_none() && *escape == self.escape => match &self.instructions {
                Some(expected) => instructions.iter().map(dump).eq(expected.iter().cloned()),
                None => self.count == Some(instructions.len()),
            },
            Ok(_) => false,
        };
        let answered = answer.map(|(escape, instructions)| (escape, instructions.iter().map(dump).collect::<Vec<_>>()));
        (!is_right).then(|| {
            format!(
                "{} ({})\n  text     {:?}\n  expected {:?} {:?}\n  answered {answered:?}",
                self.name,
                self.why.as_deref().unwrap_or("random"),
                self.text,
                self.instructions,
                self.error,
            )
        })
    }
}

fn table() -> Table {
    toml::from_str(include_str!("parser_cases.toml")).unwrap()
}

#[test]
fn every_recorded_file_is_read_as_buildkit_reads_it() {
    let table = table();
    assert!(table.case.len() >= 60);
    let wrong: Vec<String> = (table.case.iter().chain(&table.random))
        .filter_map(|case| {
            let answer = parse(&case.text())
                .map(|file| (file.escape, file.instructions.into_iter().map(|line| line.instruction).collect()));
            case.mismatch(answer)
        })
        .collect();
    assert!(wrong.is_empty(), "{} cases:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn every_recorded_trigger_is_read_as_buildkit_reads_it() {
    let wrong: Vec<String> = (table().trigger.iter())
        .filter_map(|case| {
            let answer = parse_trigger(&case.text());
            case.mismatch(answer.map(|line| ('\\', vec![line.instruction])).map_err(|error| vec![error]))
        })
        .collect();
    assert!(wrong.is_empty(), "{} cases:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn the_deviations_are_refusals() {
    for case in &table().deviation {
        assert_eq!(case.ours.as_deref(), Some("error"), "{}", case.name);
        assert!(parse(&case.text()).is_err(), "{}", case.name);
    }
}

/// The part of the file that an error means, its message and its help.
fn told(text: &str) -> Vec<(&str, String, Option<String>)> {
    let errors = parse(text).unwrap_err();
    errors.into_iter().map(|error| (&text[error.range], error.message, error.help)).collect()
}

#[test]
fn all_mistakes_are_told_at_once_each_with_its_place() {
    let text =
        "FROM a AS 1x\nRUNN x\nCOPY --chwon=1 \\\n  a b\nENV A=1 \\\n  # why\n  B\nCMD [\"a\", \\\n  2]\nRUN y\n";
    let help = |help: &str| Some(help.to_owned());
    assert_eq!(
        told(text),
        [
            (
                "1x",
                "`1x` cannot name a stage".to_owned(),
                help("a name begins with a letter and holds letters, digits, `-`, `_` and `.`")
            ),
            ("RUNN", "`RUNN` is not an instruction".to_owned(), help("did you mean `RUN`?")),
            ("--chwon=1", "there is no flag `--chwon` here".to_owned(), help("did you mean `--chown`?")),
            ("B", "`B` is not of the form `name=value`".to_owned(), help("put a value with white space in quotes")),
            ("2", "an array in JSON form may hold only strings".to_owned(), help("put it in double quotes")),
        ]
    );
}

#[test]
fn what_stands_before_the_first_stage_is_told_once() {
    let told = told("ENV A=1\nENV B=1\nCOPY a\n");
    assert_eq!(told.iter().map(|(place, ..)| *place).collect::<Vec<_>>(), ["ENV A=1", "COPY a"]);
}

#[test]
fn a_heredoc_of_a_mistaken_instruction_is_passed() {
    let told = told("FROM a\nCOPY --foo <<EOF /x\nhello world\nEOF\nCOPY --é <<EOF /x\nhello world\nEOF\n");
    assert_eq!(told.iter().map(|(place, ..)| *place).collect::<Vec<_>>(), ["--foo", "--é"]);
}

#[test]
fn a_line_names_itself_on_one_line() {
    let text = "FROM a\nCOPY --chown=1:1 \\\n # why\n   a\tb \\\n\n /x/\r\nCOPY <<EOF \\\n /y\nhello\nEOF\n";
    let lines = parse(text).unwrap().instructions;
    assert_eq!(lines[1].text, "COPY --chown=1:1 a b /x/");
    assert_eq!(&text[lines[1].range.clone()], "COPY --chown=1:1 \\\n # why\n   a\tb \\\n\n /x/");
    assert_eq!(lines[2].text, "COPY <<EOF /y");
    assert_eq!(&text[lines[2].range.clone()], "COPY <<EOF \\\n /y");
    let Instruction::Copy(copy) = &lines[2].instruction else { panic!() };
    assert_eq!(&text[copy.heredocs[0].range.clone()], "hello\n");
    assert_eq!(&text[copy.destination.range.clone()], "/y");
}

#[test]
fn every_text_of_an_instruction_stands_where_it_says() {
    let text =
        "# escape=`\nFROM --platform=a b AS Cd\nCOPY --exclude=\"x y\" `\n e `\n# no\nf g\nCMD [ \"h\", `\n  \"i\" ]\n";
    let lines = parse(text).unwrap().instructions;
    let Instruction::From { image, platform: Some(platform), name: Some(name) } = &lines[0].instruction else {
        panic!()
    };
    let Instruction::Copy(copy) = &lines[1].instruction else { panic!() };
    let Instruction::Cmd(tarsia::spec::dockerfile::Command::Exec(words)) = &lines[2].instruction else { panic!() };
    let places = [image, platform, name, &copy.exclude[0], &copy.sources[0], &copy.sources[1], &copy.destination];
    let places = places.into_iter().chain(words).map(|piece| &text[piece.range.clone()]);
    assert!(places.eq(["b", "--platform=a", "Cd", "--exclude=\"x y\"", "e", "f", "g", "\"h\"", "\"i\""]));
    assert_eq!(name.value, "cd");
}

/// Large, and of the kind that would show work that grows with the square. What is measured is only that each ends: in
/// an hour, if it did.
#[test]
fn hostile_files_are_answered() {
    let fill = |piece: &str| piece.repeat(400_000 / piece.len());
    let files = [
        format!("FROM a\nRUN {}x\n", fill("x \\\n")),
        format!("FROM a\nRUN {}x\n", fill("\\\n")),
        format!("FROM a\nRUN x \\\n{}\n", fill("# c\n")),
        format!("FROM a\nCOPY {} /x\n{}", "<<A \\\n".repeat(40_000), "A\n".repeat(40_000)),
        format!("FROM a\nCOPY {} /x\n{}A\n", "<<-A \\\n".repeat(2_000), "A\n".repeat(1_999) + &"\tx\n".repeat(90_000)),
        format!("FROM a\nRUN {}x\n", fill("<<A \\\n")),
        format!("FROM a\nENV {}\n", fill("a=\"b c\" \\\n")),
        format!("FROM a\nCMD [{}\"\"]\n", fill("\"a\",\\\n")),
        format!("FROM a\nCMD [{}\"\"]\n", fill("[[\\\n")),
        format!("FROM a\nCOPY {} a b\n", fill("--exclude=\"x y\" \\\n")),
        format!("FROM a\nRUN {} a\n", fill("--mount=\\\"a\\\",b \\\n")),
        format!("FROM a\n{}RUN x\n", fill("ONBUILD \\\n")),
        format!("FROM a\n{}<<A\n", fill("ONBUILD \\\n")),
        format!("{}\nFROM a\n", fill("\u{c5}\u{85}\\\n")),
        format!("FROM a\n{}", fill("x\n")),
        format!("FROM a\nEXPOSE {}1\n", fill("8 \\\n")),
        fill("# escape=`\n"),
        fill("ARG a=$b\n"),
    ];
    for file in files {
        let _ = parse(&file);
    }
}
